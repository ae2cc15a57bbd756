"""A whole film against its plan: a true one passes, and each fault is named at its shot."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from continuity_films import sound_of, true_film, with_voices_swapped

from kling_core.continuity.check import check, on_the_plans_clock
from kling_core.continuity.judge import judge_identity
from kling_core.continuity.report import MEASURES, report_text
from kling_core.elements.element import Cast
from kling_core.errors import KlingError
from kling_core.sound.speech import speak

RATE = 24000


@pytest.fixture(scope="module")
def film():
    return true_film()


def checked(film, **options):
    return check(film.frames, film.sound, RATE, film.plan, film.cast, film.speech, **options)


def marks(report):
    """Reasons by shot, without those of identity, which has tests of its own."""
    found = {}
    for failure in report.failures:
        if failure.measure != "identity":
            found.setdefault(failure.shot, []).append(failure.reason)
    return found


def test_a_true_film_passes_every_measure(film):
    report = checked(film)
    assert report.failures == () and report.failed_shots == () and report.score > 0.9
    assert "Nothing to take again." in report_text(report, film.plan)


def test_a_cut_two_frames_late_is_named_at_its_shot(film):
    frames = film.frames.copy()
    frames[24:26] = frames[23]
    report = checked(replace(film, frames=frames))
    assert "begins 2 frames late" in report.marks[1] and 1 in report.failed_shots and 0 not in marks(report)


def test_pictures_of_another_shot_are_noticed(film):
    report = checked(film.with_shot(2, film.frames[film.shot(0)]))
    assert list(marks(report)) == [2] and 2 in report.failed_shots


def test_late_mouths_are_named(film):
    shot = film.shot(1)
    late = film.frames[np.maximum(np.arange(shot.start, shot.stop) - 3, shot.start)]
    report = checked(film.with_shot(1, late))
    assert marks(report) == {1: ["@leo's lips are 3 frames late"]}


def test_a_mirrored_move_is_named(film):
    report = checked(film.with_shot(0, film.frames[film.shot(0)][:, :, ::-1]))
    assert "the pan goes the other way" in report.marks[0] and list(marks(report)) == [0]


def test_swapped_voices_are_named_at_their_shots(film):
    report = checked(replace(film, sound=sound_of(film.plan, speak(film.plan, with_voices_swapped(film.cast)))))
    assert marks(report) == {
        0: ["line 1 is in @leo's voice, not @mira's"],
        1: ["line 2 is in @mira's voice, not @leo's"],
        2: ["line 3 is in @mira's voice, not @leo's"],
    }
    assert report.scores["voices"] == 0 and report.retakes == "1,2,3"


def test_a_worse_film_scores_less(film):
    true, frozen = checked(film), checked(replace(film, frames=np.repeat(film.frames[:1], len(film.frames), 0)))
    assert frozen.score < true.score - 0.3


def test_a_silent_film_is_measured_without_voices(film):
    report = check(film.frames, None, None, film.plan, film.cast, film.speech)
    assert report.voices is None and "voices" not in report.scores and not marks(report)


def test_large_films_are_measured_as_small_ones(film):
    large = np.repeat(np.repeat(film.frames, 4, 1), 4, 2)
    assert not marks(checked(replace(film, frames=large)))


def test_mouths_of_real_people_are_left_out(film):
    report = checked(film, photographic=True)
    assert report.lips == () and "lips" not in report.scores


def test_every_instrument_is_named_with_its_error(film):
    instruments = checked(film).instruments
    assert tuple(each.measure for each in instruments) == MEASURES
    assert all(each.name and each.error for each in instruments)


def test_the_report_as_json_counts_shots_and_lines_from_one(film):
    frames = film.frames.copy()
    frames[24:26] = frames[23]
    data = json.loads(json.dumps(checked(replace(film, frames=frames)).to_json()))
    assert 2 in data["failed_shots"]
    assert {"shot": 2, "measure": "cuts", "reason": "begins 2 frames late"} in data["failures"]
    assert [(cut["shot"], cut["error"]) for cut in data["cuts"]] == [(2, 2), (3, 0)]
    assert [line["line"] for line in data["voices"]] == [1, 2, 3]


def test_a_film_of_another_rate_is_brought_to_the_plans_clock(film):
    doubled = np.repeat(film.frames, 2, 0)
    assert (on_the_plans_clock(doubled, 24, film.plan) == film.frames).all()


def identity(score, swapped=False):
    """As `continuity.identity.SubjectIdentity`."""
    return SimpleNamespace(
        shot=2, subject="leo", score=score, attributes={"hat": ("beanie", "brim"), "beard": ("yes", "yes")},
        nearest="mira" if swapped else "leo", swapped=swapped,
    )  # fmt: skip


def test_who_looks_like_somebody_else_fails_and_counts_nothing():
    failures, score = judge_identity((identity(0.9, swapped=True), identity(0.9)))
    assert [(failure.shot, failure.reason) for failure in failures] == [(2, "@leo looks like @mira")]
    assert score == pytest.approx(0.45)


def test_who_is_off_fails_by_what_the_instrument_can_read():
    failures, score = judge_identity((identity(0.6),))
    assert failures[0].reason == "@leo is off: hat brim, not beanie" and score == pytest.approx(0.6)
    failures, score = judge_identity((identity(0.6),), error=0.25)
    assert failures == [] and score == pytest.approx(0.8)


def test_a_plan_of_somebody_who_is_not_cast_is_refused(film):
    with pytest.raises(KlingError, match="@leo is not in it"):
        checked(replace(film, cast=Cast(film.cast.bindings[:1])))


@pytest.mark.parametrize(("frames", "told"), [(60, "is 5.00 s long, its plan 6.00 s"), (3000, "at most 180 s")])
def test_a_film_of_another_length_is_refused(film, frames, told):
    with pytest.raises(KlingError, match=told):
        on_the_plans_clock(np.zeros((frames, 2, 2, 3), np.uint8), 12, film.plan)


@pytest.mark.parametrize(("shape", "told"), [((144, 144), "its plan is 16:9"), ((2304, 4098), "larger than 4K")])
def test_a_film_of_another_size_is_refused(film, shape, told):
    frames = np.broadcast_to(np.zeros((1, 1, 1, 3), np.uint8), (len(film.frames), *shape, 3))
    with pytest.raises(KlingError, match=told):
        checked(replace(film, frames=frames))
