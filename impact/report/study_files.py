"""Sections of study.toml on the files that every evaluation has: customs, roster, register, budget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Section(BaseModel):
    """A table of study.toml: an unknown key is a fault, and a read study does not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Thousands = Literal["", ".", ",", " ", "'"]


class Delivery(Section):
    """What the tables of deliveries share: where the files are, and how their text is written.

    `files` holds paths or globs, relative to study.toml; `columns` maps the canonical name to the name in the file.
    """

    files: tuple[str, ...] = Field(min_length=1)
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    encoding: Literal["utf-8", "latin-1", "iso-8859-15", "cp1252", "cp850"] = "utf-8"
    header_row: int = Field(default=1, ge=1, le=100)
    sheet: str | None = None
    decimal: Literal[".", ","] | None = None
    thousands: Thousands | None = None
    minus: Literal["before", "after", "parentheses"] | None = None
    currency: str | None = Field(default=None, pattern=r"^[A-Z]{3}$")
    columns: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _one_file(cls, raw: Any) -> Any:
        """`file = "x.csv"` and `files = "x.csv"` are ways to write one file."""
        if isinstance(raw, Mapping):
            raw = dict(raw)
            if isinstance(raw.get("file"), str) and "files" not in raw:
                raw["files"] = (raw.pop("file"),)
            elif isinstance(raw.get("files"), str):
                raw["files"] = (raw["files"],)
        return raw


class CustomsSection(Delivery):
    """`[customs]`: shipments."""

    preset: Literal["edd", "colombia", "colombia_dian", "peru", "chile", "ecuador"] | None = None
    date_format: str | None = None
    negative: Literal["net", "drop"] | None = None
    exclude_regimes: tuple[str, ...] = ()
    exclude_products: tuple[str, ...] = ()
    drop_unreadable: tuple[Literal["firm_id", "date", "product", "destination", "regime"], ...] = ()
    destination_codes: str | None = None
    classification: Literal["hs", "other"] = "hs"
    product_digits: Literal[2, 4, 6, 8, 10] = 6
    nomenclature: str | dict[str, str] | None = None
    concordance: str | None = None
    restore_leading_zeros: bool = False
    minimum_value_eur: float = Field(default=0, ge=0)


class RosterSection(Delivery):
    """`[roster]`: who took part."""

    programmes: tuple[str, ...] = ()
    starts: int | None = None
    ends: int | None = None
    date_format: str | None = None
    drop_unreadable: tuple[Literal["firm_id", "joined"], ...] = ()


class RegisterSection(Delivery):
    """`[register]`: firms by year."""

    employment: Literal["headcount", "fte"] | None = None
    absent: Literal["unobserved", "inactive"] = "unobserved"
    active_needs: Literal["staff_or_sales", "staff_and_sales"] = "staff_or_sales"
    drop_unreadable: tuple[Literal["firm_id", "year"], ...] = ()


class BudgetSection(Delivery):
    """`[budget]`: what was committed and spent."""

    drop_unreadable: tuple[Literal["year", "line", "source"], ...] = ()


class MoneySection(Section):
    """`[money]`: how values in several currencies become euros of one year."""

    rates: str | None = None
    quoted: Literal["currency_per_euro", "euro_per_currency"] | None = None
    deflators: str | None = None
    deflator_kind: Literal["index", "inflation_pct"] = "index"
    base_year: int | None = None
    order: Literal["convert_then_deflate", "deflate_then_convert"] = "convert_then_deflate"
    order_register: Literal["convert_then_deflate", "deflate_then_convert"] | None = None
    areas: dict[str, str] = Field(default_factory=dict)


class IdentifierSection(Section):
    """`[identifiers]`: how a firm's number is written."""

    country: str | None = Field(default=None, pattern=r"^[A-Z]{2}$")
    kind: str | None = None
    check: Literal["off", "warn", "refuse"] | None = None
    width: int | None = Field(default=None, ge=1, le=64)
    strip_leading_zeros: bool = False
    drop_check_digit: bool = False
    separators: str | None = None
    dropped: dict[str, str] = Field(default_factory=dict)


class OutcomesSection(Section):
    """`[outcomes]`: entry, survival, new lines, concentration and margins as columns of the panel."""

    look_back: int = Field(default=3, ge=1, le=20)
    horizons: tuple[int, ...] = (1, 2, 3, 5)
    sustained: int = Field(default=2, ge=2, le=10)
    home: tuple[str, ...] = ()
    files: tuple[Literal["cells", "spells"], ...] = ("cells", "spells")


class LinkageSection(Section):
    """`[linkage]`: how much of the roster must be found."""

    warn_below: float = Field(default=0.9, ge=0, le=1)
    refuse_below: float = Field(default=0.5, ge=0, le=1)
    accept_below: float | None = Field(default=None, ge=0, le=1)
    reason: str = ""
