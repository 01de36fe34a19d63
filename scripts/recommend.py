"""How well listening is predicted from listening, on data of others: `bench.py recommend`.

Many listeners (HetRec 2011, Last.fm-2k): whether one listened, 8:1:1 at random within each listener, the model of 8,
all items but those of 8 and 1 ranked; means over seeds. One listener: the first 80 % of the sessions are known, and
for each later play which track of the known ones comes next, unless the session already had it.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import datetime
import json
import lzma
import os
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from musictaste import colistening
from musictaste.colistening import Floats, Listens, Names, Numbers, Sparse

TOP_ITEMS, TOP_TRACKS = 10, 20
FIRST_SEED = 100
KNOWN_SESSIONS = 0.8
EASE_REGULARISATION = 50.0
DISCOUNTS = 1 / np.log2(np.arange(2, TOP_ITEMS + 2))
BOOTSTRAPS = 1000

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Plays:
    """Play counts as columns: numbers of users and items, int64 [n], and how often, float32 [n]."""

    users: Numbers = field(compare=False)
    items: Numbers = field(compare=False)
    counts: Floats = field(compare=False)

    @property
    def shape(self) -> tuple[int, int]:
        return int(self.users.max()) + 1, int(self.items.max()) + 1


@contextlib.contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """A text file, or the same packed by xz, with or without .xz behind its name."""
    packed = path if path.suffix == ".xz" else path.with_name(path.name + ".xz")
    if path.suffix == ".xz" or (not path.exists() and packed.exists()):
        with lzma.open(packed, "rt", encoding="utf-8", newline="") as file:
            yield file
    else:
        with path.open(encoding="utf-8", newline="") as file:
            yield file


# Many listeners


def read_counts(folder: Path) -> Plays:
    with open_text(folder / "user_artists.dat") as file:
        rows = np.loadtxt(file, dtype=np.int64, skiprows=1)
    users, items = (np.unique(rows[:, column], return_inverse=True)[1] for column in (0, 1))
    return Plays(users, items, rows[:, 2].astype(np.float32))


def split(users: Numbers, seed: int) -> NDArray[np.int8]:
    """To train (0), to validate (1) or to test (2), int8 [n]: 8:1:1 within each user, as RecBole counts them."""
    order = np.random.default_rng(seed).permutation(len(users))
    order = order[np.argsort(users[order], kind="stable")]
    parts = np.zeros(len(users), np.int8)
    for rows in np.split(order, np.cumsum(np.bincount(users))[:-1]):
        tenth = len(rows) // 10 or (len(rows) > 2)
        parts[rows[:tenth]] = 2
        parts[rows[tenth : 2 * tenth]] = 1
    return parts


def rank_users(scores: Floats, seen: Sparse, wanted: Sparse) -> tuple[float, float]:
    """NDCG and recall at 10, means over the users who have something to find; what they have seen is not ranked."""
    scores[seen.nonzero()] = -np.inf
    ideal = np.concatenate([[0], np.cumsum(DISCOUNTS)])
    gains, recalls = [], []
    for user in np.flatnonzero(np.diff(wanted.indptr)):
        row = scores[user]
        top = np.argpartition(-row, TOP_ITEMS)[:TOP_ITEMS]
        hits = np.isin(
            top[np.argsort(-row[top], kind="stable")], wanted.indices[slice(*wanted.indptr[user : user + 2])]
        )
        count = int(wanted.indptr[user + 1] - wanted.indptr[user])
        gains.append(float((hits * DISCOUNTS).sum() / ideal[min(count, TOP_ITEMS)]))
        recalls.append(float(hits.sum() / count))
    return statistics.mean(gains), statistics.mean(recalls)


def _matrix(plays: Plays, chosen: NDArray[np.bool_], values: Floats | None = None) -> Sparse:
    kept = np.ones(int(chosen.sum()), np.float32) if values is None else values[chosen]
    return colistening.rows_of(plays.users[chosen], plays.items[chosen], kept, plays.shape)


def popular_items(binary: Sparse, _: Sparse) -> Floats:
    popularity = np.asarray(binary.sum(axis=0), np.float32).ravel()
    return np.repeat(popularity[None], binary.shape[0], axis=0)


def cosine_items(_: Sparse, logged: Sparse) -> Floats:
    return np.asarray((logged @ colistening.together(logged, 0.0)).toarray(), np.float32)


def ease_items(binary: Sparse, _: Sparse) -> Floats:
    """EASE (Steck, "Embarrassingly shallow autoencoders", WWW 2019), whose weights have no diagonal."""
    model = colistening.regress(binary, EASE_REGULARISATION, dropout=0.0, damping=0.0)
    # P = (I - B) / regularisation; the weights are I - P / diag(P), and what was listened to itself is not ranked.
    diagonal = np.asarray(model.left.multiply(model.right.T).sum(axis=1)).ravel()
    return np.asarray(model.scores(binary) / (1 - diagonal), np.float32)


def regressed_items(binary: Sparse, _: Sparse) -> Floats:
    return colistening.regress(binary).scores(binary)


USER_MODELS: dict[str, Callable[[Sparse, Sparse], Floats]] = {
    "popularity": popular_items,
    "cosine of log plays": cosine_items,
    "EASE, lambda 50": ease_items,
    "this program": regressed_items,
}


def measure_users(plays: Plays, seed: int, *, validate: bool) -> dict[str, tuple[float, float]]:
    """(NDCG, recall) of each model at one split; to validate, on the tenth that choices are made by."""
    parts = split(plays.users, seed)
    held = 1 if validate else 2
    train, seen, wanted = parts == 0, _matrix(plays, parts < held), _matrix(plays, parts == held)
    binary, logged = _matrix(plays, train), _matrix(plays, train, np.log1p(plays.counts))
    return {name: rank_users(model(binary, logged), seen, wanted) for name, model in USER_MODELS.items()}


# One listener


def read_listens(path: Path) -> tuple[Listens, Names]:
    """A file with the columns date (ISO 8601), artist, track and album, in any order of time."""
    with open_text(path) as file:
        reader = csv.DictReader(file)
        for column in ("date", "artist", "track", "album"):
            if column not in (reader.fieldnames or ()):
                raise ValueError(f"'{path}': has no column '{column}'")
        # By time, so that a track is on the album that it was first played from: a later one is not known yet.
        rows = sorted((_seconds(row["date"]), row["artist"], row["track"], row["album"]) for row in reader)
    tracks = {
        name: number for number, name in enumerate(dict.fromkeys((artist, track) for _, artist, track, _ in rows))
    }
    artists = {name: number for number, name in enumerate(dict.fromkeys(artist for artist, _ in tracks))}
    albums: dict[tuple[str, str], int] = {}
    album_of: dict[int, int] = {}
    for _, artist, track, album in rows:
        album_of.setdefault(tracks[artist, track], albums.setdefault((artist, album), len(albums)))
    numbers = np.asarray([tracks[artist, track] for _, artist, track, _ in rows], np.int64)
    names = Names(
        np.asarray([artists[artist] for artist, _ in tracks], np.int64),
        np.asarray([album_of[number] for number in range(len(tracks))], np.int64),
    )
    return colistening.listens(numbers, np.asarray([at for at, *_ in rows], np.int64)), names


def _seconds(date: str) -> int:
    return int(datetime.datetime.fromisoformat(date).replace(tzinfo=datetime.UTC).timestamp())


Model = Callable[[Numbers], Scores]


def listener_models(known: Listens, names: Names) -> dict[str, Model]:
    """Scores of all tracks by what a session held so far, the latest first."""
    count = len(names.artists)
    plays = np.bincount(known.tracks, minlength=count).astype(np.float64)
    ones = np.ones(len(known), np.float32)
    sessions = colistening.rows_of(known.sessions, known.tracks, ones, (int(known.sessions[-1]) + 1, count))
    sessions.data[:] = 1
    near, following = colistening.together(sessions, 0.0), _counts_of_next(known, count)
    learned = colistening.learn_next(known, names)
    return {
        "popularity": lambda _: plays,
        "same artist by plays": lambda context: plays * (names.artists == names.artists[context[0]]),
        "item-kNN": lambda context: near[[context[0]]].toarray().ravel(),
        "next-track counts": lambda context: following[[context[0]]].toarray().ravel(),
        "this program": learned.scores,
    }


def _counts_of_next(known: Listens, count: int) -> Sparse:
    same = known.sessions[1:] == known.sessions[:-1]
    return colistening.rows_of(
        known.tracks[:-1][same], known.tracks[1:][same], np.ones(int(same.sum()), np.float32), (count, count)
    )


def measure_listener(plays: Listens, names: Names, begin: float, end: float) -> dict[str, Scores]:
    """The rank of what came next, float64 [events], by each model that knows the sessions before `begin`.

    Tracks of the same score share their mean rank; one that a model gives nothing is not found.
    """
    sessions = int(plays.sessions[-1]) + 1
    known = plays.between(0, int(sessions * begin))
    candidates = np.bincount(known.tracks, minlength=len(names.artists)) > 0
    later = plays.between(int(sessions * begin), int(sessions * end))
    events = list(colistening.next_tracks(later, candidates))
    return {
        name: np.asarray([_rank(model(context), track, context, candidates) for track, context in events])
        for name, model in listener_models(known, names).items()
    }


def _rank(scores: Scores, track: int, context: Numbers, candidates: NDArray[np.bool_]) -> float:
    if scores[track] <= 0:
        return float("inf")
    left = np.where(candidates, scores, 0.0)
    left[context] = 0
    return 1 + float((left > left[track]).sum()) + (float((left == left[track]).sum()) - 1) / 2


def hit_rate(ranks: Scores) -> float:
    return float((ranks <= TOP_TRACKS).mean())


def mean_reciprocal_rank(ranks: Scores) -> float:
    return float(np.where(ranks <= TOP_TRACKS, 1 / ranks, 0).mean())


def bootstrap(ranks: Scores, measure: Callable[[Scores], float]) -> float:
    """Standard error of a measure over events drawn again with replacement."""
    rng = np.random.default_rng(FIRST_SEED)
    return statistics.stdev(measure(rng.choice(ranks, len(ranks))) for _ in range(BOOTSTRAPS))


# The command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--hetrec", type=Path, metavar="FOLDER", help="user_artists.dat of HetRec 2011, or .dat.xz")
    parser.add_argument(
        "--listens", type=Path, metavar="FILE.csv", help="one listener's plays: date, artist, track, album"
    )
    parser.add_argument("--seeds", type=int, default=5, help="how many splits of the listeners (default: 5)")
    parser.add_argument("--validate", action="store_true", help="measure on what choices are made by, never the test")
    parser.add_argument("--json", action="store_true", help="the four figures of this program as one JSON document")
    parser.set_defaults(bench=bench_recommend, usage=parser.error)


def bench_recommend(arguments: argparse.Namespace) -> None:
    if arguments.seeds < 1:
        arguments.usage("--seeds must be 1 or more")
    if not arguments.hetrec and not arguments.listens:
        arguments.usage("say --hetrec FOLDER, --listens FILE.csv, or both")
    document: dict[str, dict[str, float]] = {}
    say = (lambda *_: None) if arguments.json else print
    try:
        if arguments.hetrec:
            document["hetrec"] = _bench_users(read_counts(arguments.hetrec), arguments, say)
        if arguments.listens:
            document["listens"] = _bench_listener(*read_listens(arguments.listens), arguments, say)
    except (OSError, ValueError, lzma.LZMAError) as error:
        sys.exit(f"bench.py: {error}")
    if arguments.json:
        print(json.dumps(document))


def _bench_users(plays: Plays, arguments: argparse.Namespace, say: Callable[..., None]) -> dict[str, float]:
    users, items = plays.shape
    seeds = range(FIRST_SEED, FIRST_SEED + arguments.seeds)
    say(f"{users} listeners, {items} items, {len(plays.users)} pairs; splits {seeds[0]} to {seeds[-1]}; load {_load()}")
    runs = [measure_users(plays, seed, validate=arguments.validate) for seed in seeds]
    figures = {name: list(zip(*(run[name] for run in runs), strict=True)) for name in runs[0]}
    for name, (gains, recalls) in figures.items():
        say(f"{name:<22} NDCG@{TOP_ITEMS} {_spread(gains)}  recall@{TOP_ITEMS} {_spread(recalls)}")
    gains, recalls = figures["this program"]
    return {"ndcg10": round(statistics.mean(gains), 4), "recall10": round(statistics.mean(recalls), 4)}


def _bench_listener(
    plays: Listens, names: Names, arguments: argparse.Namespace, say: Callable[..., None]
) -> dict[str, float]:
    begin, end = (KNOWN_SESSIONS**2, KNOWN_SESSIONS) if arguments.validate else (KNOWN_SESSIONS, 1.0)
    ranks = measure_listener(plays, names, begin, end)
    sessions, events = int(plays.sessions[-1]) + 1, len(ranks["this program"])
    say(f"{len(plays)} plays of {len(names.artists)} tracks in {sessions} sessions; {events} predicted; load {_load()}")
    for name, found in ranks.items():
        hits, reciprocal = (
            f"{measure(found):.4f} (standard error {bootstrap(found, measure):.4f})"
            for measure in (hit_rate, mean_reciprocal_rank)
        )
        say(f"{name:<22} HR@{TOP_TRACKS} {hits}  MRR@{TOP_TRACKS} {reciprocal}")
    ours = ranks["this program"]
    return {"hr20": round(hit_rate(ours), 4), "mrr20": round(mean_reciprocal_rank(ours), 4)}


def _spread(values: tuple[float, ...]) -> str:
    """The mean, and the standard deviation over the splits."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.4f} (deviation {deviation:.4f})"


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
