"""Plays that were read from players' files and tags."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import numpy as np

from musictaste.store.connection import Connection
from musictaste.store.packing import VECTOR, unit_vectors
from musictaste.track import Counts, Listener, NamedFile, Plays


class Listening(Connection):
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

    def plays(self) -> Plays:
        """All music that was played, skipped, rated or loved, that whose files are missing included."""
        # A player that writes its counts into tags is often the one whose file was imported: the larger count holds.
        rows = self._db.execute(
            f"""SELECT file.track_id, {VECTOR}, max(sum(coalesce(file.plays, 0)), coalesce(imported.plays, 0)),
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
