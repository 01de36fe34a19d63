"""Why a track is in a list, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from musictaste import quality, styles
from musictaste.cli import render

if TYPE_CHECKING:
    from musictaste.playlist import Choice
    from musictaste.store import Library
    from musictaste.track import Plays, Together, Track

    Reasons = Callable[[Track, Choice], list[str]]


def both(*several: Reasons) -> Reasons:
    """What several give, one after the other."""
    return lambda track, choice: [reason for reasons in several for reason in reasons(track, choice)]


def labels(wanted: str | None, names: Sequence[str], *, alone: bool = False) -> Reasons:
    """What the sound and the tags say of the labels that were asked for; `alone` where words do not count for them."""

    def reasons(track: Track, _: Choice) -> list[str]:
        heard = [_mood_reason(track, wanted, alone=alone)] if wanted else []
        return heard + [_style_reason(track, name) for name in names if name in (*track.styles, *track.tagged)]

    return reasons


def _mood_reason(track: Track, mood: str, *, alone: bool) -> str:
    by_sound, together = (track.heard or track.moods)[mood], track.moods[mood]
    with_words = "" if alone or by_sound == together else f", with its words {together:.2f}"
    return f"sounds {mood} ({by_sound:.2f}{with_words})"


def by_words(mood: str | None, library: Library) -> Reasons:
    """The line that spoke loudest for a mood, where the words make it likelier."""

    def reasons(track: Track, _: Choice) -> list[str]:
        reading = library.readings([track.id]).get(track.id) if mood else None
        if not mood or not reading or not reading.moods or mood not in reading.loudest:
            return []
        words = library.texts([reading.lyrics_id]).get(reading.lyrics_id)
        if not words or not words.text:
            return []
        line = words.text.splitlines()[reading.loudest[mood]].strip()
        return [f'its words are {mood} ({reading.moods[mood]:.2f}): "{render.shortened(line)}"']

    return reasons


def _style_reason(track: Track, name: str) -> str:
    """What decided that a track has a style: its tag where only that tells it or the sound alone would not do."""
    heard, tag = styles.heard_as(name), f"tagged '{track.genre}'"
    if not heard:
        return tag
    alone, weighed = (sum(p[top] for top in heard) for p in (track.by_sound or track.styles, track.styles))
    if styles.told_by_tags(name) or alone < quality.style_threshold(name) <= weighed:
        return f"{tag} ({' or '.join(heard)} {weighed:.2f}, by the sound alone {alone:.2f})"
    return f"sounds like {name} ({alone:.2f}{f', with its tag {weighed:.2f}' if alone < weighed else ''})"


def none(_: Track, __: Choice) -> list[str]:
    """Nothing but what taste says."""
    return []


def typical(_: Track, choice: Choice) -> list[str]:
    return [f"typical of your library ({choice.fit:.2f})"]


def near(around: Together | None) -> Reasons:
    """Whether a track is near by what was played with the seeds, or by its sound alone."""
    beside = set() if around is None else set(around.ids.ravel().tolist())

    def reasons(track: Track, choice: Choice) -> list[str]:
        how = "is played together with" if track.id in beside else "sounds and feels close to"
        return [f"{how} what you named ({choice.fit:.2f})"]

    return reasons


def by_taste(choice: Choice, plays: Plays, names: Mapping[int, str]) -> list[str]:
    """Which played track speaks for one; `names` are those of tracks by id."""
    if choice.because < 0:
        return []
    row = choice.because
    said = plays.verdict is not None and plays.verdict[row] > 0
    count, played = int(plays.plays[row]), int(plays.ids[row])
    if played == choice.track_id:
        liked = ["you like it"] if said or not count else []
        return liked + ([f"you played it {count} times"] if count else [])
    return [f"close to {names[played]}, which you {'play' if count and not said else 'like'}"]
