"""The moods that the program knows, and every word by which a user may name them.

The tables hold English, Chinese (simplified and traditional), Spanish, French, German, Portuguese, Japanese and Korean
words; one that two languages share stands in the first of its rows. Words are compared as `vocabulary.distinctive` has
them, so accents, case, spaces and punctuation need no entries of their own.
"""

from __future__ import annotations

from collections.abc import Mapping

from musictaste.vocabulary import Vocabulary

EMOTIONS = ("happy", "sad", "angry", "calm")
"""The quadrants of valence and arousal: of these a track has one most of all, their probabilities sum to one."""

FINER_MOODS = ("aggressive", "energetic", "gritty", "nostalgic", "powerful", "rebellious", "tender", "tense")
"""Of these a track may have any number; each has a probability of its own."""

MOODS = EMOTIONS + FINER_MOODS

AGREEMENT = 0.35
"""How often the words of a song are taken to tell of the emotion that it sounds of, otherwise of any.

No songs with labels for both were at hand. On clips paired with other songs' words (weigh_words.py) words that agree in
a quarter of the songs lower the log loss from 0.605 by sound alone to 0.598, at 0.5 not at all; words that never
agree cost 0.004 of macro F1 (0.739 by sound alone), at 0.5 0.014. Where half agree F1 is 0.752, where all do 0.769.
"""

FUSION = "fusion-1"
"""What was read is weighed again where another version has weighed it."""

