"""What happened within a firm-year along its lines: products, destinations, or pairs of both. One pass a level.

Entry into lines, their loss, the shift of value between them, concentration and its change, the fate of new lines: all
read the same rows, so the rows are sorted once by line and once by size, and everything is summed in one pass. Sums are
of whole numbers: cents, squares of cents, and parts of one for the logarithms of entropy; so they do not depend on the order
of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from impact.core.errors import ImpactError
from impact.engines.relations import Relations

LEVELS = ("product", "destination", "pair")
"""What a firm's exports may be parted into."""

PLURAL = {"product": "products", "destination": "destinations", "pair": "pairs"}
KEYS = {"product": ("product",), "destination": ("destination",), "pair": ("product", "destination")}  # fmt: skip

SCALE = 10**17
"""Terms of entropy (up to 92 in sum) are summed as whole numbers of this part of one."""

_SQUARE = "CAST(cents AS DECIMAL(38,0)) * CAST(cents AS DECIMAL(38,0))"

_ROWS_A_PART = 10_000_000


@dataclass(frozen=True, slots=True)
class Span:
    """Firms `first` to `last`, which are sorted in memory together."""

    first: int
    last: int


EVERY_FIRM = Span(0, 2**31 - 1)
"""One part: all firms."""


def make_line_years(relations: Relations, level: str, *, look_back: int) -> None:
    """Make the relation `product_years`, `destination_years` or `pair_years`, one row per firm and year with exports.

    Its columns, of the lines of a firm in a year:

    - `n`, `cents`, `squares` (of cents), `entropy` (of shares, in 1e-17), `top1`, `top3` (cents), `ranked` (sum of cents times the
      place of the line by size, the largest first);
    - new lines, unused in the `look_back` years before: `new_n`, `new_cents`; of them `new_alive` are used two years later
      and `new_grown` with no less value than on entry;
    - lines unused the year before: `added_n`, `added_cents`, `added_squares`, `added_entropy`;
    - lines unused the year after: `left_n`, `left_cents`, `left_squares`, `left_entropy`;
    - lines used the year before, too: value gained in those that grew (`up`), lost in those that shrank (`down`);
    - `unused_1` ... `unused_L`: lines not used in that many years that follow, less one: `unused_1` is all lines,
      `unused_2` those not used in the next year. Their sum over the look-back counts the lines that were served in it.

    Whether the years before and after were observed is for the reader of the relation to ask.

    Parameters
    ----------
    relations : Relations
        Holds what `sum_cells` made.
    level : {"product", "destination", "pair"}
    look_back : int
        Years, 1 or more.

    Raises
    ------
    ImpactError
        If there is no such level.
    """
    if level not in LEVELS:
        raise ImpactError(f"There is no level {level!r}; choose from {', '.join(LEVELS)}.")
    name = f"{level}_years"
    # Each part fits into memory, so that nothing is sorted on disk.
    make_in_spans(relations, name, _query(level, look_back), firm_spans(relations))


def firm_spans(relations: Relations) -> list[Span]:
    """Ranges of firms of about equally many pairs."""
    total = relations.frame(
        "SELECT CAST(coalesce(sum(pairs), 0) AS BIGINT) AS n, coalesce(max(firm), 0) AS last FROM export_years"
    ).iloc[0]
    rows, last = int(total["n"]), int(total["last"])
    if rows <= _ROWS_A_PART:
        return [Span(0, last)]
    counts = relations.frame(
        "SELECT firm, CAST(sum(pairs) AS BIGINT) AS n FROM export_years GROUP BY firm ORDER BY firm"
    )
    part = (counts["n"].cumsum() - counts["n"]) // _ROWS_A_PART
    found = counts["firm"].groupby(part).agg(["min", "max"])
    return [Span(int(a), int(b)) for a, b in found.itertuples(index=False)]


_FIRM_YEARS_A_PART = 1_000_000


