#!/usr/bin/env python3
"""Measure how many misspelt and decorated names find their track, and how many of these rightly; prints plain text.

    python scripts/match_names.py LIBRARY.db [--seed N]

Every track of a library that has an artist and a title is asked for under names as other programs write them. A tenth
of the tracks is taken out first: whatever is found for their names is wrong, unless it is another file of the same
song. Names that say "live" are right only where the file says so too.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path

from musictaste.matching import Matcher
from musictaste.store import Library
from musictaste.track import NamedFile, PlayRecord

Names = tuple[str, str]
Change = Callable[[str, str], Sequence[Names]]

GUESTS = (" (feat. Jane Doe)", " [ft. Jane Doe & Co]", " feat. Jane Doe", " (with Jane Doe)", " (featuring 周杰倫)")
REMASTERS = (" - 2011 Remaster", " (Remastered)", " - Remastered 2009", " [2015 Digital Remaster]")
LIVE = (" (Live)", " - Live", " [Live at Wembley]", " - Live at Budokan 1978", " (現場版)")
TYPOGRAPHIC = str.maketrans({"'": "’", '"': "”", "-": "–", "´": "’"})


def wide(text: str) -> str:
    """In the full-width forms of East Asian scripts."""
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def apart(text: str) -> str:
    """With accents as characters of their own, as macOS keeps names."""
    return unicodedata.normalize("NFD", text)


def misspelt(artist: str, title: str) -> list[Names]:
    """With one character of a title left out; a short one stays as it is."""
    return [(artist, title[:at] + title[at + 1 :]) for at in range(2, len(title) - 2) if len(title) >= 8] or [
        (artist, title)
    ]


# What each kind makes of an artist and a title, of which one is drawn.
CHANGES: dict[str, Change] = {
    "as in the file": lambda artist, title: [(artist, title)],
    "guest in the title": lambda artist, title: [(artist, title + guest) for guest in GUESTS],
    "guest in the artist": lambda artist, title: [(artist + " feat. Jane Doe", title)],
    "remaster": lambda artist, title: [(artist, title + remaster) for remaster in REMASTERS],
    "live": lambda artist, title: [(artist, title + live) for live in LIVE],
    "other case": lambda artist, title: [(artist.upper(), title.upper()), (artist.lower(), title.lower())],
    "full width": lambda artist, title: [(wide(artist), wide(title))],
    "decomposed": lambda artist, title: [(apart(artist), apart(title))],
    "swapped": lambda artist, title: [(title, artist)],
    "swapped, guest": lambda artist, title: [(title + guest, artist) for guest in GUESTS],
    "typographic": lambda artist, title: [(artist.translate(TYPOGRAPHIC), title.translate(TYPOGRAPHIC))],
    "article": lambda artist, title: [("The " + artist.replace(" & ", " and "), title)],
    "misspelt, album": misspelt,
    "misspelt, length": misspelt,
    "all at once": lambda artist, title: [(artist.upper() + " ft. Jane Doe", wide(title) + r) for r in REMASTERS],
    "another artist": lambda artist, title: [("Nobody " + artist[::-1], title)],
}


def song(file: NamedFile) -> Names:
    """What other files of the same song share: the names without brackets and what follows a dash."""
    return file.artists[0].casefold(), re.sub(r"[(\[].*?[)\]]|\s-\s.*", "", file.title or "").strip().casefold()


def is_right(kind: str, asked: NamedFile, given: NamedFile, *, gone: bool, album: str | None) -> bool:
    if kind == "another artist" or not given.artists or song(given) != song(asked):
        return False
    if kind == "live":
        return bool(re.search(r"live|unplugged", f"{given.title} {given.album}", re.IGNORECASE))
    return gone or given.track_id == asked.track_id or album != asked.album


def measure(files: Sequence[NamedFile], rng: random.Random) -> None:
    named = [file for file in files if file.title and file.artists]
    rng.shuffle(named)
    gone = {file.track_id for file in named[: len(named) // 10]}
    matcher = Matcher(file for file in files if file.track_id not in gone)
    by_id = {file.track_id: file for file in files}
    total, wrong = [0, 0, 0], 0
    print(f"{len(named)} names, {len(gone)} of them not in the library\n")
    print(f"{'names':20}{'found':>8}{'right':>8}{'ambiguous':>11}{'precision':>11}{'recall':>8}")
    for kind, change in CHANGES.items():
        found = right = ambiguous = 0
        for file in named:
            artist, title = rng.choice(change(file.artists[0], file.title or ""))
            album = file.album if kind == "misspelt, album" or rng.random() < 0.5 else None
            length = file.duration_s + rng.uniform(-2, 2) if kind == "misspelt, length" else None
            match = matcher.match(PlayRecord((), artist, title, None if length else album, length))
            ambiguous += match.ambiguous
            if match.track_id is not None:
                found += 1
                given = by_id[match.track_id]
                right += is_right(kind, file, given, gone=file.track_id in gone, album=album)
        print_row(kind, found, right, ambiguous, len(named) - len(gone))
        total = [sum(pair) for pair in zip(total, (found, right, ambiguous), strict=True)]
        wrong += found - right
    print_row("together", *total, 0)
    print(f"\n{wrong} wrong of {total[0]} found")


def print_row(kind: str, found: int, right: int, ambiguous: int, there: int) -> None:
    precision = f"{right / found:.4f}" if found else "-"
    recall = f"{right / there:.3f}" if there and kind not in ("live", "another artist") else "-"
    print(f"{kind:20}{found:8}{right:8}{ambiguous:11}{precision:>11}{recall:>8}")


def parse_arguments() -> argparse.Namespace:
    summary, _, details = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=summary, epilog=details, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("library", type=Path, metavar="LIBRARY.db", help="a library file; it is not written to")
    parser.add_argument("--seed", type=int, default=0, help="another choice of the same kind (default: 0)")
    return parser.parse_args()


if __name__ == "__main__":
    parsed = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy(parsed.library, folder)  # opening a library brings its schema up to date
        with Library.open(Path(copy)) as opened:
            known = opened.named_files()
    measure(known, random.Random(parsed.seed))  # noqa: S311 - no secret
