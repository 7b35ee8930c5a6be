"""Synthetic difference in differences against a slow twin, and exact relations on drawn panels."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

import impact
from impact.estimate.simplex_weights import _active_set, _newton, simplex_weights

NUMBERS = ["estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]


def drawn(
    seed: int, *, firms: int = 30, periods: int = 9, cohorts: tuple[int, ...] = (5, 7)
) -> pd.DataFrame:
    """A balanced panel with a common factor: two cohorts and firms that never join; towns of three firms."""
    rng = np.random.default_rng(seed)
    share = np.array([*cohorts, *(np.nan,) * (len(cohorts) + 2)])
    joined = share[np.arange(firms) % len(share)]
    year = np.arange(1, periods + 1)
    load = rng.normal(size=firms) + 0.5 * np.isfinite(joined)
    y = rng.normal(scale=2, size=(firms, 1)) + load[:, None] * np.cumsum(rng.normal(size=periods))
    y = y + rng.normal(scale=0.5, size=y.shape) + 0.8 * (year >= joined[:, None])
    return pd.DataFrame(
        {
            "firm": np.repeat(np.arange(firms), periods),
            "year": np.tile(year, firms),
            "joined": np.repeat(joined, periods),
            "town": np.repeat(np.arange(firms) % (firms // 3), periods),
            "exports": y.ravel(),
        }
    )


def fit(frame: pd.DataFrame, **asked: Any) -> impact.EffectResult:
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    return impact.att(panel, "exports", method="synthetic", **asked)


# The slow twin -----------------------------------------------------------------------------------


def constrained(a: np.ndarray, b: np.ndarray, ridge: float) -> np.ndarray:
    """Weights of one problem by sequential quadratic programming, the constant as a parameter of its own."""
    n = a.shape[1]
    scale = np.abs(a - a.mean()).max()
    a, b, ridge = a / scale, b / scale, ridge / scale**2

    def loss(x: np.ndarray) -> tuple[float, np.ndarray]:
        rest = a @ x[:n] + x[n] - b
        slope = np.append(2 * (a.T @ rest) + 2 * ridge * x[:n], 2 * rest.sum())
        return float(rest @ rest + ridge * x[:n] @ x[:n]), slope

    one = {
        "type": "eq",
        "fun": lambda x: x[:n].sum() - 1,
        "jac": lambda x: np.append(np.ones(n), 0.0),
    }
    start = np.append(np.full(n, 1 / n), (b - a.mean(axis=1)).mean())
    found = minimize(loss, start, jac=True, bounds=[(0, 1)] * n + [(None, None)], constraints=[one], method="SLSQP", options={"maxiter": 2000, "ftol": 1e-16})  # fmt: skip
    return np.asarray(found.x[:n])


def twin(frame: pd.DataFrame, control: str = "never") -> pd.DataFrame:
    """Weights by another method, then each cell as a coefficient of a weighted regression with dummies of firms and years."""
    wide = frame.pivot(index="firm", columns="year", values="exports")
    joined = frame.groupby("firm")["joined"].first()
    cohorts = sorted(joined.dropna().unique())
    rows = []
    for g in cohorts:
        edges = [g, *(h for h in cohorts if h > g and control == "not_yet"), wide.columns[-1] + 1]
        for start, stop in pairwise(edges):
            before = [t for t in wide.columns if t < g]
            after = [t for t in wide.columns if start <= t < stop]
            free = joined.isna() | ((joined >= stop) if control == "not_yet" else False)
            own, others = wide[joined == g], wide[free]
            noise = others[before].diff(axis=1).stack().std()
            zeta = (len(own) * len(after)) ** 0.25 * noise
            omega = constrained(others[before].T.to_numpy(), own[before].mean().to_numpy(), zeta**2 * len(before))  # fmt: skip
            lambda_ = constrained(others[before].to_numpy(), others[after].mean(axis=1).to_numpy(), (1e-6 * noise) ** 2 * len(others))  # fmt: skip
            for t in after:
                block = pd.concat([own, others])[[*before, t]]
                unit = np.append(np.full(len(own), 1 / len(own)), omega)
                rows.append((int(g), t, regression(block.to_numpy(), len(own), unit, np.append(lambda_, 1.0))))  # fmt: skip
    return pd.DataFrame(rows, columns=["cohort", "time", "estimate"])


def regression(y: np.ndarray, n_own: int, unit: np.ndarray, time: np.ndarray) -> float:
    """Two-way fixed effects with weights (equation 1 of the paper); participation is the last year of the first firms."""
    n, periods = y.shape
    weight = np.sqrt(np.clip(np.outer(unit, time), 0, None)).ravel()
    firm = np.kron(np.eye(n), np.ones((periods, 1)))
    year = np.kron(np.ones((n, 1)), np.eye(periods))
    treated = np.zeros((n, periods))
    treated[:n_own, -1] = 1
    x = np.column_stack([treated.ravel(), firm, year]) * weight[:, None]
    return float(np.linalg.lstsq(x, y.ravel() * weight, rcond=None)[0][0])


@pytest.mark.parametrize("control", ["never", "not_yet"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_slow_twin(seed: int, control: str) -> None:
    frame = drawn(seed)
    got, expected = fit(frame, control=control).tidy(), twin(frame, control)
    assert (got[["cohort", "time"]].to_numpy() == expected[["cohort", "time"]].to_numpy()).all()
    np.testing.assert_allclose(got["estimate"], expected["estimate"], rtol=0, atol=2e-5)


def test_the_twin_can_say_no() -> None:
    frame = drawn(1)
    flat = fit(frame, zeta_omega=1e6).tidy()["estimate"]
    assert np.abs(flat - twin(frame)["estimate"]).max() > 1e-2


@pytest.mark.parametrize("cluster", [None, "town"])
@pytest.mark.parametrize("control", ["never", "not_yet"])
def test_influence_is_the_jackknife(cluster: str | None, control: str) -> None:
    """Variances of cells, and covariances of cells of a cohort, by leaving out each firm or town with weights kept."""
    frame = drawn(4)
    effect = fit(frame, cluster=cluster, control=control)
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    weights = impact.synthetic_weights(panel, "exports", control=control)
    wide, joined = panel.wide("exports"), panel.unit_cohort()
    group = frame.groupby("firm")[cluster or "firm"].first()
    table = effect.tidy()
    for (g, piece), firms in weights.firms.groupby(["cohort", "piece"]):
        omega = firms.set_index("unit")["weight"].sort_index()
        own_years = (weights.years["cohort"] == g) & (weights.years["piece"] == piece)
        years = weights.years[own_years].set_index("time")
        lambda_ = years["weight"].dropna()
        after = years.index[years["weight"].isna()]
        change = wide[after].sub(wide[lambda_.index] @ lambda_, axis=0)
        own = change[joined == g]
        inside = group.loc[[*own.index, *omega.index]]
        found, level = [], []
        for one in sorted(inside.unique()):
            left = omega[group[omega.index] != one]
            stay = own[group[own.index] != one]
            found.append(stay.mean() - left / left.sum() @ change.loc[left.index])
            level.append(wide.loc[stay.index, after].mean() - found[-1])
        count = len(found)
        rows = table.index[(table["cohort"] == g) & table["time"].isin(after)]
        expected = (count - 1) * np.cov(np.array(found), rowvar=False, bias=True)
        np.testing.assert_allclose(effect.vcov[np.ix_(rows, rows)], expected, rtol=1e-10)
        base = effect.baseline_influence[:, rows]
        sums = pd.DataFrame(base).groupby(effect.firms["cluster"].to_numpy()).sum().to_numpy()
        expected = (count - 1) * np.cov(np.array(level), rowvar=False, bias=True)
        np.testing.assert_allclose(sums.T @ sums / len(base) ** 2, expected, rtol=1e-10)
    np.testing.assert_allclose(
        effect.baseline, [wide.loc[joined == r.cohort, r.time].mean() - r.estimate for r in table.itertuples()], atol=1e-12
    )  # fmt: skip


# The solver --------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(2, 40), st.floats(-8, 3))
def test_no_shift_of_weight_gains(seed: int, periods: int, firms: int, power: float) -> None:
    rng = np.random.default_rng(seed)
    distance = rng.normal(size=(periods, firms)) * 10 ** rng.uniform(-3, 4) + rng.normal()
    ridge = 10**power * np.abs(distance).max() ** 2
    weights = simplex_weights(distance, ridge)
    assert (weights >= 0).all() and weights.sum() == pytest.approx(1.0, abs=1e-12)
    slope = distance.T @ (distance @ weights) + ridge * weights
    # What is lost against the optimum is at most the gap (duality).
    gap = (weights @ slope - slope.min()) / np.abs(distance).max() ** 2
    assert gap <= 1e-9 * 10**power + 1e-14 * periods


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(0, 10_000), st.integers(1, 8), st.integers(8, 40), st.floats(-4, 3))
def test_the_two_solvers_agree(seed: int, periods: int, firms: int, power: float) -> None:
    distance = np.random.default_rng(seed).normal(size=(periods, firms))
    distance /= np.abs(distance).max()
    first, second = _newton(distance, 10**power), _active_set(distance, 10**power)
    assert first is not None
    np.testing.assert_allclose(first, second, rtol=0, atol=1e-9)


# Exact relations ---------------------------------------------------------------------------------

panels = st.builds(
    drawn,
    st.integers(0, 10_000),
    firms=st.sampled_from([30, 42]),
    periods=st.sampled_from([8, 9]),
)
options = st.fixed_dictionaries({"control": st.sampled_from(["never", "not_yet"])})
some = settings(max_examples=8, deadline=None, derandomize=True)


def same(got: impact.EffectResult, expected: impact.EffectResult, *, error: float = 1.0, tol: float = 1e-7) -> None:  # fmt: skip
    one, two = got.tidy(), expected.tidy()
    np.testing.assert_allclose(one["estimate"], two["estimate"], rtol=tol, atol=tol)
    np.testing.assert_allclose(one["std_error"], error * two["std_error"], rtol=tol, atol=tol)


@some
@given(panels, options, st.integers(0, 99))
def test_order_of_rows_and_columns(frame: pd.DataFrame, asked: dict[str, Any], seed: int) -> None:
    mixed = frame.sample(frac=1, random_state=seed)[frame.columns[::-1]]
    first, second = fit(frame, **asked), fit(mixed, **asked)
    pd.testing.assert_frame_equal(first.tidy(), second.tidy(), check_exact=True)
    pd.testing.assert_frame_equal(
        first.aggregate("event").tidy(), second.aggregate("event").tidy(), check_exact=True
    )


@pytest.mark.parametrize("inference", ["placebo", "bootstrap"])
def test_order_of_rows_of_draws(inference: str) -> None:
    frame = drawn(5)
    mixed = frame.sample(frac=1, random_state=1)
    first, second = (
        fit(f, inference=inference, draws=12, average="event").tidy() for f in (frame, mixed)
    )
    pd.testing.assert_frame_equal(first, second, check_exact=True)


@some
@given(panels, options, st.integers(0, 99))
def test_names_of_firms(frame: pd.DataFrame, asked: dict[str, Any], seed: int) -> None:
    firms = frame["firm"].unique()
    names = np.random.default_rng(seed).permutation([f"id-{i:04d}" for i in range(len(firms))])
    renamed = frame.assign(firm=frame["firm"].map(dict(zip(firms, names, strict=True))))
    same(fit(renamed, **asked), fit(frame, **asked))


@some
@given(panels, options)
def test_unit_of_the_outcome(frame: pd.DataFrame, asked: dict[str, Any]) -> None:
    one = fit(frame, **asked).tidy()
    thousand = fit(frame.assign(exports=frame["exports"] * 1000), **asked).tidy()
    for column, factor in zip(NUMBERS, [1000, 1000, 1, 1, 1000, 1000], strict=True):
        np.testing.assert_allclose(thousand[column], one[column] * factor, rtol=1e-6, atol=1e-6)


@some
@given(panels, options)
def test_constants_of_firms_and_a_common_trend(frame: pd.DataFrame, asked: dict[str, Any]) -> None:
    """A year effect that is no straight line moves the paper's noise, and with it the ridge; a straight one moves nothing."""
    moved = frame.assign(exports=frame["exports"] + 3.0 * (frame["firm"] % 7) - 2.0 * frame["year"] + 11.0)  # fmt: skip
    same(fit(moved, **asked), fit(frame, **asked))
    bent = frame.assign(exports=frame["exports"] + 0.2 * frame["year"] ** 2)
    zeta = 1.5
    same(fit(bent, zeta_omega=zeta, **asked), fit(frame, zeta_omega=zeta, **asked), tol=1e-5)


