"""Values as players write them, made plain: what makes no sense raises ValueError, what is not said is None."""

from __future__ import annotations

import math
import re
import time
from datetime import UTC, datetime, tzinfo
from typing import Any
from urllib.parse import unquote_to_bytes

MOST_PLAYS = 1_000_000  # a larger counter is garbage, which real files have
CLOCKS_APART_S = 86_400  # how far in the future a play may lie: clocks and time zones differ
FILETIME_EPOCH_S = 11_644_473_600  # 1601 to 1970
OLE_EPOCH_DAYS = 25_569  # 1899-12-30 to 1970
TICKS_PER_S = 10_000_000  # of a FILETIME and of .NET
LONGEST_NAME = 4096

UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_FILE_URI = re.compile(r"file:(?://(?:localhost)?)?(/.*)", re.IGNORECASE | re.DOTALL)
_OTHER_URI = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_UNTAGGED = {"<untagged>", "na", "none", "null"}
# Last.fm's "22 Mar 2021 16:55" and its own spelling with a comma; strptime would read months in the user's language.
_DAY_FIRST = re.compile(r"(\d{1,2}) (\w{3})\w* (\d{4}),? (\d{1,2}):(\d{2})(?::(\d{2}))?")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def number(value: Any) -> float | None:
    """A finite number, or None for nothing."""
    if value in (None, "", b""):
        return None
    if isinstance(value, bytes):
        value = value.decode("ascii")
    try:
        result = float(value)
    except (TypeError, OverflowError) as error:
        raise ValueError("not a number") from error
    if not math.isfinite(result):
        raise ValueError("not a number")
    return result


def count(value: Any) -> int | None:
    """A counter from 0 to a million."""
    result = number(value)
    if result is not None and not 0 <= result <= MOST_PLAYS:
        raise ValueError("no possible count")
    return None if result is None else int(result)


def rating(value: Any, best: float) -> float | None:
    """A rating scaled to 0..1; every player writes 0, or less, for a track that was not rated."""
    result = number(value)
    if result is None or result <= 0:
        return None
    if result > best:
        raise ValueError("beyond the best rating")
    return result / best


def flag(value: Any) -> bool | None:
    """A yes or no; None where nothing is said."""
    return None if value is None or value == "" else bool(number(value))


def text(value: Any) -> str | None:
    """A name, without the words that stand for none."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return None
    name = value.replace("\0", "").strip()
    if len(name) > LONGEST_NAME:
        raise ValueError("no possible name")
    name.encode()  # half a surrogate pair, or a byte that was not UTF-8, cannot be a name
    return None if not name or name.lower() in _UNTAGGED else name


def recording_id(value: Any) -> str | None:
    """A MusicBrainz id; players keep other things under that name, which say nothing."""
    name = (text(value) or "").lower()
    return name if UUID.fullmatch(name) else None


def duration_s(value: Any, per_second: float = 1.0) -> float | None:
    """A length in seconds; 0 is an unknown one."""
    result = number(value)
    return None if result is None or not 0 < result < 1e6 * per_second else result / per_second


def moment(value: Any, *, per_second: float = 1.0, epoch_s: float = 0.0) -> int | None:
    """Unix seconds of a time that is counted in seconds, or parts of them, from an epoch; 0 and -1 are never."""
    result = number(value)
    if result is None or result in (0, -1):
        return None
    return _plausible(result / per_second - epoch_s)


def filetime(value: Any) -> int | None:
    """Unix seconds of a Windows FILETIME: 100 ns since 1601."""
    return moment(value, per_second=TICKS_PER_S, epoch_s=FILETIME_EPOCH_S)


def ole_date(value: Any) -> int | None:
    """Unix seconds of days since 1899-12-30."""
    days = number(value)
    if days is None or days <= 0:
        return None
    return _plausible(round((days - OLE_EPOCH_DAYS) * 86_400))  # a float of days is off by microseconds


def date(value: Any, zone: tzinfo | None = UTC) -> int | None:
    """Unix seconds of a date, or of seconds as text; without a zone it is in `zone` (None: that of this machine)."""
    if isinstance(value, str) and value.isdecimal():  # most of a million rows
        return moment(value)
    words = text(value) if isinstance(value, str | bytes) else None
    if words is None or words.lstrip("-").replace(".", "", 1).isdigit():
        return moment(value)
    found = _DAY_FIRST.fullmatch(words.removesuffix(" GMT"))
    if found and found[2].lower() in _MONTHS:
        day, _, year, hour, minute, second = found.groups("0")
        month = _MONTHS.index(found[2].lower()) + 1
        when = datetime(int(year), month, int(day), int(hour), int(minute), int(second), tzinfo=zone)
    else:
        when = datetime.fromisoformat(words.removesuffix(" UTC"))
        when = when if when.tzinfo else when.replace(tzinfo=zone)
    try:
        return _plausible(when.timestamp())
    except OverflowError as error:
        raise ValueError("no possible date") from error


def local(unix: int | None) -> int | None:
    """Unix seconds of a clock that showed local time and was taken for UTC."""
    return None if unix is None else int(datetime.fromtimestamp(unix, UTC).replace(tzinfo=None).timestamp())


def path(value: Any) -> str | None:
    """A path from a file URI or from itself; None for streams and what else is no file."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    if not isinstance(value, str) or not value or len(value) > 8 * LONGEST_NAME:
        return None
    found = _FILE_URI.fullmatch(value)
    if found is None:
        return None if _OTHER_URI.match(value) else value
    raw = unquote_to_bytes(found[1].encode("utf-8", "surrogateescape"))
    return raw.decode("utf-8", "surrogateescape")


def paths(*values: Any) -> tuple[str, ...]:
    """The paths among some values, each once."""
    return tuple(dict.fromkeys(found for value in values if (found := path(value))))


def _plausible(unix: float) -> int:
    if not 0 < unix <= time.time() + CLOCKS_APART_S:
        raise ValueError("no possible time of a play")
    return int(unix)
