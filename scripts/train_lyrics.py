#!/usr/bin/env python3
"""Train the head for words and write models/lyrics_emotion.onnx with its measured quality.

    pip install -e '.[export]'
    python scripts/train_lyrics.py DATA

DATA holds songs.csv.xz, with the columns source, lang, label, text. Each song is read as one text; the head has the
encoder's two outputs and the song's words and pairs of words. It is learnt for each language by regularised least
squares; to that come the logits of networks of one hidden layer on the encoder's outputs, which are learnt from the
songs of all languages. What both score is made probabilities by one temperature for each language. The sets do not
have the same labels: a score is how much likelier a label is than in its set. Labels that the songs of a language
lack, languages without songs, and the more the fewer words there are, a few lines, have a head of the embeddings of
all songs and of short_texts.csv.xz (source, lang, labels, text). Versions of one song stay on one side of every split.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import lzma
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import opencc
from export_lyrics import coarse_matrix
from hidden_layers import Lessons, Net, several
from model_files import IR_VERSION, OPSET, Graph, update_manifest
from onnx import TensorProto, helper
from scipy import linalg, sparse
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import StratifiedGroupKFold
from train_heads import Linear, calibration_error, softmax, spread, temperature, threshold_for

from musictaste.inference import NO_EMOTION, Encoder, Reader, each_line_once, grams_of
from musictaste.moods import EMOTIONS

Array = np.ndarray

LABELS = (*EMOTIONS, "fear", NO_EMOTION)
SOURCES = {
    "lastfm4q": EMOTIONS,
    "nju_train": EMOTIONS,
    "musicmood_train": ("happy", "sad"),
    "kassia": ("happy", "sad", "angry", "fear", NO_EMOTION),
}
LANGUAGES = {"en": ("lastfm4q", "nju_train", "musicmood_train"), "zh": ("kassia",)}
OTHER = "other"
FOLDS = 5
SEEDS = 3
PENALTY = {"en": 6.0, "zh": 3.0}
SHARED_PENALTY = 1000.0
BALANCE = 0.5
"""Songs weigh by the frequency of their label in their set to the power of minus this."""

NET_SHARE = 4.0
"""Beside `SHARPER` times what least squares score: in logits networks then say twice as much."""

EMBEDDING = 512
DENSE_SHARE = 0.3
GRAM_SHARE = 0.4
"""How much of what two songs have in common is told by each output of the encoder, and by words."""

BUCKETS = 1 << 17
LEAST_SONGS = 2
SHARPER = 10.0
"""Scores are some tenths; the temperature is looked for around 1."""

FOREIGN = 0.05
"""How likely in the mean each label is among songs of a language whose sets lack it: chosen, not fitted."""

SENTENCES = {"今天是个美好的一天，我心情无比愉快！": "happy", "夜晚的孤单，让我思念着你。": "sad"}
"""The examples of the paper that this program follows."""

SHORT_LABELS = {
    "happy": ("joy", "happy", "excitement"),
    "sad": ("sadness", "sad", "depress"),
    "angry": ("anger", "angry"),
    "calm": ("relaxed",),
    "fear": ("fear",),
    NO_EMOTION: ("neutral", "none"),
}
"""What the sets of short texts call these labels; texts of several emotions, or of any other, are left out."""

SHORT_WEIGHT = 0.1
"""How much a short text weighs beside a song."""

MOST_SHORT = 1500
"""So many texts of one set, language and label are taken."""

LEAST_CHARACTERS = {"zh": 8, "tw": 8, "ja": 8}
SHORTEST = 20
WHOLE_SONG = 100.0
"""Pieces of words from which on a text is read as a song; a shorter one in this proportion."""

HELD_BACK = 5
"""Every fifth short text is not learnt from when short texts are measured."""

SHINGLE = 5
SHARED = 0.25
"""Two songs are one when they share this part of the runs of five words of the shorter."""

MOST_COMMON = 15
PRECISION = 0.6
LEAST_PIECES = 12
LEAST_PROBABILITY = 0.35
VERSION = "4"
CHINESE = "[\u4e00-\u9fff]"


@dataclasses.dataclass(frozen=True)
class Songs:
    """Texts, the language and the set of each, its column in `LABELS`, and which songs are versions of one [n]."""

    texts: list[str]
    languages: Array
    sources: Array
    labels: Array
    groups: Array


def load(path: Path) -> Songs:
    csv.field_size_limit(1 << 24)
    simplified = opencc.OpenCC("tw2s")
    with lzma.open(path, "rt", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] in SOURCES[row["source"]]]
    texts = [simplified.convert(row["text"]) if row["lang"] == "zh" else row["text"] for row in rows]
    # Two of the sets have their lines in one: parted by spaces, or in Chinese by commas.
    texts = [re.sub(f"  +|, (?={CHINESE})", "\n", text) for text in texts]
    labels = np.array([LABELS.index(row["label"]) for row in rows])
    languages, sources = (np.array([row[column] for row in rows]) for column in ("lang", "source"))
    return Songs([each_line_once(text) for text in texts], languages, sources, labels, versions(texts))


def load_short(path: Path) -> Songs:
    csv.field_size_limit(1 << 24)
    simplified = opencc.OpenCC("tw2s")
    meant = {name: label for label, names in SHORT_LABELS.items() for name in names}
    taken: Counter[tuple[str, str, str]] = Counter()
    rows = []
    with lzma.open(path, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            label = meant.get(row["labels"])
            if label is None or len(row["text"]) < LEAST_CHARACTERS.get(row["lang"], SHORTEST):
                continue
            taken[row["source"], row["lang"], label] += 1
            if taken[row["source"], row["lang"], label] <= MOST_SHORT:
                rows.append((row["text"][:400], row["lang"], f"{row['source']} {row['lang']}", LABELS.index(label)))
    texts, languages, sources, labels = zip(*rows, strict=True)
    folded = [simplified.convert(text) if language in {"zh", "tw"} else text for text, language, *_ in rows]
    return Songs(folded, np.array(languages), np.array(sources), np.array(labels), np.arange(len(texts)))


def shingles(text: str) -> set[int]:
    """Checksums of all runs of five words, a Chinese character counting as one."""
    words = re.findall(rf"{CHINESE}|[^\W_\u4e00-\u9fff]+", text.lower())
    starts = range(max(1, len(words) - SHINGLE + 1))
    return {zlib.crc32(" ".join(words[i : i + SHINGLE]).encode()) for i in starts}


def versions(texts: list[str]) -> Array:
    """A number for each text, the same for texts that share words [n]."""
    found = [shingles(text) for text in texts]
    holders: dict[int, list[int]] = defaultdict(list)
    for i, each in enumerate(found):
        for shingle in each:
            holders[shingle].append(i)
    pairs: Counter[tuple[int, int]] = Counter()
    for indices in holders.values():
        if len(indices) <= MOST_COMMON:
            pairs.update((a, b) for b in indices for a in indices if a < b)
    groups = list(range(len(texts)))
    for (a, b), shared in pairs.items():
        if shared >= SHARED * min(len(found[a]), len(found[b])):
            old, new = groups[b], groups[a]
            groups = [new if group == old else group for group in groups]
    return np.array(groups)


@dataclasses.dataclass(frozen=True)
class Known:
    """What is known of songs: the encoder's outputs float32 [n, 512 + 1280], and their words [n, BUCKETS].

    `idf` float32 [BUCKETS] is 0 where fewer than `LEAST_SONGS` songs have a word; `sizes` [n] are in pieces of words.
    """

    vectors: Array
    sizes: Array
    grams: sparse.csr_matrix
    idf: Array

    @classmethod
    def of(cls, songs: Songs, vectors: Array, sizes: Array) -> Known:
        """Words weigh 1 + log of their count, times idf, over the length of all that (Salton and Buckley, 1988)."""
        pairs = zip(songs.texts, songs.languages, strict=True)
        found = [grams_of(text, language, BUCKETS) for text, language in pairs]
        owners = np.repeat(np.arange(len(found)), [len(buckets) for buckets, _ in found])
        buckets, counts = (np.concatenate(each) for each in zip(*found, strict=True))
        holders = np.bincount(buckets, minlength=BUCKETS)
        idf = np.where(holders >= LEAST_SONGS, np.log((1 + len(found)) / (1 + holders)) + 1, 0).astype(np.float16)
        values = (1 + np.log(counts)) * idf[buckets].astype(np.float32)
        grams = sparse.csr_matrix((values, (owners, buckets)), (len(found), BUCKETS), dtype=np.float32)
        length = np.sqrt(np.asarray(grams.multiply(grams).sum(axis=1)).ravel() + 1e-6)
        return cls(vectors, sizes, (sparse.diags(1 / length) @ grams).tocsr(), idf)


def read_all(songs: Songs, encoder: Encoder) -> Array:
    return np.vstack([np.hstack(encoder.run([text], "embedding", "mean")) for text in songs.texts])


def masks(sources: Array) -> Array:
    """Which labels each song's set has, bool [n, k]."""
    return np.array([[label in SOURCES[source] for label in LABELS] for source in sources])


