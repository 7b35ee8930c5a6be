"""The wild cluster bootstrap: against refitting every pattern of signs, against wildboottest, and for its size."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import impact
from impact.core.errors import DataError, EstimationError

REFERENCE = Path(__file__).parent.parent / "reference" / "wild_bootstrap"
FORMULAS = {"plain": "y ~ d + x", "years": "y ~ d + x | year", "firms": "y ~ d + x | firm + year"}


def firms(seed: int, clusters: int = 7, effect: float = 0.4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n = 12 * clusters
    g, firm, year = np.arange(n) // 12, np.arange(n) // 4, np.arange(n) % 4
    d = ((g < clusters // 2) & (year >= 2)).astype(float)
    y = effect * d + 0.3 * rng.normal(size=clusters)[g] + 0.1 * year + rng.normal(size=n)
    return pd.DataFrame(
        {"y": y, "d": d, "x": rng.normal(size=n), "g": g, "firm": firm, "year": year, "w": rng.uniform(0.5, 2, n)}
    )  # fmt: skip


def refitted(
    frame: pd.DataFrame, value: float, weights: bool, null: bool
) -> tuple[float, np.ndarray]:
    """The plain twin: dummies of firms and years, and a regression for every pattern of signs."""
    w = np.sqrt(frame["w"].to_numpy()) if weights else np.ones(len(frame))
    firm, year, g = (frame[c].to_numpy() for c in ("firm", "year", "g"))
    dummies = [firm == k for k in range(firm.max() + 1)] + [year == k for k in range(1, 4)]
    design = np.column_stack([frame["d"], frame["x"], *dummies]).astype(float) * w[:, None]
    y = frame["y"].to_numpy() * w
    bread = np.linalg.inv(design.T @ design)
    clusters = g.max() + 1

    def statistic(outcome: np.ndarray, around: float) -> float:
        b = bread @ design.T @ outcome
        e = outcome - design @ b
        scores = np.array([design[g == k].T @ e[g == k] for k in range(clusters)])
        return float((b[0] - around) / np.sqrt((bread @ scores.T @ scores @ bread)[0, 0]))

    if null:
        rest = design[:, 1:]
        gamma = np.linalg.lstsq(rest, y - value * design[:, 0], rcond=None)[0]
        fit, around = value * design[:, 0] + rest @ gamma, value
    else:
        b = bread @ design.T @ y
        fit, around = design @ b, float(b[0])
    draws = [
        statistic(fit + (y - fit) * np.array(s)[g], around)
        for s in itertools.product([-1.0, 1.0], repeat=clusters)
    ]
    return statistic(y, value), np.array(draws)


@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("null", [True, False])
@pytest.mark.parametrize("value", [0.0, 0.7])
def test_equals_refitting_every_pattern(weights: bool, null: bool, value: float) -> None:
    frame = firms(1)
    found = impact.wild_bootstrap(
        "y ~ d + x | firm + year", frame, "d", cluster="g", value=value, impose_null=null, weights="w" if weights else None
    )  # fmt: skip
    statistic, draws = refitted(frame, value, weights, null)
    row = found.tidy().iloc[0]
    factor = row["statistic"] / statistic
    np.testing.assert_allclose(
        np.sort(found.statistics), np.sort(draws) * factor, rtol=1e-8, atol=1e-10
    )
    assert row["p_value"] == (np.abs(draws) >= abs(statistic) * (1 - 1e-9)).mean()
    assert row["n_draws"] == 2**7
    assert row["statistic"] == pytest.approx(
        (row["estimate"] - value) / row["std_error"], rel=1e-10
    )


def test_equals_wildboottest() -> None:
    """With all patterns; the package does not count ties, of which the pattern of the data and its mirror are two."""
    frame, raw = pd.read_csv(REFERENCE / "firms.csv"), pd.read_csv(REFERENCE / "raw.csv")
    for told in raw[raw["type"] == 11].itertuples():
        row = impact.wild_bootstrap(
            FORMULAS[told.formula], frame, "d", cluster="g", impose_null=bool(told.null)
        ).tidy().iloc[0]  # fmt: skip
        assert -1e-12 <= row["p_value"] - told.p_value <= 2 / 1024 + 1e-12
        if told.formula != "firms":  # it writes firms out and counts each as a parameter
            assert row["statistic"] == pytest.approx(told.statistic, rel=1e-9)


def test_standard_error_is_that_of_regress() -> None:
    frame = firms(2)
    row = impact.wild_bootstrap("y ~ d + x | firm + year", frame, "d", cluster="g").tidy().iloc[0]
    plain = impact.regress("y ~ d + x | firm + year", frame, cluster="g").tidy().set_index("term")
    for column in ("estimate", "std_error", "statistic"):
        assert row[column] == pytest.approx(plain.loc["d", column], rel=1e-9)


def test_the_interval_holds_the_values_that_are_not_rejected() -> None:
    frame = firms(3, clusters=9)
    row = (
        impact.wild_bootstrap("y ~ d | firm + year", frame, "d", cluster="g", conf_level=0.9)
        .tidy()
        .iloc[0]
    )

    def p(value: float) -> float:
        return (
            impact.wild_bootstrap("y ~ d | firm + year", frame, "d", cluster="g", value=value)
            .tidy()["p_value"]
            .item()
        )

    for end, out in ((row["conf_low"], -1e-4), (row["conf_high"], 1e-4)):
        assert p(end - out) > 0.1 >= p(end + out)


def test_too_few_clusters_give_no_end() -> None:
    found = impact.wild_bootstrap(
        "y ~ d | firm + year", firms(4, clusters=4), "d", cluster="g", signs="rademacher"
    )
    row = found.tidy().iloc[0]
    assert row["p_value"] >= 2 / 16
    assert np.isnan(row["conf_low"]) and np.isnan(row["conf_high"])
    assert any("no end there" in note for note in found.notes)
    webb = impact.wild_bootstrap(
        "y ~ d | firm + year", firms(4, clusters=4), "d", cluster="g", draws=999
    )
    assert "Webb" in webb.variance and webb.tidy()["n_draws"].item() == 999


@given(st.integers(0, 10_000), st.floats(0.01, 100), st.floats(-5, 5))
@settings(max_examples=20, deadline=None)
def test_units_names_and_order_do_not_matter(seed: int, scale: float, shift: float) -> None:
    frame = firms(seed % 97)
    one = impact.wild_bootstrap("y ~ d | firm + year", frame, "d", cluster="g")
    other = frame.assign(
        y=scale * frame["y"] + shift, g=frame["g"].map(lambda k: f"c{k}"), firm=-frame["firm"]
    )
    two = impact.wild_bootstrap(
        "y ~ d | firm + year", other.sample(frac=1.0, random_state=seed), "d", cluster="g"
    )
    a, b = one.tidy().iloc[0], two.tidy().iloc[0]
    assert a["p_value"] == b["p_value"]
    assert b["estimate"] == pytest.approx(scale * a["estimate"], rel=1e-7, abs=1e-10 * scale)
    exact = impact.wild_bootstrap(
        "y ~ d | firm + year", frame.sample(frac=1.0, random_state=seed), "d", cluster="g"
    )
    pd.testing.assert_frame_equal(exact.tidy(), one.tidy(), check_exact=True)


def test_size_with_few_clusters_where_the_t_test_fails() -> None:
    """Ten clusters that share shocks, four of them treated: the clustered t test rejects too often, the bootstrap does not."""
    by_t, by_draws = [], []
    for draw in range(300):
        rng = np.random.default_rng([7, draw])
        g = np.repeat(np.arange(10), 8)
        d = (g < 4).astype(float)
        y = rng.normal(size=10)[g] + rng.normal(size=80)
        frame = pd.DataFrame({"y": y, "d": d, "g": g})
        row = impact.wild_bootstrap("y ~ d", frame, "d", cluster="g").tidy().iloc[0]
        by_draws.append(row["p_value"] < 0.05)
        by_t.append(abs(row["statistic"]) > 1.96)
    assert np.mean(by_t) > 0.085
    assert 0.012 < np.mean(by_draws) < 0.088


def test_no_variation_is_missing() -> None:
    frame = firms(5).assign(y=1.0)
    row = impact.wild_bootstrap("y ~ d | firm", frame, "d", cluster="g").tidy().iloc[0]
    assert row[["std_error", "statistic", "p_value", "conf_low", "conf_high"]].isna().all()


@pytest.mark.parametrize(
    ("formula", "options", "message"),
    [
        ("y ~ x | firm", {}, "no term 'd'"),
        ("y ~ d + firm | firm + year", {"term": "firm"}, "collinear"),
        ("y ~ d", {"draws": 10}, "whole number from 99"),
        ("y ~ d", {"signs": "mammen"}, "choose from"),
        ("y ~ d", {"cluster": "one"}, "one cluster"),
    ],
)
def test_refusals(formula: str, options: dict[str, object], message: str) -> None:
    call = {"term": "d", "cluster": "g", **options}
    with pytest.raises(EstimationError, match=message):
        impact.wild_bootstrap(formula, firms(6).assign(one=1), **call)
    with pytest.raises(DataError, match="zzz"):
        impact.wild_bootstrap("y ~ d", firms(6), "d", cluster="zzz")


def test_missing_rows_are_counted() -> None:
    frame = firms(8)
    frame.loc[3, "y"] = np.nan
    found = impact.wild_bootstrap("y ~ d | firm + year", frame, "d", cluster="g")
    assert found.tidy()["n_obs"].item() == len(frame) - 1
    assert any("1 row" in note for note in found.notes)
    assert "7" in found.summary() and "wild cluster bootstrap by g" in repr(found)
