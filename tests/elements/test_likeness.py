import cv2
import numpy as np
import pytest
import skimage.data

from kling_core.elements.likeness import descriptor, difference
from kling_core.plan.reference_views import SAME
from kling_core.previz.stage.look import Look
from kling_core.previz.stage.portraits import portraits

PHOTO = skimage.data.astronaut()


def apart(one, other):
    return difference(descriptor(one), descriptor(other))


@pytest.mark.parametrize("change", [
    lambda photo: photo, lambda photo: photo[10:-10, 10:-10], lambda photo: cv2.GaussianBlur(photo, (0, 0), 2),
    lambda photo: cv2.resize(photo, (200, 200), interpolation=cv2.INTER_AREA),
    lambda photo: cv2.imdecode(cv2.imencode(".jpg", photo, [1, 60])[1], 1),
])
def test_copies_of_one_photograph_are_the_same(change):
    assert apart(PHOTO, change(PHOTO)) < SAME


@pytest.mark.parametrize("other", [PHOTO[:, ::-1], skimage.data.chelsea(), skimage.data.coffee()])
def test_other_pictures_are_far_away(other):
    assert apart(PHOTO, other) > 0.3


def test_every_view_of_somebody_differs_from_every_other():
    views = list(portraits(Look(), 128).values())
    found = [apart(one, other) for at, one in enumerate(views) for other in views[:at]]
    assert min(found) > SAME


def test_one_colour_is_no_trouble():
    plain = np.full((40, 40, 3), 128, np.uint8)
    assert 0 <= apart(plain, PHOTO) <= 1 and np.isfinite(descriptor(plain)).all()
