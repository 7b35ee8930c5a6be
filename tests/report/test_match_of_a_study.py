"""`[match]`: a study can ask for every method of `impact.match`; its annex is right for sets and weights, and refuses early what it cannot do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import impact
from impact.cli import main
from impact.core.registry import METHODS
from impact.report.build import build
from impact.report.receive import receive
from impact.report.study import read_study
from impact.report.study_match import MatchSection
from tests.report.test_michigan import estimates, figures_in, fixed_words, pdf_text

ROOT = Path(__file__).parents[2]
Make = Callable[..., Path]
COVARIATES = 'on = ["log_employment", "log_wage"]\n'


def matched_by(section: str) -> Callable[[str], str]:
    """Put another `[match]` in the place of the study's own."""

    def change(text: str) -> str:
        start, end = text.index("[match]"), text.index("[regress]")
        return f"{text[:start]}[match]\n{section}\n{text[end:]}"

    return change


class Made:
    """A study that was run, with its results and the text of its annex."""

    def __init__(self, study: Path) -> None:
        self.folder = study.parent / "out"
        build(study, out=self.folder)
        self.panel = receive(study).panel
        self.results = json.loads((self.folder / "results.json").read_text("utf-8"))
        self.text = pdf_text(self.folder)

    def section(self, start: str, end: str) -> str:
        """The text of the annex from one heading to the next."""
        found = re.search(f"{re.escape(start)}(.*?){re.escape(end)}", self.text)
        assert found, (start, end)
        return found[1]

    def shown(self, label: str) -> str:
        """The number of a label, as it is printed."""
        return next(n["shown"] for n in self.results["numbers"] if n["label"] == label)


def check_effects(made: Made, outcome: str, **asked: Any) -> impact.MatchResult:
    """The matched effects in results.json are those of the verbs."""
    assert made.panel is not None
    matched = impact.match(made.panel, **asked)
    family = "poisson" if outcome.startswith("exports") else "gaussian"  # as a study has it
    effect = impact.att(matched, outcome, method="matched_did", family=family)
    (row,) = estimates(made.results, outcome=outcome, method="matched_did, overall")
    known = effect.aggregate("overall").tidy().iloc[0]
    for key in ("estimate", "std_error", "n_treated", "n_control"):
        assert row[key] == pytest.approx(known[key], rel=1e-9), key
    return matched


def check_sizes(made: Made, matched: impact.MatchResult) -> None:
    """T2a and T1a count the firms of the match."""
    total = made.results["match_sizes"][-1]
    sizes = matched.sizes().loc["after"]
    assert total["cohort"] is None
    assert total["n_treated"] == sizes["n_treated"] and total["n_control"] == sizes["n_control"]
    assert total["ess_control"] == pytest.approx(sizes["ess_control"], rel=1e-9)
    assert (
        made.shown("all cohorts: effective number of comparison firms")
        == f"{sizes['ess_control']:.1f}"
    )
    word = "weighted" if matched.kind == "weights" else "matched"
    both = matched.candidates.query("weight > 0")["unit"].nunique()
    assert made.shown(f"{word} firms, all firms") == f"{both:,}"


def check_words(made: Made, matched: impact.MatchResult) -> None:
    """The annex gives the sentence of the match, and no pairs where there are none."""
    said = {r["about"]: r["words"] for r in made.results["match"]}
    assert said["method"] == matched.methods_sentence()
    assert said["method"][:60] in made.text
    compared = made.section("2 Compared to whom", "4 How long")
    assert not re.search(r"\bpairs?\b|\bpaired\b|\bpartners?\b", compared), compared
    assert "stand in a pair" not in made.text


def check_numbers(made: Made) -> None:
    """Every number from the comparison on is in results.json; what came in has dates and names of files before it."""
    tidy = {k: v for k, v in made.results.items() if k not in ("headlines", "title")}
    known = figures_in(json.dumps(tidy, ensure_ascii=False))
    study = (made.folder.parent / "study.toml").read_text("utf-8")
    cited = (ROOT / "impact" / "estimate" / "matched_words.py").read_text("utf-8")
    fixed = figures_in(fixed_words(made.folder) + study + cited)
    assert figures_in(made.text.partition("2 Compared to whom")[2]) - known - fixed == set()


