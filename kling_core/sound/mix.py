"""The film's sound: lines where their speakers stand, ambience below them, at a standard loudness."""

from __future__ import annotations

import numpy as np
import torch

from kling_core.plan.plan import Plan
from kling_core.sound.speech import SpokenLine

LOUDNESS, TRUE_PEAK = -16.0, -1.0
_OFF_SCREEN_GAIN, _DUCKED, _OVERSAMPLING, _SHORTEST = 0.6, 0.5, 4, 0.5


def mix(plan: Plan, speech: tuple[SpokenLine, ...], ambience: np.ndarray) -> np.ndarray:
    """Stereo sound float32 [2, N] of the film at LOUDNESS LUFS (ITU-R BS.1770), true peak at most TRUE_PEAK dB.

    ambience: float32 [2, N] at the grid's rate. Lines are panned with constant power to where the speaker's head is
    on screen; who is off screen speaks from the middle, a little softer. Ambience is halved under speech. Where the
    peak limit and the loudness cannot both hold, the peak limit does.
    """
    rate, length = plan.grid.audio_rate, round(plan.seconds * plan.grid.audio_rate)
    lines, heard = np.zeros((2, length), np.float32), np.zeros(length, np.float32)
    for line in speech:
        start = round(line.start * rate)
        samples = line.samples[: max(0, length - start)]
        lines[:, start : start + len(samples)] += _sides(plan, line)[:, None] * samples
        heard[start : start + len(samples)] = 1
    bed = np.zeros((2, length), np.float32)
    bed[:, : min(length, ambience.shape[1])] = ambience[:, :length]
    fade = np.ones(rate // 10) / (rate // 10)
    bed *= 1 - (1 - _DUCKED) * np.convolve(heard, fade, "same")[:length]
    return _levelled(lines + bed, rate)


def _sides(plan: Plan, line: SpokenLine) -> np.ndarray:
    """Gains [left, right] of a line."""
    frame = min(plan.frames - 1, max(0, plan.grid.frame_at(line.start)))
    shot = next(number for number, shot in enumerate(plan.shots) if shot.start <= frame < shot.stop)
    track = plan.blocking[shot].track(line.speaker)
    if track is None:
        return np.full(2, _OFF_SCREEN_GAIN * np.sqrt(0.5), np.float32)
    box = track.head[frame - plan.shots[shot].start]
    angle = np.clip((box[0] + box[2]) / 2, 0, 1) * np.pi / 2
    return np.array([np.cos(angle), np.sin(angle)], np.float32)


def _levelled(sound: np.ndarray, rate: int) -> np.ndarray:
    import torchaudio

    tensor = torch.from_numpy(sound)
    if sound.shape[1] >= _SHORTEST * rate and tensor.abs().max() > 1e-6:
        loudness = float(torchaudio.transforms.Loudness(rate)(tensor))
        if np.isfinite(loudness):
            tensor = tensor * 10 ** ((LOUDNESS - loudness) / 20)
    ceiling = 10 ** (TRUE_PEAK / 20)
    peak = float(torchaudio.functional.resample(tensor, rate, rate * _OVERSAMPLING).abs().max())
    if peak > ceiling:
        # Soft above two thirds of the ceiling, then scaled, so that a single shout does not turn the film down.
        knee = ceiling * 2 / 3
        over = (tensor.abs() - knee).clamp(min=0)
        bent = knee + (ceiling - knee) * torch.tanh(over / (ceiling - knee))
        tensor = torch.where(tensor.abs() > knee, tensor.sign() * bent, tensor)
        peak = float(torchaudio.functional.resample(tensor, rate, rate * _OVERSAMPLING).abs().max())
        tensor = tensor * min(1.0, ceiling / max(peak, 1e-9) * 0.999)
    return tensor.numpy().astype(np.float32)
