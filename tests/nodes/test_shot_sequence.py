"""The ShotSequence node."""

import pytest
import torch

from kling_core.elements.element import Binding, Cast, Element
from kling_core.errors import KlingError
from kling_core.previz.stage.look import Look

SCRIPT = 'Shot 1 (4s, wide): @mira waves. Shot 2 (3s, close-up): Mira says, "Hello."'


def storyboard_of(output):
    storyboard, _ = output.args
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


def test_the_preview_shows_every_shot(run):
    _, preview = run("ShotSequence", script=SCRIPT, aspect="1:1").args
    assert preview.shape == (2, 480, 480, 3) and 0 <= preview.min() and preview.max() <= 1
    assert (preview[0] - preview[1]).abs().mean() > 0.05


def test_the_cast_plays_in_the_preview(run):
    look = Look(top=(0.9, 0.05, 0.05)).to_json()
    cast = Cast((Binding(Element("mira", look=look, origin="stage")),))
    strange, own = (run("ShotSequence", script=SCRIPT, cast=given).args[1] for given in (None, cast))
    assert not torch.equal(strange, own)


def test_what_the_embedded_model_cannot_play_is_still_a_storyboard(run):
    storyboard, preview = run("ShotSequence", script="Shot 1 (20s): @mira waves.").args
    assert storyboard.total_seconds == 20 and len(preview) == 1
    assert 0.01 < (preview < 0.5).float().mean() < 0.3, "the slate has words on paper"
