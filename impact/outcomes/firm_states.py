"""Firm-years as outcomes see them: did the firm export, was it alive, or is it not known; every firm in every year.

Relation `firm_states(firm, year, exporter, alive)`: `exporter` is 1, 0 or missing (not observed), `alive` true, false or missing (not
known). A firm that was not active, before its birth or after its death, did not export: `exporter` is 0 and `alive`
false, so that its past is known and it is still nobody who could have entered.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from impact.engines.relations import Relations

STATES = "firm_states"


def states_of_panel(relations: Relations) -> None:
    """Make `firm_states` from the states of a study's panel."""
    relations.make(
        STATES,
        "SELECT firm, year, CASE WHEN state = 'active_exporter' THEN 1 WHEN state = 'unobserved' THEN NULL ELSE 0 END "
        "AS exporter, CASE WHEN state = 'unobserved' THEN NULL ELSE state <> 'inactive' END AS alive "
        "FROM panel_states",
    )


def states_of_exporters(relations: Relations, years: Sequence[int], *, minimum: int = 0) -> None:
    """Make `firm_states` from exports alone: who does not export in a year of the data did not, dead or alive.

    Parameters
    ----------
    relations : Relations
        Holds `export_years`.
    years : sequence of int
        Years that hold any export; those between them are not observed.
    minimum : int
        Exports up to this sum do not make an exporter, in the unit of the cells.
    """
    span = range(min(years), max(years) + 1)
    relations.put("years_of_exports", pd.DataFrame({"year": list(span), "seen": [y in years for y in span]}))  # fmt: skip
    relations.make(
        STATES,
        f"SELECT f.firm, CAST(y.year AS INT) AS year, CASE WHEN NOT y.seen THEN NULL WHEN e.cents > {minimum} THEN 1 "
        "ELSE 0 END AS exporter, CASE WHEN e.cents > 0 THEN TRUE ELSE NULL END AS alive "
        "FROM (SELECT DISTINCT firm FROM export_years) f CROSS JOIN years_of_exports y "
        "LEFT JOIN export_years e ON e.firm = f.firm AND e.year = y.year",
    )


def put_states(relations: Relations, states: pd.DataFrame) -> None:
    """Make `firm_states` from a table `firm, year, exporter, alive` with a row for what is known; the rest is filled up.

    Parameters
    ----------
    relations : Relations
        Where it goes.
    states : DataFrame
        `exporter` as 1.0, 0.0 or missing, `alive` as boolean with missing; firm and year whole numbers.
    """
    years = range(int(states["year"].min()), int(states["year"].max()) + 1)
    relations.put("known_states", states.assign(
        exporter=states["exporter"].astype("Int64"), alive=states["alive"].astype("boolean")))  # fmt: skip
    relations.put("years_of_states", pd.DataFrame({"year": list(years)}))
    relations.make(
        STATES,
        "SELECT CAST(f.firm AS INT) AS firm, CAST(y.year AS INT) AS year, CAST(s.exporter AS INT) AS exporter, s.alive AS alive "
        "FROM (SELECT DISTINCT firm FROM known_states) f CROSS JOIN years_of_states y "
        "LEFT JOIN known_states s ON s.firm = f.firm AND s.year = y.year",
    )
