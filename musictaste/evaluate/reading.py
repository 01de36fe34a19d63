"""From the library to what `evaluate` asks about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import itemgetter

import numpy as np

from musictaste import colistening
from musictaste.evaluate import past
from musictaste.evaluate.past import Catalogue, Flags, Listening, Numbers
from musictaste.history import distinct_times
from musictaste.store import Library
from musictaste.track import Plays, normalise

MOST_TRACKS = 20_000
DRAWN = 10_000
"""Of more than MOST_TRACKS so many, drawn evenly, make the lists: all vectors of a million would fill memory."""


@dataclass(frozen=True)
class Times:
    """Tracks by id and the times at which something was done with them, int64 [n] each, in the order of time."""

    tracks: Numbers = field(compare=False)
    at: Numbers = field(compare=False)

    def __len__(self) -> int:
        return len(self.tracks)


@dataclass(frozen=True)
class Read:
    """What was read of the library, by its numbers of tracks: the music, and what the owner did with which track."""

    music: Numbers = field(compare=False)
    plays: Plays
    played: Times
    skipped: Times

    @property
    def present(self) -> Flags:
        """Which of the plays are of music that is there."""
        return np.isin(self.played.tracks, self.music)


def read(library: Library) -> Read:
    """All that is known of the owner's plays; no sound yet."""
    music = np.flatnonzero(library.columns(["music"])["music"])
    track_ids, listeners, at, skipped = library.own_times()
    played, skips = (_once(track_ids[kept], listeners[kept], at[kept]) for kept in (skipped == 0, skipped == 1))
    return Read(music, library.plays(lambda plays: plays.ids[:0]), played, skips)


def _once(track_ids: Numbers, listeners: Numbers, at: Numbers) -> Times:
    """What several sources report of the same play is there once; all are by track and listener."""
    if len(np.unique(listeners)) > 1:
        rows = zip(track_ids.tolist(), listeners.tolist(), at.tolist(), strict=True)
        pairs = [(track, time) for track, group in groupby(rows, itemgetter(0)) for time in _distinct(group)]
        track_ids, at = np.array(pairs, np.int64).reshape(-1, 2).T
    order = np.lexsort((track_ids, at))
    return Times(track_ids[order], at[order])


def _distinct(rows: Iterable[tuple[int, int, int]]) -> list[int]:
    return distinct_times([[at for *_, at in group] for _, group in groupby(rows, itemgetter(1))])


def catalogue(library: Library, known: Read, rng: np.random.Generator) -> Catalogue:
    """All music, or of a large library an even draw of it with all that was played."""
    whole = len(known.music) <= MOST_TRACKS
    drawn = known.music if whole else np.sort(rng.permutation(known.music)[:DRAWN])
    pool = library.music(np.intersect1d(known.music, np.concatenate([drawn, known.plays.ids, known.played.tracks])))
    # Tracks without an artist are each by somebody else.
    names = [normalise(artist) or f"\0{i}" for i, artist in enumerate(pool.artists)]
    artists = np.unique(names, return_inverse=True)[1] if names else np.zeros(0, np.int64)
    offered = np.isin(pool.ids, drawn)
    around = library.surroundings(pool.ids, np.zeros(0, np.int64))
    return Catalogue(replace(pool, ids=np.arange(len(pool))), pool.ids, artists.astype(np.int64), offered, around)


def listening(library: Library, known: Read, of: Catalogue) -> Listening:
    """Who played what of the catalogue, and when."""
    played, skipped = (_rows(times, of) for times in (known.played, known.skipped))
    track_ids, at, whose = library.played_at()
    theirs = (whose > 0) & np.isin(track_ids, of.ids)
    listeners, tracks = library.played_by_others()
    kept = np.isin(tracks, of.ids)
    listeners = np.unique(listeners[kept], return_inverse=True)[1]
    others = colistening.rows_of(
        listeners,
        np.searchsorted(of.ids, tracks[kept]),
        np.ones(len(listeners), np.float32),
        (int(listeners.max(initial=-1)) + 1, len(of)),
    )
    return Listening(
        colistening.listens(played.tracks, played.at),
        skipped.tracks,
        skipped.at,
        np.concatenate([played.tracks, np.searchsorted(of.ids, track_ids[theirs])]),
        np.concatenate([played.at, at[theirs]]),
        np.concatenate([np.zeros(len(played), np.int64), whose[theirs]]),
        others,
    )


def history(known: Read, of: Catalogue) -> Plays:
    """What the owner did with tracks of the catalogue, by row, whether or not it is known when."""
    plays = past.some(known.plays, np.isin(known.plays.ids, of.ids))
    return replace(plays, ids=np.searchsorted(of.ids, plays.ids))


def _rows(times: Times, of: Catalogue) -> Times:
    kept = np.isin(times.tracks, of.ids)
    return Times(np.searchsorted(of.ids, times.tracks[kept]), times.at[kept])
