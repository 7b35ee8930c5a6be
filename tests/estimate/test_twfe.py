"""`impact.att(..., method="twfe")`: the coefficient of three packages, what its notes say, and that it fails where effects grow."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import impact
from impact.core.errors import EstimationError
from impact.core.inference import small_sample_factor
from impact.simulate.programme import programme

REFERENCE = Path(__file__).parent.parent / "reference"
TWFE = runpy.run_path(str(REFERENCE / "twfe" / "reader.py"))
DATA = runpy.run_path(str(REFERENCE / "mpdta" / "reader.py"))["mpdta"]()
PACKAGES = TWFE["coefficients"]()
NEGATIVE = TWFE["negative_weights"]().set_index("case")


def fit(frame: pd.DataFrame, **asked: Any) -> impact.EffectResult:
    sampling = asked.pop("sampling", None)
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined", weights=sampling)
    return impact.att(panel, "exports", method="twfe", **asked)


def of_case(case: str) -> tuple[pd.DataFrame, impact.EffectResult]:
    if case == "mpdta":
        if DATA is None:
            pytest.skip("mpdta is not beside the repository")
        frame = DATA.rename(columns={"county": "firm", "lemp": "exports"})
        return frame, fit(frame)
    frame = TWFE["firms"](case)
    more: dict[str, dict[str, Any]] = {
        "weights": {"sampling": "weight"},
        "covariate": {"covariates": ["size"]},
        "clusters": {"cluster": "chamber"},
    }
    return frame, fit(frame, **more.get(case, {}))


def only(effect: impact.EffectResult) -> pd.Series:
    table = effect.tidy()
    assert len(table) == 1
    return table.iloc[0]


def note(effect: impact.EffectResult, part: str) -> str:
    found = [n for n in effect.notes if part in n]
    assert len(found) == 1, effect.notes
    return found[0]


# Other people's numbers --------------------------------------------------------------------------


@pytest.mark.parametrize("case", [*TWFE["cases"](), "mpdta"])
def test_coefficient_and_error_of_pyfixest_and_plm(case: str) -> None:
    frame, effect = of_case(case)
    row = only(effect)
    packages = PACKAGES[PACKAGES["case"] == case]
    np.testing.assert_allclose(packages["estimate"], row["estimate"], atol=1e-8)
    plain = packages[packages["factor"] == "none"]
    assert len(plain) == (1 if case in ("weights", "clusters") else 2)
    np.testing.assert_allclose(plain["std_error"], row["std_error"], atol=1e-8)
    # Their default is ours times the factor that it is said to be.
    nested = {"firm": (int(row.get("n_treated") + row.get("n_control")), True)}
    factor = small_sample_factor(
        "fixest",
        n_obs=int(row["n_obs"]),
        n_slopes=2 if case == "covariate" else 1,
        effect_sizes={**nested, "year": (frame["year"].nunique(), False)},
        n_clusters=int(row["n_clusters"]),
    )
    theirs = packages.loc[packages["factor"] == "fixest", "std_error"].item()
    assert theirs == pytest.approx(row["std_error"] * np.sqrt(factor), abs=1e-8)
    # linearmodels counts firm effects in K where there are two effects.
    firms, years = nested["firm"][0], frame["year"].nunique()
    k = firms + years - 1 + (2 if case == "covariate" else 1)
    counted = row["std_error"] * np.sqrt(row["n_obs"] / (row["n_obs"] - k))
    theirs = packages.loc[packages["factor"] == "linearmodels", "std_error"].item()
    assert theirs == pytest.approx(counted, abs=1e-8)


def test_the_number_that_is_printed_for_mpdta() -> None:
    """-0.0365 (0.0133): the error has the factor of fixest; without one it is 0.0132."""
    _, effect = of_case("mpdta")
    assert round(only(effect)["estimate"], 4) == -0.0365
    packages = PACKAGES[PACKAGES["case"] == "mpdta"].set_index(["package", "factor"])["std_error"]
    assert round(packages["pyfixest", "fixest"], 4) == 0.0133
    assert round(only(effect)["std_error"], 4) == round(packages["plm", "none"], 4) == 0.0132


@pytest.mark.parametrize("case", ["plain", "always", "no_never", "mpdta"])
def test_negative_weights_of_diff_diff(case: str) -> None:
    frame, effect = of_case(case)
    theirs = NEGATIVE.loc[case]
    treated = int(TWFE["participation"](frame).sum())
    count = round(theirs["fraction_negative"] * treated)
    if not count:
        assert f"No treated firm-period has a negative weight (of {treated:,})" in note(effect, "negative weight")  # fmt: skip
        return
    said = note(effect, "Negative weights")
    assert said.startswith(f"Negative weights: {count:,} of {treated:,} treated firm-periods ({100 * theirs['fraction_negative']:.1f} %)")  # fmt: skip
    assert f"their weights sum to {theirs['sum_negative']:.4f}" in said


# A plain twin ------------------------------------------------------------------------------------


def twin(frame: pd.DataFrame, covariates: list[str], weight: str | None, cluster: str) -> tuple[float, float]:  # fmt: skip
    """Dummies of firms and years, least squares, sandwich."""
    frame = frame.dropna(subset=["exports", *covariates])
    d = TWFE["participation"](frame).to_numpy(float)
    others = [frame[c].to_numpy(float) for c in covariates]
    dummies = [pd.get_dummies(frame[c]).to_numpy(float) for c in ("firm", "year")]
    x = np.column_stack([d, *others, *dummies])
    w = np.ones(len(frame)) if weight is None else frame[weight].to_numpy(float)
    bread = np.linalg.pinv(x.T @ (x * w[:, None]))
    slopes = bread @ (x.T @ (w * frame["exports"].to_numpy()))
    scores = x * (w * (frame["exports"].to_numpy() - x @ slopes))[:, None]
    sums = pd.DataFrame(scores).groupby(frame[cluster].to_numpy()).sum().to_numpy()
    return slopes[0], float(np.sqrt((bread @ sums.T @ sums @ bread)[0, 0]))


@pytest.mark.parametrize("case", ["plain", "always", "no_never", "unbalanced"])
@pytest.mark.parametrize("sampling", [None, "weight"])
@pytest.mark.parametrize("covariates", [[], ["size"]])
def test_dummies(case: str, sampling: str | None, covariates: list[str]) -> None:
    frame = TWFE["firms"](case)
    if case == "unbalanced":
        frame.loc[frame.index % 13 == 0, "exports"] = np.nan
        frame.loc[frame.index % 17 == 0, "size"] = np.nan
    row = only(fit(frame, sampling=sampling, covariates=covariates, cluster="chamber"))
    estimate, error = twin(frame, covariates, sampling, "chamber")
    assert row["estimate"] == pytest.approx(estimate, abs=1e-10)
    assert row["std_error"] == pytest.approx(error, abs=1e-10)


def test_the_coefficient_is_the_sum_of_weights_and_effects() -> None:
    """Theorem 1 of de Chaisemartin and D'Haultfoeuille: without noise the weights alone make the number."""
    frame, truth = programme(firms=60, periods=8, cohorts=(4, 6), seed=3, noise=0.0)
    wide = frame.pivot(index="firm", columns="year", values="joined")
    d = (wide.columns.to_numpy() >= wide.to_numpy()).astype(float)
    rest = d - d.mean(axis=1, keepdims=True) - d.mean(axis=0) + d.mean()
    weight = np.where(d == 1, rest, 0) / (rest * d).sum()
    effects = np.zeros_like(d)
    for row in truth.itertuples():
        effects[wide.iloc[:, 0].to_numpy() == row.cohort, int(row.time) - 1] = row.att
    assert only(fit(frame))["estimate"] == pytest.approx((weight * effects).sum(), abs=1e-10)


