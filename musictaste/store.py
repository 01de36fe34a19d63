"""The library file: its schema, and every query on it.

Paths are kept as TEXT with the bytes they have on disk. SQLite does not mind names that are not UTF-8; Python's
binding does, so paths go in as bytes and a cast, and come out through a decoder that keeps bad bytes as surrogates,
the way `os.fsdecode` does.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import sqlite_utils
from numpy.typing import NDArray
from sqlite_utils.migrations import Migrations

from musictaste import genres
from musictaste.errors import LibraryError
from musictaste.moods import MOODS
from musictaste.styles import STYLES, heard_as
from musictaste.track import (
    Analysis,
    Answer,
    Beside,
    Counts,
    Failure,
    FileState,
    HeardBy,
    Labels,
    Listener,
    Lyrics,
    MoodColumns,
    Move,
    NamedFile,
    Plays,
    Pool,
    Song,
    Sound,
    Tags,
    Timeline,
    Track,
    Words,
    fold,
)

Floats = NDArray[np.float32]

APPLICATION_ID = 0x6D757374
"""PRAGMA application_id: "must" in ASCII, so that another program's database is never taken for a library."""

BUSY_TIMEOUT_S = 30
VECTOR_SIZE = 400
"""Distances use the first 400 numbers of an embedding, the networks' own standardised 200-d layers; heads all."""

MULTI_VALUED = ("artists", "album_artists", "genres", "musicbrainz_artist_ids")

migrations = Migrations("musictaste")


def label_column(label: str) -> str:
    """The column of a mood or style: "hip-hop" is kept in hip_hop, so that nobody has to quote it."""
    return label.replace("-", "_")


def _execute_all(db: sqlite_utils.Database, script: str) -> None:
    """Run statements one by one: sqlite3's executescript would end the transaction that a migration runs in."""
    for statement in script.split(";\n\n"):
        db.execute(statement)


@migrations()
def first_schema(db: sqlite_utils.Database) -> None:
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    _execute_all(db, _FIRST_SCHEMA)


_FIRST_SCHEMA = """
CREATE TABLE folder (
  path TEXT PRIMARY KEY
) STRICT;

CREATE TABLE track (
  id INTEGER PRIMARY KEY,
  audio_hash TEXT NOT NULL UNIQUE,
  duration_s REAL NOT NULL,
  heard_s REAL NOT NULL,
  "full" INTEGER NOT NULL,
  bpm REAL,
  key TEXT,
  loudness_db REAL NOT NULL,
  embedder TEXT NOT NULL,
  added INTEGER NOT NULL
) STRICT;

CREATE TABLE embedding (
  track_id INTEGER PRIMARY KEY REFERENCES track(id),
  mean BLOB NOT NULL,
  spread BLOB NOT NULL
) STRICT;

CREATE TABLE mood (
  track_id INTEGER PRIMARY KEY REFERENCES track(id),
  head TEXT NOT NULL,
  happy REAL NOT NULL,
  sad REAL NOT NULL,
  angry REAL NOT NULL,
  calm REAL NOT NULL
) STRICT;

CREATE TABLE style (
  track_id INTEGER PRIMARY KEY REFERENCES track(id),
  head TEXT NOT NULL,
  ambient REAL NOT NULL,
  blues REAL NOT NULL,
  classical REAL NOT NULL,
  country REAL NOT NULL,
  disco REAL NOT NULL,
  electronic REAL NOT NULL,
  folk REAL NOT NULL,
  hip_hop REAL NOT NULL,
  jazz REAL NOT NULL,
  metal REAL NOT NULL,
  pop REAL NOT NULL,
  punk REAL NOT NULL,
  reggae REAL NOT NULL,
  rock REAL NOT NULL,
  soul REAL NOT NULL
) STRICT;

CREATE TABLE file (
  id INTEGER PRIMARY KEY,
  path TEXT NOT NULL UNIQUE,
  track_id INTEGER NOT NULL REFERENCES track(id),
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  missing_since INTEGER,
  title TEXT,
  artist TEXT,
  album TEXT,
  album_artist TEXT,
  genre TEXT,
  date TEXT,
  track_number INTEGER,
  disc_number INTEGER,
  compilation INTEGER NOT NULL,
  musicbrainz_recording_id TEXT,
  musicbrainz_release_id TEXT,
  replaygain_track_db REAL,
  replaygain_album_db REAL,
  plays INTEGER,
  skips INTEGER,
  rating REAL,
  last_played INTEGER,
  loved INTEGER
) STRICT;

CREATE INDEX file_track ON file(track_id);

CREATE TABLE tag_value (
  file_id INTEGER NOT NULL REFERENCES file(id),
  field TEXT NOT NULL,
  position INTEGER NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (file_id, field, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE lyrics (
  file_id INTEGER PRIMARY KEY REFERENCES file(id),
  source TEXT NOT NULL,
  text TEXT NOT NULL
) STRICT;

CREATE TABLE failure (
  path TEXT PRIMARY KEY,
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  version TEXT NOT NULL,
  reason TEXT NOT NULL
) STRICT;

CREATE TABLE last_list (
  position INTEGER PRIMARY KEY,
  track_id INTEGER NOT NULL REFERENCES track(id)
) STRICT;

CREATE VIEW present AS
  SELECT track_id, min(id) AS file_id FROM file WHERE missing_since IS NULL GROUP BY track_id;

CREATE VIEW library AS
  SELECT file.path, file.title, file.artist, file.album, file.genre, file.date, track.duration_s, track.bpm, track.key,
    track.loudness_db, happy, sad, angry, calm, ambient, blues, classical, country, disco, electronic, folk, hip_hop,
    jazz, metal, pop, punk, reggae, rock, soul, file.plays, file.skips, file.rating, file.last_played
  FROM present JOIN file ON file.id = present.file_id JOIN track ON track.id = present.track_id
    JOIN mood ON mood.track_id = track.id JOIN style ON style.track_id = track.id
"""


@migrations()
def mood_over_time(db: sqlite_utils.Database) -> None:
    """A table of timelines; tracks that were heard before it have none until they are heard again."""
    db.execute(_TIMELINE_SCHEMA)


_TIMELINE_SCHEMA = """
CREATE TABLE timeline (
  track_id INTEGER PRIMARY KEY REFERENCES track(id),
  head TEXT NOT NULL,
  at_s BLOB NOT NULL, -- when the middle of each window plays, in seconds: little-endian float32 [windows]
  moods BLOB NOT NULL -- its probabilities: uint8 [windows, 4] of round(255 p) for happy, sad, angry, calm
) STRICT
"""


@migrations()
def teaching_of_moods(db: sqlite_utils.Database) -> None:
    _execute_all(db, _TEACHING_SCHEMA)


_TEACHING_SCHEMA = """
CREATE TABLE teaching (
  id INTEGER PRIMARY KEY,
  lesson INTEGER NOT NULL,
  track_id INTEGER NOT NULL REFERENCES track(id),
  mood TEXT NOT NULL,
  yes INTEGER NOT NULL,
  at INTEGER NOT NULL
) STRICT;

CREATE TABLE personal_head (
  embedder TEXT NOT NULL,
  head TEXT NOT NULL,
  weights BLOB NOT NULL,
  PRIMARY KEY (embedder, head)
) STRICT, WITHOUT ROWID;

CREATE TABLE personal_mood (
  track_id INTEGER PRIMARY KEY REFERENCES track(id),
  head TEXT NOT NULL,
  happy REAL NOT NULL,
  sad REAL NOT NULL,
  angry REAL NOT NULL,
  calm REAL NOT NULL
) STRICT;

CREATE VIEW felt AS
  SELECT mood.track_id,
    coalesce(personal_mood.happy, mood.happy) AS happy, coalesce(personal_mood.sad, mood.sad) AS sad,
    coalesce(personal_mood.angry, mood.angry) AS angry, coalesce(personal_mood.calm, mood.calm) AS calm
  FROM mood LEFT JOIN personal_mood ON personal_mood.track_id = mood.track_id;

DROP VIEW library;

CREATE VIEW library AS
  SELECT file.path, file.title, file.artist, file.album, file.genre, file.date, track.duration_s, track.bpm, track.key,
    track.loudness_db, happy, sad, angry, calm, ambient, blues, classical, country, disco, electronic, folk, hip_hop,
    jazz, metal, pop, punk, reggae, rock, soul, file.plays, file.skips, file.rating, file.last_played
  FROM present JOIN file ON file.id = present.file_id JOIN track ON track.id = present.track_id
    JOIN felt ON felt.track_id = track.id JOIN style ON style.track_id = track.id
"""


