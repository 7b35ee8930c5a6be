"""Group-time effects by growth: slow twins, identities, exact relations, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

import impact
from impact.core.errors import DataError, EstimationError
from impact.estimate.did_scores import NotIdentified
from impact.estimate.effect import EffectResult
from impact.estimate.growth_scores import growth_score

KINDS = ("overall", "event", "cohort", "calendar")


def drawn(seed: int, *, firms: int = 60, periods: int = 5, missing: float = 0.0) -> pd.DataFrame:
    """Cohorts 3, 5 and never, counts with zeros, one firm with nothing else; growth depends on size; absent rows, weights."""
    rng = np.random.default_rng(seed)
    joined = np.array([3.0, 5.0, np.nan, np.nan])[np.arange(firms) % 4]
    size = rng.normal(size=firms) + 0.2 * np.isfinite(joined)
    t = np.arange(1, periods + 1)
    index = (0.7 + 0.5 * rng.normal(size=firms) + 0.3 * np.isfinite(joined))[:, None]
    index = index + (0.1 + 0.06 * size[:, None]) * t + 0.3 * (t >= joined[:, None])
    index[[2]] -= 20
    frame = pd.DataFrame(
        {
            "firm": np.repeat(np.arange(firms), periods),
            "year": np.tile(t, firms),
            "joined": np.repeat(joined, periods),
            "weight": np.repeat(rng.uniform(0.5, 2, firms), periods),
            "town": np.repeat(np.arange(firms) // 5, periods),
            "size": np.repeat(size, periods) + 0.2 * rng.normal(size=index.size),
            "exports": rng.poisson(np.exp(index)).ravel().astype(float),
        }
    )
    frame.loc[rng.random(len(frame)) < missing / 2, "exports"] = np.nan
    return frame[rng.random(len(frame)) >= missing / 2].reset_index(drop=True)


def fit(frame: pd.DataFrame, *, weights: str | None = None, **asked: Any) -> EffectResult:
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined", weights=weights)
    return impact.att(panel, "exports", **{"method": "group_time", "family": "poisson", **asked})


def whole(effect: EffectResult) -> list[EffectResult]:
    """Cells, their averages, and all of them in per cent."""
    parts = [effect, *(effect.aggregate(kind) for kind in KINDS)]
    return [*parts, *(part.percent() for part in parts)]


def numbers(effect: EffectResult) -> tuple[np.ndarray, np.ndarray]:
    parts = whole(effect)
    return (
        np.concatenate([part.tidy()["estimate"] for part in parts]),
        np.column_stack([part.influence for part in parts]),
    )


# The slow twin -----------------------------------------------------------------------------------


def twin(frame: pd.DataFrame, *, control: str, estimator: str, base_period: str) -> pd.DataFrame:
    """Every cell from merged data frames and the regressions of another library."""
    rows = frame[frame["exports"].notna()]
    rows = rows[rows.groupby("firm")["exports"].transform("size") >= 2]
    cells = []
    for g in sorted(rows["joined"].dropna().unique()):
        for t in range(1, 6):
            base = g - 1 if base_period == "universal" or t >= g else t - 1
            if base < 1:
                continue
            eligible = rows["joined"].isna() | (rows["joined"] == g)
            if control == "not_yet":
                eligible |= rows["joined"] > max(t, base)
            pair = pd.merge(
                rows[eligible & (rows["year"] == base)],
                rows[eligible & (rows["year"] == t)][["firm", "exports"]],
                on="firm",
                suffixes=("", "_later"),
            )
            pair["d"] = pair["joined"] == g
            effect = 0.0 if t == base else twin_cell(pair, estimator)
            cells.append((int(g), t, effect, pair["d"].sum(), (~pair["d"]).sum()))
    return pd.DataFrame(cells, columns=["cohort", "time", "estimate", "n_treated", "n_control"])


def twin_cell(pair: pd.DataFrame, estimator: str) -> float:
    x = sm.add_constant(pair[["size"]])
    own, others = pair[pair["d"]], pair[~pair["d"]]
    b, a, w = pair["exports"], pair["exports_later"], pair["weight"]
    rest, without = a, 0.0
    if estimator in ("dr", "reg"):
        both = others["exports"] + others["exports_later"]
        some = both > 0
        model = sm.GLM(
            others["exports_later"][some] / both[some],
            x[~pair["d"]][some],
            sm.families.Binomial(),
            freq_weights=(others["weight"] * both)[some],
        ).fit(tol=1e-14, maxiter=200)
        grown = b * np.exp(x @ model.params)
        rest = a - grown
        without = float(np.average(grown[pair["d"]], weights=own["weight"]))
    if estimator in ("dr", "ipw"):
        use = b > 0
        euros = sm.GLM(
            pair["d"][use].astype(float),
            x[use],
            sm.families.Binomial(),
            freq_weights=(w * b)[use],
        ).fit(tol=1e-14, maxiter=200)
        odds = (w * np.exp(x @ euros.params))[~pair["d"]]
        share = (odds * rest[~pair["d"]]).sum() / (odds * others["exports"]).sum()
        without += share * float(np.average(own["exports"], weights=own["weight"]))
    return float(np.average(own["exports_later"], weights=own["weight"]) - without)


@pytest.mark.parametrize("base_period", ["varying", "universal"])
@pytest.mark.parametrize("control", ["never", "not_yet"])
@pytest.mark.parametrize("estimator", ["dr", "ipw", "reg"])
def test_slow_twin(estimator: str, control: str, base_period: str) -> None:
    frame = drawn(11, missing=0.1)
    options = {"estimator": estimator, "control": control, "base_period": base_period}
    got = fit(frame, weights="weight", covariates=["size"], **options).tidy()
    expected = twin(frame, **options)
    pd.testing.assert_frame_equal(
        got[expected.columns], expected, check_dtype=False, rtol=0, atol=1e-8
    )


def test_the_twin_can_say_no() -> None:
    frame = drawn(11, missing=0.1)
    options = {"estimator": "dr", "control": "never", "base_period": "varying"}
    got = fit(frame, covariates=["size"], **options).tidy()  # without the weights
    assert (got["estimate"] - twin(frame, **options)["estimate"]).abs().max() > 1e-3


# Identities --------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [None, "weight"])
def test_the_extended_two_way_model_against_firms_that_never_join(weights: str | None) -> None:
    """On a balanced panel without covariates: estimates, errors, averages, per cent."""
    frame = drawn(3)
    mine = fit(frame, weights=weights, base_period="universal")
    other = fit(frame, weights=weights, method="etwfe", control="never")
    rows = mine.tidy().query("estimate != 0").index
    for one, two in ((mine, other), (mine.percent(), other.percent())):
        a, b = one.tidy().loc[rows].reset_index(drop=True), two.tidy()
        for column in ("estimate", "std_error"):
            np.testing.assert_allclose(a[column], b[column], rtol=1e-9, atol=1e-10)
    for one, two in zip(whole(mine)[1:2], whole(other)[1:2], strict=True):
        np.testing.assert_allclose(one.tidy()["std_error"], two.tidy()["std_error"], rtol=1e-9)


def test_one_cohort_and_two_periods_are_one_number_in_every_method() -> None:
    """Two-by-two, group-time, imputation and etwfe, with their errors."""
    frame = drawn(4).query("year >= 2 and year <= 3 and joined != 5")
    found = [
        fit(frame, method=method).tidy()[["estimate", "std_error"]].to_numpy()
        for method in ("group_time", "imputation", "etwfe", "two_by_two")
    ]
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=1e-10)
    own, others = (frame[frame["joined"].notna() == joins] for joins in (True, False))
    mean = [part.groupby("year")["exports"].mean() for part in (own, others)]
    assert found[0][0, 0] == pytest.approx(
        mean[0][3] - mean[0][2] * mean[1][3] / mean[1][2], abs=1e-12
    )


def test_estimators_are_one_without_covariates() -> None:
    found = [fit(drawn(5), estimator=name).tidy() for name in ("dr", "ipw", "reg")]
    pd.testing.assert_frame_equal(found[0], found[1])
    pd.testing.assert_frame_equal(found[0], found[2])


def test_cross_sections_of_a_balanced_panel_are_the_panel() -> None:
    frame = drawn(6)
    one, two = fit(frame), fit(frame, unbalanced="cross_sections")
    for column in ("estimate", "std_error"):
        np.testing.assert_allclose(one.tidy()[column], two.tidy()[column], rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(
        one.aggregate().percent().tidy()["std_error"],
        two.aggregate().percent().tidy()["std_error"],
        rtol=1e-9,
    )


# Influence functions -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"unbalanced": "cross_sections"},
        {"covariates": ["size"], "estimator": "dr"},
        {"covariates": ["size"], "estimator": "ipw"},
        {"covariates": ["size"], "estimator": "reg", "control": "not_yet"},
    ],
    ids=str,
)
def test_influence_is_the_derivative_of_everything_in_a_firms_weight(asked: dict[str, Any]) -> None:
    """Cells, averages and per cent; estimation of growth and of odds included, on an unbalanced panel."""
    frame = drawn(12, firms=40, missing=0.1)
    _, influence = numbers(fit(frame, weights="weight", **asked))
    firms = fit(frame, weights="weight", **asked).firms.index
    step = 1e-5
    for position in range(0, len(firms), 9):
        own = frame["firm"] == firms[position]
        up, down = (
            frame.assign(weight=frame["weight"].where(~own, frame["weight"] * (1 + s)))
            for s in (step, -step)
        )
        there, back = (numbers(fit(x, weights="weight", **asked))[0] for x in (up, down))
        slope = (there - back) / (2 * step) * len(firms)
        np.testing.assert_allclose(influence[position], slope, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("asked", [{}, {"covariates": ["size"]}], ids=str)
def test_jackknife(asked: dict[str, Any]) -> None:
    frame = drawn(13, firms=80)
    effect = fit(frame, **asked)
    overall = [effect.aggregate(), effect.aggregate().percent()]
    left_out = []
    for firm in range(80):
        part = fit(frame[frame["firm"] != firm], **asked).aggregate()
        left_out.append([x.tidy()["estimate"].item() for x in (part, part.percent())])
    errors = np.sqrt(79 * np.var(left_out, axis=0))
    got = [x.tidy()["std_error"].item() for x in overall]
    np.testing.assert_allclose(got, errors, rtol=0.08)


# Exact relations ---------------------------------------------------------------------------------

some = settings(max_examples=6, deadline=None, derandomize=True)
panels = st.builds(drawn, st.integers(0, 10_000), missing=st.sampled_from([0.0, 0.15]))
options = st.fixed_dictionaries(
    {
        "control": st.sampled_from(["never", "not_yet"]),
        "estimator": st.sampled_from(["dr", "ipw", "reg"]),
        "base_period": st.sampled_from(["varying", "universal"]),
        "covariates": st.sampled_from([[], ["size"]]),
    }
)


def same(one: EffectResult, two: EffectResult, scale: float = 1.0, error: float = 1.0) -> None:
    for a, b in zip(whole(one), whole(two), strict=True):
        by = 1.0 if a.scale == "percent" else scale
        for column, factor in (("estimate", by), ("std_error", by * error)):
            np.testing.assert_allclose(
                b.tidy()[column], factor * a.tidy()[column], rtol=1e-7, atol=1e-8 * by
            )


@some
@given(panels, options, st.integers(0, 99))
def test_order_of_rows(frame: pd.DataFrame, asked: dict[str, Any], seed: int) -> None:
    mixed = frame.sample(frac=1, random_state=seed)[frame.columns[::-1]]
    first, second = (fit(x, weights="weight", **asked) for x in (frame, mixed))
    for a, b in zip(whole(first), whole(second), strict=True):
        pd.testing.assert_frame_equal(a.tidy(), b.tidy(), check_exact=True)


@some
@given(panels, options)
def test_unit_of_the_outcome_and_of_a_covariate(frame: pd.DataFrame, asked: dict[str, Any]) -> None:
    """Effects scale, per cent stay."""
    other = frame.assign(exports=frame["exports"] * 1000, size=7 - 3 * frame["size"])
    same(fit(frame, **asked), fit(other, **asked), scale=1000)


@some
@given(panels, options)
def test_every_firm_twice(frame: pd.DataFrame, asked: dict[str, Any]) -> None:
    twice = pd.concat([frame, frame.assign(firm=frame["firm"] + 1000)])
    same(fit(frame, **asked), fit(twice, **asked), error=np.sqrt(0.5))


@some
@given(panels, options)
def test_firms_of_zeros_that_never_join_change_no_estimate(
    frame: pd.DataFrame, asked: dict[str, Any]
) -> None:
    zeros = frame[frame["firm"] % 4 == 3].assign(exports=0.0, firm=lambda x: x["firm"] + 1000)
    one, two = fit(frame, **asked), fit(pd.concat([frame, zeros]), **asked)
    np.testing.assert_allclose(two.tidy()["estimate"], one.tidy()["estimate"], rtol=1e-8, atol=1e-8)


@some
@given(panels, options)
def test_a_column_that_adds_nothing(frame: pd.DataFrame, asked: dict[str, Any]) -> None:
    asked = {**asked, "covariates": ["size"]}
    frame = frame.assign(again=2 * frame["size"] + 1, one=1.0)
    more = fit(frame, **{**asked, "covariates": ["size", "again", "one"]})
    same(fit(frame, **asked), more)
    assert any("'again'" in note for note in more.notes)


# Doubly robust -----------------------------------------------------------------------------------

LINE, BEND = (lambda x: x), (lambda x: 1.5 * (np.abs(x) - 0.8))


def two_periods(seed: Any, n: int, joins: str, grows: str) -> tuple[np.ndarray, ...]:
    """Joining, levels (given x, of another shape in each group) and growth depend on x, by a line or by a bend that a model in x misses."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    into, growth = ({"line": LINE, "bend": BEND}[kind](x) for kind in (joins, grows))
    d = rng.uniform(size=n) < 1 / (1 + np.exp(-0.6 * into))
    level = np.exp(0.5 + np.where(d, 0.6 + 0.35 * x, 0.1 * x) + 0.5 * rng.normal(size=n) - 0.125)
    without = level * np.exp(0.2 + 0.3 * growth)
    before = rng.poisson(level * np.exp(0.3 * rng.normal(size=n) - 0.045)).astype(float)
    after = rng.poisson(without * np.where(d, 1.25, 1)).astype(float)
    return before, after, d, x, without


