"""The command line: check arguments, call one function, print."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import NoReturn

from musictaste.cli.context import app
from musictaste.errors import MusictasteError

__all__ = ["app", "main"]

FULL = (errno.ENOSPC, errno.EDQUOT)


def _open_streams() -> None:
    """Let a command go on where an output is closed, or has an encoding that lacks some characters."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - open to the end
        elif stream.encoding.lower() not in ("utf-8", "utf8"):
            stream.reconfigure(errors="replace")


def main() -> None:
    """Run a command; an error that a user can act on becomes one line on stderr and an exit code."""
    _open_streams()
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except MusictasteError as error:
        line = f"musictaste: {error}\n".encode("utf-8", "surrogateescape")
        sys.stderr.buffer.write(line)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        _give_up_output()  # whoever read it has seen enough
    except OSError as error:
        if error.errno not in FULL or error.filename:
            raise
        sys.stderr.write(f"musictaste: the output cannot be written: {error.strerror}\n")
        _give_up_output()


def _give_up_output() -> NoReturn:
    """End where nothing more can be written; the interpreter must not complain when it flushes what is left."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)
