"""plays: what players counted, read from their own files."""

from __future__ import annotations

import csv
import gc
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from musictaste import playlist_files
from musictaste.cli import render
from musictaste.cli.commands import new_group
from musictaste.cli.context import Globals, app, open_library
from musictaste.cli.showing import AsJson
from musictaste.errors import MusictasteError, UnknownFormatError

if TYPE_CHECKING:
    from musictaste.history import Imported, Whose
    from musictaste.matching import Matcher
    from musictaste.store import Library
    from musictaste.track import History

Users = Annotated[
    list[str] | None,
    typer.Option("--user", metavar="NAME", help="Whose plays are yours, where a server has several users."),
]
Everyone = Annotated[bool, typer.Option("--all-users", help="Keep the others' plays too, for what is played together.")]
Unmatched = Annotated[
    Path | None,
    typer.Option("--unmatched", metavar="FILE", help="Write what found no track, with the nearest candidate."),
]
COLUMNS = ("source", "artist", "title", "album", "path", "user", "plays", "skips", "reason", "candidates")

plays = new_group(help="Play counts, ratings and skips out of players' own files.")
app.add_typer(plays, name="plays")


@plays.command("import")
def import_(
    context: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Players' files, recognised by their content.")
    ],
    user: Users = None,
    all_users: Everyone = False,
    unmatched: Unmatched = None,
    as_json: AsJson = False,
) -> None:
    """Read play counts, skips, ratings, last-played and loved; importing again changes nothing."""
    from musictaste.history import Whose, read_history

    options: Globals = context.obj
    whose = Whose(tuple(user or ()), all_users)
    with _uncollected(), open_library(options) as library:
        # All are read before anything is kept, so that a wrong name among several leaves the library as it was.
        read = [(path, read_history(path, whose)) for path in files]
        _import(library, read, whose, unmatched, options, as_json=as_json)


@plays.command("detect")
def detect(
    context: typer.Context,
    import_found: Annotated[bool, typer.Option("--import", help="Import what is found.")] = False,
    user: Users = None,
    all_users: Everyone = False,
    unmatched: Unmatched = None,
    as_json: AsJson = False,
) -> None:
    """Look for players' files where those players keep them."""
    from musictaste.history import Whose

    options: Globals = context.obj
    whose = Whose(tuple(user or ()), all_users)
    found, errors = _look(whose if import_found else Whose(everyone=True))
    for error in errors:
        render.say(f"musictaste: {render.printable(str(error))}")
    if not import_found:
        _list(found, options, as_json=as_json)
    elif found:
        with open_library(options) as library:
            _import(library, found, whose, unmatched, options, as_json=as_json, one=False)
    else:
        _list([], options, as_json=as_json)
    if errors:
        raise typer.Exit(max(error.exit_code for error in errors))


@plays.command("forget")
def forget(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="A player as 'taste' names it, one imported file, or 'feedback': what you said here."
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Remove all that was imported from one source; counts in the tags of your music are not touched."""
    from musictaste import history

    options: Globals = context.obj
    with open_library(options) as library:
        gone = history.forget(library, source)
    if as_json:
        keys = {"source": gone.name, "files": gone.files, "tracks": gone.tracks}
        render.print_json(keys | {"plays": gone.plays, "skips": gone.skips})
    elif not options.quiet:
        counts = f"{gone.plays} plays and {gone.skips} skips of " if gone.files else "what you said of "
        render.print_lines([f"{gone.name}: forgot {counts}{gone.tracks} track{'s' * (gone.tracks != 1)}"])


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without looking for cycles: records of plays have none, and among a million it took a quarter of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _look(whose: Whose) -> tuple[list[tuple[Path, History]], list[MusictasteError]]:
    """What is found, and why some of it cannot be read; files that are something else are passed over."""
    from musictaste.history import read_history
    from musictaste.plays.places import candidates

    found, errors = [], list[MusictasteError]()
    for path in candidates(os.environ):
        try:
            found.append((path, read_history(path, whose)))
        except UnknownFormatError:
            continue
        except MusictasteError as error:
            errors.append(error)
    return found, errors


def _list(found: Sequence[tuple[Path, History]], options: Globals, *, as_json: bool) -> None:
    if as_json:
        render.print_json([{"source": history.source, "path": str(path)} for path, history in found])
        return
    render.print_lines(f"{history.source}: {path}" for path, history in found)
    if not found and not options.quiet:
        render.say("no player's file was found")


def _import(
    library: Library,
    read: Sequence[tuple[Path, History]],
    whose: Whose,
    unmatched: Path | None,
    options: Globals,
    *,
    as_json: bool,
    one: bool = True,
) -> None:
    from musictaste.history import import_history, relate
    from musictaste.matching import Matcher

    matcher = Matcher(library.named_files())
    done = [import_history(library, matcher, path, history, whose) for path, history in read]
    relate(library)
    if unmatched:
        _write(unmatched, _unmatched_rows(library, matcher, done))
    if as_json:
        documents = [_json(imported) for imported in done]
        render.print_json(documents[0] if one and len(documents) == 1 else documents)
    elif not options.quiet:
        render.print_lines(map(_summary, done))
    if not options.quiet:
        _warn(done, told=unmatched is not None)


def _json(imported: Imported) -> dict[str, Any]:
    return {
        "source": imported.source,
        "matched": len(imported.matched),
        "unmatched": len(imported.unmatched),
        "plays": imported.plays,
        "skips": imported.skips,
    }


def _summary(imported: Imported) -> str:
    counts = f"{imported.plays} plays and {imported.skips} skips of {len(imported.matched)} recordings"
    return f"{imported.path}: {imported.source}, {counts} found their track, {len(imported.unmatched)} did not"


def _warn(done: Sequence[Imported], *, told: bool) -> None:
    for imported in done:
        path = render.printable(str(imported.path))
        if imported.malformed:
            render.say(f"{path}: rows that make no sense, passed over: {imported.malformed}")
        ambiguous = sum(match.ambiguous for match in imported.unmatched)
        if ambiguous:
            render.say(f"{path}: recordings that could be any of several tracks, given to none: {ambiguous}")
    if not told and any(imported.unmatched for imported in done):
        render.say("--unmatched FILE lists what found no track")


def _unmatched_rows(library: Library, matcher: Matcher, done: Sequence[Imported]) -> Iterable[Sequence[str]]:
    from musictaste.history import plays_of, skips_of

    for imported in done:
        for match in imported.unmatched:
            record = match.record
            near = match.candidates or filter(None, [matcher.nearest(record)])
            candidates = [track.path for track in library.tracks(list(near))]
            names = [record.artist, record.title, record.album, *record.paths[:1]] + [None] * (not record.paths)
            reason = "several tracks" if match.ambiguous else "no track"
            counts = [record.user, plays_of(record), skips_of(record), reason, " | ".join(candidates)]
            yield [imported.source, *("" if value is None else str(value) for value in (*names, *counts))]


def _write(path: Path, rows: Iterable[Sequence[str]]) -> None:
    """Tab separated values in UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text, "excel-tab", lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    playlist_files.write_whole(path, text.getvalue().encode("utf-8", "surrogateescape"))
