"""Do the claims hold? Published claims in, verdicts and the sentences that would be true out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from impact.claims import (  # noqa: F401  (each file registers its rule)
    attribution,
    dates,
    estimate,
    funnel,
    gross_or_net,
    implied,
    intentions,
    listed,
    more_than,
    multiplier,
    of_and_above,
    one_figure,
    recompute,
    scope,
    sources,
    unit_costs,
    whole_counts,
)
from impact.claims.book import Book
from impact.claims.finding import VERDICT_WORDS, VERDICTS, Finding
from impact.claims.study_results import checked_results, read_results
from impact.claims.text import Text
from impact.claims.unchecked import unchecked
from impact.core.registry import METHODS
from impact.display.numbers import Lang, require_language
from impact.read.claims import check_claims, read_claims

_HEADLINE = Text(
    "{n} claims of {sources} sources: {counts}.",
    "{n} afirmaciones de {sources} fuentes: {counts}.",
    "{n} afirmações de {sources} fontes: {counts}.",
)
REMARKS = ("R6", "R7", "R8", "R9", "R10", "R11", "R13", "R14", "R15")
"""Rules that can refute a claim and not confirm it: where they find nothing wrong, the claim does not hold for that, and what would be needed is
still said."""

_TRUE = Text("True sentence", "Frase cierta", "Frase verdadeira")


@dataclass(frozen=True, slots=True, eq=False)
class AuditResult:
    """Verdicts on published claims; made by `impact.audit`, never changed.

    Attributes
    ----------
    claims : DataFrame
        The claims, as `impact.read.claims` returns them.
    findings : tuple of Finding
        What each rule says of each claim, in the order of the claims.
    lang : {"en", "es", "pt"}
        Language of `tidy()` and `summary()`.
    """

    claims: pd.DataFrame
    findings: tuple[Finding, ...]
    lang: Lang = "en"

    def tidy(self) -> pd.DataFrame:
        """One row per claim and rule.

        Returns
        -------
        DataFrame
            `claim_id source publisher indicator phrase rule verdict quantity unit stated value low
            high arithmetic reason sentence sentence_en sentence_es sentence_pt remark`. `value` is
            what the rule computed or found elsewhere; `low` and `high` are what the printed digits
            and words allow; `sentence` is true where the claim is not, and empty where it holds;
            `remark` says that the rule found nothing wrong and confirms nothing either.
        """
        about = self.claims.set_index("claim_id")[["source", "publisher", "indicator", "phrase"]]
        rows = [
            {
                "claim_id": finding.claim_id,
                **about.loc[finding.claim_id].to_dict(),
                "rule": finding.rule,
                "verdict": finding.verdict,
                "quantity": finding.quantity,
                "unit": finding.unit,
                "stated": finding.stated,
                "value": finding.value,
                "low": finding.low,
                "high": finding.high,
                "arithmetic": finding.arithmetic.to(self.lang),
                "reason": finding.reason.to(self.lang),
                "sentence": finding.sentence.to(self.lang),
                "sentence_en": finding.sentence.en,
                "sentence_es": finding.sentence.es,
                "sentence_pt": finding.sentence.pt,
                "remark": is_remark(finding),
            }
            for finding in self.findings
        ]
        return pd.DataFrame(rows)

    def by_claim(self) -> pd.DataFrame:
        """One row per claim: its gravest verdict, and all that the rules would have it say.

        Returns
        -------
        DataFrame
            `claim_id source publisher indicator phrase verdict verdict_label rules arithmetic
            reason sentence`. A remark is no verdict on the claim. `rules` names the rules that looked at the claim; arithmetic and
            reason are those of the gravest verdict, `sentence` holds every corrected sentence.
        """
        rows = []
        findings = self._by_claim()
        for claim in self.claims.to_dict("records"):
            found = findings[claim["claim_id"]]
            judged = [f for f in found if not is_remark(f)]
            worst = min(judged, key=lambda f: VERDICTS.index(f.verdict))
            rows.append(
                {
                    **{key: claim[key] for key in ("claim_id", "source", "publisher")},
                    **{key: claim[key] for key in ("indicator", "phrase")},
                    "verdict": worst.verdict,
                    "verdict_label": VERDICT_WORDS[worst.verdict].to(self.lang),
                    "rules": ", ".join(f.rule for f in found),
                    "arithmetic": worst.arithmetic.to(self.lang),
                    "reason": worst.reason.to(self.lang),
                    "sentence": _all_sentences([f.sentence.to(self.lang) for f in found]),
                }
            )
        return pd.DataFrame(rows)

    def counts(self) -> pd.DataFrame:
        """Claims by verdict, gravest first: `verdict, verdict_label, claims`; zeros are kept."""
        found = self.by_claim()["verdict"].value_counts()
        return pd.DataFrame(
            {
                "verdict": list(VERDICTS),
                "verdict_label": [VERDICT_WORDS[v].to(self.lang) for v in VERDICTS],
                "claims": [int(found.get(v, 0)) for v in VERDICTS],
            }
        )

    def summary(self) -> str:
        """The claims, gravest verdict first, with what would be true; then one sentence."""
        findings = self._by_claim()
        rows = self.by_claim().to_dict("records")
        rows.sort(key=lambda row: VERDICTS.index(row["verdict"]))
        entries = [self._entry(row, findings[row["claim_id"]]) for row in rows]
        return "\n".join([*entries, "", self.headline()])

    def headline(self) -> str:
        """One sentence: how many claims, of how many sources, with which verdicts."""
        found = self.counts()
        parts = [
            f"{label} {claims}"
            for label, claims in zip(found["verdict_label"], found["claims"], strict=True)
            if claims
        ]
        return _HEADLINE.to(self.lang).format(
            n=len(self.claims), sources=self.claims["source"].nunique(), counts=", ".join(parts)
        )

    def _by_claim(self) -> dict[str, list[Finding]]:
        findings: dict[str, list[Finding]] = {}
        for finding in self.findings:
            findings.setdefault(finding.claim_id, []).append(finding)
        return findings

    def _entry(self, row: dict[str, str], found: list[Finding]) -> str:
        """One claim for the summary: every rule that finds something; where the claim holds, what it holds by."""
        shown = found if row["verdict"] == "holds" else [f for f in found if f.verdict != "holds"]
        lines = [f"{row['verdict_label'].upper()}  {row['claim_id']}  «{row['phrase']}»"]
        for finding in shown:
            texts = (finding.arithmetic.to(self.lang), finding.reason.to(self.lang))
            said = "; ".join(text for text in texts if text)
            lines.append(f"    {finding.rule}: {said}" if finding.rule != "none" else f"    {said}")
        if row["sentence"]:
            lines.append(f"    {_TRUE.to(self.lang)}: {row['sentence']}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.summary()


def audit(
    claims: pd.DataFrame | str | Path,
    results: pd.DataFrame | str | Path | None = None,
    lang: str = "en",
) -> AuditResult:
    """Check published claims against their own arithmetic, each other and a study's estimates.

    Parameters
    ----------
    claims : DataFrame or path
        A table or file with the columns of `impact.read.claims.CLAIM_COLUMNS`.
    results : DataFrame or path, optional
        A study's own estimates: `subject, estimate, conf_low, conf_high`, one row per subject of
        the claims, in the unit of the claim; or such a file; or the results.json of a study, whose
        estimates the column `estimate` of the claims names (see `impact.claims.study_results`).
    lang : {"en", "es", "pt"}
        Language of arithmetic, reasons and sentences.

    Returns
    -------
    AuditResult
        At least one finding per claim: a claim that no rule can check is `unverifiable`, with what
        would be needed.

    Raises
    ------
    DataError
        If the claims break their contract, or `results` lacks a column or repeats a subject.
    ImpactError
        If the language is not known.

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"claim_id": "tools", "source": "close_out", "phrase": "superada en 205%",
    ...        "subject": "tools", "indicator": "firms with tools", "unit": "firms",
    ...        "period": "2009-2013", "geography": "Andes", "programme": "P",
    ...        "kind": "target_vs_achieved", "qualifier": "exact", "target": 11600,
    ...        "achieved": 23810, "stated_ratio": 205, "stated_as": "per_cent_above_target",
    ...        "stated_decimals": 0}
    >>> result = audit(pd.DataFrame([row]))
    >>> result.tidy()[["rule", "verdict"]].to_dict("records")
    [{'rule': 'R1', 'verdict': 'holds'}, {'rule': 'R2', 'verdict': 'wording'}]
    >>> print(result.by_claim()["sentence"][0].replace("\\u00a0", " "))
    23,810 firms against a target of 11,600: 205 % of the target, that is, the target was exceeded by 105 %.
    """
    language = require_language(lang)
    frame = check_claims(claims) if isinstance(claims, pd.DataFrame) else read_claims(claims)
    own = results
    if isinstance(own, str | Path):
        own = read_results(own, frame)
    elif own is not None:
        own = checked_results(own)
    book = Book.of(frame, own)
    found = [finding for rule in METHODS.of("audit") for finding in rule.function(book)]
    reached = {finding.claim_id for finding in found if not is_remark(finding)}
    found += [unchecked(book, claim) for claim in book.claims if claim.claim_id not in reached]
    place = {claim.claim_id: i for i, claim in enumerate(book.claims)}
    found.sort(key=lambda finding: (place[finding.claim_id], _rule_order(finding.rule)))
    return AuditResult(frame, tuple(found), language)


def is_remark(finding: Finding) -> bool:
    """Whether a finding says no more than that a rule which cannot confirm found nothing wrong."""
    return finding.rule in REMARKS and finding.verdict in ("holds", "unverifiable")


def _all_sentences(sentences: list[str]) -> str:
    """Corrected sentences in a row, without those that another one contains."""
    unique = list(dict.fromkeys(sentence for sentence in sentences if sentence))
    return " ".join(s for s in unique if not any(s in other for other in unique if other != s))


def _rule_order(rule: str) -> tuple[int, str]:
    """R2 before R12; rules without a number last."""
    digits = rule.removeprefix("R")
    return (int(digits), "") if digits.isdigit() else (10_000, rule)
