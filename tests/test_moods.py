import subprocess
import sys
import unicodedata
from collections.abc import Callable, Mapping
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musictaste import moods
from musictaste.errors import UnknownLabelError
from musictaste.moods import (
    EMOTIONS,
    MOOD_WORDS,
    MOODS,
    STYLE_WORDS,
    STYLES,
    arousal,
    emotion,
    find_mood,
    find_style,
    valence,
)

MOODS_KNOWN = f"(moods: {', '.join(MOODS)})"
STYLES_KNOWN = "(see: musictaste styles)"


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


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("ambient", "ambient|Atmospheric|new age|氛围|氛圍|氛围音乐|環境音楽|アンビエント"),
        ("blues", "Blues|blues music|蓝调|藍調|布鲁斯|布魯斯|ブルース|블루스"),
        ("classical", "classical|classical music|古典|古典音乐|古典音樂|música clásica|musique classique"),
        ("classical", "klassische Musik|clássica|クラシック|클래식|交响乐|交響樂"),
        ("country", "country|乡村|鄉村|乡村音乐|カントリー|컨트리"),
        ("disco", "disco|迪斯科|迪斯可|的士高|ディスコ|디스코"),
        ("electronic", "electronic|dance|techno|house|electronica|Drum & Bass|drum'n'bass|drum and bass|EDM"),
        ("electronic", "电子|電子|电子音乐|電子音樂|música eletrônica|électronique|elektronisch|テクノ|전자음악"),
        ("folk", "folk|民谣|民謠|民歌|民乐|folclórica|Volksmusik|フォーク|포크"),
        ("hip-hop", "hip-hop|Hip Hop|hiphop|HIP_HOP|rap|Rap music|嘻哈|说唱|說唱|饒舌|ヒップホップ|힙합"),
        ("jazz", "jazz|ＪＡＺＺ|swing|爵士|爵士乐|爵士樂|ジャズ|ｼﾞｬｽﾞ|재즈"),
        ("metal", "metal|Heavy-Metal|金属|金屬|重金属|メタル|ヘヴィ・メタル|메탈"),
        ("pop", "pop|K-Pop|kpop|J-POP|流行|流行音乐|流行音樂|ポップス|팝"),
        ("punk", "punk|punk rock|朋克|龐克|庞克|パンク|펑크록"),
        ("reggae", "reggae|dancehall|雷鬼|レゲエ|레게"),
        ("rock", "rock|rock 'n' roll|Rock & Roll|rock and roll|摇滚|搖滾|摇滚乐|搖滾樂|ロック|록"),
        ("soul", "soul|R&B|rnb|R & B|r'n'b|R and B|Funk|灵魂|靈魂|灵魂乐|節奏藍調|ソウル|소울"),
    ],
)
def test_styles_in_every_language(label: str, words: str) -> None:
    assert {word: find_style(word) for word in words.split("|")} == dict.fromkeys(words.split("|"), label)


def test_each_label_has_words() -> None:
    assert (tuple(MOOD_WORDS), tuple(STYLE_WORDS)) == (MOODS, STYLES)


@pytest.mark.parametrize("table", [MOOD_WORDS, STYLE_WORDS], ids=["moods", "styles"])
def test_no_word_stands_twice_after_folding(table: Mapping[str, tuple[str, ...]]) -> None:
    seen: dict[str, list[str]] = {}
    for word, label in entries(table):
        seen.setdefault(moods._fold(word), []).append(f"{label}: {word}")
    assert [places for places in seen.values() if len(places) > 1] == []
    assert "" not in seen


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_every_word_is_found_in_any_case_and_form(form: Literal["NFC", "NFD", "NFKC", "NFKD"]) -> None:
    def spellings(word: str) -> set[str]:
        return {unicodedata.normalize(form, spelt) for spelt in (word, word.upper(), word.title(), f" {word}\t")}

    for table, find in ((MOOD_WORDS, find_mood), (STYLE_WORDS, find_style)):
        for word, label in entries(table):
            assert {find(spelt) for spelt in spellings(word)} == {label}, word


@pytest.mark.parametrize("word", ["激昂", "激しい", "intense", "dark", "感动", "感動", "content", "音乐", "", " - "])
def test_words_that_fit_two_moods_or_none_are_asked_about(word: str) -> None:
    with pytest.raises(UnknownLabelError):
        find_mood(word)


@pytest.mark.parametrize("word", ["popular", "펑크", "indie", "music", "乐"])
def test_words_that_fit_two_styles_or_none_are_asked_about(word: str) -> None:
    with pytest.raises(UnknownLabelError):
        find_style(word)


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


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("jaz", f"unknown style 'jaz': did you mean 'jazz'? {STYLES_KNOWN}"),
        ("hiphap", f"unknown style 'hiphap': did you mean 'hip-hop'? {STYLES_KNOWN}"),
        ("reggaeton", f"unknown style 'reggaeton': did you mean 'reggae'? {STYLES_KNOWN}"),
        ("rop", f"unknown style 'rop': did you mean 'rap' or 'pop'? {STYLES_KNOWN}"),
        ("펑크", f"unknown style '펑크': did you mean '펑크 록'? {STYLES_KNOWN}"),
        ("xyzzy", f"unknown style 'xyzzy' {STYLES_KNOWN}"),
    ],
)
def test_an_unknown_style_names_the_nearest(word: str, message: str) -> None:
    with pytest.raises(UnknownLabelError) as caught:
        find_style(word)
    assert (str(caught.value), caught.value.exit_code) == (message, 2)


@given(st.text())
def test_any_word_has_a_label_or_one_line(word: str) -> None:
    def answer(find: Callable[[str], str]) -> str:
        try:
            return find(word)
        except UnknownLabelError as error:
            return str(error)

    for find, labels in ((find_mood, MOODS), (find_style, STYLES)):
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
    heavy = "import musictaste.moods, sys; print(sorted({'numpy', 'onnxruntime', 'librosa'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
