#!/usr/bin/env python3
"""How good the moods and styles are: every figure by cross-validation, beside baselines that are run in the same call.

    pip install -e '.[export]'
    python scripts/quality.py DATA

DATA is the folder that scripts/train_heads.py trains on, and what is measured is its recipe: heads that never heard the
artist of a clip that they are asked about. Baselines on the same clips and folds: chance, the tags of MusiCNN as they
are, a head of the same kind on these tags, and VibeNet where that package is installed.

VibeNet wants sound, and DATA holds log-mel spectrograms: the power spectrum is recovered from 96 bands (least squares,
not below zero) and brought to VibeNet's 128 bands and frames. On 30 seconds of 19 tracks its energy correlated with
what it said of the sound itself by 0.95, its valence by 0.92, so that on sound it may be somewhat better than here.
"""

from __future__ import annotations

import musictaste  # noqa: F401 - first, since it keeps onnxruntime from telling Microsoft

# isort: split
import argparse
import importlib.resources
import importlib.util
from collections.abc import Iterable, Sequence
from pathlib import Path

import librosa
import numpy as np
import onnxruntime as ort
import train_heads as heads
from scipy.optimize import nnls
from scipy.stats import spearmanr
from sklearn.linear_model import Ridge
from sklearn.metrics import accuracy_score, confusion_matrix, roc_auc_score
from sklearn.model_selection import GroupKFold

from musictaste import audio
from musictaste.inference import Model
from musictaste.moods import EMOTIONS, FINER_MOODS
from musictaste.quality import labels
from musictaste.styles import STYLES

Array = np.ndarray

RAW_MOOD_TAGS = {
    "happy": ("happy", "party", "catchy"),
    "sad": ("sad",),
    "angry": ("metal", "heavy metal", "hard rock", "punk"),
    "calm": ("Mellow", "chillout", "chill", "easy listening"),
}
"""MusiCNN has no tag for anger: what sounds angry is nearest to the loud styles."""

TAG_PENALTY = 0.02
RIDGE_PENALTY = 3000.0

VIBENET_RATE, VIBENET_FFT, VIBENET_WINDOW, VIBENET_HOP, VIBENET_BANDS = 16_000, 1024, 640, 320, 128
VIBENET_TOP_DB = 80.0


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A Markdown table on stdout."""
    print(f"\n{title}\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for row in rows:
        print(f"| {' | '.join(f'{v:.3f}' if isinstance(v, float) else str(v) for v in row)} |")


def shown(values: Sequence[float]) -> str:
    """Mean and standard deviation over seeds."""
    return f"{np.mean(values):.3f} ± {np.std(values):.3f}"


def at_threshold(p: Array, truth: Array, threshold: float) -> tuple[float, float]:
    """Precision and recall of what reaches a threshold; precision is nan where nothing does."""
    passes = p >= threshold
    right = float((passes & truth).sum())
    return right / passes.sum() if passes.any() else float("nan"), right / truth.sum()


def label_rows(names: Sequence[str], runs: Sequence[Array], truth: Array, head: str) -> list[list[str]]:
    """Per label, at the threshold that ships: precision, recall, AUROC and ECE over the seeds."""
    shipped = labels(head)
    rows = []
    for name in names:
        ours = truth[:, names.index(name)]
        columns = [run[:, names.index(name)] for run in runs]
        measured = [at_threshold(p, ours, shipped[name].threshold) for p in columns]
        aurocs = [roc_auc_score(ours, p) for p in columns]
        errors = [heads.binary_calibration_error(p, ours) for p in columns]
        precisions, recalls = zip(*measured, strict=True)
        figures = [shown(each) for each in (precisions, recalls, aurocs, errors)]
        rows.append([name, str(int(ours.sum())), f"{shipped[name].threshold:.2f}", *figures])
    return rows


LABEL_COLUMNS = ("label", "clips", "threshold", "precision", "recall", "AUROC", "ECE")


def confusion(names: Sequence[str], held_out: heads.HeldOut) -> None:
    """Who is taken for whom, in percent of the clips of a row, over all seeds."""
    present = np.unique(held_out.truth)
    said = np.concatenate([logits[:, present].argmax(axis=1) for logits in held_out.logits])
    right = np.searchsorted(present, np.tile(held_out.truth, len(held_out.logits)))
    shares = 100 * confusion_matrix(right, said, normalize="true")
    ours = [names[i] for i in present]
    rows = [[ours[i], *(f"{share:.0f}" for share in row)] for i, row in enumerate(shares)]
    table("Taken for, % of each row", ["", *ours], rows)


# Emotions


def emotions(quadrants: heads.Clips, gems: heads.Clips, seeds: int, vibenet: dict[str, Array] | None) -> None:
    frame = heads.Frame.of(quadrants.x, gems.x)
    held_out = heads.validate_emotions(quadrants, gems, frame, seeds)
    truth = held_out.truth
    systems = {
        "musictaste": held_out.probabilities,
        "a head on MusiCNN's tags": tag_head(quadrants, truth, seeds),
        "MusiCNN's tags as they are": [raw_tags(quadrants.tags, RAW_MOOD_TAGS, EMOTIONS)],
        "chance": [random_guesses(truth, len(EMOTIONS), seed) for seed in range(seeds)],
    }
    rows = []
    for name, runs in systems.items():
        scores = [heads.emotion_scores(p, truth) for p in runs]
        rows.append([name, *(shown([each[key] for each in scores]) for key in scores[0])])
    rows += vibenet_rows(quadrants, vibenet)
    table("Four emotions, artists apart", ["", "macro F1", "valence AUROC", "arousal AUROC", "ECE"], rows)
    table(
        "Each emotion",
        LABEL_COLUMNS,
        label_rows(EMOTIONS, held_out.probabilities, np.eye(4, dtype=bool)[truth], "emotion"),
    )
    confusion(EMOTIONS, held_out)


def vibenet_rows(quadrants: heads.Clips, vibenet: dict[str, Array] | None) -> list[list[str]]:
    if vibenet is None:
        return [["VibeNet", *["not installed"] * 4]]
    valence = roc_auc_score(np.isin(quadrants.labels, ["happy", "calm"]), vibenet["valence"])
    arousal = roc_auc_score(np.isin(quadrants.labels, ["happy", "angry"]), vibenet["energy"])
    return [["VibeNet's valence, energy", "-", f"{valence:.3f}", f"{arousal:.3f}", "-"]]


def tag_head(clips: heads.Clips, truth: Array, seeds: int) -> list[Array]:
    """Held-out probabilities of the same kind of head on the logits of MusiCNN's 50 MSD tags."""
    tags = np.log(clips.tags + 1e-6) - np.log(1 - clips.tags + 1e-6)
    z = heads.Frame.of(tags).into(tags)
    examples = heads.Examples.of(z, np.eye(len(EMOTIONS))[truth])
    nothing = examples.only(np.arange(0))
    runs = [
        heads.cross_validate(examples, TAG_PENALTY, heads.artists_apart(clips, truth, seed), nothing)
        for seed in range(seeds)
    ]
    return heads.HeldOut.of(runs, truth).probabilities


