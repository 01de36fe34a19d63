"""Words through the command line: found while a scan listens, shown, and never at the price of a socket unasked."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Result, Run
from local_services import Server, lrclib_record, serving
from make_audio import chord, write_audio
from mutagen.flac import FLAC
from mutagen.id3 import ID3, TIT2, TPE1, USLT

from musictaste import listening
from musictaste import scan as scanning
from musictaste.lyrics.lrclib import Lrclib
from musictaste.lyrics.polite import Pace
from musictaste.store import Library
from musictaste.track import Words

SONG = "I walk alone through the rain tonight\nnobody is there to hold my hand"
LIED = "Ich geh allein durch den Regen heut Nacht\nund niemand hält meine Hand"
YU = "今夜我独自走在雨中\n没有人牵我的手\n我的爱人别离开"
NONE = dict.fromkeys(("added", "changed", "moved", "unchanged", "removed", "failed"), 0)


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    """Three songs: with words in the tags, in GB18030 in the folder of lyrics, and without any."""
    folder = tmp_path / "music"
    (folder / "Lyrics").mkdir(parents=True)
    write_audio(folder / "embedded.flac", chord(2))
    tags = FLAC(folder / "embedded.flac")
    tags.update({"title": "Tonight", "artist": "Ann", "lyrics": f"[Verse 1]\n{SONG}"})
    tags.save()
    write_audio(folder / "beside.mp3", chord(2, (220.0, 261.63)))
    (folder / "Lyrics" / "Beside.LRC").write_bytes(f"[00:01.00]作词 : 甲\n{YU}".encode("gb18030"))
    write_audio(folder / "without.mp3", chord(2, (330.0, 440.0)))
    id3 = ID3()
    id3.add(TIT2(encoding=3, text="Rain"))
    id3.add(TPE1(encoding=3, text="Ann"))
    id3.save(folder / "without.mp3")
    return folder


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def in_every_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    site = tmp_path / "site"
    site.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(site))


ASK_HERE = """
import os
from musictaste.lyrics.lrclib import Lrclib
from musictaste.lyrics.polite import Pace
Lrclib.__init__.__kwdefaults__.update(url=os.environ["LRCLIB_HERE"], pace=Pace(0.0, 0.0))
"""


@pytest.fixture
def lrclib(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A service that this process takes for LRCLIB."""
    for name, here in (("url", f"{server.url}/api/get"), ("pace", Pace(0.0, 0.0))):
        monkeypatch.setitem(Lrclib.__init__.__kwdefaults__, name, here)
    return server


