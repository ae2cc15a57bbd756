"""Where a film cuts, found in its pictures alone, against where its plan cuts.

A cut is a frame that no motion of the frame before it explains, or one that a single jerk explains, which neither the
frames before nor those after go on with: somebody who is cut to in the same place at the same size. The frame before is
warped along the optical flow (DIS, Kroeger et al., ECCV 2016, in OpenCV) onto the next; what remains different, and how
far the flow itself leaps, are held against the frames around it. Plain differences of frames, and PySceneDetect's of
colour histograms, mistake a fast orbit for a cut or a cut between two shots of the same park for a motion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from kling_core.plan.plan import Plan

INSTRUMENT = "what optical flow cannot explain between two frames (own)"
_WIDTH = 128  # pixels: enough for the flow of a scene, and few enough for 200 frames a second
_AROUND = 5  # frames before and after, which a cut is held against
# What is left over at a cut, as a share of the pictures' contrast (night is dark, and so are its cuts), and in times of
# what its neighbours leave. Calibrated on the stage's renders of the benchmark's scenes 0 to 164: at 311 of their 312
# cuts it is .158 or more and 2.2 times or more; what has more than .13 elsewhere has 1.4 times at most. The seams of
# films that are made in pieces have 1.6.
_LEAST, _TIMES_AROUND = 0.13, 1.95
# The same of a jerk: pixels that the flow leaps, in times of how it leaps around, and what is left over. The remaining
# cut leaps 54 times as far as the flow around it; no motion that leaps as far does so 4.4 times.
_JERK, _JERK_TIMES_AROUND, _LEAST_WITH_JERK = 1.5, 8.0, 0.05
_LEAST_CONTRAST = 12.0


@dataclass(frozen=True)
class Cut:
    """A planned cut. shot: index of the shot that begins with it. planned: its frame; found: the film's, if any."""

    shot: int
    planned: int
    found: int | None

    @property
    def error(self) -> int | None:
        """Frames that the film cuts late (negative: early)."""
        return None if self.found is None else self.found - self.planned


@dataclass(frozen=True)
class CutReport:
    """cuts: one for every shot but the first. too_many: frames at which the film cuts and the plan does not."""

    cuts: tuple[Cut, ...]
    too_many: tuple[int, ...]


def measure_cuts(frames: np.ndarray, plan: Plan) -> CutReport:
    """frames: uint8 [T, H, W, 3], the film on the plan's clock. A cut counts as found within a latent of its plan."""
    return match_cuts(find_cuts(frames), [shot.start for shot in plan.shots[1:]], plan.grid.frames_per_latent)


def match_cuts(found: Sequence[int], planned: Sequence[int], tolerance: int) -> CutReport:
    """Each planned cut (of the second shot and those after it) with the nearest one found, at most `tolerance` off."""
    cuts = []
    for shot, start in enumerate(planned, 1):
        near = [at for at in found if abs(at - start) <= tolerance]
        cuts.append(Cut(shot, start, min(near, key=lambda at: abs(at - start), default=None)))
    taken = {cut.found for cut in cuts}
    return CutReport(tuple(cuts), tuple(at for at in found if at not in taken))


def find_cuts(frames: np.ndarray) -> list[int]:
    """Frames with which a new shot begins, in a film of uint8 [T, H, W, 3]."""
    (left, leap), contrast = _changes(frames), _contrast(frames)
    share = left / np.minimum(contrast, np.roll(contrast, 1))
    unexplained = (share > _LEAST) & (left > _TIMES_AROUND * _around(left))
    jerk = (share > _LEAST_WITH_JERK) & (leap > np.maximum(_JERK, _JERK_TIMES_AROUND * _around(leap)))
    return [int(at) for at in (unexplained | jerk).nonzero()[0]]


def _contrast(frames: np.ndarray) -> np.ndarray:
    """Standard deviation of each frame's grey levels [T]; never so small that a codec's noise would be a cut."""
    return np.array([max(_LEAST_CONTRAST, float(frame[::2, ::2].mean(-1).std())) for frame in frames])


def _around(values: np.ndarray) -> np.ndarray:
    """For each of `values` [T] the second highest of its neighbours, so that another cut nearby hides none."""
    found = np.zeros(len(values))
    for at in range(len(values)):
        near = np.concatenate([values[max(at - _AROUND, 1): max(at, 1)], values[at + 1: at + 1 + _AROUND]])
        found[at] = np.sort(near)[-2] if len(near) > 1 else 0.0
    return found


def _changes(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each frame of uint8 [T, H, W, 3]: how much of it no motion of the one before explains, 0..255, and how far the
    flow leaps, in pixels of _WIDTH; 0 for the first.

    Both directions of time are tried and the better one counts: what comes into the picture is unexplained forwards,
    what leaves it backwards, and a cut is neither. In the same way a motion that sets in is not a leap.
    """
    height = round(_WIDTH * frames.shape[1] / frames.shape[2])
    small = [cv2.resize(frame, (_WIDTH, height), interpolation=cv2.INTER_AREA) for frame in frames]
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in small]
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    left, change = np.zeros(len(frames)), np.zeros(len(frames) + 1)
    last = None
    for at in range(1, len(frames)):
        back, forth = (flow.calc(grey[a], grey[b], None) for a, b in ((at, at - 1), (at - 1, at)))
        left[at] = min(_left_over(small[at - 1], small[at], back), _left_over(small[at], small[at - 1], forth))
        change[at] = 0.0 if last is None else float(np.linalg.norm(back - last, axis=-1).mean())
        last = back
    return left, np.minimum(change[:-1], change[1:])


def _left_over(source: np.ndarray, target: np.ndarray, flow: np.ndarray) -> float:
    """Mean difference between `target` and `source` warped onto it; flow [H, W, 2] leads from target to source."""
    rows, columns = np.mgrid[: flow.shape[0], : flow.shape[1]].astype(np.float32)
    columns, rows = columns + flow[..., 0], rows + flow[..., 1]
    warped = cv2.remap(source, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return float(cv2.absdiff(warped, target).mean())
