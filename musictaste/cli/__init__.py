"""The command line: check arguments, call one function, print."""

from __future__ import annotations

import os
import sys

from musictaste.cli.context import app
from musictaste.errors import MusictasteError

__all__ = ["app", "main"]


def main() -> None:
    """Run a command; an error that a user can act on becomes one line on stderr and an exit code."""
    try:
        app()
    except MusictasteError as error:
        line = f"musictaste: {error}\n".encode("utf-8", "surrogateescape")
        sys.stderr.buffer.write(line)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # Whoever read our output has seen enough; the interpreter must not complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