@migrations()
def finer_moods(db: sqlite_utils.Database) -> None:
    """Columns for eight further moods; they are empty until a track is heard again."""
    _execute_all(db, _FINER_SCHEMA)


_FINER_SCHEMA = """
ALTER TABLE mood ADD COLUMN aggressive REAL;

ALTER TABLE mood ADD COLUMN energetic REAL;

ALTER TABLE mood ADD COLUMN gritty REAL;

ALTER TABLE mood ADD COLUMN nostalgic REAL;

ALTER TABLE mood ADD COLUMN powerful REAL;

ALTER TABLE mood ADD COLUMN rebellious REAL;

ALTER TABLE mood ADD COLUMN tender REAL;

ALTER TABLE mood ADD COLUMN tense REAL;

ALTER TABLE personal_mood ADD COLUMN aggressive REAL;

ALTER TABLE personal_mood ADD COLUMN energetic REAL;

ALTER TABLE personal_mood ADD COLUMN gritty REAL;

ALTER TABLE personal_mood ADD COLUMN nostalgic REAL;

ALTER TABLE personal_mood ADD COLUMN powerful REAL;

ALTER TABLE personal_mood ADD COLUMN rebellious REAL;

ALTER TABLE personal_mood ADD COLUMN tender REAL;

ALTER TABLE personal_mood ADD COLUMN tense REAL;

-- 400 float32 of zero for each further mood: it was not taught.
UPDATE personal_head SET weights = CAST(weights || zeroblob(12800) AS BLOB);

DROP VIEW library;

DROP VIEW felt;

CREATE VIEW felt AS
  SELECT mood.track_id,
    coalesce(personal_mood.happy, mood.happy) AS happy, coalesce(personal_mood.sad, mood.sad) AS sad,
    coalesce(personal_mood.angry, mood.angry) AS angry, coalesce(personal_mood.calm, mood.calm) AS calm,
    coalesce(personal_mood.aggressive, mood.aggressive) AS aggressive,
    coalesce(personal_mood.energetic, mood.energetic) AS energetic,
    coalesce(personal_mood.gritty, mood.gritty) AS gritty,
    coalesce(personal_mood.nostalgic, mood.nostalgic) AS nostalgic,
    coalesce(personal_mood.powerful, mood.powerful) AS powerful,
    coalesce(personal_mood.rebellious, mood.rebellious) AS rebellious,
    coalesce(personal_mood.tender, mood.tender) AS tender, coalesce(personal_mood.tense, mood.tense) AS tense
  FROM mood LEFT JOIN personal_mood ON personal_mood.track_id = mood.track_id
"""


@migrations()
def layers_apart(db: sqlite_utils.Database) -> None:
    """The numbers of an embedding that only heads read get a table of their own: lists then read a fifth of it."""
    _execute_all(db, _LAYERS_SCHEMA)


_LAYERS_SCHEMA = """
CREATE TABLE layers (
  track_id INTEGER PRIMARY KEY REFERENCES track(id),
  mean BLOB NOT NULL -- the embedding after its first 400 numbers, little-endian float16
) STRICT;

INSERT INTO layers SELECT track_id, substr(mean, 801) FROM embedding;

UPDATE embedding SET mean = substr(mean, 1, 800), spread = substr(spread, 1, 800)
"""


@migrations()
def styles_by_tags(db: sqlite_utils.Database) -> None:
    """What genre tags say of styles, per file; `styled` weighs it against the sound when it is read, so that nothing
    has to be kept in step when a head, a tag or the file that stands for a track changes.
    """
    _execute_all(db, _TAGGED_SCHEMA)


_TAGGED_SCHEMA = """
CREATE TABLE tagged (
  style TEXT NOT NULL,
  file_id INTEGER NOT NULL REFERENCES file(id),
  PRIMARY KEY (style, file_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX tagged_file ON tagged(file_id);

CREATE TABLE tag_weight (
  file_id INTEGER PRIMARY KEY REFERENCES file(id),
  ambient REAL NOT NULL,
  blues REAL NOT NULL,
  classical REAL NOT NULL,
  country REAL NOT NULL,
  disco REAL NOT NULL,
  electronic REAL NOT NULL,
  folk REAL NOT NULL,
  hip_hop REAL NOT NULL,
  jazz REAL NOT NULL,
  metal REAL NOT NULL,
  pop REAL NOT NULL,
  punk REAL NOT NULL,
  reggae REAL NOT NULL,
  rock REAL NOT NULL,
  soul REAL NOT NULL
) STRICT;

CREATE VIEW styled AS
  SELECT file_id, track_id,
    ambient / total AS ambient, blues / total AS blues, classical / total AS classical, country / total AS country,
    disco / total AS disco, electronic / total AS electronic, folk / total AS folk, hip_hop / total AS hip_hop,
    jazz / total AS jazz, metal / total AS metal, pop / total AS pop, punk / total AS punk, reggae / total AS reggae,
    rock / total AS rock, soul / total AS soul
  FROM (
    SELECT *, CASE WHEN told THEN
      ambient + blues + classical + country + disco + electronic + folk + hip_hop + jazz + metal + pop + punk +
      reggae + rock + soul
      ELSE 1 END AS total
    FROM (
      SELECT file.id AS file_id, style.track_id, w.file_id IS NOT NULL AS told,
        style.ambient * coalesce(w.ambient, 1) AS ambient, style.blues * coalesce(w.blues, 1) AS blues,
        style.classical * coalesce(w.classical, 1) AS classical, style.country * coalesce(w.country, 1) AS country,
        style.disco * coalesce(w.disco, 1) AS disco, style.electronic * coalesce(w.electronic, 1) AS electronic,
        style.folk * coalesce(w.folk, 1) AS folk, style.hip_hop * coalesce(w.hip_hop, 1) AS hip_hop,
        style.jazz * coalesce(w.jazz, 1) AS jazz, style.metal * coalesce(w.metal, 1) AS metal,
        style.pop * coalesce(w.pop, 1) AS pop, style.punk * coalesce(w.punk, 1) AS punk,
        style.reggae * coalesce(w.reggae, 1) AS reggae, style.rock * coalesce(w.rock, 1) AS rock,
        style.soul * coalesce(w.soul, 1) AS soul
      FROM file JOIN style ON style.track_id = file.track_id LEFT JOIN tag_weight AS w ON w.file_id = file.id
    )
  )
"""


@migrations()
def words_of_songs(db: sqlite_utils.Database) -> None:
    """Words from several sources; those that were known by one text for each file are cleaned by the next scan."""
    _execute_all(db, _WORDS_SCHEMA)


_WORDS_SCHEMA = """
ALTER TABLE lyrics RENAME TO lyrics_before;

CREATE TABLE lyrics (
  id INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice, so that it stands for these very words
  file_id INTEGER REFERENCES file(id), -- of words in a file or beside it
  track_id INTEGER REFERENCES track(id), -- of words that a service gave for a recording
  source TEXT NOT NULL,
  mtime_ns INTEGER, -- of the file of words
  found INTEGER NOT NULL,
  cleaner TEXT NOT NULL,
  instrumental INTEGER NOT NULL,
  language TEXT,
  path TEXT, -- of the file of words
  words TEXT, -- what is sung; NULL where that is nothing
  text TEXT NOT NULL,
  CHECK ((file_id IS NULL) != (track_id IS NULL))
) STRICT;

CREATE UNIQUE INDEX lyrics_of_file ON lyrics(file_id, source) WHERE file_id IS NOT NULL;

CREATE UNIQUE INDEX lyrics_of_track ON lyrics(track_id, source) WHERE track_id IS NOT NULL;

INSERT INTO lyrics (file_id, source, found, cleaner, instrumental, text)
  SELECT file_id, source, CAST(strftime('%s', 'now') AS INTEGER), '', 0, text FROM lyrics_before;

DROP TABLE lyrics_before;

CREATE TABLE lyrics_miss (
  track_id INTEGER NOT NULL REFERENCES track(id),
  source TEXT NOT NULL,
  reason TEXT NOT NULL, -- why what the service found was rejected; empty where it found nothing
  asked INTEGER NOT NULL,
  PRIMARY KEY (track_id, source)
) STRICT, WITHOUT ROWID;

CREATE VIEW words AS
  SELECT track_id, lyrics_id, source, language, instrumental, words AS text, min(distance) AS distance FROM (
    SELECT file.track_id, lyrics.id AS lyrics_id, source, language, instrumental, words,
      CASE source WHEN 'tags' THEN 0 ELSE 1 END + 8 * (missing_since IS NOT NULL) AS distance
    FROM lyrics JOIN file ON file.id = lyrics.file_id WHERE words IS NOT NULL OR instrumental
    UNION ALL
    SELECT track_id, id, source, language, instrumental, words,
      CASE source WHEN 'lrclib' THEN 2 WHEN 'genius' THEN 3 ELSE 4 END
    FROM lyrics WHERE track_id IS NOT NULL AND (words IS NOT NULL OR instrumental)
  ) GROUP BY track_id
"""


