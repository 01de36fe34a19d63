"""like, dislike, skip, undo: what the user says of tracks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from musictaste.cli import render
from musictaste.cli.context import Globals, app, open_library
from musictaste.cli.showing import AsJson, resolve_all
from musictaste.errors import NothingSaidError

if TYPE_CHECKING:
    from musictaste.store import Library
    from musictaste.track import Feedback, Verdict

Tracks = Annotated[list[str], typer.Argument(metavar="TRACK...", help="A path, a number of the last list, or words.")]
DONE = {"like": "liked", "dislike": "disliked", "skip": "skipped"}


@app.command()
def like(context: typer.Context, tracks: Tracks, as_json: AsJson = False) -> None:
    """Say that you like tracks: they and what is near to them come sooner."""
    _say(context.obj, "like", tracks, as_json=as_json)


@app.command()
def dislike(context: typer.Context, tracks: Tracks, as_json: AsJson = False) -> None:
    """Say that you dislike tracks: no list takes them, only 'similar' as a seed, and their like comes later."""
    _say(context.obj, "dislike", tracks, as_json=as_json)


@app.command()
def skip(context: typer.Context, tracks: Tracks, as_json: AsJson = False) -> None:
    """Say that you skipped tracks: each time counts a little against them and what is near, for some weeks."""
    _say(context.obj, "skip", tracks, as_json=as_json)


@app.command()
def undo(context: typer.Context, as_json: AsJson = False) -> None:
    """Take the last like, dislike or skip back, with all tracks that it named."""
    with open_library(context.obj) as library:
        feedback = library.forget_feedback()
        if feedback is None:
            raise NothingSaidError("nothing was liked, disliked or skipped that could be taken back")
        _report(library, feedback, context.obj, "no longer " + DONE[feedback.verdict], as_json=as_json)


def _say(options: Globals, verdict: Verdict, names: list[str], *, as_json: bool) -> None:
    with open_library(options) as library:
        feedback = library.save_feedback(verdict, resolve_all(library, names))
        _report(library, feedback, options, DONE[verdict], as_json=as_json)


def _report(library: Library, feedback: Feedback, options: Globals, done: str, *, as_json: bool) -> None:
    tracks = library.tracks(feedback.track_ids)
    if as_json:
        named = [{"path": track.path, "artist": track.artist, "title": track.title} for track in tracks]
        render.print_json({"verdict": feedback.verdict, "at": feedback.at, "tracks": named})
    elif not options.quiet:
        render.print_lines(f"{done}: {track.name}" for track in tracks)
