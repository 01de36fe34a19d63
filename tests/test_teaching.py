from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import SIZE, Run, add_track, feelings
from hypothesis import given, settings
from hypothesis import strategies as st
from make_audio import chord, write_audio
from numpy.typing import NDArray

from musictaste import teaching
from musictaste.cli.teaching import repeat_flags
from musictaste.errors import NothingTaughtError
from musictaste.moods import EMOTIONS, FINER_MOODS, MOODS
from musictaste.store import VECTOR_SIZE, Library
from musictaste.track import Answer, HeardBy, Labels, MoodColumns

LIMITS = {"happy": 0.4, "sad": 0.55, "angry": 0.2, "calm": 0.65} | dict.fromkeys(FINER_MOODS, 0.4)


def sounds_like(kind: int, seed: int) -> NDArray[np.float32]:
    """An embedding of one of several kinds, which have nothing in common; two of a kind have a cosine near 0.8."""
    vector = np.random.default_rng(seed).standard_normal(SIZE).astype(np.float32) * 0.5
    vector[kind * 10 : kind * 10 + 10] += np.float32(6)
    return vector


def columns_of(kinds: Sequence[int], seed: int = 0) -> MoodColumns:
    rng = np.random.default_rng(seed)
    vectors = np.array([sounds_like(kind, seed + i)[:VECTOR_SIZE] for i, kind in enumerate(kinds)])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    emotions = rng.dirichlet([0.5] * len(EMOTIONS), len(kinds))
    finer = rng.random((len(kinds), len(FINER_MOODS)))
    return MoodColumns(np.arange(10, 10 + len(kinds)), vectors, np.hstack([emotions, finer]))


def felt(columns: MoodColumns, answers: Sequence[Answer]) -> NDArray[np.float64]:
    """What readers see: where the personal head says nothing, the shipped one holds."""
    personal = teaching.feel(columns, teaching.fit(columns, answers, LIMITS).astype(np.float32))
    return np.where(np.isnan(personal), columns.moods, personal)


def has(mood: str, row: NDArray[np.float64]) -> bool:
    return bool(row[MOODS.index(mood)] >= LIMITS[mood])


# The personal head


@pytest.mark.parametrize("mood", ["happy", "sad", "angry", "calm", "tender", "tense"])
@pytest.mark.parametrize("yes", [True, False])
def test_an_answer_puts_a_track_on_its_side(mood: str, yes: bool) -> None:
    columns = columns_of([0, 1, 2, 3] * 20)
    wrong = [i for i in range(len(columns.ids)) if has(mood, columns.moods[i]) is not yes][:5]
    for row in wrong:
        got = felt(columns, [Answer(int(columns.ids[row]), mood, yes)])
        assert has(mood, got[row]) is yes
        assert got[:, :4].sum(axis=1) == pytest.approx(1)


def test_answers_on_several_moods_hold_together() -> None:
    columns = columns_of([0, 1, 2, 3] * 20)
    asked = enumerate(MOODS * 2)
    answers = [Answer(10 + row, mood, not has(mood, columns.moods[row])) for row, mood in asked]
    got = felt(columns, answers)
    assert [has(a.mood, got[a.track_id - 10]) for a in answers] == [a.yes for a in answers]


def test_what_sounds_otherwise_is_left_alone() -> None:
    columns = columns_of([0] * 20 + [1] * 20)
    wrong = [i for i in range(20) if not has("happy", columns.moods[i])][:2]
    moved = np.abs(felt(columns, [Answer(10 + i, "happy", yes=True) for i in wrong]) - columns.moods)
    assert moved[wrong, 0].min() > 0.3
    assert moved[20:].max() < 0.05
    assert moved[20:].mean() < moved[[i for i in range(20) if i not in wrong]].mean() / 3


@settings(max_examples=10)
@given(st.permutations(range(6)))
def test_the_order_of_answers_is_nothing(order: list[int]) -> None:
    columns = columns_of([0, 1, 2] * 4)
    answers = [Answer(10 + i, EMOTIONS[i % 2], i % 3 == 0) for i in range(6)]
    expected = teaching.fit(columns, answers, LIMITS)
    np.testing.assert_array_equal(teaching.fit(columns, [answers[i] for i in order], LIMITS), expected)


