"""Files inside files: gzip, bzip2 and zip, opened with a limit, and never by the names inside them."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO, cast

from impact.core.errors import Fault
from impact.core.notice import Notice
from impact.display.progress import progress
from impact.read.deliveries import Delivery, printable
from impact.read.magic import HEAD, at_odds, ending_kind, kind_of

BOMB_BYTES = 200_000_000
BOMB_RATIO = 200
"""What unpacks to more than both is refused: trade records pack to a tenth of their size, not to a thousandth."""

_CHUNK = 1 << 20
_DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    NotImplementedError,  # a method of packing that the library does not know
    RuntimeError,
)
_SYSTEM = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")


class Unreadable(Exception):
    """A content cannot be read; carries the problem and the remedy."""

    def __init__(self, problem: str, remedy: str) -> None:
        self.problem, self.remedy = problem, remedy
        super().__init__(problem)


@dataclass(frozen=True, slots=True)
class Content:
    """One table's worth of bytes: a file, or what is packed in one.

    Attributes
    ----------
    name : str
        As the person knows it; `archive.zip/member.csv` where an archive holds several.
    path : Path
        The file as received.
    kind : {"text", "xlsx", "parquet"}
        What it is once unpacked.
    sha256 : str
        Of the file as received.
    packing : {"", "gz", "bz2", "zip"}
        How it is packed.
    member : int, optional
        Position in the zip archive.
    """

    name: str
    path: Path
    kind: str
    sha256: str
    packing: str = ""
    member: int | None = None

    def chunks(self) -> Iterator[bytes]:
        """Give the unpacked bytes, piece by piece.

        Raises
        ------
        Unreadable
            If the archive is damaged, under a password, or unpacks to what no honest archive does.
        """
        limit = max(BOMB_BYTES, BOMB_RATIO * self.path.stat().st_size)
        given = 0
        with self.path.open("rb") as file:
            source = self._unpacked(file)
            while chunk := self._piece(source):
                given += len(chunk)
                if self.packing and given > limit:
                    raise _bomb()
                yield chunk

    def unpack(self, out: Path) -> Content:
        """Write the unpacked bytes to a file, and give the content of that file."""
        with out.open("wb") as target, progress(f"unpacking {self.name}", lambda: None):
            for chunk in self.chunks():
                target.write(chunk)
        if self.kind == "xlsx":
            if _kind_of_zip(out) != "xlsx":
                raise _nested()
            refuse_bomb(out)
        return replace(self, path=out, packing="", member=None)

    def _unpacked(self, file: IO[bytes]) -> IO[bytes]:
        if self.packing == "gz":
            return cast("IO[bytes]", gzip.GzipFile(fileobj=file))
        if self.packing == "bz2":
            return cast("IO[bytes]", bz2.BZ2File(file))
        if self.packing == "zip":
            return _member(file, self.member or 0)
        return file

    def _piece(self, source: IO[bytes]) -> bytes:
        try:
            return source.read(_CHUNK)
        except _DAMAGE as error:
            if not self.packing:
                raise
            raise _damaged("archive") from error


def sha256_of(path: Path) -> str:
    """Hash a file, reading it once from front to back."""
    size = path.stat().st_size or 1
    with path.open("rb") as file, progress(f"hashing {path.name}", lambda: file.tell() / size):
        return hashlib.file_digest(file, "sha256").hexdigest()


def contents_of(delivery: Delivery) -> tuple[list[Content], list[Fault], list[Notice]]:
    """Look into a delivery: is it what its name says, and which tables does it hold?

    Parameters
    ----------
    delivery : Delivery
        A file that can be read.

    Returns
    -------
    list of Content
        One, or one for each table of a zip archive, in the order of their names.
    list of Fault
        Content at odds with the name, nested or locked archives, bombs, damage, an empty file.
    list of Notice
        Members of an archive that are no tables and were passed over.

    Notes
    -----
    Every member of a zip archive with the ending of a table (.csv, .tsv, .tab, .dat, .psv, .xlsx, .xlsm,
    .parquet, .pq) is a delivery. A .txt is one where no other member is: beside a table it is a note.
    """
    try:
        with delivery.path.open("rb") as file:
            head = file.read(HEAD)
        if not head:
            raise Unreadable("the file is empty", "deliver it again, with a header row and data")
        kind = _kind(delivery.path, head)
        odd = at_odds(delivery.name, kind)
        if odd:
            raise Unreadable(*odd)
        content = Content(delivery.name, delivery.path, kind, sha256_of(delivery.path))
        if kind == "zip":
            return _members(content)
        if kind in ("gz", "bz2"):
            inner_name = PurePosixPath(delivery.name).stem
            return [_inner(replace(content, packing=kind), inner_name)], [], []
        if kind == "xlsx":
            refuse_bomb(delivery.path)
        return [content], [], []
    except Unreadable as error:
        return [], [Fault(error.problem, error.remedy, file=delivery.name)], []
    except OSError as error:
        what = f"the file cannot be read ({error.strerror})"
        return [], [Fault(what, "check that you may read it", file=delivery.name)], []


def refuse_bomb(path: Path) -> None:
    """Hold the sizes that a zip archive or a workbook declares against its own size.

    Raises
    ------
    Unreadable
        If it declares more than an honest archive unpacks to, or its list of members is damaged. A
        member never unpacks to more than it declares: zipfile stops there.
    """
    declared = sum(info.file_size for info in _listed(path))
    if declared > BOMB_BYTES and declared > BOMB_RATIO * path.stat().st_size:
        raise _bomb()


def _kind(path: Path, head: bytes) -> str:
    kind = kind_of(head)
    if kind == "zip":
        return _kind_of_zip(path)
    if kind == "ole" and _holds(path, "EncryptedPackage".encode("utf-16-le")):
        return "locked"
    return kind


def _kind_of_zip(path: Path) -> str:
    names = {info.filename for info in _listed(path)}
    if "xl/workbook.bin" in names:
        raise Unreadable("the file is a workbook of the binary XLSB format", "save it as XLSX")
    if "[Content_Types].xml" in names:
        if any(name.startswith("xl/") for name in names):
            return "xlsx"
        raise Unreadable(
            "the file is an office document, but no workbook",
            "save the table as XLSX or as 'CSV UTF-8'",
        )
    if "mimetype" in names and "content.xml" in names:
        raise Unreadable("the file is an OpenDocument file", "save it as XLSX or as 'CSV UTF-8'")
    return "zip"


def _listed(path: Path) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.infolist()
    except _DAMAGE as error:
        what = "workbook" if ending_kind(path.name) == "xlsx" else "archive"
        raise _damaged(what) from error


def _holds(path: Path, wanted: bytes) -> bool:
    before = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            if wanted in before + chunk:
                return True
            before = chunk[-len(wanted) :]
    return False


def _members(archive: Content) -> tuple[list[Content], list[Fault], list[Notice]]:
    refuse_bomb(archive.path)
    chosen, passed = _chosen(_listed(archive.path))
    if not chosen:
        raise Unreadable("the archive holds no table", "pack CSV, XLSX or Parquet files into it")
    said = "members of the archive that are no tables were passed over"
    notices = [Notice(said, archive.name, examples=tuple(passed))] if passed else []
    found: list[Content] = []
    faults: list[Fault] = []
    for name, position in chosen:
        shown = archive.name if len(chosen) == 1 else f"{archive.name}/{name}"
        member = replace(archive, name=shown, packing="zip", member=position)
        try:
            found.append(_inner(member, name))
        except Unreadable as error:
            faults.append(Fault(error.problem, error.remedy, file=shown))
    return found, faults, notices


def _chosen(infos: list[zipfile.ZipInfo]) -> tuple[list[tuple[str, int]], list[str]]:
    """Tables among the members by name and position, and the names of the other members."""
    named = [
        (printable(info.filename), position)
        for position, info in enumerate(infos)
        if not info.is_dir() and not any(word in info.filename for word in _SYSTEM)
    ]
    notes = [m for m in named if PurePosixPath(m[0]).suffix.lower() == ".txt"]
    tables = [m for m in named if ending_kind(m[0]) in ("text", "xlsx", "parquet")]
    tables = [m for m in tables if m not in notes] or notes
    packed = [m for m in named if ending_kind(m[0]) in ("zip", "gz", "bz2")]  # refused later
    chosen = tables + packed or (named if len(named) == 1 else [])
    return sorted(chosen), sorted(name for name, at in named if (name, at) not in chosen)


def _inner(content: Content, name: str) -> Content:
    """Hold what is packed against the name that it has inside; nothing is unpacked twice."""
    head = next(content.chunks(), b"")[:HEAD]
    if not head:
        raise Unreadable("the file in the archive is empty", "deliver the data again")
    kind = kind_of(head)
    if kind == "zip" and ending_kind(name) in ("xlsx", None):
        kind = "xlsx"  # its own members are looked at once it is unpacked
    if kind in ("zip", "gz", "bz2"):
        raise _nested()
    odd = at_odds(name, kind)
    if odd:
        raise Unreadable(odd[0].replace("the file", "the file in the archive", 1), odd[1])
    return replace(content, kind=kind)


def _member(file: IO[bytes], position: int) -> IO[bytes]:
    try:
        archive = zipfile.ZipFile(file)
        info = archive.infolist()[position]
        if info.flag_bits & 1:
            raise Unreadable("the archive is under a password", "pack it without one")
        return archive.open(info)
    except _DAMAGE as error:
        raise _damaged("archive") from error


def _damaged(what: str) -> Unreadable:
    return Unreadable(f"the {what} is damaged or cut off", "send the file again")


def _nested() -> Unreadable:
    return Unreadable("an archive lies within the archive", "unpack the outer one")


def _bomb() -> Unreadable:
    return Unreadable(
        f"the file unpacks to more than {BOMB_BYTES // 1_000_000:,} MB and {BOMB_RATIO} times its "
        "size, as archives do that are made to fill a disk",
        "check where it comes from; if it is sound, unpack it and deliver what it holds",
    )
