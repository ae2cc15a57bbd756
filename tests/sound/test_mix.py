"""The mix, measured with FFmpeg's meter: loudness, peaks, sides, times, and what lies under the lines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from loudness_meter import measure
from sound_scenes import GRID, buzz, line, scene

from kling_core.elements.element import Binding, Cast, Element
from kling_core.plan.plan import PlannedMove
from kling_core.sound import speech as speech_room
from kling_core.sound.ambience import ambience
from kling_core.sound.mix import mix, spliced
from kling_core.sound.speech import SpokenLine, speak

RATE = GRID.audio_rate
SILENCE = np.zeros((2, 0), np.float32)


def said(index, speaker, start, seconds=1.0, pitch=180, level=0.3):
    return SpokenLine(index, speaker, start, buzz(pitch, seconds) * np.float32(level / 0.3), RATE)


def mixed(lines, bed=SILENCE, **options):
    """The mix of lines (SpokenLine) in one shot of five seconds, and their plan."""
    plan = scene([line(each.index, each.speaker, "…", each.start, each.stop) for each in lines], **options)
    return mix(plan, tuple(lines), bed)


def level(sound, start, stop):
    """dBFS (RMS) between two seconds, over both sides."""
    return 10 * np.log10(np.square(sound[:, round(start * RATE) : round(stop * RATE)]).mean() + 1e-20)


def side(sound, start, stop):
    """How much louder the right side is than the left, dB."""
    left, right = (level(ear[None], start, stop) for ear in sound)
    return right - left


@pytest.fixture
def murmurs(monkeypatch):
    monkeypatch.setattr(speech_room, "synthesizer", lambda language: (None, "no words in this test"))


@pytest.mark.parametrize("place", ["park", "street", "room"])
@pytest.mark.parametrize("delivery", ["", "shouting", "whispering"])
def test_a_scene_has_the_standard_loudness_and_keeps_under_the_peak(place, delivery, murmurs):
    lines = [
        line(0, "mira", "There it is, at last.", 0.5, 2.0, delivery=delivery),
        line(1, "tom", "Are you quite sure of that?", 2.4, 4.4, delivery=delivery),
        line(2, "mira", "Yes, I am.", 5.5, 6.5, shot=1),
    ]
    plan = scene(lines, shots=(60, 36))
    spoken = speak(plan, Cast((Binding(Element("mira")), Binding(Element("tom")))))
    sound = mix(plan, spoken, ambience(place, "day", plan.seconds, RATE, 3))
    loudness, peak = measure(sound, RATE)
    assert loudness == pytest.approx(-16, abs=0.5)
    assert peak <= -1 + 0.05  # what the meter rounds
    assert sound.dtype == np.float32
    assert sound.shape == (2, 8 * RATE)


def test_a_shout_among_whispers_leaves_the_loudness_right():
    sound = mixed([said(0, "mira", 0.5, 1.5, level=0.02), said(1, "tom", 2.5, 0.2, level=0.9)])
    loudness, peak = measure(sound, RATE)
    assert loudness == pytest.approx(-16, abs=0.5)
    assert peak <= -1 + 0.05


def test_the_shortest_scene_has_the_standard_loudness():
    sound = mixed([said(0, "mira", 0.1, 0.8)], shots=(12,))
    assert measure(sound, RATE)[0] == pytest.approx(-16, abs=0.5)


def test_silence_stays_silence():
    sound = mix(scene([]), (), np.zeros((2, 5 * RATE), np.float32))
    assert sound.shape == (2, 5 * RATE)
    assert not sound.any()


def test_a_quiet_place_where_nobody_speaks_stays_quiet():
    bed = ambience("studio", "day", 5.0, RATE, 0) * 10
    assert measure(mix(scene([]), (), bed), RATE)[0] < -25


def test_a_loud_place_where_nobody_speaks_is_as_loud_as_any_scene():
    assert measure(mix(scene([]), (), ambience("street", "day", 5.0, RATE, 0)), RATE)[0] == pytest.approx(-16, abs=0.5)


@pytest.mark.parametrize("seconds", [0.6, 4.0])
def test_ambience_stays_well_below_the_lines_however_few_there_are(seconds):
    noise = 0.2 * np.random.default_rng(0).standard_normal((2, 15 * RATE)).astype(np.float32)
    sound = mixed([said(0, "mira", 5.0, seconds)], noise, shots=(180,))
    assert measure(sound, RATE)[0] == pytest.approx(-16, abs=0.5)
    assert level(sound, 5.1, 5.5) > level(sound, 1.0, 4.0) + 18
    assert level(sound, 1.0, 4.0) > -60


@pytest.mark.parametrize("samples", [0, RATE, 5 * RATE, 9 * RATE])
def test_the_film_decides_how_long_the_sound_is(samples):
    bed = np.full((2, samples), 0.01, np.float32)
    sound = mixed([said(0, "mira", 4.5, 2.0)], bed)  # this line runs over the end of the film
    assert sound.shape == (2, 5 * RATE)
    assert abs(sound[:, -1]).max() < 0.01


def test_everybody_is_heard_where_they_stand():
    sound = mixed([said(0, "mira", 0.5), said(1, "tom", 3.0)])
    assert side(sound, 0.5, 1.5) < -3
    assert side(sound, 3.0, 4.0) > 3
    alone = mixed([said(0, "mira", 0.5)], people=(("mira", None),))
    assert abs(side(alone, 0.5, 1.5)) < 0.5


def test_panning_changes_no_loudness():
    sound = mixed([said(0, "mira", 0.5), said(1, "tom", 3.0)], people=(("mira", None), ("tom", "right")))
    assert level(sound, 0.6, 1.4) == pytest.approx(level(sound, 3.1, 3.9), abs=0.3)


def test_the_voice_follows_its_speaker_across_the_screen():
    plan = scene([line(0, "mira", "…", 0.2, 4.8)], people=(("mira", None),))
    shot = replace(plan.shots[0], camera=(PlannedMove("pan", "right", 20.0),))
    track = plan.blocking[0].subjects[0]
    away = np.linspace(0, -0.5, shot.frames)[:, None] * np.array([1, 0, 1, 0])
    blocking = replace(plan.blocking[0], subjects=(replace(track, head=track.head + away),))
    sound = mix(replace(plan, shots=(shot,), blocking=(blocking,)), (said(0, "mira", 0.2, 4.6),), SILENCE)
    assert side(sound, 0.3, 0.8) > side(sound, 2.2, 2.7) + 2 > side(sound, 4.2, 4.7) + 4


def test_a_line_that_runs_over_its_cut_stays_where_it_was():
    plan = scene([line(0, "mira", "…", 0.5, 1.5)], shots=(24, 36), people=(("mira", "left"),))
    there = scene([], shots=(24, 36), people=(("mira", "right"),))
    plan = replace(plan, blocking=(plan.blocking[0], there.blocking[1]))
    sound = mix(plan, (said(0, "mira", 0.5, 2.5),), SILENCE)
    assert side(sound, 2.2, 2.9) == pytest.approx(side(sound, 1.0, 1.9), abs=0.1)


def test_who_is_off_screen_speaks_from_the_middle_and_softer():
    sound = mixed([said(0, "mira", 0.5), said(1, "narrator", 3.0)], people=(("mira", None),))
    assert abs(side(sound, 3.0, 4.0)) < 0.01
    assert level(sound, 3.1, 3.9) == pytest.approx(level(sound, 0.6, 1.4) - 4.4, abs=0.3)


def test_who_stands_behind_the_camera_is_off_screen():
    plan = scene([line(0, "mira", "…", 0.5, 1.5)], people=(("mira", "left"),))
    track = plan.blocking[0].subjects[0]
    blocking = replace(plan.blocking[0], subjects=(replace(track, depth=-track.depth),))
    sound = mix(replace(plan, blocking=(blocking,)), (said(0, "mira", 0.5),), SILENCE)
    assert abs(side(sound, 0.5, 1.5)) < 0.01


def test_lines_are_heard_at_their_times_and_at_no_other():
    sound = mixed([said(0, "mira", 1.0, 0.5), said(1, "tom", 3.25, 1.0)])
    heard = np.flatnonzero(np.abs(sound).max(0) > 1e-3) / RATE
    pauses = np.flatnonzero(np.diff(heard) > 0.1)
    assert heard[0] == pytest.approx(1.0, abs=0.01)
    assert heard[pauses] == pytest.approx([1.5], abs=0.01)
    assert heard[pauses + 1] == pytest.approx([3.25], abs=0.01)
    assert heard[-1] == pytest.approx(4.25, abs=0.01)


def test_people_who_speak_at_once_are_both_heard():
    sound = mixed([said(0, "mira", 1.0, 2.0, pitch=150), said(1, "tom", 1.0, 2.0, pitch=260)])
    spectrum = np.abs(np.fft.rfft(sound.sum(0)[RATE : 3 * RATE]))
    frequency = np.fft.rfftfreq(2 * RATE, 1 / RATE)
    for pitch in (150, 260):
        # Vibrato spreads a harmonic by some Hz; between harmonics there is nothing.
        here, beside = (spectrum[np.abs(frequency - at) < 15].max() for at in (4 * pitch, 4.5 * pitch))
        assert here > 5 * beside


def test_ambience_is_lower_under_speech():
    rng = np.random.default_rng(0)
    noise = np.repeat(rng.standard_normal((1, 5 * RATE)), 2, axis=0)
    spectrum = np.fft.rfft(noise)
    spectrum[:, : 9500 * 5] = 0  # a hiss above all that the voice has
    hiss = 0.01 * np.fft.irfft(spectrum, 5 * RATE)
    sound = np.fft.rfft(mixed([said(0, "mira", 2.0, 1.0)], hiss.astype(np.float32)))
    sound[:, : 9500 * 5] = 0
    hiss_left = np.fft.irfft(sound, 5 * RATE)
    assert level(hiss_left, 2.1, 2.9) == pytest.approx(level(hiss_left, 0.3, 1.7) - 6, abs=0.5)
    assert level(hiss_left, 3.5, 4.9) == pytest.approx(level(hiss_left, 0.3, 1.7), abs=0.5)


def test_speech_at_another_rate_is_refused():
    other = SpokenLine(0, "mira", 0.5, buzz(180, 1.0, 48000), 48000)
    with pytest.raises(ValueError, match="24000 Hz"):
        mix(scene([line(0, "mira", "…", 0.5, 1.5)]), (other,), SILENCE)


@pytest.mark.parametrize(("shots", "new"), [
    ([1], [(1, 2)]), ([0], [(0, 1)]), ([3], [(3, 4)]), ([2, 1], [(1, 3)]), ([0, 2], [(0, 1), (2, 3)]),
])
def test_a_splice_has_the_new_sound_in_its_shots_only_and_crosses_inside_them(shots, new):
    plan = scene([], shots=(12, 12, 12, 12))
    earlier, sound = np.zeros((2, 4 * RATE), np.float32), np.ones((2, 4 * RATE), np.float32)
    found = spliced(plan, sound, earlier, shots)[0]
    within = np.zeros(4 * RATE, bool)
    for start, stop in new:
        within[start * RATE : stop * RATE] = True
        middle = found[round((start + 0.02) * RATE) : round((stop - 0.02) * RATE)]
        assert (middle == 1).all()
    assert not found[~within].any() and found.dtype == np.float32
    # The film's own ends do not cross; elsewhere it takes 20 ms, so no step is large enough to click.
    assert np.abs(np.diff(found)).max() < 0.01


def test_a_splice_of_the_same_sound_is_that_sound():
    plan = scene([], shots=(12, 12, 12))
    sound = np.random.default_rng(1).uniform(-1, 1, (2, 3 * RATE)).astype(np.float32)
    assert np.abs(spliced(plan, sound, sound, [1]) - sound).max() < 1e-6
