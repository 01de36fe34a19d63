"""Quod Libet's library: a pickled list of songs, of which nothing but plain values is ever made."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from typing import Any

from musictaste.errors import PlaysFileError
from musictaste.plays import fields
from musictaste.plays.bounded import WHOLE_BYTES, Stream
from musictaste.plays.rows import Row, each
from musictaste.track import PlayRecord

# What the unpickler lets through on bytes that are no pickle, or one that was tampered with.
_DAMAGED = (
    pickle.UnpicklingError, EOFError, AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError,
    MemoryError, AssertionError,
)  # fmt: skip


class _Song(dict[Any, Any]):
    """Stands for every class of songs; what a pickle would set on it beside its items is dropped."""

    def __setstate__(self, _: object) -> None:
        pass


def _latin1(text: str, encoding: str) -> bytes:
    """Stands for `_codecs.encode`, by which the second protocol writes bytes."""
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError("no plain bytes")
    return text.encode("latin-1")


def _no_bytes() -> bytes:
    return b""


# The unpickler in C would fill gigabytes on being told of the memo's billionth entry; this one keeps a dict.
class _PlainUnpickler(pickle._Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        match module.split("."), name:
            case (["quodlibet", "formats", *_] | ["formats", *_], _) if name.isidentifier():
                return _Song
            case ["_codecs"], "encode":
                return _latin1
            case ["__builtin__" | "builtins"], "bytes":
                return _no_bytes
        raise pickle.UnpicklingError(f"it names '{module}.{name}'")


def quodlibet(stream: Stream) -> Iterator[Row]:
    """Ratings from 0 to 1 (an unrated song has none), times in Unix seconds, lengths in seconds."""
    data = stream.read(WHOLE_BYTES + 1)
    if len(data) > WHOLE_BYTES:
        raise PlaysFileError(f"is larger than {WHOLE_BYTES >> 20} MiB")
    try:
        songs = _PlainUnpickler(io.BytesIO(data)).load()
    except _DAMAGED as error:
        raise PlaysFileError(f"is no list of songs, or a damaged one: {str(error) or type(error).__name__}") from error
    if not isinstance(songs, list):
        raise PlaysFileError("is a pickle, but no list of songs")
    return each(songs, _song)


def _song(song: Any) -> Iterator[Row]:
    if not isinstance(song, dict):
        raise ValueError("no song")
    # Since it can be read by Quod Libet of Python 2, keys and names of files are bytes.
    values = {key.decode("utf-8", "replace") if isinstance(key, bytes) else key: song[key] for key in song}
    yield PlayRecord(
        fields.paths(values.get("~filename")),
        _first(values.get("artist")),
        _first(values.get("title")),
        _first(values.get("album")),
        fields.duration_s(values.get("~#length")),
        fields.recording_id(values.get("musicbrainz_trackid")),
        plays=fields.count(values.get("~#playcount")),
        skips=fields.count(values.get("~#skipcount")),
        rating=fields.rating(values.get("~#rating"), 1),
        last_played=fields.moment(values.get("~#lastplayed")),
    )


def _first(value: Any) -> str | None:
    """Several values of a tag are kept as lines of one text."""
    return ", ".join((fields.text(value) or "").splitlines()) or None
