"""Poisson and logit with fixed effects against dummies in statsmodels; separated rows against a linear programme."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from impact.core.errors import EstimationError
from impact.engines import fixed_effects_glm as glm
from impact.engines.fixed_effects import effects_of
from impact.engines.fixed_effects_glm import fit_glm
from impact.engines.normal_equations import CollinearTerms


def drawn(
    seed: int, family: str, firms: int = 40, years: int = 6
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Firm-years in which every firm has an outcome that can be fitted."""
    rng = np.random.default_rng(seed)
    firm, year = np.repeat(np.arange(firms), years), np.tile(np.arange(years), firms)
    x = rng.normal(size=(2, len(firm)))
    linear = 0.5 * x[0] - 0.3 * x[1] + rng.normal(size=firms)[firm]
    if family == "poisson":
        y = rng.poisson(np.exp(linear)).astype(float)
        keep = np.bincount(firm, y)[firm] > 0
    else:
        y = (rng.random(len(firm)) < 1 / (1 + np.exp(-linear))).astype(float)
        keep = (np.bincount(firm, y)[firm] > 0) & (np.bincount(firm, y)[firm] < years)
    codes = [np.unique(c[keep], return_inverse=True)[1] for c in (firm, year)]
    return codes, x[:, keep], y[keep]


