"""Collinear terms of `impact.regress` are left out and named, as R fixest and Stata's reghdfe do; held against pyfixest."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import impact
from impact.core.errors import EstimationError
from impact.estimate.regress_fit import fit_least_squares
from impact.estimate.regress_rows import sample_of

READER = runpy.run_path(str(Path(__file__).parent.parent / "reference" / "regress" / "reader.py"))
ROWS = READER["with_more_columns"](READER["rows"]())
PACKAGE = READER["collinear"]()
KEYS = ["formula", "family", "weights", "variance"]
seeds = st.integers(0, 10_000)


def fit(rows: pd.DataFrame, formula: str, **options: object) -> impact.EffectResult:
    family = {"c": "poisson", "b": "logit"}.get(formula.split()[0], "gaussian")
    return impact.regress(formula, rows, family=family, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("setting", list(PACKAGE.groupby(KEYS, sort=False).groups), ids="-".join)
def test_the_numbers_and_the_terms_are_those_of_pyfixest(setting: tuple[str, ...]) -> None:
    formula, family, weights, variance = setting
    theirs = PACKAGE.groupby(KEYS).get_group(setting).set_index("term")
    options = {"cluster": variance} if variance == "firm" else {"variance": variance}
    result = impact.regress(formula, ROWS, family=family, weights=weights or None, **options)  # type: ignore[arg-type]
    ours = result.tidy().set_index("term")
    assert sorted(ours.index) == sorted(theirs.index)
    ours = ours.loc[theirs.index]
    np.testing.assert_allclose(ours["estimate"], theirs["estimate"], rtol=1e-8)
    # Without effects pyfixest takes the variance of a likelihood one step before its end (ours is statsmodels' to 1e-13).
    early = family == "poisson" and "|" not in formula
    np.testing.assert_allclose(ours["std_error"], theirs["std_error"], rtol=1e-6 if early else 1e-7)
    assert (ours["n_obs"] == theirs["n_obs"]).all()
    for name in filter(None, theirs["dropped"].iloc[0].split(";")):
        assert any(f"{name} is left out: it " in note for note in result.notes)


@pytest.mark.parametrize(
    ("formula", "without", "said"),
    [
        ("y ~ x + size + z | firm", "y ~ x + z | firm", "size is left out: it is collinear with the fixed effects, it does not vary within firm"),
        ("y ~ x + two | firm + year", "y ~ x | firm + year", "two is left out: it is collinear with terms before it (x) and the fixed effects"),
        ("y ~ x + two + z", "y ~ x + z", "two is left out: it is collinear with terms before it (x)."),
        ("y ~ x + one + z", "y ~ x + z", "one is left out: it does not vary, so that it is collinear with the constant"),
        ("y ~ x + one | firm", "y ~ x | firm", "one is left out: it is collinear with the fixed effects"),
        ("y ~ x + none | firm", "y ~ x | firm", "none is left out: it is 0 in every row that is used"),
        ("y ~ x + none", "y ~ x", "none is left out: it is 0 in every row that is used"),
        ("y ~ far + z + two", "y ~ far + z", "two is left out: it is collinear with terms before it (far)."),
        ("y ~ z + x + mix | firm", "y ~ z + x | firm", "(z, x)"),
        ("y ~ x + C(sector) | firm", "y ~ x | firm", "C(sector)[T.1], C(sector)[T.2], C(sector)[T.3] are left out: each is collinear with the fixed"),
        ("y ~ x + two | firm | h ~ q", "y ~ x | firm | h ~ q", "The term two is left out"),
        ("y ~ x | firm | h ~ q + again", "y ~ x | firm | h ~ q", "The instrument again is left out: it is collinear with terms before it (x, q)"),
        ("y ~ x | firm | h ~ q + two", "y ~ x | firm | h ~ q", "The instrument two is left out"),
        ("y ~ x | firm | h + size ~ q + r", "y ~ x | firm | h ~ q + r", "The endogenous regressor size is left out"),
        ("y ~ x | firm | h + two ~ q + r", "y ~ x | firm | h ~ q + r", "The endogenous regressor two is left out"),
        ("y ~ x + one | h ~ q", "y ~ x | h ~ q", "The term one is left out: it does not vary"),
        ("c ~ x + size | firm + year", "c ~ x | firm + year", "size is left out"),
        ("c ~ x + one", "c ~ x", "one is left out"),
        ("b ~ x + size | sector", "b ~ x | sector", "size is left out"),
        ("b ~ far + two", "b ~ far", "two is left out: it is collinear with terms before it (far)"),
    ],
)  # fmt: skip
def test_the_rest_is_the_formula_without_the_term(formula: str, without: str, said: str) -> None:
    rows = ROWS.assign(none=0.0)
    for options in ({}, {"cluster": "firm"}, {"weights": "w"}):
        got, plain = fit(rows, formula, **options), fit(rows, without, **options)
        assert got.tidy()["term"].tolist() == plain.tidy()["term"].tolist()
        pd.testing.assert_frame_equal(got.tidy(), plain.tidy(), rtol=1e-10, atol=1e-12)
        assert said in got.summary()
        assert len(got.notes) == len(plain.notes) + 1


@settings(max_examples=20, deadline=None)
@given(
    seeds,
    st.sampled_from(["y ~ x + z + v | firm + year", "y ~ x + z + v", "c ~ x + z + v | firm", "b ~ x + z + v"]),
    st.sampled_from([1e-6, 1.0, 1e6]),
    st.sampled_from([0.0, -7.0, 1e4]),
)  # fmt: skip
def test_neither_order_nor_unit_nor_zero_of_a_column_decides(
    seed: int, formula: str, scale: float, shift: float
) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=2)
    rows = ROWS.assign(v=scale * (a * ROWS["x"] + b * ROWS["z"] + shift))
    got = fit(rows, formula)
    again = fit(rows.sample(frac=1, random_state=seed), formula)
    pd.testing.assert_frame_equal(got.tidy(), again.tidy(), check_exact=True)
    assert got.notes == again.notes
    assert "v is left out" in got.summary()
    plain = fit(rows, formula.replace(" + v", ""))
    pd.testing.assert_frame_equal(got.tidy(), plain.tidy(), rtol=1e-9, atol=1e-11)
    # A column with a share of its own stays, wherever its zero lies and however large it is.
    own = rows["v"] + scale * 1e-2 * rng.normal(size=len(rows))
    assert "v" in set(fit(rows.assign(v=own), formula).tidy()["term"])


@settings(max_examples=15, deadline=None)
@given(seeds, st.sampled_from([1e4, -1e6]))
def test_least_squares_do_not_depend_on_the_zero_of_a_column(seed: int, shift: float) -> None:
    rows = ROWS.sample(frac=0.8, random_state=seed)
    for options in ({}, {"variance": "hetero"}, {"cluster": "firm"}, {"weights": "w"}):
        one, far = (
            fit(r, "y ~ x + z", **options).tidy().set_index("term")
            for r in (rows, rows.assign(x=rows["x"] + shift))
        )
        numbers = ["estimate", "std_error"]
        np.testing.assert_allclose(
            far.loc[["x", "z"], numbers], one.loc[["x", "z"], numbers], rtol=1e-8
        )
        moved = one.loc["Intercept", "estimate"] - shift * one.loc["x", "estimate"]
        assert far.loc["Intercept", "estimate"] == pytest.approx(moved, rel=1e-9)


def test_columns_that_two_large_effects_span_by_both_solvers() -> None:
    rng = np.random.default_rng(1)
    firm, buyer = np.repeat(np.arange(60), 6), rng.integers(0, 40, 360)
    rows = pd.DataFrame({"firm": firm, "buyer": buyer, "x": rng.normal(size=360)})
    rows["y"] = rows["x"] + rng.normal(size=360)
    rows["sum"] = 1e3 + rng.normal(size=60)[firm] + rng.normal(size=40)[buyer]
    from impact.engines.formula import parse

    parsed = parse("y ~ sum + x | firm + buyer")
    sample = sample_of(parsed, rows, rows, None, [], None, "gaussian")
    for dense in (0, 1_500):
        found = fit_least_squares(sample, dense)
        assert found.names == ["x"]
        assert "sum is left out" in found.sample.notes[0]


def test_order_decides_which_of_two_like_terms_stays() -> None:
    first, second = fit(ROWS, "y ~ x + two | firm"), fit(ROWS, "y ~ two + x | firm")
    assert first.tidy()["term"].tolist() == ["x"]
    assert second.tidy()["term"].tolist() == ["two"]
    assert first.tidy()["estimate"][0] == pytest.approx(2 * second.tidy()["estimate"][0], rel=1e-12)


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("y ~ size | firm + year", "No term is left to estimate. size is left out: .* Give a term that varies within firm and year, or leave out the"),
        ("y ~ one", "No term is left to estimate. one is left out: it does not vary.* Give a term that varies"),
        ("c ~ size + trend | firm + year", "No term is left"),
        ("b ~ size | sector", "No term is left"),
        ("y ~ x | firm | size ~ q", "No endogenous regressor is left. The endogenous regressor size is left out"),
        ("y ~ x | firm | two ~ q", "No endogenous regressor is left"),
        ("y ~ x | firm | h ~ size", "1 endogenous regressor cannot be told by 0 instruments.* The instrument size is left out"),
        ("y ~ x | firm | h + z ~ q + again", "2 endogenous regressors cannot be told by 1 instrument"),
    ],
)  # fmt: skip
def test_what_leaves_nothing_is_refused_with_what_is_needed(formula: str, message: str) -> None:
    with pytest.raises(EstimationError, match=message):
        fit(ROWS, formula)


def test_terms_that_lose_their_rows_are_left_out_as_well() -> None:
    """Only a firm that never sells has the trait."""
    rows = ROWS.assign(trait=np.where(ROWS["firm"] == 7, ROWS["z"], 0.0))
    rows.loc[rows["firm"] == 7, "c"] = 0
    result = fit(rows, "c ~ x + trait | firm")
    assert result.tidy()["term"].tolist() == ["x"]
    assert "trait is left out: it is 0 in every row that is used" in result.summary()


def test_influence_has_no_column_of_a_term_that_is_left_out() -> None:
    panel = impact.panel(ROWS, unit="firm", time="year")
    result = impact.regress("y ~ x + size + z | firm + year", panel, cluster="firm")
    assert result.influence is not None
    assert list(result.influence) == ["x", "z"]


def test_the_wild_bootstrap_leaves_out_the_same_terms() -> None:
    kept = impact.wild_bootstrap("y ~ x + two | firm", ROWS, "x", cluster="sector")
    plain = impact.wild_bootstrap("y ~ x | firm", ROWS, "x", cluster="sector")
    pd.testing.assert_frame_equal(kept.tidy(), plain.tidy())
    assert "two is left out" in kept.summary()
    with pytest.raises(EstimationError, match=r"'two' cannot be tested: it is collinear with terms before it \(x\)"):  # fmt: skip
        impact.wild_bootstrap("y ~ x + two | firm", ROWS, "two", cluster="sector")
    with pytest.raises(EstimationError, match="'size' cannot be tested: it is collinear with the fixed"):  # fmt: skip
        impact.wild_bootstrap("y ~ x + size | firm", ROWS, "size", cluster="sector")


def test_the_wild_bootstrap_refuses_logarithms_of_zeros_as_regress_does() -> None:
    for formula in ("log1p(c) ~ x | firm", "np.log(1 + c) ~ x | firm"):
        with pytest.raises(EstimationError, match="It is refused"):
            impact.wild_bootstrap(formula, ROWS, "x", cluster="firm")
