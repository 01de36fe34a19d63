"""What players counted, brought into the library: matched to tracks, kept by source, each play counted once."""

from __future__ import annotations

import difflib
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TypeVar

import numpy as np

from musictaste import fading
from musictaste.errors import UnknownSourceError, UnknownUserError
from musictaste.matching import Match, Matcher
from musictaste.plays import read_plays
from musictaste.store import FEEDBACK, Library
from musictaste.track import Counts, Faded, History, Listener, PlayRecord, Source, Together

N = TypeVar("N", int, float, bool)

SAME_PLAY_S = 30
"""Two sources that report a play of one track within so much time report the same play."""


@dataclass(frozen=True)
class Whose:
    """Which users of a file with several are the owner of the library, and whether the others' plays are kept too."""

    users: tuple[str, ...] = ()
    everyone: bool = False


@dataclass(frozen=True)
class Imported:
    """What became of one file: the matches of its records, and how many rows of it made no sense."""

    source: str
    path: Path
    matches: tuple[Match, ...]
    malformed: int

    @property
    def matched(self) -> list[Match]:
        return [match for match in self.matches if match.track_id is not None]

    @property
    def unmatched(self) -> list[Match]:
        return [match for match in self.matches if match.track_id is None]

    @property
    def plays(self) -> int:
        """How many plays found their track, by the player's counters or by its times, whichever say more."""
        return sum(plays_of(match.record) for match in self.matched)

    @property
    def skips(self) -> int:
        return sum(skips_of(match.record) for match in self.matched)


def plays_of(record: PlayRecord) -> int:
    """How often a player says that a recording was played."""
    return max(record.plays or 0, len(record.played_at))


def skips_of(record: PlayRecord) -> int:
    """How often a player says that a recording was skipped."""
    return max(record.skips or 0, len(record.skipped_at))


def read_history(path: Path, whose: Whose) -> History:
    """Read a player's file, and see that it is clear whose plays it holds.

    Raises
    ------
    PlaysFileError
        When it cannot be read.
    UnknownUserError
        When it holds the plays of several users, and none of them, or an unknown one, is named.
    """
    history = read_plays(path)
    known = sorted({record.user for record in history.records if record.user})
    for user in whose.users if known else ():
        if user not in known:
            near = difflib.get_close_matches(user, known, 1, 0)
            raise UnknownUserError(f"'{path}': has no plays of a user '{user}': did you mean '{near[0]}'?")
    if len(known) > 1 and not whose.users and not whose.everyone:
        raise UnknownUserError(f"'{path}': has the plays of several users: say --user with one of {', '.join(known)}")
    return history


def import_history(library: Library, matcher: Matcher, path: Path, history: History, whose: Whose) -> Imported:
    """Keep one file's plays in the library, in place of what was kept of the same file before.

    A file that names one user is that of the owner. Times of plays that the file no longer holds stay: a portable
    player begins a new log after each synchronisation.
    """
    known = {record.user for record in history.records if record.user}
    own = set(whose.users) or (known if len(known) == 1 else set())
    wanted = [r for r in history.records if whose.everyone or not r.user or r.user in own]
    matches = matcher.match_all(wanted)
    place = os.path.abspath(path)  # noqa: PTH100 - a link keeps its own name
    with library.transaction():
        for user, theirs in (_by_user(matches) if known else {"": matches}).items():
            listener = Listener(history.source, place, user, not user or user in own)
            _save(library, library.save_listener(listener), theirs)
        library.disown_other_users(history.source, place, ["", *sorted(own)])
        library.save_imported(merge(library.own_counts(), library.own_events()))
    return Imported(history.source, path, matches, history.malformed)


def forget(library: Library, name: str) -> Source:
    """Remove one source: all that was imported from a player, or from one file, or all that the user said here.

    Raises
    ------
    UnknownSourceError
        When nothing is known from it; those that are known are named.
    """
    listeners = library.listeners()
    place = os.path.abspath(name)  # noqa: PTH100 - as it was kept
    chosen = [i for i, listener in listeners if name == listener.source or place == listener.file]
    said = library.count_feedback()
    with library.transaction():
        if chosen:
            forgotten = library.forget_listeners(chosen)
            library.save_imported(merge(library.own_counts(), library.own_events()))
        elif name == FEEDBACK and said:
            forgotten = Source(FEEDBACK, 0, library.forget_all_feedback(), 0, 0)
        else:
            raise UnknownSourceError(_unknown(name, {listener.source for _, listener in listeners}, said=bool(said)))
    if chosen:
        relate(library)
    library.compact()
    return forgotten


def _unknown(name: str, players: set[str], *, said: bool) -> str:
    known = sorted(players | {FEEDBACK} if said else players)
    if not known:
        return f"nothing is known from '{name}': nothing was imported or said yet"
    near = difflib.get_close_matches(name, known, 1)
    question = f": did you mean '{near[0]}'?" if near else ""
    return f"nothing is known from '{name}'{question} (sources: {', '.join(known)})"


def relate(library: Library) -> None:
    """Learn from all plays that are kept which tracks go together, and keep that in the library."""
    from musictaste import colistening

    track_ids, vectors = library.all_vectors()
    tracks, at, whose = library.played_at()
    # A play that two sources report is one play.
    again = (np.diff(whose) == 0) & (np.diff(tracks) == 0) & (np.diff(at) <= SAME_PLAY_S)
    once = np.flatnonzero(np.concatenate([np.ones(min(len(at), 1), np.bool_), ~again]))
    plays = colistening.listens(np.searchsorted(track_ids, tracks[once]), at[once], whose[once])
    listeners, theirs = library.played_by_others()
    rows = np.unique(listeners, return_inverse=True)[1]
    others = colistening.rows_of(
        rows,
        np.searchsorted(track_ids, theirs),
        np.ones(len(rows), np.float32),
        (int(rows.max(initial=-1)) + 1, len(track_ids)),
    )
    related = colistening.relate(plays, others, vectors)
    ids = np.where(related.columns >= 0, track_ids[related.columns], -1).astype(np.int32)
    library.save_together(track_ids, Together(ids, related.strengths, related.trust))