def raw_tags(tags: Array, words: dict[str, tuple[str, ...]], names: Sequence[str]) -> Array:
    """Shares by each label's strongest tag relative to that tag's mean over the set; no label was learned from."""
    of_model = Model("musicnn_msd").labels
    relative = np.log(tags + 1e-4) - np.log(tags.mean(axis=0) + 1e-4)
    evidence = [
        relative[:, [of_model.index(w) for w in words[name]]].max(axis=1) if name in words else np.full(len(tags), -9.0)
        for name in names
    ]
    return heads.softmax(np.stack(evidence, axis=1))


def random_guesses(truth: Array, count: int, seed: int) -> Array:
    """Random shares, drawn around how often each label occurs."""
    share = np.bincount(truth, minlength=count) / len(truth)
    return np.random.default_rng(seed).dirichlet(share * count + 1e-3, len(truth))


# Finer moods


def finer(quadrants: heads.Clips, gems: heads.Clips, seeds: int) -> None:
    frame = heads.Frame.of(quadrants.x, gems.x)
    held_out = heads.validate_finer(quadrants, gems, frame, seeds)
    rows = []
    for mood in FINER_MOODS:
        index = list(heads.MOOD_EVIDENCE).index(mood)
        _, _, runs, truth = held_out.calibrated(index)
        (row,) = label_rows([mood], [run[:, None] for run in runs], truth[:, None], "emotion")
        by_set = ", ".join(f"{name} {np.mean(values):.3f}" for name, values in held_out.aurocs(index).items())
        rows.append([*row, by_set])
    table("Finer moods, artists apart", [*LABEL_COLUMNS, "AUROC by set"], rows)


def geneva(gems: heads.Clips) -> None:
    """How well the embedding tells how many listeners felt each of the nine emotions: ridge, artists apart."""
    z = heads.Frame.of(gems.x).into(gems.x)
    felt = heads.votes(gems)
    rows = []
    for name, shares in felt.items():
        predicted = np.zeros(len(z))
        for training, testing in GroupKFold(heads.FOLDS).split(z, groups=gems.groups):
            predicted[testing] = Ridge(alpha=RIDGE_PENALTY).fit(z[training], shares[training]).predict(z[testing])
        rows.append([name, float(spearmanr(predicted, shares).statistic)])
    rows.append(["mean", float(np.mean([rho for _, rho in rows]))])
    table("Votes of Emotify's listeners, Spearman's rho, artists apart", ["emotion", "rho"], rows)


# Styles


