"""`impact.regress` beyond least squares: families, effects, clusters, instruments, and what it says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import impact
from impact.core.errors import DataError, EstimationError
from impact.core.inference import influence_covariance, small_sample_factor

POISSON = "sales ~ x + z | firm + year"
seeds = st.integers(0, 10_000)


def drawn(seed: int, firms: int = 14, years: int = 5) -> pd.DataFrame:
    """An unbalanced panel with an outcome of each family; no firm is always at 0."""
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        [(f"f{i:02d}", t) for i in range(firms) for t in range(years)], columns=["firm", "year"]
    )
    rows["sector"] = rows["firm"].str[-1].astype(int) % 3
    rows["x"], rows["z"], rows["q"] = rng.normal(size=(3, len(rows)))
    rows["h"] = rows["q"] + 0.3 * rows["x"] + rng.normal(size=len(rows))
    rows["y"] = rows["h"] + rows["x"] + rng.normal(size=len(rows))
    rows["sales"] = rng.poisson(np.exp(0.4 * rows["x"] + 0.3)) * rng.uniform(1, 3, len(rows))
    rows["exports"] = (rng.random(len(rows)) < 0.5).astype(int)
    rows["w"] = rng.uniform(0.5, 2.0, len(rows))
    rows = rows.sample(frac=0.9, random_state=seed).reset_index(drop=True)
    return rows[rows.groupby("firm")["sales"].transform("sum") > 0].reset_index(drop=True)


def table(rows: pd.DataFrame, formula: str = POISSON, **options: object) -> pd.DataFrame:
    family = {"sales": "poisson", "exports": "logit"}.get(formula.split()[0], "gaussian")
    settings: dict[str, object] = {
        "family": family,
        "cluster": "firm",
        "small_sample": "none",
        **options,
    }
    return impact.regress(formula, rows, **settings).tidy().set_index("term")  # type: ignore[arg-type]


FORMULAS = [
    POISSON,
    "sales ~ x + z",
    "sales ~ x | firm + sector^year",
    "exports ~ x + z | sector + year",
    "y ~ x | firm + year | h ~ q",
    "y ~ x + z | firm + sector^year",
]


@settings(max_examples=20, deadline=None)
@given(seeds, st.sampled_from(FORMULAS))
def test_the_order_of_rows_and_columns_changes_nothing(seed: int, formula: str) -> None:
    rows = drawn(seed)
    again = rows.sample(frac=1, random_state=1)[rows.columns[::-1]]
    pd.testing.assert_frame_equal(table(rows, formula), table(again, formula), check_exact=True)
    panels = [impact.panel(r, unit="firm", time="year") for r in (rows, again)]
    pd.testing.assert_frame_equal(*(table(p, formula) for p in panels), check_exact=True)  # type: ignore[arg-type]


def test_rows_with_the_same_levels_are_ordered_by_all_they_hold() -> None:
    rows = pd.concat([drawn(1)] * 3).assign(year=0)
    rows["x"] = rows["x"].round(0)
    shuffled = rows.sample(frac=1, random_state=2)
    for formula in ("y ~ x + z | firm", "y ~ x + z"):
        pd.testing.assert_frame_equal(
            table(rows, formula), table(shuffled, formula), check_exact=True
        )


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_invariances_of_poisson(seed: int) -> None:
    rows = drawn(seed)
    base = table(rows)
    renamed = table(rows.assign(firm="x" + rows["firm"].str[::-1]))
    pd.testing.assert_frame_equal(base, renamed, rtol=1e-7)
    # A firm that is so many times as large has the same effects, since its own effect takes the size.
    size = 10.0 ** (rows["firm"].str[-1].astype(int) % 4)
    by_year = 2.0 ** rows["year"]
    scaled = table(rows.assign(sales=rows["sales"] * by_year))
    assert scaled.index.tolist() == base.index.tolist()
    large = table(rows.assign(sales=1e6 * rows["sales"]))
    np.testing.assert_allclose(
        large[["estimate", "std_error"]], base[["estimate", "std_error"]], rtol=1e-6
    )
    alone = table(rows.assign(sales=size * rows["sales"]), "sales ~ x + z | firm")
    weighted = table(rows.assign(v=size), "sales ~ x + z | firm", weights="v")
    np.testing.assert_allclose(alone["estimate"], weighted["estimate"], rtol=1e-7)


@settings(max_examples=15, deadline=None)
@given(seeds, st.sampled_from(FORMULAS))
def test_every_firm_twice_changes_the_error_by_the_exact_factor(seed: int, formula: str) -> None:
    rows = drawn(seed)
    twice = pd.concat([rows, rows.assign(firm="again " + rows["firm"])])
    one, two = (table(r, formula) for r in (rows, twice))
    np.testing.assert_allclose(two["estimate"], one["estimate"], rtol=1e-7)
    np.testing.assert_allclose(two["std_error"], one["std_error"] / np.sqrt(2), rtol=1e-6)


@settings(max_examples=10, deadline=None)
@given(seeds, st.sampled_from(FORMULAS))
def test_weight_two_is_the_row_twice(seed: int, formula: str) -> None:
    rows = drawn(seed)
    heavy = rows.assign(w=np.where(rows.index % 3 == 0, 2.0, 1.0))
    doubled = pd.concat([rows, rows[rows.index % 3 == 0]])
    one, two = table(heavy, formula, weights="w"), table(doubled, formula)
    np.testing.assert_allclose(
        one[["estimate", "std_error"]], two[["estimate", "std_error"]], rtol=1e-6
    )


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_the_same_effects_written_in_other_ways(seed: int) -> None:
    rows = drawn(seed).assign(cell=lambda d: d["sector"].astype(str) + "/" + d["year"].astype(str))
    base = table(rows, "y ~ x + z | firm + sector^year", small_sample="fixest")
    for formula in (
        "y ~ x + z | firm + cell",
        "y ~ x + z | year^sector + firm",
        "y ~ x + z | firm ^ firm + sector ^ year",
    ):
        pd.testing.assert_frame_equal(base, table(rows, formula, small_sample="fixest"), rtol=1e-9)
    beside = impact.regress(
        "y ~ x + z", rows, fixed_effects=["firm", "sector^year"], cluster="firm"
    ).tidy()
    pd.testing.assert_frame_equal(base, beside.set_index("term"), rtol=1e-9)
    # An effect that the others span changes nothing but the count of parameters.
    more = table(rows, "y ~ x + z | firm + sector^year + sector + year")
    np.testing.assert_allclose(more["estimate"], base["estimate"], rtol=1e-8)


def test_two_means_of_a_poisson_regression() -> None:
    rows = pd.DataFrame({"y": [1.0, 2.0, 0.0, 6.0, 3.0], "d": [0, 0, 0, 1, 1]})
    result = impact.regress("y ~ d", rows, family="poisson")
    assert result.tidy().set_index("term").loc["d", "estimate"] == pytest.approx(
        np.log(4.5), abs=1e-9
    )
    assert result.scale == "link"
    assert result.df is None
    assert "100 x (exp(b) - 1)" in result.summary()
    with pytest.raises(EstimationError):
        result.percent()


@settings(max_examples=12, deadline=None)
@given(seeds, st.sampled_from(FORMULAS), st.sampled_from(["firm", "sector", "pair"]))
def test_influence_gives_the_covariance(seed: int, formula: str, cluster: str) -> None:
    rows = drawn(seed).assign(pair=lambda d: d["firm"].str[-1])
    panel = impact.panel(rows, unit="firm", time="year")
    family = {"sales": "poisson", "exports": "logit"}.get(formula.split()[0], "gaussian")
    result = impact.regress(formula, panel, family=family, cluster=cluster)  # type: ignore[arg-type]
    assert result.influence is not None
    assert result.firms is not None
    assert result.influence.index.equals(result.firms.index)
    assert list(result.influence) == result.tidy()["term"].tolist()
    psi = result.influence.to_numpy()
    assert len(psi) == result.tidy()["n_units"].iloc[0]
    plain = influence_covariance(psi, result.firms["cluster"].to_numpy())
    factor = result.vcov / plain
    np.testing.assert_allclose(factor, factor[0, 0], rtol=1e-6)
    none = impact.regress(formula, panel, family=family, cluster=cluster, small_sample="none")  # type: ignore[arg-type]
    np.testing.assert_allclose(none.vcov, plain, rtol=1e-7, atol=1e-14)
    # One firm less moves the estimate by about its influence.
    np.testing.assert_allclose(psi.sum(axis=0) / np.abs(psi).sum(axis=0), 0, atol=1e-6)


def test_influence_is_the_derivative_of_the_estimate_by_the_weight_of_a_firm() -> None:
    rows = drawn(4)
    panel = impact.panel(rows, unit="firm", time="year")
    result = impact.regress(POISSON, panel, family="poisson", cluster="firm")
    assert result.influence is not None
    n, step = len(result.influence), 1e-5
    for firm in result.influence.index[:4]:
        moved = [
            table(rows.assign(w=np.where(rows["firm"] == firm, 1 + s, 1.0)), weights="w")[
                "estimate"
            ]
            for s in (step, -step)
        ]
        slope = (moved[0] - moved[1]) / (2 * step)
        np.testing.assert_allclose(result.influence.loc[firm] / n, slope, rtol=1e-4, atol=1e-7)


def test_no_influence_where_clusters_cut_firms_or_are_several() -> None:
    panel = impact.panel(drawn(4), unit="firm", time="year")
    for options in ({"cluster": "year"}, {"cluster": ["firm", "year"]}, {}, {"variance": "hetero"}):
        assert impact.regress("y ~ x | firm", panel, **options).influence is None  # type: ignore[arg-type]


def by_hand(rows: pd.DataFrame, clusters: list[str]) -> np.ndarray:
    """Sandwich on dummies, ways added and taken off one by one."""
    from itertools import combinations

    d = pd.get_dummies(rows[["firm", "year"]].astype(str), dtype=float)
    x = np.column_stack([rows[["x", "z"]], d.iloc[:, :-1]])
    bread = np.linalg.inv(x.T @ x)
    u = rows["y"] - x @ (bread @ x.T @ rows["y"])
    meat = np.zeros((x.shape[1],) * 2)
    for k in range(1, len(clusters) + 1):
        for some in combinations(clusters, k):
            sums = (
                pd.DataFrame(x * u.to_numpy()[:, None])
                .groupby([rows[c] for c in some])
                .sum()
                .to_numpy()
            )
            meat += (-1) ** (k + 1) * sums.T @ sums
    return np.asarray((bread @ meat @ bread)[:2, :2])


@settings(max_examples=15, deadline=None)
@given(seeds, st.sampled_from([["firm", "year"], ["firm", "year", "district"], ["firm", "sector"]]))
def test_several_ways_of_clustering_by_hand(seed: int, clusters: list[str]) -> None:
    rows = drawn(seed, firms=20).assign(
        district=lambda d: np.random.default_rng(seed).integers(0, 9, len(d))
    )
    result = impact.regress("y ~ x + z | firm + year", rows, cluster=clusters, small_sample="none")
    wanted = by_hand(rows, clusters)
    values, vectors = np.linalg.eigh(wanted)
    negative = values.min() < -1e-12 * values.max()
    if negative:
        wanted = (vectors * np.clip(values, 0, None)) @ vectors.T
    assert ("negative eigenvalue" in result.summary()) == negative
    np.testing.assert_allclose(result.vcov, wanted, atol=1e-10)
    assert result.df == min(rows[c].nunique() for c in clusters) - 1
    assert result.tidy()["n_clusters"].iloc[0] == result.df + 1


def test_stata_counts_levels_that_others_span_and_nested_effects_as_nothing() -> None:
    """reghdfe: K of the slopes and of the effects not nested; pairs of effects lose a level for each part that rows do not connect."""
    rows = drawn(3, firms=20)
    n = len(rows)
    result = {
        s: impact.regress("y ~ x | firm + sector^year", rows, cluster="firm", small_sample=s)
        for s in ("stata", "fixest", "none")
    }
    cells = rows.groupby(["sector", "year"]).ngroups
    groups = rows["firm"].nunique()
    wanted = groups / (groups - 1) * (n - 1) / (n - 1 - (cells - 1) - 1)
    assert result["stata"].vcov[0, 0] / result["none"].vcov[0, 0] == pytest.approx(wanted, rel=1e-9)
    assert result["fixest"].vcov[0, 0] / result["none"].vcov[0, 0] == pytest.approx(
        wanted, rel=1e-9
    )
    # Not nested: sectors do not mix firms, so rows connect three parts, and two more levels are spanned.
    robust = {
        s: impact.regress("y ~ x | firm + sector^year", rows, variance="hetero", small_sample=s)
        for s in result
    }
    k = 1 + groups + cells - 1
    assert robust["fixest"].vcov[0, 0] / robust["none"].vcov[0, 0] == pytest.approx(
        n / (n - k), rel=1e-9
    )
    assert robust["stata"].vcov[0, 0] / robust["none"].vcov[0, 0] == pytest.approx(
        n / (n - k + 2), rel=1e-9
    )
    poisson = {
        s: impact.regress(
            "sales ~ x | firm", rows, family="poisson", cluster="firm", small_sample=s
        )
        for s in result
    }
    assert poisson["stata"].vcov[0, 0] / poisson["none"].vcov[0, 0] == pytest.approx(
        groups / (groups - 1), rel=1e-9
    )
    assert small_sample_factor(
        "stata", n_obs=10, n_slopes=1, effect_sizes={}, n_clusters=None
    ) == pytest.approx(9 / 8)


def test_every_factor_is_stated() -> None:
    rows = drawn(3)
    for name, words in {
        "fixest": "R fixest",
        "stata": "Stata reghdfe",
        "linearmodels": "linearmodels",
        "none": "no small-sample",
    }.items():
        assert words in impact.regress("y ~ x", rows, cluster="firm", small_sample=name).variance
    assert "N/(N-K)" in impact.regress("y ~ x", rows, variance="hetero").variance
    assert (
        "ppmlhdfe"
        in impact.regress("sales ~ x", rows, family="poisson", small_sample="stata").variance
    )
    assert "HC3" in impact.regress("y ~ x", rows, variance="HC3").variance
    assert "firm and year" in impact.regress("y ~ x", rows, cluster=["firm", "year"]).variance
    assert "trusts the family" in impact.regress("exports ~ x", rows, family="logit").variance


def test_a_constant_counts_once() -> None:
    """K of a regression without effects is its columns: the factor of Stata and of fixest."""
    rows = drawn(3)
    a, b = (
        impact.regress("y ~ x + z", rows, cluster="firm", small_sample=s).vcov
        for s in ("fixest", "none")
    )
    g, n = rows["firm"].nunique(), len(rows)
    assert a[1, 1] / b[1, 1] == pytest.approx(g / (g - 1) * (n - 1) / (n - 3), rel=1e-9)


def test_singletons_stay_or_leave_again_and_again() -> None:
    rows = pd.concat([drawn(2), pd.DataFrame({"firm": ["solo", "duo", "duo"], "year": [0, 77, 0], "sector": 0,
                                              "x": [1.0, 2, 3], "z": 0.5, "y": 1.0})], ignore_index=True)  # fmt: skip
    keep = impact.regress("y ~ x | firm + year", rows, cluster="firm")
    drop = impact.regress("y ~ x | firm + year", rows, cluster="firm", singletons="drop")
    assert keep.tidy()["n_obs"].iloc[0] == len(rows)
    # Year 77 has one row, and without it the firm 'duo' has one.
    assert drop.tidy()["n_obs"].iloc[0] == len(rows) - 3
    assert (
        "3 rows are left out: 2 levels of firm with a single row (duo, solo); 1 level of year with a single row (77)"
        in drop.summary()
    )
    assert drop.tidy()["estimate"].iloc[0] == pytest.approx(
        keep.tidy()["estimate"].iloc[0], rel=1e-10
    )
    assert "add no information" in keep.summary() or "adds no information" in keep.summary()


def test_firms_that_never_sell_are_counted_and_named() -> None:
    rows = drawn(5)
    rows.loc[rows["firm"].isin(["f01", "f03"]), "sales"] = 0.0
    n = int(rows["firm"].isin(["f01", "f03"]).sum())
    result = impact.regress(POISSON, rows, family="poisson")
    assert (
        f"{n} rows are left out: 2 levels of firm whose outcome is always 0 (f01, f03)"
        in result.summary()
    )
    assert result.tidy()["n_obs"].iloc[0] == len(rows) - n
    alone = impact.regress(POISSON, rows[~rows["firm"].isin(["f01", "f03"])], family="poisson")
    pd.testing.assert_frame_equal(result.tidy(), alone.tidy())


def test_separated_rows_are_counted_named_and_their_term_has_no_estimate() -> None:
    rows = drawn(5).assign(told=0.0)
    zero = rows.index[rows["sales"] == 0][:6]
    rows.loc[zero, "told"] = 1.0
    result = impact.regress(
        "sales ~ x + told | firm + year", rows, family="poisson", cluster="firm"
    )
    one = result.tidy().set_index("term")
    assert "6 separated rows are left out (in" in result.summary()
    assert "told has no estimate" in result.summary()
    assert one.loc["told"].drop(["n_obs", "n_clusters"]).isna().all()
    without = impact.regress(
        "sales ~ x | firm + year", rows.drop(zero), family="poisson", cluster="firm"
    ).tidy()
    assert one.loc["x", "estimate"] == pytest.approx(without["estimate"].iloc[0], rel=1e-8)
    assert one.loc["x", "std_error"] == pytest.approx(without["std_error"].iloc[0], rel=1e-6)


@pytest.mark.parametrize(
    ("family", "change", "kind", "message"),
    [
        ("poisson", {"sales": -1.0}, DataError, "0 or more"),
        ("poisson", {"sales": 0.0}, EstimationError, "0 in every row"),
        ("logit", {}, DataError, "0 or 1"),
        ("logit", {"sales": 1.0}, EstimationError, "the same in every row"),
        ("poisson", {"w": 0.0}, DataError, "not above 0"),
        ("gaussian", {"w": -1.0}, DataError, "not above 0"),
        ("poisson", {"x": lambda d: (d["sales"] > 0) * 1.0}, EstimationError, "No term is left"),
    ],
)
def test_what_cannot_be_estimated_is_refused(
    family: str, change: dict[str, object], kind: type, message: str
) -> None:
    rows = drawn(1).assign(**change)
    with pytest.raises(kind, match=message):
        impact.regress("sales ~ x | firm", rows, family=family, weights="w")  # type: ignore[arg-type]


def test_a_negative_outcome_is_named_with_its_row() -> None:
    rows = drawn(1)
    rows.loc[7, "sales"] = -3.5
    with pytest.raises(DataError, match=r"1 row has another") as error:
        impact.regress(POISSON, rows, family="poisson")
    assert "at index 7" in str(error.value)
    assert "column 'sales', value '-3.5'" in str(error.value)


def test_instruments_belong_to_least_squares() -> None:
    with pytest.raises(EstimationError, match="gaussian"):
        impact.regress("sales ~ x | firm | h ~ q", drawn(1), family="poisson")
    with pytest.raises(EstimationError, match="without instruments"):
        impact.regress("y ~ x | firm | h ~ q", drawn(1), variance="HC3")
    with pytest.raises(EstimationError, match="HC2 is offered for least squares"):
        impact.regress("sales ~ x | firm", drawn(1), family="poisson", variance="HC2")


def test_a_weak_first_stage_is_said() -> None:
    rows = drawn(1, firms=60).assign(noise=lambda d: np.random.default_rng(0).normal(size=len(d)))
    weak = impact.regress("y ~ 1 | firm + year | h ~ noise", rows, cluster="firm")
    assert "that is weak" in weak.summary()
    strong = impact.regress("y ~ 1 | firm + year | h ~ q", rows, cluster="firm")
    assert "First stage of h: F (Kleibergen-Paap) of 1 excluded instrument" in strong.summary()
    assert "that is weak" not in strong.summary()
    assert strong.method == "two-stage least squares with fixed effects"


def test_two_stages_of_one_instrument_are_a_ratio_of_two_regressions() -> None:
    rows = drawn(3)
    reduced, first = (
        table(rows, f"{y} ~ q + x | firm + year")["estimate"]["q"] for y in ("y", "h")
    )
    two = table(rows, "y ~ x | firm + year | h ~ q")
    assert two.loc["h", "estimate"] == pytest.approx(reduced / first, rel=1e-9)
    # Told by itself, it is least squares.
    same = table(rows, "y ~ x | firm + year | h ~ h")
    np.testing.assert_allclose(
        same.loc[["x", "h"]], table(rows, "y ~ x + h | firm + year"), rtol=1e-8
    )


def test_logit_warns_of_small_groups_only() -> None:
    rows = drawn(2, firms=40)
    small = impact.regress("exports ~ x | firm", rows, family="logit")
    assert "incidental parameters" in small.summary()
    assert (
        "incidental" not in impact.regress("exports ~ x | sector", rows, family="logit").summary()
    )
    assert (
        "whose outcome never varies"
        in impact.regress(
            "exports ~ x | firm",
            rows.assign(exports=np.where(rows["firm"] < "f05", 1, rows["exports"])),
            family="logit",
        ).summary()
    )


def test_functions_of_columns_in_every_part() -> None:
    rows = drawn(2)
    a = table(rows, "np.exp(y) ~ I(x**2) + C(sector):x | firm | np.tanh(h) ~ q + I(q**2)")
    made = rows.assign(out=np.exp(rows["y"]), x2=rows["x"] ** 2, t=np.tanh(rows["h"]), q2=rows["q"] ** 2,
                       **{f"s{i}": rows["x"] * (rows["sector"] == i) for i in range(3)})  # fmt: skip
    b = table(made, "out ~ x2 + s0 + s1 + s2 | firm | t ~ q + q2")
    np.testing.assert_allclose(a["estimate"], b["estimate"], rtol=1e-8)


def test_whole_numbers_dates_and_words_as_levels() -> None:
    rows = drawn(2)
    base = table(rows, "y ~ x + z | firm + year")
    number = rows.assign(
        firm=rows["firm"].str[1:].astype(int) * 10**12 - 5,
        year=pd.to_datetime((rows["year"] + 2000).astype(str)),
    )
    pd.testing.assert_frame_equal(base, table(number, "y ~ x + z | firm + year"), rtol=1e-9)
    words = rows.assign(firm=rows["firm"].astype("category"), year=rows["year"].astype("Int64"))
    pd.testing.assert_frame_equal(base, table(words, "y ~ x + z | firm + year"), rtol=1e-9)
    small = rows.assign(
        year=rows["year"].astype("int8"), x=rows["x"].astype("float32").astype("float64")
    )
    assert np.isfinite(table(small, "y ~ x + z | firm + year")["estimate"]).all()


def test_missing_values_anywhere() -> None:
    rows = drawn(2)
    holes = rows.astype({"firm": object}).copy()
    holes.loc[0, "firm"], holes.loc[1, "year"], holes.loc[2, "h"], holes.loc[3, "q"] = (
        None,
        np.nan,
        np.nan,
        np.nan,
    )
    formula = "y ~ x | firm + year | h ~ q"
    result = impact.regress(formula, holes)
    assert "4 rows without a value" in result.summary()
    np.testing.assert_allclose(
        result.tidy()["estimate"],
        impact.regress(formula, rows.iloc[4:]).tidy()["estimate"],
        rtol=1e-10,
    )


def test_the_data_are_not_changed() -> None:
    rows = drawn(2)
    before = rows.copy(deep=True)
    for formula in FORMULAS:
        table(rows, formula, weights="w")
    pd.testing.assert_frame_equal(rows, before)


def test_a_refused_logarithm_keeps_its_instruments() -> None:
    with pytest.raises(EstimationError, match="It is refused") as error:
        impact.regress("log(1 + sales) ~ x | firm | h ~ q", drawn(2, firms=30))
    assert "\n  h" in str(error.value)


def test_no_degrees_of_freedom_are_left() -> None:
    rows = pd.DataFrame({"firm": list("aabc"), "x": [0.0, 1, 2, 3], "y": [1.0, 2, 3, 4]})
    with pytest.raises(
        EstimationError, match="4 rows leave no degrees of freedom for 4 parameters"
    ):
        impact.regress("y ~ x | firm", rows)
