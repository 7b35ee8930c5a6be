"""Checks on an effect: worked by hand, against a slow twin, and under a known truth."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from impact.core.errors import EstimationError, ImpactError, ReportError
from impact.core.inference import critical_value
from impact.core.registry import METHODS
from impact.diagnose.check import CHECK_COLUMNS, check
from impact.diagnose.influence import without_each
from impact.diagnose.pretrends import detectable_lead, pretrends
from impact.display.check_figure import pretrends_figure
from impact.estimate.effect import EffectResult, effect_from_influence

FloatArray = npt.NDArray[np.float64]
SEED = 20160516


def effect(
    estimate: FloatArray,
    influence: FloatArray,
    event_time: list[int],
    *,
    cluster: npt.NDArray[np.int64] | None = None,
    names: list[str] | None = None,
    aggregation: str | None = "event",
) -> EffectResult:
    """An event study from influence functions, as an estimator would hand it over."""
    n, k = influence.shape
    firms = pd.DataFrame(
        {
            "cohort": [3.0] * (n // 2) + [math.nan] * (n - n // 2),
            "weight": 1.0,
            "cluster": np.arange(n) if cluster is None else cluster,
        },
        index=names if names is not None else range(n),
    )
    return effect_from_influence(
        keys=pd.DataFrame({"term": [f"ATT(e={e})" for e in event_time], "event_time": event_time}),
        estimate=np.asarray(estimate, dtype=np.float64),
        influence=influence,
        firms=firms,
        counts=pd.DataFrame({"n_treated": [n // 2] * k, "n_control": [n - n // 2] * k}),
        method="group_time",
        outcome="jobs",
        family="gaussian",
        label="jobs",
        conf_level=0.95,
        variance="clustered by firm",
        aggregation=aggregation,
        band=False,
    )


def difference(outcome: FloatArray, event_time: list[int], **more: object) -> EffectResult:
    """Differences of means between the first and the second half of the firms, per column."""
    n = len(outcome)
    half = n // 2
    first, second = outcome[:half], outcome[half:]
    influence = np.empty_like(outcome)
    influence[:half] = (first - first.mean(axis=0)) * n / half
    influence[half:] = -(second - second.mean(axis=0)) * n / (n - half)
    gap = first.mean(axis=0) - second.mean(axis=0)
    return effect(gap, influence, event_time, **more)  # type: ignore[arg-type]


def row(of: EffectResult, name: str) -> pd.Series:
    return check(of, [name]).tidy().iloc[0]


# --- pretrends -------------------------------------------------------------------------------------

# Two leads with covariance [[2, 1], [1, 2]] / 4 and an effect; four firms.
LEADS = np.array([[1.0, 1.0, 9.0], [-1.0, 0.0, -9.0], [0.0, -1.0, 5.0], [0.0, 0.0, -5.0]]) * 2
V = np.array([[2.0, 1.0], [1.0, 2.0]]) / 4


def test_the_joint_test_by_hand():
    got = row(effect([0.5, -1.0, 7.0], LEADS, [-2, -1, 0]), "pretrends")
    # inverse of V is 4/3 [[2, -1], [-1, 2]]; b = (1/2, -1): b'V^-1 b = 4/3 (1/2 + 1 + 2) = 14/3
    assert got["statistic"] == pytest.approx(14 / 3)
    assert got["df"] == 2
    assert got["p_value"] == pytest.approx(math.exp(-7 / 3))  # chi-squared with 2 df
    assert got["verdict"] == "passes"
    assert got["n"] == 4


def test_leads_that_share_firms_are_not_tested_as_independent():
    """The wrong variant, a sum of squared t statistics, is not what is reported."""
    got = row(effect([0.5, -1.0, 7.0], LEADS, [-2, -1, 0]), "pretrends")["statistic"]
    wrong = 0.5**2 / V[0, 0] + 1.0**2 / V[1, 1]
    assert got > 1.5 * wrong


def test_effects_after_joining_do_not_enter():
    one = row(effect([0.5, -1.0, 7.0], LEADS, [-2, -1, 0]), "pretrends")
    other = row(effect([0.5, -1.0, 70.0], LEADS, [-2, -1, 0]), "pretrends")
    pd.testing.assert_series_equal(one, other)


def test_years_of_anticipation_are_no_test_of_the_comparison():
    """An effect that is allowed before joining is not a failing pre-trend."""
    import impact
    from impact.simulate.programme import programme

    frame, _ = programme(firms=200, periods=8, cohorts=(5,), seed=4)
    frame.loc[frame["year"] == frame["joined"] - 1, "exports"] += 5.0
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    plain = impact.att(panel, "exports", method="group_time")
    aware = impact.att(panel, "exports", method="group_time", anticipation=1)
    assert check(plain).tidy()["verdict"].tolist() == ["fails"]
    assert check(aware).tidy()["verdict"].tolist() == ["passes"]
    assert check(aware.aggregate("event")).tidy()["df"].iloc[0] == 2


def test_a_pre_trend_fails():
    got = row(effect([5.0, -1.0, 7.0], LEADS, [-2, -1, 0]), "pretrends")
    assert got["verdict"] == "fails"
    assert got["sentence"].startswith("Evidence against parallel trends: the 2 estimates before")
    assert "p < 0.001" in got["sentence"]


def test_passing_never_claims_that_trends_are_parallel():
    sentence = row(effect([0.5, -1.0, 7.0], LEADS, [-2, -1, 0]), "pretrends")["sentence"]
    assert sentence.startswith("No evidence against parallel trends")
    assert "does not show that trends would have stayed parallel" in sentence
    assert "would miss a true difference smaller than" in sentence


def test_the_size_that_could_be_missed_is_that_of_the_best_measured_lead():
    influence = LEADS * [1.0, 0.5, 1.0]
    got = row(effect([0.5, -0.3, 7.0], influence, [-2, -1, 0]), "pretrends")
    least = math.sqrt(2) / 2 * 0.5
    assert got["size"] == pytest.approx(2.801585 * least, rel=1e-6)
    assert "ATT(e=-1), standard error 0.3536" in got["sentence"]


@pytest.mark.parametrize(("std_error", "level"), [(1.0, 0.95), (0.03, 0.9), (250.0, 0.99)])
def test_the_size_that_could_be_missed_has_the_power_it_says(std_error, level):
    size, z = detectable_lead(std_error, level), critical_value(level)
    power = stats.norm.sf(z - size / std_error) + stats.norm.cdf(-z - size / std_error)
    assert power == pytest.approx(0.8, abs=1e-4)


def test_without_a_year_before_joining_nothing_can_be_said():
    got = row(effect([7.0], LEADS[:, 2:], [0]), "pretrends")
    assert got["verdict"] == "cannot tell"
    assert got[["statistic", "df", "p_value", "size"]].isna().all()
    assert "nothing can be said" in got["sentence"]


def test_a_reference_year_is_no_evidence():
    influence = LEADS.copy()
    influence[:, :2] = 0.0  # zero by construction, so without a standard error
    got = row(effect([0.0, 0.0, 7.0], influence, [-2, -1, 0]), "pretrends")
    assert got["verdict"] == "cannot tell"


def test_an_effect_without_event_time_cannot_be_tested():
    plain = effect([7.0], LEADS[:, 2:], [0])
    bare = replace(plain, estimates=plain.estimates.drop(columns="event_time"))
    assert row(bare, "pretrends")["verdict"] == "cannot tell"


def test_more_leads_than_the_firms_can_carry_are_not_tested():
    influence = np.array([[1.0, 2.0], [-1.0, -2.0], [0.5, 1.0], [-0.5, -1.0]])
    got = row(effect([0.1, 0.9], influence, [-2, -1]), "pretrends")
    assert got["verdict"] == "cannot tell"
    assert "singular" in got["sentence"]
    assert math.isnan(got["p_value"])
    assert got["size"] > 0


@given(st.floats(1e-3, 1e3))
@settings(max_examples=20, deadline=None)
def test_the_unit_of_the_outcome_changes_the_size_and_not_the_test(k):
    base = np.array([0.5, -1.0, 7.0])
    one = row(effect(base, LEADS, [-2, -1, 0]), "pretrends")
    other = row(effect(k * base, k * LEADS, [-2, -1, 0]), "pretrends")
    assert other["p_value"] == pytest.approx(one["p_value"], rel=1e-9)
    assert other["size"] == pytest.approx(k * one["size"], rel=1e-10)


def test_size_and_power_with_a_known_truth():
    """500 samples of 120 firms with correlated leads: 5 % rejections, and a trend is found."""
    false, found = [], []
    for replication in range(500):
        rng = np.random.default_rng([SEED, replication])
        shocks = rng.standard_normal((120, 3)) + rng.standard_normal((120, 1))
        false.append(pretrends(difference(shocks, [-2, -1, 0])).verdict == "fails")
        if replication < 100:
            shocks[:60] += [1.0, 0.5, 0.0]
            found.append(pretrends(difference(shocks, [-2, -1, 0])).verdict == "fails")
    assert 0.021 <= np.mean(false) <= 0.079
    assert np.mean(found) > 0.7


# --- leave one out ---------------------------------------------------------------------------------


def outcome(n: int = 100) -> FloatArray:
    return np.random.default_rng([SEED, 1]).standard_normal((n, 1))


def refitted_changes(values: FloatArray) -> FloatArray:
    """The slow twin: the difference of means without each firm in turn."""
    half = len(values) // 2
    treated = np.arange(len(values)) < half

    def gap(keep: npt.NDArray[np.bool_]) -> float:
        return float(values[keep & treated].mean() - values[keep & ~treated].mean())

    everyone = np.ones(len(values), dtype=bool)
    full = gap(everyone)
    out = []
    for i in range(len(values)):
        keep = everyone.copy()
        keep[i] = False
        out.append(gap(keep) - full)
    return np.array(out)


def test_the_largest_change_is_near_that_of_refitting():
    values = outcome()
    got = row(difference(values, [0], aggregation="overall"), "leave_one_out")
    refitted = refitted_changes(values)
    largest = refitted[np.argmax(np.abs(refitted))]
    assert got["size"] == pytest.approx(largest, rel=0.02)  # 1/49 against 100/(50 x 99)
    se = math.sqrt(values[:50].var() / 50 + values[50:].var() / 50)
    assert got["statistic"] == pytest.approx(got["size"] / se)
    assert got["n"] == 100
    assert "first-order" in got["sentence"]
    assert "not refitted" in got["sentence"]


def test_the_firm_that_is_the_result_is_not_named():
    values = outcome()
    values[7] += 100.0
    names = [f"firm-{i:03}" for i in range(100)]
    result = difference(values, [0], aggregation="overall", names=names)
    assert result.influence.iloc[:, 0].abs().idxmax() == "firm-007"
    got = check(result, ["leave_one_out"])
    assert got.tidy()["size"].iloc[0] == pytest.approx(-2.0, abs=0.1)  # 100 of the mean of 50
    assert "firm-" not in got.summary() + got.tidy().to_string()


def test_the_verdict_turns_on_sign_or_significance():
    steady = outcome(40)
    steady[:20] += 5.0
    assert (
        row(difference(steady, [0], aggregation="overall"), "leave_one_out")["verdict"] == "passes"
    )

    carried = np.zeros((40, 1))  # one firm is the whole effect: without it the sign turns
    carried[:20, 0] = np.tile([0.1, -0.3], 10)
    carried[20:, 0] = np.tile([0.1, -0.1], 10)
    carried[0] = 6.0
    got = row(difference(carried, [0], aggregation="overall"), "leave_one_out")
    assert got["verdict"] == "fails"
    assert "its sign changes: 1;" in got["sentence"]

    edge = np.tile([[1.0], [-1.0]], (20, 1)) * 1.0
    edge[:20] += 0.66  # t = 2.09 with the firm that is about to be left out, 1.9 without
    result = difference(edge, [0], aggregation="overall")
    assert result.estimates["p_value"].iloc[0] < 0.05
    got = row(result, "leave_one_out")
    psi = result.influence.iloc[:, 0].to_numpy()
    t_without = [
        (result.estimates["estimate"].iloc[0] - psi[i] / 39)
        / (math.sqrt((psi**2).sum() - psi[i] ** 2) / 39)
        for i in range(40)
    ]
    flips = sum(t < critical_value() for t in t_without)
    assert flips > 0
    assert got["verdict"] == "fails"
    assert f"told from zero: {flips}." in got["sentence"]


def test_standard_errors_without_each_firm_by_loop():
    rng = np.random.default_rng([SEED, 2])
    psi, cluster = rng.standard_normal(30), rng.integers(0, 8, 30)
    change, std_error = without_each(psi, cluster)
    for i in range(30):
        keep = np.arange(30) != i
        sums = [psi[keep & (cluster == c)].sum() for c in range(8)]
        assert std_error[i] == pytest.approx(math.sqrt(sum(s * s for s in sums)) / 29)
        assert change[i] == pytest.approx(-psi[i] / 29)


def test_cells_are_averaged_before_firms_are_left_out():
    cells = effect([0.5, -1.0, 7.0], LEADS, [-2, -1, 0], aggregation=None)
    table = cells.estimates.assign(cohort=3, time=[1, 2, 3])
    got = row(replace(cells, estimates=table), "leave_one_out")
    # The one cell after joining is the overall effect: its largest influence is 18 among 4 firms.
    assert abs(got["size"]) == pytest.approx(18 / 3)


def test_what_has_no_influence_functions_cannot_be_judged():
    plain = effect([7.0], LEADS[:, 2:], [0])
    got = row(replace(plain, influence=None), "leave_one_out")
    assert got["verdict"] == "cannot tell"
    assert pd.isna(got["n"])
    undefined = effect([7.0], LEADS[:, 2:] * 0, [0])
    assert row(undefined, "leave_one_out")["verdict"] == "cannot tell"
    several = effect([0.5, -1.0, 7.0], LEADS, [-2, -1, 0])  # averaged already, and no single number
    assert row(several, "leave_one_out")["verdict"] == "cannot tell"


# --- the verb --------------------------------------------------------------------------------------


def test_checks_run_in_the_order_asked_and_in_canonical_columns():
    result = effect([7.0], LEADS[:, 2:], [0])
    got = check(result, ["leave_one_out", "pretrends"])
    assert got.tidy()["check"].tolist() == ["leave_one_out", "pretrends"]
    assert tuple(got.tidy().columns) == CHECK_COLUMNS
    assert got.effect is result
    assert check(result, "pretrends").tidy()["check"].tolist() == ["pretrends"]
    lines = got.summary().splitlines()
    assert lines[0].startswith("leave_one_out: ")
    assert lines[1].startswith("pretrends: cannot tell. ")


def test_a_check_that_does_not_exist_is_refused_with_the_list():
    with pytest.raises(ImpactError, match=r"'honesty'.*'leave_one_out', 'pretrends'"):
        check(effect([7.0], LEADS[:, 2:], [0]), ["pretrends", "honesty"])


@pytest.mark.parametrize("names", [[], ["pretrends", "pretrends"]])
def test_each_check_is_named_once(names):
    with pytest.raises(EstimationError, match="once"):
        check(effect([7.0], LEADS[:, 2:], [0]), names)


def test_every_registered_check_is_found_and_says_something():
    result = effect([0.5, -1.0, 7.0], LEADS, [-2, -1, 0])
    for method in METHODS.of("check"):
        got = row(result, method.name)
        assert got["verdict"] in ("passes", "fails", "cannot tell")
        assert got["sentence"].endswith(".")


def test_the_effect_is_not_changed():
    result = effect([0.5, -1.0, 7.0], LEADS, [-2, -1, 0])
    before, vcov = result.tidy(), result.vcov.copy()
    check(result, ["pretrends", "leave_one_out"])
    pd.testing.assert_frame_equal(result.estimates, before)
    assert (result.vcov == vcov).all()


def test_the_figure_shows_the_leads_and_what_they_could_miss():
    result = effect([0.5, -1.0, 7.0], LEADS, [-2, -1, 0])
    got = check(result, ["leave_one_out", "pretrends"])
    axes = got.plot().axes[0]
    points = axes.lines[-1]
    assert list(points.get_xdata()) == [-2, -1]
    assert list(points.get_ydata()) == [0.5, -1.0]
    size = got.tidy().set_index("check").loc["pretrends", "size"]
    low, high = axes.patches[0].get_extents().transformed(axes.transData.inverted()).intervaly
    assert (low, high) == pytest.approx((-size, size))


def test_cohorts_of_one_year_do_not_hide_each_other():
    rows = pd.DataFrame(
        {"event_time": [-1, -1, -2], "estimate": [1.0, 2.0, 3.0]}, dtype="float64"
    ).assign(conf_low=0.0, conf_high=4.0)
    points = pretrends_figure(rows, label="jobs", detectable=1.0).axes[0].lines[-1]
    assert len(set(points.get_xdata())) == 3
    assert abs(points.get_xdata()[0] + 1) < 0.5


def test_there_is_no_figure_of_nothing():
    with pytest.raises(EstimationError, match="nothing to draw"):
        check(effect([7.0], LEADS[:, 2:], [0]), ["pretrends"]).plot()
    with pytest.raises(EstimationError, match="nothing to draw"):
        check(effect([0.5, 7.0], LEADS[:, 1:], [-1, 0]), ["leave_one_out"]).plot()
    with pytest.raises(ReportError):
        pretrends_figure(pd.DataFrame(), label="jobs", detectable=1.0)