def styles(short: heads.Clips, gems: heads.Clips, quadrants: heads.Clips, seeds: int) -> None:
    frame = heads.Frame.of(short.x, gems.x, quadrants.x)
    examples = heads.StyleExamples.of(short, gems, quadrants, frame)
    held_out = heads.validate_styles(examples, seeds)
    apart = heads.validate_styles(examples, seeds, apart=True)
    truth = held_out.truth
    ten = [STYLES[i] for i in np.unique(truth)]
    rows = [
        [name, *("{:.3f} ± {:.3f}".format(*score) for score in heads.style_scores(each).values())]
        for name, each in (("musictaste", held_out), ("the same, neighbouring cuts apart", apart))
    ]
    guessed = raw_tags(short.tags, heads.TEACHER_TAGS, ten).argmax(axis=1)
    told = [ten.index(STYLES[i]) for i in truth]
    rows.append(["MusiCNN's tags as they are", "-", f"{accuracy_score(told, guessed):.3f}", "-"])
    chance = [accuracy_score(truth, random_guesses(truth, len(STYLES), s).argmax(axis=1)) for s in range(seeds)]
    rows.append(["chance", "-", shown(chance), "-"])
    table("Styles, cuts of 2-3 s", ["", "accuracy of fifteen", "of ten", "ECE"], rows)
    right = np.eye(len(STYLES), dtype=bool)[truth]
    kept = [STYLES.index(name) for name in ten]
    runs = [p[:, kept] for p in held_out.probabilities]
    table("Each style", LABEL_COLUMNS, label_rows(ten, runs, right[:, kept], "style"))
    confusion(STYLES, held_out)


# VibeNet


def vibenet_scores(data: Path) -> dict[str, Array] | None:
    """VibeNet's valence and energy of the clips of the quadrants, None where the package is not installed."""
    if importlib.util.find_spec("vibenet") is None:
        return None
    from vibenet import labels as names

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    model = importlib.resources.files("vibenet.artifacts").joinpath("efficientnet_model.onnx").read_bytes()
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    bands = vibenet_bands()
    clips = np.load(data / "quadrants.npz")
    scores = []
    for mel, frames in zip(clips["mel"], clips["frames"], strict=True):
        (row,) = session.run(None, {"x": vibenet_input(mel[:frames], bands)[None]})[0]
        scores.append(row)
    wanted = {name: np.array(scores)[:, names.index(name)] for name in ("valence", "energy")}
    return {name: np.clip(values, 0, 1) for name, values in wanted.items()}


def vibenet_bands() -> Array:
    """The matrix [128, 96] from our mel bands to VibeNet's: each of ours as the spectrum that explains it best."""
    ours = librosa.filters.mel(sr=audio.SAMPLE_RATE, n_fft=audio.N_FFT, n_mels=audio.N_MELS)
    theirs = librosa.filters.mel(sr=VIBENET_RATE, n_fft=VIBENET_FFT, n_mels=VIBENET_BANDS, fmax=VIBENET_RATE / 2)
    spectra = np.stack([nnls(ours, unit)[0] for unit in np.eye(len(ours))], axis=1)
    fine = np.linspace(0, len(spectra) - 1, theirs.shape[1])
    resampled = np.stack([np.interp(fine, np.arange(len(spectra)), column) for column in spectra.T], axis=1)
    # The power of noise in one bin grows with the sum of the squared window.
    gain = np.sum(np.hanning(VIBENET_WINDOW) ** 2) / np.sum(np.hanning(audio.N_FFT) ** 2)
    return gain * theirs @ resampled


def vibenet_input(mel: Array, bands: Array) -> Array:
    """VibeNet's mel spectrogram in dB, float32 [128, t], of a uint8 log-mel [t, 96]."""
    power = (10 ** (mel.astype(np.float32) / heads.MEL_STEP) - 1) / audio.LOG_SCALE
    at = np.arange(0, len(power) - 1, VIBENET_HOP / audio.HOP_LENGTH)
    before, part = np.floor(at).astype(int), (at % 1)[:, None]
    frames = (1 - part) * power[before] + part * power[before + 1]
    level = 10 * np.log10(np.maximum(bands @ frames.T, 1e-10))
    return np.maximum(level, level.max() - VIBENET_TOP_DB).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with quadrants, gems and styles_short (.csv and .npz)")
    parser.add_argument("--seeds", type=int, default=heads.SEEDS, help="how often to draw folds (default: 5)")
    parser.add_argument("--cache", type=Path, help="folder to keep embeddings in between runs")
    args = parser.parse_args()
    quadrants, gems, short = (heads.load(name, args.data, args.cache) for name in heads.SETS)
    emotions(quadrants, gems, args.seeds, vibenet_scores(args.data))
    finer(quadrants, gems, args.seeds)
    geneva(gems)
    styles(short, gems, quadrants, args.seeds)


if __name__ == "__main__":
    main()
