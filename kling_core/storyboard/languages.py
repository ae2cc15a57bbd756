"""Which of the five languages a line is in, and how many seconds it takes to say.

Rates of speech are syllables a second of fluent reading without pauses: English 6.19, Mandarin 5.18, Japanese 7.84,
Spanish 7.82 (Pellegrino, Coupé & Marsico 2011, "A cross-language perspective on speech information rate", Language
87(3)). Korean is not in that study; Coupé, Oh, Dediu & Pellegrino 2019 (Science Advances 5(9)) have it among 17
languages of 4 to 9 syllables a second that carry the same information a second, and we take 7.0, between its
neighbours. Dialogue is played slower than text is read: `ACTING_PACE`.
"""

from __future__ import annotations

import re
import unicodedata

SYLLABLES_PER_SECOND = {"en": 6.19, "zh": 5.18, "ja": 7.84, "ko": 7.0, "es": 7.82}
ACTING_PACE = 0.75
SHORTEST_LINE = 0.4

LANGUAGE_NAMES = {
    "english": "en", "chinese": "zh", "mandarin": "zh", "japanese": "ja", "korean": "ko", "spanish": "es",
    "castilian": "es",
}

_SENTENCE_PAUSE, _CLAUSE_PAUSE = 0.3, 0.15
_SENTENCE_MARKS, _CLAUSE_MARKS = "[.!?。！？…]+", "[,;:—，、；：]+"

_PACE = (
    (re.compile(r"\b(?:(?:slow|hesitant|tired|thoughtful)(?:ly)?|halting|weary|wearily)\b"), 0.8),
    (re.compile(r"\b(?:fast|(?:quick|rapid|hurried|breathless|excited)(?:ly)?)\b"), 1.2),
    (re.compile(r"\bwhisper(?:s|ing)?\b"), 0.9),
)

_SPANISH_LETTERS = re.compile("[ñ¿¡]", re.IGNORECASE)
_FUNCTION_WORDS = {
    "en": frozenset(
        "the a an and or but is are was were be been am i you he she it we they me him her us them my your his its our "
        "this that these those to of in on at for with from not do does did have has had what where who when why how "
        "yes no hello hi please thanks will would can could look here there all just so if".split()
    ),
    "es": frozenset(
        "el la los las un una unos unas y o pero es son era fue ser soy eres estoy está están yo tú usted él ella "
        "nosotros ellos me te se nos le les mi tu su este esta esto ese esa eso que qué de en por para con sin no sí "
        "hola gracias señor señora dónde cómo cuándo quién muy más aquí allí buenos buenas días favor del al hay "
        "mira vamos todo".split()
    ),
}

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_ENGLISH_VOWELS = re.compile(r"[aeiouy]+")
# Spanish: a strong vowel opens a syllable of its own, a weak one joins it unless it carries the accent.
_SPANISH_VOWELS = re.compile(r"[iuü]?[aeoáéó][iuy]?(?![aeoáéóíú])|[iuü]?[aeoáéó]|[íú]|[iuü]+|y$")
# Morae: small ya/yu/yo and small vowels belong to the kana before them.
_SMALL_KANA = frozenset("ゃゅょぁぃぅぇぉゎャュョァィゥェォヮ")
_MORAE_PER_KANJI = 1.8
_SYLLABLES_PER_DIGIT = {"en": 1.5, "zh": 1.3, "ja": 2.0, "ko": 1.3, "es": 2.0}


def detect_language(text: str) -> str:
    """Language of a line: "en", "zh", "ja", "ko" or "es".

    The script decides where it can (kana, hangul, Han); between English and Spanish, letters that only Spanish has
    and then function words. Latin text without any hint is English.
    """
    scripts = [_script(character) for character in text]
    if "kana" in scripts:
        return "ja"
    if scripts.count("hangul") > scripts.count("han"):
        return "ko"
    if "han" in scripts:
        return "zh"
    if _SPANISH_LETTERS.search(text):
        return "es"
    words = [word.lower() for word in _WORD.findall(text)]
    spanish = sum(word in _FUNCTION_WORDS["es"] for word in words)
    english = sum(word in _FUNCTION_WORDS["en"] for word in words)
    return "es" if spanish > english else "en"


def count_syllables(text: str, language: str) -> float:
    """Syllables of a text (morae in Japanese). An estimate: numbers and kanji are counted at their usual length."""
    total = sum(character.isdigit() for character in text) * _SYLLABLES_PER_DIGIT[language]
    for character in text:
        script = _script(character)
        if script == "hangul":
            total += 1
        elif script == "han":
            total += _MORAE_PER_KANJI if language == "ja" else 1
        elif script == "kana" and character not in _SMALL_KANA:
            total += 1
    for word in _WORD.findall(text):
        if _script(word[0]) is None:
            total += _spanish_syllables(word) if language == "es" else _english_syllables(word)
    return total


def speech_seconds(text: str, language: str, delivery: str = "") -> float:
    """Seconds that a line takes when it is acted: its syllables at the language's rate, and its pauses.

    `delivery` is free text; words of pace in it ("slowly", "quickly", "whispers") change the rate.
    """
    rate = SYLLABLES_PER_SECOND[language] * ACTING_PACE
    for words, factor in _PACE:
        if words.search(delivery.lower()):
            rate *= factor
    inside = text.rstrip("".join(".!?。！？… ,;:—，、；：\"'”」"))
    pauses = _SENTENCE_PAUSE * len(re.findall(_SENTENCE_MARKS, inside))
    pauses += _CLAUSE_PAUSE * len(re.findall(_CLAUSE_MARKS, inside))
    return max(SHORTEST_LINE, count_syllables(text, language) / rate + pauses)


def _script(character: str) -> str | None:
    code = ord(character)
    if 0x3041 <= code <= 0x30FF and character not in "・":
        return "kana"
    if 0xAC00 <= code <= 0xD7AF or 0x1100 <= code <= 0x11FF:
        return "hangul"
    if 0x4E00 <= code <= 0x9FFF or 0x3400 <= code <= 0x4DBF or 0x20000 <= code <= 0x2FA1F:
        return "han"
    return None


def _english_syllables(word: str) -> int:
    plain = unicodedata.normalize("NFD", word.lower())
    plain = "".join(letter for letter in plain if letter.isalpha() and letter.isascii())
    groups = len(_ENGLISH_VOWELS.findall(plain))
    silent_e = len(plain) > 2 and plain.endswith("e") and not plain.endswith(("le", "ee", "ye", "oe", "ue", "ie"))
    silent_ed = plain.endswith("ed") and len(plain) > 3 and plain[-3] not in "td"
    if (silent_e or silent_ed) and groups > 1:
        groups -= 1
    return max(1, groups)


def _spanish_syllables(word: str) -> int:
    plain = re.sub("(?<=[qg])u(?=[eiéí])", "", word.lower())
    return max(1, len(_SPANISH_VOWELS.findall(plain)))
