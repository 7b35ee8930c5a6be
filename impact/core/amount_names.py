"""Names by which a column of amounts is known without being named: `exports`, `exports_eur`, `value_usd_2015`."""

from __future__ import annotations

import re
from collections.abc import Iterable

# ISO 4217, without two codes that are words of a table: ALL (lek) and TOP (pa'anga).
_CURRENCIES = (
    "aed afn amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd btn bwp byn bzd cad cdf chf clp cny cop crc "
    "cup cve czk djf dkk dop dzd ecu egp ern etb eur fjd fkp gbp gel ghs gip gmd gnf gtq gyd hkd hnl hrk htg huf idr ils inr iqd "
    "irr isk jmd jod jpy kes kgs khr kmf kpw krw kwd kyd kzt lak lbp lkr lrd lsl lyd mad mdl mga mkd mmk mnt mop mru mur mvr mwk "
    "mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sdg sek sgd shp sle sll "
    "sos srd ssp stn svc syp szl thb tjs tmt tnd try ttd twd tzs uah ugx usd uyu uzs ves vnd vuv wst xaf xcd xof xpf yer zar zmw zwl"
)
_AMOUNT = re.compile(rf"(?:_(?:fob|cif))?(?:_[km]?(?:{_CURRENCIES.replace(' ', '|')})(?:_[12]\d\d\d)?)?")  # fmt: skip


def is_amount(column: str, stem: str) -> bool:
    """Whether a column is called a stem, or a stem with how it was valued, its currency, thousands or millions, its base year.

    A name that merely begins so may be anything: a growth rate, a rank.

    Examples
    --------
    >>> [is_amount(c, "exports") for c in ("exports", "exports_eur_2015", "exports_kusd", "exports_fob")]
    [True, True, True, True]
    >>> [is_amount(c, "exports") for c in ("exports_growth", "exports_2014", "exports_all", "exportsx")]
    [False, False, False, False]
    """
    return column.startswith(stem) and _AMOUNT.fullmatch(column[len(stem) :].lower()) is not None


def amount_columns(columns: Iterable[object], *stems: str) -> list[str]:
    """The columns that are amounts by their names, in order."""
    return [str(c) for c in columns if any(is_amount(str(c), stem) for stem in stems)]


def is_currency(code: str) -> bool:
    """Whether a word of three capital letters is the code of a currency that is known here; FTE is none.

    Examples
    --------
    >>> is_currency("USD"), is_currency("FTE"), is_currency("usd")
    (True, False, False)
    """
    return code.isupper() and code.lower() in _CURRENCIES.split()


_PARTS = re.compile(rf"_(?P<scale>[km]?)(?P<currency>{_CURRENCIES.replace(' ', '|')})(?:_(?P<base>[12]\d\d\d))?")  # fmt: skip


def amount_parts(column: str) -> tuple[str | None, str, int | None]:
    """What the end of a column's name says of its amounts: currency, "k" or "m" for thousands or millions, base year of the prices.

    Examples
    --------
    >>> amount_parts("exports_eur_2015"), amount_parts("sales_kusd"), amount_parts("employees")
    (('EUR', '', 2015), ('USD', 'k', None), (None, '', None))
    """
    found = re.search(_PARTS.pattern + "$", column.lower())
    if found is None:
        return None, "", None
    base = found["base"]
    return found["currency"].upper(), found["scale"], None if base is None else int(base)
