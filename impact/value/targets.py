"""Targets against achievements, always in both wordings.

"Reached 205 % of the target" and "exceeded it by 105 %" are one fact. Texts that print only one of
them confuse the two, so whatever is written here gives the pair.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pandas as pd

from impact.display.numbers import (
    MISSING,
    Lang,
    format_percent,
    format_quantity,
    qualified,
    require_language,
)
from impact.value.windows import Window, exactly, quotient, stated_window

_AGAINST: dict[Lang, str] = {
    "en": "{achieved} against a target of {target}",
    "es": "{achieved} frente a una meta de {target}",
    "pt": "{achieved} face a uma meta de {target}",
}
_OF: dict[Lang, str] = {
    "en": "{of} of the target",
    "es": "se alcanzó {of} de la meta",
    "pt": "atingiu-se {of} da meta",
}
_ABOVE: dict[Lang, str] = {
    "en": "the target was exceeded by {gap}",
    "es": "la meta se superó en {gap}",
    "pt": "a meta foi superada em {gap}",
}
_BELOW: dict[Lang, str] = {
    "en": "the achievement fell {gap} short of the target",
    "es": "se quedó {gap} por debajo de la meta",
    "pt": "ficou-se {gap} abaixo da meta",
}
_MET: dict[Lang, str] = {
    "en": "the target was met",
    "es": "la meta se cumplió",
    "pt": "a meta foi cumprida",
}
_THAT_IS: dict[Lang, str] = {"en": "that is", "es": "es decir", "pt": "ou seja"}
_NO_RATIO: dict[Lang, str] = {
    "en": "no percentage of the target is defined",
    "es": "no está definido ningún porcentaje de la meta",
    "pt": "não está definida nenhuma percentagem da meta",
}
# Spanish puts an article before an unqualified percentage: "el 205 %", but "más de 205 %".
_ARTICLE_OF: dict[Lang, str] = {"en": "", "es": "el ", "pt": ""}
_ARTICLE_GAP: dict[Lang, str] = {"en": "", "es": "un ", "pt": ""}
# "More than 80 % of the target" falls less than 20 % short of it.
_OPPOSITE = {
    "exact": "exact",
    "more_than": "fewer_than",
    "at_least": "at_most",
    "fewer_than": "more_than",
    "at_most": "at_least",
    "almost": "more_than",
    "about": "about",
}


def pct_of_target(achieved: float, target: float) -> float:
    """Per cent *of* the target: `100 A / T`.

    Parameters
    ----------
    achieved, target : float
        In the same unit.

    Returns
    -------
    float
        Missing if either is missing or the target is not above zero.

    Examples
    --------
    >>> round(pct_of_target(23_810, 11_600), 2)
    205.26
    """
    if math.isnan(achieved) or math.isnan(target) or target <= 0:
        return math.nan
    return 100 * achieved / target


def pct_above_target(achieved: float, target: float) -> float:
    """Per cent *above* the target: `100 (A / T - 1)`; negative below it.

    Examples
    --------
    >>> round(pct_above_target(23_810, 11_600), 2), round(pct_above_target(80, 100), 2)
    (105.26, -20.0)
    """
    return pct_of_target(achieved, target) - 100


def both_wordings(
    achieved: float,
    target: float,
    lang: Lang = "en",
    decimals: int = 0,
    qualifier: str = "exact",
) -> tuple[str, str]:
    """The two wordings of one fact: per cent of the target, and per cent above or below it.

    Parameters
    ----------
    achieved, target : float
        In the same unit.
    lang : {"en", "es", "pt"}
        Language.
    decimals : int
        Decimals of the percentages. The second is computed from the first as printed, so the pair
        always differs by exactly 100.
    qualifier : str
        How the text bounds the achievement: `more_than`, `almost`, ... and `exact`.

    Returns
    -------
    tuple of str
        Dashes if no percentage is defined.

    Examples
    --------
    >>> for text in both_wordings(23_810, 11_600):
    ...     print(text.replace("\\u00a0", " "))
    205 % of the target
    the target was exceeded by 105 %
    """
    require_language(lang)
    of = pct_of_target(achieved, target)
    if math.isnan(of):
        return MISSING, MISSING
    step = Decimal(1).scaleb(-decimals)
    printed = Decimal(repr(float(of))).quantize(step, rounding=ROUND_HALF_UP)
    gap = printed - 100
    side, word = (_BELOW, _OPPOSITE[qualifier]) if gap < 0 else (_ABOVE, qualifier)
    if gap == 0 and qualifier == "exact":
        side = _MET
    first = _percentage(printed, qualifier, lang, decimals, _ARTICLE_OF)
    second = _percentage(abs(gap), word, lang, decimals, _ARTICLE_GAP)
    return _OF[lang].format(of=first), side[lang].format(gap=second)


def _percentage(
    value: Decimal, qualifier: str, lang: Lang, decimals: int, article: dict[Lang, str]
) -> str:
    text = format_percent(value, decimals, lang)
    return f"{article[lang]}{text}" if qualifier == "exact" else qualified(text, qualifier, lang)


def target_sentence(
    achieved: float,
    target: float,
    unit: str,
    lang: Lang = "en",
    decimals: int = 0,
    *,
    qualifier: str = "exact",
    target_qualifier: str = "exact",
) -> str:
    """Say what was achieved against a target, in both wordings.

    Parameters
    ----------
    achieved, target : float
        In the unit.
    unit : str
        A unit of the claims file, such as `firms`.
    lang : {"en", "es", "pt"}
        Language.
    decimals : int
        Decimals of the percentages.
    qualifier, target_qualifier : str
        How the texts bound the two figures: `more_than`, `almost`, ... and `exact`. The percentages
        are of the target's figure as printed.

    Returns
    -------
    str
        One sentence; a target that is not above zero gives the figures without a percentage.

    Examples
    --------
    >>> print(target_sentence(324, 200, "nuclei", "es").replace("\\u00a0", " "))
    324 núcleos frente a una meta de 200: se alcanzó el 162 % de la meta, es decir, la meta se superó en un 62 %.
    """
    done = format_quantity(achieved, unit, lang)
    aim = _without_unit(target, unit, lang)
    figures = _AGAINST[require_language(lang)].format(
        achieved=qualified(done, qualifier, lang), target=qualified(aim, target_qualifier, lang)
    )
    of, above = both_wordings(achieved, target, lang, decimals, qualifier)
    if of == MISSING:
        return f"{figures}: {_NO_RATIO[lang]}."
    return f"{figures}: {of}, {_THAT_IS[lang]}, {above}."


def _without_unit(value: float, unit: str, lang: Lang) -> str:
    """The number alone where the unit is a noun that the sentence has already said."""
    text = format_quantity(value, unit, lang)
    spelled_out = unit == "per cent" or (len(unit) == 3 and unit.isupper())
    return text if spelled_out else text.split("\u00a0")[0]


def targets_table(claims: pd.DataFrame, lang: Lang = "en", decimals: int = 0) -> pd.DataFrame:
    """Set targets against achievements, in both wordings, with what the texts say.

    Parameters
    ----------
    claims : DataFrame
        As `impact.read.claims.read_claims` returns it.
    lang : {"en", "es", "pt"}
        Language of the wordings.
    decimals : int
        Decimals of the percentages in the wordings.

    Returns
    -------
    DataFrame
        One row per claim that has a target and an achievement, and one per plan whose achievement
        another claim on the same subject gives (`achieved_in` names it). `pct_of_target_low` and
        `_high` differ from `pct_of_target` where a text says "more than", "almost" and so on.

    Examples
    --------
    >>> import pandas as pd
    >>> targets_table(pd.DataFrame())
    Empty DataFrame
    Columns: [claim_id, ...]
    Index: []
    """
    rows = [_target_row(row, done, lang, decimals) for row, done in _pairs(claims)]
    return pd.DataFrame(rows, columns=list(_TABLE))


_TABLE = (
    "claim_id", "achieved_in", "indicator", "unit", "period", "geography", "programme",
    "target", "achieved", "pct_of_target", "pct_of_target_low", "pct_of_target_high", "pct_above",
    "stated_ratio", "stated_as", "wording_of", "wording_above", "sentence",
)  # fmt: skip

_Record = dict[str, Any]


def _pairs(claims: pd.DataFrame) -> Iterator[tuple[_Record, _Record]]:
    """Claims with a target, each with the claim that holds its achievement."""
    records: list[_Record] = claims.to_dict("records")
    for row in records:
        if row["kind"] == "target_vs_achieved":
            yield row, row
        elif row["kind"] == "plan" and not math.isnan(row["target"]):
            yield from (
                (row, done)
                for done in records
                if done["subject"] == row["subject"]
                and done["unit"] == row["unit"]
                and done["kind"] != "plan"
                and not math.isnan(done["achieved"])
            )


def _target_row(row: _Record, done: _Record, lang: Lang, decimals: int) -> _Record:
    target, achieved = row["target"], done["achieved"]
    of = _percent_window(row, done)
    qualifier = done["qualifier"]
    wording_of, wording_above = both_wordings(achieved, target, lang, decimals, qualifier)
    aim = "exact" if row is done else row["qualifier"]
    return {
        **{column: row[column] for column in _TABLE if column in row},
        "achieved_in": done["claim_id"],
        "achieved": achieved,
        "pct_of_target": of.value,
        "pct_of_target_low": of.low,
        "pct_of_target_high": of.high,
        "pct_above": pct_above_target(achieved, target),
        "wording_of": wording_of,
        "wording_above": wording_above,
        "sentence": target_sentence(
            achieved,
            target,
            row["unit"],
            lang,
            decimals,
            qualifier=qualifier,
            target_qualifier=aim,
        ),
    }


def _percent_window(row: _Record, done: _Record) -> Window:
    """Per cent of the target with what "more than" and "almost" leave open.

    The qualifier of a row with both figures belongs to the achievement; targets are exact.
    """
    if row["target"] <= 0:
        return Window(math.nan, math.nan, math.nan)
    achieved = stated_window(100 * done["achieved"], done["qualifier"])
    target = (
        exactly(row["target"]) if row is done else stated_window(row["target"], row["qualifier"])
    )
    return quotient(achieved, target)
