"""The table of all commands: a command's module is imported when it is called, so that the others cost nothing."""

from __future__ import annotations

import importlib
from functools import partial
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

COMMANDS = {
    "scan": ("scanning", "Bring the library up to date with folders of music."),
    "mood": ("choosing", "A playlist of a mood, and of a style if you like."),
    "style": ("choosing", "A playlist of one or more styles."),
    "similar": ("choosing", "The tracks nearest to one or more others, which may be disliked ones."),
    "mix": (
        "choosing",
        "A playlist for you, from what you play and like; without any of that, what is typical of your library.",
    ),
    "journey": ("journeys", "A way from one mood to another, in even steps through valence and arousal."),
    "lyrics": ("finding", "Songs that have these words, then songs that say the same in others, in whatever language."),
    "show": ("showing", "All that is known of a track."),
    "like": ("feedback", "Say that you like tracks: they and what is near to them come sooner."),
    "dislike": (
        "feedback",
        "Say that you dislike tracks: no list takes them, only 'similar' as a seed, and their like comes later.",
    ),
    "skip": (
        "feedback",
        "Say that you skipped tracks: each time counts a little against them and what is near, for some weeks.",
    ),
    "undo": ("feedback", "Take the last like, dislike or skip back, with all tracks that it named."),
    "taste": (
        "tasting",
        "What is believed of your taste, beside what your library is like, and which sources tell it.",
    ),
    "evaluate": (
        "evaluating",
        "How well your own plays are predicted from what came before them, and what is missing to do better.",
    ),
    "teach": ("teaching", "Correct a mood for this library; with the mood alone, list what it was taught."),
    "moods": ("showing", "The moods, how many tracks reach each, and how well each was measured to be heard."),
    "styles": (
        "showing",
        "The tree of styles, how many tracks reach each, and how well it is heard or that tags tell it.",
    ),
    "models": (
        "showing",
        "The models: what each does, its licence, what it was trained on, measured quality, size and checksum.",
    ),
    "plays": ("importing", "Play counts, ratings and skips out of players' own files."),
    "playlist": ("recipes", "Playlist files, and recipes that write them again."),
    "failures": ("showing", "Files that could not be listened to, each with its reason."),
    "doctor": (
        "scanning",
        "Run the models for real, and say what runs where, how fast, and how to mend what does not.",
    ),
}
"""The module of each command, and what `--help` says of it, in the order in which it lists them."""


class Group(TyperGroup):
    """A group whose help lists what its commands do in whole sentences; click cuts them to a line that ends in dots."""

    def __init__(self, *, commands: dict[str, Any], **attributes: Any) -> None:
        for command in commands.values():
            command.short_help = command.help
        super().__init__(commands=commands, **attributes)


new_group = partial(typer.Typer, cls=Group, no_args_is_help=True, rich_markup_mode=None)
"""Help is plain: half of its time would be spent on importing what draws boxes around it."""


class Commands(Group):
    """All commands by name: one is imported when it is called, and none when they are listed."""

    def __init__(self, *, commands: dict[str, Any], **attributes: Any) -> None:
        listed = {name: TyperCommand(name, help=summary) for name, (_, summary) in COMMANDS.items()}
        super().__init__(commands=listed | commands, **attributes)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] in COMMANDS:
            self.load(args[0])
        return super().resolve_command(ctx, args)

    def load(self, name: str) -> Any:
        """The command itself, in place of the name that is only listed."""
        from musictaste.cli.context import app

        importlib.import_module(f"musictaste.cli.{COMMANDS[name][0]}")
        # Alone, since the options of the others in its module take as long to make as its own.
        alone = new_group()
        alone.registered_commands = [
            each for each in app.registered_commands if name in {each.name, getattr(each.callback, "__name__", None)}
        ]
        alone.registered_groups = [each for each in app.registered_groups if each.name == name]
        self.commands[name] = typer.main.get_group(alone).commands[name]
        return self.commands[name]
