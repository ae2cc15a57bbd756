import numpy as np
import pytest
from staging import BLUE, RED, alone, blocked, inside, shot, together

from kling_core.plan.plan import Performance, PlannedMove
from kling_core.previz.stage.casting import is_held_out, random_look
from kling_core.previz.stage.look import Look
from kling_core.previz.stage.portraits import BACKDROP, portraits
from kling_core.previz.stage.scene import draw_shot

LOOKS = {"red": RED, "blue": BLUE}


def draw(planned, mouths=None, looks=LOOKS):
    return draw_shot(planned, blocked(planned), looks, mouths or {}, 128, 72).numpy()


def test_the_same_shot_is_drawn_the_same_twice():
    assert np.array_equal(draw(together()), draw(together()))


def test_clothes_are_seen_where_the_blocking_puts_the_person():
    planned = together()
    frame = draw(planned)[0].astype(float)
    for track, channel in zip(blocked(planned).subjects, (0, 2)):
        x0, y0, x1, y1 = track.body[0]
        chest = (x0, y0 + 0.45 * (y1 - y0), x1, y0 + 0.7 * (y1 - y0))
        colour = frame[inside(chest, 72, 128)].reshape(-1, 3).mean(0)
        assert colour.argmax() == channel


def test_an_open_mouth_changes_the_mouth_and_nothing_else():
    planned = alone(size="close")
    closed, opened = draw(planned), draw(planned, {"red": np.ones((8, 2))})
    changed = np.abs(closed.astype(int) - opened).max(-1)[0] > 30
    x, y = blocked(planned).subjects[0].mouth[0] * (128, 72)
    rows, columns = np.nonzero(changed)
    assert changed.sum() > 20
    assert abs(columns.mean() - x) < 4 and abs(rows.mean() - y) < 6


def test_a_tree_in_front_hides_who_passes_behind():
    walking = Performance("red", verb="walk", toward="left")
    plain = shot(walking, frames=24, size="full")
    hidden = shot(Performance("red", verb="walk", toward="left", behind="tree"), frames=24, size="full")
    seen = [
        (draw(planned)[:, :, :, 0].astype(int) - draw(planned)[:, :, :, 2] > 90).sum((1, 2))
        for planned in (plain, hidden)
    ]
    assert seen[1].min() < 0.75 * seen[0][seen[1].argmin()]
    assert seen[1][0] > 0.8 * seen[0][0]


def test_an_orbit_shows_the_back_of_the_head():
    planned = alone(frames=24, size="close", camera=(PlannedMove("orbit", "left", 360.0),))
    facing = np.abs(blocked(planned).subjects[0].facing)
    assert facing.max() > 2.6 and facing.min() < 0.5


def test_portraits_stand_on_the_plain_backdrop_and_show_the_clothes():
    views = portraits(RED, 128)
    assert {name: view.shape for name, view in views.items()} == {
        "front": (128, 64, 3),
        "side": (128, 64, 3),
        "back": (128, 64, 3),
        "detail": (64, 64, 3),
    }
    assert np.allclose(views["front"][2, 2] / 255, BACKDROP, atol=0.01)
    assert views["front"][68, 32].argmax() == 0 and views["front"][68, 32, 0] > 120


def test_held_out_people_never_appear_in_training():
    rng = np.random.default_rng(0)
    assert not any(is_held_out(random_look(rng)) for _ in range(200))
    assert all(is_held_out(random_look(rng, held_out=True)) for _ in range(20))


def test_a_look_survives_json():
    look = random_look(np.random.default_rng(3))
    assert Look.from_json(look.to_json()) == look


@pytest.mark.parametrize(
    "written",
    [
        {"hair_style": "spiky"},
        {"skin": [1, 2, 3]},
        {"skin": [0.1]},
        {"height": 40},
        {"glasses": "yes"},
        {"wings": True},
        {"skin": 5},
        {"height": float("nan")},
    ],
)
def test_a_strangers_look_is_refused_with_a_reason(written):
    with pytest.raises(ValueError):
        Look.from_json(written)
