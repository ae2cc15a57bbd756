"""Languages of lines, and the seconds they take."""

import pytest

from kling_core.storyboard.languages import SYLLABLES_PER_SECOND, count_syllables, detect_language, speech_seconds


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Look at that.", "en"), ("Hello", "en"), ("Perdone, ¿dónde está la panadería?", "es"),
        ("La casa es bonita", "es"), ("Gracias por todo", "es"), ("你看那边", "zh"), ("今日はいい天気ですね", "ja"),
        ("カメラ", "ja"), ("안녕하세요", "ko"), ("OK 안녕", "ko"), ("我说 OK", "zh"), ("Zzz", "en"), ("42", "en"),
    ],
)
def test_language_of_a_line(text, language):
    assert detect_language(text) == language


@pytest.mark.parametrize(
    ("text", "language", "syllables"),
    [
        ("beautiful", "en", 3), ("people", "en", 2), ("walked", "en", 1), ("waited", "en", 2),
        ("gracias", "es", 2), ("panadería", "es", 5), ("queso", "es", 2), ("teatro", "es", 3), ("leer", "es", 2),
        ("你好吗", "zh", 3), ("안녕하세요", "ko", 5), ("こんにちは", "ja", 5), ("きょう", "ja", 2),
    ],
)
def test_syllables(text, language, syllables):
    assert count_syllables(text, language) == pytest.approx(syllables)


@pytest.mark.parametrize("language", SYLLABLES_PER_SECOND)
def test_longer_lines_take_longer(language):
    word = {"en": "people ", "es": "gracias ", "zh": "你好", "ja": "こんにちは", "ko": "안녕하세요"}[language]
    seconds = [speech_seconds(word * count, language) for count in (2, 4, 8)]
    assert seconds[0] < seconds[1] < seconds[2]


def test_pauses_and_pace_count():
    plain = speech_seconds("I know you are there", "en")
    assert speech_seconds("I know. You are there", "en") > plain
    assert speech_seconds("I know you are there", "en", "slowly") > plain
    assert speech_seconds("I know you are there", "en", "quickly") < plain


def test_ten_english_words_take_a_plausible_time():
    # 12 syllables; actors speak roughly three to six syllables a second.
    assert 2.0 < speech_seconds("I never thought that we would come back to this", "en") < 4.0
