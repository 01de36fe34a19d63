from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musictaste import playlist
from musictaste.moods import EMOTIONS, FINER_MOODS, MOODS
from musictaste.playlist import Choice, Floats, Known, Order, Wish, choose
from musictaste.taste import MOOD_WEIGHT, Taste
from musictaste.track import Pool, Surroundings, Timeline, normalise

ORDERS: tuple[Order, ...] = ("flow", "score", "random")


def unit_vectors(count: int, seed: int = 0) -> Floats:
    vectors = np.random.default_rng(seed).standard_normal((count, 8))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def make_pool(count: int, *, seed: int = 0, **columns: Any) -> Pool:
    """Tracks 100, 101, ... of artists of their own, told apart by sound alone."""
    pool = Pool(
        ids=np.arange(100, 100 + count),
        mood=np.ones(count, np.float32),
        style=np.ones(count, np.float32),
        vectors=unit_vectors(count, seed),
        duration_s=np.full(count, 200, np.float32),
        bpm=np.full(count, 120, np.float32),
        loudness_db=np.full(count, -14, np.float32),
        keys=("C major",) * count,
        artists=tuple(f"artist {i}" for i in range(count)),
        titles=tuple(f"title {i}" for i in range(count)),
    )
    given_columns: dict[str, Any] = {
        k: np.asarray(v, np.float32) if k in playlist.ARRAYS else tuple(v) for k, v in columns.items()
    }
    return replace(pool, **given_columns)


def alike(count: int, **columns: Any) -> Pool:
    """Tracks that sound the same."""
    return make_pool(count, **{"vectors": np.repeat(unit_vectors(1), count, axis=0)} | columns)


def falling(count: int) -> Floats:
    """A fit that falls from track to track."""
    return np.linspace(1, 0.5, count, dtype=np.float32)


def ids(choices: Sequence[Choice]) -> list[int]:
    return [choice.track_id for choice in choices]


def by_score(pool: Pool, **wish: Any) -> list[int]:
    """The ids chosen from a pool whose tracks fit less and less."""
    return ids(choose(pool, falling(len(pool)), None, Wish(order="score", **wish)))


def flow(pool: Pool) -> list[int]:
    return playlist.arrange(pool, list(range(len(pool))))


def course(moods: Sequence[str]) -> Timeline:
    """A timeline in which each window has one emotion for sure, "calm/sad" has both alike; finer moods are at 0.5."""
    at_s = np.arange(len(moods), dtype=np.float32)
    rows = [[mood in window.split("/") for mood in EMOTIONS] for window in moods]
    emotions = np.array(rows, np.float32)
    finer = np.full((len(moods), len(FINER_MOODS)), 0.5, np.float32)
    return Timeline("emotion-1", at_s, np.hstack([emotions / emotions.sum(axis=1, keepdims=True), finer]))


@pytest.mark.parametrize(
    ("moods", "keeps"),
    [
        (["calm"] * 12, True),
        (["calm"] * 11 + ["sad"], True),
        (["calm"] * 10 + ["sad"] * 2, False),
        (["sad"] + ["calm"] * 9, True),
        (["calm"] * 8 + ["sad"], False),
        (["calm/sad"] * 12, True),
        (["calm"], True),
        (["sad"], False),
    ],
)
def test_a_mood_is_kept_in_nine_of_ten_windows(moods: list[str], keeps: bool) -> None:
    assert playlist.keeps_mood(course(moods), "calm", 0.99) is keeps


@pytest.mark.parametrize(
    ("tender", "keeps"),
    [([0.5] * 10, True), ([0.5] * 9 + [0.39], True), ([0.5] * 8 + [0.39] * 2, False), ([0.4], True)],
)
def test_a_finer_mood_is_kept_where_it_reaches_its_threshold(tender: list[float], keeps: bool) -> None:
    timeline = course(["calm"] * len(tender))
    timeline.moods[:, MOODS.index("tender")] = tender
    assert playlist.keeps_mood(timeline, "tender", 0.4) is keeps


