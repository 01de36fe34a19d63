"""Which track of the library a player means: records and the library's names in, matches out.

Evidence is tried from the strongest to the weakest, and the first kind that names exactly one track decides. Where it
names several that nothing tells apart, the record is ambiguous: its plays are given to none of them.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import chain
from typing import Literal, TypeAlias

from musictaste.track import NamedFile, PlayRecord, fold, normalise

Evidence = Literal["path", "recording id", "names", "cleaned names", "similar names"]

SIMILAR = 0.80
"""The least cosine of trigrams for two names that may be the same, misspelt."""
CLEARLY = 0.05
"""By how much the best of several similar names must lead."""
UNLIKE = 0.30
"""Names below this have nothing in common: a path that ends alike is then chance."""
AT_ONCE = 3
"""So many of its rarest trigrams a similar name has to share to be compared: best of 1 to 4 on a large library."""
TINY = 1e-9  # by which products are off
ARTISTS_KEPT = 256
SAME_DURATION_S = 3.0
OTHER_DURATION_S = 15.0
SURE_TAIL = 3
"""So many folders and names in common are no chance, whatever the tags say."""

_BRACKETED = re.compile(r"[(\[{]([^()\[\]{}]*)[)\]}]")
_AFTER_DASH = re.compile(r"\s[-–—~:]\s+((?:[^-–—~:]|(?<=\w)-(?=\w))+)$")
_REMASTER = re.compile(
    r"(?:digital(?:ly)?\s)?(?:\d{4}\s)?(?:digital(?:ly)?\s)?re-?master(?:ed|izad[oa]|isee?|ing)?\b"
    r"(?:\s(?:version|edition))?(?:\s(?:in\s)?\d{4})?"
)
# What may follow a title without making another recording of it, and what makes one.
_DECORATION = re.compile(
    r"""(?:feat|ft|featuring|with|prod|produced\sby)\b.*
    | (?:\d{4}\s)?(?:mono|stereo)(?:\s(?:version|mix))?
    | (?:album|original|single|lp|ep)\s(?:version|edit)
    | bonus(?:\stracks?)? | explicit | clean | deluxe(?:\s(?:edition|version))?
    | (?:official\s)?(?:music\s)?(?:video|audio) | (?:official\s)?(?:lyrics?|visuali[sz]er)(?:\svideo)? | hd | hq""",
    re.VERBOSE,
)
_VERSION = re.compile(
    r"\b(?:live|acoustic|unplugged|demo|instrumental|karaoke|remix|rmx|mix|edit|cover|sessions?|acapella|reprise|"
    r"orchestral|extended|dub|version|take|outtake|alternate|rehearsal)\b"
    r"|现场版?|現場版?|ライブ|ライヴ|라이브|伴奏|纯音乐|純音樂|演唱会|演唱會"
)
_PLAIN_WORDS = {"the", "at", "in", "on", "from", "a", "of"}
_SYNONYMS = dict.fromkeys(
    ("现场", "现场版", "現場", "現場版", "ライブ", "ライヴ", "라이브", "演唱会", "演唱會", "unplugged"), "live"
) | {"rmx": "remix", "session": "sessions", "纯音乐": "instrumental", "純音樂": "instrumental", "伴奏": "instrumental"}
_NOBODY = {"variousartists", "various", "va", "unknownartist", "unknown"}
_GUEST = re.compile(r"\s[(\[]?(?:feat|ft|featuring)\b.*", re.IGNORECASE)
_JOINED = re.compile(r"\s*(?:&|\+|,|;|/|、|\band\b|\bund\b|\bet\b|\by\b|\bx\b|\bvs\b\.?|\bwith\b)\s*")
_LIVE_ALBUM = re.compile(r"\blive\s(?:at|in|from|on)\b|\(live\b|\bunplugged\b|\bin concert\b")
_NUMBER = re.compile(r"\d+|\b[ivx]+\b")


@dataclass(frozen=True, slots=True)
class Match:
    """Which track a record means, and by what evidence; the candidates where it names several of them."""

    record: PlayRecord
    track_id: int | None
    evidence: Evidence | None
    candidates: tuple[int, ...] = ()

    @property
    def ambiguous(self) -> bool:
        return self.track_id is None and self.evidence is not None


@dataclass(frozen=True, slots=True)
class Title:
    """A title without what may be left away; the kinds of version that it names, and what it says of them."""

    base: str
    versions: frozenset[str] = frozenset()
    details: frozenset[str] = frozenset()

    def same_version(self, other: Title) -> bool:
        """Whether both name the same kind of version, and not two of that kind, as remixes by two people are."""
        said = self.details and other.details
        return self.versions == other.versions and (not said or self.details == other.details)


@lru_cache(4096)
def clean_title(title: str) -> Title:
    """Without "(feat. ...)", "- 2011 remaster" and the like; "(live)" and other versions are kept apart."""
    text, versions, details = title, set[str](), set[str]()
    for pattern in (_BRACKETED, _AFTER_DASH):
        for part in list(pattern.finditer(text)):
            said = _REMASTER.sub(" ", fold(part[1]).replace(".", "")).strip(" /,-")
            kinds = {_SYNONYMS.get(word, word) for word in _VERSION.findall(said)}
            if not said or _DECORATION.fullmatch(said):
                text = text.replace(part[0], " ")
            elif kinds:
                text = text.replace(part[0], " ")
                versions |= kinds
                details |= set(_VERSION.sub(" ", said).split()) - _PLAIN_WORDS
    text = _GUEST.sub("", text)
    return Title(normalise(text) or normalise(title), frozenset(versions), frozenset(details))


@lru_cache(4096)
def clean_artist(artist: str) -> str:
    """Without guests, "The" and the words that join names."""
    text = fold(_GUEST.sub("", artist)).removesuffix(" - topic").removesuffix(", the").removeprefix("the ")
    return normalise(_JOINED.sub(" ", text)) or normalise(artist)


@lru_cache(4096)
def trigrams(name: str) -> frozenset[str]:
    """The trigrams of a normalised name, its edges included."""
    padded = f"  {name} "
    return frozenset(map("".join, zip(padded, padded[1:], padded[2:], strict=False)))


def cosine(one: frozenset[str], other: frozenset[str]) -> float:
    """Of two sets of trigrams, as vectors of zeros and ones."""
    return len(one & other) / math.sqrt(len(one) * len(other)) if one and other else 0.0


_normalised = lru_cache(4096)(normalise)


class _Known:
    """A file of the library; its names are made ready for comparing when they are first needed."""

    def __init__(self, file: NamedFile) -> None:
        self.file = file
        self.steps = _steps(file.path)

    @cached_property
    def artists(self) -> frozenset[str]:
        return frozenset(filter(None, map(_normalised, self.file.artists))) - _NOBODY

    @cached_property
    def cleaned_artists(self) -> frozenset[str]:
        return frozenset(filter(None, map(clean_artist, self.file.artists))) - _NOBODY

    @cached_property
    def title(self) -> str:
        return normalise(self.file.title)

    @cached_property
    def cleaned(self) -> Title:
        return clean_title(self.file.title or "")

    @cached_property
    def album(self) -> str:
        return _album(self.file.album)

    @cached_property
    def live_album(self) -> bool:
        return _is_live(self.file.album)


class Alike:
    """Names that can be asked which of them are similar to another."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(dict.fromkeys(names))
        self._grams = tuple(map(trigrams, self._names))
        self._places: dict[str, list[int]] = defaultdict(list)
        for place, grams in enumerate(self._grams):
            for gram in grams:
                self._places[gram].append(place)
        self._found: dict[str, list[tuple[float, str]]] = {}

    def like(self, name: str) -> Sequence[tuple[float, str]]:
        """(cosine, name) of the similar ones, in the order in which they were given.

        Of n trigrams such a name shares at least c^2 n; so of any n - c^2 n + k of them it has k: of the rarest
        (prefix filtering; Chaudhuri, Ganti and Kaushik, "A primitive operator for similarity joins", ICDE 2006).
        """
        if name not in self._found:
            grams = trigrams(name)
            fewest, most = SIMILAR**2 * len(grams) - TINY, len(grams) / SIMILAR**2 + TINY
            shared = math.ceil(fewest)
            wanted = min(AT_ONCE, shared)
            rarest = sorted((self._places.get(gram, ()) for gram in grams), key=len)
            counted = Counter(chain.from_iterable(rarest[: len(grams) - shared + wanted]))
            near = sorted(place for place, times in counted.items() if times >= wanted)
            # One of fewer than c^2 n trigrams, or of more than n / c^2, shares too small a part.
            likely = [place for place in near if fewest <= len(self._grams[place]) <= most]
            scored = ((cosine(grams, self._grams[place]), self._names[place]) for place in likely)
            self._found[name] = [pair for pair in scored if pair[0] >= SIMILAR]
        return self._found[name]


