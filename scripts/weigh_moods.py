#!/usr/bin/env python3
"""Measure how sound and moods, which sound and words tell together, are best blended into what is near.

    pip install -e '.[export]'
    python scripts/weigh_moods.py AUDIO LYRICS --cache FOLDER

A listener plays 20 of the clips that share one emotion, genre or mood word of their annotators, five times each; in
the ten others, by other artists, that the taste puts first, the share that has it too is printed. "similar" is the
same for the ten nearest to one clip: the share with its emotion, with a genre of its own, and the mean overlap of
mood words. Moods are read by heads that were not trained on the clips. Then each clip is paired with a song as in
`weigh_words.py`, and its moods are those of both. Last come songs alone: the share of the ten nearest with the same
emotion, by the vectors of their words and by what is read of their moods.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import train_heads
import train_lyrics
import weigh_words

from musictaste import playlist, taste
from musictaste.moods import EMOTIONS
from musictaste.store import VECTOR_SIZE
from musictaste.track import Plays, Surroundings

Array = np.ndarray

PLAYED, PLAYS, LISTED = 20, 5, 10
LISTENERS = 20
FEWEST = 40
"""Of labels that fewer clips have, too few are left to be found."""

WEIGHTS = (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8)
KINDS = ("emotion", "genre", "word")
SHARES = (0.0, 0.5, 0.75)


def labels(clips: train_heads.Clips) -> list[set[tuple[str, str]]]:
    """(kind, label) of each clip, by its annotators."""
    named = zip(clips.labels, clips.genres, clips.words, strict=True)
    return [
        {("emotion", label), *(("genre", g) for g in genres if g), *(("word", w) for w in words if w)}
        for label, genres, words in named
    ]


def listeners(kinds: list[set[tuple[str, str]]], groups: Array) -> Iterator[tuple[str, Array, Array, Array]]:
    """(kind, rows that have the label, rows that were played, rows by other artists) of each made-up listener."""
    rng = np.random.default_rng(0)
    counts = Counter(label for several in kinds for label in several)
    for label in sorted(label for label, count in counts.items() if count >= FEWEST):
        has = np.array([label in several for several in kinds])
        for _ in range(LISTENERS):
            played = rng.permutation(np.flatnonzero(has))[:PLAYED]
            others = ~np.isin(groups, groups[played])
            if has[others].sum() >= LISTED:
                yield label[0], has, played, others


def around(moods: Array, rows: Array, middle: Array) -> Surroundings:
    return Surroundings(middle, moods, moods[rows], moods.mean(axis=0))


def by_taste(vectors: Array, moods: Array, clips: train_heads.Clips, middle: Array) -> list[float]:
    """For each of KINDS the share of what a taste puts first that has the label."""
    kinds, found = labels(clips), {kind: [] for kind in KINDS}
    nothing = np.zeros(PLAYED, np.float32)
    for kind, has, played, others in listeners(kinds, clips.groups):
        plays = Plays(played, vectors[played], nothing + PLAYS, nothing, nothing - 1, nothing)
        liking = taste.score(vectors, plays, around=around(moods, played, middle))
        order = np.argsort(-np.where(others, liking.scores, -np.inf), kind="stable")
        found[kind].append(has[order[:LISTED]].mean())
    return [float(np.mean(found[kind])) for kind in KINDS]


def by_similar(vectors: Array, moods: Array, clips: train_heads.Clips, middle: Array) -> list[float]:
    """For each of KINDS what the nearest to one clip share with it."""
    kinds, found = labels(clips), {kind: [] for kind in KINDS}
    sets = {kind: [{label for k, label in several if k == kind} for several in kinds] for kind in KINDS}
    for row in range(len(vectors)):
        fit = playlist.fit_to_seeds(vectors, vectors[[row]], around(moods, np.array([row]), middle))
        near = np.argsort(-np.where(clips.groups == clips.groups[row], -1, fit), kind="stable")[:LISTED]
        for kind, each in sets.items():
            shared = [len(each[row] & each[i]) / len(each[row] | each[i]) for i in near if each[row]]
            found[kind] += shared if kind == "word" else [float(share > 0) for share in shared]
    return [float(np.mean(found[kind])) for kind in KINDS]


def print_row(name: str, vectors: Array, moods: Array, clips: train_heads.Clips, middle: Array) -> None:
    figures = by_taste(vectors, moods, clips, middle) + by_similar(vectors, moods, clips, middle)
    print(f"{name:38}" + "".join(f"{figure:9.3f}" for figure in figures), flush=True)


def print_clips(clips: train_heads.Clips, sound: tuple, words: tuple) -> None:
    """The figures of clips by weight of their moods, and with words."""
    vectors = clips.x[:, :VECTOR_SIZE].astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    middle = vectors.mean(axis=0)
    moods = np.asarray(sound[0][0], np.float32)
    print(f"{'':38}" + "".join(f"{head:>9}" for head in (*KINDS, *(f"~{kind}" for kind in KINDS))))
    shipped = taste.MOOD_WEIGHT
    for weight in WEIGHTS:
        taste.MOOD_WEIGHT = playlist.MOOD_WEIGHT = weight
        if not weight:
            print_row("sound, not about its middle", vectors, moods, clips, np.zeros(VECTOR_SIZE, np.float32))
        print_row(f"sound, moods {weight:.1f}", vectors, moods, clips, middle)
    taste.MOOD_WEIGHT = playlist.MOOD_WEIGHT = shipped
    for share in SHARES:
        by_sound, by_words = next(weigh_words.pairings(sound, words, share))
        both = np.asarray(weigh_words.fused(by_sound, by_words), np.float32)
        print_row(f"with words, of which {share:.2f} agree", vectors, both, clips, middle)


def print_songs(words: tuple, vectors: Array) -> None:
    """The figures of songs: by vectors of their words [n, d], and by what is read of their moods."""
    read, truth = np.asarray(words[0][0], np.float32)[:, : len(EMOTIONS)], words[1]
    read /= read.sum(axis=1, keepdims=True)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    centred = taste.seen_from(unit, unit.mean(axis=0))
    ways = {"vectors": unit, "vectors about their middle": centred, "moods": read / np.sqrt(read.mean(axis=0))}
    for name, each in ways.items():
        likeness = each @ each.T
        np.fill_diagonal(likeness, -np.inf)
        nearest = np.argsort(-likeness, axis=1)[:, :LISTED]
        print(f"{len(truth)} songs by {name}: {(truth[nearest] == truth[:, None]).mean():.3f} have the same emotion")


def main() -> None:
    args, trainer = weigh_words.started(__doc__)
    sound, words = weigh_words.heard(args.audio, args.cache), weigh_words.read(trainer, args.cache)
    print_clips(train_heads.load("quadrants", args.audio, args.cache), sound, words)
    rows = np.isin(trainer.songs.sources, weigh_words.PAIRED_SETS)
    print_songs(words, trainer.known.vectors[rows][:, : train_lyrics.EMBEDDING])


if __name__ == "__main__":
    main()
