"""The ShotSequence node."""

import pytest

from kling_core.errors import KlingError

SCRIPT = 'Shot 1 (4s, wide): @mira waves. Shot 2 (3s, close-up): Mira says, "Hello."'


def storyboard_of(output):
    storyboard, = output.args
    return storyboard


def test_a_script_becomes_shots(run):
    storyboard = storyboard_of(run("ShotSequence", script=SCRIPT))
    assert [(shot.seconds, shot.size) for shot in storyboard.shots] == [(4, "wide"), (3, "close")]


def test_widgets_hold_where_the_script_says_nothing(run):
    storyboard = storyboard_of(run("ShotSequence", script="@mira waves.", aspect="9:16", seconds=5.0, place="beach"))
    assert (storyboard.aspect, storyboard.total_seconds, storyboard.place) == ("9:16", 5, "beach")


def test_without_a_place_the_scene_plays_where_the_script_says(run):
    assert storyboard_of(run("ShotSequence", script="@mira waves on the beach.")).place == "beach"


def test_shot_fields_stand_in_place_of_the_script(run):
    fields = {"shot0": "(4s, wide): @mira waves.", "shot1": 'Mira says, "Hello."\n', "shot2": "(2s) Mira turns."}
    storyboard = storyboard_of(run("ShotSequence", script=SCRIPT, seconds=9.0, shots=fields))
    assert [shot.seconds for shot in storyboard.shots] == [4, 3, 2]
    assert storyboard.shots[1].lines[0].text == "Hello."


def test_the_default_script_is_a_legal_one(run):
    assert len(storyboard_of(run("ShotSequence")).shots) == 2


def test_mistakes_are_told_with_shot_and_remedy(run):
    with pytest.raises(KlingError, match="shot 3: .*[Nn]umber the shots"):
        run("ShotSequence", script="Shot 1 (3s): @mira waves. Shot 3 (3s): Mira waves.")
