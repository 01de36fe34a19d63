"""The encoder of texts and the reader of songs: those that ship, and tiny ones made here."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnx
import pytest
import sentencepiece
from onnx import TensorProto, helper, numpy_helper

from musictaste import inference, quality
from musictaste.errors import ModelError
from musictaste.inference import Encoder, Reader, each_line_once, grams_of, parts_of

SENTENCES = (
    "The children are dancing in the rain and laughing.",
    "My grandmother died and I cannot stop crying.",
    "He shouted at the thieves and smashed the door.",
)
TRANSLATED = {
    "zh": ("孩子们在雨中跳舞大笑。", "我的奶奶去世了，我哭个不停。", "他对小偷大喊，砸了门。"),
    "es": (
        "Los niños bailan bajo la lluvia y se ríen.",
        "Mi abuela murió y no puedo dejar de llorar.",
        "Gritó a los ladrones y destrozó la puerta.",
    ),
    "de": (
        "Die Kinder tanzen im Regen und lachen.",
        "Meine Großmutter ist gestorben und ich kann nicht aufhören zu weinen.",
        "Er schrie die Diebe an und zerschlug die Tür.",
    ),
    "fr": (
        "Les enfants dansent sous la pluie en riant.",
        "Ma grand-mère est morte et je n'arrête pas de pleurer.",
        "Il a crié sur les voleurs et défoncé la porte.",
    ),
    "pt": (
        "As crianças dançam na chuva e riem.",
        "A minha avó morreu e não consigo parar de chorar.",
        "Ele gritou com os ladrões e arrombou a porta.",
    ),
    "ja": (
        "子供たちは雨の中で踊って笑っている。",
        "祖母が亡くなって、涙が止まらない。",
        "彼は泥棒に叫び、ドアを壊した。",
    ),
    "ko": (
        "아이들이 빗속에서 춤추며 웃고 있다.",
        "할머니가 돌아가셔서 눈물이 멈추지 않는다.",
        "그는 도둑들에게 소리치고 문을 부쉈다.",
    ),
}


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


@pytest.fixture(scope="module")
def encoder(reader: Reader) -> Encoder:
    return reader.encoder


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    """An encoder that counts the pieces of a text and adds their numbers up; its gap is one."""
    folder = tmp_path_factory.mktemp("tiny")
    lines = ["one fish two fish", "red fish blue fish", "a song of two words", "no words at all"] * 20
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_prefix=str(folder / "tiny"), vocab_size=40, hard_vocab_limit=False,
        minloglevel=3,
    )  # fmt: skip
    nodes = [
        helper.make_node("ReduceMax", ["owners"], ["last"], keepdims=0),
        helper.make_node("Add", ["last", "one"], ["texts"]),
        helper.make_node("Range", ["zero", "texts", "one"], ["each"]),
        helper.make_node("Unsqueeze", ["each", "axis"], ["column"]),
        helper.make_node("Equal", ["column", "owners"], ["same"]),
        helper.make_node("Cast", ["same"], ["belongs"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["pieces"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["numbers", "axis"], ["sizes"]),
        helper.make_node("MatMul", ["belongs", "sizes"], ["sum"]),
        helper.make_node("ReduceSum", ["belongs", "axis"], ["count"]),
        helper.make_node("Concat", ["count", "sum"], ["embedding"], axis=1),
    ]
    constants = {"zero": np.int64(0), "one": np.int64(1), "axis": np.array([1], np.int64)}
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["t"]) for name in ("pieces", "owners")],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, {"name": "tiny", "version": "1", "gap": "1"})
    onnx.save(model, folder / "tiny.onnx")
    return Encoder(path=folder / "tiny.onnx")


def test_a_text_is_its_pieces_and_two_marks(tiny: Encoder) -> None:
    texts = ["one fish", "", "red words of a song"]
    marks = [tiny.pieces.index(piece) for piece in ("<s>", "</s>")]
    counts, sums = tiny.embed(texts).T
    assert counts.tolist() == [tiny.count(text) + 2 for text in texts]
    assert sums[1] == sum(marks)
    assert (tiny.version, tiny.provider) == ("tiny-1", "CPU")


def test_more_pieces_than_fit_in_one_run(tiny: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["one fish two fish", "a song", "", "blue " * 30, "no words"] * 5
    together = tiny.embed(texts)
    monkeypatch.setitem(inference.BATCH_PIECES, "CPU", 10)
    np.testing.assert_array_equal(tiny.embed(texts), together)


def test_runs_side_by_side_keep_the_order_of_the_texts(tiny: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["one fish two fish", "a song", "", "blue " * 30, "no words"] * 5
    together = tiny.embed(texts)
    monkeypatch.setitem(inference.BATCH_PIECES, "CPU", 10)
    np.testing.assert_array_equal(Encoder(path=tiny._model.path, threads=3, many=True).embed(texts), together)


@pytest.mark.parametrize("content", [None, b"", b"no pieces"])
def test_the_pieces_are_missing(content: bytes | None, tmp_path: Path, tiny: Encoder) -> None:
    path = tmp_path / "words.onnx"
    path.write_bytes(tiny._model.path.read_bytes())
    if content is not None:
        path.with_suffix(".model").write_bytes(content)
    with pytest.raises(ModelError) as caught:
        Encoder(path=path)
    pieces = path.with_suffix(".model")
    assert str(caught.value) == f"'{pieces}': is not a SentencePiece model: install musictaste again"


# The encoder that ships


@pytest.mark.parametrize("weights", [None, b"too few"])
def test_the_weights_are_missing(weights: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "words.onnx"
    path.write_bytes(inference.model_path("lyrics_encoder").read_bytes())
    if weights is not None:
        (tmp_path / "lyrics_encoder.data").write_bytes(weights)
    with pytest.raises(ModelError, match=rf"^'{path}': onnxruntime .* cannot run it: install musictaste again$"):
        Encoder(path=path)


def test_a_checksum_is_of_the_weights_too(tmp_path: Path) -> None:
    path, weights = tmp_path / "a.onnx", tmp_path / "a.data"
    path.write_bytes(b"graph")
    alone = (inference.checksum(path), inference.size_of(path))
    weights.write_bytes(b"weights")
    both = (inference.checksum(path), inference.size_of(path))
    assert (alone, both) == (
        (hashlib.sha256(b"graph").hexdigest(), 5),
        (hashlib.sha256(b"graphweights").hexdigest(), 12),
    )


def test_vectors_of_unit_length(encoder: Encoder) -> None:
    vectors = encoder.embed([*SENTENCES, "", " \n ", "\U00013000\U00013001", "♪"])
    assert (vectors.shape, vectors.dtype) == ((7, 512), np.float32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(vectors[3], vectors[4])


def test_a_batch_equals_one_by_one(encoder: Encoder) -> None:
    texts = [text for row in TRANSLATED.values() for text in row] + ["", "la " * 700, *SENTENCES]
    single = np.concatenate([encoder.embed([text]) for text in texts])
    np.testing.assert_allclose(encoder.embed(texts), single, atol=2e-6)


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_is_nearest(language: str, encoder: Encoder) -> None:
    near = encoder.embed(SENTENCES) @ encoder.embed(TRANSLATED[language]).T
    assert near.argmax(axis=1).tolist() == [0, 1, 2]
    assert near.argmax(axis=0).tolist() == [0, 1, 2]


def test_the_files_are_small_and_as_the_manifest_says() -> None:
    total = 0
    for name in quality.READERS:
        path = inference.model_path(name)
        assert inference.checksum(path) == quality.manifest()[name]["sha256"]
        total += inference.size_of(path)
    assert total + inference.model_path("lyrics_encoder").with_suffix(".model").stat().st_size <= 45e6
    manifest = json.loads(files("musictaste.models").joinpath("manifest.json").read_text(encoding="utf-8"))
    assert manifest["lyrics_encoder"]["quality"]["least_cosine"] >= 0.999


# Parts of a song, and what is said of them


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("", []),
        (" \n\n", []),
        ("short\nlines\n\ntogether", ["short lines together"]),
        ("x" * 80 + "\nend", ["x" * 80, "end"]),
        ("x" * 401, ["x" * 400, "x"]),
        ("雨" * 12 + "\n" + "雪" * 12 + "\n風", ["雨" * 12 + " " + "雪" * 12, "風"]),
    ],
)
def test_parts_of_a_song(words: str, parts: list[str]) -> None:
    assert parts_of(words) == parts


def test_the_emotions_of_two_sentences(reader: Reader) -> None:
    happy = reader.read("今天是个美好的一天，我心情无比愉快！", "zh")
    sad = reader.read("夜晚的孤单，让我思念着你。", "zh")
    assert happy is not None
    assert sad is not None
    for said, first in ((happy, "happy"), (sad, "sad")):
        assert max(said.probabilities, key=lambda label: said.probabilities[label]) == first
        assert sum(said.probabilities.values()) == pytest.approx(1, abs=1e-5)
        assert (said.head, tuple(said.probabilities)) == (reader.version, reader.labels)
    assert happy.probabilities["happy"] >= 0.9


@pytest.mark.parametrize(
    ("words", "language"),
    [
        ("", "en"),
        ("oh la la", "en"),
        ("I am so sad and lonely and I cry all night for you, my love", None),
        ("I am so sad and lonely and I cry all night for you, my love", "xx"),
    ],
)
def test_nothing_is_said(words: str, language: str | None, reader: Reader) -> None:
    assert reader.read(words, language) is None


RAIN_AND_SUN = """Walking down the street I know so well
nobody is there, my heart is broken, I cry alone

