"""What songs say, as it is looked up: by their very words, and by what they mean."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musictaste import quality
from musictaste.store.packing import signs
from musictaste.store.readings import Readings
from musictaste.track import Codes

Floats = NDArray[np.float32]

BLOCK = 256
"""Words whose ids differ only in the last byte share a row of codes: of a row for each, a hundred thousand take three
times as long to read."""


VECTOR_BITS = 512


def index_version() -> str:
    """What indexes words here: the encoder, and how texts are taken apart."""
    from musictaste.lookup import VERSION

    return f"{quality.version('lyrics_encoder')}+{VERSION}"


def unindex(db: sqlite3.Connection, where: str, values: Sequence[Any]) -> None:
    """Take words out of the index; it keeps no text of theirs, so this has to come before they are deleted.

    Their codes go with the next scan, since a whole row would be written again for each; nobody sees them until then.
    """
    rows = db.execute(
        f"""SELECT id, words FROM lyrics JOIN indexed_words ON lyrics_id = id WHERE version = ? AND ({where})""",
        [index_version(), *values],
    ).fetchall()
    for lyrics_id, words in rows:
        db.execute("INSERT INTO phrase (phrase, rowid, words) VALUES ('delete', ?, ?)", [lyrics_id, _spaced(words)])
        db.execute("DELETE FROM indexed_words WHERE lyrics_id = ?", [lyrics_id])


def _spaced(words: str) -> str:
    from musictaste.lookup import tokens

    return " ".join(tokens(words))


class Searching(Readings):
    """The index of what songs say, by the ids of their words, which never stand for others."""

    def clear_index(self) -> None:
        """Drop what another version has indexed, and the codes of words that are gone."""
        with self.transaction():
            other = self._db.execute("SELECT 1 FROM indexed_words WHERE version != ? LIMIT 1", [index_version()])
            if other.fetchone():
                self._db.execute("INSERT INTO phrase (phrase) VALUES ('delete-all')")
                self._db.execute("DELETE FROM indexed_words")
            indexed = {lyrics_id for (lyrics_id,) in self._db.execute("SELECT lyrics_id FROM indexed_words")}
            for block, owners in self._db.execute("SELECT block, owners FROM meaning").fetchall():
                ids = BLOCK * block + np.unique(np.frombuffer(owners, np.uint8)).astype(np.int64)
                if gone := [i for i in ids.tolist() if i not in indexed]:
                    found = self._block(block)
                    kept = ~np.isin(found.ids, gone)
                    self._save_block(block, found.ids[kept], found.codes[:, kept])

    def unindexed(self) -> list[int]:
        """Ids of words that cannot be looked up yet."""
        rows = self._db.execute(
            "SELECT id FROM lyrics WHERE words IS NOT NULL EXCEPT SELECT lyrics_id FROM indexed_words ORDER BY 1"
        )
        return [lyrics_id for (lyrics_id,) in rows]

    def index(self, meanings: Mapping[int, Floats]) -> None:
        """Let words be looked up, by their ids, with the vectors float32 [n, 512] of what they say, in its order."""
        version = index_version()
        texts = self.texts(sorted(meanings))
        with self.transaction():
            for lyrics_id, words in texts.items():
                values = [lyrics_id, _spaced(words.text or "")]
                self._db.execute("INSERT INTO phrase (rowid, words) VALUES (?, ?)", values)
                self._db.execute("INSERT INTO indexed_words (lyrics_id, version) VALUES (?, ?)", [lyrics_id, version])
            for block in sorted({lyrics_id // BLOCK for lyrics_id in texts}):
                found = self._block(block)
                new = [(i, signs(meanings[i]).T) for i in sorted(texts) if i // BLOCK == block]
                ids = np.repeat([i for i, _ in new], [codes.shape[1] for _, codes in new])
                codes = np.concatenate([found.codes, *(codes for _, codes in new)], axis=1)
                self._save_block(block, np.concatenate([found.ids, ids]), codes)

    def _block(self, block: int) -> Codes:
        row = self._db.execute("SELECT block, owners, codes FROM meaning WHERE block = ?", [block]).fetchone()
        return _codes(*(row or (block, b"", b"")))

    def _save_block(self, block: int, ids: NDArray[np.int64], codes: NDArray[np.uint64]) -> None:
        self._db.execute("DELETE FROM meaning WHERE block = ?", [block])
        if not len(ids):
            return
        owners = (ids - BLOCK * block).astype(np.uint8)
        self._db.execute(
            "INSERT INTO meaning (block, owners, codes) VALUES (?, ?, ?)",
            [block, owners.tobytes(), codes.astype("<u8").tobytes()],
        )

    def codes(self) -> Iterator[Codes]:
        """The codes of all that is indexed, a part at a time: together they would fill memory for one look at each."""
        rows = self._db.execute("SELECT block, owners, codes FROM meaning ORDER BY block")
        return (_codes(*row) for row in rows)

    def with_phrase(self, tokens: Sequence[str]) -> list[int]:
        """Ids of words in which some tokens follow each other."""
        rows = self._db.execute("SELECT rowid FROM phrase WHERE phrase MATCH ?", [f'"{" ".join(tokens)}"'])
        return [lyrics_id for (lyrics_id,) in rows]

    def sung_by(self, lyrics_ids: Sequence[int]) -> dict[int, int]:
        """Of some words those that are the nearest of music that is there, each with the id of that track."""
        owners = self._by_ids(
            """SELECT coalesce(lyrics.track_id, file.track_id) FROM lyrics LEFT JOIN file ON file.id = lyrics.file_id
            WHERE lyrics.id""",
            lyrics_ids,
        )
        tracks = sorted({track_id for (track_id,) in owners})
        present = [i for (i,) in self._by_ids("SELECT track_id FROM present_music WHERE track_id", tracks)]
        wanted = set(lyrics_ids)
        nearest = self._by_ids("SELECT lyrics_id, track_id FROM words WHERE track_id", present)
        return {lyrics_id: track_id for lyrics_id, track_id in nearest if lyrics_id in wanted}

    def count_indexed(self) -> int:
        """How many songs can be looked up."""
        sql = "SELECT count(*) FROM indexed_words WHERE version = ?"
        return int(self._db.execute(sql, [index_version()]).fetchone()[0])


def _codes(block: int, owners: bytes, codes: bytes) -> Codes:
    ids = BLOCK * block + np.frombuffer(owners, np.uint8).astype(np.int64)
    return Codes(ids, np.frombuffer(codes, "<u8").reshape(VECTOR_BITS // 64, -1))