def masked(logits: Array, mask: Array) -> Array:
    return np.where(mask, logits, -1e9)


def targets(sources: Array, labels: Array) -> tuple[Array, Array]:
    """1 for a song's label less the share of each label in its set [n, k], and the song's weight [n]."""
    wanted, weights = np.eye(len(LABELS))[labels], np.ones(len(labels))
    for source in set(sources):
        rows = sources == source
        share = wanted[rows].mean(axis=0)
        weights[rows] = share[labels[rows]] ** -BALANCE
        wanted[rows] -= share
    return wanted, weights


@dataclasses.dataclass(frozen=True)
class Standard:
    """Vectors standardised over songs; of each output of the encoder, the squares sum up to `share` in the mean."""

    mean: Array
    scale: Array

    @classmethod
    def of(cls, vectors: Array, share: float) -> Standard:
        size = vectors.shape[1]
        sizes = np.where(np.arange(size) < EMBEDDING, EMBEDDING, size - EMBEDDING)
        return cls(vectors.mean(axis=0), np.sqrt(share / sizes) / (vectors.std(axis=0) + 1e-6))

    def into(self, vectors: Array) -> Array:
        return ((vectors - self.mean) * self.scale).astype(np.float32)

    def out_of(self, weights: Array) -> Linear:
        unscaled = self.scale[:, None] * weights
        return Linear(unscaled, -self.mean @ unscaled)


