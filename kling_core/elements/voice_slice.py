"""The cleanest seconds of a voice: models take a few of them, and what is in these is what they copy."""

from __future__ import annotations

import numpy as np

from kling_core.elements.pitch import median_pitch
from kling_core.elements.voice_checks import CLIPPED_SHARE, clipped_share, frame_power, signal_to_noise

GOOD_SECONDS = 5.0
"""As much of a voice as tells it: what ID-LoRA is trained on, and a third of what MiniMax H3 takes in all."""

_BLOCK_SECONDS = 0.25
_AROUND = 3  # blocks on either side within which pitch is measured
_BESIDE = 4  # blocks before, and after, with which noise and clipping are
_SPOKEN_DB, _WORST_DB, _BEST_DB = -30.0, 6.0, 24.0
_OTHER_VOICE = 0.45  # octaves: intonation of one person rarely leaves its median by more over a second
_WORTH = 0.6  # of the best: blocks that are worse do not lengthen a slice


def cleanest(samples: np.ndarray, rate: int, longest: float, shortest: float = GOOD_SECONDS) -> tuple[float, float]:
    """The seconds [start, stop) of a recording, samples [N], where one person is heard best.

    The slice whose cleanliness above `_WORTH` of the recording's best adds up to most: it grows over good speech, up
    to `longest` seconds, and stops where it gets worse, but not below `shortest`. A recording that is shorter is
    taken whole. Deterministic.
    """
    score = cleanliness(samples, rate)
    blocks = len(score)
    most = min(int(longest / _BLOCK_SECONDS + 1e-6), blocks)
    if most < 1:
        return 0.0, min(len(samples) / rate, longest)
    least = min(int(np.ceil(shortest / _BLOCK_SECONDS - 1e-6)), most)
    running = np.pad(np.cumsum(score - _WORTH * np.quantile(score, 0.9)), (1, 0))
    lengths = np.arange(least, most + 1)
    found = [running[length:] - running[:-length] for length in lengths]
    best = max(range(len(lengths)), key=lambda at: found[at].max())
    start = int(found[best].argmax())
    return start * _BLOCK_SECONDS, (start + int(lengths[best])) * _BLOCK_SECONDS


def cleanliness(samples: np.ndarray, rate: int) -> np.ndarray:
    """In 0..1 for each whole 0.25 s of a recording [N]: the share of it that is spoken, times how little noise (nothing
    left at 6 dB, nothing lost at 24 dB), clipping and other voices there are in the second around it.

    Another voice is one whose median pitch lies half an octave away; two voices of one pitch are not told apart.
    """
    block = int(rate * _BLOCK_SECONDS)
    blocks = samples[: len(samples) // block * block].reshape(-1, block)
    loud = float(np.quantile(frame_power(samples, rate), 0.9)) if len(blocks) else 0.0
    own = median_pitch(samples, rate) if loud else None
    return np.array([_block_score(blocks, at, rate, loud, own) for at in range(len(blocks))])


def _block_score(blocks: np.ndarray, at: int, rate: int, loud: float, own: float | None) -> float:
    """loud: power of the recording's loud moments. own: its median pitch in Hz."""
    activity = np.mean(frame_power(blocks[at], rate) > loud * 10 ** (_SPOKEN_DB / 10))
    if not activity:
        return 0.0
    # Each side by itself, so that neither the quiet moments of a clean second hide the noise of the one beside it, nor
    # the flat tops of a clipped second are laid to it.
    sides = blocks[max(at - _BESIDE, 0) : at + 1], blocks[at : at + _BESIDE + 1]
    sides = [side.ravel() for side in sides if len(side) > 1 or len(blocks) == 1]
    ratio = min(signal_to_noise(side, rate) for side in sides)
    quiet = np.clip((ratio - _WORST_DB) / (_BEST_DB - _WORST_DB), 0, 1)
    whole = min(clipped_share(side) for side in sides) <= CLIPPED_SHARE
    around = blocks[max(at - _AROUND, 0) : at + _AROUND + 1].ravel()
    pitch = median_pitch(around, rate) if own else None
    same = own is None or pitch is None or abs(np.log2(pitch / own)) < _OTHER_VOICE
    return float(activity * quiet * (1.0 if whole else 0.2) * (1.0 if same else 0.1))
