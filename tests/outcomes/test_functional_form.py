"""asinh and log(1 + x) where there are zeros: what they say in each unit, what is said instead, and where they are refused."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import impact
from impact.core.errors import DataError
from impact.outcomes.zero_transforms import UNITS, asked_transform
from impact.report.receive import receive

MICHIGAN = Path(__file__).parent.parent.parent / "reports" / "michigan" / "study.toml"


def exporters(drawing: str) -> impact.Panel:
    """Firms in rows, years in columns, exports in cells; a name that begins with P is a participant that joined in 2014."""
    lines = [line.split("#")[0].split() for line in drawing.strip().splitlines()]
    years = [int(y) for y in lines[0]]
    rows = [
        (line[0], year, np.nan if cell == "?" else float(cell), 2014.0 if line[0].startswith("P") else np.nan)
        for line in lines[1:] for year, cell in zip(years, line[1:], strict=True)
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["firm", "year", "exports_eur", "joined"])
    return impact.panel(frame, unit="firm", time="year", cohort="joined")


FIRMS = """
      2013  2014
P1     100   150     # participants: 120 before, 240 after
P2       0    60     # enters
P3      20    30
P4       0     0     # never exports
C1     100   120     # others: 200 before, 250 after
C2      80   130
C3      20     0     # stops
C4       0     0
C5       0     0
C6       ?    90     # was not observed before
"""


@pytest.fixture(scope="module")
def form() -> impact.FormResult:
    return impact.functional_form(exporters(FIRMS), "exports_eur")


def test_the_effect_on_the_level_is_a_ratio_of_ratios(form: impact.FormResult) -> None:
    """Participants grow from 120 to 240, the others from 200 to 250: 2 / 1.25 = 1.6, so +60 %, whatever the unit."""
    level = form.row("level_effect")
    assert level["estimate"] == pytest.approx(60.0, rel=1e-12)
    assert form.row("poisson")["estimate"] == pytest.approx(math.log(1.6), rel=1e-12)
    assert form.counterfactual_mean == pytest.approx(120 * 1.25 / 4)
    assert form.row("level_difference")["estimate"] == 120 / 4 - 50 / 5
    assert level[["n_treated", "n_control", "n_units", "n_obs", "n_clusters"]].tolist() == [4, 5, 9, 18, 9]  # fmt: skip


def test_the_effect_on_exporting_is_a_difference_of_shares(form: impact.FormResult) -> None:
    """One of four participants starts, one of five others stops."""
    assert form.row("extensive_margin")["estimate"] == pytest.approx(100 * (1 / 4 + 1 / 5))
    assert form.zeros == 8 / 18


def test_the_effect_on_the_transform_can_be_worked_by_hand(form: impact.FormResult) -> None:
    def f(x: float) -> float:
        return math.asinh(x)

    own = (f(150) - f(100) + f(60) + f(30) - f(20)) / 4
    other = (f(120) - f(100) + f(130) - f(80) - f(20)) / 5
    assert form.by_unit()["ones"] == pytest.approx(own - other, rel=1e-12)


def test_who_is_compared_is_said(form: impact.FormResult) -> None:
    said = form.summary()
    assert "Change between 2013 and 2014. Participants joined in 2014; the others had not" in said
    assert "1 firms without 'exports_eur' in one of the two periods are left out." in said
    assert "of 4 participants against 5 others, from 2013 to 2014" in said
    assert (
        "as a Poisson regression does" in said
        and "It is no percentage (Chen and Roth 2024)" in said
    )
    assert repr(form) == said


def arm(share: float, factor: float, n: int = 2000) -> np.ndarray:
    """`share` of n firms above 0, spread as a lognormal at its own quantiles; the rest 0. No chance is in it."""
    k = round(share * n)
    places = (np.arange(k) + 0.5) / k
    return np.concatenate([np.exp(11 + 1.2 * stats.norm.ppf(places)) * factor, np.zeros(n - k)])


@pytest.fixture(scope="module")
def demo() -> impact.FormResult:
    """45 % export instead of 40 %, and each exports 5.5 % more: the level rises by 1.125 x 1.055 - 1 = 18.7 %, entry by 5 points."""
    rows = pd.DataFrame({"usd": [*arm(0.45, 1.055), *arm(0.40, 1.0)], "took_part": np.repeat([1, 0], 2000)})  # fmt: skip
    return impact.functional_form(rows, "usd", treatment="took_part")


def test_one_effect_has_any_size_by_the_unit(demo: impact.FormResult) -> None:
    """The phenomenon of Chen and Roth (2024): a level effect of 18.7 % "is" between 0.01 and 0.8, in the same data."""
    values = demo.by_unit()
    assert values.round(2).tolist() == [0.84, 0.61, 0.26, 0.01]
    assert demo.row("level_effect")["estimate"] == pytest.approx(18.7, abs=0.1)
    assert demo.row("extensive_margin")["estimate"] == pytest.approx(5.0, abs=1e-9)
    # Each finer unit adds its logarithm for each firm that enters.
    assert values["hundredths"] - values["ones"] == pytest.approx(0.05 * math.log(100), abs=1e-4)
    assert values["ones"] - values["thousands"] == pytest.approx(0.05 * math.log(1000), abs=1e-3)
    assert "that alone adds about +0.35 with each unit that is a thousand times finer" in demo.summary()  # fmt: skip


def test_log1p_depends_on_the_unit_in_the_same_way(demo: impact.FormResult) -> None:
    rows = pd.DataFrame({"usd": [*arm(0.45, 1.055), *arm(0.40, 1.0)], "took_part": np.repeat([1, 0], 2000)})  # fmt: skip
    other = impact.functional_form(rows, "usd", treatment="took_part", transform="log1p")
    # asinh(x) is log(2x) for large x, so that each entrant adds log 2 more.
    assert other.by_unit()["ones"] == pytest.approx(demo.by_unit()["ones"] - 0.05 * math.log(2), abs=1e-4)  # fmt: skip
    assert other.row("level_effect")["estimate"] == demo.row("level_effect")["estimate"]
    assert set(other.tidy()["term"]) == {"log1p", "poisson", "level_effect", "level_difference", "extensive_margin"}  # fmt: skip


def random_exports(seed: int, firms: int = 50) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame({"firm": np.repeat([f"f{i:02d}" for i in range(firms)], 2), "year": np.tile([2013, 2014], firms)})  # fmt: skip
    rows["exports_eur"] = np.round(rng.lognormal(3, 1, len(rows)) * (rng.random(len(rows)) < 0.6), 2)  # fmt: skip
    rows["joined"] = np.where(np.repeat(rng.random(firms) < 0.4, 2), 2014.0, np.nan)
    rows["region"] = np.repeat(rng.integers(0, 12, firms), 2)
    return rows


class TestTwins:
    """The closed forms against regressions that are fitted by iteration, or by another part of the house."""

    @pytest.mark.parametrize("cluster", ["firm", "region"])
    def test_the_level_effect_is_that_of_a_poisson_regression(self, cluster: str) -> None:
        import statsmodels.api as sm

        rows = random_exports(3)
        form = impact.functional_form(impact.panel(rows, unit="firm", time="year", cohort="joined"), "exports_eur",
                                      cluster=None if cluster == "firm" else cluster)  # fmt: skip
        # Firms that never export have an effect of minus infinity; they add nothing to the coefficient.
        kept = rows[rows.groupby("firm")["exports_eur"].transform("sum") > 0]
        x = pd.get_dummies(kept["firm"], dtype=float)
        x["after"] = (kept["year"] == 2014).astype(float)
        x["effect"] = x["after"] * kept["joined"].notna()
        fit = sm.GLM(kept["exports_eur"], x, family=sm.families.Poisson()).fit(
            cov_type="cluster", cov_kwds={"groups": pd.factorize(kept[cluster])[0], "use_correction": False}, tol=1e-12, maxiter=200)  # fmt: skip
        row = form.row("poisson")
        assert row["estimate"] == pytest.approx(fit.params["effect"], rel=1e-7)
        g, n = row["n_clusters"], row["n_obs"]
        factor = g / (g - 1) * (n - 1) / (n - 3)
        assert row["std_error"] == pytest.approx(fit.bse["effect"] * math.sqrt(factor), rel=1e-5)

    @pytest.mark.parametrize("unit", UNITS)
    def test_the_transform_is_what_regress_would_give(self, unit: str) -> None:
        rows = random_exports(4)
        panel = impact.panel(rows, unit="firm", time="year", cohort="joined")
        form = impact.functional_form(panel, "exports_eur", cluster="region")
        made = rows.assign(made=np.arcsinh(rows["exports_eur"] * UNITS[unit]),
                           effect=((rows["year"] == 2014) & rows["joined"].notna()).astype(float))  # fmt: skip
        plain = impact.regress("made ~ effect | firm + year", made, cluster="region").tidy().iloc[0]
        got = form.tidy().iloc[list(UNITS).index(unit)]
        for column in ("estimate", "std_error", "p_value", "conf_low", "conf_high"):
            assert got[column] == pytest.approx(plain[column], rel=1e-8), column


@settings(max_examples=25)
@given(seed=st.integers(0, 10), unit=st.sampled_from([0.01, 1000.0]), turn=st.integers(0, 99))
def test_rows_names_and_units_change_only_what_depends_on_the_unit(seed: int, unit: float, turn: int) -> None:  # fmt: skip
    rows = random_exports(seed, firms=14)
    if rows.groupby("firm")["joined"].first().notna().sum() in (0, 14):
        return
    plain = impact.functional_form(impact.panel(rows, unit="firm", time="year", cohort="joined"), "exports_eur")  # fmt: skip
    names = dict(zip(sorted(rows["firm"].unique()), sorted(rows["firm"].unique(), reverse=True), strict=True))  # fmt: skip
    mixed = rows.sample(frac=1, random_state=turn)
    mixed = mixed.assign(firm=mixed["firm"].map(names), exports_eur=mixed["exports_eur"] * unit)
    other = impact.functional_form(impact.panel(mixed, unit="firm", time="year", cohort="joined"), "exports_eur")  # fmt: skip
    for term in ("poisson", "level_effect", "extensive_margin"):
        for column in ("estimate", "std_error", "p_value"):
            np.testing.assert_allclose(other.row(term)[column], plain.row(term)[column], rtol=1e-7, atol=1e-9)  # fmt: skip
    # One firm-year in cents is the same firm-year in euros, so only the names of the units have moved.
    if unit == 0.01:
        assert other.by_unit()["hundredths"] == pytest.approx(plain.by_unit()["ones"], abs=1e-9)


class TestEdges:
    def test_no_participant_exported_before(self) -> None:
        """There is no growth from 0 in per cent: missing, and the effect in units and on exporting remain."""
        form = impact.functional_form(exporters("2013 2014\nP1 0 5\nP2 0 0\nC1 5 5\nC2 3 4"), "exports_eur")  # fmt: skip
        assert form.tidy().set_index("term").loc["level_effect", ["estimate", "std_error", "conf_low"]].isna().all()  # fmt: skip
        assert "not defined here, since a group has a mean of 0" in form.summary()
        assert form.row("extensive_margin")["estimate"] == 50
        assert math.isnan(
            impact.functional_form(
                exporters("2013 2014\nP1 4 5\nP2 0 0\nC1 0 5\nC2 0 4"), "exports_eur"
            ).counterfactual_mean
        )

    def test_every_participant_stopped(self) -> None:
        """A loss of 100 % is known; its logarithm and its interval are not."""
        form = impact.functional_form(exporters("2013 2014\nP1 5 0\nP2 4 0\nC1 5 5\nC2 3 4"), "exports_eur")  # fmt: skip
        assert form.row("level_effect")["estimate"] == -100
        assert form.row("level_effect")[["std_error", "p_value", "conf_low"]].isna().all()
        assert math.isnan(form.row("poisson")["estimate"])

    def test_one_participant_has_no_standard_error(self) -> None:
        form = impact.functional_form(exporters("2013 2014\nP1 5 9\nC1 5 5\nC2 3 4"), "exports_eur")
        assert form.tidy()[["std_error", "p_value", "conf_low"]].isna().all(axis=None)
        assert form.tidy()["estimate"].notna().all()

    def test_without_zeros_nothing_asks_for_the_transform(self) -> None:
        form = impact.functional_form(exporters("2013 2014\nP1 5 9\nP2 2 3\nC1 5 5\nC2 3 4"), "exports_eur")  # fmt: skip
        assert "use the logarithm, or the level" in form.summary()

    def test_the_periods_and_groups_of_a_programme_in_waves(self) -> None:
        """Joined in 2012 (left out), 2014 and 2016: with 2013 and 2014, the third wave stands among the others."""
        rows = pd.DataFrame([(f, y, 1.0, g) for f, g in (("a", 2012), ("b", 2014), ("c", 2016), ("d", None), ("e", 2014))
                             for y in range(2011, 2017)], columns=["firm", "year", "jobs", "joined"])  # fmt: skip
        panel = impact.panel(rows, unit="firm", time="year", cohort="joined")
        form = impact.functional_form(panel, "jobs", before=2013, after=2014)
        assert form.tidy().iloc[0][["n_treated", "n_control"]].tolist() == [2, 2]
        assert any("1 firms that had joined by 2013" in n for n in form.notes)
        whole = impact.functional_form(panel, "jobs")
        assert (whole.before, whole.after) == (2011, 2016)
        assert whole.tidy().iloc[0][["n_treated", "n_control"]].tolist() == [4, 1]

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ({"transform": "sqrt"}, "choose from asinh, log1p"),
            ({"outcome": "export"}, "did you mean 'exports_eur'"),
            ({"before": 2014}, "two periods of the panel, in this order"),
            ({"before": 2010}, "The panel has no row for 2010; its periods are 2013, 2014"),
            ({"treatment": "exports_eur"}, "changes within"),
            ({"cluster": "area"}, "1 firms have no 'area'"),
        ],
    )
    def test_what_cannot_be_compared_is_refused(self, arguments: dict[str, object], said: str) -> None:  # fmt: skip
        panel = exporters(FIRMS)
        panel = panel.with_columns(area=panel.data["firm"].where(panel.data["firm"] != "C1"))
        with pytest.raises(impact.DataError, match=said):
            impact.functional_form(panel, **({"outcome": "exports_eur"} | arguments))  # type: ignore[arg-type]

    def test_participants_must_be_marked(self) -> None:
        rows = pd.DataFrame({"y": [1.0, 2.0, 0.0], "d": [1, 0, 2]})
        with pytest.raises(impact.DataError, match="Who took part"):
            impact.functional_form(rows, "y")
        with pytest.raises(impact.DataError, match="must be 1 for participants and 0 for others"):
            impact.functional_form(rows, "y", treatment="d")
        with pytest.raises(impact.DataError, match="No others with a known 'y'"):
            impact.functional_form(rows.assign(d=1), "y", treatment="d")
        with pytest.raises(impact.DataError, match="has no periods"):
            impact.functional_form(rows.assign(d=1), "y", treatment="d", after=2014)
        with pytest.raises(impact.DataError) as caught:
            impact.functional_form(rows.assign(y=[-1.0, np.inf, 2.0]), "y", treatment="d")
        assert [f.value for f in caught.value.faults] == [-1.0, np.inf]

    def test_the_figure_shows_the_units(self, form: impact.FormResult) -> None:
        assert [t.get_text() for t in form.plot().axes[0].get_yticklabels()] == list(UNITS)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("asinh(y)", ("asinh", "y")),
        ("np.arcsinh(y)", ("asinh", "y")),
        ("I(numpy.arcsinh(y / 1000))", ("asinh", "y")),
        ("log1p(y)", ("log1p", "y")),
        ("log(1 + y)", ("log1p", "y")),
        ("np.log(y + 0.5)", ("log1p", "y")),
        ("{log10(1 + y)}", ("log1p", "y")),
        ("log(1 + `exports in euros`)", ("log1p", "exports in euros")),
        ("center(log(y + 1))", ("log1p", "y")),
        ("log(y)", None),
        ("log(y + x)", None),
        ("log(2 * y)", None),
        ("y", None),
        ("log_y", None),
        ("asinh", None),
        ("log(1 + ", None),
    ],
)
def test_a_transform_is_found_in_any_spelling(written: str, found: tuple[str, str] | None) -> None:
    asked = asked_transform(written)
    assert (None if asked is None else (asked.transform, asked.column)) == found


class TestWhereItIsAskedFor:
    @pytest.mark.parametrize("left", ["asinh(exports_eur)", "np.arcsinh(exports_eur)", "log1p(exports_eur)",
                                      "np.log1p(exports_eur)", "log(1 + exports_eur)", "log(exports_eur + 1)"])  # fmt: skip
    def test_regress_refuses_with_its_own_coefficients(self, left: str) -> None:
        rows = random_exports(5).assign(effect=lambda d: ((d["year"] == 2014) & d["joined"].notna()) * 1.0)  # fmt: skip
        panel = impact.panel(rows, unit="firm", time="year", cohort="joined")
        with pytest.raises(impact.EstimationError) as caught:
            impact.regress(f"{left} ~ effect | firm + year", panel, cluster="firm")
        said = str(caught.value)
        transform = "asinh" if "sinh" in left else "log1p"
        form = impact.functional_form(panel, "exports_eur", transform=transform)
        line = next(x for x in said.splitlines() if x.strip().startswith("effect"))
        np.testing.assert_allclose([float(v) for v in line.split()[1:]], form.by_unit(), atol=0.006)
        assert "hundredths" in said and "100 rows" in said
        assert form.recommended in said and "as a Poisson regression does" in said

    def test_without_cohorts_the_alternative_is_given_in_words(self) -> None:
        rows = random_exports(5)
        with pytest.raises(impact.EstimationError, match=r"estimate the effect on the level of 'exports_eur'"):  # fmt: skip
            impact.regress("asinh(exports_eur) ~ region", rows)
        above = rows.assign(exports_eur=rows["exports_eur"] + 1)
        with pytest.raises(impact.EstimationError, match=r"No 'exports_eur' is 0 .* use log\(exports_eur\)"):  # fmt: skip
            impact.regress("log(1 + exports_eur) ~ region", above)

    def test_other_faults_of_the_formula_come_first(self) -> None:
        rows = random_exports(5)
        with pytest.raises(impact.DataError, match="did you mean 'region'"):
            impact.regress("asinh(exports_eur) ~ regions", rows)
        with pytest.raises(impact.DataError, match="did you mean 'exports_eur'"):
            impact.regress("asinh(exports) ~ region", rows)

    def test_a_logarithm_and_a_transformed_term_stay_allowed(self) -> None:
        rows = random_exports(5).assign(sales=lambda d: d["exports_eur"] + 1)
        got = impact.regress("log(sales) ~ region + np.arcsinh(exports_eur)", rows).tidy()
        assert len(got) == 3

    def test_att_refuses_too(self) -> None:
        panel = impact.panel(random_exports(5), unit="firm", time="year", cohort="joined")
        with pytest.raises(impact.EstimationError, match="Participants against others, it is"):
            impact.att(panel, "asinh(exports_eur)", method="group_time")

    @pytest.mark.parametrize("key", ["asinh", "log1p"])
    def test_a_study_that_derives_it_is_told_with_its_own_numbers(self, tmp_path: Path, key: str) -> None:  # fmt: skip
        path = tmp_path / "study.toml"
        text = MICHIGAN.read_text("utf-8").replace('{ log = "employment" }', f'{{ {key} = "employment" }}')  # fmt: skip
        path.write_text(text, "utf-8")
        with pytest.raises(impact.DataError) as caught:
            receive(path)
        (fault,) = caught.value.faults
        assert (fault.file, fault.column, fault.value) == ("study.toml", "derive.log_employment", f'{key} = "employment"')  # fmt: skip
        assert "in hundredths" in fault.problem and "Chen and Roth 2024" in fault.problem
        assert "name 'employment' itself as the outcome" in fault.remedy
        assert "% of the counterfactual mean" in fault.remedy

    def test_where_there_is_no_panel_it_is_told_in_words(self, tmp_path: Path) -> None:
        path = tmp_path / "study.toml"
        text = MICHIGAN.read_text("utf-8").replace('{ log = "employment" }', '{ asinh = "employment" }')  # fmt: skip
        path.write_text(text.replace('cluster = "firm_id"', 'cluster = "firm"'), "utf-8")
        with pytest.raises(impact.StudyError) as caught:
            receive(path)
        (fault,) = [f for f in caught.value.faults if f.column == "derive.log_employment"]
        assert "depends on the unit" in fault.problem and "in hundredths" not in fault.problem
        assert "impact.functional_form computes both" in fault.remedy

    def test_one_key_at_a_time(self, tmp_path: Path) -> None:
        path = tmp_path / "study.toml"
        text = MICHIGAN.read_text("utf-8").replace('{ log = "employment" }', '{ log = "employment", asinh = "employment" }')  # fmt: skip
        path.write_text(text, "utf-8")
        with pytest.raises(impact.StudyError, match="give either log or lag"):
            receive(path)


def test_other_names_of_the_transforms_are_known() -> None:
    rows = pd.DataFrame({"joined": [1, 1, 0, 0], "exports": [0.0, 30.0, 10.0, 20.0]})
    for name, other in (("asinh", "ihs"), ("asinh", "ArcSinh"), ("log1p", "log(1 + x)")):
        here, there = (
            impact.functional_form(rows, "exports", transform=t, treatment="joined")
            for t in (name, other)
        )
        pd.testing.assert_frame_equal(here.tidy(), there.tidy())
    with pytest.raises(DataError, match="no transform 'cube'"):
        impact.functional_form(rows, "exports", transform="cube", treatment="joined")
