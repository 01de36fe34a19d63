"""An open library file: what all queries stand on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import sqlite_utils
from numpy.typing import NDArray

from musictaste.errors import LibraryError
from musictaste.store.packing import VECTOR, unit_vectors
from musictaste.store.schema import APPLICATION_ID, migrations, read_genres_again

BUSY_TIMEOUT_S = 30
IS_THERE = "EXISTS (SELECT 1 FROM file WHERE file.track_id = {track} AND missing_since IS NULL)"
"""Whether a track has a file that is there, of few tracks: the view `present` goes through all files."""


class Connection:
    """A connection to a library file, brought up to date."""

    def __init__(self, db: sqlite_utils.Database) -> None:
        self._db = db

    @classmethod
    def open(cls, path: Path, *, create: bool = False) -> Self:
        """Open a library and bring its schema up to date.

        Raises
        ------
        LibraryError
            When there is none and `create` is false, when the file is something else, or is from a newer program.
        """
        if not create and not path.exists():
            raise LibraryError(f"'{path}': there is no library yet: run 'musictaste scan FOLDER' first")
        if create and not path.parent.is_dir():
            raise LibraryError(f"'{path}': the folder '{path.parent}' does not exist")
        try:
            return cls(_connect(path))
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
                raise LibraryError(f"'{path}': is not a musictaste library") from error
            raise LibraryError(f"'{path}': cannot be opened: {error}") from error

    @classmethod
    def empty(cls) -> Self:
        """A library that lives in memory alone."""
        return cls(_connect(":memory:"))

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What is written inside is kept together, or not at all.

        Raises
        ------
        LibraryError
            When the file cannot be written: it is read-only, the disk is full, another program holds it for long.
        """
        try:
            with self._db.atomic():
                yield
        except sqlite3.OperationalError as error:
            raise LibraryError(f"the library cannot be written: {error}") from error

    def vectors(self, track_ids: Sequence[int]) -> NDArray[np.float32]:
        """Unit vectors [n, 400] of the given tracks, in their order."""
        blobs = dict(self._by_ids(f"SELECT track_id, {VECTOR} FROM embedding WHERE track_id", track_ids))
        return unit_vectors([blobs[i] for i in track_ids])

    def _write_many(self, sql: str, rows: Iterable[tuple[object, ...]]) -> None:
        with self.transaction():  # without it sqlite3 would begin a transaction that nobody commits
            self._db.conn.executemany(sql, rows)

    def _by_ids(self, sql: str, ids: Sequence[int]) -> Iterator[tuple[Any, ...]]:
        """Rows of a query for a list of track ids, however long."""
        for start in range(0, len(ids), 500):
            part = ids[start : start + 500]
            marks = ", ".join("?" * len(part))
            yield from self._db.execute(f"{sql} IN ({marks})", list(part))


def _connect(path: Path | Literal[":memory:"]) -> sqlite_utils.Database:
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S)
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    db = sqlite_utils.Database(connection)
    try:
        _check(db, path)
        if migrations.pending(db):
            db.enable_wal()
            migrations.apply(db)
        read_genres_again(db)
        db.execute("PRAGMA synchronous = NORMAL")  # in WAL mode a crash of the program loses nothing
    except BaseException:
        db.close()
        raise
    return db


def _check(db: sqlite_utils.Database, path: Path | Literal[":memory:"]) -> None:
    (application,) = db.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID and db.table_names():
        raise LibraryError(f"'{path}': is not a musictaste library")
    known = {migration.name for migration in migrations.pending(sqlite_utils.Database(memory=True))}
    if {migration.name for migration in migrations.applied(db)} - known:
        raise LibraryError(f"'{path}': was written by a newer musictaste: update this program to read it")
