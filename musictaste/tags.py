"""A file's own tags as one record, whatever the container; the only place that knows mutagen."""

from __future__ import annotations

import io
import math
import os
import re
import struct
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import reduce
from typing import Any

import mutagen
from mutagen.apev2 import APETextValue, APEv2
from mutagen.id3 import ID3
from mutagen.mp4 import AtomDataType, MP4Tags

from musictaste.track import Tags

Pairs = Iterable[tuple[str, str]]
Texts = Mapping[str, list[str]]

# What mutagen raises on damaged files: its own error, and what its parsers let through, seen by flipping bytes.
MALFORMED = (
    mutagen.MutagenError,
    struct.error,  # Opus and Speex headers cut short
    IndexError,  # empty Ogg packets, WavPack rates
    KeyError,  # unknown ASF types
    MemoryError,  # compressed ID3 frames that unpack without end
    OverflowError,  # offsets beyond 2**63
    RecursionError,  # chapters in chapters, atoms in atoms
    ValueError,  # negative sizes in APEv2 and ASF, text that is not in its encoding
    ZeroDivisionError,  # a Speex rate of 0
)

# Where each field lives, best key first: ID3 frames, MP4 atoms, then the free names that Vorbis comments, APEv2, ASF,
# TXXX frames, iTunes' free-form atoms and FFmpeg share once case and punctuation are gone.
KEYS: Mapping[str, tuple[str, ...]] = {
    "title": ("tit2", "©nam", "title"),
    "artist": ("tpe1", "©art", "artist", "author"),
    "artists": ("artists",),
    "album": ("talb", "©alb", "album", "albumtitle"),
    "album_artist": ("tpe2", "aart", "albumartist"),
    "album_artists": ("albumartists",),
    "genres": ("tcon", "©gen", "genre"),
    "date": ("tdrc", "©day", "date", "year", "tdrl"),
    "track_number": ("trck", "trkn", "tracknumber", "track"),
    "disc_number": ("tpos", "disk", "discnumber", "disc", "partofset"),
    "compilation": ("tcmp", "cpil", "compilation", "iscompilation"),
    "recording_id": ("ufid", "musicbrainztrackid"),
    "release_id": ("musicbrainzalbumid",),
    "artist_ids": ("musicbrainzartistid",),
    "track_r128": ("r128trackgain",),
    "album_r128": ("r128albumgain",),
    "track_gain": ("replaygaintrackgain", "rva2:track"),
    "album_gain": ("replaygainalbumgain", "rva2:album"),
    "lyrics": ("uslt", "©lyr", "lyrics", "unsyncedlyrics", "sylt", "syncedlyrics"),
    "skips": ("skipcount",),
    "last_played": ("lastplayedtimestamp", "lastplayed"),
    "loved": ("loved", "loverating"),
}
PLAY_KEYS = ("fmpsplaycount", "fmpsplaycountuser", "playcount", "playcount:")  # a colon: and whatever follows it

# POPM has no agreed scale. Windows, MediaMonkey, MusicBee and Winamp write one of these bytes for so many half stars;
# Quod Libet and Picard divide the range evenly, as everything else is read.
HALF_STARS = {13: 1, 1: 2, 54: 3, 64: 4, 118: 5, 128: 6, 186: 7, 196: 8, 242: 9, 255: 10}
EVEN_SCALE = {"quodlibet@lists.sacredchao.net", "users@musicbrainz.org"}
SHARED_USER_RATING = {1: 0.2, 25: 0.4, 50: 0.6, 75: 0.8, 99: 1.0}

MOST_PLAYS = 1_000_000  # a larger counter is garbage, which real files have
R128_TO_REPLAYGAIN_DB = 5.0  # -23 LUFS (RFC 7845, 5.2.1) against ReplayGain's -18
FILETIME_EPOCH_S = 11_644_473_600  # 1601 to 1970
YES = {"1", "true", "yes", "l"}  # MusicBee's love rating is L, or B for banned
NO = {"0", "false", "no", "b"}

