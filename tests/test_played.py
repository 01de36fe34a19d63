"""What is said of tracks, kept by column, is what a query over all rows says."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from conftest import add_track, kinds
from hypothesis import given
from hypothesis import strategies as st

from musictaste import taste
from musictaste.store import Library
from musictaste.store.packing import unit_vectors
from musictaste.track import Counts, Faded, Listener, Plays, Tags

T = 1_600_000_000

BY_ROW = """
SELECT track_id, max(coalesce(tags.rating, 0), coalesce(imported.rating + 1, 0)) - 1,
  max(coalesce(tags.loved, 0), coalesce(imported.loved, 0)), max(coalesce(tags.plays, 0), coalesce(imported.plays, 0)),
  max(coalesce(tags.last, 0), coalesce(imported.last_played, 0))
FROM (SELECT id AS track_id FROM track) LEFT JOIN (
  SELECT track_id, coalesce(max(rating) + 1, 0) AS rating, coalesce(max(loved), 0) AS loved,
    sum(coalesce(plays, 0)) AS plays, coalesce(max(last_played), 0) AS last
  FROM file
  WHERE plays > 0 OR skips > 0 OR rating IS NOT NULL OR loved = 1
    OR (last_played IS NOT NULL AND track_id IN (SELECT track_id FROM imported))
    OR track_id IN (SELECT track_id FROM feedback)
  GROUP BY track_id
) AS tags USING (track_id) LEFT JOIN imported USING (track_id)
WHERE (tags.track_id IS NOT NULL OR imported.track_id IS NOT NULL)
  AND track_id NOT IN (SELECT track_id FROM kind WHERE kind != 'music')
ORDER BY track_id"""


def save_tags(library: Library, path: str, track_id: int, **tags: object) -> None:
    with library.transaction():
        library.save_file(path, Tags(**tags), track_id=track_id, size=1, mtime_ns=1)  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Tracks of which tags, players, both and none say something; the fifth was played some day, tags say no more."""
    path = tmp_path / "library.db"
    with Library.open(path, create=True) as library:
        for i, tags in enumerate(({}, {"plays": 3, "last_played": T}, {"rating": 0.5}, {}, {"last_played": T + 5}), 1):
            add_track(library, f"/m/{i}.ogg", mood={"happy": 0.5}, style={"jazz": 0.5}, seed=i, **tags)
        save_tags(library, "/m/2 again.ogg", 2, last_played=T + 99)
        library.save_imported([Counts(1, plays=2, faded=Faded(1.5, 0.0, T)), Counts(3, plays=1, rating=0.8)])
        library.plays()
    return path


def by_row(library: Library) -> list[tuple[float, ...]]:
    return [tuple(map(float, row)) for row in library._db.execute(BY_ROW)]


def by_column(library: Library) -> list[tuple[float, ...]]:
    found = library.plays(lambda _: np.arange(0))
    assert found.last_played is not None
    columns = (found.ids, np.round(found.rating, 4), found.loved, found.plays, found.last_played)
    return [tuple(map(float, row)) for row in zip(*columns, strict=True)]


def rounded(rows: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
    return [(i, float(np.float32(round(rating, 4))), *rest) for i, rating, *rest in rows]


CHANGES: list[Callable[[Library], object]] = [
    lambda library: library.save_imported([Counts(1, plays=7, last_played=T + 9), Counts(5, plays=1)]),
    lambda library: library.save_imported([]),
    lambda library: save_tags(library, "/m/4.ogg", 4, loved=True),
    lambda library: save_tags(library, "/m/2.ogg", 2),
    lambda library: save_tags(library, "/m/2.ogg", 4, plays=8),
    lambda library: library.save_feedback("like", [2, 4, 5]),
    lambda library: library.save_kind(1, "noise", kinds()),
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("locked", [False, True])
def test_columns_say_what_rows_say(path: Path, change: Callable[[Library], object], *, locked: bool) -> None:
    with Library.open(path) as library:
        before = by_column(library)
        assert before == rounded(by_row(library))
        with library.transaction():
            change(library)
        with closing(sqlite3.connect(path)) as other:
            if locked:
                other.execute("BEGIN IMMEDIATE")
            after = by_column(library)
        assert after == rounded(by_row(library)) != before
        assert by_column(library) == after


def test_what_an_older_library_knows_is_known_at_once(path: Path) -> None:
    with Library.open(path) as library:
        before = by_column(library)
    with closing(sqlite3.connect(path)) as old, old:
        made = "SELECT type, name FROM sqlite_master WHERE name LIKE '%_stales_plays' OR name IN (?, ?, ?)"
        names = ("imported_rated", "play_count_loved", "kind_other")
        for kind, name in old.execute(made, names).fetchall():
            old.execute(f"DROP {kind} {name}")
        old.execute("DELETE FROM column_block WHERE name = 'played'")
        old.execute("DELETE FROM _sqlite_migrations WHERE name = 'plays_by_column'")
    with Library.open(path) as library:
        assert by_column(library) == before != []


def test_what_is_known_already_is_not_written_again(path: Path) -> None:
    events = [(1, T, False), (2, T + 300, True), (1, T + 600, False)]
    counts = [Counts(1, plays=2, loved=True, faded=Faded(1.5, 0.0, T)), Counts(3, plays=1, rating=0.8)]
    with Library.open(path) as library, library.transaction():
        listener = library.save_listener(Listener("lastfm", "/f.csv", "", own=True))
        library.save_events(listener, events)
        library.save_imported(counts)
        written = library._db.total_changes
        library.save_events(listener, [*events, events[0]])
        library.save_imported(counts)
        assert library._db.total_changes == written
        library.save_events(listener, [(2, T, False), (3, T + 1, False)], unmatched=[T + 600])
        assert list(library.own_events()) == [
            (2, listener, T, False),
            (2, listener, T + 300, True),
            (3, listener, T + 1, False),
        ]
        assert library._db.total_changes == written + 4


def test_cosines_to_several_are_those_to_the_nearest(path: Path) -> None:
    with Library.open(path) as library:
        vectors = library.vectors([1, 2, 3, 4, 5])
        found = library.cosines(vectors[:3])[1:6]
        np.testing.assert_allclose(found, (vectors @ vectors[:3].T).max(axis=1), atol=0.01)


@given(st.lists(st.integers(-4, 4), max_size=40), st.integers(1, 12))
def test_the_loudest_are_the_ends_of_all_weights(plays: list[int], count: int) -> None:
    weights = np.asarray(plays, np.float32)
    zeros = np.zeros(len(plays), np.float32)
    played, skipped = np.expm1(np.maximum(weights, 0)), np.expm1(2 * np.maximum(-weights, 0))
    history = Plays(np.arange(len(plays)), unit_vectors(()), played, skipped, zeros - 1, zeros)
    found = taste.weigh(history)
    order = np.argsort(-found, kind="stable")
    ends = [i for i in order[:count] if found[i] > 0] + [i for i in order[::-1][:count] if found[i] < 0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(taste, "SOUNDED", count)
        assert taste.loudest(history).tolist() == sorted(set(ends))