def test_tracks_that_keep_a_mood() -> None:
    pool = make_pool(4, duration_s=[1, 2, 3, 4])
    timelines = {100: course(["calm"]), 101: course(["sad"]), 103: course(["calm"] * 3)}
    kept = playlist.throughout(pool, timelines, "calm", 0.6)
    assert (kept.ids.tolist(), kept.duration_s.tolist(), kept.artists) == ([100, 103], [1, 4], ("artist 0", "artist 3"))
    assert len(playlist.throughout(pool, {}, "calm", 0.6)) == 0


def test_choices_by_score() -> None:
    fit = np.asarray([0.25, 1.0, 0.0, 0.5], np.float32)
    assert choose(make_pool(4), fit, None, Wish(order="score")) == [
        Choice(101, 1.0, 1.0, None, -1),
        Choice(103, 0.5, 0.5, None, -1),
        Choice(100, 0.25, 0.25, None, -1),
        Choice(102, 0.0, 0.0, None, -1),
    ]


def test_equal_scores_keep_the_order_of_the_pool() -> None:
    fit = np.asarray([0.5, 0.75, 0.5, 0.75, 0.5], np.float32)
    assert ids(choose(make_pool(5), fit, None, Wish(order="score"))) == [101, 103, 100, 102, 104]


@pytest.mark.parametrize("order", ORDERS)
def test_an_empty_pool_gives_an_empty_list(order: Order) -> None:
    assert choose(make_pool(0), np.zeros(0, np.float32), None, Wish(order=order)) == []


@pytest.mark.parametrize(
    ("limit", "expected"), [(0, []), (1, [100]), (3, [100, 101, 102]), (9, [100, 101, 102, 103, 104])]
)
def test_limit(limit: int, expected: list[int]) -> None:
    assert by_score(make_pool(5), limit=limit) == expected


@pytest.mark.parametrize(
    ("cap", "expected"), [(1, [100, 103]), (2, [100, 101, 103, 104]), (9, [100, 101, 102, 103, 104])]
)
def test_at_most_so_many_tracks_by_one_artist(cap: int, expected: list[int]) -> None:
    pool = make_pool(5, artists=["Björk", "bjork", "BJÖRK ", "Sigur Rós", "Sigur-Ros"])
    assert by_score(pool, max_per_artist=cap) == expected


def test_the_cap_makes_room_for_what_follows() -> None:
    assert by_score(make_pool(4, artists=["a", "a", "a", "b"]), max_per_artist=1, limit=2) == [100, 103]


def on_a_circle(*degrees: float) -> Floats:
    angles = np.radians(degrees)
    return np.asarray(np.stack([np.cos(angles), np.sin(angles)], axis=1), np.float32)


def test_what_is_unlike_the_list_is_picked_before_more_of_the_same() -> None:
    pool = make_pool(4, vectors=on_a_circle(0, 1, 2, 90))
    fit = np.asarray([0.9, 0.89, 0.88, 0.7], np.float32)
    assert ids(choose(pool, fit, None, Wish(limit=2, order="score"))) == [100, 103]
    # 0.25 of a likeness of 1 is made good by a score that is higher by a third.
    fit[3] = 0.5
    assert ids(choose(pool, fit, None, Wish(limit=2, order="score"))) == [100, 101]


def test_relevance_alone_is_the_order_of_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playlist, "RELEVANCE", 1.0)
    assert by_score(make_pool(400), limit=30) == list(range(100, 130))


def test_a_list_by_score_is_sorted_however_it_was_picked() -> None:
    pool, fit = make_pool(60), falling(60)
    chosen = choose(pool, fit, None, Wish(limit=20, order="score"))
    assert ids(chosen) != list(range(100, 120))
    assert [choice.score for choice in chosen] == sorted((choice.score for choice in chosen), reverse=True)


def test_an_artist_of_many_tracks_leaves_the_shortlist_to_others() -> None:
    pool = make_pool(1010, artists=["a"] * 1000 + [f"artist {i}" for i in range(10)])
    assert set(by_score(pool, limit=12)) >= set(range(1100, 1110))


