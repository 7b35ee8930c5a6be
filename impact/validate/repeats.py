"""Shipments that stand more than once, equal in every cell: some are items of one declaration, a whole year of them is not."""

from __future__ import annotations

import pandas as pd

from impact.core.errors import Fault
from impact.core.notice import Notice
from impact.validate.reading import SHOWN, Reading

SEARCHED = 2_000_000
"""Rows up to which every repeated row is counted; beyond, only the years that look repeated as a whole are searched."""

_LEAST = 20  # rows of a year; fewer may be equal by chance


def look_for_repeats(reading: Reading, when: str) -> None:
    """Refuse years whose every row stands at least twice, and count the rows that do elsewhere.

    Parameters
    ----------
    reading : Reading
        The customs files; faults and notices are added to it.
    when : str
        The column that says the year.

    Notes
    -----
    Needs `export_cells`, whose lines tell cheaply whether a year can stand twice: then no firm, product and destination
    has a single line in it. To sort fifty million rows in search of a few that are equal would cost more than to sum them.
    """
    relations = reading.relations
    cells = relations.frame(
        "SELECT year, CAST(sum(lines) AS BIGINT) AS n, min(lines) AS least FROM export_cells GROUP BY year ORDER BY year"
    )
    suspects = cells.loc[(cells["least"] > 1) & (cells["n"] >= _LEAST), "year"].astype(int).tolist()
    if not suspects and int(cells["n"].sum()) > SEARCHED:
        return
    years = _by_year(reading, when)
    whole = years[(years["least"] > 1) & (years["n"] >= _LEAST)]
    if len(whole):
        reading.faults += _refused(reading, whole)
    again = int(years["again"].sum())
    if again and whole.empty:
        reading.notices.append(Notice(
            "rows are equal in every cell to an earlier row; they are kept, as items of one declaration are",
            file=reading.files(), rows=again))  # fmt: skip


def _columns(reading: Reading) -> str:
    return ", ".join(f'"{c}"' for c in reading.types)


def _by_year(reading: Reading, when: str) -> pd.DataFrame:
    """Rows of each year, how many repeat an earlier one, and how often the rarest stands."""
    return reading.relations.frame(
        "SELECT t.year AS year, CAST(sum(r.n) AS BIGINT) AS n, CAST(sum(r.n - 1) AS BIGINT) AS again, min(r.n) AS least "
        f'FROM (SELECT "{when}", count(*) AS n FROM {reading.relation} GROUP BY {_columns(reading)}) r '
        f"JOIN customs_{when}_map t ON {reading.key(when)} = t.raw WHERE t.year IS NOT NULL GROUP BY t.year ORDER BY t.year"
    )


def _refused(reading: Reading, whole: pd.DataFrame) -> list[Fault]:
    """One fault with the count, and the rows that stand a second time by number."""
    years = ", ".join(str(y) for y in whole["year"])
    again = int(whole["again"].sum())
    problem = f"every row of {years} stands at least twice, equal in every cell: were these shipments delivered twice?"
    remedy = f"deliver each shipment once; {again:,} rows repeat an earlier one"
    faults = [Fault(problem, remedy, file=reading.files())]
    columns = list(reading.types)
    texts = ", ".join(f'coalesce(CAST("{c}" AS STRING), \'\') AS "{c}"' for c in columns)
    some = reading.relations.frame(
        f"SELECT {texts} FROM {reading.relation} GROUP BY {_columns(reading)} HAVING count(*) > 1 "
        f"ORDER BY {_columns(reading)} LIMIT {SHOWN}"
    )
    first: dict[tuple[str, ...], str] = {}
    for file, row, cells in reading.rows_holding(
        columns, set(some.itertuples(index=False, name=None))
    ):
        if cells in first:
            faults.append(Fault(f"the row is equal to {first[cells]}", "delete it, if it is no shipment of its own",
                                file=file, row=row))  # fmt: skip
        else:
            first[cells] = f"row {row} of {file}"
    return faults[: SHOWN + 1]
