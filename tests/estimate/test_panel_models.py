"""`impact.panel_model` and `impact.hausman`: plm, identities, plain twins, refusals."""

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
from impact.core.errors import DataError, EstimationError
from impact.engines.panel_models import fit_panel
from impact.simulate.programme import programme

REFERENCE = Path(__file__).parent.parent / "reference"
TWFE = runpy.run_path(str(REFERENCE / "twfe" / "reader.py"))
RAW = pd.read_csv(REFERENCE / "panel_models" / "raw.csv")
GRUNFELD = REFERENCE.parents[2] / "shared" / "data" / "method_reference" / "Grunfeld.csv"
CASES = ["plain", "unbalanced", "grunfeld"]


def frame_of(case: str) -> pd.DataFrame:
    if case == "grunfeld":
        if not GRUNFELD.exists():
            pytest.skip("Grunfeld is not beside the repository")
        return pd.read_csv(GRUNFELD).rename(
            columns={"inv": "exports", "value": "d", "capital": "size"}
        )
    frame = TWFE["firms"](case)
    return frame.assign(d=TWFE["participation"](frame))


def panel_of(frame: pd.DataFrame, **more: Any) -> impact.Panel:
    return impact.panel(frame, unit="firm", time="year", **more)


def formula(case: str, model: str) -> str:
    fixed = (
        " + chamber"
        if case != "grunfeld" and model not in ("first_difference", "consecutive")
        else ""
    )
    return f"exports ~ d + size{fixed}"