def plain_odds(before: np.ndarray, after: np.ndarray, d: np.ndarray, x: np.ndarray) -> float:
    """Odds of firms in the place of odds of euros: right only where levels given x have one shape in both groups."""
    p = sm.Logit(d.astype(float), sm.add_constant(x)).fit(disp=0).predict()
    odds = np.where(d, 0.0, p / (1 - p))
    return float(after[d].mean() - before[d].mean() * (odds @ after) / (odds @ before))


def robustness(draws: int, n: int, joins: str, grows: str) -> pd.DataFrame:
    """Bias in standard deviations, and coverage."""
    large = two_periods(99, 2_000_000, joins, grows)
    truth = 0.25 * float(large[4][large[2]].mean())
    rows = []
    for r in range(draws):
        before, after, d, x, _ = two_periods([7, r], n, joins, grows)
        design = np.column_stack([np.ones(n), x])
        for name in ("dr", "ipw", "reg"):
            score = growth_score(name, before[:, None], after[:, None], d, np.ones(n), design)
            error = float(np.sqrt((score.influence**2).sum())) / n
            rows.append((name, float(score.att[0]) - truth, error))
        rows.append(("plain odds", plain_odds(before, after, d, x) - truth, np.nan))
    table = pd.DataFrame(rows, columns=["name", "off", "error"])
    table["inside"] = table["off"].abs() < 1.959964 * table["error"]
    found = table.groupby("name").agg(
        off=("off", "mean"), sd=("off", "std"), inside=("inside", "mean")
    )
    return found.assign(bias=found["off"] / found["sd"])


