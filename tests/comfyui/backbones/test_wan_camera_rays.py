"""Our rays are those of ComfyUI's camera node: for the moves that it names, and those of a plan by its functions."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from kling_core.plan.blocking import Blocking, block_shot
from kling_core.plan.camera_path import CameraPath
from kling_core.plan.camera_rays import TRAINED_NEAR, camera_embedding, near
from kling_core.plan.plan import Performance, PlannedMove, PlannedShot

pytestmark = [pytest.mark.comfyui, pytest.mark.usefixtures("backbones")]

SIZES = [(64, 32), (64, 48), (32, 64)]
FRAMES = 9
TANGENT = 0.6
MOVES = {
    "push in": PlannedMove("dolly", "in", 0.6), "pan": PlannedMove("pan", "left", 35.0),
    "truck": PlannedMove("truck", "right", 1.0), "orbit": PlannedMove("orbit", "left", 75.0),
    "pedestal": PlannedMove("pedestal", "up", 0.5), "tilt": PlannedMove("tilt", "down", 15.0),
    "roll": PlannedMove("roll", "clockwise", 20.0), "zoom": PlannedMove("zoom", "in", 1.8),
}  # fmt: skip


def focal(tangent, width, height):
    """fx and fy as the node counts them: of a picture of 16:9 that covers ours."""
    pixels = height / 2 / tangent
    covers = width / height < 16 / 9
    return (pixels / (height * 16 / 9), pixels / height) if covers else (pixels / width, pixels / (width * 9 / 16))


def told(camera, width, height, nearest=TRAINED_NEAR):
    blocking = Blocking(camera, (SimpleNamespace(depth=np.full(FRAMES, nearest)),), ())
    return camera_embedding(SimpleNamespace(size=(width, height), blocking=(blocking,)))[None]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("move, step, turn", [
    ("Static", (0, 0, 0), 0), ("Pan Up", (0, 1.5, 0), 0), ("Pan Right", (1.5, 0, 0), 0), ("Zoom In", (0, 0, -3.0), 0),
    ("ClockWise (CW)", (0, 0, 0), np.pi / 3),
])  # fmt: skip
def test_the_moves_that_the_node_names(move, step, turn, size):
    """step, in our world, whose y goes up and into which a camera looks along -z; turn: clockwise, radians."""
    from comfy_extras.nodes_camera_trajectory import WanCameraEmbedding

    share = np.arange(FRAMES) / FRAMES
    cos, sin, none = np.cos(turn * share), np.sin(turn * share), 0 * share
    camera = CameraPath(
        np.array([0.3, 1.2, 2.0]) + share[:, None] * step, np.stack([cos, -sin, none], -1),
        np.stack([sin, cos, none], -1), np.tile([0.0, 0.0, -1.0], (FRAMES, 1)), np.full(FRAMES, TANGENT),
        size[0] / size[1],
    )  # fmt: skip
    fx, fy = focal(TANGENT, *size)
    stock = WanCameraEmbedding.execute(move, *size, FRAMES, 1.0, fx, fy).args[0]
    assert torch.allclose(told(camera, *size), stock, atol=1e-5)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("move", MOVES)
def test_the_moves_of_a_plan(move, size):
    from comfy_extras.nodes_camera_trajectory import process_pose_params

    width, height = size
    shot = PlannedShot(0, 0, FRAMES, "medium", "eye", "studio", "day", (Performance("mira"),), (MOVES[move],))
    blocking = block_shot(shot, 16, width / height)
    camera, poses = blocking.camera, []
    for frame in range(FRAMES):
        pose = np.eye(4)
        pose[:3, :3] = np.stack([camera.right[frame], -camera.up[frame], camera.forward[frame]], -1)
        pose[:3, 3] = camera.eye[frame] * TRAINED_NEAR / near(blocking)
        poses.append([0, *focal(camera.tangent[frame], width, height), 0.5, 0.5, 0, 0, *pose.ravel()])
    stock = process_pose_params(np.array(poses), width, height)
    ours = camera_embedding(SimpleNamespace(size=size, blocking=(blocking,))).unflatten(0, (6, 4))
    ours = ours.transpose(1, 2).flatten(1, 2)[:, 3:].permute(1, 2, 3, 0)
    assert torch.allclose(ours, stock, atol=2e-5)
    assert (ours - ours[:1]).abs().max() > 0.02, "nothing moved"
