from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musictaste import lyrics
from musictaste.errors import LyricsSourceError
from musictaste.lyrics import agreement, beside, cleaning
from musictaste.lyrics.language import identify
from musictaste.track import Beside, Lyrics, Song, Words

# Every line was made up for these tests.
RAIN = "I walk alone through the rain tonight\nnobody is there to hold my hand"
REGEN = "Ich geh allein durch den Regen heut Nacht\nund niemand hält meine Hand"
PLUIE = "Je marche seul sous la pluie ce soir\nOù êtes-vous allée sans un mot"
LLUVIA = "Camino solo bajo la lluvia esta noche\nnadie me toma de la mano\n¿dónde estás, corazón?"
YU = "今夜我独自走在雨中\n没有人牵我的手\n我的爱人别离开\n城市的灯光都熄灭了"
YU_TRADITIONAL = "今夜我獨自走在雨中\n沒有人牽我的手\n我的愛人別離開\n城市的燈光都熄滅了"
AME = "今夜雨の中を一人で歩く\n誰も手を握ってくれない\nああ君の声が聞こえる"
BI = "오늘 밤 빗속을 혼자 걸어요\n아무도 내 손을 잡아주지 않아\n내 사랑 떠나지 마"
DOZHD = "Я иду один под дождём этой ночью\nникто не держит меня за руку\nсердце моё не уходи"
JOINED_ZH = ", ".join(f"第{chr(0x4E00 + i)}天我走過了{chr(0x5E00 + i)}的街道" for i in range(20))
JOINED_EN = " / ".join(f"{word} I walk along the river to the end" for word in ("today", "tonight", "alone", "again"))


# Cleaning


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ""),
        ("\n \n\t\n", ""),
        ("One\r\nTwo\rThree\n\n\nFour", "One\nTwo\nThree\nFour"),
        # LRC: time stamps of lines and words, several before a line, its own tags
        ("[ti:Rain]\n[ar:Ann]\n[offset:+20]\n[00:01.00]One\n[00:02:50] Two\n[1:03]Three", "One\nTwo\nThree"),
        ("[00:01.00]<00:01.00>One <00:01.50>word\n[00:02.00][00:09.00]Two", "One word\nTwo"),
        ("[00:01.00]\n[00:02.00]One", "One"),
        # breaks that were lost, or written as something else
        ("One<br>Two<BR />Three\\nFour &amp; five &#39;six&#39;", "One\nTwo\nThree\nFour & five 'six'"),
        (f"作詞 甲, 作曲 乙, {JOINED_ZH}", JOINED_ZH.replace(", ", "\n")),
        (f"Lyrics by Ann / {JOINED_EN} / {JOINED_EN}", JOINED_EN.replace(" / ", "\n")),
        ("Short line, with a comma", "Short line, with a comma"),
        # headings
        ("[Verse 1: Ann]\nOne\n[Chorus]\nTwo\n【副歌】\n三", "One\nTwo\n三"),
        ("Verse 1\nOne\nPre-Chorus:\nTwo\n(Chorus x2)\nThree\nBridge: four\n副歌：\n五", "One\nTwo\nThree\nfour\n五"),
        ("We sing the chorus\nin verse", "We sing the chorus\nin verse"),
        ("One x2\nTwo (x3)\nThree [2x]\nFour (repeat)", "One\nTwo\nThree\nFour"),
        # credits
        ("作词 : 甲\n作曲：乙\n编曲:丙\n一句", "一句"),
        ("混音工程师：甲\n一句", "一句"),
        ("作词 甲\n作曲 乙\n一句", "一句"),
        ("作詞/作曲：甲\n一句", "一句"),
        ("词：甲 曲：乙\n一句", "一句"),
        ("作曲 : 甲\n古筝 : 乙\nMixing Engineer : 丙\n一句", "一句"),
        ("작사: 갑\n작곡: 을\n한 줄", "한 줄"),
        ("Lyrics by Ann\nWritten by: Ben\nOne", "One"),
        ("One\nLyrics by Ann\nMusic and words by Ben", "One"),
        ("Lyrics & Music: Ann\nProducer: Ben\nOne", "One"),
        ("One\nTwo\nThree\nFour\nWritten by the moon\nFive\nSix\nSeven\nEight", None),
        ("男：一\n女：二\n合：三", "一\n二\n三"),
        ("作曲 : 甲\n男：一\n女：二\n男：三\n女：四", "一\n二\n三\n四"),
        # notices
        ("12 Contributors\nOne\nYou might also like\nTwo123Embed", "One\nTwo"),
        ("One\nTwo1.2KEmbed", "One\nTwo"),
        ("One\nTwoEmbed", "One\nTwo"),
        ("暂无歌词", ""),
        ("One\nwww.example.org\n未经著作权人许可 不得使用\n♪♪♪\n//", "One"),
        # NFKC, invisible characters
        ("\ufeffＯｎｅ\u200b ﾜﾝ", "One ワン"),
        # repetition
        ("One\nCome back\nTwo\nCome back!\nCOME BACK\nThree", "One\nCome back\nTwo\nThree"),
        ("Na na na na na\nla, la, la, la\nlalala", "Na\nla\nlalala"),
        ("啦啦啦啦啦 我爱你", "啦 我爱你"),
        ("bye bye love", "bye bye love"),
    ],
)
def test_cleaning(text: str, words: str | None) -> None:
    assert lyrics.clean(text) == (text if words is None else words)