@some
@given(panels, options)
def test_the_cohorts_years_later(frame: pd.DataFrame, asked: dict[str, Any]) -> None:
    later = frame.assign(year=frame["year"] + 20, joined=frame["joined"] + 20)
    same(fit(later, **asked), fit(frame, **asked), tol=1e-12)


def doubled(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, frame.assign(firm=frame["firm"] + 1000)], ignore_index=True)


@some
@given(panels, options)
def test_every_firm_twice(frame: pd.DataFrame, asked: dict[str, Any]) -> None:
    """The ridge of the paper grows with the number of participants only; with one that keeps up, weights are halved and nothing else."""
    again = doubled(frame).assign(origin=lambda x: x["firm"] % 1000)
    once = fit(frame, zeta_omega=2.0, **asked)
    twice = fit(again, zeta_omega=2.0 * np.sqrt(2), cluster="origin", **asked)
    same(twice, once)
    apart = fit(again, zeta_omega=2.0 * np.sqrt(2), **asked).tidy()["std_error"]
    # n - 1 and the part of a firm in its arm are those of twice as many firms.
    ratio = apart / once.tidy()["std_error"]
    assert ratio.between(0.55, np.sqrt(0.5)).all()


@some
@given(panels)
def test_what_never_enters(frame: pd.DataFrame) -> None:
    """Another cohort does not bear on a cohort compared with firms that never join; nor do always-participants; nor do later cohorts once they joined."""
    noise = np.random.default_rng(1).normal(size=len(frame)) * 1e6

    def disturbed(data: pd.DataFrame, where: pd.Series, **asked: Any) -> pd.DataFrame:
        changed = data.assign(exports=data["exports"].where(~where, noise))
        return fit(changed, **asked).tidy().set_index("term")[NUMBERS]

    nobody = frame["firm"] < 0
    own = [f"ATT(5,{t})" for t in range(5, frame["year"].max() + 1)]
    first, second = (disturbed(frame, where).loc[own] for where in (nobody, frame["joined"] == 7))
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    always = frame.assign(joined=frame["joined"].where(frame["firm"] != 4, 1.0))
    first, second = (disturbed(always, where) for where in (nobody, frame["firm"] == 4))
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    joined = (frame["joined"] == 7) & (frame["year"] >= 7)
    asked = {"control": "not_yet", "before": True}
    first, second = (disturbed(frame, where, **asked).loc[own] for where in (nobody, joined))
    pd.testing.assert_frame_equal(first, second, check_exact=True)