# What it says ------------------------------------------------------------------------------------


def test_the_warning_comes_first_and_names_the_share() -> None:
    _, effect = of_case("always")
    first = effect.notes[0]
    kinds = impact.bacon(effect.source, "exports").kinds().set_index("comparison")
    share = kinds.loc[kinds["forbidden"], "weight"].sum()
    assert first.startswith("WARNING: this number is no average effect where effects grow")
    assert f"{100 * share:.1f} % of its weight lies on forbidden comparisons" in first
    for kind in kinds.index:
        assert f"{kind} {100 * kinds.loc[kind, 'weight']:.1f} %" in first
    assert "group_time" in first
    assert first in effect.summary()


def test_one_cohort_has_no_warning() -> None:
    frame, _ = programme(firms=60, periods=6, cohorts=(4,), seed=1)
    effect = fit(frame)
    assert "No comparison uses firms that already participate" in effect.notes[0]
    assert "No treated firm-period has a negative weight" in effect.notes[1]


@pytest.mark.parametrize("case", ["unbalanced", "covariate"])
def test_what_cannot_be_taken_apart_still_warns_and_gives_negative_weights(case: str) -> None:
    _, effect = of_case(case)
    assert effect.notes[0].startswith("WARNING")
    assert "not taken apart into comparisons, since" in effect.notes[0]
    assert "negative weight" in effect.notes[1].lower()


