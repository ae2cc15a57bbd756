"""What the blocking says about every video token: whose it is, where on that body, and which ray of the camera."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kling_core.plan.blocking import Blocking, SubjectTrack
from kling_core.previz.stage.places import wall_distance
from kling_core.previz.stage.puppet import joints
from kling_core.previz.world import GRID

NOBODY = -1
_CHART = 54
_PERSON = 31
_OCCLUDER = 5
_WALL_LENGTHS, _HEIGHT_LENGTHS = (14.4, 7.2, 4.2, 2.4, 1.2, 0.9, 0.6), (6.4, 3.2, 1.6, 0.8)
_GROUND_LENGTHS = (5.0, 2.5, 2.0, 1.0)
FEATURES = 12 + _CHART + _PERSON + _OCCLUDER


@dataclass(frozen=True)
class ShotGeometry:
    """Per token of L latents of a shot. features: [L, R, C, FEATURES]; owner: [L, R, C], the number of the subject in
    the shot or NOBODY; mouth: [L, R, C] in 0..1, how near the token is to its owner's mouth."""

    features: np.ndarray
    owner: np.ndarray
    mouth: np.ndarray


def shot_geometry(
    place: str, blocking: Blocking, mouths: Mapping[str, np.ndarray], latents: np.ndarray, rows: int, columns: int
) -> ShotGeometry:
    """mouths: opening and spread [F, 2] of the mouth by subject. latents: numbers within the shot."""
    stride = GRID.frames_per_latent
    frames = latents[:, None] * stride + np.arange(stride)
    middle = frames[:, stride // 2]
    screen = _token_centres(rows, columns)
    shape = (len(latents), rows, columns)
    people = [_person(track, mouths, frames, screen, blocking) for track in blocking.subjects]
    owner = _owner(people, shape)
    person, mouth = np.zeros((*shape, _PERSON), np.float32), np.zeros(shape, np.float32)
    for number, (features, _, near_mouth) in enumerate(people):
        mine = owner == number
        person[mine] = features.reshape(*shape, _PERSON)[mine]
        mouth[mine] = near_mouth.reshape(shape)[mine]
    rays = [_rays(blocking, frames[:, at], screen) for at in (0, -1)]
    chart = _chart(place, blocking, middle, screen)
    occluders = _occluders(blocking, middle, screen)
    world = np.concatenate([*rays, chart, occluders], -1).reshape(*shape, -1)
    return ShotGeometry(np.concatenate([world, person], -1).astype(np.float32), owner, mouth)


def _token_centres(rows: int, columns: int) -> np.ndarray:
    """[R * C, 2] screen points."""
    y, x = np.meshgrid((np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns, indexing="ij")
    return np.stack([x.ravel(), y.ravel()], -1)


def _rays(blocking: Blocking, frames: np.ndarray, screen: np.ndarray) -> np.ndarray:
    """[L, N, 6]: direction and origin (a quarter of metres) of the ray through each token."""
    camera = blocking.camera.slice(frames)
    direction = camera.rays(screen)
    return np.concatenate([direction, np.broadcast_to(camera.eye[:, None] / 4, direction.shape)], -1)


def _chart(place: str, blocking: Blocking, frames: np.ndarray, screen: np.ndarray) -> np.ndarray:
    """[L, N, 54]: where the ray meets the ground and the walls around the set, as waves of a few lengths (metres), and
    how far away that is."""
    camera = blocking.camera.slice(frames)
    direction, eye = camera.rays(screen), camera.eye[:, None]
    rise = direction[..., 1]
    down = -eye[..., 1] / np.minimum(rise, -1e-3)
    on_ground = (rise < -1e-3) & (down < 30)
    ground = eye + np.minimum(down, 30)[..., None] * direction
    half = wall_distance(place) or 5.0  # in the open the chart keeps a square of its own
    reach = [
        (np.sign(direction[..., axis]) * half - eye[..., axis]) / _nonzero(direction[..., axis]) for axis in (0, 2)
    ]
    wall = eye + np.minimum(*reach)[..., None] * direction
    along = np.where(reach[0] < reach[1], wall[..., 2] + 20.3, wall[..., 0])
    azimuth = np.arctan2(direction[..., 0], -direction[..., 2])
    waves = [azimuth, 2 * azimuth, 4 * azimuth]
    waves += [2 * np.pi * along / length for length in _WALL_LENGTHS]
    waves += [2 * np.pi * np.clip(wall[..., 1], -1, 8) / length for length in _HEIGHT_LENGTHS]
    waves += [2 * np.pi * ground[..., axis] / length for axis in (0, 2) for length in _GROUND_LENGTHS]
    plain = [
        on_ground,
        np.clip(ground[..., 0] / 6, -2, 2) * on_ground,
        np.clip(ground[..., 2] / 6, -2, 2) * on_ground,
        np.clip(wall[..., 1] / 3, -1, 3),
        np.exp(-((wall[..., 1] - 1.6) ** 2)),
        wall[..., 1] > 3.3,
        rise,
        np.exp(-np.abs(rise) * 20),
        np.log(np.clip(np.minimum(*reach), 0.5, 30)) - 1.5,
        np.log(np.clip(down, 0.5, 30)) - 1.5,
    ]
    return np.stack([function(wave) for wave in waves for function in (np.sin, np.cos)] + plain, -1)


def _person(
    track: SubjectTrack, mouths: Mapping[str, np.ndarray], frames: np.ndarray, screen: np.ndarray, blocking: Blocking
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features [L, N, 31] of a token as this person's, claim [L, N] (lower is stronger, inf outside), mouth [L, N]."""
    first, middle, last = frames[:, 0], frames[:, frames.shape[1] // 2], frames[:, -1]
    hands_and_feet = _joints(track, middle, blocking)
    head_start, _ = _within(track.head[first], screen)
    head_end, head_half = _within(track.head[last], screen)
    body, _ = _within(track.body[middle], screen)
    head_height = head_half[:, 1]
    to_joints = (screen[None, :, None] - hands_and_feet[:, None]) / head_half[:, None, None]
    to_mouth = (screen[None] - track.mouth[middle][:, None]) / head_half[:, None]
    opening = mouths.get(track.subject)
    opening = np.zeros(frames.shape) if opening is None else opening[frames, 0]
    near_mouth = np.exp(-(to_mouth**2).sum(-1) / 0.35) * (np.abs(track.facing[middle]) < 1.6)[:, None]
    cycle = float(np.ptp(track.phase) > 0)
    per_latent = np.stack(
        [
            np.log(np.maximum(head_height, 1e-3)) / 2 + 1,
            np.sin(track.facing[middle]),
            np.cos(track.facing[middle]),
            cycle * np.sin(track.phase[first]),
            cycle * np.cos(track.phase[first]),
            cycle * np.sin(track.phase[last]),
            cycle * np.cos(track.phase[last]),
            np.sin(track.facing[middle] + track.gaze[middle]),
            np.cos(track.facing[middle] + track.gaze[middle]),
            track.nod[middle],
        ],
        -1,
    )
    near = near_mouth[..., None] * opening[:, None]
    features = np.concatenate(
        [
            _squash(head_start),
            _squash(head_end),
            _squash(body),
            _squash(to_mouth),
            _squash(to_joints.reshape(*to_joints.shape[:2], 8)),
            np.broadcast_to(per_latent[:, None], (*near.shape[:2], 10)),
            near,
            np.ones((*near.shape[:2], 1)),
        ],
        -1,
    )
    return features, _claim(track.depth[middle], body, head_end, to_joints), near_mouth


def _claim(depth: np.ndarray, body: np.ndarray, head: np.ndarray, to_joints: np.ndarray) -> np.ndarray:
    """How strongly a token belongs to this person: distance from the body's middle, nearer people first."""
    inside = (np.abs(body) < 1.12).all(-1) | (np.abs(head) < 1.6).all(-1)
    inside |= (np.abs(to_joints).max(-1) < 0.62).any(-1)
    claim = np.minimum(np.abs(body[..., 0]), np.abs(head).max(-1)) + 1.5 * depth[:, None]
    return np.where(inside & (depth > 0.1)[:, None], claim, np.inf)


def _joints(track: SubjectTrack, frames: np.ndarray, blocking: Blocking) -> np.ndarray:
    """Screen points [L, 4, 2] of hands and feet."""
    local = joints(track)[frames]
    cos, sin = np.cos(track.yaw[frames])[:, None], np.sin(track.yaw[frames])[:, None]
    x, z = cos * local[..., 0] + sin * local[..., 2], -sin * local[..., 0] + cos * local[..., 2]
    world = np.stack([x, local[..., 1], z], -1) + track.position[frames][:, None]
    camera = blocking.camera.slice(frames)
    return np.stack([camera.project(world[:, number])[0] for number in range(4)], 1)


def _within(box: np.ndarray, screen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Screen points in box coordinates [L, N, 2] (-1..1 inside) and the box's half sizes [L, 2]."""
    half = np.maximum((box[:, 2:] - box[:, :2]) / 2, 1e-3)
    return (screen[None] - (box[:, None, :2] + box[:, None, 2:]) / 2) / half[:, None], half


def _owner(people: list[tuple], shape: tuple[int, int, int]) -> np.ndarray:
    if not people:
        return np.full(shape, NOBODY)
    claims = np.stack([claim for _, claim, _ in people])
    owner = np.where(np.isfinite(claims.min(0)), claims.argmin(0), NOBODY)
    return owner.reshape(shape)


def _occluders(blocking: Blocking, frames: np.ndarray, screen: np.ndarray) -> np.ndarray:
    """[L, N, 5]: trunk coordinates, is it a tree, how near the crown, is there one."""
    features = np.zeros((len(frames), len(screen), _OCCLUDER))
    for track in blocking.occluders:
        trunk, half = _within(track.trunk[frames], screen)
        crown = blocking.camera.slice(frames).project(
            np.tile(track.position + np.array([0, 2.25, 0]), (len(frames), 1))
        )
        to_crown = (screen[None] - crown[0][:, None]) / (crown[2][:, None] * 0.62)
        tree = float(track.kind == "tree")
        on_trunk = np.exp(-np.maximum(np.abs(trunk[..., 0]) - 0.6, 0) * 1.5)
        features = np.stack(
            [
                on_trunk,
                np.clip(trunk[..., 0], -3, 3) / 3 * on_trunk,
                np.full(on_trunk.shape, tree),
                tree * np.exp(-((to_crown**2).sum(-1))),
                np.ones_like(on_trunk),
            ],
            -1,
        )
    return features


def _squash(value: np.ndarray) -> np.ndarray:
    return np.tanh(value / 1.5)


def _nonzero(value: np.ndarray) -> np.ndarray:
    return np.where(np.abs(value) < 1e-6, 1e-6, value)
