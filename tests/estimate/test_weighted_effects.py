"""Effects by estimated weights: their errors against a plain stack of all estimating equations, whose slopes are taken numerically."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import optimize, stats

import impact
from impact.core.errors import EstimationError
from impact.core.inference import FloatArray
from impact.design.match import MatchResult

ON = ["a", "b"]


def firms(n: int = 240, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=n), rng.exponential(size=n)
    joined = rng.random(n) < 1 / (1 + np.exp(1.0 - 0.6 * a + 0.3 * b))
    y = 2 * a - b + a * b + rng.normal(size=n) * (1 + 0.5 * np.abs(a)) + joined * (1 + 0.5 * a)
    return pd.DataFrame({"a": a, "b": b, "joined": joined.astype(int), "y": y})


# One function a design: the estimating equations of its parameters (n, p), and the weights of both arms at given parameters.
Equations = Callable[[FloatArray, FloatArray, FloatArray], tuple[FloatArray, FloatArray]]


def by_score(link: str, estimand: str) -> Equations:
    def equations(x: FloatArray, d: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
        line = x @ b
        if link == "logit":
            e = 1 / (1 + np.exp(-line))
            score = d - e
        else:
            e = stats.norm.cdf(line)
            score = (d - e) * stats.norm.pdf(line) / (e * (1 - e))
        weights = {
            "ATT": np.where(d == 1, 1, e / (1 - e)),
            "ATE": np.where(d == 1, 1 / e, 1 / (1 - e)),
            "ATO": np.where(d == 1, 1 - e, e),
        }[estimand]
        return score[:, None] * x, weights

    return equations


def by_cbps(estimand: str) -> Equations:
    def equations(x: FloatArray, d: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
        up = np.exp(x @ b)
        if estimand == "ATT":
            return (d - (1 - d) * up)[:, None] * x, np.where(d == 1, 1, up)
        weights = np.where(d == 1, 1 + 1 / up, 1 + up)
        return ((2 * d - 1) * weights)[:, None] * x, weights

    return equations


def by_entropy(estimand: str, powers: int) -> Equations:
    """Parameters: the target means of the terms, and the multipliers of each weighted arm."""

    def equations(x: FloatArray, d: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
        terms = np.concatenate([x[:, 1:] ** p for p in range(1, powers + 1)], axis=1)
        k = terms.shape[1]
        mean, target = b[:k], d if estimand == "ATT" else np.ones(len(d))
        found = [target[:, None] * (terms - mean)]
        weights = d.astype(float)
        arms = [1 - d] if estimand == "ATT" else [d, 1 - d]
        for i, arm in enumerate(arms):
            w = arm * np.exp((terms - mean) @ b[k * (i + 1) : k * (i + 2)])
            found.append(w[:, None] * (terms - mean))
            weights = np.where(arm == 1, w, weights)
        return np.concatenate(found, axis=1), weights

    return equations


def count(equations: Equations, x: FloatArray, d: FloatArray) -> int:
    """How many parameters the equations have: as many as equations."""
    return next(p for p in range(1, 30) if _has(equations, x, d, p))


def _has(equations: Equations, x: FloatArray, d: FloatArray, p: int) -> bool:
    try:
        return equations(x, d, np.zeros(p))[0].shape[1] == p
    except ValueError:
        return False


def twin(
    frame: pd.DataFrame, equations: Equations, method: str, estimand: str
) -> tuple[float, float]:
    """Estimate and standard error from the stack of all equations; every derivative is a difference quotient."""
    y, d = frame["y"].to_numpy(), frame["joined"].to_numpy(dtype=float)
    x = np.column_stack([np.ones(len(y)), frame[ON].to_numpy()])
    p, k = count(equations, x, d), x.shape[1]
    everyone = estimand == "ATE"

    def stack(theta: FloatArray) -> FloatArray:
        own, w = equations(x, d, theta[:p])
        rest = theta[p:]
        ins, outs = d * w, (1 - d) * w
        if method == "difference":
            means = rest[:2]
            return np.column_stack([own, ins * (y - means[0]), outs * (y - means[1])])
        b1, b0, extra = rest[:k], rest[k : 2 * k], rest[2 * k :]
        fit_in, fit_out = (ins, outs) if method == "g_computation" else (d, 1 - d)
        e1, e0 = y - x @ b1, y - x @ b0
        fits = [(fit_in * e1)[:, None] * x, (fit_out * e0)[:, None] * x]
        if method == "g_computation":
            target = np.ones(len(y)) if everyone else d
            return np.column_stack([own, *fits, target * (x @ (b1 - b0) - extra[0])])
        if everyone:
            return np.column_stack(
                [
                    own,
                    *fits,
                    x @ (b1 - b0) - extra[0],
                    ins * (e1 - extra[1]),
                    outs * (e0 - extra[2]),
                ]
            )
        return np.column_stack(
            [own, *fits, d * (e0 - extra[0]), 0 * y + extra[1], outs * (e0 - extra[2])]
        )

    def effect(theta: FloatArray) -> float:
        rest = theta[p:]
        if method == "difference":
            return float(rest[0] - rest[1])
        extra = rest[2 * k :]
        if method == "g_computation":
            return float(extra[0])
        return float(extra[0] + extra[1] - extra[2])

    size = p + {"difference": 2, "g_computation": 2 * k + 1, "aipw": 2 * k + 3}[method]
    start = np.zeros(size)
    solution = optimize.root(lambda t: stack(t).mean(axis=0), start, method="hybr", tol=1e-13)
    theta = solution.x
    assert np.abs(stack(theta).mean(axis=0)).max() < 1e-9, solution.message
    steps = np.eye(size) * 1e-6
    jacobian = np.array(
        [(stack(theta + s).mean(axis=0) - stack(theta - s).mean(axis=0)) / 2e-6 for s in steps]
    ).T
    influence = -np.linalg.solve(jacobian, stack(theta).T).T
    slope = np.array([(effect(theta + s) - effect(theta - s)) / 2e-6 for s in steps])
    own = influence @ slope
    return effect(theta), float(np.sqrt((own**2).sum()) / len(y))


DESIGNS: dict[str, tuple[dict[str, object], Equations]] = {
    "ipw ATT": ({"method": "ipw"}, by_score("logit", "ATT")),
    "ipw ATE": ({"method": "ipw", "estimand": "ATE"}, by_score("logit", "ATE")),
    "ipw ATE stabilized": ({"method": "ipw", "estimand": "ATE", "stabilized": True}, by_score("logit", "ATE")),
    "ipw ATO": ({"method": "ipw", "estimand": "ATO"}, by_score("logit", "ATO")),
    "ipw probit ATE": ({"method": "ipw", "distance": "probit", "estimand": "ATE"}, by_score("probit", "ATE")),
    "cbps ATT": ({"method": "cbps"}, by_cbps("ATT")),
    "cbps ATE": ({"method": "cbps", "estimand": "ATE"}, by_cbps("ATE")),
    "entropy ATT": ({"method": "entropy"}, by_entropy("ATT", 1)),
    "entropy ATT 2": ({"method": "entropy", "moments": 2}, by_entropy("ATT", 2)),
    "entropy ATE": ({"method": "entropy", "estimand": "ATE"}, by_entropy("ATE", 1)),
}  # fmt: skip


def weighted(frame: pd.DataFrame, **words: object) -> MatchResult:
    return impact.match(frame, treatment="joined", on=ON, **words)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["difference", "g_computation", "aipw"])
@pytest.mark.parametrize("design", list(DESIGNS))
def test_estimates_and_errors_are_those_of_the_stacked_equations(design: str, method: str) -> None:
    words, equations = DESIGNS[design]
    estimand = str(words.get("estimand", "ATT"))
    if estimand == "ATO" and method != "difference":
        with pytest.raises(EstimationError, match="the match is for the ATO"):
            impact.att(weighted(firms(), **words), "y", method=method)
        return
    row = impact.att(weighted(firms(), **words), "y", method=method).tidy().iloc[0]
    estimate, error = twin(firms(), equations, method, estimand)
    assert row["term"] == estimand
    assert row["estimate"] == pytest.approx(estimate, abs=1e-8)
    # Information of the probit is the expected one here and the observed one in the stack: equal only in the limit.
    assert row["std_error"] == pytest.approx(error, rel=0.02 if "probit" in design else 1e-5)


def test_a_given_score_has_the_errors_of_weighted_least_squares() -> None:
    frame = firms()
    frame["e"] = 1 / (1 + np.exp(1.0 - 0.6 * frame["a"]))
    row = (
        impact.att(weighted(frame, method="ipw", distance="e"), "y", method="difference")
        .tidy()
        .iloc[0]
    )
    w = np.where(frame["joined"] == 1, 1, frame["e"] / (1 - frame["e"]))
    fit = sm.WLS(frame["y"], sm.add_constant(frame["joined"]), weights=w).fit(cov_type="HC0")
    assert row["estimate"] == pytest.approx(fit.params["joined"], abs=1e-12)
    assert row["std_error"] == pytest.approx(fit.bse["joined"], abs=1e-10)


def test_a_cluster_sums_the_influence_of_its_firms() -> None:
    frame = firms().assign(chamber=np.arange(240) // 8)
    result = impact.att(
        weighted(frame, method="entropy"), "y", method="difference", cluster="chamber"
    )
    assert result.influence is not None
    sums = result.influence["ATT"].groupby(frame["chamber"]).sum()
    assert result.tidy()["std_error"].iloc[0] == pytest.approx(
        float(np.sqrt((sums**2).sum()) / 240), rel=1e-12
    )
    assert "chamber" in result.variance


def test_firms_without_an_outcome_are_counted_and_the_others_weighted() -> None:
    frame = firms()
    frame.loc[[0, 1, 2, 3], "y"] = np.nan
    match = weighted(frame, method="ipw")
    result = impact.att(match, "y", method="difference")
    seen, d = frame["y"].notna(), frame["joined"] == 1
    means = [
        np.average(frame["y"][seen & arm], weights=match.weights[seen & arm]) for arm in (d, ~d)
    ]
    assert result.tidy()["estimate"].iloc[0] == pytest.approx(means[0] - means[1], abs=1e-12)
    assert "4 firms with weight left out" in result.summary()


def test_weights_do_not_depend_on_units_or_rows() -> None:
    frame = firms()
    other = frame.assign(a=frame["a"] * 1000 - 7).sample(frac=1, random_state=3)
    for design, (words, _) in DESIGNS.items():
        here = impact.att(weighted(frame, **words), "y", method="difference").tidy()
        there = impact.att(weighted(other, **words), "y", method="difference").tidy()
        numbers = ["estimate", "std_error"]
        np.testing.assert_allclose(here[numbers], there[numbers], rtol=1e-9, err_msg=design)


def test_aipw_is_right_where_the_score_is_wrong_or_the_regression_is() -> None:
    rng = np.random.default_rng(5)
    n = 40_000
    a, b = rng.normal(size=n), rng.normal(size=n)
    joined = rng.random(n) < 1 / (1 + np.exp(0.5 - a + 0.5 * b))
    frame = pd.DataFrame({"a": a, "b": b, "b2": b**2, "joined": joined.astype(int)})
    frame["y"] = a + b + joined * 1.0 + rng.normal(size=n)
    wrong_score = impact.match(frame, treatment="joined", on=["b2"], method="ipw")
    bent = frame.assign(y=frame["y"] + a**2)
    right_score = impact.match(bent, treatment="joined", on=["a", "b"], method="ipw")
    for match, on in ((wrong_score, ["a", "b"]), (right_score, ["b2"])):
        row = impact.att(match, "y", method="aipw", covariates=on).tidy().iloc[0]
        assert abs(row["estimate"] - 1.0) < 4 * row["std_error"]
    naive = impact.att(wrong_score, "y", method="difference").tidy().iloc[0]
    assert abs(naive["estimate"] - 1.0) > 20 * naive["std_error"]


def test_aipw_refuses_pairs() -> None:
    with pytest.raises(EstimationError, match="aipw works on weights"):
        impact.att(weighted(firms()), "y", method="aipw")


def test_weights_taken_as_known_would_have_other_errors() -> None:
    match = weighted(firms(), method="entropy")
    ours = impact.att(match, "y", method="difference").tidy()["std_error"].iloc[0]
    known = impact.att(dataclasses.replace(match, weighting=()), "y", method="difference")
    assert known.tidy()["std_error"].iloc[0] > 1.2 * ours


# Panels: each cohort is weighted by itself, and changes are compared.


def panel(seed: int = 2, n: int = 150) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    unit = pd.DataFrame({"firm": [f"f{i:03d}" for i in range(n)], "a": rng.normal(size=n)})
    joins = rng.random(n) < 1 / (1 + np.exp(0.5 - 0.7 * unit["a"]))
    unit["joined"] = np.where(joins, rng.choice([3.0, 4.0], n), np.nan)
    rows = unit.merge(pd.DataFrame({"year": range(1, 6)}), how="cross")
    rows["y"] = (
        rows["a"] * rows["year"]
        + (rows["year"] >= rows["joined"]) * 0.5
        + rng.normal(scale=0.3, size=len(rows))
    )
    return rows


@pytest.mark.parametrize("method", ["ipw", "entropy", "cbps"])
def test_matched_did_on_weights_is_the_weighted_difference_of_changes(method: str) -> None:
    rows = panel()
    data = impact.panel(rows, unit="firm", time="year", cohort="joined")
    cells = impact.att(
        impact.match(data, on=["a"], method=method), "y", method="matched_did"
    ).tidy()
    wide = rows.pivot(index="firm", columns="year", values="y")
    unit = rows.drop_duplicates("firm").set_index("firm")
    for g, t in ((3, 3), (3, 5), (4, 4), (4, 1)):
        use = unit["joined"].isna() | (unit["joined"] == g)
        section = unit[use].assign(
            change=(wide[t] - wide[g - 1])[use], d=(unit["joined"][use] == g).astype(int)
        )
        match = impact.match(section, treatment="d", on=["a"], method=method)
        row = impact.att(match, "change", method="difference").tidy().iloc[0]
        cell = cells[(cells["cohort"] == g) & (cells["time"] == t)].iloc[0]
        assert cell["estimate"] == pytest.approx(row["estimate"], abs=1e-10)
        assert cell["std_error"] == pytest.approx(row["std_error"], rel=1e-9)
        assert (cell["n_treated"], cell["n_control"]) == (row["n_treated"], row["n_control"])


@pytest.mark.parametrize("estimand", ["ATE", "ATO"])
def test_matched_did_is_of_participants_alone(estimand: str) -> None:
    data = impact.panel(panel(), unit="firm", time="year", cohort="joined")
    matched = impact.match(data, on=["a"], method="ipw", estimand=estimand)  # type: ignore[arg-type]
    with pytest.raises(EstimationError, match=f"the match is for the {estimand}"):
        impact.att(matched, "y", method="matched_did")


def test_one_control_tells_no_noise() -> None:
    frame = firms().query("joined == 1").head(40)
    other = firms().query("joined == 0").head(1)
    frame = pd.concat([frame, other]).assign(e=0.5)
    result = impact.att(weighted(frame, method="ipw", distance="e"), "y", method="difference")
    assert np.isfinite(result.tidy()["estimate"].iloc[0])
    assert np.isnan(result.tidy()["std_error"].iloc[0])
    assert "One firm in an arm, so no standard error." in result.notes
    assert not any("clusters" in note for note in result.notes)


def test_group_time_refuses_weights_that_differ_between_cohorts() -> None:
    data = impact.panel(panel(), unit="firm", time="year", cohort="joined")
    with pytest.raises(EstimationError, match="matched_did"):
        impact.att(impact.match(data, on=["a"], method="ipw"), "y", method="group_time")
