"""The panel on disk: Parquet, with a dictionary that says what each column is."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from impact.outcomes.firm_panel import ROSTER_WORDS
from impact.outcomes.outcome_years import outcome_columns
from impact.report.intake import Intake
from impact.report.receive import Received

_WORDS = {
    "firm_id": ("identifier of the firm, as it is linked", "text"),
    "year": ("calendar year", "year"),
    "state": ("active_exporter, active_nonexporter, inactive or unobserved", "text"),
    "exporter": (
        "1 where the firm exported more than the declared minimum, 0 where it did not",
        "0/1",
    ),
    "exports": ("value of exports", "money"),
    "destinations": ("destinations served", "count"),
    "products": ("products exported, at the declared digits of the nomenclature", "count"),
    "pairs": ("pairs of product and destination", "count"),
    "shipments": ("shipments with a positive value", "count"),
    "hhi_products": ("Herfindahl-Hirschman index over products, from 1/n to 1", "index"),
    "hhi_destinations": ("Herfindahl-Hirschman index over destinations, from 1/n to 1", "index"),
    "hhi_pairs": ("Herfindahl-Hirschman index over pairs, from 1/n to 1", "index"),
    "first_month": ("month of the year's first shipment", "month"),
    "last_month": ("month of the year's last shipment", "month"),
    "employees": ("employment", "employment"),
    "sales": ("sales", "money"),
    "wages": ("wage bill", "money"),
    "sector": ("sector", "text"),
    "region": ("region", "text"),
    "country": ("country", "text"),
    "size_class": ("size class", "text"),
    "women_led": ("whether the firm is led by women", "true/false"),
    "birth_year": ("first year of activity", "year"),
    "joined": ("first year of participation in the programme; missing = never", "year"),
    "joined_month": ("month of joining", "month"),
    "after_joining": ("1 from the year of joining on, else 0", "0/1"),
    "services": ("services received, over all years", "count"),
    "programme_hours": ("hours of service received, over all years", "hours"),
    "programme_cost": ("cost of the services, over all years", "money"),
    "programme": ("programme of the first participation", "text"),
    "service": ("service of the first participation", "text"),
    "nucleus": ("nucleus of the first participation", "text"),
    "partner": ("partner of the first participation", "text"),
    "consortium": ("consortium of the first participation", "text"),
}

_MISSING = {
    "exporter": "exports were not observed", "exports": "exports were not observed",
    "destinations": "exports were not observed", "products": "exports were not observed",
    "pairs": "exports were not observed", "shipments": "exports were not observed",
    "hhi_products": "no exports, or not observed", "hhi_destinations": "no exports, or not observed",
    "hhi_pairs": "no exports, or not observed", "first_month": "no exports, or no months in the file",
    "last_month": "no exports, or no months in the file", "joined": "never took part",
    "joined_month": "never took part, or no month in the roster", "services": "never took part",
    "programme_hours": "never took part, or not in the roster",
    "programme_cost": "never took part, or not in the roster",
    **dict.fromkeys(ROSTER_WORDS, "never took part, or not in the roster"),
    **dict.fromkeys(("country", "women_led"), "neither in the register for this year nor in the roster"),
}  # fmt: skip
_MISSING["after_joining"] = "never"
_SOURCE = {
    **dict.fromkeys(("exporter", "exports", "destinations", "products", "pairs", "shipments", "hhi_products",
                     "hhi_destinations", "hhi_pairs", "first_month", "last_month"), "customs"),
    **dict.fromkeys(("employees", "sales", "wages", "sector", "region", "country", "size_class",
                     "women_led", "birth_year"), "register"),
    **dict.fromkeys(("joined", "joined_month", "after_joining", "services", "programme_hours", "programme_cost", *ROSTER_WORDS), "roster"),
    **dict.fromkeys(("country", "women_led"), "register, else roster"),
}  # fmt: skip


def write_panel_files(received: Received, folder: Path) -> list[str]:
    """Write `panel.parquet` and `dictionary.csv` into a folder; give their names.

    The panel of deliveries is written whole; that of a firm-year file with its derived columns.
    """
    intake = received.intake
    if intake is not None and intake.parquet is not None:
        # A copy, not a move: the same study may be written twice.
        (folder / "panel.parquet").write_bytes(intake.parquet.read_bytes())
        columns = intake.columns
        for name, path in intake.extra.items():
            (folder / name).write_bytes(path.read_bytes())
    else:
        panel = received.panel
        assert panel is not None
        rows = panel.data.sort_values([panel.unit, panel.time], kind="stable").reset_index(
            drop=True
        )
        rows.to_parquet(folder / "panel.parquet", index=False)
        columns = [str(c) for c in rows]
    dictionary(received, columns).to_csv(
        folder / "dictionary.csv", index=False, lineterminator="\n"
    )
    return ["panel.parquet", *([] if intake is None else intake.extra), "dictionary.csv"]


def dictionary(received: Received, columns: list[str]) -> pd.DataFrame:
    """What each column of the panel is: `column, meaning, unit, source, missing_means`.

    The file adds `type`, as it is in Parquet, and `missing_rows`.
    """
    return pd.DataFrame(
        [_line(received, column) for column in columns],
        columns=["column", "meaning", "unit", "source", "missing_means"],
    )


def _line(received: Received, column: str) -> tuple[str, str, str, str, str]:
    study = received.study
    if received.intake is None:
        return _declared_line(received, column)
    rules = study.outcome_rules()
    made = [] if rules is None else [c for c in outcome_columns(rules) if c.name == column]
    if made:
        source = "customs and register" if study.register_ is not None else "customs"
        return (
            column,
            made[0].meaning,
            made[0].unit,
            source if study.customs else "register",
            made[0].missing,
        )
    name = column.removesuffix(f"_{study.amounts_in}")
    meaning, unit = _WORDS[name]
    customs = study.customs
    if name == "exporter" and customs is not None:
        meaning = (
            f"1 where exports exceed {customs.minimum_value_eur:,.0f} euros in the year, else 0"
        )
    if name == "products" and customs is not None and customs.classification == "hs":
        meaning = f"products exported, at {customs.product_digits} digits of the Harmonised System"
    if unit == "money":
        unit = received.intake.money
    elif unit == "employment":
        kind = study.register_.employment if study.register_ is not None else None
        unit = {"headcount": "heads", "fte": "full-time equivalents"}.get(kind or "", "persons")
    source = _SOURCE.get(name, "all files")
    if customs is None and source == "customs":
        source = "register"
    missing = _MISSING.get(
        name, "not in the register for this year" if source == "register" else "never"
    )
    if not _delivered(received.intake, name, source):
        missing = "not in the files"
    return column, meaning, unit, source, missing


def _delivered(intake: Intake, name: str, source: str) -> bool:
    """Whether any file has what a column is made from."""
    made_from = {"programme_hours": "hours", "programme_cost": "cost"}.get(name, name)
    if name in ("country", "women_led"):
        return any(made_from in intake.present.get(t, ()) for t in ("register", "roster"))
    if source == "register" and name == "employees":
        return any(c.startswith("employees") for c in intake.present.get("register", ()))
    if source == "register" or name in (*ROSTER_WORDS, "programme_hours", "programme_cost"):
        return made_from in intake.present.get(source, ()) or name == "exporter"
    return True


def _declared_line(received: Received, column: str) -> tuple[str, str, str, str, str]:
    study, panel = received.study, received.panel
    assert panel is not None
    rule = study.derive.get(column)
    outcome = next((o for o in study.outcome if o.name == column), None)
    if rule is not None:
        source = f"logarithm of {rule.log}" if rule.log else f"{rule.lag} a year before"
    elif study.data is not None and column in study.data.columns:
        source = f"column {study.data.columns[column]} of the file"
    else:
        source = "made from the treatment"
    unit = outcome.unit if outcome is not None else ""
    return column, panel.label(column), unit, source, "the file has no value"
