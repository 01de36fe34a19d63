"""Foreign files, opened read-only and within bounds: each of them may be damaged, or made to do harm."""

from __future__ import annotations

import io
import itertools
import json
import os
import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeAlias
from xml.parsers import expat

from musictaste.errors import PlaysFileError

MOST_BYTES = 2 * 2**30
"""What is read in passing of one file, or unpacked of one archive."""
WHOLE_BYTES = 128 * 2**20
"""What is held in memory at once."""
LONGEST_LINE = 2**20
LONGEST_TEXT = 2**16
DEEPEST = 32
MOST_MEMBERS = 10_000
MOST_ROWS = 10_000_000
LONGEST_CELL = 16 * 2**20
COPIES = 3
"""How often a database that is being written to is copied again."""
CHUNK = 2**16

Stream: TypeAlias = "io.BufferedReader[Any]"
"""A file that can be looked into before it is read."""


def lines(stream: Stream) -> Iterator[str]:
    """The lines of a text in UTF-8 or, with a byte order mark, UTF-16; a line without end comes in pieces.

    Bytes that are not in the encoding become surrogates or replacement characters, so that one bad row is one bad row.
    """
    head = stream.peek(3)
    utf16 = head[:2] in (b"\xff\xfe", b"\xfe\xff")
    encoding, errors = ("utf-16", "replace") if utf16 else ("utf-8-sig", "surrogateescape")
    text = io.TextIOWrapper(stream, encoding, errors=errors)
    read = 0
    try:
        while line := text.readline(LONGEST_LINE):
            read += len(line)
            if read > MOST_BYTES:
                raise PlaysFileError(f"is larger than {MOST_BYTES >> 20} MiB")
            yield line
    finally:
        if not stream.closed:
            text.detach()  # who opened the stream closes it


def documents(stream: Stream) -> Iterator[Any]:
    """The JSON documents of a file: the one that it is, or one per line; a line that is none gives None."""
    following = lines(stream)
    first = next((line for line in following if line.strip()), "")
    try:
        one_per_line = isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        one_per_line = False
    if not one_per_line:
        yield _whole_document(first, following)
        return
    for line in itertools.chain([first], following):
        if line.strip():
            try:
                yield json.loads(line)
            except (ValueError, RecursionError):
                yield None


def _whole_document(first: str, following: Iterator[str]) -> Any:
    parts, size = [first], len(first)
    for line in following:
        parts.append(line)
        size += len(line)
        if size > WHOLE_BYTES:
            raise PlaysFileError(f"is a JSON document of more than {WHOLE_BYTES >> 20} MiB")
    return json.loads("".join(parts))


Element = tuple[str, dict[str, str], str]
"""A tag, its attributes, and the text in it."""


class _Rows:
    """Gathers the elements below each one of a given place in an XML document."""

    def __init__(self, place: tuple[str, ...]) -> None:
        self.done: list[list[Element]] = []
        self.root: str | None = None
        self._place = place
        self._open: list[str] = []
        self._row: list[Element] | None = None
        self._attributes: list[dict[str, str]] = []
        self._text: list[str] = []
        self._size = 0
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.EntityDeclHandler = self._refuse_entity

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self.root = self.root or tag
        self._open.append(tag)
        if len(self._open) > DEEPEST:
            raise PlaysFileError("is XML of more levels than any player writes")
        if tuple(self._open) == self._place:
            self._row = []
        if self._row is not None:
            self._attributes.append(attributes)
        self._text, self._size = [], 0

    def _end(self, tag: str) -> None:
        if self._row is not None:
            self._row.append((tag, self._attributes.pop(), "".join(self._text)))
            if tuple(self._open) == self._place:
                self.done.append(self._row)
                self._row = None
        self._open.pop()
        self._text, self._size = [], 0

    def _characters(self, data: str) -> None:
        self._size += len(data)
        if self._row is not None and self._size <= LONGEST_TEXT:
            self._text.append(data)

    def _refuse_entity(self, *_: object) -> None:
        raise PlaysFileError("is XML that declares entities, which no player writes")


def xml_rows(stream: Stream, *place: str) -> Iterator[list[Element]]:
    """For each element at a place (its tags from the root on), what it holds and then itself, flat, in order.

    A document type is accepted, as property lists have one; nothing is ever fetched, and entities are refused.
    """
    rows = _Rows(place)
    read = 0
    try:
        while chunk := stream.read(CHUNK):
            read += len(chunk)
            if read > MOST_BYTES:
                raise PlaysFileError(f"is larger than {MOST_BYTES >> 20} MiB")
            rows.parser.Parse(chunk)
            yield from rows.done
            rows.done.clear()
        rows.parser.Parse(b"", True)  # noqa: FBT003 - it takes no keywords
        yield from rows.done
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise PlaysFileError(f"is damaged XML: {error}") from error


