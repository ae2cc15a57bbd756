"""Puppets that do things: what they hold, how water falls, what their faces tell."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from staging import BLUE, RED, shot

from kling_core.plan.blocking import block_shot
from kling_core.plan.plan import Performance
from kling_core.previz.stage.look import Look
from kling_core.previz.stage.paint import EXPRESSIONS, Face, blinks, face_colour, mouth_areas
from kling_core.previz.stage.puppet import joints, puppet
from kling_core.previz.stage.scene import draw_shot
from kling_core.storyboard.storyboard import PROPS, VERBS

REST, WIDE_OPEN = np.tile((0.0, 0.5), (12, 1)), np.tile((1.0, 0.5), (12, 1))


def blocked(*performances, look=RED, fps=12, frames=12, size="full", place="studio"):
    planned = shot(*performances, frames=frames, size=size, place=place)
    return planned, block_shot(planned, fps, 16 / 9, 1, {"red": look.height})


def parts_of(performance, name, look=RED, **options):
    """Centres [F, n, 3] and half axes' lengths [F, n, 3] of the parts of one name."""
    _, blocking = blocked(performance, look=look, **options)
    parts = puppet(look, blocking.subjects[0])
    mine = [number for number, part in enumerate(parts.name) if part == name]
    return parts.centre[:, mine], np.linalg.norm(parts.axes[:, mine], axis=2)


