import cv2
import numpy as np
import pytest
import skimage.data

from kling_core.elements.faces import Face
from kling_core.elements.picture_checks import SHARP, photo_findings, sharpness

FACE = Face(178, 63, 90, 114)


@pytest.fixture
def portrait():
    return skimage.data.astronaut()


def told(picture, face=None) -> str:
    return "\n".join(str(finding) for finding in photo_findings(picture, "view front", face))


@pytest.mark.parametrize("photo", ["astronaut", "chelsea", "coffee", "rocket"])
def test_real_photographs_are_sharp_until_blurred_by_a_hundredth_of_their_side(photo):
    picture = getattr(skimage.data, photo)()
    assert sharpness(picture) > 4 * SHARP
    blurred = cv2.GaussianBlur(picture, (0, 0), min(picture.shape[:2]) / 100)
    assert sharpness(blurred) < SHARP


def test_sharpness_does_not_depend_on_the_number_of_pixels(portrait):
    enlarged = cv2.resize(portrait, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    assert sharpness(enlarged) == pytest.approx(sharpness(portrait), rel=0.25)
    soft = cv2.GaussianBlur(portrait, (0, 0), 5)
    assert sharpness(cv2.resize(soft, None, fx=3, fy=3)) < SHARP


def test_a_sharp_person_before_a_blurred_background_is_sharp(portrait):
    mixed = cv2.GaussianBlur(portrait, (0, 0), 8)
    mixed[50:250, 130:300] = portrait[50:250, 130:300]
    assert sharpness(mixed) > SHARP


def test_a_dark_picture_is_called_dark_and_not_blurred(portrait):
    dark = (portrait * 0.15).astype(np.uint8)
    assert "dark" in told(dark) and "blurred" not in told(dark)


def test_the_portrait_itself_draws_no_advice(portrait):
    assert told(portrait) == "" and told(portrait, FACE) == ""


def test_a_burnt_out_face_is_overexposed(portrait):
    assert "overexposed" in told(np.clip(portrait * 2.2, 0, 255).astype(np.uint8), FACE)


def test_a_white_background_is_no_overexposure(portrait):
    studio = portrait.copy()
    studio[:, :150] = studio[:, 300:] = 255
    assert told(studio, FACE) == ""


def test_light_from_one_side_is_noticed_on_the_face(portrait):
    shadow = np.ones(512)
    shadow[:223] = 0.35
    lit = (portrait * shadow[None, :, None]).astype(np.uint8)
    assert "one side" in told(lit, FACE) and "one side" not in told(portrait, FACE)


def test_a_face_that_hangs_over_the_edge_is_measured_all_the_same(portrait):
    assert told(portrait, Face(-60, -80, 90, 114)) is not None