def xml_root(head: bytes) -> str | None:
    """The tag of the outermost element, from the beginning of a document."""
    rows = _Rows(())
    with suppress(expat.ExpatError, LookupError, ValueError):  # what comes after the root may be cut or damaged
        rows.parser.Parse(head)
    return rows.root


class Tables:
    """The tables of a SQLite file; nothing of its schema is run, only whole columns of plain tables are read."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        names = db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' LIMIT 10000"
        ).fetchall()
        self._columns = {name.lower(): self._names(name) for (name,) in names if isinstance(name, str)}

    def _names(self, table: str) -> set[str]:
        return {row[1].lower() for row in self._db.execute(f"PRAGMA table_info({_quoted(table)})")}

    def have(self, table: str, *columns: str) -> bool:
        """Whether there is such a table with all of the columns, whatever their case."""
        known = self._columns.get(table.lower(), set())
        return bool(known) and {column.lower() for column in columns} <= known

    def rows(self, table: str, *columns: str) -> Iterator[tuple[Any, ...]]:
        """Some columns of all rows; None for columns, and no rows for a table, that this version does not have."""
        known = self._columns.get(table.lower())
        if not known:
            return
        wanted = ", ".join(_quoted(c) if c.lower() in known else "NULL" for c in columns)
        cursor = self._db.execute(f"SELECT {wanted} FROM {_quoted(table)}")  # noqa: S608 - names are quoted
        for position, row in enumerate(cursor):
            if position == MOST_ROWS:  # pages that point at each other can hold more rows than there are atoms
                raise PlaysFileError(f"has a table of more than {MOST_ROWS} rows")
            yield row


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def tables(path: Path) -> Iterator[Tables]:
    """A SQLite file, as it is on the disk; while its program has it open, a copy of it and of its journal."""
    with tempfile.TemporaryDirectory(prefix="musictaste-") as folder:
        copy = _copied(path, Path(folder)) if _journals(path) else None
        # In the copy the journal is played back, which writes; the player's own file is opened as if it never changed.
        address = f"{copy.as_uri()}?mode=rw" if copy else f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(address, uri=True)) as db:
            db.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
            db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_CELL)
            db.execute("PRAGMA trusted_schema = OFF")
            db.execute("PRAGMA cell_size_check = ON")
            yield Tables(db)


def _journals(path: Path) -> list[Path]:
    """What SQLite keeps beside a file that was not closed: pages that are not in it yet, or no longer."""
    beside = [path.with_name(path.name + suffix) for suffix in ("-wal", "-journal")]
    return [journal for journal in beside if journal.is_file() and journal.stat().st_size]


def _copied(path: Path, folder: Path) -> Path:
    target = folder / "copy.db"
    for _ in range(COPIES):
        before = _stamps(path)
        for part in (path, *_journals(path)):
            shutil.copyfile(part, target.with_name(part.name.replace(path.name, target.name, 1)))
        if _stamps(path) == before:
            return target
        for part in folder.iterdir():
            part.unlink()
    raise PlaysFileError("is being written to: close its player first")


def _stamps(path: Path) -> list[tuple[str, int, int]]:
    states = [(part.name, os.stat(part)) for part in (path, *_journals(path))]  # noqa: PTH116
    return [(name, state.st_size, state.st_mtime_ns) for name, state in states]


class _Share(io.RawIOBase):
    """A member of an archive that can be read until all of them together have given their share of bytes."""

    def __init__(self, member: IO[bytes], left: list[int]) -> None:
        self._member = member
        self._left = left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._member.read(len(buffer))
        self._left[0] -= len(data)
        if self._left[0] < 0:
            raise PlaysFileError(f"unpacks to more than {MOST_BYTES >> 20} MiB")
        buffer[: len(data)] = data
        return len(data)


def members(path: Path, suffixes: tuple[str, ...]) -> Iterator[Stream]:
    """The members of a zip file with certain suffixes, each to be read before the next; archives in it stay shut."""
    left = [MOST_BYTES]
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if len(entries) > MOST_MEMBERS:
            raise PlaysFileError(f"is an archive of more than {MOST_MEMBERS} files")
        for entry in entries:
            if entry.filename.lower().endswith(suffixes):
                with archive.open(entry) as member:
                    yield io.BufferedReader(_Share(member, left), CHUNK)
