"""An open library file: what all queries stand on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from musictaste.errors import LibraryError
from musictaste.store.labels import read_genres_again
from musictaste.store.packing import APPLICATION_ID, VECTOR, unit_vectors

BUSY_TIMEOUT_S = 30
MIGRATIONS = (
    "first_schema",
    "mood_over_time",
    "teaching_of_moods",
    "finer_moods",
    "layers_apart",
    "styles_by_tags",
    "words_of_songs",
    "plays_of_players",
    "kinds_of_sound",
    "columns_of_tracks",
    "provider_of_networks",
    "feedback_of_the_user",
    "voices_of_tracks",
    "recipes_of_playlists",
    "moods_by_words",
    "index_of_words",
    "played_together",
    "lists_of_the_past",
    "words_by_track",
    "plays_by_column",
)
"""All migrations of the schema: a library that has them is read without importing what they do."""

IS_THERE = "EXISTS (SELECT 1 FROM file WHERE file.track_id = {track} AND missing_since IS NULL)"
"""Whether a track has a file that is there, of few tracks: the view `present` goes through all files."""


class Connection:
    """A connection to a library file, brought up to date."""

    def __init__(self, db: sqlite3.Connection) -> None:
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
        """What is written inside is kept together, or not at all; one inside another is a part of it.

        Raises
        ------
        LibraryError
            When the file cannot be written: it is read-only, the disk is full, another program holds it for long.
        """
        try:
            if self._db.in_transaction:
                yield
            else:
                self._db.execute("BEGIN IMMEDIATE")  # one that reads first could not write when another has written
                with self._db:
                    yield
        except sqlite3.OperationalError as error:
            raise LibraryError(f"the library cannot be written: {error}") from error

    def vectors(self, track_ids: Sequence[int]) -> NDArray[np.float32]:
        """Unit vectors [n, 400] of the given tracks, in their order."""
        blobs = dict(self._by_ids(f"SELECT track_id, {VECTOR} FROM embedding WHERE track_id", track_ids))
        return unit_vectors([blobs[i] for i in track_ids])

    def _put(self, table: str, row: Mapping[str, object]) -> None:
        """Insert the row of a track, or update it; sqlite-utils would look at the schema each time."""
        self._db.execute(_put_sql(table, tuple(row)), list(row.values()))

    def _write_many(self, sql: str, rows: Iterable[tuple[object, ...]]) -> None:
        with self.transaction():
            self._db.executemany(sql, rows)

    def _by_ids(self, sql: str, ids: Sequence[int]) -> Iterator[tuple[Any, ...]]:
        """Rows of a query for a list of track ids, however long."""
        for start in range(0, len(ids), 500):
            part = ids[start : start + 500]
            marks = ", ".join("?" * len(part))
            yield from self._db.execute(f"{sql} IN ({marks})", list(part))


@cache
def _put_sql(table: str, columns: tuple[str, ...]) -> str:
    marks = ", ".join("?" * len(columns))
    updates = ", ".join(f"{name} = excluded.{name}" for name in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) ON CONFLICT (track_id) DO UPDATE SET {updates}"


def _connect(path: Path | Literal[":memory:"]) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)  # writes are kept at once
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    try:
        if _applied(connection) != MIGRATIONS:
            _migrate(connection, path)
        read_genres_again(connection)
        connection.execute("PRAGMA recursive_triggers = ON")
        connection.execute("PRAGMA synchronous = NORMAL")  # in WAL mode a crash of the program loses nothing
    except BaseException:
        connection.close()
        raise
    return connection


def _applied(connection: sqlite3.Connection) -> tuple[str, ...]:
    """The migrations that a library has, in the order in which it had them; none where the file is no library."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID:
        return ()
    applied = "SELECT name FROM _sqlite_migrations WHERE migration_set = 'musictaste' ORDER BY id"
    return tuple(name for (name,) in connection.execute(applied))


def _migrate(connection: sqlite3.Connection, path: Path | Literal[":memory:"]) -> None:
    import sqlite_utils

    from musictaste.store.schema import migrations

    db = sqlite_utils.Database(connection, execute_plugins=False)
    applied = _applied(connection)
    if not applied and db.table_names():
        raise LibraryError(f"'{path}': is not a musictaste library")
    if set(applied) - set(MIGRATIONS):
        raise LibraryError(f"'{path}': was written by a newer musictaste: update this program to read it")
    if migrations.pending(db):
        db.enable_wal()
        migrations.apply(db)
