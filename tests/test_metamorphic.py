"""Relations that hold for every estimator of panels, whatever the truth: a new one is picked up here (Luu et al. 2021; numbers as in the design).

An estimator that a relation does not fit stands in `APART`, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import impact
from impact.core.errors import EstimationError
from impact.core.registry import METHODS
from impact.estimate.effect import EffectResult

impact.methods()  # loads the rooms
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "group_time, not yet": ("group_time", {"control": "not_yet", "base_period": "universal"}),
    "group_time, cross-sections": ("group_time", {"unbalanced": "cross_sections"}),
    "imputation, left out": ("imputation", {"leave_one_out": True, "pretrends": 1}),
    "etwfe, never": ("etwfe", {"control": "never", "effects": "firm"}),
    "etwfe, Poisson": ("etwfe", {"family": "poisson"}),
}
"""Further settings of an estimator, by a name of their own."""
ALL = [*(m.name for m in METHODS.of("att") if "panel" in m.takes), *VARIANTS]
OPTIONS: dict[str, dict[str, Any]] = {"dose": {"dose": "hours"}, "two_by_two": {"cohort": 3}}
TWO_PERIODS: dict[str, dict[str, Any]] = {
    "two_by_two": {"cohort": 2},
    "stacked": {"kappa_pre": 1, "kappa_post": 0},
}
RIDGE = "its ridge grows with the spread of yearly changes and the number of participants (Arkhangelsky et al. 2021, section 2)"
APART: dict[tuple[str, int], str] = {
    ("etwfe, Poisson", 4): "the mean is a product of levels, not a sum",
    ("etwfe, Poisson", 11): "amounts are not below 0",
    ("etwfe, Poisson", 14): "amounts are not below 0, and the noise of this relation is",
    ("etwfe, Poisson", 15): "the mean is a product of levels, not a sum",
    ("imputation, left out", 8): "what is left out is a firm's share of its cohort, which halves",
    ("dose", 15): "rows are bins of the dose; of their average see test_dose_twin.py",
    ("synthetic", 4): f"{RIDGE}; firm effects alone change nothing",
    ("synthetic", 8): RIDGE,
    ("synthetic", 9): RIDGE,
    ("synthetic", 15): "it needs two years before joining",
    (
        "twfe",
        14,
    ): "it compares with firms that joined before the data, which is why it is printed beside its decomposition alone",
}
"""Estimator and number of the relation, and why it does not hold."""

some = settings(max_examples=4, deadline=None, derandomize=True)
seeds = st.integers(0, 10_000)


@pytest.fixture(params=ALL)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def drawn(
    seed: int, *, firms: int = 36, periods: int = 6, cohorts: tuple[float, ...] = (3, 5)
) -> pd.DataFrame:
    """Firms of some cohorts and as many that never join, balanced, with an outcome above 0."""
    rng = np.random.default_rng(seed)
    groups = np.array([*cohorts, *[np.nan] * len(cohorts)])
    joined = groups[np.arange(firms) % len(groups)]
    frame = pd.DataFrame(
        {
            "firm": np.repeat(np.arange(firms), periods),
            "year": np.tile(np.arange(1, periods + 1), firms),
            "joined": np.repeat(joined, periods),
            "size": np.repeat(rng.normal(size=firms), periods),
            "hours": np.repeat(np.where(np.isnan(joined), 0.0, rng.uniform(1, 9, firms)), periods),
        }
    )
    level = 20 + 2 * rng.normal(size=firms)
    treated = frame["year"] >= frame["joined"]
    shocks = rng.normal(size=len(frame))
    frame["y"] = np.repeat(level, periods) + 0.3 * frame["year"] + 0.8 * treated + shocks
    return frame


def fit(name: str, frame: pd.DataFrame, **more: Any) -> EffectResult:
    weights = "weight" if "weight" in frame else None
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined", weights=weights)
    method, asked = VARIANTS.get(name, (name, OPTIONS.get(name, {})))
    return impact.att(panel, "y", method=method, **{**asked, **more})


def takes(name: str, ability: str) -> bool:
    """Whether the estimator uses covariates, or weights."""
    return bool(getattr(METHODS.find("att", VARIANTS.get(name, (name,))[0]), ability))


def whole(effect: EffectResult) -> list[EffectResult]:
    """The effect, and its averages where it has any."""
    if effect.aggregation is not None or not {"cohort", "time", "event_time"} <= set(
        effect.estimates
    ):
        return [effect]
    return [
        effect,
        *(effect.aggregate(kind) for kind in ("overall", "event", "cohort", "calendar")),
    ]


def same(
    one: EffectResult,
    two: EffectResult,
    *,
    scale: float = 1.0,
    error: float | None = None,
    tol: float = 1e-8,
    firms: int = 1,
) -> None:
    """Estimates differ by the factor `scale`, standard errors by `error`, statistics by both, counts by `firms`; everywhere."""
    spread = abs(scale) if error is None else error
    for a, b in zip(whole(one), whole(two), strict=True):
        assert list(a.estimates["term"]) == list(b.estimates["term"])
        factors = {"estimate": scale, "std_error": spread, "statistic": scale / spread}
        for column, factor in factors.items():
            x, y = a.estimates[column].to_numpy(float), b.estimates[column].to_numpy(float)
            loose = 10 * tol if column == "statistic" else tol
            np.testing.assert_allclose(
                y, factor * x, rtol=loose, atol=loose * max(1.0, abs(factor)), err_msg=column
            )
        for column in ("n_treated", "n_control"):
            assert (firms * a.estimates[column] == b.estimates[column]).all(), column
        known = a.estimates["p_value"].notna() & (a.estimates["estimate"] != 0)
        if spread == abs(scale):
            np.testing.assert_allclose(
                a.estimates.loc[known, "p_value"],
                b.estimates.loc[known, "p_value"],
                rtol=1e-5,
                atol=1e-7,
            )


def relation(number: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Skip the estimators to which the relation does not apply, and say why."""

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        def wrapped(name: str) -> None:
            if (name, number) in APART:
                pytest.skip(APART[name, number])
            some(given(seeds)(lambda seed: test(name, seed)))()

        wrapped.__name__, wrapped.__doc__ = test.__name__, test.__doc__
        return wrapped

    return decorate


