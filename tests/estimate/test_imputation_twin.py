"""Imputation and the interaction-weighted event study against dense twins written from the papers' formulas, and exact relations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import impact

NUMBERS = ["estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]
METHODS = ["imputation", "interaction_weighted"]


def drawn(seed: int, *, firms: int = 36, periods: int = 6, missing: float = 0.1) -> pd.DataFrame:
    """A small messy panel: cohorts 3, 4, 6 and never, absent rows, missing outcomes, weights, sectors."""
    rng = np.random.default_rng(seed)
    joined = np.array([3.0, 4.0, 6.0, np.nan, np.nan])[np.arange(firms) % 5]
    frame = pd.DataFrame(
        {
            "firm": np.repeat(np.arange(firms), periods),
            "year": np.tile(np.arange(1, periods + 1), firms),
            "joined": np.repeat(joined, periods),
            "weight": rng.uniform(0.5, 2, firms * periods),
            "town": np.repeat(np.arange(firms) // 4, periods),
            "sector": np.repeat(np.where(np.arange(firms) % 7 < 4, "food", "steel"), periods),
            "size": rng.normal(size=firms * periods),
            "debt": rng.normal(size=firms * periods),
        }
    )
    frame["exports"] = (
        np.repeat(rng.normal(size=firms), periods)
        + 0.3 * frame["size"]
        + rng.normal(size=len(frame))
        + (0.5 + rng.normal(scale=0.5, size=len(frame))) * (frame["year"] >= frame["joined"])
    )
    frame.loc[rng.random(len(frame)) < missing / 2, "exports"] = np.nan
    return frame[rng.random(len(frame)) >= missing / 2].reset_index(drop=True)


def fit(
    frame: pd.DataFrame, method: str, *, weights: str | None = None, **asked: Any
) -> impact.EffectResult:
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined", weights=weights)
    return impact.att(panel, "exports", method=method, **asked)


# Dense twins -------------------------------------------------------------------------------------


def used_rows(frame: pd.DataFrame, anticipation: int) -> pd.DataFrame:
    rows = frame[frame["exports"].notna()]
    rows = rows[~(rows["joined"] <= frame["year"].min() + anticipation)]
    rows = rows[rows.groupby("firm")["exports"].transform("size") >= 2]
    untreated = ~(rows["year"] >= rows["joined"] - anticipation)
    return rows[untreated.groupby(rows["firm"]).transform("any")].reset_index(drop=True)


def dummies(rows: pd.DataFrame, columns: Sequence[str], covariates: Sequence[str]) -> np.ndarray:
    key = rows[list(columns)].astype(str).agg("-".join, axis=1)
    effects = [pd.get_dummies(rows["firm"]), pd.get_dummies(key), rows[list(covariates)]]
    return np.column_stack([x.to_numpy(dtype=float) for x in effects])


class Twin:
    """Borusyak, Jaravel and Spiess: weights v, mean effect and variance of theorem 3 for any weights on treated rows."""

    def __init__(
        self,
        frame: pd.DataFrame,
        *,
        by: str | None = None,
        covariates: Sequence[str] = (),
        weights: str | None = None,
        cluster: str = "firm",
        anticipation: int = 0,
        leave_one_out: bool = False,
        raw: bool = False,
    ) -> None:
        rows = used_rows(frame, anticipation)
        self.treated = (rows["year"] >= rows["joined"] - anticipation).to_numpy()
        z = dummies(rows, [by, "year"] if by else ["year"], covariates)
        z0, z1 = z[~self.treated], z[self.treated]
        w = np.ones(len(rows)) if weights is None else rows[weights].to_numpy()
        w0 = w[~self.treated]
        gram = np.linalg.pinv(z0.T @ (w0[:, None] * z0), rcond=1e-11)
        y = rows["exports"].to_numpy()
        slopes = gram @ z0.T @ (w0 * y[~self.treated])
        self.residual = y - z @ slopes
        self.known = np.abs(z1 - z1 @ gram @ (z0.T @ (w0[:, None] * z0))).max(axis=1) < 1e-8
        self.map = -w0[:, None] * (z0 @ gram @ z1.T)
        self.rows, self.w, self.cluster = rows, w, cluster
        self.leave_one_out, self.raw = leave_one_out, raw

    def cells(self) -> dict[tuple[int, int], np.ndarray]:
        """Weights of each cell on the treated rows."""
        own = self.rows[self.treated]
        w = np.where(self.known, self.w[self.treated], 0.0)
        keys = own.groupby(["joined", "year"]).groups
        out = {}
        for g, t in keys:
            part = w * ((own["joined"] == g) & (own["year"] == t)).to_numpy()
            out[int(g), int(t)] = part / part.sum() if part.sum() else part * np.nan
        return out

    def estimate(self, weight: np.ndarray) -> tuple[float, float]:
        """Estimate and standard error of `sum of weight x tau` over the treated rows."""
        tau = self.residual[self.treated]
        v = np.zeros(len(self.rows))
        v[self.treated], v[~self.treated] = weight, self.map @ weight
        rest = self.residual.copy()
        own = self.rows[self.treated].assign(v=weight, tau=tau)
        apart = tau.copy()
        for _, group in own.groupby(["joined", "year"]):
            where = own.index.get_indexer(group.index)
            of_cluster = group.groupby(self.cluster)["v"].transform("sum")
            total = (of_cluster * group["v"]).sum()
            if total == 0:
                continue
            mean = (of_cluster * group["v"] * group["tau"]).sum() / total
            if self.leave_one_out:  # the mean over all other clusters, for each
                for i, (_, row) in zip(where, group.iterrows(), strict=True):
                    other = group[group[self.cluster] != row[self.cluster]]
                    by = other.groupby(self.cluster)["v"].transform("sum") * other["v"]
                    apart[i] = row["tau"] - (by * other["tau"]).sum() / by.sum()
            elif not self.raw:
                apart[where] = group["tau"] - mean
        rest[self.treated] = apart
        sums = pd.Series(v * rest).groupby(self.rows[self.cluster].to_numpy()).sum()
        return float(weight @ tau), float(np.sqrt((sums**2).sum()))


SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "weights": {"weights": "weight"},
    "covariates": {"covariates": ["size", "debt"]},
    "clusters": {"cluster": "town", "weights": "weight"},
    "by": {"by": "sector"},
    "anticipation": {"anticipation": 1},
    "leave one out": {"leave_one_out": True, "weights": "weight"},
    "all": {
        "by": "sector",
        "covariates": ["size", "debt"],
        "weights": "weight",
        "cluster": "town",
        "anticipation": 1,
    },
}


@pytest.mark.parametrize("name", SETTINGS)
def test_imputation_is_its_twin(name: str) -> None:
    frame, asked = drawn(11, firms=60), SETTINGS[name]
    effect, twin = fit(frame, "imputation", **asked), Twin(frame, **asked)
    mine = effect.tidy().set_index(["cohort", "time"])
    cells = twin.cells()
    assert set(cells) == set(mine.index)
    for key, weight in cells.items():
        expected = twin.estimate(weight)
        got = tuple(mine.loc[key, ["estimate", "std_error"]])
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-10, err_msg=str(key))


@pytest.mark.parametrize("kind", ["overall", "event", "cohort", "calendar"])
@pytest.mark.parametrize("name", SETTINGS)
def test_aggregates_have_the_papers_variance_of_the_average(name: str, kind: str) -> None:
    """The twin finds tau~ anew from the weights v of the average; the influences of cells simply add up to the same."""
    frame, asked = drawn(12, firms=60), SETTINGS[name]
    effect, twin = fit(frame, "imputation", **asked), Twin(frame, **asked)
    cells = twin.cells()
    size = effect.firms.groupby("cohort")["weight"].sum()
    column = {"event": "event_time", "cohort": "cohort", "calendar": "time"}.get(kind)
    for _, row in effect.aggregate(kind).tidy().iterrows():
        weight = np.zeros(int(twin.treated.sum()))
        total = 0.0
        for (g, t), own in cells.items():
            after = kind == "event" or t >= g
            place = {"event": t - g, "cohort": g, "calendar": t}.get(kind)
            if after and (column is None or place == row[column]):
                share = 1.0 if kind == "cohort" else size[g]
                weight, total = weight + share * own, total + share
        expected = twin.estimate(weight / total)
        got = (row["estimate"], row["std_error"])
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-10, err_msg=str(row["term"]))


def test_the_twin_can_say_no() -> None:
    frame = drawn(11, firms=60)
    effect = fit(frame, "imputation").tidy().set_index(["cohort", "time"])
    for wrong in ({"weights": "weight"}, {"raw": True}, {"leave_one_out": True}):
        twin = Twin(frame, **wrong)
        error = [twin.estimate(weight)[1] for weight in twin.cells().values()]
        assert np.abs(effect["std_error"].to_numpy() - error).max() > 1e-3


def test_an_average_of_other_groups_would_not_add_up() -> None:
    """With tau~ by cohort alone, which depends on the weights of the average, influences of cells give another error: why the partition matters."""
    frame = drawn(12, firms=60)
    twin = Twin(frame)
    own = twin.rows[twin.treated]
    cells = twin.cells()
    tau, n = twin.residual[twin.treated], own["firm"]
    weight = sum(cells.values()) / len(cells)

    def mean(v: np.ndarray) -> pd.Series:
        """tau~ by cohort, as the paper has it for any partition."""
        parts = (
            pd.DataFrame({"v": v, "vt": v * tau})
            .groupby([own["joined"].to_numpy(), n.to_numpy()])
            .sum()
        )
        by = parts.groupby(level=0)
        return (parts["v"] * parts["vt"]).groupby(level=0).sum() / by["v"].apply(
            lambda x: (x**2).sum()
        )

    together = mean(weight)
    apart = pd.DataFrame({key: mean(v) for key, v in cells.items()}).mean(axis=1)
    assert (together - apart).abs().max() > 1e-3


@pytest.mark.parametrize("covariates", [[], ["size"]])
@pytest.mark.parametrize("cluster", ["firm", "town"])
def test_leads_are_a_regression_on_firm_years_without_participation(
    covariates: list[str], cluster: str
) -> None:
    frame = drawn(13, firms=60)
    asked = {"covariates": covariates, "cluster": cluster, "weights": "weight"}
    effect = fit(frame, "imputation", pretrends=2, **asked)
    mine = effect.tidy().query("event_time < 0").set_index(["cohort", "time"])
    assert set(mine.index) == {(3, 2), (4, 2), (4, 3), (6, 4), (6, 5)}
    rows = used_rows(frame, 0)
    rows = rows[~(rows["year"] >= rows["joined"])].reset_index(drop=True)
    leads = [((rows["joined"] == g) & (rows["year"] == t)).to_numpy(float) for g, t in mine.index]
    x = np.column_stack([*leads, dummies(rows, ["year"], covariates)])
    w = rows["weight"].to_numpy()
    gram = np.linalg.pinv(x.T @ (w[:, None] * x), rcond=1e-11)
    slopes = gram @ x.T @ (w * rows["exports"].to_numpy())
    score = (w * (rows["exports"] - x @ slopes)).to_numpy()[:, None] * (x @ gram[:, : len(leads)])
    sums = pd.DataFrame(score).groupby(rows[cluster]).sum()
    np.testing.assert_allclose(mine["estimate"], slopes[: len(leads)], atol=1e-10)
    np.testing.assert_allclose(mine["std_error"], np.sqrt((sums**2).sum()), atol=1e-10)
    plain = fit(frame, "imputation", **asked).tidy()
    after = effect.tidy().query("event_time >= 0").reset_index(drop=True)
    pd.testing.assert_frame_equal(
        plain[["term", *NUMBERS]], after[["term", *NUMBERS]], check_exact=True
    )


@pytest.mark.parametrize("covariates", [[], ["size", "debt"]])
@pytest.mark.parametrize("cluster", ["firm", "town"])
@pytest.mark.parametrize("never", [True, False])
def test_interaction_weighted_is_a_regression_with_all_dummies(
    covariates: list[str], cluster: str, never: bool
) -> None:
    frame = drawn(14, firms=60)
    if not never:
        frame = frame[frame["joined"].notna()]
    asked = {"covariates": covariates, "cluster": cluster, "weights": "weight"}
    mine = fit(frame, "interaction_weighted", **asked).tidy()
    mine = mine[mine["event_time"] != -1].set_index(["cohort", "time"])
    rows = used_rows(frame, 0) if never else used_rows(frame[frame["year"] < 6], 0)
    cells = [((rows["joined"] == g) & (rows["year"] == t)).to_numpy(float) for g, t in mine.index]
    assert len(cells) == (15 if never else 8)
    x = np.column_stack([*cells, dummies(rows, ["year"], covariates)])
    w = rows["weight"].to_numpy()
    gram = np.linalg.pinv(x.T @ (w[:, None] * x), rcond=1e-11)
    slopes = gram @ x.T @ (w * rows["exports"].to_numpy())
    score = (w * (rows["exports"] - x @ slopes)).to_numpy()[:, None] * (x @ gram[:, : len(cells)])
    sums = pd.DataFrame(score).groupby(rows[cluster]).sum()
    np.testing.assert_allclose(mine["estimate"], slopes[: len(cells)], atol=1e-10)
    np.testing.assert_allclose(mine["std_error"], np.sqrt((sums**2).sum()), atol=1e-10)


# Exact relations (numbers as in the design) ------------------------------------------------------

panels = st.builds(
    drawn,
    st.integers(0, 10_000),
    firms=st.sampled_from([40, 51]),
    periods=st.sampled_from([6, 7]),
    missing=st.sampled_from([0.0, 0.15]),
)
options = st.sampled_from(
    [
        ("imputation", {}),
        ("imputation", {"pretrends": 2, "leave_one_out": True}),
        ("imputation", {"by": "sector", "pretrends": 1}),
        ("interaction_weighted", {}),
        ("interaction_weighted", {"anticipation": 1}),
    ]
)
some = settings(max_examples=8, deadline=None, derandomize=True)
Asked = tuple[str, dict[str, Any]]


def same(
    got: impact.EffectResult,
    expected: impact.EffectResult,
    *,
    error: float = 1.0,
    rtol: float = 1e-8,
) -> None:
    np.testing.assert_allclose(
        got.tidy()["estimate"], expected.tidy()["estimate"], rtol=rtol, atol=rtol
    )
    np.testing.assert_allclose(
        got.tidy()["std_error"], error * expected.tidy()["std_error"], rtol=rtol, atol=rtol
    )


@some
@given(panels, options, st.integers(0, 99))
def test_1_order_of_rows_and_columns(frame: pd.DataFrame, asked: Asked, seed: int) -> None:
    mixed = frame.sample(frac=1, random_state=seed)[frame.columns[::-1]]
    first, second = (
        fit(x, asked[0], covariates=["size"], weights="weight", **asked[1]) for x in (frame, mixed)
    )
    pd.testing.assert_frame_equal(first.tidy(), second.tidy(), check_exact=True)
    pd.testing.assert_frame_equal(
        first.aggregate("event").tidy(), second.aggregate("event").tidy(), check_exact=True
    )


@some
@given(panels, options, st.integers(0, 99))
def test_2_names_of_firms(frame: pd.DataFrame, asked: Asked, seed: int) -> None:
    firms = frame["firm"].unique()
    names = np.random.default_rng(seed).permutation([f"id-{i:04d}" for i in range(len(firms))])
    renamed = frame.assign(firm=frame["firm"].map(dict(zip(firms, names, strict=True))))
    first, second = (fit(x, asked[0], covariates=["size"], **asked[1]) for x in (renamed, frame))
    same(first, second)


@some
@given(panels, options)
def test_3_unit_of_the_outcome(frame: pd.DataFrame, asked: Asked) -> None:
    one = fit(frame, asked[0], covariates=["size"], **asked[1]).tidy()
    frame = frame.assign(exports=frame["exports"] * 1000)
    thousand = fit(frame, asked[0], covariates=["size"], **asked[1]).tidy()
    for column, factor in zip(NUMBERS, [1000, 1000, 1, 1, 1000, 1000], strict=True):
        np.testing.assert_allclose(thousand[column], one[column] * factor, rtol=1e-8, atol=1e-8)


@some
@given(panels, options)
def test_4_constants_of_firms_and_years(frame: pd.DataFrame, asked: Asked) -> None:
    moved = frame.assign(
        exports=frame["exports"] + 3.0 * (frame["firm"] % 7) - 2.0 * frame["year"] + 11.0
    )
    first, second = (fit(x, asked[0], covariates=["size"], **asked[1]) for x in (moved, frame))
    same(first, second)


@some
@given(panels, options)
def test_5_unit_and_origin_of_a_covariate(frame: pd.DataFrame, asked: Asked) -> None:
    moved = frame.assign(size=40.0 - 250.0 * frame["size"])
    first, second = (fit(x, asked[0], covariates=["size"], **asked[1]) for x in (moved, frame))
    same(first, second)


@some
@given(panels, options)
def test_6_and_7_columns_that_add_nothing(frame: pd.DataFrame, asked: Asked) -> None:
    more = frame.assign(
        one=1.0, age=1000.0 * frame["firm"] + 3 * frame["year"], twice=2 * frame["size"] + 3
    )
    got = fit(more, asked[0], covariates=["size", "one", "age", "twice"], **asked[1])
    same(got, fit(frame, asked[0], covariates=["size"], **asked[1]))
    assert any("'one', 'age': covariate left out, it does not vary beyond" in x for x in got.notes)
    assert any("'twice': covariate left out, it is a combination" in note for note in got.notes)


def doubled(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, frame.assign(firm=frame["firm"] + 1000)], ignore_index=True)


@some
@given(panels, options)
def test_8_every_firm_twice(frame: pd.DataFrame, asked: Asked) -> None:
    method, rest = asked[0], {**asked[1], "covariates": ["size"]}
    rest.pop("leave_one_out", None)  # leaves one of two equal firms out
    once, twice = fit(frame, method, **rest), fit(doubled(frame), method, **rest)
    same(twice, once, error=np.sqrt(0.5))
    same(twice.aggregate("cohort"), once.aggregate("cohort"), error=np.sqrt(0.5))


@some
@given(panels, options)
def test_9_every_firm_twice_in_one_cluster(frame: pd.DataFrame, asked: Asked) -> None:
    again = doubled(frame)
    again["origin"] = again["firm"] % 1000
    same(fit(again, asked[0], cluster="origin", **asked[1]), fit(frame, asked[0], **asked[1]))


@some
@given(panels, options)
def test_10_weight_two_is_the_firm_twice(frame: pd.DataFrame, asked: Asked) -> None:
    heavy = frame["firm"] % 3 == 0
    weighted = frame.assign(weight=np.where(heavy, 2.0, 1.0))
    copies = frame[heavy].assign(firm=frame["firm"] + 1000)
    again = pd.concat([frame, copies], ignore_index=True)
    first = fit(weighted, asked[0], weights="weight", covariates=["size"], **asked[1])
    second = fit(again, asked[0], covariates=["size"], **asked[1])
    for kind in ("overall", "event", "cohort", "calendar"):
        np.testing.assert_allclose(
            first.aggregate(kind).tidy()["estimate"],
            second.aggregate(kind).tidy()["estimate"],
            atol=1e-8,
        )


@some
@given(panels, options)
def test_14_cells_that_are_never_used(frame: pd.DataFrame, asked: Asked) -> None:
    """Firms that joined in the first year; and, for imputation, what one cohort has after joining, for another."""
    always = frame.assign(joined=frame["joined"].where(frame["firm"] % 10 != 0, 1.0))
    noise = np.random.default_rng(1).normal(size=len(frame)) * 1e6
    noisy = always.assign(exports=always["exports"].where(always["joined"] != 1, noise))
    first, second = (fit(x, asked[0], **asked[1]).tidy() for x in (always, noisy))
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    if asked[0] != "imputation":
        return
    after = (always["joined"] == 4) & (always["year"] >= 4) & always["exports"].notna()
    third = fit(always.assign(exports=always["exports"].where(~after, noise)), asked[0], **asked[1])
    other = (first["cohort"] != 4) | (first["event_time"] < 0)
    columns = ["estimate", "std_error"]
    pd.testing.assert_frame_equal(
        first.loc[other, columns], third.tidy().loc[other, columns], check_exact=True
    )


@some
@given(panels)
def test_cohorts_relabelled(frame: pd.DataFrame) -> None:
    """All years moved by a number: the same effects under the new names."""
    later = frame.assign(year=frame["year"] + 2000, joined=frame["joined"] + 2000)
    for method in METHODS:
        one, two = fit(frame, method).tidy(), fit(later, method).tidy()
        assert (two["cohort"] - one["cohort"] == 2000).all()
        pd.testing.assert_frame_equal(one[NUMBERS], two[NUMBERS], check_exact=True)


@some
@given(st.integers(0, 10_000))
def test_15_two_periods_are_two_by_two(seed: int) -> None:
    """One cohort, two periods: group_time, imputation, the regression and the difference of mean changes are one number, with one error."""
    frame = drawn(seed, periods=2, missing=0.0).assign(
        joined=lambda x: x["joined"].where(x["joined"] == 3) - 1
    )
    change = frame.pivot(index="firm", columns="year", values="exports").diff(axis=1)[2]
    joined = frame.groupby("firm")["joined"].first().notna()
    by_hand = change[joined].mean() - change[~joined].mean()
    error = np.sqrt(
        change[joined].var(ddof=0) / joined.sum() + change[~joined].var(ddof=0) / (~joined).sum()
    )
    for method in ("group_time", *METHODS):
        row = fit(frame, method).tidy().query("time == 2").iloc[0]
        assert row["estimate"] == pytest.approx(by_hand, abs=1e-10)
        assert row["std_error"] == pytest.approx(error, abs=1e-10)
