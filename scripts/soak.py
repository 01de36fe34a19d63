"""Files for a long scan, and how much memory it holds from its beginning to its end."""

from __future__ import annotations

import contextlib
import sqlite3
import statistics
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import soundfile

RATE = 22_050
SHORT_S = 4
EVERY_S = 0.5
PARTS = 5
"""The first and the last fifth are compared: of 5,000 files the first and the last thousand."""


def write_many(folder: Path, count: int) -> None:
    """Short files that all sound different, since what a library knows already is not listened to."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    time = np.arange(SHORT_S * RATE) / RATE
    for number in range(count):
        tones = sum(np.sin(2 * np.pi * hz * time) for hz in rng.uniform(60, 4000, 4))
        soundfile.write(folder / f"{number:05}.flac", 0.1 * tones, RATE, subtype="PCM_16")


def write_long(folder: Path, hours: int) -> None:
    """One recording of many hours, whose pitch rises all the while so that no two windows are alike."""
    folder.mkdir()
    with soundfile.SoundFile(folder / "long.flac", "w", RATE, 2, "PCM_16") as file:
        rng = np.random.default_rng(0)
        for minute in range(60 * hours):
            phase = 2 * np.pi * (100 + 10 * minute) * np.arange(60 * RATE) / RATE
            noise = rng.standard_normal((60 * RATE, 2))
            file.write(0.2 * np.sin(phase)[:, None] + 0.02 * noise)


def watch(db: Path, memory: Callable[[], int], ended: threading.Event, samples: list[tuple[int, int]]) -> None:
    """How many files were heard and how much memory was held, again and again until told to end."""
    with contextlib.closing(sqlite3.connect(f"{db.as_uri()}?mode=ro", uri=True)) as library:
        while not ended.wait(EVERY_S):
            (files,) = library.execute("SELECT count(*) FROM file").fetchone()
            samples.append((files, memory()))


def compare(samples: Sequence[tuple[int, int]], files: int) -> str:
    """The memory of the last part by that of the first, means over the samples of each."""
    first = [held for done, held in samples if 0 < done <= files / PARTS]
    last = [held for done, held in samples if files * (PARTS - 1) / PARTS < done < files]
    if not first or not last:
        return "too few files to compare their memory at the beginning and at the end"
    before, after = statistics.mean(first), statistics.mean(last)
    parts = f"first {files // PARTS} files {before / 2**20:.0f} MiB, last {files // PARTS} {after / 2**20:.0f} MiB"
    return f"memory (PSS): {parts}, ratio {after / before:.3f}"