The sun is shining and we are dancing and laughing
oh what a happy day, I love this wonderful morning
"""


def test_many_songs_are_read_as_each_alone(reader: Reader) -> None:
    texts = [RAIN_AND_SUN, "", "la", TRANSLATED["zh"][0] * 2, RAIN_AND_SUN, TRANSLATED["de"][1]]
    languages = ["en", "en", None, "zh", "xx", "de"]
    together = reader.read_all(texts, languages)
    assert [said is None for said in together] == [False, True, True, False, True, False]
    for text, language, said in zip(texts, languages, together, strict=True):
        alone = reader.read(text, language)
        if said is not None and alone is not None:
            assert alone.probabilities == pytest.approx(said.probabilities, abs=1e-4)
        else:
            assert said is alone
    assert reader.read_all([], []) == []


def test_a_line_that_is_repeated_counts_once(reader: Reader) -> None:
    assert reader.read(RAIN_AND_SUN * 3, "en") == reader.read(RAIN_AND_SUN, "en")
    assert each_line_once(" a\n\nb \n a\nb\nc") == "a\nb\nc"
    assert each_line_once("x" * (inference.MOST_READ + 1)) == "x" * inference.MOST_READ


def test_words_of_trained_languages_alone_are_looked_up(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    whole = inference.grams_of

    def spy(text: str, language: str, buckets: int) -> tuple[inference.Whole, inference.Floats]:
        asked.append(text)
        return whole(text, language, buckets)

    monkeypatch.setattr(inference, "grams_of", spy)
    lonely = "夜晚的孤单，让我思念着你。"
    said = reader.read_all([TRANSLATED["es"][1], lonely], ["es", "zh"])
    assert asked == ["", lonely]
    assert [max(each.probabilities, key=each.probabilities.__getitem__) for each in said if each] == ["sad", "sad"]


@pytest.mark.parametrize("language", [name for name in TRANSLATED if name != "ja"])
def test_one_sentence_tells_its_emotion_in_every_language(language: str, reader: Reader) -> None:
    """The words that ship are of two languages; what one sentence says is told in the others as well."""
    happy, sad, _ = (reader._say_all([text], [language])[0].probabilities for text in TRANSLATED[language])
    assert (max(happy, key=happy.__getitem__), max(sad, key=sad.__getitem__)) == ("happy", "sad")


def test_buckets_of_words_and_pairs() -> None:
    buckets, counts = grams_of("Rain, RAIN don't stop", "en", 1 << 40)
    assert (len(buckets), sorted(counts.tolist())) == (6, [1, 1, 1, 1, 1, 2])  # rain twice, don't, stop, three pairs
    assert set(buckets).isdisjoint(grams_of("rain don't stop", "zh", 1 << 40)[0])
    single = [grams_of(character, "zh", 1 << 40)[0][0] for character in "雨夜"]
    assert set(single) < set(grams_of("雨夜", "zh", 1 << 40)[0])
    assert [len(each) for each in grams_of("", "en", 8)] == [0, 0]
    assert grams_of("a b c d e f", "en", 3)[0].max() < 3


def test_a_head_for_another_encoder_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Encoder, "version", "lyrics-encoder-0", raising=False)
    monkeypatch.setattr(Encoder, "__init__", lambda *_args, **_options: None)
    with pytest.raises(ModelError, match="was made for the embedding lyrics-encoder-1, not for lyrics-encoder-0"):
        Reader()


def test_the_loudest_lines(reader: Reader) -> None:
    found = reader.loudest(RAIN_AND_SUN, "en", ["happy", "sad"])
    assert found == {"happy": 4, "sad": 1}
    assert reader.loudest("x" * 900, "en", ["happy"]) == {"happy": 0}
    assert (reader.loudest(RAIN_AND_SUN, "en", []), reader.loudest("\n", "en", ["sad"])) == ({}, {})