def scan(run: Run, *words: str | Path) -> dict[str, int]:
    result = run("scan", *words, "--json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    return {kind: document[kind] for kind in NONE}


def all_words(run: Run) -> dict[str, dict[str, object] | None]:
    """Whose words are known; which moods they tell is another test's business."""
    lines = run("show", "--all", "--json").out.splitlines()
    words = {Path(document["path"]).stem: document["words"] for document in map(json.loads, lines)}
    return {name: each and {key: each[key] for key in each if key != "moods"} for name, each in words.items()}


def told(source: str, language: str | None, *, instrumental: bool = False) -> dict[str, object]:
    return {"language": language, "source": source, "instrumental": instrumental}


def scan_again(tmp_path: Path) -> dict[str, Words]:
    """What a scan does that has nothing to listen to, and the words that are known then by the names of files."""
    with Library.open(tmp_path / "library.db") as library:
        plan = scanning.survey(library, library.folders(), listening.current_versions(), scanning.Options())
        assert (plan.tasks, plan.unchanged) == ([], 3)
        assert list(scanning.update(library, plan, None)) == []
        found = library.words(library.all_ids())
        return {Path(track.path).stem: found[track.id] for track in library.tracks(list(found))}


def test_words_are_found_in_tags_and_beside_files(run: Run, songs: Path) -> None:
    result = run("scan", songs)
    assert (result.code, result.err.splitlines()[-1]) == (0, "words of 2 tracks are known: 1 from tags, 1 from files")
    assert all_words(run) == {"embedded": told("tags", "en"), "beside": told("files", "zh"), "without": None}
    assert "  words: zh (by files): 今夜我独自走在雨中\n" in run("show", songs / "beside.mp3").out
    assert "  words:" not in run("show", songs / "without.mp3").out


def test_a_scan_reads_the_words_that_it_found(run: Run, tmp_path: Path) -> None:
    """By the model that ships."""
    folder = tmp_path / "music"
    folder.mkdir()
    for name, text in (
        ("rain", "今夜我独自走在雨中\n眼泪落下来，我的心碎了\n没有人牵我的手，我好孤单"),
        ("sun", "I'm so happy today, everybody dance and sing\nparty all night long, we feel so good"),
        ("hum", "la la la"),
    ):
        write_audio(folder / f"{name}.flac", chord(2, (220.0 + 10 * len(text), 330.0)))
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    first = run("scan", folder)
    assert "reading the words of 3 tracks" in first.err.splitlines()
    documents = {Path(d["path"]).stem: d for d in map(json.loads, run("show", "--all", "--json").out.splitlines())}
    said = {name: document["words"]["moods"] for name, document in documents.items()}
    assert said["hum"] is None
    assert (max(said["rain"], key=said["rain"].get), max(said["sun"], key=said["sun"].get)) == ("sad", "happy")
    for name, mood in (("rain", "sad"), ("sun", "happy")):
        assert documents[name]["moods"][mood] > documents[name]["sound"]["moods"][mood]
    assert documents["hum"]["moods"] == documents["hum"]["sound"]["moods"]
    assert "reading" not in run("scan").err


def test_a_file_of_words_that_changes_is_read_without_listening(run: Run, songs: Path, tmp_path: Path) -> None:
    assert scan(run, songs) == NONE | {"added": 3}
    beside = songs / "Lyrics" / "Beside.LRC"
    steps: list[tuple[Callable[[], object], str | None]] = [
        (lambda: beside.write_text(LIED), LIED),
        (lambda: (songs / "beside.txt").write_text(SONG), SONG),
        (lambda: (songs / "beside.lrc").write_text("[00:01.00]Instrumental"), None),
        ((songs / "beside.lrc").unlink, SONG),
        (lambda: (songs / "beside.txt").rename(songs / "other.txt"), LIED),
        (lambda: beside.write_text("//"), None),
        (beside.unlink, None),
    ]
    found = []
    for step, _ in steps:
        step()
        words = scan_again(tmp_path).get("beside")
        found.append(words and words.text)
        assert scan_again(tmp_path).get("beside") == words  # read once: it has the same id
    assert found == [text for _, text in steps]


def test_tags_that_lose_their_words_leave_the_place_to_the_file(run: Run, songs: Path) -> None:
    (songs / "embedded.txt").write_text(LIED)
    scan(run, songs)
    assert all_words(run)["embedded"] == told("tags", "en")
    tags = FLAC(songs / "embedded.flac")
    del tags["lyrics"]
    tags.save()
    assert scan(run) == NONE | {"unchanged": 2, "changed": 1}
    assert all_words(run)["embedded"] == told("files", "de")


def test_words_follow_a_file_that_moves(run: Run, songs: Path) -> None:
    scan(run, songs)
    (songs / "new").mkdir()
    for name in ("embedded.flac", "beside.mp3"):
        (songs / name).rename(songs / "new" / name)
    (songs / "Lyrics").rename(songs / "new" / "lyrics")
    assert scan(run) == NONE | {"unchanged": 1, "moved": 2}
    assert all_words(run) == {"embedded": told("tags", "en"), "beside": told("files", "zh"), "without": None}
    assert scan(run) == NONE | {"unchanged": 3}


def test_libraries_from_before_learn_what_lies_beside(run: Run, songs: Path, tmp_path: Path) -> None:
    scan(run, songs, "--lyrics", "none")
    assert all_words(run) == dict.fromkeys(("embedded", "beside", "without"))
    with sqlite3.connect(tmp_path / "library.db") as connection:
        connection.execute(
            "INSERT INTO lyrics (file_id, source, found, cleaner, instrumental, text)"
            " SELECT id, 'tags', 0, '', 0, ? FROM file WHERE path LIKE '%embedded%'",
            [SONG],
        )
    assert scan(run) == NONE | {"unchanged": 3}
    assert all_words(run) == {"embedded": told("tags", "en"), "beside": told("files", "zh"), "without": None}


def test_songs_without_words_are_looked_for_at_lrclib(run: Run, songs: Path, lrclib: Server) -> None:
    lrclib.answers["/api/get"] = [lrclib_record(SONG, album="", duration=2)]
    result = run("-v", "scan", songs, "--lyrics", "tags,files,lrclib")
    assert f"words {songs / 'without.mp3'}: found at lrclib" in result.err.splitlines()
    assert result.err.splitlines()[-1] == "words of 3 tracks are known: 1 from tags, 1 from files, 1 from lrclib"
    # Those that have words are not asked for, nor is what has no title.
    assert [asked.query for asked in lrclib.asked] == [{"track_name": "Rain", "artist_name": "Ann", "duration": "2"}]
    # Found once they stay, without asking again, and offline.
    assert scan(run, "--lyrics", "tags,files,lrclib") == NONE | {"unchanged": 3}
    assert scan(run) == NONE | {"unchanged": 3}
    assert (all_words(run)["without"], len(lrclib.asked)) == (told("lrclib", "en"), 1)


def test_an_instrumental_is_an_answer(run: Run, songs: Path, lrclib: Server) -> None:
    lrclib.answers["/api/get"] = [lrclib_record(None, album="", duration=2, instrumental=True)]
    result = run("-v", "scan", songs, "--lyrics", "files,lrclib")
    assert result.err.splitlines()[-1] == "words of 2 tracks are known: 1 from files, 1 instrumental"
    rejected = f"words {songs / 'embedded.flac'}: rejected those of lrclib: the title is another: 'Rain'"
    assert rejected in result.err.splitlines()
    assert "  words: none, instrumental (by lrclib)\n" in run("show", songs / "without.mp3").out
    assert all_words(run) == {
        "embedded": None,
        "beside": told("files", "zh"),
        "without": told("lrclib", None, instrumental=True),
    }


def test_a_song_whose_tags_are_corrected_is_looked_for_again(run: Run, songs: Path, lrclib: Server) -> None:
    lrclib.answers["/api/get"] = [lrclib_record(SONG, album="", duration=2)]
    scan(run, songs, "--lyrics", "tags,files,lrclib")
    assert all_words(run)["without"] == told("lrclib", "en")
    lrclib.answers["/api/get"] = [lrclib_record(LIED, title="Regen", artist="Ann", album="", duration=2)]
    id3 = ID3(songs / "without.mp3")
    id3.add(TIT2(encoding=3, text="Regen"))
    id3.save()
    assert scan(run, "--lyrics", "tags,files,lrclib") == NONE | {"unchanged": 2, "changed": 1}
    assert all_words(run)["without"] == told("lrclib", "de")


def test_a_service_that_refuses_fails_nothing(run: Run, tmp_path: Path, lrclib: Server) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    for i in range(5):
        write_audio(folder / f"{i}.mp3", chord(2, (220.0 + 20 * i, 330.0)))
        id3 = ID3()
        id3.add(TIT2(encoding=3, text=f"Song {i}"))
        id3.add(TPE1(encoding=3, text="Ann"))
        id3.save(folder / f"{i}.mp3")
    lrclib.answers["/api/get"] = [(429, "")]
    result = run("scan", folder, "--lyrics", "lrclib")
    assert result.code == 0
    assert "lrclib: refused 3 times, and is left alone for the rest of this scan" in result.err.splitlines()
    assert len(lrclib.asked) == 3
    assert scan(run, "--lyrics", "lrclib") == NONE | {"unchanged": 5}
    assert len(lrclib.asked) == 6  # a refusal is no answer: another scan asks again, as far as it is let


def test_ctrl_c_while_words_are_awaited_keeps_what_was_heard(
    run: Run, songs: Path, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LRCLIB_HERE", f"{server.url}/api/get")
    in_every_process(tmp_path, monkeypatch, ASK_HERE)
    server.may_answer.clear()
    process = subprocess.Popen(
        [sys.executable, "-m", "musictaste", "scan", str(songs), "--lyrics", "tags,files,lrclib"],
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stderr
    said = [process.stderr.readline() for _ in range(3)]
    os.killpg(process.pid, signal.SIGINT)
    rest = process.communicate(timeout=300)[1]
    assert (process.returncode, said[2], rest) == (
        130,
        "asking lrclib for words, 1 to go\n",
        "interrupted: 3 tracks are kept, scan again to go on\n",
    )
    assert all_words(run)["embedded"] == told("tags", "en")


FORBID_SOCKETS = """
import os, socket, sys

def forbid(event, args):
    if event in ("socket.getaddrinfo", "socket.gethostbyname") or (
        event == "socket.__new__" and args[1] not in (-1, getattr(socket, "AF_UNIX", None))
    ):
        with open(os.environ["SOCKETS"], "a") as marks:
            marks.write(f"{event} {args}\\n")
        raise PermissionError("a socket was opened")

sys.addaudithook(forbid)
"""


def scan_without_sockets(
    run_alone: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *words: str | Path, before: str = ""
) -> Result:
    monkeypatch.setenv("SOCKETS", str(tmp_path / "sockets"))
    in_every_process(tmp_path, monkeypatch, before + FORBID_SOCKETS)
    return run_alone("scan", *words)


@pytest.mark.parametrize("options", [[], ["--offline", "--lyrics", "tags,files,lrclib,genius"], ["--lyrics", "files"]])
def test_nothing_leaves_the_machine(
    run_alone: Run, songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    """No process of a scan opens a socket of the network, nor asks for the address of a name."""
    result = scan_without_sockets(run_alone, tmp_path, monkeypatch, songs, *options)
    assert (result.code, "3 added" in result.err) == (0, True)
    assert not (tmp_path / "sockets").exists()


def test_offline_wins_over_the_settings(
    run_alone: Run, songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home" / "musictaste").mkdir()
    settings = tmp_path / "home" / "musictaste" / "config.toml"
    settings.write_text('[scan]\nlyrics = "tags,lrclib"\noffline = true\n')
    assert scan_without_sockets(run_alone, tmp_path, monkeypatch, songs).code == 0
    assert not (tmp_path / "sockets").exists()


def test_asked_for_a_service_is_reached_for(
    run_alone: Run, songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the tests above would see if a socket were opened."""
    monkeypatch.setenv("LRCLIB_HERE", "http://lyrics.invalid/api/get")
    result = scan_without_sockets(run_alone, tmp_path, monkeypatch, songs, "--lyrics", "lrclib", before=ASK_HERE)
    assert (result.code, "3 added" in result.err) == (0, True)
    assert "socket.getaddrinfo ('lyrics.invalid'" in (tmp_path / "sockets").read_text()


def test_sources_that_cannot_be_used(run: Run, songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GENIUS_ACCESS_TOKEN", raising=False)
    unknown = "'geniuss': is no source of lyrics: did you mean 'genius'?"
    needs = "'genius': needs a token of yours (https://genius.com/api-clients)"
    remedy = "set GENIUS_ACCESS_TOKEN, or genius_token under [scan] in config.toml"
    for names, line in (("tags,geniuss", unknown), ("genius", f"{needs}: {remedy}")):
        result = run("scan", songs, "--lyrics", names)
        assert (result.code, result.out, result.err) == (2, "", f"musictaste: {line}\n")
    assert not (tmp_path / "library.db").exists()


@pytest.mark.parametrize("given", ["environment", "settings"])
def test_the_token_of_genius(
    run: Run, songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    if given == "environment":
        monkeypatch.setenv("GENIUS_ACCESS_TOKEN", "secret")
    else:
        (tmp_path / "home" / "musictaste").mkdir()
        (tmp_path / "home" / "musictaste" / "config.toml").write_text('[scan]\ngenius_token = "secret"\n')
    assert run("scan", songs, "--lyrics", "tags,genius", "--dry-run").code == 0
    assert "secret" not in run("scan", "--help").out


def test_embedded_words_of_an_mp3(run: Run, tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    path = write_audio(tmp_path / "music" / "a.mp3", chord(2))
    id3 = ID3()
    id3.add(USLT(encoding=1, lang="chi", text=YU))
    id3.save(path)
    scan(run, tmp_path / "music")
    assert all_words(run) == {"a": told("tags", "zh")}
