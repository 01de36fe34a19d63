"""ONNX files and what they say of themselves; the device that really runs them.

A model file carries its name, version, labels and the mel settings it was trained on in its metadata. A file made for
another mel, or a head made for another embedding, is refused instead of giving quiet nonsense.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as _ort

from musictaste.errors import ModelError, ProviderError
from musictaste.quality import HEADS, NETWORKS
from musictaste.track import Labels

Device = Literal["auto", "cuda", "cpu"]
Floats = NDArray[np.float32]

Whole = NDArray[np.int64]

PENULTIMATE = 200
BATCH_PATCHES = {"CPU": 2, "CUDA": 64}
"""Rows in one run. What a CPU computes at once should fit its caches: a larger batch is slower there, and the memory
that one patch needs in the first layer (12 MiB) is kept for each row of the largest batch."""

BATCH_PIECES = {"CPU": 512, "CUDA": 16384}
"""Pieces of words in one run, of as many texts as fit; a longer text is a run of its own."""

CUDA_REMEDY = "pip install 'onnxruntime-gpu[cuda,cudnn]'"
NO_EMOTION = "none"
"""What the head for words calls those that tell of no emotion."""

READABLE = frozenset(["ar", "de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "th", "tr", "zh"])
"""Languages that the encoder was trained in, as ISO 639-1 codes."""

ENOUGH = {"latin": 70, "cjk": 24}
"""Characters from which on lines of a song make a part that is read at once; a Chinese word is one or two of them."""

MOST_AT_ONCE = 400
_SILENT = 4  # onnxruntime prints its own red lines at lower levels; what they say is in the exception as well


def model_path(name: str) -> Path:
    """Where the file of a model lies; wheels and editable installs both keep it as a plain file."""
    path = Path(str(files("musictaste.models").joinpath(f"{name}.onnx")))
    if not path.is_file():
        raise ModelError(f"'{path}': the model is missing: install musictaste again")
    return path


def checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def build_session(path: Path, device: Device, threads: int) -> ort.InferenceSession:
    """A session on the wanted device.

    Raises
    ------
    ProviderError
        When `device` is "cuda" and a built session does not run on CUDA.
    ModelError
        When the file is not a model.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _SILENT
    wanted = ["CPUExecutionProvider"]
    if device != "cpu" and "CUDAExecutionProvider" in ort.get_available_providers():
        _preload_cuda()
        wanted.insert(0, "CUDAExecutionProvider")
    try:
        session = ort.InferenceSession(path, options, providers=wanted)
    except (_ort.InvalidProtobuf, _ort.InvalidArgument) as error:  # the second is an empty file
        raise ModelError(f"'{path}': is not an ONNX model") from error
    except (_ort.Fail, _ort.InvalidGraph, _ort.NotImplemented) as error:  # a newer format, an unknown operator
        raise ModelError(f"'{path}': onnxruntime {ort.__version__} cannot run it: install musictaste again") from error
    if device == "cuda" and session.get_providers()[0] != "CUDAExecutionProvider":
        raise ProviderError(f"CUDA was asked for and cannot run here: {CUDA_REMEDY} and see musictaste doctor")
    return session


def _preload_cuda() -> None:
    """Load the CUDA and cuDNN libraries that pip installed; silent where there are none."""
    ort.set_default_logger_severity(_SILENT)
    if hasattr(ort, "preload_dlls"):
        # It prints what it misses to stdout; what the built session says is what counts.
        with contextlib.redirect_stdout(io.StringIO()):
            ort.preload_dlls()