# A word that fits two labels is in neither, because a wrong guess is worse than a question. "intense" and 激しい are
# energetic, aggressive or powerful, 激昂 is one of the last two; 感动/感動 are as often sad as glad; "dark" is sad,
# angry or tense; "content" is calm in English and glad in French.
MOOD_WORDS: Mapping[str, tuple[str, ...]] = {
    "happy": (
        *("happiness", "joyful", "joy", "joyous", "cheerful", "glad"),
        *("merry", "jolly", "upbeat", "uplifting", "feel-good"),
        *("sunny", "fun", "good mood", "delighted", "lighthearted"),
        *("快乐", "快樂", "开心", "開心", "高兴", "高興", "欢乐", "歡樂", "欢快", "歡快", "欢喜", "歡喜", "愉快"),
        *("愉悦", "愉悅", "喜悦", "喜悅", "幸福", "轻快", "輕快", "明快"),
        *("feliz", "alegre", "alegría", "felicidad", "contento", "contenta", "divertido", "divertida"),
        *("heureux", "heureuse", "joyeux", "joyeuse", "gai", "gaie", "joie", "bonheur", "enjoué"),
        *("glücklich", "gluecklich", "fröhlich", "froehlich", "froh", "heiter", "freudig", "Freude", "gut gelaunt"),
        *("contente", "felicidade", "animado", "animada"),
        *("楽しい", "たのしい", "嬉しい", "うれしい", "幸せ", "しあわせ", "明るい", "陽気", "喜び", "ハッピー"),
        *("행복", "행복한", "기쁜", "기쁨", "즐거운", "즐거움", "신나는", "밝은", "해피"),
    ),
    "sad": (
        *("sadness", "unhappy", "sorrow", "sorrowful", "melancholy"),
        *("melancholic", "gloomy", "depressed", "depressing"),
        *("heartbroken", "mournful", "tearful", "lonely", "somber", "sombre", "blue", "down"),
        *("悲伤", "悲傷", "伤心", "傷心", "伤感", "傷感", "难过"),
        *("難過", "悲哀", "悲痛", "哀伤", "哀傷", "忧伤", "憂傷"),
        *("忧郁", "憂鬱", "忧愁", "憂愁", "抑郁", "抑鬱", "沮丧", "沮喪", "心碎", "失落", "孤独", "孤獨", "寂寞"),
        *("triste", "tristeza", "melancólico", "melancólica", "melancolía", "deprimido", "deprimida", "apenado"),
        *("tristesse", "malheureux", "malheureuse", "mélancolique", "mélancolie", "déprimé", "déprimée"),
        *("traurig", "Trauer", "Traurigkeit", "melancholisch", "betrübt", "wehmütig", "deprimiert"),
        *("tristonho", "tristonha", "infeliz"),
        *("悲しい", "かなしい", "悲しみ", "哀しい", "切ない", "せつない", "寂しい", "さびしい"),
        *("슬픈", "슬픔", "우울", "우울한", "쓸쓸한", "외로운", "애절한"),
    ),
    "angry": (
        *("anger", "furious", "fury", "rage", "raging", "mad", "irate"),
        *("愤怒", "憤怒", "生气", "生氣", "气愤", "氣憤", "恼怒", "惱怒"),
        *("发怒", "發怒", "暴怒", "狂怒", "狂暴", "暴躁", "怒"),
        *("enojado", "enojada", "enfadado", "enfadada", "furioso", "furiosa", "rabia", "rabioso", "ira"),
        *("irritado", "irritada"),
        *("en colère", "colère", "fâché", "fâchée", "furieux", "furieuse", "énervé", "énervée"),
        *("wütend", "wuetend", "zornig", "Wut", "Zorn", "böse"),
        *("raiva", "com raiva", "zangado", "zangada"),
        *("怒り", "いかり", "怒った", "怒る", "激怒"),
        *("화난", "화가 난", "분노", "분노한", "성난", "격노"),
    ),
    "calm": (
        *("calming", "chill", "chilled", "chill-out", "relaxed", "relaxing", "relax", "peaceful", "serene", "tranquil"),
        *("quiet", "soothing", "mellow", "laid-back", "restful", "meditative"),
        *("平静", "平靜", "安静", "安靜", "宁静", "寧靜", "恬静"),
        *("恬靜", "冷静", "冷靜", "安宁", "安寧", "平和", "祥和"),
        *("放松", "放鬆", "轻松", "輕鬆", "舒缓", "舒緩", "柔和", "悠闲", "悠閒", "治愈", "治癒"),
        *("tranquilo", "tranquila", "calma", "calmado", "calmada", "relajado", "relajada", "relajante"),
        *("sereno", "serena", "pacífico", "pacífica", "paz", "suave"),
        *("calme", "tranquille", "paisible", "serein", "sereine"),
        *("détendu", "détendue", "relaxant", "apaisant", "doux"),
        *("ruhig", "Ruhe", "beruhigend", "entspannt", "entspannend", "gelassen", "friedlich", "sanft", "still"),
        *("calmo", "relaxado", "relaxada", "relaxante", "sossegado", "sossegada"),
        *("穏やか", "おだやか", "静か", "しずか", "落ち着いた", "落ち着く"),
        *("安らか", "癒し", "のんびり", "リラックス", "チル"),
        *("차분한", "편안한", "잔잔한", "평온", "평온한", "고요한", "조용한", "느긋한", "평화로운"),
    ),
    "aggressive": (
        *("aggression", "fierce", "hostile", "violent", "brutal", "harsh", "belligerent"),
        *("攻击性", "攻擊性", "好斗", "好鬥", "凶猛", "兇猛", "凶狠", "兇狠", "暴力"),
        *("agresivo", "agresiva", "violento", "violenta", "feroz", "hostil"),
        *("agressif", "agressive", "violente", "féroce"),
        *("aggressiv", "gewalttätig", "feindselig"),
        *("agressivo", "agressiva"),
        *("攻撃的", "凶暴", "荒々しい"),
        *("공격적인", "공격적", "난폭한"),
    ),
    "energetic": (
        *("energy", "excited", "exciting", "lively", "rousing", "exuberant", "vigorous", "dynamic", "hyper"),
        *("激动", "激動", "兴奋", "興奮", "亢奋", "亢奮", "活力", "有活力", "充满活力", "充滿活力", "热血", "熱血"),
        *(
            "enérgico",
            "enérgica",
            "energético",
            "energética",
            "vigoroso",
            "vigorosa",
            "energía",
            "dinámico",
            "dinámica",
        ),
        *("énergique", "énergie", "dynamique", "entraînant", "entraînante"),
        *("energisch", "energiegeladen", "energetisch", "lebhaft", "mitreißend", "aufgeregt", "dynamisch"),
        *("empolgante", "vibrante"),
        *("エネルギッシュ", "元気", "活発", "躍動的", "ノリノリ"),
        *("에너지", "에너지 넘치는", "활기찬", "활발한", "흥분", "흥분되는"),
    ),
    "gritty": (
        *("grit", "rough", "raw", "dirty", "grimy"),
        *("粗犷", "粗獷", "粗糙", "粗砺", "粗礪", "粗野"),
        *("áspero", "áspera", "crudo", "cruda", "sucio", "sucia"),
        *("rugueux", "rugueuse", "rocailleux", "rocailleuse", "râpeux", "brut"),
        *("rau", "rauh", "roh", "dreckig", "schmutzig"),
        *("sujo", "suja", "cru", "crua"),
        *("荒い", "粗い", "泥臭い", "無骨"),
        *("거친", "투박한"),
    ),
    "nostalgic": (
        *("nostalgia", "wistful", "bittersweet", "sentimental", "yearning", "longing"),
        *("怀旧", "懷舊", "怀念", "懷念", "思念", "乡愁", "鄉愁"),
        *("nostálgico", "nostálgica", "añoranza"),
        *("nostalgique", "nostalgie"),
        *("nostalgisch", "Sehnsucht", "sehnsüchtig"),
        *("saudade", "saudades", "saudoso", "saudosa"),
        *("懐かしい", "なつかしい", "郷愁", "ノスタルジック", "ノスタルジー"),
        *("향수", "그리운", "그리움", "추억", "아련한"),
    ),
    "powerful": (
        *("power", "epic", "heroic", "triumphant", "strong", "mighty"),
        *(
            "有力",
            "强劲",
            "強勁",
            "强大",
            "強大",
            "雄壮",
            "雄壯",
            "史诗",
            "史詩",
            "磅礴",
            "气势磅礴",
            "氣勢磅礴",
            "震撼",
        ),
        *("poderoso", "poderosa", "potente", "épico", "épica", "heroico", "heroica", "triunfal", "fuerte"),
        *("puissant", "puissante", "épique", "héroïque", "triomphant", "triomphante"),
        *("kraftvoll", "mächtig", "episch", "heroisch", "triumphal", "stark"),
        *("forte", "triunfante"),
        *("力強い", "パワフル", "壮大", "勇ましい"),
        *("강렬한", "강력한", "힘찬", "파워풀", "웅장한"),
    ),
    "rebellious": (
        *("rebel", "rebellion", "defiant", "reckless"),
        *("叛逆", "反叛", "反抗", "不羁", "不羈"),
        *("rebelde", "rebeldía", "desafiante"),
        *("rebelle", "révolté", "révoltée", "insoumis", "insoumise"),
        *("rebellisch", "trotzig", "aufsässig"),
        *("insubmisso", "insubmissa"),
        *("反抗的", "反逆", "反骨"),
        *("반항적인", "반항", "저항적인"),
    ),
    "tender": (
        *("tenderness", "gentle", "delicate", "intimate", "affectionate", "loving", "soft"),
        *("温柔", "溫柔", "柔情", "温馨", "溫馨", "细腻", "細膩"),
        *("tierno", "tierna", "ternura", "delicado", "delicada", "cariñoso", "cariñosa", "íntimo", "íntima"),
        *("tendre", "tendresse", "délicat", "intime"),
        *("zart", "zärtlich", "innig", "liebevoll"),
        *("terno", "terna", "meigo", "meiga", "carinhoso", "carinhosa"),
        *("優しい", "やさしい", "繊細"),
        *("부드러운", "다정한", "섬세한"),
    ),
    "tense": (
        *("tension", "anxious", "nervous", "uneasy", "restless", "suspense", "suspenseful"),
        *("紧张", "緊張", "焦虑", "焦慮", "不安", "紧迫", "緊迫", "悬疑", "懸疑"),
        *("tenso", "tensa", "ansioso", "ansiosa", "nervioso", "nerviosa", "inquieto", "inquieta"),
        *("tendu", "tendue", "anxieux", "anxieuse", "nerveux", "nerveuse", "angoissant", "angoissante"),
        *("angespannt", "Spannung", "nervös", "unruhig"),
        *("tensão", "nervoso", "nervosa"),
        *("緊張感", "張り詰めた", "スリリング"),
        *("긴장", "긴장된", "긴장감", "불안한", "초조한", "긴박한"),
    ),
}