def state_spans(relations: Relations) -> list[Span]:
    """Ranges of firms of about equally many firm-years of `firm_states`."""
    found = relations.frame(
        "SELECT count(*) AS n, coalesce(min(firm), 0) AS first, coalesce(max(firm), 0) AS last FROM firm_states"
    ).iloc[0]
    first, last = int(found["first"]), int(found["last"])
    parts = max(1, -(-int(found["n"]) // _FIRM_YEARS_A_PART))
    step = -(-(last - first + 1) // parts)
    return [Span(a, min(a + step - 1, last)) for a in range(first, last + 1, step)] or [Span(0, 0)]


def make_in_spans(relations: Relations, name: str, query: str, spans: Sequence[Span]) -> None:
    """Make a relation in parts of firms, each of which fits into memory.

    Parameters
    ----------
    relations : Relations
        Where it goes.
    name : str
        Of the relation.
    query : str
        SQL with `{firms}` where a condition on `firm` belongs, behind the WHERE of each relation that it reads.
    spans : sequence of Span
        The parts.
    """
    if len(spans) == 1:
        relations.make(name, query.format(firms="firm IS NOT NULL"))
        return
    parts = [f"{name}_{i}" for i in range(len(spans))]
    for part, span in zip(parts, spans, strict=True):
        relations.make(part, query.format(firms=f"firm BETWEEN {span.first} AND {span.last}"))
    relations.view(name, " UNION ALL ".join(f"SELECT * FROM {part}" for part in parts))


_NEW = "(before IS NULL OR year - before > {look_back})"
_ADDED = "(before IS NULL OR before < year - 1)"
_LEFT = "(after IS NULL OR after > year + 1)"
_ALIVE = "(after = year + 2 OR later = year + 2)"
_LATER = "CASE WHEN after = year + 2 THEN cents_after ELSE cents_later END"


def _sum(what: str, condition: str | None = None, kind: str = "BIGINT") -> str:
    term = what if condition is None else f"CASE WHEN {condition} THEN {what} ELSE 0 END"
    if kind != "BIGINT":
        term = f"CAST({term} AS {kind})"
    return f"CAST(sum({term}) AS {kind})"


def _query(level: str, look_back: int) -> str:
    lines = ", ".join(KEYS[level])
    by_line = f"OVER (PARTITION BY firm, {lines} ORDER BY year)"
    by_size = f"OVER (PARTITION BY firm, year ORDER BY cents DESC, {lines}"
    whole = f"{by_size} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)"
    new = _NEW.format(look_back=look_back)
    wide = "DECIMAL(38,0)"
    picked = [
        "count(*) AS n", f"{_sum('cents')} AS cents", f"{_sum(_SQUARE, kind=wide)} AS squares",
        f"{_sum('bits')} AS entropy", "max(cents) AS top1", f"{_sum('cents', 'place <= 3')} AS top3",
        f"{_sum(f'CAST(cents AS {wide}) * CAST(place AS {wide})', kind=wide)} AS ranked",
        f"{_sum('1', new)} AS new_n", f"{_sum('cents', new)} AS new_cents",
        f"{_sum('1', f'{new} AND {_ALIVE}')} AS new_alive",
        f"{_sum('1', f'{new} AND {_ALIVE} AND {_LATER} >= cents')} AS new_grown",
        *(f"{_sum(*term)} AS {word}_{of}"
          for word, condition in (("added", _ADDED), ("left", _LEFT))
          for of, term in {"n": ("1", condition), "cents": ("cents", condition), "squares": (_SQUARE, condition, wide),
                           "entropy": ("bits", condition)}.items()),
        f"{_sum('cents - cents_before', 'before = year - 1 AND cents > cents_before')} AS up",
        f"{_sum('cents_before - cents', 'before = year - 1 AND cents < cents_before')} AS down",
        *(f"{_sum('1', f'(after IS NULL OR after - year >= {gap})')} AS unused_{gap}" for gap in range(1, look_back + 1)),
    ]  # fmt: skip
    neighbours = ", ".join(
        f"{verb}({of}{step}) {by_line} AS {name}"
        for verb, of, step, name in (
            ("lag", "year", "", "before"), ("lag", "cents", "", "cents_before"),
            ("lead", "year", "", "after"), ("lead", "cents", "", "cents_after"),
            ("lead", "year", ", 2", "later"), ("lead", "cents", ", 2", "cents_later"),
        )
    )  # fmt: skip
    # A share of one has no entropy; its logarithm is 0 on every engine.
    bits = f"CAST(floor(0.5 - share * ln(share) * {SCALE}) AS BIGINT)"
    return (
        f"SELECT firm, year, {', '.join(picked)} FROM (SELECT *, {bits} AS bits FROM (SELECT *, CAST(cents AS DOUBLE) / "
        f"CAST(sum(cents) {whole} AS DOUBLE) AS share, row_number() {by_size}) AS place FROM (SELECT firm, year, {lines}, cents, {neighbours} "
        f"FROM export_{PLURAL[level]} WHERE {{firms}}) seen) shared) placed GROUP BY firm, year"
    )
