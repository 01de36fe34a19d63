#!/usr/bin/env python3
"""Measure how fast words are read, and how long `lyrics WORDS` takes in a large library.

    pip install -e '.[export]'
    python scripts/bench_words.py LYRICS

LYRICS holds songs.csv.xz, as `train_lyrics.py` has it. The library is made up: each of its tracks has the words of a
song of that file, and vectors of these that are moved at random, so that no two songs are equally near.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import bench
import numpy as np
import train_lyrics

from musictaste import lyrics, searching
from musictaste.inference import Encoder
from musictaste.store import Library

Array = np.ndarray

READ = 400
READ_AT_ONCE = 50
"""So many songs a scan gives the encoder at once."""

DIFFERENT = 2000
MOVED = 0.03
"""By how much in the mean each of a vector's 512 numbers is moved: about a quarter of the signs change."""

ASKED = ("dancing in the rain tonight", "雨夜里想你", "je ne regrette rien")


def bench_reading(texts: list[str], jobs: int, rounds: int) -> None:
    encoder = Encoder(threads=jobs, many=True)
    pieces = np.mean([encoder.count(text) for text in texts])
    rates = []
    for _ in range(rounds):
        began = time.perf_counter()
        for start in range(0, len(texts), READ_AT_ONCE):
            encoder.run(texts[start : start + READ_AT_ONCE], "embedding", "mean")
        rates.append(len(texts) / (time.perf_counter() - began))
    done = bench.spread(rates, " songs/s", 0)
    print(f"{len(texts)} songs of {pieces:.0f} pieces in the mean, {jobs} threads: {done}")


def give_words(db: Path, files: int, texts: list[str]) -> None:
    """Give each file of a made-up library words that can be looked up."""
    rng = np.random.default_rng(0)
    encoder = Encoder(threads=bench.scan.usable_cpus(), many=True)
    songs = [lyrics.understand("tags", text) for text in texts]
    vectors = {}
    with Library.open(db) as library:
        for start in range(1, files + 1, READ_AT_ONCE):
            with library.transaction():
                for file_id in range(start, min(start + READ_AT_ONCE, files + 1)):
                    library.save_lyrics(file_id, songs[file_id % len(songs)])
            found = library.texts(library.unindexed())
            for words in found.values():
                if words.text not in vectors:
                    vectors[words.text] = encoder.embed(searching.lines_of(words) or [""])
            moved = {i: vectors[words.text] for i, words in found.items()}
            moved = {i: known + MOVED * rng.standard_normal(known.shape, np.float32) for i, known in moved.items()}
            library.index(moved)


def bench_looking_up(texts: list[str], songs: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        db = Path(folder, "library.db")
        bench.make_library(db, songs)
        give_words(db, songs, texts)
        print(f"mean (lowest to highest) of {rounds} whole processes, {songs} songs")
        for asked in ASKED:
            command = [sys.executable, "-m", "musictaste", "--db", str(db), "lyrics", asked]
            bench.measure_command(command)
            bench.print_processes(f"lyrics {asked}", [bench.measure_command(command) for _ in range(rounds)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="LYRICS", help="folder with songs.csv.xz")
    parser.add_argument("--songs", type=bench.positive, default=100_000)
    parser.add_argument("--rounds", type=bench.positive, default=5)
    args = parser.parse_args()
    texts = train_lyrics.load(args.data / "songs.csv.xz").texts
    some = [texts[i] for i in np.random.default_rng(0).permutation(len(texts))]
    print(f"load average at start: {bench.load_average()}")
    bench_reading(some[:READ], bench.scan.usable_cpus(), args.rounds)
    bench_looking_up(some[:DIFFERENT], args.songs, args.rounds)
    print(f"load average at end: {bench.load_average()}")


if __name__ == "__main__":
    main()
