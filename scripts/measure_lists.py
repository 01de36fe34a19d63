#!/usr/bin/env python3
"""Measure what lists are made of: fit against diversity, joins that jar, and the steps of journeys.

    python scripts/measure_lists.py LIBRARY.db

Diversity is the mean distance (1 - cosine) of two tracks of a list. Joins are measured by `flow.jars`, in the order
that is played, in that of nearest neighbours and in random ones from the same first track. Of a journey, the
correlation is that of a step's number and its place along the straight way from first to last.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import numpy as np

from musictaste import flow, journey, playlist, quality
from musictaste.moods import EMOTIONS
from musictaste.playlist import Wish
from musictaste.store import Library
from musictaste.track import Pool

Array = np.ndarray

RELEVANCES = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5)
SHORT, LONG = 10, 25
RANDOM_LISTS = 12
SHUFFLES = 50
EVERY_SEED = 6


def pools(library: Library) -> dict[str, Pool]:
    """The tracks that reach each mood."""
    thresholds = {mood: measured.threshold for mood, measured in quality.labels("emotion").items()}
    return {m: library.pool(mood=m, styles=[], mood_from=t, style_from=0) for m, t in thresholds.items()}


def diversity(pool: Pool, rows: list[int]) -> float:
    likeness = pool.vectors[rows] @ pool.vectors[rows].T
    return float(1 - likeness[np.triu_indices(len(rows), 1)].mean())


def picked(pool: Pool, fit: Array, wish: Wish) -> list[int]:
    chosen = playlist.choose(pool, fit, None, wish)
    return [int(row) for row in np.searchsorted(pool.ids, [choice.track_id for choice in chosen])]


def nearness(library: Library, everything: Pool, seed: int) -> Array:
    around = library.surroundings(everything.ids, everything.ids[[seed]])
    return playlist.fit_to_seeds(everything.vectors, everything.vectors[[seed]], around)


def measure_diversity(library: Library, everything: Pool, by_mood: dict[str, Pool]) -> None:
    wish = Wish(SHORT, order="score")
    large = [pool for pool in by_mood.values() if len(pool) >= 2 * SHORT]
    seeds = range(0, len(everything), EVERY_SEED)
    print(f"lists of {SHORT}: {len(large)} moods; similar to {len(seeds)} tracks")
    chosen = playlist.RELEVANCE
    for relevance in RELEVANCES:
        playlist.RELEVANCE = relevance
        lists = [(pool, playlist.fit_to_labels(pool)) for pool in large]
        near = [nearness(library, everything, seed) for seed in seeds]
        for fit, seed in zip(near, seeds, strict=True):
            fit[seed] = -1
        figures = []
        for group in (lists, [(everything, fit) for fit in near]):
            rows = [picked(pool, fit, wish) for pool, fit in group]
            fits = np.mean([fit[r].mean() for (_, fit), r in zip(group, rows, strict=True)])
            figures += [fits, np.mean([diversity(pool, r) for (pool, _), r in zip(group, rows, strict=True)])]
        print(
            f"relevance {relevance:.2f}: moods fit %.3f diversity %.3f, similar fit %.3f diversity %.3f"
            % tuple(figures)
        )
    playlist.RELEVANCE = chosen


def lists_to_order(everything: Pool, by_mood: dict[str, Pool], rng: np.random.Generator) -> Iterator[tuple[Pool, list]]:
    wish = Wish(LONG, max_per_artist=LONG, order="score")
    yield from ((p, picked(p, playlist.fit_to_labels(p), wish)) for p in by_mood.values() if len(p) > SHORT)
    for _ in range(RANDOM_LISTS):
        yield everything, rng.permutation(len(everything))[:LONG].tolist()


def measure_flow(library: Library, everything: Pool, by_mood: dict[str, Pool]) -> None:
    rng = np.random.default_rng(0)
    figures = []
    for pool, rows in lists_to_order(everything, by_mood, rng):
        jar = flow.jars(pool, rows, library.timelines(pool.ids[rows].tolist()))
        orders = [flow.smoothest(jar), flow._nearest_first(jar)]
        orders += [np.concatenate([[0], 1 + rng.permutation(len(rows) - 1)]) for _ in range(SHUFFLES)]
        costs = [jar[order[:-1], order[1:]].mean() for order in orders]
        figures.append((*costs[:2], np.mean(costs[2:])))
    means = tuple(np.mean(figures, axis=0))
    print(f"\n{len(figures)} lists: mean jar at the joins %.3f, nearest neighbours %.3f, random %.3f" % means)


def measure_journeys(library: Library, everything: Pool, by_mood: dict[str, Pool]) -> None:
    land = journey.Land(everything, flow.circumplex(library.emotions(everything.ids)))
    ways = [way for way in permutations(EMOTIONS, 2) if all(len(by_mood[mood]) for mood in way)]
    for limit in (12, 25):
        figures = []
        for begins, ends in ways:
            wish = Wish(limit)
            steps = journey.travel(land, by_mood[begins], by_mood[ends], wish, timelines=library.timelines)
            at = np.array([(step.valence, step.arousal) for step in steps])
            along = (at - at[0]) @ (at[-1] - at[0])
            lengths = np.linalg.norm(np.diff(at, axis=0), axis=1)
            figures.append((np.corrcoef(along, range(len(along)))[0, 1], lengths.max() / lengths.mean()))
        (r, ratio), least, worst = np.mean(figures, axis=0), np.min(figures, axis=0)[0], np.max(figures, axis=0)[1]
        told = f"correlation {r:.3f} (least {least:.3f}), longest step to mean step {ratio:.2f} (most {worst:.2f})"
        print(f"{len(ways)} journeys of {limit}: {told}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=Path, help="a library file, scanned")
    args = parser.parse_args()
    with Library.open(args.library) as library:
        everything = library.pool(mood=None, styles=[], mood_from=0, style_from=0)
        by_mood = pools(library)
        measure_diversity(library, everything, by_mood)
        measure_flow(library, everything, by_mood)
        measure_journeys(library, everything, by_mood)


if __name__ == "__main__":
    main()
