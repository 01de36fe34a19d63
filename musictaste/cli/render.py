"""Tables, bars and JSON: how results look."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from musictaste import moods
from musictaste.track import Answer, Said, Timeline, Track, Voice, Words

if TYPE_CHECKING:
    from rich.console import Console

BAR_WIDTH = 24
QUOTED = 60
"""No more characters of a song are quoted than a short line has."""
HEIGHTS = "▁▂▃▄▅▆▇█"
VISIBLE = 0.005
"""Probabilities that differ by less may be printed alike."""


def print_json(document: Any) -> None:
    """One JSON document in UTF-8; bytes of names that are not UTF-8 stay as escaped surrogates, which JSON allows."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace") + b"\n")
    sys.stdout.buffer.flush()


def print_paths(tracks: Iterable[Track]) -> None:
    """One path per line, its bytes as on disk: what a pipe can use."""
    sys.stdout.buffer.write(b"".join(os.fsencode(track.path) + b"\n" for track in tracks))
    sys.stdout.buffer.flush()


def print_lines(lines: Iterable[str]) -> None:
    """Plain lines, of which there may be a million: rich would take a tenth of a millisecond for each."""
    sys.stdout.buffer.writelines(f"{printable(line)}\n".encode() for line in lines)
    sys.stdout.buffer.flush()


def say(line: str) -> None:
    """One line on stderr, which is not for pipes."""
    sys.stderr.write(f"{line}\n")


def console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, markup=False, soft_wrap=True)


def printable(text: str) -> str:
    """Text that any terminal takes: bad bytes shown as a replacement character, control characters dropped."""
    clean = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(c for c in clean if c.isprintable())


def shortened(line: str) -> str:
    """A line of a song as it may be quoted, cut after a word where there is one."""
    if len(line) <= QUOTED:
        return line
    cut = line[: QUOTED - 1]
    return f"{cut.rpartition(' ')[0] or cut}…"


def clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def bar(share: float, width: int = BAR_WIDTH) -> str:
    filled = round(share * width)
    return "█" * filled + "░" * (width - filled)


def top(probabilities: Mapping[str, float]) -> str:
    return max(probabilities, key=probabilities.__getitem__)


def track_json(track: Track) -> dict[str, Any]:
    """What is known of a track, as in the contract of the command line."""
    named = {"moods": rounded(track.moods), "styles": rounded(track.styles)}
    return {
        "path": track.path,
        "artist": track.artist,
        "title": track.title,
        "album": track.album,
        "genre": track.genre,
        "kind": track.kind,
        "duration_s": track.duration_s,
        "bpm": track.bpm,
        "key": track.key,
        "loudness_db": track.loudness_db,
        **named,
        "valence": round(moods.valence(track.moods), 4),
        "arousal": round(moods.arousal(track.moods), 4),
        "tagged": list(track.tagged),
        "sound": {
            "moods": rounded(track.uncorrected or track.moods),
            "styles": rounded(track.by_sound or track.styles),
        },
        "words": None,
        "plays": track.plays,
        "skips": track.skips,
        "last_played": track.last_played,
        "rating": track.rating,
        "loved": track.loved,
    }


def timeline_json(timeline: Timeline | None) -> dict[str, Any]:
    """The mood of each window with the time of its middle, and the head that heard them."""
    if timeline is None:
        return {"over_time": [], "over_time_head": None}
    rows = zip(timeline.at_s.tolist(), timeline.moods.tolist(), strict=True)
    # An older head named the first moods alone.
    windows = [{"at_s": at_s, **dict(zip(moods.MOODS, shares, strict=False))} for at_s, shares in rows]
    over_time = [{key: round(value, 2) for key, value in window.items()} for window in windows]
    return {"over_time": over_time, "over_time_head": timeline.head}


def words_json(words: Words | None) -> dict[str, Any] | None:
    if words is None:
        return None
    said = None if words.moods is None else rounded(words.moods)
    return {"moods": said, "language": words.language, "source": words.source, "instrumental": words.instrumental}


def voice_json(voice: Voice | None) -> dict[str, Any] | None:
    if voice is None:
        return None
    vocal = None if voice.vocal is None else round(voice.vocal, 4)
    return {"answer": voice.answer, "told_by": voice.told_by, "vocal": vocal}


def rounded(probabilities: Mapping[str, float]) -> dict[str, float]:
    return {label: round(p, 4) for label, p in probabilities.items()}


def curve(timeline: Timeline, mood: str, width: int = BAR_WIDTH) -> str:
    """How likely a mood is from the first window to the last, on an even scale of time."""
    import numpy as np

    at_s = timeline.at_s
    shares = timeline.moods[:, moods.MOODS.index(mood)]
    even = np.interp(np.linspace(at_s[0], at_s[-1], width), at_s, shares)
    return "".join(HEIGHTS[min(int(share * len(HEIGHTS)), len(HEIGHTS) - 1)] for share in even)


def _notes(track: Track) -> str:
    """Why a track is in no playlist, in brackets."""
    notes = ["missing"] * track.missing + [f"{track.kind}, not music"] * (track.kind != "music")
    return f"  ({', '.join(notes)})" if notes else ""


