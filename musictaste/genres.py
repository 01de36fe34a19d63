"""What the genre tags of a file say of its style, and how much that weighs against the sound.

A tag and the sound are taken as independent given the style, so that their probabilities multiply (the product rule:
Kittler, Hatef, Duin and Matas, "On combining classifiers", IEEE Transactions on Pattern Analysis and Machine
Intelligence 20(3), 1998):

    P(style | sound, tag) is proportional to P(style | sound) P(tag | style)

A tag that names n of the K heard styles is right with probability r, and says then that it is one of these; a wrong
one is as likely with each of the others. The ratio of the two is the weight of the styles that it names; all others
weigh 1:

    w = (r / n) / ((1 - r) / (K - n))

With r = 0.9 and n = 1 that is 126, so that a style which the sound gives 0.02 wins against one of 0.9, and one of 0.002
loses.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from musictaste import styles
from musictaste.styles import STYLES

PLAIN = 0.9
"""How often a tag is right that names one of the heard styles. Of the thousand labels of GTZAN, which were given with
more care than most tags, 106 are wrong or contended (Sturm, "An analysis of the GTZAN music genre dataset", 2012)."""

SPECIFIC = 0.95
"""The same of one that names a style below them: nobody writes bebop for want of a better word. 43 of GTZAN's labels
are plainly wrong, which is taken as what is left where whoever labels knows the style."""

UMBRELLAS = {"rock": ("rock", "metal", "punk", "pop"), "pop": ("pop", "rock", "disco", "soul", "electronic", "hip-hop")}
"""What shops and taggers call whatever has guitars or a tune: these tags tell what it is not, and leave it to the sound
which of the styles it is. A choice, for want of labels that taggers gave to music whose style is known."""

NAMED = 1.5
"""How much likelier an umbrella is for the style whose name it has than for the others. Chosen with weigh_tags.py on
made-up tags: at 1 tags that are right are believed too little, at 2 too much metal that is called rock becomes rock."""

LONGEST = 8
"""No style has a name of more words or Chinese characters; some genre tags hold a whole biography."""

# The first is a separator wherever it stands; the second only between styles, since "R&B" is one.
_LISTED = re.compile(r"[;,/|\\\0]")
_JOINED = re.compile(r"[&+]|\b(?:and|y|e|et|und|con|meets)\b|[和与與、・]")
_UNITS = r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+"  # compiled where it is needed: it takes milliseconds

_METHOD = 1
"""Raised when the same words and figures would be read to another end."""

_MEANING = (_METHOD, styles.STYLE_WORDS, styles.SUB_STYLES, styles.ALSO, PLAIN, SPECIFIC, UMBRELLAS, NAMED)

VERSION = zlib.crc32(repr(_MEANING).encode()) & 0x7FFFFFFF
"""Differs whenever tags may be read to another end, so that what was read before is read again; below 2 ** 31."""


def named(genres: Iterable[str]) -> tuple[str, ...]:
    """The styles of the tree that genre tags name, in the order of the tags; "Other" and years name none."""
    return tuple(dict.fromkeys(style for genre in genres for style in _read(genre)))


def within(names: Iterable[str]) -> tuple[str, ...]:
    """Styles with those that they stand below: what is bebop is jazz."""
    return tuple(dict.fromkeys(s for name in names for s in (name, styles.above(name)) if s))


def weights(names: Sequence[str]) -> dict[str, float]:
    """What each of `STYLES` is multiplied by when tags name some styles; empty where that tells nothing.

    Where one of the tags says more than an umbrella does, umbrellas say nothing.
    """
    telling = [name for name in names if name not in UMBRELLAS and styles.heard_as(name)]
    umbrellas = [] if telling else [name for name in names if name in UMBRELLAS]
    reliable: dict[str, float] = {}
    for name in telling or umbrellas:
        for heard in UMBRELLAS.get(name, styles.heard_as(name)):
            reliable[heard] = max(reliable.get(heard, 0.0), SPECIFIC if styles.told_by_tags(name) else PLAIN)
    count = len(reliable)
    found = {
        style: max(1.0, (len(STYLES) - count) / count * r / (1 - r)) * (NAMED if style in umbrellas else 1)
        for style, r in reliable.items()
    }
    return {style: found.get(style, 1.0) for style in STYLES} if found else {}


def weigh(heard: Mapping[str, float], weight: Mapping[str, float]) -> dict[str, float]:
    """P(style | sound, tag) of P(style | sound) and the `weights` of the tag."""
    products = {style: p * weight.get(style, 1.0) for style, p in heard.items()}
    total = sum(products.values())
    return {style: product / total for style, product in products.items()}


@lru_cache(maxsize=10_000)
def _read(genre: str) -> tuple[str, ...]:
    """The styles that one value names: the whole of it, or what it lists, joins or has at its end or beginning."""
    whole = styles.VOCABULARY.lookup(genre)
    if whole:
        return (whole,)
    listed = _LISTED.split(genre)
    if len(listed) > 1:
        return tuple(style for part in listed for style in _read(part))
    joined = [styles.VOCABULARY.lookup(part) for part in _JOINED.split(genre.casefold())]
    if len(joined) > 1 and all(joined):
        return tuple(style for style in joined if style)
    return next(((style,) for part in _parts(genre) if (style := styles.VOCABULARY.lookup(part))), ())


def _parts(genre: str) -> Iterator[str]:
    """Ends of a value from the longest on, then beginnings, by words or by Chinese characters.

    The noun stands last in most languages (melodic death metal, 台湾摇滚) and first in Romance ones (rock sinfónico).
    """
    units = re.findall(_UNITS, genre)
    sizes = range(min(len(units), LONGEST), 0, -1)
    yield from (" ".join(units[-size:]) for size in sizes)
    yield from (" ".join(units[:size]) for size in sizes)
