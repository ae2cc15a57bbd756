"""Whether mouths move with what is heard, and only then, read in the pictures.

Lips and throat are redder than skin, in any light and on any skin: the share R / (R + G + B) is about .66 for the
stage's mouths and .38 to .48 for its skins, up to .52 at sunset. So the opening of a mouth is read as how much of a box
around the planned mouth has gone from skin to lip, and is compared with how much of it would on the stage, where one
opening shows more or less of a mouth as lips are round or wide, bare their teeth or smile. This is made for the stage's
puppets, and for films that have mouths like theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

import numpy as np

from kling_core.plan.blocking import SubjectTrack
from kling_core.plan.plan import Plan
from kling_core.previz.conditioning import mouth_curves
from kling_core.previz.stage.paint import EXPRESSIONS, mouth_areas
from kling_core.sound.envelope import REST
from kling_core.sound.speech import SpokenLine

INSTRUMENT = "red share around the planned mouth (puppets)"
LAGS = range(-4, 5)  # frames
TURNED_AWAY = np.radians(50)  # beyond it the nose and the edge of the face hide part of a mouth
FEWEST = 8  # frames, for a correlation
# The box that is read: half its size, and how much higher than the planned mouth it lies, in head radii, as beards and
# clothes are below. Half of it is skin, whose share the median is, unless there is a red beard.
_BOX, _RISE = 0.35, 0.08
_HEAD = 0.8  # half the head's width where the mouth is, in head radii: beyond it is the background
# Teeth are three times as bright as lips, so a pixel in which they meet looks like teeth.
_TEETH = 1.3
_SKIN_AT_MOST, _LIP = 0.52, 0.66  # at sunset
TURNED = "turned away, off screen, or in view too briefly"
STILL, UNHEARD = "too short a line", "no mouth is seen to speak in the film"


@dataclass(frozen=True)
class LipTrack:
    """The mouth of one subject in one shot.

    speaks: whether the subject has a line there. correlation: of the reading with what the stage's mouth would show of
    that line, at lag 0; best_lag: frames at which it is highest (best_correlation), positive where the picture is late.
    All three are None for who does not speak. still: how much the mouth changes from frame to frame while it should be
    closed, over how much those of the film's speakers do while they speak. left_out: why there is no reading, or "".
    """

    shot: int
    subject: str
    speaks: bool
    correlation: float | None = None
    best_lag: int | None = None
    best_correlation: float | None = None
    still: float | None = None
    left_out: str = ""


def measure_lips(frames: np.ndarray, plan: Plan, speech: tuple[SpokenLine, ...]) -> tuple[LipTrack, ...]:
    """Every subject in every shot. frames: uint8 [T, H, W, 3], the film on the plan's clock."""
    curves = mouth_curves(plan, speech)
    read = []
    for shot, blocking in zip(plan.shots, plan.blocking):
        for track in blocking.subjects:
            curve = curves.get(track.subject, np.tile(REST, (plan.frames, 1)))[shot.start: shot.stop]
            read.append((shot.index, track, curve, read_mouth(frames[shot.start: shot.stop], track)))
    moved = [_stir(readings, curve[:, 0] > 0) for _, _, curve, readings in read]
    usual = median([each for each in moved if each] or [0.0])
    return tuple(_lip_track(shot, track, curve, readings, usual) for shot, track, curve, readings in read)


def read_mouth(frames: np.ndarray, track: SubjectTrack) -> np.ndarray:
    """How much of a box around a mouth is lip or throat, 0..1, in each frame of a shot (uint8 [F, H, W, 3]): [F].

    What of the box is beside the head or off screen counts as skin. NaN where the mouth is off screen or turned away by
    more than 50 degrees.
    """
    height, width = frames.shape[1:3]
    readings = np.full(len(frames), np.nan)
    turned = track.facing + track.gaze
    # A face that turns away gets narrower, and its mouth as well; a smile is wider than the box.
    across = (_BOX + max(EXPRESSIONS[track.performance.expression].width, 0.0)) * np.cos(turned)
    for at in np.flatnonzero((np.abs(turned) < TURNED_AWAY) & (track.depth > 0)):
        radius = (track.head[at, 3] - track.head[at, 1]) / 2 * height
        x, y = track.mouth[at] * (width, height)
        rows = _pixels(y - (_RISE + _BOX) * radius, y - (_RISE - _BOX) * radius, height)
        left, right = (track.head[at, ::2].mean() * width + side * _HEAD * radius for side in (-1, 1))
        columns = _pixels(max(x - across[at] * radius, left), min(x + across[at] * radius, right), width)
        box = frames[at][rows, columns].astype(float)
        if box.size:
            # The 12 keeps the noise of nearly black pixels out.
            share = (box[..., 0] + 4) / (box.sum(-1) + 12)
            skin = min(float(np.median(share)), _SKIN_AT_MOST)
            readings[at] = np.clip((share - skin) / (_LIP - skin), 0, 1).sum() / (4 * _BOX * across[at] * radius**2)
    return readings


def _pixels(start: float, stop: float, size: int) -> slice:
    """At least one pixel, if it is on screen."""
    first = int(np.clip(round(start), 0, size))
    return slice(first, int(np.clip(max(round(stop), first + 1), 0, size)))


def _lip_track(shot: int, subject: SubjectTrack, curve: np.ndarray, readings: np.ndarray, usual: float) -> LipTrack:
    """curve: opening and spread [F, 2]."""
    name, opening = subject.subject, curve[:, 0]
    speaks = bool(opening.any())
    read = np.isfinite(readings)
    if read.sum() < FEWEST:
        return LipTrack(shot, name, speaks, left_out=TURNED)
    moved = _stir(readings, opening == 0)
    still = moved / usual if moved is not None and usual else None
    if not speaks:
        return LipTrack(shot, name, speaks, still=still, left_out="" if usual else UNHEARD)
    if opening[read].std() == 0:
        return LipTrack(shot, name, speaks, left_out=STILL)
    mouth, teeth = mouth_areas(subject.performance.expression, curve)
    shown = mouth - _TEETH * teeth
    by_lag = {lag: _correlation(readings, shown, lag) for lag in LAGS}
    best = max(by_lag, key=lambda lag: (by_lag[lag], -abs(lag)))
    return LipTrack(shot, name, speaks, by_lag[0], best, by_lag[best], still)


def _stir(readings: np.ndarray, chosen: np.ndarray) -> float | None:
    """How much the chosen readings change from frame to frame (root mean square); None of too few.

    Syllables do that; a head that turns changes its reading as far, but slowly.
    """
    changes = np.diff(readings)[chosen[1:] & chosen[:-1]]
    changes = changes[np.isfinite(changes)]
    return float(np.sqrt(np.square(changes).mean())) if len(changes) >= FEWEST else None


def _correlation(readings: np.ndarray, shown: np.ndarray, lag: int) -> float:
    """Pearson's, of readings that are `lag` frames late; 0 where nothing varies."""
    late, early = readings[max(lag, 0):][: len(readings) - abs(lag)], shown[max(-lag, 0):][: len(shown) - abs(lag)]
    both = np.isfinite(late)
    if both.sum() < FEWEST or late[both].std() == 0 or early[both].std() == 0:
        return 0.0
    return float(np.corrcoef(late[both], early[both])[0, 1])
