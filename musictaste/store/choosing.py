"""What playlists are chosen from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from musictaste.store.columns import Columns
from musictaste.store.connection import IS_THERE
from musictaste.store.labels import label_column
from musictaste.store.packing import VECTOR, unit_vectors
from musictaste.styles import heard_as
from musictaste.track import Pool

Floats = NDArray[np.float32]


Fits = tuple[NDArray[np.int64], Floats, Floats, Floats]

MOST = 5_000
"""So many tracks that fit are looked at closely; of more, the list would hardly ever take one that is further down."""

_STANDS = "(SELECT min(f.id) FROM file AS f WHERE f.track_id = {track} AND f.missing_since IS NULL)"
"""The file that stands for a track which is there."""

_DETAILS_SQL = f"""
SELECT track.id, {VECTOR}, duration_s, coalesce(bpm, 0), loudness_db, key, coalesce(artist, album_artist), title
FROM track JOIN embedding ON embedding.track_id = track.id
JOIN file ON file.id = {_STANDS.format(track="track.id")} WHERE track.id"""


class Choosing(Columns):
    """Counts of labels, and the music that reaches thresholds."""

    def count(self) -> int:
        """How many tracks have a file that is there."""
        return int(self._db.execute("SELECT count(*) FROM present").fetchone()[0])

    def not_music(self) -> dict[str, int]:
        """How many tracks are there that no playlist takes, by what they are instead of music."""
        rows = self._db.execute(
            f"""SELECT kind, count(*) FROM kind WHERE kind != 'music' AND {IS_THERE.format(track="kind.track_id")}
            GROUP BY kind ORDER BY count(*) DESC, kind"""
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
        return int(self.columns(["music"])["music"][self._told(styles)].sum())

    def pool(
        self,
        *,
        mood: str | None,
        styles: Sequence[str],
        mood_from: float,
        style_from: float,
        read_as: str | None = None,
        read_from: float = 0.0,
        among: Sequence[int] | None = None,
        near: Floats | None = None,
        beside: Callable[[], Sequence[int] | NDArray[np.int64]] = tuple,
    ) -> Pool:
        """Music whose probability of the mood, and of the styles together, reach the thresholds, by ascending id.

        A style that only tags tell has the probability of what it sounds like where the tags say so, 0 elsewhere.
        With `read_as` the words alone have to say that mood, and the other mood is that of the sound alone. Only those
        of `among` count where it is given. Where more than `MOST` tracks fit, there are those that fit best, or, with
        `near` float32 [q, 400], those that are nearest to one of these unit vectors, and those of `beside` that fit.
        """
        ids, by_mood, by_style, by_words = self._read(mood, styles, read_as) if read_as else self._heard(mood, styles)
        fit = by_mood * by_words * by_style
        reached = (by_mood >= np.float32(mood_from)) & (by_style >= np.float32(style_from))
        rows = np.flatnonzero(reached & (by_words >= np.float32(read_from)))
        if among is not None:
            rows = rows[np.isin(ids[rows], among)]
        fitting = len(rows)
        if fitting > MOST:
            worth = fit[rows] if near is None else self.cosines(near)[ids[rows]]
            rows = rows[_foremost(worth, np.isin(ids[rows], np.asarray(beside(), np.int64)))]
        known = self.music(ids[rows])
        return replace(
            known,
            mood=(by_mood * by_words)[rows],
            style=by_style[rows],
            considered=len(ids),
            best=float(fit.max(initial=0)),
            fitting=fitting,
        )

    def music(self, track_ids: NDArray[np.int64]) -> Pool:
        """What is known of some music that is there, by ascending id, all of which fits where nothing is asked for."""
        details = sorted(self._by_ids(_DETAILS_SQL, track_ids.tolist()))
        columns = list(zip(*details, strict=True)) or [()] * 8
        duration, bpm, loudness = (np.asarray(column, np.float32) for column in columns[2:5])
        keys, artists, titles = columns[5:8]
        ones, count = np.ones(len(details), np.float32), len(details)
        return Pool(
            np.asarray(columns[0], np.int64), ones, ones, unit_vectors(columns[1]), duration, bpm, loudness,
            keys, artists, titles, count, 1.0, count,
        )  # fmt: skip

    def _heard(self, mood: str | None, styles: Sequence[str]) -> Fits:
        """All music on offer: ids, how likely each has the mood, one of the styles, and words that were not asked."""
        asked = _asked(styles)
        wanted = {label_column(label) for label in (*([mood] if mood else []), *filter(None, asked))}
        columns = self.columns(["music", *wanted])
        offered = columns["music"].copy()
        offered[[track_id for (track_id,) in self._db.execute("SELECT track_id FROM disliked")]] = False
        ids = np.flatnonzero(offered)
        ones = np.ones(len(ids), np.float32)
        by_mood = np.nan_to_num(columns[label_column(mood)][ids]) if mood else ones
        if not styles:
            return ids, by_mood, ones, ones
        by_style = np.zeros(len(ids), np.float32)
        for heard, names in asked.items():
            sounds = columns[label_column(heard)][ids] if heard else ones
            by_style += sounds * np.isin(ids, self._told(names)) if names else sounds
        return ids, by_mood, np.minimum(by_style, 1), ones

    def _told(self, styles: Sequence[str]) -> list[int]:
        """Tracks for which a file stands whose tags name one of some styles."""
        rows = self._db.execute(
            f"""SELECT DISTINCT file.track_id FROM tagged JOIN file ON file.id = tagged.file_id
            WHERE file.id = {_STANDS.format(track="file.track_id")}
              AND tagged.style IN ({", ".join("?" * len(styles))})""",
            list(styles),
        )
        return [track_id for (track_id,) in rows]

    def _read(self, mood: str | None, styles: Sequence[str], read_as: str) -> Fits:
        """The same with how likely the words say a mood, 0 where they say none; the other mood is the sound's alone."""
        ids, _, by_style, _ = self._heard(None, styles)
        by_mood, by_words = np.ones(len(ids), np.float32), np.zeros(len(ids), np.float32)
        rows = self._db.execute(
            f"""SELECT track_id, {f"heard.{label_column(mood)}" if mood else "1.0"}, reading.{label_column(read_as)}
            FROM heard JOIN reading USING (track_id) WHERE reading.{label_column(read_as)} IS NOT NULL"""
        ).fetchall()
        table = np.array(rows, np.float64).reshape(-1, 3)
        table = table[np.isin(table[:, 0], ids)]
        at = np.searchsorted(ids, table[:, 0].astype(np.int64))
        by_mood[at], by_words[at] = np.nan_to_num(table[:, 1:]).T
        return ids, by_mood, by_style, by_words


def _foremost(worth: Floats, always: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Which of many tracks are looked at closely, ascending: `MOST` that are worth most, and `MOST` of some others.

    Of those that are worth the same it is a sample of all, the same each time.
    """
    chance = np.random.default_rng(0).random(len(worth))
    kept = np.zeros(len(worth), bool)
    for among in (np.arange(len(worth)), np.flatnonzero(always)):
        kept[among[np.lexsort((chance[among], -worth[among]))[:MOST]]] = True
    return np.flatnonzero(kept)


def _asked(styles: Sequence[str]) -> dict[str, list[str]]:
    """By the style that is heard, those that only tags tell of it, none where it was asked for itself.

    Styles that cannot be heard are under an empty name.
    """
    asked: dict[str, list[str]] = {}
    for style in styles:
        for heard in heard_as(style) or [""]:
            asked.setdefault(heard, []).append(style)
    # A style may stand for itself, whatever the tags say; what tags alone tell has the probability 1 where they do.
    return {heard: [] if heard in names else names for heard, names in asked.items()}