def find_mood(word: str) -> str:
    """Return the one of `MOODS` that a word of any served language means, or raise `UnknownLabelError`."""
    return _MOODS.find(word)


def emotion(moods: Mapping[str, float]) -> str:
    """Return the most likely of `EMOTIONS`."""
    return max(EMOTIONS, key=moods.__getitem__)


def valence(moods: Mapping[str, float]) -> float:
    """Return how pleasant a track feels, 0..1: the two right quadrants of the circumplex.

    References
    ----------
    J. A. Russell, "A circumplex model of affect", Journal of Personality and Social Psychology 39(6), 1980,
    pp. 1161-1178. The four emotions stand for the four quadrants of its plane.
    """
    return _share(moods, "happy", "calm")


def arousal(moods: Mapping[str, float]) -> float:
    """Return how activated a track feels, 0..1: the two upper quadrants of the circumplex (see `valence`)."""
    return _share(moods, "happy", "angry")


def word_weights(said: Mapping[str, float]) -> dict[str, float]:
    """Return what each of `EMOTIONS` is multiplied by for what the words of a song say, probabilities of any labels.

    Sound and words are taken as independent given the emotion E of the song (the product rule: Kittler, Hatef, Duin
    and Matas, "On combining classifiers", IEEE Transactions on Pattern Analysis and Machine Intelligence 20(3), 1998),
    and the words as of that emotion with the probability a = `AGREEMENT`, of any other wise:

        P(E | sound, words) is proportional to P(E | sound) (1 - a + a P(E | words) / P(E))

    The head for words is trained on as many songs of each emotion, so P(E) is one of their number. What it keeps for
    labels that are no emotion of these counts as silence. A weight is never below 1 - a: words alone rule nothing out.
    """
    return {mood: 1 + AGREEMENT * (len(EMOTIONS) * said[mood] - sum(said[e] for e in EMOTIONS)) for mood in EMOTIONS}


def fuse(heard: Mapping[str, float], weights: Mapping[str, float]) -> dict[str, float]:
    """Return the probabilities of moods by sound and words; finer moods are as they were heard."""
    products = {mood: heard[mood] * weights[mood] for mood in EMOTIONS}
    total = sum(products.values())
    return {**heard, **{mood: product / total for mood, product in products.items()}}


def _share(moods: Mapping[str, float], *labels: str) -> float:
    # Probabilities that came through float32 may sum to a hair above one.
    return min(1.0, sum(moods[label] for label in labels))


_MOODS = Vocabulary("mood", MOOD_WORDS, f"moods: {', '.join(MOODS)}")
