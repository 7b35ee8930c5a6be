"""Entry, spells, diversification and margins of shipments against the bare panel aggregate, in one run on one machine.

Each contender runs in a process of its own. `bare` is the aggregate of shipments to firm-years as it would be typed into DuckDB (see
`firm_years.py`); `outcomes` sums the same file to cells and makes all outcomes: entry, spells of firms, products and destinations (with the
month in which they start), lines and concentration over products, destinations and pairs, margins and their growth. Its results are left as tables
of the engine; measures that follow from a row of such a table are computed and summed, and the margins of firm-years written; `pandas` makes
a part of them by hand (entry, spells of firms and pairs, Theil over products). Peak memory is that of the process.
`python benchmarks/outcomes.py [million shipments ...]`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from firm_years import MEMORY, bare, compare, measure

SIZES = (2, 10, 50)
LOOK_BACK = 3

_CELLS = """
SELECT CAST(f.firm AS INT) AS firm, CAST(year(s.date) AS INT) AS year, CAST(s.product AS INT) AS product,
  CAST(d.code AS INT) AS destination, CAST(sum(CAST(round(s.value * 100) AS BIGINT)) AS BIGINT) AS cents, count(*) AS lines,
  count(*) AS shipments, min(CAST(month(s.date) AS INT)) AS first_month, max(CAST(month(s.date) AS INT)) AS last_month
FROM shipped s JOIN firm_codes f ON f.firm_id = s.firm_id JOIN destination_codes d ON d.text = s.destination
GROUP BY f.firm, year(s.date), s.product, d.code
"""


def outcomes(folder: Path) -> None:
    """All outcomes, on the relations that a study has."""
    from impact.engines.relations import open_relations
    from impact.outcomes.entry_years import (
        make_entry_years,
        make_line_entry,
        make_line_history,
    )
    from impact.outcomes.export_years import sum_cells
    from impact.outcomes.firm_states import states_of_exporters
    from impact.outcomes.line_measures import (
        CHANGES,
        FATE,
        MEASURES,
        make_line_measures,
        potential_lines,
    )
    from impact.outcomes.line_years import make_line_years
    from impact.outcomes.margins import MARGINS, make_growth_margins, make_margins
    from impact.outcomes.spell_masks import make_spell_starts, make_spells

    parts_of = [
        f"{part}_{c}" for c in CHANGES for part in ("change", "new", "dropped", "continuing")
    ]
    computed = [*MEASURES, *FATE, "theil_between_old", "theil_between_new", *parts_of]
    with open_relations(max_memory=MEMORY) as relations:
        relations.parquet("shipped", [folder / "shipments.parquet"])
        relations.make("firm_codes", "SELECT firm_id, row_number() OVER (ORDER BY firm_id) AS firm "
                       "FROM (SELECT DISTINCT firm_id FROM shipped) f")  # fmt: skip
        relations.make("destination_codes", "SELECT text, row_number() OVER (ORDER BY text) AS code "
                       "FROM (SELECT DISTINCT destination AS text FROM shipped) d")  # fmt: skip
        relations.make("export_cells", _CELLS)
        sum_cells(relations)
        states_of_exporters(relations, list(range(2010, 2020)))
        make_entry_years(relations, look_back=LOOK_BACK, horizons=(1, 2, 3), sustained=2)
        make_line_history(relations, look_back=LOOK_BACK)
        for level in ("product", "destination", "pair"):
            make_line_years(relations, level, look_back=LOOK_BACK)
            make_line_entry(relations, level, look_back=LOOK_BACK)
            make_line_measures(relations, level, potential=potential_lines(relations, level))
            whole = ", ".join(f"sum({c}) AS {c}" for c in computed)
            relations.frame(f"SELECT {whole} FROM {level}_measures")
        make_margins(relations)
        make_growth_margins(relations)
        relations.write("SELECT * FROM export_margins", folder / "margins.parquet")
        parts = ", ".join(f"sum({margin}) AS {margin}" for margin in MARGINS)
        relations.frame(f"SELECT year, {parts} FROM firm_growth GROUP BY year")
        for level in ("firm", "product", "destination"):
            make_spells(relations, level)
            make_spell_starts(relations, level)


def pandas(folder: Path) -> None:
    """A part of the outcomes by hand: entry, spells of firms and pairs, Theil over products."""
    import numpy as np
    import pandas as pd

    s = pd.read_parquet(
        folder / "shipments.parquet", columns=["firm_id", "date", "product", "destination", "value"]
    )
    s["value"] = s["value"].astype("float64")
    for column in ("firm_id", "product", "destination"):
        s[column] = s[column].astype("category").cat.codes
    s["year"] = pd.to_datetime(s.pop("date")).dt.year.astype("int16")
    cells = (
        s.groupby(["firm_id", "product", "destination", "year"], sort=True)["value"]
        .sum()
        .reset_index()
    )
    del s
    step = cells.groupby(["firm_id", "product", "destination"], sort=False)["year"].diff() != 1
    cells["spell"] = step.cumsum()
    cells.groupby("spell", sort=False).agg(start=("year", "min"), end=("year", "max")).to_parquet(
        folder / "p1.parquet"
    )
    firms = cells.groupby(["firm_id", "year"])["value"].sum().reset_index()
    firms["entrant"] = firms.groupby("firm_id")["year"].diff() != 1
    firms["spell"] = firms["entrant"].cumsum()
    firms.groupby("spell").agg(start=("year", "min"), end=("year", "max")).to_parquet(
        folder / "p2.parquet"
    )
    products = cells.groupby(["firm_id", "year", "product"], sort=False)["value"].sum()
    share = products / products.groupby(["firm_id", "year"]).transform("sum")
    (-share * np.log(share)).groupby(["firm_id", "year"]).sum().to_frame("entropy").to_parquet(
        folder / "p3.parquet"
    )


if __name__ == "__main__":
    here = {"bare": bare, "outcomes": outcomes, "pandas": pandas}
    if sys.argv[1:2] == ["--run"]:
        measure(here[sys.argv[2]], Path(sys.argv[3]))
    else:
        compare(__file__, tuple(here), tuple(int(n) for n in sys.argv[1:]) or SIZES)
