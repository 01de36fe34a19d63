"""teach: a mood, corrected for this library."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from musictaste import moods
from musictaste.cli import render
from musictaste.cli.context import Globals, app, open_library
from musictaste.cli.showing import AsJson, resolve_all
from musictaste.errors import TeachingError

if TYPE_CHECKING:
    from musictaste.store import Library
    from musictaste.teaching import Change
    from musictaste.track import Move, Track

LISTED = 10


def repeat_flags(words: Sequence[str]) -> list[str]:
    """`--yes a b` as `--yes a --yes b`, which is all that Typer understands."""
    flag, repeated = None, list[str]()
    for word in words:
        if word.startswith("-"):
            flag = word if word in ("--yes", "--no") else None
        elif flag and repeated[-1] != flag:
            repeated.append(flag)
        repeated.append(word)
    return repeated


class _SeveralAfterOneFlag(TyperCommand):
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        parsed: list[str] = super().parse_args(ctx, repeat_flags(args))
        return parsed


@app.command(cls=_SeveralAfterOneFlag)
def teach(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="MOOD", help="The mood, before all options: happy, tender, ... or a synonym.")
    ],
    yes: Annotated[
        list[str] | None,
        typer.Option("--yes", metavar="TRACK...", help="Tracks that have it: a path, a number, or quoted words each."),
    ] = None,
    no: Annotated[
        list[str] | None, typer.Option("--no", metavar="TRACK...", help="Tracks that do not have it, named alike.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take the last teaching of this mood back.")] = False,
    as_json: AsJson = False,
) -> None:
    """Correct a mood for this library; with the mood alone, list what it was taught."""
    # Set before numpy is loaded: at 400 x 400 threads gain nothing, and on a busy machine they wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from musictaste import teaching

    options: Globals = context.obj
    mood = moods.find_mood(name)
    if undo and (yes or no):
        raise TeachingError("--undo takes a teaching back, --yes and --no give one: say only one of them")
    with open_library(options) as library:
        if undo:
            _report(library, teaching.undo(library, mood), as_json=as_json)
        elif yes or no:
            wanted, unwanted = (set(resolve_all(library, tracks or [])) for tracks in (yes, no))
            _refuse_both(library, mood, wanted & unwanted)
            change = teaching.teach(library, mood, yes=wanted, no=unwanted)
            _report(library, change, as_json=as_json)
            _warn(library, change, options)
        else:
            _list(library, teaching.taught(library, mood), options, as_json=as_json)


def _refuse_both(library: Library, mood: str, contradicted: set[int]) -> None:
    for track in library.tracks(sorted(contradicted)[:1]):
        raise TeachingError(f"'{track.path}': cannot be {mood} and not {mood} at once")


def _report(library: Library, change: Change, *, as_json: bool) -> None:
    if as_json:
        _print_json(library, change)
        return
    out = render.console()
    came, left = len(change.moved_in), len(change.moved_out)
    tracks, are = "track" if came == 1 else "tracks", "is" if left == 1 else "are"
    out.print(f"{came} {tracks} became {change.mood}, {left} no longer {are}")
    for sign, moves in (("+", change.moved_in), ("-", change.moved_out)):
        for line in _lines(library, moves[:LISTED]):
            out.print(f"{sign} {line}")
        if len(moves) > LISTED:
            out.print(f"{sign} and {len(moves) - LISTED} more")


def _warn(library: Library, change: Change, options: Globals) -> None:
    """Say which answers the personal head could not follow: they contradict others on tracks that sound alike."""
    if not options.quiet:
        for line in _lines(library, change.unmoved):
            render.say(f"still on the other side of {change.threshold:.2f}: {line}")


def _list(library: Library, change: Change, options: Globals, *, as_json: bool) -> None:
    if as_json:
        _print_json(library, change)
        return
    for answer, moves in (("yes", change.yes), ("no", change.no)):
        render.print_lines(f"{answer:4}{line}" for line in _lines(library, moves))
    if not change.yes and not change.no and not options.quiet:
        render.say(f"nothing was taught of {change.mood}")


def _lines(library: Library, moves: Sequence[Move]) -> list[str]:
    named = _tracks(library, moves)
    return [f"{_name(named[m.track_id])}  {m.before:.2f} -> {m.after:.2f}" for m in moves]


def _name(track: Track) -> str:
    return render.printable(track.name if track.title else track.path)


def _print_json(library: Library, change: Change) -> None:
    groups = {"yes": change.yes, "no": change.no, "moved_in": change.moved_in, "moved_out": change.moved_out}
    document: dict[str, Any] = {"mood": change.mood}
    for key, moves in groups.items():
        named = _tracks(library, moves)
        document[key] = [
            {"path": named[m.track_id].path, "before": round(m.before, 4), "after": round(m.after, 4)} for m in moves
        ]
    render.print_json(document)


def _tracks(library: Library, moves: Sequence[Move]) -> dict[int, Track]:
    return {track.id: track for track in library.tracks([m.track_id for m in moves])}
