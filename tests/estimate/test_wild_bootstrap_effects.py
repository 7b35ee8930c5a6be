"""The wild bootstrap of effects: against refitting every pattern, against the formula, and for its size by kind of estimator."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import impact
from impact.core.errors import EstimationError
from impact.estimate.effect import EffectResult

REFERENCE = Path(__file__).parent.parent / "reference" / "wild_bootstrap"


def regions(
    seed: int,
    clusters: int = 8,
    each: int = 4,
    cohorts: tuple[int, ...] = (3, 5),
    shock: float = 0.5,
) -> pd.DataFrame:
    """Firms in regions, of which the first half join, region by region in one of the cohorts; regions share a shock that lasts."""
    rng = np.random.default_rng([3, seed])
    joined = np.full(clusters, np.nan)
    joined[: clusters // 2] = np.resize(cohorts, clusters // 2)
    region = np.repeat(np.arange(clusters), each)
    region = np.concatenate([region, region[: clusters // 2]])  # not all of one size
    n, years = len(region), 6
    common = rng.normal(size=(clusters, years))
    for t in range(1, years):
        common[:, t] += 0.5 * common[:, t - 1]
    y = rng.normal(size=(n, 1)) + shock * common[region] + rng.normal(size=(n, years))
    return pd.DataFrame(
        {
            "firm": np.repeat(np.arange(n), years),
            "year": np.tile(np.arange(1, years + 1), n),
            "y": y.ravel(),
            "exports": np.exp(0.4 * y).ravel(),
            "x": np.repeat(rng.normal(size=n), years),
            "z": rng.normal(size=n * years),
            "w": np.repeat(rng.uniform(0.5, 2, n), years),
            "region": np.repeat(region, years),
            "joined": np.repeat(joined[region], years),
        }
    )


def fit(frame: pd.DataFrame, method: str, outcome: str = "y", by: str | None = None, **more: Any) -> EffectResult:  # fmt: skip
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined", weights=by)
    return impact.att(panel, outcome, method=method, cluster="region", **more)


def refitted(
    design: np.ndarray, number: np.ndarray, y: np.ndarray, w: np.ndarray, region: np.ndarray, value: float
) -> tuple[float, float, np.ndarray]:  # fmt: skip
    """The plain twin: every pattern of signs put on the restricted residuals and the whole regression, dummies and all, fitted again."""
    root = np.sqrt(w)
    x, y = design * root[:, None], y * root
    bread = np.linalg.pinv(x.T @ x, rcond=1e-12, hermitian=True)
    clusters = np.unique(region)

    def statistic(outcome: np.ndarray) -> tuple[float, float]:
        b = bread @ (x.T @ outcome)
        e = outcome - x @ b
        scores = np.array([x[region == g].T @ e[region == g] for g in clusters]) @ bread @ number
        return float(number @ b), float((number @ b - value) / np.sqrt(scores @ scores))

    estimate, found = statistic(y)
    b = bread @ (x.T @ y) - bread @ number * (estimate - value) / (number @ bread @ number)
    rest = y - x @ b
    draws = [
        statistic(x @ b + rest * np.array(s)[np.searchsorted(clusters, region)])[1]
        for s in itertools.product([-1.0, 1.0], repeat=len(clusters))
    ]
    return estimate, found, np.array(draws)


def dummies(values: pd.Series) -> np.ndarray:
    return pd.get_dummies(values).to_numpy(dtype=float)


def written_out(frame: pd.DataFrame, cells: list[tuple[int, int]]) -> np.ndarray:
    """Dummies of firms, years, and of each cohort and year that is named."""
    own = [((frame["joined"] == g) & (frame["year"] == t)).to_numpy(float) for g, t in cells]
    return np.column_stack([*own, dummies(frame["firm"]), dummies(frame["year"])])


SATURATED = [(3, 1), (3, 3), (3, 4), (3, 5), (3, 6), (5, 1), (5, 2), (5, 3), (5, 5), (5, 6)]
TREATED = [(3, 3), (3, 4), (3, 5), (3, 6), (5, 5), (5, 6)]
METHODS: dict[str, tuple[str, list[tuple[int, int]], dict[str, Any]]] = {
    "interaction_weighted": ("interaction_weighted", SATURATED, {}),
    "group_time": ("group_time", SATURATED, {}),
    "imputation": ("imputation", TREATED, {}),
    "etwfe": ("etwfe", TREATED, {}),
    "etwfe, never": ("etwfe", SATURATED, {"control": "never"}),
    "covariate": ("interaction_weighted", SATURATED, {"covariates": ["z"]}),
}


@pytest.mark.parametrize("kind", ["overall", "event"])
@pytest.mark.parametrize("name", METHODS)
def test_averages_equal_refitting_every_pattern(name: str, kind: str) -> None:
    method, cells, options = METHODS[name]
    frame = regions(1)
    effect = fit(frame, method, by="w", **options).aggregate(kind)  # type: ignore[arg-type]
    found = impact.wild_bootstrap(effect, value=0.1)
    assert found.kind == "wild" and "least-squares" in found.variance
    design = written_out(frame, cells)
    if "covariates" in options:
        design = np.column_stack([design, frame["z"]])
    sizes = frame.groupby("firm").first().groupby("joined")["w"].sum()
    table = found.tidy()
    assert np.isfinite(table["p_value"]).sum() >= (1 if kind == "overall" else 4)
    for j, row in table.iterrows():
        if not np.isfinite(row["p_value"]):
            continue  # the reference
        if row.get("event_time", 0) < 0 and name == "group_time":
            continue  # differences from the year before, not from that before joining
        inside = [i for i, (g, t) in enumerate(cells) if (t >= g if kind == "overall" else t - g == row["event_time"])]  # fmt: skip
        number = np.zeros(design.shape[1])
        number[inside] = [sizes[cells[i][0]] for i in inside]
        number /= number.sum()
        args = (frame[c].to_numpy() for c in ("y", "w", "region"))
        estimate, statistic, draws = refitted(design, number, *args, 0.1)
        assert row["estimate"] == pytest.approx(estimate, rel=1e-8, abs=1e-10)
        assert row["statistic"] == pytest.approx(statistic, rel=1e-8)
        assert row["p_value"] == (np.abs(draws) >= abs(statistic) * (1 - 1e-9)).mean()
        got = found.statistics[:, int(str(j))]
        np.testing.assert_allclose(np.sort(got), np.sort(draws), rtol=1e-8, atol=1e-9)


def test_cells_of_not_yet_joined_and_holes_are_differences_of_the_saturated_regression() -> None:
    frame = regions(2)
    found = impact.wild_bootstrap(fit(frame, "group_time", control="not_yet"), term="ATT(3,4)")
    # The comparison in year 4 is of all that have not joined by then, those of cohort 5 among them.
    design = written_out(frame, SATURATED)
    size = frame.groupby("firm")["joined"].first()
    later, never = (size == 5).sum(), size.isna().sum()
    number = np.zeros(design.shape[1])
    number[SATURATED.index((3, 4))] = 1.0
    # Its own year 4 is the base of cohort 5: against it year 2 stands in the row, the other way round.
    number[SATURATED.index((5, 2))] = later / (later + never)
    args = (frame[c].to_numpy() for c in ("y", "region"))
    y, region = args
    _, statistic, draws = refitted(design, number, y, np.ones(len(y)), region, 0.0)
    assert found.tidy()["statistic"].item() == pytest.approx(statistic, rel=1e-8)
    np.testing.assert_allclose(np.sort(found.statistics[:, 0]), np.sort(draws), rtol=1e-8, atol=1e-9)  # fmt: skip
    holes = frame[np.random.default_rng(1).random(len(frame)) > 0.15]
    overall = impact.wild_bootstrap(fit(holes, "interaction_weighted"), term="ATT(3,4)")
    number = np.zeros(len(number))
    number[SATURATED.index((3, 4))] = 1.0
    design = written_out(holes, SATURATED)
    seen = holes.groupby("firm")["year"].transform("size") > 1
    assert seen.all()
    estimate, statistic, draws = refitted(
        design, number[: design.shape[1]], holes["y"].to_numpy(), np.ones(len(holes)), holes["region"].to_numpy(), 0.0
    )  # fmt: skip
    assert overall.kind == "wild"
    assert overall.tidy()["estimate"].item() == pytest.approx(estimate, rel=1e-8)
    np.testing.assert_allclose(np.sort(overall.statistics[:, 0]), np.sort(draws), rtol=1e-8, atol=1e-9)  # fmt: skip


@pytest.mark.parametrize("weights", ["corrected", "none"])
def test_stacked_equals_refitting_every_pattern(weights: str) -> None:
    frame = regions(3)
    effect = fit(frame, "stacked", kappa_pre=1, kappa_post=1, weights=weights)
    effect = effect if weights == "none" else effect.aggregate("event")
    found = impact.wild_bootstrap(effect, term="ATT(e=1)")
    assert found.kind == "wild"
    stacks = []
    for g in (3, 5):
        own = frame[frame["year"].between(g - 1, g + 1)]
        clean = own["joined"].isna() | (own["joined"] > g + 1)
        stacks.append(own[(own["joined"] == g) | clean].assign(stack=g, d=own["joined"] == g))
    rows = pd.concat(stacks, ignore_index=True)
    event = rows["year"] - rows["stack"]
    if weights == "none":
        own = [(rows["d"] & (event == e)).to_numpy(float) for e in (0, 1)]
        number = np.array([0.0, 1.0])
    else:
        own = [(rows["d"] & (event == e) & (rows["stack"] == g)).to_numpy(float) for g in (3, 5) for e in (0, 1)]  # fmt: skip
        sizes = rows[rows["d"]].groupby("stack")["firm"].nunique()
        number = np.array([0, sizes[3], 0, sizes[5]]) / sizes.sum()
    effects = [dummies(rows["stack"].astype(str) + "-" + rows[c].astype(str)) for c in ("firm", "year")]  # fmt: skip
    design = np.column_stack([*own, *effects])
    number = np.concatenate([number, np.zeros(design.shape[1] - len(number))])
    y, region = rows["y"].to_numpy(), rows["region"].to_numpy()
    estimate, statistic, draws = refitted(design, number, y, np.ones(len(y)), region, 0.0)
    row = found.tidy().iloc[0]
    assert row["estimate"] == pytest.approx(estimate, rel=1e-8)
    assert row["statistic"] == pytest.approx(statistic, rel=1e-8)
    np.testing.assert_allclose(np.sort(found.statistics[:, 0]), np.sort(draws), rtol=1e-8, atol=1e-9)  # fmt: skip


def test_twfe_is_the_formula() -> None:
    frame = regions(4, clusters=8).assign(d=lambda f: (f["year"] >= f["joined"]).astype(float))
    found = impact.wild_bootstrap(fit(frame, "twfe", covariates=["z"], by="w"))
    formula = impact.wild_bootstrap("y ~ d + z | firm + year", frame, "d", cluster="region", weights="w")  # fmt: skip
    a, b = found.tidy().iloc[0], formula.tidy().iloc[0]
    assert found.kind == "wild" and a["p_value"] == b["p_value"]
    for column in ("estimate", "conf_low", "conf_high"):
        assert a[column] == pytest.approx(b[column], rel=1e-8)


def test_twfe_equals_wildboottest() -> None:
    frame, raw = pd.read_csv(REFERENCE / "firms.csv"), pd.read_csv(REFERENCE / "raw.csv")
    first = frame["year"].where(frame["d"] == 1).groupby(frame["firm"]).transform("min")
    panel = impact.panel(frame.assign(joined=first), unit="firm", time="year", cohort="joined")
    effect = impact.att(panel, "y", method="twfe", covariates=["x"], cluster="g")
    for told in raw[(raw["type"] == 11) & (raw["formula"] == "firms")].itertuples():
        row = impact.wild_bootstrap(effect, impose_null=bool(told.null)).tidy().iloc[0]
        assert -1e-12 <= row["p_value"] - told.p_value <= 2 / 1024 + 1e-12


@pytest.mark.parametrize("average", [True, False])
def test_of_a_difference_of_means_the_scores_are_the_regression(average: bool) -> None:
    frame = regions(5, clusters=8, cohorts=(4,))
    effect = fit(frame, "two_by_two", average=average, by="w")
    wild = impact.wild_bootstrap(effect)
    score = impact.wild_bootstrap(replace(effect, asked=None))
    assert (wild.kind, score.kind) == ("wild", "score")
    np.testing.assert_allclose(wild.statistics, score.statistics, rtol=1e-8)
    columns = ["std_error", "statistic", "p_value", "conf_low", "conf_high"]
    np.testing.assert_allclose(wild.tidy()[columns], score.tidy()[columns], rtol=1e-8)
    np.testing.assert_allclose(wild.tidy()["std_error"], effect.tidy()["std_error"], rtol=1e-9)


@pytest.mark.parametrize(
    ("method", "options", "words"),
    [
        ("group_time", {"covariates": ["x"]}, "with covariates"),
        ("etwfe", {"family": "poisson", "outcome": "exports"}, "no least-squares regression"),
        ("synthetic", {}, "no least-squares regression"),
    ],
)
def test_what_is_no_regression_is_said(method: str, options: dict[str, Any], words: str) -> None:
    effect = fit(regions(6, clusters=8), method, **options).aggregate("overall")
    found = impact.wild_bootstrap(effect, draws=999)
    assert found.kind == "score" and "score bootstrap" in found.variance
    assert any(words in note for note in found.notes)
    row, own = found.tidy().iloc[0], effect.tidy().iloc[0]
    assert row["estimate"] == own["estimate"]
    assert row["std_error"] == pytest.approx(own["std_error"], rel=0.05)
    assert row["conf_low"] < own["estimate"] < row["conf_high"]


def test_holes_and_per_cent_are_scores() -> None:
    frame = regions(7, clusters=8)
    holes = frame[np.random.default_rng(2).random(len(frame)) > 0.1]
    found = impact.wild_bootstrap(fit(holes, "group_time").aggregate("overall"), draws=999)
    assert found.kind == "score" and any("differ on these data" in n for n in found.notes)
    percent = fit(frame, "group_time", outcome="exports").aggregate("overall").percent()
    assert impact.wild_bootstrap(percent, draws=999).kind == "score"


@given(st.integers(0, 10_000), st.floats(0.01, 100), st.floats(-5, 5))
@settings(max_examples=10, deadline=None)
def test_units_names_and_order_do_not_matter(seed: int, scale: float, shift: float) -> None:
    frame = regions(seed % 89)
    one = impact.wild_bootstrap(fit(frame, "group_time").aggregate("overall"))
    shuffled = frame.sample(frac=1.0, random_state=seed)
    same = impact.wild_bootstrap(fit(shuffled, "group_time").aggregate("overall"))
    pd.testing.assert_frame_equal(same.tidy(), one.tidy(), check_exact=True)
    other = shuffled.assign(
        y=scale * shuffled["y"] + shift, firm=-shuffled["firm"], region=shuffled["region"].map(lambda r: f"r{r}")
    )  # fmt: skip
    two = impact.wild_bootstrap(fit(other, "group_time").aggregate("overall"))
    a, b = one.tidy().iloc[0], two.tidy().iloc[0]
    assert a["p_value"] == pytest.approx(b["p_value"], abs=1e-12)
    assert b["conf_low"] == pytest.approx(scale * a["conf_low"], rel=1e-6, abs=1e-9 * scale)


def test_a_lone_region_stays_without_an_error() -> None:
    frame = regions(8, clusters=4, cohorts=(3, 5))  # one region in each cohort
    found = impact.wild_bootstrap(fit(frame, "group_time"), draws=999)
    assert found.tidy()[["std_error", "p_value", "conf_low"]].isna().all().all()


def test_refusals() -> None:
    effect = fit(regions(9), "group_time").aggregate("overall")
    for more in ({"cluster": "region"}, {"weights": "w"}, {"data": regions(9)}):
        with pytest.raises(EstimationError, match="brings its data"):
            impact.wild_bootstrap(effect, **more)
    with pytest.raises(EstimationError, match="no row 'ATT\\(e=0\\)'; its rows: 'ATT'"):
        impact.wild_bootstrap(effect, term="ATT(e=0)")
    with pytest.raises(EstimationError, match="no influence functions"):
        impact.wild_bootstrap(replace(effect, influence=None))
    with pytest.raises(EstimationError, match=r"takes a result of impact\.att, or a formula"):
        impact.wild_bootstrap("y ~ d")
    with pytest.raises(EstimationError, match="value is nan"):
        impact.wild_bootstrap(effect, value=float("nan"))


def test_the_warning_of_few_clusters_names_the_call() -> None:
    notes = fit(regions(10), "group_time").aggregate("overall").notes
    assert any("impact.wild_bootstrap(effect.aggregate('overall'))" in note for note in notes)
