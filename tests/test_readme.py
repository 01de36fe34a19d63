"""What the README shows is what happens."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from conftest import Run, add_track

from musictaste.store import Library

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
(CONSOLE,) = re.findall(r"```\n(\$ .*?)```", README, re.DOTALL)
EXAMPLES = [tuple(block.split("\n", 1)) for block in re.split(r"^\$ ", CONSOLE, flags=re.MULTILINE)[1:]]
IN_TABLE = [words for words in re.findall(r"`musictaste ([^`]+)`", README) if not re.search(r"[A-Z\[]{2}|scan", words)]


def shape(text: str) -> str:
    """Text with every number and every path made alike."""
    return re.sub(r"[\d.]+", "N", re.sub(r"^/.*$|/\S+", "PATH", text, flags=re.MULTILINE))


@pytest.fixture
def calm_library(tmp_path: Path) -> None:
    with Library.open(tmp_path / "library.db", create=True) as library:
        for i in range(3):
            mood, style = {"calm": 0.9}, {"jazz": 0.9}
            add_track(library, f"/m/{i}.ogg", mood=mood, style=style, seed=i, title=f"Title {i}", artist=f"Artist {i}")


def test_scanning_looks_as_shown(run_alone: Run, music: Path) -> None:
    shown = {command: output for command, output in EXAMPLES if command.startswith("musictaste scan")}
    assert len(shown) == 2
    for command, output in shown.items():
        result = run_alone(*shlex.split(command.replace("~/Music", str(music)))[1:])
        assert (result.code, shape(result.out + result.err)) == (0, shape(output))


@pytest.mark.usefixtures("calm_library")
def test_choosing_looks_as_shown(run_alone: Run) -> None:
    shown = {command: output for command, output in EXAMPLES if not command.startswith("musictaste scan")}
    assert len(shown) >= 1
    for command, output in shown.items():
        words, *pipe = command.split(" | ")
        result = run_alone(*shlex.split(words)[1:])
        lines = result.out.splitlines(keepends=True)
        kept = int(pipe[0].removeprefix("head -")) if pipe else len(lines)
        assert (result.code, shape(result.err + "".join(lines[:kept]))) == (0, shape(output))


@pytest.mark.usefixtures("calm_library")
@pytest.mark.parametrize("words", IN_TABLE)
def test_commands_of_the_table_run(run: Run, words: str) -> None:
    result = run(*shlex.split(words))
    # A mood that nothing in this library has is answered with 1, words that are not understood with 2.
    assert result.code in (0, 1), result.err
    assert "Traceback" not in result.err
