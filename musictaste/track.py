"""The records that cross module borders."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


PITCHES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
"""Names of keys: a pitch and a mode, "Eb minor"."""

SILENCE_DB = -70.0
"""What is below this level, the RMS relative to full scale, is silence."""


# Only Latin accents go: the voicing marks of kana (U+3099) and the vowel signs of other scripts make other words.
_LATIN_ACCENTS = dict.fromkeys(range(0x0300, 0x0370))


class _Letters(dict[int, int | None]):
    """What `str.translate` makes of each character: itself, or nothing of punctuation, symbols and spaces.

    By category, since to regular expressions the vowel signs of Indian and Thai scripts are no letters.
    """

    def __missing__(self, code: int) -> int | None:
        self[code] = kept = None if unicodedata.category(chr(code))[0] in "PSZC" else code
        return kept


_LETTERS = _Letters()


def fold(text: str) -> str:
    """Without case, width and Latin accents, for comparing names."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text).casefold()
    return unicodedata.normalize("NFKC", apart.translate(_LATIN_ACCENTS))


@lru_cache(maxsize=2**14)
def normalise(name: str | None) -> str:
    """A name without case, accents, punctuation and spaces, for telling whether two are the same."""
    folded = fold(name or "")
    return folded.translate(_LETTERS) or folded.strip()  # "!!!" is a band


class Tags(NamedTuple):
    """What a file says of itself; None or empty where it says nothing.

    `artists` and `album_artists` hold one entry per value of a multi-value field: a single value is never split, so
    "Simon & Garfunkel" and "ave;new" stay whole. `rating` is scaled to 0..1, `last_played` is in Unix seconds,
    ReplayGain is in dB. `lyrics` is the text as embedded, LRC time stamps included.
    """

    title: str | None = None
    artist: str | None = None
    artists: tuple[str, ...] = ()
    album: str | None = None
    album_artist: str | None = None
    album_artists: tuple[str, ...] = ()
    genres: tuple[str, ...] = ()
    date: str | None = None
    track_number: int | None = None
    disc_number: int | None = None
    compilation: bool = False
    musicbrainz_recording_id: str | None = None
    musicbrainz_release_id: str | None = None
    musicbrainz_artist_ids: tuple[str, ...] = ()
    replaygain_track_db: float | None = None
    replaygain_album_db: float | None = None
    lyrics: str | None = None
    plays: int | None = None
    skips: int | None = None
    rating: float | None = None
    last_played: int | None = None
    loved: bool | None = None


@dataclass(frozen=True)
class Timeline:
    """How the mood of one recording goes: probabilities per window, by the head of that name.

    `at_s` is when the middle of each window plays, in seconds, float32 [n], ascending; silent windows have no row.
    `moods` is float32 [n, k], its columns the first k of `moods.MOODS`: a head from before the finer moods named four
    emotions alone. `current` says whether the same head named
    the moods of the whole track, so that the two can be compared.
    """

    head: str
    at_s: NDArray[np.float32] = field(compare=False)
    moods: NDArray[np.float32] = field(compare=False)
    current: bool = True


@dataclass(frozen=True)
class Sound:
    """What listening to one recording gave.

    `embedding` and `spread` are the mean and the standard deviation over the patches that were heard, float32 [d].
    `bpm` and `key` are None where the sound has no pulse or no pitch; `loudness_db` is the RMS level in dB below full
    scale. `heard_s` is how many seconds of the recording the networks heard, `timeline` how its mood went. `provider`
    is what ran the networks, "CUDA" or "CPU", None where that was not kept.
    """

    duration_s: float
    heard_s: float
    bpm: float | None
    key: str | None
    loudness_db: float
    embedder: str
    embedding: NDArray[np.float32] = field(compare=False)
    spread: NDArray[np.float32] = field(compare=False)
    timeline: Timeline
    provider: str | None = None


class Labels(NamedTuple):
    """Probabilities from one head, label -> 0..1, and the name and version of that head.

    Those of the four emotions sum to one, and those of the styles; each finer mood is a yes or a no of its own.
    """

    head: str
    probabilities: Mapping[str, float]


