"""A way from mood to mood, and tracks with and without a voice, on the command line."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from conftest import Run, add_track, voices

from musictaste import quality
from musictaste.store import Library, choosing
from musictaste.track import Lyrics, Reading

STEPS = 9


@pytest.fixture
def way(tmp_path: Path) -> list[str]:
    """Jazz from sad to happy, every second of it sung, and rock that is angry; paths in order."""
    paths = [f"/m/{i}.ogg" for i in range(STEPS)]
    with Library.open(tmp_path / "library.db", create=True) as library:
        for i, path in enumerate(paths):
            mood = {"sad": 0.95 - i / 9, "happy": 0.05 + i / 9}
            names = {"title": f"Step {i}", "artist": f"Walker {i}"}
            voice = "vocal" if i % 2 else "instrumental"
            add_track(library, path, mood=mood, style={"jazz": 0.9}, seed=i, voice=voice, **names)
        add_track(library, "/m/x.ogg", mood={"angry": 0.97}, style={"rock": 0.9}, seed=20, title="Stone", artist="Wall")
    return paths


def test_a_journey_leads_from_mood_to_mood(run: Run, way: list[str], tmp_path: Path) -> None:
    result = run("journey", "sad", "快乐", "-n", "5", "-o", "x.m3u8")
    assert (result.code, result.out) == (0, "")
    assert result.err == "5 steps from sad to happy\n5 tracks, 17:00, in x.m3u8\n"
    written = (tmp_path / "x.m3u8").read_text(encoding="utf-8")
    assert written.startswith("#EXTM3U\n#PLAYLIST:sad to happy\n#EXTINF:200,Walker 0 - Step 0\n")
    lines = [line[-5] for line in written.splitlines() if line.endswith(".ogg")]
    assert lines == ["0", "2", "4", "6", "8"]


def test_of_very_many_tracks_a_journey_has_the_best_ends(
    run: Run, way: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regression: where more tracks fit than are looked at, it went from some track to some other, or crashed."""
    monkeypatch.setattr(choosing, "MOST", 2)
    steps = run("-q", "journey", "sad", "happy").out.splitlines()
    assert (steps[0], steps[-1]) == (way[0], way[-1])
    assert steps == sorted(steps)


def test_a_journey_goes_back_as_well(run: Run, way: list[str]) -> None:
    assert run("-q", "journey", "happy", "sad").out.splitlines() == way[::-1]


def test_json_of_a_journey_tells_where_each_step_is(run: Run, way: list[str]) -> None:
    result = run("journey", "sad", "happy", "-n", "3", "--json", "--style", "jazz")
    assert (result.code, result.err) == (0, "")
    documents = json.loads(result.out)
    assert [(d["path"], d["mood"]) for d in documents] == [(way[0], "sad"), (way[4], "sad"), (way[8], "happy")]
    assert [d["reasons"] for d in documents] == [
        ["sounds sad (0.95)", "valence 0.05, arousal 0.05 on the way from sad to happy", "sounds like jazz (0.90)"],
        ["valence 0.49, arousal 0.49 on the way from sad to happy", "sounds like jazz (0.90)"],
        ["sounds happy (0.94)", "valence 0.94, arousal 0.94 on the way from sad to happy", "sounds like jazz (0.90)"],
    ]
    scores = [d["score"] for d in documents]
    assert scores == [0.855, 1.0, 0.845]


