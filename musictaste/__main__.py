"""The command `musictaste`, and `python -m musictaste`: a process of its own."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys


def main() -> None:
    """Run a command, and end at once: to take memory apart piece by piece costs a short command a tenth of its time."""
    if "lyrics" in sys.argv:
        from musictaste import tokenizer  # what takes longest, while the command line is still to be read

        tokenizer.hasten()
    from musictaste import cli

    try:
        cli.main()
    except SystemExit as end:
        if not isinstance(end.code, int):
            raise
        atexit._run_exitfuncs()  # what processes shared is removed, and a cluster is left
        with contextlib.suppress(OSError):  # nobody would read what is wrong with it
            sys.stderr.flush()
        os._exit(end.code)


if __name__ == "__main__":
    main()
