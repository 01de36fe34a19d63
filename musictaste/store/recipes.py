"""Lists that are written again and again."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence

from musictaste.store.connection import Connection
from musictaste.track import Recipe


class Recipes(Connection):
    """Recipes by their names."""

    def recipes(self) -> list[Recipe]:
        """All recipes, by name."""
        rows = self._db.execute("SELECT name, words, tracks, file, saved FROM recipe ORDER BY name")
        return [
            Recipe(name, tuple(json.loads(words)), tuple(json.loads(tracks)), file, saved)
            for name, words, tracks, file, saved in rows
        ]

    def save_recipe(self, name: str, words: Sequence[str], tracks: Sequence[str], file: str) -> None:
        """Keep a recipe in place of another of that name."""
        # ASCII, in which bytes of names that are not UTF-8 stay as escaped surrogates.
        row = [name, json.dumps(list(words)), json.dumps(list(tracks)), os.fsencode(file), int(time.time())]
        sql = """INSERT OR REPLACE INTO recipe (name, words, tracks, file, saved)
        VALUES (?, ?, ?, CAST(? AS TEXT), ?)"""
        with self.transaction():
            self._db.execute(sql, row)

    def remove_recipe(self, name: str) -> None:
        with self.transaction():
            self._db.execute("DELETE FROM recipe WHERE name = ?", [name])