@some
@given(st.integers(0, 10_000))
def test_equal_weights_are_two_by_two(seed: int) -> None:
    """Two equal years before, and a ridge that leaves no choice: the difference of the mean differences, with its jackknife."""
    rng = np.random.default_rng(seed)
    n = 24
    y = rng.normal(size=(n, 3))
    y[:, 1] = y[:, 0]
    frame = pd.DataFrame(
        {
            "firm": np.repeat(np.arange(n), 3),
            "year": np.tile([1, 2, 3], n),
            "joined": np.repeat(np.where(np.arange(n) < 8, 3.0, np.nan), 3),
            "exports": y.ravel(),
        }
    )
    # The noise of equal years is 0; an own ridge need not care.
    got = fit(frame, zeta_omega=1e6).tidy().iloc[0]
    change = y[:, 2] - y[:, 0]
    assert got["estimate"] == pytest.approx(change[:8].mean() - change[8:].mean(), abs=1e-10)
    leave = [np.delete(change, i) for i in range(n)]
    found = [x[: 8 - (i < 8)].mean() - x[8 - (i < 8) :].mean() for i, x in enumerate(leave)]
    assert got["std_error"] == pytest.approx(np.sqrt((n - 1) * np.var(found)), abs=1e-10)


@some
@given(st.integers(0, 10_000))
def test_alike_before_is_imputation_and_group_time(seed: int) -> None:
    """Where firms differ by a constant only until the last year, every weight tells the same, and all methods do."""
    frame = drawn(seed, cohorts=(7,), periods=7)
    common = np.sin(frame["year"]) + frame["firm"] % 5
    frame = frame.assign(exports=common.where(frame["year"] < 7, frame["exports"]))
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    got = fit(frame, zeta_omega=1e3).tidy()["estimate"].item()
    for method in ("group_time", "imputation"):
        other = impact.att(panel, "exports", method=method).aggregate("overall").tidy()
        assert got == pytest.approx(other["estimate"].item(), abs=1e-9)
