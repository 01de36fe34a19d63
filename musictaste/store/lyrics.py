"""What songs say."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from musictaste.store.readings import Readings
from musictaste.store.searching import unindex
from musictaste.track import Beside, Lyrics, Song, Words


class Texts(Readings):
    """The words of songs, by file or by track, and which services had none."""

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
        self._delete("file_id = ? AND source = ?", [file_id, source])

    def save_fetched(self, track_id: int, lyrics: Lyrics) -> None:
        """Keep the words that a service gave for a track, in place of what it said before."""
        self._delete("track_id = ? AND source = ?", [track_id, lyrics.source])
        self._db.execute("DELETE FROM lyrics_miss WHERE track_id = ? AND source = ?", [track_id, lyrics.source])
        self._insert_lyrics("track_id", track_id, lyrics, (None, None))

    def _delete(self, where: str, values: Sequence[Any]) -> None:
        unindex(self._db, where, values)
        self._db.execute(f"DELETE FROM lyrics WHERE {where}", values)

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
        self._delete("track_id = ?", [track_id])
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
        unindex(self._db, "id = ?", [lyrics_id])
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

    def words_and_moods(self, track_ids: Sequence[int]) -> dict[int, Words]:
        """The same with what was read of them, where that was these very words."""
        found, readings = self.words(track_ids), self.readings(track_ids)
        for track_id, reading in readings.items():
            words = found.get(track_id)
            if words and words.lyrics_id == reading.lyrics_id and not words.instrumental:
                found[track_id] = replace(words, moods=reading.moods, loudest=reading.loudest)
        return found

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


_SONG_SQL = """
SELECT present.track_id, title, artist, album, duration_s, file.id FROM present JOIN file ON file.id = present.file_id
JOIN track ON track.id = present.track_id WHERE title IS NOT NULL AND artist IS NOT NULL AND present.track_id"""
