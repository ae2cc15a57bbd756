"""What only the prompts of LTX and Wan have."""

from prompt_scenes import LEO, MIRA, cast, planned, scene

from kling_core.prompts.ltx import compile_prose
from kling_core.prompts.wan import compile_captions


def test_negatives_stay_negatives():
    plan, people, _ = scene("negative")
    for prompt in (compile_prose(plan, people), compile_captions(plan, people)):
        assert prompt.negative == plan.negative
        assert not any("elephants" in note for note in prompt.notes) and "five" not in prompt.text


def test_lines_of_prose_are_quoted_with_language_and_delivery():
    plan, people, _ = scene("bystander")
    line = 'Mira opens the mouth and says in Chinese, softly: "风停了，我们该回家了。"'
    assert line in compile_prose(plan, people).text


def test_voices_of_prose_are_told_by_their_pitch():
    plan, people, _ = scene("six_shots")
    opening = compile_prose(plan, people)
    before_shots = opening.text[: opening.spans[0].start]
    assert "yellow striped top, with a high voice." in before_shots
    assert "green top, with a low voice." in before_shots


def test_looks_are_told_once_for_all_shots():
    plan, people, _ = scene("six_shots")
    for prompt in (compile_prose(plan, people), compile_captions(plan, people)):
        assert prompt.text.count("red bun") == 1
        assert "red bun" in prompt.text[: prompt.spans[0].start]


def test_dissolves_are_asked_for_as_such():
    people = cast(MIRA, LEO)
    shots = [{"seconds": 3, "subjects": ["mira"]}, {"seconds": 3, "subjects": ["leo"], "transition": "dissolve"}]
    plan = planned({"shots": shots}, people)
    assert "The picture cross-dissolves to a medium shot of Leo" in compile_prose(plan, people).text


def test_a_scene_without_people_is_told():
    shot = {"seconds": 4, "size": "wide", "description": "Waves roll in."}
    plan = planned({"place": "beach", "shots": [shot]}, cast())
    assert "The scene features no characters. It takes place on a beach." in compile_captions(plan, cast()).text
    assert "The film opens on a wide shot, at eye level. Waves roll in." in compile_prose(plan, cast()).text
