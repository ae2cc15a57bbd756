"""Voices of real people, known by speaker embeddings: GE2E (Wan et al., ICASSP 2018) with Resemblyzer's weights.

Only the weights of that package are used (Apache-2.0): its own code asks for compilers and for releases of SciPy that
are gone. `pip install --no-deps Resemblyzer` brings them.
"""

from __future__ import annotations

from importlib import util
from pathlib import Path

import numpy as np
import torch
import torchaudio

from kling_core.errors import KlingError, Problem
from kling_core.sound.murmur import murmur
from kling_core.sound.voices import CastVoice

_RATE = 16_000
_MELS, _SIZE, _LAYERS = 40, 256, 3  # the network's, with the window of 25 ms and hop of 10 ms below
_WINDOW, _HOP = _RATE // 40, _RATE // 100
_PART, _STEP = 160, 80  # mel frames: the 1.6 s that it was trained on, half overlapping
_QUIETEST = -30.0  # dBFS: what is softer is raised to it, as in training
_SAMPLE = "All of us were there when it began, and most of us remember how it ended."
_SAMPLE_SECONDS = 6.0


class EmbeddingListener:
    """Cosine distances of embeddings, 0 = the same direction.

    alike, stranger: Resemblyzer's voices are at .11 of themselves and at .44 of others in the middle, with equal errors
    of 2.7 % at .256 (32 English readers of clean speech).
    """

    name = "speaker embeddings (GE2E, Resemblyzer's weights)"
    error = "real voices: 2.7 % equal error"
    alike, stranger = 0.05, 0.4

    def __init__(self) -> None:
        self._lstm = torch.nn.LSTM(_MELS, _SIZE, _LAYERS, batch_first=True)
        self._linear = torch.nn.Linear(_SIZE, _SIZE)
        file = _weights_file()
        if file is None:
            remedy = "To compare real voices, run: pip install --no-deps Resemblyzer"
            raise KlingError(Problem("speaker embeddings", "their weights are not installed", remedy))
        weights = torch.load(file, map_location="cpu", weights_only=True)["model_state"]
        for name, module in (("lstm.", self._lstm), ("linear.", self._linear)):
            module.load_state_dict({
                key.removeprefix(name): value for key, value in weights.items() if key.startswith(name)
            })
        self._mel = torchaudio.transforms.MelSpectrogram(
            _RATE, n_fft=_WINDOW, hop_length=_HOP, n_mels=_MELS, norm="slaney", mel_scale="slaney"
        )

    def known(self, voice: CastVoice) -> np.ndarray:
        """Of the recording, or of a sample of the voice that the cast has without one."""
        recording = voice.recording
        if recording is not None:
            return self._embedding(recording.samples, recording.sample_rate)
        sample = murmur(_SAMPLE, voice.pitch, _SAMPLE_SECONDS, _RATE, 0, voice.formant_scale)
        return self._embedding(sample, _RATE)

    def heard(self, samples: np.ndarray, rate: int) -> np.ndarray | None:
        return self._embedding(samples, rate) if np.abs(samples).max(initial=0) > 1e-3 else None

    def distance(self, one: np.ndarray, other: np.ndarray) -> float:
        return float(1 - one @ other)

    @torch.inference_mode()
    def _embedding(self, samples: np.ndarray, rate: int) -> np.ndarray:
        """Unit vector [256]: the mean over parts of 1.6 s."""
        wave = torchaudio.functional.resample(torch.as_tensor(samples, dtype=torch.float32), rate, _RATE)
        level = 10 * torch.log10(wave.square().mean() + 1e-12)
        mel = self._mel(wave * 10 ** (max(_QUIETEST - float(level), 0.0) / 20)).T
        starts = range(0, max(len(mel) - _STEP, 1), _STEP)
        parts = [self._linear(self._lstm(mel[None, at: at + _PART])[1][0][-1])[0].relu() for at in starts]
        mean = torch.stack([part / part.norm() for part in parts]).mean(0)
        return (mean / mean.norm()).numpy()


def is_installed() -> bool:
    return _weights_file() is not None


def _weights_file() -> Path | None:
    package = util.find_spec("resemblyzer")
    folders = package and package.submodule_search_locations
    file = Path(folders[0]) / "pretrained.pt" if folders else None
    return file if file and file.is_file() else None
