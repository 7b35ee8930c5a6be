"""How evenly a firm-year's exports are spread over its lines, and what changed since the year before; in SQL.

Everything comes from the whole numbers of `line_years`, so a measure is the same in every order of rows and with every number of threads.
"""

from __future__ import annotations

from impact.engines.relations import Relations
from impact.outcomes.line_years import KEYS, SCALE, make_in_spans, state_spans

CHANGES = ("n_lines", "hhi", "entropy", "theil")
"""Measures whose change is split into lines that stayed, came and went."""

PLAIN_CHANGES = ("hhi_normalised", "effective_number", "top1_share", "top3_share", "gini")
"""Measures that are no sum over lines, so that their change has no such parts."""

MEASURES = (
    "n_lines", "hhi", "hhi_normalised", "hhi_normalised_potential", "effective_number", "entropy", "effective_entropy",
    "theil", "theil_between", "theil_within", "top1_share", "top3_share", "gini",
)  # fmt: skip
"""Of the lines of one year."""

FATE = ("new_lines", "new_lines_alive_2", "new_lines_grown_2")
"""Lines that are new after the look-back, and what became of them two years later."""


def potential_lines(relations: Relations, level: str) -> int:
    """How many lines of a level occur in the data at all."""
    keys = ", ".join(KEYS[level])
    found = relations.frame(
        f"SELECT count(*) AS n FROM (SELECT DISTINCT {keys} FROM export_pairs) lines"
    )
    return int(found["n"].iloc[0])


def make_line_measures(relations: Relations, level: str, *, potential: int) -> None:
    """Make the view `product_measures`, `destination_measures` or `pair_measures`, one row per firm and year of `firm_states`.

    `n_lines` is 0 where nothing is exported and missing where that is not known; every other measure is missing in both. With
    s the shares of n_1 lines and n the number of potential ones (Cadot, Carrere and Strauss-Kahn 2011 for the Theil index):

    - `hhi` = sum of s^2; `hhi_normalised` = (H - 1/n_1) / (1 - 1/n_1), `hhi_normalised_potential` the same with n; 1 where n_1 (n) is 1;
      `effective_number` = 1/H;
    - `entropy` = - sum of s ln s, `effective_entropy` = exp(entropy);
    - `theil` = ln n - entropy = `theil_between` + `theil_within`, with ln(n/n_1) between active and inactive lines and ln n_1 - entropy
      within the active ones; `theil_between_old` and `theil_between_new`: with three groups, lines of the year before, new ones,
      and inactive ones, S ln(S n / n_group) for the share S of the group;
    - `top1_share`, `top3_share`; `gini` with the factor n_1/(n_1 - 1), missing for one line.

    Since the year before: `change_x`, and its parts `new_x` (lines unused the year before), `dropped_x` (lines of the
    year before that are gone, with their sign) and `continuing_x`, which sum to it, for x in `n_lines, hhi, entropy, theil`. For
    `n_lines` wherever both years are known (an entrant goes from 0 to n), for the others where the firm exports in both.

    `new_lines` of the look-back with which `line_years` was made, `new_lines_alive_2` of them exported two years later,
    `new_lines_grown_2` with no less value than on entry; missing where the look-back, or the two years, were not observed.

    Parameters
    ----------
    relations : Relations
        Holds `line_history` and the `line_years` of the level.
    level : {"product", "destination", "pair"}
    potential : int
        The number n of lines that could be exported; no less than any firm exports.
    """
    make_in_spans(relations, f"{level}_bases", _query(level), state_spans(relations))
    # What follows from the row alone is computed where it is read.
    relations.view(
        f"{level}_measures", f"SELECT {', '.join(_picked(potential))} FROM {level}_bases"
    )


def _double(column: str) -> str:
    """A decimal as a double: through text, which rounds right on either engine."""
    return f"CAST(CAST({column} AS STRING) AS DOUBLE)"


def _whole(expression: str) -> str:
    """What is never negative, but for the last digit of its parts."""
    return f"CASE WHEN ({expression}) < 0 THEN 0e0 ELSE {expression} END"


def _part(relation: str) -> str:
    """The rows of a part of the firms; `make_in_spans` says which."""
    return f"(SELECT * FROM {relation} WHERE {{firms}})"


_COUNTED = "CASE WHEN exporter = 0 THEN 0e0 ELSE n END"
"""Without exports there are 0 lines, and no shares."""

_LAGGED = {"counted": _COUNTED} | {
    c: c for c in ("x", "hhi", "bits", "left_n", "left_x", "left_hhi", "left_bits")
}
"""What is asked of the year before, of the same firm."""


