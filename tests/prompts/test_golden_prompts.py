"""Every scene's prompts as they were last approved, compared exactly.

After a change that is meant, write them anew and read the difference:

    KLING_WRITE_GOLDEN=1 python -m pytest tests/prompts/test_golden_prompts.py && git diff tests/prompts/golden
"""

import os
from pathlib import Path

import pytest
from prompt_families import FAMILIES
from prompt_scenes import SCENES, scene

GOLDEN = Path(__file__).parent / "golden"


def shown(prompt):
    """A prompt as a text file: its words, its negative and its notes."""
    notes = "\n".join(f"- {note}" for note in prompt.notes)
    return f"{prompt.text}\n\n=== negative\n{prompt.negative}\n\n=== notes\n{notes}\n"


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", SCENES)
def test_prompts_are_as_they_were_approved(name, family):
    path = GOLDEN / f"{name}.{family}.txt"
    made = shown(FAMILIES[family](*scene(name)))
    if os.environ.get("KLING_WRITE_GOLDEN"):
        path.write_text(made, encoding="utf-8")
    assert path.is_file(), f"no {path.name}: see the head of {Path(__file__).name}"
    assert made == path.read_text(encoding="utf-8"), f"see the head of {Path(__file__).name} if this is meant"


def test_no_golden_file_is_left_without_its_scene():
    expected = {f"{name}.{family}.txt" for name in SCENES for family in FAMILIES}
    assert {path.name for path in GOLDEN.iterdir()} == expected
