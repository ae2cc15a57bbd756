"""Where a film cuts, found in its pictures alone, against where its plan cuts.

A cut is a frame that no motion of the frame before it explains: the frame before is warped along the optical flow
(DIS, Kroeger et al., ECCV 2016, in OpenCV) onto the next, and what remains different is held against what remains
around it in time. Plain differences of frames, and PySceneDetect's of colour histograms, mistake a fast orbit for a cut
or a cut between two shots of the same park for a motion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from kling_core.plan.plan import Plan

INSTRUMENT = "what optical flow cannot explain between two frames (own)"
_WIDTH = 128  # pixels: enough for the flow of a scene, and few enough for 200 frames a second
# A cut leaves over more than _TIMES_AROUND what its neighbours leave, and beyond that this share of the pictures'
# contrast (night is dark, and so are its cuts): .24 or more at the 46 cuts of benchmark scenes 60 to 83, drawn by the
# stage, where no motion leaves more than .06. The seams of a film that is made in pieces leave 1.6 times their
# neighbours.
_LEAST, _TIMES_AROUND, _AROUND = 0.15, 1.95, 5
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
    left, contrast = unexplained(frames), _contrast(frames)
    return [
        at
        for at in range(1, len(left))
        if left[at] > _LEAST * min(contrast[at - 1], contrast[at]) + _TIMES_AROUND * _around(left, at)
    ]


def _contrast(frames: np.ndarray) -> np.ndarray:
    """Standard deviation of each frame's grey levels [T]; never so small that a codec's noise would be a cut."""
    return np.array([max(_LEAST_CONTRAST, float(frame[::2, ::2].mean(-1).std())) for frame in frames])


def _around(left: np.ndarray, at: int) -> float:
    """The second highest of the neighbours, so that another cut nearby hides none."""
    near = np.concatenate([left[max(at - _AROUND, 1): at], left[at + 1: at + 1 + _AROUND]])
    return float(np.sort(near)[-2]) if len(near) > 1 else 0.0


def unexplained(frames: np.ndarray) -> np.ndarray:
    """How much of each frame no motion of the one before explains: [T], 0..255, the first one 0.

    frames: uint8 [T, H, W, 3]. Both directions of time are tried and the better one counts: what comes into the
    picture is unexplained forwards, what leaves it backwards, and a cut is neither.
    """
    height = round(_WIDTH * frames.shape[1] / frames.shape[2])
    small = [cv2.resize(frame, (_WIDTH, height), interpolation=cv2.INTER_AREA) for frame in frames]
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in small]
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    left = np.zeros(len(frames))
    for at in range(1, len(frames)):
        pair = (at - 1, at), (at, at - 1)
        left[at] = min(_left_over(small[a], small[b], flow.calc(grey[b], grey[a], None)) for a, b in pair)
    return left


def _left_over(source: np.ndarray, target: np.ndarray, flow: np.ndarray) -> float:
    """Mean difference between `target` and `source` warped onto it; flow [H, W, 2] leads from target to source."""
    rows, columns = np.mgrid[: flow.shape[0], : flow.shape[1]].astype(np.float32)
    columns, rows = columns + flow[..., 0], rows + flow[..., 1]
    warped = cv2.remap(source, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return float(cv2.absdiff(warped, target).mean())
