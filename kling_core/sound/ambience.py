"""A stereo bed for each place: wind and birds, surf, traffic, crickets, the hum of a room, people. numpy only.

Everything is a function of absolute time and the seed: noise comes in blocks of one second that fade into each other,
events (a bird's phrase, a passing car) in slots of time with their own random numbers. So any excerpt of a bed agrees
with the whole, and a retaken shot keeps the sound of its place.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

import numpy as np

from kling_core.plan.plan import Plan
from kling_core.sound.happenings import HAPPENINGS

_TAGS = {
    "noise": 1, "gusts": 2, "birds": 3, "crickets": 4, "passing": 5, "crowd": 6,
    "bell": 7, "chalk": 8, "children": 9, "rustle": 10,
}
_BUSINESS = ("bell", "chalk", "children")  # what nobody is there to do at night
_PASSING_SLOT = 7.0  # seconds between passing cars, about
_KNOT = 0.05  # seconds


@dataclass(frozen=True)
class Bed:
    """A recipe. colour: (Hz, dB) points of the noise's spectrum, straight lines between them over log frequency.

    level: of the noise, dBFS (RMS). swell: depth in dB and period in s of its coming and going. hum: mains frequency
    and level. birds: phrases a second; crickets: level in dBFS; passing: loudness of passing cars over the noise, dB.
    crowd: level of many people's murmur in dBFS. happenings: names in happenings.HAPPENINGS and the seconds from one to
    the next, about. None: there is none.
    """

    colour: tuple[tuple[float, float], ...]
    level: float
    swell: tuple[float, float] = (0.0, 1.0)
    hum: tuple[float, float] | None = None
    birds: float | None = None
    crickets: float | None = None
    passing: float | None = None
    crowd: float | None = None
    happenings: tuple[tuple[str, float], ...] = ()


_WIND = ((30, -6), (120, 0), (400, -7), (1500, -18), (6000, -34), (12000, -46))
_SURF = ((30, -10), (150, -1), (600, 0), (2500, -7), (8000, -16), (12000, -22))
_TRAFFIC = ((25, -8), (60, 0), (160, -3), (700, -14), (2500, -24), (12000, -44))
_ROOM = ((30, -4), (100, 0), (400, -10), (2000, -22), (12000, -40))
_TYRES = ((30, -12), (100, -5), (500, 0), (1500, -3), (5000, -14), (12000, -30))
_VOICES = ((80, -30), (150, -8), (300, 0), (700, -2), (1500, -12), (3500, -26), (12000, -50))
_BEDS = {
    "park": Bed(_WIND, -42, (7, 5.0), birds=0.55),
    "beach": Bed(_SURF, -34, (9, 6.5)),
    "street": Bed(_TRAFFIC, -36, (2, 9.0), passing=7.0),
    "room": Bed(_ROOM, -56, hum=(100.0, -54)),
    "night street": Bed(_TRAFFIC, -50, (2, 11.0), crickets=-50),
    "studio": Bed(_ROOM, -72),
    "shop": Bed(_ROOM, -54, hum=(120.0, -60), crowd=-47, happenings=(("bell", 9.0),)),
    "classroom": Bed(_ROOM, -58, happenings=(("chalk", 4.0), ("children", 2.2))),
    "road": Bed(_TYRES, -52, (3, 8.0), birds=0.12, passing=17.0),
    "stage": Bed(_ROOM, -52, (2, 10.0), crowd=-54, happenings=(("rustle", 3.0),)),
}
_ELSEWHERE = Bed(_WIND, -46, (5, 6.0))


def ambience(
    place: str, time_of_day: str, seconds: float, rate: int, seed: int, start: float = 0.0
) -> np.ndarray:
    """The bed of `place` from `start` to `start + seconds`: float32 [2, round(seconds * rate)], left and right.

    place: one of storyboard.PLACES; any other gives a quiet wind. time_of_day: "day", "sunset" or "night". The same
    place, time, seed and rate give one endless bed; every excerpt is equal to that part of the whole.
    """
    bed = _at_time(_BEDS.get(place, _ELSEWHERE), time_of_day)
    first = round(start * rate)
    time = (first + np.arange(round(seconds * rate))) / rate
    if not len(time):
        return np.zeros((2, 0), np.float32)
    key = (seed, zlib.crc32(place.encode()))
    sound = _noise(bed, first, len(time), rate, key) * _slow_gain(bed, time, key)
    if bed.hum is not None:
        sound += _hum(*bed.hum, time)
    if bed.crickets is not None:
        sound += _crickets(bed.crickets, time, key)
    if bed.crowd is not None:
        sound += _crowd(bed.crowd, time, first, rate, key)
    if bed.birds is not None:
        _add_birds(sound, bed, first, rate, key)
    for name, every in bed.happenings:
        _add_happenings(sound, name, every, first, rate, key)
    return sound.astype(np.float32)


def film_ambience(plan: Plan, seed: int = 0) -> np.ndarray:
    """The beds of a plan's shots, one after another: float32 [2, N] at the grid's rate."""
    fps, rate = plan.grid.fps, plan.grid.audio_rate
    beds = [
        ambience(shot.place, shot.time_of_day, shot.frames / fps, rate, seed, shot.start / fps) for shot in plan.shots
    ]
    return np.concatenate(beds, axis=1)


def _at_time(bed: Bed, time_of_day: str) -> Bed:
    """Evenings have fewer birds and less traffic; nights have crickets instead of birds, and the
    shop's and the school's people have gone home."""
    if time_of_day == "sunset" and bed.birds:
        return replace(bed, birds=bed.birds / 2)
    if time_of_day == "night":
        crickets = -52.0 if bed.birds else bed.crickets
        level = bed.level - (6 if bed.passing else 0)
        happenings = tuple(each for each in bed.happenings if each[0] not in _BUSINESS)
        crowd = bed.crowd if happenings else None
        return replace(
            bed, birds=None, crickets=crickets, level=level, passing=bed.passing and bed.passing - 2,
            crowd=crowd, happenings=happenings,
        )
    return bed


def _random(key: tuple[int, int], part: str, number: int) -> np.random.Generator:
    return np.random.default_rng([*key, _TAGS[part], number + 2**31])


def _noise(bed: Bed, first: int, length: int, rate: int, key: tuple[int, int]) -> np.ndarray:
    """Coloured noise at bed.level from sample `first` on. [2, length]

    Block b covers seconds b to b + 2; neighbours cross-fade at equal power. The ears share part of the noise.
    """
    size = 2 * rate
    frequency = np.fft.rfftfreq(size, 1 / rate)
    points = np.array(bed.colour, float)
    decibels = np.interp(np.log(np.maximum(frequency, 1)), np.log(points[:, 0]), points[:, 1])
    gain = 10 ** (decibels / 20) * (frequency > 20)
    # irfft divides by size: a bin of power 2 g² adds 4 g² / size² to the mean square.
    gain *= 10 ** (bed.level / 20) * size / np.sqrt(4 * np.square(gain).sum())
    fade = np.sin(np.pi * (np.arange(size) + 0.5) / size)
    sound = np.zeros((2, length))
    for block in range(first // rate - 1, (first + length) // rate + 1):
        parts = _random(key, "noise", block).standard_normal((6, len(frequency)), np.float32)
        middle, left, right = parts[:3] + 1j * parts[3:]
        ears = np.stack([0.6 * middle + 0.8 * left, 0.6 * middle + 0.8 * right])
        _add(sound, np.fft.irfft(ears * gain, size, axis=-1) * fade, block * rate - first)
    return sound


def _slow_gain(bed: Bed, time: np.ndarray, key: tuple[int, int]) -> np.ndarray:
    """Wind, surf and cars come and go: factors for both ears, between knots 50 ms apart. [2, N]"""
    knots = np.arange(int(time[0] / _KNOT), int(time[-1] / _KNOT) + 2) * _KNOT
    gain = np.broadcast_to(_swell(*bed.swell, knots, key), (2, len(knots)))
    if bed.passing is not None:
        gain = gain * _passing(bed.passing, knots, key)
    return np.stack([np.interp(time, knots, ear) for ear in gain])


def _swell(depth: float, period: float, time: np.ndarray, key: tuple[int, int]) -> np.ndarray:
    """A factor that wanders `depth` dB up and down in about `period` seconds. [K]"""
    phase = _random(key, "gusts", 0).uniform(0, 2 * np.pi, 3)
    waves = np.sin(2 * np.pi / period * np.array([[1.0], [0.37], [1.9]]) * time + phase[:, None])
    return 10 ** (depth * (np.array([0.6, 0.25, 0.15]) @ waves) / 20)


def _passing(loudness: float, time: np.ndarray, key: tuple[int, int]) -> np.ndarray:
    """Cars that pass from one side to the other, as factors for both ears. [2, K]"""
    power = np.ones((2, len(time)))
    for slot in range(int(time[0] // _PASSING_SLOT) - 2, int(time[-1] // _PASSING_SLOT) + 3):
        rng = _random(key, "passing", slot)
        moment = (slot + rng.uniform(0.1, 0.9)) * _PASSING_SLOT
        width, way = rng.uniform(0.8, 1.6), rng.choice([-1.0, 1.0])
        offset = (time - moment) / width
        # Exactly 0 beyond 8 widths (12.8 s), so that slots further away than those looked at have no part in it.
        fade = np.square(np.clip(1 - np.square(offset / 8), 0, 1))
        near = 10 ** ((loudness + rng.uniform(-3, 2)) / 10) * fade / (1 + np.square(offset)) ** 2
        side = way * offset / np.sqrt(1 + np.square(offset))
        power += near * np.stack([1 - 0.8 * side, 1 + 0.8 * side])
    return np.sqrt(power)


def _hum(frequency: float, level: float, time: np.ndarray) -> np.ndarray:
    """Mains hum with two overtones, the same in both ears. [N]"""
    tones = sum(height * np.sin(2 * np.pi * frequency * k * time) for k, height in ((1, 1.0), (2, 0.5), (3, 0.25)))
    return 10 ** (level / 20) * tones


def _crickets(level: float, time: np.ndarray, key: tuple[int, int]) -> np.ndarray:
    """Three crickets: trains of short pulses on a tone between 4 and 5 kHz, each with its own side and pace. [2, N]"""
    rng = _random(key, "crickets", 0)
    sound = np.zeros((2, len(time)))
    for _ in range(3):
        tone, pulses, chirps = rng.uniform(4000, 5000), rng.uniform(26, 34), rng.uniform(1.3, 2.2)
        phase, angle = rng.uniform(0, 1), rng.uniform(0.15, 0.85) * np.pi / 2
        loud = 10 ** ((level + rng.uniform(-6, 3)) / 20)
        chirp = np.clip(np.sin(2 * np.pi * (chirps * time + phase)), 0, None)
        pulse = np.square(np.clip(np.sin(2 * np.pi * pulses * time), 0, None))
        voice = loud * np.minimum(chirp * 3, 1) * pulse * np.sin(2 * np.pi * tone * time)
        sound += np.array([[np.cos(angle)], [np.sin(angle)]]) * voice
    return sound


def _crowd(level: float, time: np.ndarray, first: int, rate: int, key: tuple[int, int]) -> np.ndarray:
    """Many people talking at once: noise of a voice's spectrum in the rhythm of syllables. [2, N]"""
    voices = _noise(Bed(_VOICES, level), first, len(time), rate, (key[0], key[1] ^ 1))
    rng = _random(key, "crowd", 0)
    knots = np.arange(int(time[0] / _KNOT), int(time[-1] / _KNOT) + 2) * _KNOT
    paces, phases = rng.uniform(2.4, 5.2, (2, 4)), rng.uniform(0, 2 * np.pi, (2, 4))
    waves = np.sin(2 * np.pi * paces[..., None] * knots + phases[..., None]).mean(1)
    return voices * np.stack([np.interp(time, knots, 1 + 0.9 * wave) for wave in waves])