# Bounded repeats: tags are foreign text, and a megabyte of digits must not be tried in every split.
NUMBER = re.compile(r"([-+]?\d{1,20}(?:[.,]\d{0,20})?) ?[a-zA-Z]{0,4}", re.ASCII)
POSITION = re.compile(r"(\d{1,4})\s?(?:(?:/|of).*)?", re.ASCII | re.DOTALL)
UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


class _File(io.BufferedReader):
    """A file that loses patience: mutagen believes damaged sizes, reads gigabytes, or goes round in circles."""

    def __init__(self, path: str) -> None:
        super().__init__(io.FileIO(path))
        self._size = os.fstat(self.fileno()).st_size
        self._reads_left = 100_000 + self._size // 64  # a long Ogg is read page by page

    def read(self, size: int | None = -1, /) -> bytes:
        self._reads_left -= 1
        if self._reads_left < 0:
            raise mutagen.MutagenError("parsing does not end")
        return super().read(-1 if size is None else min(size, self._size))


def read_tags(path: str) -> Tags:
    """Everything that a file says of itself.

    Nothing is raised for a file that is missing, damaged or no music: it says nothing. An ID3 tag counts before an
    APEv2 tag in the same file, unless it is only an ID3v1 tag, whose fields are cut at 30 bytes.
    """
    try:
        with _File(path) as file:
            return reduce(_filled, map(_record, _sources(file)), Tags())
    except OSError:
        return Tags()


def tags_from_container(metadata: Mapping[str, str]) -> Tags:
    """The same record from FFmpeg's metadata, for Matroska and WebM, which mutagen does not read."""
    return _record(_by_key(metadata.items()))


def _sources(file: _File) -> Iterator[Texts]:
    opened = _attempt(mutagen.File, file)
    tags = None if opened is None else opened.tags
    if tags is None:
        tags = _attempt(ID3, file)
    found = [tags]
    if tags is None or isinstance(tags, ID3):
        found.append(_attempt(APEv2, file))
    if isinstance(tags, ID3) and tags.version < (2,):
        found.reverse()
    return (_by_key(_pairs(tags)) for tags in found if tags is not None)


def _attempt(opener: Callable[[_File], Any], file: _File) -> Any:
    file.seek(0)
    try:
        return opener(file)
    except MALFORMED:
        return None


def _filled(tags: Tags, other: Tags) -> Tags:
    silent = [name for name, value in tags._asdict().items() if value == Tags._field_defaults[name]]
    return tags._replace(**{name: getattr(other, name) for name in silent})


def _by_key(pairs: Pairs) -> Texts:
    groups: dict[str, list[str]] = {}
    for key, text in pairs:
        groups.setdefault(key.lower(), []).append(text)
    texts: dict[str, list[str]] = {}
    for key, values in groups.items():  # "ALBUM ARTIST" beside "ALBUMARTIST" is one field said twice, not two values
        texts.setdefault(_folded(key), values)
    return texts


def _folded(key: str) -> str:
    return re.sub(r"[ _/.-]", "", key.removeprefix("wm/").removeprefix("track/"))


def _pairs(tags: Any) -> Pairs:
    match tags:
        case ID3():
            return _id3_pairs(tags)
        case MP4Tags():
            return _mp4_pairs(tags)
        case APEv2():
            return _ape_pairs(tags)
        case _:  # ASF and Vorbis comments are lists of pairs
            return ((key, str(value)) for key, value in tags)


def _id3_pairs(tags: Any) -> Pairs:
    for frame in tags.values():
        if reader := ID3_FRAMES.get(frame.FrameID):
            yield from reader(frame)


def _text_pairs(frame: Any) -> Pairs:
    return ((frame.FrameID, str(text)) for text in frame.text)


def _genre_pairs(frame: Any) -> Pairs:
    return (("tcon", genre) for genre in frame.genres if genre != "Unknown")  # a number that stands for no genre


def _identifier_pairs(frame: Any) -> Pairs:
    if frame.owner == "http://musicbrainz.org":
        yield "ufid", frame.data.decode("ascii", "ignore")


