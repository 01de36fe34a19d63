"""playlist save, refresh, list, remove: lists that are written again when the library or the taste has changed."""

from __future__ import annotations

import difflib
import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from musictaste.cli import render
from musictaste.cli.checking import playlist
from musictaste.cli.commands import COMMANDS, Commands
from musictaste.cli.context import Globals, open_library
from musictaste.cli.showing import AsJson, resolve
from musictaste.errors import MusictasteError, NothingFitsError, RecipeError

if TYPE_CHECKING:
    from musictaste.store import Library
    from musictaste.track import Recipe

OF_A_LIST = {"output", "order", "seed"}
"""A command with these options makes a list."""

NO_FILE = {"as_json": "--json", "explain": "--explain"}
"""Options of a list that change only what is printed, of which a recipe prints nothing."""

WRONG_WORDS: Any = typer.BadParameter.__base__
"""What a command raises that was typed wrongly; not all versions of Typer have a name for it."""

Names = Annotated[list[str] | None, typer.Argument(metavar="NAME...", help="Recipes; all where none is named.")]


@dataclass(frozen=True)
class Refreshed:
    """What became of one recipe: whether its file has changed, or why it is as it was."""

    recipe: Recipe
    changed: bool
    error: str | None = None


@playlist.command()
def save(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call the recipe.")],
    words: Annotated[
        list[str], typer.Argument(metavar="-- COMMAND...", help="A command that makes a list: -- mood happy -n 40.")
    ],
    as_json: AsJson = False,
) -> None:
    """Keep a command that makes a list, for 'playlist refresh'; it writes NAME.m3u8 here, or what its -o says."""
    options: Globals = context.obj
    if not name.isprintable() or not name.strip() or os.sep in name:
        raise typer.BadParameter(f"'{name}' is no name for a recipe", param_hint="NAME")
    call = _call(context, words, replace(options, quiet=True, making="sure"))
    for parameter, option in NO_FILE.items():
        if call.params[parameter]:
            raise typer.BadParameter(f"{option} prints, and a recipe writes a file", param_hint="COMMAND")
    file = str(Path(call.params["output"] or f"{name}.m3u8").absolute())
    with open_library(options) as library:
        _check_file(library, name, file)
        tracks = [_lasting(library, track) for track in call.params.get("tracks") or []]
        known = name in {recipe.name for recipe in library.recipes()}
        try:
            _make(call, file, tracks)
        except NothingFitsError as error:
            render.say(f"nothing fits yet: {render.printable(str(error))}")
        library.save_recipe(name, words, tracks, file)
    if as_json:
        render.print_json({"name": name, "words": words, "file": file, "replaced": known})
    elif not options.quiet:
        done = f"{'replaced' if known else 'saved'} {name}, which writes {file}: run 'musictaste playlist refresh'"
        render.say(render.printable(done))


@playlist.command()
def refresh(context: typer.Context, names: Names = None, as_json: AsJson = False) -> None:
    """Write the files of recipes again, where something has changed; exit 1 when one could not be made."""
    with open_library(context.obj) as library:
        recipes = _named(library, names)
    outcomes = []
    for outcome in _refresh(context, recipes):
        outcomes.append(outcome)
        if not as_json:
            _tell(outcome, quiet=context.obj.quiet)
    if as_json:
        render.print_json([_outcome_json(outcome) for outcome in outcomes])
    elif not outcomes and not context.obj.quiet:
        render.say("no recipe is saved yet: see musictaste playlist save --help")
    if any(outcome.error for outcome in outcomes):
        raise typer.Exit(1)


@playlist.command("list")
def list_recipes(context: typer.Context, as_json: AsJson = False) -> None:
    """The recipes, the command of each and the file that it writes."""
    with open_library(context.obj) as library:
        recipes = library.recipes()
    if as_json:
        render.print_json([{"name": r.name, "words": list(r.words), "file": r.file, "saved": r.saved} for r in recipes])
    else:
        render.print_lines(f"{r.name}: {shlex.join(r.words)} -> {r.file}" for r in recipes)


