"""Plays that were read from players' files and tags."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from musictaste import fading
from musictaste.store.columns import PLAYED, Columns
from musictaste.store.packing import unit_vectors
from musictaste.track import Counts, Listener, NamedFile, Plays

Doubles = NDArray[np.float64]
Numbers = NDArray[np.int64]

AT_BITS = 31
"""Where the time begins in the number of a play: below it are 30 bits of the track, and whether it was skipped."""


class Listening(Columns):
    """Who listened to what, as players counted it."""

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
        self, listener_id: int, events: Iterable[tuple[int, int, bool]], *, unmatched: Iterable[int] = ()
    ) -> None:
        """Add plays and skips as (track_id, at, skipped) to those that are known from a file that was shorter then.

        A time that is given again belongs to the track that is given now, or to none: names may have been mended. What
        is known already is not written again.
        """
        said = np.sort(_packed((at, track_id, skipped) for track_id, at, skipped in events))
        known = np.sort(
            _packed(
                self._db.execute("SELECT at, track_id, skipped FROM play_event WHERE listener_id = ?", [listener_id])
            )
        )
        given = np.sort(np.concatenate([said >> AT_BITS, np.fromiter(unmatched, np.int64)]))
        gone = known[_among(known >> AT_BITS, given) & ~_among(known, said)]
        new = said[~_among(said, known) & (np.diff(said, prepend=-1) > 0)]
        delete = "DELETE FROM play_event WHERE listener_id = ? AND at = ? AND track_id = ? AND skipped = ?"
        insert = "INSERT INTO play_event (listener_id, at, track_id, skipped) VALUES (?, ?, ?, ?)"
        for sql, codes in ((delete, gone), (insert, new)):
            self._write_many(sql, zip(repeat(listener_id), *_unpacked(codes), strict=False))

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

    def own_events(self) -> Iterator[tuple[int, int, int, bool]]:
        """(track_id, listener's id, at, skipped) of all plays of the owner with a time, in that order."""
        rows = self._db.execute(_OWN_EVENTS_SQL)
        return ((track_id, listener_id, at, bool(skipped)) for track_id, listener_id, at, skipped in rows)

    def own_times(self) -> Numbers:
        """The plays of `own_events` as columns, int64 [4, n]."""
        rows = self._db.execute(_OWN_EVENTS_SQL)
        return np.fromiter((number for row in rows for number in row), np.int64).reshape(-1, 4).T

    def save_imported(self, counts: Iterable[Counts]) -> None:
        """Replace what all of the owner's players say together; what they say as before is not written again."""
        said = {
            c.track_id: (c.track_id, c.plays or 0, c.skips or 0, c.rating, c.loved, c.last_played)
            + ((c.faded.plays, c.faded.skips, c.faded.at) if c.faded else (None, None, None))
            for c in counts
        }
        before = {row[0]: row for row in self._db.execute(f"SELECT {_IMPORTED} FROM imported")}
        with self.transaction():
            gone = ((track_id,) for track_id in before.keys() - said.keys())
            self._write_many("DELETE FROM imported WHERE track_id = ?", gone)
            self._write_many(
                f"INSERT OR REPLACE INTO imported ({_IMPORTED}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (row for track_id, row in said.items() if before.get(track_id) != row),
            )

    def plays(self, sounding: Callable[[Plays], Numbers] | None = None) -> Plays:
        """All music that was played, skipped, rated, loved or spoken of, that whose files are missing included.

        Vectors are those of the rows that `sounding` chooses, or of all.
        """
        track_ids, said = self._said()
        tags = _Said(said["tagged_plays"], said["tagged_skips"], said["tagged_last_played"])
        players = _Said(said["plays"], said["skips"], said["last_played"])
        faded = [said[name] for name in ("faded_plays", "faded_skips", "faded_at")]
        # Ages are taken from the last play that is known: who imports seldom has not forgotten everything since.
        now = time.time()
        latest = max(float(times.max(initial=0)) for times in (tags.last_played, said["faded_at"]))
        plays, skips = _left(tags, players, faded, fading.end_of_day(min(latest or now, now)))
        verdict, own_skips = (_placed(track_ids, spoken) for spoken in self._spoken(fading.end_of_day(now)))
        known = Plays(
            track_ids,
            unit_vectors(()),
            np.maximum(tags.plays, players.plays).astype(np.float32),
            (skips + own_skips).astype(np.float32),
            np.maximum(said["tagged_rating"], said["rating"]).astype(np.float32) - 1,
            np.maximum(said["tagged_loved"], said["loved"]).astype(np.float32),
            recent=plays.astype(np.float32),
            verdict=verdict.astype(np.float32),
            last_played=np.maximum(tags.last_played, players.last_played),
        )
        sounded = np.arange(len(track_ids)) if sounding is None else sounding(known)
        return replace(known, vectors=self.vectors(track_ids[sounded].tolist()), sounded=sounded)

    def _said(self) -> tuple[Numbers, dict[str, Doubles]]:
        """All music that anything is said of, by ascending id, and what tags and players say of each as columns."""
        feedback = self._db.execute("SELECT DISTINCT track_id FROM feedback JOIN file USING (track_id)").fetchall()
        other = self._db.execute("SELECT track_id FROM kind WHERE kind != 'music'").fetchall()
        table = _with_rows_of(np.asarray(feedback, np.float64).ravel(), self.played())
        said = dict(zip(PLAYED, table.T, strict=True))
        asked = (said["counted"] > 0) | np.isin(said["id"], np.asarray(feedback))
        kept = (asked | (said["told"] > 0)) & ~np.isin(said["id"], np.asarray(other))
        # A file that tells nothing else does not tell by itself when a track was played.
        said["tagged_last_played"] = np.where(asked, said["tagged_last_played"], said["last_told"])
        return said["id"][kept].astype(np.int64), {name: column[kept] for name, column in said.items()}

    def _spoken(self, now: float) -> tuple[dict[int, float], dict[int, float]]:
        """By track: 1 where it is liked and -1 where it is disliked; and what is left of the user's skips of it."""
        verdicts = dict.fromkeys((i for (i,) in self._db.execute("SELECT track_id FROM disliked")), -1.0)
        verdicts |= {i: 1.0 for (i,) in self._db.execute("SELECT track_id FROM opinion WHERE verdict = 'like'")}
        skips: dict[int, float] = {}
        for track_id, at in self._db.execute("SELECT track_id, at FROM feedback WHERE verdict = 'skip'"):
            skips[track_id] = skips.get(track_id, 0.0) + float(fading.left(np.asarray(now - at, np.float64)))
        return verdicts, skips


@dataclass(frozen=True)
class _Said:
    """What tags, or players' files, say of tracks, as columns; a time that is not known is 0."""

    plays: Doubles
    skips: Doubles
    last_played: Doubles


def _with_rows_of(ids: Doubles, table: Doubles) -> Doubles:
    """The rows of a table, by ascending ids in its first column, and empty ones for distinct ids that have none."""
    lacking = np.sort(ids[~np.isin(ids, table[:, 0], assume_unique=True)])
    if not len(lacking):
        return table
    rows = np.zeros((len(lacking), table.shape[1]))
    rows[:, 0] = lacking
    return np.insert(table, np.searchsorted(table[:, 0], lacking), rows, axis=0)


def _packed(events: Iterable[tuple[int, int, int]]) -> Numbers:
    """(Unix seconds, track, skipped) as one number each, in the same order: a million tuples would fill memory."""
    return np.fromiter(((at << AT_BITS) | (track_id << 1) | skipped for at, track_id, skipped in events), np.int64)


def _among(values: Numbers, ascending: Numbers) -> NDArray[np.bool_]:
    """Which values are among ascending ones: a tenth of the time of `isin`, where both are long and in order."""
    if not len(ascending):
        return np.zeros(len(values), np.bool_)
    places = np.minimum(np.searchsorted(ascending, values), len(ascending) - 1)
    return np.asarray(ascending[places] == values)


def _unpacked(codes: Numbers) -> tuple[list[int], list[int], list[int]]:
    """Unix seconds, tracks, and whether they were skipped."""
    return (codes >> AT_BITS).tolist(), (codes >> 1 & (1 << AT_BITS - 1) - 1).tolist(), (codes & 1).tolist()


def _left(tags: _Said, players: _Said, faded: Sequence[Doubles], now: float) -> tuple[Doubles, Doubles]:
    """What is left of plays and of skips.

    A player that writes its counts into tags is often the one whose file was imported: the larger count holds, and
    what the tags have more is as old as their last play, or else as the last that the players know.
    """
    faded_plays, faded_skips, faded_at = faded
    lasting, fresh = fading.LASTING, (1 - fading.LASTING) * fading.halved(now - faded_at)
    dated = faded_at > 0
    more = fading.left(now - _known(np.where(tags.last_played > 0, tags.last_played, faded_at)))
    plays, skips = (
        np.where(dated, lasting * counted + fresh * remains, fading.UNDATED * counted)
        + more * np.maximum(tagged - counted, 0)
        for counted, remains, tagged in (
            (players.plays, faded_plays, tags.plays),
            (players.skips, faded_skips, tags.skips),
        )
    )
    return plays, skips


def _placed(ids: Numbers, values: Mapping[int, float]) -> Doubles:
    """Values of some tracks as a column [n] beside ascending ids, 0 elsewhere; tracks that are not among them go."""
    column = np.zeros(len(ids))
    known = np.intersect1d(np.fromiter(values, np.int64), ids, assume_unique=True)
    column[np.searchsorted(ids, known)] = [values[i] for i in known.tolist()]
    return column


def _known(times: Doubles) -> Doubles:
    return np.where(times > 0, times, np.nan)


_OWN_EVENTS_SQL = """
SELECT track_id, listener_id, at, skipped FROM play_event JOIN listener ON listener.id = listener_id
WHERE own ORDER BY track_id, listener_id, at
"""

_IMPORTED = "track_id, plays, skips, rating, loved, last_played, faded_plays, faded_skips, faded_at"
