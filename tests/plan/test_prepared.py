"""What encoders are given is what the reference says: its size, its seconds, its rate, nothing distorted."""

from dataclasses import replace

import numpy as np
import pytest
from reference_scenes import RATE, cast, clip, element, planned, shot, voice

from kling_core.plan.prepared import prepared_clip, prepared_picture, prepared_sound
from kling_core.plan.reference_budget import choose
from kling_core.plan.reference_limits import H3, WAN_PHANTOM
from kling_core.plan.references import Reference


def plain(colour, height, width):
    return np.full((height, width, 3), colour, np.uint8)


def box_of(picture, colour):
    """Rows and columns that a colour fills."""
    rows, columns = np.nonzero((np.abs(picture.astype(int) - colour) < 12).all(-1))
    return rows.min(), rows.max() + 1, columns.min(), columns.max() + 1


def test_views_stand_side_by_side_on_white_and_keep_their_shape():
    red, blue = (200, 0, 0), (0, 0, 200)
    mira = replace(element("mira"), views={"front": plain(red, 400, 200), "detail": plain(blue, 300, 300)})
    sheet = prepared_picture(mira, Reference("image", 1, "mira", ("front", "detail"), (640, 352)))
    assert sheet.shape == (352, 640, 3) and sheet.dtype == np.uint8
    for colour, ratio in ((red, 2.0), (blue, 1.0)):
        top, bottom, left, right = box_of(sheet, colour)
        assert (bottom - top) / (right - left) == pytest.approx(ratio, rel=0.02)
    assert box_of(sheet, red)[3] <= box_of(sheet, blue)[2]
    assert (sheet[:, [0, -1]] > 250).all() or (sheet[[0, -1]] > 250).all()


def test_a_tall_picture_in_a_wide_frame_is_letterboxed():
    people = cast(element("mira", ("front",), height=500, width=250))
    reference = choose(planned(people, shot("mira")), people, WAN_PHANTOM).items[0]
    picture = prepared_picture(people["mira"], reference)
    assert picture.shape == (768, 1344, 3)
    assert (picture[:, :470] == 255).all() and (picture[:, -470:] == 255).all() and picture[:, 480:860].mean() < 200


def test_a_picture_that_fits_is_left_as_it_is():
    mira = element("mira", ("front",), height=320, width=640)
    assert np.array_equal(prepared_picture(mira, Reference("image", 1, "mira", ("front",), (640, 320))),
                          mira.views["front"])


@pytest.mark.parametrize("fps", [10.0, 24.0, 12.5])
def test_a_clip_has_the_frames_that_its_tokens_were_counted_by(fps):
    people = cast(element("mira", ("front",), clip=clip(seconds=6.0, fps=fps, size=(200, 116))))
    chosen = choose(planned(people, shot("mira", lines=("mira",))), people, H3)
    sound, film = chosen.of("mira", "audio")[0], chosen.of("mira", "video")[0]
    frames = prepared_clip(people["mira"], film)
    assert frames.shape[1:3] == film.size[::-1] == (128, 192) and len(frames) % 17 == 5
    assert H3.video_tokens(film.size, len(frames)) == film.tokens
    heard = prepared_sound(people["mira"], sound, 32000)
    assert heard.shape == (2, round(len(frames) / 24 * 32000)) and heard.dtype == np.float32


def test_a_clip_is_read_at_its_own_speed():
    counted = np.arange(40, dtype=np.uint8)[:, None, None, None] * np.ones((1, 32, 32, 3), np.uint8)
    mira = element("mira", clip=replace(clip(), frames=counted, fps=10.0))
    frames = prepared_clip(mira, Reference("video", 1, "mira", (), (32, 32), (1.0, 3.0)))
    assert len(frames) == 48 and frames[0, 0, 0, 0] == 10 and frames[24, 0, 0, 0] == 20 and frames[-1, 0, 0, 0] == 29


def test_a_voice_is_cut_resampled_and_heard_on_both_sides():
    time = np.arange(10 * RATE) / RATE
    tone = np.where(time < 5, np.sin(2 * np.pi * 200 * time), np.sin(2 * np.pi * 400 * time)).astype(np.float32) / 2
    leo = element("leo", voice=replace(voice(), samples=tone))
    sound = prepared_sound(leo, Reference("audio", 1, "leo", seconds=(5.5, 9.25)), 32000)
    assert sound.shape == (2, 120000) and np.array_equal(sound[0], sound[1])
    spectrum = np.abs(np.fft.rfft(sound[0]))
    assert np.fft.rfftfreq(120000, 1 / 32000)[spectrum.argmax()] == pytest.approx(400, abs=1)


def test_the_voice_of_who_has_none_is_that_of_the_clip():
    mira = element("mira", clip=clip(seconds=4.0))
    sound = prepared_sound(mira, Reference("audio", 1, "mira", seconds=(0.0, 3.0)), RATE)
    assert np.allclose(sound, mira.clip.sound[:, : 3 * RATE])
    leo = element("leo", clip=clip(seconds=4.0), voice=voice())
    track = Reference("audio", 1, "leo", seconds=(0.0, 3.0), soundtrack_of=1)
    assert np.allclose(prepared_sound(leo, track, RATE), leo.clip.sound[:, : 3 * RATE])
    assert np.allclose(prepared_sound(leo, replace(track, soundtrack_of=None), RATE)[0], voice().samples[: 3 * RATE])
