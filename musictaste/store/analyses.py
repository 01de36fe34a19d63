"""What listening gave."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from musictaste.store.connection import Connection
from musictaste.store.labels import label_column
from musictaste.store.packing import VECTOR_SIZE, pack, unpack
from musictaste.track import Analysis, Labels, Sound, Timeline

Floats = NDArray[np.float32]


class Analyses(Connection):
    """How tracks were heard, and what the heads say of them."""

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

    def rename_audio(self, track_id: int, audio_hash: str) -> None:
        """Know a track by another hash of the same audio, unless another track is known by it."""
        self._db.execute("UPDATE OR IGNORE track SET audio_hash = ? WHERE id = ?", [audio_hash, track_id])

    def save_track(self, audio_hash: str, sound: Sound, moods: Labels, styles: Labels, *, full: bool) -> int:
        """Insert or update what listening gave; returns the track's id."""
        (track_id,) = self._db.execute(
            """INSERT INTO track
            (audio_hash, duration_s, heard_s, "full", bpm, key, loudness_db, embedder, provider, added)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (audio_hash) DO UPDATE SET
            duration_s = excluded.duration_s, heard_s = excluded.heard_s, "full" = excluded."full", bpm = excluded.bpm,
            key = excluded.key, loudness_db = excluded.loudness_db, embedder = excluded.embedder,
            provider = excluded.provider RETURNING id""",
            [
                audio_hash, sound.duration_s, sound.heard_s, full, sound.bpm, sound.key, sound.loudness_db,
                sound.embedder, sound.provider, int(time.time()),
            ],
        ).fetchone()  # fmt: skip
        vector, layers = np.split(sound.embedding, [VECTOR_SIZE])
        row = {"track_id": track_id, "mean": pack(vector), "spread": pack(sound.spread[:VECTOR_SIZE])}
        self._put("embedding", row)
        self._put("layers", {"track_id": track_id, "mean": pack(layers)})
        self.save_labels(track_id, moods, styles)
        self._save_timeline(track_id, sound.timeline)
        return int(track_id)

    def _save_timeline(self, track_id: int, timeline: Timeline) -> None:
        at_s, moods = timeline.at_s.astype("<f4"), np.round(255 * timeline.moods).astype(np.uint8)
        row = {"track_id": track_id, "head": timeline.head, "at_s": at_s.tobytes(), "moods": moods.tobytes()}
        self._put("timeline", row)

    def save_labels(self, track_id: int, moods: Labels, styles: Labels) -> None:
        """Write what the shipped heads say; what the personal head made of their older words is forgotten."""
        for table, labels in (("mood", moods), ("style", styles)):
            columns = {label_column(label): p for label, p in labels.probabilities.items()}
            self._put(table, {"track_id": track_id, "head": labels.head, **columns})
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
        return [row[0] for row in rows], unpack([vector + layers for _, vector, layers in rows])

    def save_kind(self, track_id: int, kind: str, labels: Labels) -> None:
        """Write what a track is: music, or what else; and what the head heard it from."""
        row = {"track_id": track_id, "head": labels.head, "kind": kind, **labels.probabilities}
        self._put("kind", row)

    def stale_kinds(self, embedder: str, head: str, *, limit: int) -> tuple[list[int], list[float], Floats]:
        """Tracks whose kind the present head did not tell, though it can: ids, levels in dB, embeddings [n, d]."""
        return self._not_told("kind", embedder, head, limit=limit)

    def _not_told(self, table: str, embedder: str, head: str, *, limit: int) -> tuple[list[int], list[float], Floats]:
        """Tracks of which a head has not written into its table: ids, levels in dB, embeddings [n, d]."""
        rows = self._db.execute(
            f"""SELECT track.id, loudness_db, embedding.mean, layers.mean FROM track
            JOIN embedding ON embedding.track_id = track.id JOIN layers ON layers.track_id = track.id
            LEFT JOIN {table} ON {table}.track_id = track.id WHERE embedder = ? AND {table}.head IS NOT ? LIMIT ?""",
            [embedder, head, limit],
        ).fetchall()
        vectors = unpack([vector + layers for *_, vector, layers in rows])
        return [row[0] for row in rows], [row[1] for row in rows], vectors
