"""What the words of tracks say of moods."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from musictaste.moods import EMOTIONS, word_weights
from musictaste.store.connection import Connection
from musictaste.track import Reading, Unread, Words

_COLUMNS = ("", "_weight", "_line")
_NAMES = ", ".join(f"{mood}{kind}" for kind in _COLUMNS for mood in EMOTIONS)
_MARKS = ", ".join("?" * (len(_COLUMNS) * len(EMOTIONS)))

_SUNG = "FROM words WHERE text IS NOT NULL AND NOT instrumental"
_SETTLE_SQL = f"""
DELETE FROM stale_reading WHERE (SELECT lyrics_id {_SUNG} AND words.track_id = stale_reading.track_id)
  IS (SELECT lyrics_id FROM reading WHERE reading.track_id = stale_reading.track_id AND head = ?)"""


class Readings(Connection):
    """What the head for words said of each track that has any."""

    def outdated_readings(self, head: str) -> tuple[list[Unread], list[int]]:
        """Words that were not read yet or by another head, and tracks that were read and have no words any more."""
        with self.transaction():
            self._db.execute(_SETTLE_SQL, [head])
        rows = self._db.execute(
            "SELECT track_id FROM stale_reading UNION SELECT track_id FROM reading WHERE head < ?1 OR head > ?1", [head]
        )
        outdated = sorted(track_id for (track_id,) in rows)
        sung = dict(self._by_ids(f"SELECT track_id, lyrics_id {_SUNG} AND track_id", outdated))
        return [Unread(i, sung[i]) for i in outdated if i in sung], [i for i in outdated if i not in sung]

    def texts(self, lyrics_ids: Sequence[int]) -> dict[int, Words]:
        """Some words by their own ids; those that have gone are left out."""
        sql = "SELECT id, source, language, instrumental, words FROM lyrics WHERE id"
        return {
            lyrics_id: Words(lyrics_id, source, language, bool(instrumental), text)
            for lyrics_id, source, language, instrumental, text in self._by_ids(sql, lyrics_ids)
        }

    def forget_readings(self, track_ids: Iterable[int]) -> None:
        self._write_many("DELETE FROM reading WHERE track_id = ?", ((i,) for i in track_ids))

    def save_readings(self, readings: Iterable[Reading]) -> None:
        """Keep what was read of tracks, and what their sound is multiplied by for it."""
        self._write_many(
            f"INSERT OR REPLACE INTO reading (track_id, lyrics_id, head, {_NAMES}) VALUES (?, ?, ?, {_MARKS})",
            ((r.track_id, r.lyrics_id, r.head, *_row(r)) for r in readings),
        )

    def readings(self, track_ids: Sequence[int]) -> dict[int, Reading]:
        """What was read of each of the given tracks, whether or not it has the same words still."""
        sql = f"SELECT track_id, lyrics_id, head, {_NAMES} FROM reading WHERE track_id"
        return {row[0]: _reading(*row) for row in self._by_ids(sql, track_ids)}

    def count_read(self) -> tuple[int, int]:
        """Of how many tracks that are there the words were read, and of how many they tell a mood."""
        read, told = self._db.execute(
            "SELECT count(*), count(happy) FROM present JOIN reading USING (track_id)"
        ).fetchone()
        return int(read), int(told)


def _row(reading: Reading) -> list[float | int | None]:
    if reading.moods is None:
        return [None] * (len(_COLUMNS) * len(EMOTIONS))
    weights = word_weights(reading.moods)
    said, weighed = ([table[mood] for mood in EMOTIONS] for table in (reading.moods, weights))
    return [*said, *weighed, *(reading.loudest.get(mood) for mood in EMOTIONS)]


def _reading(track_id: int, lyrics_id: int, head: str, *columns: float | None) -> Reading:
    moods, _, lines = (dict(zip(EMOTIONS, columns[i : i + 4], strict=True)) for i in (0, 4, 8))
    if columns[0] is None:
        return Reading(track_id, lyrics_id, head)
    told = {mood: p for mood, p in moods.items() if p is not None}
    return Reading(track_id, lyrics_id, head, told, {mood: int(n) for mood, n in lines.items() if n is not None})