class Track(NamedTuple):
    """One recording of the library with the file that stands for it.

    `moods` are those of sound and words together. `heard` are what the sound alone says, by the personal head where
    this library was taught, and None where the words change nothing; `uncorrected` what the shipped head says of the
    sound, None where that is the same as `moods`. All lack the finer moods where an older head has heard the track.
    `styles` weigh the sound and the genre tags of that file; `by_sound` is what the sound alone says, and None where
    the tags change nothing. `tagged` are the styles that the tags name. `kind` is "music" or what else it was heard to
    be; only music is in playlists.
    """

    id: int
    path: str
    title: str | None
    artist: str | None
    album: str | None
    genre: str | None
    duration_s: float
    bpm: float | None
    key: str | None
    loudness_db: float
    moods: Mapping[str, float]
    styles: Mapping[str, float]
    plays: int
    skips: int
    last_played: int | None
    rating: float | None
    loved: bool
    missing: bool = False
    uncorrected: Mapping[str, float] | None = None
    heard: Mapping[str, float] | None = None
    by_sound: Mapping[str, float] | None = None
    tagged: tuple[str, ...] = ()
    kind: str = "music"

    @property
    def name(self) -> str:
        """What a person calls it: "Artist - Title", or the title alone; without one, the name of the file."""
        title = self.title or os.path.basename(self.path)  # noqa: PTH119 - keeps bytes that are not UTF-8
        return f"{self.artist} - {title}" if self.artist else title


@dataclass(frozen=True)
class Pool:
    """Tracks to choose from, as columns; row i of each belongs to `ids[i]`.

    `mood` and `style` hold the probabilities that were asked for (ones where nothing was asked; where words are to say
    a mood of their own, its probability times that of the mood by sound), `vectors` the parts
    of the embeddings that distances are taken on, of unit length. `considered` counts all tracks of the library,
    `best` is the highest fit among them, whether or not it reached the pool, and `fitting` counts those that reached
    it, of which there are the foremost where they are very many.
    """

    ids: NDArray[np.int64] = field(compare=False)
    mood: NDArray[np.float32] = field(compare=False)
    style: NDArray[np.float32] = field(compare=False)
    vectors: NDArray[np.float32] = field(compare=False)
    duration_s: NDArray[np.float32] = field(compare=False)
    bpm: NDArray[np.float32] = field(compare=False)
    loudness_db: NDArray[np.float32] = field(compare=False)
    keys: tuple[str | None, ...] = ()
    artists: tuple[str | None, ...] = ()
    titles: tuple[str | None, ...] = ()
    considered: int = 0
    best: float = 0.0
    fitting: int = 0

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Plays:
    """What the user did with each track of `ids`, as columns.

    `recent` counts plays less the longer they are ago, as `fading` does, and so does `skips`; None stands for plays
    that all count in full. `verdict` is 1 where the user likes a track, -1 where it is disliked, 0 where nothing was
    said; None stands for zeros. `last_played` is in Unix seconds, 0 where it is not known; None stands for zeros.
    `vectors` are as in Pool, of the rows that `sounded` numbers, int64, or of all where that is None.
    """

    ids: NDArray[np.int64] = field(compare=False)
    vectors: NDArray[np.float32] = field(compare=False)
    plays: NDArray[np.float32] = field(compare=False)
    skips: NDArray[np.float32] = field(compare=False)
    rating: NDArray[np.float32] = field(compare=False)
    loved: NDArray[np.float32] = field(compare=False)
    recent: NDArray[np.float32] | None = field(default=None, compare=False)
    verdict: NDArray[np.float32] | None = field(default=None, compare=False)
    last_played: NDArray[np.float64] | None = field(default=None, compare=False)
    sounded: NDArray[np.int64] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Surroundings:
    """What tracks are seen against: the library that they are in.

    `middle` float32 [d] is what all its vectors share, as far as there are enough to say so. `moods` float32 [n, 4] are
    the emotions of the tracks, by their sound and their words, `played` float32 [m, 4] those of the history, zeros
    where they are not known, and `usual` float32 [4] is the mean of all music.
    """

    middle: NDArray[np.float32] = field(compare=False)
    moods: NDArray[np.float32] = field(compare=False)
    played: NDArray[np.float32] = field(compare=False)
    usual: NDArray[np.float32] = field(compare=False)


