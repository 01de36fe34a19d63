"""lyrics: songs by what they say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated, Any

import typer

from musictaste.cli import render
from musictaste.cli.context import Globals, app, open_library
from musictaste.cli.delivering import Listing, hand_over, listed_json
from musictaste.cli.request import Delivery, with_request
from musictaste.errors import NothingFitsError

if TYPE_CHECKING:
    from musictaste.inference import Encoder
    from musictaste.searching import Found, Hit
    from musictaste.store import Library
    from musictaste.track import Track


@app.command()
@with_request
def lyrics(
    context: typer.Context,
    words: Annotated[list[str], typer.Argument(metavar="WORDS...", help="What the song says, in any language served.")],
    *,
    exact: Annotated[bool, typer.Option("--exact", help="Only songs with these very words.")] = False,
    request: Delivery,
) -> None:
    """Songs that have these words, then songs that say the same in others, in whatever language."""
    asked = " ".join(words)
    # Half of the time is taken by the model and its tokenizer; meanwhile the library is opened and read.
    with ThreadPoolExecutor(1) as pool:
        encoder = pool.submit(_load_encoder)
        with open_library(context.obj) as library:
            _find(library, asked, encoder.result, request, context.obj, exact=exact)


def _find(
    library: Library, asked: str, load: Callable[[], Encoder], request: Delivery, options: Globals, *, exact: bool
) -> None:
    from musictaste import searching

    found = searching.find(library, asked, load, limit=request.limit, exact=exact)
    if not found.hits:
        raise NothingFitsError(_why_nothing(asked, found, exact=exact))
    tracks = library.tracks([hit.track_id for hit in found.hits])
    rows = list(zip(tracks, found.hits, strict=True))
    listing = Listing(
        asked,
        tracks,
        [_reasons(hit) for hit in found.hits],
        lambda: [_document(track, hit) for track, hit in rows],
        lambda: _print_table(rows),
    )
    hand_over(library, listing, request, options)


def _load_encoder() -> Encoder:
    from musictaste.inference import Encoder

    return Encoder()


def _why_nothing(asked: str, found: Found, *, exact: bool) -> str:
    from musictaste.searching import MEANS_IT

    looked = f"the words of {found.songs} {'song' if found.songs == 1 else 'songs'} were looked through"
    if exact:
        return f"no song has the words '{asked}': {looked}"
    return f"no song says '{asked}': {looked}, the nearest scored {found.best:.2f}, {MEANS_IT:.2f} is needed"


def _reasons(hit: Hit) -> list[str]:
    says = "has these words" if hit.match == "words" else f"says much the same ({hit.score:.2f})"
    return [f"{says}: {render.shortened(hit.line)}"]


def _document(track: Track, hit: Hit) -> dict[str, Any]:
    document = listed_json(track, hit.score, None, _reasons(hit))
    return document | {"line": render.shortened(hit.line), "match": hit.match}


def _print_table(rows: Sequence[tuple[Track, Hit]]) -> None:
    """A numbered list with the lines that matched, which is all that there is to explain."""
    columns = ["", "artist", "title", "time", "match", "score", "line"]
    table = []
    for number, (track, hit) in enumerate(rows, 1):
        named = [str(number), track.artist or "", render.title(track), render.clock(track.duration_s)]
        table.append([*named, hit.match, f"{hit.score:.2f}", render.shortened(hit.line)])
    render.print_table(columns, table)