def paired(originals: str, translations: str, form: str) -> str:
    lines = zip(originals.split("\n"), translations.split("\n"), strict=True)
    return "\n".join(form.format(a=a, b=b, s=f"00:{10 + i:02}.00") for i, (a, b) in enumerate(lines))


FOUR_JA = "君に会いたい\n夜が明ける\n雨の中で\n走り出す"
FOUR_EN = "I want to see you\nThe night is ending\nIn the rain\nI start to run"
FOUR_ZH = "我想见你\n天亮了\n在雨中\n跑起来"


@pytest.mark.parametrize("form", ["[{s}]{a}\n[{s}]{b}", "{a}\n{b}", "{a} / {b}", "{a}（{b}）", "{a}|{b}"])
@pytest.mark.parametrize("translations", [FOUR_EN, FOUR_ZH])
def test_translations_line_by_line_are_left_out(form: str, translations: str) -> None:
    assert lyrics.clean(paired(FOUR_JA, translations, form)) == FOUR_JA


def test_two_translations_are_left_out() -> None:
    lines = zip(FOUR_JA.split("\n"), FOUR_EN.split("\n"), FOUR_ZH.split("\n"), strict=True)
    assert lyrics.clean("\n".join(line for three in lines for line in three)) == FOUR_JA


def test_a_translation_after_the_whole_with_the_same_stamps_is_left_out() -> None:
    first, second = (paired(text, text, "[{s}]{a}") for text in (FOUR_JA, FOUR_EN))
    assert lyrics.clean(f"{first}\n{second}") == FOUR_JA


def test_a_song_in_two_languages_keeps_both() -> None:
    song = (
        "너를 사랑해\n내 손을 잡아\nlove me tonight\nnever let go\n밤이 새도록\n춤을 추자\nwe dance all night\nhold on"
    )
    assert lyrics.clean(song) == song


def test_words_with_brackets_in_their_own_script_keep_them() -> None:
    song = "Come with me (come with me)\nOver the hill (oh the hill)\nTo the sea (yeah)\nWe go (we go)"
    assert lyrics.clean(song) == song


@pytest.mark.parametrize(
    "text",
    [
        "Instrumental", "[Instrumental]", "(instrumental)", "[00:00.00]Instrumental",
        "[ar:Ann]\n[00:01.00]♪ Instrumental ♪", "This song is an instrumental.", "This is an instrumental", "纯音乐",
        "本歌曲为纯音乐", "该歌曲为没有填词的纯音乐，请您欣赏", "本作品为纯音乐，请欣赏", "纯音乐，无歌词",
        "純音樂，請欣賞", "[00:00.00]作曲 : 甲\n[00:05.00]纯音乐，请您欣赏",
        "此歌曲为没有填词的纯音乐，请您欣赏", "インストゥルメンタル", "연주곡", "Инструментал",
    ],
)  # fmt: skip
def test_nothing_to_sing(text: str) -> None:
    assert lyrics.understand("tags", text) == Lyrics("tags", text, None, None, instrumental=True, cleaner="words-3")


