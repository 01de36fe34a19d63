"""ONNX files and what they say of themselves; the device that really runs them.

A model file carries its name, version, labels and the mel settings it was trained on in its metadata. A file made for
another mel, or a head made for another embedding, is refused instead of giving quiet nonsense.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as _ort

from musictaste.errors import ModelError, ProviderError
from musictaste.quality import HEADS, NETWORKS
from musictaste.track import Labels

ort.disable_telemetry_events()  # Windows does not heed the environment variable that musictaste sets

Device = Literal["auto", "cuda", "cpu"]
Effort = Literal["least", "usual", "most"]
"""For few runs a graph stays as it is, for the most its 8-bit weights become floats once, not in each run."""

Floats = NDArray[np.float32]

Whole = NDArray[np.int64]

WEIGHTS = ".data"
"""How the name of a file of weights ends: onnxruntime maps it into memory, and so reads only what it needs of it."""

PENULTIMATE = 200
BATCH_PATCHES = {"CPU": 2, "CUDA": 256, "Tensorrt": 256}
"""Rows in one run. What a CPU computes at once should fit its caches: a larger batch is slower there, and the memory
that one patch needs in the first layer (12 MiB) is kept for each row of the largest batch."""

LEAST_ROWS = 8
"""A GPU's runs have a power of two of rows, at least so many: it searches for its kernels once for each shape."""

BATCH_PIECES = {"CPU": 1024, "CUDA": 16384, "Tensorrt": 16384}
"""Pieces of words in one run, of as many texts as fit; a longer text is a run of its own."""

MEMORY = {"CUDA": "cuda", "Tensorrt": "cuda"}
"""Where inputs and outputs of a run lie, by the provider that runs it; those of the CPU need no place of their own."""

CUDA_OPTIONS = {
    "use_tf32": "0",  # TF32 has ten bits of fraction: a GPU would not hear what a CPU hears
    "cudnn_conv_algo_search": "HEURISTIC",  # an exhaustive search takes seconds for each shape
    "arena_extend_strategy": "kSameAsRequested",  # doubling would run out of memory long before it is full
}
TENSORRT_SWITCH = "MUSICTASTE_TENSORRT"
"""An environment variable: set, TensorRT is tried before CUDA; its own variables (ORT_TENSORRT_...) tune it."""

OUT_OF_MEMORY = re.compile("failed to allocate memory|out of memory|ALLOC_FAILED|available memory of", re.IGNORECASE)
"""What onnxruntime's arena, CUDA, cuBLAS and cuDNN say when memory runs out: there is no class of error for it."""

CUDA_REMEDY = "pip install 'onnxruntime-gpu[cuda,cudnn]'"
NO_EMOTION = "none"
"""What the head for words calls those that tell of no emotion."""