def test_without_answers_nothing_is_felt_otherwise() -> None:
    columns = columns_of([0, 1])
    np.testing.assert_allclose(felt(columns, []), columns.moods, atol=1e-12)


def test_finer_moods_are_felt_where_they_were_taught() -> None:
    columns = columns_of([0, 1])
    weights = teaching.fit(columns, [Answer(10, "tense", yes=True)], LIMITS).astype(np.float32)
    silent = np.isnan(teaching.feel(columns, weights)).all(axis=0)
    assert [mood for mood, nothing in zip(MOODS, silent, strict=True) if not nothing] == [*EMOTIONS, "tense"]


def test_a_library_in_which_all_was_said() -> None:
    columns = columns_of([0, 1])
    got = felt(columns, [Answer(10, "calm", yes=True), Answer(11, "calm", yes=False)])
    assert [has("calm", row) for row in got] == [True, False]


def test_answers_are_foretold_from_those_on_other_tracks(tmp_path: Path) -> None:
    with Library.open(tmp_path / "library.db", create=True) as library:
        ids = [
            add_track(
                library, f"/m/{i}.ogg", mood={"calm": 0.5}, style={"jazz": 0.9}, seed=i,
                embedding=sounds_like(i % 3, seed=i),
            )
            for i in range(30)
        ]  # fmt: skip
        assert teaching.foretold(library) == {}
        library.save_lesson([Answer(ids[2], "calm", yes=False)])
        assert teaching.foretold(library) == {}  # there is nothing to foretell the only one from
        library.save_lesson([Answer(i, "calm", yes=n % 3 == 0) for n, i in enumerate(ids[:18]) if n % 3 < 2])
        foretold = teaching.foretold(library)
        assert set(foretold) == {(i, "calm") for n, i in enumerate(ids[:18]) if n % 3 < 2} | {(ids[2], "calm")}
        assert min(foretold[i, "calm"] for i in ids[:18:3]) > 0.7
        assert max(foretold[i, "calm"] for i in ids[1:18:3]) < 0.3
        assert foretold[ids[2], "calm"] == pytest.approx(0.5, abs=0.2)  # nobody spoke of what sounds like it
        # What is said of one track foretells all others, never that track.
        library.save_lesson([Answer(ids[0], "calm", yes=False)])
        again = teaching.foretold(library)
        assert again[ids[0], "calm"] == pytest.approx(foretold[ids[0], "calm"])


def test_a_certain_head_can_be_corrected() -> None:
    columns = columns_of([0, 1])
    columns.moods[:] = [[0, 1, 0, 0, *[0] * 8], [1, 0, 0, 0, *[1] * 8]]
    answers = [Answer(10 + i, mood, yes=not i) for mood in ("happy", "tense") for i in range(2)]
    got = felt(columns, answers)
    assert np.isfinite(got).all()
    assert [(has("happy", row), has("tense", row)) for row in got] == [(True, True), (False, False)]


def test_moods_that_an_older_head_did_not_name_are_left_alone() -> None:
    columns = columns_of([0, 1, 2, 3] * 5)
    columns.moods[:, 4:] = np.nan
    got = felt(columns, [Answer(10, "calm", yes=True), Answer(10, "tender", yes=True)])
    assert has("calm", got[0])
    assert (np.isfinite(got[:, :4]).all(), np.isnan(got[:, 4:]).all()) == (True, True)