@dataclasses.dataclass(frozen=True)
class Ridge:
    """Regularised least squares by the songs' own products K (Rifkin, Yeo and Poggio, 2003).

    With A = K + penalty / weights, songs score K A^-1 targets.
    """

    inverse: Array
    solution: Array
    wanted: Array

    @classmethod
    def of(cls, products: Array, penalty: float, wanted: Array, weights: Array) -> Ridge:
        inverse = linalg.inv(products + np.diag(penalty / weights).astype(np.float32), check_finite=False)
        return cls(inverse, inverse @ wanted, wanted)

    def held_out(self, rows: Array) -> Array:
        """What some songs score by the head that is learnt from all others."""
        return self.wanted[rows] - np.linalg.solve(self.inverse[np.ix_(rows, rows)], self.solution[rows])


def strata_of(songs: Songs) -> Array:
    return np.array([f"{source} {label}" for source, label in zip(songs.sources, songs.labels, strict=True)])


def folds_of(songs: Songs, seed: int) -> list[Array]:
    strata = strata_of(songs)
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(strata, strata, songs.groups)
    return [testing for _, testing in folds]


def lessons_of(songs: Songs, vectors: Array) -> Lessons:
    """What hidden layers learn from: vectors standardised over all songs; a song weighs 1 in the mean of each set."""
    _, weights = targets(songs.sources, songs.labels)
    for source in SOURCES:
        weights[songs.sources == source] /= weights[songs.sources == source].mean()
    x = (vectors - vectors.mean(axis=0)) / deviations(vectors)
    wanted = np.eye(len(LABELS), dtype=np.float32)[songs.labels]
    return Lessons(x.astype(np.float32), wanted, masks(songs.sources), weights.astype(np.float32), songs.sources)


def deviations(vectors: Array) -> Array:
    return vectors.std(axis=0) + 1e-6


