"""The demo scene is what the README promises, and its people differ in all that a reference can show."""

import numpy as np
import pytest

from kling_core.demo import DEMO_JSON, DEMO_NAMES, demo_cast, demo_scene
from kling_core.plan.resolve import plan
from kling_core.previz.world import GRID, LIMITS
from kling_core.storyboard.files import load_storyboard


@pytest.fixture(scope="module")
def planned():
    return plan(demo_scene(), demo_cast(), GRID, LIMITS)


def test_the_json_is_the_script():
    assert load_storyboard(DEMO_JSON) == demo_scene(), "save it anew from demo.txt"


def test_fifteen_seconds_six_shots_two_people(planned):
    assert (planned.seconds, len(planned.shots), planned.aspect, planned.cast) == (15.0, 6, "16:9", DEMO_NAMES)
    assert {name for shot in planned.shots for name in shot.subjects} == set(DEMO_NAMES)


def test_the_shots_promised(planned):
    sizes, angles = [shot.size for shot in planned.shots], [shot.angle for shot in planned.shots]
    assert "wide" in sizes and "medium" in sizes and "close" in sizes and "over shoulder" in angles
    assert any(len(shot.subjects) == 2 and shot.size == "medium" and shot.angle == "eye" for shot in planned.shots)
    assert any(move.kind == "orbit" for shot in planned.shots for move in shot.camera)
    assert any(one.behind == "tree" and one.verb == "walk" for one in planned.shots[0].performances)


def test_at_least_three_lines_by_people_on_screen(planned):
    seen = [line.speaker in planned.shots[line.shot].subjects for line in planned.lines]
    assert len(seen) >= 3 and all(seen) and {line.speaker for line in planned.lines} == set(DEMO_NAMES)


def test_whoever_walks_passes_behind_the_tree_and_comes_out_again(planned):
    blocking = planned.blocking[0]
    (tree,), walker = blocking.occluders, next(t for t in blocking.subjects if t.performance.behind)
    side = np.sign(walker.head[:, [0, 2]].mean(1) - tree.trunk[:, [0, 2]].mean(1))
    assert side[0] != side[-1] and (walker.depth > tree.depth).all()


def test_everybodys_head_is_in_the_picture(planned):
    for shot, blocking in zip(planned.shots, planned.blocking):
        for track in blocking.subjects:
            middle = (track.head[:, :2] + track.head[:, 2:]) / 2
            share = ((middle > 0) & (middle < 1)).all(1).mean()
            assert share > 0.95, f"shot {shot.index + 1}: @{track.subject} leaves the picture"


def test_the_two_differ_in_every_colour_and_voice():
    mira, leo = (demo_cast()[name] for name in DEMO_NAMES)
    for part in ("skin", "hair", "top", "trousers"):
        assert np.abs(np.subtract(mira.look[part], leo.look[part])).max() > 0.2
    for part in ("hair_style", "pattern", "hat", "glasses", "beard"):
        assert mira.look[part] != leo.look[part]
    assert mira.voice.pitch > 1.5 * leo.voice.pitch
    for one in (mira, leo):
        assert 5 <= one.voice.seconds <= 30 and set(one.views) == {"front", "side", "back", "detail"}
