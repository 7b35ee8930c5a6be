"""`impact.regress` against a book, a library, dense dummies, and invariances."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import impact
from impact.core.errors import DataError, EstimationError

REFERENCE = Path(__file__).parent.parent / "reference" / "wooldridge_jtrain"
EXPECTED = json.loads((REFERENCE / "expected.json").read_text("utf-8"))
WITNESS = [json.loads(x) for x in (REFERENCE / "witness.out").read_text("utf-8").splitlines()]
FORMULA = {row["outcome"]: row["formula"] for row in EXPECTED}


@pytest.fixture(scope="module")
def michigan() -> pd.DataFrame:
    from linearmodels.datasets import jobtraining

    return jobtraining.load()


def digits(value: float) -> float:
    """Half a unit of the last digit that a reference prints."""
    return 0.5 * 10.0 ** -len(str(value).partition(".")[2])


@pytest.mark.parametrize("row", EXPECTED, ids=lambda r: f"{r['outcome']}-{r['term']}")
def test_published_values(row: dict[str, float], michigan: pd.DataFrame) -> None:
    formula = str(row["formula"])
    panel = impact.panel(michigan, unit="fcode", time="year", treatment="grant")
    classical = impact.regress(formula, panel).tidy().set_index("term").loc[row["term"]]
    assert classical["estimate"] == pytest.approx(row["estimate"], abs=digits(row["estimate"]))
    printed = 5.1e-4 if row["classical"] > 1 else 5.1e-5
    assert classical["std_error"] == pytest.approx(row["classical"], abs=printed)
    assert (classical["n_obs"], classical["n_units"]) == (row["n_obs"], row["n_firms"])
    for factor in {"fixest", "linearmodels"} & set(row):
        got = impact.regress(formula, panel, cluster="fcode", small_sample=factor).tidy()
        se = got.set_index("term").loc[row["term"], "std_error"]
        assert se == pytest.approx(row[factor], abs=5.1e-5), factor


@pytest.mark.parametrize("row", WITNESS, ids=lambda r: f"{r['way']}-{r['outcome']}-{r['term']}")
def test_two_witnesses_to_eight_digits(row: dict[str, float], michigan: pd.DataFrame) -> None:
    for kind in {"classical", "fixest", "linearmodels"} & set(row):
        options = {} if kind == "classical" else {"cluster": "fcode", "small_sample": kind}
        got = impact.regress(FORMULA[str(row["outcome"])], michigan, **options).tidy()
        one = got.set_index("term").loc[row["term"]]
        assert one["estimate"] == pytest.approx(row["estimate"], abs=1e-8)
        assert one["std_error"] == pytest.approx(row[kind], abs=1e-8), kind


def drawn(seed: int, firms: int = 8, years: int = 4) -> pd.DataFrame:
    """An unbalanced panel with noise in every column."""
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        [(f"f{i}", t) for i in range(firms) for t in range(years)], columns=["firm", "year"]
    )
    rows["x"], rows["z"], rows["y"] = rng.normal(size=(3, len(rows)))
    rows["w"] = rng.uniform(0.5, 2.0, len(rows))
    return rows.sample(frac=0.9, random_state=int(seed)).reset_index(drop=True)


def fit(rows: pd.DataFrame, formula: str = "y ~ x + z | firm + year", **k: object) -> pd.DataFrame:
    return impact.regress(formula, rows, cluster="firm", **k).tidy().set_index("term")  # type: ignore[arg-type]


seeds = st.integers(0, 10_000)


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_invariances(seed: int) -> None:
    rows = drawn(seed)
    base = fit(rows)
    shuffled = fit(rows.sample(frac=1, random_state=1)[["z", "year", "y", "w", "x", "firm"]])
    pd.testing.assert_frame_equal(base, shuffled, check_exact=True)
    renamed = fit(rows.assign(firm="x" + rows["firm"].str[::-1]))
    pd.testing.assert_frame_equal(base, renamed, rtol=1e-9)
    scaled = fit(rows.assign(y=1000 * rows["y"]))
    np.testing.assert_allclose(scaled["estimate"], 1000 * base["estimate"], rtol=1e-9)
    np.testing.assert_allclose(scaled["p_value"], base["p_value"], rtol=1e-7)
    constants = rows["firm"].map({f: i for i, f in enumerate(sorted(rows["firm"].unique()))})
    shifted = fit(rows.assign(y=rows["y"] + 5 * constants + 3 * rows["year"]))
    np.testing.assert_allclose(shifted["estimate"], base["estimate"], atol=1e-8)
    moved = fit(rows.assign(x=4 - 2 * rows["x"]))
    np.testing.assert_allclose(
        moved.loc["x", "estimate"], -base.loc["x", "estimate"] / 2, rtol=1e-8
    )


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_every_firm_twice_changes_the_error_by_the_exact_factor(seed: int) -> None:
    rows = drawn(seed)
    twice = pd.concat([rows, rows.assign(firm="again " + rows["firm"])])
    one, two = (fit(r, small_sample="none") for r in (rows, twice))
    np.testing.assert_allclose(two["estimate"], one["estimate"], rtol=1e-8)
    np.testing.assert_allclose(two["std_error"], one["std_error"] / np.sqrt(2), rtol=1e-8)


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_weight_two_is_the_row_twice(seed: int) -> None:
    rows = drawn(seed)
    heavy = rows.assign(w=np.where(rows.index % 3 == 0, 2.0, 1.0))
    doubled = pd.concat([rows, rows[rows.index % 3 == 0]])
    weighted = fit(heavy, weights="w", small_sample="none")
    repeated = fit(doubled, small_sample="none")
    np.testing.assert_allclose(weighted["estimate"], repeated["estimate"], rtol=1e-8)
    np.testing.assert_allclose(weighted["std_error"], repeated["std_error"], rtol=1e-8)


def test_weighted_fit_is_dense_weighted_least_squares() -> None:
    rows = drawn(3)
    dummies = pd.get_dummies(rows[["firm", "year"]].astype(str), dtype=float)
    x = np.column_stack([rows[["x", "z"]], dummies])
    root = np.sqrt(rows["w"].to_numpy())
    b, *_ = np.linalg.lstsq(x * root[:, None], rows["y"] * root, rcond=None)
    np.testing.assert_allclose(fit(rows, weights="w")["estimate"], b[:2], rtol=1e-8)


def test_no_effects_and_functions_of_columns() -> None:
    rows = drawn(5).assign(s=lambda d: np.exp(d["y"]))
    got = impact.regress("log(s) ~ x", rows).tidy().set_index("term")
    x = np.column_stack([np.ones(len(rows)), rows["x"]])
    b, *_ = np.linalg.lstsq(x, rows["y"], rcond=None)
    np.testing.assert_allclose(got.loc[["Intercept", "x"], "estimate"], b, rtol=1e-9)


def test_missing_rows_are_left_out_and_counted() -> None:
    rows = drawn(5)
    holes = rows.assign(x=rows["x"].mask(rows.index < 3))
    result = impact.regress("y ~ x | firm + year", holes)
    assert result.tidy()["n_obs"].iloc[0] == len(rows) - 3
    assert "3 rows without a value" in result.summary()
    pd.testing.assert_frame_equal(
        result.tidy(), impact.regress("y ~ x | firm + year", rows.iloc[3:]).tidy()
    )


@pytest.mark.parametrize(
    ("formula", "change", "message"),
    [
        ("y + x | firm", {}, "cannot be read"),
        ("y ~ x | ", {}, "no fixed effect"),
        (
            "y ~ x | firm + year + z",
            {},
            "No term is left to estimate. x is left out: it is collinear with the fixed",
        ),
        ("y ~ x | firm | z ~ x | year", {}, "cannot be read"),
        ("y ~ x | firm | ~ z", {}, "cannot be read"),
        ("y ~ x | firm[z]", {}, "slope of its own"),
        ("y ~ 1 | firm", {}, "nothing to estimate"),
        ("y ~ x | firm | z ~ x", {}, "cannot be told by 0 instruments"),
        ("y ~ size | firm", {"size": 1.0}, "collinear"),
        ("y ~ none | firm", {"none": 0.0}, "0 in every row"),
        ("log(y) ~ x", {"y": -1.0}, "not finite"),
        ("y ~ x | firm", {"x": np.nan}, "No row has a value"),
    ],
)
def test_what_cannot_be_estimated_is_refused(
    formula: str, change: dict[str, object], message: str
) -> None:
    with pytest.raises(EstimationError, match=message):
        impact.regress(formula, drawn(1).assign(**change))


def test_wrong_names_are_refused() -> None:
    rows = drawn(1)
    with pytest.raises(DataError, match="did you mean"):
        impact.regress("y ~ x | firn", rows)
    with pytest.raises(EstimationError, match="small-sample"):
        impact.regress("y ~ x", rows, cluster="firm", small_sample="areg")
    with pytest.raises(EstimationError, match="family"):
        impact.regress("y ~ x", rows, family="tobit")
    with pytest.raises(EstimationError, match="variance"):
        impact.regress("y ~ x", rows, variance="HC4")
    with pytest.raises(EstimationError, match="singletons"):
        impact.regress("y ~ x", rows, singletons="leave")
    with pytest.raises(EstimationError, match="one place"):
        impact.regress("y ~ x | firm", rows, fixed_effects="year")
    with pytest.raises(EstimationError, match="both given"):
        impact.regress("y ~ x", rows, cluster="firm", variance="HC1")


def test_the_data_are_not_changed() -> None:
    rows = drawn(2)
    before = rows.copy(deep=True)
    fit(rows)
    pd.testing.assert_frame_equal(rows, before)


def test_one_cluster_is_refused() -> None:
    with pytest.raises(EstimationError, match="one cluster"):
        impact.regress("y ~ x", drawn(2).assign(firm="a"), cluster="firm")


def test_coverage_of_clustered_intervals_and_failure_of_unclustered_ones() -> None:
    """One effect of 0.15, AR(1) errors of .5 within firms; unclustered intervals are seen to fail."""
    hits = {"clustered": 0, "classical": 0}
    draws = 200
    for r in range(draws):
        rng = np.random.default_rng([71, r])
        firms, years = 60, 8
        noise = np.zeros((firms, years))
        noise[:, 0] = rng.normal(size=firms)
        for t in range(1, years):
            noise[:, t] = 0.5 * noise[:, t - 1] + rng.normal(scale=np.sqrt(0.75), size=firms)
        start = rng.choice([3, 5, 99], firms)
        d = (np.arange(years)[None, :] >= start[:, None]).astype(float)
        frame = pd.DataFrame(
            {
                "firm": np.repeat(np.arange(firms), years),
                "year": np.tile(np.arange(years), firms),
                "d": d.ravel(),
                "y": (0.15 * d + noise + rng.normal(size=(firms, 1))).ravel(),
            }
        )
        for name, cluster in (("clustered", "firm"), ("classical", None)):
            row = impact.regress("y ~ d | firm + year", frame, cluster=cluster).tidy().iloc[0]
            hits[name] += row["conf_low"] <= 0.15 <= row["conf_high"]
    # Three Monte Carlo standard errors.
    assert abs(hits["clustered"] / draws - 0.95) < 3 * np.sqrt(0.95 * 0.05 / draws)
    assert hits["classical"] / draws < 0.91
