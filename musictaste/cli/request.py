"""What every command that makes a playlist can be asked: one record of options, and what becomes of it."""

from __future__ import annotations

import datetime
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import typer

from musictaste import moods, playlist_files
from musictaste.cli.showing import AsJson
from musictaste.errors import UnknownLabelError

if TYPE_CHECKING:
    from musictaste.playlist import Wish


@dataclass(frozen=True)
class Delivery:
    """The options of any list: how long it is, where it goes, and in which form."""

    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="How many tracks.")] = 25
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write a playlist: .m3u8, .m3u, .xspf or .jspf.")
    ] = None
    absolute: Annotated[
        bool | None, typer.Option("--absolute/--relative", help="Paths in the playlist.", show_default=False)
    ] = None
    player: Annotated[
        str | None,
        typer.Option(
            "--for", metavar="PLAYER", help=f"As this player wants paths: {', '.join(playlist_files.PLAYERS)}."
        ),
    ] = None
    prefix: Annotated[
        str | None, typer.Option("--prefix", metavar="OLD=NEW", help="Replace the beginning of paths.")
    ] = None
    explain: Annotated[bool, typer.Option("--explain", help="Say why each track is there.")] = False
    as_json: AsJson = False

    @property
    def paths(self) -> playlist_files.PathStyle:
        """How paths are written; raises where the options contradict each other."""
        return playlist_files.path_style(absolute=self.absolute, prefix=self.prefix, player=self.player)

    def check(self) -> None:
        """Refuse what cannot work before any work is done: wrong options, a playlist that could not be written."""
        _ = self.paths
        if self.output:
            playlist_files.check_target(self.output, self.player)


@dataclass(frozen=True)
class Request(Delivery):
    """The options of a list that is chosen from all music that fits."""

    max_per_artist: Annotated[
        int, typer.Option("--max-per-artist", min=1, help="At most so many tracks by one artist.")
    ] = 2
    instrumental: Annotated[
        bool | None,
        typer.Option("--instrumental/--vocal", help="Only tracks without, or with, a voice.", show_default=False),
    ] = None
    order: Annotated[Literal["flow", "score", "random"], typer.Option("--order", help="Order of the tracks.")] = "flow"
    seed: Annotated[str | None, typer.Option("--seed", help="Another list of the same kind: a number, or 'today'.")] = (
        None
    )
    avoid_recent: Annotated[
        float | None,
        typer.Option("--avoid-recent", metavar="DAYS", min=0, help="Nothing that was played within so many days."),
    ] = None
    explore: Annotated[
        float | None,
        typer.Option("--explore", min=0, max=1, help="From 0, only what you play, to 1, only what you never played."),
    ] = None
    lyrics: Annotated[
        str | None,
        typer.Option(
            "--lyrics",
            metavar="MOOD",
            help="Only songs whose words say this; the other mood is then that of the sound.",
        ),
    ] = None

    @property
    def sung(self) -> Literal["instrumental", "vocal"] | None:
        """Which of the two was asked for."""
        return None if self.instrumental is None else "instrumental" if self.instrumental else "vocal"

    @property
    def read_as(self) -> str | None:
        """The mood that the words are to say.

        Raises
        ------
        UnknownLabelError
            When it is none, or one that words do not tell.
        """
        if self.lyrics is None:
            return None
        wanted = moods.find_mood(self.lyrics)
        if wanted not in moods.EMOTIONS:
            raise UnknownLabelError(f"words do not tell {wanted}: they tell {', '.join(moods.EMOTIONS)}")
        return wanted

    @property
    def wish(self) -> Wish:
        """What the choosing has to keep to."""
        from musictaste import playlist

        return playlist.Wish(
            self.limit, self.max_per_artist, self.order, _number(self.seed), self.explore, self.avoid_recent
        )

    def check(self) -> None:
        _number(self.seed)
        _ = self.read_as
        super().check()


def _number(seed: str | None) -> int | None:
    if seed is not None and seed != "today" and not seed.isdigit():
        raise typer.BadParameter("is neither a number nor 'today'", param_hint="--seed")
    return datetime.date.today().toordinal() if seed == "today" else None if seed is None else int(seed)


def with_request(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose parameter `request` is filled from options, one for each field of the record that it is."""
    own = inspect.signature(command, eval_str=True).parameters
    record: type[Delivery] = own["request"].annotation

    @functools.wraps(command)
    def filled(**given: Any) -> None:
        request = record(**{field.name: given.pop(field.name) for field in fields(record)})
        request.check()
        command(**given, request=request)

    hints = get_type_hints(record, include_extras=True)
    options = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in fields(record)
    ]
    parameters = [parameter for name, parameter in own.items() if name != "request"] + options
    filled.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    filled.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    del filled.__wrapped__  # its annotations would be read instead
    return filled