def test_a_journey_through_songs_that_read_sad(run: Run, way: list[str], tmp_path: Path) -> None:
    said = {"happy": 0.05, "sad": 0.85, "angry": 0.05, "calm": 0.05}
    with Library.open(tmp_path / "library.db") as library:
        for track_id in (1, 5, 9):
            library.save_lyrics(track_id, Lyrics("tags", "rain", "rain", "en", instrumental=False, cleaner="1"))
            library.save_readings([Reading(track_id, track_id // 4 + 1, "head", said, {"sad": 0})])
    documents = json.loads(run("journey", "sad", "happy", "-n", "3", "--lyrics", "sad", "--json").out)
    assert [d["path"] for d in documents] == [way[0], way[4], way[8]]
    quoted = 'its words are sad (0.85): "rain"'
    assert [d["reasons"][-1] for d in documents] == [quoted] * 3
    assert [d["reasons"][0] for d in (documents[0], documents[2])] == ["sounds sad (0.95)", "sounds happy (0.94)"]


def test_reasons_are_told(run: Run, way: list[str]) -> None:
    result = run("journey", "sad", "happy", "-n", "2", "--explain")
    assert result.err == (
        "2 steps from sad to happy\n"
        "Walker 0 - Step 0: sounds sad (0.95); valence 0.05, arousal 0.05 on the way from sad to happy\n"
        "Walker 8 - Step 8: sounds happy (0.94); valence 0.94, arousal 0.94 on the way from sad to happy\n"
    )


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ("sad", "calm"),
            1,
            "no track is calm enough: 10 tracks were considered, the best scored 0.01, {calm:.2f} is needed",
        ),
        (
            ("tender", "sad"),
            1,
            "no track is tender enough: 10 tracks were considered, the best scored 0.10, {tender:.2f} is needed",
        ),
        (("angry", "sad", "--style", "jazz"), 1, "no track is angry jazz enough"),
        (("sad", "hapy"), 2, "unknown mood 'hapy'"),
        (("sad", "happy", "--style", "jaz"), 2, "unknown style 'jaz'"),
        (("sad", "悲伤"), 2, "Invalid value for TO: a journey leads to another mood than sad"),
        (("sad", "happy", "-n", "1"), 2, "Invalid value for --limit: a journey has two ends"),
        (
            ("sad", "happy", "--explore", "0.5"),
            2,
            "Invalid value for --explore: a journey goes through what you play (0)",
        ),
        (("sad", "happy", "--explore", "0"), 1, "no track is left of 4 that fit: you played none of them"),
        (("sad", "happy", "--order", "random"), 2, "Invalid value for --order: the order of a journey is its way"),
    ],
)
def test_journeys_that_cannot_be_made(
    run: Run, way: list[str], tmp_path: Path, words: tuple[str, ...], code: int, message: str
) -> None:
    result = run("journey", *words, "-o", "x.m3u8")
    assert (result.code, result.out, (tmp_path / "x.m3u8").exists()) == (code, "", False)
    needed = {mood: measured.threshold for mood, measured in quality.labels("emotion").items()}
    assert message.format(**needed) in " ".join(result.err.replace("│", " ").split())


def test_a_journey_through_what_was_never_or_not_lately_played(run: Run, tmp_path: Path) -> None:
    with Library.open(tmp_path / "library.db", create=True) as library:
        for i in range(STEPS):
            mood, plays = {"sad": 0.95 - i / 9, "happy": 0.05 + i / 9}, {"plays": 3, "last_played": int(time.time())}
            names = {"title": f"Step {i}", "artist": f"Walker {i}"} | (plays if i in (0, 4) else {})
            add_track(library, f"/m/{i}.ogg", mood=mood, style={"jazz": 0.9}, seed=i, **names)
    for option in (["--explore", "1"], ["--avoid-recent", "7"]):
        steps = run("-q", "journey", "sad", "happy", *option).out.split()
        assert steps == [f"/m/{i}.ogg" for i in (1, 2, 3, 5, 6, 7, 8)]


def test_nothing_that_is_sung_is_for_the_user(run: Run, way: list[str]) -> None:
    with Library.open(Path(os.environ["MUSICTASTE_DB"])) as library, library.transaction():
        for track_id in library.all_ids():
            library.save_voice(track_id, "instrumental", voices(0.1))
    result = run("-q", "mix", "--vocal")
    assert (result.code, result.err) == (1, "musictaste: no track is vocal: 10 tracks were considered\n")