class Evidence(NamedTuple):
    """What one source says of one track; `liked` is what the user said to this program, `loved` to a player."""

    source: str
    track_id: int
    plays: int
    skips: int
    rating: float | None
    loved: bool
    liked: bool


class Source(NamedTuple):
    """How much one source says of the user: of how many tracks, in how many files."""

    name: str
    files: int
    tracks: int
    plays: int
    skips: int


Verdict = Literal["like", "dislike", "skip"]


class Said(NamedTuple):
    """One thing that the user said of a track, in Unix seconds."""

    verdict: Verdict
    at: int


class Judged(NamedTuple):
    """What the user said of a track that a list had before; lists are numbered, `command` made this one."""

    track_id: int
    verdict: Verdict
    list_number: int
    command: str


class Feedback(NamedTuple):
    """What the user said of some tracks at once, in Unix seconds."""

    verdict: Verdict
    track_ids: tuple[int, ...]
    at: int


@dataclass(frozen=True)
class Together:
    """The tracks that go with each of some tracks in what was played; row i is that of the i-th track asked for.

    `ids` int32 [n, k] are tracks, the strongest first and -1 where there are fewer; `strengths` float32 [n, k] are 1
    for the strongest; `trust` float32 [n] is 0..1, how far listening decides: what is left of it is for the sound.
    """

    ids: NDArray[np.int32] = field(compare=False)
    strengths: NDArray[np.float32] = field(compare=False)
    trust: NDArray[np.float32] = field(compare=False)


@dataclass(frozen=True, slots=True)
class PlayRecord:
    """What a player says of one recording for one of its users; None or empty where it says nothing.

    `paths` are as the player keeps them, with either kind of slash, absolute or below a folder that it does not name.
    `played_at` and `skipped_at` are in Unix seconds, ascending; `plays` and `skips` are the player's own counters,
    which may count more than it has times of. `rating` is scaled to 0..1, `loved` is false where it is loathed.
    """

    paths: tuple[str, ...] = ()
    artist: str | None = None
    title: str | None = None
    album: str | None = None
    duration_s: float | None = None
    recording_id: str | None = None
    user: str | None = None
    plays: int | None = None
    skips: int | None = None
    rating: float | None = None
    loved: bool | None = None
    last_played: int | None = None
    played_at: tuple[int, ...] = ()
    skipped_at: tuple[int, ...] = ()


class History(NamedTuple):
    """What was read from one player's file; `malformed` counts the rows that made no sense and were passed over."""

    source: str
    records: tuple[PlayRecord, ...]
    malformed: int = 0


class NamedFile(NamedTuple):
    """What a file of the library can be recognised by; `artists` are all names its artist goes by."""

    track_id: int
    path: str
    artists: tuple[str, ...]
    title: str | None
    album: str | None
    duration_s: float
    recording_id: str | None
    missing: bool = False


class Listener(NamedTuple):
    """One user of one file of plays; `own` where the plays are those of the library's owner."""

    source: str
    file: str
    user: str
    own: bool


class Faded(NamedTuple):
    """How many plays and skips are left at a time, in Unix seconds, each the less the longer it was before that."""

    plays: float
    skips: float
    at: int


class Counts(NamedTuple):
    """What one source says of a track, or what all of them say together; `faded` is None where no time is known."""

    track_id: int
    plays: int | None = None
    skips: int | None = None
    rating: float | None = None
    loved: bool | None = None
    last_played: int | None = None
    faded: Faded | None = None


class Analysis(NamedTuple):
    """How a recording was heard: by which networks, whole or in windows, over time by which head (None: by none)."""

    embedder: str
    full: bool
    timeline: str | None


