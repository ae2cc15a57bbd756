import numpy as np
import pytest
import torch
from staging import RED, alone, blocked, shot

from kling_core.plan.blocking import block_shot
from kling_core.plan.plan import PlannedMove
from kling_core.previz.stage.light import LIGHTS, OCCLUDERS, PERSON, cast_shadow, light_of, shade
from kling_core.previz.stage.places import background, scenery, wall_distance
from kling_core.previz.stage.renderer import FAR, View
from kling_core.previz.stage.scene import draw_shot
from kling_core.storyboard.storyboard import PLACES, TIMES_OF_DAY

ASPECT = 16 / 9


def around(size, frames=16):
    """A view of 48 x 27 pixels that circles the set. Neighbouring frames are 23 degrees apart."""
    nobody = shot(frames=frames, size=size, camera=(PlannedMove("orbit", "left", 345.0),))
    return View(block_shot(nobody, 8, ASPECT).camera, 48, 27)


def seen(place, hour, view):
    return background(place, light_of(place, hour), view.eye, view.directions())


def thumbnails(place, hour, view):
    """[F, 4 * 8 * 3]"""
    colour, _ = seen(place, hour, view)
    small = torch.nn.functional.adaptive_avg_pool2d(colour.permute(0, 3, 1, 2), (4, 8))
    return small.flatten(1)


@pytest.mark.parametrize("size", ["wide", "close"])
@pytest.mark.parametrize("hour", TIMES_OF_DAY)
def test_a_thumbnail_tells_which_place_it_is_from_any_side(size, hour):
    names = [place for place in PLACES if hour != "night" or place != "night street"]  # the street by night is one
    views = torch.stack([thumbnails(place, hour, around(size)) for place in names])
    known, asked = views[:, 0::2], views[:, 1::2]
    distance = torch.cdist(asked.flatten(0, 1), known.flatten(0, 1))
    guess = distance.argmin(1) // known.shape[1]
    truth = torch.arange(len(names)).repeat_interleave(asked.shape[1])
    assert (guess == truth).float().mean() > 0.97


@pytest.mark.parametrize("place", PLACES)
def test_a_background_is_the_same_twice_and_finite(place):
    view = around("wide", frames=4)
    (first, depth), (second, _) = seen(place, "day", view), seen(place, "day", view)
    assert torch.equal(first, second)
    assert torch.isfinite(first).all() and first.min() >= 0
    assert ((depth > 0) & (depth <= FAR)).all() and (depth < FAR).any() and (depth == FAR).any()


@pytest.mark.parametrize("place", PLACES)
def test_rounding_moves_hardly_a_pixel(place):
    """Stands in for another device: float64 and float32 round differently everywhere."""
    view = around("wide", frames=8)
    light, directions = light_of(place, "sunset"), view.directions()
    single, _ = background(place, light, view.eye, directions)
    double, _ = background(place, light, view.eye.double(), directions.double())
    assert double.dtype == torch.float64
    agrees = (single - double).abs().amax(-1) < 1e-3
    assert agrees.float().mean() > 0.999


@pytest.mark.parametrize("place", PLACES)
def test_hours_change_a_place_unless_its_light_is_its_own(place):
    view = around("wide", frames=4)
    day, sunset, night = (seen(place, hour, view)[0] for hour in TIMES_OF_DAY)
    if place in ("studio", "stage", "night street"):
        assert torch.equal(day, night) and torch.equal(day, sunset)
    else:
        assert night.mean() < 0.9 * day.mean()
        assert sunset[..., 0].mean() / sunset[..., 2].mean() > 1.15 * day[..., 0].mean() / day[..., 2].mean()


@pytest.mark.parametrize("place", PLACES)
def test_nothing_stands_where_people_act(place):
    standing = scenery(place, 1)
    if standing is None:
        return
    centre, reach = standing.centre[0], np.linalg.norm(standing.axes[0], axis=-1)
    nearest_x, nearest_z = (np.abs(centre[:, axis]) - reach[:, axis] for axis in (0, 2))
    assert ((nearest_x > 2) | (nearest_z > 2.5)).all()
    assert np.hypot(centre[:, 0], centre[:, 2]).min() > 4.4


def test_walls_are_as_far_as_they_say():
    eye = torch.tensor([[0.0, 1.5, 0.0]])
    for place in PLACES:
        distance = wall_distance(place)
        if distance is None:
            continue
        just_before, just_behind = (torch.tensor([[[[0.0, -1.5 / (distance + by), -1.0]]]]) for by in (-0.05, 0.05))
        assert seen_depth(place, eye, just_before) < FAR
        assert seen_depth(place, eye, just_behind) == FAR
    assert {place for place in PLACES if wall_distance(place) is None} == {"park", "beach", "studio", "road"}


def seen_depth(place, eye, direction):
    return background(place, light_of(place, "day"), eye, direction)[1].item()


@pytest.mark.parametrize("hour", TIMES_OF_DAY)
@pytest.mark.parametrize("place", ["park", "room"])
def test_a_shadow_lies_on_the_side_away_from_the_sun(place, hour):
    light = light_of(place, hour)
    axis = torch.linspace(-6, 6, 241)
    x, z = torch.meshgrid(axis, axis, indexing="ij")
    dark = 1 - cast_shadow(x, z, light, PERSON)
    middle = torch.stack([(dark * x).sum(), (dark * z).sum()]) / dark.sum()
    away = -torch.tensor([light.sun[0], light.sun[2]])
    assert torch.cosine_similarity(middle, away, dim=0) > 0.98
    assert dark.min() >= 0 and dark.max() < 0.7


def test_shadows_are_long_at_sunset_and_short_by_day():
    along = torch.linspace(0, 8, 400)

    def tip(hour):
        across, _, depth = LIGHTS[hour].sun
        level = np.hypot(across, depth)
        reached = cast_shadow(-across / level * along, -depth / level * along, LIGHTS[hour], PERSON)
        return along[reached < 0.9].max().item()

    assert 1.0 < tip("day") < 2.0
    assert 3.5 < tip("sunset") < 6.0


def test_a_person_darkens_the_ground_on_one_side():
    planned = alone(size="full")
    with_person = draw_shot(planned, blocked(planned), {"red": RED}, {}, 128, 72).float().mean(-1)[0]
    nobody = blocked(planned)
    nobody = type(nobody)(nobody.camera, (), ())
    change = (draw_shot(planned, nobody, {}, {}, 128, 72).float().mean(-1)[0] - with_person) > 12
    x0, _, x1, _ = blocked(planned).subjects[0].body[0]
    left, right = change[:, : int(x0 * 128) - 2], change[:, int(x1 * 128) + 2 :]
    assert left.sum() > 50 and left.sum() > 10 * right.sum()  # by day the sun stands to the right, behind the camera


def test_a_tree_casts_a_larger_shadow_than_a_person():
    axis = torch.linspace(-4, 4, 81)
    x, z = torch.meshgrid(axis, axis, indexing="ij")
    person, tree = (1 - cast_shadow(x, z, LIGHTS["day"], balls) for balls in (PERSON, OCCLUDERS["tree"]))
    assert tree.sum() > 1.5 * person.sum()


def test_light_from_behind_shows_by_night_only():
    back = -torch.nn.functional.normalize(torch.tensor([LIGHTS["night"].sun]), dim=1)
    assert shade(back, LIGHTS["night"])[0, 2] > 1.3 * shade(back, LIGHTS["night"])[0, 0]
    assert torch.allclose(*shade(back, LIGHTS["day"])[0, :2])
