"""A history held out by time: what is known at a moment, what is asked, who answers, and how good that is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import add_track
from hypothesis import given
from hypothesis import strategies as st

from musictaste import colistening, fading, taste
from musictaste.evaluate import lacking, measures, measuring, opinions, reading
from musictaste.evaluate.asking import Day, count_new, days, questions
from musictaste.evaluate.contenders import CONTENDERS, foremost, listed
from musictaste.evaluate.measures import Figure
from musictaste.evaluate.measuring import Prediction
from musictaste.evaluate.past import Catalogue, Listening, learn, moment
from musictaste.fading import DAY_S
from musictaste.history import merge
from musictaste.store import Library
from musictaste.track import Answer, Counts, Judged, Listener, Plays, Pool

T = 1_600_041_600  # noon
NOBODY = np.zeros(0, np.int64)


def catalogue(artists: list[int], vectors: np.ndarray | None = None) -> Catalogue:
    """Tracks by artists of these numbers, that sound as given, or each like nothing else."""
    count = len(artists)
    ids, ones = np.arange(count), np.ones(count, np.float32)
    sounds = np.eye(count, dtype=np.float32) if vectors is None else vectors
    names = tuple(f"artist {artist}" for artist in artists)
    titles = tuple(f"title {i}" for i in range(count))
    pool = Pool(ids, ones, ones, sounds, 100 * ones, ones, ones, ("C major",) * count, names, titles, count, 1.0, count)
    return Catalogue(pool, ids + 1, np.array(artists), ones.astype(bool))


def sessions(*played: str) -> Listening:
    """Plays of the tracks a (0), b (1) ... in one session a day."""
    tracks = np.array([ord(letter) - ord("a") for session in played for letter in session], np.int64)
    at = np.array([T + day * DAY_S + 240 * i for day, session in enumerate(played) for i in range(len(session))])
    count = int(tracks.max(initial=0)) + 1
    others = colistening.rows_of(NOBODY, NOBODY, np.zeros(0, np.float32), (0, count))
    return Listening(colistening.listens(tracks, at), NOBODY, NOBODY, tracks, at, np.zeros_like(at), others)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# A planted history

LOVED, OTHER = "abcd", "efgh"
LOVED_SHARE = round(6 / 9, 4)  # the last fifth are the last nine sessions, six of them of what is loved
WARM = ["a", "ab", "abc", "e", "ef", "efg"]  # a is played most, then b ...
PLANTED = sessions(*WARM, *([LOVED, LOVED, OTHER] * 14))
TWO_ARTISTS = catalogue([0] * 4 + [1] * 4)


def figures(prediction: Prediction, table: str, who: str) -> dict[str, float]:
    (found,) = [one for one in prediction.tables if one.name == table]
    return {name: round(figure.value, 4) for name, figure in found.rows[who].items()}


@pytest.fixture(scope="module")
def planted() -> Prediction:
    found = measuring.by_times(TWO_ARTISTS, PLANTED, limit=4, rng=rng())
    assert found
    return found


def test_what_was_held_out_of_a_planted_history(planted: Prediction) -> None:
    assert replace(planted, tables=()) == Prediction("times", 180, 48, 36, 36, 0, ())
    assert [(t.name, t.asked, t.groups, list(t.rows)) for t in planted.tables] == [
        ("next", 27, 9, list(CONTENDERS)),
        ("session", 9, 9, list(CONTENDERS)),
        ("day", 9, 9, list(CONTENDERS)),
        ("lists", 9, 9, list(CONTENDERS)),
    ]


def test_rules_answer_a_planted_history_as_can_be_reckoned(planted: Prediction) -> None:
    right = {"hit_rate": 1.0, "mrr": 1.0}
    assert figures(planted, "next", "what is played next") == right
    assert figures(planted, "next", "same artist by plays") == right
    assert figures(planted, "next", "popularity") == {"hit_rate": LOVED_SHARE, "mrr": LOVED_SHARE}
    all_three, none = {"recall": 1.0, "ndcg": 1.0}, {"recall": 0.0, "ndcg": 0.0}
    assert figures(planted, "session", "same artist by plays") == all_three
    assert figures(planted, "session", "popularity") == {"recall": LOVED_SHARE, "ndcg": LOVED_SHARE}
    assert figures(planted, "day", "popularity") == {"recall": LOVED_SHARE, "ndcg": LOVED_SHARE}
    assert figures(planted, "day", "what is played next") == none  # nothing ever followed the end of a session


def test_what_is_played_together_is_known_by_similar(planted: Prediction) -> None:
    assert figures(planted, "next", "similar")["hit_rate"] == 1.0
    assert figures(planted, "session", "similar")["recall"] == 1.0


def test_lists_of_a_planted_history_as_can_be_reckoned(planted: Prediction) -> None:
    # Three of the same artist are left beside the track that the day began with; sounds are all at right angles.
    same, popular = figures(planted, "lists", "same artist by plays"), figures(planted, "lists", "popularity")
    assert {k: v for k, v in same.items() if k != "novelty"} == {
        "hit_rate": 1.0, "coverage": 0.75, "artist_gini": round(abs(6 - 3) / 9 / 2, 4), "diversity": 1.0,
        "never_played": 0.0,
    }  # fmt: skip
    assert (popular["hit_rate"], popular["never_played"]) == (LOVED_SHARE, 0.0)
    # The cap of two tracks by one artist is that of the command.
    assert figures(planted, "lists", "mix")["artist_gini"] == 0.0


def test_the_same_seed_gives_the_same_figures(planted: Prediction) -> None:
    assert measuring.by_times(TWO_ARTISTS, PLANTED, limit=4, rng=rng()) == planted
    assert measuring.by_times(TWO_ARTISTS, PLANTED, limit=4, rng=rng(1)) != planted


@pytest.mark.parametrize(("work", "bound"), [(0, "LEAST_DAYS"), (10**9, "MOST_DAYS"), (5 * 8, "WORK")])
def test_of_a_long_history_some_days_are_asked_for(work: int, bound: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "LEAST_DAYS", 2)
    monkeypatch.setattr(measuring, bound, 5)
    monkeypatch.setattr(measuring, "WORK", work)
    monkeypatch.setattr(measuring, "LISTS", 3)
    found = measuring.by_times(TWO_ARTISTS, PLANTED, limit=4, rng=rng())
    assert found
    assert replace(found, tables=()) == Prediction("times", 180, 48, 36, 20, 0, ())
    assert [(table.name, table.asked) for table in found.tables] == [
        ("next", 15), ("session", 5), ("day", 5), ("lists", 3),
    ]  # fmt: skip
    assert figures(found, "next", "what is played next") == {"hit_rate": 1.0, "mrr": 1.0}


def test_too_few_sessions_predict_nothing() -> None:
    assert measuring.by_times(TWO_ARTISTS, sessions(*["abcd"] * 24), limit=4, rng=rng()) is None
    assert measuring.by_times(TWO_ARTISTS, sessions(*["abcd"] * 25), limit=4, rng=rng()) is not None
    assert measuring.by_times(TWO_ARTISTS, sessions(), limit=4, rng=rng()) is None


def test_plays_of_new_tracks_alone_cannot_be_predicted() -> None:
    late = sessions(*["ab"] * 20, *"cdefghijkl")
    assert measuring.by_times(catalogue(list(range(12))), late, limit=4, rng=rng()) is None


def test_days_of_one_play_tell_what_is_played_in_a_day_alone() -> None:
    found = measuring.by_times(catalogue([0, 1]), sessions(*"ab" * 20), limit=1, rng=rng())
    assert found
    assert [(table.name, table.asked) for table in found.tables] == [("day", 8)]
    assert figures(found, "day", "same artist by plays")["recall"] == 0.0  # it is never the artist of the day before


# Nothing of the future

PAST = ["ab", "cd", "ef", "gh"] * 10
FUTURE = ["ad", "cf", "eh", "gb", "af", "ch", "eb", "gd", "ah", "cb"]  # each pair once, never before


def test_what_the_future_would_give_away_is_not_found() -> None:
    found = measuring.by_times(catalogue(list(range(8))), sessions(*PAST, *FUTURE), limit=8, rng=rng())
    assert found
    # With its own plays in what is learned, each of these pairs would be found.
    assert found.tables[0].asked == 10
    assert figures(found, "next", "what is played next") == {"hit_rate": 0.0, "mrr": 0.0}


@pytest.mark.parametrize("future", [FUTURE, ["hg"] * 10, ["aaaaaaaa"] * 10])
def test_a_moment_is_the_same_whatever_comes_later(future: list[str]) -> None:
    music = catalogue(list(range(8)))
    begin, chance = 2 * len(PAST), np.zeros(8)

    def known(listening: Listening) -> list[np.ndarray]:
        learned = learn(listening, int(listening.plays.at[begin]), music.pool.vectors)
        now = moment(music, listening, begin, learned, chance=chance)
        assert now.liking
        plays = [now.plays.ids, now.plays.plays, now.plays.recent, now.plays.last_played, now.played]
        learned_parts = [learned.together.ids, learned.together.strengths, learned.together.trust]
        return [*plays, *learned_parts, learned.follows.toarray(), now.liking.scores]

    skipped = np.array([1]), np.array([T + 400 * DAY_S])
    other = replace(sessions(*PAST, *future), skipped=skipped[0], skipped_at=skipped[1])
    for one, same in zip(known(sessions(*PAST, *["ab"] * 10)), known(other), strict=True):
        np.testing.assert_array_equal(one, same)


def test_skips_of_before_count() -> None:
    music = catalogue(list(range(8)))
    listening = replace(sessions(*PAST), skipped=np.array([0, 0]), skipped_at=np.array([T - 9, T + 30 * DAY_S]))
    learned = learn(listening, int(listening.plays.at[40]), music.pool.vectors)
    early, late = (moment(music, listening, place, learned, chance=np.zeros(8)) for place in (2, 78))
    ends = [fading.end_of_day(float(listening.plays.at[place - 1])) for place in (2, 78)]
    for now, end, skips in ((early, ends[0], [T - 9]), (late, ends[1], [T - 9, T + 30 * DAY_S])):
        left = fading.left(end - np.array(skips, np.float64)).sum()
        assert now.plays.skips.tolist() == [pytest.approx(left), *[0.0] * (len(now.plays.ids) - 1)]


# What is asked


def test_days_begin_with_sessions_and_are_cut_into_five_parts() -> None:
    listening = sessions(*["abcd"] * 50)
    held_out = days(listening.plays)
    assert held_out == [Day(i // 2, 160 + 4 * i, 164 + 4 * i) for i in range(10)]


def test_a_session_through_midnight_is_of_the_day_it_began() -> None:
    tracks = np.zeros(100, np.int64)
    at = np.arange(100) * 3600
    at[90:] = at[90] + 240 * np.arange(10)
    plays = colistening.listens(tracks, at + 6 * 3600 - 600)
    assert (plays.at[[90, 99]] // DAY_S).tolist() == [3, 4]
    assert days(plays)[-1] == Day(2, 88, 100)


def test_only_known_tracks_are_asked_for() -> None:
    plays = sessions("ab", "ab", "acbda").plays
    asked = list(questions(plays, Day(0, 4, 9), np.array([True, True, False, False]), rng()))
    assert [(q.kind, q.context.tolist(), q.wanted.tolist(), q.passed.tolist()) for q in asked] == [
        ("day", [1], [0, 1], []),
        ("session", [0], [1], [0]),
        ("next", [2, 0], [1], [2, 0]),
    ]
    assert count_new(plays, [Day(0, 4, 9)]) == 2


def test_of_a_long_day_not_all_is_asked() -> None:
    plays = sessions("a" + "".join(chr(98 + i) for i in range(90))).plays
    known = np.ones(91, bool)
    asked = [q for q in questions(plays, Day(0, 0, 91), known, rng()) if q.kind == "next"]
    places = [len(q.context) for q in asked]
    assert (len(asked), places) == (60, sorted(places))


# Who answers


def test_chance_decides_between_equals_and_nothing_is_made_up() -> None:
    scores = np.array([1.0, 2.0, 1.0, -np.inf, 1.0])
    chance = np.array([0.3, 0.9, 0.1, 0.0, 0.2])
    everything = np.ones(5, bool)
    assert foremost(scores, everything, chance, limit=3).tolist() == [1, 2, 4]
    assert foremost(scores, everything, chance, limit=9).tolist() == [1, 2, 4, 0]
    assert foremost(scores, ~everything, chance, limit=3).tolist() == []


def test_lists_leave_their_seed_out_and_keep_to_what_is_offered() -> None:
    whole = catalogue([0] * 4 + [1] * 4)
    offered = replace(whole, offered=np.array([True] * 6 + [False] * 2))
    learned = learn(PLANTED, int(PLANTED.plays.at[100]), whole.pool.vectors)
    now = moment(offered, PLANTED, 100, learned, chance=rng().random(8))
    lists = {who: listed(who, now, np.array([4]), limit=8).tolist() for who in CONTENDERS}
    # Two tracks by one artist, as the command has it by default; of the other artist only one is left.
    assert (len(lists["similar"]), lists["similar"][0]) == (3, 5)
    assert lists["same artist by plays"] == lists["what is played next"] == [5]
    assert lists["popularity"] == [0, 1, 2, 3, 5]
    assert sorted(lists["random"]) == [0, 1, 2, 3, 5]


# Counts alone


def counted(music: Catalogue, rows: list[int]) -> Plays:
    count = len(rows)
    zeros, ones = np.zeros(count, np.float32), np.ones(count, np.float32)
    return Plays(np.array(rows), music.pool.vectors[:0], 4 * ones, zeros, -ones, zeros, recent=ones)


def nothing_timed(count: int) -> Listening:
    others = colistening.rows_of(NOBODY, NOBODY, np.zeros(0, np.float32), (0, count))
    return Listening(colistening.listens(NOBODY, NOBODY), NOBODY, NOBODY, NOBODY, NOBODY, NOBODY, others)


def corners(each: int) -> np.ndarray:
    """Two corners of sounds, each near one axis."""
    noise = rng().standard_normal((2 * each, 16)) * 0.05
    noise[:each, 0] += 1
    noise[each:, 1] += 1
    return (noise / np.linalg.norm(noise, axis=1, keepdims=True)).astype(np.float32)


def test_counts_alone_predict_who_loves_a_corner() -> None:
    music = catalogue([0] * 30 + [1] * 30, corners(30))
    loved = counted(music, list(range(25)))
    found = measuring.by_counts(music, nothing_timed(60), loved, limit=10, rng=rng())
    assert found
    assert replace(found, tables=()) == Prediction("counts", 25, 0, 5, 5, 0, ())
    assert [(t.name, t.asked, t.groups, list(t.rows)) for t in found.tables] == [
        ("tracks", 20, 20, ["mix", "same artist by plays", "random"]),
        ("lists", 20, 20, ["mix", "random"]),
    ]
    # Nothing was played after these lists were made.
    assert list(figures(found, "lists", "mix")) == ["coverage", "artist_gini", "novelty", "diversity", "never_played"]
    # Five are held out beside five more of the corner that were never played, and thirty of the other one.
    assert figures(found, "tracks", "mix")["recall"] == 1.0
    assert figures(found, "tracks", "same artist by plays")["recall"] == 1.0
    assert figures(found, "tracks", "random")["recall"] == pytest.approx(10 / 40, abs=0.15)
    assert measuring.by_counts(music, nothing_timed(60), loved, limit=10, rng=rng()) == found


def test_what_others_play_is_popular() -> None:
    music = catalogue([0] * 30 + [1] * 30, corners(30))
    rows = np.repeat(np.arange(3), 30)
    others = colistening.rows_of(rows, np.tile(np.arange(30), 3), np.ones(90, np.float32), (3, 60))
    listening = replace(nothing_timed(60), others=others)
    found = measuring.by_counts(music, listening, counted(music, list(range(30))), limit=6, rng=rng())
    assert found
    assert figures(found, "tracks", "popularity") == {"recall": 1.0, "ndcg": 1.0}


@pytest.mark.parametrize("played", [list(range(19)), list(range(60)), list(range(51))])
def test_too_few_tracks_or_nothing_to_tell_them_from(played: list[int]) -> None:
    music = catalogue([0] * 30 + [1] * 30, corners(30))
    assert measuring.by_counts(music, nothing_timed(60), counted(music, played), limit=10, rng=rng()) is None


# Measures


def test_found() -> None:
    top, wanted = np.array([7, 3, 9, 1]), np.array([3, 1, 5])
    ideal = 1 + 1 / np.log2(3) + 1 / np.log2(4)
    gain = (1 / np.log2(3) + 1 / np.log2(5)) / ideal
    assert measures.found(top, wanted, 4) == (1.0, 0.5, pytest.approx(2 / 3), pytest.approx(gain))
    assert measures.found(top, wanted, 1) == (0.0, 0.0, 0.0, 0.0)
    assert measures.found(NOBODY, wanted, 4) == (0.0, 0.0, 0.0, 0.0)
    assert measures.found(np.array([3]), np.array([3]), 1) == (1.0, 1.0, 1.0, 1.0)


def test_the_spread_is_that_of_groups_not_of_answers() -> None:
    values = np.repeat([0.0, 1.0], 50)[:, None]
    (apart,) = measures.mean(values, np.arange(100), rng())
    (grouped,) = measures.mean(values, np.repeat(np.arange(4), 25), rng())
    assert (apart.value, grouped.value) == (0.5, 0.5)
    assert apart.spread == pytest.approx(0.05, rel=0.15)
    assert grouped.spread == pytest.approx(0.25, rel=0.15)
    assert measures.mean(values, np.zeros(100, np.int64), rng()) == [Figure(0.5, None)]


def test_diversity_novelty_and_unevenness() -> None:
    axes = np.eye(3, dtype=np.float32)
    assert measures.diversity(axes) == pytest.approx(1.0)
    assert measures.diversity(axes[[0, 0]]) == pytest.approx(0.0)
    assert measures.diversity(axes[:1]) == 0.0
    assert measures.novelty(np.array([3, 1, 0])).tolist() == pytest.approx(
        [-np.log2(4 / 7), -np.log2(2 / 7), np.log2(7)]
    )
    assert measures.gini(np.array([2, 2, 2])) == pytest.approx(0.0)
    assert measures.gini(np.array([0, 0, 0, 5])) == pytest.approx(0.75)
    assert measures.gini(np.array([0, 0])) == 0.0


def test_calibration_error() -> None:
    probabilities = np.array([0.95, 0.95, 0.15, 1.0])
    assert measures.calibration_error(probabilities, np.array([1.0, 0.0, 0.0, 1.0])) == pytest.approx((0.9 + 0.15) / 4)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30))
def test_unevenness_is_a_share(counts: list[int]) -> None:
    assert -1e-9 <= measures.gini(np.array(counts)) <= 1


# What was said


def test_satisfaction_by_command() -> None:
    said = [("like", 1, "mix"), ("like", 1, "mix"), ("skip", 2, "mix"), ("dislike", 3, "mood"), ("like", 3, "mood")]
    found = opinions.satisfaction([Judged(i, v, n, c) for i, (v, n, c) in enumerate(said)], rng())  # type: ignore[arg-type]
    assert found
    counts = [(p.likes, p.skips, p.dislikes, round(p.share.value, 4)) for p in (found.all, *found.commands.values())]
    assert counts == [(3, 1, 1, 0.6), (2, 1, 0, 0.6667), (1, 0, 1, 0.5)]
    assert list(found.commands) == ["mix", "mood"]
    assert found.commands["mood"].share.spread is None  # one list
    assert opinions.satisfaction([], rng()) is None


def test_moods_beside_what_was_taught() -> None:
    answers = [Answer(1, "calm", yes=True), Answer(2, "calm", yes=True), Answer(3, "sad", yes=False)]
    heard = {(1, "calm"): 0.75, (2, "calm"): 0.25, (3, "sad"): 0.5}
    found = opinions.calibration(answers, heard, {"calm": 0.6, "sad": 0.6}, rng())
    assert found
    told = {name: (a.answers, round(a.right.value, 4), round(a.brier.value, 4)) for name, a in found.moods.items()}
    assert told == {"calm": (2, 0.5, round((0.0625 + 0.5625) / 2, 4)), "sad": (1, 1.0, 0.25)}
    assert (found.all.answers, found.all.right.value) == (3, pytest.approx(2 / 3))
    assert found.error.value == pytest.approx((0.25 + 0.75 + 0.5) / 3)
    assert opinions.calibration(answers, {}, {}, rng()) is None


# What is missing

ALL = lacking.Stock(timed=2000, plays=2000, skips=5, rated=5, judged=5, taught=5, gone=0, failed=0, others=5)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({}, []),
        ({"timed": 0}, ["no play has a time, by which sessions are known: import a log, as of Last.fm"]),
        ({"timed": 999, "plays": 9}, ["only 999 plays have a time: below 1000, figures say little"]),
        ({"plays": 2500}, ["500 of 2500 plays have no time, so nobody knows what they were played with"]),
        ({"skips": 0}, ["no skip is known, to say what you do not want: import a player that counts them"]),
        ({"rated": 0}, ["no track is rated or loved, so only plays say what you like"]),
        ({"judged": 0}, ["no track of a list was judged: 'like', 'skip' and 'dislike' say whether it pleased"]),
        ({"taught": 0}, ["no mood was taught: 'teach' says whether moods are what you hear"]),
        ({"others": 0}, ["nobody else's plays are known, to say what goes together: 'plays import --all-users'"]),
        ({"gone": 3}, ["3 plays are left out: their tracks are gone, or no music"]),
        ({"failed": 2}, ["2 files could not be heard, so nothing is known of them: see 'failures'"]),
    ],
)
def test_what_is_missing_is_said(changed: dict[str, int], says: list[str]) -> None:
    assert lacking.missing(replace(ALL, **changed)) == says


# Out of the library


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Six tracks, of which the last is speech; two logs of the same plays, a skip, another user."""
    opened = Library.open(tmp_path / "library.db", create=True)
    ids = [
        add_track(
            opened, f"/m/{i}.ogg", mood={"calm": 0.9}, style={"jazz": 0.9}, seed=i, title=f"Title {i}",
            artist=None if i == 4 else f"Artist {i // 2}", kind="speech" if i == 5 else "music",
        )
        for i in range(6)
    ]  # fmt: skip
    with opened.transaction():
        owner, same, other = (
            opened.save_listener(Listener(*who))
            for who in [("lastfm", "/a", "", True), ("mpd", "/b", "", True), ("navidrome", "/c", "bob", False)]
        )
        opened.save_events(owner, [(ids[0], T, False), (ids[1], T + 300, False), (ids[5], T + 600, False)])
        opened.save_events(same, [(ids[0], T + 20, False), (ids[2], T + 900, False), (ids[3], T + 950, True)])
        opened.save_events(other, [(ids[3], T, False)])
        opened.save_counts(other, [Counts(ids[1], plays=2)])
    return opened