@migrations()
def plays_of_players(db: sqlite_utils.Database) -> None:
    _execute_all(db, _PLAYS_SCHEMA)


_PLAYS_SCHEMA = """
CREATE TABLE listener (
  id INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  file TEXT NOT NULL,
  user TEXT NOT NULL, -- empty where the file knows of one user only
  own INTEGER NOT NULL, -- whether the plays are those of the owner of this library
  UNIQUE (source, file, user)
) STRICT;

CREATE TABLE play_count (
  listener_id INTEGER NOT NULL REFERENCES listener(id),
  track_id INTEGER NOT NULL REFERENCES track(id),
  plays INTEGER,
  skips INTEGER,
  rating REAL,
  loved INTEGER,
  last_played INTEGER,
  PRIMARY KEY (listener_id, track_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE play_event (
  listener_id INTEGER NOT NULL REFERENCES listener(id),
  at INTEGER NOT NULL, -- Unix seconds
  track_id INTEGER NOT NULL REFERENCES track(id),
  skipped INTEGER NOT NULL,
  PRIMARY KEY (listener_id, at, track_id, skipped)
) STRICT, WITHOUT ROWID;

CREATE TABLE imported (
  track_id INTEGER PRIMARY KEY REFERENCES track(id), -- what all own listeners say together, each play counted once
  plays INTEGER NOT NULL,
  skips INTEGER NOT NULL,
  rating REAL,
  loved INTEGER,
  last_played INTEGER
) STRICT
"""


@migrations()
def kinds_of_sound(db: sqlite_utils.Database) -> None:
    """Whether a track is music; one without a row is taken for music. Silent files used to be failures."""
    _execute_all(db, _KIND_SCHEMA)


_KIND_SCHEMA = """
CREATE TABLE kind (
  track_id INTEGER PRIMARY KEY REFERENCES track(id),
  head TEXT NOT NULL,
  kind TEXT NOT NULL,
  music REAL NOT NULL,
  speech REAL NOT NULL,
  noise REAL NOT NULL
) STRICT;

CREATE VIEW present_music AS
  SELECT track_id, file_id FROM present
  WHERE NOT EXISTS (SELECT 1 FROM kind WHERE kind.track_id = present.track_id AND kind.kind != 'music');

DELETE FROM failure WHERE reason = 'nothing but silence';

DROP VIEW IF EXISTS library;

CREATE VIEW library AS
  SELECT file.path, file.title, file.artist, file.album, file.genre, file.date, coalesce(kind.kind, 'music') AS kind,
    track.duration_s, track.bpm, track.key, track.loudness_db, happy, sad, angry, calm, aggressive, energetic, gritty,
    nostalgic, powerful, rebellious, tender, tense, ambient, blues, classical, country, disco, electronic, folk,
    hip_hop, jazz, metal, pop, punk, reggae, rock, soul,
    nullif(max(coalesce(file.plays, -1), coalesce(imported.plays, -1)), -1) AS plays,
    nullif(max(coalesce(file.skips, -1), coalesce(imported.skips, -1)), -1) AS skips,
    nullif(max(coalesce(file.rating, -1), coalesce(imported.rating, -1)), -1) AS rating,
    nullif(max(coalesce(file.last_played, -1), coalesce(imported.last_played, -1)), -1) AS last_played
  FROM present JOIN file ON file.id = present.file_id JOIN track ON track.id = present.track_id
    JOIN felt ON felt.track_id = track.id JOIN styled ON styled.file_id = file.id
    LEFT JOIN imported ON imported.track_id = track.id
    LEFT JOIN kind ON kind.track_id = track.id
"""


