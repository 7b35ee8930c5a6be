"""`[outcomes]`: the columns of a study's panel are those of the public verbs, and its files can be worked with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import impact
from impact.report.panel_files import write_panel_files
from impact.report.receive import Received, receive
from impact.report.study import read_study

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def andes() -> Received:
    return receive(ROOT / "reports" / "andes" / "study.toml")


@pytest.fixture(scope="module")
def folder(andes: Received, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("data_processed")
    names = write_panel_files(andes, made)
    assert sorted(p.name for p in made.iterdir()) == sorted(names)
    return made


@pytest.fixture(scope="module")
def frame(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "panel.parquet")


@pytest.fixture(scope="module")
def panel(frame: pd.DataFrame) -> impact.Panel:
    plain = frame[["firm_id", "year", "state", "exporter", "joined"]].rename(
        columns={"exporter": "exports"}
    )
    return impact.panel(plain, unit="firm_id", time="year", cohort="joined")


@pytest.fixture(scope="module")
def shipments(folder: Path) -> impact.Shipments:
    return impact.shipments(pd.read_parquet(folder / "export_cells.parquet"))


def same(study: pd.Series, verb: pd.Series) -> None:
    one, two = study.astype("float64").to_numpy(), verb.astype("float64").to_numpy()
    np.testing.assert_allclose(one, two, rtol=1e-12, atol=1e-12, err_msg=str(study.name))


def test_entry_is_that_of_the_verb(
    frame: pd.DataFrame, panel: impact.Panel, andes: Received
) -> None:
    made = impact.entry(panel, look_back=2, horizons=(1, 2))
    for column in made.counts()["outcome"]:
        if column != "exporter":
            same(frame[column], made.data[column])
    assert andes.intake is not None and andes.intake.outcomes is not None
    study = andes.intake.outcomes.set_index("outcome")
    for column in ("entrant", "new_entrant", "first_time_exporter", "re_entrant", "entry_within_2", "sustained_entry_within_2"):  # fmt: skip
        verb = made.counts().set_index("outcome").loc[column]
        assert (
            study.loc[column, ["n_obs", "n_at_risk", "n_event"]].tolist()
            == verb[["n_obs", "n_at_risk", "n_event"]].tolist()
        )


def test_survival_is_that_of_the_verb(frame: pd.DataFrame, panel: impact.Panel) -> None:
    made = impact.export_survival(panel, horizons=[1, 2])
    for column in ("exporter_after_1", "export_survival_2"):
        same(frame[column], made.data[column])


@pytest.mark.parametrize("level", ["product", "destination", "pair"])
def test_new_lines_are_those_of_the_verb(
    frame: pd.DataFrame, panel: impact.Panel, shipments: impact.Shipments, level: str
) -> None:
    made = impact.entry(panel, shipments, level=level, look_back=2)
    for column in made.counts()["outcome"]:
        same(frame[column], made.data[column])


def test_concentration_and_margins_are_those_of_the_verbs(
    frame: pd.DataFrame, panel: impact.Panel, shipments: impact.Shipments
) -> None:
    home = ["BOL", "COL", "ECU", "PER", "VEN"]
    made = impact.diversification(shipments, panel=panel, home=home, look_back=2).onto(panel)
    for column in (
        "entropy_products",
        "theil_destinations",
        "hhi_products",
        "top1_share_pairs",
        "hhi_normalised_pairs",
    ):
        same(frame[column], made.data[column])
    same(frame["share_eu"], made.data["share_eu_destinations"])
    same(frame["share_outside_home"], made.data["share_outside_home_destinations"])
    logs = impact.margins(shipments, panel=panel).onto(panel)
    for column in ("ln_value", "ln_destinations", "ln_products", "ln_density", "ln_average"):
        same(frame[column], logs.data[column])
    exporting = frame["exporter"] == 1
    np.testing.assert_allclose(
        frame.loc[exporting, "ln_value"], np.log(frame.loc[exporting, "exports_eur_2015"])
    )


@pytest.mark.parametrize("level", ["firm", "product", "destination"])
def test_spells_are_those_of_the_verb(
    folder: Path, panel: impact.Panel, shipments: impact.Shipments, level: str
) -> None:
    written = pd.read_parquet(folder / f"spells_of_{level}s.parquet")
    verb = impact.spells(shipments, level=level, panel=panel).data
    assert len(written) == len(verb) > 0
    keys = ["firm_id", *([] if level == "firm" else [level])]
    assert written[keys].equals(verb[keys].astype(written[keys].dtypes))
    for column, name in (
        ("start_year", "start"),
        ("end_year", "end"),
        ("years", "length"),
        ("spell", "order"),
        ("status", "status"),
    ):
        assert written[column].tolist() == verb[name].tolist(), column


def test_the_dictionary_says_what_each_outcome_is(folder: Path) -> None:
    words = pd.read_csv(folder / "dictionary.csv").set_index("column")
    assert (
        words.loc["new_entrant", "meaning"]
        == "1 where it exports and did not in the 2 years before"
    )
    assert (
        words.loc["new_entrant", "missing_means"]
        == "exports of a year that decides it were not observed"
    )
    assert words["meaning"].notna().all()


def faults(tmp_path: Path, text: str) -> list[str]:
    base = '[study]\nname = "x"\ntitle = "x"\nprogramme = "x"\nsource = "x"\nfirst_year = 2010\nlast_year = 2012\n'
    (tmp_path / "study.toml").write_text(base + text, "utf-8")
    return [str(f) for f in read_study(tmp_path / "study.toml")[1]]


def test_what_a_study_cannot_ask(tmp_path: Path) -> None:
    claims = '[claims]\nfile = "claims.csv"\n'
    assert "and there are none" in faults(tmp_path, claims + "[outcomes]\n")[0]
    register = '[register]\nfile = "r.csv"\n'
    assert (
        "only customs files have" in faults(tmp_path, register + '[outcomes]\nhome = ["PER"]\n')[0]
    )
    assert "horizon" in faults(tmp_path, register + "[outcomes]\nhorizons = [-1]\n")[0]
    assert "look_back" in faults(tmp_path, register + "[outcomes]\nlook_back = 0\n")[0]


def test_a_register_of_exporters_only_is_flagged(tmp_path: Path) -> None:
    """a and b each export in some year, and nobody else is in the register: the rates of entry say so, those of survival need nobody else."""
    (tmp_path / "customs.csv").write_text(CUSTOMS, "utf-8")
    firms = [f"{f},{y},3" for f in "ab" for y in (2010, 2011, 2012)]
    sections = (
        '[customs]\nfile = "customs.csv"\nproduct_digits = 4\n[register]\nfile = "register.csv"\nemployment = "headcount"\n'
        "[outcomes]\nlook_back = 1\nhorizons = [1]\n"
    )
    assert faults(tmp_path, sections) == []

    def flags(more: list[str]) -> pd.Series:
        lines = "\n".join(["firm_id,year,employees", *firms, *more])
        (tmp_path / "register.csv").write_text(lines, "utf-8")
        intake = receive(tmp_path / "study.toml").intake
        assert intake is not None and intake.outcomes is not None
        return intake.outcomes.set_index("outcome")["flags"]

    flag = "every firm exports in some year"
    found = flags([])
    for column in (
        "entrant",
        "new_entrant",
        "first_time_exporter",
        "re_entrant",
        "entry_within_1",
        "entry_after_1",
    ):
        assert flag in found[column], column
    assert flag not in found["export_survival_1"] and flag not in found["adds_product"]
    assert not flags(["c,2010,5", "c,2011,5"]).str.contains(flag).any()


CUSTOMS = """firm_id,year,product,destination,value,currency
a,2010,0901,DE,10.00,EUR
a,2011,0901,DE,10.00,EUR
a,2011,0901,FR,5.00,EUR
b,2012,0902,DE,7.50,EUR
"""


def test_customs_alone_have_no_entry_of_firms(tmp_path: Path) -> None:
    """There are exporters only; new lines and spells are measured among them."""
    (tmp_path / "customs.csv").write_text(CUSTOMS, "utf-8")
    section = '[customs]\nfile = "customs.csv"\nproduct_digits = 4\n[outcomes]\nlook_back = 1\n'
    assert faults(tmp_path, section) == []
    intake = receive(tmp_path / "study.toml").intake
    assert intake is not None and intake.parquet is not None
    frame = pd.read_parquet(intake.parquet).set_index(["firm_id", "year"])
    assert "entrant" not in frame and "new_entrant" not in frame
    assert frame["new_destinations"].astype("Float64").fillna(-1).tolist() == [-1, 1, 0, -1, 0, 1]
    spells = pd.read_parquet(intake.extra["spells_of_firms.parquet"])
    assert spells[["firm_id", "start_year", "end_year", "status"]].values.tolist() == [
        ["A", 2010, 2011, "exit"], ["B", 2012, 2012, "end of data"],
    ]  # fmt: skip
    assert any("exporters only" in str(n) for n in intake.notices)


def test_a_declared_minimum_holds_for_lines_too(tmp_path: Path) -> None:
    """a's 10 euros of 2010 are no exports, so Germany is as new in 2011 as France is."""
    (tmp_path / "customs.csv").write_text(
        CUSTOMS.replace("a,2011,0901,DE,10.00", "a,2011,0901,DE,30.00"), "utf-8"
    )
    section = '[customs]\nfile = "customs.csv"\nproduct_digits = 4\nminimum_value_eur = 12.0\n[outcomes]\nlook_back = 1\n'
    assert faults(tmp_path, section) == []
    intake = receive(tmp_path / "study.toml").intake
    assert intake is not None and intake.parquet is not None
    frame = pd.read_parquet(intake.parquet).set_index(["firm_id", "year"])
    assert frame.loc["A", "new_destinations"].astype("Float64").fillna(-1).tolist() == [-1, 2, 0]
    spells = pd.read_parquet(intake.extra["spells_of_destinations.parquet"])
    assert set(spells["firm_id"]) == {"A"} and set(spells["start_year"]) == {2011}


def test_a_home_region_that_is_not_in_the_data_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "customs.csv").write_text(CUSTOMS, "utf-8")
    section = '[customs]\nfile = "customs.csv"\nproduct_digits = 4\n[outcomes]\nhome = ["PER"]\n'
    assert faults(tmp_path, section) == []
    with pytest.raises(
        impact.DataError, match="No destination of the home region is in the data: PER"
    ):
        receive(tmp_path / "study.toml")
