"""What only MiniMax H3's prompts have: ordinals, voices, keyframes, a number of words to keep to."""

import re
from dataclasses import replace

import pytest
from h3_grammar import read_reference
from prompt_scenes import BAKERY, LEO, MIRA, cast, element, pictures, planned, scene

from kling_core.plan.references import References
from kling_core.prompts.minimax_h3 import MOST_WORDS, compile_base, compile_references


def test_the_guides_own_example_is_reproduced_in_structure():
    """Counts and order of its labels, shots and speakers; its words are MiniMax's."""
    plan, people, references = scene("guides_example")
    read = read_reference(compile_references(plan, people, references).text)
    counts = {kind: sum(label[0] == kind for label in read.labels) for kind in ("Subject", "Picture", "Video", "Audio")}
    assert counts == {"Subject": 4, "Picture": 4, "Video": 2, "Audio": 1}
    assert read.sections["summary"].startswith("[reference generation + audio reference] ")
    assert [[number for number, _, _ in shot.spoken] for shot in read.shots] == [[1], [2], [1]]
    definitions = read.sections["subject_definitions"].splitlines()
    assert [line.split(" is ")[0] for line in definitions] == [*(f"<Subject {n}>" for n in range(1, 5)), "<Audio 1>"]
    assert definitions[-1].endswith("the voice-timbre reference for <Subject 3> (S1).")
    assert "<Picture 2> (front view), <Picture 3> (side view) and <Picture 4> (back view)" in definitions[1]


def test_a_clips_sound_is_numbered_apart_from_its_pictures_and_told_to_belong_to_them():
    plan, people, references = scene("clip")
    definitions = read_reference(compile_references(plan, people, references).text).sections["subject_definitions"]
    assert "<Audio 1> is the synchronized audio track of <Video 1>" in definitions
    assert "moving as in <Video 1>" in definitions and "<Audio 2> is the voice-timbre reference" in definitions


def test_pictures_of_several_views_side_by_side_say_so():
    plan, people, references = scene("long_voice")
    assert "<Picture 2> (side and back views side by side)" in compile_references(plan, people, references).text


def test_who_speaks_off_screen_says_so_in_the_guides_words_with_the_others_lips_closed():
    plan, people, references = scene("long_voice")
    first = read_reference(compile_references(plan, people, references).text).shots[0].text
    assert re.search(r"<Subject 1> \(S1\).* says in an off-screen voiceover: <d>.*</d> while the lips of <Subject 2> "
                     "remain completely closed", first)


def test_the_lips_of_all_others_on_screen_are_closed_during_each_line():
    plan, people, references = scene("bakery")
    first = read_reference(compile_references(plan, people, references).text).shots[0].text
    assert "the lips of <Subject 2> and <Subject 3> remain closed" in first


def test_each_line_is_in_the_voice_of_its_own_speaker():
    plan, people, references = scene("bakery")
    text = compile_references(plan, people, references).text
    voices = re.findall(r"<Subject (\d)> \(S\d\)[^<]*referenced from <Audio (\d)>, <d>", text)
    assert voices == [("1", "1"), ("3", "2"), ("1", "1"), ("2", "3")]


def test_a_moving_guide_is_told_as_the_plan_of_the_film_and_lends_its_looks_to_nobody():
    plan, people, references = scene("guided")
    read = read_reference(compile_references(plan, people, references).text)
    definition, = (line for line in read.sections["subject_definitions"].splitlines() if "<Video 1>" in line)
    assert definition.startswith("<Video 1> is ") and "<Subject" not in definition
    kept, = (line for line in read.sections["retention_analysis"].splitlines() if "<Video 1>" in line)
    assert kept.startswith("<Video 1> (camera movement, cuts and blocking): partially_preserved - ")
    assert "puppets" in kept and "replaced" in kept
    assert read.sections["summary"].startswith("[reference generation + audio reference] ")
    assert "follow <Video 1>" in read.sections["summary"]
    assert "has the looks of its own reference" in read.sections["detailed_description"].split("[Shot 1]")[0]
    assert all(re.findall(r"The camera [^.]*<Video 1>\.", shot.text) for shot in read.shots)
    assert [shot.text.count("<Video 1>") for shot in read.shots] == [1, 1, 1]


def test_without_a_guide_nothing_of_it_is_said():
    plan, people, references = scene("guided")
    text = compile_references(plan, people, without_guide(references)).text
    assert not re.search("Video|puppet|own reference", text)


def test_a_guide_is_not_named_in_shots_that_it_does_not_last_for():
    plan, people, references = scene("guided")
    shorter = replace(references.guide, seconds=(0.0, plan.shots[2].start / 24))
    items = tuple(shorter if item is references.guide else item for item in references.items)
    read = read_reference(compile_references(plan, people, References(items)).text)
    assert [shot.text.count("<Video 1>") for shot in read.shots] == [1, 1, 0]