class Library:
    """An open library file."""

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

    # Folders and files, for scanning

    def folders(self) -> list[str]:
        return [path for (path,) in self._db.execute("SELECT path FROM folder ORDER BY path")]

    def add_folder(self, path: str) -> None:
        self._db.execute("INSERT OR IGNORE INTO folder (path) VALUES (CAST(? AS TEXT))", [os.fsencode(path)])

    def file_state(self, path: str) -> FileState | None:
        row = self._db.execute(
            """SELECT file.id, track.id, size, file.mtime_ns, missing_since IS NOT NULL, audio_hash, embedder, "full",
            timeline.head, lyrics.path, lyrics.mtime_ns FROM file JOIN track ON track.id = file.track_id
            LEFT JOIN timeline ON timeline.track_id = track.id
            LEFT JOIN lyrics ON lyrics.file_id = file.id AND source = 'files' WHERE file.path = CAST(? AS TEXT)""",
            [os.fsencode(path)],
        ).fetchone()
        if row is None:
            return None
        file_id, track_id, size, mtime_ns, missing, audio_hash, embedder, full, timeline, *beside = row
        analysis = Analysis(embedder, bool(full), timeline)
        words = Beside(*beside) if beside[0] is not None else None
        return FileState(file_id, track_id, size, mtime_ns, bool(missing), audio_hash, analysis, words)

    def files_below(self, folder: str) -> Iterator[tuple[int, str, bool]]:
        """(id, path, missing) of each file that was seen below a folder."""
        prefix = os.fsencode(os.path.join(folder, ""))
        yield from self._db.execute(
            """SELECT id, path, missing_since IS NOT NULL FROM file
            WHERE path >= CAST(? AS TEXT) AND path < CAST(? AS TEXT) ORDER BY path""",
            [prefix, prefix[:-1] + bytes([prefix[-1] + 1])],
        )

    def named(self, file_id: int) -> tuple[str | None, str | None, str | None]:
        """(title, artist, album) of a file, by which services know its words."""
        sql = "SELECT title, artist, album FROM file WHERE id = ?"
        title, artist, album = self._db.execute(sql, [file_id]).fetchone()
        return title, artist, album

    def copies(self, track_id: int) -> list[tuple[int, str]]:
        """(id, path) of each file that holds a track."""
        return list(self._db.execute("SELECT id, path FROM file WHERE track_id = ? ORDER BY id", [track_id]))

    def mark_missing(self, file_ids: Iterable[int]) -> None:
        now = int(time.time())
        self._write_many("UPDATE file SET missing_since = ? WHERE id = ?", ((now, i) for i in file_ids))

    def mark_present(self, file_ids: Iterable[int]) -> None:
        self._write_many("UPDATE file SET missing_since = NULL WHERE id = ?", ((i,) for i in file_ids))

    def save_file(
        self, path: str, tags: Tags, *, track_id: int, size: int, mtime_ns: int, file_id: int | None = None
    ) -> int:
        """Insert or update the file at `path`, and return its id; with `file_id`, that file has moved here."""
        raw = os.fsencode(path)
        if file_id is not None:
            replaced = "SELECT id FROM file WHERE path = CAST(? AS TEXT) AND id != ?"
            for table, key in _FILE_TABLES:
                self._db.execute(f"DELETE FROM {table} WHERE {key} IN ({replaced})", [raw, file_id])
            self._db.execute("UPDATE file SET path = CAST(? AS TEXT) WHERE id = ?", [raw, file_id])
        columns = _file_columns(tags) | {
            "track_id": track_id,
            "size": size,
            "mtime_ns": mtime_ns,
            "missing_since": None,
        }
        names = ", ".join(columns)
        marks = ", ".join("?" * len(columns))
        updates = ", ".join(f"{name} = excluded.{name}" for name in columns)
        (file_id,) = self._db.execute(
            f"INSERT INTO file (path, {names}) VALUES (CAST(? AS TEXT), {marks})"
            f" ON CONFLICT (path) DO UPDATE SET {updates} RETURNING id",
            [raw, *columns.values()],
        ).fetchone()
        self._save_values(file_id, tags)
        _save_styles(self._db, file_id, tags.genres)
        self._db.execute("DELETE FROM failure WHERE path = CAST(? AS TEXT)", [raw])
        return int(file_id)

    def _save_values(self, file_id: int, tags: Tags) -> None:
        self._db.execute("DELETE FROM tag_value WHERE file_id = ?", [file_id])
        self._db.table("tag_value").insert_all(
            {"file_id": file_id, "field": field, "position": position, "value": value}
            for field in MULTI_VALUED
            for position, value in enumerate(getattr(tags, field))
        )

    def failure(self, path: str) -> Failure | None:
        row = self._db.execute(
            "SELECT path, size, mtime_ns, version, reason FROM failure WHERE path = CAST(? AS TEXT)",
            [os.fsencode(path)],
        ).fetchone()
        return Failure(*row) if row else None

    def failures(self) -> list[Failure]:
        rows = self._db.execute("SELECT path, size, mtime_ns, version, reason FROM failure ORDER BY path")
        return [Failure(*row) for row in rows]

    def save_failure(self, failure: Failure) -> None:
        """Remember a failure; a file that was heard before counts as missing until it can be read again."""
        raw = os.fsencode(failure.path)
        self._db.execute(
            """INSERT OR REPLACE INTO failure (path, size, mtime_ns, version, reason)
            VALUES (CAST(? AS TEXT), ?, ?, ?, ?)""",
            [raw, failure.size, failure.mtime_ns, failure.version, failure.reason],
        )
        self._db.execute(
            "UPDATE file SET missing_since = coalesce(missing_since, ?) WHERE path = CAST(? AS TEXT)",
            [int(time.time()), raw],
        )

    def forget_failures(self, paths: Iterable[str]) -> None:
        self._write_many("DELETE FROM failure WHERE path = CAST(? AS TEXT)", ((os.fsencode(path),) for path in paths))

    def _write_many(self, sql: str, rows: Iterable[tuple[object, ...]]) -> None:
        with self.transaction():  # without it sqlite3 would begin a transaction that nobody commits
            self._db.conn.executemany(sql, rows)

    # Analyses

    def analysis(self, audio_hash: str) -> Analysis | None:
        """How a track that is known by its audio was heard, or None."""
        row = self._db.execute(
            """SELECT embedder, "full", timeline.head FROM track LEFT JOIN timeline ON track_id = id
            WHERE audio_hash = ?""",
            [audio_hash],
        ).fetchone()
        return Analysis(row[0], bool(row[1]), row[2]) if row else None

    def track_id(self, audio_hash: str) -> int:
        """The id of a track that is known by its audio."""
        (track_id,) = self._db.execute("SELECT id FROM track WHERE audio_hash = ?", [audio_hash]).fetchone()
        return int(track_id)

    def save_track(self, audio_hash: str, sound: Sound, moods: Labels, styles: Labels, *, full: bool) -> int:
        """Insert or update what listening gave; returns the track's id."""
        (track_id,) = self._db.execute(
            """INSERT INTO track (audio_hash, duration_s, heard_s, "full", bpm, key, loudness_db, embedder, added)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (audio_hash) DO UPDATE SET duration_s = excluded.duration_s,
            heard_s = excluded.heard_s, "full" = excluded."full", bpm = excluded.bpm, key = excluded.key,
            loudness_db = excluded.loudness_db, embedder = excluded.embedder RETURNING id""",
            [
                audio_hash, sound.duration_s, sound.heard_s, full, sound.bpm, sound.key, sound.loudness_db,
                sound.embedder, int(time.time()),
            ],
        ).fetchone()  # fmt: skip
        vector, layers = np.split(sound.embedding, [VECTOR_SIZE])
        row = {"track_id": track_id, "mean": _pack(vector), "spread": _pack(sound.spread[:VECTOR_SIZE])}
        self._db.table("embedding").upsert(row, pk="track_id")
        self._db.table("layers").upsert({"track_id": track_id, "mean": _pack(layers)}, pk="track_id")
        self.save_labels(track_id, moods, styles)
        self._save_timeline(track_id, sound.timeline)
        return int(track_id)

    def _save_timeline(self, track_id: int, timeline: Timeline) -> None:
        at_s, moods = timeline.at_s.astype("<f4"), np.round(255 * timeline.moods).astype(np.uint8)
        row = {"track_id": track_id, "head": timeline.head, "at_s": at_s.tobytes(), "moods": moods.tobytes()}
        self._db.table("timeline").upsert(row, pk="track_id")

    def save_labels(self, track_id: int, moods: Labels, styles: Labels) -> None:
        """Write what the shipped heads say; what the personal head made of their older words is forgotten."""
        for table, labels in (("mood", moods), ("style", styles)):
            columns = {label_column(label): p for label, p in labels.probabilities.items()}
            self._db.table(table).upsert({"track_id": track_id, "head": labels.head, **columns}, pk="track_id")
        self._db.execute("DELETE FROM personal_mood WHERE track_id = ?", [track_id])

    def stale_embeddings(self, embedder: str, emotion: str, style: str, *, limit: int) -> tuple[list[int], Floats]:
        """Tracks that other heads have labelled, whose embeddings the present heads can read: ids and [n, d]."""
        rows = self._db.execute(
            """SELECT track.id, embedding.mean, layers.mean FROM track JOIN embedding ON embedding.track_id = track.id
            JOIN layers ON layers.track_id = track.id JOIN mood ON mood.track_id = track.id
            JOIN style ON style.track_id = track.id
            WHERE embedder = ? AND (mood.head != ? OR style.head != ?) LIMIT ?""",
            [embedder, emotion, style, limit],
        ).fetchall()
        return [row[0] for row in rows], _unpack([vector + layers for _, vector, layers in rows])

    def save_kind(self, track_id: int, kind: str, labels: Labels) -> None:
        """Write what a track is: music, or what else; and what the head heard it from."""
        row = {"track_id": track_id, "head": labels.head, "kind": kind, **labels.probabilities}
        self._db.table("kind").upsert(row, pk="track_id")

    def stale_kinds(self, embedder: str, head: str, *, limit: int) -> tuple[list[int], list[float], Floats]:
        """Tracks whose kind the present head did not tell, though it can: ids, levels in dB, embeddings [n, d]."""
        rows = self._db.execute(
            """SELECT track.id, loudness_db, embedding.mean, layers.mean FROM track
            JOIN embedding ON embedding.track_id = track.id JOIN layers ON layers.track_id = track.id
            LEFT JOIN kind ON kind.track_id = track.id WHERE embedder = ? AND kind.head IS NOT ? LIMIT ?""",
            [embedder, head, limit],
        ).fetchall()
        vectors = _unpack([vector + layers for *_, vector, layers in rows])
        return [row[0] for row in rows], [row[1] for row in rows], vectors

    # Words

    def save_lyrics(self, file_id: int, lyrics: Lyrics, beside: Beside | None = None) -> None:
        """Keep the words that were found in a file, or beside it, in place of others from the same source."""
        at = (os.fsencode(beside.path), beside.mtime_ns) if beside else (None, None)
        same = self._db.execute(
            """UPDATE lyrics SET path = CAST(? AS TEXT), mtime_ns = ?
            WHERE file_id = ? AND source = ? AND text = ? AND cleaner = ?""",
            [*at, file_id, lyrics.source, lyrics.text, lyrics.cleaner],
        )
        if not same.rowcount:
            self.forget_lyrics(file_id, lyrics.source)
            self._insert_lyrics("file_id", file_id, lyrics, at)

    def forget_lyrics(self, file_id: int, source: str) -> None:
        self._db.execute("DELETE FROM lyrics WHERE file_id = ? AND source = ?", [file_id, source])

    def save_fetched(self, track_id: int, lyrics: Lyrics) -> None:
        """Keep the words that a service gave for a track, in place of what it said before."""
        self._db.execute("DELETE FROM lyrics WHERE track_id = ? AND source = ?", [track_id, lyrics.source])
        self._db.execute("DELETE FROM lyrics_miss WHERE track_id = ? AND source = ?", [track_id, lyrics.source])
        self._insert_lyrics("track_id", track_id, lyrics, (None, None))

    def _insert_lyrics(self, key: str, value: int, lyrics: Lyrics, at: tuple[bytes | None, int | None]) -> None:
        self._db.execute(
            f"""INSERT INTO lyrics ({key}, path, mtime_ns, source, found, cleaner, instrumental, language, words, text)
            VALUES (?, CAST(? AS TEXT), ?, ?, ?, ?, ?, ?, ?, ?)""",
            [
                value, *at, lyrics.source, int(time.time()), lyrics.cleaner, lyrics.instrumental, lyrics.language,
                lyrics.words, lyrics.text,
            ],
        )  # fmt: skip

    def save_miss(self, track_id: int, source: str, reason: str) -> None:
        """Remember when a service had no words for a track, or why those that it had were rejected."""
        self._db.execute(
            "INSERT OR REPLACE INTO lyrics_miss (track_id, source, reason, asked) VALUES (?, ?, ?, ?)",
            [track_id, source, reason, int(time.time())],
        )

    def forget_fetched(self, track_id: int) -> None:
        """Drop what services said of a track, whose tags have changed since."""
        self._db.execute("DELETE FROM lyrics WHERE track_id = ?", [track_id])
        self._db.execute("DELETE FROM lyrics_miss WHERE track_id = ?", [track_id])

    def stale_lyrics(self, cleaner: str, *, limit: int) -> list[tuple[int, Lyrics]]:
        """Texts that another version of the program has cleaned, with their ids."""
        rows = self._db.execute(
            "SELECT id, source, text, instrumental, cleaner FROM lyrics WHERE cleaner != ? ORDER BY id LIMIT ?",
            [cleaner, limit],
        )
        return [(row[0], Lyrics(row[1], row[2], None, None, bool(row[3]), row[4])) for row in rows.fetchall()]

    def save_cleaned(self, lyrics_id: int, lyrics: Lyrics) -> None:
        """Replace what was understood of a text; its id becomes a new one, since its words may be others now."""
        same = "file_id, track_id, source, mtime_ns, found, path, text"
        self._db.execute(
            f"""INSERT OR REPLACE INTO lyrics ({same}, cleaner, instrumental, language, words)
            SELECT {same}, ?, ?, ?, ? FROM lyrics WHERE id = ?""",
            [lyrics.cleaner, lyrics.instrumental, lyrics.language, lyrics.words, lyrics_id],
        )

    def words(self, track_ids: Sequence[int]) -> dict[int, Words]:
        """The words of each of the given tracks that has any."""
        sql = "SELECT track_id, lyrics_id, source, language, instrumental, text FROM words WHERE track_id"
        return {
            track_id: Words(lyrics_id, source, language, bool(instrumental), text)
            for track_id, lyrics_id, source, language, instrumental, text in self._by_ids(sql, track_ids)
        }

    def count_words(self) -> dict[tuple[str, bool], int]:
        """How many tracks that are there have their words from each source, those that are instrumental apart."""
        rows = self._db.execute(
            """SELECT source, instrumental, count(*) FROM words JOIN present USING (track_id)
            GROUP BY source, instrumental ORDER BY min(distance), instrumental"""
        )
        return {(source, bool(instrumental)): count for source, instrumental, count in rows}

    def songs_without_words(
        self, services: Sequence[str], asked_before: int, track_ids: Sequence[int]
    ) -> dict[Song, list[str]]:
        """Tracks that lack words, with those of some services that were not asked for them since a Unix time."""
        known = self.words(track_ids)
        lacking = [track_id for track_id in track_ids if track_id not in known]
        missed = {
            (track_id, source)
            for track_id, source, asked in self._by_ids(
                "SELECT track_id, source, asked FROM lyrics_miss WHERE track_id", lacking
            )
            if asked > asked_before
        }
        songs = (self._song(row) for row in self._by_ids(_SONG_SQL, lacking))
        return {song: [s for s in services if (song.track_id, s) not in missed] for song in songs}

    def _song(self, row: Sequence[Any]) -> Song:
        track_id, title, artist, album, duration_s, file_id = row
        artists = self._db.execute(
            "SELECT value FROM tag_value WHERE file_id = ? AND field = 'artists' ORDER BY position", [file_id]
        )
        return Song(track_id, title, artist, tuple(value for (value,) in artists), album, duration_s)

    # Teaching

    def answers(self) -> list[Answer]:
        """What was taught, by track and mood; where a track was answered twice for a mood, the last answer counts."""
        # SQLite takes the other columns of a group from the row that has the maximum.
        rows = self._db.execute(
            "SELECT track_id, mood, yes, max(id) FROM teaching GROUP BY track_id, mood ORDER BY track_id, mood"
        )
        return [Answer(track_id, mood, bool(yes)) for track_id, mood, yes, _ in rows]

    def save_lesson(self, answers: Sequence[Answer]) -> None:
        """Keep answers that were given together, and are taken back together."""
        (lesson,) = self._db.execute("SELECT coalesce(max(lesson), 0) + 1 FROM teaching").fetchone()
        now = int(time.time())
        self._write_many(
            "INSERT INTO teaching (lesson, track_id, mood, yes, at) VALUES (?, ?, ?, ?, ?)",
            ((lesson, a.track_id, a.mood, a.yes, now) for a in answers),
        )

    def forget_lesson(self, mood: str) -> list[Answer]:
        """Take the last lesson on a mood back; returns its answers, none where there was no lesson."""
        lesson = "(SELECT max(lesson) FROM teaching WHERE mood = ?)"
        rows = self._db.execute(
            f"SELECT track_id, mood, yes FROM teaching WHERE lesson = {lesson} ORDER BY id", [mood]
        ).fetchall()
        self._db.execute(f"DELETE FROM teaching WHERE lesson = {lesson}", [mood])
        return [Answer(track_id, mood, bool(yes)) for track_id, mood, yes in rows]

    def heard_by(self) -> list[HeardBy]:
        """The models that tracks of this library were heard by; more than one while an update is not yet scanned."""
        rows = self._db.execute(
            "SELECT DISTINCT embedder, head FROM track JOIN mood ON mood.track_id = track.id ORDER BY embedder, head"
        )
        return [HeardBy(*row) for row in rows]

    def ids_heard_by(self, by: HeardBy, *, without_personal: bool = False) -> list[int]:
        """Tracks that were heard by certain models, or those of them that have no personal probabilities, ascending."""
        lacking = "AND NOT EXISTS (SELECT 1 FROM personal_mood AS p WHERE p.track_id = mood.track_id)"
        rows = self._db.execute(
            f"""SELECT mood.track_id FROM mood JOIN track ON track.id = mood.track_id
            WHERE embedder = ? AND mood.head = ? {lacking if without_personal else ""} ORDER BY mood.track_id""",
            [by.embedder, by.head],
        )
        return [track_id for (track_id,) in rows]

    def mood_columns(self, ids: Sequence[int]) -> MoodColumns:
        """What the personal head reads of tracks, in ascending order of their ids."""
        sql = f"SELECT mood.track_id, {_VECTOR}, {_MOODS} FROM mood JOIN embedding USING (track_id) WHERE mood.track_id"
        rows = sorted(self._by_ids(sql, ids))
        columns = list(zip(*rows, strict=True)) or [()] * (2 + len(MOODS))
        return MoodColumns(
            np.asarray(columns[0], np.int64), unit_vectors(columns[1]), np.asarray(columns[2:], np.float64).T
        )

    def personal_weights(self, by: HeardBy) -> Floats | None:
        """The weights float32 [k, 400] of the personal head, None where nothing was taught on these models."""
        row = self._db.execute(
            "SELECT weights FROM personal_head WHERE embedder = ? AND head = ?", [by.embedder, by.head]
        ).fetchone()
        return np.frombuffer(row[0], "<f4").reshape(len(MOODS), VECTOR_SIZE) if row else None

    def save_personal_weights(self, by: HeardBy, weights: Floats) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO personal_head (embedder, head, weights) VALUES (?, ?, ?)",
            [by.embedder, by.head, weights.astype("<f4").tobytes()],
        )

    def save_personal_moods(self, by: HeardBy, ids: NDArray[np.int64], moods: NDArray[np.float64]) -> None:
        """Keep the personal probabilities [n, k] of tracks, in the order of MOODS; NaN is kept as unknown."""
        names, marks = ", ".join(map(label_column, MOODS)), ", ".join("?" * len(MOODS))
        self._write_many(
            f"INSERT OR REPLACE INTO personal_mood (track_id, head, {names}) VALUES (?, ?, {marks})",
            zip(ids.tolist(), [by.head] * len(ids), *moods.T.tolist(), strict=True),
        )

    def forget_personal(self) -> None:
        """Drop the personal heads and all that was derived from them; the answers stay."""
        self._db.execute("DELETE FROM personal_mood")
        self._db.execute("DELETE FROM personal_head")

    def remember_moods(self, mood: str, *, shipped: bool = False) -> None:
        """Note for `moves` and `moves_of` how likely tracks have a mood, as every reader sees it or as shipped."""
        source = "mood" if shipped else "felt"
        self._db.execute("DROP TABLE IF EXISTS temp.before")
        self._db.execute("CREATE TEMP TABLE before (track_id INTEGER PRIMARY KEY, p REAL NOT NULL)")
        column = label_column(mood)
        self._db.execute(f"INSERT INTO temp.before SELECT track_id, {column} FROM {source} WHERE {column} IS NOT NULL")

    def moves(self, mood: str, threshold: float) -> list[Move]:
        """Music that is there, and on the other side of a threshold than when it was noted."""
        column = label_column(mood)
        rows = self._db.execute(
            f"""SELECT track_id, p, {column} FROM temp.before CROSS JOIN felt USING (track_id)
            WHERE (p >= ?) != ({column} >= ?) AND EXISTS
              (SELECT 1 FROM file WHERE file.track_id = before.track_id AND missing_since IS NULL)
              AND NOT EXISTS (SELECT 1 FROM kind WHERE kind.track_id = before.track_id AND kind != 'music')
            ORDER BY track_id""",
            [threshold, threshold],
        )
        return [Move(*row) for row in rows]

    def moves_of(self, track_ids: Sequence[int], mood: str) -> list[Move]:
        """What became of some tracks since they were noted, in their order; without those of unknown mood."""
        sql = f"SELECT track_id, p, {label_column(mood)} FROM temp.before JOIN felt USING (track_id) WHERE track_id"
        found = {row[0]: Move(*row) for row in self._by_ids(sql, track_ids)}
        return [found[i] for i in track_ids if i in found]

    # Plays that were read from players' files

    def named_files(self) -> list[NamedFile]:
        """What each file of the library can be recognised by, those that are missing included."""
        artists: dict[int, list[str]] = {}
        for file_id, value in self._db.execute(
            "SELECT file_id, value FROM tag_value WHERE field IN ('artists', 'album_artists') ORDER BY position"
        ):
            artists.setdefault(file_id, []).append(value)
        rows = self._db.execute(
            """SELECT file.id, track_id, path, artist, album_artist, title, album, duration_s, musicbrainz_recording_id,
            missing_since IS NOT NULL FROM file JOIN track ON track.id = track_id ORDER BY file.id"""
        )
        return [
            NamedFile(
                track_id, path, tuple(dict.fromkeys(filter(None, [artist, album_artist, *artists.get(file_id, [])]))),
                *facts,
            )
            for file_id, track_id, path, artist, album_artist, *facts in rows
        ]  # fmt: skip

    def save_listener(self, listener: Listener) -> int:
        """Insert or update who listened; returns the listener's id."""
        (listener_id,) = self._db.execute(
            """INSERT INTO listener (source, file, user, own) VALUES (?, CAST(? AS TEXT), ?, ?)
            ON CONFLICT (source, file, user) DO UPDATE SET own = excluded.own RETURNING id""",
            [listener.source, os.fsencode(listener.file), listener.user, listener.own],
        ).fetchone()
        return int(listener_id)

    def disown_other_users(self, source: str, file: str, own: Sequence[str]) -> None:
        """Keep the plays of a file's other users for what goes together alone: they are not the owner's."""
        marks = ", ".join("?" * len(own))
        self._db.execute(
            f"UPDATE listener SET own = 0 WHERE source = ? AND file = CAST(? AS TEXT) AND user NOT IN ({marks})",
            [source, os.fsencode(file), *own],
        )

    def save_counts(self, listener_id: int, counts: Iterable[Counts]) -> None:
        """Replace what a listener's file says of tracks."""
        self._db.execute("DELETE FROM play_count WHERE listener_id = ?", [listener_id])
        self._write_many(
            """INSERT INTO play_count (listener_id, track_id, plays, skips, rating, loved, last_played)
            VALUES (?, ?, ?, ?, ?, ?, ?)""",
            ((listener_id, c.track_id, c.plays, c.skips, c.rating, c.loved, c.last_played) for c in counts),
        )

    def save_events(
        self, listener_id: int, events: Sequence[tuple[int, int, bool]], *, unmatched: Iterable[int] = ()
    ) -> None:
        """Add plays and skips as (track_id, at, skipped) to those that are known from a file that was shorter then.

        A time that is given again belongs to the track that is given now, or to none: names may have been mended.
        """
        times = {at for _, at, _ in events} | set(unmatched)
        self._write_many("DELETE FROM play_event WHERE listener_id = ? AND at = ?", ((listener_id, at) for at in times))
        self._write_many(
            "INSERT OR IGNORE INTO play_event (listener_id, track_id, at, skipped) VALUES (?, ?, ?, ?)",
            ((listener_id, *event) for event in events),
        )

    def own_counts(self) -> list[tuple[int, Counts]]:
        """(listener's id, counts) of all that the owner's players say, by track."""
        rows = self._db.execute(
            """SELECT listener_id, track_id, plays, skips, rating, loved, last_played
            FROM play_count JOIN listener ON listener.id = listener_id WHERE own ORDER BY track_id, listener_id"""
        )
        return [
            (listener_id, Counts(track_id, plays, skips, rating, None if loved is None else bool(loved), last))
            for listener_id, track_id, plays, skips, rating, loved, last in rows
        ]

    def own_events(self) -> list[tuple[int, int, int, bool]]:
        """(track_id, listener's id, at, skipped) of all plays of the owner with a time, in that order."""
        rows = self._db.execute(
            """SELECT track_id, listener_id, at, skipped FROM play_event JOIN listener ON listener.id = listener_id
            WHERE own ORDER BY track_id, listener_id, at"""
        )
        return [(track_id, listener_id, at, bool(skipped)) for track_id, listener_id, at, skipped in rows]

    def save_imported(self, counts: Iterable[Counts]) -> None:
        """Replace what all of the owner's players say together."""
        self._db.execute("DELETE FROM imported")
        self._write_many(
            "INSERT INTO imported (track_id, plays, skips, rating, loved, last_played) VALUES (?, ?, ?, ?, ?, ?)",
            ((c.track_id, c.plays or 0, c.skips or 0, c.rating, c.loved, c.last_played) for c in counts),
        )

    # Reading

    def count(self) -> int:
        """How many tracks have a file that is there."""
        return int(self._db.execute("SELECT count(*) FROM present").fetchone()[0])

    def not_music(self) -> dict[str, int]:
        """How many tracks are there that no playlist takes, by what they are instead of music."""
        rows = self._db.execute(
            "SELECT kind, count(*) FROM present JOIN kind USING (track_id) WHERE kind != 'music'"
            " GROUP BY kind ORDER BY count(*) DESC, kind"
        )
        return dict(rows)

    def counts_reaching(self, table: str, thresholds: Mapping[str, float]) -> dict[str, int]:
        """For each label of "mood", or heard style of "style", how much of the music reaches its threshold."""
        sums = ", ".join(f"coalesce(sum({label_column(label)} >= ?), 0)" for label in thresholds)
        source = "felt USING (track_id)" if table == "mood" else "styled USING (file_id)"
        row = self._db.execute(f"SELECT {sums} FROM present_music JOIN {source}", list(thresholds.values())).fetchone()
        return dict(zip(thresholds, row, strict=True))

    def counts_tagged(self, thresholds: Mapping[str, float]) -> dict[str, int]:
        """For each style that only tags tell, how much of the music has it and sounds enough like it."""
        sums = {s: " + ".join(f"styled.{label_column(h)}" for h in heard_as(s)) or "1.0" for s in thresholds}
        cases = " ".join(f"WHEN ? THEN {sums[style]} >= ?" for style in thresholds)
        rows = self._db.execute(
            f"""SELECT tagged.style, sum(CASE tagged.style {cases} ELSE 0 END)
            FROM present_music JOIN styled USING (file_id) JOIN tagged USING (file_id) GROUP BY tagged.style""",
            [value for item in thresholds.items() for value in item],
        )
        found = dict(rows.fetchall())
        return {style: found.get(style, 0) for style in thresholds}

    def count_unknown(self, mood: str) -> int:
        """How much of the music an older head has heard, which did not know a mood."""
        sql = f"SELECT count(*) FROM present_music JOIN felt USING (track_id) WHERE {label_column(mood)} IS NULL"
        return int(self._db.execute(sql).fetchone()[0])

    def count_told(self, styles: Sequence[str]) -> int:
        """How much of the music has tags that name one of some styles."""
        sql = f"SELECT count(*) FROM present_music AS present WHERE {_told(styles)}"
        (count,) = self._db.execute(sql, list(styles)).fetchone()
        return int(count)

    def pool(self, *, mood: str | None, styles: Sequence[str], mood_from: float, style_from: float) -> Pool:
        """Music whose probability of the mood, and of the styles together, reach the thresholds.

        A style that only tags tell has the probability of what it sounds like where the tags say so, 0 elsewhere.
        """
        mood_sql = f"felt.{label_column(mood)}" if mood else "1.0"
        style_sql, bound = _any_of(styles)
        styled = "styled USING (file_id)" if styles else "style USING (track_id)"
        source = (
            f"(SELECT present.track_id, present.file_id, {mood_sql} AS m, {style_sql} AS s"
            " FROM present_music AS present"
            f" JOIN felt USING (track_id) JOIN {styled}) AS fit"
        )
        considered, best = self._db.execute(f"SELECT count(*), coalesce(max(m * s), 0) FROM {source}", bound).fetchone()
        rows = self._db.execute(
            f"""SELECT fit.track_id, m, s, {_VECTOR}, duration_s, coalesce(bpm, 0), loudness_db, key,
            coalesce(album_artist, artist), title
            FROM {source} JOIN track ON track.id = fit.track_id JOIN embedding ON embedding.track_id = fit.track_id
            JOIN file ON file.id = fit.file_id WHERE m >= ? AND s >= ? ORDER BY fit.track_id""",
            [*bound, mood_from, style_from],
        ).fetchall()
        columns = list(zip(*rows, strict=True)) or [()] * 10
        mood_p, style_p, duration, bpm, loudness = (np.asarray(columns[i], np.float32) for i in (1, 2, 4, 5, 6))
        ids, vectors = np.asarray(columns[0], np.int64), unit_vectors(columns[3])
        keys, artists, titles = columns[7:10]
        return Pool(
            ids, mood_p, style_p, vectors, duration, bpm, loudness, keys, artists, titles, considered, best
        )  # fmt: skip

    def plays(self) -> Plays:
        """All music that was played, skipped, rated or loved, that whose files are missing included."""
        # A player that writes its counts into tags is often the one whose file was imported: the larger count holds.
        rows = self._db.execute(
            f"""SELECT file.track_id, {_VECTOR}, max(sum(coalesce(file.plays, 0)), coalesce(imported.plays, 0)),
            max(sum(coalesce(file.skips, 0)), coalesce(imported.skips, 0)),
            max(coalesce(max(file.rating), -1), coalesce(imported.rating, -1)),
            max(coalesce(max(file.loved), 0), coalesce(imported.loved, 0)),
            coalesce(artist || ' - ', '') || coalesce(title, path)
            FROM file JOIN embedding USING (track_id) LEFT JOIN imported USING (track_id)
            WHERE (file.plays > 0 OR file.skips > 0 OR file.rating IS NOT NULL OR file.loved = 1
              OR imported.track_id IS NOT NULL)
              AND NOT EXISTS (SELECT 1 FROM kind WHERE kind.track_id = file.track_id AND kind != 'music')
            GROUP BY file.track_id ORDER BY file.track_id"""
        ).fetchall()
        columns = list(zip(*rows, strict=True)) or [()] * 7
        plays, skips, rating, loved = (np.asarray(column, np.float32) for column in columns[2:6])
        return Plays(
            np.asarray(columns[0], np.int64), unit_vectors(columns[1]), plays, skips, rating, loved, names=columns[6]
        )

    def timelines(self, track_ids: Sequence[int]) -> dict[int, Timeline]:
        """How the mood of each of the given tracks goes; those heard before this was kept are left out."""
        return {row[0]: _timeline(*row[1:]) for row in self._by_ids(_TIMELINE_SQL, track_ids)}

    def vectors(self, track_ids: Sequence[int]) -> Floats:
        """Unit vectors [n, 400] of the given tracks, in their order."""
        blobs = dict(self._by_ids(f"SELECT track_id, {_VECTOR} FROM embedding WHERE track_id", track_ids))
        return unit_vectors([blobs[i] for i in track_ids])

    def nearest(self, track_id: int, count: int) -> list[int]:
        """The music nearest to a track by cosine, nearest first, itself not among it."""
        ids = [i for i in self.all_ids(of="present_music") if i != track_id]
        if not ids:
            return []
        cosines = self.vectors(ids) @ self.vectors([track_id])[0]
        return [ids[i] for i in np.argsort(-cosines, kind="stable")[:count]]

    def embedding(self, track_id: int) -> Floats:
        """The whole embedding of a track, float32 [d]."""
        vector, layers = self._db.execute(
            "SELECT embedding.mean, layers.mean FROM embedding JOIN layers USING (track_id) WHERE track_id = ?",
            [track_id],
        ).fetchone()
        return np.asarray(_unpack([vector + layers])[0])

    def tracks(self, track_ids: Sequence[int]) -> list[Track]:
        """The records of the given tracks, in their order; a missing file stands for a track that has no other."""
        found = {row[0]: _track(row) for row in self._by_ids(_TRACK_SQL, track_ids)}
        return [found[i] for i in track_ids if i in found]

    def _by_ids(self, sql: str, ids: Sequence[int]) -> Iterator[tuple[Any, ...]]:
        """Rows of a query for a list of track ids, however long."""
        for start in range(0, len(ids), 500):
            part = ids[start : start + 500]
            marks = ", ".join("?" * len(part))
            yield from self._db.execute(f"{sql} IN ({marks})", list(part))

    def all_ids(self, *, of: Literal["present", "present_music"] = "present") -> list[int]:
        """Ids of all tracks whose files are there, or of the music among them, by path."""
        rows = self._db.execute(f"SELECT {of}.track_id FROM {of} JOIN file ON file.id = file_id ORDER BY path")
        return [row[0] for row in rows]

    def find(self, words: str) -> list[int]:
        """Tracks that a path names, or whose artist, title and album contain all words; an exact name alone wins.

        The name of the file stands for a title that is not known.
        """
        state = self.file_state(os.path.abspath(words))
        if state:
            return [state.track_id]
        wanted = fold(words)
        if not wanted.strip():
            return []
        exact, partly = [], []
        for track_id, path, artist, tagged, album in self._db.execute(
            """SELECT present.track_id, path, artist, title, album FROM present JOIN file ON file.id = file_id
            ORDER BY path"""
        ):
            title = tagged or os.path.basename(path)
            name = fold(f"{artist or ''} - {title}")
            if wanted in (name, fold(title)):
                exact.append(track_id)
            if all(word in f"{name} {fold(album or '')}" for word in wanted.split()):
                partly.append(track_id)
        return exact or partly

    def save_list(self, track_ids: Sequence[int]) -> None:
        """Remember a printed list, so that its numbers can be used as tracks."""
        with self.transaction():
            self._db.execute("DELETE FROM last_list")
            self._db.table("last_list").insert_all({"position": n, "track_id": i} for n, i in enumerate(track_ids, 1))

    def listed(self, position: int) -> int | None:
        row = self._db.execute("SELECT track_id FROM last_list WHERE position = ?", [position]).fetchone()
        return row[0] if row else None


