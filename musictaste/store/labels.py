"""What the tables say of moods and styles: the columns' names, and what genre tags were read to mean."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import groupby

from musictaste import genres
from musictaste.moods import MOODS


def label_column(label: str) -> str:
    """The column of a mood or style: "hip-hop" is kept in hip_hop, so that nobody has to quote it."""
    return label.replace("-", "_")


HEARD_MOODS = ", ".join(f"mood.{label_column(m)}" for m in MOODS)
"""The columns of what the shipped heads say of moods."""


def stale_labels(db: sqlite3.Connection) -> None:
    """Note that the columns of labels are out of date for all tracks: a trigger would do it for each of them."""
    db.execute("INSERT OR IGNORE INTO stale_block SELECT DISTINCT id >> 10, 'labels' FROM track")


def save_styles(db: sqlite3.Connection, file_id: int, values: Sequence[str]) -> None:
    names = genres.named(values)
    for table in ("tagged", "tag_weight"):
        db.execute(f"DELETE FROM {table} WHERE file_id = ?", [file_id])
    for style in genres.within(names):
        db.execute("INSERT INTO tagged (style, file_id) VALUES (?, ?)", [style, file_id])
    weights = genres.weights(names)
    if weights:
        row = {label_column(style): weight for style, weight in weights.items()}
        marks = ", ".join("?" * len(row))
        db.execute(f"INSERT INTO tag_weight (file_id, {', '.join(row)}) VALUES (?, {marks})", [file_id, *row.values()])


def read_genres_again(db: sqlite3.Connection) -> None:
    """Read the genre tags that are kept, where another version of the program has read them or none has yet."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version == genres.VERSION:
        return
    db.execute("BEGIN IMMEDIATE")
    with db:
        for table in ("tagged", "tag_weight"):
            db.execute(f"DELETE FROM {table}")
        rows = db.execute(
            "SELECT file_id, value FROM tag_value WHERE field = 'genres' ORDER BY file_id, position"
        ).fetchall()
        for file_id, group in groupby(rows, key=lambda row: row[0]):
            save_styles(db, file_id, [value for _, value in group])
        stale_labels(db)
        db.execute(f"PRAGMA user_version = {genres.VERSION}")
