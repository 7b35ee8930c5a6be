"""Extended two-way model against slow twins: dummies and plain Newton steps, and weights moved by hand; exact relations on drawn panels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

import impact
from impact.estimate.etwfe_families import FAMILIES
from impact.estimate.etwfe_layout import Block, ties

NUMBERS = ["estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]
OUTCOME = {"gaussian": "amount", "poisson": "count", "logit": "yes"}


def drawn(seed: int, *, firms: int = 60, periods: int = 5, missing: float = 0.1) -> pd.DataFrame:
    """A small messy panel: cohorts 3, 4 and never, absent rows, missing outcomes, weights, a covariate."""
    rng = np.random.default_rng(seed)
    joined = np.array([3.0, 4.0, np.nan])[np.arange(firms) % 3]
    frame = pd.DataFrame(
        {
            "firm": np.repeat(np.arange(firms), periods),
            "year": np.tile(np.arange(1, periods + 1), firms),
            "joined": np.repeat(joined, periods),
            "weight": np.repeat(rng.uniform(0.5, 2, firms), periods),
            "town": np.repeat(np.arange(firms) // 5, periods),
            "size": np.repeat(rng.normal(size=firms), periods),
        }
    )
    index = (
        0.3 * frame["size"] + 0.1 * frame["year"] + np.repeat(0.3 * rng.normal(size=firms), periods)
    )
    index += 0.4 * (frame["year"] >= frame["joined"])
    frame["amount"] = index + rng.normal(size=len(frame))
    frame["count"] = rng.poisson(np.exp(index)).astype(float)
    frame["yes"] = (rng.random(len(frame)) < expit(index - 0.4)).astype(float)
    gone = (rng.random(len(frame)) < missing) & (frame["year"] > 1)
    frame[list(OUTCOME.values())] = frame[list(OUTCOME.values())].mask(gone)
    return frame


def fit(
    frame: pd.DataFrame, family: str = "poisson", *, weights: str | None = None, **asked: Any
) -> impact.EffectResult:
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined", weights=weights)
    return impact.att(panel, OUTCOME[family], method="etwfe", family=family, **asked)


# The slow twins ----------------------------------------------------------------------------------


def pooled(
    frame: pd.DataFrame, family: str, control: str, effects: str, covariate: str | None
) -> pd.DataFrame:
    """Every parameter a dummy, Newton steps on rows, the treatment switched off in the fitted model."""
    rows = frame[frame[OUTCOME[family]].notna()]
    if effects == "firm":
        rows = rows[rows.groupby("firm")["year"].transform("size") >= 2]
    y, w = rows[OUTCOME[family]].to_numpy(), rows["weight"].to_numpy()
    cohort, year = rows["joined"].fillna(0), rows["year"]
    level = [(rows["firm"] == f) for f in rows["firm"].unique()] if effects == "firm" else [cohort == g for g in cohort.unique()]  # fmt: skip
    times = [year == t for t in sorted(year.unique())[1:]]
    off = [*level, *times]
    if covariate:
        x = rows[covariate]
        off += [x * t for t in times] + ([] if effects == "firm" else [x * c for c in level])
    keys, on = [], []
    for g in (3, 4):
        for t in range(1, 6):
            if t >= g or (control == "never" and t != g - 1):
                keys.append((g, t))
                inside = (cohort == g) & (year == t)
                on.append([inside, *([x * inside] if covariate else [])])
    columns = [*off, *(c for cell in on for c in cell)]
    design = np.column_stack([np.asarray(c, dtype=float) for c in columns])
    mean = {"gaussian": lambda e: e, "poisson": np.exp, "logit": expit}[family]
    slope = {"gaussian": np.ones_like, "poisson": lambda m: m, "logit": lambda m: m * (1 - m)}[
        family
    ]
    b = np.zeros(design.shape[1])
    for _ in range(60):
        m = mean(design @ b)
        second = design.T @ (design * (w * slope(m))[:, None])
        b = b + np.linalg.lstsq(second, design.T @ (w * (y - m)), rcond=1e-12)[0]
    without = design.copy()
    without[:, len(off) :] = 0
    gap, none = mean(design @ b) - mean(without @ b), mean(without @ b)
    table = []
    for (g, t), cell in zip(keys, on, strict=True):
        inside = np.asarray(cell[0])
        table.append((g, t, np.average(gap[inside], weights=w[inside]), np.average(none[inside], weights=w[inside])))  # fmt: skip
    return pd.DataFrame(table, columns=["cohort", "time", "estimate", "baseline"])


GRID = [
    (family, control, effects, covariate)
    for family in OUTCOME
    for control in ("not_yet", "never")
    for effects in ("cohort", "firm")
    for covariate in (None, "size")
    if (family, effects) != ("logit", "firm")
]


@pytest.mark.parametrize(("family", "control", "effects", "covariate"), GRID)
def test_slow_twin(family: str, control: str, effects: str, covariate: str | None) -> None:
    frame = drawn(5)
    if family == "poisson" and effects == "firm":
        positive = frame.groupby("firm")["count"].transform("sum") > 0
        frame = frame[positive]
    expected = pooled(frame, family, control, effects, covariate)
    effect = fit(
        frame, family, weights="weight", control=control, effects=effects, covariates=[covariate] if covariate else None
    )  # fmt: skip
    got = effect.tidy()
    assert (
        got[["cohort", "time"]].to_numpy().tolist()
        == expected[["cohort", "time"]].to_numpy().tolist()
    )
    np.testing.assert_allclose(got["estimate"], expected["estimate"], atol=1e-8)
    np.testing.assert_allclose(effect.baseline, expected["baseline"], atol=1e-8)


def test_the_twin_can_say_no() -> None:
    frame = drawn(5)
    expected = pooled(frame, "poisson", "not_yet", "cohort", "size")["estimate"]
    other = fit(frame, "poisson", weights="weight").tidy()["estimate"]
    assert (other - expected).abs().max() > 1e-3


def imputed(frame: pd.DataFrame) -> pd.Series:
    """Firm and year effects from untreated firm-years, then mean residuals of the cells: imputation, with dummies."""
    free = ~(frame["year"] >= frame["joined"])
    x = np.column_stack(
        [pd.get_dummies(frame["firm"]).to_numpy(float), pd.get_dummies(frame["year"]).to_numpy(float)[:, 1:]]
    )  # fmt: skip
    b, *_ = np.linalg.lstsq(x[free], frame.loc[free, "amount"], rcond=None)
    rest = (frame["amount"] - x @ b)[~free]
    return rest.groupby([frame["joined"][~free], frame["year"][~free]]).mean()


@pytest.mark.parametrize("effects", ["cohort", "firm"])
def test_linear_and_balanced_is_imputation(effects: str) -> None:
    frame = drawn(8, missing=0.0)
    np.testing.assert_allclose(
        fit(frame, "gaussian", effects=effects).tidy()["estimate"], imputed(frame), atol=1e-10
    )


@pytest.mark.parametrize("covariates", [None, ["size"]])
def test_linear_against_never_is_group_time_with_a_universal_base(
    covariates: list[str] | None,
) -> None:
    frame = drawn(9, missing=0.0)
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined", weights="weight")
    other = impact.att(
        panel, "amount", method="group_time", base_period="universal", estimator="reg", covariates=covariates
    )  # fmt: skip
    keys = ["cohort", "time"]
    expected = other.tidy().query("event_time != -1").set_index(keys)
    got = fit(frame, "gaussian", weights="weight", control="never", covariates=covariates)
    table = got.tidy().set_index(keys)
    for column in ("estimate", "std_error"):
        np.testing.assert_allclose(table[column], expected.loc[table.index, column], atol=1e-10)
    for kind in ("overall", "cohort", "calendar"):
        one, two = got.aggregate(kind).tidy(), other.aggregate(kind).tidy()
        np.testing.assert_allclose(one[NUMBERS], two[NUMBERS], atol=1e-8)


@pytest.mark.parametrize(("family", "covariates"), [("gaussian", None), ("gaussian", ["size"]), ("poisson", None)])  # fmt: skip
def test_levels_of_cohorts_and_of_firms_are_one_on_balanced_panels(
    family: str, covariates: list[str] | None
) -> None:
    frame = drawn(10, missing=0.0)
    one, two = (fit(frame, family, effects=e, covariates=covariates) for e in ("cohort", "firm"))
    np.testing.assert_allclose(one.tidy()[NUMBERS], two.tidy()[NUMBERS], atol=1e-8)
    np.testing.assert_allclose(one.baseline, two.baseline, atol=1e-8)
    np.testing.assert_allclose(one.influence, two.influence, atol=1e-7)


def test_levels_of_cohorts_and_of_firms_differ_on_unbalanced_panels_and_with_covariates() -> None:
    for frame, covariates in ((drawn(10), None), (drawn(10, missing=0.0), ["size"])):
        one, two = (fit(frame, effects=e, covariates=covariates).tidy() for e in ("cohort", "firm"))
        assert (one["estimate"] - two["estimate"]).abs().max() > 1e-4


def test_poisson_by_hand() -> None:
    """One cohort, two years: the ratio of ratios of means."""
    frame = drawn(3, missing=0.0)
    frame = frame[(frame["joined"] != 4) & frame["year"].isin([2, 3])]
    effect = fit(frame)
    m = frame.groupby([frame["joined"].notna(), "year"])["count"].mean()
    none = m[True, 2] * m[False, 3] / m[False, 2]
    assert effect.tidy()["estimate"].item() == pytest.approx(m[True, 3] - none, abs=1e-10)
    assert effect.percent().tidy()["estimate"].item() == pytest.approx(
        100 * (m[True, 3] / none - 1), abs=1e-8
    )
    link = fit(frame, scale="link").tidy()["estimate"].item()
    assert link == pytest.approx(np.log(m[True, 3] / none), abs=1e-10)


@pytest.mark.parametrize("scale", ["response", "link"])
@pytest.mark.parametrize(("family", "control", "effects", "covariate"), GRID)
def test_influence_is_the_derivative_of_everything_in_a_firms_weight(
    family: str, control: str, effects: str, covariate: str | None, scale: str
) -> None:
    """Cells, averages and baselines on an unbalanced panel: the whole variance, without a formula."""
    frame = drawn(12, firms=45)
    asked: dict[str, Any] = {
        "weights": "weight", "control": control, "effects": effects, "scale": scale, "covariates": [covariate] if covariate else None,
    }  # fmt: skip

    def numbers(data: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, pd.Index]:
        effect = fit(data, family, **asked)
        parts = [effect, effect.aggregate("overall"), effect.aggregate("event")]
        values = [part.tidy()["estimate"] for part in parts]
        moved = [part.influence for part in parts]
        if scale == "response":
            values += [part.baseline for part in parts]
            moved += [part.baseline_influence for part in parts]
        return np.concatenate(values), np.column_stack(moved), effect.firms.index

    _, influence, firms = numbers(frame)
    step = 1e-4
    for position in range(0, len(firms), 11):
        own = frame["firm"] == firms[position]
        up = frame.assign(weight=frame["weight"].where(~own, frame["weight"] * (1 + step)))
        down = frame.assign(weight=frame["weight"].where(~own, frame["weight"] * (1 - step)))
        slope = (numbers(up)[0] - numbers(down)[0]) / (2 * step) * len(firms)
        np.testing.assert_allclose(influence[position], slope, rtol=1e-5, atol=1e-5)


# Separation --------------------------------------------------------------------------------------


@given(st.integers(0, 100_000))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_separated_cells_of_a_table_are_those_that_a_linear_programme_finds(seed: int) -> None:
    from scipy.optimize import linprog

    rng = np.random.default_rng(seed)
    cohorts, periods = 4, 4
    family = FAMILIES[["poisson", "logit"][seed % 2]]
    mean = rng.choice([0.0, 0.5, 1.0], p=[0.45, 0.4, 0.15], size=(cohorts, periods))
    seen = rng.random((cohorts, periods)) < 0.75
    blocks = [
        Block(g, np.array([0]), mean[[g]], seen[[g]].astype(float), np.ones((1, 1)), *[np.ones(periods, dtype=bool)] * 2)
        for g in range(cohorts)
    ]  # fmt: skip
    tied = ties(blocks, family)
    rows, limit = [], []
    for g, t in np.argwhere(seen):
        row = np.zeros(cohorts + periods)
        row[g] = row[cohorts + t] = 1
        low, high = mean[g, t] == family.low, mean[g, t] == family.high
        rows.append(-row if high else row)
        limit.append(low or high)
    # Directions that move no cell up, cells within the limits not at all, and as many as possible down.
    x, may = np.array(rows), np.array(limit)
    down = np.eye(len(x))
    found = linprog(
        np.concatenate([np.zeros(x.shape[1]), -np.ones(len(x))]),
        A_ub=np.hstack([x, down]),
        b_ub=np.zeros(len(x)),
        A_eq=np.hstack([x, 0 * down])[~may] if not may.all() else None,
        b_eq=np.zeros((~may).sum()) if not may.all() else None,
        bounds=[(None, None)] * x.shape[1] + [(0, 1)] * len(x),
    )
    separated = found.x[x.shape[1] :] > 0.5
    ours = [tied.cohort[g] != tied.period[t] for g, t in np.argwhere(seen)]
    assert ours == separated.tolist()


# Exact relations (numbers as in the design) ------------------------------------------------------

panels = st.builds(
    drawn,
    st.integers(0, 10_000),
    firms=st.sampled_from([60, 75]),
    periods=st.sampled_from([5, 6]),
    missing=st.sampled_from([0.0, 0.1]),
)
options = st.sampled_from(
    [
        {"family": f, "control": c, "effects": e, "covariates": x}
        for f, c, e, x in GRID
        if f != "logit" or x is None  # a small logit with slopes is separated too often
    ]
).map(lambda o: {**o, "covariates": ["size"] if o["covariates"] else None})
some = settings(max_examples=8, deadline=None, derandomize=True)


def same(
    got: impact.EffectResult, expected: impact.EffectResult, *, error: float = 1.0, unit: float = 1.0, rtol: float = 1e-7
) -> None:  # fmt: skip
    for column, factor in (("estimate", unit), ("std_error", error * abs(unit))):
        one, two = got.tidy()[column], factor * expected.tidy()[column]
        np.testing.assert_allclose(one, two, rtol=rtol, atol=rtol * abs(unit))


@some
@given(panels, options, st.integers(0, 99))
def test_1_order_of_rows_and_columns(frame: pd.DataFrame, asked: dict[str, Any], seed: int) -> None:
    mixed = frame.sample(frac=1, random_state=seed)[frame.columns[::-1]]
    first, second = (fit(x, weights="weight", **asked) for x in (frame, mixed))
    pd.testing.assert_frame_equal(first.tidy(), second.tidy(), check_exact=True)


@some
@given(panels, options, st.integers(0, 99))
def test_2_names_of_firms(frame: pd.DataFrame, asked: dict[str, Any], seed: int) -> None:
    names = np.random.default_rng(seed).permutation(1000)
    same(fit(frame.assign(firm=names[frame["firm"]]), **asked), fit(frame, **asked))


@some
@given(panels, options)
def test_2_names_of_cohorts_and_years(frame: pd.DataFrame, asked: dict[str, Any]) -> None:
    later = frame.assign(year=frame["year"] + 2000, joined=frame["joined"] + 2000)
    same(fit(later, **asked), fit(frame, **asked), rtol=1e-12)


@some
@given(panels, options)
def test_3_unit_of_the_outcome(frame: pd.DataFrame, asked: dict[str, Any]) -> None:
    if asked["family"] == "logit":
        asked = {**asked, "family": "poisson"}
    name = OUTCOME[asked["family"]]
    scaled = frame.assign(**{name: frame[name] * 1000})
    effect, expected = fit(scaled, **asked), fit(frame, **asked)
    same(effect, expected, unit=1000.0)
    link = {"scale": "link"}
    if asked["family"] == "poisson":
        same(fit(scaled, **asked, **link), fit(frame, **asked, **link))
        same(effect.percent(), expected.percent())


@some
@given(panels, options)
def test_3_no_becomes_yes(frame: pd.DataFrame, asked: dict[str, Any]) -> None:
    asked = {"family": "logit", "control": asked["control"]}
    same(fit(frame.assign(yes=1 - frame["yes"]), **asked), fit(frame, **asked), unit=-1.0)


@some
@given(panels, options)
def test_4_constants_of_cohorts_and_years(frame: pd.DataFrame, asked: dict[str, Any]) -> None:
    """Added to a linear outcome, or (just identified) multiplied with a Poisson one: nothing moves but the level."""
    move = 0.5 * frame["joined"].fillna(0) + 0.2 * frame["year"] ** 2
    linear = {**asked, "family": "gaussian"}
    same(fit(frame.assign(amount=frame["amount"] + move), **linear), fit(frame, **linear))
    ratio = {"family": "poisson", "scale": "link", "control": "never"}
    grown = frame.assign(count=frame["count"] * np.exp(move / 4))
    same(fit(grown, **ratio), fit(frame, **ratio))


@some
@given(panels, options)
def test_4_constants_of_firms(frame: pd.DataFrame, asked: dict[str, Any]) -> None:
    """With levels of firms, a constant of each firm moves no linear effect."""
    asked = {**asked, "family": "gaussian", "effects": "firm"}
    level = np.random.default_rng(1).normal(size=1000)[frame["firm"]]
    same(fit(frame.assign(amount=frame["amount"] + level), **asked), fit(frame, **asked))


@some
@given(panels, options)
def test_5_6_7_covariates(frame: pd.DataFrame, asked: dict[str, Any]) -> None:
    """Other units; a constant; a copy: the last two are named and left out."""
    asked = {**asked, "covariates": ["size"]}
    if asked["family"] == "logit":
        asked["family"] = "gaussian"
    expected = fit(frame, **asked)
    same(fit(frame.assign(size=7 - 30 * frame["size"]), **asked), expected)
    more = frame.assign(one=1.0, copy=2 * frame["size"] + 1)
    effect = fit(more, **{**asked, "covariates": ["size", "one", "copy"]})
    same(effect, expected)
    assert sum("left out, it" in note for note in effect.notes) == 2


def doubled(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, frame.assign(firm=frame["firm"] + 1000)], ignore_index=True)


@some
@given(panels, options)
def test_8_every_firm_twice(frame: pd.DataFrame, asked: dict[str, Any]) -> None:
    same(fit(doubled(frame), **asked), fit(frame, **asked), error=np.sqrt(0.5))


@some
@given(panels, options)
def test_9_every_firm_twice_in_one_cluster(frame: pd.DataFrame, asked: dict[str, Any]) -> None:
    twice = doubled(frame).assign(pair=lambda f: f["firm"] % 1000)
    same(fit(twice, cluster="pair", **asked), fit(frame, **asked))


@some
@given(panels, options)
def test_10_weights(frame: pd.DataFrame, asked: dict[str, Any]) -> None:
    """A weight of two is the firm twice, and only relative weights count."""
    two = frame.assign(weight=np.where(frame["firm"] % 4 == 0, 2.0, 1.0))
    twice = pd.concat(
        [frame, frame[frame["firm"] % 4 == 0].assign(firm=lambda f: f["firm"] + 1000)]
    )
    weighted = fit(two, weights="weight", **asked)
    np.testing.assert_allclose(
        weighted.tidy()["estimate"], fit(twice, **asked).tidy()["estimate"], rtol=1e-7, atol=1e-7
    )
    same(fit(two.assign(weight=two["weight"] * 1e-3), weights="weight", **asked), weighted)


@some
@given(panels, options)
def test_12_firms_without_any_outcome_above_zero_add_nothing_to_the_coefficients(
    frame: pd.DataFrame, asked: dict[str, Any]
) -> None:
    asked = {**asked, "family": "poisson", "effects": "firm", "scale": "link", "covariates": None}
    idle = frame[frame["firm"] < 9].assign(firm=lambda f: f["firm"] + 1000, count=0.0)
    same(fit(pd.concat([frame, idle]), **asked), fit(frame, **asked))


@some
@given(panels, options)
def test_14_cells_that_are_never_used(frame: pd.DataFrame, asked: dict[str, Any]) -> None:
    """Firms that joined in the first year."""
    always = frame.assign(joined=frame["joined"].where(frame["firm"] % 10 != 0, 1.0))
    name = OUTCOME[asked["family"]]
    noisy = always.assign(**{name: always[name].where(always["joined"] != 1, 1.0)})
    pd.testing.assert_frame_equal(
        fit(always, **asked).tidy(), fit(noisy, **asked).tidy(), check_exact=True
    )


@given(st.integers(0, 10_000))
@some
def test_15_one_cohort_and_two_periods_are_two_by_two(seed: int) -> None:
    frame = drawn(seed, missing=0.0)
    frame = frame[(frame["joined"] != 4) & frame["year"].isin([2, 3])]
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    expected = impact.att(panel, "amount", method="group_time")
    for effects in ("cohort", "firm"):
        got = fit(frame, "gaussian", effects=effects)
        np.testing.assert_allclose(got.tidy()[NUMBERS], expected.tidy()[NUMBERS], atol=1e-10)
