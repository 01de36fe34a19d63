"""Whether there is a voice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from musictaste.store.analyses import Analyses
from musictaste.track import Labels, Sung, Voice


class Voices(Analyses):
    """What the head for voices hears, and what is made of that, of words and of titles."""

    def save_voice(self, track_id: int, answer: Sung | None, labels: Labels) -> None:
        """Write what the sound says of a voice, with None for an answer where it is not sure."""
        row = {"track_id": track_id, "head": labels.head, "vocal": labels.probabilities["vocal"], "answer": answer}
        self._put("voice", row)

    def stale_voices(self, embedder: str, head: str, *, limit: int) -> tuple[list[int], NDArray[np.float32]]:
        """Tracks that the present head for voices did not hear, though it can: ids and embeddings [n, d]."""
        ids, _, embeddings = self._not_told("voice", embedder, head, limit=limit)
        return ids, embeddings

    def voices(self, track_ids: Sequence[int]) -> dict[int, Voice]:
        """What is known of the voice of each of the given tracks that has a file which is there."""
        sql = """SELECT sung.track_id, sung.answer, told_by, voice.vocal FROM sung LEFT JOIN voice USING (track_id)
        WHERE sung.track_id"""
        return {track_id: Voice(*rest) for track_id, *rest in self._by_ids(sql, track_ids)}

    def sung(self, answer: Sung) -> list[int]:
        """The tracks that have, or have not, a voice."""
        return [row[0] for row in self._db.execute("SELECT track_id FROM sung WHERE answer = ?", [answer])]

    def count_unsure(self) -> int:
        """How much of the music is known neither to have a voice nor to have none."""
        sql = "SELECT count(*) FROM present_music JOIN sung USING (track_id) WHERE answer IS NULL"
        return int(self._db.execute(sql).fetchone()[0])
