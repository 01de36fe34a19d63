"""The bench of recommendation, on made-up listeners."""

from __future__ import annotations

import json
import lzma
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCH = Path(__file__).parents[1] / "scripts" / "bench.py"


def bench(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCH), "recommend", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def hetrec(tmp_path: Path) -> Path:
    """Sixty listeners in three circles, each of whom plays ten of the twenty items of the circle."""
    rng = np.random.default_rng(0)
    lines = ["userID\tartistID\tweight"]
    for user in range(60):
        items = rng.choice(20, 10, replace=False) + 100 * (user % 3)
        lines += [f"{user}\t{item}\t{count}" for item, count in zip(items, rng.integers(1, 99, 10), strict=True)]
    folder = tmp_path / "hetrec"
    folder.mkdir()
    with lzma.open(folder / "user_artists.dat.xz", "wt") as file:
        file.write("\n".join(lines))
    return folder


@pytest.fixture
def scrobbles(tmp_path: Path) -> Path:
    """Fifty days, on each of which one of five albums is played from begin to end."""
    rows = [
        f'"{day * 8 + place}",2020-{1 + day // 25:02}-{1 + day % 25:02} 20:{4 * place:02}:00,'
        f'"artist {day % 5}","song {day % 5} {place}","album {day % 5}"'
        for day in range(50)
        for place in range(8)
    ]
    path = tmp_path / "listens.csv"
    path.write_text('"","date","artist","track","album"\n' + "\n".join(reversed(rows)), encoding="utf-8")
    return path


def test_both_as_one_document(hetrec: Path, scrobbles: Path) -> None:
    done = bench("--hetrec", hetrec, "--listens", scrobbles, "--seeds", "2", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert {key: list(figures) for key, figures in document.items()} == {
        "hetrec": ["ndcg10", "recall10"],
        "listens": ["hr20", "mrr20"],
    }
    # Each circle has 12 items that a listener does not know at most: chance finds the one among them in ten of twelve.
    assert document["hetrec"]["recall10"] > 0.7
    assert (document["listens"]["hr20"], document["listens"]["mrr20"]) == (1.0, pytest.approx(1.0))


def test_every_baseline_is_in_the_same_run(hetrec: Path, scrobbles: Path) -> None:
    done = bench("--hetrec", hetrec, "--listens", scrobbles, "--seeds", "1", "--validate")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("60 listeners, 60 items, 600 pairs; splits 100 to 100; load ")
    assert [line[:22].strip() for line in lines[1:5]] == [
        "popularity", "cosine of log plays", "EASE, lambda 50", "this program",
    ]  # fmt: skip
    assert lines[5].startswith("400 plays of 40 tracks in 50 sessions; 56 predicted; load ")
    assert [line[:22].strip() for line in lines[6:]] == [
        "popularity", "same artist by plays", "item-kNN", "next-track counts", "this program",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ([], 2, "say --hetrec FOLDER, --listens FILE.csv, or both"),
        (["--listens", "x.csv", "--seeds", "0"], 2, "--seeds must be 1 or more"),
        (["--listens", "/nowhere/x.csv"], 1, "bench.py: [Errno 2] No such file or directory: '/nowhere/x.csv'"),
    ],
)
def test_what_cannot_be_measured(words: list[str], code: int, says: str) -> None:
    done = bench(*words)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.rstrip().endswith(says)


def test_a_file_without_the_columns(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    done = bench("--listens", path)
    assert (done.returncode, done.stderr) == (1, f"bench.py: '{path}': has no column 'date'\n")
