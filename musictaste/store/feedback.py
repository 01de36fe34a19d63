"""What the user said of tracks."""

from __future__ import annotations

import time
from collections.abc import Sequence

from musictaste.store.connection import IS_THERE, Connection
from musictaste.track import Feedback, Judged, Said, Verdict


class Opinions(Connection):
    """Likes, dislikes and skips, kept by track: they survive that a file moves or gets other tags."""

    def save_feedback(self, verdict: Verdict, track_ids: Sequence[int]) -> Feedback:
        """Keep what is said of some tracks at once, and is taken back at once."""
        now = int(time.time())
        with self.transaction():
            (given,) = self._db.execute("SELECT coalesce(max(given), 0) + 1 FROM feedback").fetchone()
            self._db.executemany(
                "INSERT INTO feedback (given, track_id, verdict, at) VALUES (?, ?, ?, ?)",
                [(given, track_id, verdict, now) for track_id in track_ids],
            )
        return Feedback(verdict, tuple(track_ids), now)

    def forget_feedback(self) -> Feedback | None:
        """Take back what was said last; None where nothing was."""
        last = "given = (SELECT max(given) FROM feedback)"
        with self.transaction():
            rows = self._db.execute(f"SELECT verdict, track_id, at FROM feedback WHERE {last} ORDER BY id").fetchall()
            self._db.execute(f"DELETE FROM feedback WHERE {last}")
        return Feedback(rows[0][0], tuple(row[1] for row in rows), rows[0][2]) if rows else None

    def forget_all_feedback(self) -> int:
        """Take everything back; returns of how many tracks something had been said."""
        (count,) = self._db.execute("SELECT count(DISTINCT track_id) FROM feedback").fetchone()
        self._db.execute("PRAGMA secure_delete = ON")
        self._db.execute("DELETE FROM feedback")
        return int(count)

    def count_feedback(self) -> int:
        """How many things were said."""
        return int(self._db.execute("SELECT count(*) FROM feedback").fetchone()[0])

    def count_disliked_by_user(self) -> int:
        """Of how many tracks the last word of the user is a dislike."""
        return int(self._db.execute("SELECT count(*) FROM opinion WHERE verdict = 'dislike'").fetchone()[0])

    def judged(self) -> list[Judged]:
        """What was said of tracks after a list had them, from the first to the last, each with the last such list."""
        # SQLite takes the other columns of a group from the row that has the maximum.
        rows = self._db.execute(
            """SELECT feedback.track_id, verdict, max(list), command FROM feedback JOIN past_list USING (track_id)
            WHERE past_list.at <= feedback.at GROUP BY feedback.id ORDER BY feedback.id"""
        )
        return [Judged(*row) for row in rows]

    def said_of(self, track_ids: Sequence[int]) -> dict[int, list[Said]]:
        """What was said of each of the given tracks, from the first to the last; those without are left out."""
        found: dict[int, list[Said]] = {}
        sql = "SELECT track_id, verdict, at, id FROM feedback WHERE track_id"
        for track_id, verdict, at, _ in sorted(self._by_ids(sql, track_ids), key=lambda row: row[3]):
            found.setdefault(track_id, []).append(Said(verdict, at))
        return found

    def disliked(self, track_ids: Sequence[int]) -> set[int]:
        """Those of the given tracks that no list takes: disliked, or hated by what a player says."""
        return {track_id for (track_id,) in self._by_ids("SELECT track_id FROM disliked WHERE track_id", track_ids)}

    def count_disliked(self) -> int:
        """How much of the music that is there no list takes because it is disliked."""
        (count,) = self._db.execute(
            f"""SELECT count(*) FROM disliked WHERE {IS_THERE.format(track="disliked.track_id")}
            AND track_id NOT IN (SELECT track_id FROM kind WHERE kind != 'music')"""
        ).fetchone()
        return int(count)
