"""Questions to the past: which plays are held out, and what is asked of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from musictaste import colistening
from musictaste.colistening import Listens
from musictaste.evaluate.past import Flags, Numbers
from musictaste.fading import DAY_S

HELD_OUT = 0.2
PARTS = 5
"""What is held out is predicted in so many parts, each by what was learned from all that came before it."""

NEXT_A_DAY = 60
"""Of a long day, so many plays are asked for, drawn evenly."""

Kind = Literal["next", "session", "day"]


@dataclass(frozen=True)
class Day:
    """A day that is held out, as places of the owner's plays, begin <= place < end; parts are numbered from 0."""

    part: int
    begin: int
    end: int


@dataclass(frozen=True)
class Question:
    """Which tracks come, `wanted`, after those of the context, the latest first, of which `passed` are out of question.

    `group` is the session or the day: answers of one group are not independent.
    """

    kind: Kind
    group: int
    context: Numbers = field(compare=False)
    wanted: Numbers = field(compare=False)
    passed: Numbers = field(compare=False)


def days(plays: Listens) -> list[Day]:
    """The days of the last fifth of the plays, from a session's begin on; each session belongs to the day it began."""
    starts = np.flatnonzero(np.diff(plays.sessions, prepend=-1))
    first = int((1 - HELD_OUT) * len(plays))
    starts = starts[starts >= max(first, 1)]
    if not len(starts):
        return []
    bounds = starts[0] + np.arange(PARTS) * (len(plays) - starts[0]) / PARTS
    part = np.searchsorted(bounds, starts, side="right") - 1
    day = plays.at[starts] // DAY_S
    begins = np.flatnonzero(np.diff(day, prepend=-1).astype(bool) | np.diff(part, prepend=-1).astype(bool))
    ends = [*starts[begins[1:]].tolist(), len(plays)]
    return [Day(int(part[i]), int(starts[i]), end) for i, end in zip(begins.tolist(), ends, strict=True)]


def questions(plays: Listens, day: Day, known: Flags, rng: np.random.Generator) -> Iterator[Question]:
    """What is asked of a day; only tracks that were known before it, bool [n], can be predicted."""
    latest = plays.tracks[day.begin - 1 : day.begin]
    wanted = np.unique(plays.tracks[day.begin : day.end])
    wanted = wanted[known[wanted]]
    if len(wanted):
        yield Question("day", day.begin, latest, wanted, latest[:0])
    following: list[Question] = []
    for session in range(int(plays.sessions[day.begin]), int(plays.sessions[day.end - 1]) + 1):
        those = plays.between(session, session + 1)
        first = those.tracks[:1]
        rest = np.setdiff1d(those.tracks, first)
        rest = rest[known[rest]]
        if len(rest):
            yield Question("session", session, first, rest, first)
        following += [
            Question("next", session, context, np.array([track]), context)
            for track, context in colistening.next_tracks(those, known)
        ]
    kept = rng.permutation(len(following))[:NEXT_A_DAY]
    yield from (following[i] for i in np.sort(kept).tolist())


def count_new(plays: Listens, asked: list[Day]) -> int:
    """How many plays of some days are of tracks that were not known before their day."""
    _, first, rows = np.unique(plays.tracks, return_index=True, return_inverse=True)
    return sum(int((first[rows[day.begin : day.end]] >= day.begin).sum()) for day in asked)
