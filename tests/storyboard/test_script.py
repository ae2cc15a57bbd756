"""Scripts in, storyboards out: shots, attributes, subjects, actions, seconds, and every mistake with its place."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_core.errors import KlingError
from kling_core.storyboard.script import MAX_CHARACTERS, parse_script

CAST = ("mira", "leo")


def shots(text, names=CAST, **settings):
    return parse_script(text, names, **settings).shots


def action_of(shot, name):
    return next(action for action in shot.actions if action.subject == name)


def mistakes(text, names=CAST, **settings):
    with pytest.raises(KlingError) as caught:
        parse_script(text, names, **settings)
    return {problem.where: problem.what for problem in caught.value.problems}


def test_inline_script_with_attributes():
    first, second = shots(
        'Shot 1 (3s, wide, slow push-in): @mira walks past a tree. Mira says, "Look at that." Shot 2 (2s): Leo nods.'
    )
    assert (first.seconds, first.size, first.subjects) == (3.0, "wide", ("mira",))
    assert [(move.kind, move.direction, move.speed) for move in first.camera] == [("dolly", "in", "slow")]
    assert (action_of(first, "mira").verb, action_of(first, "mira").behind) == ("walk", "tree")
    assert [(line.speaker, line.text) for line in first.lines] == [("mira", "Look at that.")]
    assert (second.seconds, second.subjects, action_of(second, "leo").verb) == (2.0, ("leo",), "nod")


def test_turbo_form():
    first, second = shots("shot 1, 3, @mira walks to the left; shot 2, 4.5, close-up of @leo, surprised;", ())
    assert (first.seconds, second.seconds) == (3.0, 4.5)
    assert action_of(first, "mira").toward == "left"
    assert (second.size, action_of(second, "leo").expression) == ("close", "surprise")


@pytest.mark.parametrize(
    "header", ["Shot 1:", "SHOT 1 (3s):", "shot 1 [3s] -", "Shot #1 (3s)\n", "Shot 1 – ", "Shot 1\n"]
)
def test_headers_may_be_written_in_many_ways(header):
    assert [shot.subjects for shot in shots(f"{header} Mira waves.\nShot 2: Leo nods.")] == [("mira",), ("leo",)]


def test_text_without_shots_is_one_shot():
    (shot,) = shots("A wide shot of Mira, who sits in a garden.")
    assert (shot.size, shot.place, action_of(shot, "mira").verb) == ("wide", "park", "sit")


def test_a_shot_named_inside_a_quotation_is_no_new_shot():
    (shot,) = shots('Shot 1: Mira says, "This is shot 2 already."')
    assert shot.lines[0].text == "This is shot 2 already."


def test_names_without_at_count_only_for_the_cast():
    (shot,) = shots("Shot 1: Mira and Zoe wave.", ["mira"])
    assert shot.subjects == ("mira",)
    (shot,) = shots("Shot 1: @mira and @zoe wave.", ["mira"])
    assert shot.subjects == ("mira", "zoe")


def test_a_name_that_is_also_a_word_counts_with_its_capital():
    (shot,) = shots("Shot 1: Rose rose early, a rose in her hand. She waves to Leo.", ["rose", "leo"])
    assert shot.subjects == ("rose", "leo") and shot.description.count("rose") == 2
    (shot,) = shots("Shot 1: leo rose early.", ["leo"])
    assert shot.subjects == ("leo",)


def test_preamble_sets_the_scene():
    board = parse_script(
        "Title: The bakery\nAspect: 9:16\nPlace: night street\nSeconds: 9\nNegative: morphing\nShot 1: Mira waves.",
        CAST,
    )
    assert (board.title, board.aspect, board.place, board.seconds) == ("The bakery", "9:16", "night street", 9.0)
    assert board.negative == "morphing" and board.shots[0].seconds == 9.0


def test_place_and_time_in_a_shot_hold_for_that_shot():
    board = parse_script("At the beach. Shot 1 (2s): Mira waves. Shot 2 (2s, street, night): Leo nods.", CAST)
    assert board.place == "beach"
    assert (board.shots[0].place, board.shots[1].place, board.shots[1].time_of_day) == (None, "street", "night")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mira walks left.", {"verb": "walk", "toward": "left"}),
        ("Mira walks from left to right.", {"verb": "walk", "toward": "right"}),
        ("Mira runs behind a big old tree.", {"verb": "walk", "behind": "tree"}),
        ("Mira passes a pillar.", {"verb": "walk", "behind": "pillar"}),
        ("Mira walks toward Leo.", {"verb": "walk", "toward": "leo"}),
        ("Mira turns to Leo.", {"verb": "turn", "toward": "leo"}),
        ("Mira points at the sea.", {"verb": "point"}),
        ("Mira stands and waves.", {"verb": "wave"}),
        ("Mira does not wave, she sits.", {"verb": "sit"}),
        ("Mira, on the left, smiles.", {"position": "left", "expression": "joy"}),
        ("Mira stands to the right of Leo.", {"position": "right"}),
        ("Mira does not smile but frowns.", {"expression": "anger"}),
        ("Mira weeps.", {"expression": "sadness"}),
        ("Mira gasps.", {"expression": "surprise"}),
        ("Terrified, Mira waits.", {"expression": "fear"}),
        ("Mira stands in front of a tree, waving.", {"verb": "wave", "behind": None}),
    ],
)
def test_what_a_subject_does(text, expected):
    (shot,) = shots("Shot 1: " + text)
    action = action_of(shot, "mira")
    assert {key: getattr(action, key) for key in expected} == expected


def test_two_people_do_different_things():
    (shot,) = shots("Shot 1: Mira on the left and Leo on the right; Mira smiles while Leo walks right, angry.")
    mira, leo = action_of(shot, "mira"), action_of(shot, "leo")
    assert (mira.position, mira.expression, leo.position) == ("left", "joy", "right")
    assert (leo.verb, leo.toward, leo.expression) == ("walk", "right", "anger")


def test_people_named_together_do_the_same():
    (shot,) = shots("Shot 1: Mira and Leo wave.")
    assert [action.verb for action in shot.actions] == ["wave", "wave"]


def test_over_the_shoulder_puts_the_listener_last():
    (shot,) = shots('Shot 1: Over Mira\'s shoulder we see Leo. Leo says, "Yes."')
    assert (shot.angle, shot.subjects) == ("over shoulder", ("leo", "mira"))


def test_somebody_only_looked_at_in_a_close_up_is_not_in_it():
    assert shots("Shot 1 (close-up): Mira looks at Leo.")[0].subjects == ("mira",)
    assert shots("Shot 1 (wide): Mira looks at Leo.")[0].subjects == ("mira", "leo")


def test_pronouns_mean_the_people_of_the_shot_before():
    _, she, they = shots("Shot 1: Mira waves. Shot 2: She smiles. Shot 3: They laugh, two-shot.")
    assert she.subjects == ("mira",)
    assert they.subjects == CAST


def test_transitions():
    first, second, third = shots("Shot 1: Mira waves. Dissolve to: Shot 2: Her smile fades. Shot 3 (fade): Leo nods.")
    assert [first.transition, second.transition, third.transition] == ["cut", "dissolve", "fade"]


def test_unknown_attribute_words_stay_in_the_description():
    (shot,) = shots("Shot 1 (3s, moody neon): @mira waves.")
    assert shot.description == "moody neon. @mira waves."


def test_shots_without_seconds_take_two_and_a_half():
    assert [shot.seconds for shot in shots("Shot 1: Mira waves. Shot 2: Leo nods.")] == [2.5, 2.5]


def test_shots_without_seconds_share_what_is_left_and_long_lines_get_more():
    text = (
        'Shot 1 (4s): Mira waves. Shot 2: Leo says, "I have been looking for you all over this town since yesterday." '
        "Shot 3: Mira nods."
    )
    board = parse_script(text, CAST, seconds=10)
    assert board.total_seconds == pytest.approx(10)
    assert board.shots[0].seconds == 4.0 and board.shots[1].seconds > board.shots[2].seconds >= 1.0


@settings(deadline=None)
@given(st.integers(1, 6), st.floats(6, 15))
def test_shared_seconds_add_up_to_the_total(count, total):
    total = round(total, 2)
    board = parse_script(" ".join(f"Shot {n}: Mira waves." for n in range(1, count + 1)), CAST, seconds=total)
    assert board.total_seconds == pytest.approx(total)
    assert all(shot.seconds >= 1 for shot in board.shots)


def test_every_mistake_is_told_at_once():
    found = mistakes('Shot 1 (3x): Mira waves. Shot 3: A man says, "Hi." Shot 3: Leo says in French, "Oui."')
    assert "3x" in found["shot 1"]
    assert "not clear who says" in found["shot 2, line 1"]
    assert "French" in found["shot 3, line 1"]
    assert "should be" in found["shot 3"]


@pytest.mark.parametrize("text", ['Shot 1: Mira. Shot 2: Leo says, "Hi. Shot 3: x', "Shot 1: a. Shot 2: “b"])
def test_open_quotation_names_its_shot(text):
    assert "no partner" in mistakes(text)["shot 2"]


def test_no_time_left():
    assert "no second is left for shot 2, 3" in mistakes("Shot 1 (14s): a. Shot 2: b. Shot 3: c.")["script"]


@pytest.mark.parametrize("text", ["", "  \n ", "Title: x\n"])
def test_empty_script(text):
    assert "is empty" in mistakes(text)["script"]


def test_bad_settings_are_told():
    found = mistakes("Aspect: 4:3\nPlace: the moon\nSeconds: soon\nShot 1: Mira waves.")
    assert "'4:3'" in found["aspect"] and "the moon" in found["place"] and "soon" in found["Seconds"]


def test_a_shots_text_is_at_most_512_characters():
    assert "at most 512" in mistakes("Shot 1: " + "word " * 200)["shot 1, description"]


def test_script_size_is_limited():
    assert str(MAX_CHARACTERS) in mistakes("x" * (MAX_CHARACTERS + 1))["script"]


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from('Shot 12:(3s,)"“”@mira says.;\n\ue000\uf000 and'), max_size=200))
def test_any_text_gives_a_storyboard_or_a_kling_error(text):
    try:
        parse_script(text, CAST)
    except KlingError:
        pass


@pytest.mark.parametrize(
    ("text", "verb", "prop"),
    [
        ("Mira holds a cup of tea", "hold", "cup"),
        ("Mira reads a book", "hold", "book"),
        ("Mira sits on a bench, reading", "sit", "book"),
        ("Mira is on the phone", "talk", "phone"),
        ("Mira looks at her phone", "hold", "phone"),
        ("Mira stands under an umbrella", "hold", "umbrella"),
        ("Mira walks under a red umbrella", "walk", "umbrella"),
        ("Mira pours water into a glass", "pour", None),
        ("Mira pours tea", "pour", None),
        ("Mira bounces a ball", "bounce", None),
        ("Mira dribbles a basketball", "bounce", None),
        ("Mira dances", "dance", None),
        ("Mira spins to music", "dance", None),
        ("Mira spins around", "turn", None),
        ("Mira rides a bicycle", "ride", None),
        ("Mira cycles to the left", "ride", None),
        ("Mira sits on a bench", "sit", None),
        ("Mira carries a heavy bag", "hold", "bag"),
        ("Mira holds her breath and waits", "stand", None),
        ("Mira raises her eyebrows and waits", "stand", None),
        ("Mira rides the bus", "stand", None),
    ],
)
def test_what_people_do_with_things(text, verb, prop):
    (shot,) = shots(f"Shot 1 (3s): {text}.")
    doing = next((action for action in shot.actions if action.subject == "mira"), None)
    assert (doing and doing.verb, doing and doing.prop) == (verb, prop)


@pytest.mark.parametrize("text", ["Mira hugs @leo", "Mira embraces Leo warmly", "Mira holds @leo in her arms"])
def test_an_embrace_brings_the_other_into_the_shot(text):
    for size in ("wide", "close-up"):
        (shot,) = shots(f"Shot 1 (3s, {size}): {text}.")
        assert shot.subjects == CAST
        assert (action_of(shot, "mira").verb, action_of(shot, "mira").toward) == ("embrace", "leo")
