"""A softmax over one hidden layer, learnt from songs of several sets that do not have the same labels."""

from __future__ import annotations

import dataclasses
from itertools import islice

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold
from train_heads import Linear, softmax

Array = np.ndarray

HIDDEN = 64
INPUT_DROPOUT = 0.3
HIDDEN_DROPOUT = 0.5
RATE = 1e-3
DECAY = 1e-2
MOMENTUM, SECOND_MOMENTUM = 0.9, 0.999
LAST_RATE = 0.05
"""Down to this part of `RATE` the steps shrink, by half a cosine."""

BATCH = 64
EPOCHS = 8
PATIENCE = 2
"""Epochs without a lower loss on the songs that are held back, after which learning ends."""

NETS = 3
PARTS = 8
"""Each net has another eighth of the songs held back."""

NEVER = -1e9


@dataclasses.dataclass(frozen=True)
class Lessons:
    """Vectors float32 [n, d], labels as 0 and 1 [n, k], which of them each song's set has, weights [n] and sets [n]."""

    x: Array
    wanted: Array
    mask: Array
    weights: Array
    sources: Array

    def loss(self, logits: Array, rows: Array) -> float:
        """Weighted cross entropy of some songs, the mean of each set's."""
        likely = softmax(np.where(self.mask[rows], logits, NEVER))
        each = -self.weights[rows] * np.log((likely * self.wanted[rows]).sum(axis=1) + 1e-12)
        sources = self.sources[rows]
        return float(np.mean([each[sources == source].mean() for source in np.unique(sources)]))


@dataclasses.dataclass(frozen=True)
class Net:
    """relu(x first) second, each with a bias."""

    first: Linear
    second: Linear

    @classmethod
    def joining(cls, nets: list[Net]) -> Net:
        """One net with the hidden layers of several side by side: its logits are the mean of theirs."""
        first = Linear(np.hstack([net.first.weights for net in nets]), np.concatenate([net.first.bias for net in nets]))
        second = np.vstack([net.second.weights for net in nets]) / np.float32(len(nets))
        return cls(first, Linear(second, np.mean([net.second.bias for net in nets], axis=0)))

    def logits(self, x: Array) -> Array:
        return self.second.logits(np.maximum(self.first.logits(x), 0))


class AdamW:
    """Steps by the first two moments of gradients, with decay of the weights apart (Loshchilov and Hutter, 2019)."""

    def __init__(self, parameters: list[Array], steps: int) -> None:
        self.parameters = parameters
        self._moments = [(np.zeros_like(each), np.zeros_like(each)) for each in parameters]
        self._steps = steps
        self._taken = 0

    def step(self, gradients: list[Array]) -> None:
        part = min(1.0, self._taken / self._steps)
        rate = RATE * (LAST_RATE + (1 - LAST_RATE) * (1 + np.cos(np.pi * part)) / 2)
        self._taken += 1
        for weights, gradient, (mean, square) in zip(self.parameters, gradients, self._moments, strict=True):
            mean[...] += (1 - MOMENTUM) * (gradient - mean)
            square[...] += (1 - SECOND_MOMENTUM) * (gradient * gradient - square)
            steepest = mean / (1 - MOMENTUM**self._taken)
            length = np.sqrt(square / (1 - SECOND_MOMENTUM**self._taken)) + 1e-8
            weights[...] -= np.float32(rate) * (steepest / length + DECAY * weights)


def initial(sizes: tuple[int, int], random: np.random.Generator) -> list[Array]:
    """Both layers' weights and biases; the second begins with zeros (He et al., 2015, for the first)."""
    d, k = sizes
    first = random.standard_normal((d, HIDDEN)) * np.sqrt(1 / (3 * d))
    return [first.astype(np.float32), *(np.zeros(each, np.float32) for each in (HIDDEN, (HIDDEN, k), k))]


def gradients(parameters: list[Array], lessons: Lessons, rows: Array, random: np.random.Generator) -> list[Array]:
    """Of the mean weighted cross entropy over some songs, with dropout (Srivastava et al., 2014)."""
    first, first_bias, second, _ = parameters
    x = lessons.x[rows]
    x = x * (random.random(x.shape, np.float32) >= INPUT_DROPOUT) / np.float32(1 - INPUT_DROPOUT)
    before = x @ first + first_bias
    kept = (random.random(before.shape, np.float32) >= HIDDEN_DROPOUT) / np.float32(1 - HIDDEN_DROPOUT)
    hidden = np.maximum(before, 0) * kept
    logits = np.where(lessons.mask[rows], hidden @ second + parameters[3], NEVER)
    weights = lessons.weights[rows][:, None] / len(rows)
    wrong = ((softmax(logits) - lessons.wanted[rows]) * weights).astype(np.float32)
    back = (wrong @ second.T) * kept * (before > 0)
    return [x.T @ back, back.sum(axis=0), hidden.T @ wrong, wrong.sum(axis=0)]


def net_of(parameters: list[Array]) -> Net:
    first, first_bias, second, second_bias = (each.copy() for each in parameters)
    return Net(Linear(first, first_bias), Linear(second, second_bias))


def several(lessons: Lessons, rows: Array, strata: Array, groups: Array, *, seed: int) -> list[Net]:
    """Nets that are learnt from some songs, each with others of them held back; `strata` and `groups` are of all."""
    parts = StratifiedGroupKFold(PARTS, shuffle=True, random_state=seed).split(rows, strata[rows], groups[rows])
    return [
        learn(lessons, rows[training], rows[held_back], seed * NETS + i)
        for i, (training, held_back) in enumerate(islice(parts, NETS))
    ]


def learn(lessons: Lessons, training: Array, held_back: Array, seed: int) -> Net:
    """The net of the epoch after which the loss on the songs that are held back is lowest."""
    random = np.random.default_rng(seed)
    parameters = initial((lessons.x.shape[1], lessons.wanted.shape[1]), random)
    batches = len(training) // BATCH
    optimiser = AdamW(parameters, EPOCHS * batches)
    best, lowest, since = net_of(parameters), np.inf, 0
    for _ in range(EPOCHS):
        for rows in np.split(random.permutation(training)[: batches * BATCH], batches):
            optimiser.step(gradients(parameters, lessons, rows, random))
        found = net_of(parameters)
        loss = lessons.loss(found.logits(lessons.x[held_back]), held_back)
        best, lowest, since = (found, loss, 0) if loss < lowest else (best, lowest, since + 1)
        if since == PATIENCE:
            break
    return best