_FILE_TABLES = (
    ("tag_value", "file_id"),
    ("lyrics", "file_id"),
    ("tagged", "file_id"),
    ("tag_weight", "file_id"),
    ("file", "id"),
)

_VECTOR = "embedding.mean"

_MOODS = ", ".join(f"mood.{label_column(m)}" for m in MOODS)

_LABELS = ", ".join([f"felt.{label_column(m)}" for m in MOODS] + [f"styled.{label_column(s)}" for s in STYLES])

_STYLES = ", ".join(f"style.{label_column(s)}" for s in STYLES)

_PLAYS = """max(coalesce(file.plays, 0), coalesce(imported.plays, 0)),
  max(coalesce(file.skips, 0), coalesce(imported.skips, 0)),
  nullif(max(coalesce(file.last_played, 0), coalesce(imported.last_played, 0)), 0),
  nullif(max(coalesce(file.rating, -1), coalesce(imported.rating, -1)), -1),
  max(coalesce(file.loved, 0), coalesce(imported.loved, 0))"""

_TRACK_SQL = f"""
SELECT track.id, file.path, title, artist, album, genre, duration_s, bpm, key, loudness_db, {_LABELS},
  {_PLAYS}, missing_since IS NOT NULL, {_MOODS},
  {_STYLES}, (SELECT group_concat(tagged.style, '|') FROM tagged WHERE tagged.file_id = file.id),
  coalesce(kind.kind, 'music')
FROM track JOIN mood ON mood.track_id = track.id JOIN felt ON felt.track_id = track.id JOIN style
  ON style.track_id = track.id LEFT JOIN kind ON kind.track_id = track.id JOIN file ON file.id =
  (SELECT id FROM file AS f WHERE f.track_id = track.id ORDER BY f.missing_since IS NOT NULL, f.id LIMIT 1)
  JOIN styled ON styled.file_id = file.id LEFT JOIN imported ON imported.track_id = track.id
WHERE track.id"""


