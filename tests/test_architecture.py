"""The map of the README: imports point one way, and each outside library has one home."""

from __future__ import annotations

import ast
from pathlib import Path

import musictaste

ROOT = Path(musictaste.__file__).parent
LAYERS = [
    {"__main__"},
    {"cli"},
    {"cluster", "journey", "evaluate"},
    {"scan", "playlist", "health", "profile"},
    {"processes"},
    {"teaching", "words", "searching", "history", "gathering", "listening"},
    {"taste", "exploring", "colistening", "flow", "store", "inference", "matching", "playlist_reading"},
    {"plays", "fading"},
    {"audio", "tags", "lyrics", "playlist_files", "quality", "genres", "tokenizer"},
    {"moods", "styles", "packets", "workers", "fourier"},
    {"vocabulary", "lookup", "framing"},
    {"track"},
    {"errors"},
]
HOMES = {
    "typer": {"cli"},
    "rich": {"cli"},
    "platformdirs": {"cli"},
    "sqlite_utils": {"store"},
    "sqlite3": {"store", "plays"},  # ours is written with sqlite_utils; players' databases are only read, as they are
    "onnxruntime": {"inference"},
    "sentencepiece": {"tokenizer"},
    "mutagen": {"tags"},
    "soxr": {"audio"},
    "soundfile": {"audio"},
    "librosa": {"health"},  # the reference; importing it takes longer than hearing three tracks
    "scipy": {"fourier", "colistening"},
    "av": {"audio", "packets", "health"},
    "pebble": {"processes"},
    "dask": {"cluster"},
    "distributed": {"cluster"},
    "chardet": {"lyrics"},
    "lyricsgenius": {"lyrics"},
    "opencc": {"lookup"},
    "py3langid": {"lyrics"},
    "requests": {"lyrics"},
    "urllib3": {"lyrics"},
}


def imports_of(path: Path) -> set[str]:
    """Dotted names of all that a file imports, those inside of functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def layer(name: str) -> int:
    return next(i for i, names in enumerate(LAYERS) if name in names)


FILES = [path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py"]


def test_every_module_has_a_place() -> None:
    assert {room(path) for path in FILES} == set().union(*LAYERS)


def test_imports_point_one_way() -> None:
    wrong = []
    for path in FILES:
        for name in imports_of(path):
            parts = name.split(".")
            if parts[0] != "musictaste" or len(parts) < 2 or parts[1] in ("__version__", room(path)):
                continue
            inside = (ROOT / f"{parts[1]}.py").exists() or (ROOT / parts[1]).is_dir()
            if inside and layer(parts[1]) <= layer(room(path)):
                wrong.append(f"{room(path)} imports {parts[1]}")
    assert wrong == []


def test_each_library_has_one_home() -> None:
    wrong = [
        f"{room(path)} imports {name}"
        for path in FILES
        for name in imports_of(path)
        if room(path) not in HOMES.get(name.split(".")[0], {room(path)})
    ]
    assert wrong == []


def test_the_readme_shows_every_module() -> None:
    readme = (ROOT.parent / "README.md").read_text(encoding="utf-8")
    assert [room(path) for path in FILES if f"`{room(path)}`" not in readme] == []
