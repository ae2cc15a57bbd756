"""The labelled contact sheet: a row a shot, frames out of the right shots, the cast on top."""

import numpy as np
from scene_fakes import SCENE, FakeBackbone, small_cast

from kling_core.contact_sheet import FRAMES_A_SHOT, ContactSheet
from kling_core.plan.resolve import plan

CAST = small_cast("mira", "leo")
PLAN = plan(SCENE, CAST, FakeBackbone.grid, FakeBackbone.limits)


def sheet_of(portions, people=CAST):
    sheet = ContactSheet(PLAN, people)
    for frames in portions:
        sheet.add_frames(frames)
    return sheet


def bright(shot):
    return np.full((shot.frames, 72, 128, 3), 40 * (shot.index + 1), np.uint8)


def test_every_row_shows_frames_of_its_own_shot():
    sheet = sheet_of(bright(shot) for shot in PLAN.shots)
    drawn = sheet.draw()
    width, height = sheet.thumb_size
    for value in (40, 80, 120):
        covered = (drawn == value).all(-1).sum()
        assert covered >= FRAMES_A_SHOT * width * height * 0.99


def test_frames_may_come_in_any_portions():
    film = np.concatenate([bright(shot) for shot in PLAN.shots])
    whole, single = sheet_of([film]).draw(), sheet_of(film[None, at] for at in range(len(film))).draw()
    assert (whole == single).all()


def test_only_thumbnails_are_kept():
    sheet = sheet_of(bright(shot) for shot in PLAN.shots)
    kept = sum(thumb.size for thumbs in sheet._thumbs.values() for thumb in thumbs)
    width, height = sheet.thumb_size
    assert kept == len(PLAN.shots) * FRAMES_A_SHOT * width * height * 3


def test_the_cast_is_on_top_and_labels_are_drawn():
    with_cast = sheet_of(bright(shot) for shot in PLAN.shots).draw()
    without = sheet_of((bright(shot) for shot in PLAN.shots), small_cast()).draw()
    assert with_cast.shape[0] > without.shape[0]
    label = without[60:200, 24:300]
    assert (label < 100).any(), "nothing is written beside the first shot"