_SONG_SQL = """
SELECT present.track_id, title, artist, album, duration_s, file.id FROM present JOIN file ON file.id = present.file_id
JOIN track ON track.id = present.track_id WHERE title IS NOT NULL AND artist IS NOT NULL AND present.track_id"""

_TIMELINE_SQL = """
SELECT track_id, timeline.head, at_s, moods, timeline.head = mood.head FROM timeline JOIN mood USING (track_id)
WHERE track_id"""


def _timeline(head: str, at_s: bytes, moods: bytes, current: int) -> Timeline:
    shares = np.frombuffer(moods, np.uint8).astype(np.float32) / np.float32(255)
    times = np.frombuffer(at_s, "<f4").astype(np.float32)
    return Timeline(head, times, shares.reshape(len(times), -1), bool(current))


def _track(row: Sequence[Any]) -> Track:
    moods_end = 10 + len(MOODS)
    styles_end = moods_end + len(STYLES)
    moods = _known(row[10:moods_end])
    styles = dict(zip(STYLES, row[moods_end:styles_end], strict=True))
    track_id, path, title, artist, album, genre, duration, bpm, key, loudness = row[:10]
    plays, skips, last_played, rating, loved, missing, *alone, tagged, kind = row[styles_end:]
    heard = _known(alone[: len(MOODS)])
    by_sound = dict(zip(STYLES, alone[len(MOODS) :], strict=True))
    return Track(
        track_id, path, title, artist, album, genre, duration, bpm, key, loudness, moods, styles, plays, skips,
        last_played, rating, bool(loved), bool(missing), None if heard == moods else heard,
        None if by_sound == styles else by_sound, tuple(sorted(tagged.split("|"))) if tagged else (), kind,
    )  # fmt: skip