def draw(performance, look=RED, mouth=REST, size="close", width=256):
    planned, blocking = blocked(performance, look=look, size=size)
    first = blocking.slice(slice(0, 1))
    picture = draw_shot(planned, first, {"red": look}, {"red": mouth[:1]}, width, width * 9 // 16).numpy()[0]
    return picture.astype(int), first.subjects[0]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_the_areas_of_a_mouth_are_those_that_are_painted(expression):
    skin, step = (0.1, 0.3, 0.7), 0.005
    x, y = torch.meshgrid(torch.arange(-0.6, 0.6, step), torch.arange(-0.95, -0.17, step), indexing="xy")
    points = torch.stack([x, y, torch.ones_like(x)], -1).flatten(0, 1)
    shapes = torch.tensor([(0.0, 0.5), (0.3, 0.9), (0.8, 0.2), (0.8, 0.6), (1.0, 1.0)])
    face = Face(RED, expression, shapes, torch.zeros(len(shapes)))
    mouth, teeth = mouth_areas(expression, shapes.numpy())
    for frame in range(len(shapes)):
        bare = torch.tensor(skin).expand(len(points), 3)
        red, green, blue = face_colour(face, points, torch.full((len(points),), frame), bare).T
        white, painted = (red > 0.9) & (green > 0.9), blue != skin[2]
        assert mouth[frame] == pytest.approx(int(painted.sum()) * step**2, rel=0.03)
        assert teeth[frame] == pytest.approx(int(white.sum()) * step**2, rel=0.05, abs=1e-4)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("height", [0.95, 1.05])
def test_hands_and_feet_are_where_the_joints_say(verb, height):
    look = replace(RED, height=height)
    _, blocking = blocked(Performance("red", verb), look=look)
    track = blocking.subjects[0]
    parts, local = puppet(look, track), joints(track)
    for number, name in enumerate(("left hand", "right hand", "left foot", "right foot")):
        at = parts.centre[:, parts.name.index(name)] - track.position
        across = np.cos(track.yaw) * at[:, 0] - np.sin(track.yaw) * at[:, 2]
        ahead = np.sin(track.yaw) * at[:, 0] + np.cos(track.yaw) * at[:, 2]
        there = np.stack([across, at[:, 1], ahead], -1)
        assert np.abs(there - local[:, number]).max() < 0.04, name
        assert local[:, number, 1].min() > 0.02


@pytest.mark.parametrize("verb", VERBS)
def test_arms_and_legs_have_one_length(verb):
    for name in ("left arm", "right arm", "left leg", "right leg"):
        _, length = parts_of(Performance("red", verb), name, frames=24)
        assert np.ptp(length.max(-1), axis=0).max() < 0.012, name


@pytest.mark.parametrize("prop", PROPS)
def test_what_somebody_holds_is_at_the_hand(prop):
    centre, size = parts_of(Performance("red", "hold", prop=prop), prop)
    hands = np.concatenate([parts_of(Performance("red", "hold", prop=prop), f"{side} hand")[0] for side in
                            ("left", "right")], 1)
    away = np.linalg.norm(centre[:, :, None] - hands[:, None], axis=-1) - size.max(-1)[:, :, None]
    assert away.min() < 0.1


def test_water_falls_from_the_jug_into_the_cup():
    fps = 200
    centre, size = parts_of(Performance("red", "pour"), "water", fps=fps, frames=fps)
    cup = parts_of(Performance("red", "pour"), "cup", fps=fps, frames=fps)[0][0, 0]
    seen = size.min(-1) > 0.01
    assert not seen[: fps // 10].any() and seen[-1].sum() >= 4
    drop = seen[:, 2] & np.roll(seen[:, 2], 1) & np.roll(seen[:, 2], -1)
    fall = np.diff(centre[:, 2, 1]) * fps
    steady = drop[1:] & (fall < 0) & (np.arange(1, fps) > 0.8 * fps)
    assert steady.sum() > 20 and np.allclose(np.diff(fall)[steady[1:] & steady[:-1]] * fps, -9.81, atol=0.2)
    lowest = centre[-1, seen[-1]][centre[-1, seen[-1], 1].argmin()]
    assert np.linalg.norm((lowest - cup)[[0, 2]]) < 0.06 and lowest[1] > cup[1]


def test_a_bounced_ball_touches_the_ground_and_is_flat_there():
    centre, size = parts_of(Performance("red", "bounce"), "ball", fps=60, frames=60)
    bottom = centre[:, 0, 1] - size[:, 0, 1]
    assert -0.001 < bottom.min() < 0.05
    assert size[bottom.argmin(), 0, 1] < 0.95 * size[bottom.argmax(), 0, 1]


@pytest.mark.parametrize("height", [0.95, 1.0, 1.05])
def test_the_drawn_mouth_lies_at_the_planned_mouth(height):
    look = replace(RED, height=height, top=(0.1, 0.2, 0.9))
    picture, track = draw(Performance("red"), look)
    red = (picture[..., 0] > 2.2 * picture[..., 1]) & (picture[..., 0] > 60)
    rows, columns = np.nonzero(red)
    x, y = track.mouth[0] * (256, 144)
    radius = np.ptp(track.head[0, [1, 3]]) * 144 / 2
    assert red.sum() > 10
    assert abs(columns.mean() + 0.5 - x) < 0.1 * radius and abs(rows.mean() + 0.5 - y) < 0.08 * radius


@pytest.mark.parametrize(("one", "other"), list(combinations(EXPRESSIONS, 2)))
def test_expressions_can_be_told_apart(one, other):
    (first, track), (second, _) = (draw(Performance("red", expression=each), width=144) for each in (one, other))
    x0, y0, x1, y1 = (track.head[0] * (144, 81, 144, 81)).astype(int)
    assert y1 - y0 < 62
    differs = np.abs(first - second).max(-1)[max(y0, 0):y1, x0:x1] > 40
    assert differs.sum() > 25


def test_round_lips_are_narrower_than_wide_ones():
    widths = []
    for spread in (0.0, 0.5, 1.0):
        mouth = np.tile((0.6, spread), (12, 1))
        picture, _ = draw(Performance("red"), replace(RED, top=(0.1, 0.2, 0.9)), mouth)
        red = (picture[..., 0] > 2.2 * picture[..., 1]) & (picture[..., 0] > 40)
        widths.append(np.ptp(np.nonzero(red)[1]))
    assert widths[0] + 2 < widths[1] < widths[2] - 2


def test_eyes_blink_for_two_or_three_frames_every_few_seconds():
    shut = blinks(np.arange(120) / 12, 0.3) > 0.3
    starts = np.diff(shut.astype(int)) == 1
    assert 2 <= starts.sum() <= 4 and 2 <= shut.sum() / starts.sum() <= 3


def test_long_hair_moves_in_the_wind_and_only_outdoors():
    look = Look(hair_style="long")
    for place, moves in (("park", True), ("room", False)):
        tip = parts_of(Performance("red"), "hair", look, frames=36, place=place)[0][:, -1]
        assert (np.ptp(tip[:, 0]) > 0.05) == moves


def test_in_an_embrace_the_hands_reach_the_other():
    planned = shot(Performance("red", "embrace", toward="blue"), Performance("blue", "embrace", toward="red"))
    red, blue = (puppet(look, track) for look, track in zip((RED, BLUE), block_shot(planned, 12, 16 / 9).subjects))
    hand, chest = red.centre[0, red.name.index("right hand")], blue.centre[0, blue.name.index("torso")]
    assert np.linalg.norm((hand - chest)[[0, 2]]) < 0.33


@pytest.mark.parametrize("frames", [slice(4, 6), np.array([0, 7, 3])])
def test_some_frames_are_drawn_as_in_the_whole(frames):
    planned, blocking = blocked(Performance("red", "bounce"), Performance("blue", "dance"), frames=8, place="park")
    looks = {"red": RED, "blue": BLUE}
    whole = draw_shot(planned, blocking, looks, {}, 128, 72).numpy()
    assert np.array_equal(draw_shot(planned, blocking.slice(frames), looks, {}, 128, 72).numpy(), whole[frames])
