"""Lists that are saved by name and written again."""

from __future__ import annotations

import datetime
import json
import os
import sqlite3
from pathlib import Path

import pytest
from conftest import Result, Run, add_track

from musictaste.store import Library


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Four tracks of happy jazz by two artists."""
    path = tmp_path / "library.db"
    with Library.open(path, create=True) as opened:
        for i in range(4):
            add_one(opened, i)
    return path


def add_one(library: Library, number: int) -> None:
    mood, style = {"happy": 0.9 - number / 100}, {"jazz": 0.9}
    title, artist = f"Swing {number}", f"Cat {number % 2}"
    add_track(library, f"/m/{number}.flac", mood=mood, style=style, seed=number, title=title, artist=artist)


def keep(library: Path, name: str, *words: str) -> None:
    """What 'playlist save' does with words that name no tracks."""
    with Library.open(library) as opened:
        opened.save_recipe(name, words, [], str(library.with_name(f"{name}.m3u8")))


def listed(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]


def told(result: Result) -> str:
    """What is said of wrong words, without the frame."""
    return " ".join(result.err.replace("│", " ").split())


def test_a_recipe_is_saved_written_listed_and_removed(run: Run, library: Path, tmp_path: Path) -> None:
    result = run("playlist", "save", "swing", "--", "mood", "快乐", "--style", "jazz", "-n", "3", "--absolute")
    file = tmp_path / "swing.m3u8"
    saved = f"saved swing, which writes {file}: run 'musictaste playlist refresh'\n"
    assert (result.code, result.out, result.err, file.exists()) == (0, "", saved, False)
    result = run("playlist", "refresh", cwd=tmp_path / "home")
    assert (result.code, result.out, result.err) == (0, f"swing: written, {file}\n", "")
    assert len(listed(file)) == 3
    assert "#PLAYLIST:happy jazz\n" in file.read_text(encoding="utf-8")
    result = run("playlist", "list")
    assert result.out == f"swing: mood '快乐' --style jazz -n 3 --absolute -> {file}\n"
    (document,) = json.loads(run("playlist", "list", "--json").out)
    words = ["mood", "快乐", "--style", "jazz", "-n", "3", "--absolute"]
    assert (document["name"], document["words"], document["file"]) == ("swing", words, str(file))
    assert isinstance(document["saved"], int)
    assert run("playlist", "remove", "swing") == Result(0, "", "")
    assert (run("playlist", "list").out, file.exists()) == ("", True)
    result = run("playlist", "refresh")
    assert (result.code, result.out) == (0, "")
    assert result.err == "no recipe is saved yet: see musictaste playlist save --help\n"


def test_what_has_not_changed_is_left_alone(run: Run, library: Path, tmp_path: Path) -> None:
    run("playlist", "save", "swing", "--", "mood", "happy", "-o", "a.m3u8", "--max-per-artist", "9")
    run("playlist", "save", "near", "--", "similar", "swing 0", "--max-per-artist", "9", "-o", "b.xspf")
    assert json.loads(run("playlist", "refresh", "--json").out) == [
        {"name": "near", "file": str(tmp_path / "b.xspf"), "changed": True, "error": None},
        {"name": "swing", "file": str(tmp_path / "a.m3u8"), "changed": True, "error": None},
    ]
    for name in ("a.m3u8", "b.xspf"):
        os.utime(tmp_path / name, ns=(1, 1))
    result = run("playlist", "refresh", "near", "swing")
    assert result.out == f"near: unchanged, {tmp_path / 'b.xspf'}\nswing: unchanged, {tmp_path / 'a.m3u8'}\n"
    assert [(tmp_path / name).stat().st_mtime_ns for name in ("a.m3u8", "b.xspf")] == [1, 1]
    with Library.open(library) as opened:
        add_one(opened, 4)
    result = run("playlist", "refresh", "swing")
    assert (result.out, len(listed(tmp_path / "a.m3u8"))) == (f"swing: written, {tmp_path / 'a.m3u8'}\n", 5)
    assert (tmp_path / "b.xspf").stat().st_mtime_ns == 1
    assert run("-q", "playlist", "refresh", "swing") == Result(0, "", "")
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".tmp") == []


def test_a_recipe_that_finds_nothing_keeps_its_file_and_the_others_are_made(
    run: Run, library: Path, tmp_path: Path
) -> None:
    keep(library, "a", "mood", "happy")
    keep(library, "b", "style", "jazz")
    run("playlist", "refresh")
    before = (tmp_path / "a.m3u8").read_bytes()
    with sqlite3.connect(library) as connection:
        connection.execute("UPDATE mood SET happy = 0.1, sad = 0.8")
    (tmp_path / "b.m3u8").unlink()
    result = run("playlist", "refresh")
    nothing = "no track is happy enough: 4 tracks were considered, the best scored 0.10, 0.60 is needed"
    assert (result.code, result.out) == (1, f"b: written, {tmp_path / 'b.m3u8'}\n")
    assert result.err.startswith("a: no track is happy enough: 4 tracks were considered, the best scored 0.10, ")
    assert (tmp_path / "a.m3u8").read_bytes() == before
    result = run("playlist", "refresh", "--json")
    assert (result.code, result.err) == (1, "")
    first, second = json.loads(result.out)
    assert (first["changed"], first["error"][:40]) == (False, nothing[:40])
    assert (second["changed"], second["error"]) == (False, None)


def test_what_fits_nothing_yet_is_saved_all_the_same(run: Run, library: Path) -> None:
    result = run("playlist", "save", "x", "--", "mood", "angry")
    assert result.code == 0
    assert result.err.startswith("nothing fits yet: no track is angry enough: 4 tracks were considered")
    assert run("playlist", "list").out.startswith("x: mood angry -> ")
    assert run("playlist", "refresh").code == 1


def test_a_name_is_given_anew(run: Run, library: Path, tmp_path: Path) -> None:
    keep(library, "x", "mood", "happy")
    result = run("playlist", "save", "x", "--json", "--", "style", "jazz", "-o", "y.jspf")
    document = {"name": "x", "words": ["style", "jazz", "-o", "y.jspf"], "file": str(tmp_path / "y.jspf")}
    assert (result.err, json.loads(result.out)) == ("", document | {"replaced": True})
    assert run("playlist", "list").out == f"x: style jazz -o y.jspf -> {tmp_path / 'y.jspf'}\n"


def test_numbers_and_relative_names_mean_what_they_meant(run: Run, library: Path, tmp_path: Path) -> None:
    (tmp_path / "seeds.m3u8").write_text("/m/3.flac\n")
    first = run("-q", "mood", "happy", "--order", "score").out.splitlines()[0]
    assert run("playlist", "save", "a", "--", "similar", "1", "--max-per-artist", "9").code == 0
    assert run("playlist", "save", "b", "--", "similar", "seeds.m3u8", "--max-per-artist", "9").code == 0
    run("similar", "/m/2.flac")
    assert run("playlist", "refresh", cwd=tmp_path / "home").code == 0
    absolute = {f"../m/{i}.flac" for i in range(4)}
    names = [{Path(line).name for line in listed(tmp_path / f"{name}.m3u8")} for name in "ab"]
    everything = {Path(path).name for path in absolute}
    assert names == [everything - {Path(first).name}, everything - {"3.flac"}]


def test_a_recipe_changes_no_numbers(run: Run, library: Path) -> None:
    paths = run("-q", "mood", "happy", "--order", "score").out.splitlines()
    run("playlist", "save", "x", "--", "similar", paths[0])
    run("playlist", "refresh")
    assert json.loads(run("show", "1", "--json").out)["path"] == paths[0]


def test_todays_list_stays_the_same_for_a_day(run: Run, library: Path, tmp_path: Path) -> None:
    with Library.open(library) as opened:
        for number in range(4, 30):
            add_one(opened, number)
    words = ("mood", "happy", "-n", "3", "--max-per-artist", "9", "--seed")
    keep(library, "x", *words, "today")
    assert run("playlist", "refresh").out == f"x: written, {tmp_path / 'x.m3u8'}\n"
    assert run("playlist", "refresh").out == f"x: unchanged, {tmp_path / 'x.m3u8'}\n"
    today = datetime.date.today().toordinal()
    same, other = (run("-q", *words, str(day)).out.splitlines() for day in (today, today + 1))
    assert [Path(line).name for line in listed(tmp_path / "x.m3u8")] == [Path(path).name for path in same]
    assert same != other


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("x", "--", "show", "1"), "Invalid value for COMMAND: 'show' makes no list: use mood, style, similar"),
        (("x", "--", "nonsense"), "Invalid value for COMMAND: 'nonsense' makes no list"),
        (("x",), "Missing argument '-- COMMAND...'"),
        (("x", "--", "mood"), "Missing argument 'MOOD'"),
        (("x", "--", "mood", "happy", "--nope"), "No such option: --nope"),
        (("x", "--", "mood", "hapy"), "musictaste: unknown mood 'hapy'"),
        (("x", "--", "mood", "happy", "-n", "0"), "Invalid value for '-n'"),
        (("x", "--", "mood", "happy", "-o", "x.mp3"), "cannot write this kind of playlist"),
        (("x", "--", "mood", "happy", "--seed", "soon"), "is neither a number nor 'today'"),
        (
            ("x", "--", "mood", "happy", "--json"),
            "Invalid value for COMMAND: --json prints, and a recipe writes a file",
        ),
        (("x", "--", "mood", "happy", "--explain"), "COMMAND: --explain prints, and a recipe writes a file"),
        (("x", "--", "similar", "nobody"), "musictaste: no track is called 'nobody'"),
        (("a/b", "--", "mood", "happy"), "Invalid value for NAME: 'a/b' is no name for a recipe"),
        ((" ", "--", "mood", "happy"), "is no name for a recipe"),
        (("x", "--", "mood", "happy", "-o", "kept.m3u8"), "kept.m3u8': the recipe 'kept' writes it already"),
    ],
)
def test_recipes_that_are_not_saved(run: Run, library: Path, words: tuple[str, ...], message: str) -> None:
    keep(library, "kept", "mood", "happy")
    result = run("playlist", "save", *words)
    assert (result.code, result.out) == (2, "")
    assert message in told(result)
    with Library.open(library) as opened:
        assert [recipe.name for recipe in opened.recipes()] == ["kept"]


def test_a_folder_that_is_not_there_is_told_when_saving_and_when_writing(
    run: Run, library: Path, tmp_path: Path
) -> None:
    result = run("playlist", "save", "x", "--", "mood", "happy", "-o", "sub/x.m3u8")
    assert result.code == 1
    assert "the folder" in result.err
    (tmp_path / "sub").mkdir()
    assert run("playlist", "save", "x", "--", "mood", "happy", "-o", "sub/x.m3u8").code == 0
    (tmp_path / "sub").rmdir()
    result = run("playlist", "refresh")
    assert (result.code, result.out) == (1, "")
    file = tmp_path / "sub" / "x.m3u8"
    assert result.err == f"x: '{file}': the folder '{file.parent}' does not exist\n"


@pytest.mark.parametrize("command", ["refresh", "remove"])
def test_names_that_no_recipe_has(run: Run, library: Path, command: str) -> None:
    result = run("playlist", command, "swing")
    assert (result.code, result.err) == (2, "musictaste: no recipe is called 'swing'\n")
    keep(library, "swings", "mood", "happy")
    result = run("playlist", command, "swing")
    assert (result.code, result.err) == (2, "musictaste: no recipe is called 'swing': did you mean 'swings'?\n")
    with Library.open(library) as opened:
        assert [recipe.name for recipe in opened.recipes()] == ["swings"]


def test_an_option_that_is_gone_is_told_of_one_recipe(run: Run, library: Path) -> None:
    keep(library, "old", "mood", "happy", "--gone")
    result = run("playlist", "refresh")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("old: No such option: --gone")


def test_settings_count_for_recipes(run: Run, library: Path, tmp_path: Path) -> None:
    folder = tmp_path / "home" / "musictaste"
    folder.mkdir()
    (folder / "config.toml").write_text("[mood]\nlimit = 2\n")
    keep(library, "x", "mood", "happy")
    assert run("playlist", "refresh").code == 0
    assert len(listed(tmp_path / "x.m3u8")) == 2


def test_recipes_need_a_library(run: Run) -> None:
    result = run("playlist", "refresh")
    assert (result.code, result.err.split(": ", 2)[2]) == (
        1, "there is no library yet: run 'musictaste scan FOLDER' first\n",
    )  # fmt: skip
