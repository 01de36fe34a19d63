from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest
import typer
from conftest import Run, add_track, shares

from musictaste import genres, health, quality, styles
from musictaste.cli import app, main
from musictaste.cli.commands import COMMANDS, Commands
from musictaste.inference import checksum, model_path, size_of
from musictaste.moods import EMOTIONS, FINER_MOODS, MOODS
from musictaste.store import Library, choosing


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Eight tracks: four happy jazz by two artists, four sad rock by one."""
    path = tmp_path / "library.db"
    with Library.open(path, create=True) as opened:
        for i in range(4):
            add_track(
                opened,
                f"/m/jazz{i}.flac",
                mood={"happy": 0.9 - i / 100},
                style={"jazz": 0.9},
                seed=i,
                title=f"Swing {i}",
                artist=f"Cat {i % 2}",
            )
        for i in range(4, 8):
            add_track(
                opened,
                f"/m/rock{i}.mp3",
                mood={"sad": 0.95},
                style={"rock": 0.9},
                seed=i,
                title=f"Rain {i}",
                artist="Dog",
            )
    return path


def test_a_playlist_is_written_and_opens(run_alone: Run, library: Path, tmp_path: Path) -> None:
    result = run_alone("mood", "快乐", "--style", "爵士", "-o", "x.m3u8", "--absolute", "--order", "score")
    assert result.err == "4 of 8 tracks are happy jazz\n4 tracks, 13:26, in x.m3u8\n"
    lines = "".join(f"#EXTINF:{200 + i},Cat {i % 2} - Swing {i}\n/m/jazz{i}.flac\n" for i in range(4))
    assert (tmp_path / "x.m3u8").read_text(encoding="utf-8") == f"#EXTM3U\n#PLAYLIST:happy jazz\n{lines}"


def test_several_styles_are_alternatives(run: Run, library: Path) -> None:
    result = run("style", "jazz", "rock", "-o", "x.m3u8", "-n", "4")
    assert result.err.startswith("8 of 8 tracks are jazz or rock\n4 tracks, ")
    result = run("mood", "angry", "--style", "jazz", "--style", "rock")
    best = "8 tracks were considered, the best scored 0."
    assert result.err.startswith(f"musictaste: no track is angry jazz or rock enough: {best}")


def test_json_of_a_mood(run: Run, library: Path) -> None:
    documents = json.loads(run("mood", "happy", "--json", "--max-per-artist", "1", "--order", "score").out)
    assert [(d["path"], d["mood"], d["style"], d["score"], d["taste"], d["reasons"]) for d in documents] == [
        ("/m/jazz0.flac", "happy", "jazz", 0.9, None, ["sounds happy (0.90)"]),
        ("/m/jazz1.flac", "happy", "jazz", 0.89, None, ["sounds happy (0.89)"]),
    ]
    assert set(documents[0]) == set(  # noqa: C405
        [
            "path",
            "artist",
            "title",
            "album",
            "duration_s",
            "score",
            "mood",
            "style",
            "moods",
            "styles",
            "taste",
            "reasons",
        ]
    )


def test_piped_a_list_is_paths(run: Run, library: Path) -> None:
    assert run("-q", "style", "rock", "-n", "2").out.count("/m/rock") == 2
    assert run("-q", "mood", "sad", "-n", "9").out.count("\n") == 2


def test_the_same_seed_gives_the_same_list(run: Run, library: Path) -> None:
    first = run("mood", "happy", "--seed", "7", "--order", "random").out
    assert run("mood", "happy", "--seed", "7", "--order", "random").out == first


def test_show_and_similar(run: Run, library: Path) -> None:
    document = json.loads(run("show", "cat 0 - swing 0", "--json").out)
    assert (document["path"], document["title"], document["words"]) == ("/m/jazz0.flac", "Swing 0", None)
    assert "Swing 0" not in run("similar", "swing 0", "--json").out.split('"reasons"')[0]
    assert run("show", "swing").err == (
        "musictaste: 'swing' names 4 tracks: say more, or give a path\n"
        "  /m/jazz0.flac\n  /m/jazz1.flac\n  /m/jazz2.flac\n  /m/jazz3.flac\n"
    )
    assert (run("show", "swing").code, run("show", "nobody").code) == (2, 2)


def test_show_names_what_similar_finds(run: Run, library: Path) -> None:
    scores = json.loads(run("similar", "swing 0", "-n", "9", "--max-per-artist", "9", "--json").out)
    order = [d["title"] for d in sorted(scores, key=lambda d: -d["score"])]
    near = [line.split(" - ")[1] for line in run("show", "swing 0").out.splitlines() if "near:" in line]
    assert (near, set(near[:3])) == (order[:5], {"Swing 1", "Swing 2", "Swing 3"})


def test_numbers_of_the_last_list(run: Run, library: Path) -> None:
    paths = run("-q", "mood", "happy").out.splitlines()
    assert json.loads(run("show", "2", "--json").out)["path"] == paths[1]


def test_models_have_cards(run: Run) -> None:
    documents = json.loads(run("models", "--json").out)
    names = ["musicnn_msd", "musicnn_mtt", "emotion", "style", "kind", "voice", "lyrics_encoder", "lyrics_emotion"]
    assert [document["name"] for document in documents] == names
    for document in documents:
        assert document["sha256"] == checksum(model_path(document["name"]))
        assert document["bytes"] == size_of(model_path(document["name"]))
    research = [name for name, terms in documents[2]["trained_on"].items() if terms == "research only"]
    assert documents[2]["research_only"] == research
    assert len(research) == 2
    text = run("models").out
    assert text.count("  licence     ") == len(names)
    assert f"  its training data were for RESEARCH ONLY: {'; '.join(research)}\n" in text


def test_a_mood_that_older_heads_did_not_know_asks_for_a_scan(run: Run, library: Path) -> None:
    with sqlite3.connect(library) as connection:
        connection.execute("UPDATE mood SET tender = NULL WHERE track_id > 3")
    result = run("mood", "tender")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(
        "musictaste: no track is tender enough: 8 tracks were considered, the best scored 0.10,"
    )
    assert result.err.endswith("; 5 were heard before tender was known: run 'musictaste scan'\n")


def test_a_track_without_a_title_is_called_by_its_file(run: Run, library: Path) -> None:
    with sqlite3.connect(library) as connection:
        connection.execute("UPDATE file SET title = NULL, artist = NULL WHERE path = '/m/jazz0.flac'")
    assert run("show", "/m/jazz0.flac").out.startswith("jazz0.flac\n")


def test_vocabulary(run: Run, library: Path) -> None:
    found = {row["label"]: row["tracks"] for row in json.loads(run("moods", "--json").out)}
    assert found == {"happy": 4, "sad": 4, "angry": 0, "calm": 0} | dict.fromkeys(FINER_MOODS, 0)


@pytest.fixture
def tagged(library: Path) -> Path:
    """The eight tracks and four more: jazz that only its tag tells, jazz by both, a wrong tag, and a salsa."""
    more = [
        ("Bebop", {"jazz": 0.04, "rock": 0.9}),
        ("Jazz", {"jazz": 0.5}),
        ("Bop", {"jazz": 1e-6}),
        ("Salsa", {"soul": 0.9999}),
    ]
    with Library.open(library) as opened:
        for i, (genre, heard) in enumerate(more, 8):
            tags = {"genres": (genre,), "title": f"Tune {i}"}
            add_track(opened, f"/m/{genre}.ogg", mood={"calm": 0.9}, style=heard, seed=i, **tags)
    return library


def test_the_tree_of_styles(run: Run, tagged: Path) -> None:
    rows = {row["label"]: row for row in json.loads(run("styles", "--json").out)}
    assert tuple(rows) == styles.tree()
    assert {label: rows[label]["tracks"] for label in ("jazz", "bebop", "swing", "soul", "funk", "latin", "salsa")} == {
        "jazz": 6,
        "bebop": 1,
        "swing": 0,
        "soul": 1,
        "funk": 0,
        "latin": 1,
        "salsa": 1,
    }
    measured = vars(quality.labels("style")["jazz"])
    assert rows["jazz"] == {"label": "jazz", "below": None, "told_by": "sound", "tracks": 6, **measured}
    none = dict.fromkeys(("precision", "recall", "auroc", "examples"))
    threshold = measured["threshold"]
    assert rows["bebop"] == {
        "label": "bebop",
        "below": "jazz",
        "told_by": "tags",
        "tracks": 1,
        "threshold": threshold,
        **none,
    }
    lines = [line.split() for line in run("styles").out.splitlines()]
    assert [line for line in lines if line[0] in ("bebop", "salsa")] == [
        ["bebop", "1", "by", "tags"],
        ["salsa", "1", "by", "tags"],
    ]


def test_styles_that_tags_tell(run: Run, tagged: Path) -> None:
    for words in (["style", "比波普"], ["mood", "calm", "--style", "Be-Bop"], ["style", "bebop", "house"]):
        assert run("-q", *words).out == "/m/Bebop.ogg\n"
    assert run("-q", "style", "latin").out == "/m/Salsa.ogg\n"
    assert sorted(run("-q", "style", "爵士", "--max-per-artist", "9").out.splitlines()) == [
        *("/m/Bebop.ogg", "/m/Jazz.ogg", "/m/jazz0.flac", "/m/jazz1.flac", "/m/jazz2.flac", "/m/jazz3.flac"),
    ]


def test_what_the_tag_decided_is_told(run: Run, tagged: Path) -> None:
    weighed = 0.04 * 266 / (0.04 * 266 + 0.96)
    (document,) = json.loads(run("style", "bebop", "--json").out)
    told = f"tagged 'Bebop' (jazz {weighed:.2f}, by the sound alone 0.04)"
    assert (document["style"], document["reasons"]) == ("jazz", [told])
    assert document["styles"]["jazz"] == document["score"] == round(weighed, 4)
    listed = json.loads(run("style", "jazz", "latin", "--json", "--max-per-artist", "1").out)
    assert {d["path"]: d["reasons"] for d in listed} == {
        "/m/Bebop.ogg": [told],
        "/m/Jazz.ogg": ["sounds like jazz (0.50, with its tag 0.99)"],
        "/m/jazz2.flac": ["sounds like jazz (0.90)"],
        "/m/jazz1.flac": ["sounds like jazz (0.90)"],
        "/m/Salsa.ogg": ["sounds like jazz (0.00)", "tagged 'Salsa'"],
    }


def test_show_tells_the_sound_from_the_tags(run: Run, tagged: Path) -> None:
    document = json.loads(run("show", "tune 8", "--json").out)
    alone = shares(styles.STYLES, jazz=0.04, rock=0.9)
    assert document["sound"]["styles"] == {style: round(p, 4) for style, p in alone.items()}
    weighed = genres.weigh(alone, genres.weights(["bebop"]))
    assert document["styles"] == {style: round(p, 4) for style, p in weighed.items()}
    assert (document["genre"], document["tagged"]) == ("Bebop", ["bebop", "jazz"])
    lines = run("show", "tune 8").out.splitlines()
    assert [line for line in lines if "jazz" in line] == [
        f"  style jazz        {'█' * 22}░░ 0.92  by the sound alone 0.04",
        "  tagged bebop, jazz",
    ]
    plain = json.loads(run("show", "swing 0", "--json").out)
    assert (plain["styles"], plain["tagged"]) == (plain["sound"]["styles"], [])


@pytest.fixture
def with_lectures(library: Path) -> Path:
    """The eight tracks, and three that are as happy and as much jazz, though no music."""
    with Library.open(library) as opened:
        for seed, kind in ((8, "speech"), (9, "noise"), (10, "speech")):
            mood, style = {"happy": 0.99}, {"jazz": 0.99}
            add_track(opened, f"/m/{seed}.mp3", mood=mood, style=style, seed=seed, kind=kind, title=f"Talk {seed}")
    return library


LEFT_OUT = " (left out: 2 speech, 1 noise)"


def test_what_is_no_music_is_in_no_playlist(run: Run, with_lectures: Path) -> None:
    result = run("mood", "happy", "--style", "jazz", "--order", "score")
    assert result.out == "".join(f"/m/jazz{i}.flac\n" for i in range(4))
    assert result.err == f"4 of 8 tracks are happy jazz{LEFT_OUT}\n"
    assert run("style", "jazz").err == f"4 of 8 tracks are jazz{LEFT_OUT}\n"
    assert sorted(run("similar", "talk 8", "-n", "20", "--max-per-artist", "9").out.splitlines()) == sorted(
        [f"/m/jazz{i}.flac" for i in range(4)] + [f"/m/rock{i}.mp3" for i in range(4, 8)]
    )
    nothing = run("mood", "angry")
    assert (nothing.code, nothing.out) == (1, "")
    assert f": 8 tracks were considered{LEFT_OUT}, the best scored" in nothing.err
    assert {row["label"]: row["tracks"] for row in json.loads(run("moods", "--json").out)}["happy"] == 4


def test_show_says_what_is_no_music(run: Run, with_lectures: Path) -> None:
    documents = [json.loads(line) for line in run("show", "--all", "--json").out.splitlines()]
    found = {document["title"]: document["kind"] for document in documents}
    assert found == {f"Swing {i}": "music" for i in range(4)} | {f"Rain {i}": "music" for i in range(4, 8)} | {
        "Talk 8": "speech", "Talk 9": "noise", "Talk 10": "speech",
    }  # fmt: skip
    assert run("show", "talk 8").out.splitlines()[2] == "  /m/8.mp3  (speech, not music)"
    assert run("show", "swing 0").out.splitlines()[2] == "  /m/jazz0.flac"


HAPPY, SAD = {"happy": 0.94}, {"sad": 0.94}


@pytest.fixture
def over_time(tmp_path: Path) -> Path:
    """Five happy tracks: all along, but for a window, for half of the time, and two that nobody knows more of.

    The fourth was heard before timelines were kept, the fifth by an older head.
    """
    path = tmp_path / "library.db"
    courses = [[HAPPY] * 12, [HAPPY] * 11 + [SAD], [HAPPY] * 6 + [SAD] * 6, [HAPPY] * 12, [HAPPY] * 12]
    with Library.open(path, create=True) as library:
        for i, course in enumerate(courses):
            style = {"jazz": 0.9}
            mood = {"happy": 0.9 - i / 100}
            add_track(library, f"/m/{i}.flac", mood=mood, style=style, seed=i, over_time=course, title=f"Song {i}")
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM timeline WHERE track_id = 4")
        connection.execute("UPDATE timeline SET head = 'emotion-0' WHERE track_id = 5")
    return path


def test_show_draws_the_mood_over_time(run: Run, over_time: Path) -> None:
    shown = [line for line in run("show", "--all").out.splitlines() if line.startswith("  time")]
    high, low = "█" * 24, "▁" * 24
    assert shown == [
        f"  time  happy       {high} 0:05 to 1:55",
        f"  time  sad         {low} 0:05 to 1:55",
        f"  time  happy       {high[:-2]}▄▁ 0:05 to 1:55",
        f"  time  sad         {low[:-2]}▅█ 0:05 to 1:55",
        f"  time  happy       {high[:11]}▆▃{low[:11]} 0:05 to 1:55",
        f"  time  sad         {low[:11]}▃▆{high[:11]} 0:05 to 1:55",
        f"  time  happy       {high} 0:05 to 1:55, heard by emotion-0",
        f"  time  sad         {low} 0:05 to 1:55, heard by emotion-0",
    ]


def test_show_gives_the_mood_over_time_as_json(run: Run, over_time: Path) -> None:
    documents = [json.loads(line) for line in run("show", "--all", "--json").out.splitlines()]
    happy, sad = (dict.fromkeys(EMOTIONS, 0.02) | dict.fromkeys(FINER_MOODS, 0.1) | mood for mood in (HAPPY, SAD))
    assert documents[2]["over_time"] == [{"at_s": 10.0 * i + 5, **(happy if i < 6 else sad)} for i in range(12)]
    assert [len(d["over_time"]) for d in documents] == [12, 12, 12, 0, 12]
    assert [d["over_time_head"] for d in documents] == ["emotion-1", "emotion-1", "emotion-1", None, "emotion-0"]


def test_a_mood_throughout(run: Run, over_time: Path, tmp_path: Path) -> None:
    result = run("mood", "happy", "--style", "jazz", "--throughout", "--order", "score", "-o", "x.m3u8", "--absolute")
    assert (result.code, result.out) == (0, "")
    assert result.err.splitlines() == [
        "2 left out whose mood over time is not known: run 'musictaste scan --full'",
        "2 of 5 tracks are happy jazz throughout",
        "2 tracks, 6:41, in x.m3u8",
    ]
    songs = "".join(f"#EXTINF:{200 + i},Song {i}\n/m/{i}.flac\n" for i in (0, 1))
    assert (tmp_path / "x.m3u8").read_text(encoding="utf-8") == f"#EXTM3U\n#PLAYLIST:happy jazz throughout\n{songs}"
    quiet = run("-q", "mood", "happy", "--throughout", "--order", "score")
    assert (quiet.out, quiet.err) == ("/m/0.flac\n/m/1.flac\n", "")


def test_a_mood_that_none_has_throughout(run: Run, over_time: Path, tmp_path: Path) -> None:
    with sqlite3.connect(over_time) as connection:
        connection.execute("DELETE FROM timeline WHERE track_id IN (1, 2, 5)")
    words = ("mood", "happy", "--throughout", "-o", "x.m3u8")
    none = "musictaste: no track is happy throughout: 5 of 5 tracks are happy, "
    result = run(*words)
    lost = "4 left out whose mood over time is not known: run 'musictaste scan'"
    assert (result.code, result.out, result.err) == (1, "", f"{none}{lost}\n")
    with sqlite3.connect(over_time) as connection:
        (at_s, course) = connection.execute("SELECT at_s, moods FROM timeline").fetchone()
        rows = [(i, at_s, course) for i in (1, 2, 4, 5)]
        connection.executemany("INSERT INTO timeline VALUES (?, 'emotion-1', ?, ?)", rows)
    result = run(*words)
    assert (result.code, result.out, result.err) == (1, "", f"{none}none of them all along\n")
    assert not list(tmp_path.glob("x.*"))


def test_of_very_many_tracks_all_that_have_a_mood_are_counted(
    run: Run, over_time: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regression: it told how many were looked at."""
    monkeypatch.setattr(choosing, "MOST", 2)
    with sqlite3.connect(over_time) as connection:
        connection.execute("DELETE FROM timeline")
    result = run("mood", "happy", "--throughout")
    told = "5 of 5 tracks are happy, 2 left out whose mood over time is not known: run 'musictaste scan'"
    assert (result.code, result.out, result.err) == (1, "", f"musictaste: no track is happy throughout: {told}\n")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ["mood", "hapy"],
            2,
            f"unknown mood 'hapy': did you mean 'happy'? (moods: {', '.join(MOODS)})",
        ),
        (["style", "jaz"], 2, "unknown style 'jaz': did you mean 'jazz'? (see: musictaste styles)"),
        (
            ["mood", "happy", "-o", "x.mp3"],
            2,
            "'x.mp3': cannot write this kind of playlist: use .m3u8, .m3u, .xspf or .jspf",
        ),
        (["mood", "happy", "-o", "no/x.m3u8"], 1, "'no/x.m3u8': the folder 'no' does not exist"),
        (["style", "bebop"], 1, "no track is bebop: none of 8 tracks is tagged so, and sound tells only jazz"),
        (
            ["mood", "happy", "--style", "trip-hop", "--style", "salsa", "-o", "x.m3u8"],
            1,
            "no track is trip-hop or salsa: none of 8 tracks is tagged so, and sound tells only electronic or hip-hop",
        ),
        (
            ["similar", "swing 0", "--style", "latin"],
            1,
            "no track is latin: none of 8 tracks is tagged so, and sound does not tell it",
        ),
        (["mood", "sad", "--style", "disco", "-o", "x.m3u8"], 1, None),
    ],
)
def test_what_cannot_be_done(
    run: Run, library: Path, tmp_path: Path, words: list[str], code: int, message: str | None
) -> None:
    result = run(*words)
    assert (result.code, result.out) == (code, "")
    if message:
        assert result.err == f"musictaste: {message}\n"
    else:
        assert result.err.startswith(
            "musictaste: no track is sad disco enough: 8 tracks were considered, the best scored 0."
        )
    assert not list(tmp_path.glob("x.*"))