# Other people's numbers --------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    "model", ["random", "between", "pooled", "first_difference", "consecutive"]
)
@pytest.mark.parametrize("errors", ["classical", "none"])
def test_plm(case: str, model: str, errors: str) -> None:
    theirs = RAW[(RAW["case"] == case) & (RAW["model"] == model) & (RAW["errors"] == errors)]
    if model == "between" and errors == "none":
        assert theirs.empty  # plm gives none
        return
    if model == "first_difference" and case == "unbalanced":
        return  # over gaps; see the README and `consecutive`
    got = impact.panel_model(
        formula(case, model),
        panel_of(frame_of(case)),
        model="first_difference" if model == "consecutive" else model,  # type: ignore[arg-type]
        errors="classical" if errors == "classical" else "clustered",
        small_sample="none",
    ).tidy()
    both = got.merge(theirs, on="term")
    assert len(both) == len(got) == len(theirs)
    np.testing.assert_allclose(both["estimate_x"], both["estimate_y"], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(both["std_error_x"], both["std_error_y"], rtol=1e-8)


@pytest.mark.parametrize("case", CASES)
def test_hausman_of_plm(case: str) -> None:
    got = (
        impact.hausman("exports ~ d + size", panel_of(frame_of(case)), small_sample="none")
        .tidy()
        .set_index("check")
    )
    theirs = RAW[(RAW["case"] == case) & (RAW["model"] == "hausman")].set_index(["errors", "term"])[
        "estimate"
    ]
    assert got.loc["one variance", "statistic"] == pytest.approx(
        theirs["one variance", "statistic"], rel=1e-8
    )
    if case == "grunfeld":
        assert got.loc["classical", "statistic"] == pytest.approx(
            theirs["classical", "statistic"], rel=1e-8
        )
        assert got.loc["classical", "p_value"] == pytest.approx(
            theirs["classical", "p_value"], rel=1e-8
        )
        assert round(got.loc["classical", "statistic"], 2) == 2.33
    else:  # a difference of variances that is no variance
        assert got.loc["classical", ["statistic", "p_value"]].isna().all()
    if case != "unbalanced":
        assert got.loc["robust", "statistic"] == pytest.approx(theirs["aux", "statistic"], rel=1e-8)
        assert got.loc["robust", "p_value"] == pytest.approx(theirs["aux", "p_value"], rel=1e-6)
    assert (got["df"] == 2).all()


# Identities and a plain twin ---------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_mundlak_gives_fixed_effects_to_what_varies(case: str) -> None:
    panel = panel_of(frame_of(case))
    mundlak = (
        impact.panel_model("exports ~ d + size", panel, model="mundlak")
        .tidy()
        .set_index("term")["estimate"]
    )
    fixed = impact.regress("exports ~ d + size | firm", panel).tidy().set_index("term")["estimate"]
    for term in ("d", "size"):
        assert mundlak[term] == pytest.approx(fixed[term], rel=1e-9)
    if case != "unbalanced":
        between = (
            impact.panel_model("exports ~ d + size", panel, model="between")
            .tidy()
            .set_index("term")["estimate"]
        )
        for term in ("d", "size"):
            assert mundlak[f"mean of {term}"] == pytest.approx(
                between[term] - fixed[term], rel=1e-8
            )


def test_two_periods_of_differences_are_fixed_effects() -> None:
    frame = frame_of("plain").query("year in (2012, 2013)")
    panel = panel_of(frame)
    one = (
        impact.panel_model("exports ~ d + C(year)", panel, model="first_difference")
        .tidy()
        .set_index("term")
    )
    two = impact.regress("exports ~ d | firm + year", panel).tidy().set_index("term")
    assert one.loc["d", "estimate"] == pytest.approx(two.loc["d", "estimate"], abs=1e-10)


@pytest.mark.parametrize("case", ["plain", "unbalanced"])
@pytest.mark.parametrize("model", ["random", "mundlak"])
def test_random_effects_by_hand(case: str, model: str) -> None:
    """Given the two variances: a share of the firm's mean is taken off, then least squares and a sandwich."""
    frame = frame_of(case).sort_values(["firm", "year"]).reset_index(drop=True)
    x = pd.DataFrame({"Intercept": 1.0, "d": frame["d"].astype(float), "size": frame["size"]})
    if model == "mundlak":
        for term in ("d", "size"):
            x[f"mean of {term}"] = x.groupby(frame["firm"])[term].transform("mean")
    codes = [pd.factorize(frame[c], sort=True)[0] for c in ("firm", "year")]
    fit = fit_panel("random", frame["exports"].to_numpy(), x, *codes, codes[0])
    rows = frame.groupby("firm")["year"].transform("size").to_numpy()
    theta = 1 - np.sqrt(fit.noise_variance / (fit.noise_variance + rows * fit.firm_variance))
    whole = x.assign(exports=frame["exports"])
    whole -= whole.groupby(frame["firm"]).transform("mean").mul(theta, axis=0)
    y, z = whole.pop("exports").to_numpy(), whole.to_numpy()
    bread = np.linalg.inv(z.T @ z)
    slopes = bread @ z.T @ y
    scores = pd.DataFrame(z * (y - z @ slopes)[:, None]).groupby(codes[0]).sum().to_numpy()
    g, n, k = len(scores), len(frame), z.shape[1]
    errors = np.sqrt(np.diag(bread @ scores.T @ scores @ bread) * g / (g - 1) * (n - 1) / (n - k))
    got = impact.panel_model("exports ~ d + size", panel_of(frame), model=model).tidy()  # type: ignore[arg-type]
    assert got["term"].tolist() == list(x.columns)
    np.testing.assert_allclose(got["estimate"], slopes, rtol=1e-9)
    np.testing.assert_allclose(got["std_error"], errors, rtol=1e-9)
    assert (got["n_clusters"] == g).all() and (got["n_obs"] == n).all()


def test_pooled_is_least_squares_of_regress() -> None:
    panel = panel_of(frame_of("plain"))
    one = (
        impact.panel_model("exports ~ d + size", panel, model="pooled", cluster="chamber")
        .tidy()
        .set_index("term")
    )
    two = impact.regress("exports ~ d + size", panel, cluster="chamber").tidy().set_index("term")
    for column in ("estimate", "std_error", "p_value", "conf_low"):
        np.testing.assert_allclose(one[column], two.loc[one.index, column], rtol=1e-9)


# Relations ---------------------------------------------------------------------------------------

some = settings(max_examples=6, deadline=None, derandomize=True)
MODELS = st.sampled_from(["random", "first_difference", "between", "pooled", "mundlak"])


def drawn(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame, _ = programme(firms=40, periods=5, cohorts=(3, 4), seed=seed)
    frame["d"] = (frame["year"] >= frame["joined"]).astype(int)
    frame["size"] = rng.normal(size=len(frame)) + frame["exports"].groupby(frame["firm"]).transform(
        "mean"
    )
    return frame[rng.uniform(size=len(frame)) > 0.1].reset_index(drop=True)


@some
@given(st.integers(0, 9999), MODELS, st.integers(0, 99))
def test_order_of_rows_units_and_names(seed: int, model: Any, shuffle: int) -> None:
    frame = drawn(seed)
    one = impact.panel_model("exports ~ d + size", panel_of(frame), model=model).tidy()
    mixed = frame.sample(frac=1, random_state=shuffle)[frame.columns[::-1]]
    two = impact.panel_model("exports ~ d + size", panel_of(mixed), model=model).tidy()
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    moved = frame.assign(
        firm="x" + (1000 - frame["firm"].str[1:].astype(int)).astype(str),
        exports=1000 * frame["exports"],
    )
    three = impact.panel_model("exports ~ d + size", panel_of(moved), model=model).tidy()
    np.testing.assert_allclose(three["estimate"], 1000 * one["estimate"], rtol=1e-7)
    np.testing.assert_allclose(three["p_value"], one["p_value"], rtol=1e-6, atol=1e-12)


def rejected(count: int, tie: float) -> float:
    """Share of draws in which the robust form rejects, where effects of firms go with the term by `tie`."""
    found = 0
    for r in range(count):
        rng = np.random.default_rng([20160516, r])
        firm = np.repeat(np.arange(60), 5)
        level, x = rng.normal(size=60), rng.normal(size=300)
        frame = pd.DataFrame({"firm": firm, "year": np.tile(np.arange(5), 60)})
        frame["x"] = x + tie * level[firm]
        frame["y"] = frame["x"] + level[firm] + rng.normal(size=300)
        got = impact.hausman("y ~ x", panel_of(frame)).tidy().set_index("check")
        found += got.loc["robust", "p_value"] < 0.05
    return found / count


def test_effects_that_go_with_a_term_are_found_and_others_are_not() -> None:
    assert rejected(60, 0.0) <= 0.15
    assert rejected(30, 0.5) >= 0.6


@pytest.mark.proof
def test_size_of_the_robust_form() -> None:
    assert 0.021 <= rejected(500, 0.0) <= 0.079  # linearmodels takes 0.2 s a draw


# What it says, and what it refuses ---------------------------------------------------------------


def test_notes() -> None:
    frame = frame_of("unbalanced")
    frame.loc[:2, "size"] = np.nan
    effect = impact.panel_model(
        "exports ~ d + size + chamber", panel_of(frame), model="first_difference"
    )
    assert effect.tidy()["term"].tolist() == ["d", "size"]
    assert "3 rows without a value in the formula are left out." in effect.notes
    assert "chamber: left out, the same in every period of a firm." in effect.notes
    assert any(
        "differences between consecutive periods of a firm; " in n and "gaps have none" in n
        for n in effect.notes
    )
    random = impact.panel_model("exports ~ d", panel_of(frame))
    assert any("impact.hausman tests it" in n for n in random.notes)
    assert "clustered by firm" in random.summary() and random.df == 81


def test_no_effects_of_firms_is_the_pooled_model_and_is_said() -> None:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "firm": np.repeat(np.arange(30), 4),
            "year": np.tile(np.arange(4), 30),
            "x": rng.normal(size=120),
        }
    )
    noise = rng.normal(size=120)
    frame["y"] = frame["x"] + noise - pd.Series(noise).groupby(frame["firm"]).transform("mean")
    random = impact.panel_model("y ~ x", panel_of(frame))
    pooled = impact.panel_model("y ~ x", panel_of(frame), model="pooled")
    np.testing.assert_allclose(random.tidy()["estimate"], pooled.tidy()["estimate"], rtol=1e-10)
    assert any("estimated as 0: the model is the pooled one" in n for n in random.notes)