def test_a_copy_has_the_same_name_length_and_sound() -> None:
    pool = alike(4, artists=["a", "A", "a", "a"], titles=["t", "T!", "u", "t"], duration_s=[200, 202, 200, 210])
    assert [playlist.is_copy(pool, 0, row) for row in range(4)] == [True, True, False, False]
    assert not playlist.is_copy(alike(2, titles=[None, None]), 0, 1)


def test_only_some() -> None:
    pool = make_pool(4)
    assert playlist.where(pool, np.isin(pool.ids, [103, 101, 999])).ids.tolist() == [101, 103]


def test_unknown_artists_are_not_capped() -> None:
    pool = make_pool(6, artists=[None, None, "", None, "a", "a"])
    assert by_score(pool, max_per_artist=1) == [100, 101, 102, 103, 104]


def test_artists_named_by_punctuation_alone_are_capped_and_told_apart() -> None:
    pool = make_pool(5, artists=["!!!", "!!!", "???", "!!!", " !!! "])
    assert by_score(pool, max_per_artist=1) == [100, 102]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (None, ""),
        (" ", ""),
        ("Sigur Rós", "sigurros"),
        ("AC/DC", "acdc"),
        ("Straße_1", "strasse1"),
        ("ＪＡＺＺ", "jazz"),
        ("周杰倫", "周杰倫"),
        ("!!!", "!!!"),
    ],
)
def test_normalised_names(name: str | None, expected: str) -> None:
    assert normalise(name) == expected


def copies(**columns: Any) -> Pool:
    """A track twice, as two releases would hold it, but for what is given."""
    same: dict[str, Any] = {"artists": ["Nico", "NICO"], "titles": ["These Days", "These days!"]}
    return alike(2, **same | columns)


@pytest.mark.parametrize("duration_s", [200, 197, 203])
def test_the_same_recording_comes_once(duration_s: float) -> None:
    assert by_score(copies(duration_s=[200, duration_s])) == [100]


def test_the_same_recording_without_an_artist_comes_once() -> None:
    assert by_score(copies(artists=[None, None])) == [100]


@pytest.mark.parametrize(
    "columns",
    [
        {"duration_s": [200, 203.5]},
        {"titles": ["These Days", "These Days (live)"]},
        {"artists": ["Nico", "Jackson Browne"]},
        {"vectors": [[1, 0], [0.94, np.sqrt(1 - 0.94**2)]]},
        {"titles": [None, None]},
    ],
    ids=["live with another duration", "other title", "other artist", "other sound", "no titles"],
)
def test_what_differs_is_kept(columns: dict[str, Any]) -> None:
    assert by_score(copies(**columns)) == [100, 101]


def test_a_recording_is_compared_with_every_version_picked() -> None:
    pool = alike(4, artists=["a"] * 4, titles=["t"] * 4, duration_s=[200, 260, 261, 199])
    assert by_score(pool, max_per_artist=9) == [100, 101]


def test_a_copy_takes_no_place_under_the_cap() -> None:
    pool = alike(3, artists=["a"] * 3, titles=["t", "t", "u"])
    assert by_score(pool, max_per_artist=2) == [100, 102]


def test_random_is_the_same_tracks_in_another_order() -> None:
    pool, fit = make_pool(12), falling(12)
    shuffled = choose(pool, fit, None, Wish(limit=8, order="random"))
    ranked = choose(pool, fit, None, Wish(limit=8, order="score"))
    assert shuffled != ranked
    assert sorted(shuffled, key=lambda choice: -choice.score) == ranked