@pytest.mark.parametrize("text", ["", "作词 : 甲", f"[Instrumental]\n{RAIN}", "An instrumental love", "暂无歌词"])
def test_something_to_sing_or_nothing_known(text: str) -> None:
    assert not lyrics.understand("tags", text).instrumental


def test_understanding() -> None:
    assert lyrics.understand("files", f"[00:01.00]{RAIN}") == Lyrics(
        "files", f"[00:01.00]{RAIN}", RAIN, "en", instrumental=False, cleaner="words-3"
    )
    assert lyrics.understand("lrclib", "", instrumental=True) == Lyrics(
        "lrclib", "", None, None, instrumental=True, cleaner="words-3"
    )


def test_what_is_too_long_is_no_song() -> None:
    """Counted in characters: there is no space in these lines."""
    signs = "".join(map(chr, range(0x4E00, 0x4E00 + 20_001)))
    lines = ["".join(signs[i : i + 99]) for i in range(0, 19_800, 99)]
    assert lyrics.clean("\n".join(lines)) == "\n".join(lines)
    assert lyrics.clean("\n".join([*lines, "雨雨"])) == ""
    assert lyrics.clean("x" * 200_001) == ""


@given(st.text(alphabet=st.sampled_from("ab雨あ나я :[]()（）<>/|x2\n\u3000\u200b作曲Embed"), max_size=200))
def test_cleaning_twice_is_cleaning_once_at_most_shorter(text: str) -> None:
    words = lyrics.clean(text)
    assert len(lyrics.clean(words)) <= len(words)
    assert words == unicodedata.normalize("NFKC", words)
    assert all(line.strip() and any(map(str.isalnum, line)) for line in words.splitlines())


@pytest.mark.parametrize(
    "text", [" " * 150_000 + "x", "[" * 150_000, "a " * 75_000, "00:" * 50_000, "(" * 99_999 + ")"]
)
def test_cleaning_ends(text: str) -> None:
    """Foreign text must not be tried in every split: that would take hours."""
    assert len(lyrics.clean(text)) <= 20_000


def words(text: str, language: str) -> Words:
    return Words(1, "tags", language, instrumental=False, text=text)


def test_a_model_reads_one_kind_of_chinese() -> None:
    assert lyrics.for_model(words(YU_TRADITIONAL, "zh"), 1000) == YU == lyrics.for_model(words(YU, "zh"), 1000)
    assert lyrics.for_model(words("看著你", "zh"), 1000) == "看着你"
    assert lyrics.for_model(words("乾坤 皇后 後來", "zh"), 1000) == "乾坤 皇后 后来"
    assert lyrics.for_model(words("今夜雨の中を発見", "ja"), 1000) == "今夜雨の中を発見"


def test_a_model_reads_whole_lines() -> None:
    assert lyrics.for_model(words("一二三\n四五六\n七八九", "ja"), 9) == "一二三\n四五六"
    assert lyrics.for_model(words("一二三\n四五六\n七八九", "ja"), 11) == "一二三\n四五六\n七八九"
    assert lyrics.for_model(words("一二三四五六七八九", "ja"), 4) == "一二三四"
    assert lyrics.for_model(Words(1, "lrclib", None, instrumental=True, text=None), 4) == ""


