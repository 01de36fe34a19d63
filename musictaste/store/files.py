"""Folders and files, for scanning."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from musictaste.store.connection import Connection
from musictaste.store.labels import save_styles
from musictaste.store.searching import unindex
from musictaste.track import Analysis, Beside, Failure, FileState, Tags

AT_ONCE = 500


class Files(Connection):
    """What files there are, what their tags say, and which could not be heard."""

    def folders(self) -> list[str]:
        return [path for (path,) in self._db.execute("SELECT path FROM folder ORDER BY path")]

    def add_folder(self, path: str) -> None:
        self._db.execute("INSERT OR IGNORE INTO folder (path) VALUES (CAST(? AS TEXT))", [os.fsencode(path)])

    def file_state(self, path: str) -> FileState | None:
        return self.file_states([path]).get(path)

    def file_states(self, paths: Sequence[str]) -> dict[str, FileState]:
        """What is known of each of some files, by path; of many at once, since a scan asks for all that there are."""
        found = {}
        for start in range(0, len(paths), AT_ONCE):
            part = [os.fsencode(path) for path in paths[start : start + AT_ONCE]]
            marks = ", ".join(["CAST(? AS TEXT)"] * len(part))
            for path, *row, words, words_at in self._db.execute(f"{_STATE_SQL} WHERE file.path IN ({marks})", part):
                file_id, track_id, size, mtime_ns, missing, audio_hash, embedder, full, timeline = row
                analysis = Analysis(embedder, bool(full), timeline)
                beside = Beside(words, words_at) if words is not None else None
                found[path] = FileState(file_id, track_id, size, mtime_ns, bool(missing), audio_hash, analysis, beside)
        return found

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

    def analyses_by_size(self, sizes: Collection[int]) -> dict[int, dict[str, Analysis]]:
        """How audio was heard, by its hash, that is in a file of one of these sizes or was when last seen."""
        found: dict[int, dict[str, Analysis]] = {}
        rows = self._db.execute(
            """SELECT size, audio_hash, embedder, "full", timeline.head FROM file JOIN track ON track.id = track_id
            LEFT JOIN timeline USING (track_id)"""
        )
        for size, audio_hash, embedder, full, timeline in rows:
            if size in sizes:
                found.setdefault(size, {})[audio_hash] = Analysis(embedder, bool(full), timeline)
        return found

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
            unindex(self._db, f"file_id IN ({replaced})", [raw, file_id])
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
        save_styles(self._db, file_id, tags.genres)
        self._db.execute("DELETE FROM failure WHERE path = CAST(? AS TEXT)", [raw])
        return int(file_id)

    def _save_values(self, file_id: int, tags: Tags) -> None:
        self._db.execute("DELETE FROM tag_value WHERE file_id = ?", [file_id])
        rows = (
            (file_id, field, position, value)
            for field in MULTI_VALUED
            for position, value in enumerate(getattr(tags, field))
        )
        self._write_many("INSERT INTO tag_value (file_id, field, position, value) VALUES (?, ?, ?, ?)", rows)

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


MULTI_VALUED = ("artists", "album_artists", "genres", "musicbrainz_artist_ids")


_FILE_TABLES = (
    ("tag_value", "file_id"),
    ("lyrics", "file_id"),
    ("tagged", "file_id"),
    ("tag_weight", "file_id"),
    ("file", "id"),
)


def _file_columns(tags: Tags) -> dict[str, Any]:
    columns = {k: v for k, v in tags._asdict().items() if k not in MULTI_VALUED and k != "lyrics"}
    return columns | {"genre": "; ".join(tags.genres) or None}


_STATE_SQL = """
SELECT file.path, file.id, track.id, size, file.mtime_ns, missing_since IS NOT NULL, audio_hash, embedder, "full",
  timeline.head, lyrics.path, lyrics.mtime_ns
FROM file JOIN track ON track.id = file.track_id LEFT JOIN timeline ON timeline.track_id = track.id
LEFT JOIN lyrics ON lyrics.file_id = file.id AND source = 'files'"""
