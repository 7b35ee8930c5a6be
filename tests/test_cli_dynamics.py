"""`impact dynamics` as a person meets it: any conforming file, every fault in one pass, nothing half-written."""

from __future__ import annotations

import gzip
import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import impact
from impact.cli import main
from impact.report import option_words
from impact.report.study_files import CustomsSection

FILES = ["dynamics.csv", "dynamics.png", "dynamics.svg", "dynamics.xlsx"]


def customs(firms: int = 60, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for firm in range(firms):
        for year in range(2008, 2014):
            if rng.random() < 0.55:
                for _ in range(rng.integers(1, 4)):
                    day = f"{year}-{rng.integers(1, 13):02}-{rng.integers(1, 29):02}"
                    rows.append((f"EC{firm:05}", day, str(rng.choice(["090111", "220421", "610910", "950300"])),
                                 str(rng.choice(["DE", "FR", "US"])), f"{rng.lognormal(8, 1.5):.2f}", "USD"))  # fmt: skip
    return pd.DataFrame(rows, columns=["firm_id", "date", "product", "destination", "value", "currency"])  # fmt: skip


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def as_python_has_it(rows: pd.DataFrame, **options: str) -> pd.DataFrame:
    frame = rows.assign(value=rows["value"].astype(float)).drop(columns="currency")
    return impact.dynamics(frame, currency="USD", **options).tidy()  # type: ignore[arg-type]


def written(folder: str) -> pd.DataFrame:
    return pd.read_csv(Path(folder) / "dynamics.csv", dtype={"statistic": str, "flags": str}, keep_default_na=False,
                       na_values={"value": ""})  # fmt: skip


def test_a_csv_file(capsys: pytest.CaptureFixture[str]) -> None:
    rows = customs()
    rows.to_csv("exports_2008_2013.csv", index=False)
    assert main(["dynamics", "exports_2008_2013.csv"]) == 0
    out = capsys.readouterr().out
    assert f"{len(rows):,} rows read, {len(rows):,} used; " in out
    assert "2008 to 2013; amounts in USD of each year, as delivered." in out
    assert "Exit dating 'first_absent'" in out
    assert "nothing here is fit to be published as it is" in out
    assert "exports_2008_2013_dynamics/dynamics.svg (written)" in out
    assert sorted(os.listdir("exports_2008_2013_dynamics")) == FILES
    found, expected = written("exports_2008_2013_dynamics"), as_python_has_it(rows)
    np.testing.assert_allclose(found["value"], expected["value"], rtol=1e-9)
    assert found["code"].tolist() == expected["code"].tolist()
    assert set(found["unit"]) >= {"USD", "firms", "share", "log points"}


def test_forms_of_files_and_the_order_of_rows_do_not_matter() -> None:
    rows = customs()
    rows.to_csv("a.csv", index=False)
    mixed = rows.sample(frac=1, random_state=2)
    with gzip.open("b.csv.gz", "wt", encoding="utf-8") as file:
        mixed.rename(columns={"firm_id": "RUC"}).to_csv(file, index=False, sep=";")
    mixed.assign(value=mixed["value"].astype(float)).to_parquet("c.parquet")
    mixed.to_excel("d.xlsx", index=False)
    for file in ("b.csv.gz", "c.parquet", "d.xlsx", "a.csv"):
        assert main(["dynamics", file, "--out", "one", *(["--column", "firm_id=RUC"] if file[0] == "b" else [])]) == 0  # fmt: skip
        made = {name: Path("one", name).read_bytes() for name in FILES}
        if file == "b.csv.gz":
            first = made
        assert made == first, file
    half = len(rows) // 2
    rows[:half].to_csv("e_1.csv", index=False)
    rows[half:].to_csv("e_2.csv", index=False)
    assert main(["dynamics", "e_1.csv", "e_2.csv", "--out", "two"]) == 0
    assert Path("two/dynamics.csv").read_bytes() == first["dynamics.csv"]


def test_by_destination_product_and_year(capsys: pytest.CaptureFixture[str]) -> None:
    rows = customs()
    rows.to_csv("customs.csv", index=False)
    assert main(["dynamics", "customs.csv", "--by", "destination", "--exit-dating", "last", "--out", "d"]) == 0  # fmt: skip
    out = capsys.readouterr().out
    assert "Exit dating 'last'" in out
    found = written("d")
    np.testing.assert_allclose(found["value"], as_python_has_it(rows, by="destination", exit_dating="last")["value"], rtol=1e-9)  # fmt: skip
    assert found["destination"].unique().tolist() == ["DEU", "FRA", "USA"]
    assert main(["dynamics", "customs.csv", "--by", "product", "--digits", "2", "--out", "p", "--first-year", "2009"]) == 0  # fmt: skip
    assert "outside the declared period" in capsys.readouterr().out
    found = pd.read_csv("p/dynamics.csv", dtype={"product": str})
    assert found["product"].unique().tolist() == ["09", "22", "61", "95"]
    assert found["year"].min() == 2009


def test_all_faults_in_one_pass_and_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    rows = customs(6)
    rows.loc[0, "value"] = "many"
    rows.loc[1, "date"] = "soon"
    rows.loc[2, "destination"] = "Atlantis"
    rows.to_csv("bad.csv", index=False)
    assert main(["dynamics", "bad.csv"]) == 12
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Traceback" not in shown.err
    assert "bad.csv: 3 faults found; nothing was computed and nothing was written." in shown.err
    for said in (
        "row 2",
        "'many'",
        "row 3",
        "'soon'",
        "row 4",
        "'Atlantis'",
        "give it as an option",
    ):
        assert said in shown.err
    assert os.listdir() == ["bad.csv"]


def test_one_wrong_declaration_is_one_fault(capsys: pytest.CaptureFixture[str]) -> None:
    """Every date is written otherwise than declared: one line with their number and the first rows, and the other fault is seen."""
    rows = customs(12)
    rows.loc[0, "value"] = "many"
    rows.assign(date=rows["date"].str.replace("-", "")).to_csv("bad.csv", index=False)
    assert main(["dynamics", "bad.csv", "--date-format", "dd/mm/yyyy"]) == 12
    said = capsys.readouterr().err.splitlines()
    wrong = [line for line in said if "not written as dd/mm/yyyy" in line]
    assert len(wrong) == 1
    named = min(len(rows), 50)  # of very many the rest is counted, as before
    assert f"({named} cells, in rows 2, 3, 4, 5, 6, ...)" in wrong[0]
    assert "give another --date-format" in wrong[0]
    assert "bad.csv, column 'date'" in wrong[0]
    assert [line for line in said if "'many'" in line]
    assert f"{len(rows) + 1} faults found" in said[0]
    assert len(said) <= 4


def test_a_few_equal_faults_are_named_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    rows = customs(12)
    rows.loc[[0, 3, 5], "value"] = ["many", "more", "most"]
    rows.to_csv("bad.csv", index=False)
    assert main(["dynamics", "bad.csv"]) == 12
    said = capsys.readouterr().err
    assert all(word in said for word in ("row 2", "'many'", "row 5", "'more'", "row 7", "'most'"))


@pytest.mark.parametrize(
    ("change", "words", "said"),
    [
        ({"date": "03/04/2012"}, [], "give --date-format dd/mm/yyyy or --date-format mm/dd/yyyy: which is it?"),
        ({"product": "90111"}, [], "give --restore-leading-zeros, or"),
        ({"product": "0901"}, [], "give --product-digits 4, or"),
        ({"firm_id": ""}, [], "fill it in, or give --drop-unreadable firm_id"),
        ({"firm_id": "OTH"}, [], "give --drop-unreadable firm_id, so that such rows leave, counted"),
        ({"value": "-5.00"}, [], 'give --negative net (within firm, product, destination and month) or "drop"'),
        ({"value": "1.200,50"}, [], 'give --decimal "," and --thousands .'),
        ({"currency": ""}, [], "give --currency USD for empty cells"),
        ({}, ["--column", "product=HS"], "correct its name with --column NAME=HEADING"),
    ],
)  # fmt: skip
def test_remedies_name_options(
    change: dict[str, str], words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    customs(8).assign(**change).to_csv("customs.csv", index=False)
    code = main(["dynamics", "customs.csv", *words])
    shown = capsys.readouterr().err
    assert said in shown and code == 12
    for key in (
        "date_format",
        "product_digits",
        "drop_unreadable",
        "[customs.columns]",
        "declare ",
    ):
        left = shown.replace("declared in a study.toml", "").replace("declare why such rows", "")
        assert key not in left, shown


def test_with_a_study_remedies_name_its_keys(capsys: pytest.CaptureFixture[str]) -> None:
    customs(8).assign(product="0901").to_csv("customs.csv", index=False)
    study()
    assert main(["dynamics", "study.toml"]) == 12
    assert "declare product_digits = 4" in capsys.readouterr().err


def test_every_key_that_a_remedy_may_name_is_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["dynamics", "--help"])
    shown = capsys.readouterr().out
    for key in option_words.CUSTOMS_WORDS + option_words.CUSTOMS_NUMBERS + option_words.CUSTOMS_LISTS + option_words.CUSTOMS_FLAGS:  # fmt: skip
        assert option_words.option(key) in shown, key
    fields = set(CustomsSection.model_fields) - {"file", "files", "columns", "minimum_value_eur", "nomenclature"}  # fmt: skip
    assert fields <= {*option_words.CUSTOMS_WORDS, *option_words.CUSTOMS_NUMBERS, *option_words.CUSTOMS_LISTS, *option_words.CUSTOMS_FLAGS}  # fmt: skip


def test_the_minimum_is_said_where_the_conventions_are(capsys: pytest.CaptureFixture[str]) -> None:
    rows = customs()
    rows.to_csv("customs.csv", index=False)
    assert main(["dynamics", "customs.csv", "--minimum", "1500.5"]) == 0
    out = capsys.readouterr().out
    assert "Exports of up to 1,500.5 USD a year do not make an exporter (minimum)." in out
    assert main(["dynamics", "customs.csv"]) == 0
    assert "do not make an exporter" not in capsys.readouterr().out


def test_a_column_of_currencies_that_is_not_read_is_noticed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """--currency says that all is in USD; the file has a column Moneda that may say otherwise."""
    rows = customs()
    rows.rename(columns={"currency": "Moneda"}).to_csv("customs.csv", index=False)
    assert main(["dynamics", "customs.csv", "--currency", "USD"]) == 0
    out = capsys.readouterr().out
    assert "note: customs.csv, column 'Moneda': all amounts are taken to be USD, as declared" in out
    assert "--column currency=Moneda" in out
    rows.drop(columns="currency").to_parquet("none.parquet")
    assert main(["dynamics", "none.parquet", "--currency", "USD"]) == 0
    assert "taken to be USD" not in capsys.readouterr().out
    rows.rename(columns={"currency": "Currency code"}).to_parquet("customs.parquet")
    assert main(["dynamics", "customs.parquet", "--currency", "USD"]) == 0
    assert "column 'Currency code'" in capsys.readouterr().out
    assert main(["dynamics", "customs.parquet", "--column", "currency=Currency code", "--currency", "USD"]) == 0  # fmt: skip
    assert "taken to be USD" not in capsys.readouterr().out


def test_help_says_where_the_firm_years_go(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    assert "data_processed/NAME inside it" in " ".join(capsys.readouterr().out.split())


def test_money_is_not_mixed(capsys: pytest.CaptureFixture[str]) -> None:
    rows = customs(6)
    rows.drop(columns="currency").to_csv("none.csv", index=False)
    assert main(["dynamics", "none.csv"]) == 12
    assert "the files have no column of currencies" in capsys.readouterr().err
    assert main(["dynamics", "none.csv", "--currency", "EUR"]) == 0
    assert "amounts in EUR of each year" in capsys.readouterr().out
    rows.loc[3:6, "currency"] = "EUR"
    rows.to_csv("two.csv", index=False)
    assert main(["dynamics", "two.csv"]) == 12
    said = capsys.readouterr().err
    assert "'EUR, USD'" in said and "amounts stand in several currencies" in said
    assert 'rates = "rates.csv"' in said
    assert not Path("two_dynamics").exists()
    rows.assign(currency="dollars").to_csv("odd.csv", index=False)
    assert main(["dynamics", "odd.csv"]) == 12


def study(extra: str = "", engine: str = "duckdb") -> None:
    Path("study.toml").write_text(
        '[study]\nname = "x"\ntitle = "x"\nprogramme = "x"\nsource = "x"\nfirst_year = 2008\nlast_year = 2013\n'
        f'engine = "{engine}"\n[customs]\nfile = "customs.csv"\n{extra}',
        "utf-8",
    )


def test_a_study_with_rates(capsys: pytest.CaptureFixture[str]) -> None:
    rows = customs()
    rows.loc[::2, "currency"] = "EUR"
    rows.to_csv("customs.csv", index=False)
    rates = [f"USD,{y},2.0" for y in range(2008, 2014)]
    Path("rates.csv").write_text("\n".join(["currency,year,rate", *rates]), "utf-8")
    study('[money]\nrates = "rates.csv"\nquoted = "currency_per_euro"\n')
    assert main(["dynamics", "study.toml", "--out", "out"]) == 0
    assert "amounts in current euros, converted at yearly average rates" in capsys.readouterr().out
    value = rows["value"].astype(float).where(rows["currency"] == "EUR", rows["value"].astype(float) / 2)  # fmt: skip
    cents = (value + 1e-9).round(2)  # each row is rounded to the cent
    expected = impact.dynamics(rows.assign(value=cents).drop(columns="currency")).tidy()
    np.testing.assert_allclose(written("out")["value"], expected["value"], rtol=1e-4)
    assert main(["dynamics", "study.toml", "--currency", "USD"]) == 11
    assert "--currency is declared in it" in capsys.readouterr().err


def test_a_study_without_customs_or_with_faults(capsys: pytest.CaptureFixture[str]) -> None:
    customs(5).to_csv("customs.csv", index=False)
    study("minimum_value = 5\n")
    assert main(["dynamics", "study.toml"]) == 11
    assert "this key is unknown" in capsys.readouterr().err
    study("minimum_value_eur = 5\n")
    assert main(["dynamics", "study.toml"]) == 12
    assert "amounts stand in USD" in capsys.readouterr().err


def test_by_a_column_of_the_register(capsys: pytest.CaptureFixture[str]) -> None:
    """Each firm is in the last sector that the register has; one that is not in it stands apart, so that all are counted."""
    rows = customs()
    rows.to_csv("customs.csv", index=False)
    firms = sorted(rows["firm_id"].unique())
    sectors = pd.Series(
        {f: "wood" if i % 3 else "food" for i, f in enumerate(firms[1:])}, name="sector"
    )
    register = pd.DataFrame([(f, y, s, 3) for f, s in sectors.items() for y in (2008, 2009)],
                            columns=["firm_id", "year", "sector", "employees"])  # fmt: skip
    register.loc[register.index[0], "sector"] = (
        "mining"  # its sector of the first year; the last one counts
    )
    register.to_csv("register.csv", index=False)
    rates = "\n".join(["currency,year,rate", *(f"USD,{y},1.0" for y in range(2008, 2014))])
    Path("rates.csv").write_text(rates, "utf-8")
    study(
        '[register]\nfile = "register.csv"\nemployment = "headcount"\n[money]\nrates = "rates.csv"\nquoted = "currency_per_euro"\n'
    )
    assert main(["dynamics", "study.toml", "--by", "sector", "--out", "out"]) == 0
    found = written("out")
    assert set(found["sector"]) == {"wood", "food", "(not known)"}
    own = impact.dynamics(
        rows.drop(columns="currency").assign(value=rows["value"].astype(float)), by=sectors
    ).tidy()
    np.testing.assert_allclose(found["value"], own["value"], rtol=1e-4)
    assert found["sector"].tolist() == own["sector"].tolist()
    assert main(["dynamics", "study.toml", "--by", "secctor"]) == 11
    assert "did you mean sector?" in capsys.readouterr().err
    assert main(["dynamics", "customs.csv", "--by", "sector"]) == 11
    assert "Groups of firms, such as their sector, come from a register" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["none.csv"], 12, "none.csv: the file does not exist. To mend: check its name."),
        (["customs.csv", "--currency", "usd dollars"], 11, "column '--currency'"),
        (["customs.csv", "--preset", "mars"], 11, "column '--preset'"),
        (["customs.csv", "--max-memory", "much"], 11, "is no size of memory"),
        (["customs.csv", "--digits", "2"], 11, "--digits goes with --by product"),
        (["customs.csv", "--minimum", "-3"], 12, "0 or more"),
        (["customs.csv", "--first-year", "2013", "--last-year", "2008"], 11, "ends before it begins"),
        (["customs.csv", "--first-year", "2050"], 12, "nothing was exported"),
        (["customs.csv", "--column", "firm_id"], 2, "NAME=HEADING"),
        (["customs.csv", "--column", "firm_id=RUC"], 12, "RUC"),
        (["broken.parquet"], 12, "broken.parquet"),
        (["empty.csv"], 12, "empty.csv"),
        (["slip.csv"], 12, "is one of them a slip?"),
        (["customs.csv", "./customs.csv"], 12, "./customs.csv: the file is named twice, before as customs.csv"),
        (["customs.csv", "cust*.csv"], 12, "customs.csv: the file is named twice"),
        (["customs.csv", "--minimum", "1e12"], 12, "No exporter is left: nobody's exports of a year are above the minimum of 1e+12 USD"),
        (["customs.csv", "--by", "product", "--minimum", "1e12"], 12, "nobody's exports of a year of a product are above"),
    ],
)  # fmt: skip
def test_refusals(words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    rows = customs(5)
    rows.to_csv("customs.csv", index=False)
    Path("broken.parquet").write_bytes(b"PAR1 no")
    Path("empty.csv").write_text("", "utf-8")
    rows.assign(date=["2061-01-01", *rows["date"][1:]]).to_csv("slip.csv", index=False)
    assert main(["dynamics", *words]) == code
    shown = capsys.readouterr()
    assert said in shown.err and "Traceback" not in shown.err
    assert not list(Path().glob("*_dynamics"))


def test_a_folder_that_cannot_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    customs(5).to_csv("customs.csv", index=False)
    Path("out").write_text("a file", "utf-8")
    assert main(["dynamics", "customs.csv", "--out", "out"]) == 15
    assert "cannot be written" in capsys.readouterr().err


def test_a_known_layout_and_exclusions(capsys: pytest.CaptureFixture[str]) -> None:
    """The layout of the firm-level files of the Exporter Dynamics Database; OTH is a remainder that is no firm."""
    rows = customs()
    edd = pd.DataFrame({"c": "ECU", "y": rows["date"].str[:4], "f": rows["firm_id"], "hs": rows["product"],
                        "d": rows["destination"].map({"DE": "DEU", "FR": "FRA", "US": "USA"}), "v": rows["value"]})  # fmt: skip
    other = edd[:3].assign(f="OTH")
    pd.concat([edd, other]).to_csv("edd.csv", index=False)
    assert main(["dynamics", "edd.csv", "--preset", "edd", "--exclude-products", "09"]) == 0
    out = capsys.readouterr().out
    assert "firm OTH, a remainder that is no firm: 3 rows" in out
    assert "product excluded by the study: 09" in out
    expected = as_python_has_it(rows[~rows["product"].str.startswith("09")])
    found = written("edd_dynamics_exclude_products_09")
    np.testing.assert_allclose(found["value"], expected["value"], rtol=1e-9)


def test_a_year_alone_is_a_table_of_what_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    rows = customs()
    rows[rows["date"].str.startswith("2010")].to_csv("customs.csv", index=False)
    assert main(["dynamics", "customs.csv"]) == 0
    assert "2010" in capsys.readouterr().out
    found = written("customs_dynamics").set_index("code")
    assert found.loc[["C1", "C2", "C3"], "value"].isna().all()
    assert found.loc["A1", "value"] > 0


@pytest.mark.proof
@pytest.mark.skipif(
    shutil.which("java") is None or find_spec("pyspark") is None, reason="no Java, or no pyspark"
)
def test_spark_gives_equal_indicators() -> None:
    rows = customs()
    rows[rows["date"] >= "2011"].to_csv("customs.csv", index=False)  # fewer years, fewer jobs
    made = []
    for engine in ("duckdb", "spark"):
        study(engine=engine)
        assert main(["dynamics", "study.toml", "--by", "destination", "--out", engine]) == 0
        made.append(Path(engine, "dynamics.csv").read_bytes())
    assert made[0] == made[1]


def test_results_of_other_settings_are_not_written_over() -> None:
    """Each setting has its folder; the same command writes over its own results, as `impact run` does."""
    customs().to_csv("a.csv", index=False)
    customs(20, seed=5).to_csv("b.csv", index=False)
    assert main(["dynamics", "a.csv"]) == 0
    first = Path("a_dynamics/dynamics.csv").read_bytes()
    for words in (["--by", "destination"], ["--minimum", "1500.5"], ["--exit-dating", "last"], ["--first-year", "2009"], ["--growth", "rate"],
                  ["b.csv"], ["--exclude-products", "09"]):  # fmt: skip
        assert main(["dynamics", "a.csv", *words]) == 0
        assert Path("a_dynamics/dynamics.csv").read_bytes() == first, words
    assert sorted(p.name for p in Path().glob("*_dynamics*")) == [
        "a_b_dynamics", "a_dynamics", "a_dynamics_by_destination", "a_dynamics_exclude_products_09", "a_dynamics_exit_last",
        "a_dynamics_from_2009", "a_dynamics_growth_rate", "a_dynamics_minimum_1500.5",
    ]  # fmt: skip
    assert main(["dynamics", "a.csv"]) == 0
    assert Path("a_dynamics/dynamics.csv").read_bytes() == first


@pytest.mark.parametrize("end", ["06", "09", "12"])
def test_a_last_year_that_is_not_whole_is_told_as_in_python(
    end: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = customs()
    rows = rows[rows["date"] < f"2013-{end}-32"]
    rows.to_csv("customs.csv", index=False)
    assert main(["dynamics", "customs.csv"]) == 0
    out = capsys.readouterr().out
    said = f"Warning: The last year, 2013, ends in month {int(end)}: its exports are those of a part of a year"
    lacks = "a break of coverage is likely in 2013 (months are missing"
    frame = rows.assign(value=rows["value"].astype(float)).drop(columns="currency")
    python = impact.dynamics(frame, currency="USD")
    assert (said in out) == (said in python.summary()) == (end != "12")
    assert (lacks in out) == (lacks in python.summary()) == (end != "12")
    assert written("customs_dynamics")["flags"].tolist() == python.tidy()["flags"].tolist()
