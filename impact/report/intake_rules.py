"""What study.toml says about deliveries, as the rules that validation takes; and the small tables it names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from impact.core.errors import DataError, Fault
from impact.core.money import Money
from impact.core.notice import Notice
from impact.core.rate_tables import EURO, DeflatorTable
from impact.read.delimited import TextTable, read_delimited
from impact.read.layouts import Preset
from impact.read.presets import preset_called, resolve
from impact.read.staging import TableFormat
from impact.report.study import Study
from impact.report.study_files import CustomsSection, Delivery
from impact.validate.customs import CUSTOMS_COLUMNS, CustomsRules
from impact.validate.identifiers import IdentifierRules
from impact.validate.numbers import NumberFormat
from impact.validate.products import concordance_families
from impact.validate.rates import read_deflators, read_rates
from impact.validate.register import RegisterRules
from impact.validate.roster import RosterRules
from impact.validate.spending import BudgetRules


@dataclass(slots=True)
class Tables:
    """Small tables that a study names: rates, price levels, concordance, codes of destinations."""

    money: Money
    register_money: Money
    families: pd.DataFrame | None = None
    destinations: pd.DataFrame | None = None
    faults: list[Fault] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    inputs: dict[str, str] = field(default_factory=dict)


def read_tables(study: Study, folder: Path) -> Tables:
    """Read the small tables of a study; faults are noted, not raised."""
    faults: list[Fault] = []
    inputs: dict[str, str] = {}

    def table(name: str | None) -> TextTable | None:
        if name is None:
            return None
        try:
            found = read_delimited(folder / name, name=name, delimiter=_delimiter(folder / name))
        except DataError as error:
            faults.extend(error.faults)
            return None
        inputs[name] = found.sha256
        return found

    m = study.money
    notices: list[Notice] = []
    rates = deflators = None
    if (found := table(m.rates)) is not None:
        rates, bad, said = read_rates(found, quoted=m.quoted or "currency_per_euro")
        faults += bad
        notices += said
    if (found := table(m.deflators)) is not None:
        deflators, bad, said = read_deflators(found, kind=m.deflator_kind, area=_only_area(found))
        faults += bad
        notices += said
    # Price levels that could not be read are a fault already; no second one for the base year.
    base = m.base_year if deflators is not None else None
    local = m.order_register or "deflate_then_convert"
    areas = m.areas or _euro_area(deflators)
    tables = Tables(
        Money(rates, deflators, base, m.order, areas),
        Money(rates, deflators, base, local, areas),
        faults=faults,
        notices=notices,
        inputs=inputs,
    )
    customs = study.customs
    if customs is not None:
        tables.families = _families(table(customs.concordance), customs, faults)
        tables.destinations = _codes(table(customs.destination_codes), faults)
    return tables


def _delimiter(path: Path) -> str:
    """What parts the header of a small table: the comma, unless only a semicolon or a tab is there."""
    try:
        with path.open("rb") as file:
            header = file.readline(4096)
    except OSError:
        return ","  # the reader says why the file cannot be opened
    found = [d for d in (b",", b";", b"\t") if d in header]
    return found[0].decode() if found else ","


def _only_area(table: TextTable) -> str | None:
    """A table without a column of areas holds the prices of the euro area."""
    return None if "area" in table.cells else EURO


def _euro_area(deflators: DeflatorTable | None) -> dict[str, str]:
    """The usual names of the euro area in tables of price levels."""
    known = [] if deflators is None else deflators.areas()
    usual = [a for a in ("EUR", "EA", "EMU", "EA19", "EA20", "XC") if a in known]
    return {EURO: usual[0]} if usual and EURO not in known else {}


def _families(
    table: TextTable | None, customs: CustomsSection, faults: list[Fault]
) -> pd.DataFrame | None:
    if table is None or not _has(table, ("from_code", "to_code"), faults):
        return None
    cells = table.cells[["from_code", "to_code"]]
    digits = customs.product_digits
    for column in cells:
        plain = cells[column].str.replace(r"[ .]", "", regex=True)
        bad = ~plain.str.fullmatch(r"\d{%d,10}" % digits)  # noqa: UP031
        faults += [Fault(f"a code of the concordance has at least {digits} digits", "write it as text, zeros in front",
                         file=table.name, row=int(row), column=column, value=cells.at[row, column])
                   for row in cells.index[bad][:50]]  # fmt: skip
    if faults:
        return None
    cut = cells.apply(lambda c: c.str.replace(r"[ .]", "", regex=True).str[:digits])
    return concordance_families(cut)


def _codes(table: TextTable | None, faults: list[Fault]) -> pd.DataFrame | None:
    if table is None or not _has(table, ("code", "iso"), faults):
        return None
    return table.cells[["code", "iso"]]


def _has(table: TextTable, columns: tuple[str, ...], faults: list[Fault]) -> bool:
    absent = [c for c in columns if c not in table.cells]
    for column in absent:
        faults.append(Fault("the column is missing", f"the file needs {' and '.join(columns)}",
                            file=table.name, row=1, column=column))  # fmt: skip
    return not absent


def customs_columns(
    section: CustomsSection, faults: list[Fault], notices: list[Notice]
) -> Mapping[str, str] | Callable[[Sequence[str], str], Mapping[str, str]]:
    """Names of the customs columns in the files: those of the study, else those that its preset finds.

    What the preset cannot find in a file is noted.
    """
    if section.preset is None:
        return section.columns
    preset = preset_called(section.preset)

    def find(header: Sequence[str], file: str) -> Mapping[str, str]:
        found = resolve(preset, header, declared=section.columns, file=file)
        faults.extend(found.faults)
        notices.extend(found.notices)
        return {c: name for c, name in found.columns.items() if c in CUSTOMS_COLUMNS}

    return find


def table_format(section: Delivery) -> TableFormat:
    """How the files of a table are written; a preset gives what the study leaves open."""
    preset = _preset(section)
    declares: Mapping[str, Any] = {} if preset is None else preset.declares
    given = section.model_fields_set
    return TableFormat(
        files=section.files,
        delimiter=section.delimiter or declares.get("delimiter"),
        encoding=section.encoding if "encoding" in given else declares.get("encoding", "utf-8"),
        header_row=section.header_row,
        sheet=section.sheet,
        names=() if preset is None else preset.header,
        quoted=declares.get("quoted", True),
    )


def _preset(section: Delivery) -> Preset | None:
    name = getattr(section, "preset", None)
    return preset_called(name) if name is not None else None


def _numbers(section: Delivery) -> NumberFormat:
    preset = _preset(section)
    declares: Mapping[str, Any] = {} if preset is None else preset.declares
    return NumberFormat(
        section.decimal or declares.get("decimal"),
        section.thousands if section.thousands is not None else declares.get("thousands"),
        section.minus,
    )


def _identifiers(study: Study) -> IdentifierRules:
    i = study.identifiers
    given: dict[str, Any] = {}
    if i.check is not None:
        given["check"] = i.check
    if i.separators is not None:
        given["separators"] = i.separators
    return IdentifierRules(
        country=i.country,
        kind=i.kind,
        width=i.width,
        strip_leading_zeros=i.strip_leading_zeros,
        drop_check_digit=i.drop_check_digit,
        **given,
    )


def _period(study: Study) -> dict[str, int]:
    first, last = study.study.first_year, study.study.last_year
    assert first is not None and last is not None
    return {"first_year": first, "last_year": last}


def customs_rules(study: Study, tables: Tables) -> CustomsRules:
    """Rules of `[customs]`; a preset gives what the study leaves open."""
    s = study.customs
    assert s is not None
    preset = _preset(s)
    declares: Mapping[str, Any] = {} if preset is None else preset.declares
    dropped: Mapping[str, Mapping[str, str]] = {} if preset is None else preset.dropped
    currency = None if preset is None else preset.constants.get("currency")
    return CustomsRules(
        **_period(study),
        date_format=s.date_format or declares.get("date_format"),
        numbers=_numbers(s),
        negative=s.negative,
        currency=s.currency or currency,
        classification=s.classification,
        product_digits=s.product_digits,
        restore_leading_zeros=s.restore_leading_zeros
        or bool(declares.get("restore_leading_zeros")),
        families=tables.families,
        destinations=tables.destinations,
        dropped_firms={**dropped.get("firm_id", {}), **study.identifiers.dropped},
        dropped_destinations=dropped.get("destination", {}),
        dropped_products=dropped.get("product", {}),
        destination_before_hyphen=preset is not None and preset.destinations == "alpha-2 and name",
        exclude_products=s.exclude_products,
        exclude_regimes=s.exclude_regimes,
        identifiers=_identifiers(study),
    )


def register_rules(study: Study) -> RegisterRules:
    """Rules of `[register]`."""
    s = study.register_
    assert s is not None
    return RegisterRules(
        **_period(study),
        employment=s.employment,
        currency=s.currency,
        absent=s.absent,
        numbers=_numbers(s),
        identifiers=_identifiers(study),
    )


def roster_rules(study: Study) -> RosterRules:
    """Rules of `[roster]`."""
    s = study.roster
    assert s is not None
    return RosterRules(s.programmes, s.starts, s.ends, s.date_format, s.currency, _numbers(s),
                       _identifiers(study))  # fmt: skip


def budget_rules(study: Study) -> BudgetRules:
    """Rules of `[budget]`."""
    s = study.budget
    assert s is not None
    programmes = () if study.roster is None else study.roster.programmes
    first, last = study.study.first_year, study.study.last_year
    return BudgetRules(s.currency, _numbers(s), first, last, programmes)
