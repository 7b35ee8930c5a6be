"""Presets: the columns of a known customs layout, found in the header of a file.

What the study declares itself always comes before the preset.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from impact.core.errors import Fault, StudyError, shown
from impact.core.notice import Notice
from impact.read.layouts import CHILE, COLOMBIA, COLOMBIA_DIAN, ECUADOR, EDD, PERU, Preset

PRESETS: Mapping[str, Preset] = MappingProxyType(
    {p.name: p for p in (EDD, COLOMBIA, COLOMBIA_DIAN, PERU, CHILE, ECUADOR)}
)
"""Name in study.toml -> layout."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """Columns of a header that a preset names: canonical -> as it stands in the header."""

    columns: dict[str, str]
    faults: tuple[Fault, ...] = ()
    notices: tuple[Notice, ...] = ()


def preset_called(name: str) -> Preset:
    """Look a preset up.

    Raises
    ------
    StudyError
        If there is none of that name.

    Examples
    --------
    >>> preset_called("edd").constants["currency"]
    'USD'
    """
    if name not in PRESETS:
        raise StudyError(
            "The customs files cannot be read.",
            [Fault("there is no preset of this name", f"choose from {', '.join(PRESETS)}",
                   column="customs.preset", value=name)],
        )  # fmt: skip
    return PRESETS[name]


def resolve(
    preset: Preset,
    header: Sequence[str],
    *,
    declared: Mapping[str, str] | None = None,
    file: str | None = None,
) -> Resolved:
    """Find the columns of a layout in a header.

    Parameters
    ----------
    preset : Preset
        The layout.
    header : sequence of str
        Names as they stand in the file.
    declared : mapping of str to str, optional
        Canonical name -> name in the file, from study.toml; these are not looked for.
    file : str, optional
        For messages.

    Returns
    -------
    Resolved
        With a fault for each column that is missing although the layout needs it, and for each that several columns of the
        header could be.

    Examples
    --------
    >>> resolve(PRESETS["edd"], ["C", "y", "f", "hs", "d", "v", "q"]).columns["firm_id"]
    'f'
    >>> print(resolve(PRESETS["edd"], ["y", "f", "d", "v"]).faults[0])
    row 1, column 'product': the preset 'edd' needs a column HS, and the header has none. To mend: ...
    """
    told = dict(declared or {})
    there: dict[str, list[str]] = {}
    for name in header:
        there.setdefault(fold_name(name), []).append(name)
    columns, faults, notices = dict(told), list[Fault](), list[Notice]()
    for canonical, spellings in preset.columns.items():
        if canonical in told:
            continue
        found = _found(there, spellings)
        if not found:
            found = _found(there, preset.instead.get(canonical, ()))
            if len(found) == 1:
                notices.append(_other_meaning(preset, canonical, found[0], file))
        if len(found) > 1:
            faults.append(_ambiguous(canonical, found, file))
        elif found:
            columns[canonical] = found[0]
        elif canonical in preset.required:
            faults.append(_missing(preset, canonical, header, file))
    return Resolved(columns, tuple(faults), tuple(notices))


def fold_name(name: str) -> str:
    """Name of a column without case, accents, blanks and signs.

    Examples
    --------
    >>> fold_name(" Código Subpartida "), fold_name("\\ufeffCOD_PAI4")
    ('codigosubpartida', 'codpai4')
    """
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    return "".join(c for c in plain if c.isalnum())


def _found(there: Mapping[str, list[str]], spellings: Sequence[str]) -> list[str]:
    keys = dict.fromkeys(fold_name(s) for s in spellings)
    return [name for key in keys for name in there.get(key, [])]


def _ambiguous(canonical: str, found: list[str], file: str | None) -> Fault:
    names = [shown(name) for name in found]
    return Fault(
        f"{len(found)} columns could be the {canonical}: {', '.join(names)}",
        f"which one is it? Declare it under [customs.columns], as in {canonical} = {names[0]}",
        file=file,
        row=1,
        column=canonical,
    )


def _missing(preset: Preset, canonical: str, header: Sequence[str], file: str | None) -> Fault:
    names = " or ".join(n.upper() for n in preset.columns[canonical][:4])
    has = ", ".join(shown(h) for h in list(header)[:12])
    why = f" ({preset.causes[canonical]})" if canonical in preset.causes else ""
    return Fault(
        f"the preset '{preset.name}' needs a column {names}, and the header has none{why}",
        f"declare {canonical} under [customs.columns] if it has another name; the header has: {has}",
        file=file,
        row=1,
        column=canonical,
    )


def _other_meaning(preset: Preset, canonical: str, name: str, file: str | None) -> Notice:
    usual = preset.columns[canonical][0]
    return Notice(f"{canonical} is read from {shown(name)}, since there is no {usual}; the two do not mean the same",
                  file=file, column=canonical)  # fmt: skip
