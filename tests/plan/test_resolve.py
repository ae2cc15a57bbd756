"""Storyboard in, plan out: limits and names checked all at once, people, cameras and lines in place."""

from dataclasses import replace

import numpy as np
import pytest
from plan_scenes import GRID, LIMITS, board, cast, line, shot

from kling_core.errors import KlingError
from kling_core.plan.report import plan_json, plan_text
from kling_core.plan.resolve import plan
from kling_core.storyboard.storyboard import SHOT_SIZES

CAST = cast("mira", "leo")
LONG = "I have walked all the way from the old harbour to the very last house of this town to tell you that."


def planned(*shots, people=CAST, **scene):
    return plan(board(*shots, **scene), people, GRID, LIMITS)


def problems(*shots, people=CAST, limits=LIMITS, **scene):
    with pytest.raises(KlingError) as caught:
        plan(board(*shots, **scene), people, GRID, limits)
    return caught.value.problems


def told(*shots, **scene):
    return {problem.where: str(problem) for problem in problems(*shots, **scene)}


def test_cuts_lie_on_the_grid_and_what_moved_is_told():
    result = planned(shot(2.5), shot(2.5))
    assert [(one.start, one.stop) for one in result.shots] == [(0, 32), (32, 60)]
    assert [adjustment.where for adjustment in result.moved] == ["cut after shot 1"]


def test_shots_inherit_place_and_time():
    result = planned(shot(), shot(place="room", time_of_day="night"), place="beach", time_of_day="sunset")
    assert [(one.place, one.time_of_day) for one in result.shots] == [("beach", "sunset"), ("room", "night")]


def test_a_plan_tells_which_of_place_and_time_nobody_wrote():
    result = planned(shot(), shot(place="park"), time_of_day="day")
    assert [(one.place, one.assumed) for one in result.shots] == [("park", ("place",)), ("park", ())]


def test_camera_moves_get_their_usual_direction_and_amount():
    orbit = {"kind": "orbit", "direction": "left", "amount": 180}
    camera = planned(shot(camera=[{"kind": "dolly", "speed": "slow"}, orbit, {"kind": "static"}])).shots[0].camera
    assert [(move.kind, move.direction, move.amount) for move in camera] == [
        ("dolly", "in", 0.35), ("orbit", "left", 180), ("static", None, 0),
    ]


def test_an_impossible_direction_is_noted():
    result = planned(shot(camera=[{"kind": "pan", "direction": "in"}]))
    assert result.shots[0].camera[0].direction == "right"
    assert "shot 1: a pan cannot go in, it goes right" in result.notes


def test_a_speaker_who_only_stands_talks():
    result = planned(shot(subjects=["mira", "leo"], lines=[line("mira", "Hi.")]))
    assert [one.verb for one in result.shots[0].performances] == ["talk", "stand"]


def test_a_speaker_who_acts_keeps_acting():
    result = planned(shot(
        subjects=["mira"], actions=[{"subject": "mira", "verb": "walk"}], lines=[line("mira", "Hi.")]
    ))
    assert result.shots[0].performances[0].verb == "walk"


def test_a_speaker_outside_the_subjects_is_a_voice_off_screen():
    result = planned(shot(subjects=["mira"], lines=[line("leo", "Hi.")]))
    assert result.shots[0].subjects == ("mira",)
    assert "shot 1: @leo is heard, not seen" in result.notes


def test_a_shot_without_subjects_shows_who_speaks():
    result = planned(shot(lines=[line("leo", "Hi."), line("mira", "Ho.")]))
    assert result.shots[0].subjects == ("leo", "mira")


def test_names_may_keep_their_at():
    result = planned(shot(subjects=["@mira"], lines=[line("@mira", "Hi.")]))
    assert result.shots[0].subjects == ("mira",) and result.lines[0].speaker == "mira"


def test_somebody_with_an_action_joins_the_subjects():
    result = planned(shot(subjects=["mira"], actions=[{"subject": "leo", "verb": "wave"}]))
    assert result.shots[0].subjects == ("mira", "leo")
    assert any("@leo joins" in note for note in result.notes)


