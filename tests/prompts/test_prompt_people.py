"""Where people are on screen, which way they look and what they do, told as the plan's blocking has it."""

import pytest
from prompt_scenes import LEO, MIRA, cast, planned

from kling_core.prompts.people import appearances, in_prose, who
from kling_core.prompts.telling import Telling
from kling_core.storyboard.storyboard import EXPRESSIONS, PROPS, VERBS

PEOPLE = cast(MIRA, LEO)


def told(*actions, **fields):
    """What is said of each subject of one shot, by name."""
    shot = {"seconds": 4, "size": "full", "actions": actions, **fields}
    plan = planned({"shots": [shot]}, PEOPLE)
    pieces = Telling(plan, PEOPLE, in_prose(PEOPLE)).staged(plan.shots[0])
    return {piece.owner: piece.text for piece in pieces}


def mira(**action):
    return {"subject": "mira", **action}


def leo(**action):
    return {"subject": "leo", **action}


def test_who_is_placed_left_is_told_on_the_left():
    said = told(mira(position="right"), leo(position="left"))
    assert "on the right of the frame" in said["mira"] and "on the left of the frame" in said["leo"]


def test_over_a_shoulder_the_near_one_is_in_the_foreground_from_behind():
    said = told(mira(), leo(), size="medium", angle="over shoulder")
    assert "in the background" in said["mira"] and "in the foreground, seen from behind" in said["leo"]


@pytest.mark.parametrize("way", ["left", "right"])
def test_who_walks_is_in_profile_that_way_and_crosses_the_frame(way):
    said = told(mira(verb="walk", toward=way), size="wide")["mira"]
    other = {"left": "right", "right": "left"}[way]
    assert f"in profile to the {way}" in said and said.endswith(f"walks to the {way}.")
    assert f"first on the {other} of the frame, then on the {way} of the frame" in said


def test_who_looks_at_somebody_says_at_whom():
    assert told(mira(toward="leo"), leo())["mira"].endswith(", looking at Leo.")


def test_a_walker_speaks_from_where_they_are_by_then():
    shots = [{"seconds": 6, "size": "wide", "actions": [mira(verb="walk", toward="right"), leo()], "lines": [
        {"speaker": "mira", "text": "Now.", "start": 0.1}, {"speaker": "mira", "text": "Then.", "start": 5.0},
    ]}]
    plan = planned({"shots": shots}, PEOPLE)
    telling = Telling(plan, PEOPLE, in_prose(PEOPLE))
    first, last = (telling.whereabouts(line) for line in plan.lines)
    assert first == ", on the left of the frame," and first != last


def test_who_speaks_is_not_told_to_talk_besides():
    line = {"speaker": "mira", "text": "Hello."}
    assert "talks" in told(mira(verb="talk"))["mira"]
    assert "talks" not in told(mira(verb="talk"), lines=[line])["mira"]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_words_alone_with_somebody_and_to_a_side(verb):
    for toward in (None, "leo", "left"):
        said = told(mira(verb=verb, toward=toward), leo())["mira"]
        assert said.startswith("Mira") and said.endswith(".") and "{" not in said and "None" not in said


@pytest.mark.parametrize("prop", PROPS)
def test_everything_that_can_be_held_is_told(prop):
    assert prop in told(mira(verb="hold", prop=prop))["mira"]


def test_every_expression_but_the_neutral_one_shows():
    said = {expression: told(mira(expression=expression))["mira"] for expression in EXPRESSIONS}
    assert len(set(said.values())) == len(EXPRESSIONS)


def test_who_is_only_heard_does_not_appear():
    plan = planned("Shot 1 (4s): @leo listens. @mira, off-screen, says: “Hello.”", PEOPLE)
    assert appearances(plan, PEOPLE) == {"mira": (), "leo": (0,)}


def test_people_are_told_with_the_same_article_each_time():
    assert who(LEO) == "the bearded man in a blue beanie and a green top"