@relation(1)
def test_1_order_of_rows_and_columns(name: str, seed: int) -> None:
    frame = drawn(seed)
    other = frame.sample(frac=1.0, random_state=seed)[list(frame.columns[::-1])]
    pd.testing.assert_frame_equal(
        fit(name, frame).estimates, fit(name, other).estimates, check_exact=True
    )


@relation(2)
def test_2_names_of_firms(name: str, seed: int) -> None:
    frame = drawn(seed)
    names = np.random.default_rng(seed).permutation(1000)[: frame["firm"].nunique()]
    same(
        fit(name, frame),
        fit(name, frame.assign(firm=[f"x{names[i]}" for i in frame["firm"]])),
        tol=1e-9,
    )


@relation(3)
def test_3_unit_of_the_outcome(name: str, seed: int) -> None:
    frame = drawn(seed)
    same(fit(name, frame), fit(name, frame.assign(y=1000 * frame["y"])), scale=1000.0)


@relation(4)
def test_4_constants_of_firms_and_years(name: str, seed: int) -> None:
    frame = drawn(seed)
    moved = frame["y"] + 7 + (frame["firm"] % 5) + np.sin(frame["year"])
    same(fit(name, frame), fit(name, frame.assign(y=moved)))


@relation(5)
def test_5_unit_and_origin_of_a_covariate(name: str, seed: int) -> None:
    if not takes(name, "covariates"):
        pytest.skip("the method takes none")
    frame = drawn(seed)
    one = fit(name, frame, covariates=["size"])
    same(one, fit(name, frame.assign(size=3 - 50 * frame["size"]), covariates=["size"]), tol=1e-6)


@relation(6)
def test_6_and_7_columns_that_add_nothing(name: str, seed: int) -> None:
    if not takes(name, "covariates"):
        pytest.skip("the method takes none")
    frame = drawn(seed).assign(one=1.0, twice=lambda f: 2 * f["size"])
    one = fit(name, frame, covariates=["size"])
    two = fit(name, frame, covariates=["size", "one", "twice"])
    same(one, two, tol=1e-6)
    said = " ".join(two.notes)
    assert "'one'" in said and "'twice'" in said


