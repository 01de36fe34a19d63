"""What was known at a moment of the past, made from nothing that came later."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from musictaste import colistening, exploring, fading, playlist, taste
from musictaste.colistening import Listens, Sparse
from musictaste.exploring import Heard
from musictaste.taste import Taste
from musictaste.track import Plays, Pool, Surroundings, Together

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]

NOTHING: Numbers = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Catalogue:
    """The music that is asked about. A track is its row here, and `pool.ids` are the rows.

    `ids` int64 [n], ascending, are the tracks' numbers in the library.
    `artists` int64 [n] numbers who a track is by, and `offered` bool [n] says which tracks lists are made from: all of
    the library, or an even draw of it, so that what was never played has its true share. `around` is what they are
    seen against, where that is known.
    """

    pool: Pool
    ids: Numbers = field(compare=False)
    artists: Numbers = field(compare=False)
    offered: Flags = field(compare=False)
    around: Surroundings | None = field(default=None, compare=False)

    def seen(self, played: Numbers) -> Surroundings | None:
        """What all tracks are seen against by who has played some."""
        return self.around and replace(self.around, played=self.around.moods[played])

    def __len__(self) -> int:
        return len(self.pool)

    @cached_property
    def listed(self) -> Pool:
        """The tracks that lists are made from."""
        return playlist.where(self.pool, self.offered)


@dataclass(frozen=True)
class Listening:
    """Plays with a time: of the owner, what the owner skipped, and plays of all who are known with whose they are.

    `plays` has the sessions of the owner alone. `skipped` and `skipped_at` int64 [s] are in the order of time.
    `tracks`, `at` and `whose` int64 [m] are those of everybody, the owner being 0. `others` csr [listeners, n] has ones
    for what each of the others has ever played.
    """

    plays: Listens
    skipped: Numbers = field(compare=False)
    skipped_at: Numbers = field(compare=False)
    tracks: Numbers = field(compare=False)
    at: Numbers = field(compare=False)
    whose: Numbers = field(compare=False)
    others: Sparse = field(compare=False)


@dataclass(frozen=True)
class Learned:
    """What was learned from plays: what goes together, and how often each track came right after each other one."""

    together: Together
    follows: Sparse = field(compare=False)


@dataclass(frozen=True)
class Moment:
    """What is known at one moment: how often each track was played, int64 [n], and what is made of that.

    `chance` float64 [n] decides between equals, and is all that a random list goes by.
    """

    catalogue: Catalogue
    learned: Learned
    plays: Plays
    played: Numbers = field(compare=False)
    chance: Doubles = field(compare=False)

    @cached_property
    def liking(self) -> Taste | None:
        """The taste by which all tracks are scored."""
        catalogue = self.catalogue
        listening = taste.beside(catalogue.pool.ids, self.learned.together)
        return taste.score(catalogue.pool.vectors, self.plays, listening, around=catalogue.seen(self.plays.ids))

    @cached_property
    def history(self) -> Heard:
        return exploring.heard(self.catalogue.pool.ids, self.plays, taste.weigh(self.plays))


def learn(listening: Listening, before: int, vectors: Floats) -> Learned:
    """Learn from all plays before a time, in Unix seconds, what the library learns when plays are imported."""
    count = len(vectors)
    known = listening.at < before
    everybody = colistening.listens(listening.tracks[known], listening.at[known], listening.whose[known])
    related = colistening.relate(everybody, listening.others, vectors)
    own = listening.plays.between(0, int(listening.plays.sessions[np.searchsorted(listening.plays.at, before)]))
    return Learned(
        Together(related.columns, related.strengths, related.trust),
        colistening.followed(own, count, 1, fading=False),
    )


def moment(catalogue: Catalogue, listening: Listening, place: int, learned: Learned, *, chance: Doubles) -> Moment:
    """What is known just before the play at `place` of the owner's plays; there is one before it."""
    plays = listening.plays
    tracks, at = plays.tracks[:place], plays.at[:place]
    skips = int(np.searchsorted(listening.skipped_at, plays.at[place]))
    return Moment(
        catalogue,
        learned,
        _history(catalogue.pool.vectors, (tracks, at), (listening.skipped[:skips], listening.skipped_at[:skips])),
        np.bincount(tracks, minlength=len(catalogue)),
        chance,
    )


def _history(vectors: Floats, played: tuple[Numbers, Numbers], skipped: tuple[Numbers, Numbers]) -> Plays:
    """The user's history as the library gives it, from tracks and the times at which they were played and skipped."""
    count = len(vectors)
    now = fading.end_of_day(float(max(times.max(initial=0) for _, times in (played, skipped))))
    plays, skips = (
        np.bincount(tracks, fading.left(now - times.astype(np.float64)), minlength=count)
        for tracks, times in (played, skipped)
    )
    last = np.zeros(count)
    last[played[0]] = played[1]  # ascending times: the last one stays
    rows = np.flatnonzero(plays + skips)
    known = Plays(
        rows,
        vectors[:0],
        np.bincount(played[0], minlength=count)[rows].astype(np.float32),
        skips[rows].astype(np.float32),
        np.full(len(rows), -1, np.float32),
        np.zeros(len(rows), np.float32),
        recent=plays[rows].astype(np.float32),
        last_played=last[rows],
    )
    return with_sound(known, vectors)


def with_sound(plays: Plays, vectors: Floats) -> Plays:
    """A history of rows of `vectors` with the sound of those that are liked, and disliked, most."""
    sounded = taste.loudest(plays)
    return replace(plays, vectors=vectors[plays.ids[sounded]], sounded=sounded)


def some(plays: Plays, kept: Flags) -> Plays:
    """Some rows of a history, whose sound was not asked for."""
    columns = ("ids", "plays", "skips", "rating", "loved", "recent", "verdict", "last_played")
    values = {name: getattr(plays, name) for name in columns}
    return replace(plays, **{name: value[kept] for name, value in values.items() if value is not None})