def test_one_verb_a_subject_and_the_rest_is_noted():
    actions = [{"subject": "mira", "verb": "walk"}, {"subject": "mira", "verb": "wave", "expression": "joy"}]
    result = planned(shot(actions=actions))
    assert (result.shots[0].performances[0].verb, result.shots[0].performances[0].expression) == ("walk", "joy")
    assert any("not wave" in note for note in result.notes)


def test_walking_to_somebody_is_walking_to_their_side():
    def side(subjects, *others):
        walk = {"subject": "mira", "verb": "walk", "toward": "leo"}
        performances = planned(shot(subjects=subjects, actions=[walk, *others])).shots[0].performances
        return next(one.toward for one in performances if one.subject == "mira")

    assert side(["mira", "leo"]) == "right"
    assert side(["leo", "mira"]) == "left"
    assert side(["mira", "leo"], {"subject": "leo", "position": "left"}) == "left"


def test_looks_between_two_people_match_across_cuts():
    mira = planned(shot(subjects=["mira"], actions=[{"subject": "mira", "toward": "leo"}])).shots[0].performances[0]
    leo = planned(shot(subjects=["leo"], actions=[{"subject": "leo", "toward": "mira"}])).shots[0].performances[0]
    assert (mira.toward, leo.toward) == ("right", "left")


def test_things_are_not_staged_as_people():
    result = planned(shot(subjects=["mira", "cup"]), people=cast("mira", cup="item"))
    assert result.shots[0].subjects == ("mira",)
    assert any("@cup" in note for note in result.notes)


def test_an_over_shoulder_shot_of_one_is_noted():
    assert any("needs two" in note for note in planned(shot(subjects=["mira"], angle="over shoulder")).notes)


def test_transitions_are_kept_and_noted():
    result = planned(shot(), shot(transition="dissolve"))
    assert result.shots[1].transition == "dissolve" and "shot 2: the dissolve is made as a cut" in result.notes


def test_a_transition_is_no_cut_where_the_backbone_makes_it():
    scene = board(shot(), shot(transition="dissolve"))
    assert not any("made as a cut" in note for note in plan(scene, CAST, GRID, replace(LIMITS, dissolves=True)).notes)


@pytest.mark.parametrize("aspect", ["16:9", "9:16", "1:1"])
@pytest.mark.parametrize("size", SHOT_SIZES)
def test_blocking_covers_every_frame_of_every_subject(size, aspect):
    result = planned(shot(size=size, subjects=["mira", "leo"]), aspect=aspect)
    for track in result.blocking[0].subjects:
        assert track.head.shape == (result.shots[0].frames, 4) and np.isfinite(track.head).all()


def test_the_plan_is_deterministic():
    scene = [shot(subjects=["mira"], lines=[line("mira", "Hi.")]), shot(subjects=["leo"])]
    first, second = planned(*scene), planned(*scene)
    assert plan_json(first) == plan_json(second)
    assert all(
        (one.head == other.head).all()
        for a, b in zip(first.blocking, second.blocking) for one, other in zip(a.subjects, b.subjects)
    )


def test_a_seed_varies_the_stance_but_not_what_is_written():
    scene = board(shot(subjects=["mira"]))
    first, second = (plan(scene, CAST, GRID, LIMITS, seed=seed) for seed in (1, 2))
    assert plan_json(first) == plan_json(second)
    assert (first.blocking[0].subjects[0].position != second.blocking[0].subjects[0].position).any()


def test_token_counts_and_references():
    result = planned(shot(subjects=["mira"]), shot(subjects=["mira"]))
    assert result.references == (("mira", "front"), ("mira", "back"))
    assert result.tokens == {"text": 2 + 2 * 5, "reference": 40, "audio": 2 * 72, "video": 18 * 9 * 16}
    assert "@leo is cast but not seen in any shot" in result.notes