def test_flow_starts_with_the_best_and_goes_to_the_nearest() -> None:
    pool = make_pool(5, vectors=on_a_circle(40, 0, 90, 10, 60))
    fit = np.asarray([0.1, 0.9, 0.3, 0.2, 0.4], np.float32)
    assert ids(choose(pool, fit, None, Wish(order="flow"))) == [101, 103, 100, 104, 102]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"bpm": [100, 140, 110, 125]}, [0, 2, 3, 1]),
        ({"bpm": [60, 85, 119, 241]}, [0, 3, 2, 1]),
        ({"loudness_db": [-10, -20, -12, -15]}, [0, 2, 3, 1]),
        ({"keys": ["C major", "F# major", "D major", "G major", "A minor"]}, [0, 4, 3, 2, 1]),
        ({"keys": ["E minor", "C# major", "F major", "G major", "C major"]}, [0, 3, 4, 2, 1]),
        ({"keys": ["C major", "F# major", None, "D major"]}, [0, 3, 2, 1]),
        ({"bpm": [128, 0, 150, 128]}, [0, 3, 2, 1]),
    ],
    ids=["tempo", "octaves of tempo", "level", "circle of fifths", "relative keys", "no key", "no tempo"],
)
def test_flow_goes_to_near_tempi_levels_and_keys(columns: dict[str, Any], expected: list[int]) -> None:
    count = len(next(iter(columns.values())))
    assert flow(alike(count, **columns)) == expected


def test_flow_knows_how_tracks_end_and_begin() -> None:
    timelines = {
        100: course(["calm"] * 2 + ["sad"] * 2),
        101: course(["calm"] * 4),
        102: course(["sad"] * 2 + ["calm"] * 2),
    }
    asked = []

    def courses(track_ids: Sequence[int]) -> dict[int, Timeline]:
        asked.extend(track_ids)
        return timelines

    assert ids(choose(alike(3), falling(3), None, Wish(), known=Known(timelines=courses))) == [100, 102, 101]
    assert asked == [100, 101, 102]
    assert ids(choose(alike(3), falling(3), None, Wish())) == [100, 101, 102]


@pytest.mark.parametrize("picked", [[], [2], [2, 0]])
def test_two_tracks_need_no_arranging(picked: list[int]) -> None:
    assert playlist.arrange(make_pool(3), picked) == picked


@pytest.mark.parametrize("order", ORDERS)
def test_another_seed_gives_another_list(order: Order) -> None:
    pool, fit = make_pool(40), falling(40)
    lists = [ids(choose(pool, fit, None, Wish(limit=10, order=order, seed=seed))) for seed in range(5)]
    assert len({tuple(chosen) for chosen in lists}) == 5
    assert len({frozenset(chosen) for chosen in lists}) > 1


def test_a_seed_moves_what_fits_badly_only_rarely() -> None:
    fit = np.asarray([0.9] * 10 + [0.1] * 10, np.float32)
    chosen = [ids(choose(make_pool(20), fit, None, Wish(limit=5, seed=seed))) for seed in range(50)]
    assert sum(track_id >= 110 for one in chosen for track_id in one) == 0


def test_a_seed_leaves_the_scores_as_they_are() -> None:
    fit = falling(10)
    chosen = choose(make_pool(10), fit, None, Wish(seed=3))
    assert {choice.track_id: choice.score for choice in chosen} == {100 + i: float(fit[i]) for i in range(10)}


def test_taste_decides_among_what_fits_alike() -> None:
    fit = np.asarray([0.5, 0.5, 1.0], np.float32)
    taste = Taste(np.asarray([0, 1, 0], np.float32), np.asarray([-1, 7, -1]))
    chosen = choose(make_pool(3), fit, taste, Wish(order="score"))
    assert [replace(choice, score=round(choice.score, 4)) for choice in chosen] == [
        Choice(102, 0.7, 1.0, 0.0, -1),
        Choice(101, 0.65, 0.5, 1.0, 7),
        Choice(100, 0.35, 0.5, 0.0, -1),
    ]


