"""The edge to python-stdnum: is a firm's number one that its country could have issued?

python-stdnum is an optional extra (`impact[identifiers]`): the package works without it, and says what was not tested.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from importlib import import_module
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from impact.core.errors import MissingEngine, StudyError

FIRM_NUMBERS = {
    "AD": "ad.nrt", "AL": "al.nipt", "AR": "ar.cuit", "AT": "at.uid", "AU": "au.abn", "AZ": "az.voen",
    "BE": "be.vat", "BG": "bg.vat", "BR": "br.cnpj", "BY": "by.unp", "CA": "ca.bn", "CH": "ch.uid",
    "CL": "cl.rut", "CN": "cn.uscc", "CO": "co.nit", "CR": "cr.cpj", "CY": "cy.vat", "CZ": "cz.dic",
    "DE": "de.vat", "DK": "dk.cvr", "DO": "do.rnc", "DZ": "dz.nif", "EC": "ec.ruc", "EE": "ee.registrikood",
    "EG": "eg.tn", "ES": "es.nif", "FI": "fi.ytunnus", "FO": "fo.vn", "FR": "fr.siren", "GB": "gb.vat",
    "GH": "gh.tin", "GN": "gn.nifp", "GR": "gr.vat", "GT": "gt.nit", "HR": "hr.oib", "HU": "hu.anum",
    "ID": "id.npwp", "IE": "ie.vat", "IL": "il.hp", "IN": "in_.gstin", "IS": "is_.vsk", "IT": "it.iva",
    "JP": "jp.cn", "KE": "ke.pin", "KR": "kr.brn", "LI": "li.peid", "LT": "lt.pvm", "LU": "lu.tva",
    "LV": "lv.pvn", "MA": "ma.ice", "MC": "mc.tva", "MD": "md.idno", "ME": "me.pib", "MK": "mk.edb",
    "MT": "mt.vat", "MX": "mx.rfc", "MZ": "mz.nuit", "NL": "nl.btw", "NO": "no.orgnr", "NZ": "nz.ird",
    "PE": "pe.ruc", "PL": "pl.nip", "PT": "pt.nif", "PY": "py.ruc", "RO": "ro.cui", "RS": "rs.pib",
    "RU": "ru.inn", "SE": "se.orgnr", "SG": "sg.uen", "SI": "si.ddv", "SK": "sk.dph", "SM": "sm.coe",
    "SN": "sn.ninea", "SV": "sv.nit", "TH": "th.tin", "TN": "tn.mf", "TR": "tr.vkn", "TW": "tw.ubn",
    "UA": "ua.edrpou", "US": "us.ein", "UY": "uy.rut", "VE": "ve.rif", "VN": "vn.mst", "ZA": "za.tin",
}  # fmt: skip
"""The number by which a country knows its firms (ISO alpha-2 -> kind), where python-stdnum knows one.

A table of our own, and not stdnum's alias `vat`, because a VAT number is not everywhere the number of the register."""


def is_installed() -> bool:
    """Whether python-stdnum is there."""
    try:
        _stdnum()
    except MissingEngine:
        return False
    return True


def kinds() -> list[str]:
    """List every kind of number that python-stdnum can test, such as `co.nit`.

    Raises
    ------
    MissingEngine
        If python-stdnum is not installed.

    Examples
    --------
    >>> {"co.nit", "pe.ruc", "cl.rut"} <= set(kinds())
    True
    """
    _stdnum()
    modules = import_module("stdnum.util").get_number_modules()
    return sorted(m.__name__.removeprefix("stdnum.") for m in modules if hasattr(m, "is_valid"))


def valid_numbers(numbers: Iterable[str], kind: str) -> NDArray[np.bool_]:
    """Say of each number whether its form and its check digit are right.

    Parameters
    ----------
    numbers : iterable of str
        Without separators.
    kind : str
        Country and name of the number, as in `kinds()`.

    Returns
    -------
    array of bool
        In the order of `numbers`.

    Raises
    ------
    MissingEngine
        If python-stdnum is not installed.
    StudyError
        If it knows no such kind of number.

    Examples
    --------
    >>> valid_numbers(["2131234321", "2131234325"], "co.nit").tolist()
    [True, False]
    """
    is_valid = _module(kind).is_valid

    def valid(number: str) -> bool:
        try:
            return bool(is_valid(number))
        except Exception:  # a text over which a rule of stdnum stumbles is no number of that kind
            return False

    return np.fromiter((valid(n) for n in numbers), dtype=np.bool_)


def _stdnum() -> ModuleType:
    try:
        return import_module("stdnum")
    except ImportError as error:
        raise MissingEngine(
            "Check digits are tested by python-stdnum, which is not installed. To mend: "
            "pip install 'impact[identifiers]', or declare identifiers.check = \"off\"."
        ) from error


def _module(kind: str) -> ModuleType:
    known = (
        kinds()
    )  # the list comes first: a kind is text from a study file, and is never imported unseen
    if kind not in known:
        near = difflib.get_close_matches(kind, known, n=3)
        hint = (
            f"Did you mean {' or '.join(near)}?" if near else "Write country and number, as co.nit."
        )
        raise StudyError(f"There is no kind of identifier {kind!r}. {hint}")
    return import_module(f"stdnum.{kind}")
