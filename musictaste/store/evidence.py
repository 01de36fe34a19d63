"""From where it is known what the user likes, and what the library is like as a whole."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from musictaste.moods import MOODS
from musictaste.store.connection import Connection
from musictaste.store.labels import label_column
from musictaste.styles import STYLES
from musictaste.track import Evidence, Listener, Source

TAGS, FEEDBACK = "tags", "feedback"
"""What files say of themselves and what the user said here, named beside the players."""


class Evidences(Connection):
    """Sources of what is believed of the user."""

    def evidence(self) -> list[Evidence]:
        """What each source says of each track, of several files of one player the most."""
        rows = self._db.execute(
            """SELECT source, track_id, max(plays), max(skips), max(rating), coalesce(max(loved), 0), 0 FROM (
              SELECT source, track_id, coalesce(plays, 0) AS plays, coalesce(skips, 0) AS skips, rating, loved
              FROM play_count JOIN listener ON listener.id = listener_id WHERE own
              UNION ALL
              SELECT source, track_id, sum(NOT skipped), sum(skipped), NULL, NULL
              FROM play_event JOIN listener ON listener.id = listener_id WHERE own GROUP BY listener_id, track_id
            ) GROUP BY source, track_id
            UNION ALL
            SELECT ?, track_id, sum(coalesce(plays, 0)), sum(coalesce(skips, 0)), max(rating), coalesce(max(loved), 0),
              0
            FROM file WHERE plays > 0 OR skips > 0 OR rating > 0 OR loved = 1 GROUP BY track_id
            UNION ALL
            SELECT ?, track_id, 0, sum(verdict = 'skip'), NULL, 0,
              track_id IN (SELECT track_id FROM opinion WHERE verdict = 'like') FROM feedback GROUP BY track_id""",
            [TAGS, FEEDBACK],
        )
        return [Evidence(source, i, p, s, r, bool(loved), bool(liked)) for source, i, p, s, r, loved, liked in rows]

    def listeners(self) -> list[tuple[int, Listener]]:
        """(id, listener) of everyone whose plays are kept."""
        rows = self._db.execute("SELECT id, source, file, user, own FROM listener ORDER BY source, file, user")
        return [(listener_id, Listener(source, file, user, bool(own))) for listener_id, source, file, user, own in rows]

    def forget_listeners(self, listener_ids: Sequence[int]) -> Source:
        """Remove what some listeners played, so that no byte of it stays in the file; returns how much that was."""
        marks = ", ".join("?" * len(listener_ids))
        ids = list(listener_ids)
        self._db.execute("PRAGMA secure_delete = ON")
        tracks, plays, skips = self._db.execute(
            f"""SELECT count(DISTINCT track_id), coalesce(sum(plays), 0), coalesce(sum(skips), 0) FROM (
              SELECT track_id, max(plays) AS plays, max(skips) AS skips FROM (
                SELECT listener_id, track_id, coalesce(plays, 0) AS plays, coalesce(skips, 0) AS skips
                FROM play_count WHERE listener_id IN ({marks})
                UNION ALL
                SELECT listener_id, track_id, sum(NOT skipped), sum(skipped)
                FROM play_event WHERE listener_id IN ({marks}) GROUP BY listener_id, track_id
              ) GROUP BY listener_id, track_id
            )""",
            ids * 2,
        ).fetchone()
        (source,) = self._db.execute(f"SELECT max(source) FROM listener WHERE id IN ({marks})", ids).fetchone()
        (files,) = self._db.execute(f"SELECT count(DISTINCT file) FROM listener WHERE id IN ({marks})", ids).fetchone()
        for table, key in (("play_count", "listener_id"), ("play_event", "listener_id"), ("listener", "id")):
            self._db.execute(f"DELETE FROM {table} WHERE {key} IN ({marks})", ids)
        return Source(source, files, tracks, plays, skips)

    def compact(self) -> None:
        """Bring the journal into the file and empty it: it keeps what was removed until then."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def years(self, track_ids: Sequence[int]) -> dict[int, int]:
        """The year of each of the given tracks, as its earliest file says; those without are left out."""
        found: dict[int, int] = {}
        sql = "SELECT track_id, date FROM file WHERE date IS NOT NULL AND track_id"
        for track_id, date in self._by_ids(sql, track_ids):
            if year := _year(date):
                found[track_id] = min(year, found.get(track_id, year))
        return found

    def mean_labels(self) -> tuple[dict[str, float], dict[str, float]]:
        """The mean probabilities of moods and of styles over the music that is there."""
        moods = self._means("felt USING (track_id)", MOODS)
        return moods, self._means("styled USING (file_id)", STYLES)

    def _means(self, source: str, labels: Sequence[str]) -> dict[str, float]:
        columns = ", ".join(f"coalesce(avg({label_column(label)}), 0)" for label in labels)
        row = self._db.execute(f"SELECT {columns} FROM present_music JOIN {source}").fetchone()
        return dict(zip(labels, row, strict=True))

    def shares(self) -> tuple[Mapping[str, float], Mapping[int, float]]:
        """The share of the music that is there of each artist, and of each year that tags name."""
        artists: dict[str, float] = {}
        years: dict[int, float] = {}
        rows = self._db.execute("SELECT artist, date FROM present_music JOIN file ON file.id = file_id").fetchall()
        for artist, date in rows:
            if artist:
                artists[artist] = artists.get(artist, 0) + 1 / len(rows)
            if year := _year(date or ""):
                years[year] = years.get(year, 0) + 1 / len(rows)
        return artists, years


def _year(date: str) -> int | None:
    found = re.search(r"(?<!\d)(1[89]|20)\d{2}(?!\d)", date)
    return int(found[0]) if found else None
