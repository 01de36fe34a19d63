"""mood, style, similar, mix: playlists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from musictaste import moods, quality, styles
from musictaste.cli import reasons, render
from musictaste.cli.context import Globals, app, open_library
from musictaste.cli.delivering import deliver
from musictaste.cli.request import Request, with_request
from musictaste.cli.showing import resolve_all
from musictaste.errors import NothingFitsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from musictaste.exploring import Heard
    from musictaste.playlist import Floats
    from musictaste.store import Library
    from musictaste.taste import Taste
    from musictaste.track import Plays, Pool

    Ids = NDArray[np.int64]

NAMED = 3
"""So many seeds are named in the title of a list: a playlist may bring a thousand."""

COLD = "nothing that you play is known yet, so this is what is typical of your library: see 'plays detect' and 'like'"

Styles = Annotated[list[str] | None, typer.Option("--style", help="Only this style; several are alternatives.")]


@app.command()
@with_request
def mood(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="MOOD", help="happy, tender, ... or a synonym: 快乐, triste; see musictaste moods.")
    ],
    *,
    style: Styles = None,
    throughout: Annotated[bool, typer.Option("--throughout", help="Only tracks that keep the mood all along.")] = False,
    request: Request,
) -> None:
    """A playlist of a mood, and of a style if you like."""
    wanted = moods.find_mood(name)
    names = [styles.find_style(s) for s in style or []]
    _by_labels(context.obj, wanted, names, request, throughout=throughout)


@app.command()
@with_request
def style(
    context: typer.Context,
    names: Annotated[
        list[str], typer.Argument(metavar="STYLE...", help="jazz, bebop, ... or a synonym: 爵士, rap ...")
    ],
    *,
    request: Request,
) -> None:
    """A playlist of one or more styles."""
    _by_labels(context.obj, None, [styles.find_style(s) for s in names], request)


@app.command()
@with_request
def similar(
    context: typer.Context,
    tracks: Annotated[list[str], typer.Argument(metavar="TRACK...", help="A path, a number, or words.")],
    *,
    style: Styles = None,
    request: Request,
) -> None:
    """The tracks nearest to one or more others, which may be disliked ones."""
    import numpy as np

    from musictaste import playlist, taste

    names = [styles.find_style(s) for s in style or []]
    with open_library(context.obj) as library:
        seeds = resolve_all(library, tracks)
        sounds, around = library.vectors(seeds), library.together(seeds)
        near, beside = playlist.centre(sounds)[None], partial(taste.companions, around)
        pool = playlist.without(pool_of(library, None, names, request, near=near, beside=beside), seeds)
        if not len(pool):
            other = " ".join(filter(None, ["no other track", request.sung and f"that is {request.sung}", "fits"]))
            raise NothingFitsError(f"{other}: {_considered(library, pool, request)}{_unsure(library, request)}")
        within = library.surroundings(pool.ids, np.asarray(seeds))
        fit = taste.blended(playlist.fit_to_seeds(pool.vectors, sounds, within), pool.ids, around)
        title = "similar to " + _named(library, seeds) + with_words(request.read_as)
        why = reasons.both(reasons.near(around), reasons.by_words(request.read_as, library))
        plays = library.plays(taste.loudest)
        deliver(library, pool, fit, plays, request, title=title, options=context.obj, reasons=why)


@app.command()
@with_request
def mix(context: typer.Context, *, style: Styles = None, request: Request) -> None:
    """A playlist for you, from what you play and like; without any of that, what is typical of your library."""
    from musictaste import taste

    options: Globals = context.obj
    names = [styles.find_style(s) for s in style or []]
    with open_library(options) as library:
        plays = library.plays(taste.loudest)
        near, beside = taste.favourites(plays), partial(taste.liked, plays)
        pool = pool_of(library, None, names, request, near=near, beside=beside)
        if not len(pool):
            fits = "is " + request.sung if request.sung else "fits"
            raise NothingFitsError(f"no track {fits}: {_considered(library, pool, request)}{_unsure(library, request)}")
        cold = taste.is_cold(plays)
        if cold and not options.quiet:
            render.say(COLD)
        title = ", ".join(["for you", *names]) + with_words(request.read_as)
        fit, by_taste = (_typical, reasons.typical) if cold else (_liked, reasons.none)
        why = reasons.both(by_taste, reasons.by_words(request.read_as, library))
        deliver(library, pool, fit, plays, request, title=title, options=options, reasons=why)


def _typical(pool: Pool, _: Taste | None, __: Heard) -> Floats:
    from musictaste import playlist

    return playlist.fit_to_centre(pool.vectors)


def _liked(pool: Pool, liking: Taste | None, history: Heard) -> Floats:
    from musictaste import playlist

    return playlist.fit_to_user(liking, history) if liking else _typical(pool, liking, history)


def _named(library: Library, seeds: Sequence[int]) -> str:
    more = f" and {len(seeds) - NAMED} more" if len(seeds) > NAMED else ""
    return ", ".join(track.name for track in library.tracks(seeds[:NAMED])) + more


def with_words(read_as: str | None) -> str:
    """What the title of a list says where the words were asked for a mood."""
    return f" with {read_as} words" if read_as else ""


def _thresholds(
    wanted: str | None, names: Sequence[str], read_as: str | None = None
) -> tuple[float | None, float | None, float | None]:
    """From where on a track has the mood, one of the styles, and words of a mood; None where nothing was asked."""
    mood_from = quality.labels("emotion")[wanted].threshold if wanted else None
    read_from = quality.labels("lyrics_emotion")[read_as].threshold if read_as else None
    return mood_from, min(map(quality.style_threshold, names), default=None), read_from


def pool_of(
    library: Library,
    wanted: str | None,
    names: Sequence[str],
    request: Request,
    *,
    near: Floats | None = None,
    beside: Callable[[], Ids],
) -> Pool:
    """The tracks that fit; it may be empty. Of very many there are the foremost and those of `beside`.

    `near` says which are the foremost where that is not the fit, as `Library.pool` takes both.

    Raises
    ------
    NothingFitsError
        When only tags tell the styles, and there are none; when words are to say something, and none were read.
    """
    read_as = request.read_as
    if read_as:
        _require_words(library)
    if names and all(map(styles.told_by_tags, names)) and not library.count_told(names):
        heard = " or ".join(dict.fromkeys(top for name in names for top in styles.heard_as(name)))
        tells = f"tells only {heard}" if heard else "does not tell it"
        raise NothingFitsError(
            f"no track is {' or '.join(names)}: none of {library.count()} tracks is tagged so, and sound {tells}"
        )
    mood_from, style_from, read_from = (threshold or 0.0 for threshold in _thresholds(wanted, names, read_as))
    return library.pool(
        mood=wanted,
        styles=names,
        mood_from=mood_from,
        style_from=style_from,
        read_as=read_as,
        read_from=read_from,
        among=library.sung(request.sung) if request.sung else None,
        near=near,
        beside=beside,
    )


def fitting_pool(library: Library, wanted: str | None, names: Sequence[str], request: Request, *, plays: Plays) -> Pool:
    """The tracks that fit; of very many the foremost, and what the user likes.

    Raises
    ------
    NothingFitsError
        When there are none: it says how many were considered, the best score and what is needed.
    """
    from musictaste import taste

    pool = pool_of(library, wanted, names, request, beside=partial(taste.liked, plays))
    if len(pool):
        return pool
    read_as = request.read_as
    labels = " ".join(filter(None, [wanted, " or ".join(names)])) + with_words(read_as)
    needed = " and ".join(f"{t:.2f}" for t in _thresholds(wanted, names, read_as) if t is not None)
    best = f", the best scored {pool.best:.2f}, {needed} is needed" if needed else ""
    considered = _considered(library, pool, request)
    if request.sung:
        enough = f"{labels} enough and {request.sung}" if labels else request.sung
        raise NothingFitsError(f"no track is {enough}: {considered}{best}{_unsure(library, request)}")
    unknown = library.count_unknown(wanted) if wanted else 0
    remedy = f"; {unknown} were heard before {wanted} was known: run 'musictaste scan'" if unknown else ""
    raise NothingFitsError(f"no track is {labels} enough: {considered}{best}{remedy}")


def _unsure(library: Library, request: Request) -> str:
    """Of how many tracks nobody knows whether they are sung, where that was asked."""
    unsure = library.count_unsure() if request.sung else 0
    return f"; of {unsure} it is not known whether they are sung" if unsure else ""


def _require_words(library: Library) -> None:
    read, told = library.count_read()
    if told:
        return
    total = library.count()
    known = sum(count for (_, instrumental), count in library.count_words().items() if not instrumental)
    if not known:
        remedy = "run 'musictaste scan --lyrics tags,files,lrclib' to look for them"
        raise NothingFitsError(f"no words were read: none of {total} tracks has any: {remedy}")
    have = f"{known} of {total} tracks {'has' if known == 1 else 'have'} words"
    if read:
        raise NothingFitsError(f"no words tell a mood: {have}, too few or in languages that are not read")
    raise NothingFitsError(f"no words were read: {have}: run 'musictaste scan' to have them read")


def _considered(library: Library, pool: Pool, request: Request) -> str:
    read = f", the words of {library.count_read()[1]} tell a mood" if request.read_as else ""
    return f"{pool.considered} tracks were considered{_left_out(library)}{read}"


def _left_out(library: Library) -> str:
    """How many tracks no playlist takes, no music or disliked: " (left out: 2 speech, 1 noise, 1 disliked)"."""
    left = library.not_music() | {"disliked": library.count_disliked()}
    counts = [f"{count} {kind}" for kind, count in left.items() if count]
    return f" (left out: {', '.join(counts)})" if counts else ""


def _by_labels(
    options: Globals, wanted: str | None, names: Sequence[str], request: Request, *, throughout: bool = False
) -> None:
    from musictaste import playlist, taste

    read_as = request.read_as
    labels = " ".join(filter(None, [request.sung, wanted, " or ".join(names)])) + with_words(read_as)
    title = labels + " throughout" * throughout
    with open_library(options) as library:
        plays = library.plays(taste.loudest)
        pool = fitting_pool(library, wanted, names, request, plays=plays)
        fitting = pool.fitting
        if wanted and throughout:
            pool = _kept_throughout(library, pool, wanted, labels, quiet=options.quiet)
            fitting = len(pool)
        if not options.quiet and not request.as_json:
            render.say(f"{fitting} of {pool.considered} tracks are {title}{_left_out(library)}")
        fit, by_sound = playlist.fit_to_labels(pool), reasons.labels(wanted, names, alone=read_as is not None)
        why = reasons.both(by_sound, reasons.by_words(read_as or wanted, library))
        deliver(library, pool, fit, plays, request, title=title, options=options, reasons=why, typical=True)


def _kept_throughout(library: Library, pool: Pool, wanted: str, labels: str, *, quiet: bool) -> Pool:
    """The tracks that keep the mood; says how many were left out because nobody knows whether they do."""
    from musictaste import playlist

    timelines = library.timelines(pool.ids.tolist())
    current = {track_id: timeline for track_id, timeline in timelines.items() if timeline.current}
    kept = playlist.throughout(pool, current, wanted, quality.labels("emotion")[wanted].threshold)
    unknown = len(pool) - len(current)
    # A usual scan hears what has no timeline, but leaves alone what an older head has heard.
    remedy = "musictaste scan --full" if len(current) < len(timelines) else "musictaste scan"
    lost = f"{unknown} left out whose mood over time is not known: run '{remedy}'" if unknown else ""
    if not len(kept):
        plainly = f"{pool.fitting} of {pool.considered} tracks are {labels}"
        raise NothingFitsError(f"no track is {labels} throughout: {plainly}, {lost or 'none of them all along'}")
    if lost and not quiet:
        render.say(lost)
    return kept
