"""`i()` among the terms, clusters written as in fixest, weights of 0, and what `impact.regress` says."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import impact
from impact.core.errors import DataError, EstimationError

READER = runpy.run_path(str(Path(__file__).parent.parent / "reference" / "regress" / "reader.py"))
ROWS = READER["with_more_columns"](READER["rows"]())


def written_out(rows: pd.DataFrame, levels: list[int], by: str | None) -> tuple[pd.DataFrame, str]:
    """The slow plain twin: dummies made by hand."""
    made = rows.copy()
    for k in levels:
        made[f"d{k + 9}"] = (rows["t"] == k) * (1.0 if by is None else rows[by])
    return made, " + ".join(f"d{k + 9}" for k in levels)


@settings(max_examples=15, deadline=None)
@given(
    st.integers(-3, 3),
    st.sampled_from([None, "treat", "x"]),
    st.sampled_from(["firm", "firm + year", "sector^year"]),
    st.integers(0, 999),
)
def test_levels_are_dummies_written_out(ref: int, by: str | None, effects: str, seed: int) -> None:
    rows = ROWS.sample(frac=0.9, random_state=seed)
    call = f"i(t, ref={ref})" if by is None else f"i(t, {by}, ref={ref})"
    levels = [k for k in range(-3, 4) if k != ref]
    made, terms = written_out(rows, levels, by)
    try:
        b = impact.regress(f"y ~ {terms} + z | {effects}", made, cluster="firm").tidy()
    except EstimationError:
        with pytest.raises(EstimationError):
            impact.regress(f"y ~ {call} + z | {effects}", rows, cluster="firm")
        return
    a = impact.regress(f"y ~ {call} + z | {effects}", rows, cluster="firm").tidy()
    end = "" if by is None else f":{by}"
    names = {f"d{k + 9}": f"t::{k}{end}" for k in levels}
    assert a["term"].tolist() == b["term"].replace(names).tolist()
    pd.testing.assert_frame_equal(a.drop(columns="term"), b.drop(columns="term"), rtol=1e-9)
    again = impact.regress(
        f"y ~ {call} + z | {effects}", rows.sample(frac=1, random_state=1), cluster="firm"
    )
    pd.testing.assert_frame_equal(a, again.tidy(), check_exact=True)


def terms(formula: str, rows: pd.DataFrame = ROWS) -> list[str]:
    return impact.regress(formula, rows).tidy()["term"].tolist()


def test_names_are_those_of_fixest_by_both_ways_of_reading() -> None:
    wanted = [f"t::{k}:treat" for k in (-3, -2, 0, 1, 2, 3)]
    plain = impact.regress("y ~ i(t, treat, ref=-1) + x | firm + year", ROWS).tidy()
    assert plain["term"].tolist() == [*wanted, "x"]
    # A function beside it is read by formulaic.
    other = impact.regress("y ~ i(t, treat, ref = -1) + I(1 * x) | firm + year", ROWS).tidy()
    assert other["term"].tolist() == [*wanted, "I(1 * x)"]
    pd.testing.assert_frame_equal(plain.drop(columns="term"), other.drop(columns="term"), rtol=1e-9)
    assert terms("y ~ i(sec)") == terms("y ~ i(sec) + I(0 * x)") == ["Intercept", "sec::b", "sec::c", "sec::d"]  # fmt: skip
    assert terms("y ~ 0 + i(sec)") == ["sec::a", "sec::b", "sec::c", "sec::d"]
    assert terms("y ~ i(sec, ref=['a', 'd'])") == ["Intercept", "sec::b", "sec::c"]
    assert terms("y ~ x:i(sec, ref='a') | firm")[0] == "x:sec::b"
    assert terms("y ~ i(sec, region_name, ref='a', ref2='r0') | year", ROWS.assign(
        region_name="r" + (ROWS["region"] % 2).astype(str))) == ["sec::b:region_name::r1", "sec::c:region_name::r1", "sec::d:region_name::r1"]  # fmt: skip


def test_levels_held_as_floats_dates_or_words() -> None:
    wanted = terms("y ~ i(t, treat, ref=-1) | firm")
    assert terms("y ~ i(t, treat, ref=-1) | firm", ROWS.assign(t=ROWS["t"].astype(float))) == wanted
    assert terms("y ~ i(t, treat, ref='-1') | firm", ROWS.assign(t=ROWS["t"].astype(str))) == [
        "t::-2:treat", "t::-3:treat", *wanted[2:]]  # fmt: skip
    dates = ROWS.assign(day=pd.to_datetime(ROWS["year"].astype(str)))
    assert terms("y ~ i(day, ref='2000-01-01') | firm", dates)[0] == "day::2001-01-01"
    assert terms("y ~ i(t, yes, ref=-1) | firm", ROWS.assign(yes=ROWS["treat"] == 1)) == [
        name.replace("treat", "yes") for name in wanted]  # fmt: skip


def test_firms_without_an_event_time_are_counted() -> None:
    rows = ROWS.assign(since=(ROWS["year"] - 2003).where(ROWS["treat"] == 1))
    result = impact.regress("y ~ i(since, treat, ref=-1) | firm", rows)
    lacking = int((rows["treat"] == 0).sum())
    assert f"since is missing in {lacking} rows; if these are firms that never join" in result.summary()  # fmt: skip
    filled = impact.regress(
        "y ~ i(since, treat, ref=-1) | firm + year", rows.fillna({"since": -1.0}), cluster="firm"
    )
    assert filled.tidy()["n_obs"].iloc[0] == len(rows)
    assert "missing" not in filled.summary()


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("y ~ i(t, treat, ref=-7) | firm", r"leave out the level -7, which no row that is used has; its levels are -3, -2"),
        ("y ~ i(t, treat, ref=-7) + log(w) | firm", "leave out the level -7"),
        ("y ~ i(one, ref=1)", "no level beside those that are left out"),
        ("y ~ i(t, treat, base=-1) | firm", "cannot be read. Write i"),
        ("y ~ i(t, treat, ref=-1, ref2=0) | firm", "Leave ref2 out"),
        ("y ~ i(3)", r"i\(\) takes columns"),
        ("y ~ i(many)", "Absorb them"),
        ("y ~ lag(x, 1) | firm", "takes the row before"),
        ("y ~ log1p(x)", r"no function 'log1p'; write np.log1p"),
        ("y ~ foo(x)", "no function 'foo'; make a column"),
        ("y ~ x | firm[z]", r"i\(sector, size\)"),
        ("y ~ x % 2", r"cannot be read: [^\x1b]*I\(x % 2\)"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_in_plain_words(formula: str, message: str) -> None:
    rows = pd.concat([ROWS] * 7, ignore_index=True).assign(many=lambda d: np.arange(len(d)))
    with pytest.raises(EstimationError, match=message) as error:
        impact.regress(formula, rows)
    assert "\x1b" not in str(error.value)


def test_a_column_may_be_called_i_and_names_may_hold_parentheses() -> None:
    rows = ROWS.rename(columns={"x": "i", "z": "my sales (EUR)"})
    assert terms("y ~ i + i(sec)", rows)[:2] == ["Intercept", "i"]
    assert terms("y ~ `my sales (EUR)` | firm", rows) == ["my sales (EUR)"]
    with pytest.raises(DataError, match="'zz'"):
        impact.regress("y ~ i(zz, treat) | firm", ROWS)


def test_clusters_as_fixest_writes_them() -> None:
    def of(cluster: object, rows: pd.DataFrame = ROWS) -> impact.EffectResult:
        return impact.regress("y ~ x | firm", rows, cluster=cluster)  # type: ignore[arg-type]

    base = of(["firm", "year"])
    for written in ("firm + year", ["firm + year"], ("firm", "year", "firm")):
        pd.testing.assert_frame_equal(of(written).tidy(), base.tidy())
    pair = of("sector", ROWS.assign(sector=ROWS["sector"] * 10_000 + ROWS["year"]))
    for written in ("sector^year", "sector ^ year", ["sector^year"]):
        np.testing.assert_allclose(of(written).vcov, pair.vcov, rtol=1e-12)
    assert "clustered by sector^year" in of("sector^year").variance
    for name in ("a + b", "a^b"):
        odd = of(name, ROWS.assign(**{name: ROWS["firm"]}))
        np.testing.assert_allclose(odd.vcov, of("firm").vcov, rtol=1e-12)
    with pytest.raises(DataError, match="'yaer'"):
        of("firm + yaer")
    with pytest.raises(EstimationError, match="names no column"):
        of(" + ")


@pytest.mark.parametrize("family", ["gaussian", "poisson", "logit"])
def test_rows_of_weight_0_are_left_out_and_counted(family: str) -> None:
    formula = {"gaussian": "y", "poisson": "c", "logit": "b"}[family] + " ~ x + z | sector"
    rows = ROWS.assign(w=ROWS["w"].where(ROWS.index % 5 > 0, 0.0))
    zero = int((rows["w"] == 0).sum())
    got = impact.regress(formula, rows, family=family, weights="w", cluster="firm")  # type: ignore[arg-type]
    kept = impact.regress(formula, rows[rows["w"] > 0], family=family, weights="w", cluster="firm")  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(got.tidy(), kept.tidy(), check_exact=True)
    assert f"{zero} rows with a weight of 0 are left out." in got.notes
    with pytest.raises(DataError, match="is 0 in every row"):
        impact.regress(formula, rows.assign(w=0.0), family=family, weights="w")  # type: ignore[arg-type]


def test_few_clusters_are_said_where_clusters_were_asked_for() -> None:
    few = impact.regress("y ~ x | firm", ROWS, cluster="district")
    assert few.df == 8
    assert "Only 9 clusters (fewer than 30): t values with 8 degrees of freedom may make the intervals too short. impact.wild_bootstrap asks" in few.summary()  # fmt: skip
    for options in ({}, {"cluster": "firm"}, {"variance": "hetero"}):
        assert "wild_bootstrap" not in impact.regress("y ~ x | firm", ROWS, **options).summary()  # type: ignore[arg-type]
    poisson = impact.regress("c ~ x | firm", ROWS, family="poisson", cluster="district")
    assert "normal critical values" in poisson.summary()
    assert "for least squares without instruments" in poisson.summary()


def test_a_factor_that_changes_nothing_is_said() -> None:
    for name, said in {"none": True, "linearmodels": True, "fixest": False, "stata": False}.items():
        result = impact.regress("y ~ x", ROWS, small_sample=name)
        assert (f"small_sample='{name}' changes nothing here" in result.summary()) == said
    assert "changes nothing" in impact.regress("y ~ x", ROWS, variance="HC3", small_sample="stata").summary()  # fmt: skip
    words = impact.regress("y ~ x", ROWS, cluster="firm", small_sample="none").variance
    assert words == "standard errors clustered by firm, no small-sample factor"


def test_a_term_that_tells_a_yes_or_no_without_error_is_named() -> None:
    sign = 2.0 * ROWS["b"] - 1
    rows = ROWS.assign(told=sign * (0.1 + ROWS["q"].abs()), some=ROWS["b"] * (ROWS["q"] > 0))
    for effects in ("", " | year", " | firm"):
        with pytest.raises(EstimationError, match=r"The term told tells the outcome of every row without error.*Leave told out"):  # fmt: skip
            impact.regress(f"b ~ told + x{effects}", rows, family="logit")
    both = rows.assign(u=rows["told"] - 5 * rows["z"])
    with pytest.raises(EstimationError, match=r"terms (u, z|z, u) together tell the outcome of every row"):  # fmt: skip
        impact.regress("b ~ u + z", both, family="logit")
    result = impact.regress("b ~ some + x", rows, family="logit")
    count = int((rows["some"] == 1).sum())
    assert f"{count} separated rows are left out: some with other terms" in result.summary()
    without = impact.regress("b ~ x", rows[rows["some"] == 0], family="logit").tidy()
    assert result.tidy().set_index("term").loc["x", "estimate"] == pytest.approx(
        without["estimate"].iloc[1], rel=1e-9
    )