def test_a_guide_alone_makes_a_prompt_of_the_reference_mode():
    plan, people, references = scene("guided")
    read = read_reference(compile_references(plan, people, References((references.guide,))).text)
    assert read.labels == {("Video", 1)} and read.sections["summary"].startswith("[reference generation] ")


def without_guide(references):
    return References(tuple(item for item in references.items if item is not references.guide))


def test_an_element_without_a_reference_is_called_by_its_name():
    people = cast(MIRA, LEO)
    plan = planned({"shots": [{"seconds": 4, "subjects": ["mira", "leo"], "description": "@leo hugs @mira."}]}, people)
    only_mira = References(pictures(people).of("mira"))
    text = compile_references(plan, people, only_mira).text
    assert "Leo hugs <Subject 1>." in text and "<Subject 2>" not in text


def test_without_references_the_prompt_is_the_base_modes():
    plan, people, _ = scene("park")
    assert compile_references(plan, people, References()) == compile_base(plan, people)


def test_a_scene_of_the_cast_takes_the_place_of_the_plans_place_in_all_its_shots():
    plan, people, references = scene("bakery")
    read = read_reference(compile_references(plan, people, references).text)
    assert all("in <Subject 4>" in shot.text and "in a shop" not in shot.text for shot in read.shots)
    assert BAKERY.name in people.names


@pytest.mark.parametrize(
    ("first", "last", "opening"),
    [
        (True, False, "For the target video, at 0.00 seconds into the target video, <Picture 1> (from [Shot 1]) is "
                      "fully referenced.\n\nintegrated"),
        (False, True, "How the reference pictures align with the target video — <Picture 1> (from [Shot 3]) aligns "
                      "with the 12.25-second mark of the target video.\n\nintegrated"),
        (True, True, "How the reference pictures align with the target video — Picture 1 (from Shot 1) aligns with the "
                     "0.00-second mark of the target video; Picture 2 (from Shot 3) aligns with the 12.25-second mark "
                     "of the target video.\n\nintegrated"),
        (False, False, "integrated"),
    ],
)
def test_given_frames_are_aligned_in_the_first_line(first, last, opening):
    plan, people, _ = scene("park")
    assert plan.seconds == pytest.approx(12.25, abs=0.005)
    prompt = compile_base(plan, people, first_frame=first, last_frame=last)
    assert prompt.text.startswith(opening)
    assert prompt.text[prompt.spans[0].start:].startswith("A wide shot of Mira")


def test_a_scene_with_more_words_than_the_model_learned_from_says_looks_and_places_once():
    description = "She looks along the shelves and takes her time about it, one after another. " * 6
    board = {"place": "shop", "shots": [
        {"seconds": 2.5, "subjects": ["mira", "leo"], "size": size, "description": f"@mira waits. {description}"[:500]}
        for size in ("wide", "medium", "close", "full", "medium", "wide")
    ]}
    people = cast(MIRA, LEO)
    short = {**board, "shots": board["shots"][:2]}
    texts = [
        read_reference(compile_references(planned(each, people), people, pictures(people)).text)
        .sections["detailed_description"] for each in (short, board)
    ]
    assert len(texts[0].split()) <= MOST_WORDS < len(texts[1].split())
    assert [text.count("red bun") for text in texts] == [2, 1]
    assert [text.count("at eye level, in a shop") for text in texts] == [2, 1]


def test_music_that_only_the_audience_hears_is_a_field_of_its_own():
    plan, people, references = scene("park")
    sections = read_reference(compile_references(plan, people, references).text).sections
    assert sections["non_diegetic_music"] == "Background music swells."
    assert "music" not in sections["detailed_description"].lower()


def test_negatives_are_said_as_positives_and_there_is_no_negative_branch():
    plan, people, references = scene("negative")
    prompt = compile_references(plan, people, references)
    assert prompt.negative == "" and "five well-formed fingers" in prompt.text and "elephants" not in prompt.text
    assert any("purple elephants" in note for note in prompt.notes)


def test_a_description_that_says_what_is_not_there_is_noted():
    plan, people, references = scene("negative")
    assert any("“She does not stop.”" in note for note in compile_references(plan, people, references).notes)


def test_a_description_without_articles_is_told_as_what_it_is():
    people = cast(element("ann", ""), element("cup", "green paper cup", "item"), MIRA)
    plan = planned({"shots": [{"seconds": 4, "subjects": ["ann", "mira"], "description": "@ann takes @cup."}]}, people)
    definitions = compile_references(plan, people, pictures(people)).text
    assert "<Subject 1> is the character, as shown in <Picture 1>" in definitions
    assert "<Subject 2> is the green paper cup, as shown in <Picture 2>" in definitions
    assert "<Subject 3> is the character with red bun, glasses" in definitions