# Language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (RAIN, "en"), (REGEN, "de"), (PLUIE, "fr"), (LLUVIA, "es"), (YU, "zh"), (YU_TRADITIONAL, "zh"), (AME, "ja"),
        (BI, "ko"), (DOZHD, "ru"), ("أمشي وحيدا تحت المطر هذه الليلة\nلا أحد يمسك بيدي", "ar"),
        ("Cammino da solo sotto la pioggia stasera\nnessuno mi tiene per mano", "it"),
        ("Ik loop alleen door de regen vannacht\nniemand houdt mijn hand vast", "nl"),
        ("Idę sam przez deszcz tej nocy\nnikt nie trzyma mojej dłoni", "pl"),
        ("Caminho sozinho na chuva esta noite\nninguém segura a minha mão", "pt"),
        ("ฉันเดินคนเดียวในสายฝนคืนนี้\nไม่มีใครจับมือฉัน", "th"),
        ("Bu gece yağmurda yalnız yürüyorum\nkimse elimi tutmuyor", "tr"),
        ("Jag går ensam i regnet i natt\ningen håller min hand", "sv"), ("跳舞直到天亮", "zh"),
        ("oh baby baby\n너를 사랑해\nlove me tonight yeah", "ko"), ("ooh", None), ("123", None),
    ],
)  # fmt: skip
def test_language(text: str, language: str | None) -> None:
    assert identify(text) == language


# Files beside the music


@pytest.mark.parametrize("form", ["{}", "[00:01.00]{}"])
@pytest.mark.parametrize(
    ("text", "encodings"),
    [
        (RAIN, ["ascii", "utf-8-sig", "utf-16"]),
        (YU, ["gb18030", "utf-8", "utf-16", "utf-16-le"]),
        (YU_TRADITIONAL, ["big5", "gb18030"]),
        (AME, ["shift_jis", "euc_jp", "utf-16"]),
        (BI, ["euc_kr", "utf-8"]),
        (REGEN, ["latin-1", "utf-8"]),
        (PLUIE, ["latin-1", "cp1252"]),
        (LLUVIA, ["latin-1"]),
        (DOZHD, ["cp1251"]),
    ],
)
def test_encodings_of_old_files(text: str, encodings: list[str], form: str) -> None:
    stamped = "\n".join(form.format(line) for line in text.split("\n"))
    assert {encoding: beside.decode(stamped.encode(encoding)) for encoding in encodings} == dict.fromkeys(
        encodings, stamped
    )


def test_any_bytes_are_some_text() -> None:
    for raw in (b"", b"\xff", b"\xff\xfe\x00", bytes(range(256)), b"\x81\x00\xff" * 50):
        assert isinstance(beside.decode(raw), str)


def shelf(folder: Path) -> lyrics.Shelf:
    return lyrics.Shelf(sorted(os.scandir(folder), key=lambda entry: entry.name))


def test_what_lies_beside(tmp_path: Path) -> None:
    (tmp_path / "lyrics").mkdir()
    for name in (
        "a.lrc", "a.txt", "b.TXT", "B2.Lrc", "lyrics/c.txt", "lyrics/C.LRC", "lyrics/a.lrc", "d.lrc.bak", "e.mp3.txt",
        "é.lrc".encode().decode(), ".f.lrc",
    ):  # fmt: skip
        (tmp_path / name).write_text("la")
    (tmp_path / "g.lrc").mkdir()
    (tmp_path / "h.lrc").symlink_to(tmp_path / "nowhere")
    (tmp_path / "h.txt").write_text("la")
    found = shelf(tmp_path)
    names = ("a.mp3", "b.flac", "b2.ogg", "c.MP3", "d.mp3", "e.mp3", "e\u0301.mp3", "f.mp3", "g.mp3", "h.mp3")
    paths = [(one := found.find(name)) and os.path.relpath(one.path, tmp_path) for name in names]
    assert paths == ["a.lrc", "b.TXT", "B2.Lrc", "lyrics/C.LRC", None, None, "é.lrc", None, None, "h.txt"]
    assert found.find("a.mp3") == Beside(str(tmp_path / "a.lrc"), (tmp_path / "a.lrc").stat().st_mtime_ns)


def test_the_very_name_before_another_case(tmp_path: Path) -> None:
    for name in ("Song.lrc", "song.lrc", "SONG.lrc"):
        (tmp_path / name).write_text("la")
    if len(list(tmp_path.iterdir())) < 3:
        pytest.skip("this disk does not tell case")
    found = [shelf(tmp_path).find(name) for name in ("song.mp3", "Song.mp3", "sOnG.mp3")]
    assert [one and Path(one.path).name for one in found] == ["song.lrc", "Song.lrc", "SONG.lrc"]


