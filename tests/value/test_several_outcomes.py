"""Jobs, exports and value added of the same firms in one account: worked by hand, with the covariance between them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import impact
from impact.core.errors import DataError, EstimationError
from impact.core.inference import critical_value
from impact.estimate.effect import EffectResult, effect_from_influence
from impact.simulate.programme import programme
from impact.value.joint import joint

Z = critical_value(0.95)

# Two firms joined in 2011, one in 2012, three never; 2011 to 2013.
CELLS = pd.DataFrame(
    {
        "term": ["a", "b", "c", "d", "e"],
        "cohort": [2011, 2011, 2011, 2012, 2012],
        "time": [2011, 2012, 2013, 2012, 2013],
        "event_time": [0, 1, 2, 0, 1],
    }
)
COHORT = [2011.0, 2011.0, 2012.0, math.nan, math.nan, math.nan]
PSI = np.random.default_rng(11).normal(0.0, 0.3, (6, 5))
JOBS = np.array([1.0, 2.0, 4.0, 3.0, 5.0])
EUROS = np.array([10.0, 20.0, 30.0, 40.0, 50.0]) * 1e3


def effect(
    estimate: np.ndarray = JOBS,
    influence: np.ndarray = PSI,
    outcome: str = "jobs",
    clusters: Any = range(6),
    firms: tuple[str, ...] = ("A", "B", "C", "D", "E", "F"),
    **changed: Any,
) -> EffectResult:
    frame = pd.DataFrame(
        {"cohort": COHORT, "weight": 1.0, "cluster": list(clusters)}, index=list(firms)
    )
    made = effect_from_influence(
        keys=CELLS,
        estimate=estimate,
        influence=influence,
        firms=frame,
        counts=pd.DataFrame({"n_treated": [2, 2, 2, 1, 1], "n_control": [3] * 5}),
        method="group_time",
        outcome=outcome,
        family="gaussian",
        label=outcome,
        conf_level=0.95,
        variance="clustered by firm",
        band=False,
    )
    return replace(made, **changed)


def costs(**changed: Any) -> pd.DataFrame:
    table: dict[str, Any] = {
        "item": ["grants", "fees", "hours"],
        "year": [2011, 2012, 2012],
        "amount": [60_000.0, 30_000.0, 11_000.0],
        "currency": "EUR",
        "source_of_funds": ["EU", "ministry", "firms"],
    }
    return pd.DataFrame(table | changed)


def value(effects: Any = None, **changed: Any) -> impact.ValueResult:
    arguments: dict[str, Any] = {"horizon": 1, "denominator": "total"} | changed
    paid = arguments.pop("paid", costs())
    return impact.cost_effectiveness(effect() if effects is None else effects, paid, **arguments)


def money(influence: np.ndarray = PSI * 1e3, outcome: str = "exports_eur") -> EffectResult:
    return effect(EUROS, influence, outcome)


def line(result: impact.ValueResult, term: str, outcome: str = "") -> pd.Series:
    table = result.tidy()
    return table[(table["term"] == term) & (table["outcome"] == outcome)].iloc[0]


# --- money -----------------------------------------------------------------------------------------


def test_money_is_added_over_years_and_discounted_like_the_costs():
    got = value({"exports": money()}, discount_rate=0.1)
    # Cohort 2011: 2 firms in 2011 and 2012; cohort 2012: 1 firm in 2012 and 2013. To 2011.
    weight = np.array([2.0, 2 / 1.1, 0.0, 1 / 1.1, 1 / 1.21])
    present = float(weight @ EUROS)
    error = math.sqrt(float(((1e3 * PSI @ weight) ** 2).sum())) / 6
    row = line(got, "present_value", "exports")
    assert row["estimate"] == pytest.approx(present)
    assert row["std_error"] == pytest.approx(error)
    cost = 60_000 + 41_000 / 1.1
    per_euro = line(got, "per_unit_of_cost", "exports")
    assert per_euro["estimate"] == pytest.approx(present / cost)
    assert per_euro["conf_low"] == pytest.approx((present - Z * error) / cost)
    assert per_euro["unit"] == "EUR per EUR"
    assert per_euro["label"] == (
        "net exports from joining to 1 year after joining (4 cohort-years observed) (EUR, current prices, discounted to 2011 at "
        "10 %) per EUR of total cost (EUR, current prices, discounted to 2011 at 10 %)"
    )
    assert got.label == per_euro["label"]
    assert "Per EUR of total cost: EUR" in got.sentence
    assert "no gain to anybody" in " ".join(got.notes)


def test_mid_year_moves_amounts_and_leaves_ratios():
    plain, mid = (value({"exports": money()}, discount_rate=0.1, mid_year=m) for m in (False, True))
    assert line(mid, "present_value", "exports")["estimate"] == pytest.approx(
        line(plain, "present_value", "exports")["estimate"] / math.sqrt(1.1)
    )
    assert line(mid, "per_unit_of_cost", "exports")["estimate"] == pytest.approx(
        line(plain, "per_unit_of_cost", "exports")["estimate"]
    )


def test_one_effect_in_the_currency_is_money():
    got = value(money(), outcome_unit="EUR", discount_rate=0.03)
    assert line(got, "per_unit_of_cost", "EUR")["unit"] == "EUR per EUR"


def test_domestic_value_added_is_a_declared_share():
    got = value({"exports": money()}, domestic_share=0.6)
    whole, part = (
        line(got, t, "exports")
        for t in ("per_unit_of_cost", "domestic_value_added_per_unit_of_cost")
    )
    assert part["estimate"] == pytest.approx(0.6 * whole["estimate"])
    assert part["status"] == "assumption"
    with pytest.raises(EstimationError, match="domestic_share"):
        value({"exports": money()}, domestic_share=60)


@pytest.mark.parametrize(
    ("outcome", "changed", "said"),
    [
        ("exports_usd", {}, "the outcome is in USD and the costs are in EUR"),
        ("exports_keur", {}, "the outcome is in thousands"),
        (
            "exports_eur_2015",
            {},
            "the outcome is in prices of 2015 and the costs are in current prices",
        ),
        (
            "exports_eur_2015",
            {"price_base": 2010},
            "prices of 2015 and the costs are in prices of 2010",
        ),
    ],
)
def test_other_money_is_refused_by_name(outcome, changed, said):
    with pytest.raises(DataError, match="not in the same money") as caught:
        value({"exports": money(outcome=outcome)}, **changed)
    assert said in caught.value.faults[0].problem


def test_the_price_base_that_the_outcome_names_is_taken_where_it_is_declared():
    got = value({"exports": money(outcome="exports_eur_2015")}, price_base=2015)
    assert set(got.tidy()["price_base"]) == {"prices of 2015"}


# --- several outcomes ------------------------------------------------------------------------------


def test_several_outcomes_have_the_rows_of_each():
    got = value({"jobs": effect(), "exports": money()})
    alone = value(effect())
    for term in ("total_at_horizon", "unit_years_per_million", "cost_per_unit"):
        one, other = line(got, term, "jobs"), line(alone, term, "jobs")
        assert one["estimate"] == pytest.approx(other["estimate"], nan_ok=True)
        assert one["conf_low"] == pytest.approx(other["conf_low"], nan_ok=True)
    assert "Net jobs" in got.sentence
    assert "Net exports" in got.sentence
    assert got.label.startswith("net jobs 1 year after joining")


def test_outcomes_keep_their_covariance_and_taking_them_as_independent_would_be_seen():
    other = PSI * 2.0 + np.random.default_rng(3).normal(0, 0.1, PSI.shape)
    together = joint({"jobs": effect(), "exports": effect(EUROS, other)})
    assert together.vcov[:5, 5:] == pytest.approx(PSI.T @ other / 36)
    first, second = np.zeros(10), np.zeros(10)
    first[0], second[7] = 3.0, 2.0
    assert together.covariance(first, second) == pytest.approx(
        6 * float(PSI[:, 0] @ other[:, 2]) / 36
    )
    assert abs(together.covariance(first, second)) > 1e-4


def test_samples_that_differ_are_joined_by_the_names_of_firms():
    # F was not observed for exports: 5 firms, scaled by 5.
    fewer = PSI[:5] * 1.5
    second = effect_from_influence(
        keys=CELLS,
        estimate=EUROS,
        influence=fewer,
        firms=pd.DataFrame(
            {"cohort": COHORT[:5], "weight": 1.0, "cluster": range(5)}, index=list("ABCDE")
        ),
        counts=pd.DataFrame({"n_treated": [2, 2, 2, 1, 1]}),
        method="group_time",
        outcome="exports",
        family="gaussian",
        label="exports",
        conf_level=0.95,
        variance="clustered by firm",
        band=False,
    )
    got = joint({"jobs": effect(), "exports": second})
    assert got.vcov[5:, 5:] == pytest.approx(second.vcov)
    assert got.vcov[:5, 5:] == pytest.approx(PSI[:5].T @ fewer / (6 * 5))


def test_firms_that_are_one_cluster_for_one_outcome_are_one_for_all():
    got = joint({"jobs": effect(clusters=[0, 0, 1, 2, 3, 4]), "exports": effect(EUROS)})
    sums = np.vstack([PSI[0] + PSI[1], PSI[2:]])
    assert got.vcov[:5, 5:] == pytest.approx(sums.T @ sums / 36)


def test_effects_that_cannot_be_joined_are_refused():
    moved = effect()
    with pytest.raises(EstimationError, match="joined in another year"):
        joint({"jobs": moved, "exports": replace(moved, firms=moved.firms.assign(cohort=2012.0))})
    with pytest.raises(EstimationError, match="no influence functions"):
        joint({"jobs": effect(), "exports": replace(effect(), influence=None)})
    with pytest.raises(EstimationError, match="do not come from its influence functions"):
        joint({"jobs": effect(), "exports": replace(effect(), vcov=2 * effect().vcov)})
    with pytest.raises(EstimationError, match="different levels"):
        joint({"jobs": effect(), "exports": replace(effect(), conf_level=0.9)})
    with pytest.raises(EstimationError, match="no firm is in both"):
        joint({"jobs": effect(), "exports": effect(firms=tuple("UVWXYZ"))})


def test_names_without_a_unit_are_asked_about_in_one_pass():
    with pytest.raises(DataError) as caught:
        value({"hours": effect(), "jobs": 3.0}, units={"absent": "x"})
    assert [f.problem for f in caught.value.faults] == [
        "the unit of this outcome is not known",
        "this is not an effect",
        "a unit was given for an outcome that has no effect",
    ]
    got = value({"hours": effect()}, units={"hours": "hours"})
    assert line(got, "total_per_million", "hours")["unit"] == "hours per 1 million EUR"


def test_new_exporters_are_counted_once():
    got = value({"new_exporters": effect(JOBS / 10)}, horizon=0)
    assert line(got, "total_at_horizon", "new_exporters")["estimate"] == pytest.approx(
        0.1 * 2 + 0.3
    )
    assert "unit_years" not in set(got.tidy()["term"])
    # Of three participants one more may be on the roster; only those at risk can enter.
    roster = value({"new_exporters": effect(JOBS / 10)}, horizon=0, participants={2011: 9, 2012: 9})
    assert line(roster, "total_at_horizon", "new_exporters")["n_participants"] == 3
    assert (
        "at risk of them in the sample: 3 (2 joined in 2011, 1 joined in 2012)" in roster.notes[0]
    )
    assert line(got, "cost_per_unit", "new_exporters")["label"].endswith(
        "per net new exporter in the year of joining"
    )


# --- persistence -----------------------------------------------------------------------------------


def test_nothing_is_extrapolated_unless_a_persistence_says_so():
    with pytest.raises(EstimationError, match="not extrapolated"):
        value(horizon=4)
    got = value(horizon=4, persistence=2)
    # Cohort 2011 to event time 4 (2 carried), 2012 to 3 (1 observed + 2 carried).
    years = 2 * (1 + 2 + 4 + 4 + 4) + 1 * (3 + 5 + 5 + 5)
    assert line(got, "unit_years", "jobs")["estimate"] == pytest.approx(years)
    assert line(got, "total_at_horizon", "jobs")["estimate"] == pytest.approx(2 * 4 + 5)
    weight = np.array([2, 2, 2 * 3, 1, 1 * 3], dtype=float)
    assert line(got, "unit_years", "jobs")["std_error"] == pytest.approx(
        math.sqrt(float(((PSI @ weight) ** 2).sum())) / 6
    )
    assert line(got, "unit_years", "jobs")["status"] == "assumption"
    assert "5 cohort-years observed, 4 carried on" in line(got, "unit_years", "jobs")["label"]
    assert "carried on at 100 % of its last observed" in got.label
    assert "were not observed" in " ".join(got.notes)


def test_a_persistence_may_fade():
    got = value(horizon=4, persistence=[0.5, 0.25])
    years = 2 * (1 + 2 + 4 + 2 + 1) + 1 * (3 + 5 + 2.5 + 1.25)
    assert line(got, "unit_years", "jobs")["estimate"] == pytest.approx(years)
    assert line(got, "total_at_horizon", "jobs")["estimate"] == pytest.approx(2 * 1 + 1.25)


def test_within_what_is_observed_a_persistence_changes_nothing():
    one, other = value(horizon=1).tidy(), value(horizon=1, persistence=3).tidy()
    pd.testing.assert_frame_equal(one, other)


@pytest.mark.parametrize("wrong", [-1, 1.5, True, "3", [1.2], [0.5, -0.1], []])
def test_a_persistence_is_years_or_shares(wrong):
    with pytest.raises(EstimationError, match="persistence"):
        value(persistence=wrong)


def test_years_after_the_horizon_are_named():
    assert "Effects observed after the horizon are not counted: 2 years" in " ".join(value().notes)


# --- additionality ---------------------------------------------------------------------------------


def test_a_deadweight_beside_an_effect_is_double_counting():
    with pytest.raises(EstimationError, match="double counting"):
        value(additionality={"deadweight": 0.4})


def test_without_a_counterfactual_a_deadweight_is_an_assumption():
    """The formula of the Additionality Guide: 9 gross jobs x (1 - .4)(1 - .25) 1.1."""
    before_after = effect(estimand="change of participants")
    declared = {"deadweight": 0.4, "displacement": 0.25, "multiplier": 1.1}
    got = value(before_after, gross=True, additionality=declared)
    row = line(got, "total_at_horizon", "jobs")
    assert row["estimate"] == pytest.approx(9 * 0.6 * 0.75 * 1.1)
    assert (row["basis"], row["status"]) == ("gross", "assumption")
    assert "after deadweight 40" in row["label"] and "(assumed)" in row["label"]
    assert "driven by assumptions" in " ".join(got.notes)
    assert got.tornado(horizons=(1,), persistence=(0,))["base"].any()
    unsure = value(before_after, gross=True, additionality={**declared, "deadweight": (0.4, 0.1)})
    assert line(unsure, "total_at_horizon", "jobs")["std_error"] > row["std_error"]
    with pytest.raises(DataError) as caught:
        value(before_after, gross=True, additionality={"deadweight": 1.4, "displacment": 0.1})
    assert [f.column for f in caught.value.faults] == ["deadweight", "displacment"]


def test_displacement_and_multiplier_come_after_the_effect():
    plain, got = value(), value(additionality={"displacement": 0.25, "multiplier": 1.1})
    for term in ("total_at_horizon", "unit_years", "total_per_million"):
        one, other = line(plain, term, "jobs"), line(got, term, "jobs")
        assert other["estimate"] == pytest.approx(one["estimate"] * 0.75 * 1.1)
        assert other["std_error"] == pytest.approx(one["std_error"] * 0.75 * 1.1)
        assert other["status"] == "assumption"
    assert "displacement" in got.label


def test_priors_widen_the_interval():
    sure = value(additionality={"displacement": 0.25})
    unsure = value(additionality={"displacement": (0.25, 0.15)})
    one, other = line(sure, "total_at_horizon", "jobs"), line(unsure, "total_at_horizon", "jobs")
    assert other["estimate"] == pytest.approx(one["estimate"])
    mean, spread = 13 - 4, 0.15  # 2 x 2 + 5 jobs before displacement
    raw = line(value(), "total_at_horizon", "jobs")
    assert raw["estimate"] == pytest.approx(mean)
    variance = 0.75**2 * raw["std_error"] ** 2 + spread**2 * (mean**2 + raw["std_error"] ** 2)
    assert other["std_error"] == pytest.approx(math.sqrt(variance))
    assert other["conf_low"] < one["conf_low"]
    assert math.isnan(other["p_value"])
    again = value(additionality={"displacement": (0.25, 0.15)})
    pd.testing.assert_frame_equal(unsure.tidy(), again.tidy(), check_exact=True)


# --- costs -----------------------------------------------------------------------------------------


def test_every_ratio_says_how_much_of_the_cost_it_counts_and_whose_results_they_are():
    got = value(denominator="EU")
    row = line(got, "total_per_million", "jobs")
    assert row["cost_share"] == pytest.approx(60 / 101)
    assert "EU 59.4 %" in row["attribution"]
    assert "59.4 % of the cost (EU)" in " ".join(got.notes)
    shared = got.attribution()
    totals = shared[shared["term"] == "total_at_horizon"]
    assert totals["estimate"].sum() == pytest.approx(9)
    assert totals.set_index("source_of_funds").loc["EU", "estimate"] == pytest.approx(9 * 60 / 101)
    forms = got.leverage().set_index("form")["value"]
    assert forms["total_per_contribution"] == pytest.approx(101 / 60)
    assert forms["others_per_contribution"] == pytest.approx(41 / 60)
    assert forms["private_per_contribution"] == pytest.approx(11 / 60)


def test_public_cost_leaves_out_what_firms_paid():
    assert line(value(denominator="public"), "cost")["estimate"] == pytest.approx(90_000)


def test_an_uncertain_cost_is_in_the_interval():
    sure = value()
    unsure = value(paid=costs(std_error=[10_000.0, 0.0, 0.0]))
    row = line(unsure, "cost")
    assert row["std_error"] == pytest.approx(10_000)
    total = line(sure, "total_at_horizon", "jobs")
    want = impact.ratio((9e6, 1e6 * total["std_error"]), (101_000, 10_000))
    got = line(unsure, "total_per_million", "jobs")
    assert (got["conf_low"], got["conf_high"]) == pytest.approx((want.conf_low, want.conf_high))


def test_the_delta_method_stands_beside_fieller_where_that_has_an_upper_bound():
    row = line(value(), "cost_per_unit", "jobs")
    total = line(value(), "total_at_horizon", "jobs")
    want = impact.ratio((101_000.0, 0.0), (9.0, total["std_error"]), method="delta")
    assert (row["delta_low"], row["delta_high"]) == pytest.approx((want.conf_low, want.conf_high))
    assert row["conf_high"] > row["delta_high"]
    weak = line(value(effect(JOBS, PSI * 100)), "cost_per_unit", "jobs")
    assert math.isnan(weak["delta_high"])
    assert "no upper bound" in weak["interval"]


def test_geography_that_differs_is_refused():
    with pytest.raises(DataError, match="cost"):
        value(paid=costs(geography=["Andes", "Andes", "Peru"]), geography="Andes")
    got = value(paid=costs(geography="Andes"), geography="Andes")
    assert set(got.tidy()["geography"]) == {"Andes"}


def test_the_callers_arguments_are_kept_for_another_account():
    got = value()
    pd.testing.assert_frame_equal(got.again(horizon=2).tidy(), value(horizon=2).tidy())


# --- benefits against all costs --------------------------------------------------------------------


def test_benefits_against_all_costs_by_hand():
    got = value({"value_added": money(outcome="value_added")}, discount_rate=0.1, cost_of_public_funds=0.2,
                denominator="EU", horizon=2, short_cohorts="last_observed")  # fmt: skip
    weight = np.array([2.0, 2 / 1.1, 2 / 1.21, 1 / 1.1, 1 / 1.21])
    present = float(weight @ EUROS)
    cost = 1.2 * (60_000 + 30_000 / 1.1) + 11_000 / 1.1
    assert line(got, "net_present_value", "value_added")["estimate"] == pytest.approx(
        present - cost
    )
    assert line(got, "benefit_cost_ratio", "value_added")["estimate"] == pytest.approx(
        present / cost
    )
    flows = {
        2011: 2 * EUROS[0] - 72_000,
        2012: 2 * EUROS[1] + EUROS[3] - 47_000,
        2013: 2 * EUROS[2] + EUROS[4],
    }
    rate = line(got, "internal_rate_of_return", "value_added")
    at = rate["estimate"] / 100
    assert sum(x / (1 + at) ** (y - 2011) for y, x in flows.items()) == pytest.approx(0, abs=1e-3)
    assert rate["conf_low"] < 100 * at < rate["conf_high"]
    # At the ends of its set the net present value is one critical value away from zero.
    for end in (rate["conf_low"] / 100, rate["conf_high"] / 100):
        d = (1 + end) ** -np.array([0.0, 1.0, 2.0])
        w = np.array([2 * d[0], 2 * d[1], 2 * d[2], d[1], d[2]])
        npv = float(w @ EUROS) - 72_000 * d[0] - 47_000 * d[1]
        error = math.sqrt(float(((1e3 * PSI @ w) ** 2).sum())) / 6
        assert abs(npv) / error == pytest.approx(Z, rel=1e-6)


def test_exports_are_not_netted_against_cost():
    assert "net_present_value" not in set(value({"exports": money()}).tidy()["term"])


# --- scenarios -------------------------------------------------------------------------------------


def test_each_bar_of_the_tornado_is_the_account_made_again():
    base = value({"jobs": effect(), "exports": money()}, discount_rate=0.03)
    bars = base.tornado(horizons=(0, 1, 2, 3), persistence=(0, 3), discount_rates=(0.0, 0.03))
    assert set(bars["unit"]) == {"job-years per 1 million EUR"}
    assert list(dict.fromkeys(bars["dimension"])) == list(
        bars.groupby("dimension", sort=False)["swing"].first().sort_values(ascending=False).index
    )
    at = bars.set_index(["dimension", "scenario"])["estimate"]
    wanted = line(base.again(horizon=2), "unit_years_per_million", "jobs")["estimate"]
    assert at["horizon", "2 years"] == pytest.approx(wanted)
    assert ("horizon", "3 years") not in at.index  # no cohort is observed so long
    longer = base.again(horizon=4, persistence=3)
    assert at["persistence", "3 years carried on"] == pytest.approx(
        line(longer, "unit_years_per_million", "jobs")["estimate"]
    )
    assert at["denominator", "EU cost"] == pytest.approx(
        line(base.again(denominator="EU"), "unit_years_per_million", "jobs")["estimate"]
    )
    own = bars[bars["base"]]
    assert set(own["estimate"].round(9)) == {
        round(line(base, "unit_years_per_million", "jobs")["estimate"], 9)
    }
    assert set(own["dimension"]) == {
        "horizon",
        "persistence",
        "discount rate",
        "denominator",
        "additionality",
    }
    # A persistence that fills nothing is no other account: the observed horizon is where the bars begin.
    idle = value(horizon=1, persistence=3).tornado()
    carried = idle[idle["dimension"] == "persistence"].set_index("scenario")
    assert carried.loc["0 years carried on", "base"]
    assert carried["base"].sum() == 1
    # A denominator that counts the same lines under another name is no other assumption.
    alone = value(paid=costs(source_of_funds="state"), denominator="public").tornado()
    assert alone.loc[alone["dimension"] == "denominator", "scenario"].tolist() == ["public cost"]
    money_bars = base.tornado(outcome="exports")
    assert set(money_bars["unit"]) == {"EUR per EUR"}
    with pytest.raises(EstimationError, match="no row"):
        base.tornado(term="cost_per_kilo")


def test_the_acceptability_curve_by_hand():
    got = value()
    jobs = line(got, "total_at_horizon", "jobs")
    curve = got.acceptability([5_000, 101_000 / 9, 50_000])
    assert curve["probability"].iloc[1] == pytest.approx(0.5)
    p = impact.core.inference.infer([50_000 * 9 - 101_000], [50_000 * jobs["std_error"]])[
        "p_value"
    ].iloc[0]
    assert curve["probability"].iloc[2] == pytest.approx(1 - p / 2)
    assert curve["probability"].is_monotonic_increasing
    assert got.acceptability()["probability"].between(0, 1).all()
    with pytest.raises(EstimationError, match="thresholds"):
        got.acceptability([0.0])
    with pytest.raises(EstimationError, match="thresholds"):
        got.acceptability(["x"])  # type: ignore[list-item]
    with pytest.raises(EstimationError, match="horizons is 3"):
        got.tornado(horizons=3)
    with pytest.raises(EstimationError, match="cost of a unit"):
        value({"exports": money()}).acceptability()


def test_figures_have_one_axis():
    got = value()
    for kind in ("primary", "tornado", "acceptability"):
        assert len(got.plot(kind).axes) == 1
    with pytest.raises(EstimationError, match="no figure"):
        got.plot("pie")


# --- the bootstrap ---------------------------------------------------------------------------------


def _simulated() -> tuple[impact.Panel, pd.DataFrame]:
    frame, _ = programme(firms=80, periods=5, cohorts=(3, 4), seed=5)
    data = impact.panel(frame, unit="firm", time="year", cohort="joined")
    paid = pd.DataFrame(
        {
            "item": ["all"],
            "year": [3],
            "amount": [1e4],
            "currency": ["EUR"],
            "source_of_funds": ["EU"],
        }
    )
    return data, paid


def _group_time(data: impact.Panel) -> EffectResult:
    return impact.att(data, "exports", method="group_time")


def test_the_bootstrap_is_near_the_analytic_error_and_the_same_each_time():
    data, paid = _simulated()
    account = impact.cost_effectiveness(_group_time(data), paid, horizon=1, outcome_unit="units")
    got = impact.bootstrap_value(account, data, _group_time, draws=150, seed=3)
    one, other = line(account, "total_at_horizon", "units"), line(got, "total_at_horizon", "units")
    assert other["estimate"] == one["estimate"]
    assert other["std_error"] == pytest.approx(one["std_error"], rel=0.2)
    price = line(got, "cost_per_unit", "units")
    per = line(got, "total_per_million", "units")
    assert per["conf_low"] > 0
    assert (price["conf_low"], price["conf_high"]) == pytest.approx(
        (1e6 / per["conf_high"], 1e6 / per["conf_low"])
    )
    few, again = (
        impact.bootstrap_value(account, data, _group_time, draws=10, seed=3) for _ in range(2)
    )
    pd.testing.assert_frame_equal(few.tidy(), again.tidy(), check_exact=True)
    assert "150 draws of firms" in got.notes[-1]


def test_the_bootstrap_does_the_design_again_and_refuses_what_it_is_not_valid_for():
    data, paid = _simulated()

    def matched(of: impact.Panel) -> EffectResult:
        return impact.att(impact.match(of, on=["exports"]), "exports", method="matched_did")

    account = impact.cost_effectiveness(matched(data), paid, horizon=1, outcome_unit="units")
    got = impact.bootstrap_value(account, data, matched, draws=20)
    assert math.isfinite(line(got, "total_at_horizon", "units")["std_error"])
    with pytest.raises(EstimationError, match="does not give the numbers of the account"):
        impact.bootstrap_value(account, data, _group_time, draws=5)
    again = replace(account.effect, source=replace(account.effect.source, settings=replace(
        account.effect.source.settings, replace=True)))  # fmt: skip
    with pytest.raises(EstimationError, match="replacement"):
        impact.bootstrap_value(replace(account, effects={"": again}), data, matched, draws=5)


# --- Poisson ---------------------------------------------------------------------------------------


def test_a_poisson_coefficient_becomes_euros():
    got = impact.poisson_total((0.25, 0.1), 1e6).iloc[0]
    assert got["estimate"] == pytest.approx(1e6 * (1 - math.exp(-0.25)))
    assert got["conf_high"] == pytest.approx(1e6 * (1 - math.exp(-0.25 - 0.1 * Z)))
    assert got["std_error"] == pytest.approx(1e6 * math.exp(-0.25) * 0.1)
    with pytest.raises(DataError):
        impact.poisson_total((0.25, -0.1), -1e6)


def test_a_poisson_effect_of_att_is_in_euros_already():
    """With one cohort and one year the effect of the Poisson model is what 1 - exp(-theta) gives of the observed total."""
    rng = np.random.default_rng(2)
    firm = np.repeat(np.arange(60), 2)
    year = np.tile([1, 2], 60)
    joined = np.where(firm < 25, 2.0, math.nan)
    mean = np.exp(3 + 0.5 * (firm % 5) / 5 + 0.2 * (year == 2) + 0.3 * ((firm < 25) & (year == 2)))
    frame = pd.DataFrame(
        {"firm": firm, "year": year, "joined": joined, "exports": rng.poisson(mean).astype(float)}
    )
    data = impact.panel(frame, unit="firm", time="year", cohort="joined")
    effect = impact.att(data, "exports", method="etwfe", family="poisson")
    paid = pd.DataFrame(
        {
            "item": ["all"],
            "year": [2],
            "amount": [100.0],
            "currency": ["EUR"],
            "source_of_funds": ["EU"],
        }
    )
    account = impact.cost_effectiveness({"exports": effect}, paid, horizon=0)
    frame["d"] = ((frame["firm"] < 25) & (frame["year"] == 2)).astype(float)
    theta = impact.regress("exports ~ d | firm + year", frame, family="poisson", cluster="firm")
    observed = float(frame.loc[frame["d"] == 1, "exports"].sum())
    wanted = impact.poisson_total(theta, observed).iloc[0]
    assert line(account, "present_value", "exports")["estimate"] == pytest.approx(
        wanted["estimate"], rel=1e-6
    )
    with pytest.raises(EstimationError, match="coefficient of a Poisson"):
        impact.poisson_total(effect, observed)


# --- found by review: draws that are the account's, arguments that are none ------------------------


def test_the_bootstrap_counts_each_outcome_on_its_own_sample_and_draws_priors_and_costs():
    frame, _ = programme(firms=90, periods=4, cohorts=(3,), seed=5)
    some = frame.loc[frame["joined"] == 3, "firm"].unique()[:15]
    frame["jobs"] = frame["exports"].mask(frame["firm"].isin(some))
    data = impact.panel(frame, unit="firm", time="year", cohort="joined")
    paid = pd.DataFrame({"item": ["a"], "year": [3], "amount": [3e5], "currency": "EUR",
                         "source_of_funds": ["EU"], "std_error": [3e4]})  # fmt: skip

    def both(of: impact.Panel) -> dict[str, EffectResult]:
        return {n: impact.att(of, c, method="group_time") for n, c in (("exports", "exports"), ("jobs", "jobs"))}  # fmt: skip

    account = impact.cost_effectiveness(both(data), paid, horizon=1, denominator="total")
    got = impact.bootstrap_value(account, data, both, draws=120)
    one, other = line(account, "total_at_horizon", "jobs"), line(got, "total_at_horizon", "jobs")
    assert one["n_participants"] == 30
    assert other["std_error"] == pytest.approx(one["std_error"], rel=0.35)
    assert "the costs that are estimates drawn as well" in got.notes[-1]

    wide = account.again(additionality={"displacement": (0.4, 0.3)})
    drawn = impact.bootstrap_value(wide, data, both, draws=60)
    point = account.again(additionality={"displacement": 0.4})
    fixed = impact.bootstrap_value(point, data, both, draws=60)
    assert (
        line(drawn, "total_at_horizon", "jobs")["std_error"]
        > 1.05 * line(fixed, "total_at_horizon", "jobs")["std_error"]
    )
    assert "the priors of additionality" in drawn.notes[-1]


def test_clusters_of_different_size_can_be_drawn():
    frame, _ = programme(firms=120, periods=4, cohorts=(3,), seed=5)
    frame["chamber"] = (2 * np.sqrt(frame["firm"].str[1:].astype(int))).astype(int)
    data = impact.panel(frame, unit="firm", time="year", cohort="joined")

    def of(one: impact.Panel) -> EffectResult:
        return impact.att(one, "exports", method="group_time", cluster="chamber")

    paid = costs(year=[3, 3, 3])
    account = impact.cost_effectiveness(of(data), paid, horizon=1, denominator="total")
    got = impact.bootstrap_value(account, data, of, draws=20, cluster="chamber")
    assert "could not be estimated" not in got.notes[-1]
    for wrong in ({"draws": -1}, {"draws": "many"}, {"seed": -1}):
        with pytest.raises(EstimationError, match="write a whole number"):
            impact.bootstrap_value(account, data, of, **wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"draws": -5},
        {"draws": 2.5},
        {"seed": -1},
        {"seed": None},
        {"outcome_unit": None},
        {"outcome_unit": " "},
        {"units": 5},
        {"participants": [1, 2]},
        {"mid_year": "no"},
        {"gross": "no"},
        {"money": "euros"},
    ],
)
def test_arguments_that_are_none_are_named(wrong):
    with pytest.raises(DataError) as error:
        value(**wrong)
    assert [f.column for f in error.value.faults] == list(wrong)


@pytest.mark.parametrize("wrong", [{"domestic_share": "half"}, {"cost_of_public_funds": None}])
def test_shares_that_are_no_numbers_are_refused(wrong):
    with pytest.raises(EstimationError, match=next(iter(wrong))):
        value({"exports": money()}, **wrong)


def test_money_of_another_currency_is_no_unit_to_count():
    with pytest.raises(DataError, match="in USD and the costs are in EUR"):
        value(outcome_unit="USD")
    with pytest.raises(DataError, match="in USD and the costs are in EUR"):
        value({"orders": effect()}, units={"orders": ("USD", "event")})
    assert "FTE" in value(outcome_unit="FTE").sentence


def test_a_persistence_of_parts_is_not_taken_for_whole_years_in_the_tornado():
    rows = (
        value(horizon=3, persistence=[0.8, 0.5, 0.25]).tornado().query("dimension == 'persistence'")
    )
    base = rows[rows["base"]]
    assert len(base) == rows["base"].sum() <= 1
    assert rows["scenario"].is_unique
    assert any("at 80, 50, 25 %" in text for text in rows["scenario"])
