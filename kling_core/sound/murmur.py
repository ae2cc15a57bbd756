"""A procedural voice that needs no model: it murmurs the syllables of a text, with a speaker's pitch and vocal tract.

Source and filter (Fant 1960): a train of glottal pulses with intonation and a little breath runs through four
formants for each syllable; consonants are gaps, bursts, hisses and hums between them. Nobody will understand a word,
but syllables, pauses, pitch and loudness are those of the line, so that mouths, timing and mix can be worked on.
numpy only, and fast: it also makes the embedded model's training data.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from dataclasses import dataclass

import numpy as np

# F1, F2, F3 in Hz of an adult male (after Peterson & Barney 1952), and a gain that leaves open vowels the louder
# ones, but by 6 dB only.
_VOWELS = {
    "a": (730, 1090, 2440, 1.0),
    "e": (530, 1840, 2480, 1.5),
    "i": (300, 2200, 2950, 2.0),
    "o": (570, 840, 2410, 1.0),
    "u": (320, 870, 2240, 1.5),
}
_BY_OPENING = "aoeui"
_FRICATIVES, _HUMS = set("fhjsxzc"), set("lmnrvwy")
_FOURTH = 3500.0  # Hz, the same for all vowels
_BANDWIDTHS = (90.0, 110.0, 170.0, 250.0)
_NEUTRAL_PITCH = 120.0
_LONGEST_SYLLABLE = 0.32  # seconds; a short text in a long time ends in silence, not in a drone
_EDGE = 0.03  # seconds of silence before and after
_COMMA, _STOP = 1.0, 2.0  # pauses, in syllables
_WINDOW = 0.032  # seconds of the filter's frames, in which the mouth is taken to stand still


@dataclass(frozen=True)
class Syllable:
    """A consonant class ("stop", "hiss", "hum" or "" for none), a vowel of `aeiou`, and the pause after it.

    The pause is counted in syllables.
    """

    onset: str
    vowel: str
    pause: float = 0.0


def syllables(text: str) -> tuple[Syllable, ...]:
    """The syllables of a text: a vowel group in Latin script, a letter in kana, hangul and Chinese, a digit."""
    found: list[Syllable] = []
    for word in re.findall(r"[^\W_]+|[^\w\s]", re.sub(r"['’]", "", text)):
        if word[0].isalnum():
            found += _word_syllables(word)
        elif found:
            pause = _STOP if word in ".!?。！？…" else _COMMA if word in ",;:—–、，；：" else 0.0
            found[-1] = Syllable(found[-1].onset, found[-1].vowel, max(found[-1].pause, pause))
    return tuple(found)


def murmur(
    text: str, pitch: float, seconds: float, rate: int, seed: int, formant_scale: float | None = None
) -> np.ndarray:
    """Murmur `text` at a median fundamental of `pitch` Hz: float32 [round(seconds * rate)], peak 0.5.

    The syllables fill `seconds`, or as much of it as syllables of 0.32 s do. formant_scale: formants against those of
    an adult male, above 1 for a shorter vocal tract; None takes the one usual at that pitch. The same arguments give
    the same samples.
    """
    length = round(seconds * rate)
    spoken = syllables(text)
    if not spoken or length < 2:
        return np.zeros(max(length, 0), np.float32)
    if formant_scale is None:
        formant_scale = usual_formant_scale(pitch)
    rng = np.random.default_rng([seed, zlib.crc32(text.encode())])
    score = _Score.write(spoken, seconds, rng)
    time = np.arange(length) / rate
    voiced = _pulses(pitch * score.intonation(time, rng), rate, rng)
    voiced += 0.05 * rng.standard_normal(length).astype(np.float32)
    hiss = rng.standard_normal(length).astype(np.float32)
    sound = _shape(voiced, hiss, score, rate, formant_scale)
    return (sound * (0.5 / max(np.abs(sound).max(), 1e-9))).astype(np.float32)


def usual_formant_scale(pitch: float) -> float:
    """Formants of a person who speaks at `pitch` Hz against those of an adult male: 1 at 120 Hz, 1.17 at 205 Hz.

    Women's formants lie about 17 % above men's, at 1.7 times the pitch (Peterson & Barney 1952).
    """
    return float(np.clip((pitch / _NEUTRAL_PITCH) ** 0.3, 0.85, 1.4))


def _word_syllables(word: str) -> list[Syllable]:
    found: list[Syllable] = []
    latin = ""
    for letter in word:
        name = unicodedata.name(letter, "")
        if name.startswith("LATIN"):
            latin += unicodedata.normalize("NFD", letter)[0].lower()
        elif name.startswith(("HIRAGANA LETTER SMALL", "KATAKANA LETTER SMALL")):
            if found:  # part of the letter before it: its vowel takes over ("ti" + small "yo" is "tyo")
                found[-1] = Syllable(found[-1].onset, name[-1].lower() if name[-2:] != "TU" else found[-1].vowel)
        elif name.startswith(("HIRAGANA LETTER", "KATAKANA LETTER", "HANGUL SYLLABLE")):
            found += _latin_syllables(name.split()[-1].lower())[:1]
        else:
            code = zlib.crc32(letter.encode())
            found.append(Syllable(("stop", "hiss", "hum", "")[code % 4], "aeiou"[code // 4 % 5]))
    return found + _latin_syllables(latin)


def _latin_syllables(word: str) -> list[Syllable]:
    found = []
    for onset, vowels in re.findall(r"(^y|[^aeiouy]*)([aeiouy]+)", word):
        widest = min(vowels.replace("y", "i"), key=_BY_OPENING.index)
        found.append(Syllable(_onset_class(onset), widest))
    return found or [Syllable(_onset_class(word), "e")] * bool(word)  # letters without a vowel: "hm", "pst"


def _onset_class(consonants: str) -> str:
    last = consonants[-1:]
    return "" if not last else "hiss" if last in _FRICATIVES else "hum" if last in _HUMS else "stop"


@dataclass(frozen=True)
class _Score:
    """Where each syllable begins, how long it is, in seconds, and how strongly it is spoken."""

    spoken: tuple[Syllable, ...]
    start: np.ndarray
    length: np.ndarray
    stress: np.ndarray
    seconds: float

    @classmethod
    def write(cls, spoken: tuple[Syllable, ...], seconds: float, rng: np.random.Generator) -> _Score:
        weight = rng.uniform(0.8, 1.2, len(spoken))
        pause = np.array([syllable.pause for syllable in spoken])
        pause[-1] = 0.0
        edge = min(_EDGE, seconds / 10)
        unit = min((seconds - 2 * edge) / (weight + pause).sum(), _LONGEST_SYLLABLE)
        start = edge + unit * np.concatenate([[0.0], np.cumsum(weight + pause)[:-1]])
        return cls(spoken, start, unit * weight, rng.uniform(0.6, 1.0, len(spoken)), seconds)

    def intonation(self, time: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Pitch factor at `time`, median about 1: falls over the line, rises on stressed syllables. [N]"""
        stop = self.start[-1] + self.length[-1]
        middle = self.start + self.length / 2
        accent = 0.1 * (self.stress - np.median(self.stress)) / 0.2
        fall = 0.08 * (0.5 - middle / stop)
        factor = np.exp(fall + accent + rng.normal(0, 0.02, len(middle)))
        factor /= np.median(factor)
        return np.interp(time, middle, factor)

    def mouth(self, time: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Formants [K, 4] in Hz, loudness of the voice [K] and of the hiss [K] at `time`."""
        middle = self.start + self.length / 2
        targets = np.array([_VOWELS[syllable.vowel] for syllable in self.spoken])
        formants = np.stack([*(np.interp(time, middle, targets[:, k]) for k in range(3)), 0 * time + _FOURTH], -1)
        voice, hiss = np.zeros_like(time), np.zeros_like(time)
        for syllable, start, length, strength in zip(
            self.spoken, self.start, self.length, self.stress * targets[:, 3], strict=True
        ):
            phase = (time - start) / length
            # The vowel takes what the consonant leaves, swells quickly and dies away before the next one.
            onset = 0.3 if syllable.onset else 0.05
            vowel = np.clip((phase - onset) / 0.15, 0, 1) * np.clip((1 - phase) / 0.2, 0, 1)
            voice = np.maximum(voice, strength * vowel)
            if syllable.onset == "hum":
                voice = np.maximum(voice, 0.12 * np.clip(np.minimum(phase, 1 - phase) / 0.1, 0, 1))
            elif syllable.onset == "hiss":
                hiss = np.maximum(hiss, 0.5 * np.clip(1 - np.abs(phase - 0.15) / 0.15, 0, 1))
            elif syllable.onset == "stop":
                hiss = np.maximum(hiss, 0.5 * np.clip(1 - np.abs(phase - 0.27) / 0.04, 0, 1))
        return formants, voice, hiss


def _pulses(pitch: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Glottal pulses at `pitch` Hz ([N]), each between two samples, with 0.5 % jitter and 5 % shimmer. float32 [N]"""
    phase = np.cumsum(pitch) / rate
    at = np.interp(np.arange(1, int(phase[-1]) + 1), phase, np.arange(len(phase)))
    at = at + rng.normal(0, 0.005, len(at)) * rate / pitch[at.astype(int)]
    at = np.clip(at, 0, len(pitch) - 2)
    height = 1 + rng.normal(0, 0.05, len(at))
    whole = at.astype(int)
    train = np.zeros(len(pitch), np.float32)
    np.add.at(train, whole, height * (1 - (at - whole)))
    np.add.at(train, whole + 1, height * (at - whole))
    return train * np.sqrt(rate / pitch.mean()).astype(np.float32)


def _shape(voiced: np.ndarray, hiss: np.ndarray, score: _Score, rate: int, scale: float) -> np.ndarray:
    """Filter both sources frame by frame (weighted overlap-add of Hann windows) as the mouth moves. [N]"""
    size = max(int(_WINDOW * rate) // 4 * 4, 8)
    hop = size // 4
    count = len(voiced) // hop + 5
    time = (np.arange(count) - 2) * hop / rate
    formants, loud, noisy = score.mouth(time)
    frequency = np.fft.rfftfreq(size, 1 / rate).astype(np.float32)
    window = np.sqrt(np.hanning(size + 1)[:-1]).astype(np.float32)
    gain = _formant_gain(frequency, formants * scale) * loud[:, None].astype(np.float32)
    spectrum = _frames(voiced, size, hop, count, window) * gain
    hiss_gain = (frequency / 5000) ** 2 / (1 + (frequency / 5000) ** 4)
    spectrum += _frames(hiss, size, hop, count, window) * (0.25 * noisy[:, None].astype(np.float32) * hiss_gain)
    pieces = np.fft.irfft(spectrum, size, axis=-1) * window
    sound = np.zeros((count + 3, hop), np.float32)
    for part in range(4):
        sound[part : part + count] += pieces[:, part * hop : (part + 1) * hop]
    return sound.reshape(-1)[size // 2 + 2 * hop :][: len(voiced)] / 2


def _frames(signal: np.ndarray, size: int, hop: int, count: int, window: np.ndarray) -> np.ndarray:
    """Spectra of windows centred on the times (k - 2) hop, [count, size / 2 + 1]."""
    padded = np.pad(signal, (size // 2 + 2 * hop, size + 4 * hop))
    pieces = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop][:count]
    return np.fft.rfft(pieces * window, axis=-1)


def _formant_gain(frequency: np.ndarray, formants: np.ndarray) -> np.ndarray:
    """Magnitude of four cascaded resonators, with the glottis' -12 dB and the lips' +6 dB an octave. [K, F]"""
    gain = (frequency / 300) / (1 + np.square(frequency / 300))
    gain = np.broadcast_to(gain, (len(formants), len(frequency)))
    squared = np.square(frequency)
    for column, bandwidth in enumerate(_BANDWIDTHS):
        centre = np.square(formants[:, column : column + 1]).astype(np.float32)
        gain = gain * centre / np.sqrt(np.square(squared - centre) + squared * bandwidth**2)
    return gain