def test_no_baseline_so_no_per_cent() -> None:
    with pytest.raises(EstimationError):
        fit(TWFE["firms"]("plain")).percent()


# Refusals and edges ------------------------------------------------------------------------------


def test_participation_that_does_not_vary() -> None:
    frame, _ = programme(firms=40, periods=5, cohorts=(3,), seed=1)
    for wrong in (
        frame[frame["joined"].notna()],
        frame.assign(joined=np.where(frame["joined"].isna(), np.nan, 1.0)),
        frame.assign(joined=np.nan),
        frame[frame["year"] >= 3],
    ):
        with pytest.raises(EstimationError, match="does not vary beyond the effects"):
            fit(wrong)
    with pytest.raises(EstimationError, match="No firm is observed in two periods"):
        fit(frame[frame["year"] == 3])


def test_one_firm_that_joins_has_no_standard_error() -> None:
    frame, _ = programme(firms=40, periods=5, cohorts=(3,), seed=1)
    one = frame.loc[frame["joined"].notna(), "firm"].iloc[0]
    row = only(effect := fit(frame[(frame["firm"] == one) | frame["joined"].isna()]))
    assert np.isfinite(row["estimate"]) and np.isnan(row["std_error"]) and np.isnan(row["p_value"])
    note(effect, "No standard error: the firms that join are one firm")
    never = frame.loc[frame["joined"].isna(), "firm"].iloc[0]
    effect = fit(frame[(frame["firm"] == never) | frame["joined"].notna()])
    note(effect, "No standard error: too few comparison firms")


def test_covariates_that_add_nothing_are_named() -> None:
    frame = TWFE["firms"]("plain").assign(one=2.0)
    got = fit(frame.assign(twice=2 * frame["size"]), covariates=["size", "one", "twice"])
    assert only(got)["estimate"] == pytest.approx(only(fit(frame, covariates=["size"]))["estimate"])
    note(got, "'one' left out, it does not vary")
    note(got, "'twice' left out, it is a combination")


def test_gaps_and_late_joiners() -> None:
    frame, _ = programme(firms=60, periods=8, cohorts=(4, 6), seed=1)
    gap = frame[frame["year"] != 4]
    estimate, error = twin(gap, [], None, "firm")
    assert only(fit(gap))["estimate"] == pytest.approx(estimate, abs=1e-10)
    assert only(fit(gap))["std_error"] == pytest.approx(error, abs=1e-10)
    late = frame.assign(joined=frame["joined"].fillna(30))
    assert only(fit(late))["estimate"] == only(fit(frame))["estimate"]


# Exact relations ---------------------------------------------------------------------------------

some = settings(max_examples=8, deadline=None, derandomize=True)


def drawn(seed: int, missing: float) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame, _ = programme(firms=48, periods=6, cohorts=(2, 4, 5), seed=seed)
    frame = frame.assign(size=rng.normal(size=len(frame)), weight=1 + frame["region"] % 3)
    frame.loc[frame["firm"].str.endswith("7"), "joined"] = 1.0
    return frame[rng.uniform(size=len(frame)) >= missing].reset_index(drop=True)