class Model:
    """One ONNX file with a built session."""

    def __init__(self, name: str, *, device: Device = "cpu", threads: int = 1, path: Path | None = None) -> None:
        self.path = path or model_path(name)
        self._session = build_session(self.path, device, threads)
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        missing = {"name", "version"} - set(self.metadata)
        if missing:
            raise ModelError(f"'{self.path}': has no {' and no '.join(sorted(missing))} in its metadata")
        self.version = f"{self.metadata['name']}-{self.metadata['version']}"
        self.labels = tuple(self.metadata.get("labels", "").split(","))
        self._input = self._session.get_inputs()[0].name

    @property
    def provider(self) -> str:
        """The first provider of the built session: "CUDA" or "CPU"."""
        return str(self._session.get_providers()[0]).removesuffix("ExecutionProvider")

    def run_once(self, inputs: Mapping[str, Floats | Whole], *outputs: str) -> list[Floats]:
        """The named outputs for inputs by their names, in one run."""
        found: list[Floats] = self._session.run(list(outputs), dict(inputs))
        return found

    def run(self, inputs: Floats, *outputs: str) -> list[Floats]:
        """The named outputs for a batch of any size, run in parts of at most `BATCH_PATCHES` rows."""
        rows = BATCH_PATCHES[self.provider]
        parts = [
            self._session.run(list(outputs), {self._input: inputs[i : i + rows]}) for i in range(0, len(inputs), rows)
        ]
        return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]


class Embedder:
    """Both listening networks as one: log-mel patches in, one vector per patch out.

    The vector is the two networks' 200-d layers, standardised by the statistics of the networks' own training, then
    mean, maximum and standard deviation over time of all their layers below. Distances use the first part, heads use
    all of it.
    """

    def __init__(self, *, device: Device = "cpu", threads: int = 1) -> None:
        self.models = [Model(name, device=device, threads=threads) for name in NETWORKS]
        for model in self.models:
            _check_mel(model)
        self.version = "+".join(model.version for model in self.models)

    @property
    def provider(self) -> str:
        return self.models[0].provider

    def embed(self, patches: Floats) -> Floats:
        """Vectors float32 [n, d] of log-mel patches float32 [n, 187, 96]."""
        outputs = [model.run(patches, "embedding", "pools") for model in self.models]
        return np.hstack([embedding for embedding, _ in outputs] + [pools for _, pools in outputs])


def _check_mel(model: Model) -> None:
    from musictaste import audio  # a second of decoders, which what reads words does not need

    for key, value in audio.mel_settings().items():
        found = model.metadata.get(key)
        if found != value:
            raise ModelError(f"'{model.path}': was made for {key} {found}, this program hears {key} {value}")


class Encoder:
    """Texts of any language of `READABLE` in, one vector of unit length per text out."""

    def __init__(self, *, device: Device = "cpu", threads: int = 1, path: Path | None = None) -> None:
        from sentencepiece import SentencePieceProcessor

        self._model = Model("lyrics_encoder", device=device, threads=threads, path=path)
        tokenizer = self._model.path.with_suffix(".model")
        try:
            self._tokenizer = SentencePieceProcessor(model_file=str(tokenizer))
        except (OSError, RuntimeError) as error:  # it is missing, or no model
            raise ModelError(f"'{tokenizer}': is not a SentencePiece model: install musictaste again") from error
        self._gap = int(self._model.metadata["gap"])
        self.version = self._model.version

    @property
    def provider(self) -> str:
        return self._model.provider

    @property
    def pieces(self) -> list[str]:
        """All pieces that texts are made of, by their number."""
        return [self._tokenizer.id_to_piece(i) for i in range(self._tokenizer.get_piece_size())]

    def count(self, text: str) -> int:
        """Of how many pieces a text is."""
        return len(self._tokenizer.encode(text))

    def embed(self, texts: Sequence[str]) -> Floats:
        """Vectors float32 [n, 512] of texts; one without words has a vector as well, which says nothing."""
        return self.run(texts, "embedding")[0]

    def run(self, texts: Sequence[str], *outputs: str) -> list[Floats]:
        """The named outputs for any number of texts, each float32 [n, d].

        As many texts are run at once as have `BATCH_PIECES` pieces together.
        """
        tokens = [self._tokenizer.encode(text, add_bos=True, add_eos=True) for text in texts]
        parts = [self._model.run_once(_with_gaps(batch, self._gap), *outputs) for batch in self._batches(tokens)]
        return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]

    def _batches(self, tokens: Sequence[list[int]]) -> Iterator[list[list[int]]]:
        batch: list[list[int]] = []
        pieces = 0
        for each in tokens:
            if batch and pieces + len(each) > BATCH_PIECES[self.provider]:
                yield batch
                batch, pieces = [], 0
            batch.append(each)
            pieces += len(each)
        yield batch