@pytest.fixture(scope="module")
def weighted(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Exporta Andes by entropy balancing."""
    folder = tmp_path_factory.mktemp("weighted")
    text = (ROOT / "reports" / "andes" / "study.toml").read_text("utf-8")
    text = text.replace("../../data_raw", (ROOT / "data_raw").as_posix())
    section = (
        'on = ["employees", "exports_eur_2015", "destinations"]\nmethod = "entropy"\nmoments = 1\n'
    )
    (folder / "study.toml").write_text(matched_by(section)(text), "utf-8")
    return Made(folder / "study.toml")


def test_weights(weighted: Made) -> None:
    matched = check_effects(
        weighted, "exports_eur_2015", method="entropy", on=["employees", "exports_eur_2015", "destinations"]
    )  # fmt: skip
    check_sizes(weighted, matched)
    check_words(weighted, matched)
    check_numbers(weighted)
    for said in ("weighted comparison: overall", "with weight", "participants minus weighted comparison firms",
                 "counting that the weights were estimated", "before and after weighting"):  # fmt: skip
        assert said in weighted.text, said
    assert "matched comparison" not in weighted.text
    svg = (weighted.folder / "figures" / "balance.svg").read_text("utf-8")
    assert "after weighting" in svg and "after matching" not in svg


def test_balance_stands_before_and_after_weighting(weighted: Made) -> None:
    rows = pd.DataFrame(weighted.results["balance_by_cohort"])
    assert set(rows["cohort"]) == {2010, 2011, 2012}
    assert rows["smd_before"].abs().max() > 0.5
    assert rows["smd_after"].abs().max() < 1e-6
    shown = [n for n in weighted.results["numbers"] if n["label"].endswith("after weighting")]
    assert len([n for n in shown if "standardised" in n["label"]]) == 9


def test_a_note_on_a_heavy_firm_does_not_name_it(weighted: Made) -> None:
    firms = set(
        pd.read_parquet(next(weighted.folder.rglob("panel.parquet")))["firm_id"].astype(str)
    )
    assert "One of the comparison firms carries 13% of their weight" in weighted.text
    written = weighted.text + (weighted.folder / "results.json").read_text("utf-8")
    assert not firms & set(re.findall(r"[A-Z0-9]+", written))


SETS = {
    "subclass": (COVARIATES + "n_subclasses = 3", {"on": ["log_employment", "log_wage"], "n_subclasses": 3}),
    "full": (
        COVARIATES + 'exact = ["union"]\nmax_controls = 4',
        {"on": ["log_employment", "log_wage"], "exact": ["union"], "max_controls": 4.0},
    ),
    "exact": ('exact = ["union"]', {"exact": ["union"]}),
    "coarsened": (
        COVARIATES + 'exact = ["union"]\ncutpoints = { log_wage = [9.5, 10], log_employment = 4 }',
        {"on": ["log_employment", "log_wage"], "exact": ["union"], "cutpoints": {"log_wage": [9.5, 10], "log_employment": 4}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("method", SETS)
def test_sets(method: str, study_from_file: Make) -> None:
    section, asked = SETS[method]
    made = Made(study_from_file(study=matched_by(f'method = "{method}"\n{section}')))
    matched = check_effects(made, "log_employment", method=method, **asked)
    check_sizes(made, matched)
    check_words(made, matched)
    check_numbers(made)
    inside = matched.candidates.query("weight > 0")
    assert (
        made.results["match_sizes"][-1]["n_sets"]
        == inside.groupby("cohort")["pair"].nunique().sum()
    )
    assert "participants minus the comparison firms of their set" in made.text
    assert "matched comparison: overall" in made.text
    assert {r["covariate"] for r in made.results["balance"]} >= set(asked.get("on", ["union"]))


def test_nobody_is_left_out_in_words_where_all_are_compared(study_from_file: Make) -> None:
    made = Made(study_from_file(study=matched_by('method = "exact"\nexact = ["union"]')))
    assert made.results["match_sizes"][-1]["n_treated"] == 66
    assert "the other participants were left out" not in made.text


def test_text_is_matched_exactly(weighted: Made, tmp_path: Path) -> None:
    """With nothing but words to match on, T2 shows the share of each."""
    text = (weighted.folder.parent / "study.toml").read_text("utf-8")
    (tmp_path / "study.toml").write_text(
        matched_by('method = "exact"\non = ["country"]')(text), "utf-8"
    )
    made = Made(tmp_path / "study.toml")
    check_words(made, check_effects(made, "destinations", method="exact", on=["country"]))
    assert "Country: CO" in made.section("T2.", "F1.")


def test_nearest_with_lags(study_from_file: Make) -> None:
    section = 'on = ["log_wage"]\nlags = { log_employment = 2 }\ndistance = "mahalanobis"\norder = "random"'
    made = Made(study_from_file(study=matched_by(section)))
    matched = check_effects(
        made, "log_employment", on=["log_wage"], lags={"log_employment": 2}, distance="mahalanobis", order="random",
    )  # fmt: skip
    assert matched.kind == "pairs" and matched.settings.lags
    assert "all measured in the years before joining" in made.text
    assert "Log employment, 2 years before" in made.section("T2.", "F1.")
    assert "No firm that joined in 1988 has a partner." in made.text  # the data begin in 1987
    assert "participant minus its pair" in made.text and "T2a" not in made.text
    check_numbers(made)
    pairs = matched.pairs
    assert made.shown("matched firms, all firms") == str(
        pairs["treated"].nunique() + pairs["control"].nunique()
    )


def test_firms_that_join_later_are_compared_with(study_from_file: Make) -> None:
    made = Made(
        study_from_file(study=matched_by(COVARIATES + 'method = "optimal"\ncontrol = "not_yet"'))
    )
    check_effects(made, "log_employment", on=["log_employment", "log_wage"], method="optimal", control="not_yet")  # fmt: skip
    assert "had not joined by the same year" in made.text
    assert "also counts where it is only compared with" in made.text
    assert "a firm that is compared with before it joins on each" in made.text


def test_rows_in_another_order_give_the_same_weights(study_from_file: Make, tmp_path: Path) -> None:
    section = matched_by(COVARIATES + 'method = "cbps"')
    found = []
    for rows in (lambda r: r, lambda r: [r[0], *reversed(r[1:])]):
        build(study_from_file(study=section, rows=rows), out=tmp_path / "out")
        results = json.loads((tmp_path / "out" / "results.json").read_text("utf-8"))
        found.append({k: v for k, v in results.items() if k not in ("ledger",)})
    assert found[0] == found[1]


def test_every_option_of_a_method_is_a_key() -> None:
    asked = {o for m in METHODS.of("match") for o in m.options}
    assert asked - {"seed"} <= set(MatchSection.model_fields)


def test_the_section_becomes_the_arguments_of_match() -> None:
    one = MatchSection.model_validate(
        {"on": ("size",), "lags": {"exports": 2}, "replace": False, "method": "full"}
    )
    assert one.arguments(7) == {"on": ["size"], "lags": {"exports": 2}, "method": "full"}
    assert MatchSection.model_validate({"on": ("size",)}).arguments(7) == {
        "on": ["size"],
        "seed": 7,
    }


REFUSED = [
    ('method = "neares"', "match.method", "did you mean 'nearest'"),
    ('method = "entropy"\ncaliper = 0.2', "match.caliper", "'entropy' does not use this key"),
    ('method = "entropy"\nexact = ["union"]', "match.exact", "choose a method that uses it: 'coarsened', 'exact'"),
    ("replace = true\nmax_uses = 3", "match.replace", "no standard errors after matching with replacement"),
    ("max_uses = 3", "match.max_uses", "leave max_uses out"),
    ('method = "ipw"\nestimand = "ATE"', "match.estimand", "effects on participants (ATT)"),
    ("years_after = 1", "match.years_after", 'add control = "not_yet"'),
    ("lags = { log_employment = [1, 2] }", "match.lags.log_employment", "write log_employment = 2"),
    ("lags = { log_employment = 3 }", "match.lags.log_employment", "has at most 2 before anybody joined"),
    ("lags = { log_employment = 999999999999 }", "match.lags.log_employment", "ask for fewer"),
    ("lags = { log_employmen = 2 }", "match.lags", "did you mean 'log_employment'"),
    ('lags = "log_employment"', "match.lags", "write lags = { exports = 2 }"),
    ('method = "entropy"\nbase_weights = "weights"', "match.base_weights", "no column of this name"),
    ('method = "entropy"\nmoments = 4', "match.moments", "1, 2 or 3"),
    ('method = "ipw"\ntrim = [0.9, 0.1]', "match.trim", "write trim = [0.1, 0.9]"),
    ('method = "ipw"\ndistance = "mahalanobis"', "match.distance", "need a probability of joining"),
    ('method = "full"\nmin_controls = 3\nmax_controls = 2', "match.min_controls", "the first is from 0 to the second"),
    ('method = "coarsened"\ncutpoints = { log_wage = "sturgess" }', "match.cutpoints.log_wage", "one of sturges, scott, fd"),
    ('method = "coarsened"\ncutpoints = { sales = 5 }', "match.cutpoints.sales", "name one of log_employment, log_wage"),
    ('method = "coarsened"\ncutpoints = [1, 2]', "match.cutpoints", "cut points by column"),
    ('method = "mahalanobis"\ndistance = "probit"', "match.distance", "add caliper, or leave distance out"),
    ('exact = ["union", "union"]', "match.exact", "a column stands twice"),
    ('exact = ["grant"]', "match.exact", "nobody can be matched on"),
    ('distance = "firm_id"', "match.distance", "declared as text"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("section", "key", "said"), REFUSED, ids=lambda v: v.replace("\n", ", ")[:50]
)
def test_what_a_study_cannot_ask_is_refused_once(
    section: str, key: str, said: str, study_from_file: Make
) -> None:
    study = study_from_file(study=matched_by(COVARIATES + section))
    _, faults = read_study(study)
    assert [f.column for f in faults] == [key], [str(f) for f in faults]
    assert said in str(faults[0]), str(faults[0])
    lines = study.read_text("utf-8").splitlines()
    assert faults[0].row is not None
    assert lines[faults[0].row - 1].startswith(key.split(".")[1]), lines[faults[0].row - 1]


@pytest.mark.parametrize("method", ["nearest", "entropy", "exact"])
def test_a_method_without_covariates(method: str, study_from_file: Make) -> None:
    _, faults = read_study(study_from_file(study=matched_by(f'method = "{method}"\non = []')))
    assert [f.column for f in faults] == ["match.on"]


def test_all_faults_of_the_section_in_one_pass_and_nothing_is_written(
    study_from_file: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    section = (
        'on = "log_wage"\nmethod = "subclass"\ncaliper = 0.2\nn_subclasses = 1\nreplace = true\nestimand = "ATO"\n'
        'lags = { log_employment = 0 }\nrepeat = true'
    )  # fmt: skip
    study = study_from_file(study=matched_by(section))
    before = sorted(study.parent.iterdir())
    assert main(["run", str(study)]) == 11
    text = capsys.readouterr().err
    for key in (
        "on",
        "caliper",
        "n_subclasses",
        "replace",
        "estimand",
        "lags.log_employment",
        "repeat",
    ):
        assert f"'match.{key}'" in text, (key, text)
    assert "7 faults found; nothing was estimated and nothing was written" in text
    assert sorted(study.parent.iterdir()) == before


def test_columns_that_look_ahead_or_hold_words_are_no_covariates(
    weighted: Made, tmp_path: Path
) -> None:
    text = (weighted.folder.parent / "study.toml").read_text("utf-8")
    section = (
        'on = ["country", "export_survival_1"]\nlags = { entry_within_1 = 2 }\nmethod = "entropy"\n'
    )
    (tmp_path / "study.toml").write_text(matched_by(section)(text), "utf-8")
    _, faults = read_study(tmp_path / "study.toml")
    said = {(f.column, f.value): str(f) for f in faults}
    assert "choose a method that has exact: 'coarsened'" in said["match.on", "country"]
    assert "looks ahead of its year" in said["match.on", "export_survival_1"]
    assert "looks ahead of its year" in said["match.lags.entry_within_1", "entry_within_1"]
    assert len(faults) == 3
