"""How fast plays should fade: predicts each next week of one listener from the weeks before it.

    python scripts/half_life.py LISTENS

LISTENS is a table of plays with the columns date, artist and track (.csv, or .csv.xz). Half-life and lasting share are
chosen on the weeks before 60 % of the plays; the later weeks are printed beside them.
"""

from __future__ import annotations

import argparse
import csv
import io
import lzma
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from musictaste.fading import DAY_S, HALF_LIFE_DAYS, LASTING

WEEK_S = 7 * DAY_S
LENGTH = 25
EARLIER = 0.6
KNOWN_FROM = 500
"""So many plays are known before the first week that is predicted."""

SPREAD_SEED = 0


def read_listens(path: Path) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Unix seconds [n], ascending, and the number of the track [n] of each play."""
    raw = lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
    plays = []
    for row in csv.DictReader(io.StringIO(raw.decode("utf-8"))):
        at = datetime.fromisoformat(row["date"]).replace(tzinfo=UTC).timestamp()
        plays.append((at, (row["artist"], row["track"])))
    plays.sort()
    numbers = {name: number for number, name in enumerate(dict.fromkeys(name for _, name in plays))}
    return np.array([at for at, _ in plays]), np.array([numbers[name] for _, name in plays])


def week_ndcg(
    at: NDArray[np.float64], track: NDArray[np.int64], begin: float, *, half_life_days: float, lasting: float
) -> float | None:
    """NDCG@25 (Jarvelin and Kekalainen 2002) of known tracks in the week from `begin`, gain log(1 + plays).

    None where the week has fewer than five plays of tracks that are known, or too little is known.
    """
    now, end = np.searchsorted(at, [begin, begin + WEEK_S])
    count = int(track.max()) + 1
    known = np.bincount(track[:now], minlength=count) > 0
    coming = np.bincount(track[now:end], minlength=count) * known
    if now < KNOWN_FROM or coming.sum() < 5:
        return None
    age_days = (begin - at[:now]) / DAY_S
    left = lasting + (1 - lasting) * 0.5 ** (age_days / half_life_days)
    scores = np.where(known, np.bincount(track[:now], left, count), -1)
    gain, discount = np.log1p(coming), 1 / np.log2(np.arange(2, LENGTH + 2))
    best, ideal = gain[np.argsort(-scores, kind="stable")[:LENGTH]], np.sort(gain)[::-1][:LENGTH]
    return float((best * discount[: len(best)]).sum() / (ideal * discount[: len(ideal)]).sum())


def mean_and_spread(values: Sequence[float]) -> str:
    """The mean, and the 2.5th and 97.5th percentile of 1,000 bootstrap samples of it."""
    rng = np.random.default_rng(SPREAD_SEED)
    means = rng.choice(values, (1000, len(values))).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return f"{np.mean(values):.4f} ({low:.3f} to {high:.3f}, {len(values)} weeks)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("listens", type=Path, metavar="LISTENS")
    at, track = read_listens(parser.parse_args().listens)
    weeks = np.arange(at[0], at[-1] - WEEK_S, WEEK_S)
    cut = at[int(len(at) * EARLIER)]
    parts = {"earlier": weeks[weeks + WEEK_S <= cut], "later": weeks[weeks >= cut]}
    for half_life_days in (3, 7, 14, 30, 90, 365, np.inf):
        for lasting in (0, 0.05, 0.1) if half_life_days < np.inf else (0,):
            found = {
                part: [
                    ndcg
                    for begin in begins
                    if (ndcg := week_ndcg(at, track, begin, half_life_days=half_life_days, lasting=lasting)) is not None
                ]
                for part, begins in parts.items()
            }
            chosen = "  <- the program's" if (half_life_days, lasting) == (HALF_LIFE_DAYS, LASTING) else ""
            figures = ", ".join(f"{part} {mean_and_spread(values)}" for part, values in found.items())
            print(f"half-life {half_life_days:g} days, {lasting:.0%} lasting: {figures}{chosen}")


if __name__ == "__main__":
    main()