@pytest.mark.skipif(sys.platform != "linux", reason="needs a folder that even root cannot write to")
def test_a_folder_that_cannot_be_written_to(run: Run, library: Path) -> None:
    result = run("-q", "mood", "happy", "-o", "/proc/x.m3u8")
    assert (result.code, result.out, result.err) == (
        1,
        "",
        "musictaste: '/proc/x.m3u8': cannot be written: No such file or directory\n",
    )


def test_a_library_that_is_held_by_another_program_still_gives_lists(
    library: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Regression: remembering the list failed, and with it the command."""
    monkeypatch.setattr("musictaste.store.connection.BUSY_TIMEOUT_S", 0.1)
    monkeypatch.setattr(sys, "argv", ["musictaste", "--db", str(library), "-q", "style", "rock", "-n", "1"])
    with contextlib.closing(sqlite3.connect(library, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(SystemExit) as end:
            main()
    out, err = capsysbinary.readouterr()
    assert (end.value.code, out[:7]) == (0, b"/m/rock")
    assert err == (b"the numbers of this list will not be known: the library cannot be written: database is locked\n")


def test_libraries_that_are_none(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    missing = run("mood", "happy")
    assert (missing.code, missing.err) == (
        1,
        f"musictaste: '{path}': there is no library yet: run 'musictaste scan FOLDER' first\n",
    )
    path.write_text("this is a text file, and long enough to be taken for one" * 40)
    text = run("mood", "happy")
    assert (text.code, text.err) == (1, f"musictaste: '{path}': is not a musictaste library\n")
    path.unlink()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE items (id)")
    foreign = run("mood", "happy")
    assert (foreign.code, foreign.err) == (1, f"musictaste: '{path}': is not a musictaste library\n")


def test_a_library_from_a_newer_program(run: Run, library: Path) -> None:
    with sqlite3.connect(library) as newer:
        newer.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('musictaste', 'later', '')"
        )
    result = run("mood", "happy")
    assert (result.code, result.err) == (
        1,
        f"musictaste: '{library}': was written by a newer musictaste: update this program to read it\n",
    )


def test_settings(run: Run, library: Path, tmp_path: Path) -> None:
    folder = tmp_path / "home" / "musictaste"
    folder.mkdir()
    (folder / "config.toml").write_text("[mood]\nlimit = 1\n")
    assert run("-q", "mood", "happy").out.count("\n") == 1
    assert run("-q", "mood", "happy", "-n", "2").out.count("\n") == 2
    (folder / "config.toml").write_text("[mood]\nlimt = 1\n")
    result = run("mood", "happy")
    message = f"musictaste: '{folder / 'config.toml'}': unknown setting 'mood.limt': did you mean 'mood.limit'?\n"
    assert (result.code, result.err) == (2, message)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("mood = 3", "'mood' is a command: its settings stand in a table, below '[mood]'"),
        ("[db]\npath = 'x'", "'db' is the path of a library, in quotes"),
        ("moods.limit = 3", "unknown setting 'moods.limit': did you mean 'moods.as_json'?"),
        ("colour = true", "unknown setting 'colour': did you mean 'doctor'?"),
    ],
)
def test_settings_that_mean_nothing(run: Run, tmp_path: Path, text: str, reason: str) -> None:
    folder = tmp_path / "home" / "musictaste"
    folder.mkdir()
    (folder / "config.toml").write_text(text)
    result = run("mood", "happy")
    assert (result.code, result.err) == (2, f"musictaste: '{folder / 'config.toml'}': {reason}\n")


def test_doctor(run_alone: Run) -> None:
    report = json.loads(run_alone("doctor", "--device", "cpu", "--json").out)
    assert (report["provider"], all(report["decoders"].values())) == ("CPU", True)
    assert [model["as_shipped"] for model in report["models"]] == [True] * 8
    assert (report["mel_as_librosa"], report["cluster"]) == (True, health._installed("distributed"))


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("2026.8.0", "cluster: dask.distributed 2026.8.0"),
        (None, "cluster: needs dask.distributed for --executor: pip install 'musictaste[cluster]'"),
    ],
)
def test_doctor_says_whether_a_cluster_can_listen(version: str | None, said: str) -> None:
    assert health._installed("no such package") is None
    assert health.Report("1", "CPU", {}, {}, (), None, mel_as_librosa=True, cluster=version).lines()[-1] == said


def test_every_command_is_in_the_readme(run: Run) -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    assert [c for c in COMMANDS if f"`musictaste {c}" not in readme or run(c, "--help").code] == []


def test_commands_are_listed_as_they_describe_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = cast("Commands", typer.main.get_command(app))
    assert list(commands.commands) == list(COMMANDS)
    assert {name: commands.load(name).help for name in COMMANDS} == {name: text for name, (_, text) in COMMANDS.items()}


def test_help_lists_what_commands_do_in_whole_sentences(run: Run) -> None:
    expected = [f"{name} {text}" for name, (_, text) in COMMANDS.items()]
    assert " ".join(run("--help").out.split()).split("Commands: ")[1] == " ".join(expected)
    recipes = cast("Commands", typer.main.get_command(app)).load("playlist").commands
    expected = [f"{name} {command.help}" for name, command in recipes.items()]
    assert " ".join(run("playlist", "--help").out.split()).split("Commands: ")[1] == " ".join(expected)


HEAVY = {"av", "librosa", "lyricsgenius", "mutagen", "onnxruntime", "requests", "scipy", "sentencepiece"}


@pytest.mark.parametrize(
    ("arguments", "ours", "heavy"),
    [
        (
            ["--help"],
            ["cli", "cli.commands", "cli.context", "errors"],
            HEAVY | {"numpy", "pydantic", "rich", "sqlite_utils", "typer.rich_utils"},
        ),
        (["mood", "happy"], None, HEAVY | {"rich", "pydantic", "sqlite_utils", "tomllib", "numpy.random"}),
        (["scan"], None, HEAVY | {"asyncio", "pebble", "rich", "soundfile", "soxr"}),
        (["mood", "hapy"], None, HEAVY | {"numpy", "pydantic", "sqlite_utils", "rich", "tomllib"}),
    ],
)
def test_a_command_imports_what_it_needs(
    library: Path, arguments: list[str], ours: list[str] | None, heavy: set[str]
) -> None:
    """Imports are what a short command costs."""
    program = f"""import atexit, sys
from musictaste.cli import main
sys.argv = ["musictaste", "--db", {str(library)!r}, *{arguments!r}]
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    loaded = set(done.stderr.splitlines()[-1].split())
    assert loaded & heavy == set()
    if ours:
        assert {name for name in loaded if name.startswith("musictaste.")} == {f"musictaste.{name}" for name in ours}


@pytest.mark.parametrize(("closed", "lines", "notes"), [(">&-", 0, 1), ("2>&-", 4, 0), (">&- 2>&-", 0, 0)])
def test_an_output_may_be_closed(closed: str, lines: int, notes: int, library: Path) -> None:
    """Regression: it ended in a traceback."""
    command = f"exec '{sys.executable}' -m musictaste --db '{library}' mood happy {closed}"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=False)
    assert (done.returncode, done.stdout.count(b"\n"), done.stderr.count(b"\n")) == (0, lines, notes)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is full")
@pytest.mark.parametrize("arguments", [["mood", "happy"], ["mood", "happy", "--json"], ["moods"]])
def test_a_full_disk_is_told_of_in_one_line(arguments: list[str], library: Path) -> None:
    """Regression: it ended in a traceback."""
    command = [sys.executable, "-m", "musictaste", "--db", str(library), "-q", *arguments]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert done.stderr == b"musictaste: the output cannot be written: No space left on device\n"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--version"], 0), (["mood", "hapy"], 2), (["no such command"], 2), (["lyrics", "rain"], 1)],
)
def test_a_process_ends_with_the_code_of_its_command(arguments: list[str], code: int, library: Path) -> None:
    """Regression: it ends without the interpreter's help, and did so before the line that tells of an error was out."""
    command = [sys.executable, "-m", "musictaste", "--db", str(library), *arguments]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == code
    assert (done.stdout or done.stderr).endswith(b"\n")


def test_an_output_may_lack_characters(library: Path) -> None:
    """Regression: where it is not in UTF-8, as in old terminals and in pipes of Windows, it ended in a traceback."""
    command = [sys.executable, "-m", "musictaste", "--db", str(library), "show", "swing 0"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"  mood  happy       ?" in done.stdout
