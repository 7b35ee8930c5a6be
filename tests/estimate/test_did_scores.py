"""The three two-period estimators on arrays: other libraries, hand sums, derivatives."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from impact.estimate.did_scores import (
    ESTIMATORS,
    NotIdentified,
    design_matrix,
    doubly_robust,
    inverse_probability,
    logit_probability,
    regression,
)


def draw(seed: int, n: int = 80) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    treated = rng.random(n) < 1 / (1 + np.exp(0.5 - x[:, 0]))
    change = np.column_stack([x.sum(axis=1) + treated + rng.normal(size=n), rng.normal(size=n)])
    return change, treated, rng.uniform(0.5, 2, size=n), x


@pytest.mark.parametrize("seed", [1, 2])
def test_logit_is_that_of_statsmodels(seed: int) -> None:
    _, treated, weights, x = draw(seed)
    design, _ = design_matrix(x, ["a", "b"])
    model = sm.GLM(treated.astype(float), design, sm.families.Binomial(), freq_weights=weights)
    theirs = model.fit(tol=1e-14, maxiter=100).predict()
    np.testing.assert_allclose(logit_probability(treated, weights, design), theirs, atol=1e-10)


@pytest.mark.parametrize("seed", [1, 2])
def test_estimates_from_the_regressions_of_statsmodels(seed: int) -> None:
    change, treated, weights, x = draw(seed)
    design, _ = design_matrix(x, ["a", "b"])
    controls = ~treated
    p = sm.GLM(treated.astype(float), design, sm.families.Binomial(), freq_weights=weights)
    p = p.fit(tol=1e-14, maxiter=100).predict()
    odds = (weights * p / (1 - p))[controls]
    for m in range(2):
        y = change[:, m]
        fit = sm.WLS(y[controls], design[controls], weights[controls]).fit()
        rest = y - fit.predict(design)

        def mean(values: np.ndarray) -> float:
            return float(np.average(values[treated], weights=weights[treated]))

        expected = {
            "reg": mean(rest),
            "ipw": mean(y) - np.average(y[controls], weights=odds),
            "dr": mean(rest) - np.average(rest[controls], weights=odds),
        }
        for name, estimator in ESTIMATORS.items():
            got = estimator(change, treated, weights, design).att[m]
            assert got == pytest.approx(expected[name], abs=1e-9), name


@pytest.mark.parametrize("name", list(ESTIMATORS))
def test_influence_is_the_derivative_with_respect_to_a_firms_weight(name: str) -> None:
    change, treated, weights, x = draw(3, n=40)
    design, _ = design_matrix(x, ["a", "b"])
    score = ESTIMATORS[name](change, treated, weights, design)
    step = 1e-4
    for i in range(len(weights)):
        up, down = weights.copy(), weights.copy()
        up[i] *= 1 + step
        down[i] *= 1 - step
        slope = (
            ESTIMATORS[name](change, treated, up, design).att
            - ESTIMATORS[name](change, treated, down, design).att
        ) / (2 * step)
        np.testing.assert_allclose(score.influence[i], slope * len(weights), atol=2e-6)


@pytest.mark.parametrize("name", list(ESTIMATORS))
def test_influence_has_mean_zero(name: str) -> None:
    change, treated, weights, x = draw(4)
    design, _ = design_matrix(x, ["a", "b"])
    influence = ESTIMATORS[name](change, treated, weights, design).influence
    np.testing.assert_allclose(influence.mean(axis=0), 0, atol=1e-10)


def test_without_covariates_all_three_are_the_difference_in_differences() -> None:
    change, treated, weights, _ = draw(5)
    one = np.ones((len(treated), 1))
    expected = np.average(change[treated], axis=0, weights=weights[treated]) - np.average(
        change[~treated], axis=0, weights=weights[~treated]
    )
    scores = [f(change, treated, weights, one) for f in ESTIMATORS.values()]
    for score in scores:
        np.testing.assert_allclose(score.att, expected, atol=1e-12)
        np.testing.assert_allclose(score.influence, scores[0].influence, atol=1e-10)


def test_double_robustness_where_one_model_is_wrong() -> None:
    """The propensity is right and the outcome curved, or the outcome right and joining curved."""
    rng = np.random.default_rng(8)
    n = 40_000
    x = rng.normal(size=n)
    design = np.column_stack([np.ones(n), x])

    def draws(joining: np.ndarray, outcome: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        treated = rng.random(n) < 1 / (1 + np.exp(-joining))
        return (outcome + 1.0 * treated + 0.3 * rng.normal(size=n))[:, None], treated

    right_score = draws(-0.5 + 0.6 * x, 2 * np.exp(x / 2))
    right_outcome = draws(-0.5 + np.tanh(3 * x), x)
    for change, treated in (right_score, right_outcome):
        got = doubly_robust(change, treated, np.ones(n), design).att[0]
        assert got == pytest.approx(1.0, abs=0.03)
    # Each single model is off where it is the wrong one, so the check can fail.
    assert abs(regression(*right_score, np.ones(n), design).att[0] - 1) > 0.06
    assert abs(inverse_probability(*right_outcome, np.ones(n), design).att[0] - 1) > 0.06


def test_separation_is_no_overlap() -> None:
    treated = np.repeat([True, False], 20)
    x = np.where(treated, 1.0, -1.0) + np.linspace(-0.5, 0.5, 40)
    design, _ = design_matrix(x[:, None], ["x"])
    change = np.arange(40.0)[:, None]
    for estimator in (doubly_robust, inverse_probability):
        with pytest.raises(NotIdentified, match="overlap"):
            estimator(change, treated, np.ones(40), design)


def test_comparison_firms_that_cannot_join_get_no_weight() -> None:
    """A dummy that only comparison firms have: its firms drop out, the others stay as without it."""
    change, treated, weights, x = draw(7)
    dummy = np.zeros(len(treated))
    dummy[np.flatnonzero(~treated)[:15]] = 1
    with_dummy, _ = design_matrix(np.column_stack([x, dummy]), ["a", "b", "dummy"])
    keep = dummy == 0
    without, _ = design_matrix(x[keep], ["a", "b"])
    got = inverse_probability(change, treated, weights, with_dummy)
    expected = inverse_probability(change[keep], treated[keep], weights[keep], without)
    np.testing.assert_allclose(got.att, expected.att, atol=1e-7)
    np.testing.assert_allclose(got.influence[~keep], 0, atol=1e-4)


def test_a_covariate_that_no_comparison_firm_varies_in() -> None:
    change, treated, weights, x = draw(8)
    x[~treated, 1] = 0.25
    design, dropped = design_matrix(x, ["a", "b"])
    assert dropped == []
    with pytest.raises(NotIdentified, match="do not vary enough among the comparison firms"):
        regression(change, treated, weights, design)


def test_comparison_firms_near_certain_to_join_are_trimmed() -> None:
    treated = np.array([True] * 300 + [False] * 300)
    rng = np.random.default_rng(9)
    x = np.where(treated, 0.9, -0.9) + rng.normal(size=600)
    x[treated] = np.minimum(x[treated], 2.5)
    x[300] = 6.0  # one comparison firm far beyond every participant
    design, _ = design_matrix(x[:, None], ["x"])
    change = rng.normal(size=(600, 1))
    score = doubly_robust(change, treated, np.ones(600), design)
    assert score.trimmed == 1
    change[300] = 1e6  # it still bends the outcome model, but carries no odds of its own
    weighted = inverse_probability(change, treated, np.ones(600), design)
    change[300] = -1e6
    assert weighted.att == inverse_probability(change, treated, np.ones(600), design).att


def test_the_logit_is_found_where_a_whole_step_would_overshoot() -> None:
    """Heavy tails: Newton's steps unhalved end at probabilities of 0 and 1. The likelihood is concave, so its slope tells the maximum."""
    rng, n = np.random.default_rng(56), 40
    x = np.column_stack([np.ones(n), rng.standard_t(1.2, size=(n, 2))])
    x[:, 1:] = (x[:, 1:] - x[:, 1:].mean(axis=0)) / x[:, 1:].std(axis=0)
    index = np.clip(-2 + 4 * x[:, 1] - 3 * x[:, 2], -20, 20)
    treated = rng.random(n) < 1 / (1 + np.exp(-index))
    probability = logit_probability(treated, np.ones(n), x)
    np.testing.assert_allclose(x.T @ (treated - probability), 0.0, atol=1e-6)
    assert probability[treated].max() < 0.999999
