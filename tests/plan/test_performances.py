"""Who does what with whom and with what: what the plan makes of embraces and of things in hand."""

from dataclasses import replace

from plan_scenes import GRID, LIMITS, board, cast, line, shot

from kling_core.elements.element import Binding, Cast
from kling_core.plan.report import plan_json, plan_text
from kling_core.plan.resolve import plan


def planned(*actions, people=None, lines=(), **fields):
    scene = board(shot(actions=list(actions), lines=list(lines), **fields))
    return plan(scene, people or cast("mira", "leo"), GRID, LIMITS)


def performances(*actions, **fields):
    return {one.subject: one for one in planned(*actions, **fields).shots[0].performances}


def test_who_is_embraced_embraces_too():
    both = performances({"subject": "mira", "verb": "embrace", "toward": "leo"}, subjects=["mira", "leo"])
    assert (both["leo"].verb, both["leo"].toward) == ("embrace", "mira")
    assert (both["mira"].verb, both["mira"].toward) == ("embrace", "leo")


def test_who_does_something_else_is_embraced_with_a_note():
    scene = planned(
        {"subject": "mira", "verb": "embrace", "toward": "leo"}, {"subject": "leo", "verb": "wave"},
    )
    assert scene.shots[0].performances[1].verb == "embrace"
    assert any("@leo will be embraced by @mira, not wave" in note for note in scene.notes)


def test_alone_nobody_is_embraced_and_the_plan_says_so():
    scene = planned({"subject": "mira", "verb": "embrace"})
    assert scene.shots[0].performances[0].verb == "stand"
    assert any("nobody in the shot to embrace" in note for note in scene.notes)


def test_verbs_bring_their_things():
    for verb, prop in (("ride", "bicycle"), ("bounce", "ball"), ("pour", "jug"), ("hold", "cup"), ("stand", None)):
        assert performances({"subject": "mira", "verb": verb})["mira"].carried == prop
    assert performances({"subject": "mira", "verb": "hold", "prop": "book"})["mira"].carried == "book"


def test_what_is_held_stays_in_hand_whatever_else_is_done():
    walking = planned({"subject": "mira", "verb": "hold", "prop": "umbrella"}, {"subject": "mira", "verb": "walk"})
    one = walking.shots[0].performances[0]
    assert (one.verb, one.carried) == ("walk", "umbrella")
    assert not any("only" in note for note in walking.notes)
    talking = performances({"subject": "mira", "verb": "hold"}, lines=[line("mira", "Tea?")])["mira"]
    assert (talking.verb, talking.carried) == ("talk", "cup")


def test_dancers_put_their_things_away():
    scene = planned({"subject": "mira", "verb": "dance", "prop": "bag"})
    assert scene.shots[0].performances[0].carried is None
    assert any("puts the bag away to dance" in note for note in scene.notes)


def test_the_plan_tells_what_people_have():
    scene = planned({"subject": "mira", "verb": "walk", "prop": "umbrella", "toward": "left"})
    assert "@mira walk with an umbrella toward left" in plan_text(scene)
    assert plan_json(scene)["shots"][0]["performances"][0]["prop"] == "umbrella"


def test_bodies_are_as_tall_as_the_looks_of_the_cast_say():
    mira, leo = cast("mira", "leo").bindings
    looks = ({"height": 1.05}, {"height": "tall"})
    people = Cast(tuple(Binding(replace(one.element, look=look)) for one, look in zip((mira, leo), looks)))
    tracks = planned(people=people, subjects=["mira", "leo"]).blocking[0].subjects
    assert [track.height for track in tracks] == [1.05, 1.0]
