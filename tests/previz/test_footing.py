import numpy as np
import torch
from staging import alone, blocked, shot

from kling_core.previz.footing import footing
from kling_core.previz.stage.renderer import View


def view(planned, width=256, height=144):
    return View(blocked(planned).camera, width, height)


def test_the_ground_knows_how_far_it_lies_from_the_nearest_feet():
    """In a wide shot, the ground at a metre to the right of somebody says so."""
    seen = view(alone(size="wide"))
    camera = blocked(alone(size="wide")).camera
    left_one, right_one = np.array([-2.0, 0.0, 0.0]), np.array([0.5, 0.0, 0.0])
    layers = footing(seen, [left_one, right_one])
    (x, y), _, _ = (each[0] for each in camera.project(np.tile([1.5, 0.0, 0.0], (8, 1))))
    near, across, along = layers[0, :, int(y * 144), int(x * 256)]
    assert abs(near - np.exp(-((1 / 1.6) ** 2))) < 0.04
    assert abs(across / near - 1 / 1.6) < 0.06 and abs(along / near) < 0.06


def test_the_sky_has_no_ground():
    layers = footing(view(alone(size="wide", angle="low")), [np.zeros(3)])
    assert (layers[:, :, 0] == 0).all() and layers[:, 0].amax() > 0.5


def test_where_nobody_stands_nothing_is_said():
    assert footing(view(shot()), []).abs().sum() == 0


def test_its_size_makes_no_difference_but_of_detail():
    small, large = (footing(view(alone(size="full"), *size), [np.zeros(3)]) for size in ((256, 144), (512, 288)))
    halved = torch.nn.functional.avg_pool2d(large, 2)
    assert (halved - small).abs().mean() < 0.01