READABLE = frozenset(["ar", "de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "th", "tr", "zh"])
"""Languages that the encoder was trained in, as ISO 639-1 codes."""

ENOUGH = {"latin": 70, "cjk": 24}
"""Characters from which on lines of a song make a part that is read at once; a Chinese word is one or two of them."""

MOST_AT_ONCE = 400

MOST_READ = 6000
"""Characters of a song that are read for its emotion."""

WORD = r"[\u4e00-\u9fff]|[^\W_\u4e00-\u9fff]+(?:'[a-z]+)?"
"""A word, or one Chinese character; compiled where it is needed, since that takes milliseconds."""
_GPU_ERRORS = (
    _ort.Fail, _ort.RuntimeException, _ort.EPFail, _ort.InvalidProtobuf, _ort.InvalidArgument, _ort.InvalidGraph,
    _ort.NotImplemented, RuntimeError,
)  # fmt: skip
_SILENT = 4  # onnxruntime prints its own red lines at lower levels; what they say is in the exception as well


def model_path(name: str) -> Path:
    """Where the file of a model lies; wheels and editable installs both keep it as a plain file."""
    path = Path(str(files("musictaste.models").joinpath(f"{name}.onnx")))
    if not path.is_file():
        raise ModelError(f"'{path}': the model is missing: install musictaste again")
    return path


def files_of(path: Path) -> list[Path]:
    """The file of a model, and the one beside it that has its weights, where it has one."""
    return [path, *filter(Path.exists, [path.with_suffix(WEIGHTS)])]


def checksum(path: Path) -> str:
    """SHA-256 of all files of a model, one after the other."""
    import hashlib  # whose library of cryptography takes longer to load than a short command has

    return hashlib.sha256(b"".join(each.read_bytes() for each in files_of(path))).hexdigest()


def size_of(path: Path) -> int:
    """Bytes of all files of a model."""
    return sum(each.stat().st_size for each in files_of(path))


def build_session(path: Path, device: Device, threads: int, *, effort: Effort = "usual") -> ort.InferenceSession:
    """A session on the wanted device, with more or less work put into building it for the sake of its runs.

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
    if effort == "least":
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    if effort == "most":
        options.add_session_config_entry("session.disable_quant_qdq", "1")
    if device == "cpu":
        return _session_on_cpu(path, options)
    reason = "cannot run here"
    try:
        session = _session_on_gpu(path, options)
        if device == "auto" or session.get_providers()[0] != "CPUExecutionProvider":
            return session
    except _GPU_ERRORS as error:  # its memory is taken, its driver is too old
        reason = f"fails: {_last_line(error)}"
    # It may as well be the model: then this says so.
    session = _session_on_cpu(path, options)
    if device == "cuda":
        raise ProviderError(f"CUDA was asked for and {reason}: {CUDA_REMEDY} and see musictaste doctor")
    return session


def _session_on_gpu(path: Path, options: ort.SessionOptions) -> ort.InferenceSession:
    """A session on the first provider that runs of those that this onnxruntime was built with; the CPU is the last."""
    wanted: dict[str, dict[str, str]] = {"CUDAExecutionProvider": CUDA_OPTIONS, "CPUExecutionProvider": {}}
    if os.environ.get(TENSORRT_SWITCH):
        wanted = {"TensorrtExecutionProvider": {}, **wanted}
    available = ort.get_available_providers()
    if "CUDAExecutionProvider" in available:
        _preload_cuda()
    # Of providers that cannot run it prints what the built session says as well.
    with contextlib.redirect_stdout(io.StringIO()):
        providers = [(name, settings) for name, settings in wanted.items() if name in available]
        return ort.InferenceSession(path, options, providers=providers)


def _session_on_cpu(path: Path, options: ort.SessionOptions) -> ort.InferenceSession:
    try:
        return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except (_ort.InvalidProtobuf, _ort.InvalidArgument) as error:  # the second is an empty file
        raise ModelError(f"'{path}': is not an ONNX model") from error
    except (_ort.Fail, _ort.InvalidGraph, _ort.NotImplemented) as error:  # a newer format, an unknown operator
        raise ModelError(f"'{path}': onnxruntime {ort.__version__} cannot run it: install musictaste again") from error


def _last_line(error: Exception) -> str:
    """The end of a foreign error: onnxruntime's begin with the names of functions."""
    return str(error).strip().splitlines()[-1]


def _preload_cuda() -> None:
    """Load the CUDA and cuDNN libraries that pip installed; silent where there are none."""
    ort.set_default_logger_severity(_SILENT)
    if hasattr(ort, "preload_dlls"):
        # It prints what it misses to stdout; what the built session says is what counts.
        with contextlib.redirect_stdout(io.StringIO()):
            ort.preload_dlls()


class Model:
    """One ONNX file with a built session."""

    def __init__(
        self,
        name: str,
        *,
        device: Device = "cpu",
        threads: int = 1,
        path: Path | None = None,
        effort: Effort = "usual",
    ) -> None:
        self.path = path or model_path(name)
        self._session = build_session(self.path, device, threads, effort=effort)
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

    def bind(self, inputs: ort.OrtValue, *outputs: str) -> Callable[[], list[Floats]]:
        """How to run on what lies in `inputs` at the time, in memory of its device; gives the named outputs."""
        binding = self._session.io_binding()
        binding.bind_ortvalue_input(self._input, inputs)
        for name in outputs:
            binding.bind_output(name, inputs.device_name())

        def run() -> list[Floats]:
            self._session.run_with_iobinding(binding)
            found: list[Floats] = binding.copy_outputs_to_cpu()
            return found

        return run


class Networks(Protocol):
    """Whatever embeds patches: networks of this process, or of another."""

    @property
    def version(self) -> str: ...

    @property
    def provider(self) -> str: ...

    def embed(self, patches: Floats) -> Floats:
        """Vectors float32 [n, d] of log-mel patches float32 [n, 187, 96]."""


class Embedder:
    """Both listening networks as one: log-mel patches in, one vector per patch out.

    The vector is the two networks' 200-d layers, standardised by the statistics of the networks' own training, then
    mean, maximum and standard deviation over time of all their layers below. Distances use the first part, heads use
    all of it. On a GPU it belongs to one thread.
    """

    def __init__(self, *, device: Device = "cpu", threads: int = 1) -> None:
        self.models = [Model(name, device=device, threads=threads) for name in NETWORKS]
        for model in self.models:
            _check_mel(model)
        self.version = "+".join(model.version for model in self.models)
        self.rows = BATCH_PATCHES[self.provider]
        self._batches: dict[int, _Batch] = {}

    @property
    def provider(self) -> str:
        return self.models[0].provider

    def warm(self) -> None:
        """Run the largest batch once: kernels are chosen, and memory is found to suffice or the batch gets smaller."""
        from musictaste import audio

        self.embed(np.zeros((self.rows, audio.PATCH_FRAMES, audio.N_MELS), np.float32))

    def embed(self, patches: Floats) -> Floats:
        """Vectors float32 [n, d] of log-mel patches float32 [n, 187, 96].

        Raises
        ------
        ProviderError
            When the GPU fails, or has no memory for even one patch.
        """
        if self.provider not in MEMORY:
            return _side_by_side([model.run(patches, *_LAYERS) for model in self.models])
        parts = []
        while len(patches):
            part = patches[: self.rows]
            try:
                parts.append(self._batch(len(part)).embed(part))
                patches = patches[len(part) :]
            except _GPU_ERRORS as error:
                self._halve(error)
        return np.concatenate(parts)

    def _batch(self, count: int) -> _Batch:
        """A batch of the fixed shape that is next above so many rows."""
        rows = min(self.rows, max(LEAST_ROWS, 1 << (count - 1).bit_length()))
        if rows not in self._batches:
            self._batches[rows] = _Batch(self.models, rows, MEMORY[self.provider])
        return self._batches[rows]

    def _halve(self, error: Exception) -> None:
        """Go on with batches half as large when memory ran out."""
        if not OUT_OF_MEMORY.search(str(error)):
            raise ProviderError(f"{self.provider} failed: {_last_line(error)}: try --device cpu") from error
        if self.rows == 1:
            raise ProviderError(f"{self.provider} has no memory left for the networks: try --device cpu") from error
        self._batches.clear()
        self.rows //= 2


_LAYERS = ("embedding", "pools")


def _side_by_side(outputs: Sequence[Sequence[Floats]]) -> Floats:
    """One vector per patch, from each network's embedding [n, 200] and pools [n, p]."""
    return np.hstack([embedding for embedding, _ in outputs] + [pools for _, pools in outputs])


class _Batch:
    """Networks with inputs and outputs of one shape, in memory of the device that runs them."""

    def __init__(self, models: Sequence[Model], rows: int, memory: str) -> None:
        from musictaste import audio

        self._patches = np.zeros((rows, audio.PATCH_FRAMES, audio.N_MELS), np.float32)
        self._there = ort.OrtValue.ortvalue_from_numpy(self._patches, memory, 0)
        self._runs = [model.bind(self._there, *_LAYERS) for model in models]

    def embed(self, patches: Floats) -> Floats:
        """Vectors of up to as many patches as there are rows; what is left of an earlier run fills the others."""
        self._patches[: len(patches)] = patches
        self._there.update_inplace(self._patches)
        return _side_by_side([run() for run in self._runs])[: len(patches)]


def _check_mel(model: Model) -> None:
    from musictaste import audio  # a second of decoders, which what reads words does not need

    for key, value in audio.mel_settings().items():
        found = model.metadata.get(key)
        if found != value:
            raise ModelError(f"'{model.path}': was made for {key} {found}, this program hears {key} {value}")


class Encoder:
    """Texts of any language of `READABLE` in, one vector of unit length per text out.

    With `many` it loads in twice the time (60 ms in place of 33), and reads a third more texts in a second.
    """

    def __init__(
        self,
        *,
        device: Device = "cpu",
        threads: int = 1,
        path: Path | None = None,
        many: bool = False,
    ) -> None:
        from musictaste import tokenizer  # what listens has no need of it

        if path is None:
            tokenizer.hasten()
        self._model = Model("lyrics_encoder", device=device, path=path, effort="most" if many else "least")
        self._threads = 1 if self._model.provider in MEMORY else threads
        self._tokenizer = tokenizer.load(path and path.with_suffix(".model"))
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

        As many texts are run at once as have `BATCH_PIECES` pieces together. Each thread has runs of its own: products
        this small are slower when threads share one.
        """
        tokens = [self._tokenizer.encode(text, add_bos=True, add_eos=True) for text in texts]

        def embed(batch: Sequence[list[int]]) -> list[Floats]:
            return self._model.run_once(_with_gaps(batch, self._gap), *outputs)

        with ThreadPoolExecutor(self._threads) as pool:
            parts = list(pool.map(embed, self._batches(tokens)))
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


def _check_embedding(model: Model, embedder: str) -> None:
    made_for = model.metadata.get("embedder")
    if made_for != embedder:
        raise ModelError(f"'{model.path}': was made for the embedding {made_for}, not for {embedder}")


class Head:
    """A softmax model from a track's embedding to probabilities."""

    def __init__(self, name: str, *, embedder: str, path: Path | None = None) -> None:
        self._model = Model(name, path=path)
        _check_embedding(self._model, embedder)
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


def each_line_once(words: str) -> str:
    """The first `MOST_READ` characters of a song whose repeated lines count once."""
    return "\n".join(dict.fromkeys(filter(None, map(str.strip, words.splitlines()))))[:MOST_READ]


def grams_of(text: str, language: str, buckets: int) -> tuple[Whole, Floats]:
    """The buckets of a text's words and pairs of neighbouring words, and how often each occurs; both [n].

    Words are lower case; the same word of two languages is in two buckets (Weinberger et al., 2009).
    """
    words = re.findall(WORD, text.lower())
    salt = zlib.crc32(language.encode())
    grams = [*words, *(f"{first} {second}" for first, second in pairwise(words))]
    hashes = np.array([zlib.crc32(gram.encode(), salt) % buckets for gram in grams], np.int64)
    found, counts = np.unique(hashes, return_counts=True)
    return found, counts.astype(np.float32)


class Reader:
    """Names the emotion of a song's words, or says nothing where they do not tell.

    A song is read as one text: its vectors, and in the languages of songs that were trained on its words and pairs of
    words as well; a few lines are read more by what short texts in all languages taught. Chinese is to be in simplified
    characters: the head was trained on those.
    """

    def __init__(self, *, device: Device = "cpu", threads: int = 1) -> None:
        self.encoder = Encoder(device=device, threads=threads, many=True)
        self._head = Model("lyrics_emotion")
        _check_embedding(self._head, self.encoder.version)
        metadata = self._head.metadata
        self._least_pieces = int(metadata["least_pieces"])
        self._least_probability = float(metadata["least_probability"])
        self._languages = metadata["languages"].split(",")
        self._buckets = int(metadata["buckets"])
        self.version = self._head.version
        self.labels = self._head.labels

    def read(self, words: str, language: str | None) -> Labels | None:
        """Probabilities, or None where the words are too few, in another language, or of no emotion above others."""
        (said,) = self.read_all([words], [language])
        return said

    def read_all(self, texts: Sequence[str], languages: Sequence[str | None]) -> list[Labels | None]:
        """What `read` says of each of several songs, which are read at once."""
        known = {
            i: language
            for i, (text, language) in enumerate(zip(texts, languages, strict=True))
            if language in READABLE and self.encoder.count(text) >= self._least_pieces
        }
        said = self._say_all([texts[i] for i in known], [language or "" for language in known.values()])
        found = dict(zip(known, map(self._unless_flat, said), strict=True))
        return [found.get(i) for i in range(len(texts))]

    def loudest(self, words: str, language: str | None, labels: Sequence[str]) -> dict[str, int]:
        """The number of the line that speaks loudest for each of some labels: of the loudest part its loudest line."""
        parts, lines = parts_of(words), words.splitlines()
        if not parts or not labels:
            return {}
        by_part = self._say_all(parts, [language or ""] * len(parts))
        within = {label: _lines_within(parts[_loudest(label, by_part)], lines) for label in labels}
        asked = sorted({number for numbers in within.values() for number in numbers})
        by_line = self._say_all([lines[number] for number in asked], [language or ""] * len(asked))
        said = dict(zip(asked, by_line, strict=True))
        return {
            label: numbers[_loudest(label, [said[number] for number in numbers])]
            for label, numbers in within.items()
            if numbers
        }

    def _unless_flat(self, said: Labels) -> Labels | None:
        first, probability = max(said.probabilities.items(), key=lambda item: item[1])
        return None if first == NO_EMOTION or probability < self._least_probability else said

    def _say_all(self, texts: Sequence[str], languages: Sequence[str]) -> list[Labels]:
        """Probabilities for songs, parts or lines, however little they tell."""
        if not texts:
            return []
        whole = [each_line_once(text) for text in texts]
        embedding, mean = self.encoder.run(whole, "embedding", "mean")
        # 0 is any language without a place in the head: of that the vectors alone are known.
        places = [self._languages.index(each) + 1 if each in self._languages else 0 for each in languages]
        grams = [
            grams_of(text if place else "", language, self._buckets)
            for text, language, place in zip(whole, languages, places, strict=True)
        ]
        inputs: dict[str, Floats | Whole] = {
            "embedding": embedding,
            "mean": mean,
            "sizes": np.array([self.encoder.count(text) for text in whole], np.float32),
            "languages": np.array(places, np.int64),
            "grams": np.concatenate([buckets for buckets, _ in grams]),
            "counts": np.concatenate([counts for _, counts in grams]),
            "owners": np.repeat(np.arange(len(grams)), [len(counts) for _, counts in grams]),
        }
        (probabilities,) = self._head.run_once(inputs, "probabilities")
        return [Labels(self.version, dict(zip(self.labels, map(float, row), strict=True))) for row in probabilities]


def _loudest(label: str, said: Sequence[Labels]) -> int:
    """Which of several texts is the likeliest to have a label."""
    return max(range(len(said)), key=lambda i: said[i].probabilities[label])


def _lines_within(part: str, lines: Sequence[str]) -> list[int]:
    """Numbers of the lines that a part was put together from, or was cut out of."""
    stripped = map(str.strip, lines)
    return [number for number, line in enumerate(stripped) if line and (line in part or part in line)]


@dataclass(frozen=True)
class Heads:
    """The heads that name moods and styles, tell music from what is none, and hear voices."""

    emotion: Head
    style: Head
    kind: Head
    voice: Head

    @property
    def all(self) -> tuple[Head, ...]:
        """All of them, in the order of HEADS."""
        return tuple(getattr(self, name) for name in HEADS)

    @classmethod
    def load(cls, embedder: str) -> Heads:
        return cls(*(Head(name, embedder=embedder) for name in HEADS))