def _known(moods: Sequence[float | None]) -> dict[str, float]:
    return {mood: p for mood, p in zip(MOODS, moods, strict=True) if p is not None}


def _any_of(styles: Sequence[str]) -> tuple[str, list[str]]:
    """The probability that a track has one of some styles, as SQL on `present` and `styled` with what it binds.

    It is 1 where none is asked for; what is asked for twice, as jazz and as bebop, counts once.
    """
    asked: dict[str, list[str]] = {}
    for style in styles:
        for heard in heard_as(style):
            asked.setdefault(heard, []).append(style)
    # A style may stand for itself, whatever the tags say; what tags alone tell has the probability 1 where they do.
    terms = [(f"styled.{label_column(heard)}", [] if heard in names else names) for heard, names in asked.items()]
    terms += [("1.0", [style]) for style in styles if not heard_as(style)]
    sql = " + ".join(f"{value} * {_told(names)}" if names else value for value, names in terms)
    return f"min(1.0, {sql})" if terms else "1.0", [name for _, names in terms for name in names]


def _told(styles: Sequence[str]) -> str:
    """Whether the tags of the file that stands for a track name one of some styles, as SQL that binds them."""
    marks = ", ".join("?" * len(styles))
    return f"EXISTS (SELECT 1 FROM tagged WHERE tagged.file_id = present.file_id AND tagged.style IN ({marks}))"


