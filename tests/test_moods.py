import subprocess
import sys
import unicodedata
from collections.abc import Callable, Mapping
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musictaste import styles
from musictaste.errors import UnknownLabelError
from musictaste.moods import (
    AGREEMENT,
    EMOTIONS,
    FINER_MOODS,
    MOOD_WORDS,
    MOODS,
    arousal,
    emotion,
    find_mood,
    fuse,
    valence,
    word_weights,
)
from musictaste.styles import find_style
from musictaste.vocabulary import distinctive

MOODS_KNOWN = f"(moods: {', '.join(MOODS)})"


def entries(table: Mapping[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    return [(word, label) for label, words in table.items() for word in (label, *words)]


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("happy", "happy HAPPY Joyful cheerful upbeat feel-good"),
        ("happy", "快乐 快樂 开心 開心 高兴 高興 快乐音乐 快樂音樂"),
        ("happy", "feliz alegria ALEGRÍA joyeux heureux fröhlich froehlich glücklich GLÜCKLICH contente 楽しい 행복"),
        ("sad", "sad melancholy blue 悲伤 悲傷 伤感 傷感 难过 難過 憂鬱 忧郁"),
        ("sad", "triste melancolico mélancolique traurig 悲しい 切ない 슬픈 우울한"),
        ("angry", "angry furious 愤怒 憤怒 生气 生氣"),
        ("angry", "enojado furioso fâché fache en_colère wütend zangado 怒り 화난"),
        ("calm", "calm chill relaxed chill-out chillout laid_back 平静 平靜 放松 放鬆 安静 安靜"),
        ("aggressive", "aggressive fierce agresivo agressif aggressiv agressivo 好斗 好鬥 攻撃的 공격적인"),
        ("energetic", "energetic excited 激动 激動 兴奋 興奮 enérgico énergique energisch エネルギッシュ 활기찬"),
        ("gritty", "gritty raw 粗犷 粗獷 áspero rugueux rau 泥臭い 거친"),
        ("nostalgic", "nostalgic wistful 怀旧 懷舊 nostalgico nostalgique nostalgisch saudade 懐かしい 그리운"),
        ("powerful", "powerful epic 史诗 史詩 poderoso puissant kraftvoll 力強い 웅장한"),
        ("rebellious", "rebellious defiant 叛逆 rebelde rebelle rebellisch 反抗的 반항적인"),
        ("tender", "tender gentle 温柔 溫柔 tierno tendre zärtlich terno 優しい 다정한"),
        ("tense", "tense anxious 紧张 緊張 tenso tendu angespannt 不安 긴장된"),
        ("calm", "tranquilo calme paisible ruhig entspannt calmo 穏やか 차분한 잔잔한"),
    ],
)
def test_moods_in_every_language(label: str, words: str) -> None:
    assert {word: find_mood(word) for word in words.split()} == dict.fromkeys(words.split(), label)


def test_each_label_has_words() -> None:
    assert tuple(MOOD_WORDS) == MOODS


@pytest.mark.parametrize("table", [MOOD_WORDS, styles.WORDS], ids=["moods", "styles"])
def test_no_word_stands_twice_after_folding(table: Mapping[str, tuple[str, ...]]) -> None:
    seen: dict[str, list[str]] = {}
    for word, label in entries(table):
        seen.setdefault(distinctive(word), []).append(f"{label}: {word}")
    assert [places for places in seen.values() if len(places) > 1] == []
    assert "" not in seen


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_every_word_is_found_in_any_case_and_form(form: Literal["NFC", "NFD", "NFKC", "NFKD"]) -> None:
    def spellings(word: str) -> set[str]:
        return {unicodedata.normalize(form, spelt) for spelt in (word, word.upper(), word.title(), f" {word}\t")}

    for table, find in ((MOOD_WORDS, find_mood), (styles.WORDS, find_style)):
        for word, label in entries(table):
            assert {find(spelt) for spelt in spellings(word)} == {label}, word


@pytest.mark.parametrize("word", ["激昂", "激しい", "intense", "dark", "感动", "感動", "content", "音乐", "", " - "])
def test_words_that_fit_two_moods_or_none_are_asked_about(word: str) -> None:
    with pytest.raises(UnknownLabelError):
        find_mood(word)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("hapy", f"unknown mood 'hapy': did you mean 'happy'? {MOODS_KNOWN}"),
        ("sda", f"unknown mood 'sda': did you mean 'sad'? {MOODS_KNOWN}"),
        ("CLAM", f"unknown mood 'CLAM': did you mean 'calm'? {MOODS_KNOWN}"),
        ("traurg", f"unknown mood 'traurg': did you mean 'traurig'? {MOODS_KNOWN}"),
        ("高兴高", f"unknown mood '高兴高': did you mean '高兴'? {MOODS_KNOWN}"),
        ("xyzzy", f"unknown mood 'xyzzy' {MOODS_KNOWN}"),
        ("", f"unknown mood '' {MOODS_KNOWN}"),
        (" xyz\n zy\t", f"unknown mood 'xyz zy' {MOODS_KNOWN}"),
    ],
)
def test_an_unknown_mood_names_the_nearest(word: str, message: str) -> None:
    with pytest.raises(UnknownLabelError) as caught:
        find_mood(word)
    assert (str(caught.value), caught.value.exit_code) == (message, 2)


