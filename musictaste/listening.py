"""What becomes of one file: it is identified, and heard until its mood and its style are decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from musictaste import quality
from musictaste.moods import EMOTIONS, MOODS
from musictaste.styles import STYLES
from musictaste.track import Analysis, Beside, FileState, Labels, Sound, Tags, Timeline

if TYPE_CHECKING:
    from musictaste.audio import Meter, Recording, Window
    from musictaste.inference import Floats, Head, Heads, Networks

FIRST_WINDOWS = 5
CERTAINTY = 1.7
STYLE_CERTAINTY = 1.1
CERTAINTY_WINDOWS = 6
CERTAINTY_FALL = 0.4
"""The emotion and the style of a track are decided when they lead every other one by so many standard errors after
`CERTAINTY_WINDOWS` windows; after n, by (`CERTAINTY_WINDOWS` / n)^`CERTAINTY_FALL` times as many. Bounds that fall
(Wang and Tsiatis, Biometrics 43(1), 1987) end sooner with tracks that lie between two moods, which take the longest."""

USUAL_SPREAD = 1.75
USUAL_WINDOWS = 16
"""How log odds differ from window to window within a track, on 131 tracks heard whole (standard deviation: 1.75 for
emotions, 1.62 for styles); counted as if it had been seen in so many windows, since five that agree prove little."""

TIMEOUT_S = 300
SLOWEST_BYTES_PER_S = 100_000


@dataclass(frozen=True)
class Versions:
    """Which models are current; what others have made is stale."""

    embedder: str
    emotion: str
    style: str
    kind: str
    voice: str


def current_versions() -> Versions:
    """The models that ship, by what their manifest says of them; no session is built for this."""
    return Versions(quality.version(*quality.NETWORKS), *(quality.version(name) for name in quality.HEADS))


@dataclass(frozen=True)
class Task:
    """A file that has to be listened to, as the survey saw it."""

    path: str
    size: int
    mtime_ns: int
    state: FileState | None = None
    beside: Beside | None = None


def most_seconds(size: int) -> float:
    """How long listening to a file of so many bytes may take before its decoder is taken to hang."""
    return TIMEOUT_S + size / SLOWEST_BYTES_PER_S


@dataclass(frozen=True)
class Heard:
    """What a worker brings back; `sound` and labels are None where the library knew the audio already.

    `full` says whether the whole track was heard.
    """

    audio_hash: str
    tags: Tags
    sound: Sound | None = None
    moods: Labels | None = None
    styles: Labels | None = None
    kinds: Labels | None = None
    voices: Labels | None = None
    full: bool = False


@dataclass(frozen=True)
class Ears:
    """What a process listens with; `full` says whether whole tracks are to be heard."""

    networks: Networks
    heads: Heads
    full: bool

    @classmethod
    def with_networks(cls, networks: Networks, *, full: bool) -> Self:
        return cls(networks, load_heads(networks.version), full)

    @property
    def versions(self) -> Versions:
        return Versions(self.networks.version, *(head.version for head in self.heads.all))


def load_heads(embedder: str) -> Heads:
    from musictaste.inference import Heads

    return Heads.load(embedder)


def suffices(analysis: Analysis, versions: Versions, *, full: bool) -> bool:
    """Whether what is known of a recording needs no listening, in a scan that asks for whole tracks or does not.

    Another head makes its labels from stored embeddings, which costs nothing; a timeline it could only make by
    listening again, so that is left to a scan that asks for more than usual.
    """
    if analysis.embedder != versions.embedder or analysis.timeline is None:
        return False
    return not full or (analysis.full and analysis.timeline == versions.emotion)


def hear_file(path: str, ears: Ears, known: Callable[[str], Analysis | None]) -> Heard:
    """Identify a file, and listen to it unless its audio is `known`, by its hash, as well as is asked for.

    Raises
    ------
    UnheardError
        When nothing of the file can be heard.
    """
    from musictaste import audio, tags

    with audio.open_recording(path) as recording:
        found = tags.read_tags(path)
        if found == Tags():
            found = tags.tags_from_container(recording.metadata)
        before = known(recording.audio_hash)
        if before and suffices(before, ears.versions, full=ears.full):
            return Heard(recording.audio_hash, found)
        # What was heard whole once is never heard less widely.
        full = ears.full or (before is not None and before.full)
        sound = listen(recording, ears.networks, ears.heads, full=full)
    moods, styles, kinds, voices = (head.label(sound.embedding) for head in ears.heads.all)
    return Heard(recording.audio_hash, found, sound, moods, styles, kinds, voices, full)


def listen(recording: Recording, embedder: Networks, heads: Heads, *, full: bool) -> Sound:
    """Audio to windows to log-mel patches to the networks to one record.

    Raises
    ------
    UnheardError
        When nothing of the recording can be heard.
    """
    from musictaste import audio

    meter = audio.Meter()
    parts = _hear_enough(recording, meter, embedder, heads, full=full)
    vectors = np.concatenate([part.vectors for part in parts])
    return Sound(
        duration_s=round(recording.duration_s, 3),
        heard_s=round(meter.samples / audio.SAMPLE_RATE, 3),
        bpm=meter.bpm,
        key=meter.key,
        loudness_db=max(round(meter.loudness_db, 2), audio.QUIETEST_DB),
        embedder=embedder.version,
        embedding=vectors.mean(axis=0),
        spread=vectors.std(axis=0),
        timeline=_timeline(heads.emotion, parts),
        provider=embedder.provider,
    )


@dataclass(frozen=True)
class Part:
    """A window that was heard: when its middle plays, how long it is, and the vectors [n, d] of its patches."""

    at_s: float
    length_s: float
    vectors: Floats = field(compare=False)


def _hear_enough(recording: Recording, meter: Meter, embedder: Networks, heads: Heads, *, full: bool) -> list[Part]:
    """The parts of a recording that were heard, by their times.

    Sampled windows are decoded and heard one by one, the first few together, until emotion and style are decided or
    there are no more.
    """
    from musictaste import audio

    windows = audio.hear(recording, meter, full=full)
    parts: list[Part] = []
    if audio.hears_whole(recording.duration_s, full=full):
        for window in windows:
            parts += _embed([window], embedder)
        return parts
    of = int(recording.duration_s / audio.PATCH_S)
    emotions, styles = np.empty((0, len(EMOTIONS))), np.empty((0, len(STYLES)))
    count = FIRST_WINDOWS
    while batch := list(islice(windows, count)):
        heard = _embed(batch, embedder)
        parts += heard
        emotions = np.concatenate([emotions, _chances(heads.emotion, EMOTIONS, heard)])
        styles = np.concatenate([styles, _chances(heads.style, STYLES, heard)])
        if is_decided(emotions, CERTAINTY, of=of) and is_decided(styles, STYLE_CERTAINTY, of=of):
            break
        count = 1
    return sorted(parts, key=lambda part: part.at_s)


def _chances(head: Head, labels: Sequence[str], parts: Sequence[Part]) -> NDArray[np.float64]:
    """The probabilities of labels, float64 [n, labels], by each patch of some parts."""
    given = head.label_all(np.concatenate([part.vectors for part in parts]))
    return np.array([[each.probabilities[name] for name in labels] for each in given])


def _embed(windows: Sequence[Window], embedder: Networks) -> list[Part]:
    """Windows through the networks, together."""
    vectors = embedder.embed(np.concatenate([window.patches for window in windows]))
    ends = np.cumsum([len(window.patches) for window in windows])[:-1]
    return [Part(w.at_s, w.length_s, v) for w, v in zip(windows, np.split(vectors, ends), strict=True)]


def is_decided(chances: NDArray[np.float64], certainty: float, *, of: int) -> bool:
    """Whether one label leads all others by `certainty` standard errors, fewer where many windows were heard.

    `chances` are probabilities [n, labels] of n windows out of `of` that the whole track has. Heads are linear, so
    the log odds of a track are the mean of those of its windows, and the error of a mean over a sample without
    replacement is known (Cochran, "Sampling Techniques", 1977, section 2.6).
    """
    logs = np.log(np.maximum(chances, 1e-12))
    first = int(logs.mean(axis=0).argmax())
    leads = logs[:, [first]] - np.delete(logs, first, axis=1)
    count = len(leads)
    squares = count * leads.var(axis=0) + USUAL_WINDOWS * USUAL_SPREAD**2
    errors = np.sqrt(squares / (count - 1 + USUAL_WINDOWS) / count * max(1 - count / of, 0))
    bound = certainty * (CERTAINTY_WINDOWS / count) ** CERTAINTY_FALL
    return bool((leads.mean(axis=0) >= bound * errors).all())


def _timeline(emotion: Head, parts: Sequence[Part]) -> Timeline:
    """The mood of each part, from the mean of its vectors as the mood of a track is from all.

    What is left after the last whole window has no row where it is shorter than a patch: half a second of fading is
    no mood, and would weigh as much as half a minute.
    """
    from musictaste import audio

    rows = [part for part in parts if part.length_s >= audio.PATCH_S] or list(parts)
    labels = emotion.label_all(np.stack([part.vectors.mean(axis=0) for part in rows]))
    moods = [[window.probabilities[name] for name in MOODS] for window in labels]
    at_s = [part.at_s for part in rows]
    return Timeline(emotion.version, np.asarray(at_s, np.float32), np.asarray(moods, np.float32))
