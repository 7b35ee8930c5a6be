"""Bad input stops the run before any fit: one message, every fault, a code of its own, nothing written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from impact.cli import main

Make = Callable[..., Path]


def outcome(study: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and message of `impact run`, after a look that nothing was written."""
    before = sorted(study.parent.iterdir())
    code = main(["run", str(study)])
    said = capsys.readouterr()
    assert said.out == ""
    assert "Traceback" not in said.err
    assert sorted(study.parent.iterdir()) == before
    assert not (study.parent.parent.parent / "data_processed").exists()
    return code, said.err


def replaced(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return change


@pytest.fixture(autouse=True)
def no_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fit after a fault would be a failure of the order, not only of the message."""

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("something was estimated")

    monkeypatch.setattr("impact.report.analysis.analyse", fail)


def test_an_unknown_key(study_from_file: Make, capsys: pytest.CaptureFixture[str]) -> None:
    study = study_from_file(study=replaced('exact = ["union"]', 'exacct = ["union"]'))
    code, text = outcome(study, capsys)
    assert code == 11
    row = study.read_text("utf-8").splitlines().index('exacct = ["union"]') + 1
    assert f"study.toml, row {row}, column 'match.exacct'" in text
    assert "this key is unknown. To mend: did you mean 'exact'?" in text


def test_a_missing_file(study_from_file: Make, capsys: pytest.CaptureFixture[str]) -> None:
    study = study_from_file(study=replaced('file = "firms.csv"', 'file = "firm.csv"'))
    code, text = outcome(study, capsys)
    assert code == 12
    assert "firm.csv: the file does not exist" in text


def test_a_missing_column(study_from_file: Make, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = outcome(study_from_file(study=replaced('"employ"', '"employees"')), capsys)
    assert code == 12
    assert "firms.csv, row 1, column 'employees': the column is missing" in text
    assert "did you mean 'employ'" in text


def test_a_duplicated_firm_year(study_from_file: Make, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = outcome(study_from_file(rows=lambda r: [*r, r[5]]), capsys)
    assert code == 12
    assert "firms.csv, row 473, column 'fcode', value '410440'" in text
    assert "the firm-year 410440, 1988 stands in row 6 already" in text


def test_text_in_a_number_column(study_from_file: Make, capsys: pytest.CaptureFixture[str]) -> None:
    def spoil(rows: list[str]) -> list[str]:
        cells = rows[3].split(",")
        cells[2] = "about 120"
        return [*rows[:3], ",".join(cells), *rows[4:]]

    code, text = outcome(study_from_file(rows=spoil), capsys)
    assert code == 12
    assert "firms.csv, row 4, column 'employ', value 'about 120': expected a number" in text


def test_a_year_outside_the_period(
    study_from_file: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = outcome(
        study_from_file(study=replaced("last_year = 1989", "last_year = 1988")), capsys
    )
    assert code == 12
    assert "value '1989': the year lies outside the declared period 1987-1988" in text
    assert "… and 107 more." in text  # 157 firms, fifty shown


def test_all_faults_in_one_pass(study_from_file: Make, capsys: pytest.CaptureFixture[str]) -> None:
    def spoil(rows: list[str]) -> list[str]:
        return [rows[0].replace("scrap,", "scraps,", 1), rows[1].replace("1987,", "1887,", 1),
                rows[2].replace("131.0", "n/a"), *rows[3:], rows[7]]  # fmt: skip

    study = study_from_file(study=replaced("[match]", "[match]\nrepeat = true"), rows=spoil)
    code, text = outcome(study, capsys)
    assert code == 11  # study.toml is wrong too, and it comes first
    for part in ("match.repeat", "'scrap'", "'1887'", "'n/a'", "stands in row 8 already"):
        assert part in text, part
    assert "5 faults found; nothing was estimated and nothing was written" in text


def test_a_log_of_zero_names_its_row(
    study_from_file: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = outcome(
        study_from_file(rows=lambda r: [*r[:3], r[3].replace("49000000.0", "0"), *r[4:]]), capsys
    )
    assert code == 12
    assert "firms.csv, row 4, column 'sales', value '0.0': the logarithm" in text


def test_a_participation_that_is_neither_0_nor_1(
    study_from_file: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = outcome(
        study_from_file(study=replaced('grant = "grant"', 'grant = "totrain"')), capsys
    )
    assert code == 12
    assert "participation must be 0 or 1" in text


def test_a_horizon_beyond_the_data(
    study_from_file: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = outcome(study_from_file(study=replaced("horizon = 1", "horizon = 5")), capsys)
    assert code == 12
    assert "no firm was observed for longer than 1 years after joining" in text


def test_all_joined_in_the_first_year(
    study_from_file: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    change = replaced('union = "union"\ngrant = "grant"', 'union = "grant"\ngrant = "union"')
    code, text = outcome(study_from_file(study=change), capsys)
    assert code == 12
    assert "none has a year before" in text


@pytest.mark.parametrize("value", ["0", "1"])
def test_nobody_took_part_or_everybody_did(
    value: str, study_from_file: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    def same(rows: list[str]) -> list[str]:
        place = rows[0].split(",").index("grant")
        out = [rows[0]]
        for row in rows[1:]:
            cells = row.split(",")
            cells[place] = "0" if value == "0" or cells[0] == "1987" else "1"
            out.append(",".join(cells))
        return out

    code, text = outcome(study_from_file(rows=same), capsys)
    assert code == 12
    assert ("no firm took part" if value == "0" else "every firm took part") in text


def test_one_failing_study_does_not_keep_the_others_from_running(
    study_from_file: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = study_from_file(study=replaced("seed = ", "sed = "))
    root = Path(__file__).parent.parent.parent
    good = tmp_path / "reports" / "al_invest"
    good.mkdir()
    text = (root / "reports" / "al_invest" / "study.toml").read_text("utf-8")
    place = (root / "data_raw").as_posix()
    (good / "study.toml").write_text(text.replace("../../data_raw", place), "utf-8")
    assert main(["run", str(bad), str(good)]) == 11  # a folder stands for its study.toml
    said = capsys.readouterr()
    assert str(bad) in said.err and "study.sed" in said.err
    assert "appendix.pdf (written)" in said.out
    assert (good / "manifest.json").exists()


def test_outputs_of_an_earlier_run_survive_a_failing_one(
    study_from_file: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    study = study_from_file(study=replaced("seed = ", "sed = "))
    kept = study.parent / "appendix.pdf"
    kept.write_bytes(b"earlier")
    code, _ = outcome(study, capsys)
    assert (code, kept.read_bytes()) == (11, b"earlier")


def test_a_folder_that_cannot_be_written(
    study_from_file: Make, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from impact.report import build

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "tables.xlsx")

    monkeypatch.undo()  # here the fit may run
    monkeypatch.setattr(build, "write_workbook", full)
    study = study_from_file()
    code, text = outcome(study, capsys)
    assert code == 15
    assert "tables.xlsx cannot be written: No space left on device" in text