def test_reading_what_lies_beside(tmp_path: Path) -> None:
    (tmp_path / "a.lrc").write_bytes(YU.encode("gb18030"))
    (tmp_path / "b.txt").write_bytes(b"x" * (beside.MOST_BYTES + 1))
    texts = [lyrics.read_beside(Beside(str(tmp_path / name), 1)) for name in ("a.lrc", "b.txt", "gone.lrc")]
    assert texts == [YU, "", ""]


# Agreement


SONG = Song(1, "Rain (Remastered)", "Ann feat. Ben", ("Ann", "Ben"), "Blue", 200.0)


@pytest.mark.parametrize(
    ("hit", "reason"),
    [
        (("rain", "ANN", "Blue", 201.9), None),
        (("Rain - Live", "Ben", None, None), None),
        (("Ráin", "Ann", "Blue (Deluxe)", None), None),
        (("Rainy", "Ann", "Blue", 200.0), "the title is another: 'Rainy'"),
        (("Rain", "Cat", "Blue", 200.0), "the artist is another: 'Cat'"),
        (("Rain", "Ann", "Red", 200.0), "the album is another: 'Red'"),
        (("Rain", "Ann", "Blue", 203.0), "the duration is another: 203 s"),
    ],
)
def test_agreement(hit: tuple[str, str, str | None, float | None], reason: str | None) -> None:
    assert agreement.disagreement(SONG, agreement.Hit("la", False, *hit)) == reason


def test_signs_alone_are_a_name() -> None:
    song = Song(1, "!!!", "(hed)", (), None, 200.0)
    assert agreement.disagreement(song, agreement.Hit("la", False, "!!!", "(HED)")) is None
    assert agreement.disagreement(song, agreement.Hit("la", False, "???", "(hed)")) == "the title is another: '???'"


def test_names_that_differ_in_vowel_signs_are_different() -> None:
    """Regression: to Python the vowel signs of Thai and Indian scripts are no letters, and were dropped."""
    song = Song(1, "รัก", "Ann", (), None, 200.0)
    hit = agreement.Hit("la", False, "รุก", "Ann")
    assert agreement.disagreement(song, hit) == "the title is another: 'รุก'"


@pytest.mark.parametrize(
    ("title", "words", "agrees"),
    [
        ("Rain", RAIN, True), ("Rain", YU, True), ("雨", YU, True), ("雨", RAIN, False), ("雨夜 (Rain)", RAIN, True),
        ("雨の夜", "kon'ya ame no naka wo hitori de aruku", False), ("雨の夜", AME, True), ("비", BI, True),
        ("비", RAIN, False), ("Дождь", DOZHD, True), ("Дождь", RAIN, False), ("1999", RAIN, True),
    ],
)  # fmt: skip
def test_the_script_of_the_title(title: str, words: str, agrees: bool) -> None:
    song = Song(1, title, "Ann", (), None, 200.0)
    reason = None if agrees else f"the words are not in the script of the title '{title}'"
    assert agreement.other_script(song, words) == reason


# Sources


def test_choosing_sources() -> None:
    assert lyrics.choose("tags,files", offline=False) == lyrics.DEFAULT == ("tags", "files")
    assert lyrics.choose("genius, LRCLIB,tags", offline=False) == ("tags", "lrclib", "genius")
    assert lyrics.choose("genius,lrclib,files", offline=True) == ("files",)
    assert lyrics.choose("none", offline=False) == lyrics.choose("", offline=False) == ()
    with pytest.raises(LyricsSourceError, match=r"^'lrclip': is no source of lyrics: did you mean 'lrclib'\?$"):
        lyrics.choose("tags,lrclip", offline=False)


def test_scripts() -> None:
    lines = ("Rain", "雨", "雨の夜", "カラオケー", "비", "дождь", "1999 !", "ฝน", "مطر", "ｒain")
    assert [cleaning.script(line) for line in lines] == [
        "LATIN", "CJK", "KANA", "KANA", "HANGUL", "CYRILLIC", "", "THAI", "ARABIC", "LATIN",
    ]  # fmt: skip
