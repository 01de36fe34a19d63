"""A list on its way out: chosen, explained, printed or written, and remembered."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musictaste import moods, playlist_files
from musictaste.cli import render
from musictaste.cli.context import Globals
from musictaste.cli.reasons import by_taste
from musictaste.cli.request import Delivery, Request
from musictaste.errors import LibraryError, NothingFitsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from musictaste.cli.reasons import Reasons
    from musictaste.exploring import Heard
    from musictaste.playlist import Choice, Wish
    from musictaste.store import Library
    from musictaste.taste import Taste
    from musictaste.track import Plays, Pool, Track

    Fit = Callable[[Pool, Taste | None, Heard], NDArray[np.float32]]


@dataclass(frozen=True)
class Listing:
    """Tracks in the order of a list, why each is there, and what they look like as JSON and on a terminal."""

    title: str
    tracks: Sequence[Track]
    reasons: Sequence[Sequence[str]]
    documents: Callable[[], list[dict[str, Any]]]
    print_table: Callable[[], None]


def deliver(
    library: Library,
    pool: Pool,
    fit: NDArray[np.float32] | Fit,
    plays: Plays,
    request: Request,
    *,
    title: str,
    options: Globals,
    reasons: Reasons,
    typical: bool = False,
) -> None:
    """Choose from a pool by fit and taste, print or write the list, and remember it.

    `fit` may be a function of the pool, the taste and the history, where it depends on them; `typical` is as in a wish.
    """
    from musictaste import exploring, playlist, taste

    wish = replace(request.wish, typical=typical)
    liking = liked(library, pool, plays)
    history = exploring.heard(pool.ids, plays, taste.weigh(plays))
    fits = fit(pool, liking, history) if callable(fit) else fit
    kept = _let_in(history, wish)
    choices = playlist.choose(
        playlist.where(pool, kept),
        fits[kept],
        liking.of(kept) if liking else None,
        wish,
        known=playlist.Known(history.of(kept), library.timelines),
    )
    deliver_choices(library, choices, plays, request, title=title, options=options, reasons=reasons)


def deliver_choices(
    library: Library,
    choices: Sequence[Choice],
    plays: Plays,
    request: Request,
    *,
    title: str,
    options: Globals,
    reasons: Reasons,
) -> None:
    """Explain what was chosen, print or write it, and remember it."""
    if options.making == "sure":
        return
    tracks = library.tracks([choice.track_id for choice in choices])
    explained: list[list[str]] = [[] for _ in tracks]
    if request.explain or request.as_json:
        speaking = library.tracks([int(plays.ids[c.because]) for c in choices if c.because >= 0])
        names = {track.id: track.name for track in speaking}
        pairs = zip(tracks, choices, strict=True)
        explained = [reasons(track, choice) + by_taste(choice, plays, names) for track, choice in pairs]
    rows = list(zip(tracks, choices, explained, strict=True))
    listing = Listing(
        title,
        tracks,
        explained,
        lambda: [listed_json(track, choice.score, choice.taste, why) for track, choice, why in rows],
        lambda: render.print_tracks(
            [(track, choice.score, why) for track, choice, why in rows], explain=request.explain
        ),
    )
    hand_over(library, listing, request, options)


def hand_over(library: Library, listing: Listing, request: Delivery, options: Globals) -> None:
    """Write a list or print it in the form that was asked for, and remember it."""
    if options.making == "sure":
        return
    if request.output:
        _write(request.output, listing.tracks, request, title=listing.title, quiet=options.quiet)
    if request.as_json:
        render.print_json(listing.documents())
    elif not request.output and sys.stdout.isatty():
        listing.print_table()
    elif not request.output:
        _print_plain(listing.tracks, listing.reasons, explain=request.explain)
    if options.making != "a list":
        return
    try:
        library.save_list([track.id for track in listing.tracks], options.command)
    except LibraryError as error:
        render.say(f"the numbers of this list will not be known: {error}")


def liked(library: Library, pool: Pool, plays: Plays) -> Taste | None:
    """How the user likes the tracks of a pool; None where nothing tells."""
    from musictaste import taste

    listening = taste.beside(pool.ids, library.together(pool.ids.tolist()))
    around = library.surroundings(pool.ids, plays.ids) if len(plays.ids) else None
    return taste.score(pool.vectors, plays, listening, around=around)


def admitted(pool: Pool, plays: Plays, wish: Wish) -> Pool:
    """The tracks of a pool that the wish lets in by their history.

    Raises
    ------
    NothingFitsError
        When it lets in none.
    """
    from musictaste import exploring, playlist, taste

    return playlist.where(pool, _let_in(exploring.heard(pool.ids, plays, taste.weigh(plays)), wish))


def _let_in(history: Heard, wish: Wish) -> NDArray[np.bool_]:
    """Which tracks of a pool the wish lets in.

    Raises
    ------
    NothingFitsError
        When it lets in none.
    """
    from musictaste import exploring

    days = wish.avoid_recent_days
    kept = exploring.admitted(history, explore=wish.explore, avoid_recent_days=days, now=time.time())
    if not kept.any():
        reasons = ["you played none of them"] * (wish.explore == 0) + ["you played all of them"] * (wish.explore == 1)
        reasons += [f"they were played within {days:g} days"] if days is not None else []
        raise NothingFitsError(f"no track is left of {len(kept)} that fit: {', or '.join(reasons)}")
    return kept


def _print_plain(tracks: Sequence[Track], explained: Sequence[Sequence[str]], *, explain: bool) -> None:
    render.print_paths(tracks)
    if explain:
        for track, why in zip(tracks, explained, strict=True):
            render.say(f"{render.printable(track.name)}: {render.printable('; '.join(why))}")


def _write(output: Path, tracks: Sequence[Track], request: Delivery, *, title: str, quiet: bool) -> None:
    entries = [playlist_files.Entry(t.path, t.title, t.artist, t.duration_s) for t in tracks]
    left_out = playlist_files.write_playlist(output, entries, name=title, paths=request.paths)
    for left in left_out:
        render.say(f"left out, {left.reason}: {render.printable(left.entry.path)}")
    if not quiet:
        length = render.clock(sum(t.duration_s for t in tracks))
        render.say(f"{len(tracks) - len(left_out)} tracks, {length}, in {render.printable(str(output))}")
        if told := playlist_files.hint(output, request.player):
            render.say(told)


def listed_json(track: Track, score: float, taste: float | None, why: Sequence[str]) -> dict[str, Any]:
    """A track of a list, as in the contract of the command line."""
    known = render.track_json(track)
    return {
        **{key: known[key] for key in ("path", "artist", "title", "album", "duration_s")},
        "score": round(score, 4),
        "mood": moods.emotion(track.moods),
        "style": render.top(track.styles),
        **{key: known[key] for key in ("moods", "styles")},
        "taste": None if taste is None else round(taste, 4),
        "reasons": list(why),
    }
