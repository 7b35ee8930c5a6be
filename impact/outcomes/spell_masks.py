"""Spells of exporting from patterns of years: each distinct pattern is understood once.

The years in which a firm (or its line) exported are one whole number, a bit a year; so are the years in which its exports are known, and
those in which it was not alive. Millions of lines have a few thousand patterns: their spells are worked out here, in plain
Python, and joined to the lines. No row is sorted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from impact.core.errors import DataError
from impact.engines.relations import Relations
from impact.outcomes.firm_states import STATES
from impact.outcomes.line_years import EVERY_FIRM, KEYS, PLURAL, firm_spans, make_in_spans

MOST_YEARS = 62
STATUSES = ("exit", "firm death", "unobserved", "end of data")
"""What the year after the last one of a spell is."""


class Spell(NamedTuple):
    """One spell within a pattern; years count from 0."""

    start: int
    end: int
    active: int
    left_cens: bool
    right_cens: bool
    status: str
    open_gap: bool


@dataclass(frozen=True, slots=True)
class Pattern:
    """Years of a firm or line, as bits: exported, known, not alive.

    Attributes
    ----------
    exported, known, dead : int
        Bit y stands for the y-th year of the data.
    """

    exported: int
    known: int
    dead: int

    def spells(self, years: int, gap: int) -> list[Spell]:
        """Maximal runs of years with exports, where `gap` or fewer years without are bridged.

        Parameters
        ----------
        years : int
            Years of the data.
        gap : int
            Longest gap inside a spell.

        Notes
        -----
        A spell is left-censored unless each of the `gap + 1` years before it was seen, and right-censored unless each of the
        `gap + 1` years after it was: an export in one of them would be of the same spell. `open_gap` marks those that are
        right-censored for this alone: the year after the spell was seen, a later one was not.

        Examples
        --------
        >>> [(s.start, s.end) for s in Pattern(0b1011, 0b1111, 0).spells(4, gap=0)]
        [(0, 1), (3, 3)]
        >>> [(s.start, s.end, s.active) for s in Pattern(0b1011, 0b1111, 0).spells(4, gap=1)]
        [(0, 3, 3)]
        >>> [(s.left_cens, s.right_cens, s.open_gap) for s in Pattern(0b0110, 0b1111, 0).spells(4, gap=1)]
        [(True, True, True)]
        """
        found: list[list[int]] = []
        for year in range(years):
            if not self.exported >> year & 1:
                continue
            if found and year - found[-1][-1] - 1 <= gap:
                found[-1].append(year)
            else:
                found.append([year])
        return [self._spell(run, years, gap) for run in found]

    def _spell(self, run: list[int], years: int, gap: int) -> Spell:
        start, end = run[0], run[-1]
        # With a gap rule, an export further back or further on would be of the same spell: all years that could hold it must be seen.
        left = not all(y >= 0 and self.known >> y & 1 for y in range(start - gap - 1, start))
        if end == years - 1:
            status = "end of data"
        elif not self.known >> (end + 1) & 1:
            status = "unobserved"
        else:
            status = "firm death" if self.dead >> (end + 1) & 1 else "exit"
        over = status in ("exit", "firm death")
        after = range(end + 1, end + 1 + gap + 1)
        open_gap = over and any(y >= years or not self.known >> y & 1 for y in after)
        return Spell(start, end, len(run), left, not over or open_gap, status, open_gap)


def make_spells(relations: Relations, level: str, *, gap: int = 0) -> tuple[int, int]:
    """Make the relation `firm_spells`, `product_spells`, `destination_spells` or `pair_spells`, one row a spell.

    Columns: `firm`, those of the line; `exported`, `known`, `dead` (the pattern); `spell` (its order, 1 is the first), `start_year`,
    `end_year`, `years` (length), `active` (of them with exports), `left_cens`, `right_cens`, `status`, `open_gap`.

    Parameters
    ----------
    relations : Relations
        Holds `firm_states` and, for lines, what `sum_cells` made.
    level : {"firm", "product", "destination", "pair"}
    gap : int
        Years without exports that a spell bridges.

    Returns
    -------
    first, last : int
        Years of the data.

    Raises
    ------
    DataError
        If the data span more than 62 years.
    """
    span = relations.frame(f"SELECT min(year) AS first, max(year) AS last FROM {STATES}").iloc[0]
    first, last = int(span["first"]), int(span["last"])
    years = last - first + 1
    if years > MOST_YEARS:
        raise DataError(f"The data span {years} years; spells are made of at most {MOST_YEARS}.")
    _put_bits(relations, first, years)
    keys = "".join(f", {k}" for k in KEYS.get(level, ()))
    _make_patterns(relations, level)
    patterns = relations.frame(
        f"SELECT DISTINCT exported, known, dead FROM {level}_patterns ORDER BY exported, known, dead"
    )
    relations.put(f"{level}_pattern_spells", _pattern_spells(patterns, first, years, gap))
    relations.view(
        f"{level}_spells",
        f"SELECT p.firm{keys}, p.exported, p.known, p.dead, CAST(s.spell AS INT) AS spell, "
        "CAST(s.start_year AS INT) AS start_year, CAST(s.end_year AS INT) AS end_year, CAST(s.years AS INT) AS years, "
        "CAST(s.active AS INT) AS active, s.left_cens, s.right_cens, s.status, s.open_gap "
        f"FROM {level}_patterns p JOIN {level}_pattern_spells s ON s.exported = p.exported AND s.known = p.known AND s.dead = p.dead",
    )
    return first, last


def _put_bits(relations: Relations, first: int, years: int) -> None:
    """Once for all levels: the bit of each year, and what is known of each firm."""
    if relations.has("year_bits"):  # another level has made them
        return
    bits = {"year": [first + y for y in range(years)], "bit": [1 << y for y in range(years)]}
    relations.put("year_bits", pd.DataFrame(bits))
    relations.make(
        "firm_known",
        "SELECT s.firm, CAST(sum(CASE WHEN s.exporter = 1 THEN b.bit ELSE 0 END) AS BIGINT) AS exported, "
        "CAST(sum(CASE WHEN s.exporter IS NULL THEN 0 ELSE b.bit END) AS BIGINT) AS known, "
        "CAST(sum(CASE WHEN s.alive THEN 0 WHEN s.alive IS NULL THEN 0 ELSE b.bit END) AS BIGINT) AS dead "
        f"FROM {STATES} s JOIN year_bits b ON b.year = s.year GROUP BY s.firm",
    )


def _make_patterns(relations: Relations, level: str) -> None:
    name = f"{level}_patterns"
    if level == "firm":
        relations.view(
            name, "SELECT firm, exported, known, dead FROM firm_known WHERE exported > 0"
        )
        return
    lines = ", ".join(f"l.{k}" for k in KEYS[level])
    plain = ", ".join(f"x.{k}" for k in KEYS[level])
    if not relations.has("line_known"):
        # Lines of an exporter without a shipment are not known: a link that was not found ends no spell.
        relations.make(
            "line_known",
            f"SELECT s.firm, CAST(sum(CASE WHEN s.exporter = 0 OR e.cents > 0 THEN b.bit ELSE 0 END) AS BIGINT) AS known FROM {STATES} s "
            "JOIN year_bits b ON b.year = s.year LEFT JOIN export_years e ON e.firm = s.firm AND e.year = s.year GROUP BY s.firm",
        )
    # A year with exports of the line is known, whatever the panel says.
    query = (
        f"SELECT x.firm, {plain}, x.exported, n.known, k.dead FROM (SELECT l.firm, {lines}, CAST(sum(b.bit) AS BIGINT) AS exported "
        f"FROM (SELECT * FROM export_{PLURAL[level]} WHERE {{firms}}) l JOIN year_bits b ON b.year = l.year GROUP BY l.firm, {lines}) x "
        f"JOIN (SELECT * FROM firm_known WHERE {{firms}}) k ON k.firm = x.firm "
        f"JOIN (SELECT * FROM line_known WHERE {{firms}}) n ON n.firm = x.firm"
    )
    make_in_spans(relations, name, query, firm_spans(relations))


def make_spell_starts(relations: Relations, level: str) -> None:
    """Make the relation `product_spell_starts` (or of another level): each spell with `cents` and `first_month` of its first year.

    Parameters
    ----------
    relations : Relations
        Holds the spells of the level, and what `sum_cells` made.
    level : {"firm", "product", "destination", "pair"}
    """
    lines = "export_years" if level == "firm" else f"export_{PLURAL[level]}"
    same = " AND ".join(f"l.{k} = s.{k}" for k in ("firm", *KEYS.get(level, ())))
    query = (
        f"SELECT s.*, l.cents, l.first_month FROM (SELECT * FROM {level}_spells WHERE {{firms}}) s "
        f"LEFT JOIN (SELECT * FROM {lines} WHERE {{firms}}) l ON {same} AND l.year = s.start_year"
    )
    spans = [EVERY_FIRM] if level == "firm" else firm_spans(relations)
    make_in_spans(relations, f"{level}_spell_starts", query, spans)


def _pattern_spells(patterns: pd.DataFrame, first: int, years: int, gap: int) -> pd.DataFrame:
    rows = []
    for exported, known, dead in patterns[["exported", "known", "dead"]].itertuples(index=False):
        pattern = Pattern(int(exported), int(known) | int(exported), int(dead))
        for order, s in enumerate(pattern.spells(years, gap), 1):
            rows.append((exported, known, dead, order, first + s.start, first + s.end, s.end - s.start + 1, s.active,
                         s.left_cens, s.right_cens, s.status, s.open_gap))  # fmt: skip
    columns = ["exported", "known", "dead", "spell", "start_year", "end_year", "years", "active", "left_cens", "right_cens",
               "status", "open_gap"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)
