"""The preview of a storyboard: with a cast, without one, and where the plan has mistakes."""

import numpy as np

from kling_core.elements.element import Binding, Cast, Element
from kling_core.preview import preview
from kling_core.previz.stage.look import Look
from kling_core.storyboard.script import parse_script

SCENE = parse_script("Shot 1 (2s, close-up): @mira nods. Shot 2 (2s, close-up): @leo nods.", ("mira", "leo"))


def cast(**tops):
    return Cast(tuple(
        Binding(Element(name, look=Look(top=top).to_json(), origin="stage")) for name, top in tops.items()
    ))  # fmt: skip


def test_every_shot_has_a_picture_with_its_own_people():
    red, blue = (0.95, 0.02, 0.02), (0.02, 0.02, 0.95)
    pictures = preview(SCENE, cast(mira=red, leo=blue), width=96)
    assert pictures.shape == (2, 54, 96, 3) and pictures.dtype == np.uint8
    clothes = pictures[:, -4:, 42:54].reshape(2, -1, 3).mean(1)
    assert clothes.argmax(1).tolist() == [0, 2]


def test_without_a_cast_every_name_has_a_face_of_its_own_each_time_the_same():
    pictures = preview(SCENE, width=96)
    assert np.array_equal(pictures, preview(SCENE, width=96))
    assert np.abs(pictures[0].astype(int) - pictures[1]).max() > 60


def test_mistakes_are_written_where_the_pictures_would_be():
    told = preview(SCENE, cast(mira=(1, 0, 0)), width=480)
    other = preview(parse_script("Shot 1 (20s): @mira waves.", ("mira",)), width=480)
    assert told.shape == other.shape == (1, 270, 480, 3) and not np.array_equal(told, other)