@playlist.command()
def remove(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Recipes.")],
) -> None:
    """Forget recipes; the files that they wrote stay."""
    with open_library(context.obj) as library:
        for recipe in _named(library, names):
            library.remove_recipe(recipe.name)


def _call(context: typer.Context, words: Sequence[str], options: Globals) -> Any:
    """The parsed call of a command that makes a list, a context of Typer's.

    Raises
    ------
    WRONG_WORDS
        When the words are no such call.
    """
    root = context.find_root()
    commands = cast("Commands", root.command)
    if words[0] not in COMMANDS or not _makes_a_list(commands, words[0]):
        makers = ", ".join(name for name in COMMANDS if _makes_a_list(commands, name))
        raise typer.BadParameter(f"'{words[0]}' makes no list: use {makers}", param_hint="COMMAND")
    return commands.load(words[0]).make_context(words[0], list(words[1:]), parent=root, obj=options)


def _makes_a_list(commands: Commands, name: str) -> bool:
    return {parameter.name for parameter in commands.load(name).params} >= OF_A_LIST


def _make(call: Any, file: str, tracks: Sequence[str]) -> None:
    """Carry a parsed call out, with what it names as it was meant when it was saved."""
    call.params["output"] = Path(file)
    if tracks:
        call.params["tracks"] = list(tracks)
    with call:
        call.command.invoke(call)


def _check_file(library: Library, name: str, file: str) -> None:
    for recipe in library.recipes():
        if recipe.name != name and os.path.realpath(recipe.file) == os.path.realpath(file):
            raise RecipeError(f"'{file}': the recipe '{recipe.name}' writes it already")


def _lasting(library: Library, track: str) -> str:
    """The absolute path of a track or of a playlist, however it was named."""
    from musictaste.playlist_reading import is_playlist

    if is_playlist(Path(track)):
        return str(Path(track).absolute())
    return library.tracks([resolve(library, track)])[0].path


def _named(library: Library, names: Sequence[str] | None) -> list[Recipe]:
    """The recipes of some names, each once; all where none is named.

    Raises
    ------
    RecipeError
        When there is none of a name: the nearest is named.
    """
    known = {recipe.name: recipe for recipe in library.recipes()}
    for name in names or []:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, 0)
            raise RecipeError(f"no recipe is called '{name}'" + (f": did you mean '{near[0]}'?" if near else ""))
    return [known[name] for name in dict.fromkeys(names or known)]


def _refresh(context: typer.Context, recipes: Sequence[Recipe]) -> Iterator[Refreshed]:
    options = replace(context.obj, quiet=True, making="a recipe's")
    for recipe in recipes:
        before = _content(recipe.file)
        try:
            _make(_call(context, recipe.words, options), recipe.file, recipe.tracks)
        except MusictasteError as error:
            yield Refreshed(recipe, changed=False, error=str(error))
        except WRONG_WORDS as error:  # another version of the program has other options
            yield Refreshed(recipe, changed=False, error=error.format_message())
        else:
            yield Refreshed(recipe, _content(recipe.file) != before)


def _content(file: str) -> bytes | None:
    path = Path(file)
    return path.read_bytes() if path.is_file() else None


def _tell(outcome: Refreshed, *, quiet: bool) -> None:
    name = outcome.recipe.name
    if outcome.error:
        render.say(f"{render.printable(name)}: {render.printable(outcome.error)}")
    elif not quiet:
        render.print_lines([f"{name}: {'written' if outcome.changed else 'unchanged'}, {outcome.recipe.file}"])


def _outcome_json(outcome: Refreshed) -> dict[str, object]:
    recipe = outcome.recipe
    return {"name": recipe.name, "file": recipe.file, "changed": outcome.changed, "error": outcome.error}
