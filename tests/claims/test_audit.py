"""The audit as a whole: every claim gets a verdict, every verdict its arithmetic or its reason."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from impact.claims.audit import audit
from impact.claims.finding import VERDICT_WORDS, VERDICTS
from impact.core.errors import DataError, ImpactError
from impact.core.registry import METHODS
from impact.display.numbers import LANGUAGES
from impact.read.claims import read_claims

CLAIMS = Path(__file__).resolve().parents[2] / "data_raw" / "al_invest" / "claims.csv"


@pytest.fixture(scope="module")
def al_invest():
    return audit(CLAIMS)


def verdict(result, claim_id, rule):
    table = result.tidy().set_index(["claim_id", "rule"])
    return table.loc[(claim_id, rule), "verdict"]


@pytest.mark.parametrize(
    ("claim_id", "rule", "expected"),
    [
        ("pc_tools_205", "R1", "holds"),
        ("pc_tools_205", "R2", "wording"),
        ("pc_internationalised_218", "R2", "wording"),
        ("pc_participation_226", "R2", "wording"),
        ("pc_applied_tools_242", "R2", "wording"),
        ("pc_nucleus_firms_132", "R1", "arithmetic_error"),
        ("pc_nuclei_132", "R1", "arithmetic_error"),
        ("pc_nuclei_132", "R3", "arithmetic_error"),
        ("pc_internationalised_218", "R4", "conflict"),
        ("eu_iv_exports_increased", "R4", "conflict"),
        ("ccl_firms_peru_headline", "R4", "holds"),
        ("ccl_firms_peru_5375", "R4", "holds"),
        ("ccl_share_peru_11", "R4", "holds"),
        ("ccl_share_peru_11", "R5", "holds"),
        ("eu_iv_five_per_euro", "R5", "undefined"),
        ("eu_iv_contribution_50m", "R5", "unverifiable"),
        ("pc_regions_10", "R12", "holds"),
        ("ccl_organisations_4", "R12", "holds"),
        ("eu_5_expected_25000", "none", "unverifiable"),
    ],
)
def test_the_published_texts(al_invest, claim_id, rule, expected):
    assert verdict(al_invest, claim_id, rule) == expected


def test_every_claim_gets_a_verdict_and_none_is_passed_in_silence(al_invest):
    table = al_invest.tidy()
    assert table["claim_id"].unique().tolist() == read_claims(CLAIMS)["claim_id"].tolist()
    assert set(table["verdict"]) <= set(VERDICTS)
    assert (table["reason"] != "").all()
    checked = table[table["rule"] != "none"]
    assert (checked["arithmetic"] != "").all()
    assert (table.loc[table["rule"] == "none", "verdict"] == "unverifiable").all()


def test_every_rule_has_a_real_example(al_invest):
    needs_results = {"estimate"}
    rules = {rule.name for rule in METHODS.of("audit")} - needs_results
    assert rules == set(al_invest.tidy()["rule"]) - {"none"}


@pytest.mark.parametrize(
    "gone", ["wording", "arithmetic_error", "conflict", "undefined", "implausible"]
)
def test_a_claim_that_fails_has_its_true_sentence_in_every_language(al_invest, gone):
    rows = al_invest.tidy().query("verdict == @gone")
    assert len(rows) > 0
    for lang in LANGUAGES:
        assert (rows[f"sentence_{lang}"] != "").all()
    assert (rows["sentence_en"] != rows["sentence_es"]).all()
    assert (rows["sentence_es"] != rows["sentence_pt"]).all()


def test_a_claim_that_holds_is_not_reworded(al_invest):
    rows = al_invest.tidy().query("verdict == 'holds'")
    assert (rows["sentence"] == "").all()


def test_the_verdict_of_a_claim_is_the_gravest_of_its_rules(al_invest):
    table = al_invest.by_claim().set_index("claim_id")
    assert table.loc["pc_internationalised_218", "verdict"] == "conflict"
    assert table.loc["pc_internationalised_218", "rules"] == "R1, R2, R4, R8"
    sentence = table.loc["pc_internationalised_218", "sentence"].replace("\u00a0", " ")
    assert "exceeded by 118 %" in sentence
    assert "The sources disagree" in sentence
    worst = (
        al_invest.tidy()
        .query("not remark")
        .groupby("claim_id")["verdict"]
        .agg(lambda found: VERDICTS[min(map(VERDICTS.index, found))])
    )
    assert table["verdict"].to_dict() == worst.to_dict()


@pytest.mark.parametrize(
    "remark",
    [
        {"unit": "jobs", "basis": "net of comparison firms"},  # R8 holds: it says net
        {"phrase": "on Monday, 16 May 2016"},  # R14: the weekday is right
        {
            "kind": "context",
            "unit": "months",
            "achieved": 24,
            "period": "2016-2018",
        },  # R14: possible
    ],
)
def test_a_rule_that_cannot_confirm_makes_no_claim_hold(fact, audited, remark):
    """A wrong variant, the gravest of all findings, called a claim of net jobs true since it says net."""
    result = audited(
        fact("a", 5, **remark) if "achieved" not in remark else {**fact("a", 5), **remark}
    )
    table = result.tidy()
    assert table["remark"].tolist() == [True, False]
    assert table["rule"].tolist()[1] == "none"
    assert result.by_claim()["verdict"].tolist() == ["unverifiable"]
    wrong = min(table["verdict"], key=VERDICTS.index)
    assert wrong == table["verdict"][0]


def test_what_a_claim_holds_by_stands_in_the_summary(al_invest):
    """11 % of 49,000 is 5,390; 5,375 is stated: both rules stand there, and not the remark on whole numbers alone."""
    text = al_invest.summary()
    entry = text[text.index("HOLDS  ccl_share_peru_11") :].split("HOLDS  eu_since_1994")[0]
    assert [rule in entry for rule in ("R4:", "R5:", "R13:")] == [True] * 3


def test_how_many_claims_have_which_verdict(al_invest):
    """Read one by one in three languages; a change of a rule that moves one of them is to be read again."""
    counts = al_invest.counts().set_index("verdict")["claims"]
    assert counts.to_dict() == {
        "arithmetic_error": 2, "conflict": 2, "wording": 3, "undefined": 5, "implausible": 0, "holds": 19, "unverifiable": 35,
    }  # fmt: skip


def test_counts_add_up_to_the_claims(al_invest):
    counts = al_invest.counts()
    assert counts["verdict"].tolist() == list(VERDICTS)
    assert counts["claims"].sum() == len(al_invest.claims)


def test_the_summary_names_every_claim_gravest_first(al_invest):
    text = al_invest.summary()
    for claim_id in al_invest.claims["claim_id"]:
        assert claim_id in text
    assert text.index("pc_nuclei_132") < text.index("eu_iv_exports_increased")
    assert text.index("eu_iv_exports_increased") < text.index("pc_families_400")
    assert text.endswith(al_invest.headline())
    assert f"{len(al_invest.claims)} claims of 5 sources" in al_invest.headline()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_arithmetic_and_sentences_come_in_the_chosen_language(lang):
    result = audit(CLAIMS, lang=lang)
    row = result.tidy().set_index(["claim_id", "rule"]).loc[("pc_tools_205", "R2")]
    assert row["sentence"] == row[f"sentence_{lang}"]
    assert ("23,810" if lang == "en" else "23.810") in row["arithmetic"]
    assert VERDICT_WORDS["wording"].to(lang) in result.headline()


def test_the_language_changes_no_verdict_and_no_number(al_invest):
    numbers = ["claim_id", "rule", "verdict", "stated", "value", "low", "high"]
    assert_frame_equal(audit(CLAIMS, lang="pt").tidy()[numbers], al_invest.tidy()[numbers])


def test_the_order_of_rows_changes_no_verdict(al_invest):
    turned = audit(read_claims(CLAIMS).iloc[::-1]).tidy()
    keys = ["claim_id", "rule"]
    columns = [*keys, "verdict", "sentence_en"]
    one = al_invest.tidy()[columns].sort_values(keys).reset_index(drop=True)
    other = turned[columns].sort_values(keys).reset_index(drop=True)
    # Sentences that set several places side by side follow the order of the rows.
    single = ~one["rule"].isin(["R3", "R4"])
    assert_frame_equal(one[single], other[single])
    assert one["verdict"].tolist() == other["verdict"].tolist()


def test_names_of_claims_decide_nothing(al_invest):
    frame = read_claims(CLAIMS)
    names = {name: f"c{i}" for i, name in enumerate(frame["claim_id"])} | {"": ""}
    for column in ("claim_id", "part_of", "numerator"):
        frame[column] = frame[column].map(names)
    frame["source"] = "s_" + frame["source"]
    renamed = audit(frame).tidy()
    assert renamed["verdict"].tolist() == al_invest.tidy()["verdict"].tolist()
    assert renamed["sentence_en"].tolist() == al_invest.tidy()["sentence_en"].tolist()


def test_the_callers_table_is_not_changed():
    frame = read_claims(CLAIMS)
    before = frame.copy(deep=True)
    result = audit(frame)
    table = result.tidy()
    table["verdict"] = "holds"
    assert_frame_equal(frame, before)
    assert "wording" in set(result.tidy()["verdict"])


def test_the_result_is_frozen(al_invest):
    with pytest.raises(dataclasses.FrozenInstanceError):
        al_invest.lang = "es"


def test_bad_claims_and_unknown_languages_are_refused(pair):
    with pytest.raises(DataError, match="source"):
        audit(pd.DataFrame([pair(source="")]))
    with pytest.raises(ImpactError, match="'de'"):
        audit(pd.DataFrame([pair()]), lang="de")


@pytest.mark.parametrize(
    ("changes", "needed"),
    [
        ({"kind": "achievement"}, "second source"),
        ({"kind": "input", "unit": "EUR"}, "accounts"),
        ({"kind": "context"}, "background"),
    ],
)
def test_what_would_be_needed_is_said(fact, audited, changes, needed):
    row = audited(fact("a", 5, **changes)).tidy().iloc[0]
    assert (row["rule"], row["verdict"]) == ("none", "unverifiable")
    assert needed in row["reason"]


def test_a_share_without_part_and_whole_needs_its_data(share, audited):
    row = audited(share("a", 95, qualifier="more_than")).tidy().iloc[0]
    assert "neither the part nor the whole" in row["reason"]


def test_a_pair_without_a_percentage_gets_its_wordings(pair, audited):
    row = pair(stated_ratio=None, stated_as="", stated_decimals=None)
    found = audited(row).tidy().iloc[0]
    assert found["verdict"] == "unverifiable"
    assert "205" in found["sentence"]
    assert "105" in found["sentence"]


def test_a_plan_is_told_what_was_achieved(fact, audited):
    plan = fact("plan", None, kind="plan", target=25_000, qualifier="more_than")
    alone = audited(plan).tidy().iloc[0]
    assert "needs what was achieved" in alone["reason"]
    assert alone["sentence"] == ""
    done = fact("done", 49_000, source="another", publisher="Another")
    told = audited(plan, done).tidy().iloc[0]
    assert "Another reports 49,000" in told["reason"].replace("\u00a0", " ")
    assert "196" in told["sentence"]
