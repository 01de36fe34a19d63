from __future__ import annotations

import contextlib
import json
import sqlite3
import sys
from pathlib import Path

import pytest
from conftest import Run, add_track

from musictaste import store
from musictaste.cli import main
from musictaste.inference import checksum, model_path
from musictaste.moods import EMOTIONS, FINER_MOODS, MOODS
from musictaste.store import Library


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


def test_a_playlist_is_written_and_opens(run: Run, library: Path, tmp_path: Path) -> None:
    result = run("mood", "快乐", "--style", "爵士", "-o", "x.m3u8", "--absolute", "--order", "score")
    assert result.err == "4 of 8 tracks are happy jazz\n4 tracks, 13:26, in x.m3u8\n"
    lines = "".join(f"#EXTINF:{200 + i},Cat {i % 2} - Swing {i}\n/m/jazz{i}.flac\n" for i in range(4))
    assert (tmp_path / "x.m3u8").read_text(encoding="utf-8") == f"#EXTM3U\n#PLAYLIST:happy jazz\n{lines}"


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


def test_numbers_of_the_last_list(run: Run, library: Path) -> None:
    paths = run("-q", "mood", "happy").out.splitlines()
    assert json.loads(run("show", "2", "--json").out)["path"] == paths[1]


def test_models_have_cards(run: Run) -> None:
    documents = json.loads(run("models", "--json").out)
    names = ["musicnn_msd", "musicnn_mtt", "emotion", "style"]
    assert [document["name"] for document in documents] == names
    for document in documents:
        assert document["sha256"] == checksum(model_path(document["name"]))
        assert document["bytes"] == model_path(document["name"]).stat().st_size
    research = [name for name, terms in documents[2]["trained_on"].items() if terms == "research only"]
    assert documents[2]["research_only"] == research
    assert len(research) == 2
    text = run("models").out
    assert text.count("  licence     ") == len(names)
    assert f"  its training data were for RESEARCH ONLY: {'; '.join(research)}\n" in text


def test_vocabulary(run: Run, library: Path) -> None:
    found = {row["label"]: row["tracks"] for row in json.loads(run("moods", "--json").out)}
    assert found == {"happy": 4, "sad": 4, "angry": 0, "calm": 0} | dict.fromkeys(FINER_MOODS, 0)
    assert len(json.loads(run("styles", "--json").out)) == 15


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


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ["mood", "hapy"],
            2,
            f"unknown mood 'hapy': did you mean 'happy'? (moods: {', '.join(MOODS)})",
        ),
        (["style", "jaz"], 2, "unknown style 'jaz': did you mean 'jazz'? (see: musictaste styles)"),
        (["mood", "happy", "-o", "x.mp3"], 2, "'x.mp3': cannot write this kind of playlist: use .m3u8 or .m3u"),
        (["mood", "happy", "-o", "no/x.m3u8"], 1, "'no/x.m3u8': the folder 'no' does not exist"),
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
    monkeypatch.setattr(store, "BUSY_TIMEOUT_S", 0.1)
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


def test_doctor(run: Run) -> None:
    report = json.loads(run("doctor", "--device", "cpu", "--json").out)
    assert (report["provider"], all(report["decoders"].values())) == ("CPU", True)
    assert [model["as_shipped"] for model in report["models"]] == [True] * 4


def test_every_command_is_in_the_readme(run: Run) -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    commands = ("scan", "mood", "style", "similar", "show", "teach", "moods", "styles", "failures", "doctor")
    assert [c for c in commands if f"`musictaste {c}" not in readme or run(c, "--help").code] == []