def by_nets(songs: Songs, lessons: Lessons, seed: int) -> Array:
    """Logits of songs [n, k] by nets that saw no version of them."""
    logits, strata = np.zeros(lessons.wanted.shape), strata_of(songs)
    for fold, testing in enumerate(folds_of(songs, seed)):
        training = np.setdiff1d(np.arange(len(logits)), testing)
        nets = several(lessons, training, strata, songs.groups, seed=FOLDS * seed + fold)
        logits[testing] = np.mean([net.logits(lessons.x[testing]) for net in nets], axis=0)
    return logits


@dataclasses.dataclass(frozen=True)
class Nets:
    """Networks as one, the standardisation of what they read, and how much they add [languages, k]."""

    mean: Array
    deviation: Array
    joined: Net
    shares: Array

    @classmethod
    def of(cls, songs: Songs, vectors: Array, temperatures: dict[str, float]) -> Nets:
        everything = np.arange(len(vectors))
        lessons, strata = lessons_of(songs, vectors), strata_of(songs)
        nets = several(lessons, everything, strata, songs.groups, seed=FOLDS * SEEDS)
        own = [NET_SHARE * own_labels(language) / temperatures[language] for language in LANGUAGES]
        shares = np.vstack([np.zeros(len(LABELS)), *own])
        return cls(vectors.mean(axis=0), deviations(vectors), Net.joining(nets), shares)

    def logits(self, vectors: Array, place: int) -> Array:
        return self.joined.logits((vectors - self.mean) / self.deviation) * self.shares[place]


def own_labels(language: str) -> Array:
    """The labels of a language's sets, bool [k]."""
    return masks(np.array(LANGUAGES[language])).any(axis=0)


@dataclasses.dataclass(frozen=True)
class Normal:
    """Both sides of the normal equations of weighted least squares, [d, d] and [d, k]."""

    left: Array
    right: Array

    @classmethod
    def of(cls, x: Array, sources: Array, labels: Array, weight: float = 1.0) -> Normal:
        wanted, weights = targets(sources, labels)
        weighted = x * (weight * weights[:, None]).astype(np.float32)
        return cls(weighted.T @ x, weighted.T @ wanted)

    def __add__(self, other: Normal) -> Normal:
        return Normal(self.left + other.left, self.right + other.right)

    def solve(self) -> Array:
        return np.linalg.solve(self.left + SHARED_PENALTY / EMBEDDING * np.eye(len(self.left)), self.right)