def _by_user(matches: Iterable[Match]) -> Mapping[str, list[Match]]:
    groups: dict[str, list[Match]] = defaultdict(list)
    for match in matches:
        groups[match.record.user or ""].append(match)
    return groups


def _save(library: Library, listener_id: int, matches: Sequence[Match]) -> None:
    by_track: dict[int, list[PlayRecord]] = defaultdict(list)
    unmatched: set[int] = set()
    for match in matches:
        if match.track_id is None:
            unmatched.update(match.record.played_at, match.record.skipped_at)
        else:
            by_track[match.track_id].append(match.record)
    library.save_counts(listener_id, (_together(track, records) for track, records in by_track.items()))
    events = (
        (track_id, at, skipped)
        for track_id, records in by_track.items()
        for record in records
        for skipped, times in ((False, record.played_at), (True, record.skipped_at))
        for at in times
    )
    library.save_events(listener_id, events, unmatched=unmatched)


def _together(track_id: int, records: Sequence[PlayRecord]) -> Counts:
    """What one source says of a track under several names, as of two copies: these plays are different ones."""
    return Counts(
        track_id,
        _over((r.plays for r in records), sum),
        _over((r.skips for r in records), sum),
        _over((r.rating for r in records), max),
        _over((r.loved for r in records), max),
        _over((r.last_played for r in records), max),
    )


def _over(values: Iterable[N | None], combine: Callable[[list[N]], N]) -> N | None:
    """A sum or maximum of what is said; None where nothing is."""
    said = [value for value in values if value is not None]
    return combine(said) if said else None


def merge(counts: Iterable[tuple[int, Counts]], events: Iterable[tuple[int, int, int, bool]]) -> list[Counts]:
    """What several sources say together of each track, no play counted twice.

    Parameters
    ----------
    counts : (listener, counts)
    events : (track, listener, Unix seconds, whether it was skipped), in that order
    """
    by_track: dict[int, dict[int, Counts]] = defaultdict(dict)
    for listener, said in counts:
        by_track[said.track_id][listener] = said
    times: dict[int, dict[bool, dict[int, list[int]]]] = defaultdict(lambda: {False: {}, True: {}})
    for (track_id, listener), group in groupby(events, key=itemgetter(0, 1)):
        for _, _, at, skipped in group:
            times[track_id][skipped].setdefault(listener, []).append(at)
    return [
        _merged(track_id, by_track.get(track_id, {}), times[track_id][False], times[track_id][True])
        for track_id in sorted(by_track.keys() | times.keys())
    ]


def _merged(
    track_id: int, counts: Mapping[int, Counts], played: Mapping[int, list[int]], skipped: Mapping[int, list[int]]
) -> Counts:
    """A counter says nothing of when, but for its last play; so the plays of several sources are bounded from below.

    They are at least the different plays with times, and at least each counter with the plays that came after its last.
    """
    last = {i: c.last_played for i, c in counts.items() if c.plays and c.last_played and i not in played}
    known = distinct_times([*played.values(), *([at] for at in last.values())])
    bounds = [len(known)]
    for listener, said in counts.items():
        until = max([said.last_played or 0, *played.get(listener, [])])
        later = sum(at > until and not _same_play(until, at) for at in known) if until else 0
        bounds.append((said.plays or 0) + later)
    everything = list(counts.values())
    skips = distinct_times(list(skipped.values()))
    plays_count, skips_count = max(bounds), max([len(skips), *(c.skips or 0 for c in everything)])
    return Counts(
        track_id,
        plays_count,
        skips_count,
        _over((c.rating for c in everything), max),
        _over((c.loved for c in everything), max),
        _over((*(c.last_played for c in everything), *(at for times in played.values() for at in times)), max),
        _faded((plays_count, known), (skips_count, skips)),
    )


def _faded(played: tuple[int, Sequence[int]], skipped: tuple[int, Sequence[int]]) -> Faded | None:
    """What is left of some plays and skips, each as how many there were and the times that are known of them.

    Those without a time are taken for as old as the first that has one: players' counters go back before their logs.
    """
    times = [*played[1], *skipped[1]]
    if not times:
        return None
    first, last = min(times), max(times)
    plays, skips = (
        fading.remaining([*known, *[first] * (count - len(known))], last) for count, known in (played, skipped)
    )
    return Faded(plays, skips, last)


def distinct_times(sources: Sequence[Sequence[int]]) -> list[int]:
    """The times of different plays of one track, of the reports of several sources, each ascending, in Unix seconds.

    A report of one source stands for one of another that is near it; two of the same source are always two plays.
    """
    known: list[list[int]] = []
    for times in sorted(map(tuple, sources)):
        new, position = [], 0
        for at in times:
            while position < len(known) and known[position][-1] < at and not _reported(known[position], at):
                position += 1
            if position < len(known) and _reported(known[position], at):
                known[position] = sorted([*known[position], at])
                position += 1
            else:
                new.append([at])
        known = sorted(known + new)
    return [reports[0] for reports in known]


def _reported(reports: Sequence[int], at: int) -> bool:
    return any(_same_play(other, at) for other in reports)


def _same_play(one: int, other: int) -> bool:
    first, second = min(one, other), max(one, other)
    # Some write whole minutes only: such a play began within the minute.
    return second - first <= SAME_PLAY_S + (60 if first % 60 == 0 else 0)
