"""Net jobs per million: an example worked by hand, what is refused, and what is said in words."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impact.core.errors import DataError, EstimationError, ReportError
from impact.core.inference import critical_value
from impact.display.value_figure import value_figure
from impact.estimate.effect import EffectResult, effect_from_influence
from impact.value.cost_effectiveness import ValueResult, cost_effectiveness
from impact.value.costs import discounted_costs, present_value

Z = critical_value(0.95)

# Three firms joined in 2011, two in 2012, four never. Years 2010 to 2012.
CELLS = pd.DataFrame(
    {
        "term": ["ATT(2011,2011)", "ATT(2011,2012)", "ATT(2012,2011)", "ATT(2012,2012)"],
        "cohort": [2011, 2011, 2012, 2012],
        "time": [2011, 2012, 2011, 2012],
        "event_time": [0, 1, -1, 0],
    }
)
ATT = np.array([2.0, 5.0, 0.5, 3.0])
COHORT = [2011.0] * 3 + [2012.0] * 2 + [math.nan] * 4
PSI = np.array(
    [
        [1.0, 2.0, 0.0, 0.0],
        [-2.0, -1.0, 0.0, 0.0],
        [1.0, -1.0, 0.0, 0.0],
        [0.0, 0.0, 2.0, -3.0],
        [0.0, 0.0, -2.0, 3.0],
        [0.5, 1.0, 1.0, 1.0],
        [-0.5, 1.0, -1.0, -2.0],
        [1.5, -1.0, 1.0, 2.0],
        [-1.5, -1.0, -1.0, -1.0],
    ]
)


def effect(*, estimate: np.ndarray = ATT, scale: float = 1.0, **changed: Any) -> EffectResult:
    result = effect_from_influence(
        keys=CELLS,
        estimate=estimate,
        influence=scale * PSI,
        firms=pd.DataFrame({"cohort": COHORT, "weight": 1.0, "cluster": range(9)}),
        counts=pd.DataFrame({"n_treated": [3, 3, 2, 2], "n_control": [4] * 4}),
        method="group_time",
        outcome="employees",
        family="gaussian",
        label="employees",
        conf_level=0.95,
        variance="clustered by firm",
        notes=("A note of the estimator.",),
    )
    return replace(result, **changed)


def costs(**changed: Any) -> pd.DataFrame:
    table: dict[str, Any] = {
        "item": ["grants", "agency", "own share"],
        "year": [2011, 2012, 2012],
        "amount": [100_000.0, 22_000.0, 11_000.0],
        "currency": ["EUR"] * 3,
        "source_of_funds": ["public", "public", "firm"],
        "assumed": [False, False, False],
    }
    return pd.DataFrame(table | changed)


def value(of: EffectResult | None = None, **changed: Any) -> ValueResult:
    arguments: dict[str, Any] = {"horizon": 1, "currency": "EUR", "price_base": 2011} | changed
    paid = arguments.pop("paid", costs())
    return cost_effectiveness(effect() if of is None else of, paid, **arguments)


def rows(result: ValueResult) -> pd.DataFrame:
    return result.tidy().set_index("term")


# --- the example by hand ---------------------------------------------------------------------------


def test_the_example_by_hand():
    got = rows(value(discount_rate=0.1))

    cost = 100_000 + 22_000 / 1.1  # public only, to 2011
    assert got.loc["cost", "estimate"] == pytest.approx(cost)
    assert got.loc["cost_per_participant", "estimate"] == pytest.approx(cost / 5)

    # One year after joining: 3 firms x 5.0; the cohort of 2012 at its last observed year, 2 x 3.0.
    jobs = 3 * 5.0 + 2 * 3.0
    variance = sum((3 * psi[1] + 2 * psi[3]) ** 2 for psi in PSI) / 9**2
    assert got.loc["total_at_horizon", "estimate"] == pytest.approx(jobs)
    assert got.loc["total_at_horizon", "std_error"] == pytest.approx(math.sqrt(variance))
    low, high = jobs - Z * math.sqrt(variance), jobs + Z * math.sqrt(variance)
    assert got.loc["total_at_horizon", "conf_low"] == pytest.approx(low)

    # Job-years: 3 x (2 + 5) + 2 x 3; the year before joining does not count.
    job_years = 3 * 2.0 + 3 * 5.0 + 2 * 3.0
    variance_years = sum((3 * psi[0] + 3 * psi[1] + 2 * psi[3]) ** 2 for psi in PSI) / 9**2
    assert got.loc["unit_years", "estimate"] == pytest.approx(job_years)
    assert got.loc["unit_years", "std_error"] == pytest.approx(math.sqrt(variance_years))

    per_million = got.loc["total_per_million"]
    assert per_million["estimate"] == pytest.approx(jobs / cost * 1e6)
    assert per_million["conf_high"] == pytest.approx(high / cost * 1e6)

    assert low > 0
    price = got.loc["cost_per_unit"]
    assert price["estimate"] == pytest.approx(cost / jobs)
    assert (price["conf_low"], price["conf_high"]) == pytest.approx((cost / high, cost / low))
    assert price["std_error"] == pytest.approx(cost * math.sqrt(variance) / jobs**2)
    year_price = got.loc["cost_per_unit_year"]
    assert year_price["conf_low"] == pytest.approx(
        cost / (job_years + Z * math.sqrt(variance_years))
    )


def test_cells_that_share_comparison_firms_are_not_taken_as_independent():
    """The wrong variant, a sum of variances, is not what is reported."""
    got = rows(value()).loc["total_at_horizon", "std_error"]
    v = effect().vcov
    apart = math.sqrt(3**2 * v[1, 1] + 2**2 * v[3, 3])
    assert abs(got / apart - 1) > 0.01


def test_every_row_names_what_it_is():
    got = value(discount_rate=0.1)
    table = rows(got)
    assert table.loc["total_per_million", "label"] == got.label
    assert got.label == (
        "net jobs 1 year after joining (cohort 2012 in the year of joining, its last observed) per "
        "1 million EUR of public cost (EUR, prices of 2011, discounted to 2011 at 10 %)"
    )
    assert table.loc["cost_per_unit_year", "label"] == (
        "public cost (EUR, prices of 2011, discounted to 2011 at 10 %) per net job-year from "
        "joining to 1 year after joining (3 cohort-years observed)"
    )
    assert table.loc["cost_per_unit", "unit"] == "EUR per job"
    assert set(table["basis"]) == {"net"}
    assert set(table["horizon"]) == {1}
    assert set(table["price_base"]) == {"prices of 2011"}
    assert (table[["n_participants", "n_treated", "n_units"]] == [5, 5, 9]).all(axis=None)
    assert list(table["status"]) == ["known", *["estimate"] * 6, "known"]


def test_known_numbers_have_no_interval_and_no_zero():
    for term in ("cost", "cost_per_participant"):
        row = rows(value()).loc[term]
        assert row[["std_error", "statistic", "p_value", "conf_low", "conf_high"]].isna().all()
        assert row["kind"] == "known"


def test_horizon_zero_counts_the_year_of_joining_only():
    got = rows(value(horizon=0))
    assert got.loc["total_at_horizon", "estimate"] == pytest.approx(3 * 2.0 + 2 * 3.0)
    assert got.loc["unit_years", "estimate"] == pytest.approx(3 * 2.0 + 2 * 3.0)
    assert "last observed" not in got.loc["total_at_horizon", "label"]


# --- participants ----------------------------------------------------------------------------------


def test_the_roster_replaces_the_sample_and_is_named():
    got = value(participants={2011: 30, 2012: 10})
    table = rows(got)
    variance = sum((30 * psi[1] + 10 * psi[3]) ** 2 for psi in PSI) / 9**2
    assert table.loc["total_at_horizon", "estimate"] == pytest.approx(30 * 5 + 10 * 3)
    assert table.loc["total_at_horizon", "std_error"] == pytest.approx(math.sqrt(variance))
    assert (table[["n_participants", "n_treated"]] == [40, 5]).all(axis=None)
    assert got.notes[0].startswith("Participants by the roster: 40 (30 joined in 2011, 10 joined")
    assert value().notes[0].startswith("Participants counted in the estimation sample: 5 (3 joined")


def test_every_fault_of_the_roster_comes_in_one_pass():
    with pytest.raises(DataError) as caught:
        value(participants={2011: 2, 2009: 7})
    problems = {f.column: f.problem for f in caught.value.faults}
    assert "fewer participants than the sample" in problems["participants[2011]"]
    assert "no number of participants" in problems["participants[2012]"]
    assert "without an estimated effect" in problems["participants[2009]"]


@pytest.mark.parametrize("number", [math.nan, 3.5, "3", True, 0])
def test_participants_are_whole_numbers(number):
    with pytest.raises(DataError, match="not a whole number"):
        value(participants={2011: 3, 2012: number})


def test_a_weighted_sample_is_not_counted():
    weighted = effect()
    firms = weighted.firms.assign(weight=2.0)
    with pytest.raises(DataError, match="participants carry weights"):
        value(replace(weighted, firms=firms))
    assert value(replace(weighted, firms=firms), participants={2011: 6, 2012: 4}).notes


def test_participants_without_an_effect_are_named():
    base = effect()
    firms = pd.concat(
        [base.firms, pd.DataFrame({"cohort": [2010.0], "weight": 1.0, "cluster": [99]})]
    )
    influence = pd.concat([base.influence, base.influence.iloc[:1] * 0])
    got = value(replace(base, firms=firms, influence=influence))
    assert "no effect could be estimated: 1." in " ".join(got.notes)
    assert (rows(got)["n_participants"] == 5).all()


# --- horizons and effects that are refused ---------------------------------------------------------


def test_never_beyond_the_last_observed_year():
    with pytest.raises(EstimationError, match=r"no cohort is observed longer than 1 .*horizon=1"):
        value(horizon=2)


def test_short_cohorts_can_be_refused():
    with pytest.raises(EstimationError, match="not observed 1 year after joining: 2012"):
        value(short_cohorts="refuse")
    assert value(horizon=0, short_cohorts="refuse").notes
    with pytest.raises(EstimationError, match="short_cohorts"):
        value(short_cohorts="extrapolate")


def test_a_cohort_first_seen_after_the_horizon_is_refused():
    late = effect()
    keys = late.estimates.assign(event_time=[0, 1, -1, 1])
    with pytest.raises(EstimationError, match="without an estimate up to event time 0: 2012"):
        value(replace(late, estimates=keys), horizon=0)


@pytest.mark.parametrize("horizon", [-1, 1.0, True, "1"])
def test_the_horizon_is_a_whole_number(horizon):
    with pytest.raises(EstimationError, match="horizon"):
        value(horizon=horizon)


def test_effects_that_are_not_cells_in_levels_are_refused():
    with pytest.raises(EstimationError, match="before aggregation"):
        value(effect(aggregation="event"))
    with pytest.raises(EstimationError, match="before aggregation"):
        value(effect(estimates=effect().estimates.drop(columns="cohort"), method="twfe"))
    with pytest.raises(EstimationError, match="in per cent and not in the unit of the outcome"):
        value(replace(effect(), scale="percent"))
    with pytest.raises(EstimationError, match="a coefficient and not in the unit of the outcome"):
        value(replace(effect(), scale="link", family="poisson"))
    with pytest.raises(EstimationError, match="No cell"):
        value(effect(estimates=effect().estimates.assign(event_time=-1)))


def test_net_and_gross_are_not_confused():
    with pytest.raises(EstimationError, match="already net"):
        value(gross=True)
    before_after = effect(estimand="change of participants")
    with pytest.raises(EstimationError, match="gross=True"):
        value(before_after)
    got = value(before_after, gross=True)
    assert got.label.startswith("gross jobs")
    assert set(rows(got)["basis"]) == {"gross"}


def test_money_is_discounted_as_the_costs_are():
    plain, later = (rows(value(outcome_unit="EUR", discount_rate=r)) for r in (0.0, 0.1))
    assert plain.loc["present_value", "estimate"] == pytest.approx(3 * 2 + 3 * 5 + 2 * 3)
    assert later.loc["present_value", "estimate"] == pytest.approx(3 * 2 + (3 * 5 + 2 * 3) / 1.1)
    assert "net EUR" in value(outcome_unit="EUR").label


# --- what is said ----------------------------------------------------------------------------------


def test_an_interval_with_zero_is_said_in_words_and_nothing_is_priced():
    got = value(effect(scale=10.0))
    table = rows(got)
    assert (
        table.loc["total_at_horizon", "conf_low"] < 0 < table.loc["total_at_horizon", "conf_high"]
    )
    assert got.sentence.startswith(
        "The effect on jobs cannot be told from zero, and cost per job has no upper bound. Net jobs"
    )
    for term in ("cost_per_unit", "cost_per_unit_year"):
        assert table.loc[term, ["estimate", "std_error", "conf_high"]].isna().all()
        assert table.loc[term, "kind"] == "complement"
        assert "no upper bound" in table.loc[term, "interval"]
    high = table.loc["total_at_horizon", "conf_high"]
    assert table.loc["cost_per_unit", "conf_low"] == pytest.approx(122_000 / high)
    # The point that must not be printed, in no spelling of it, anywhere.
    assert f"{122_000 / 21:,.0f}" not in got.summary()
    assert math.isfinite(table.loc["total_per_million", "estimate"])


def test_a_clear_effect_is_priced_with_its_interval():
    got = value()
    assert got.sentence.startswith(
        "Net jobs 1 year after joining (cohort 2012 in the year of joining, its last observed): "
        "21.00 over 5 participants (95 % interval "
    )
    error = math.sqrt(sum((3 * psi[1] + 2 * psi[3]) ** 2 for psi in PSI)) / 9
    low, high = 122_000 / (21 + Z * error), 122_000 / (21 - Z * error)
    assert f"cost EUR 5,810 (95 % Fieller interval {low:,.0f} to {high:,.0f})" in got.sentence
    assert "no upper bound" not in got.summary()


def test_jobs_lost_have_no_price():
    got = value(effect(estimate=-ATT))
    assert rows(got).loc["total_at_horizon", "conf_high"] < 0
    assert "below zero: cost per job is not defined" in got.sentence
    assert rows(got).loc["cost_per_unit", ["estimate", "conf_low", "conf_high"]].isna().all()


def test_a_cell_without_standard_error_leaves_the_sum_without_one():
    base = effect()
    psi = PSI.copy()
    psi[:, 3] = math.nan
    undefined = effect_from_influence(
        keys=CELLS,
        estimate=ATT,
        influence=psi,
        firms=base.firms,
        counts=pd.DataFrame({"n_treated": [3, 3, 2, 2]}),
        method="group_time",
        outcome="employees",
        family="gaussian",
        label="employees",
        conf_level=0.95,
        variance="clustered by firm",
        band=False,
    )
    got = value(undefined)
    table = rows(got)
    assert table.loc["total_at_horizon", "estimate"] == pytest.approx(21)
    undefined_rows = table.drop(index=["cost", "cost_per_participant"])
    assert undefined_rows[["std_error", "conf_low", "conf_high", "p_value"]].isna().all(axis=None)
    assert table.loc[["cost_per_unit", "cost_per_unit_year"], "estimate"].isna().all()
    assert "nothing can be said on the cost per net job" in got.sentence
    assert got.plot().axes[0].texts[0].get_text() == "no interval"


def test_assumed_costs_mark_every_number_that_uses_them():
    got = value(paid=costs(assumed=[True, False, False]))
    table = rows(got)
    uses = ["cost", "total_per_million", "cost_per_unit", "cost_per_unit_year"]
    assert (table.loc[[*uses, "cost_per_participant"], "status"] == "assumption").all()
    assert table.loc[uses, "label"].str.contains("assumed").all()
    assert (table.loc[["total_at_horizon", "unit_years"], "status"] == "estimate").all()
    assert "The cost is an assumption." in got.sentence
    assert "Assumed, not recorded: grants (2011)." in got.notes
    # An assumption that is not in the denominator taints nothing.
    other = value(paid=costs(assumed=[False, False, True]))
    assert "assumption" not in set(rows(other)["status"])


def test_the_notes_of_the_effect_travel_along():
    assert "A note of the estimator." in value().summary()


# --- costs -----------------------------------------------------------------------------------------


def test_denominators_count_the_funds_they_name():
    public, firm, total, both = (
        rows(value(denominator=d)).loc["cost", "estimate"]
        for d in ("public", "firm", "total", ("public", "firm"))
    )
    assert (public, firm, total, both) == (122_000, 11_000, 133_000, 133_000)
    assert "public and firm cost" in value(denominator=("public", "firm")).label


def test_discounting_starts_at_the_first_year_of_the_table():
    paid = discounted_costs(costs(), currency="EUR", denominator="firm", discount_rate=0.1)
    assert paid["present_value"].tolist() == pytest.approx([100_000, 20_000, 10_000])
    assert present_value(paid) == pytest.approx(10_000)


def test_every_fault_of_the_costs_comes_in_one_pass():
    bad = costs(
        item=["grants", "", "own share"],
        year=[2011, 2012.5, 2012],
        amount=[0.0, -5.0, "12"],
        currency=["EUR", "USD", None],
        assumed=[False, "no", None],
    )
    with pytest.raises(DataError) as caught:
        discounted_costs(bad, currency="EUR", denominator="donor", discount_rate=3)
    columns = [f.column for f in caught.value.faults]
    expected = "item year amount amount amount currency currency assumed assumed"
    assert columns == [*expected.split(), "denominator", "discount_rate"]
    with pytest.raises(DataError, match="no rows"):
        discounted_costs(costs().iloc[:0], currency="EUR")
    with pytest.raises(DataError, match="source_of_funds"):
        discounted_costs(costs().drop(columns="source_of_funds"), currency="EUR")
    with pytest.raises(DataError, match="number"):
        discounted_costs(costs(amount=[1.0, math.nan, math.inf]), currency="EUR")


def test_the_order_of_the_costs_is_irrelevant_and_the_callers_table_is_untouched():
    table = costs(amount=[0.1, 0.2, 0.3], source_of_funds=["public"] * 3)
    before = table.copy()
    one = rows(value(paid=table))
    other = rows(value(paid=table.iloc[::-1]))
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    pd.testing.assert_frame_equal(table, before)


@given(st.floats(1e-3, 1e6))
@settings(max_examples=25, deadline=None)
def test_a_currency_scales_jobs_per_million_and_nothing_else(k):
    one, other = rows(value()), rows(value(paid=costs().assign(amount=costs()["amount"] * k)))
    for column in ("estimate", "std_error", "conf_low", "conf_high"):
        got, was = other.loc["total_per_million", column], one.loc["total_per_million", column]
        assert got == pytest.approx(was / k, rel=1e-12)
        price, earlier = other.loc["cost_per_unit", column], one.loc["cost_per_unit", column]
        assert price == pytest.approx(earlier * k, rel=1e-9)
    same = ["statistic", "p_value"]
    assert other.loc["total_per_million", same].tolist() == pytest.approx(
        one.loc["total_per_million", same].tolist(), rel=1e-9
    )
    assert other.loc["total_at_horizon", "estimate"] == one.loc["total_at_horizon", "estimate"]


# --- the figure ------------------------------------------------------------------------------------


def test_the_figure_shows_the_interval_of_jobs_per_million_and_zero():
    got = value(effect(scale=10.0))
    row = rows(got).loc["total_per_million"]
    axes = got.plot().axes[0]
    zero, interval, point = axes.lines
    assert list(zero.get_xdata()) == [0, 0]
    assert list(interval.get_xdata()) == [row["conf_low"], row["conf_high"]]
    assert list(point.get_xdata()) == [row["estimate"]]
    assert axes.get_xlim()[0] < row["conf_low"] < 0 < row["conf_high"] < axes.get_xlim()[1]
    assert axes.get_xlabel() == "jobs per 1 million EUR"


def test_the_figure_refuses_two_units():
    with pytest.raises(ReportError, match="one unit"):
        value_figure(value().tidy())


# --- real firms ------------------------------------------------------------------------------------


def test_michigan_grants_have_no_cost_per_job():
    """66 grants, jobs in levels: nothing can be told from zero, and the page must say so."""
    from linearmodels.datasets import jobtraining

    import impact

    firms = impact.panel(jobtraining.load(), unit="fcode", time="year", treatment="grant")
    jobs = impact.att(firms, "employ", method="group_time")
    paid = pd.DataFrame(
        {
            "item": ["36 grants", "30 grants"],
            "year": [1988, 1989],
            "amount": [36 * 10_000.0, 30 * 10_000.0],
            "currency": "USD",
            "source_of_funds": "public",
            "assumed": True,
        }
    )
    got = cost_effectiveness(
        jobs, paid, horizon=1, currency="USD", participants={1988: 36, 1989: 30}
    )
    table = rows(got)
    assert (
        table.loc["total_at_horizon", "conf_low"] < 0 < table.loc["total_at_horizon", "conf_high"]
    )
    assert "cost per job has no upper bound" in got.summary()
    assert table.loc["cost_per_unit", "estimate"] != table.loc["cost_per_unit", "estimate"]
    assert table.loc["cost_per_participant", "estimate"] == pytest.approx(10_000)
    assert (table.loc[["cost", "cost_per_unit"], "status"] == "assumption").all()