def with_dummies(
    family: str, y: np.ndarray, x: np.ndarray, codes: list[np.ndarray], w: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    import statsmodels.api as sm

    d = [np.eye(c.max() + 1)[c][:, min(i, 1) :] for i, c in enumerate(codes)]
    kind = sm.families.Poisson() if family == "poisson" else sm.families.Binomial()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = sm.GLM(y, np.concatenate([x.T, *d], axis=1), family=kind, var_weights=w).fit(
            tol=1e-14, maxiter=300
        )
    return np.asarray(fit.params)[: len(x)], np.asarray(fit.cov_params())[: len(x), : len(x)]


@pytest.mark.parametrize("family", ["poisson", "logit"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dense", [1_500, 0])
def test_both_solvers_are_dummies(family: str, weighted: bool, dense: int) -> None:
    codes, x, y = drawn(3, family)
    w = np.random.default_rng(0).uniform(0.5, 2, len(y)) if weighted else None
    fit = fit_glm(family, y, x, effects_of(codes), w, dense=dense)
    b, vcov = with_dummies(family, y, x, codes, w)
    np.testing.assert_allclose(fit.coefficients, b, rtol=1e-9)
    bread = np.linalg.inv((fit.design * fit.weights) @ fit.design.T)
    np.testing.assert_allclose(bread, vcov, rtol=1e-6)
    assert abs(fit.design @ fit.slopes).max() < 1e-6 * len(y)


def test_many_firms_start_from_some_of_them_and_end_in_the_same_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    codes, x, y = drawn(5, "poisson", firms=400)
    cold = fit_glm("poisson", y, x, effects_of(codes))
    monkeypatch.setattr(glm, "_MANY", 100)
    warm = fit_glm("poisson", y, x, effects_of(codes))
    assert warm.steps <= cold.steps
    np.testing.assert_allclose(warm.coefficients, cold.coefficients, rtol=1e-10)


def test_a_sample_that_lacks_levels_is_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every sixteenth firm has no row with an outcome in one of the years, and none at all in another."""
    codes, x, y = drawn(5, "poisson", firms=400)
    sampled = codes[0] % 16 == 0
    y = np.where(sampled & (codes[1] == 2), 0.0, y)
    keep = (np.bincount(codes[0], y)[codes[0]] > 0) & ~(sampled & (codes[1] == 4))
    codes = [np.unique(c[keep], return_inverse=True)[1] for c in codes]
    cold = fit_glm("poisson", y[keep], x[:, keep], effects_of(codes))
    monkeypatch.setattr(glm, "_MANY", 100)
    warm = fit_glm("poisson", y[keep], x[:, keep], effects_of(codes))
    np.testing.assert_allclose(warm.coefficients, cold.coefficients, rtol=1e-9)


@pytest.mark.parametrize("unit", [1e-9, 1e6, 1e12])
def test_a_poisson_regression_does_not_depend_on_the_unit_of_the_outcome(unit: float) -> None:
    codes, x, y = drawn(3, "poisson")
    one, other = (fit_glm("poisson", v, x, effects_of(codes)) for v in (y, unit * y))
    np.testing.assert_allclose(other.coefficients, one.coefficients, rtol=1e-9)
    constant = np.vstack([np.ones(len(y)), x])
    one, other = (fit_glm("poisson", v, constant) for v in (y, unit * y))
    np.testing.assert_allclose(other.coefficients[1:], one.coefficients[1:], rtol=1e-9)


def test_enormous_outcomes_and_regressors_do_not_overflow() -> None:
    rng = np.random.default_rng(0)
    codes, x, y = drawn(3, "poisson")
    y = np.where(rng.random(len(y)) < 0.02, 1e9 * (1 + y), y)
    x = x * np.array([[1e6], [1e-6]])
    fit = fit_glm("poisson", y, x, effects_of(codes))
    scores = fit.design @ fit.slopes
    size = np.sqrt((fit.design**2 * fit.weights).sum(axis=1) * y.sum())
    assert (abs(scores) < 1e-9 * size).all()


def programme(y: np.ndarray, x: np.ndarray, family: str) -> np.ndarray:
    """Separated rows by linear programmes, the definition itself: x by rows, effects as dummies."""
    fixed = y > 0 if family == "poisson" else np.zeros(len(y), bool)
    signed = -x if family == "poisson" else (2 * y - 1)[:, None] * x
    separated = np.zeros(len(y), bool)
    while True:
        free = ~fixed & ~separated
        found = linprog(
            -signed[free].sum(axis=0),
            A_ub=-signed[~fixed],
            b_ub=np.zeros((~fixed).sum()),
            A_eq=x[fixed] if fixed.any() else None,
            b_eq=np.zeros(fixed.sum()) if fixed.any() else None,
            bounds=(-1, 1),
            method="highs",
        )
        more = free & (signed @ found.x > 1e-7)
        if not more.any():
            return separated
        separated |= more


def small(seed: int, family: str) -> tuple[list[np.ndarray], np.ndarray, np.ndarray] | None:
    """Few rows, many zeros, and a dummy that tells many of them."""
    rng = np.random.default_rng(seed)
    firms = int(rng.integers(4, 10))
    firm, year = np.repeat(np.arange(firms), 4), np.tile(np.arange(4), firms)
    x = np.stack([
        rng.integers(-1, 3, len(firm)).astype(float) if seed % 2 else rng.normal(size=len(firm)),
        (rng.random(len(firm)) < 0.25).astype(float),
    ])  # fmt: skip
    y = rng.poisson(np.exp(rng.normal(size=firms)[firm] - 0.6 + 0.4 * x[0])).astype(float)
    if family == "logit":
        y = np.minimum(y, 1.0)
    if seed % 3 == 0:
        y[x[1] == 1] = 0
    keep = np.ones(len(y), bool)
    for _ in range(9):
        for code in (firm, year):
            rows, total = (
                np.bincount(code[keep], minlength=code.max() + 1),
                np.bincount(code, y * keep),
            )
            flat = (total == 0) | ((total == rows) & (family == "logit"))
            keep &= ~flat[code]
    if keep.sum() < 4:
        return None
    return [np.unique(c[keep], return_inverse=True)[1] for c in (firm, year)], x[:, keep], y[keep]


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 100_000), st.sampled_from(["poisson", "logit"]))
def test_separated_rows_are_those_of_a_linear_programme(seed: int, family: str) -> None:
    found = small(seed, family)
    if found is None:
        return
    codes, x, y = found
    d = np.concatenate([np.eye(c.max() + 1)[c] for c in codes], axis=1)
    wanted = programme(y, np.concatenate([x.T, d], axis=1), family)
    separated = np.zeros(len(y), bool)
    while True:
        keep = ~separated
        if keep.sum() == 0:
            break
        again = [np.unique(c[keep], return_inverse=True)[1] for c in codes]
        try:
            fit = fit_glm(family, y[keep], x[:, keep], effects_of(again))
        except glm.NoMaximum as error:
            assert wanted.all() or not error.complete
            return
        except (EstimationError, CollinearTerms):
            return  # nothing of the terms is left to be told
        if not fit.separated.any():
            break
        separated[np.flatnonzero(keep)[fit.separated]] = True
    assert separated.tolist() == wanted.tolist()


def test_every_step_proves_that_no_row_is_separated() -> None:
    """The sum behind the proof, at a point that is no maximum: some separated row falls by 1 or more."""
    rng = np.random.default_rng(1)
    y = rng.poisson(1.0, 60).astype(float)
    told = (y == 0) & (np.arange(60) % 2 == 0)
    x = np.stack([np.ones(60), rng.normal(size=60), told.astype(float)])
    linear = rng.normal(size=60)
    mean = np.exp(linear)
    step = np.linalg.solve((x * mean) @ x.T, x @ (y - mean)) @ x
    assert step[told].min() <= -1 + 1e-12
    np.testing.assert_allclose((mean[told] * (1 + step[told])).sum(), 0, atol=1e-9)


def test_complete_separation_is_told_at_once_and_says_by_what() -> None:
    codes, x, y = drawn(3, "logit")
    x = np.stack([x[0], (2 * y - 1) * (0.1 + np.abs(x[1]))])
    for effects in (None, effects_of(codes)):
        with pytest.raises(glm.NoMaximum) as error:
            fit_glm("logit", y, x if effects else np.vstack([np.ones(len(y)), x]), effects)
        assert error.value.complete
        assert int(np.argmax(error.value.tells)) == len(error.value.tells) - 1
