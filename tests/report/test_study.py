"""study.toml: every kind of fault with its line, and none in the studies that ship."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impact.core.errors import StudyError
from impact.report.study import line_of, read_study

ROOT = Path(__file__).parent.parent.parent
MICHIGAN = (ROOT / "reports" / "michigan" / "study.toml").read_text("utf-8")


def faults(tmp_path: Path, text: str) -> str:
    path = tmp_path / "study.toml"
    path.write_text(text, "utf-8")
    return "\n".join(str(f) for f in read_study(path)[1])


@pytest.mark.parametrize(
    "path", sorted((ROOT / "reports").glob("*/study.toml")), ids=lambda p: p.parent.name
)
def test_shipped_studies_are_whole(path: Path) -> None:
    study, found = read_study(path)
    assert found == []
    assert study is not None and study.study.name == path.parent.name


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("first_year = 1987", "first_year = 1999", "the period ends before it begins"),
        ("first_year = 1987\n", "", "needs the declared period"),
        ("first_year = 1987", 'first_year = "1987"', "study.first_year"),
        ('treatment = "grant"', 'treatment = "grants"', "did you mean 'grant'"),
        ('treatment = "grant"\n', "", "give either treatment or cohort"),
        ('package = "linearmodels.datasets.jobtraining"\n', "", "give either file or package"),
        (
            '{ log = "employment" }',
            '{ log = "employment", lag = "sales" }',
            "give either log or lag",
        ),
        ("assumed = true\n", "", "'cost.0.assumed': this key is missing"),
        ("amount_per_participant = 20000", "amount_per_participant = -1", "greater than 0"),
        ('currency = "USD"', 'currency = "dollars"', "cost.0.currency"),
        ('controls = ["log_employment"]', 'controls = ["lemploy"]', "'outcome.3.controls'"),
        ('cluster = "firm_id"', 'cluster = "firm"', "'regress.cluster'"),
        ('exact = ["union"]', 'exact = "union"', "match.exact"),
        ('name = "michigan"', 'name = "../michigan"', "study.name"),
        (
            'outcome = "employment"\n',
            'outcome = "log_employment"\n',
            "name the level it was made from",
        ),
        ('"mahalanobis"', '"propensity"', "choose from logit, linear_logit, probit, mahalanobis"),
        ('"mahalanobis"', '"mahalanobis"\ncaliper = 0.2', "Mahalanobis distance has none"),
        ('label = "log sales"', 'label = "log {b} sales"', "curly braces"),
        ('label = "log sales"', 'label = ""', "outcome.1.label"),
        ('name = "log_sales"', 'name = "log_employment"', "this outcome stands twice"),
        ("seed = 20160516", "seed = -1", "study.seed"),
        ('{ log = "employment" }', '{ log = "firm_id" }', "a text column has no logarithm"),
        ('time = "year"', 'time = "firm_id"', "declared as text"),
        ("log_sales = {", "sales = {", "a column of this name is declared already"),
    ],
)
def test_faults_of_a_study(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in MICHIGAN
    text = faults(tmp_path, MICHIGAN.replace(old, new, 1))
    assert said in text, text
    assert "study.toml" in text and "To mend:" in text


def test_a_section_that_is_needed(tmp_path: Path) -> None:
    start, end = MICHIGAN.index("[match]"), MICHIGAN.index("[regress]")
    assert "an evaluation needs [match]" in faults(tmp_path, MICHIGAN[:start] + MICHIGAN[end:])
    start, end = MICHIGAN.index("[[cost]]"), len(MICHIGAN)
    assert "[value] needs a cost" in faults(tmp_path, MICHIGAN[:start] + MICHIGAN[end:])
    head = MICHIGAN[: MICHIGAN.index("[data]")]
    assert "neither [data] nor [claims]" in faults(tmp_path, head)


def test_no_toml_no_file_no_text(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    with pytest.raises(StudyError, match="cannot be read"):
        read_study(path)
    path.write_text("[study\n", "utf-8")
    with pytest.raises(StudyError, match="row 1"):
        read_study(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(StudyError, match="UTF-8"):
        read_study(path)


def test_lines_of_keys_in_tables_arrays_and_inline_tables() -> None:
    text = "[a]\nx = 1\n[a.b]\ny = { z = 1 }\n[[c]]\nq = 1\n[[c]]\nq = 2\n# q = 3\n"
    assert line_of(text, ("a", "x")) == 2
    assert line_of(text, ("a", "b", "y", "z")) == 4
    assert line_of(text, ("c", 1, "q")) == 8
    assert line_of(text, ("c", 0, "none")) == 5
    assert line_of(text, ("none",)) is None


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_study_never_raises_anything_else(data: st.DataObject) -> None:
    import tempfile

    lines = MICHIGAN.splitlines()
    i = data.draw(st.integers(0, len(lines) - 1))
    lines[i] = data.draw(
        st.sampled_from(
            ["", "x = 1", "[data]", "[[outcome]]", lines[i][:-1], "name = []", "year = {}"]
        )
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "study.toml"
        path.write_text("\n".join(lines), "utf-8")
        try:
            read_study(path)
        except StudyError as error:
            assert error.faults