def parts_of(words: str, *, enough: Mapping[str, int] = ENOUGH) -> list[str]:
    """Lines of a song, put together until they say something: at least two short ones, and never half a page.

    `enough` are the characters from which on they do, in Latin and in Chinese letters.
    """
    parts = []
    part = ""
    for line in filter(None, map(str.strip, words.splitlines())):
        part = f"{part} {line}".strip()
        if len(part) >= enough["cjk" if re.search("[\u4e00-\u9fff]", part) else "latin"]:
            parts.append(part)
            part = ""
    whole = [*parts, part] if part else parts
    return [each[i : i + MOST_AT_ONCE] for each in whole for i in range(0, len(each), MOST_AT_ONCE)]


def _with_gaps(batch: Sequence[list[int]], gap: int) -> dict[str, Whole]:
    """Pieces of several texts in one row with gaps between them, and which text each is of, -1 in gaps."""
    between = [0] * gap
    pieces, owners = list(between), [-1] * gap
    for i, each in enumerate(batch):
        pieces += [*each, *between]
        owners += [i] * len(each) + [-1] * gap
    return {"pieces": np.array(pieces, np.int64), "owners": np.array(owners, np.int64)}


class Head:
    """A softmax model from a track's embedding to probabilities."""

    def __init__(self, name: str, *, embedder: str, path: Path | None = None) -> None:
        self._model = Model(name, path=path)
        made_for = self._model.metadata.get("embedder")
        if made_for != embedder:
            raise ModelError(f"'{self._model.path}': was made for the embedding {made_for}, not for {embedder}")
        self.version = self._model.version
        self.labels = self._model.labels
        self.metadata = self._model.metadata

    def label(self, embedding: Floats) -> Labels:
        """Probabilities for one embedding [d]."""
        return next(self.label_all(embedding[None]))

    def label_all(self, embeddings: Floats) -> Iterator[Labels]:
        """Probabilities for each row of embeddings [n, d]."""
        (probabilities,) = self._model.run(embeddings, "probabilities")
        for row in probabilities:
            yield Labels(self.version, dict(zip(self.labels, map(float, row), strict=True)))


class Reader:
    """Names the emotion of a song's words, or says nothing where they do not tell.

    Chinese is to be in simplified characters: the head was trained on those.
    """

    def __init__(self, *, device: Device = "cpu", threads: int = 1) -> None:
        self.encoder = Encoder(device=device, threads=threads)
        self._head = Head("lyrics_emotion", embedder=self.encoder.version)
        self._least_pieces = int(self._head.metadata["least_pieces"])
        self._least_probability = float(self._head.metadata["least_probability"])
        self.version = self._head.version
        self.labels = self._head.labels

    def embed(self, words: str) -> Floats:
        """The mean over a song's parts of their vectors, float32 [512]."""
        return np.asarray(self.encoder.embed(parts_of(words) or [""]).mean(axis=0), np.float32)

    def read(self, words: str, language: str | None) -> Labels | None:
        """Probabilities, or None where the words are too few, in another language, or of no emotion above others."""
        if language not in READABLE or self.encoder.count(words) < self._least_pieces:
            return None
        said = self._head.label(self.embed(words))
        first, probability = max(said.probabilities.items(), key=lambda item: item[1])
        return None if first == NO_EMOTION or probability < self._least_probability else said


@dataclass(frozen=True)
class Heads:
    """The heads that name moods and styles, and tell music from what is none."""

    emotion: Head
    style: Head
    kind: Head

    @classmethod
    def load(cls, embedder: str) -> Heads:
        return cls(*(Head(name, embedder=embedder) for name in HEADS))
