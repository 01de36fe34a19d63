"""What goes together in what was played: read from plays, kept as neighbours of each track."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from musictaste.store.connection import Connection
from musictaste.store.packing import VECTOR, unit_vectors
from musictaste.track import Together

Numbers = NDArray[np.int64]


class Companions(Connection):
    """Plays of all listeners as columns, and the neighbours that were learned from them."""

    def played_at(self) -> tuple[Numbers, Numbers, Numbers]:
        """(tracks, Unix seconds, listeners) of all plays with a time, by listener and time; the owner is listener 0."""
        rows = self._db.execute(
            """SELECT track_id, at, CASE WHEN own THEN 0 ELSE listener.id END AS whose FROM play_event
            JOIN listener ON listener.id = listener_id WHERE NOT skipped ORDER BY whose, at, track_id"""
        )
        plays = np.fromiter((number for row in rows for number in row), np.int64).reshape(-1, 3)
        return plays[:, 0], plays[:, 1], plays[:, 2]

    def played_by_others(self) -> tuple[Numbers, Numbers]:
        """(listeners, tracks) of each pair of another user than the owner and what that one played."""
        rows = self._db.execute(
            """SELECT listener_id, track_id FROM play_count JOIN listener ON listener.id = listener_id
            WHERE NOT own AND plays > 0
            UNION SELECT listener_id, track_id FROM play_event JOIN listener ON listener.id = listener_id
            WHERE NOT own AND NOT skipped ORDER BY 1, 2"""
        )
        pairs = np.fromiter((number for row in rows for number in row), np.int64).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1]

    def all_vectors(self) -> tuple[Numbers, NDArray[np.float32]]:
        """All tracks by ascending id, int64 [n], and their unit vectors, float32 [n, 400]."""
        rows = self._db.execute(f"SELECT track_id, {VECTOR} FROM embedding ORDER BY track_id").fetchall()
        ids, blobs = zip(*rows, strict=True) if rows else ((), ())
        return np.asarray(ids, np.int64), unit_vectors(blobs)

    def save_together(self, track_ids: Numbers, together: Together) -> None:
        """Replace all neighbours; tracks that are trusted with nothing are left out."""
        kept = np.flatnonzero(together.trust > 0).tolist()
        shares = np.round(255 * together.strengths).astype(np.uint8)
        with self.transaction():
            self._db.execute("DELETE FROM together")
            self._write_many(
                "INSERT INTO together (track_id, ids, strengths, trust) VALUES (?, ?, ?, ?)",
                (
                    (int(track_ids[i]), together.ids[i].astype("<i4").tobytes(), shares[i].tobytes(), trust)
                    for i, trust in zip(kept, together.trust[kept].tolist(), strict=True)
                ),
            )

    def together(self, track_ids: Sequence[int]) -> Together | None:
        """The neighbours of the given tracks, in their order; None where nothing is known of any."""
        sql = "SELECT track_id, ids, strengths, trust FROM together WHERE track_id"
        found = {row[0]: row[1:] for row in self._by_ids(sql, track_ids)}
        if not found:
            return None
        width = len(next(iter(found.values()))[1])
        nothing = (np.full(width, -1, "<i4").tobytes(), bytes(width), 0.0)
        ids, strengths, trust = zip(*(found.get(i, nothing) for i in track_ids), strict=True)
        return Together(
            np.frombuffer(b"".join(ids), "<i4").reshape(-1, width),
            np.frombuffer(b"".join(strengths), np.uint8).reshape(-1, width).astype(np.float32) / np.float32(255),
            np.asarray(trust, np.float32),
        )
