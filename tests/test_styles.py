from __future__ import annotations

import pytest

from musictaste import styles
from musictaste.errors import UnknownLabelError
from musictaste.styles import STYLE_WORDS, STYLES, SUB_STYLES, find_style, tree

STYLES_KNOWN = "(see: musictaste styles)"


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("ambient", "ambient|Atmospheric|氛围|氛圍|氛围音乐|環境音楽|アンビエント"),
        ("blues", "Blues|blues music|蓝调|藍調|布鲁斯|布魯斯|ブルース|블루스"),
        ("classical", "classical|classical music|古典|古典音乐|古典音樂|música clásica|musique classique"),
        ("classical", "klassische Musik|clássica|クラシック|클래식|交响乐|交響樂"),
        ("country", "country|乡村|鄉村|乡村音乐|カントリー|컨트리"),
        ("disco", "disco|迪斯科|迪斯可|的士高|ディスコ|디스코"),
        ("electronic", "electronic|dance|electronica|EDM"),
        ("electronic", "电子|電子|电子音乐|電子音樂|música eletrônica|électronique|elektronisch|전자음악"),
        ("folk", "folk|民谣|民謠|民歌|民乐|folclórica|Volksmusik|フォーク|포크"),
        ("hip-hop", "hip-hop|Hip Hop|hiphop|HIP_HOP|rap|Rap music|嘻哈|说唱|說唱|饒舌|ヒップホップ|힙합"),
        ("jazz", "jazz|ＪＡＺＺ|爵士|爵士乐|爵士樂|ジャズ|ｼﾞｬｽﾞ|재즈"),
        ("metal", "metal|金属|金屬|メタル|메탈"),
        ("pop", "pop|流行|流行音乐|流行音樂|ポップス|팝"),
        ("punk", "punk|punk rock|朋克|龐克|庞克|パンク|펑크록"),
        ("reggae", "reggae|雷鬼|レゲエ|레게"),
        ("rock", "rock|摇滚|搖滾|摇滚乐|搖滾樂|ロック|록"),
        ("soul", "soul|灵魂|靈魂|灵魂乐|ソウル|소울"),
        ("bebop", "bebop|Be-Bop|hard bop|比波普|ビバップ|ビ・バップ|비밥"),
        ("drum and bass", "Drum & Bass|drum'n'bass|drum and bass|DnB|ドラムンベース|드럼 앤 베이스"),
        ("house", "house|House music|浩室|浩室音乐|ハウス|하우스"),
        ("opera", "opera|ópera|opéra|Oper|歌剧|歌劇|オペラ|오페라"),
        ("baroque", "baroque|baroque music|巴洛克|巴洛克音樂|barroco|Barock|バロック|바로크"),
        ("heavy metal", "Heavy-Metal|重金属|重金屬|ヘヴィ・メタル|헤비메탈"),
        ("K-pop", "K-Pop|kpop|韩流|케이팝"),
        ("rock and roll", "rock 'n' roll|Rock & Roll|rock and roll|로큰롤"),
        ("R&B", "R&B|rnb|R & B|r'n'b|R and B|節奏藍調|알앤비"),
        ("reggaeton", "reggaeton|reguetón|雷鬼动|レゲトン|레게톤"),
        ("soundtrack", "OST|film score|电影原声|電影原聲|原聲帶|banda sonora|bande originale|Filmmusik|trilha sonora"),
        (
            "children's",
            "children's|Children's Music|儿歌|童謠|Kinderlieder|musique pour enfants|música infantil|童謡|동요",
        ),
    ],
)
def test_styles_in_every_language(label: str, words: str) -> None:
    found = {word: styles.VOCABULARY.lookup(word) for word in words.split("|")}
    assert found == dict.fromkeys(words.split("|"), label)


def test_the_tree_begins_with_what_is_heard() -> None:
    assert tuple(STYLE_WORDS)[: len(STYLES)] == STYLES
    assert set(SUB_STYLES) <= set(STYLE_WORDS)
    below = [style for names in SUB_STYLES.values() for style in names]
    assert len(below) == len(set(below)) >= 20
    assert set(below).isdisjoint(STYLE_WORDS)
    assert set(styles.WORDS) == set(tree())
    assert tree()[tree().index("jazz") :][:3] == ("jazz", "bebop", "bossa nova")
    assert {style: styles.above(style) for style in ("bebop", "salsa", "jazz", "latin")} == {
        "bebop": "jazz",
        "salsa": "latin",
        "jazz": None,
        "latin": None,
    }


def test_what_lies_between_two_is_below_another() -> None:
    assert all(style in styles.WORDS and also in STYLES for style, also in styles.ALSO.items())
    assert all(styles.above(style) not in (None, also) for style, also in styles.ALSO.items())


@pytest.mark.parametrize(
    ("style", "heard", "by_tags"),
    [
        ("jazz", ("jazz",), False),
        ("bebop", ("jazz",), True),
        ("trip-hop", ("electronic", "hip-hop"), True),
        ("latin", (), True),
        ("salsa", (), True),
    ],
)
def test_what_a_style_is_heard_as(style: str, heard: tuple[str, ...], by_tags: bool) -> None:
    assert (styles.heard_as(style), styles.told_by_tags(style)) == (heard, by_tags)


@pytest.mark.parametrize("word", ["popular", "펑크", "indie", "hardcore", "garage", "romantic", "music", "乐"])
def test_words_that_fit_two_styles_or_none_are_asked_about(word: str) -> None:
    with pytest.raises(UnknownLabelError):
        find_style(word)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("jaz", f"unknown style 'jaz': did you mean 'jazz'? {STYLES_KNOWN}"),
        ("hiphap", f"unknown style 'hiphap': did you mean 'hip-hop'? {STYLES_KNOWN}"),
        ("bebob", f"unknown style 'bebob': did you mean 'bebop'? {STYLES_KNOWN}"),
        ("rop", f"unknown style 'rop': did you mean 'rap' or 'pop' or 'bop'? {STYLES_KNOWN}"),
        ("펑크", f"unknown style '펑크': did you mean '펑크 록' or '팝 펑크'? {STYLES_KNOWN}"),
        ("xyzzy", f"unknown style 'xyzzy' {STYLES_KNOWN}"),
    ],
)
def test_an_unknown_style_names_the_nearest(word: str, message: str) -> None:
    with pytest.raises(UnknownLabelError) as caught:
        find_style(word)
    assert (str(caught.value), caught.value.exit_code) == (message, 2)
