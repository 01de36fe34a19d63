"""What playlists are chosen from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from musictaste.store.connection import Connection
from musictaste.store.packing import VECTOR, unit_vectors
from musictaste.store.schema import label_column
from musictaste.styles import heard_as
from musictaste.track import Pool


class Choosing(Connection):
    """Counts of labels, and the music that reaches thresholds."""

    def count(self) -> int:
        """How many tracks have a file that is there."""
        return int(self._db.execute("SELECT count(*) FROM present").fetchone()[0])

    def not_music(self) -> dict[str, int]:
        """How many tracks are there that no playlist takes, by what they are instead of music."""
        rows = self._db.execute(
            "SELECT kind, count(*) FROM present JOIN kind USING (track_id) WHERE kind != 'music'"
            " GROUP BY kind ORDER BY count(*) DESC, kind"
        )
        return dict(rows)

    def counts_reaching(self, table: str, thresholds: Mapping[str, float]) -> dict[str, int]:
        """For each label of "mood", or heard style of "style", how much of the music reaches its threshold."""
        sums = ", ".join(f"coalesce(sum({label_column(label)} >= ?), 0)" for label in thresholds)
        source = "felt USING (track_id)" if table == "mood" else "styled USING (file_id)"
        row = self._db.execute(f"SELECT {sums} FROM present_music JOIN {source}", list(thresholds.values())).fetchone()
        return dict(zip(thresholds, row, strict=True))

    def counts_tagged(self, thresholds: Mapping[str, float]) -> dict[str, int]:
        """For each style that only tags tell, how much of the music has it and sounds enough like it."""
        sums = {s: " + ".join(f"styled.{label_column(h)}" for h in heard_as(s)) or "1.0" for s in thresholds}
        cases = " ".join(f"WHEN ? THEN {sums[style]} >= ?" for style in thresholds)
        rows = self._db.execute(
            f"""SELECT tagged.style, sum(CASE tagged.style {cases} ELSE 0 END)
            FROM present_music JOIN styled USING (file_id) JOIN tagged USING (file_id) GROUP BY tagged.style""",
            [value for item in thresholds.items() for value in item],
        )
        found = dict(rows.fetchall())
        return {style: found.get(style, 0) for style in thresholds}

    def count_unknown(self, mood: str) -> int:
        """How much of the music an older head has heard, which did not know a mood."""
        sql = f"SELECT count(*) FROM present_music JOIN felt USING (track_id) WHERE {label_column(mood)} IS NULL"
        return int(self._db.execute(sql).fetchone()[0])

    def count_told(self, styles: Sequence[str]) -> int:
        """How much of the music has tags that name one of some styles."""
        sql = f"SELECT count(*) FROM present_music AS present WHERE {_told(styles)}"
        (count,) = self._db.execute(sql, list(styles)).fetchone()
        return int(count)

    def pool(
        self,
        *,
        mood: str | None,
        styles: Sequence[str],
        mood_from: float,
        style_from: float,
        read_as: str | None = None,
        read_from: float = 0.0,
    ) -> Pool:
        """Music whose probability of the mood, and of the styles together, reach the thresholds.

        A style that only tags tell has the probability of what it sounds like where the tags say so, 0 elsewhere.
        With `read_as` the words alone have to say that mood, and the other mood is that of the sound alone.
        """
        moods = "heard" if read_as else "felt"
        mood_sql = f"{moods}.{label_column(mood)}" if mood else "1.0"
        read_sql = f"coalesce(reading.{label_column(read_as)}, 0)" if read_as else "1.0"
        style_sql, bound = _any_of(styles)
        styled = "styled USING (file_id)" if styles else "style USING (track_id)"
        source = (
            f"(SELECT present.track_id, present.file_id, {mood_sql} AS m, {style_sql} AS s, {read_sql} AS r"
            f" FROM offered AS present JOIN {moods} USING (track_id)"
            f" {'LEFT JOIN reading USING (track_id) ' * bool(read_as)}JOIN {styled}) AS fit"
        )
        considered, best = self._db.execute(
            f"SELECT count(*), coalesce(max(m * s * r), 0) FROM {source}", bound
        ).fetchone()
        rows = self._db.execute(
            f"""SELECT fit.track_id, m, s, r, {VECTOR}, duration_s, coalesce(bpm, 0), loudness_db, key,
            coalesce(artist, album_artist), title
            FROM {source} JOIN track ON track.id = fit.track_id JOIN embedding ON embedding.track_id = fit.track_id
            JOIN file ON file.id = fit.file_id WHERE m >= ? AND s >= ? AND r >= ? ORDER BY fit.track_id""",
            [*bound, mood_from, style_from, read_from],
        ).fetchall()
        columns = list(zip(*rows, strict=True)) or [()] * 11
        mood_p, style_p, read_p, duration, bpm, loudness = (
            np.asarray(columns[i], np.float32) for i in (1, 2, 3, 5, 6, 7)
        )
        ids, vectors = np.asarray(columns[0], np.int64), unit_vectors(columns[4])
        keys, artists, titles = columns[8:11]
        return Pool(
            ids, mood_p * read_p, style_p, vectors, duration, bpm, loudness, keys, artists, titles, considered, best
        )  # fmt: skip


def _any_of(styles: Sequence[str]) -> tuple[str, list[str]]:
    """The probability that a track has one of some styles, as SQL on `present` and `styled` with what it binds.

    It is 1 where none is asked for; what is asked for twice, as jazz and as bebop, counts once.
    """
    asked: dict[str, list[str]] = {}
    for style in styles:
        for heard in heard_as(style):
            asked.setdefault(heard, []).append(style)
    # A style may stand for itself, whatever the tags say; what tags alone tell has the probability 1 where they do.
    terms = [(f"styled.{label_column(heard)}", [] if heard in names else names) for heard, names in asked.items()]
    terms += [("1.0", [style]) for style in styles if not heard_as(style)]
    sql = " + ".join(f"{value} * {_told(names)}" if names else value for value, names in terms)
    return f"min(1.0, {sql})" if terms else "1.0", [name for _, names in terms for name in names]


def _told(styles: Sequence[str]) -> str:
    """Whether the tags of the file that stands for a track name one of some styles, as SQL that binds them."""
    marks = ", ".join("?" * len(styles))
    return f"EXISTS (SELECT 1 FROM tagged WHERE tagged.file_id = present.file_id AND tagged.style IN ({marks}))"
