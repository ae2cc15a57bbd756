"""How the camera went, recovered from the motion of the background, against the plan's camera path.

From each frame to the next, the background (what no planned body covers) is aligned by shift, growth and turn: Lucas
and Kanade's direct method over a pyramid (Baker & Matthews, IJCV 56(3), 2004), robust against what moves by itself.
It needs no corners, so a soft, noisy or blocky picture can be followed as well. The plan's camera makes its own motion
of the same pixels, put on a set of a nominal size (a ground, and walls around it), and that is seen through the same
equations: what the picture cannot show, as a pan along a bare horizon, counts on neither side. Steps add up to two
paths. Their correlation says whether the camera went as it should, their ratio whether it went as far.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np

from kling_core.plan.blocking import BODY_HEIGHT, BODY_RADIUS, Blocking
from kling_core.plan.camera_path import CameraPath
from kling_core.plan.plan import Plan, PlannedShot

INSTRUMENT = "direct alignment of the background (Lucas-Kanade)"
TOO_PLAIN = "the background shows too little of this move"
_SIDE = 96  # pixels of a square finest level, and as many in any other shape; the coarsest has a quarter of them
_ROUNDS = 3, 5, 8  # on the finest level and the coarser ones
_CLOSE_ENOUGH = 2e-4  # heights of the picture that a further round changes
_NOISE = 3.0  # 8-bit levels that differ without any motion
_ASTRAY = 20.0  # 8-bit levels that tell that a pixel is not what another one was
_CLEARLY = 1.1  # times the pixels that follow the guess must follow another motion, or it is none
_REACH = 0.3  # heights of the picture: no camera goes farther from one frame to the next
_MOSTLY = 0.5  # of a move's frames must show it
_FEWEST = 0.12  # share of the picture that must be background and follow the motion
_LEAST = 0.008  # heights of the picture: what moves less over a whole move is not told
_PART = 0.3  # of the largest of the four motions of a move: the smaller ones are not held against the plan
_SHOWN = 0.25  # share of a move that the picture must be able to show
# Metres from the middle of the set to what closes the view: houses, walls and trees, or a horizon.
_BARE = ("studio",)  # its only mark is the shadow, which goes with whoever casts it
_WALL, _OPEN = 6.0, {"beach": 40.0, "road": 40.0}
# Half widths of bodies that are kept clear: arms that swing, a bicycle, arms at rest, and those that may be anywhere.
_GOING, _WIDE_MARGIN = {"walk": 1.6, "ride": 2.4}, 2.2
_MARGINS = {**_GOING, **dict.fromkeys(("stand", "talk", "nod", "sit", "turn"), 1.3)}
_SHADOW = np.array([(-1.0, 0, -1.0), (1.0, 0, -1.0), (1.0, 0, 1.0), (-1.0, 0, 1.0)])  # metres around a foot
_TALLEST = 1.15  # times the nominal height, with hat or bun
_TRUNK = 2.6, 0.2  # metres, height and radius of what somebody passes behind


@dataclass(frozen=True)
class CameraTrack:
    """One camera move in one shot, over the frames [start, stop) of the film.

    correlation: of the recovered path with the planned one, -1..1, None for a camera that stands. gain: the recovered
    move over the planned one (1 = as far as planned). drift: for a camera that stands, the most that the background
    moved, as a share of the picture's height. left_out: why the camera cannot be told, or "".
    """

    shot: int
    move: str
    start: int
    stop: int
    correlation: float | None = None
    gain: float | None = None
    drift: float | None = None
    left_out: str = ""


def measure_camera(frames: np.ndarray, plan: Plan) -> tuple[CameraTrack, ...]:
    """Every move of every shot; shots without one have one track called "static".

    frames: uint8 [T, H, W, 3], the film on the plan's clock.
    """
    return tuple(
        track
        for shot, blocking in zip(plan.shots, plan.blocking)
        for track in _measure_shot(frames[shot.start: shot.stop], shot, blocking)
    )


def _measure_shot(frames: np.ndarray, shot: PlannedShot, blocking: Blocking) -> Iterator[CameraTrack]:
    background = _Background(frames, shot, blocking)
    moves = [move.kind for move in shot.camera] or ["static"]
    for number, move in enumerate(moves):
        # As moves in a row share the shot in plan.camera_path.
        first, last = (round(part * (shot.frames - 1) / len(moves)) for part in (number, number + 1))
        # A cut counts as right one frame early or late: the frames beside it may belong to the other shot.
        begin, end = max(first, 1), min(last, shot.frames - 2)
        if shot.place in _BARE or begin > end:
            result = {"left_out": TOO_PLAIN}
        elif move == "static":
            result = _standing(background.drift(begin, end))
        else:
            result = _moving(*background.steps(begin, end))
        yield CameraTrack(shot.index, move, shot.start + first, shot.start + last + 1, **result)


def _standing(drift: np.ndarray) -> dict:
    """drift: as in `_Background.drift`."""
    if np.isfinite(drift[:, 0]).mean() < _MOSTLY:
        return {"left_out": TOO_PLAIN}
    return {"drift": float(np.nanmax(np.linalg.norm(drift, axis=1)))}


def _moving(seen: np.ndarray, shown: np.ndarray, planned: np.ndarray) -> dict:
    """Steps as in `_Background.steps`."""
    known = np.isfinite(seen[:, 0])
    if known.sum() < max(1, _MOSTLY * len(known)):
        return {"left_out": TOO_PLAIN}
    seen, shown, planned = (np.cumsum(each[known], 0) for each in (seen, shown, planned))
    extent = np.ptp(shown, 0)
    if extent.max() < max(_LEAST, _SHOWN * np.ptp(planned, 0).max()):
        return {"left_out": TOO_PLAIN}
    # Only what the plan moves: on half a picture a shift looks a little like growth, and the other way round.
    moving = extent > _PART * extent.max()
    seen, shown = (each[:, moving] - each[:, moving].mean(0) for each in (seen, shown))
    product, power = (seen * shown).sum(), (shown * shown).sum()
    correlation = product / max(np.sqrt(power * (seen * seen).sum()), 1e-12)
    return {"correlation": float(correlation), "gain": float(product / power)}


class _Background:
    """The background of one shot and how it moves.

    A motion is [4]: shift right, shift down, growth and turn, in heights of the picture, the latter two at its upper
    edge. Pixels lie at (x, y) in heights of the picture from its middle.
    """

    def __init__(self, frames: np.ndarray, shot: PlannedShot, blocking: Blocking):
        height, width = frames.shape[1:3]
        self.size = tuple(round(_SIDE * side / np.sqrt(width * height)) for side in (width, height))
        self.camera = blocking.camera
        self.wall = _OPEN.get(shot.place, _WALL)
        self.grey = [_pyramid(frame, self.size) for frame in frames]
        self.free = [_free(blocking, at, self.size) for at in range(len(frames))]

    def steps(self, first: int, last: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """From each frame of first..last to the next, [last - first, 4] each.

        The motion that is seen; the planned one as these pictures can show it; and all of the planned one. NaN where
        there is no background, or where the one that is seen leaves none.
        """
        steps = np.full((3, last - first, 4), np.nan)
        before = np.zeros(4)
        for number, at in enumerate(range(first, last)):
            if self._hidden(at, at + 1):
                continue
            motion, equations = self._aligned(at, at + 1, before)
            if self._trusts(equations):
                before, planned = motion, self._planned(at, equations.at)
                steps[:, number] = motion, equations.shown(planned), _fitted(equations.at, planned)
        return tuple(steps)

    def drift(self, first: int, last: int) -> np.ndarray:
        """The motion of each frame of first..last against the first one, [last - first + 1, 4].

        NaN where there is no background, or one that would show no shift.
        """
        nothing = np.zeros(4)
        drift = np.full((last - first + 1, 4), np.nan)
        for number, at in enumerate(range(first, last + 1)):
            if self._hidden(first, at):
                continue
            motion, equations = self._aligned(first, at, nothing)
            if self._trusts(equations) and equations.shown(np.ones_like(equations.at))[:2].max() > _SHOWN:
                drift[number] = motion
        return drift

    def _hidden(self, here: int, there: int) -> bool:
        return (self.free[here] & self.free[there]).mean() < _FEWEST

    def _trusts(self, equations: "_Equations") -> bool:
        return equations.following > max(_FEWEST * self.free[0].size, _MOSTLY * len(equations.at))

    def _aligned(self, here: int, there: int, guess: np.ndarray) -> "tuple[np.ndarray, _Equations]":
        """The motion [4] that leads from one frame to another, and the last equations for it."""

        def equations(motion: np.ndarray) -> _Equations:
            return _Equations.between(*pictures, *free, motion)

        motion = None
        for level in reversed(range(len(_ROUNDS))):
            pictures = self.grey[here][level], self.grey[there][level]
            size = pictures[0].shape[::-1]
            free = [cv2.resize(self.free[at], size, interpolation=cv2.INTER_NEAREST) for at in (here, there)]
            if motion is None:
                # The step before is a good guess in a smooth move, and none where a film is made in pieces.
                shift = _shift(*pictures, *free)
                motion = shift if equations(shift).explain_more_than(equations(guess)) else guess
            for _ in range(_ROUNDS[level]):
                change = equations(motion).solve()
                motion = np.clip(motion + change, -_REACH, _REACH)
                if np.abs(change).max() < _CLOSE_ENOUGH:
                    break
        return motion, equations(motion)

    def _planned(self, at: int, pixels: np.ndarray) -> np.ndarray:
        """Where the planned camera moves what is at `pixels` [N, 2] of a frame, until the next: [N, 2]."""
        aspect = self.size[0] / self.size[1]
        screen = pixels / np.array([aspect, 1.0]) + 0.5
        here, after = self.camera.slice(slice(at, at + 1)), self.camera.slice(np.full(len(pixels), at + 1))
        points = _on_the_set(here.eye[0], here.rays(screen)[0], self.wall)
        moved, depth, _ = after.project(points)
        moved = np.where((depth > 0)[:, None], moved, screen)
        return (moved - screen) * np.array([aspect, 1.0])


@dataclass(frozen=True)
class _Equations:
    """One round of Lucas and Kanade: N pixels at `at` [N, 2], each an equation slope · motion of the pixel = rest.

    slope: [N, 2] change of brightness over a height of the picture. rest: [N]. weight: [N], 0 for what moves by itself.
    """

    at: np.ndarray
    slope: np.ndarray
    rest: np.ndarray
    weight: np.ndarray

    @classmethod
    def between(
        cls, here: np.ndarray, there: np.ndarray, free: np.ndarray, free_there: np.ndarray, motion: np.ndarray
    ) -> "_Equations":
        """What is left between two pictures after the second is moved back by `motion`."""
        height, width = here.shape
        moved = _moved_back(there, motion)
        inside = free & _moved_back(free_there, motion)
        inside[[0, -1]] = inside[:, [0, -1]] = 0
        rows, columns = np.nonzero(inside)
        both = (here + moved) / 2
        down, right = np.gradient(both)
        rest = (here - moved)[rows, columns]
        rest = rest - (np.median(rest) if len(rest) else 0.0)  # the light may change
        scale = max(_NOISE, 1.48 * np.median(np.abs(rest)) if len(rest) else 0.0)
        weight = np.clip(1 - (rest / (4 * scale)) ** 2, 0, 1) ** 2 / scale**2
        at = np.stack([columns + 0.5 - width / 2, rows + 0.5 - height / 2], -1) / height
        slope = np.stack([right[rows, columns], down[rows, columns]], -1) * height
        return cls(at, slope, rest, weight)

    @property
    def following(self) -> float:
        """How many pixels the motion explains."""
        return float(_alike(self.rest).sum())

    def explain_more_than(self, other: "_Equations") -> bool:
        """Whether in number, which misleads where a motion brings more into view, and in share, where it leaves few."""
        mine, others = self.following, other.following
        return mine > _CLEARLY * others and mine * len(other.at) > others * len(self.at)

    def solve(self) -> np.ndarray:
        return self._fitted(self.rest)

    def shown(self, planned: np.ndarray) -> np.ndarray:
        """The motion [4] that these equations find in pixels which move by `planned` [N, 2]."""
        return self._fitted((self.slope * planned).sum(1))

    def _fitted(self, rest: np.ndarray) -> np.ndarray:
        x, y = self.at.T
        right, down = self.slope.T
        columns = np.stack([right, down, 2 * (x * right + y * down), 2 * (x * down - y * right)], -1)
        weighted = columns * self.weight[:, None]
        # Where nothing shows a motion, there is taken to be none: it costs as much as one level of noise in a pixel.
        matrix = weighted.T @ columns + np.eye(4) / _REACH**2
        return np.linalg.solve(matrix, weighted.T @ rest)


def _fitted(at: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """The motion [4] nearest to pixels at `at` [N, 2] which move by `moved` [N, 2], by least squares."""
    start, shift = at.mean(0), moved.mean(0)
    around, left = at - start, moved - shift
    power = 2 * max((around**2).sum(), 1e-9)
    growth = (around * left).sum() / power
    turn = (around[:, 0] * left[:, 1] - around[:, 1] * left[:, 0]).sum() / power
    shift = shift - 2 * np.array([growth * start[0] - turn * start[1], growth * start[1] + turn * start[0]])
    return np.array([*shift, growth, turn])


def _shift(here: np.ndarray, there: np.ndarray, free: np.ndarray, free_there: np.ndarray) -> np.ndarray:
    """The motion [4] by whole pixels, without growth or turn, that leaves the least difference."""
    reach = int(_REACH * len(here))
    best, motion = 0.0, np.zeros(4)
    for down, right in product(range(-reach // 2, reach // 2 + 1), range(-reach, reach + 1)):
        rows, rows_there = _overlap(down, here.shape[0])
        columns, columns_there = _overlap(right, here.shape[1])
        both = free[rows, columns] & free_there[rows_there, columns_there]
        following = (_alike(here[rows, columns] - there[rows_there, columns_there]) * both).sum()
        if following > best:
            best, motion = following, np.array([right, down, 0.0, 0.0]) / len(here)
    return motion


def _alike(difference: np.ndarray) -> np.ndarray:
    """1 for pixels without difference, 0 for those that show something else."""
    return np.maximum(1 - np.abs(difference) / _ASTRAY, 0)


def _overlap(step: int, size: int) -> tuple[slice, slice]:
    """The pixels of a line that stay in view when it moves by `step`, and where they are then."""
    first, last = max(0, -step), min(size, size - step)
    return slice(first, last), slice(first + step, last + step)


def _moved_back(picture: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """`picture` as it was before a motion [4]; 0 where it was not in view."""
    height, width = picture.shape
    right, down, growth, turn = motion
    linear = np.array([[1 + 2 * growth, -2 * turn], [2 * turn, 1 + 2 * growth]])
    middle = np.array([width - 1, height - 1]) / 2
    offset = middle - linear @ middle + np.array([right, down]) * height
    matrix = np.concatenate([linear, offset[:, None]], 1)
    return cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def _pyramid(frame: np.ndarray, size: tuple[int, int]) -> list[np.ndarray]:
    """Grey [H, W] at three sizes, the finest first."""
    grey = cv2.resize(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA).astype(np.float32)
    levels = [cv2.GaussianBlur(grey, (0, 0), 1.0)]
    while len(levels) < len(_ROUNDS):
        levels.append(cv2.pyrDown(levels[-1]))
    return levels


def _free(blocking: Blocking, at: int, size: tuple[int, int]) -> np.ndarray:
    """Mask uint8 [H, W], 1 where no body, no shadow that goes along and no occluder is in frame `at`."""
    free = np.ones(size[::-1], np.uint8)
    camera = blocking.camera.slice(slice(at, at + 1))
    for track in blocking.subjects:
        if track.performance.verb in _GOING:
            _fill(free, camera.slice(np.zeros(4, int)).project(track.position[at] + _SHADOW)[0] * size)
        radius = BODY_RADIUS * _MARGINS.get(track.performance.verb, _WIDE_MARGIN)
        _cover(free, camera, track.position[at], BODY_HEIGHT * _TALLEST, radius)
    for track in blocking.occluders:
        _cover(free, camera, track.position, *_TRUNK)
    return free


def _cover(free: np.ndarray, camera: CameraPath, foot: np.ndarray, tall: float, radius: float) -> None:
    """Set the mask to 0 where something of this height and radius (metres) stands, however the camera is turned."""
    size = np.array(free.shape[::-1])
    ends, depths, scales = zip(*(camera.project(foot[None] + np.array([0.0, y, 0.0])) for y in (0.0, tall)))
    if min(depth[0] for depth in depths) <= 0:
        return
    (bottom, top), half = (end[0] * size for end in ends), radius * scales[1][0, 1] * size[1]
    along = (top - bottom) / max(np.linalg.norm(top - bottom), 1e-6)
    across = np.array([-along[1], along[0]]) * half
    _fill(free, [bottom + across, bottom - across, top - across, top + across])


def _fill(free: np.ndarray, corners: list[np.ndarray] | np.ndarray) -> None:
    cv2.fillConvexPoly(free, np.clip(np.round(corners), -4000, 4000).astype(np.int32), 0)


def _on_the_set(eye: np.ndarray, rays: np.ndarray, radius: float) -> np.ndarray:
    """Where rays [N, 3] from the eye [3] meet the ground or a round wall about the middle of the set, [N, 3]."""
    down = np.where(rays[:, 1] < -1e-6, -eye[1] / np.minimum(rays[:, 1], -1e-6), np.inf)
    square = np.maximum((rays[:, ::2] ** 2).sum(1), 1e-9)
    half = (rays[:, ::2] * eye[::2]).sum(1)
    outside = (eye[::2] ** 2).sum() - radius**2
    # A camera outside of the wall looks at the far side of it.
    wall = (-half + np.sqrt(np.maximum(half**2 - square * outside, 0.0))) / square
    return eye + rays * np.minimum(down, np.maximum(wall, 0.5))[:, None]