class Matcher:
    """The names of a library, ready to be asked which track a record means."""

    def __init__(self, files: Iterable[NamedFile]) -> None:
        self._known = [_Known(file) for file in files]
        self._steps: tuple[tuple[Evidence, Callable[[PlayRecord], Sequence[_Known]]], ...] = (
            ("path", self._with_path),
            ("recording id", self._with_id),
            ("names", self._with_names),
            ("cleaned names", self._with_cleaned_names),
            ("similar names", self._with_similar_names),
        )

    @cached_property
    def _by_tail(self) -> _Index:
        return _index((tail, known) for known in self._known for tail in (known.steps[-2:], known.steps[-1:]))

    @cached_property
    def _by_id(self) -> _Index:
        return _index((known.file.recording_id, known) for known in self._known if known.file.recording_id)

    @cached_property
    def _titled(self) -> list[_Known]:
        return [known for known in self._known if known.title]

    @cached_property
    def _by_names(self) -> _Index:
        return _index(((artist, known.title), known) for known in self._titled for artist in known.artists)

    @cached_property
    def _by_album(self) -> _Index:
        return _index(((known.album, known.title), known) for known in self._titled if known.album)

    @cached_property
    def _by_cleaned(self) -> _Index:
        return _index(
            ((artist, known.cleaned.base), known) for known in self._titled for artist in known.cleaned_artists
        )

    @cached_property
    def _by_cleaned_title(self) -> _Index:
        return _index((known.cleaned.base, known) for known in self._titled)

    @cached_property
    def _by_artist(self) -> Mapping[str, Sequence[_Known]]:
        found: dict[str, list[_Known]] = defaultdict(list)
        for known in self._titled:
            for artist in known.cleaned_artists:
                found[artist].append(known)
        return dict(found)

    @cached_property
    def _artists(self) -> Alike:
        return Alike(sorted(self._by_artist))

    @cached_property
    def _titles_of(self) -> Callable[[str], Alike]:
        """The cleaned titles of an artist; those of the artists that were asked for lately are kept."""
        return lru_cache(ARTISTS_KEPT)(lambda artist: Alike(known.cleaned.base for known in self._by_artist[artist]))

    def match_all(self, records: Sequence[PlayRecord]) -> tuple[Match, ...]:
        """The track that each record means, in their order."""
        # Those of one artist after each other, so that names are made ready for comparing once.
        order = sorted(range(len(records)), key=lambda i: (records[i].artist or "", records[i].title or ""))
        found = {i: self.match(records[i]) for i in order}
        return tuple(found[i] for i in range(len(records)))

    def match(self, record: PlayRecord) -> Match:
        """The track that a record means, by the strongest evidence that there is."""
        doubt: Match | None = None
        for evidence, find in self._steps:
            found = find(record)
            if doubt:  # weaker evidence may decide among the candidates of the stronger, and bring no others
                found = [known for known in found if known.file.track_id in doubt.candidates]
            if not found:
                continue
            tracks = tuple(dict.fromkeys(known.file.track_id for known in _narrowed(found, record)))
            if len(tracks) == 1:
                return Match(record, tracks[0], evidence)
            doubt = doubt or Match(record, None, evidence, tracks)
        return doubt or Match(record, None, None)

    def nearest(self, record: PlayRecord) -> int | None:
        """The track whose names are most alike, for whoever wants to know why a record found none."""
        if not record.title:
            return None
        title = clean_title(record.title).base
        grams = trigrams(title)
        similar = self._artists.like(clean_artist(record.artist or ""))
        scored = [(1.0, known) for known in self._by_cleaned_title.get(title, ())]
        scored += [
            (likeness + cosine(grams, trigrams(known.cleaned.base)), known)
            for likeness, artist in similar
            for known in self._by_artist[artist]
        ]
        best = max(scored, key=lambda pair: pair[0], default=None)
        return best[1].file.track_id if best else None

    def _with_path(self, record: PlayRecord) -> list[_Known]:
        """The files whose path ends most alike: the name and a folder at the least, or all that the player knows."""
        found: list[_Known] = []
        for path in record.paths:
            steps = _steps(path)
            if steps:
                found += self._with_tail(steps, record)
        return found

    def _with_tail(self, steps: tuple[str, ...], record: PlayRecord) -> list[_Known]:
        tails = [(_common_tail(steps, known.steps), known) for known in self._by_tail.get(steps[-2:], ())]
        longest = max((length for length, _ in tails), default=0)
        sure = longest >= SURE_TAIL or longest == len(steps) > 1
        best = [known for length, known in tails if length == longest]
        return [known for known in best if sure or not _contradicts(known, record)]

    def _with_id(self, record: PlayRecord) -> Sequence[_Known]:
        return self._by_id.get(record.recording_id, ()) if record.recording_id else ()

    def _with_names(self, record: PlayRecord) -> Sequence[_Known]:
        if not record.title:
            return []
        title = normalise(record.title)
        if not record.artist:  # some players' databases name none
            return self._by_album.get((_album(record.album), title), ())
        artist = normalise(record.artist)
        return self._by_names.get((artist, title)) or self._by_names.get((title, artist), ())

    def _with_cleaned_names(self, record: PlayRecord) -> list[_Known]:
        if not record.title or not record.artist:
            return []
        for artist, title in ((record.artist, record.title), (record.title, record.artist)):
            cleaned = clean_title(title)
            same = self._by_cleaned.get((clean_artist(artist), cleaned.base), ())
            if found := _of_version(same, cleaned, record):
                return found
        return []

    def _with_similar_names(self, record: PlayRecord) -> list[_Known]:
        if not record.title or not record.artist:
            return []
        title = clean_title(record.title)
        scored = [
            (likeness + of_title, known)
            for likeness, artist in self._artists.like(clean_artist(record.artist))
            for of_title, name in self._titles_of(artist).like(title.base)
            for known in self._by_cleaned[artist, name]
            if _could_be(known, title, record)
        ]
        best = max((score for score, _ in scored), default=0.0)
        return [known for score, known in scored if score >= best - CLEARLY]


