"""The labelled contact sheet: a row a shot, frames out of the right shots, the cast on top."""

import numpy as np
from scene_fakes import SCENE, FakeBackbone, small_cast

from kling_core.contact_sheet import FRAMES_A_SHOT, ContactSheet, film_sheet
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


def test_a_shot_that_failed_has_a_red_frame_and_the_reason_and_no_other_has():
    film = np.concatenate([bright(shot) for shot in PLAN.shots])
    plain = film_sheet(film, PLAN, CAST)
    marked = film_sheet(film, PLAN, CAST, {1: ["the pan goes the other way"]})
    assert marked.shape == plain.shape and not is_red(plain).any()
    rows = np.flatnonzero(is_red(marked).any(1))
    second = np.flatnonzero((plain == 80).all(-1).any(1))
    assert second[0] - 20 < rows[0] < second[0] and second[-1] < rows[-1] < second[-1] + 20
    assert is_red(marked)[rows[0]: rows[-1], 24:340].any(), "no reason is written beside the shot"


def test_many_reasons_make_a_row_higher():
    film = np.concatenate([bright(shot) for shot in PLAN.shots])
    reasons = [f"reason number {number} why this shot failed" for number in range(9)]
    assert len(film_sheet(film, PLAN, CAST, {0: reasons})) > len(film_sheet(film, PLAN, CAST))


def is_red(sheet):
    return (sheet[..., 0] > 180) & (sheet[..., 1:] < 90).all(-1)
