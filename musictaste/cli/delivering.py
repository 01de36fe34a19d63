"""A list on its way out: chosen, explained, printed or written, and remembered."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musictaste import moods, playlist_files
from musictaste.cli import render
from musictaste.cli.context import Globals
from musictaste.cli.reasons import by_taste
from musictaste.cli.request import Delivery, Request
from musictaste.errors import LibraryError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from musictaste.cli.reasons import Reasons
    from musictaste.store import Library
    from musictaste.track import Pool, Track


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
    fit: NDArray[np.float32],
    request: Request,
    *,
    title: str,
    options: Globals,
    reasons: Reasons,
) -> None:
    """Choose from a pool by fit and taste, print or write the list, and remember it."""
    from musictaste import playlist, taste

    plays = library.plays()
    choices = playlist.choose(pool, fit, taste.score(pool.vectors, plays), request.wish)
    tracks = library.tracks([choice.track_id for choice in choices])
    explained = [
        reasons(track, choice) + by_taste(choice, plays) for track, choice in zip(tracks, choices, strict=True)
    ]
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
    if request.output:
        _write(request.output, listing.tracks, request, title=listing.title, quiet=options.quiet)
    if request.as_json:
        render.print_json(listing.documents())
    elif not request.output and sys.stdout.isatty():
        listing.print_table()
    elif not request.output:
        _print_plain(listing.tracks, listing.reasons, explain=request.explain)
    try:
        library.save_list([track.id for track in listing.tracks])
    except LibraryError as error:
        render.console(stderr=True).print(f"the numbers of this list will not be known: {error}")


def _print_plain(tracks: Sequence[Track], explained: Sequence[Sequence[str]], *, explain: bool) -> None:
    render.print_paths(tracks)
    if explain:
        for track, why in zip(tracks, explained, strict=True):
            render.console(stderr=True).print(f"{render.printable(track.name)}: {render.printable('; '.join(why))}")


def _write(output: Path, tracks: Sequence[Track], request: Delivery, *, title: str, quiet: bool) -> None:
    entries = [playlist_files.Entry(t.path, t.title, t.artist, t.duration_s) for t in tracks]
    left_out = playlist_files.write_playlist(output, entries, name=title, paths=request.paths)
    err = render.console(stderr=True)
    for left in left_out:
        err.print(f"left out, {left.reason}: {render.printable(left.entry.path)}")
    if not quiet:
        length = render.clock(sum(t.duration_s for t in tracks))
        err.print(f"{len(tracks) - len(left_out)} tracks, {length}, in {render.printable(str(output))}")


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