# A library


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Eight tracks that sound alike, as many of another kind; none is happy but the last of each."""
    path = tmp_path / "library.db"
    with Library.open(path, create=True) as library:
        for i in range(16):
            happy = 0.45 if i % 8 == 7 else 0.3
            add_track(
                library,
                f"/m/{i}.ogg",
                mood={"happy": happy, "calm": 0.5},
                style={"jazz": 0.9},
                seed=i,
                embedding=sounds_like(i // 8, i),
                title=f"Title {i}",
                artist=f"Artist {i // 8}",
            )
    return path


def rows(path: Path, *tables: str) -> list[list[tuple[object, ...]]]:
    with sqlite3.connect(path) as connection:
        return [connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in tables]


KEPT = ("mood", "felt", "library", "personal_mood", "personal_head", "teaching")


def test_undo_restores_every_row(path: Path) -> None:
    states = [rows(path, *KEPT)]
    with Library.open(path) as library:
        teaching.teach(library, "happy", yes=[1], no=[8])
        states.append(rows(path, *KEPT))
        teaching.teach(library, "calm", yes=[2, 3], no=[])
        states.append(rows(path, *KEPT))
        teaching.teach(library, "happy", yes=[8], no=[1, 16])
        assert rows(path, "mood")[0] == states[0][0]
        assert len(rows(path, "personal_mood")[0]) == 16
        for mood in ("happy", "calm", "happy"):
            assert rows(path, *KEPT) != states[-1]
            teaching.undo(library, mood)
            assert rows(path, *KEPT) == states.pop()
        with pytest.raises(NothingTaughtError, match=r"^nothing was taught of happy: there is nothing to undo$"):
            teaching.undo(library, "happy")


def test_the_last_answer_counts(path: Path) -> None:
    with Library.open(path) as library:
        teaching.teach(library, "happy", yes=[1, 2], no=[])
        once = rows(path, "felt")
        teaching.teach(library, "happy", yes=[], no=[2])
        assert library.answers() == [Answer(1, "happy", yes=True), Answer(2, "happy", yes=False)]
        teaching.teach(library, "happy", yes=[2], no=[])
        assert rows(path, "felt") == once


def test_every_reader_sees_what_was_taught(path: Path) -> None:
    with Library.open(path) as library:
        teaching.teach(library, "happy", yes=[1], no=[])
        (track,) = library.tracks([1])
        happy = track.moods["happy"]
        assert happy > 0.4
        assert track.uncorrected == pytest.approx(feelings(happy=0.3, calm=0.5))
        assert rows(path, "(SELECT happy FROM library WHERE path = '/m/0.ogg')") == [[(happy,)]]
        pool = library.pool(mood="happy", styles=[], mood_from=0.4, style_from=0)
        assert dict(zip(pool.ids.tolist(), pool.mood.tolist(), strict=True))[1] == pytest.approx(happy)
        assert library.counts_reaching("mood", {"happy": 0.4}) == {"happy": len(pool)}


def test_missing_tracks_are_not_listed_as_moved(path: Path) -> None:
    with Library.open(path) as library:
        library.mark_missing([1])
        change = teaching.teach(library, "happy", yes=[1, 2], no=[])
        assert [m.track_id for m in change.yes] == [1, 2]
        assert 2 in [m.track_id for m in change.moved_in]
        assert 1 not in [m.track_id for m in change.moved_in]


# What comes after a teaching


def expected_moods(library: Library, track_id: int) -> list[float]:
    (by,) = library.heard_by()
    weights = library.personal_weights(by)
    assert weights is not None
    columns = library.mood_columns([track_id])
    personal = teaching.feel(columns, weights)
    return [float(p) for p in np.where(np.isnan(personal), columns.moods, personal)[0]]


def test_new_tracks_are_felt_and_others_stay(path: Path) -> None:
    with Library.open(path) as library:
        teaching.teach(library, "happy", yes=[1, 2, 3], no=[])
        before = rows(path, "personal_mood", "personal_head")
        new = add_track(
            library, "/m/new.ogg", mood={"happy": 0.3}, style={"jazz": 0.9}, seed=99, embedding=sounds_like(0, 99)
        )
        assert library.tracks([new])[0].uncorrected is None
        teaching.follow(library)
        after = rows(path, "personal_mood", "personal_head")
        assert (after[0][:-1], after[1]) == (before[0], before[1])
        assert list(library.tracks([new])[0].moods.values()) == expected_moods(library, new)
        assert library.tracks([new])[0].moods["happy"] > 0.3


def test_a_track_that_is_labelled_anew_does_not_keep_what_was_felt(path: Path) -> None:
    with Library.open(path) as library:
        teaching.teach(library, "happy", yes=[1], no=[])
        (track,) = library.tracks([5])
        heard = feelings(happy=0.1, sad=0.7, angry=0.1)
        with library.transaction():
            library.save_labels(5, Labels("emotion-1", heard), Labels("style-1", track.styles))
        assert library.tracks([5])[0].moods == heard


def test_a_newer_shipped_head_is_taught_again(path: Path) -> None:
    with Library.open(path) as library:
        teaching.teach(library, "happy", yes=[1], no=[])
        with library.transaction():
            for track in library.tracks(library.all_ids()):
                moods = feelings(happy=0.1, sad=0.2, angry=0.1)
                library.save_labels(track.id, Labels("emotion-9", moods), Labels("style-1", track.styles))
        teaching.follow(library)
        assert library.heard_by() == [HeardBy("musicnn-msd-3+musicnn-mtt-4", "emotion-9")]
        assert {row[1] for row in rows(path, "personal_mood")[0]} == {"emotion-9"}
        assert library.tracks([1])[0].moods["happy"] >= teaching.thresholds()["happy"]
        assert list(library.tracks([5])[0].moods.values()) == expected_moods(library, 5)


def test_tracks_of_other_networks_are_not_mixed_in(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE track SET embedder = 'older' WHERE id > 8")
    with Library.open(path) as library:
        teaching.teach(library, "happy", yes=[1], no=[])
        assert [row[0] for row in rows(path, "personal_mood")[0]] == list(range(1, 9))
        teaching.teach(library, "happy", yes=[9], no=[])
        assert [row[0] for row in rows(path, "personal_head")[0]] == ["musicnn-msd-3+musicnn-mtt-4", "older"]
        assert library.tracks([9])[0].moods["happy"] > 0.4


def test_scans_carry_a_teaching_over(run: Run, music: Path, tmp_path: Path) -> None:
    library = tmp_path / "library.db"
    assert run("scan", music).code == 0
    assert run("teach", "angry", "--yes", music / "a.wav").code == 0
    write_audio(music / "new.wav", chord(2, (330.0, 415.3)))
    assert run("scan", music).code == 0
    once = rows(library, "personal_mood")
    assert [row[0] for row in once[0]] == [1, 2, 3, 4, 5]
    with sqlite3.connect(library) as connection:  # what a scan leaves that was killed
        connection.execute("DELETE FROM personal_mood WHERE track_id = 5")
    assert run("scan").code == 0
    assert rows(library, "personal_mood") == once
    with sqlite3.connect(library) as connection:  # what an update of the program leaves
        connection.execute("UPDATE mood SET head = 'emotion-0', happy = 1, sad = 0, angry = 0, calm = 0")
    assert run("scan").code == 0
    carried_over = rows(library, "personal_mood", "personal_head")
    assert len(carried_over[0]) == 5
    assert run("teach", "angry", "--yes", music / "a.wav").code == 0
    assert rows(library, "personal_mood", "personal_head") == carried_over


# The command


def test_teaching_says_what_moved(run: Run, path: Path) -> None:
    result = run("teach", "快乐", "--yes", "/m/0.ogg", "title 1", "--no", "/m/15.ogg")
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "2 tracks became happy, 1 no longer is\n"
        "+ Artist 0 - Title 0  0.30 -> 0.94\n+ Artist 0 - Title 1  0.30 -> 0.94\n"
        "- Artist 1 - Title 15  0.45 -> 0.03\n"
    )


def test_teaching_as_json(run: Run, path: Path) -> None:
    result = run("teach", "happy", "--no", "/m/15.ogg", "--json")
    moved = {"path": "/m/15.ogg", "before": 0.45, "after": 0.0312}
    document = {"mood": "happy", "yes": [], "no": [moved], "moved_in": [], "moved_out": [moved]}
    assert json.loads(result.out) == document
    listed = json.loads(run("teach", "happy", "--json").out)
    assert listed == document


def test_flags_can_be_repeated_or_take_several(run: Run, path: Path) -> None:
    several = run("teach", "happy", "--yes", "/m/0.ogg", "/m/1.ogg", "--json", "--no", "/m/15.ogg")
    assert run("teach", "happy", "--undo").code == 0
    repeated = run("teach", "happy", "--no", "/m/15.ogg", "--yes", "/m/0.ogg", "--yes", "/m/1.ogg", "--json")
    assert (several.code, repeated) == (0, several)


@pytest.mark.parametrize(
    ("words", "repeated"),
    [
        ("happy", "happy"),
        ("happy --yes a", "happy --yes a"),
        ("happy --yes a b --json", "happy --yes a --yes b --json"),
        ("happy --yes a b --no c d --undo", "happy --yes a --yes b --no c --no d --undo"),
        ("happy --yes", "happy --yes"),
        ("happy --json a", "happy --json a"),
    ],
)
def test_repeating_flags(words: str, repeated: str) -> None:
    assert repeat_flags(words.split()) == repeated.split()


def test_listing_and_taking_back(run: Run, path: Path) -> None:
    nothing = run("teach", "happy")
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "nothing was taught of happy\n")
    run("teach", "happy", "--yes", "/m/0.ogg", "--no", "/m/15.ogg")
    run("teach", "happy", "--no", "/m/0.ogg")
    listed = "no  Artist 0 - Title 0  0.30 -> 0.03\nno  Artist 1 - Title 15  0.45 -> 0.03\n"
    assert run("teach", "happy").out == listed
    assert run("teach", "happy", "--undo").out == (
        "1 track became happy, 0 no longer are\n+ Artist 0 - Title 0  0.03 -> 0.94\n"
    )
    assert run("teach", "happy", "--undo").out == (
        "1 track became happy, 1 no longer is\n"
        "+ Artist 1 - Title 15  0.03 -> 0.45\n- Artist 0 - Title 0  0.94 -> 0.30\n"
    )
    again = run("teach", "happy", "--undo")
    assert (again.code, again.out, again.err) == (
        1, "", "musictaste: nothing was taught of happy: there is nothing to undo\n",
    )  # fmt: skip


def test_show_says_what_was_taught(run: Run, path: Path) -> None:
    run("teach", "happy", "--yes", "/m/0.ogg")
    run("teach", "calm", "--no", "/m/0.ogg")
    assert "\n  taught: calm no, happy yes\n" in run("show", "/m/0.ogg").out
    assert "taught" not in run("show", "/m/1.ogg").out
    document = json.loads(run("show", "/m/0.ogg", "--json").out)
    assert document["sound"]["moods"] == pytest.approx(feelings(happy=0.3, calm=0.5))
    assert document["moods"]["happy"] > 0.4
    assert "taught" not in document


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("happy --yes /m/0.ogg --no /m/0.ogg", "'/m/0.ogg': cannot be happy and not happy at once"),
        (
            "happy --undo --yes /m/0.ogg",
            "--undo takes a teaching back, --yes and --no give one: say only one of them",
        ),
        ("happy --yes nobody", "no track is called 'nobody'"),
        (
            "hapy --yes /m/0.ogg",
            f"unknown mood 'hapy': did you mean 'happy'? (moods: {', '.join(MOODS)})",
        ),
    ],
)
def test_what_cannot_be_taught(run: Run, path: Path, words: str, message: str) -> None:
    before = rows(path, *KEPT)
    result = run("teach", *words.split())
    assert (result.code, result.out, result.err) == (2, "", f"musictaste: {message}\n")
    assert rows(path, *KEPT) == before


def test_a_mood_that_was_not_heard_yet_cannot_be_taught(run: Run, path: Path) -> None:
    with sqlite3.connect(path) as connection:  # as a library from before the finer moods
        connection.execute("UPDATE mood SET tender = NULL WHERE track_id = 2")
    before = rows(path, *KEPT)
    result = run("teach", "tender", "--yes", "/m/0.ogg", "/m/1.ogg")
    message = "musictaste: tender is not known yet of all these tracks: run 'musictaste scan' first\n"
    assert (result.code, result.out, result.err) == (2, "", message)
    assert rows(path, *KEPT) == before


def test_long_lists_are_cut(run: Run, path: Path) -> None:
    result = run("teach", "happy", "--yes", *(f"/m/{i}.ogg" for i in range(16)))
    lines = result.out.splitlines()
    assert (lines[0], len(lines), lines[-1]) == ("14 tracks became happy, 0 no longer are", 12, "+ and 4 more")


def test_answers_that_cannot_be_followed_are_named(run: Run, tmp_path: Path) -> None:
    with Library.open(tmp_path / "library.db", create=True) as library:
        for i in range(2):
            add_track(
                library,
                f"/m/{i}.ogg",
                mood={"happy": 0.3},
                style={"jazz": 0.9},
                seed=i,
                embedding=sounds_like(0, 0),
                title=f"Title {i}",
            )
    result = run("teach", "happy", "--yes", "/m/0.ogg", "--no", "/m/1.ogg")
    assert (result.code, result.out, result.err) == (
        0,
        "0 tracks became happy, 0 no longer are\n",
        "still on the other side of 0.43: Title 0  0.30 -> 0.43\n",
    )
