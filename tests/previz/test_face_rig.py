from dataclasses import replace

import numpy as np
import pytest
import torch
from staging import alone, blocked

from kling_core.previz.face_rig import FaceRig
from kling_core.previz.stage.paint import BROWS_UP, EXPRESSIONS, EYES_APART, EYES_UP, MOUTH_UP

SKIN = torch.tensor([0.2, -0.1, -0.4, 1.0])
OPEN = np.ones((8, 2), np.float32)


def rig(expression="neutral", mouth=None, time=None):
    track = blocked(alone()).subjects[0]
    performance = replace(track.performance, expression=expression)
    shut_at = np.full(8, 5.0) if time is None else np.full(8, time)
    return FaceRig(replace(track, performance=performance, time=shut_at, variation=0.0), mouth)


def at(*places):
    """Points of the front of the unit sphere at x, y."""
    x, y = torch.tensor(places).T
    return torch.stack([x, y, (1 - x**2 - y**2).sqrt()], 1)


def painted(face, point):
    return face.painted(SKIN.expand(len(point), 4), point, torch.zeros(len(point), dtype=torch.long), SKIN[None])


def at_rest(face, point, forehead=SKIN):
    return face.at_rest(point, SKIN[None], forehead[None])


def test_a_neutral_face_is_its_picture_but_for_the_mouth():
    point = at((0.0, 0.0), (EYES_APART, EYES_UP), (-EYES_APART, BROWS_UP), (0.0, 0.7), (0.5, -0.4))
    assert torch.allclose(at_rest(rig(), point), point)
    assert at_rest(rig(), at((0.0, MOUTH_UP)))[0, 1] > MOUTH_UP + 0.1


@pytest.mark.parametrize("expression", ["surprise", "sadness", "anger", "fear", "joy"])
def test_brows_are_where_the_expression_lifts_them(expression):
    """But for ends of angry brows: they meet the eyes, which are not bent with them."""
    it = EXPRESSIONS[expression]
    for side in (-1, 1):
        for out in (-0.15, 0.0, 0.15):
            up = BROWS_UP + it.brow + it.slant * out
            brow = at((side * (EYES_APART + out), up))
            assert up < EYES_UP + 0.2 or abs(float(at_rest(rig(expression), brow)[0, 1]) - BROWS_UP) < 0.09


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_face_never_folds(expression):
    """What is higher on the planned face is higher on the neutral one."""
    y = torch.linspace(-0.2, 0.8, 200)
    for x in (0.0, 0.2, 0.36, 0.5):
        column = torch.stack([torch.full_like(y, x), y, (1 - x**2 - y**2).clamp(min=0).sqrt()], 1)
        assert (at_rest(rig(expression), column)[:, 1].diff() > -1e-3).all()


def test_a_hat_is_not_bent_by_the_brows_below_it():
    hat, edge = torch.tensor([-0.1, 0.1, 0.0, 1.0]), at((EYES_APART, BROWS_UP + 0.05))
    assert torch.allclose(at_rest(rig("anger"), edge, hat)[:, 1], edge[:, 1], atol=0.02)
    assert not torch.allclose(at_rest(rig("anger"), edge)[:, 1], edge[:, 1], atol=0.02)
    faint = rig("anger").at_rest(edge, 0.2 * SKIN[None], 0.2 * hat[None])
    assert torch.allclose(faint[:, 1], edge[:, 1], atol=0.02)


def test_an_open_mouth_is_dark_and_a_shut_one_red():
    shut, opened = (painted(rig(mouth=mouth), at((0.0, MOUTH_UP - 0.03)))[0] for mouth in (None, OPEN))
    assert shut[0] > shut[1] + 0.5 and opened[:3].max() < -0.6
    assert torch.allclose(painted(rig(mouth=OPEN), at((0.7, 0.0)))[0], SKIN, atol=1e-5)


def test_a_smile_lifts_the_corners_of_the_mouth():
    corner = at((0.3, MOUTH_UP + 0.057))
    joy, neutral = (painted(rig(expression), corner)[0] for expression in ("joy", "neutral"))
    assert torch.allclose(neutral, SKIN, atol=1e-5) and not torch.allclose(joy, SKIN, atol=0.1)


def test_blinking_puts_skin_over_the_eyes():
    eye = at((EYES_APART, EYES_UP))
    awake, blinking = (painted(rig(time=time), eye)[0] for time in (1.0, 0.11))
    assert torch.allclose(awake, SKIN, atol=1e-5)
    assert torch.allclose((blinking[:3] + 1) / (SKIN[:3] + 1), torch.full((3,), 0.88), atol=1e-3)


def test_what_a_weak_binding_shows_faintly_is_painted_faintly():
    faint = 0.5 * SKIN
    point, frame = at((0.0, MOUTH_UP)), torch.zeros(1, dtype=torch.long)
    whole, half = (rig(mouth=OPEN).painted(colour[None], point, frame, colour[None]) for colour in (SKIN, faint))
    assert torch.allclose(half, 0.5 * whole, atol=1e-5)