def test_two_ends_that_are_one_track(run: Run, tmp_path: Path) -> None:
    with Library.open(tmp_path / "library.db", create=True) as library:
        add_track(library, "/m/1.ogg", mood={"sad": 0.9, "tender": 0.9}, style={"jazz": 0.9}, seed=1)
    result = run("journey", "sad", "tender")
    message = "musictaste: no way from sad to tender: its two ends would be the same track\n"
    assert (result.code, result.err) == (1, message)


@pytest.mark.parametrize(
    "command", ["mood sad", "style jazz", "similar /m/8.ogg", "mix --style jazz", "journey sad happy"]
)
def test_every_list_can_be_sung_or_not(run: Run, way: list[str], command: str) -> None:
    sung, played = (
        set(run("-q", *command.split(), option).out.splitlines()) for option in ("--vocal", "--instrumental")
    )
    assert sung <= set(way[1::2])
    assert played <= set(way[::2])
    assert min(len(sung), len(played)) >= 2
    both = set(run("-q", *command.split()).out.splitlines())
    assert sung | played == both - {"/m/x.ogg"}


def test_how_many_are_sung_is_told(run: Run, way: list[str], tmp_path: Path) -> None:
    result = run("mood", "sad", "--vocal", "--style", "jazz", "-o", "x.m3u8")
    assert result.err == "2 of 10 tracks are vocal sad jazz\n2 tracks, 6:44, in x.m3u8\n"
    assert "#PLAYLIST:vocal sad jazz\n" in (tmp_path / "x.m3u8").read_text(encoding="utf-8")


def test_where_nothing_is_sung_it_is_said_of_how_many_that_is_not_known(run: Run, way: list[str]) -> None:
    result = run("mood", "angry", "--vocal")
    needed = quality.labels("emotion")["angry"].threshold
    expected = (
        "musictaste: no track is angry enough and vocal: 10 tracks were considered, the best scored 0.97,"
        f" {needed:.2f} is needed; of 1 it is not known whether they are sung\n"
    )
    assert (result.code, result.err) == (1, expected)
    result = run("journey", "angry", "sad", "--instrumental")
    assert (result.code, result.err.split(":")[1]) == (1, " no track is angry enough and instrumental")
    result = run("similar", "/m/0.ogg", "--vocal", "--style", "rock")
    expected = (
        "musictaste: no other track that is vocal fits: 10 tracks were considered;"
        " of 1 it is not known whether they are sung\n"
    )
    assert (result.code, result.err) == (1, expected)


def test_show_tells_whether_a_track_is_sung(run: Run, way: list[str]) -> None:
    documents = {d["path"]: d["voice"] for d in map(json.loads, run("show", "--all", "--json").out.splitlines())}
    assert documents["/m/0.ogg"] == {"answer": "instrumental", "told_by": "sound", "vocal": 0.1}
    assert documents["/m/1.ogg"] == {"answer": "vocal", "told_by": "sound", "vocal": 0.9}
    assert documents["/m/x.ogg"] == {"answer": None, "told_by": None, "vocal": None}
    assert "  voice: vocal (by the sound 0.90)\n" in run("show", "/m/1.ogg").out
    assert "  voice: not listened for yet\n" in run("show", "/m/x.ogg").out


def test_a_head_that_is_not_sure_says_so(run: Run, tmp_path: Path) -> None:
    with Library.open(tmp_path / "library.db", create=True) as library:
        one = add_track(library, "/m/1.ogg", mood={"sad": 0.9}, style={"jazz": 0.9}, seed=1)
        two = add_track(
            library, "/m/2.ogg", mood={"sad": 0.9}, style={"jazz": 0.9}, seed=2, title="Rain (Instrumental)"
        )
        with library.transaction():
            for track_id in (one, two):
                library.save_voice(track_id, None, voices(0.5))
    assert "  voice: not certain (by the sound 0.50)\n" in run("show", "/m/1.ogg").out
    assert "  voice: instrumental (by the title)\n" in run("show", "/m/2.ogg").out