@given(st.text())
def test_any_word_has_a_label_or_one_line(word: str) -> None:
    def answer(find: Callable[[str], str]) -> str:
        try:
            return find(word)
        except UnknownLabelError as error:
            return str(error)

    for find, labels in ((find_mood, MOODS), (find_style, styles.tree())):
        said = answer(find)
        assert said in labels or (said.startswith("unknown ") and len(said.splitlines()) == 1)


@pytest.mark.parametrize(
    ("label", "expected"),
    [("happy", (1.0, 1.0)), ("sad", (0.0, 0.0)), ("angry", (0.0, 1.0)), ("calm", (1.0, 0.0))],
)
def test_each_emotion_is_a_quadrant(label: str, expected: tuple[float, float]) -> None:
    certain = {emotion: float(emotion == label) for emotion in EMOTIONS}
    assert (valence(certain), arousal(certain)) == expected


def test_the_emotion_is_one_of_four() -> None:
    assert emotion({"happy": 0.2, "sad": 0.5, "angry": 0.2, "calm": 0.1, "tender": 0.9}) == "sad"


def test_valence_and_arousal_of_a_mixture() -> None:
    mixture = {"happy": 0.5, "sad": 0.125, "angry": 0.25, "calm": 0.125}
    assert (valence(mixture), arousal(mixture)) == (0.625, 0.75)


def test_rounding_never_leaves_the_unit_interval() -> None:
    assert valence({"happy": 0.6, "sad": 0.0, "angry": 0.0, "calm": 0.4000000059}) == 1.0


def test_the_start_stays_light() -> None:
    loaded = "sorted({'numpy', 'onnxruntime', 'librosa'} & set(sys.modules))"
    heavy = f"import musictaste.genres, musictaste.moods, sys; print({loaded})"
    run = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


# Words beside the sound


def four(*probabilities: float) -> dict[str, float]:
    return dict(zip(EMOTIONS, probabilities, strict=True))


@pytest.mark.parametrize(
    ("said", "weights"),
    [
        (four(0.25, 0.25, 0.25, 0.25), four(1, 1, 1, 1)),
        (four(1, 0, 0, 0), four(1 + 3 * AGREEMENT, 1 - AGREEMENT, 1 - AGREEMENT, 1 - AGREEMENT)),
        # Half of it went to labels that are no emotion of these.
        (four(0.5, 0, 0, 0), four(1 + 1.5 * AGREEMENT, *[1 - AGREEMENT / 2] * 3)),
    ],
)
def test_words_weigh_by_how_sure_they_are(said: dict[str, float], weights: dict[str, float]) -> None:
    assert word_weights({**said, "none": 1 - sum(said.values())}) == pytest.approx(weights)


def test_words_that_agree_make_surer_and_others_less_sure() -> None:
    heard = four(0.6, 0.2, 0.1, 0.1) | dict.fromkeys(FINER_MOODS, 0.3)
    surer, less = (fuse(heard, word_weights(four(*said)))["happy"] for said in ((1, 0, 0, 0), (0, 1, 0, 0)))
    assert surer > 0.6 > less
    assert fuse(heard, word_weights(four(0.25, 0.25, 0.25, 0.25))) == pytest.approx(heard)


@given(
    heard=st.lists(st.floats(0.001, 1), min_size=4, max_size=4), said=st.lists(st.floats(0, 1), min_size=5, max_size=5)
)
def test_what_is_fused_are_probabilities(heard: list[float], said: list[float]) -> None:
    by_sound = four(*(p / sum(heard) for p in heard)) | dict.fromkeys(FINER_MOODS, 0.3)
    total = sum(said) or 1.0
    fused = fuse(by_sound, word_weights(four(*(p / total for p in said[:4]))))
    assert tuple(fused) == MOODS
    assert sum(fused[mood] for mood in EMOTIONS) == pytest.approx(1)
    assert all(fused[mood] > 0 for mood in EMOTIONS)
    assert [fused[mood] for mood in FINER_MOODS] == [0.3] * len(FINER_MOODS)