@dataclass(frozen=True)
class About:
    """What is known of a track beside its record: its course, words and voice, what is near, was taught and said."""

    timeline: Timeline | None
    words: Words | None
    voice: Voice | None
    neighbours: Sequence[Track] = ()
    answers: Sequence[Answer] = ()
    opinion: str = ""


def print_track(track: Track, about: About) -> None:
    timeline = about.timeline
    out = console()
    out.print(printable(track.name), style="bold")
    facts = [printable(track.album or ""), printable(track.genre or ""), clock(track.duration_s)]
    facts += [f"{track.bpm:.0f} BPM" if track.bpm else "", track.key or "", f"{track.loudness_db:.1f} dB"]
    out.print("  " + " · ".join(fact for fact in facts if fact))
    out.print(f"  {printable(track.path)}{_notes(track)}", style="dim")
    emotions = {label: p for label, p in track.moods.items() if label in moods.EMOTIONS}
    finer = {label: p for label, p in track.moods.items() if label not in moods.EMOTIONS}
    groups = (("mood", emotions, track.heard), ("", finer, None), ("style", track.styles, track.by_sound))
    for kind, probabilities, alone in groups:
        ranked = sorted(probabilities.items(), key=lambda item: -item[1])[:4]
        for label, p in ranked:
            told = f"  by the sound alone {alone[label]:.2f}" if alone and abs(alone[label] - p) >= VISIBLE else ""
            out.print(f"  {kind:6}{label:11} {bar(p)} {p:.2f}{told}")
    if track.tagged:
        out.print(f"  tagged {', '.join(track.tagged)}")
    # One window is a moment, not a course.
    if timeline and len(timeline.at_s) > 1:
        span = f"{clock(timeline.at_s[0])} to {clock(timeline.at_s[-1])}"
        heard_by = "" if timeline.current else f", heard by {timeline.head}"
        for label in sorted(moods.EMOTIONS, key=lambda mood: -track.moods[mood])[:2]:
            out.print(f"  {'time':6}{label:11} {curve(timeline, label)} {span}{heard_by}")
    out.print(f"  valence {moods.valence(track.moods):.2f}, arousal {moods.arousal(track.moods):.2f}")
    known = [*(words_lines(about.words) if about.words else ()), voice_line(about.voice) if about.voice else ""]
    for line in [*filter(None, known), *_told(track, about.answers, about.opinion)]:
        out.print(f"  {line}")
    for other in about.neighbours:
        out.print(f"  near: {printable(other.name)}", style="dim")


def voice_line(voice: Voice) -> str:
    """Whether there is a voice and what tells so."""
    heard = "" if voice.vocal is None else f" {voice.vocal:.2f}"
    if voice.answer is None:
        return f"voice: not certain (by the sound{heard})" if heard else "voice: not listened for yet"
    return f"voice: {voice.answer} (by the {voice.told_by}{heard if voice.told_by == 'sound' else ''})"


def _told(track: Track, answers: Sequence[Answer], opinion: str) -> list[str]:
    """What the user and players say of a track."""
    taught = ", ".join(f"{a.mood} {'yes' if a.yes else 'no'}" for a in answers)
    played = f"played {track.plays} times, skipped {track.skips} times" if track.plays or track.skips else ""
    return [line for line in (taught and f"taught: {taught}", played, opinion) if line]


def opinion_line(said: Sequence[Said], *, disliked: bool) -> str:
    """What the user said of a track: the last like or dislike, and how often it was skipped."""
    verdicts = [one for one in said if one.verdict != "skip"]
    skips = len(said) - len(verdicts)
    parts = [f"you {one.verdict} it since {date.fromtimestamp(one.at)}" for one in verdicts[-1:]]
    parts += [f"you skipped it {skips} times"] if skips else []
    parts += ["your player says that you hate it"] if disliked and not verdicts else []
    return ", ".join(parts + ["in no list"] * disliked)


def words_lines(words: Words) -> list[str]:
    """Where the words are from, their language, how they begin, and which moods they tell."""
    if words.instrumental:
        return [f"words: none, instrumental (by {words.source})"]
    first = (words.text or "").partition("\n")[0]
    lines = [f"words: {words.language or 'no certain language'} (by {words.source}): {printable(first)}"]
    ranked = sorted((words.moods or {}).items(), key=lambda item: -item[1])
    return lines + ([f"they say {', '.join(f'{mood} {p:.2f}' for mood, p in ranked)}"] if ranked else [])


def title(track: Track) -> str:
    """The title of a track, or the name of its file."""
    return printable(track.title or os.path.basename(track.path))


def print_tracks(rows: Sequence[tuple[Track, float, Sequence[str]]], *, explain: bool) -> None:
    """A numbered list with scores; with reasons under each track where they were asked for."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("", "artist", "title", "time", "mood", "style", "score"):
        table.add_column(name, justify="right" if name in ("", "time", "score") else "left", overflow="fold")
    for number, (track, score, reasons) in enumerate(rows, 1):
        name = title(track)
        if explain:
            name += "".join(f"\n  {printable(reason)}" for reason in reasons)
        table.add_row(
            str(number), printable(track.artist or ""), name, clock(track.duration_s),
            moods.emotion(track.moods), top(track.styles), f"{score:.2f}",
        )  # fmt: skip
    console().print(table)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(printable, row))
    console().print(table)