def test_hausman_says_that_the_formula_has_no_effects_of_years() -> None:
    panel = panel_of(frame_of("plain"))
    said = "The formula has no effects of year"
    assert said in impact.hausman("exports ~ d + size", panel).summary()
    for years in ("C(year)", "i(year)"):
        assert said not in impact.hausman(f"exports ~ d + size + {years}", panel).summary()


def test_summary_of_hausman() -> None:
    got = impact.hausman("exports ~ d + size + C(year) + chamber", panel_of(frame_of("plain")))
    assert got.coefficients["term"].tolist() == ["d", "size"]  # years and chambers cannot differ
    assert "use fixed effects" in got.summary() and "clustered by firm" in repr(got)


def test_refusals() -> None:
    frame = frame_of("plain")
    panel = panel_of(frame)
    for asked, said in (
        ({"formula": "exports ~ d | firm"}, "belong to impact.regress"),
        ({"model": "fixed"}, "choose from 'random'"),
        ({"errors": "robust"}, "choose from 'clustered'"),
        ({"small_sample": "CR9"}, "choose from"),
        ({"formula": "exports ~ d + I(2 * d)"}, "combination of terms before it"),
        ({"formula": "log1p(exports) ~ d"}, "log"),
        (
            {"formula": "exports ~ chamber", "model": "first_difference"},
            "No term varies within firms",
        ),
    ):
        call: dict[str, Any] = {"formula": "exports ~ d", **asked}
        with pytest.raises(EstimationError, match=said):
            impact.panel_model(call.pop("formula"), panel, **call)
    with pytest.raises(EstimationError, match="take no weights"):
        impact.panel_model("exports ~ d", panel_of(frame, weights="weight"))
    with pytest.raises(EstimationError, match="changes within firms"):
        impact.panel_model("exports ~ d", panel, cluster="year")
    with pytest.raises(EstimationError, match="one cluster"):
        impact.panel_model("exports ~ d", panel_of(frame.assign(all=1)), cluster="all")
    with pytest.raises(EstimationError, match="nothing to differ in"):
        impact.hausman("exports ~ chamber + C(year)", panel)
    with pytest.raises(DataError, match="takes a panel"):
        impact.hausman("exports ~ d", frame)  # type: ignore[arg-type]
    with pytest.raises(DataError):
        impact.panel_model("exports ~ dd", panel)
    with pytest.raises(EstimationError, match="cannot be fitted"):
        impact.panel_model("exports ~ size", panel_of(frame.groupby("firm").head(1)))
