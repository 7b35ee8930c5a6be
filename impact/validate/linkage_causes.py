"""Why identifiers of one file are not in another: what would match if they were written alike.

A guess serves a message and nothing else. No firm is ever linked by it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from impact.validate.identifier_text import EXACT

_ALIKE = str.maketrans("OIL", "011")
_EXPONENT = re.compile(r"([0-9])(?:[.,]?([0-9]*))E[+]?([0-9]{1,2})")
_NO_TAIL = re.compile(r"[.,]0+$")
_PREFIX = re.compile(r"([A-Z]+)[-. /]*(?=[0-9])")
_NUMBER = re.compile(r"[0-9]+[A-Z]?")  # what identifiers.width and strip_leading_zeros touch
_BY_CHANCE = 2.0  # a lossy comparison must find twice what numbers drawn at random would


@dataclass(frozen=True, slots=True)
class Cause:
    """One way in which two files may write the same firms differently.

    Attributes
    ----------
    words : str
        Ends the sentence "would match if ...".
    would_match : int
        Missing identifiers that would be known.
    remedy : str
        What to declare or correct.
    """

    words: str
    would_match: int
    remedy: str


def guess_cause(
    missing: pd.Index,
    known: pd.Index,
    *,
    missing_in: str = "the first file",
    known_in: str = "the second file",
    tables: Sequence[pd.Index] = (),
) -> list[Cause]:
    """Try the usual damages to identifiers, and count what each would explain.

    Tried in this order: zeros in front, check digit dropped or added, both, separators, country prefix, O/0 and I/1, a
    spreadsheet's decimals and lost digits, cut texts, case. Comparisons that lose characters (a check digit, a cut) count only
    they match at least twice as many numbers as chance would: among dense numbers 1, 2, 3, ... everything matches. Only matches
    of one identifier with one other count: a comparison that makes several firms one explains nothing.

    What `[identifiers]` declares is done to every file. Such a key is a remedy only where, done to all of `tables`, it makes the
    pairs alike and no two firms of one table the same; else the file is to be corrected.

    Parameters
    ----------
    missing, known : Index of str
        Distinct identifiers; none of `missing` is in `known`.
    missing_in, known_in : str
        What messages call the two files.
    tables : sequence of Index of str, optional
        Distinct identifiers of every file of the study, whole; by default `missing` and `known` are all there is.

    Returns
    -------
    list of Cause
        Those that match anything, the one that matches most first; ties in the order above.

    Examples
    --------
    >>> (cause,) = guess_cause(pd.Index(["123", "4567"]), pd.Index(["000123", "004567", "099999"]),
    ...                        missing_in="the roster", known_in="the register")
    >>> cause.words, cause.would_match
    ('leading zeros were ignored: the roster has lost them', 2)
    >>> cause.remedy
    'declare identifiers.width = 6'
    """
    lost, have = missing.tolist(), known.tolist()
    names = (missing_in, known_in)
    whole = [table.tolist() for table in tables] or [lost, have]
    causes: list[Cause] = []
    causes += _zeros(lost, have, *names, whole)
    causes += _check_digits(lost, have, *names)
    causes += _signs(lost, have, *names, whole)
    for attempt in (_prefixes, _look_alikes, _spreadsheet, _cuts, _case):
        causes += attempt(lost, have, *names)
    return sorted((c for c in causes if c.would_match), key=lambda c: -c.would_match)


Key = Callable[[str], str]


def _matched(lost: list[str], have: list[str], lost_key: Key, have_key: Key) -> dict[str, str]:
    """Missing identifiers -> the known one with the same key, where each of the two is alone with it.

    The keys of the missing are few, and those of the known pass by once: a million known ones cost no memory.
    """
    mine = Counter(lost_key(text) for text in lost)
    found: dict[str, str | None] = {}
    for text in have:
        key = have_key(text)
        if key and mine.get(key) == 1:
            found[key] = text if key not in found else None  # several known ones: no match
    pairs = ((text, found.get(lost_key(text))) for text in lost)
    return {text: other for text, other in pairs if other is not None}


def _works(key: Key, pairs: dict[str, str], tables: list[list[str]]) -> bool:
    """Whether a key, done to every file, makes the pairs alike and keeps the firms of each file apart."""
    if not pairs or any(key(a) != key(b) for a, b in pairs.items()):
        return False
    return all(len({key(text) for text in table}) == len(table) for table in tables)


def _by_chance(lost: list[str], have: list[str], lost_key: Key, have_key: Key) -> float:
    """How many of the missing would match if their keys were numbers drawn at random."""
    taken = Counter(len(k) for k in {have_key(text) for text in have} if k.isdigit())
    drawn = Counter(len(k) for k in map(lost_key, lost) if k.isdigit())
    return sum(n * min(1.0, taken[size] / (9 * 10.0 ** (size - 1))) for size, n in drawn.items())


def _beyond_chance(lost: list[str], have: list[str], lost_key: Key, have_key: Key) -> int:
    count = len(_matched(lost, have, lost_key, have_key))
    if not count or count < _BY_CHANCE * _by_chance(lost, have, lost_key, have_key):
        return 0
    return count


def _same(text: str) -> str:
    return text


def _bare(text: str) -> str:
    return text.lstrip("0")


def _cut(text: str) -> str:
    return text[:-1]


def _bare_cut(text: str) -> str:
    return text[:-1].lstrip("0")


def _stripped(text: str) -> str:
    """As identifiers.strip_leading_zeros does it: a number of zeros alone keeps one."""
    if not (text.startswith("0") and _NUMBER.fullmatch(text)):
        return text
    bare = text.lstrip("0")
    return bare if bare[:1].isdigit() else f"0{bare}"


def _zeros(
    lost: list[str], have: list[str], lost_in: str, have_in: str, tables: list[list[str]]
) -> list[Cause]:
    pairs = _matched(lost, have, _bare, _bare)
    shorter = sum(len(a) < len(b) for a, b in pairs.items())
    first = 2 * shorter >= len(pairs)
    loser, keeper = (lost_in, have_in) if first else (have_in, lost_in)
    widths = {len(b if first else a) for a, b in pairs.items()}
    longest = max((len(text) for text in (lost if first else have)), default=0)
    width = max(widths, default=0)

    def padded(text: str) -> str:
        return text.rjust(width, "0") if _NUMBER.fullmatch(text) else text

    if len(widths) == 1 and longest <= width and _works(padded, pairs, tables):
        remedy = f"declare identifiers.width = {width}"
    elif _works(_stripped, pairs, tables):
        remedy = "declare identifiers.strip_leading_zeros = true"
    else:
        remedy = f"write the identifiers of {loser} as {keeper} has them: with their leading zeros"
    return [Cause(f"leading zeros were ignored: {loser} has lost them", len(pairs), remedy)]


def _check_digits(lost: list[str], have: list[str], lost_in: str, have_in: str) -> list[Cause]:
    """One file has a check digit. No key can mend it: identifiers.drop_check_digit would cut the other file too."""
    causes = []
    for with_digit, keys in ((have_in, (_same, _cut)), (lost_in, (_cut, _same))):
        bare = lost_in if with_digit == have_in else have_in
        words = f"the last character of {with_digit} were a check digit that {bare} lacks"
        remedy = (
            f"write the identifiers of {with_digit} as {bare} has them: without the last character"
        )
        plain = _beyond_chance(lost, have, *keys)
        causes.append(Cause(words, plain, remedy))
        without = tuple(_bare_cut if key is _cut else _bare for key in keys)
        both = _beyond_chance(lost, have, without[0], without[1])
        if both > plain:
            words = f"leading zeros were ignored, and {words}"
            remedy += ", and with zeros in front in both files or in neither"
            causes.append(Cause(words, both, remedy))
    return causes


def _signs(
    lost: list[str], have: list[str], lost_in: str, have_in: str, tables: list[list[str]]
) -> list[Cause]:
    def key(text: str) -> str:
        return text if text.isalnum() else "".join(c for c in text if c.isalnum())

    pairs = _matched(lost, have, key, key)
    signs = sorted({c for a, b in pairs.items() for c in a + b if not c.isalnum()})
    gone = str.maketrans("", "", "".join(signs))
    if _works(lambda text: text.translate(gone), pairs, tables):
        remedy = f"declare identifiers.separators with {' '.join(signs)} beside those that it has"
    else:
        remedy = f"write the identifiers of {lost_in} as {have_in} has them: with the same signs"
    return [Cause("signs between letters and digits were ignored", len(pairs), remedy)]


def _prefixes(lost: list[str], have: list[str], lost_in: str, have_in: str) -> list[Cause]:
    def key(text: str) -> str:
        return text if text[:1].isdigit() else _PREFIX.sub("", text, count=1)

    pairs = _matched(lost, have, key, key)
    prefixes = Counter(m[1] for pair in pairs.items() for t in pair if (m := _PREFIX.match(t)))
    if not prefixes:
        return []
    common = min(prefixes, key=lambda p: (-prefixes[p], p))
    remedy = f"write the prefix {common!r} in both {lost_in} and {have_in}, or in neither"
    return [Cause(f"letters in front, such as {common!r}, were ignored", len(pairs), remedy)]


def _look_alikes(lost: list[str], have: list[str], lost_in: str, have_in: str) -> list[Cause]:
    def key(text: str) -> str:
        return text if text.isdigit() else text.translate(_ALIKE)

    count = len(_matched(lost, have, key, key))
    words = "the letters O, I and L were read as the digits 0 and 1"
    remedy = f"correct them at the source of {lost_in} or {have_in}; they were typed or scanned"
    return [Cause(words, count, remedy)]


def _spreadsheet(lost: list[str], have: list[str], lost_in: str, have_in: str) -> list[Cause]:
    def no_tail(text: str) -> str:
        return _NO_TAIL.sub("", text) if "." in text or "," in text else text

    def fifteen(text: str) -> str:
        return f"{text[:EXACT]}+{len(text)}" if len(text) > EXACT and text.isdigit() else ""

    source = "export the column as text from the source; the digits cannot be brought back"
    tail = len(_matched(lost, have, no_tail, no_tail))
    pairs = _matched(lost, have, fifteen, fifteen).items()
    first = sum(not a[EXACT:].strip("0") for a, _ in pairs)
    second = sum(not b[EXACT:].strip("0") for _, b in pairs)
    loser = lost_in if first >= second else have_in
    rounded = max(first, second)  # long numbers that end alike in no zeros are different firms
    return [
        Cause("the '.0' of decimal numbers were ignored", tail, f"write {lost_in} and {have_in} as text"),
        Cause(f"only {EXACT} digits were compared: a spreadsheet has rounded {loser}", rounded, f"{source} ({loser})"),
        Cause(f"numbers such as 1.2E+09 were compared by their first digits: a spreadsheet has rounded {lost_in}", _exponents(lost, have), f"{source} ({lost_in})"),
    ]  # fmt: skip


def _exponents(lost: list[str], have: list[str]) -> int:
    """How many of `1.23E+09` are the beginning of one known number of that length, and alone with it."""
    parts = [(m[1] + (m[2] or ""), int(m[3]) + 1) for t in lost if (m := _EXPONENT.fullmatch(t))]
    alone = {part for part, count in Counter(parts).items() if count == 1}
    shapes = {(len(digits), size) for digits, size in alone}
    starts = Counter((t[:n], size) for n, size in shapes for t in have if len(t) == size)
    return sum(starts[part] == 1 for part in alone)


def _cuts(lost: list[str], have: list[str], lost_in: str, have_in: str) -> list[Cause]:
    causes = []
    lost_to, have_to = max(map(len, lost), default=0), max(map(len, have), default=0)
    for size, longest, loser in ((lost_to, have_to, lost_in), (have_to, lost_to, have_in)):
        if size < 4 or longest < size + 2:  # one character more is a check digit
            continue

        def key(text: str, size: int = size) -> str:
            return text[:size]

        count = _beyond_chance(lost, have, key, key)
        words = f"only the first {size} characters were compared: {loser} is cut"
        causes.append(Cause(words, count, f"export {loser} with the full width of the column"))
    return causes


def _case(lost: list[str], have: list[str], lost_in: str, have_in: str) -> list[Cause]:
    count = len(_matched(lost, have, str.upper, str.upper))
    remedy = f"write {lost_in} and {have_in} in capitals"
    return [Cause("capitals and small letters were the same", count, remedy)]