RIGHT = {
    ("line", "line"): {"dr", "ipw", "reg"},
    ("line", "bend"): {"dr", "ipw"},
    ("bend", "line"): {"dr", "reg"},
    ("bend", "bend"): set(),
}


@pytest.mark.parametrize(("joins", "grows"), [("line", "bend")])
def test_doubly_robust(joins: str, grows: str) -> None:
    found = robustness(60, 1500, joins, grows)
    for name in ("dr", "ipw", "reg"):
        right = name in RIGHT[joins, grows]
        assert (abs(found.loc[name, "bias"]) < 0.4) == right, found
    assert abs(found.loc["plain odds", "bias"]) > 0.4, found


@pytest.mark.proof
@pytest.mark.parametrize(("joins", "grows"), list(RIGHT))
def test_doubly_robust_long(joins: str, grows: str) -> None:
    found = robustness(2000, 1500, joins, grows)
    print(joins, grows, found.round(3).to_string(), sep="\n")
    for name in ("dr", "ipw", "reg"):
        right = name in RIGHT[joins, grows]
        if right:
            assert abs(found.loc[name, "bias"]) < max(3 / np.sqrt(2000), 0.06), found
            assert 0.935 <= found.loc[name, "inside"] <= 0.965, found
        elif joins != grows:
            assert abs(found.loc[name, "bias"]) > 0.3, found
    assert abs(found.loc["plain odds", "bias"]) > 0.3, found


