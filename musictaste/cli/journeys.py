"""journey: a playlist that leads from one mood to another."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from musictaste import moods, styles
from musictaste.cli import render
from musictaste.cli.choosing import Styles, fitting_pool, pool_of, with_words
from musictaste.cli.context import app, open_library
from musictaste.cli.delivering import admitted, deliver_choices, liked
from musictaste.cli.reasons import both, by_words, labels
from musictaste.cli.request import Request, with_request
from musictaste.errors import NothingFitsError

if TYPE_CHECKING:
    from musictaste.cli.reasons import Reasons
    from musictaste.journey import Step
    from musictaste.playlist import Choice
    from musictaste.track import Track

MOOD = "A mood or a synonym; see musictaste moods."


@app.command()
@with_request
def journey(
    context: typer.Context,
    start: Annotated[str, typer.Argument(metavar="FROM", help=MOOD)],
    goal: Annotated[str, typer.Argument(metavar="TO", help=MOOD)],
    *,
    style: Styles = None,
    request: Request,
) -> None:
    """A way from one mood to another, in even steps through valence and arousal."""
    from musictaste import flow, playlist, taste
    from musictaste.journey import Land, travel

    ends = moods.find_mood(start), moods.find_mood(goal)
    _check(ends, request)
    names = [styles.find_style(s) for s in style or []]
    title = " ".join([f"{ends[0]} to {ends[1]}", *filter(None, [request.sung, *names])]) + with_words(request.read_as)
    with open_library(context.obj) as library:
        plays = library.plays(taste.loudest)
        begins, goals = (
            admitted(fitting_pool(library, mood, names, request, plays=plays), plays, request.wish) for mood in ends
        )
        every = pool_of(library, None, names, request, beside=partial(taste.liked, plays))
        # Of very many tracks it has the foremost, which need not be those that are the foremost of a mood.
        pool = playlist.together(admitted(every, plays, request.wish), begins, goals)
        land = Land(pool, flow.circumplex(library.emotions(pool.ids)), liked(library, pool, plays))
        steps = travel(land, begins, goals, request.wish, timelines=library.timelines)
        if not steps:
            raise NothingFitsError(f"no way from {title}: its two ends would be the same track")
        if not context.obj.quiet and not request.as_json:
            render.say(f"{len(steps)} steps from {title}")
        choices = [step.choice for step in steps]
        why = _reasons(steps, ends, names, alone=request.read_as is not None)
        why = both(why, by_words(request.read_as, library))
        deliver_choices(library, choices, plays, request, title=title, options=context.obj, reasons=why)


def _check(ends: tuple[str, str], request: Request) -> None:
    if ends[0] == ends[1]:
        raise typer.BadParameter(f"a journey leads to another mood than {ends[0]}", param_hint="TO")
    if request.limit < len(ends):
        raise typer.BadParameter("a journey has two ends", param_hint="--limit")
    if request.order != "flow":
        raise typer.BadParameter("the order of a journey is its way", param_hint="--order")
    if request.explore not in (None, 0, 1):
        raise typer.BadParameter("a journey goes through what you play (0) or never played (1)", param_hint="--explore")


def _reasons(steps: list[Step], ends: tuple[str, str], names: list[str], *, alone: bool) -> Reasons:
    """Where each track is on the way, and what the ends sound like; `alone` where words do not count for that."""
    of_style = labels(None, names)
    by_id: Mapping[int, Step] = {step.choice.track_id: step for step in steps}
    mood_of = dict(zip((steps[0].choice.track_id, steps[-1].choice.track_id), ends, strict=True))

    def reasons(track: Track, choice: Choice) -> list[str]:
        step = by_id[choice.track_id]
        place = f"valence {step.valence:.2f}, arousal {step.arousal:.2f} on the way from {ends[0]} to {ends[1]}"
        sounds = labels(mood_of.get(track.id), [], alone=alone)
        return [*sounds(track, choice), place, *of_style(track, choice)]

    return reasons
