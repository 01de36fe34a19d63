"""A made-up listener: names for a library, and years of scrobbles over it, spelt as differently as real ones are."""

from __future__ import annotations

import contextlib
import csv
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]

ARTIST_TRACKS, ALBUM_TRACKS = 30, 10
SESSION_TRACKS = 15
PLAY_S, PAUSE_S = 180, 2400
LAST_PLAY = 1_760_000_000
TAIL = 0.8
"""The track of rank r is played in proportion to r^-TAIL: of 100,000 the first thousand have a third of all plays."""

ALBUMS = 0.5
"""The share of sessions in which albums are played from their beginning; the others are shuffled."""

UNKNOWN = 0.2
"""The share of plays whose recording is not in the library, half of them by its artists."""

DIRTY = 0.25
"""The share of plays whose names are not spelt as the library's tags are."""

WORDS = 6000
ONSETS = ("b", "br", "ch", "d", "dr", "f", "g", "gl", "h", "j", "k", "l", "m", "n", "p", "r", "s", "sh", "st", "t", "v")
VOWELS = ("a", "e", "i", "o", "u", "ai", "ea", "oo", "é", "ö")
CODAS = ("", "", "n", "r", "l", "s", "nd", "st", "m", "ck")


@dataclass(frozen=True)
class Name:
    """How a recording is named in tags, and by who scrobbles it."""

    artist: str
    title: str
    album: str


def _words(rng: np.random.Generator) -> list[str]:
    def syllable() -> str:
        return "".join(str(rng.choice(part)) for part in (ONSETS, VOWELS, CODAS))

    return ["".join(syllable() for _ in range(1 + number % 3)).capitalize() for number in range(WORDS)]


def named(count: int, seed: int = 0) -> list[Name]:
    """Names of tracks: ten to an album, thirty to an artist, of words some of which are far more frequent."""
    rng = np.random.default_rng(seed)
    words = _words(rng)
    often = (1 + np.arange(WORDS)) ** -0.7
    draws = rng.choice(WORDS, (count, 9), p=often / often.sum())
    lengths = rng.integers(1, 4, (count, 3))

    def phrase(row: int, part: int) -> str:
        return " ".join(words[i] for i in draws[row, 3 * part : 3 * part + lengths[row, part]])

    return [
        Name(
            phrase(i - i % ARTIST_TRACKS, 0) + " " + words[(i // ARTIST_TRACKS) % WORDS],
            phrase(i, 1),
            phrase(i - i % ALBUM_TRACKS, 2),
        )
        for i in range(count)
    ]


SPELLINGS: Sequence[Callable[[Name], Name]] = (
    lambda name: Name(name.artist, f"{name.title} - 2011 Remaster", f"{name.album} (Deluxe Edition)"),
    lambda name: Name(name.artist, f"{name.title} (feat. {name.album})", name.album),
    lambda name: Name(name.artist.upper(), name.title.lower(), name.album),
    lambda name: Name(f"The {name.artist}", name.title, ""),
    lambda name: Name(name.title, name.artist, name.album),
    lambda name: Name(name.artist, f"{name.title} (Live)", name.album),
    lambda name: Name(name.artist, name.title[:-1] + "x", name.album),
    lambda name: Name(name.artist[1:], name.title, name.album),
)


def name_files(db: Path, names: Sequence[Name]) -> None:
    """Give the files of tracks 1, 2, ... these names."""
    with contextlib.closing(sqlite3.connect(db)) as library, library:
        rows = ((name.artist, name.title, name.album, i) for i, name in enumerate(names, 1))
        library.executemany("UPDATE file SET artist = ?, title = ?, album = ? WHERE track_id = ?", rows)


def _drawn(rng: np.random.Generator, count: int, size: int) -> Numbers:
    """Numbers below `count`, a few of them very often."""
    often = np.cumsum((1.0 + np.arange(count)) ** -TAIL)
    ranks = np.searchsorted(often, rng.random(size) * often[-1])
    return np.asarray(rng.permutation(count)[ranks.clip(max=count - 1)], np.int64)


def listened(rng: np.random.Generator, tracks: int, plays: int) -> tuple[Numbers, Numbers]:
    """What was played and when, int64 [plays] each: albums from their beginning, and sessions that are shuffled."""
    sessions = plays // SESSION_TRACKS + 1
    played = _drawn(rng, tracks, sessions * SESSION_TRACKS).reshape(sessions, SESSION_TRACKS)
    whole = rng.random(sessions) < ALBUMS
    first = played[whole, :1] - played[whole, :1] % ALBUM_TRACKS
    played[whole] = np.minimum(first + np.arange(SESSION_TRACKS), tracks - 1)
    at = np.arange(sessions * SESSION_TRACKS) * PLAY_S + np.repeat(np.arange(sessions) * PAUSE_S, SESSION_TRACKS)
    return played.ravel()[:plays], (at - at[plays - 1] + LAST_PLAY)[:plays]


def write_scrobbles(path: Path, names: Sequence[Name], plays: int, seed: int = 0) -> None:
    """Scrobbles as a table in the layout of Last.fm's exports, the last first."""
    rng = np.random.default_rng(seed)
    played, at = listened(rng, len(names), plays)
    others = named(len(names) // 3, seed + 1)
    others = [Name(names[i].artist, name.title, name.album) if i % 2 else name for i, name in enumerate(others)]
    instead = _drawn(rng, len(others), plays)
    unknown, dirty = rng.random(plays) < UNKNOWN, rng.random(plays) < DIRTY
    spelling = rng.integers(0, len(SPELLINGS), plays)

    def rows() -> Iterator[tuple[object, ...]]:
        for i in range(plays - 1, -1, -1):
            name = others[instead[i]] if unknown[i] else names[played[i]]
            name = SPELLINGS[spelling[i]](name) if dirty[i] else name
            yield int(at[i]), "", name.artist, "", name.album, "", name.title, ""

    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("uts", "utc_time", "artist", "artist_mbid", "album", "album_mbid", "track", "track_mbid"))
        writer.writerows(rows())
