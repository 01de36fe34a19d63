"""How much of a mix is from the corner of a library that a made-up listener loves.

    python scripts/planted_taste.py LIBRARY.db

A corner is a folder of the library, or the tracks with the same first style or first emotion, that has at least 21
tracks. A listener played 20 of them, drawn at random, five times each, and dislikes one more. Printed are, for each
corner, the mean and the least share of `mix -n 25` that is from it; it is an error when a disliked track is in a mix,
or more than two tracks by one artist.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from bench import copy_database

from musictaste import moods
from musictaste.store import Library
from musictaste.track import Track, normalise

PLAYED, PLAYS, LENGTH, CAP = 20, 5, 25, 2


def corners(tracks: list[Track]) -> dict[str, list[Track]]:
    """Tracks by the folder that they are in, by first style and by first emotion."""
    root = os.path.commonpath([track.path for track in tracks])
    found: dict[str, list[Track]] = defaultdict(list)
    for track in tracks:
        found[f"folder {Path(track.path).relative_to(root).parts[0]}"].append(track)
        found[f"style {max(track.styles, key=track.styles.__getitem__)}"].append(track)
        found[f"mood {moods.emotion(track.moods)}"].append(track)
    return {name: some for name, some in sorted(found.items()) if len(some) > PLAYED}


def share(library: Path, corner: list[Track], seed: int) -> float:
    """The share of a mix that is from a corner, for one listener."""
    drawn = np.random.default_rng(seed).permutation(len(corner))[: PLAYED + 1]
    *played, disliked = (corner[i] for i in drawn)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "library.db")
        copy_database(library, copy)
        with contextlib.closing(sqlite3.connect(copy)) as connection, connection:
            ids = ((PLAYS, track.id) for track in played)
            connection.executemany("UPDATE file SET plays = ? WHERE track_id = ?", ids)
        with Library.open(copy) as opened:
            opened.save_feedback("dislike", [disliked.id])
        command = [sys.executable, "-m", "musictaste", "--db", str(copy), "mix", "-n", str(LENGTH), "--json"]
        mix = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    paths = [track["path"] for track in mix]
    artists = Counter(normalise(track["artist"]) for track in mix if track["artist"])
    if disliked.path in paths or max(artists.values(), default=0) > CAP:
        raise SystemExit(f"a mix holds '{disliked.path}', which is disliked, or more than {CAP} tracks by one artist")
    return sum(path in {track.path for track in corner} for path in paths) / len(paths)


def main() -> None:
    summary, _, details = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=summary, epilog=details, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("library", type=Path, metavar="LIBRARY.db", help="a library file; it is not written to")
    parser.add_argument("--listeners", type=int, default=5, help="made-up listeners of each corner (default: 5)")
    arguments = parser.parse_args()
    with Library.open(arguments.library) as library:
        tracks = library.tracks(library.all_ids(of="present_music"))
    means = []
    for name, corner in corners(tracks).items():
        shares = [share(arguments.library, corner, seed) for seed in range(arguments.listeners)]
        means.append(statistics.mean(shares))
        print(f"{name:24} {len(corner):4} tracks: {means[-1]:.3f} (least {min(shares):.2f})")
    print(f"all {len(means)} corners: {statistics.mean(means):.3f} (least {min(means):.3f})")


if __name__ == "__main__":
    main()
