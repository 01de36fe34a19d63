"""What lists are made from, kept by column: a list over a million tracks reads a few columns, not a million rows.

Each row of the table holds one column for `BLOCK` tracks: track `i` is item `i % BLOCK` of block `i // BLOCK`.
Triggers note which blocks are out of date, and whoever reads next brings them up to date.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from musictaste.errors import LibraryError
from musictaste.moods import EMOTIONS, MOODS
from musictaste.store import connection
from musictaste.store.connection import Connection
from musictaste.store.labels import label_column
from musictaste.store.packing import BLOCK, VECTOR, VECTOR_SIZE, unit_vectors
from musictaste.styles import STYLES
from musictaste.track import Surroundings

Array = NDArray[Any]
Floats = NDArray[np.float32]

LABELS = tuple(map(label_column, (*MOODS, *STYLES)))
LABEL_COLUMNS = {"music": np.dtype(np.bool_), **dict.fromkeys(LABELS, np.dtype("<f4"))}
VECTOR_COLUMNS = {"vector": np.dtype((np.int8, VECTOR_SIZE)), "step": np.dtype("<f4")}
PLAYED = (
    "id", "told", "counted", "tagged_rating", "tagged_loved", "tagged_plays", "tagged_skips", "last_told",
    "tagged_last_played", "rating", "loved", "plays", "skips", "last_played", "faded_plays", "faded_skips", "faded_at",
)  # fmt: skip
"""What tags and players' files say of a track: `counted` is whether players do, `told` whether tags tell more than when
it was last played, and `last_told` when it was, as the files say that tell more."""

PLAYED_COLUMNS = {"played": np.dtype(("<f8", len(PLAYED)))}
COLUMNS = LABEL_COLUMNS | VECTOR_COLUMNS | PLAYED_COLUMNS
STEPS = 127
"""A vector is kept as whole numbers of -127..127 times the step of its own: cosines are off by less than 0.002."""

SAMPLE = 512
"""The mean of so many vectors, spread evenly over a library, is near enough to that of all."""

FEW = 20
"""So many vectors of nothing are taken into the mean: of a few tracks what they share is not known to be usual."""


AT_ONCE = 32
"""So many vectors are compared at once with several others."""

What = Literal["labels", "vectors", "plays"]
Key = tuple[int, What]


class Columns(Connection):
    """Columns of labels and vectors over all music that is there."""

    def columns(self, names: Sequence[str]) -> dict[str, Array]:
        """Whole columns by name, [n] each, where item `i` is track `i` and means nothing unless `music` is true there.

        "music" is whether a track is music and there; any mood or style has its probability, NaN where unknown.
        """
        fresh, count = self._freshened("labels"), self._count_blocks()
        return {name: _joined(dict(self._blocks(name, fresh)), COLUMNS[name], count) for name in names}

    def emotions(self, track_ids: NDArray[np.int64]) -> Floats:
        """How likely each of EMOTIONS is for each of some music, float32 [n, 4]."""
        columns = self.columns(EMOTIONS)
        return np.stack([columns[emotion][track_ids] for emotion in EMOTIONS], axis=1)

    def surroundings(self, track_ids: NDArray[np.int64], played_ids: NDArray[np.int64]) -> Surroundings:
        """What some tracks and those of the history are seen against."""
        columns = self.columns(["music", *EMOTIONS])
        music = columns.pop("music")
        emotions = np.nan_to_num(np.stack([columns[emotion] for emotion in EMOTIONS], axis=1)) * music[:, None]
        usual = emotions.sum(axis=0) / max(int(music.sum()), 1)
        return Surroundings(self._middle(music), emotions[track_ids], emotions[played_ids], usual)

    def _middle(self, music: Array) -> Floats:
        """The mean of the unit vectors of all music, float32 [400], shrunk towards zero where there are few."""
        ids = np.flatnonzero(music)
        sample = ids[np.linspace(0, len(ids) - 1, min(len(ids), SAMPLE)).astype(np.int64)]
        total = self.vectors(sample.tolist()).sum(axis=0)
        return np.asarray(total / (len(sample) + FEW), np.float32)

    def cosines(self, queries: Floats) -> Floats:
        """The cosine float32 [n] of each track to the nearest of some unit vectors [q, 400], as in `columns`."""
        fresh = self._freshened("vectors")
        steps = dict(self._blocks("step", fresh))
        whole = np.zeros(self._count_blocks() * BLOCK, np.float32)
        for block, vectors in self._blocks("vector", fresh):
            whole[block * BLOCK : (block + 1) * BLOCK] = _nearest(vectors.astype(np.float32), queries) * steps[block]
        return whole

    def played(self) -> NDArray[np.float64]:
        """What is said of each track of which tags or players' files say anything, [n, PLAYED] by ascending id.

        Ratings are one higher than they are, so that 0 stands for none; a time that is not known is 0.
        """
        blocks = dict(self._blocks("played", self._freshened("plays")))
        return np.concatenate([np.zeros((0, len(PLAYED))), *(blocks[block] for block in sorted(blocks))])

    def refresh_columns(self) -> None:
        """Bring all columns up to date, and keep them so."""
        with self.transaction():
            for key in self._stale():
                rows = ((key[0], name, array.tobytes()) for name, array in self._rebuilt(key).items())
                self._write_many("INSERT OR REPLACE INTO column_block (block, name, items) VALUES (?, ?, ?)", rows)
            self._db.execute("DELETE FROM stale_block")

    def _count_blocks(self) -> int:
        (last,) = self._db.execute("SELECT coalesce(max(id), -1) FROM track").fetchone()
        return int(last) // BLOCK + 1

    def _freshened(self, what: What) -> dict[int, dict[str, Array]]:
        """Bring columns up to date; returns the blocks that could not be kept, as another program writes just now."""
        stale = [key for key in self._stale() if key[1] == what]
        return {} if not stale or self._could_refresh() else {key[0]: self._rebuilt(key) for key in stale}

    def _blocks(self, name: str, fresh: Mapping[int, Mapping[str, Array]]) -> Iterator[tuple[int, Array]]:
        """Blocks of a column, some of them fresh and the others as they are kept."""
        yield from ((block, columns[name]) for block, columns in fresh.items())
        for block, items in self._db.execute("SELECT block, items FROM column_block WHERE name = ?", [name]):
            if block not in fresh:
                yield block, np.frombuffer(items, COLUMNS[name])

    def _stale(self) -> list[Key]:
        return self._db.execute("SELECT block, what FROM stale_block ORDER BY block, what").fetchall()

    def _could_refresh(self) -> bool:
        self._db.execute("PRAGMA busy_timeout = 0")  # nobody waits for what can be had without writing
        try:
            self.refresh_columns()
        except LibraryError:
            return False
        finally:
            self._db.execute(f"PRAGMA busy_timeout = {int(1000 * connection.BUSY_TIMEOUT_S)}")
        return True

    def _rebuilt(self, key: Key) -> dict[str, Array]:
        block, what = key
        bounds = [block * BLOCK, (block + 1) * BLOCK - 1]
        match what:
            case "vectors":
                return _vector_block(self._db.execute(_VECTORS_SQL, bounds))
            case "labels":
                return _label_block(self._db.execute(_LABELS_SQL, bounds))
            case "plays":
                rows = self._db.execute(_PLAYED_SQL, bounds).fetchall()
                return {"played": np.array(rows, np.float64).reshape(-1, len(PLAYED))}


_VECTORS_SQL = f"SELECT track_id, {VECTOR} FROM embedding WHERE track_id BETWEEN ? AND ?"
_LABELS_SQL = f"""
SELECT music.track_id, {", ".join(LABELS)} FROM present_music AS music JOIN felt USING (track_id)
JOIN styled USING (file_id) WHERE music.track_id BETWEEN ? AND ?"""
_TELLS = "(plays > 0 OR skips > 0 OR rating IS NOT NULL OR loved = 1)"
_PLAYED_SQL = f"""
SELECT tagged.*, coalesce(imported.rating + 1, 0), coalesce(imported.loved, 0), coalesce(imported.plays, 0),
  coalesce(imported.skips, 0), coalesce(imported.last_played, 0), coalesce(faded_plays, imported.plays, 0),
  coalesce(faded_skips, imported.skips, 0), coalesce(faded_at, imported.last_played, 0)
