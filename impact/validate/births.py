"""What happened before a firm was born, by the register's own word: said, and never mended.

A year of birth may be that of a legal form, or the identifier may have passed to a successor; which of the two dates is wrong is
not for us to choose. Shipments are proof of activity and stay; a register row before the birth leaves its firm inactive.
"""

from __future__ import annotations

import pandas as pd

from impact.core.notice import Notice
from impact.engines.relations import Relations

_BORN = (
    "SELECT firm, min(birth_year) AS born, count(DISTINCT birth_year) AS births FROM register_years "
    "WHERE birth_year IS NOT NULL GROUP BY firm"
)
_CHECK = "check the year of birth, or whether the identifier passed from one firm to another"


def early_lives(relations: Relations, files: str, *, customs: bool) -> list[Notice]:
    """Say which firm-years of the register and of the shipments lie before the birth of their firm.

    Parameters
    ----------
    relations : Relations
        Holds `firms`, `register_years`, and `export_years` where there are customs files.
    files : str
        The register, in words.
    customs : bool
        Whether there are shipments.

    Returns
    -------
    list of Notice
        With the number of rows, and the first firms with the year and, behind "born", the year of birth.
    """
    notices = _several_births(relations, files)
    notices += _early(relations, files, "register_years", "1", (
        "had rows in the register before birth_year and count as not active in those years "
        f"unless they shipped: {_CHECK}"))  # fmt: skip
    if customs:
        notices += _early(relations, files, "export_years", "x.shipments", (
            "shipped before birth_year; the shipments stay, and so do the exporters of those "
            f"years: {_CHECK}"))  # fmt: skip
    return notices


def early_participants(relations: Relations, joined: pd.DataFrame, files: str) -> list[Notice]:
    """Say which firms took part before they were born.

    Parameters
    ----------
    relations : Relations
        Holds `firms` and `register_years`.
    joined : DataFrame
        `firm_id, joined`: first year of each participant.
    files : str
        The roster, in words.
    """
    known = joined.dropna(subset=["joined"])
    relations.put("joined_firms", pd.DataFrame({
        "firm_id": known["firm_id"].astype("str"), "year": known["joined"].astype("int64")}))  # fmt: skip
    relations.view(
        "joined_years",
        "SELECT f.firm, j.year FROM joined_firms j JOIN firms f ON f.firm_id = j.firm_id",
    )
    said = ("took part before birth_year, as the register has it: check the date of joining, "
            "the year of birth, and whether both files mean the same firm")  # fmt: skip
    return _early(relations, files, "joined_years", "1", said)


def _early(relations: Relations, files: str, relation: str, rows: str, said: str) -> list[Notice]:
    early = f"FROM {relation} x JOIN ({_BORN}) b ON b.firm = x.firm WHERE x.year < b.born"
    found = relations.frame(
        f"SELECT count(DISTINCT x.firm) AS firms, CAST(coalesce(sum({rows}), 0) AS BIGINT) AS n {early}"
    ).iloc[0]
    if not int(found["firms"]):
        return []
    first = relations.frame(
        f"SELECT f.firm_id, e.year, e.born FROM (SELECT x.firm, min(x.year) AS year, min(b.born) AS born {early} "
        "GROUP BY x.firm ORDER BY x.firm LIMIT 3) e JOIN firms f ON f.firm = e.firm ORDER BY f.firm_id"
    )
    examples = tuple(
        f"{firm}: {year}, born {born}" for firm, year, born in first.itertuples(index=False)
    )
    return [Notice(f"{_firms(int(found['firms']))} {said}", file=files, column="birth_year", rows=int(found["n"]),
                   examples=examples)]  # fmt: skip


def _several_births(relations: Relations, files: str) -> list[Notice]:
    found = relations.frame(
        f"SELECT b.firm, f.firm_id, b.births FROM ({_BORN}) b JOIN firms f ON f.firm = b.firm WHERE b.births > 1 "
        "ORDER BY b.firm"
    )
    if found.empty:
        return []
    said = f"{_firms(len(found))} had more than one year of birth; the earliest counts"
    return [Notice(said, file=files, column="birth_year", examples=tuple(found["firm_id"].head(3)))]


def _firms(count: int) -> str:
    return f"{count:,} firm{'' if count == 1 else 's'}"