def _popularity_pairs(frame: Any) -> Pairs:
    if frame.rating:
        stars = None if frame.email.lower() in EVEN_SCALE else HALF_STARS.get(frame.rating)
        yield f"popm:{frame.email}", str(stars / 10 if stars else frame.rating / 255)
    yield from _counter_pairs(frame)


def _counter_pairs(frame: Any) -> Pairs:
    if 0 < getattr(frame, "count", 0) <= MOST_PLAYS:  # a rating alone is written with a counter of 0
        yield f"playcount:{getattr(frame, 'email', '')}", str(frame.count)


def _synced_pairs(frame: Any) -> Pairs:
    if frame.type > 2:  # chords, trivia, links; 0 to 2 are words
        return
    lines: list[str] = []
    syllables = any("\n" in text for text, _ in frame.text)
    opens = True
    for text, time in frame.text:
        if opens or not syllables or text.startswith("\n"):
            lines.append(_lrc_stamp(time) if frame.format == 2 else "")  # 1 counts MPEG frames
        lines[-1] += text.strip("\n")
        opens = text.endswith("\n")
    yield "sylt", "\n".join(lines)


def _lrc_stamp(time_ms: int) -> str:
    minutes, hundredths = divmod(time_ms // 10, 6000)
    return f"[{minutes:02}:{hundredths // 100:02}.{hundredths % 100:02}]"


ID3_FRAMES: Mapping[str, Callable[[Any], Pairs]] = {
    **dict.fromkeys(("TIT2", "TPE1", "TALB", "TPE2", "TDRC", "TDRL", "TRCK", "TPOS", "TCMP"), _text_pairs),
    "PCNT": _counter_pairs,
    "POPM": _popularity_pairs,
    "RVA2": lambda frame: [(f"rva2:{frame.desc}", f"{frame.gain:.2f}")],
    "SYLT": _synced_pairs,
    "TCON": _genre_pairs,
    "TXXX": lambda frame: ((frame.desc, text) for text in frame.text),
    "UFID": _identifier_pairs,
    "USLT": lambda frame: [("uslt", frame.text)],
}


def _ape_pairs(tags: Any) -> Pairs:
    return ((key, text) for key, value in tags.items() if isinstance(value, APETextValue) for text in value)


def _mp4_pairs(tags: Any) -> Pairs:
    for key, values in tags.items():
        if key != "covr":
            name = key.split(":", 2)[-1]  # ----:com.apple.iTunes:ARTISTS
            yield from ((name, _mp4_text(value)) for value in (values if isinstance(values, list) else [values]))


def _mp4_text(value: Any) -> str:
    match value:
        case bytes():
            utf16 = getattr(value, "dataformat", None) == AtomDataType.UTF16
            return value.decode("utf-16-be" if utf16 else "utf-8", "ignore")
        case tuple():
            return str(value[0])  # number and total
        case _:
            return str(value)


def _record(texts: Texts) -> Tags:
    artists, album_artists = _texts(texts, "artist"), _texts(texts, "album_artist")
    return Tags(
        title=_text(texts, "title"),
        artist=", ".join(artists or _texts(texts, "artists")) or None,
        artists=_texts(texts, "artists") or artists,
        album=_text(texts, "album"),
        album_artist=", ".join(album_artists or _texts(texts, "album_artists")) or None,
        album_artists=_texts(texts, "album_artists") or album_artists,
        genres=_texts(texts, "genres"),
        date=_text(texts, "date"),
        track_number=_position(_text(texts, "track_number")),
        disc_number=_position(_text(texts, "disc_number")),
        compilation=bool(_answer(_text(texts, "compilation"))),
        musicbrainz_recording_id=next(iter(_ids(texts, "recording_id")), None),
        musicbrainz_release_id=next(iter(_ids(texts, "release_id")), None),
        musicbrainz_artist_ids=_ids(texts, "artist_ids"),
        replaygain_track_db=_gain_db(texts, "track"),
        replaygain_album_db=_gain_db(texts, "album"),
        lyrics=_text(texts, "lyrics"),
        plays=_plays(texts),
        skips=_count(_text(texts, "skips")),
        rating=_rating(texts),
        last_played=_moment(_text(texts, "last_played")),
        loved=_answer(_text(texts, "loved")),
    )


def _texts(texts: Texts, field: str) -> tuple[str, ...]:
    for key in KEYS[field]:
        if values := tuple(dict.fromkeys(filter(None, map(_clean, texts.get(key, ()))))):
            return values
    return ()


def _text(texts: Texts, field: str) -> str | None:
    return next(iter(_texts(texts, field)), None)


def _clean(text: str) -> str:
    whole = text.replace("\0", "").encode("utf-8", "ignore").decode()  # lone surrogates cannot be stored
    return unicodedata.normalize("NFC", whole).replace("\r\n", "\n").replace("\r", "\n").strip()


def _number(text: str | None, low: float, high: float) -> float | None:
    found = NUMBER.fullmatch((text or "").strip())
    value = float(found[1].replace(",", ".")) if found else math.nan
    return value if low <= value <= high else None


def _count(text: str | None) -> int | None:
    number = _number(text, 0, MOST_PLAYS)
    return None if number is None else int(number)


def _position(text: str | None) -> int | None:
    found = POSITION.fullmatch(text or "")
    return int(found[1]) or None if found else None


def _answer(text: str | None) -> bool | None:
    word = (text or "").lower()
    return True if word in YES else False if word in NO else None


def _ids(texts: Texts, field: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found for text in _texts(texts, field) for found in UUID.findall(text.lower())))