# What cannot be estimated ------------------------------------------------------------------------


def test_a_year_of_zeros_is_missing_and_leaves_the_others() -> None:
    frame = drawn(8)
    never = frame["joined"].isna()
    whole_effect = fit(frame).tidy().set_index(["cohort", "time"])["estimate"]
    gone = fit(frame.assign(exports=frame["exports"].where(~(never & (frame["year"] == 4)), 0.0)))
    got = gone.tidy().set_index(["cohort", "time"])["estimate"]
    assert np.isnan([got[3, 4], got[5, 4], got[5, 5]]).all()
    for cell in ((3, 2), (3, 3), (3, 5), (5, 2), (5, 3)):
        assert got[cell] == pytest.approx(whole_effect[cell], abs=1e-12)
    assert any("ATT(3,4)" in note and "nothing tells" in note for note in gone.notes)
    assert any("ATT(5,5)" in note and "show no growth" in note for note in gone.notes)


def test_a_cohort_that_exported_nothing_has_no_growth() -> None:
    frame = drawn(9)
    early = (frame["joined"] == 3) & (frame["year"] < 3)
    effect = fit(frame.assign(exports=frame["exports"].where(~early, 0.0)))
    assert effect.tidy().query("cohort == 3")["estimate"].isna().all()
    assert effect.tidy().query("cohort == 5")["estimate"].notna().all()
    assert any("nothing grows from 0" in note for note in effect.notes)