def _add_happenings(
    sound: np.ndarray, name: str, every: float, first: int, rate: int, key: tuple[int, int]
) -> None:
    """Add one happening in every slot of `every` seconds to `sound` ([2, N]), in place."""
    last = (first + sound.shape[1]) / rate
    for slot in range(int(first / rate // every) - 2, int(last // every) + 1):
        rng = _random(key, name, slot)
        begin = round((slot + rng.uniform(0, 0.8)) * every * rate)
        angle = rng.uniform(0.1, 0.9) * np.pi / 2
        _add(sound, np.array([[np.cos(angle)], [np.sin(angle)]]) * HAPPENINGS[name](rng, rate), begin - first)


def _add_birds(sound: np.ndarray, bed: Bed, first: int, rate: int, key: tuple[int, int]) -> None:
    """Add bird phrases to `sound` ([2, N]) in place: one in every slot of time, of a few of its bird's chirps."""
    slot_seconds = 1 / bed.birds
    last = (first + sound.shape[1]) / rate
    for slot in range(int(first / rate // slot_seconds) - 2, int(last // slot_seconds) + 1):
        rng = _random(key, "birds", slot)
        begin = round((slot + rng.uniform(0, 0.6)) * slot_seconds * rate)
        bird = _random(key, "birds", -1 - rng.integers(4))  # four birds, who keep their place and song
        phrase = _bird_phrase(bird, rate) * 10 ** (rng.uniform(-4, 2) / 20)
        _add(sound, phrase, begin - first)


def _bird_phrase(bird: np.random.Generator, rate: int) -> np.ndarray:
    """One bird's phrase: gliding whistles between 2.2 and 5 kHz. [2, at most 1.4 s]"""
    pitch, glide = bird.uniform(2400, 4300), bird.uniform(-900, 900)
    length, gap = bird.uniform(0.07, 0.18), bird.uniform(0.04, 0.12)
    angle, loud = bird.uniform(0.1, 0.9) * np.pi / 2, 10 ** (bird.uniform(-39, -32) / 20)
    time = np.arange(int(length * rate)) / rate
    progress = time / length
    phase = 2 * np.pi * (pitch * time + glide * time * progress / 2) + 2.0 * np.sin(2 * np.pi * 30 * time)
    chirp = loud * np.square(np.sin(np.pi * progress)) * np.sin(phase)
    mono = np.tile(np.concatenate([chirp, np.zeros(int(gap * rate))]), bird.integers(2, 5))
    return np.array([[np.cos(angle)], [np.sin(angle)]]) * mono


def _add(sound: np.ndarray, piece: np.ndarray, at: int) -> None:
    """Add `piece` ([2, M]) to `sound` ([2, N]) from sample `at` on, as far as they overlap."""
    begin, end = max(at, 0), min(at + piece.shape[1], sound.shape[1])
    if begin < end:
        sound[:, begin:end] += piece[:, begin - at : end - at]