@dataclasses.dataclass(frozen=True)
class Trainer:
    """All songs, and for each language its songs, how they are standardised and the head that they give."""

    songs: Songs
    known: Known
    rows: dict[str, Array]
    standards: dict[str, Standard]
    ridges: dict[str, Ridge]
    all_standard: Standard
    short: Normal

    @classmethod
    def of(cls, songs: Songs, known: Known, short: Songs, short_vectors: Array) -> Trainer:
        rows = {language: np.flatnonzero(songs.languages == language) for language in LANGUAGES}
        standards = {language: Standard.of(known.vectors[each], DENSE_SHARE) for language, each in rows.items()}
        ridges = {}
        for language, each in rows.items():
            dense, grams = standards[language].into(known.vectors[each]), known.grams[each]
            products = dense @ dense.T + GRAM_SHARE * (grams @ grams.T).toarray()
            wanted, weights = targets(songs.sources[each], songs.labels[each])
            ridges[language] = Ridge.of(products, PENALTY[language], wanted, weights)
        standard = Standard.of(known.vectors[:, :EMBEDDING], 1.0)
        texts = Normal.of(standard.into(short_vectors), short.sources, short.labels, SHORT_WEIGHT)
        return cls(songs, known, rows, standards, ridges, standard, texts)

    def embeddings(self) -> Array:
        return self.all_standard.into(self.known.vectors[:, :EMBEDDING])

    def shared(self, rows: Array, *, short: bool = True) -> Array:
        """Weights [d, k] on standardised embeddings, of songs in all languages and short texts."""
        songs = Normal.of(self.embeddings()[rows], self.songs.sources[rows], self.songs.labels[rows])
        return (songs + self.short if short else songs).solve()

    def held_out(self, seed: int, nets: Array) -> tuple[Array, Array]:
        """What songs score by heads that saw no version of them: by their language's head, and by that of all.

        `nets` are the logits of networks for the same seed [n, k].
        """
        scores = np.zeros((len(self.songs.texts), len(LABELS)))
        by_all, x = scores.copy(), self.embeddings()
        for testing in folds_of(self.songs, seed):
            training = np.setdiff1d(np.arange(len(scores)), testing)
            by_all[testing] = x[testing] @ self.shared(training)
            for language, rows in self.rows.items():
                tested = np.isin(rows, testing)
                scores[rows[tested]] = self.ridges[language].held_out(np.flatnonzero(tested))
        scores += NET_SHARE / SHARPER * nets
        for language, rows in self.rows.items():
            lacking = ~own_labels(language)
            scores[np.ix_(rows, lacking)] = by_all[np.ix_(rows, lacking)]
        return SHARPER * scores, SHARPER * by_all

    def weights(self, language: str) -> tuple[Linear, Array]:
        """A language's head on the encoder's outputs, and on words [BUCKETS, k]."""
        x = self.embeddings()
        whole = self.all_standard.out_of(SHARPER * self.shared(np.arange(len(x))))
        dense = np.vstack([whole.weights, np.zeros((self.known.vectors.shape[1] - EMBEDDING, len(LABELS)))])
        bias, grams = whole.bias.copy(), np.zeros((BUCKETS, len(LABELS)))
        if language != OTHER:
            own, rows = own_labels(language), self.rows[language]
            solution = SHARPER * self.ridges[language].solution[:, own]
            z = self.standards[language].into(self.known.vectors[rows])
            found = self.standards[language].out_of(z.T @ solution)
            dense[:, own], bias[own] = found.weights, found.bias
            grams[:, own] = GRAM_SHARE * (self.known.grams[rows].T @ solution)
        return Linear(dense, bias), grams


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Scores over a temperature, plus one number for each label [k], are logits."""

    temperature: float
    bias: Array

    @classmethod
    def of(cls, scores: Array, labels: Array, sources: Array, own: Array) -> Calibration:
        found = temperature(masked(scores, masks(sources)), labels)
        bias = np.zeros(len(LABELS))
        for _ in range(100):
            likely = softmax(scores / found + bias).mean(axis=0)
            bias[~own] += np.log(FOREIGN / likely[~own])
        return cls(found, bias)

    def logits(self, scores: Array) -> Array:
        return scores / self.temperature + self.bias


def calibrations(trainer: Trainer, runs: list[tuple[Array, Array]]) -> dict[str, Calibration]:
    """Of each language, and of others: they are taken for English, read by the head of all songs."""
    found = {}
    for language, source in (*((each, each) for each in LANGUAGES), (OTHER, "en")):
        rows = trainer.rows[source]
        scores = np.vstack([run[language == OTHER][rows] for run in runs])
        labels, sources = (np.tile(each[rows], len(runs)) for each in (trainer.songs.labels, trainer.songs.sources))
        found[language] = Calibration.of(scores, labels, sources, own_labels(source))
    return found


def scores(logits: Array, songs: Songs) -> dict[str, float]:
    """Macro F1 and accuracy of each set among its own labels, and ECE over all."""
    own = masked(logits, masks(songs.sources))
    found = {}
    for source in SOURCES:
        rows = songs.sources == source
        truth, said = songs.labels[rows], own[rows].argmax(axis=1)
        found[f"{source}_macro_f1"] = f1_score(truth, said, average="macro")
        found[f"{source}_accuracy"] = accuracy_score(truth, said)
        found[f"{source}_calibration_error"] = calibration_error(softmax(own[rows]), truth)
    found["calibration_error"] = calibration_error(softmax(own), songs.labels)
    return found


def abstention(logits: Array, songs: Songs) -> dict[str, float]:
    """How many songs of four quadrants the head speaks of, and how often it is then right among all its labels."""
    rows = np.isin(songs.sources, ["lastfm4q", "nju_train"])
    p, truth = softmax(logits[rows]), songs.labels[rows]
    first = p.argmax(axis=1)
    speaks = (p.max(axis=1) >= LEAST_PROBABILITY) & (first != LABELS.index(NO_EMOTION))
    return {
        "spoken_of": float(speaks.mean()),
        "right_when_spoken_of": float((first == truth)[speaks].mean()),
        "right_when_silent": float((first == truth)[~speaks].mean()),
    }


def across_languages(trainer: Trainer) -> dict[str, float]:
    """Chinese songs by a head that English songs alone taught: macro F1 and accuracy among happy, sad and angry."""
    songs, x = trainer.songs, trainer.embeddings()
    rows = trainer.rows["zh"][songs.labels[trainer.rows["zh"]] < LABELS.index("calm")]
    emotions = [LABELS.index(label) for label in ("happy", "sad", "angry")]
    weights = trainer.shared(trainer.rows["en"], short=False)[:, emotions]
    said = np.array(emotions)[(x[rows] @ weights).argmax(axis=1)]
    truth = songs.labels[rows]
    return {"macro_f1": f1_score(truth, said, average="macro"), "accuracy": accuracy_score(truth, said)}


def of_labels(probabilities: Array, songs: Songs) -> dict[str, dict[str, float]]:
    """Threshold and quality of each label over the songs whose set has it."""
    mask = masks(songs.sources)
    return {
        label: threshold_for(PRECISION, probabilities[mask[:, i], i], songs.labels[mask[:, i]] == i)
        for i, label in enumerate(LABELS)
    }


def net_logits(graph: Graph, nets: Nets) -> str:
    """What networks add to the logits of each text [n, k]; their first layers are kept in 8 bits."""
    vectors = graph.add("Concat", "embedding", "mean", axis=1)
    x = graph.add("Div", graph.add("Sub", vectors, graph.floats(nets.mean)), graph.floats(nets.deviation))
    net = nets.joined
    hidden = graph.add("MatMul", x, coarse_matrix(graph, net.first.weights))
    hidden = graph.add("Relu", graph.add("Add", hidden, graph.floats(net.first.bias)))
    logits = graph.add("MatMul", hidden, graph.floats(net.second.weights))
    logits = graph.add("Add", logits, graph.floats(net.second.bias))
    return graph.add("Mul", logits, graph.add("Gather", graph.floats(nets.shares), "languages"))


def word_logits(graph: Graph, idf: Array, table: Array) -> str:
    """What words add to the logits of each text [n, k]; `table` [BUCKETS, k] is kept in 8 bits."""
    scale = (np.abs(table).max(axis=0) / 127).astype(np.float32)
    rounded = np.rint(table / scale).astype(np.int8)
    weighed = graph.add("Cast", graph.add("Gather", graph.constant(idf), "grams"), to=TensorProto.FLOAT)
    value = graph.add("Mul", weighed, graph.add("Add", graph.add("Log", "counts"), graph.floats(1)))
    said = graph.add("Cast", graph.add("Gather", graph.constant(rounded), "grams"), to=TensorProto.FLOAT)
    texts = graph.add("Shape", "languages")
    zero, one = graph.constant(np.int64(0)), graph.constant(np.int64(1))
    each = graph.add("Range", zero, graph.add("Squeeze", texts, graph.ints(0)), one)
    belongs = graph.add("Equal", graph.add("Unsqueeze", each, graph.ints(1)), "owners")
    values = graph.add("Mul", graph.add("Cast", belongs, to=TensorProto.FLOAT), value)
    squares = graph.add("ReduceSum", graph.add("Mul", values, values), graph.ints(1), keepdims=1)
    length = graph.add("Sqrt", graph.add("Add", squares, graph.floats(1e-6)))
    return graph.add("Mul", graph.add("MatMul", graph.add("Div", values, length), said), graph.floats(scale))


def to_onnx(heads: list[Linear], nets: Nets, idf: Array, table: Array, *, encoder: str) -> onnx.ModelProto:
    graph, info = Graph(), helper.make_tensor_value_info
    weights = graph.constant(np.stack([head.weights for head in heads]).astype(np.float32))
    bias = graph.constant(np.stack([head.bias for head in heads]).astype(np.float32))
    vectors = graph.add("Unsqueeze", graph.add("Concat", "embedding", "mean", axis=1), graph.ints(1))
    dense = graph.add("MatMul", vectors, graph.add("Gather", weights, "languages"))
    dense = graph.add("Squeeze", dense, graph.ints(1))
    dense = graph.add("Add", dense, graph.add("Gather", bias, "languages"))
    own = graph.add("Add", dense, word_logits(graph, idf, table))
    own = graph.add("Add", own, net_logits(graph, nets))
    vector = graph.add("MatMul", "embedding", graph.floats(heads[0].weights[:EMBEDDING]))
    shared = graph.add("Add", vector, graph.floats(heads[0].bias))
    as_song = graph.add("Min", graph.add("Div", "sizes", graph.floats(WHOLE_SONG)), graph.floats(1))
    difference = graph.add("Mul", graph.add("Unsqueeze", as_song, graph.ints(1)), graph.add("Sub", own, shared))
    logits = graph.add("Add", shared, difference)
    graph.add("Softmax", logits, output="probabilities", axis=1)
    size = len(heads[0].weights)
    inputs = [
        info("embedding", TensorProto.FLOAT, ["n", EMBEDDING]),
        info("mean", TensorProto.FLOAT, ["n", size - EMBEDDING]),
    ]
    inputs += [info("sizes", TensorProto.FLOAT, ["n"])]
    inputs += [info("languages", TensorProto.INT64, ["n"]), info("grams", TensorProto.INT64, ["t"])]
    inputs += [info("counts", TensorProto.FLOAT, ["t"]), info("owners", TensorProto.INT64, ["t"])]
    output = info("probabilities", TensorProto.FLOAT, ["n", len(LABELS)])
    body = helper.make_graph(graph.nodes, "lyrics_emotion", inputs, [output], graph.initializers)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    limits = {"least_pieces": str(LEAST_PIECES), "least_probability": str(LEAST_PROBABILITY)}
    words = {"languages": ",".join(LANGUAGES), "buckets": str(BUCKETS)}
    named = {"name": "lyrics-emotion", "version": VERSION, "labels": ",".join(LABELS), "embedder": encoder}
    helper.set_model_props(model, named | limits | words)
    onnx.checker.check_model(model, full_check=True)
    return model


def shipped(trainer: Trainer, calibrated: dict[str, Calibration]) -> tuple[list[Linear], Array]:
    """The heads of other languages and of each of `LANGUAGES`, and the table of their words."""
    heads, table = [], np.zeros((BUCKETS, len(LABELS)))
    for language in (OTHER, *LANGUAGES):
        head, grams = trainer.weights(language)
        to = calibrated[language]
        heads.append(Linear(head.weights / to.temperature, to.logits(head.bias)))
        table += grams / to.temperature
    return heads, table


def held_out_logits(trainer: Trainer, runs: list[tuple[Array, Array]]) -> list[Array]:
    """Of each run what the head of a song's language says of it [n, k]."""
    calibrated, found = calibrations(trainer, runs), []
    as_song = np.minimum(1, trainer.known.sizes / WHOLE_SONG)[:, None]
    for own, by_all in runs:
        logits = np.zeros_like(own)
        for language, rows in trainer.rows.items():
            logits[rows] = calibrated[language].logits(own[rows])
        found.append(as_song * logits + (1 - as_song) * calibrated[OTHER].logits(by_all))
    return found


