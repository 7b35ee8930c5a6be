"""Matching with replacement: the variances of Abadie and Imbens (2006, 2016)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import impact
from impact.core.errors import EstimationError
from impact.estimate import replacement
from impact.estimate.effect import EffectResult
from tests.reference.matched_effects.reader import COVARIATES, expected, sample

TRUTH = 1.16219  # of the simulated programme below, by integration


def firms(seed: list[int], n: int = 600) -> pd.DataFrame:
    """x ~ N(0, I), P(D) = expit(-1 + x1/2 - x2/2), outcome x1 + x2 + noise, effect 1 + x1/2."""
    rng = np.random.default_rng(seed)
    x1, x2 = rng.normal(size=n), rng.normal(size=n)
    joined = rng.random(n) < 1 / (1 + np.exp(1 - 0.5 * x1 + 0.5 * x2))
    y = x1 + x2 + rng.normal(size=n) + joined * (1 + 0.5 * x1)
    return pd.DataFrame({"x1": x1, "x2": x2, "joined": joined.astype(int), "y": y})


def nearest(frame: pd.DataFrame, **words: object) -> EffectResult:
    matched = impact.match(
        frame, treatment="joined", **{"on": ["x1", "x2"], "replace": True, **words}
    )  # type: ignore[arg-type]
    return impact.att(matched, "y", method="difference")


# Against R


@pytest.mark.parametrize("name", ["lalonde", "cps"])
def test_weighted_and_naive_differences_are_those_of_r(name: str) -> None:
    frame, r = sample(name), expected(name)
    if frame is None:
        pytest.skip("the data are not here")
    means = frame.groupby("treat")["re78"].mean()
    assert means[1] - means[0] == pytest.approx(r["naive"], abs=1e-9)
    matched = impact.match(frame, treatment="treat", on=COVARIATES[name], method="ipw")
    frame["e"] = matched.distance
    row = impact.att(matched, "re78", method="difference").tidy().iloc[0]
    assert row["estimate"] == pytest.approx(r["ipw_att"], rel=1e-8)
    known = impact.match(frame, treatment="treat", on=COVARIATES[name], method="ipw", distance="e")
    row = impact.att(known, "re78", method="difference").tidy().iloc[0]
    assert row["std_error"] == pytest.approx(r["ipw_att_known_se"], rel=1e-8)


def test_the_experiment_gives_its_published_difference() -> None:
    frame, r = sample("nsw"), expected("nsw")
    if frame is None:
        pytest.skip("the data are not here")
    arms = [frame.loc[frame["treat"] == k, "re78"] for k in (1, 0)]
    assert len(arms[0]) == 185 and len(arms[1]) == 260
    assert arms[0].mean() - arms[1].mean() == pytest.approx(r["difference"], abs=1e-8)
    assert r["difference"] == pytest.approx(1794.3433, abs=2e-3)
    # Everybody given the same score is the difference in means.
    same = impact.match(
        frame.assign(e=0.5), treatment="treat", on=["age"], method="ipw", distance="e"
    )
    row = impact.att(same, "re78", method="difference").tidy().iloc[0]
    assert row["estimate"] == pytest.approx(r["difference"], abs=1e-8)
    unequal = np.sqrt(sum(a.var(ddof=0) / len(a) for a in arms))
    assert row["std_error"] == pytest.approx(unequal, rel=1e-10)


@pytest.mark.parametrize("ratio", [1, 3])
def test_errors_for_a_known_score_are_those_of_r_matching(ratio: int) -> None:
    frame, r = sample("lalonde"), expected("lalonde")
    if frame is None:
        pytest.skip("the data are not here")
    on = COVARIATES["lalonde"]
    e = impact.match(frame, treatment="treat", on=on, method="ipw").distance
    frame["s"] = e + frame.index.to_numpy() * 1e-7
    matched = impact.match(frame, treatment="treat", on=on, distance="s", replace=True, ratio=ratio)
    row = impact.att(matched, "re78", method="difference").tidy().iloc[0]
    assert row["estimate"] == pytest.approx(r[f"nn{ratio}"], abs=1e-8)
    assert row["std_error"] == pytest.approx(r[f"nn{ratio}_ai2006_se"], abs=1e-7)


def test_one_neighbour_on_cps_controls_is_that_of_an_exhaustive_search() -> None:
    frame = sample("cps")
    if frame is None:
        pytest.skip("the data are not here")
    matched = impact.match(frame, treatment="treat", on=COVARIATES["cps"], replace=True)
    e = matched.distance
    d = frame["treat"] == 1
    for t, control in matched.pairs[["treated", "control"]].itertuples(index=False):
        assert abs(e[control] - e[t]) == (e[~d] - e[t]).abs().min()
    gains = (
        frame["re78"][matched.pairs["treated"]].to_numpy()
        - frame["re78"][matched.pairs["control"]].to_numpy()
    )
    row = impact.att(matched, "re78", method="difference").tidy().iloc[0]
    assert row["estimate"] == pytest.approx(gains.mean(), abs=1e-8)


# Against a plain twin


def twin(frame: pd.DataFrame, pairs: pd.DataFrame, e: pd.Series) -> tuple[float, float, float]:
    """Estimate, variance for a known score, and what its estimation adds, firm by firm."""
    y, d = frame["y"], frame["joined"] == 1

    def near(
        i: object, arm: pd.Series, count: int, place: pd.DataFrame, itself: bool
    ) -> list[object]:
        pool = [j for j in frame.index[arm] if itself or j != i]
        far = [float(((place.loc[j] - place.loc[i]) ** 2).sum()) for j in pool]
        return [pool[k] for k in np.argsort(far, kind="stable")[:count]]

    score = e.to_frame()
    of = pairs.groupby("treated")["control"].apply(list)
    gains = {t: y[t] - y[cs].mean() for t, cs in of.items()}
    effect = float(np.mean(list(gains.values())))
    total = sum((g - effect) ** 2 for g in gains.values())
    for c in pairs["control"].unique():
        shares = [1 / len(cs) for cs in of if c in cs]
        group = [c, *near(c, ~d, 4, score, False)]
        total += (sum(shares) ** 2 - sum(s**2 for s in shares)) * y[group].var(ddof=1)
    x = np.column_stack([np.ones(len(frame)), frame[["x1", "x2"]]])
    white = pd.DataFrame(
        np.linalg.solve(np.linalg.cholesky(np.cov(x[:, 1:].T)), x[:, 1:].T).T, index=frame.index
    )
    p, n = d.mean(), len(frame)
    slope, c, dt, information = (e * (1 - e)).to_numpy(), np.zeros(3), np.zeros(3), np.zeros((3, 3))
    for k, i in enumerate(frame.index):
        information += slope[k] * np.outer(x[k], x[k]) / n
        ins, outs = near(i, d, 4, score, False), near(i, ~d, 4, score, False)
        c += x[k] * slope[k] * (y[ins].mean() - y[outs].mean() - effect) / n / p
        for arm, factor in ((d, 1.0), (~d, e[i] / (1 - e[i]))):
            four = near(i, arm, 4, score, True)
            at = [frame.index.get_loc(j) for j in four]
            c += (
                slope[k]
                * factor
                * np.array([np.cov(x[at, m], y[four])[0, 1] for m in range(3)])
                / n
                / p
            )
        other = near(i, ~d if d[i] else d, 1, white, True)[0]
        dt += x[k] * slope[k] * ((y[i] - y[other]) * (1 if d[i] else -1) - effect) / n / p
    inverse = np.linalg.inv(information)
    return effect, total / len(gains) ** 2, float(dt @ inverse @ dt - c @ inverse @ c) / n


@pytest.mark.parametrize("ratio", [1, 2])
def test_variances_are_those_of_a_plain_twin(ratio: int) -> None:
    frame = firms([11, ratio], n=90)
    matched = impact.match(frame, treatment="joined", on=["x1", "x2"], replace=True, ratio=ratio)
    effect, known, added = twin(frame, matched.pairs, matched.distance)
    row = impact.att(matched, "y", method="difference").tidy().iloc[0]
    assert row["estimate"] == pytest.approx(effect, abs=1e-12)
    assert row["std_error"] ** 2 == pytest.approx(known + added, rel=1e-9)
    given_score = frame.assign(e=matched.distance)
    row = nearest(given_score, distance="e", ratio=ratio).tidy().iloc[0]
    assert row["std_error"] ** 2 == pytest.approx(known, rel=1e-9)


def test_each_kind_of_distance_says_its_variance() -> None:
    frame = firms([1, 0]).assign(e=lambda f: 1 / (1 + np.exp(1 - 0.5 * f["x1"])))
    assert "2016" in nearest(frame).variance
    assert "2016" in nearest(frame, distance="linear_logit").variance
    assert "2016" in nearest(frame, distance="probit").variance
    assert "2006" in nearest(frame, distance="e").variance
    assert "2006" in nearest(frame, distance="mahalanobis").variance
    assert any("limit of uses" in note for note in nearest(frame, max_uses=2).notes)
    result = nearest(frame)
    assert result.influence is None
    assert not any("limit of uses" in note for note in result.notes)
    assert result.tidy()["n_control"].iloc[0] < result.tidy()["n_treated"].iloc[0]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_rows_and_units_do_not_matter(seed: int) -> None:
    frame = firms([2, 5], n=200)
    other = frame.assign(x1=frame["x1"] * 50 + 3, y=frame["y"] * 10).sample(
        frac=1, random_state=seed
    )
    here, there = nearest(frame).tidy().iloc[0], nearest(other).tidy().iloc[0]
    assert there["estimate"] == pytest.approx(10 * here["estimate"], rel=1e-9)
    assert there["std_error"] == pytest.approx(10 * here["std_error"], rel=1e-9)


def test_ties_and_controls_used_by_all_are_no_trouble() -> None:
    frame = pd.DataFrame(
        {"x1": 1.0, "x2": [0.0, 1] * 7, "joined": [1] * 8 + [0] * 6, "y": np.arange(14.0)}
    )
    row = nearest(frame, on=["x2"]).tidy().iloc[0]
    assert np.isfinite(row["std_error"]) and row["std_error"] > 0
    few = (
        nearest(frame.iloc[:12], on=["x2"]).tidy().iloc[0]
    )  # four controls are too few for an estimated score
    assert np.isfinite(few["estimate"]) and np.isnan(few["std_error"])
    one = frame.iloc[[0, 1, 2, 3, 8]]
    row = nearest(one.assign(e=0.3), on=["x2"], distance="e").tidy().iloc[0]
    assert np.isnan(row["std_error"]) and np.isnan(row["p_value"])


def test_strata_hold_neighbours_apart() -> None:
    frame = firms([3, 1]).assign(s=lambda f: np.where(f["x1"] > 0, "a", "b"))
    frame["y"] += 100 * (frame["s"] == "a")
    apart = nearest(frame, exact=["s"]).tidy().iloc[0]
    assert apart["std_error"] < 0.5


def test_missing_outcomes_are_counted() -> None:
    frame = firms([4, 1])
    treated = frame.index[frame["joined"] == 1][:5]
    frame.loc[treated, "y"] = np.nan
    result = nearest(frame)
    assert result.tidy()["n_treated"].iloc[0] == (frame["joined"] == 1).sum() - 5
    assert "5 pairs are left out" in " ".join(result.notes)


def test_neighbours_may_be_chosen() -> None:
    matched = impact.match(firms([8, 1]), treatment="joined", on=["x1", "x2"], replace=True)
    default, four, two = (
        impact.att(matched, "y", method="difference", **words).tidy()["std_error"].iloc[0]  # type: ignore[arg-type]
        for words in ({}, {"neighbours": 4}, {"neighbours": 2})
    )
    assert default == four != two
    for wrong in (1, 2.5, True):
        with pytest.raises(EstimationError, match="whole number from 2"):
            impact.att(matched, "y", method="difference", neighbours=wrong)
    pairs = impact.match(firms([8, 1]), treatment="joined", on=["x1", "x2"])
    with pytest.raises(EstimationError, match="with replacement"):
        impact.att(pairs, "y", method="difference", neighbours=2)


def test_clusters_are_refused() -> None:
    frame = firms([5, 1]).assign(chamber=1)
    matched = impact.match(frame, treatment="joined", on=["x1", "x2"], replace=True)
    with pytest.raises(EstimationError, match="no clusters"):
        impact.att(matched, "y", method="difference", cluster="chamber")


# Monte Carlo of the five ways, with the wrong variants


def draws(count: int, seed: int) -> pd.DataFrame:
    """Estimate, error and coverage of each way, draw r from `default_rng([seed, r])`."""
    rows = []
    for r in range(count):
        frame = firms([seed, r])
        for way in ("nearest", "entropy", "ipw", "aipw"):
            words = (
                {"replace": True}
                if way == "nearest"
                else {"method": "ipw" if way == "aipw" else way}
            )
            matched = impact.match(frame, treatment="joined", on=["x1", "x2"], **words)  # type: ignore[arg-type]
            found = {
                way: impact.att(matched, "y", method="aipw" if way == "aipw" else "difference")
            }
            if way == "nearest":
                known = impact.match(
                    frame.assign(e=matched.distance),
                    treatment="joined",
                    on=["x1", "x2"],
                    distance="e",
                    replace=True,
                )
                found["nearest, 2006"] = impact.att(known, "y", method="difference")
            if way == "entropy":
                weights = frame.assign(w=matched.weights)
                d = weights["joined"] == 1
                mean = np.average(weights["y"][~d], weights=weights["w"][~d])
                variance = (weights["y"][d].var() / d.sum()) + float(
                    ((weights["w"][~d] * (weights["y"][~d] - mean)) ** 2).sum()
                    / weights["w"][~d].sum() ** 2
                )
                estimate = float(weights["y"][d].mean() - mean)
                rows.append(("entropy, weights known", estimate, np.sqrt(variance)))
            rows += [
                (name, e.tidy()["estimate"].iloc[0], e.tidy()["std_error"].iloc[0])
                for name, e in found.items()
            ]
    table = pd.DataFrame(rows, columns=["way", "estimate", "std_error"])
    table["covered"] = (table["estimate"] - TRUTH).abs() <= 1.959964 * table["std_error"]
    return table


RIGHT = ("nearest", "entropy", "ipw", "aipw")
WRONG = ("nearest, 2006", "entropy, weights known")


def test_intervals_cover_and_wrong_ones_cover_too_much() -> None:
    table = draws(150, seed=20160516).groupby("way")
    covered, spread, said = (
        table["covered"].mean(),
        table["estimate"].std(),
        table["std_error"].mean(),
    )
    for way in RIGHT:
        assert abs(covered[way] - 0.95) <= 3 * np.sqrt(0.95 * 0.05 / 150), way
        assert abs(said[way] / spread[way] - 1) <= 3 / np.sqrt(2 * 150), way
        assert abs(table["estimate"].mean()[way] - TRUTH) <= 4 * spread[way] / np.sqrt(150), way
    for way in WRONG:
        assert said[way] / spread[way] > 1.2, way
        assert covered[way] >= 0.97, way


@pytest.mark.proof
def test_proof_coverage_of_two_thousand_draws() -> None:
    """Within 93.5 to 96.5 per cent; the wrong variants above 97.5."""
    covered = draws(2000, seed=7).groupby("way")["covered"].mean()
    print(covered.to_string())
    assert all(0.935 <= covered[way] <= 0.965 for way in RIGHT), covered
    assert all(covered[way] > 0.975 for way in WRONG), covered


def test_the_neighbours_of_a_firm_never_hold_itself_where_they_must_not() -> None:
    frame = firms([6, 1], n=60)
    matched = impact.match(frame, treatment="joined", on=["x1", "x2"], replace=True)
    n = len(frame)
    reused = replacement.Reused(
        frame["y"].to_numpy(), frame["joined"].to_numpy() == 1, np.zeros((n, 1)), np.zeros(n, dtype=np.int64),
        np.array([0]), np.array([1]), np.ones(n, dtype=bool),
    )  # fmt: skip
    near = replacement.nearest_of(reused, np.arange(n), reused.treated, 2, itself=False)
    assert (near != np.arange(n)[:, None]).all() and (near >= 0).all()
    assert (reused.treated[near] == reused.treated[:, None]).all()
    assert matched.settings.replace