panels = st.builds(drawn, st.integers(0, 10_000), st.sampled_from([0.0, 0.15]))
asks = st.sampled_from([{}, {"covariates": ["size"]}, {"sampling": "weight"}])


@some
@given(panels, asks, st.integers(0, 99))
def test_order_of_rows(frame: pd.DataFrame, asked: dict[str, Any], seed: int) -> None:
    mixed = frame.sample(frac=1, random_state=seed)[frame.columns[::-1]]
    one, two = fit(frame, **asked), fit(mixed, **asked)
    pd.testing.assert_frame_equal(one.tidy(), two.tidy(), check_exact=True)
    assert one.notes == two.notes


@some
@given(panels, asks)
def test_names_units_and_levels(frame: pd.DataFrame, asked: dict[str, Any]) -> None:
    number = frame["firm"].str[1:].astype(int)
    moved = frame.assign(
        firm="x" + (1000 - number).astype(str),
        exports=1000 * frame["exports"] + 7.0 * (number % 11) - 3.0 * frame["year"],
        size=5 - 40 * frame["size"],
    )
    one, two = only(fit(frame, **asked)), only(fit(moved, **asked))
    for column, factor in (("estimate", 1000), ("std_error", 1000), ("p_value", 1)):
        assert two[column] == pytest.approx(factor * one[column], rel=1e-7)


@some
@given(panels, asks)
def test_every_firm_twice(frame: pd.DataFrame, asked: dict[str, Any]) -> None:
    again = pd.concat([frame, frame.assign(firm=frame["firm"] + "b")]).assign(origin=lambda d: d["firm"].str[:7])  # fmt: skip
    one, two = only(fit(frame, **asked)), only(fit(again, **asked))
    same = only(fit(again, cluster="origin", **asked))
    assert two["estimate"] == pytest.approx(one["estimate"], rel=1e-8)
    assert two["std_error"] == pytest.approx(one["std_error"] / np.sqrt(2), rel=1e-8)
    assert same["std_error"] == pytest.approx(one["std_error"], rel=1e-8)


@some
@given(panels)
def test_firms_that_are_seen_once_change_nothing(frame: pd.DataFrame) -> None:
    once = frame.groupby("firm").head(1).assign(firm=lambda d: "z" + d["firm"])
    one, two = only(fit(frame)), only(fit(pd.concat([frame, once])))
    assert two["estimate"] == pytest.approx(one["estimate"], rel=1e-10)
    assert two["std_error"] == pytest.approx(one["std_error"], rel=1e-10)


# A known truth -----------------------------------------------------------------------------------


def coverage(count: int, effect: str, truth: float) -> tuple[float, list[impact.EffectResult]]:
    frame, _ = programme(seed=0)
    panel = impact.panel(frame, unit="firm", time="year", cohort="joined")
    found = []
    for r in range(count):
        data, _ = programme(seed=[20160516, r], effect=effect, size=0.15)
        drawn = panel.with_columns(exports=data["exports"])
        found.append(impact.att(drawn, "exports", method="twfe"))
    rows = pd.concat([f.tidy() for f in found])
    return float(((rows["conf_low"] <= truth) & (truth <= rows["conf_high"])).mean()), found


def test_one_effect_is_covered() -> None:
    got, _ = coverage(200, "constant", 0.15)
    assert 0.90 <= got <= 0.985


def test_growing_effects_are_not_covered_and_the_tool_warns() -> None:
    got, found = coverage(200, "dynamic", 0.35625)
    assert got < 0.80
    for effect in found:
        assert effect.notes[0].startswith("WARNING: this number is no average effect")
        assert "forbidden comparisons" in effect.summary()


@pytest.mark.proof
def test_coverage_in_two_thousand_draws() -> None:
    assert 0.935 <= coverage(2000, "constant", 0.15)[0] <= 0.965
    # 59.6 % here; the design of the validation plan, which leaves the noise open, says 64 %.
    assert coverage(2000, "dynamic", 0.35625)[0] < 0.70