def measure(trainer: Trainer, runs: list[tuple[Array, Array]]) -> dict[str, object]:
    """All that the manifest says."""
    songs, found = trainer.songs, held_out_logits(trainer, runs)
    figures = [scores(logits, songs) | abstention(logits, songs) for logits in found]
    quality = {name: spread([each[name] for each in figures]) for name in figures[0]}
    mean = np.mean([softmax(logits) for logits in found], axis=0)
    return {"quality": quality, "labels": of_labels(mean, songs)}


def check(trainer: Trainer, heads: list[Linear], nets: Nets, table: Array) -> None:
    """Compare the file with what was learnt, and print what it says of the two sentences."""
    reader = Reader()
    largest = 0.0
    for place, (language, rows) in enumerate(trainer.rows.items(), start=1):
        some = rows[:: len(rows) // 100]
        x = trainer.known.vectors[some]
        as_song = np.minimum(1, trainer.known.sizes[some] / WHOLE_SONG)[:, None]
        own = heads[place].logits(x) + trainer.known.grams[some] @ table + nets.logits(x, place)
        logits = as_song * own + (1 - as_song) * heads[0].logits(x)
        said = reader._say_all([trainer.songs.texts[i] for i in some], [language] * len(some))
        given = np.array([list(each.probabilities.values()) for each in said])
        largest = max(largest, np.abs(given - softmax(logits)).max())
    print(f"largest difference of a probability from the trained weights {largest:.1e}")
    for sentence, label in SENTENCES.items():
        (said,) = reader._say_all([sentence], ["zh"])
        print(sentence, label, {name: round(p, 3) for name, p in said.probabilities.items()})


def short_texts(trainer: Trainer, short: Songs, vectors: Array) -> dict[str, float]:
    """Accuracy of the shared head on every fifth short text of each set, learnt from the others and all songs."""
    x, held = trainer.all_standard.into(vectors), np.arange(len(vectors)) % HELD_BACK == 0
    songs = Normal.of(trainer.embeddings(), trainer.songs.sources, trainer.songs.labels)
    texts = Normal.of(x[~held], short.sources[~held], short.labels[~held], SHORT_WEIGHT)
    said = x[held] @ (songs + texts).solve()
    emotions = short.labels[held] < LABELS.index("calm")
    first = said[:, : LABELS.index("calm")].argmax(axis=1) == short.labels[held]
    names = short.sources[held]
    return {
        str(name): round(float(first[emotions & (names == name)].mean()), 3) for name in sorted(set(names[emotions]))
    }


def cached(path: Path | None, make: Callable[[], Array]) -> Array:
    """An array that is kept in a file between runs."""
    found = np.load(path) if path and path.exists() else make()
    if path:
        np.save(path, found)
    return found.astype(np.float32)


def prepare(data: Path, encoder: Encoder, cache: Path | None) -> tuple[Trainer, Songs, Array]:
    """All that is learnt from, with the short texts and their vectors [n, 512]."""
    songs, short = load(data / "songs.csv.xz"), load_short(data / "short_texts.csv.xz")
    vectors = cached(cache and cache / "songs.npy", lambda: read_all(songs, encoder))
    short_vectors = cached(cache and cache / "short_texts.npy", lambda: encoder.embed(short.texts))
    sizes = np.array([encoder.count(text) for text in songs.texts])
    known = Known.of(songs, vectors, sizes)
    return Trainer.of(songs, known, short, short_vectors), short, short_vectors


def held_out_runs(trainer: Trainer, cache: Path | None) -> list[tuple[Array, Array]]:
    """What `Trainer.held_out` gives for each seed; logits by networks are kept in the cache."""
    lessons = lessons_of(trainer.songs, trainer.known.vectors)
    paths = [cache and cache / f"nets_{seed}.npy" for seed in range(SEEDS)]
    nets = [cached(path, partial(by_nets, trainer.songs, lessons, seed)) for seed, path in enumerate(paths)]
    return [trainer.held_out(seed, logits) for seed, logits in enumerate(nets)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with songs.csv.xz and short_texts.csv.xz")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "models")
    parser.add_argument("--cache", type=Path, help="folder to keep vectors in between runs")
    args = parser.parse_args()
    encoder = Encoder()
    trainer, short, short_vectors = prepare(args.data, encoder, args.cache)
    groups = trainer.songs.groups
    print(f"{len(groups)} songs, {len(set(groups))} when versions count as one")
    runs = held_out_runs(trainer, args.cache)
    calibrated = calibrations(trainer, runs)
    measured = measure(trainer, runs)
    heads, table = shipped(trainer, calibrated)
    temperatures = {language: calibrated[language].temperature for language in LANGUAGES}
    nets = Nets.of(trainer.songs, trainer.known.vectors, temperatures)
    path = args.out / "lyrics_emotion.onnx"
    path.write_bytes(to_onnx(heads, nets, trainer.known.idf, table, encoder=encoder.version).SerializeToString())
    check(trainer, heads, nets, table)
    print("taught by English songs, tried on Chinese ones:", across_languages(trainer))
    print("short texts, happy, sad and angry:", short_texts(trainer, short, short_vectors))
    print(json.dumps(measured, indent=2))
    update_manifest(path, {"version": f"lyrics-emotion-{VERSION}", **measured})


if __name__ == "__main__":
    main()