def _query(level: str) -> str:
    x = "CAST(l.cents AS DOUBLE)"

    def bits(column: str) -> str:
        return f"CAST(l.{column} AS DOUBLE) / {SCALE}e0"

    def hhi(column: str) -> str:
        return f"{_double(f'l.{column}')} / ({x} * {x})"

    made = {
        "x": x, "n": "CAST(l.n AS DOUBLE)", "hhi": hhi("squares"), "bits": bits("entropy"), "ranked": _double("l.ranked"),
        "added_n": "CAST(l.added_n AS DOUBLE)", "added_x": "CAST(l.added_cents AS DOUBLE)", "added_hhi": hhi("added_squares"),
        "added_bits": bits("added_entropy"), "left_n": "CAST(l.left_n AS DOUBLE)", "left_x": "CAST(l.left_cents AS DOUBLE)",
        "left_hhi": hhi("left_squares"), "left_bits": bits("left_entropy"),
    }  # fmt: skip
    now = ", ".join(f"{sql} AS {name}" for name, sql in made.items())
    rows = (
        f"SELECT s.firm, s.year, s.exporter, s.lines_known, s.past_known, l.cents, l.top1, l.top3, l.new_n, l.new_alive, l.new_grown, {now} "
        f"FROM {_part('line_history')} s "
        f"LEFT JOIN {_part(f'{level}_years')} l ON l.firm = s.firm AND l.year = s.year AND s.exporter = 1"
    )
    # Every firm has a row for every year, so that the row before is the year before.
    by_year = "OVER (PARTITION BY firm ORDER BY year)"
    before = ", ".join(f"lag({sql}) {by_year} AS {name}_before" for name, sql in _LAGGED.items())
    later = f"lead(lines_known, 2) {by_year} AS later_known"
    return f"SELECT *, {before}, {later} FROM ({rows}) made"


def _picked(potential: int) -> list[str]:
    most = f"{potential}e0"
    hhi, ent = "hhi", "bits"
    both = "x IS NOT NULL AND x_before IS NOT NULL"
    counted = f"({_COUNTED}) IS NOT NULL AND counted_before IS NOT NULL"
    # Where the change is defined, and what lines of a group hold: their number, squared shares, entropy, and their part of the Theil index.
    groups = {
        "n_lines": (counted, "coalesce(added_n, 0e0)", "coalesce(left_n_before, 0e0)", _COUNTED, "counted_before"),
        "hhi": (both, "added_hhi", "left_hhi_before", hhi, "hhi_before"),
        "entropy": (both, "added_bits", "left_bits_before", ent, "bits_before"),
        "theil": (both, f"added_x / x * ln({most}) - added_bits", f"left_x_before / x_before * ln({most}) - left_bits_before",
                  f"ln({most}) - bits", f"ln({most}) - bits_before"),
    }  # fmt: skip
    picked = [
        "firm", "year", "exporter", "cents",
        f"{_COUNTED} AS n_lines", f"{hhi} AS hhi",
        f"CASE WHEN n = 1 THEN 1e0 ELSE {_whole(f'({hhi} - 1 / n) / (1 - 1 / n)')} END AS hhi_normalised",
        f"{'CASE WHEN n IS NULL THEN NULL ELSE 1e0 END' if potential == 1 else _whole(f'({hhi} - 1 / {most}) / (1 - 1 / {most})')} AS hhi_normalised_potential",
        "1 / hhi AS effective_number", f"{ent} AS entropy", f"exp({ent}) AS effective_entropy",
        f"{_whole(f'ln({most}) - {ent}')} AS theil", f"ln({most} / n) AS theil_between", f"{_whole(f'ln(n) - {ent}')} AS theil_within",
        "CAST(top1 AS DOUBLE) / x AS top1_share", "CAST(top3 AS DOUBLE) / x AS top3_share",
        "CASE WHEN n > 1 THEN ((n + 1) * x - 2 * ranked) / ((n - 1) * x) ELSE NULL END AS gini",
        f"CASE WHEN {both} THEN CASE WHEN added_n < n THEN (x - added_x) / x * ln((x - added_x) / x * {most} / (n - added_n)) "
        "ELSE 0e0 END ELSE NULL END AS theil_between_old",
        f"CASE WHEN {both} THEN CASE WHEN added_n > 0 THEN added_x / x * ln(added_x / x * {most} / added_n) ELSE 0e0 END ELSE NULL "
        "END AS theil_between_new",
    ]  # fmt: skip
    for name, (defined, new, dropped, now, before) in groups.items():
        change = f"({now}) - ({before})"
        picked += [
            f"CASE WHEN {defined} THEN {change} ELSE NULL END AS change_{name}",
            f"CASE WHEN {defined} THEN {new} ELSE NULL END AS new_{name}",
            f"CASE WHEN {defined} THEN 0e0 - ({dropped}) ELSE NULL END AS dropped_{name}",
            f"CASE WHEN {defined} THEN {change} - ({new}) + ({dropped}) ELSE NULL END AS continuing_{name}",
        ]
    known = "lines_known = 1 AND past_known = 1"
    followed = f"{known} AND later_known = 1"
    picked += [
        f"CASE WHEN {known} THEN CASE WHEN exporter = 1 THEN new_n ELSE 0 END ELSE NULL END AS new_lines",
        f"CASE WHEN {followed} THEN CASE WHEN exporter = 1 THEN new_alive ELSE 0 END ELSE NULL END AS new_lines_alive_2",
        f"CASE WHEN {followed} THEN CASE WHEN exporter = 1 THEN new_grown ELSE 0 END ELSE NULL END AS new_lines_grown_2",
    ]
    return picked
