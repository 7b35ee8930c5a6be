"""Rows of a delivered table joined to what their texts mean: one small map per column, faults by row."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from impact.core.errors import Fault
from impact.core.notice import Notice
from impact.engines.relations import Relations
from impact.read.staging import Staged, StagedFile, locate, locate_rows
from impact.validate.identifier_text import PROBLEMS
from impact.validate.understood import Understood

SHOWN = 50
"""Cells of one column that are named; the rest is counted."""


@dataclass(slots=True)
class Reading:
    """A delivered table while it is read: its relation, its files, what was found so far.

    Attributes
    ----------
    table : str
        Word for the table: customs, roster, register, budget.
    relations : Relations
        Where `relation` lives.
    relation : str
        Name of the relation that holds the rows as received.
    types : dict of str to str
        Canonical column -> type, of the columns that the delivery has.
    staged : Staged
        The files.
    droppable : collection of str
        Columns whose unreadable cells the study lets go, with their rows.
    numbers : collection of str
        Columns of amounts.
    reasons : list of str
        Why rows leave; the position, from 1, is the code that the maps carry, and the order of precedence.
    gate : str
        The column that says whose a row is; where it means nothing, the row's other cells are not looked at.
    gone : frozenset of str
        Texts of `gate` whose rows leave, or are total rows: known once `gate` was read.
    """

    table: str
    relations: Relations
    relation: str
    types: dict[str, str]
    staged: Staged
    droppable: Collection[str] = ()
    numbers: Collection[str] = ()
    reasons: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    gate: str = "firm_id"
    gone: frozenset[str] = frozenset()

    def has(self, column: str) -> bool:
        """Whether the delivery has the column."""
        return column in self.types

    def texts(self, column: str) -> pd.Series:
        """Distinct texts of a column with their numbers of rows; a missing cell is the empty text."""
        return self._texts(column, self.relation)

    def kept_texts(self, column: str) -> pd.Series:
        """The same, of the rows that do not leave by their gate."""
        return self._texts(column, self.kept().relation)

    def _texts(self, column: str, relation: str) -> pd.Series:
        found = self.relations.frame(
            f"SELECT coalesce(CAST(raw AS STRING), '') AS text, n FROM (SELECT {_quoted(column)} AS raw, "
            f"count(*) AS n FROM {relation} GROUP BY {_quoted(column)}) ORDER BY text"
        )
        return found.groupby("text", sort=True)["n"].sum()

    def kept(self) -> Reading:
        """The reading of the rows that do not leave by their gate; faults and notices gather in both."""
        return replace(self, relation=f"{self.table}_kept") if self.gone else self

    def amounts(self, column: str, look: Callable[[Reading], list[Fault]]) -> None:
        """Check a column of amounts; where rows that leave hold damaged ones, theirs are all unknown."""
        faults = look(self.kept())
        self.faults += faults
        if self.gone and not faults and look(self):
            others = ", ".join(f"r.{_quoted(c)}" for c in self.types if c != column)
            blank = f"CASE WHEN g.raw IS NULL THEN r.{_quoted(column)} ELSE NULL END AS {_quoted(column)}"
            name = f"{self.table}_without_{column}"
            self.relations.view(name, f"SELECT {others}, {blank} {self._beside_gone()}")
            self.relation = name

    def _beside_gone(self) -> str:
        key = f"coalesce(CAST(r.{_quoted(self.gate)} AS STRING), '')"
        return f"FROM {self.relation} r LEFT JOIN {self.table}_gone g ON {key} = g.raw"

    def _let_go(self, texts: pd.Series, gone: frozenset[str]) -> None:
        """Look at the other columns without the rows of these texts; where no row would be left, at all rows."""
        if not gone or set(texts.index) <= gone:
            return
        self.relations.put(f"{self.table}_gone", pd.DataFrame({"raw": sorted(gone)}))
        self.relations.view(f"{self.table}_kept", f"SELECT r.* {self._beside_gone()} WHERE g.raw IS NULL")  # fmt: skip
        self.gone = gone

    def rows(self) -> pd.DataFrame:
        """All rows of a small table, every cell as text (empty where it is missing), but floats in columns of numbers."""
        kept = {c for c, kind in self.types.items() if kind == "double" and c in self.numbers}
        picked = ", ".join(
            _quoted(c)
            if c in kept
            else f"coalesce(CAST({_quoted(c)} AS STRING), '') AS {_quoted(c)}"
            for c in self.types
        )
        return self.relations.frame(f"SELECT {picked} FROM {self.relation}")

    def reason(self, words: str) -> int:
        """Code of a reason, which is new or known."""
        if words not in self.reasons:
            self.reasons.append(words)
        return self.reasons.index(words) + 1

    def read(self, column: str, understand: Callable[[pd.Series], Understood]) -> pd.DataFrame:
        """Understand a column, note its faults, and give its map.

        Returns
        -------
        DataFrame
            `text`, the parts of the meaning, and `reason` as a code (0 = used). Texts that mean nothing
            and whose rows the study lets go have missing parts and a reason.
        """
        if self.types[column] == "double" and column != "value":
            self.faults.append(Fault(
                "the codes are stored as floating-point numbers, so that zeros and digits may be gone",
                "deliver the column as text", file=self.table, column=column))  # fmt: skip
        texts = self.kept_texts(column)
        understood = understand(texts)
        self.faults += [self.placed(fault, column) for fault in understood.faults]
        self.notices += [self._notice_of_table(n, column) for n in understood.notices]
        meaning = understood.meaning.copy()
        meaning["reason"] = [
            0 if pd.isna(r) else self.reason(self._words(str(r))) for r in meaning["reason"]
        ]
        misread = understood.misread
        if len(misread) and column in self.droppable:
            code = self.reason(f"{self.table}: {column} cannot be read")
            gone = pd.DataFrame({"text": misread["text"], "reason": code})
            meaning = pd.concat([meaning, gone], ignore_index=True)
        elif len(misread):
            self.faults += self.located(column, misread)
        if self.gone:
            meaning = pd.concat([meaning, self._of_gone(column, understand, texts)], ignore_index=True)  # fmt: skip
        elif column == self.gate:
            total = misread["problem"] == PROBLEMS["total"][0]
            leaving = misread if column in self.droppable else misread[total]
            self._let_go(texts, frozenset(leaving["text"]))
        return meaning.astype({"reason": "int64"})

    def _of_gone(
        self, column: str, understand: Callable[[pd.Series], Understood], kept: pd.Series
    ) -> pd.DataFrame:
        """Meanings of texts that only rows hold which leave by their gate; what means nothing has missing parts."""
        everything = self.texts(column)
        only = everything.index.difference(kept.index)
        if not len(only):
            return pd.DataFrame({"text": [], "reason": []})
        found = understand(everything).meaning
        found = found[found["text"].isin(only)]
        rest = pd.DataFrame({"text": only.difference(pd.Index(found["text"]))})
        code = self.reason(f"{self.table}: {self.gate} cannot be read")
        return pd.concat([found, rest], ignore_index=True).assign(reason=code)

    def located(self, column: str, misread: pd.DataFrame) -> list[Fault]:
        """Faults for the rows that hold a misread text: the first are named, the rest is counted."""
        said = {t: (p, r) for t, p, r in misread.itertuples(index=False)}
        return self.rows_with(column, set(said), lambda text: said[text])

    def rows_with(
        self,
        column: str,
        wanted: Collection[str] | Callable[[str], bool],
        said: Callable[[str], tuple[str, str]],
    ) -> list[Fault]:
        """Faults for the rows whose cell is wanted, file by file."""
        faults: list[Fault] = []
        for file in self.staged.files:
            raw = file.headings.get(column, column)
            rows, found = self._located_in(file, column, wanted)
            for row, text in rows:
                problem, remedy = said(text)
                faults.append(
                    Fault(problem, remedy, file=file.name, row=row, column=raw, value=text)
                )
            more = found - len(rows)
            if more > 0:
                faults.append(Fault(f"{more:,} more cells of this column cannot be read",
                                    "mend them in the same way", file=file.name, column=raw,
                                    count=more))  # fmt: skip
        return faults

    def _located_in(
        self, file: StagedFile, column: str, wanted: Collection[str] | Callable[[str], bool]
    ) -> tuple[list[tuple[int, str]], int]:
        """The first rows whose cell is wanted, and how many there are, without those that leave by their gate."""
        if not self.gone or column == self.gate:
            rows, totals = locate(file, {column: wanted}, SHOWN)
            return [(row, text) for row, _, text in rows], totals.get(column, len(rows))
        cells, _ = locate(file, {column: wanted, self.gate: self.gone}, file.rows)
        gone = {row for row, c, _ in cells if c == self.gate}
        left = [(row, text) for row, c, text in cells if c == column and row not in gone]
        return left[:SHOWN], len(left)

    def rows_holding(
        self, columns: Sequence[str], wanted: Collection[tuple[str, ...]]
    ) -> list[tuple[str, int, tuple[str, ...]]]:
        """File, row and texts of the rows that hold one of the combinations, in the order of files and rows."""
        return [
            (file.name, row, texts)
            for file in self.staged.files
            for row, texts in locate_rows(file, columns, wanted)
        ]

    def heading(self, column: str) -> str:
        """What the first file calls a column."""
        return self.staged.files[0].headings.get(column, column)

    def put_map(self, column: str, meaning: pd.DataFrame) -> str:
        """Make a column's map a relation of `raw` and the meaning's parts; give its name.

        `raw` has the type of the received column, so that rows are joined without a cast.
        """
        name = f"{self.table}_{column}_map"
        meaning = meaning.convert_dtypes() if len(meaning) == 0 else meaning
        if self.types[column] == "text":
            self.relations.put(name, meaning.rename(columns={"text": "raw"}))
            return name
        self.relations.put(f"{name}_texts", meaning)
        parts = ", ".join(f"m.{c}" for c in meaning.columns if c != "text")
        self.relations.make(
            name,
            f"SELECT r.raw, {parts} FROM (SELECT DISTINCT {_quoted(column)} AS raw FROM {self.relation}) r "
            f"JOIN {name}_texts m ON coalesce(CAST(r.raw AS STRING), '') = m.text",
        )
        return name

    def key(self, column: str) -> str:
        """The SQL by which rows meet a column's map; a missing text is the empty one."""
        name = f"r.{_quoted(column)}"
        return f"coalesce({name}, '')" if self.types[column] == "text" else name

    def _words(self, reason: str) -> str:
        mark = f"{self.table}: "
        return reason if reason.startswith(mark) else mark + reason

    def placed(self, fault: Fault, column: str) -> Fault:
        """A question about a column, with the row of its example."""
        here = replace(fault, file=fault.file or self.files(), column=self.heading(column))
        if fault.value is None or fault.row is not None:
            return here
        example = str(fault.value)
        for file in self.staged.files:
            rows, _ = locate(file, {column: lambda text: text.strip() == example}, 1)
            if rows:
                return replace(here, file=file.name, row=rows[0][0],
                               column=file.headings.get(column, column))  # fmt: skip
        return here

    def _notice_of_table(self, notice: Notice, column: str) -> Notice:
        return replace(notice, file=notice.file or self.files(), column=notice.column or column)

    def files(self) -> str:
        """The delivery in words: its file, or its first file and how many more."""
        names = [f.name for f in self.staged.files]
        if not names:
            return self.table
        return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def open_reading(
    table: str,
    relations: Relations,
    staged: Staged,
    *,
    numbers: Collection[str] = (),
    droppable: Collection[str] = (),
) -> Reading:
    """Name the rows of a staged delivery and start to read them.

    Parameters
    ----------
    table : str
        Word for the table.
    relations : Relations
        The engine.
    staged : Staged
        Files without faults; at least one.
    numbers : collection of str
        Canonical columns that hold amounts; they have no map.
    droppable : collection of str
        Columns whose unreadable cells the study lets go.

    Notes
    -----
    Columns that a typed delivery calls otherwise are renamed. A typed code or date meets its map in its own
    type, which spares a cast per row; where cells are missing it becomes text, so that they meet the map too.
    """
    relation = f"{table}_received"
    files = f"{relation}_files"
    raw_types = relations.parquet(files, [file.parquet for file in staged.files])
    columns = staged.files[0].columns
    types = {c: raw_types[raw] for c, raw in columns.items()}
    holes = _columns_with_holes(
        relations, files, {c: r for c, r in columns.items() if types[c] != "text"}
    )
    beyond = _columns_beyond(
        relations, files, {c: r for c, r in columns.items() if types[c] == "integer"}
    )
    picked = []
    for canonical, raw in columns.items():
        expression = _quoted(raw)
        if canonical in beyond:
            expression, types[canonical] = f"coalesce(CAST({expression} AS STRING), '')", "text"
        elif types[canonical] == "text" and staged.files[0].typed:
            expression = f"coalesce({expression}, '')"  # a missing amount must not pass as none
        if types[canonical] == "timestamp":
            expression, types[canonical] = f"CAST({expression} AS DATE)", "date"
        is_code = canonical not in numbers and types[canonical] != "text"
        if is_code and (canonical in holes or types[canonical] not in _JOINED):
            expression, types[canonical] = f"coalesce(CAST({expression} AS STRING), '')", "text"
        picked.append(f"{expression} AS {_quoted(canonical)}")
    relations.view(relation, f"SELECT {', '.join(picked)} FROM {files}")
    return Reading(table, relations, relation, types, staged, droppable, numbers)


_JOINED = ("date", "integer", "double")


def _columns_beyond(relations: Relations, files: str, columns: Mapping[str, str]) -> set[str]:
    """Columns of whole numbers without a sign that 64 bits with a sign do not hold."""
    if not columns:
        return set()
    largest = ", ".join(
        f"CAST(max({_quoted(raw)}) AS STRING) AS {_quoted(c)}" for c, raw in columns.items()
    )
    found = relations.frame(f"SELECT {largest} FROM {files}").iloc[0]
    return {c for c in columns if not pd.isna(found[c]) and int(found[c]) >= 2**63}


def _columns_with_holes(relations: Relations, files: str, columns: Mapping[str, str]) -> set[str]:
    if not columns:
        return set()
    counts = ", ".join(f"count({_quoted(raw)}) AS {_quoted(c)}" for c, raw in columns.items())
    found = relations.frame(f"SELECT count(*) AS all_rows, {counts} FROM {files}").iloc[0]
    return {c for c in columns if found[c] < found["all_rows"]}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