_Index: TypeAlias = Mapping[Hashable, Sequence[_Known]]


def _index(pairs: Iterable[tuple[Hashable, _Known]]) -> _Index:
    found: dict[Hashable, list[_Known]] = defaultdict(list)
    for key, known in pairs:
        found[key].append(known)
    return dict(found)


def _steps(path: str) -> tuple[str, ...]:
    """The names along a path, folded, without a drive: what two systems call the same file has this in common."""
    named = unicodedata.normalize("NFC", path.replace("\\", "/")).casefold().split("/")
    return tuple(step for step in named if step not in ("", ".", "..") and not re.fullmatch(r"[a-z]?:", step))


def _common_tail(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    length = 0
    for mine, theirs in zip(reversed(one), reversed(other), strict=False):
        if mine != theirs:
            break
        length += 1
    return length


def _contradicts(known: _Known, record: PlayRecord) -> bool:
    """Whether both have a title, and these have nothing in common."""
    if not known.title or not record.title:
        return False
    return cosine(trigrams(clean_title(record.title).base), trigrams(known.cleaned.base)) < UNLIKE


def _of_version(same: Iterable[_Known], title: Title, record: PlayRecord) -> list[_Known]:
    """Those of the same version; an album that is live says so for its titles."""
    files = list(same)
    if not files:
        return files
    wanted = _on_album(title, live=_is_live(record.album))
    exact = [known for known in files if wanted.same_version(_on_album(known.cleaned, live=known.live_album))]
    return exact or [known for known in files if title.same_version(known.cleaned)]


def _on_album(title: Title, *, live: bool) -> Title:
    return replace(title, versions=title.versions | {"live"}) if live else title


def _could_be(known: _Known, title: Title, record: PlayRecord) -> bool:
    """Whether a file with similar names is backed by the album or the duration, and contradicted by nothing."""
    if not title.same_version(known.cleaned) or _numbers(known.file.title) != _numbers(record.title):
        return False
    apart = _seconds_apart(known, record)
    if apart is not None and apart > OTHER_DURATION_S:
        return False
    return _same_album(known, record) or (apart is not None and apart <= SAME_DURATION_S)


def _numbers(name: str | None) -> Counter[str]:
    """The numbers in a title: "Part 1" and "Part 2", or "II" and "III", are much alike and never the same."""
    plain = _BRACKETED.sub(" ", _AFTER_DASH.sub(" ", fold(name or "")))
    return Counter(number.lstrip("0") for number in _NUMBER.findall(plain))


def _seconds_apart(known: _Known, record: PlayRecord) -> float | None:
    return None if record.duration_s is None else abs(known.file.duration_s - record.duration_s)


@lru_cache(4096)
def _album(name: str | None) -> str:
    return clean_title(name).base if name else ""


@lru_cache(4096)
def _is_live(album: str | None) -> bool:
    return bool(_LIVE_ALBUM.search(fold(album or "")))


def _same_album(known: _Known, record: PlayRecord) -> bool:
    return bool(known.album) and known.album == _album(record.album)


def _narrowed(found: Sequence[_Known], record: PlayRecord) -> Sequence[_Known]:
    """Of several files with the same evidence, those that the album, then the duration, then the title speak for."""
    if len(found) < 2:
        return found
    tests: tuple[Callable[[_Known], bool], ...] = (
        lambda known: _same_album(known, record),
        lambda known: (_seconds_apart(known, record) or 0.0) <= SAME_DURATION_S and record.duration_s is not None,
        lambda known: bool(known.title) and known.title == normalise(record.title),
        lambda known: bool(record.artist) and normalise(record.artist) in known.artists,
        lambda known: not known.file.missing,  # what another file has replaced
    )
    for agrees in tests:
        if len({known.file.track_id for known in found}) == 1:
            break
        found = [known for known in found if agrees(known)] or found
    return found