def test_the_same_play_of_two_sources_is_one(library: Library) -> None:
    with library:
        known = reading.read(library)
        music = reading.catalogue(library, known, rng())
        listening = reading.listening(library, known, music)
    assert (known.played.tracks.tolist(), known.played.at.tolist()) == ([1, 2, 6, 3], [T, T + 300, T + 600, T + 900])
    assert known.present.tolist() == [True, True, False, True]
    assert (music.ids.tolist(), music.pool.ids.tolist()) == ([1, 2, 3, 4, 5], [0, 1, 2, 3, 4])
    assert music.offered.all()
    assert [int(n) for n in np.unique(music.artists, return_inverse=True)[1]] == [1, 1, 2, 2, 0]
    assert (listening.plays.tracks.tolist(), listening.plays.at.tolist()) == ([0, 1, 2], [T, T + 300, T + 900])
    assert (listening.skipped.tolist(), listening.skipped_at.tolist()) == ([3], [T + 950])
    assert (listening.tracks.tolist(), listening.whose.tolist()) == ([0, 1, 2, 3], [0, 0, 0, 3])
    assert listening.others.toarray().tolist() == [[0, 1, 0, 1, 0]]


def test_what_is_known_at_a_moment_is_what_the_library_knew_then(library: Library) -> None:
    with library:
        library.save_imported(merge(library.own_counts(), library.own_events()))
        known = reading.read(library)
        music = reading.catalogue(library, known, rng())
        listening = reading.listening(library, known, music)
        believed = library.plays(taste.loudest)
        around = library.surroundings(music.ids, believed.ids)
        # One play more, a minute later: what is known just before it is all that the library has.
        plays = colistening.listens(np.append(listening.plays.tracks, 0), np.append(listening.plays.at, T + 990))
        now = moment(
            music, replace(listening, plays=plays), 3, learn(listening, T, music.pool.vectors), chance=np.ones(5)
        )
    assert music.ids[now.plays.ids].tolist() == believed.ids.tolist()
    for name in ("plays", "skips", "rating", "loved", "recent", "last_played", "sounded", "vectors"):
        np.testing.assert_allclose(getattr(now.plays, name), getattr(believed, name), rtol=1e-5, err_msg=name)
    seen = music.seen(now.plays.ids)
    for name in ("middle", "moods", "played", "usual"):
        np.testing.assert_array_equal(getattr(seen, name), getattr(around, name), err_msg=name)
    liking = taste.score(music.pool.vectors, now.plays, taste.beside(music.pool.ids, now.learned.together), around=seen)
    assert now.liking is not None
    assert liking is not None
    assert around.played.any()
    np.testing.assert_array_equal(now.liking.scores, liking.scores)


def test_of_a_large_library_a_draw_is_offered_and_what_was_played_is_kept(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_TRACKS", 4)
    monkeypatch.setattr(reading, "DRAWN", 2)
    with library:
        known = reading.read(library)
        music = reading.catalogue(library, known, rng())
    assert int(music.offered.sum()) == 2
    assert {1, 2, 3} <= set(music.ids.tolist())