def test_a_cohort_that_exports_nothing_any_more_has_lost_all_of_it() -> None:
    frame = drawn(9)
    late = (frame["joined"] == 5) & (frame["year"] == 5)
    effect = fit(frame.assign(exports=frame["exports"].where(~late, 0.0)))
    row = effect.percent().tidy().query("cohort == 5 and time == 5")
    assert row["estimate"].item() == pytest.approx(-100, abs=1e-10)


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ({"unbalanced": "cross_sections", "covariates": ["size"]}, EstimationError, "alike at its base period"),
        ({"method": "stacked"}, EstimationError, "these have it: 'etwfe', 'group_time', 'imputation', 'two_by_two'"),
        ({"method": "twfe"}, EstimationError, "these have it"),
        ({"method": "stacked", "family": "logit"}, EstimationError, "these have it: 'etwfe'"),
    ],
)  # fmt: skip
def test_refusals(asked: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        fit(drawn(1), **asked)


def test_amounts_below_0_are_refused_with_their_rows() -> None:
    frame = drawn(1)
    frame.loc[7, "exports"] = -3.0
    with pytest.raises(DataError, match=r"0 or more: firm 1, period 3"):
        fit(frame)


def test_separated_growth_is_refused() -> None:
    """Comparison firms above a size all lose everything: growth there is 0, which no finite slope says."""
    rng = np.random.default_rng(1)
    x, d = rng.normal(size=60), np.arange(60) % 2 == 0
    design = np.column_stack([np.ones(60), x > 0, x])
    before, after = rng.poisson(3, 60) + 1.0, rng.poisson(3, 60) * (x <= 0)
    with pytest.raises(NotIdentified, match="would have grown"):
        growth_score("reg", before[:, None], after[:, None].astype(float), d, np.ones(60), design)


def test_the_plan_of_the_house_on_matched_firms() -> None:
    frame = drawn(2, firms=120)
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    matched = impact.match(panel, on=["size"])
    effect = impact.att(matched, "exports", method="group_time", family="poisson", cluster="firm")
    pairs = matched.data.data[matched.weights > 0]
    again = fit(pairs)
    np.testing.assert_allclose(effect.tidy()["estimate"], again.tidy()["estimate"], rtol=1e-12)
    assert effect.aggregate().percent().tidy()["std_error"].notna().all()


def test_the_refusal_of_logarithms_of_zeros_names_what_works() -> None:
    frame = drawn(2)
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    with pytest.raises(
        EstimationError, match=r"method='group_time', family='poisson'\)"
    ) as refusal:
        impact.att(panel, "log1p(exports)", method="group_time")
    call = str(refusal.value).split("cohorts and years: ")[1].split(", whose")[0]
    effect = eval(call, {"impact": impact, "panel": panel})
    assert effect.aggregate().percent().tidy()["std_error"].notna().all()


def test_the_help_names_who_takes_the_family() -> None:
    text = " ".join((impact.att.__doc__ or "").split())
    table = impact.methods().query("verb == 'att'").set_index("method")["families"]
    able = set(table.index[table.str.contains("poisson")])
    said = text.split('`family="poisson"` is taken by')[1].split(", `family=")[0]
    assert {word.strip("`, ") for word in said.replace(" and ", " ").split()} == able
