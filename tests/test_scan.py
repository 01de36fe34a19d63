from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import (
    SIZE,
    Gpu,
    Run,
    add_track,
    feelings,
    first_numbers,
    first_three,
    heard_rows,
    kinds,
    shares,
    voices,
)
from make_audio import chord, noise, piece, write_audio
from mutagen.flac import FLAC

from musictaste import inference, listening, processes, quality, scan, workers
from musictaste.errors import ProviderError
from musictaste.inference import Floats, Head
from musictaste.moods import EMOTIONS, MOODS
from musictaste.store import Library
from musictaste.styles import STYLES
from musictaste.track import HeardBy, Labels, Sound, Tags

CODING_NOISE = 0.08
"""How far a probability may move; lossy codecs at 128 kbit/s change what the networks hear."""

NOT_AUDIO = "is not audio that can be decoded: invalid data found when processing input"
ZERO = dict.fromkeys(("added", "changed", "moved", "unchanged", "removed", "failed"), 0)


def counts(run: Run, *words: str | Path) -> dict[str, int]:
    result = run("scan", *words, "--json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    return {kind: document[kind] for kind in ZERO}


def rows(tmp_path: Path, sql: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(tmp_path / "library.db") as connection:
        return connection.execute(sql).fetchall()


def test_a_life_of_a_library(run_alone: Run, music: Path, tmp_path: Path) -> None:
    assert counts(run_alone, music) == ZERO | {"added": 4}
    scores = rows(
        tmp_path,
        "SELECT audio_hash, happy, jazz FROM track JOIN mood ON mood.track_id = id JOIN style USING (track_id)",
    )
    assert counts(run_alone) == ZERO | {"unchanged": 4}

    (music / "a.wav").rename(music / "more" / "renamed.wav")
    tags = FLAC(music / "more" / "C.FLAC")
    tags["title"] = "New title"
    tags.save()
    (music / "b.mp3").rename(tmp_path / "b.mp3")
    (music / "broken.mp3").write_text("no music at all")
    assert counts(run_alone) == ZERO | {"unchanged": 1, "moved": 1, "changed": 1, "removed": 1, "failed": 1}
    assert rows(tmp_path, "SELECT title FROM file WHERE path LIKE '%C.FLAC'") == [("New title",)]

    (tmp_path / "b.mp3").rename(music / "b.mp3")
    assert counts(run_alone) == ZERO | {"unchanged": 4, "added": 1}
    assert counts(run_alone, "--retry-failed") == ZERO | {"unchanged": 4, "failed": 1}
    assert (
        rows(
            tmp_path,
            "SELECT audio_hash, happy, jazz FROM track JOIN mood ON mood.track_id = id JOIN style USING (track_id)",
        )
        == scores
    )


def test_tracks_that_another_version_hashed_otherwise_keep_what_is_known_of_them(
    run: Run, music: Path, tmp_path: Path
) -> None:
    counts(run, music)
    assert run("like", music / "a.wav").code == 0
    tracks = rows(tmp_path, "SELECT id, audio_hash FROM track ORDER BY id")
    with sqlite3.connect(tmp_path / "library.db") as connection:
        connection.execute("UPDATE track SET audio_hash = 'of old ' || id, embedder = 'older'")
    assert counts(run) == ZERO | {"changed": 4}
    assert rows(tmp_path, "SELECT id, audio_hash FROM track ORDER BY id") == tracks
    assert run("undo").code == 0


def test_an_edited_genre_tag_counts_after_the_next_scan(run: Run, music: Path, tmp_path: Path) -> None:
    def shown() -> dict[str, object]:
        document: dict[str, object] = json.loads(run("show", path, "--json").out)
        return document

    path = music / "more" / "C.FLAC"
    counts(run, music)
    before = shown()
    assert (before["tagged"], before["styles"]) == ([], before["sound"]["styles"])  # type: ignore[index]
    tags = FLAC(path)
    tags["genre"] = ["Jazz", "比波普"]
    tags.save()
    assert counts(run) == ZERO | {"unchanged": 3, "changed": 1}
    after = shown()
    assert (after["tagged"], after["sound"]) == (["bebop", "jazz"], before["sound"])
    assert after["styles"]["jazz"] > before["styles"]["jazz"]  # type: ignore[index]
    tags.delete()
    assert counts(run) == ZERO | {"unchanged": 3, "changed": 1}
    assert shown() == before


def test_scanning_in_two_steps_gives_what_one_gives(run: Run, music: Path, tmp_path: Path) -> None:
    sql = """SELECT path, audio_hash, happy, sad, jazz, track.bpm, track.key
        FROM library JOIN file USING (path) JOIN track ON track.id = track_id ORDER BY path"""
    counts(run, music)
    once = rows(tmp_path, sql)
    (tmp_path / "library.db").unlink()
    shutil.move(music / "more", tmp_path / "more")
    counts(run, music)
    shutil.move(tmp_path / "more", music / "more")
    counts(run, music)
    assert len(once) == 4
    assert rows(tmp_path, sql) == once


def test_names_that_are_awkward(run_alone: Run, tmp_path: Path) -> None:
    folder = tmp_path / "music"
    (folder / "x.mp3").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    wav = write_audio(folder / "x.mp3" / "LOUD.WAV", chord(1.2)).read_bytes()
    for name in (b"\xff.wav", "é:雨.wav".encode(), b"._mac.wav", b".hidden/y.wav"):
        Path(os.fsdecode(os.path.join(os.fsencode(folder), name))).write_bytes(wav)
    (folder / "loop").symlink_to(folder)
    (folder / "broken.wav").symlink_to(folder / "nothing")
    os.mkfifo(folder / "pipe.wav")
    found = [item.path for item in scan.walk(str(folder)) if isinstance(item, scan.Found)]
    assert sorted(os.fsencode(os.path.relpath(p, folder)) for p in found) == [
        b"x.mp3/LOUD.WAV",
        "é:雨.wav".encode(),
        b"\xff.wav",
    ]
    assert counts(run_alone, folder) == ZERO | {"added": 3}
    # Three copies of one recording are one track.
    assert [
        json.loads(line)["path"].startswith(str(folder))
        for line in run_alone("show", "--all", "--json").out.splitlines()
    ] == [True]


def test_failures_have_reasons(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    (folder / "empty.mp3").touch()
    write_audio(folder / "short.wav", chord(0.5))
    (folder / "text.mp3").write_text("no music at all")
    assert counts(run, folder) == ZERO | {"failed": 3}
    assert json.loads(run("failures", "--json").out) == [
        {"path": str(folder / "empty.mp3"), "reason": "the file is empty"},
        {"path": str(folder / "short.wav"), "reason": "shorter than one second (0.50 s)"},
        {"path": str(folder / "text.mp3"), "reason": NOT_AUDIO},
    ]


def test_music_noise_and_silence_are_told_apart(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    write_audio(folder / "hush.wav", 0 * chord(4))
    write_audio(folder / "rain.mp3", noise(40))
    write_audio(folder / "song.ogg", piece(40))
    # A hidden track: what is heard decides, and of silence nothing is heard.
    write_audio(folder / "song with two minutes of silence.flac", np.concatenate([piece(40), 0 * chord(120)]))
    assert counts(run, folder) == ZERO | {"added": 4}
    documents = [json.loads(line) for line in run("show", "--all", "--json").out.splitlines()]
    assert [(Path(d["path"]).stem, d["kind"]) for d in documents] == [
        ("hush", "silence"), ("rain", "noise"), ("song with two minutes of silence", "music"), ("song", "music"),
    ]  # fmt: skip
    assert documents[0]["loudness_db"] == -120
    assert counts(run) == ZERO | {"unchanged": 4}


@pytest.mark.parametrize(
    ("music", "speech", "loudness_db", "kind"),
    [
        (0.9, 0.1, -20, "music"),
        (0.3, 0.7, -20, "music"),
        (0.29, 0.7, -20, "speech"),
        (0.29, 0.1, -20, "noise"),
        (0.9, 0.1, -70, "music"),
        (0.9, 0.1, -70.01, "silence"),
        (0.0, 1.0, -120, "silence"),
    ],
)
def test_what_may_be_music_is_music(
    music: float, speech: float, loudness_db: float, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality, "music_from", lambda: 0.3)
    assert scan.kind_of(kinds(music, speech), loudness_db) == kind


@pytest.mark.parametrize(
    ("vocal", "answer"),
    [(0.0, "instrumental"), (0.25, "instrumental"), (0.26, None), (0.74, None), (0.75, "vocal"), (1.0, "vocal")],
)
def test_a_voice_that_is_not_certain_is_no_answer(
    vocal: float, answer: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality, "voice_limits", lambda: (0.25, 0.75))
    assert scan.sung(voices(vocal)) == answer


def test_another_head_tells_kinds_from_what_was_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Personal moods are none of its business: they stay."""
    made_for = "musicnn-msd-3+musicnn-mtt-4"
    head = Head("kind", embedder=made_for, path=first_three(tmp_path / "kind.onnx", embedder=made_for))
    path = first_numbers(tmp_path / "voice.onnx", embedder=made_for, name="voice", labels=("vocal", "instrumental"))
    voice = Head("voice", embedder=made_for, path=path)
    monkeypatch.setattr(inference.Heads, "load", lambda _: inference.Heads(head, head, head, voice))
    embeddings = np.zeros((4, SIZE), np.float32)
    embeddings[range(4), [0, 1, 2, 1]] = 9
    versions = listening.Versions(made_for, "emotion-1", "style-1", head.version, voice.version)
    with Library.empty() as library:
        ids = [
            add_track(library, f"/{n}", mood={"sad": 0.9}, style={"jazz": 0.9}, seed=n, embedding=embedding, kind=kind)
            for n, (embedding, kind) in enumerate(zip(embeddings, [None, "noise", "music", "speech"], strict=True))
        ]
        library.save_kind(ids[3], "noise", kinds(head=head.version))
        by = HeardBy(made_for, "emotion-1")
        library.save_personal_moods(by, [(np.array(ids), np.full((4, len(MOODS)), 0.5))])
        assert scan.relabel(library, versions) == 0
        assert [track.kind for track in library.tracks(ids)] == ["music", "speech", "noise", "noise"]
        assert [track.moods["sad"] for track in library.tracks(ids)] == [0.5] * 4
        assert library.stale_kinds(made_for, head.version, limit=9)[0] == []
        answers = [voice.answer for voice in library.voices(ids).values()]
        assert answers == ["vocal", "instrumental", None, "instrumental"]
        assert library.stale_voices(made_for, voice.version, limit=9)[0] == []


def test_folders_that_cannot_be_scanned(run: Run, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    (tmp_path / "file").touch()
    for words, message in (
        (["nowhere"], "musictaste: 'nowhere': there is no such folder\n"),
        (["file"], "musictaste: 'file': is a file: name the folder that it is in\n"),
        (["nothing"], f"musictaste: '{tmp_path / 'nothing'}': no audio files found in it\n"),
        ([], "musictaste: no folder has been scanned yet: run 'musictaste scan FOLDER'\n"),
    ):
        result = run("scan", *words)
        assert (result.code, result.out, result.err) == (1, "", message)
        assert not (tmp_path / "library.db").exists()


def test_a_dry_run_says_what_would_be_done_and_makes_no_library(run: Run, music: Path, tmp_path: Path) -> None:
    result = run("scan", music, "--dry-run")
    names = ("a.wav", "b.mp3", "more/C.FLAC", "more/d.ogg")
    assert (result.code, result.out) == (0, "".join(f"new     {music / name}\n" for name in names))
    assert not (tmp_path / "library.db").exists()


def test_six_containers_score_alike(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    samples = piece(40)
    for suffix in (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a"):
        write_audio(folder / f"piece{suffix}", samples)
    # FLAC and WAV packets differ, so these are six tracks.
    assert counts(run, folder) == ZERO | {"added": 6}
    documents = [json.loads(line) for line in run("show", "--all", "--json").out.splitlines()]
    scores = {Path(d["path"]).suffix: [*d["moods"].values(), *d["styles"].values()] for d in documents}
    apart = {suffix: max(abs(a - b) for a, b in zip(p, scores[".wav"], strict=True)) for suffix, p in scores.items()}
    assert len(apart) == 6
    assert {suffix: distance for suffix, distance in apart.items() if distance > CODING_NOISE} == {}
    assert len({(d["bpm"], d["key"]) for d in documents}) == 1


def timelines(tmp_path: Path) -> list[tuple[object, ...]]:
    return rows(tmp_path, "SELECT audio_hash, head, at_s, moods FROM track JOIN timeline ON track_id = id ORDER BY 1")


def test_a_mood_that_changes_is_heard_over_time(run: Run, tmp_path: Path) -> None:
    """A quiet chord, silence, and loud noise, half a minute of each."""
    (tmp_path / "music").mkdir()
    samples = [0.1 * chord(30), 0 * chord(30), np.clip(4 * noise(30), -1, 1)]
    write_audio(tmp_path / "music" / "a.flac", np.concatenate(samples))
    assert counts(run, tmp_path / "music") == ZERO | {"added": 1}
    document = json.loads(run("show", "--all", "--json").out)
    over_time = document["over_time"]
    assert {window["at_s"] for window in over_time} <= {3 * i + 1.5 for i in (*range(10), *range(20, 30))}
    calm_or_sad = {window["at_s"]: window["calm"] + window["sad"] for window in over_time}
    assert list(calm_or_sad) == sorted(calm_or_sad)
    quiet, loud = [p for t, p in calm_or_sad.items() if t < 30], [p for t, p in calm_or_sad.items() if t > 60]
    assert len(quiet) >= 2
    assert len(loud) >= 2
    assert min(quiet) > 0.8
    assert max(loud) < 0.2
    assert document["over_time_head"] == listening.current_versions().emotion


def test_tracks_heard_before_there_were_timelines_are_heard_again(run: Run, music: Path, tmp_path: Path) -> None:
    whole = 'SELECT audio_hash, "full", layers.mean FROM track JOIN layers ON track_id = id ORDER BY 1'
    counts(run, music)
    once, heard = timelines(tmp_path), rows(tmp_path, whole)
    assert len(once) == 4
    with sqlite3.connect(tmp_path / "library.db") as connection:
        connection.execute("DELETE FROM timeline WHERE track_id > 1")
        connection.execute('UPDATE track SET "full" = 1 WHERE id = 2')
    assert counts(run) == ZERO | {"unchanged": 1, "changed": 3}
    assert timelines(tmp_path) == once
    # What was heard whole was heard whole again, and the others as they were.
    assert [row[1] for row in rows(tmp_path, 'SELECT id, "full" FROM track ORDER BY id')] == [0, 1, 0, 0]
    assert [row[::2] for row in rows(tmp_path, whole)] == [row[::2] for row in heard]
    assert counts(run) == ZERO | {"unchanged": 4}


def test_timelines_of_an_older_head_wait_for_a_full_scan(run: Run, music: Path, tmp_path: Path) -> None:
    counts(run, music, "--full")
    once = timelines(tmp_path)
    with sqlite3.connect(tmp_path / "library.db") as connection:
        connection.execute("UPDATE timeline SET head = 'emotion-0'")
    assert counts(run) == ZERO | {"unchanged": 4}
    assert counts(run, "--full") == ZERO | {"changed": 4}
    assert timelines(tmp_path) == once
    assert counts(run, "--full") == ZERO | {"unchanged": 4}


class Tape:
    """A recording of two hundred seconds whose windows are read when they are asked for; the last are cut short."""

    duration_s = 200.0

    def __init__(self, breaks_at_s: float = 200.0) -> None:
        self.breaks_at_s = breaks_at_s
        self.read_s: list[float] = []

    def read(self, spans: list[tuple[float, float]]) -> Iterator[Floats]:
        for start, length in spans:
            self.read_s.append(start)
            left = max(min(length, self.breaks_at_s - start), 0)
            yield noise(left, round(start), 16_000) * (1 + start / 100)


class Networks:
    """Gives what it is told instead of listening: the emotion of each patch, [n, 4]."""

    version, provider = "net", "CPU"

    def __init__(self, *emotions: tuple[float, ...]) -> None:
        self.remaining = itertools.cycle(emotions)

    def embed(self, patches: Floats) -> Floats:
        assert patches.shape[1:] == (187, 96)
        return np.array([next(self.remaining) for _ in patches], np.float32)


class Softmax:
    """A head without weights over some labels; of all others it knows nothing."""

    version = "emotion-1"

    def __init__(self, labels: tuple[str, ...], first: int) -> None:
        self.labels = labels
        self.first = first

    def label_all(self, embeddings: Floats) -> list[Labels]:
        logits = embeddings[:, self.first : self.first + 4]
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        known = [dict(zip(self.labels, row, strict=False)) for row in shares]
        return [Labels(self.version, {**dict.fromkeys((*MOODS, *STYLES), 0.0), **row}) for row in known]


def hear_tape(tape: Tape, *vectors: tuple[float, ...], full: bool = False) -> Sound:
    """Listen with networks whose vectors are four logits of emotions, then four of styles, in turn."""
    heads = SimpleNamespace(emotion=Softmax(EMOTIONS, 0), style=Softmax(STYLES, 4))
    certain = [(*vector, 9.0, 0.0, 0.0, 0.0)[:8] for vector in vectors]
    return listening.listen(tape, Networks(*certain), heads, full=full)  # type: ignore[arg-type]


def test_windows_that_agree_are_enough() -> None:
    tape = Tape()
    sound = hear_tape(tape, (3, 0, 0, 0), (4, 0, 0, 0), (5, 0, 0, 0), (4, 0, 0, 0), (4, 0, 0, 0))
    assert len(tape.read_s) == listening.FIRST_WINDOWS
    assert sound.timeline.moods.shape == (5, 12)
    assert (sound.timeline.at_s.tolist(), sound.heard_s) == (sorted(sound.timeline.at_s.tolist()), 14.88)
    assert sound.embedding.tolist() == [4, 0, 0, 0, 9, 0, 0, 0]


def test_windows_that_do_not_agree_are_heard_until_they_do_or_there_are_hardly_more() -> None:
    sometimes, never = Tape(), Tape()
    hear_tape(sometimes, (3.5, 0, 0, 0), (0, 2, 0, 0))
    hear_tape(never, (2, 0, 0, 0), (0, 2, 0, 0))
    assert listening.FIRST_WINDOWS < len(sometimes.read_s) == 9
    assert len(never.read_s) == len(set(never.read_s)) == 65


def test_styles_that_do_not_agree_are_heard_on_too() -> None:
    tape = Tape()
    hear_tape(tape, (9, 0, 0, 0, 2, 0, 0, 0), (9, 0, 0, 0, 0, 2, 0, 0))
    assert len(tape.read_s) > listening.FIRST_WINDOWS


def test_a_full_listen_stops_nowhere() -> None:
    tape = Tape()
    sound = hear_tape(tape, (9, 0, 0, 0), full=True)
    assert len(tape.read_s) == 7
    assert sound.heard_s == 200.0


def test_a_recording_that_breaks_off_is_heard_up_to_there() -> None:
    """Windows behind the end give nothing, one that it cuts is heard and has no row of its own."""
    tape = Tape(breaks_at_s=101.0)
    sound = hear_tape(tape, (2, 0, 0, 0), (0, 2, 0, 0))
    assert len(tape.read_s) == 67
    assert sound.timeline.at_s.max() <= 101
    assert 98 < sound.heard_s <= 101


@pytest.mark.parametrize(
    ("windows", "of", "decided"),
    [
        ([[0.97, 0.01, 0.01, 0.01]] * 6, 100, True),
        ([[0.3, 0.25, 0.25, 0.2]] * 6, 100, False),
        ([[0.3, 0.25, 0.25, 0.2]] * 90, 100, True),  # the same, of nearly the whole track
        ([[0.5, 0.5, 0.0, 0.0]] * 6, 100, False),
        ([[0.98, 0.02, 0.0, 0.0], [0.03, 0.97, 0.0, 0.0]] * 20, 100, False),
        ([[0.26, 0.25, 0.25, 0.24]] * 30, 30, True),  # all has been heard
        ([[0.3025, 0.2325, 0.2325, 0.2325]] * 20, 100, True),  # a lead of 0.26, by errors of 0.24: the bound has fallen
    ],
)
def test_an_emotion_is_decided_by_its_lead_and_by_how_it_varies(
    windows: list[list[float]], of: int, decided: bool
) -> None:
    assert listening.is_decided(np.array(windows), 1.3, of=of) is decided


BREAKING_DECODER = """
import os, signal, time
from musictaste import audio, listening

listening.TIMEOUT_S = 3
open_recording = audio.open_recording


def break_down(path):
    if path.endswith("crash.wav"):
        os.kill(os.getpid(), signal.SIGSEGV)
    if path.endswith("hang.wav"):
        time.sleep(600)
    return open_recording(path)


audio.open_recording = break_down
"""


@pytest.mark.skipif(sys.platform != "linux", reason="names a signal of Linux")
def test_a_decoder_that_crashes_or_hangs_costs_its_own_file(
    run_alone: Run, music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(BREAKING_DECODER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    for name in ("crash.wav", "hang.wav"):
        shutil.copy(music / "a.wav", music / name)
    assert counts(run_alone, music) == ZERO | {"added": 4, "failed": 2}
    assert {row["path"]: row["reason"] for row in json.loads(run_alone("failures", "--json").out)} == {
        str(music / "crash.wav"): "the decoder crashed (SIGSEGV)",
        str(music / "hang.wav"): "the decoder did not finish",
    }


def test_a_truncated_file_is_heard_as_far_as_it_goes(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    for name in ("a.mp3", "b.flac", "c.m4a"):
        whole = write_audio(folder / name, piece(20)).read_bytes()
        (folder / name).write_bytes(whole[: len(whole) // 2])
    assert counts(run, folder) == ZERO | {"added": 2, "failed": 1}
    assert json.loads(run("failures", "--json").out) == [
        {
            "path": str(folder / "c.m4a"),
            "reason": NOT_AUDIO,
        }
    ]
    heard = {
        Path(d["path"]).name: d["duration_s"] for d in map(json.loads, run("show", "--all", "--json").out.splitlines())
    }
    assert set(heard) == {"a.mp3", "b.flac"}
    assert all(8 < duration < 13 for duration in heard.values())


def test_a_folder_that_cannot_be_listed_loses_nothing(
    music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = os.scandir

    def refuse(path: str) -> object:
        if path.endswith("more"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return listed(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with Library.open(tmp_path / "other.db", create=True) as library:
        kept = str(music / "more" / "C.FLAC")
        add_track(library, kept, mood={"happy": 0.9}, style={"jazz": 0.9}, seed=0)
        plan = scan.survey(library, [str(music)], listening.current_versions(), scan.Options())
    assert plan.unreadable == [(str(music / "more"), "Permission denied")]
    assert [task.path for task in plan.tasks] == [str(music / "a.wav"), str(music / "b.mp3")]
    assert plan.gone == []


@pytest.fixture
def forty(tmp_path: Path) -> Path:
    """Forty tracks, enough to stop a scan in the middle."""
    folder = tmp_path / "music"
    folder.mkdir()
    for i in range(40):
        write_audio(folder / f"{i:02}.wav", chord(20, (220.0 + i, 330.0)))
    return folder


def test_ctrl_c_keeps_what_was_heard(run: Run, forty: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "musictaste", "scan", str(forty)],
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    wait_for_tracks(process, tmp_path)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all processes of the group
    _, err = process.communicate()
    (kept,) = rows(tmp_path, "SELECT count(*) FROM file")[0]
    assert (process.returncode, err.splitlines()[1:]) == (
        130,
        [f"interrupted: {kept} tracks are kept, scan again to go on"],
    )


def test_an_interrupt_waits_for_a_safe_moment() -> None:
    """Regression: a scan stood still for ever when Ctrl-C came while a task was put into the queue of its workers."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with scan.Interrupts() as interrupts:
        interrupts.heed()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            interrupts.heed()
        interrupts.heed()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt), scan.Interrupts():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with scan.Interrupts():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("unlike", [["--dry-run"], ["--device", "cuda"], ["--executor", "dask://127.0.0.1:9"]])
def test_workers_start_before_all_else_in_a_first_scan(
    run: Run, music: Path, unlike: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hastened: list[bool] = []
    monkeypatch.setattr(workers, "has_driver", lambda: False)
    monkeypatch.setattr(workers, "hasten", lambda device: hastened.extend([True] * workers.on_cpu(device)))
    run("scan", music, *unlike)
    assert hastened == []
    run("scan", music)
    run("scan", music)
    assert hastened == [True]


def test_only_where_they_are_forked_workers_can_be_hastened(monkeypatch: pytest.MonkeyPatch) -> None:
    running: list[bool] = []
    monkeypatch.setattr(workers.forkserver, "ensure_running", lambda: running.append(True))
    monkeypatch.setattr(os, "environ", {})
    monkeypatch.setattr(workers, "has_driver", lambda: True)
    workers.hasten("auto")
    workers.hasten("cuda")
    monkeypatch.setattr(workers, "has_driver", lambda: False)
    monkeypatch.setattr(sys, "platform", "darwin")
    workers.hasten("auto")
    assert running == []
    monkeypatch.setattr(sys, "platform", "linux")
    workers.hasten("auto")
    assert running == [True]
    assert os.environ == dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1") | {
        "PYTHONSAFEPATH": "1"
    }
    monkeypatch.setattr(workers, "has_driver", lambda: True)
    workers.hasten("cpu")
    assert running == [True, True]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")
def test_who_starts_workers_does_not_hear_ctrl_c() -> None:
    """Regression: Ctrl-C in the first second of a scan ended in a traceback, or never."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(os, "environ", dict(os.environ))
        workers.context(forked=True)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
    status = Path(f"/proc/{workers.forkserver._forkserver._forkserver_pid}/status").read_text()  # type: ignore[attr-defined]
    blocked = int(next(line for line in status.splitlines() if line.startswith("SigBlk")).split()[1], 16)
    assert blocked & 1 << signal.SIGINT - 1


SLOW_SECOND_WORKER = """
import os, pathlib, signal, time
from multiprocessing.synchronize import SemLock

marker = pathlib.Path(os.environ["FIRST_WORKER"])
rebuild = SemLock.__setstate__
first = None


def rebuild_late(self, state):
    global first
    if first is None:
        try:
            marker.touch(exist_ok=False)
            first = True
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # takes its time to end
        except FileExistsError:
            first = False
    lock = pathlib.Path("/dev/shm/sem." + state[3].lstrip("/"))
    deadline = time.monotonic() + 0.5
    while not first and lock.exists() and time.monotonic() < deadline:
        time.sleep(0.001)
    rebuild(self, state)


SemLock.__setstate__ = rebuild_late
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /dev/shm")
def test_a_scan_that_ends_while_workers_start_says_nothing_of_it(
    run_alone: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regression: a worker that was still starting found its locks gone, and printed a traceback."""
    for name in ("site", "music"):
        (tmp_path / name).mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(SLOW_SECOND_WORKER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    monkeypatch.setenv("FIRST_WORKER", str(tmp_path / "first"))
    write_audio(tmp_path / "music" / "a.wav", chord(1.2))
    result = run_alone("-q", "scan", tmp_path / "music", "--jobs", "2")
    assert (result.code, result.out, result.err) == (0, "", "")
    assert rows(tmp_path, "SELECT count(*) FROM file") == [(1,)]


def test_cuda_that_cannot_run_is_an_error(run_alone: Run, music: Path, tmp_path: Path) -> None:
    if json.loads(run_alone("doctor", "--json").out)["provider"] == "CUDA":
        pytest.skip("CUDA runs here")
    result = run_alone("scan", music, "--device", "cuda")
    remedy = "pip install 'onnxruntime-gpu[cuda,cudnn]' and see musictaste doctor"
    said = f"musictaste: CUDA was asked for and cannot run here: {remedy}\n"
    assert (result.code, result.out, result.err) == (1, "", said)
    # Regression: it left an empty library behind.
    assert not (tmp_path / "library.db").exists()


def hear(db: Path, folder: Path, options: scan.Options) -> str:
    """Scan in this process, which starts its workers; returns the provider."""
    with (
        Library.open(db, create=True) as library,
        processes.Processes(db, options.device, options.jobs, full=options.full) as listeners,
    ):
        plan = scan.survey(library, [str(folder)], listening.current_versions(), options)
        outcomes = list(scan.update(library, plan, listeners))
        assert [outcome.kind for outcome in outcomes] == ["added"] * len(plan.tasks)
        return listeners.provider()


def test_a_gpu_gives_the_rows_that_a_cpu_gives(
    gpu: type[Gpu], music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(inference.BATCH_PATCHES, "CUDA", 8)
    monkeypatch.setattr(inference, "LEAST_ROWS", 1)
    gpu.rows_in_memory = 4
    write_audio(music / "long.flac", piece(80))  # of which windows are heard
    assert hear(tmp_path / "gpu.db", music, scan.Options("cuda", 2)) == "CUDA"
    assert hear(tmp_path / "cpu.db", music, scan.Options("cpu", 2)) == "CPU"
    on_gpu, on_cpu = heard_rows(tmp_path / "gpu.db"), heard_rows(tmp_path / "cpu.db")
    assert on_gpu == {path: pytest.approx(row, abs=1e-3) for path, row in on_cpu.items()}
    assert len(on_gpu) == 5
    assert set(gpu.runs) <= {1, 2, 4}
    for db, provider in (("gpu.db", "CUDA"), ("cpu.db", "CPU")):
        with sqlite3.connect(tmp_path / db) as connection:
            assert connection.execute("SELECT DISTINCT provider FROM track").fetchall() == [(provider,)]


def test_a_gpu_that_fails_ends_the_scan(
    gpu: type[Gpu], music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no fault of the files: none of them is a failure."""
    monkeypatch.setattr(Gpu, "fault", "CUDA failure 719: unspecified launch failure")
    monkeypatch.setattr(inference.Embedder, "warm", lambda _: None)
    gpu.rows_in_memory = 0
    said = (
        r"^CUDA failed: CUDA failure 719: unspecified launch failure: try --device cpu$|^CUDA failed: try --device cpu$"
    )
    with pytest.raises(ProviderError, match=said):
        hear(tmp_path / "library.db", music, scan.Options("cuda", 1))
    assert rows(tmp_path, "SELECT count(*) FROM file UNION ALL SELECT count(*) FROM failure") == [(0,), (0,)]


@pytest.mark.parametrize(
    ("before", "again", "kept"), [(True, False, "whole"), (False, True, "again"), (True, True, "again")]
)
def test_what_was_heard_whole_is_not_replaced_by_windows(before: bool, again: bool, kept: str) -> None:
    """A worker far from the library may not know that it has the audio of a new file."""
    sound = hear_tape(Tape(), (3, 0, 0, 0))
    moods, styles = Labels("emotion-1", feelings()), Labels("style-1", shares(STYLES))
    plan = scan.Plan([], 0, 0, [], [], [], [], [], ())
    with Library.empty() as library, library.transaction():
        for path, key, full in (("/1", "whole", before), ("/2", "again", again)):
            heard: Future[listening.Heard] = Future()
            heard.set_result(
                listening.Heard("hash", Tags(), replace(sound, key=key), moods, styles, kinds(), voices(0.9), full)
            )
            scan._keep(library, plan, listening.Task(path, 1, 1), heard, set())
        assert [track.key for track in library.tracks([1])] == [kept]
        assert library.count() == 1


def wait_for_tracks(process: subprocess.Popen[str] | subprocess.Popen[bytes], tmp_path: Path) -> None:
    """Until a scan in another process has kept its first tracks."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.1)
        if (tmp_path / "library.db-wal").exists():
            with contextlib.suppress(sqlite3.OperationalError):
                if rows(tmp_path, "SELECT count(*) FROM file") != [(0,)]:
                    return


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_killed_in_the_middle_it_goes_on(run: Run, forty: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "musictaste", "scan", str(forty)], stderr=subprocess.DEVNULL, start_new_session=True
    )
    wait_for_tracks(process, tmp_path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (kept,) = rows(tmp_path, "SELECT count(*) FROM file")[0]
    assert isinstance(kept, int)
    assert kept > 0
    assert counts(run, forty) == ZERO | {"unchanged": kept, "added": 40 - kept}


def on_terminal(*command: str | Path) -> str:
    """What a program writes to a terminal, without the codes that move the cursor and colour."""
    import pty

    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=os.environ | {"TERM": "xterm"}):
        os.close(theirs)
        said = b""
        with contextlib.suppress(OSError):  # Linux says so when the program has ended
            while read := os.read(ours, 4096):
                said += read
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", said.decode())


@pytest.mark.skipif(sys.platform == "win32", reason="has no pseudo-terminals")
@pytest.mark.usefixtures("empty_home")
def test_a_terminal_has_a_bar_and_what_is_told_above_it(music: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "musictaste", "--db", tmp_path / "l.db", "--verbose", "scan", music]
    lines = on_terminal(*command, "--jobs", "1").replace("\r", "\n").split("\n")
    told = [line for line in lines if line.strip() and "━" not in line]
    names = ["a.wav", "b.mp3", "more/C.FLAC", "more/d.ogg"]
    expected = ["listening to 4 files on CPU, 1 at a time", *(f"added {music / name}" for name in names)]
    assert sorted(told[:-1]) == sorted(expected)
    assert re.fullmatch(r"4 added in [0-9.]+ s, [0-9.]+ tracks per second on CPU", told[-1].strip())
    assert [line for line in lines if "━" in line and " 4/4 " in line] != []
    again = on_terminal(sys.executable, "-X", "importtime", *command[1:])
    assert "4 unchanged" in again
    assert "rich.progress" not in again


def test_the_current_folder_is_not_imported_from(run: Run, tmp_path: Path) -> None:
    """Regression: standing in a checkout, workers took its source tree for the installed package."""
    (tmp_path / "music").mkdir()
    write_audio(tmp_path / "music" / "a.wav", chord(1.2))
    for name in ("musictaste", "soxr"):
        (tmp_path / "here" / name).mkdir(parents=True)
        (tmp_path / "here" / name / "__init__.py").touch()
    command = [str(Path(sys.executable).with_name("musictaste")), "scan", str(tmp_path / "music"), "--json"]
    done = subprocess.run(command, capture_output=True, cwd=tmp_path / "here", check=False)
    assert done.stderr.decode() == ""
    assert json.loads(done.stdout)["added"] == 1
