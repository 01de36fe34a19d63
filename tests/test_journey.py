from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_playlist import alike, make_pool

from musictaste import journey, playlist
from musictaste.journey import Floats, Land, Step, travel
from musictaste.playlist import Wish
from musictaste.taste import Taste
from musictaste.track import Pool, Timeline


def no_timelines(_: Sequence[int]) -> dict[int, Timeline]:
    return {}


def plane(points: Sequence[tuple[float, float]], **columns: Any) -> Land:
    """Tracks 100, 101, ... that sound alike, at points of valence and arousal."""
    return Land(alike(len(points), **columns), np.array(points, np.float32))


def end(land: Land, rows: Sequence[int], mood: Sequence[float] | None = None) -> Pool:
    """The tracks of some rows, as likely of a mood as is given."""
    chosen = playlist.where(land.pool, np.isin(np.arange(len(land.pool)), list(rows)))
    return chosen if mood is None else replace(chosen, mood=np.array(mood, np.float32))


def go(land: Land, begins: Sequence[int], ends: Sequence[int], **wish: Any) -> list[Step]:
    return travel(land, end(land, begins), end(land, ends), Wish(**wish), timelines=no_timelines)


def rows(steps: Sequence[Step]) -> list[int]:
    return [step.choice.track_id - 100 for step in steps]


def crowd(count: int, seed: int = 0) -> tuple[Land, list[int], list[int]]:
    """Tracks all over the plane, with those of its two corners."""
    at = np.random.default_rng(seed).random((count, 2)).astype(np.float32)
    land = Land(make_pool(count, seed=seed), at)
    corners = [np.flatnonzero((abs(at - corner) < 0.15).all(axis=1)).tolist() for corner in (0, 1)]
    return land, corners[0], corners[1]


def test_even_steps_on_the_straight_way() -> None:
    points = [(i / 20, i / 20) for i in range(21)] + [(0.1, 0.9), (0.5, 0.9)]
    steps = go(plane(points), [0], [20], limit=5)
    assert rows(steps) == [0, 5, 10, 15, 20]
    assert (
        [step.valence for step in steps] == [step.arousal for step in steps] == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    )
    assert [step.choice.fit for step in steps] == pytest.approx([1] * 5)


def test_the_way_is_followed_among_many() -> None:
    land, begins, ends = crowd(3000)
    steps = go(land, begins, ends, limit=15)
    at = np.array([(step.valence, step.arousal) for step in steps])
    way = at[-1] - at[0]
    along = (at - at[0]) @ way / (way @ way)
    lengths = np.linalg.norm(np.diff(at, axis=0), axis=1)
    assert len(steps) == 15
    assert rows(steps)[0] in begins
    assert rows(steps)[-1] in ends
    assert np.corrcoef(along, range(15))[0, 1] > 0.995
    assert lengths.max() / lengths.mean() < 2
    assert (np.diff(along) > 0).all()


def test_the_ends_are_the_best_of_their_moods() -> None:
    land = plane([(0, 0), (0.1, 0), (0.5, 0.5), (1, 0.9), (1, 1)])
    begins, ends = end(land, [0, 1], [0.7, 0.8]), end(land, [3, 4], [0.9, 0.6])
    steps = travel(land, begins, ends, Wish(), timelines=no_timelines)
    assert rows(steps) == [1, 2, 3]
    assert [round(step.choice.fit, 4) for step in (steps[0], steps[-1])] == [0.8, 0.9]


def test_what_is_far_from_the_way_is_left_out() -> None:
    assert rows(go(plane([(0, 0), (0, 1), (1, 0), (0.5, 0.5), (1, 1)]), [0], [4])) == [0, 3, 4]


def test_where_nothing_lies_between_there_are_two_steps() -> None:
    assert rows(go(plane([(0, 0), (1, 1)]), [0], [1])) == [0, 1]


def test_two_moods_that_feel_alike_have_a_way_all_the_same() -> None:
    assert rows(go(plane([(0.5, 0.5)] * 4), [0], [1])) == [0, 1]


def test_one_track_is_no_way() -> None:
    land = plane([(0, 0), (1, 1)])
    assert go(land, [0], [0]) == []
    assert go(land, [0], []) == []
    assert go(land, [], [0]) == []


