"""Tracks as readers see them."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from musictaste.moods import MOODS
from musictaste.store.files import Files
from musictaste.store.labels import HEARD_MOODS, label_column
from musictaste.store.packing import unpack
from musictaste.styles import STYLES
from musictaste.track import Timeline, Track, fold

Floats = NDArray[np.float32]

LISTS_KEPT = 1000


class Tracks(Files):
    """Records and vectors of tracks, words that mean one, and the last list."""

    def timelines(self, track_ids: Sequence[int]) -> dict[int, Timeline]:
        """How the mood of each of the given tracks goes; those heard before this was kept are left out."""
        return {row[0]: _timeline(*row[1:]) for row in self._by_ids(_TIMELINE_SQL, track_ids)}

    def embedding(self, track_id: int) -> Floats:
        """The whole embedding of a track, float32 [d]."""
        vector, layers = self._db.execute(
            "SELECT embedding.mean, layers.mean FROM embedding JOIN layers USING (track_id) WHERE track_id = ?",
            [track_id],
        ).fetchone()
        return np.asarray(unpack([vector + layers])[0])

    def tracks(self, track_ids: Sequence[int]) -> list[Track]:
        """The records of the given tracks, in their order; a missing file stands for a track that has no other."""
        found = {row[0]: _track(row) for row in self._by_ids(_TRACK_SQL, track_ids)}
        return [found[i] for i in track_ids if i in found]

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

    def save_list(self, track_ids: Sequence[int], command: str) -> None:
        """Remember a printed list, so that its numbers can be used as tracks, and what is said of it be told."""
        with self.transaction():
            self._db.execute("DELETE FROM last_list")
            self._db.executemany("INSERT INTO last_list (position, track_id) VALUES (?, ?)", enumerate(track_ids, 1))
            (number,) = self._db.execute("SELECT coalesce(max(list), 0) + 1 FROM past_list").fetchone()
            rows = ((number, i, int(time.time()), command) for i in track_ids)
            sql = "INSERT OR IGNORE INTO past_list (list, track_id, at, command) VALUES (?, ?, ?, ?)"
            self._db.executemany(sql, rows)
            self._db.execute("DELETE FROM past_list WHERE list <= ?", [number - LISTS_KEPT])

    def listed(self, position: int) -> int | None:
        row = self._db.execute("SELECT track_id FROM last_list WHERE position = ?", [position]).fetchone()
        return row[0] if row else None


_PLAYS = """max(coalesce(file.plays, 0), coalesce(imported.plays, 0)),
  max(coalesce(file.skips, 0), coalesce(imported.skips, 0)),
  nullif(max(coalesce(file.last_played, 0), coalesce(imported.last_played, 0)), 0),
  nullif(max(coalesce(file.rating, -1), coalesce(imported.rating, -1)), -1),
  max(coalesce(file.loved, 0), coalesce(imported.loved, 0))"""


_LABELS = ", ".join([f"felt.{label_column(m)}" for m in MOODS] + [f"styled.{label_column(s)}" for s in STYLES])


_STYLES = ", ".join(f"style.{label_column(s)}" for s in STYLES)


_HEARD = ", ".join(f"heard.{label_column(m)}" for m in MOODS)


_TRACK_SQL = f"""
SELECT track.id, file.path, title, artist, album, genre, duration_s, bpm, key, loudness_db, {_LABELS},
  {_PLAYS}, missing_since IS NOT NULL, {HEARD_MOODS},
  {_HEARD}, {_STYLES}, (SELECT group_concat(tagged.style, '|') FROM tagged WHERE tagged.file_id = file.id),
  coalesce(kind.kind, 'music')
FROM track JOIN mood ON mood.track_id = track.id JOIN heard ON heard.track_id = track.id
  JOIN felt ON felt.track_id = track.id JOIN style ON style.track_id = track.id
  LEFT JOIN kind ON kind.track_id = track.id JOIN file ON file.id =
  (SELECT id FROM file AS f WHERE f.track_id = track.id ORDER BY f.missing_since IS NOT NULL, f.id LIMIT 1)
  JOIN styled ON styled.file_id = file.id LEFT JOIN imported ON imported.track_id = track.id
WHERE track.id"""


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
    shipped, heard = _known(alone[: len(MOODS)]), _known(alone[len(MOODS) : 2 * len(MOODS)])
    by_sound = dict(zip(STYLES, alone[2 * len(MOODS) :], strict=True))
    return Track(
        track_id, path, title, artist, album, genre, duration, bpm, key, loudness, moods, styles, plays, skips,
        last_played, rating, bool(loved), bool(missing), None if shipped == moods else shipped,
        None if heard == moods else heard, None if by_sound == styles else by_sound,
        tuple(sorted(tagged.split("|"))) if tagged else (), kind,
    )  # fmt: skip


def _known(moods: Sequence[float | None]) -> dict[str, float]:
    return {mood: p for mood, p in zip(MOODS, moods, strict=True) if p is not None}