@relation(8)
def test_8_every_firm_twice(name: str, seed: int) -> None:
    frame = drawn(seed)
    both = pd.concat([frame, frame.assign(firm=frame["firm"] + 1000)])
    same(fit(name, frame), fit(name, both), error=np.sqrt(0.5), firms=2)


@relation(9)
def test_9_every_firm_twice_in_one_cluster(name: str, seed: int) -> None:
    frame = drawn(seed).assign(origin=lambda f: f["firm"])
    both = pd.concat([frame, frame.assign(firm=frame["firm"] + 1000)])
    same(fit(name, frame, cluster="origin"), fit(name, both, cluster="origin"), firms=2)


@relation(10)
def test_10_weight_two_is_the_firm_twice(name: str, seed: int) -> None:
    if not takes(name, "weights"):
        pytest.skip("the method takes none")
    frame = drawn(seed)
    heavy = frame["firm"] % 3 == 0
    both = pd.concat([frame, frame[heavy].assign(firm=frame["firm"] + 1000)])
    one, two = fit(name, frame.assign(weight=np.where(heavy, 2.0, 1.0))), fit(name, both)
    for a, b in zip(whole(one), whole(two), strict=True):
        np.testing.assert_allclose(
            a.estimates["estimate"], b.estimates["estimate"], rtol=1e-8, atol=1e-8
        )


@relation(11)
def test_11_the_other_sign(name: str, seed: int) -> None:
    frame = drawn(seed)
    same(fit(name, frame), fit(name, frame.assign(y=-frame["y"])), scale=-1.0)


@relation(14)
def test_14_firms_that_joined_before_the_data(name: str, seed: int) -> None:
    """Firms without a year before joining can tell nothing; what they do changes nothing."""
    frame = drawn(seed)
    early = frame[frame["firm"] < 4].assign(firm=lambda f: f["firm"] + 500, joined=1.0, hours=5.0)
    noise = np.random.default_rng(seed).normal(scale=50, size=len(early))
    one, two = (
        fit(name, pd.concat([frame, early.assign(y=early["y"] + k * noise)])) for k in (0, 1)
    )
    same(one, two, tol=1e-10)


def test_15_one_cohort_and_two_periods_are_two_by_two() -> None:
    """Every estimator of levels is then the same difference of differences."""
    frame = drawn(3, periods=2, cohorts=(2,))
    wide = frame.pivot(index="firm", columns="year", values="y")
    change = wide[2] - wide[1]
    joined = frame.drop_duplicates("firm").set_index("firm")["joined"].notna()
    by_hand = change[joined].mean() - change[~joined].mean()
    found = {}
    for name in ALL:
        if (name, 15) in APART:
            continue
        effect = fit(name, frame, **TWO_PERIODS.get(name, {}))
        rows = effect.estimates
        row = rows[rows["event_time"] == 0] if "event_time" in rows else rows
        found[name] = row["estimate"].item()
    apart = {estimator for estimator, number in APART if number == 15}
    assert set(found) == set(ALL) - apart
    for name, estimate in found.items():
        assert estimate == pytest.approx(by_hand, abs=1e-10), name


def test_an_exception_is_one() -> None:
    """What stands apart does so for a reason: estimator and relation exist, and a reason is given."""
    for (estimator, number), reason in APART.items():
        assert estimator in ALL and 1 <= number <= 20 and len(reason) > 20


def test_the_relations_can_say_no() -> None:
    """A method that reads rows in their order, or adds a constant, does not pass."""
    one, two = (
        fit("group_time", drawn(1)),
        fit(
            "group_time", drawn(1).assign(y=lambda f: f["y"] + (f["year"] == 4) * (f["firm"] == 0))
        ),
    )
    with pytest.raises(AssertionError):
        same(one, two)
    with pytest.raises(EstimationError):
        fit("group_time", drawn(1, cohorts=(1,)))
