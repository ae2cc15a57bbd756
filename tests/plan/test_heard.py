"""The plan says what words it did not know, and what it took them for."""

import pytest
from plan_scenes import GRID, LIMITS, board, cast, shot

from kling_core.plan.resolve import plan
from kling_core.storyboard.script import parse_script


def notes(text):
    scene = parse_script(text)
    return plan(scene, cast(*scene.shots[0].subjects), GRID, LIMITS).notes


@pytest.mark.parametrize(
    ("text", "words", "verb"),
    [("Shot 1 (3s): @mira tiptoes.", "tiptoes", "walk"), ("镜头1（3秒）：@mira蹑手蹑脚。", "蹑手", "walk")],
)
def test_an_action_played_as_its_nearest(text, words, verb):
    (note,) = notes(text)
    assert note.startswith("shot 1: “") and words in note and f"is played as {verb} (nearest known action, " in note


@pytest.mark.parametrize(("text", "words"), [("@mira levitates.", "levitates"), ("@leo在睡觉。", "睡觉")])
def test_an_action_like_nothing_known(text, words):
    (note,) = notes("Shot 1 (3s): " + text)
    assert words in note and "is known; @" in note and note.endswith("stands")


def test_the_note_says_what_the_person_does_instead():
    assert any(note.endswith("@mira waves") for note in notes("Shot 1 (3s): @mira levitates. She waves."))


def test_known_words_need_no_note():
    assert notes("Shot 1 (3s): @mira walks left, smiling.") == ()


def test_attributes_taken_for_their_nearest():
    (note,) = notes("Shot 1 (3s, tight on the face): @mira waits.")
    assert note.startswith("shot 1: “tight on the face” is taken as close (nearest known size, ")


def test_a_storyboard_may_say_what_was_heard():
    heard = {"words": "levita", "field": "verb", "confidence": 0.5}
    scene = board(shot(subjects=["mira"], actions=[{"subject": "mira", "heard": [heard]}]))
    assert plan(scene, cast("mira"), GRID, LIMITS).notes == ("shot 1: nothing like “levita” is known; @mira stands",)
