"""What was taught."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from musictaste.moods import MOODS
from musictaste.store.connection import Connection
from musictaste.store.labels import HEARD_MOODS, label_column, stale_labels
from musictaste.store.packing import VECTOR, VECTOR_SIZE, unit_vectors
from musictaste.track import Answer, HeardBy, MoodColumns, Move

Floats = NDArray[np.float32]


class Lessons(Connection):
    """Answers of the user, and the personal head that was fitted to them."""

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

    def mood_columns(self, ids: Sequence[int], *, with_words: bool = False) -> MoodColumns:
        """What the personal head reads of tracks, in ascending order of their ids, by sound or by sound and words."""
        source = "untaught AS mood" if with_words else "mood"
        columns_sql = f"SELECT mood.track_id, {VECTOR}, {HEARD_MOODS} FROM {source} JOIN embedding USING (track_id)"
        rows = sorted(self._by_ids(f"{columns_sql} WHERE mood.track_id", ids))
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

    def save_personal_moods(self, by: HeardBy, parts: Iterable[tuple[NDArray[np.int64], NDArray[np.float64]]]) -> None:
        """Keep the personal probabilities [n, k] of tracks [n], in the order of MOODS; NaN is kept as unknown."""
        names, marks = ", ".join(map(label_column, MOODS)), ", ".join("?" * len(MOODS))
        for ids, moods in parts:
            self._write_many(
                f"INSERT OR REPLACE INTO personal_mood (track_id, head, {names}) VALUES (?, ?, {marks})",
                zip(ids.tolist(), [by.head] * len(ids), *moods.T.tolist(), strict=True),
            )
        stale_labels(self._db)

    def forget_personal(self) -> None:
        """Drop the personal heads and all that was derived from them; the answers stay."""
        self._db.execute("DELETE FROM personal_mood")
        stale_labels(self._db)
        self._db.execute("DELETE FROM personal_head")

    def remember_moods(self, mood: str, *, shipped: bool = False) -> None:
        """Note for `moves` and `moves_of` how likely tracks have a mood, as every reader sees it or as if untaught."""
        source = "untaught" if shipped else "felt"
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