def test_views_over_the_budget_are_left_out_by_importance():
    people = cast("mira")
    people["mira"].views.update(side=None, detail=None)
    result = planned(shot(subjects=["mira"]), people=people)
    assert result.references == (("mira", "front"), ("mira", "detail"))
    assert any("side, back left out" in note for note in result.notes)


def test_a_backbone_that_chooses_and_counts_itself_finds_nothing_chosen_or_counted():
    result = plan(board(shot(subjects=["mira"])), CAST, GRID, replace(LIMITS, views_per_element=None))
    assert result.references == () and result.tokens == {} and "Tokens" not in plan_text(result)


def test_unbound_people_bring_no_references_and_change_nothing_else():
    bound, unbound = planned(shot(subjects=["mira"])), planned(shot(subjects=["mira"]), people=CAST.unbound())
    assert unbound.references == () and unbound.tokens["reference"] == 0
    assert unbound.shots == bound.shots and unbound.cast == bound.cast


# What bad input gets


def test_shots_that_do_not_add_up():
    assert "add up to 6 s, but it is to last 7 s" in told(shot(), shot(), seconds=7)["storyboard"]


def test_shots_under_a_second():
    assert "lasts 0.5 s" in told(shot(0.5), shot(3))["shot 1"]


def test_more_than_six_shots():
    assert "7 shots, at most 6" in told(*[shot(2)] * 7)["storyboard"]


@pytest.mark.parametrize(
    ("seconds", "remedy"), [(16, "Shorten the shots by 1.00 s"), (2, "Lengthen the shots by 1.00 s")]
)
def test_too_long_and_too_short_scenes(seconds, remedy):
    assert "3 to 15 s" in told(shot(seconds))["storyboard"] and remedy in told(shot(seconds))["storyboard"]


def test_a_backbones_own_limits_count():
    assert told(shot(subjects=["mira", "leo", "ana"]), people=cast("mira", "leo", "ana"))["shot 1"].startswith(
        "shot 1: 3 subjects, at most 2 in a shot"
    )
    assert "4 elements, at most 3" in told(shot(), people=cast("a", "b", "c", "d"))["cast"]


def test_two_elements_of_one_name():
    assert "@mira" in told(shot(), people=cast("mira", "mira"))["cast"]


def test_unknown_names_get_a_suggestion():
    found = told(
        shot(subjects=["Mira"], lines=[line("zoe", "Hi.")], actions=[{"subject": "mira", "toward": "lea"}]),
        shot(description="@max waves"),
    )
    assert "unknown subject @Mira. Did you mean @mira?" in found["shot 1"]
    assert "unknown speaker @zoe" in found["shot 1, line 1"] and "@mira, @leo" in found["shot 1, line 1"]
    assert "Did you mean @leo?" in found["shot 1, action 1"]
    assert "unknown name @max" in found["shot 2"]


def test_an_unknown_name_without_any_cast():
    assert "--element mira=FILE" in told(shot(subjects=["mira"]), people=cast())["shot 1"]


def test_a_line_longer_than_its_shot_says_how_long_it_is():
    (problem,) = problems(shot(3, lines=[line("mira", LONG)]))
    assert problem.where == "shot 1, line 1"
    assert "needs 5.2 s" in problem.what and "Make the shot at least" in problem.remedy


def test_the_remedy_for_a_long_line_works():
    (problem,) = problems(shot(3, lines=[line("mira", LONG)]))
    seconds = float(problem.remedy.split("at least ")[1].split(" s")[0])
    assert planned(shot(seconds, lines=[line("mira", LONG)])).lines


def test_a_line_that_starts_after_its_shot():
    assert "starts 4 s into a shot of 3.00 s" in told(shot(3, lines=[line("mira", "Hi.", start=4)]))["shot 1, line 1"]


def test_all_mistakes_at_once():
    found = problems(
        shot(0.5, subjects=["zoe"]), shot(2, lines=[line("mira", LONG)]), *[shot(3)] * 5, seconds=20,
    )
    assert {problem.where for problem in found} == {"storyboard", "shot 1", "shot 2, line 1"}
    assert len(found) == 6


def test_an_empty_storyboard():
    assert "has no shots" in told()["storyboard"]
