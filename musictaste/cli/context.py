"""What all commands share: the application, the global options and the settings file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from musictaste import __version__
from musictaste.cli.commands import COMMANDS, Commands, new_group
from musictaste.errors import SettingsError

if TYPE_CHECKING:
    from musictaste.store import Library

CALCULATING = ("evaluate",)
"""Commands for which linear algebra has threads. To start them, a third of a list's CPU time, costs others more than
they save."""

app = new_group(
    name="musictaste",
    cls=Commands,
    help="Know your own music by mood and by style, and make playlists from what you really play.",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@dataclass(frozen=True)
class Globals:
    """Options that stand before the command, and whether a list is made as typed, by a recipe or to see if it can be.

    A recipe changes no numbers of the list that was last printed.
    """

    db: Path
    verbose: bool
    quiet: bool
    making: Literal["a list", "a recipe's", "sure"] = "a list"
    command: str = ""


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"musictaste {__version__}")
        raise typer.Exit


@app.callback()
def configure(
    context: typer.Context,
    db: Annotated[
        Path | None, typer.Option(envvar="MUSICTASTE_DB", help="The library file.", show_default=False)
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but results and errors.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if context.invoked_subcommand not in CALCULATING:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    settings = read_settings(settings_path(), cast("Commands", context.command))
    chosen = db or (Path(settings["db"]).expanduser() if "db" in settings else default_library())
    context.obj = Globals(chosen, verbose, quiet, command=context.invoked_subcommand or "")
    context.default_map = {key: value for key, value in settings.items() if isinstance(value, Mapping)}


def default_library() -> Path:
    """library.db in the folder where this system keeps a user's data; the folder is made."""
    import platformdirs

    return platformdirs.user_data_path("musictaste", appauthor=False, ensure_exists=True) / "library.db"


def open_library(options: Globals, *, create: bool = False) -> Library:
    """The library; imported here, so that what needs none (--help, a wrong word) does not wait for numpy and SQLite."""
    from musictaste.store import Library

    return Library.open(options.db, create=create)


def known_library(options: Globals) -> Library:
    """The library, or an empty one in memory where there is none yet: looking at a folder makes no file."""
    from musictaste.store import Library

    return open_library(options) if options.db.exists() else Library.empty()


def settings_path() -> Path:
    import platformdirs

    return platformdirs.user_config_path("musictaste", appauthor=False) / "config.toml"


def read_settings(path: Path, commands: Commands) -> dict[str, Any]:
    """The settings file: "db", and a table of options for each command; empty where there is none.

    Raises
    ------
    SettingsError
        When it is not TOML, or has a key that nothing reads: the nearest known one is named.
    """
    if not path.exists():
        return {}
    import tomllib

    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"'{path}': is not TOML: {error}") from error
    for key, value in settings.items():
        _check_key(path, key, {"db", *COMMANDS})
        if key in COMMANDS:
            _check_options(path, key, value, commands)
        elif not isinstance(value, str):
            raise SettingsError(f"'{path}': 'db' is the path of a library, in quotes")
    return settings


def _check_key(path: Path, key: str, known: set[str], prefix: str = "") -> None:
    if key not in known:
        import difflib

        near = difflib.get_close_matches(key, known, 1, 0)
        question = f": did you mean '{prefix}{near[0]}'?" if near else ""
        raise SettingsError(f"'{path}': unknown setting '{prefix}{key}'{question}")


def _check_options(path: Path, command: str, options: Any, commands: Commands) -> None:
    if not isinstance(options, dict):
        raise SettingsError(f"'{path}': '{command}' is a command: its settings stand in a table, below '[{command}]'")
    known = {parameter.name for parameter in commands.load(command).params if parameter.param_type_name == "option"}
    for option in options:
        _check_key(path, option, known, f"{command}.")