FROM (
  SELECT track.id AS id, coalesce(max{_TELLS}, 0) AS told, EXISTS (SELECT 1 FROM imported WHERE track_id = track.id)
      AS counted, coalesce(max(rating) + 1, 0), coalesce(max(loved), 0), coalesce(sum(plays), 0),
    coalesce(sum(skips), 0), coalesce(max(CASE WHEN {_TELLS} THEN last_played END), 0),
    coalesce(max(last_played), 0) AS last_played
  FROM track LEFT JOIN file ON file.track_id = track.id WHERE track.id BETWEEN ? AND ? GROUP BY track.id
) AS tagged LEFT JOIN imported ON imported.track_id = tagged.id
WHERE told OR counted OR tagged.last_played > 0 ORDER BY tagged.id"""


def _nearest(vectors: Floats, queries: Floats) -> Floats:
    if len(queries) == 1:
        # einsum stays in this thread: blocks this small are not worth waking others, which spin on a busy machine.
        return np.asarray(np.einsum("ij,j->i", vectors, queries[0]), np.float32)
    # Products this small are not shared out to threads either, and take a tenth of the time of one of 1,024 rows.
    parts = vectors.reshape(-1, AT_ONCE, vectors.shape[1]) @ queries.T
    return np.asarray(parts.max(axis=2).ravel(), np.float32)


def _joined(blocks: dict[int, Array], dtype: np.dtype[Any], count: int) -> Array:
    empty = np.zeros(BLOCK, dtype)
    return np.concatenate([blocks.get(block, empty) for block in range(count)] or [empty[:0]])


def _label_block(rows: Iterable[tuple[Any, ...]]) -> dict[str, Array]:
    table = np.array(list(rows), np.float64).reshape(-1, 1 + len(LABELS))  # None becomes NaN
    at = table[:, 0].astype(np.int64) % BLOCK
    block = {name: np.zeros(BLOCK, dtype) for name, dtype in LABEL_COLUMNS.items()}
    block["music"][at] = True
    for position, name in enumerate(LABELS, 1):
        block[name][at] = table[:, position]
    return block


def _vector_block(rows: Iterable[tuple[int, bytes]]) -> dict[str, Array]:
    ids, blobs = list(zip(*rows, strict=True)) or ((), ())
    at = np.asarray(ids, np.int64) % BLOCK
    vectors = unit_vectors(blobs)
    steps = np.abs(vectors).max(axis=1, initial=0) / STEPS
    block = {name: np.zeros(BLOCK, dtype) for name, dtype in VECTOR_COLUMNS.items()}
    block["vector"][at] = np.round(vectors / np.maximum(steps, 1e-9)[:, None])
    block["step"][at] = steps
    return block
