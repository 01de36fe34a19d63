"""What the readers give row by row, and how it becomes a history."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

from musictaste.track import History, PlayRecord

T = TypeVar("T")
N = TypeVar("N", int, float, bool)


class Listen(NamedTuple):
    """One play with its time, or one skip; `of` names the recording."""

    of: PlayRecord
    at: int
    skipped: bool = False


Row = PlayRecord | Listen | None
"""None stands for a row that makes no sense."""


def each(rows: Iterable[T], read: Callable[[T], Iterable[Row]]) -> Iterator[Row]:
    """What is read of each row; a row with a value that makes no sense gives None."""
    for row in rows:
        try:
            yield from list(read(row))
        except ValueError:
            yield None


def mapping(value: Any) -> dict[str, Any]:
    """A JSON object, or an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def listing(value: Any) -> list[Any]:
    """A JSON array; a single value, as converters from XML write it, is an array of one."""
    return value if isinstance(value, list) else [] if value is None else [value]


def gather(source: str, rows: Iterable[Row]) -> History:
    """All rows as one record per recording and user, without those that say nothing."""
    counted: dict[PlayRecord, PlayRecord] = {}
    times: dict[PlayRecord, tuple[list[int], list[int]]] = {}
    malformed = 0
    for row in rows:
        match row:
            case None:
                malformed += 1
            case Listen():
                known = times.get(row.of)
                if known is None:
                    known = times[row.of] = ([], [])
                    counted.setdefault(row.of, row.of)
                known[row.skipped].append(row.at)
            case PlayRecord():
                name = _name_of(row)
                counted[name] = _larger(counted[name], row) if name in counted else row
    records = []
    for name, record in counted.items():
        played, skipped = times.get(name, (record.played_at, record.skipped_at))
        whole = replace(record, played_at=tuple(sorted(set(played))), skipped_at=tuple(sorted(set(skipped))))
        if _says_something(whole):
            records.append(whole)
    return History(source, tuple(records), malformed)


def _name_of(record: PlayRecord) -> PlayRecord:
    """The record without what was done: what it has in common with another of the same recording and user."""
    return replace(
        record, plays=None, skips=None, rating=None, loved=None, last_played=None, played_at=(), skipped_at=()
    )


def _larger(one: PlayRecord, other: PlayRecord) -> PlayRecord:
    """Two rows of one user on one recording: the same plays, of which either may know more."""
    return replace(
        other,
        plays=_most(one.plays, other.plays),
        skips=_most(one.skips, other.skips),
        rating=_most(one.rating, other.rating),
        loved=_most(one.loved, other.loved),
        last_played=_most(one.last_played, other.last_played),
        played_at=tuple(sorted({*one.played_at, *other.played_at})),
    )


def _most(one: N | None, other: N | None) -> N | None:
    return one if other is None else other if one is None else max(one, other)


def _says_something(record: PlayRecord) -> bool:
    counted = record.plays or record.skips or record.played_at or record.skipped_at
    return bool(counted) or record.rating is not None or record.loved is not None
