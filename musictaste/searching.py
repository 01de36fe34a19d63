"""Which songs say what is looked for: those that have the very words, then those that mean it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from musictaste import lookup
from musictaste.errors import NothingAskedError, NoWordsError
from musictaste.store import Library, signs
from musictaste.track import Codes, Words, normalise

Floats = NDArray[np.float32]
Match = Literal["words", "meaning"]

AT_ONCE = 50
"""So many songs are encoded for one transaction, in which nobody else can write."""

ENOUGH = {"latin": 28, "cjk": 9}
"""Characters from which on lines are one to be looked up. Whole lines are found by what they mean far more often than
the longer parts by which a song's emotion is told; of shorter ones "oh" would be near to everything short."""

MOST_LINES = 250
CANDIDATES = 40
"""So many songs whose codes are nearest are compared by the vectors themselves."""

MEANS_IT = 0.5
"""Cosine from which on a line means what is looked for; of pairs of lines drawn at random two in a thousand reach
it, of 25 questions that no song answers 4 have such a line among 2,514 songs."""


class Embeds(Protocol):
    """What makes vectors of texts, as `inference.Encoder` does."""

    def embed(self, texts: Sequence[str]) -> Floats: ...


@dataclass(frozen=True)
class Hit:
    """A track that says what was looked for, the line that does, and the cosine of the two."""

    track_id: int
    line: str
    match: Match
    score: float


@dataclass(frozen=True)
class Found:
    """What was found, in how many songs it was looked for, and the best cosine of those that mean it or nearly do."""

    hits: tuple[Hit, ...]
    songs: int
    best: float = 0.0


@dataclass(frozen=True)
class _Near:
    """In how many bits the code of each line differs from another, uint16 [lines].

    `ids` int64 [songs] are the words that the lines are of, `starts` int64 [songs] where those of each begin, and
    `nearest` uint16 [songs] is the least of each.
    """

    ids: NDArray[np.int64]
    starts: NDArray[np.int64]
    nearest: NDArray[np.uint16]
    bits: NDArray[np.uint16]

    def ranked(self, lyrics_ids: NDArray[np.int64], *, others: bool = False) -> NDArray[np.int64]:
        """Those of the given words that have codes, or all others, the nearest first."""
        kept = np.isin(self.ids, lyrics_ids, invert=others)
        order = np.argsort(self.nearest[kept], kind="stable")
        return self.ids[kept][order]

    def line(self, lyrics_id: int) -> int:
        """Which line of some words is the nearest."""
        song = int(np.flatnonzero(self.ids == lyrics_id)[0])
        return int(np.split(self.bits, self.starts[song : song + 2])[1].argmin())


def lines_of(words: Words) -> list[str]:
    """The lines by which words can be found by their meaning; none where the encoder does not know the language."""
    from musictaste.inference import READABLE, parts_of

    return parts_of(words.text or "", enough=ENOUGH)[:MOST_LINES] if words.language in READABLE else []


def index(library: Library, load: Callable[[], Embeds]) -> Iterator[tuple[int, int]]:
    """Let words be looked up that came or changed; yields how many can be so far, and of how many.

    The encoder is loaded when there is something for it.
    """
    library.clear_index()
    ids = library.unindexed()
    encoder = load() if ids else None
    for start in range(0, len(ids), AT_ONCE):
        assert encoder  # noqa: S101 - there are ids
        library.index(_meanings(encoder, library.texts(ids[start : start + AT_ONCE])))
        yield min(start + AT_ONCE, len(ids)), len(ids)


def _meanings(encoder: Embeds, found: Mapping[int, Words]) -> dict[int, Floats]:
    """Vectors float32 [n, 512] of the lines of words, by the ids of these."""
    lines = [lines_of(words) for words in found.values()]
    texts = [lookup.for_encoder(line) for each in lines for line in each]
    vectors = encoder.embed(texts) if texts else np.zeros((0, 512), np.float32)
    return dict(zip(found, np.split(vectors, np.cumsum([len(each) for each in lines])[:-1]), strict=True))