def test_a_track_of_both_moods_begins_and_another_ends() -> None:
    assert rows(go(plane([(0, 0), (1, 1)]), [0], [0, 1])) == [0, 1]


def test_a_copy_of_the_beginning_is_no_end() -> None:
    land = plane([(0, 0), (0.9, 1), (1, 1)], artists=["a", "a", "b"], titles=["t", "T", "u"])
    assert rows(go(land, [0], [1, 2])) == [0, 2]


def test_the_cap_holds_at_the_ends_and_between() -> None:
    points = [(i / 10, i / 10) for i in range(11)]
    land = plane(points, artists=["a"] * 10 + ["b"])
    assert rows(go(land, [0], [9, 10], max_per_artist=1)) == [0, 10]
    assert rows(go(land, [0], [9, 10], max_per_artist=2)) == [0, 9]
    land = plane(points, artists=["a", "b", "b", "b", "c", "b", "d", "d", "d", "d", "a"])
    counts = Counter(land.pool.artists[row] for row in rows(go(land, [0], [10], max_per_artist=2, limit=11)))
    assert counts == {"a": 2, "b": 2, "c": 1, "d": 2}


def test_unknown_artists_are_not_capped_on_the_way() -> None:
    land = plane([(i / 4, i / 4) for i in range(5)], artists=[None] * 5)
    assert rows(go(land, [0], [4], max_per_artist=1)) == [0, 1, 2, 3, 4]


def test_of_two_that_are_as_near_the_one_that_is_played_is_taken() -> None:
    land = plane([(0, 0), (0.5, 0.5), (0.5, 0.5), (1, 1)])
    scores = np.array([0, 0, 1, 0], np.float32)
    liked = replace(land, taste=Taste(scores, np.array([-1, -1, 7, -1])))
    steps = go(liked, [0], [3], limit=3)
    assert (rows(steps), [step.choice.because for step in steps]) == ([0, 2, 3], [-1, 7, -1])
    assert [round(step.choice.score, 4) for step in steps] == [0.7, 1.0, 0.7]
    assert rows(go(land, [0], [3], limit=3)) == [0, 1, 3]


def test_joins_that_jar_are_avoided_where_the_way_leaves_a_choice() -> None:
    land = plane([(0, 0), (0.5, 0.5), (0.5, 0.5), (1, 1)], bpm=[120, 170, 120, 120])
    assert rows(go(land, [0], [3], limit=3)) == [0, 2, 3]


def test_another_seed_gives_another_way() -> None:
    land, begins, ends = crowd(600)
    ways = {tuple(rows(go(land, begins, ends, limit=8, seed=seed))) for seed in range(4)}
    assert len(ways) == 4
    assert rows(go(land, begins, ends, limit=8, seed=1)) in [list(way) for way in ways]


@given(seed=st.integers(0, 200), limit=st.integers(2, 12), cap=st.integers(1, 3), few=st.booleans())
def test_whatever_the_land(seed: int, limit: int, cap: int, few: bool) -> None:
    rng = np.random.default_rng(seed)
    count = 6 if few else 80
    at: Floats = rng.random((count, 2)).astype(np.float32)
    artists = [str(i) for i in rng.integers(0, 4, count)]
    land = Land(make_pool(count, seed=seed, artists=artists), at)
    begins, ends = rng.choice(count, 2, replace=False)
    steps = go(land, [int(begins)], [int(ends)], limit=limit, max_per_artist=cap)
    assert steps == go(land, [int(begins)], [int(ends)], limit=limit, max_per_artist=cap)
    if cap == 1 and artists[begins] == artists[ends]:
        assert steps == []
        return
    walked = rows(steps)
    assert (walked[0], walked[-1]) == (begins, ends)
    assert 2 <= len(set(walked)) == len(walked) <= limit
    assert max(Counter(artists[row] for row in walked).values()) <= cap
    way = at[ends] - at[begins]
    along = (at[walked] - at[begins]) @ way / (way @ way)
    assert (np.diff(along) >= 0).all()
    beside = np.linalg.norm(at[walked] - at[begins] - along[:, None] * way, axis=1)
    assert (beside <= journey.CORRIDOR + 1e-6).all()