def _save_styles(db: sqlite_utils.Database, file_id: int, values: Sequence[str]) -> None:
    names = genres.named(values)
    for table in ("tagged", "tag_weight"):
        db.execute(f"DELETE FROM {table} WHERE file_id = ?", [file_id])
    for style in genres.within(names):
        db.execute("INSERT INTO tagged (style, file_id) VALUES (?, ?)", [style, file_id])
    weights = genres.weights(names)
    if weights:
        row = {label_column(style): weight for style, weight in weights.items()}
        marks = ", ".join("?" * len(row))
        db.execute(f"INSERT INTO tag_weight (file_id, {', '.join(row)}) VALUES (?, {marks})", [file_id, *row.values()])


def _read_genres_again(db: sqlite_utils.Database) -> None:
    """Read the genre tags that are kept, where another version of the program has read them or none has yet."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version == genres.VERSION:
        return
    with db.atomic():
        for table in ("tagged", "tag_weight"):
            db.execute(f"DELETE FROM {table}")
        rows = db.execute(
            "SELECT file_id, value FROM tag_value WHERE field = 'genres' ORDER BY file_id, position"
        ).fetchall()
        for file_id, group in groupby(rows, key=lambda row: row[0]):
            _save_styles(db, file_id, [value for _, value in group])
        db.execute(f"PRAGMA user_version = {genres.VERSION}")


def _connect(path: Path | Literal[":memory:"]) -> sqlite_utils.Database:
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S)
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    db = sqlite_utils.Database(connection)
    try:
        _check(db, path)
        if migrations.pending(db):
            db.enable_wal()
            migrations.apply(db)
        _read_genres_again(db)
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


def _file_columns(tags: Tags) -> dict[str, Any]:
    columns = {k: v for k, v in asdict(tags).items() if k not in MULTI_VALUED and k != "lyrics"}
    return columns | {"genre": "; ".join(tags.genres) or None}


def _pack(vector: Floats) -> bytes:
    """float16, little-endian: half the size, and three digits are more than the networks give."""
    return vector.astype("<f2").tobytes()


def _unpack(blobs: Sequence[bytes]) -> Floats:
    """float32 [n, d]"""
    size = len(blobs[0]) // 2 if blobs else 0
    return np.frombuffer(b"".join(blobs), "<f2").astype(np.float32).reshape(len(blobs), size)


def unit_vectors(blobs: Sequence[bytes]) -> Floats:
    """Packed vectors as rows of unit length, float32 [n, 400]."""
    if not blobs:
        return np.zeros((0, VECTOR_SIZE), np.float32)
    vectors = _unpack(blobs)
    # np.linalg.norm and a plain division would copy the whole array twice: half the time at 100,000 tracks.
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    vectors /= np.maximum(lengths, 1e-9)[:, None]
    return vectors
