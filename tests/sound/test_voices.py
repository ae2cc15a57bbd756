import numpy as np
import pytest

from kling_core.elements.element import Binding, Cast, Element, Voice
from kling_core.sound.voices import cast_voices


def cast(**pitches):
    """A cast; a pitch of None means no recording."""
    return Cast(tuple(
        Binding(Element(name, voice=pitch and Voice(np.zeros(10, np.float32), 24000, pitch)))
        for name, pitch in pitches.items()
    ))


def test_a_recording_gives_the_pitch():
    voices = cast_voices(cast(mira=231.0, tom=98.0))
    assert (voices["mira"].pitch, voices["tom"].pitch) == (231.0, 98.0)
    assert voices["mira"].formant_scale > 1.1 * voices["tom"].formant_scale


def test_a_name_alone_has_the_same_voice_in_every_scene():
    assert cast_voices(cast(mira=None))["mira"] == cast_voices(cast(mira=None), ["narrator"])["mira"]


@pytest.mark.parametrize("names", [["mira", "tom", "ana"], ["a", "b", "c", "d"], ["Li", "Bo", "Xu", "Mei"]])
def test_voices_without_recording_are_told_apart(names):
    pitches = np.sort([voice.pitch for voice in cast_voices(cast(**dict.fromkeys(names))).values()])
    assert 90 < pitches[0] and pitches[-1] < 255
    assert (pitches[1:] / pitches[:-1]).min() > 1.1


def test_a_voice_without_recording_keeps_away_from_a_recorded_one():
    for pitch in (95.0, 120.0, 160.0, 210.0, 250.0):
        voices = cast_voices(cast(mira=None, tom=pitch))
        ratio = voices["mira"].pitch / pitch
        assert max(ratio, 1 / ratio) > 1.15


def test_a_whispered_recording_without_pitch_still_gets_a_voice():
    silent = Cast((Binding(Element("mira", voice=Voice(np.zeros(10, np.float32), 24000, None))),))
    assert 90 < cast_voices(silent)["mira"].pitch < 255


def test_a_speaker_outside_the_cast_gets_a_voice():
    voices = cast_voices(cast(mira=200.0), ["mira", "narrator", "narrator"])
    assert list(voices) == ["mira", "narrator"]