@pytest.mark.parametrize("order", ORDERS)
def test_without_taste_nothing_is_seen_of_its_weight(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    pool, fit = make_pool(20), falling(20)
    lists = []
    for weight in (0.0, 0.3, 1.0):
        monkeypatch.setattr(playlist, "TASTE_WEIGHT", weight)
        lists.append(choose(pool, fit, None, Wish(limit=10, order=order, seed=1)))
    assert lists[0] == lists[1] == lists[2]
    assert {(c.score == c.fit, c.taste, c.because) for c in lists[0]} == {(True, None, -1)}


def test_without() -> None:
    pool = make_pool(4, keys=["C major", None, "G major", "A minor"], bpm=[90, 100, 110, 120], mood=[0, 0.5, 1, 0.25])
    rest = playlist.without(replace(pool, considered=9, best=0.75), [101, 103, 999])
    arrays = {name: getattr(rest, name).tolist() for name in playlist.ARRAYS}
    assert arrays == {
        "ids": [100, 102],
        "mood": [0, 1],
        "style": [1, 1],
        "vectors": pool.vectors[[0, 2]].tolist(),
        "duration_s": [200, 200],
        "bpm": [90, 110],
        "loudness_db": [-14, -14],
    }
    assert (rest.keys, rest.artists, rest.titles, rest.considered, rest.best) == (
        ("C major", "G major"),
        ("artist 0", "artist 2"),
        ("title 0", "title 2"),
        9,
        0.75,
    )


def test_without_nothing_and_without_all() -> None:
    pool = make_pool(3)
    assert playlist.without(pool, []).ids.tolist() == [100, 101, 102]
    assert len(playlist.without(pool, [100, 101, 102])) == 0


def test_fit_to_labels() -> None:
    pool = make_pool(3, mood=[0.5, 1, 0], style=[0.5, 0.25, 1])
    assert playlist.fit_to_labels(pool).tolist() == [0.25, 0.25, 0]


def test_fit_to_seeds() -> None:
    vectors = np.asarray([[1, 0], [0, 1], [-1, 0], [0.6, 0.8]], np.float32)
    one = playlist.fit_to_seeds(vectors, vectors[:1])
    two = playlist.fit_to_seeds(vectors, vectors[:2])
    half = (1 + np.sqrt(0.5)) / 2
    assert one == pytest.approx([1, 0.5, 0, 0.8])
    assert two == pytest.approx([half, half, 1 - half, (1 + 1.4 * np.sqrt(0.5)) / 2])
    assert one.dtype == two.dtype == np.float32


def test_seeds_within_a_library() -> None:
    vectors = np.asarray([[1, 0], [0, 1], [-1, 0], [0, 1]], np.float32)
    happy, sad = np.eye(2, dtype=np.float32)
    moods = np.asarray([happy, happy, sad, sad])
    around = Surroundings(np.zeros(2, np.float32), moods, moods[:1], np.full(2, 0.5, np.float32))
    # A seed weighs as much as what is usual: its mood is three times as likely as the other.
    lifted, sound = np.asarray([0.2, 0.2, -1 / 3, -1 / 3]), np.asarray([1, 0, -1, 0])
    nearness = (1 - MOOD_WEIGHT) * sound + MOOD_WEIGHT * lifted
    fit = playlist.fit_to_seeds(vectors, vectors[:1], around)
    assert fit == pytest.approx(np.clip((1 + nearness / nearness[0]) / 2, 0, 1))
    assert (fit[0], fit[2], fit.dtype) == (1, 0, np.float32)


def test_seeds_of_which_no_mood_is_known() -> None:
    vectors = np.asarray([[1, 0], [0, 1]], np.float32)
    unknown = np.zeros((2, 2), np.float32)
    around = Surroundings(np.zeros(2, np.float32), unknown, unknown[:1], np.full(2, 0.5, np.float32))
    assert playlist.fit_to_seeds(vectors, vectors[:1], around).tolist() == [1, 0.5]


def test_seeds_that_cancel_out_fit_everything_alike() -> None:
    vectors = np.asarray([[1, 0], [-1, 0], [0, 1]], np.float32)
    assert playlist.fit_to_seeds(vectors, vectors[:2]).tolist() == [0.5, 0.5, 0.5]


names = st.sampled_from([None, "", "a", "A", "b", "ç", "!!!", "c."])


@st.composite
def pools(draw: st.DrawFn) -> Pool:
    """Pools with few names and few sounds, so that caps and copies matter."""
    count = draw(st.integers(0, 15))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    column = st.lists(names, min_size=count, max_size=count)
    return make_pool(
        count,
        vectors=unit_vectors(3)[rng.integers(0, 3, count)],
        duration_s=rng.choice([100, 102, 300], count),
        bpm=rng.choice([0, 60, 90, 125], count),
        keys=[("C major", "F# minor", None)[i] for i in rng.integers(0, 3, count)],
        artists=draw(column),
        titles=draw(column),
    )


wishes = st.builds(
    Wish,
    limit=st.integers(0, 20),
    max_per_artist=st.integers(1, 4),
    order=st.sampled_from(ORDERS),
    seed=st.none() | st.integers(0, 2**32 - 1),
)


@given(pool=pools(), wish=wishes, with_taste=st.booleans())
def test_whatever_is_asked(pool: Pool, wish: Wish, with_taste: bool) -> None:
    fit = falling(len(pool))
    taste = Taste(fit[::-1].copy(), np.arange(len(pool))) if with_taste else None
    chosen = choose(pool, fit, taste, wish)
    rows = [track_id - 100 for track_id in ids(chosen)]
    per_artist = Counter(normalise(pool.artists[i]) for i in rows if (pool.artists[i] or "").strip())
    assert choose(pool, fit, taste, wish) == chosen
    assert len(set(rows)) == len(rows) <= wish.limit
    assert set(rows) <= set(range(len(pool)))
    assert all(count <= wish.max_per_artist for count in per_artist.values())
    assert [choice.fit for choice in chosen] == [float(fit[i]) for i in rows]


@given(pool=pools(), wish=wishes)
def test_the_order_changes_only_the_order(pool: Pool, wish: Wish) -> None:
    lists = [ids(choose(pool, falling(len(pool)), None, replace(wish, order=order))) for order in ORDERS]
    assert sorted(lists[0]) == sorted(lists[1]) == sorted(lists[2])


# Nothing was played


def test_among_tracks_that_fit_alike_a_cold_start_takes_what_is_central() -> None:
    vectors = np.asarray([[0, 1], [0.8, 0.6], [1, 0], [-0.6, -0.8]], np.float32)
    pool = make_pool(4, vectors=vectors)
    fit = np.asarray([0.9, 0.9, 0.9, 0.99], np.float32)
    chosen = choose(pool, fit, None, Wish(order="score", typical=True))
    assert ids(chosen) == [103, 101, 102, 100]
    assert [(round(c.score, 2), c.taste) for c in chosen] == [(0.99, None), (0.9, None), (0.9, None), (0.9, None)]


def test_what_is_central_says_nothing_where_there_is_a_taste() -> None:
    taste = Taste(np.zeros(3, np.float32), np.full(3, -1))
    pool = make_pool(3, vectors=np.asarray([[-1, 0], [1, 0], [1, 0]], np.float32))
    fit = np.asarray([0.91, 0.9, 0.9], np.float32)
    assert ids(choose(pool, fit, taste, Wish(order="score", typical=True))) == [100, 101, 102]
    assert ids(choose(pool, fit, None, Wish(order="score", typical=True))) == [101, 102, 100]


def test_nothing_is_central_among_nothing() -> None:
    assert playlist.fit_to_centre(np.zeros((0, 4), np.float32)).shape == (0,)


def test_pools_together_have_each_track_once() -> None:
    pool = make_pool(9)
    some, few = (playlist.where(pool, np.isin(np.arange(9), rows)) for rows in ([1, 4, 7], [0, 4]))
    both = playlist.together(some, replace(few, mood=few.mood / 2), some)
    expected = playlist.where(pool, np.isin(np.arange(9), [0, 1, 4, 7]))
    assert both == replace(expected, considered=some.considered, best=some.best, fitting=some.fitting)
    for name in playlist.ARRAYS:
        wanted = getattr(expected, name).copy()
        if name == "mood":
            wanted[0] /= 2
        np.testing.assert_array_equal(getattr(both, name), wanted)
