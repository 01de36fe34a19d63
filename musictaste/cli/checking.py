"""playlist check: whether what a playlist lists can be opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from musictaste.cli import render
from musictaste.cli.commands import new_group
from musictaste.cli.context import Globals, app, known_library
from musictaste.cli.showing import AsJson

if TYPE_CHECKING:
    from musictaste.playlist_reading import Line
    from musictaste.store import Library

playlist = new_group(help="Playlist files, and recipes that write them again.")
app.add_typer(playlist, name="playlist")


@playlist.callback()
def _group() -> None:
    """Playlist files, and recipes that write them again."""


@dataclass(frozen=True)
class Missing:
    """A track that cannot be opened, why, and the path of the track in the library that it may be."""

    number: int
    line: Line
    reason: str
    nearest: str | None


@playlist.command()
def check(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A playlist: .m3u8 .m3u .pls .xspf .jspf.")],
    as_json: AsJson = False,
) -> None:
    """Open every track that a playlist lists; exit 1 when one is missing, and name the nearest of the library."""
    from musictaste.playlist_reading import fault, read_lines

    options: Globals = context.obj
    lines = read_lines(file)
    faults = [(n, line, fault(line.path)) for n, line in enumerate(lines, 1) if line.path is not None]
    broken = [(number, line, reason) for number, line, reason in faults if reason]
    with known_library(options) as library:
        missing = list(_with_nearest(library, broken))
    remote = [line for line in lines if line.path is None]
    if as_json:
        render.print_json(_document(file, len(lines), missing, remote))
    else:
        render.print_lines(map(_told, missing))
        render.print_lines(f"not checked, not a file: {line.text}" for line in remote)
        if not options.quiet:
            opened = len(lines) - len(missing) - len(remote)
            render.say(f"{opened} of {len(lines)} tracks of {render.printable(str(file))} open")
    if missing:
        raise typer.Exit(1)


def _with_nearest(library: Library, broken: Sequence[tuple[int, Line, str]]) -> Iterator[Missing]:
    from musictaste.matching import Matcher
    from musictaste.playlist_reading import record

    matcher = Matcher(library.named_files()) if broken else None
    for number, line, reason in broken:
        assert matcher  # noqa: S101 - there is something broken
        wanted = record(line)
        match = matcher.match(wanted)
        ids = [match.track_id, *match.candidates[:1], matcher.nearest(wanted)]
        tracks = [track for track in library.tracks([i for i in ids if i is not None]) if not track.missing]
        yield Missing(number, line, reason, tracks[0].path if tracks else None)


def _told(missing: Missing) -> str:
    near = f"; nearest in the library: {missing.nearest}" if missing.nearest else ""
    return f"{missing.number}: {missing.line.path}: {missing.reason}{near}"


def _document(file: Path, count: int, missing: Sequence[Missing], remote: Sequence[Line]) -> dict[str, object]:
    rows = [{"number": m.number, "path": m.line.path, "reason": m.reason, "nearest": m.nearest} for m in missing]
    return {"file": str(file), "tracks": count, "missing": rows, "not_checked": [line.text for line in remote]}
