"""A camera path as rays: where they begin, where they go, and how a film's frames are laid into latents."""

from types import SimpleNamespace

import numpy as np
import torch

from kling_core.plan.blocking import Blocking, block_shot
from kling_core.plan.camera_path import CameraPath
from kling_core.plan.camera_rays import TRAINED_NEAR, camera_embedding, near, shot_rays
from kling_core.plan.plan import Performance, PlannedMove, PlannedShot

WIDTH, HEIGHT = 32, 18


def blocked(*moves, frames=5, people=("mira",), size="medium"):
    performances = tuple(Performance(name) for name in people)
    shot = PlannedShot(0, 0, frames, size, "eye", "studio", "day", performances, moves)
    return block_shot(shot, 16, WIDTH / HEIGHT)


def rays(blocking):
    return shot_rays(blocking, WIDTH, HEIGHT).split(3)


def test_directions_are_of_length_one_and_moments_stand_on_them():
    moment, direction = rays(blocked(PlannedMove("orbit", "left", 60.0)))
    assert torch.allclose(direction.norm(dim=0), torch.ones(()), atol=1e-5)
    assert (moment * direction).sum(0).abs().max() < 1e-5 < moment.abs().max()


def test_every_shot_begins_at_its_own_origin_and_looks_ahead():
    for blocking in (blocked(PlannedMove("pan", "left", 40.0)), blocked(size="wide", people=("mira", "leo"))):
        moment, direction = rays(blocking)
        assert moment[:, 0].abs().max() < 1e-6
        middle = direction[:, 0].mean((1, 2))
        assert torch.allclose(middle / middle.norm(), torch.tensor([0.0, 0.0, 1.0]), atol=1e-5)
        assert direction[0, 0, 0, 0] < 0 and direction[1, 0, 0, 0] < 0, "x goes right and y goes down"


def test_a_zoom_narrows_the_rays_as_the_path_says():
    blocking = blocked(PlannedMove("zoom", "in", 2.0))
    _, direction = rays(blocking)
    edges = (direction[1] / -direction[2])[:, 0, WIDTH // 2] / (1 - 1 / HEIGHT)
    assert np.allclose(edges, blocking.camera.tangent, atol=1e-5)
    assert edges[-1] < 0.6 * edges[0]


def test_nobody_is_nearer_than_in_the_footage_that_models_learned_from():
    for blocking in (blocked(), blocked(size="wide"), blocked(people=())):
        assert near(blocking) > TRAINED_NEAR / 2
    # Half as far away and half the way: the same rays.
    camera = blocked(PlannedMove("truck", "left", 1.0)).camera
    half = CameraPath(camera.eye / 2, camera.right, camera.up, camera.forward, camera.tangent, camera.aspect)
    depth = np.full(5, 2.0)
    one, other = (
        Blocking(path, (SimpleNamespace(depth=depth * share),), ()) for path, share in ((camera, 1), (half, 0.5))
    )
    assert torch.allclose(shot_rays(one, WIDTH, HEIGHT), shot_rays(other, WIDTH, HEIGHT), atol=1e-6)


def test_a_shot_whose_people_are_all_behind_the_camera_has_rays():
    camera = blocked().camera
    assert near(Blocking(camera, (SimpleNamespace(depth=np.full(5, -1.0)),), ())) == TRAINED_NEAR


def test_latents_hold_four_frames_and_the_first_one_frame_four_times():
    first, second = blocked(PlannedMove("truck", "left", 1.0), frames=5), blocked(size="close", frames=4)
    plan = SimpleNamespace(size=(WIDTH, HEIGHT), blocking=(first, second))
    told = camera_embedding(plan).unflatten(0, (6, 4))
    assert told.shape == (6, 4, 3, HEIGHT, WIDTH)
    one, other = shot_rays(first, WIDTH, HEIGHT), shot_rays(second, WIDTH, HEIGHT)
    for frame in range(4):
        assert torch.equal(told[:, frame, 0], one[:, 0])
        assert torch.equal(told[:, frame, 1], one[:, 1 + frame])
        assert torch.equal(told[:, frame, 2], other[:, frame])