class Answer(NamedTuple):
    """What the user said of one track: that it has a mood, or that it has not."""

    track_id: int
    mood: str
    yes: bool


class Move(NamedTuple):
    """A track's probability of a mood before and after."""

    track_id: int
    before: float
    after: float


class HeardBy(NamedTuple):
    """The networks and the head that a track was heard by; vectors of different networks cannot be compared."""

    embedder: str
    head: str


@dataclass(frozen=True)
class MoodColumns:
    """Tracks that were heard by the same models, by ascending id, as columns.

    `moods` are the shipped head's probabilities float64 [n, k] in the order of MOODS, NaN for those that a head from
    before the finer moods did not name; `vectors` as in Pool.
    """

    ids: NDArray[np.int64] = field(compare=False)
    vectors: NDArray[np.float32] = field(compare=False)
    moods: NDArray[np.float64] = field(compare=False)


class Beside(NamedTuple):
    """A file of words beside a file of music, as it was seen."""

    path: str
    mtime_ns: int


class Lyrics(NamedTuple):
    """What one source gave as the words of a song, and what was understood of it.

    `text` is as found, `words` what cleaning left of it, None where that is nothing. `language` is an ISO 639-1 code,
    None where the words do not tell. `instrumental` says that there is nothing to sing, `cleaner` which version of the
    program understood this.
    """

    source: str
    text: str
    words: str | None
    language: str | None
    instrumental: bool
    cleaner: str


class Unread(NamedTuple):
    """Words of a track that are to be read."""

    track_id: int
    lyrics_id: int


@dataclass(frozen=True)
class Reading:
    """What a head says of the words of a track; `head` names it and how they were weighed.

    `moods` has the probability of each of the four emotions, which sum to less than one where other labels have some
    of it, and is None where the words do not tell. `loudest` has the number of the line that spoke loudest for each
    emotion that the words make likelier.
    """

    track_id: int
    lyrics_id: int
    head: str
    moods: Mapping[str, float] | None = None
    loudest: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Codes:
    """Signs of the vectors of lines, uint64 [8, n], and the ids of the words that each is of, int64 [n].

    Bits of eight long rows are summed in a quarter of the time that those of many short ones take. Lines of one song
    follow each other, in its order.
    """

    ids: NDArray[np.int64] = field(compare=False)
    codes: NDArray[np.uint64] = field(compare=False)


@dataclass(frozen=True)
class Words:
    """The words of a track from its nearest source, None where it is instrumental; `lyrics_id` is new when they are.

    `moods` and `loudest` are those of their `Reading`, None and empty where they were not read or do not tell.
    """

    lyrics_id: int
    source: str
    language: str | None
    instrumental: bool
    text: str | None
    moods: Mapping[str, float] | None = None
    loudest: Mapping[str, int] = field(default_factory=dict)


Sung = Literal["vocal", "instrumental"]


class Voice(NamedTuple):
    """Whether a track is sung, None where nobody knows, and what told it: its words, its title or its sound.

    `vocal` is the probability by the sound, None where that was not listened for.
    """

    answer: Sung | None
    told_by: Literal["words", "title", "sound"] | None
    vocal: float | None


class Song(NamedTuple):
    """A track whose words are looked for at services, by what its tags say."""

    track_id: int
    title: str
    artist: str
    artists: tuple[str, ...]
    album: str | None
    duration_s: float


class Recipe(NamedTuple):
    """A list that is written again and again: the words of its command as they were typed, and the file that it writes.

    `tracks` are the absolute paths of what the words name, since the words themselves may mean others elsewhere or
    later. `saved` is in Unix seconds.
    """

    name: str
    words: tuple[str, ...]
    tracks: tuple[str, ...]
    file: str
    saved: int


class FileState(NamedTuple):
    """What the library remembers of one path."""

    id: int
    track_id: int
    size: int
    mtime_ns: int
    missing: bool
    audio_hash: str
    analysis: Analysis
    beside: Beside | None = None


class Failure(NamedTuple):
    """A file that could not be listened to, and by which version of the program."""

    path: str
    size: int
    mtime_ns: int
    version: str
    reason: str
