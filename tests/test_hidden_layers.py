"""The networks that the head for words has beside its least squares, on made-up vectors."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="of the extra 'export'")

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture
def layers(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import hidden_layers

    module: ModuleType = hidden_layers
    return module


def lessons_of(layers: ModuleType, x: np.ndarray, labels: np.ndarray, mask: np.ndarray) -> object:
    wanted, weights = np.eye(3, dtype=np.float32)[labels], np.ones(len(x), np.float32)
    return layers.Lessons(x.astype(np.float32), wanted, mask, weights, np.repeat("songs", len(x)))


def test_gradients_are_those_of_the_loss(layers: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"INPUT_DROPOUT": 0, "HIDDEN_DROPOUT": 0, "HIDDEN": 4}.items():
        monkeypatch.setattr(layers, name, value)
    rng = np.random.default_rng(0)
    mask = np.tile([True, True, False], (6, 1))
    lessons = lessons_of(layers, rng.standard_normal((6, 5)), np.array([0, 1, 0, 1, 1, 0]), mask)
    parameters = [rng.standard_normal(shape) for shape in ((5, 4), 4, (4, 3), 3)]
    rows = np.arange(6)

    def loss() -> float:
        return float(lessons.loss(layers.net_of(parameters).logits(lessons.x), rows))  # type: ignore[attr-defined]

    for each, gradient in zip(parameters, layers.gradients(parameters, lessons, rows, rng), strict=True):
        for place in np.ndindex(each.shape):
            before = each[place]
            each[place] = before + 1e-4
            above = loss()
            each[place] = before - 1e-4
            assert gradient[place] == pytest.approx((above - loss()) / 2e-4, abs=1e-4)
            each[place] = before
    assert not layers.gradients(parameters, lessons, rows, rng)[3][2]  # no song's set has the third label


def test_several_learn_what_no_line_parts(layers: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether two signs agree; the networks joined say what they say in the mean."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1200, 8))
    labels = (x[:, 0] * x[:, 1] > 0).astype(int)
    lessons = lessons_of(layers, x, labels, np.tile([True, True, False], (1200, 1)))
    for name, value in {"RATE": 2e-2, "INPUT_DROPOUT": 0, "EPOCHS": 30, "PATIENCE": 8}.items():
        monkeypatch.setattr(layers, name, value)
    nets = layers.several(lessons, np.arange(900), labels, np.arange(1200), seed=0)
    joined = layers.Net.joining(nets)
    said = joined.logits(x[900:])
    assert len(nets) == layers.NETS
    assert said == pytest.approx(np.mean([net.logits(x[900:]) for net in nets], axis=0), abs=1e-4)
    assert (said[:, :2].argmax(axis=1) == labels[900:]).mean() > 0.85
