"""Where people stand in a shot and how they move, before anybody looks through the camera."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kling_core.plan.plan import PlannedShot

OUTDOORS = ("park", "beach", "street", "night street", "road")
_MOVING = ("walk", "ride")

# Where people stand across the frame, as a fraction of the half width that the shot size shows.
_SPOTS = {1: (0.0,), 2: (-0.42, 0.42), 3: (-0.62, 0.0, 0.62)}
_NAMED_SPOT = {"left": -0.45, "center": 0.0, "right": 0.45}
# Half of the width (metres) that each shot size shows at the subject's distance, for a 16:9 picture.
_HALF_WIDTH = {"wide": 1.95, "full": 1.75, "medium": 1.2, "close": 0.72, "extreme close": 0.46, "insert": 0.72}
# Over the shoulder: the speaker, the listener near the camera with the back to it, and who stands by.
_OVER_SHOULDER = (((-0.24, 0.0), 0.3), ((0.42, 0.95), np.pi - 0.35), ((-1.02, -0.35), 0.45))
_LANE = {"walk": -0.62, "ride": -0.85}
"""How far behind the others somebody passes, so that nobody is walked through or run over."""

_WALK_SPEED, _RIDE_SPEED = 0.55, 1.2
_RIDE_REACH = 4.6  # metres: a bicycle that no camera follows stays near the picture all through the shot
RIDE_METRES_PER_RADIAN = 0.32
"""How far a bicycle goes while its pedals turn by one radian, which is its `phase`."""
_CYCLES = {"walk": 1.3, "wave": 1.6, "nod": 1.2, "dance": 1.0, "turn": 1.5, "embrace": 0.3, "talk": 0.45}
GRAVITY = 9.81
_BOUNCE_RISE, _RESTITUTION, _HAND_SECONDS = 0.62, 0.85, 0.2
_EMBRACE_APART = 0.62
_SEAT_DROP, _SADDLE_LIFT = -0.2, 0.17
_READING_NOD = 0.2


@dataclass(frozen=True)
class Marks:
    """Where a subject stands and how it moves. Fields as in `blocking.SubjectTrack`."""

    position: np.ndarray
    yaw: np.ndarray
    phase: np.ndarray
    shift: np.ndarray
    gaze: np.ndarray
    nod: np.ndarray
    time: np.ndarray
    wind: np.ndarray
    height: float
    variation: float

    def place(self, point: np.ndarray) -> np.ndarray:
        """World position [F, 3] of a point [F, 3] of the nominal body, in its own frame."""
        cos, sin = np.cos(self.yaw), np.sin(self.yaw)
        x, y, z = np.moveaxis(point * self.height, -1, 0)
        return self.position + np.stack([cos * x + sin * z, y, cos * z - sin * x], -1)


@dataclass(frozen=True)
class Bounce:
    """The times of one bounce of a ball: pushed down by the hand, up again from the ground, and held for a moment.

    The ground gives back `_RESTITUTION` of the speed; the hand's push makes up for the loss, so that the ball rises
    to the same height each time.
    """

    rise: float = _BOUNCE_RISE
    up_speed: float = float(np.sqrt(2 * GRAVITY * _BOUNCE_RISE))

    @property
    def push_speed(self) -> float:
        return float(np.sqrt((self.up_speed / _RESTITUTION) ** 2 - self.up_speed**2))

    @property
    def down_seconds(self) -> float:
        return (self.up_speed / _RESTITUTION - self.push_speed) / GRAVITY

    @property
    def up_seconds(self) -> float:
        return self.up_speed / GRAVITY

    @property
    def seconds(self) -> float:
        return self.down_seconds + self.up_seconds + _HAND_SECONDS

    def height(self, phase: np.ndarray) -> np.ndarray:
        """Metres [F] of the ball above where it touches the ground, at phases in radians; 0 is the push.

        Parabolas under gravity down and up, and a cubic in the hand that meets both with their speeds.
        """
        since = phase / (2 * np.pi) % 1 * self.seconds
        down = self.rise - self.push_speed * since - GRAVITY / 2 * since**2
        rising = since - self.down_seconds
        up = self.up_speed * rising - GRAVITY / 2 * rising**2
        share = np.clip((rising - self.up_seconds) / _HAND_SECONDS, 0, 1)
        held = self.rise + (share**2 - share**3) * self.push_speed * _HAND_SECONDS
        return np.where(rising < 0, down, np.where(rising < self.up_seconds, up, held))


BOUNCE = Bounce()


def make_marks(shot: PlannedShot, time: np.ndarray, heights: Mapping[str, float], seed: int) -> list[Marks]:
    """Marks of every subject. time: [F] seconds. heights: factors of the nominal body by subject."""
    rng = np.random.default_rng([seed, shot.index, 7])
    partners = [partner_of(shot, number) for number in range(len(shot.performances))]
    spots = _spots(shot, partners)
    wind = _wind(time, rng.random()) if shot.place in OUTDOORS else np.zeros(len(time))
    return [
        _marks(shot, number, spots, partners[number], time, heights.get(one.subject, 1.0), wind, rng)
        for number, one in enumerate(shot.performances)
    ]


def partner_of(shot: PlannedShot, number: int) -> int | None:
    """Whom somebody embraces or is embraced by: the one named, else the only other in the shot."""
    for one in (number, *range(len(shot.performances))):
        performance = shot.performances[one]
        if performance.verb != "embrace":
            continue
        others = [at for at in range(len(shot.performances)) if at != one]
        named = [at for at in others if shot.performances[at].subject == performance.toward]
        partner = (named or (others if len(others) == 1 else [None]))[0]
        if partner is not None and number in (one, partner):
            return partner if number == one else one
    return None


def _spots(shot: PlannedShot, partners: list[int | None]) -> list[float]:
    """x of everybody in metres: where it is written, else from left to right in the order of the subjects, no two in
    one place, and who embraces beside each other."""
    count = len(shot.performances)
    half = _HALF_WIDTH[shot.size]
    positions = [performance.position for performance in shot.performances]
    if count == 1:
        return [half * (_NAMED_SPOT[positions[0]] if positions[0] else 0.0)]
    width = half * max(1.0, 0.496 * count / half)
    usual = _SPOTS.get(count, np.linspace(-0.7, 0.7, count))
    slots = list(_SPOTS[3] if count == 2 and "center" in positions else usual)
    order = [number for number in range(count) if positions[number]]
    order += [number for number in range(count) if not positions[number]]
    spots: dict[int, float] = {}
    for number in order:
        named = positions[number]
        spot = min(slots, key=lambda at: abs(at - _NAMED_SPOT[named])) if named else slots[0]
        slots.remove(spot)
        spots[number] = spot * width
    pair = next(((one, other) for one, other in enumerate(partners) if other is not None), None)
    if pair:
        one, other = pair
        # Whoever stands between the two changes places with the second.
        for between in set(spots) - set(pair):
            if min(spots[one], spots[other]) < spots[between] < max(spots[one], spots[other]):
                spots[between], spots[other] = spots[other], spots[between]
        middle, side = (spots[one] + spots[other]) / 2, np.sign(spots[other] - spots[one])
        spots[one], spots[other] = middle - side * _EMBRACE_APART / 2, middle + side * _EMBRACE_APART / 2
    return [spots[number] for number in range(count)]


def _marks(
    shot: PlannedShot, number: int, spots: list[float], partner: int | None, time: np.ndarray, height: float,
    wind: np.ndarray, rng: np.random.Generator,
) -> Marks:
    performance, frames = shot.performances[number], len(time)
    verb, x, z = performance.verb, spots[number] + rng.uniform(-0.03, 0.03), rng.uniform(-0.08, 0.08)
    stance, start, variation = _stance_yaw(shot, number, x, rng), rng.uniform(0, 2 * np.pi), float(rng.random())
    if partner is not None:
        side = np.sign(spots[partner] - spots[number])
        x, z, stance = spots[number], -0.06 * side, side * (np.pi / 2 - 0.25)
    elif shot.angle == "over shoulder" and len(spots) > 1:
        (x, z), stance = _OVER_SHOULDER[min(number, 2)]
    position, yaw = np.tile(np.array([x, 0.0, z]), (frames, 1)), np.full(frames, stance)
    shift, gaze = np.zeros((frames, 3)), np.full(frames, _gaze(shot, number, spots, stance))
    phase = start + 2 * np.pi * _CYCLES.get(verb, 0.0) * time
    share = time / max(time[-1], 1e-6)
    if verb in _MOVING:
        side = -1.0 if performance.toward in ("left", "away left") else 1.0
        speed = _speed(shot, verb, time[-1])
        yaw[:] = side * (1.15 if verb == "walk" else 1.4)
        position[:, 0] += side * speed * (time - time.mean())
        position[:, 2] += _lane(shot, number)
        if verb == "walk":
            shift[:, 1] = -0.03 * np.sin(phase) ** 2
        else:
            phase, shift[:, 1] = start + speed * time / RIDE_METRES_PER_RADIAN, _SADDLE_LIFT
    elif verb == "turn":
        side = 1.0 if stance <= 0 else -1.0
        yaw += side * 2.6 * share**2 * (3 - 2 * share)
        gaze += side * 0.4 * np.sin(np.pi * share)
    elif verb == "bounce":
        phase = start + 2 * np.pi * time / BOUNCE.seconds
        shift[:, 1] = -0.015 - 0.015 * np.cos(phase)
    elif verb == "dance":
        yaw += 0.8 * np.sin((phase - start) / 4)
        shift[:, 0], shift[:, 1] = 0.08 * np.sin(phase), -0.05 * np.cos(phase) ** 2
        gaze += 0.15 * np.sin(phase)
    elif verb == "sit":
        shift[:, 1] = _SEAT_DROP
    nod = 0.22 * np.sin(phase) if verb == "nod" else np.zeros(frames)
    if verb in ("hold", "stand", "sit", "walk") and performance.carried in ("book", "phone"):
        nod = nod + _READING_NOD
    return Marks(position, yaw, phase, shift, gaze, nod, time, wind, height, variation)


def _speed(shot: PlannedShot, verb: str, seconds: float) -> float:
    if verb == "walk":
        return _WALK_SPEED
    followed = any(move.kind == "follow" for move in shot.camera)
    return _RIDE_SPEED if followed else min(_RIDE_SPEED, _RIDE_REACH / max(seconds, 1e-6))


def _lane(shot: PlannedShot, number: int) -> float:
    """How far behind their spots somebody passes: not at all alone, or when all go the same way side by side."""
    ways = {(one.verb, one.toward in ("left", "away left")) for one in shot.performances}
    if len(ways) == 1:
        return 0.0
    passing = [one.verb for one in shot.performances[: number + 1] if one.verb in _MOVING]
    return sum(_LANE[verb] for verb in passing)


def _stance_yaw(shot: PlannedShot, number: int, x: float, rng: np.random.Generator) -> float:
    performance = shot.performances[number]
    toward = performance.toward
    if performance.verb == "point":
        return rng.uniform(-0.15, 0.15)
    if toward in ("left", "right"):
        return -0.9 if toward == "left" else 0.9
    if toward in shot.subjects or len(shot.performances) == 2:
        # Two people half turn to each other, so that both faces stay in view.
        return -0.55 * np.sign(x) if x else 0.0
    if performance.verb == "sit":
        return rng.choice((-0.55, 0.55))  # legs show that somebody sits only from the side
    return rng.uniform(-0.35, 0.35)


def _gaze(shot: PlannedShot, number: int, spots: list[float], yaw: float) -> float:
    """Who points looks where the arm goes: `GAZE_OF_AIM` of the angle between body and aim."""
    performance = shot.performances[number]
    if performance.verb != "point":
        return 0.0
    if performance.toward in shot.subjects:
        side = np.sign(spots[shot.subjects.index(performance.toward)] - spots[number])
    else:
        side = -1.0 if performance.toward == "left" else 1.0
    aim = side * 1.4 if performance.toward else 0.75
    return GAZE_OF_AIM * (aim - yaw)


GAZE_OF_AIM = 0.5
"""How far the head turns of the angle that an arm points to the side."""


def _wind(time: np.ndarray, gust: float) -> np.ndarray:
    """[F] in -1..1: a breeze in one direction with slow gusts."""
    slow, fast = np.sin(2 * np.pi * (0.3 * time + gust)), np.sin(2 * np.pi * (0.85 * time + 3 * gust))
    return np.clip((1 if gust < 0.5 else -1) * (0.3 + 0.45 * slow + 0.25 * fast), -1, 1)