def _gain_db(texts: Texts, scope: str) -> float | None:
    q7_8 = _number(_text(texts, f"{scope}_r128"), -32_768, 32_767)
    if q7_8 is not None:
        return q7_8 / 256 + R128_TO_REPLAYGAIN_DB
    return _number(_text(texts, f"{scope}_gain"), -64, 64)


def _votes(texts: Texts, wanted: str) -> Iterator[str]:
    """One value per user, who is named in the key, "rating:<email>", or in the text, "Ann::0.5;;Bob::1"."""
    for key, values in texts.items():
        if key == wanted or (wanted.endswith(":") and key.startswith(wanted)):
            yield from (part.rpartition("::")[2] for text in values for part in text.split(";;"))


def _plays(texts: Texts) -> int | None:
    counts = (_count(text) for key in PLAY_KEYS for text in _votes(texts, key))
    return max((count for count in counts if count is not None), default=None)


def _rating(texts: Texts) -> float | None:
    for key, scale in RATINGS:
        for text in _votes(texts, key):
            number = _number(text, 0, 255)
            if number and (rating := scale(number)) and rating <= 1:
                return rating
    return None


def _plain_scale(number: float) -> float:
    """foobar2000 counts stars, MusicBee and MediaMonkey percent, others write a fraction, all under "RATING"."""
    return number if number < 1 else number / 5 if number <= 5 else number / 100


# The most specific source first.
RATINGS: tuple[tuple[str, Callable[[float], float]], ...] = (
    ("fmpsrating", float),
    ("fmpsratinguser", float),
    ("rating:", float),
    ("popm:", float),
    ("shareduserrating", lambda number: SHARED_USER_RATING.get(int(number), number / 99)),
    ("rating", _plain_scale),
)


def _moment(text: str | None) -> int | None:
    """Unix seconds of a FILETIME, of milliseconds, of seconds, or of an ISO date."""
    number = _number(text, 0, 10**18)
    if number is None:
        try:
            date = datetime.fromisoformat(text or "")
        except ValueError:
            return None
        number = date.replace(tzinfo=date.tzinfo or UTC).timestamp()
    elif number > 10**16:
        number = number / 10**7 - FILETIME_EPOCH_S
    elif number > 10**11:
        number /= 1000
    return int(number) if 0 < number < 2**32 else None