def find(library: Library, asked: str, load: Callable[[], Embeds], *, limit: int, exact: bool = False) -> Found:
    """Music that says what is asked for: first what has these very words, then, unless `exact`, what means them.

    Of both the nearest in meaning come first, and a song that the library has twice comes once. `load` is called
    late: what it loads may have been on its way for long.

    Raises
    ------
    NothingAskedError
        When there is no word in what is asked for.
    NoWordsError
        When no song can be looked up.
    """
    phrase = lookup.tokens(asked)
    if not phrase:
        raise NothingAskedError(f"'{asked}': there is no word in it to look for")
    songs = library.count_indexed()
    if not songs:
        raise NoWordsError(_why_none(library))
    quoting = np.array(library.with_phrase(phrase), np.int64)
    encoder = load()
    (vector,) = encoder.embed([lookup.for_encoder(asked)])
    near = _nearest(library.codes(), signs(vector[None])[0])
    named: set[tuple[str, str]] = set()
    uncoded = quoting[~np.isin(quoting, near.ids)]
    quotes = _chosen(library, np.concatenate([near.ranked(quoting), uncoded]), limit, named)
    hits = _hits(encoder, vector, _quoted(library, quotes, phrase), "words")
    if exact or len(hits) == limit:
        return Found(tuple(hits), songs)
    others = near.ranked(quoting, others=True)
    said = _hits(
        encoder,
        vector,
        _nearest_lines(library, _chosen(library, others, max(CANDIDATES, limit), named), near),
        "meaning",
    )
    meant = [hit for hit in said if hit.score >= MEANS_IT]
    return Found((*hits, *meant)[:limit], songs, said[0].score if said else 0.0)


def _why_none(library: Library) -> str:
    known = sum(count for (_, instrumental), count in library.count_words().items() if not instrumental)
    if known:
        return f"the words of {known} songs cannot be looked up yet: run 'musictaste scan'"
    return "no song has words yet: run 'musictaste scan --lyrics tags,files,lrclib,genius'"


def _nearest(codes: Iterable[Codes], asked: NDArray[np.uint64]) -> _Near:
    """How near each song is to a code [8]."""
    # While one part is compared, the next is read: neither needs the interpreter.
    with ThreadPoolExecutor(1) as pool:
        parts = list(pool.map(partial(_nearest_in, asked=asked), codes))
    before = np.cumsum([0, *(len(part.bits) for part in parts)])
    none = _Near(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.uint16), np.zeros(0, np.uint16))
    starts = [part.starts + first for part, first in zip(parts, before[:-1], strict=True)]
    return _Near(
        np.concatenate([none.ids, *(part.ids for part in parts)]),
        np.concatenate([none.starts, *starts]),
        np.concatenate([none.nearest, *(part.nearest for part in parts)]),
        np.concatenate([none.bits, *(part.bits for part in parts)]),
    )


def _nearest_in(part: Codes, asked: NDArray[np.uint64]) -> _Near:
    bits = np.bitwise_count(part.codes ^ asked[:, None]).sum(axis=0, dtype=np.uint16)
    starts = np.flatnonzero(np.concatenate([[True], part.ids[1:] != part.ids[:-1]]))
    return _Near(part.ids[starts], starts, np.minimum.reduceat(bits, starts), bits)


def _chosen(library: Library, ranked: NDArray[np.int64], count: int, named: set[tuple[str, str]]) -> dict[int, int]:
    """The first of some words that are those of music that is there, each with its track; no name comes twice."""
    found: dict[int, int] = {}
    for start in range(0, len(ranked), AT_ONCE):
        part = ranked[start : start + AT_ONCE].tolist()
        tracks = library.sung_by(part)
        present = [lyrics_id for lyrics_id in part if lyrics_id in tracks]
        for lyrics_id, track in zip(present, library.tracks([tracks[i] for i in present]), strict=True):
            name = (normalise(track.artist), normalise(track.title))
            if name[1] and name in named:
                continue
            named.add(name)
            found[lyrics_id] = track.id
            if len(found) == count:
                return found
    return found


Lines = list[tuple[int, str]]


def _quoted(library: Library, chosen: Mapping[int, int], phrase: Sequence[str]) -> Lines:
    """For each track the line in which its words have a phrase."""
    texts = library.texts(list(chosen))
    return [(chosen[i], lookup.line_with(phrase, texts[i].text or "") or "") for i in chosen]


def _nearest_lines(library: Library, chosen: Mapping[int, int], near: _Near) -> Lines:
    """For each track the line of its words whose code is nearest."""
    texts = library.texts(list(chosen))
    return [(chosen[i], lines_of(texts[i])[near.line(i)]) for i in chosen]


def _hits(encoder: Embeds, vector: Floats, lines: Lines, match: Match) -> list[Hit]:
    """Tracks by the cosines of their lines to a vector [512], the nearest first."""
    if not lines:
        return []
    cosines = encoder.embed([lookup.for_encoder(line) for _, line in lines]) @ vector
    found = [Hit(*said, match, float(cosine)) for said, cosine in zip(lines, cosines, strict=True)]
    return sorted(found, key=lambda hit: -hit.score)
