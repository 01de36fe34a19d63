from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from conftest import add_track, feelings, kinds, shares

from musictaste.moods import EMOTIONS, MOODS
from musictaste.store import Library
from musictaste.store.columns import FEW, LABELS, STEPS
from musictaste.store.labels import label_column
from musictaste.store.packing import BLOCK
from musictaste.styles import STYLES
from musictaste.track import HeardBy, Labels, Reading, Tags

Change = Callable[[Library], object]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "library.db"
    with Library.open(path, create=True) as library:
        for i in range(4):
            add_track(library, f"/m/{i}.ogg", mood={"happy": 0.5 + i / 8}, style={"jazz": 0.5}, seed=i)
        library.refresh_columns()
    return path


def labels(library: Library) -> dict[int, tuple[float, ...]]:
    """What columns say of each track that is music and there."""
    columns = library.columns(["music", *LABELS])
    return {
        int(i): tuple(float(columns[label_column(label)][i]) for label in (*MOODS, *STYLES))
        for i in np.flatnonzero(columns["music"])
    }


def labels_by_track(library: Library) -> dict[int, tuple[float, ...]]:
    """The same of the records of tracks."""
    tracks = library.tracks(library.all_ids(of="present_music"))
    return {
        t.id: tuple(float(np.float32(v)) for v in (*(t.moods[m] for m in MOODS), *(t.styles[s] for s in STYLES)))
        for t in sorted(tracks, key=lambda track: track.id)
    }


def relabel(library: Library) -> None:
    with library.transaction():
        library.save_labels(2, Labels("emotion-2", feelings(sad=0.75)), Labels("style-2", shares(STYLES, rock=0.75)))


def save_files(library: Library) -> None:
    """Track 1 gets a tag that weighs its style, the file of track 2 now holds track 3."""
    with library.transaction():
        library.save_file("/m/0.ogg", Tags(genres=("Blues",)), track_id=1, size=1, mtime_ns=1)
        library.save_file("/m/1.ogg", Tags(), track_id=3, size=1, mtime_ns=1)


def teach(library: Library) -> None:
    library.save_personal_moods(HeardBy("net", "head"), [(np.array([1, 4]), np.full((2, len(MOODS)), 0.25))])


def call_noise(library: Library) -> None:
    with library.transaction():
        library.save_kind(3, "noise", kinds())


def read(library: Library) -> None:
    library.save_readings([Reading(2, 1, "head", {"happy": 0.125, "sad": 0.75, "angry": 0, "calm": 0.125})])


CHANGES: list[Change] = [
    lambda library: add_track(library, "/m/new.ogg", mood={"calm": 0.75}, style={"folk": 0.5}, seed=9),
    relabel,
    save_files,
    teach,
    read,
    call_noise,
    lambda library: library.mark_missing([2]),
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("locked", [False, True])
def test_columns_follow_what_changes(path: Path, change: Change, *, locked: bool) -> None:
    with Library.open(path) as library:
        before = labels(library)
        change(library)
        with closing(sqlite3.connect(path)) as other:
            if locked:
                other.execute("BEGIN IMMEDIATE")
            after = labels(library)
            kept = other.execute("SELECT count(*) FROM stale_block WHERE what = 'labels'").fetchone() == (0,)
        assert after == labels_by_track(library) != before
        assert kept is not locked
        assert labels(library) == after


def test_what_was_taught_is_forgotten(path: Path) -> None:
    with Library.open(path) as library:
        before = labels(library)
        teach(library)
        assert labels(library) != before
        with library.transaction():
            library.forget_personal()
        assert labels(library) == before


def test_what_was_read_is_forgotten(path: Path) -> None:
    with Library.open(path) as library:
        before = labels(library)
        read(library)
        assert labels(library) != before
        library.forget_readings([2])
        assert labels(library) == before


def test_cosines_are_those_of_the_vectors(path: Path) -> None:
    with Library.open(path) as library:
        far = 3 * BLOCK + 7
        library._db.execute("UPDATE track SET id = ? WHERE id = 4", [far])
        for table in ("embedding", "layers", "mood", "style", "timeline", "file"):
            library._db.execute(f"UPDATE {table} SET track_id = ? WHERE track_id = 4", [far])
        ids = [1, 2, 3, far]
        exact = library.vectors(ids)
        cosines = library.cosines(exact[3:])
        assert cosines.shape == (4 * BLOCK,)
        np.testing.assert_allclose(cosines[ids], exact @ exact[3], atol=0.5 / STEPS)
        assert np.flatnonzero(cosines).tolist() == ids
        assert np.flatnonzero(library.columns(["music"])["music"]).tolist() == ids


def test_what_tracks_are_seen_against(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Library.open(path) as library:
        library._db.execute("UPDATE file SET missing_since = 1 WHERE track_id = 4")
        around = library.surroundings(np.asarray([1, 3]), np.asarray([4, 2]))
        moods = np.asarray([[track.moods[mood] for mood in EMOTIONS] for track in library.tracks([1, 2, 3])])
        assert around.moods == pytest.approx(moods[[0, 2]])
        assert around.played == pytest.approx(np.asarray([np.zeros(4), moods[1]]))  # nobody knows of what is gone
        assert around.usual == pytest.approx(moods.mean(axis=0))
        assert around.middle == pytest.approx(library.vectors([1, 2, 3]).sum(axis=0) / (3 + FEW), abs=1e-6)
        monkeypatch.setattr("musictaste.store.columns.SAMPLE", 2)
        sampled = library.surroundings(np.asarray([1]), np.asarray([2])).middle
        assert sampled == pytest.approx(library.vectors([1, 3]).sum(axis=0) / (2 + FEW), abs=1e-6)


def test_a_mood_that_nobody_heard_is_not_known(path: Path) -> None:
    with Library.open(path) as library, library.transaction():
        library._db.execute("DELETE FROM mood WHERE track_id = 2")
        around = library.surroundings(np.asarray([1, 2]), np.zeros(0, np.int64))
        assert (around.moods.any(axis=1).tolist(), around.played.shape) == ([True, False], (0, 4))


def test_an_empty_library_has_nothing_around() -> None:
    with Library.empty() as library:
        around = library.surroundings(*np.zeros((2, 0), np.int64))
        assert (around.moods.shape, around.usual.tolist(), around.middle.tolist()) == ((0, 4), [0] * 4, [0] * 400)


def test_an_empty_library_has_empty_columns() -> None:
    with Library.empty() as library:
        assert {name: len(array) for name, array in library.columns(["music", "happy"]).items()} == {
            "music": 0,
            "happy": 0,
        }
        assert library.cosines(np.ones((1, 400), np.float32)).tolist() == []


def test_of_very_many_there_are_the_foremost(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("musictaste.store.choosing.MOST", 1)
    with Library.open(path) as library:
        happiest = library.pool(mood="happy", styles=[], mood_from=0.55, style_from=0)
        assert (happiest.ids.tolist(), happiest.fitting, happiest.considered) == ([4], 3, 4)
        liked = library.pool(mood="happy", styles=[], mood_from=0.55, style_from=0, beside=lambda: [1, 2, 3])
        assert liked.ids.tolist() == [3, 4]
        near = library.pool(mood="happy", styles=[], mood_from=0.55, style_from=0, near=library.vectors([1, 2]))
        assert near.ids.tolist() == [2]
        whole = library.pool(mood=None, styles=[], mood_from=0, style_from=0)
        assert (len(whole), whole.fitting) == (1, 4)
        few = library.pool(mood=None, styles=[], mood_from=0, style_from=0, among=[3])
        assert (few.ids.tolist(), few.fitting) == ([3], 1)
