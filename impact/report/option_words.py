"""Remedies as a person at the command line takes them: keys of [customs] in study.toml become options of `impact dynamics`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from impact.core.errors import Fault
from impact.core.notice import Notice

CUSTOMS_WORDS = ("preset", "currency", "date_format", "negative", "classification", "delimiter", "encoding", "decimal",
                 "thousands", "minus", "sheet", "destination_codes", "concordance")  # fmt: skip
"""Keys that hold one word."""
CUSTOMS_NUMBERS = ("product_digits", "header_row", "width")
CUSTOMS_LISTS = ("drop_unreadable", "exclude_products", "exclude_regimes")
CUSTOMS_FLAGS = ("restore_leading_zeros",)

_KEYS = (*CUSTOMS_WORDS, *CUSTOMS_NUMBERS, *CUSTOMS_LISTS, *CUSTOMS_FLAGS)
_ANY = "|".join(_KEYS)
_GIVEN = re.compile(
    rf"(?:\bidentifiers\.)?\b(?P<key>{_ANY}) = (?:(?P<list>\[[^\]]*\])|(?P<word>\"(?:\\.|[^\"])*\")|(?P<true>true)|(?P<number>\d+)|(?=the ))"
)
_BARE = re.compile(rf"(?<![\w-])(?P<key>{'|'.join(k for k in _KEYS if '_' in k)})(?![\w-])")
_DECLARED = re.compile(
    rf"\bdeclare (?P<the>the |another )?(?P<key>{_ANY})\b(?P<and> and (?:{_ANY})\b)?(?! under \[customs\.columns)"
)
_PLAIN = re.compile(r"[\w./-]+")
_LEFT_OUT = "declare why such rows are left out under identifiers.dropped"  # which has no option; the next best has
_COLUMN = "with --column NAME=HEADING"


def option(key: str) -> str:
    """The option of a key.

    Examples
    --------
    >>> option("date_format")
    '--date-format'
    """
    return f"--{key.replace('_', '-')}"


def as_options(text: str) -> str:
    """Say a remedy with options in the place of keys.

    Examples
    --------
    >>> as_options('declare date_format = "dd/mm/yyyy", or write dates as yyyy-mm-dd')
    'give --date-format dd/mm/yyyy, or write dates as yyyy-mm-dd'
    >>> as_options('delete it, or declare drop_unreadable = ["firm_id"]')
    'delete it, or give --drop-unreadable firm_id'
    >>> as_options('declare currency = "USD", or map the column')
    'give --currency USD, or map the column (--column NAME=HEADING)'
    >>> as_options("fill it in, or declare why such rows are left out under identifiers.dropped")
    'fill it in, or give --drop-unreadable firm_id, so that such rows leave, counted'
    >>> as_options("declare decimal and thousands")
    'give --decimal and --thousands'
    """
    text = text.replace(
        _LEFT_OUT, "give --drop-unreadable firm_id, so that such rows leave, counted"
    )
    text = _DECLARED.sub(_named, text) if not _GIVEN.search(text) else text
    text = _GIVEN.sub(_given, text)
    text = _BARE.sub(lambda m: option(m["key"]), text)
    text = re.sub(r" under \[(?:customs|data)\]", "", text)
    text = re.sub(r"\bunder (?:\[customs\.columns\]|columns in study\.toml)", _COLUMN, text)
    text = re.sub(r"\bmap the column\b(?! (?:of|with))", "map the column (--column NAME=HEADING)", text)  # fmt: skip
    return re.sub(r"\bdeclare (?=(?:the |another )?--)", "give ", text)


def _named(found: re.Match[str]) -> str:
    the = "another " if found["the"] == "another " else ""
    more = f" and {option(found['and'].removeprefix(' and '))}" if found["and"] else ""
    return f"give {the}{option(found['key'])}{more}"


def _given(found: re.Match[str]) -> str:
    name = option(found["key"])
    if found["list"]:
        return " ".join(f"{name} {_word(w)}" for w in re.findall(r'"[^"]*"', found["list"]))
    if found["word"]:
        return f"{name} {_word(found['word'])}"
    if found["number"]:
        return f"{name} {found['number']}"
    return name if found["true"] else f"{name} with "


def _word(quoted: str) -> str:
    """A word as a shell takes it: without quotes where it needs none."""
    inner = quoted[1:-1]
    if inner == "\\t":
        return "$'\\t'"
    return inner if _PLAIN.fullmatch(inner) else quoted


def fault_with_options(fault: Fault) -> Fault:
    """The same fault with options in its problem and remedy."""
    return replace(fault, problem=as_options(fault.problem), remedy=as_options(fault.remedy))


def notices_with_options(notices: Sequence[Notice]) -> list[Notice]:
    """The same notices with options."""
    return [replace(n, said=as_options(n.said)) for n in notices]
