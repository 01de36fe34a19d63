"""evaluate, as it is typed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, add_track

from musictaste.evaluate import reading
from musictaste.fading import DAY_S
from musictaste.store import Library
from musictaste.track import Answer, Listener

T = 1_600_041_600
CONTENDERS = ["similar", "mix", "same artist by plays", "what is played next", "popularity", "random"]


def make(path: Path, count: int, *, plays: int | None = None, played: int = 0) -> list[int]:
    """So many tracks, four of each artist, the first of them with counts in their tags."""
    with Library.open(path, create=True) as library:
        return [
            add_track(
                library, f"/m/{i}.ogg", mood={"calm": 0.9}, style={"jazz": 0.9}, seed=i, kind="music",
                title=f"Title {i}", artist=f"Artist {i // 4}", plays=plays if i < played else None,
            )
            for i in range(count)
        ]  # fmt: skip


@pytest.fixture
def albums(tmp_path: Path) -> list[int]:
    """Fifty days on each of which one of two albums of four tracks is played from beginning to end."""
    path = tmp_path / "library.db"
    ids = make(path, 12)
    with Library.open(path) as library, library.transaction():
        listener = library.save_listener(Listener("lastfm", "/log", "", own=True))
        events = [(ids[4 * (day % 2) + i], T + day * DAY_S + 240 * i, False) for day in range(50) for i in range(4)]
        library.save_events(listener, events)
    return ids


MISSING = [
    "only 200 plays have a time: below 1000, figures say little",
    "no skip is known, to say what you do not want: import a player that counts them",
    "no track is rated or loved, so only plays say what you like",
    "no track of a list was judged: 'like', 'skip' and 'dislike' say whether it pleased",
    "no mood was taught: 'teach' says whether moods are what you hear",
    "nobody else's plays are known, to say what goes together: 'plays import --all-users'",
]


@pytest.mark.usefixtures("albums")
def test_as_json(run: Run) -> None:
    done = run("evaluate", "-n", "4", "--json")
    assert (done.code, done.err) == (0, "")
    document = json.loads(done.out)
    assert {key: value for key, value in document.items() if key != "predicted"} == {
        "n": 4, "seed": 0, "tracks": 12, "drawn": 12,
        "history": {"by": "times", "plays": 200, "sessions": 50, "held_out": 40, "predicted": 40, "new": 0},
        "satisfaction": None, "moods": {"untaught": None, "taught": None}, "missing": MISSING,
    }  # fmt: skip
    predicted: dict[str, Any] = document["predicted"]
    asked = {
        name: table and [table["asked"], table["groups"], list(table["rows"])] for name, table in predicted.items()
    }
    assert asked == {
        "next": [30, 10, CONTENDERS],
        "session": [10, 10, CONTENDERS],
        "day": [10, 10, CONTENDERS],
        "tracks": None,
        "lists": [10, 10, CONTENDERS],
    }
    certain = {"value": 1.0, "spread": 0.0}
    assert predicted["next"]["rows"]["what is played next"] == {"hit_rate": certain, "mrr": certain}
    assert predicted["session"]["rows"]["similar"] == {"recall": certain, "ndcg": certain}
    names = ["hit_rate", "coverage", "artist_gini", "novelty", "diversity", "never_played"]
    assert [list(figures) for figures in predicted["lists"]["rows"].values()] == [names] * 6
    assert run("evaluate", "-n", "4", "--json").out == done.out
    assert json.loads(run("evaluate", "-n", "4", "--seed", "1", "--json").out)["predicted"] != predicted


@pytest.mark.usefixtures("albums")
def test_as_lines(run: Run) -> None:
    lines = run("evaluate", "-n", "4").out.splitlines()
    assert lines[0] == (
        "of 200 plays in 50 sessions the last 40 are predicted from what came before them; 0 are of tracks that were"
        " new then"
    )
    starts = [f"{table}: {who}: " for table in ("next", "session", "day", "lists") for who in CONTENDERS]
    assert [line[: len(start)] for line, start in zip(lines[1:25], starts, strict=True)] == starts
    assert lines[4] == "next: what is played next: hits@4 1.000 ± 0.000; MRR@4 1.000 ± 0.000"
    assert lines[25:] == [f"missing: {line}" for line in MISSING]


@pytest.mark.usefixtures("albums")
def test_as_tables_on_a_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(reading, "MOST_TRACKS", 11)
    monkeypatch.setattr(reading, "DRAWN", 9)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    out = run("evaluate", "-n", "4").out
    assert "the next track of a session (30 times)" in out
    assert "lists, from all the library (10 by each, 9 tracks drawn of 12)" in out
    (row,) = [line for line in out.splitlines() if line.startswith("what is played next") and "1.000" in line][:1]
    assert row.split("  ")[0] == "what is played next"
    assert row.split("next")[1].split() == ["1.000", "±", "0.000", "1.000", "±", "0.000"]


def test_what_was_judged_and_taught(run: Run, albums: list[int], tmp_path: Path) -> None:
    with Library.open(tmp_path / "library.db") as library:
        library.save_list(albums[:3], "mix")
        library.save_list(albums[3:5], "mood")
        library.save_feedback("like", [albums[0], albums[3]])
        library.save_feedback("skip", [albums[1]])
        library.save_feedback("dislike", [albums[2]])
        library.save_lesson([Answer(albums[0], "calm", yes=True), Answer(albums[1], "calm", yes=False)])
    lines = run("evaluate").out.splitlines()
    assert lines[25].startswith("of 4 tracks of lists that you judged you liked 2: 0.500 ± ")
    assert lines[25].endswith("(mix 0.333, mood 1.000)")
    assert lines[26].startswith("moods before you taught: right on 0.500 ± ")
    assert " of 2 answers, Brier score 0.410 ± " in lines[26]  # (0.1 ** 2 + 0.9 ** 2) / 2
    document = json.loads(run("evaluate", "--json").out)
    assert document["satisfaction"]["commands"] == {
        "mix": {"likes": 1, "skips": 1, "dislikes": 1, "share": {"value": 0.3333, "spread": None}},
        "mood": {"likes": 1, "skips": 0, "dislikes": 0, "share": {"value": 1.0, "spread": None}},
    }
    untaught = document["moods"]["untaught"]
    assert (untaught["answers"], untaught["brier"]["value"]) == (2, 0.41)
    assert untaught["calibration_error"]["value"] == 0.4  # both are in one bin: 2 * 0.9 - 1, over two
    assert list(untaught["moods"]) == ["calm"]
    # Each answer was foretold from the other one, which says the contrary.
    assert document["moods"]["taught"]["answers"] == 2
    assert document["moods"]["taught"]["brier"]["value"] != 0.41
    assert lines[27].startswith("moods after you taught others: right on ")
    # Who was taught and judges lists is not told to.
    assert document["missing"] == [MISSING[0], *MISSING[2:3], MISSING[5]]


def test_counts_alone(run: Run, tmp_path: Path) -> None:
    make(tmp_path / "library.db", 60, plays=3, played=30)
    done = run("evaluate", "-n", "5")
    lines = done.out.splitlines()
    assert (done.code, lines[0]) == (
        0, "too few plays have times: of 30 played tracks 6 are predicted from the others, drawn anew in 20 tries",
    )  # fmt: skip
    assert [line.split(": ")[:2] for line in lines[1:6]] == [
        ["tracks", "mix"], ["tracks", "same artist by plays"], ["tracks", "random"],
        ["lists", "mix"], ["lists", "random"],
    ]  # fmt: skip
    assert lines[6] == "missing: no play has a time, by which sessions are known: import a log, as of Last.fm"


FEW = (
    "too little is known to predict: 0 sessions of plays with a time (25 are needed), or 7 tracks that were played and"
    " 5 that were not (20 and a fifth as many are needed): see 'plays detect'"
)


def test_too_little(run: Run, tmp_path: Path) -> None:
    make(tmp_path / "library.db", 12, plays=3, played=7)
    done = run("evaluate")
    assert (done.code, done.out, done.err) == (1, "", f"musictaste: {FEW}\n")


def test_too_little_to_predict_but_judged(run: Run, tmp_path: Path) -> None:
    ids = make(tmp_path / "library.db", 12, plays=3, played=7)
    with Library.open(tmp_path / "library.db") as library:
        library.save_list(ids, "mix")
        library.save_feedback("like", ids[:1])
    done = run("evaluate")
    lines = done.out.splitlines()
    assert (done.code, lines[:2]) == (
        0,
        ["of 1 track of lists that you judged you liked 1: 1.000", f"missing: {FEW}"],
    )
    document = json.loads(run("evaluate", "--json").out)
    assert (document["history"], set(document["predicted"].values())) == (None, {None})


def test_an_empty_library(run: Run, tmp_path: Path) -> None:
    make(tmp_path / "library.db", 0)
    done = run("evaluate", "--json")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("musictaste: too little is known to predict: 0 sessions")


@pytest.mark.parametrize("words", [["-n", "0"], ["--seed", "-1"], ["--seed", "today"]])
def test_wrong_options(run: Run, words: list[str]) -> None:
    assert run("evaluate", *words).code == 2
