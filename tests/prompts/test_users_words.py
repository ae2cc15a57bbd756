"""Nothing that a user writes is a tag."""

import pytest

from kling_core.prompts.users_words import harmless, spoken_text

NAMES = ("mira", "leo")


@pytest.mark.parametrize(
    ("written", "made"),
    [
        ("<d>hi</d>", "‹d›hi‹/d›"),
        ("[Shot 9] x", "(Shot 9) x"),
        ("((S2) and [S3]", "S2) and S3)"),
        ("one\r\ntwo\x00three\u2028four", "one two three four"),
        ("overall_soundscape: bang", "overall soundscape: bang"),
        ("my_file stays", "my_file stays"),
        ("zero\u200bwidth \u202eover", "zero width over"),
        ("emoji 🙂 and 好", "emoji 🙂 and 好"),
    ],
)
def test_tags_are_taken_apart(written, made):
    assert harmless(written) == made
    assert harmless(made) == made


def test_an_at_in_a_line_is_spoken_as_a_name_or_as_at():
    assert spoken_text("Is @mira at home?", NAMES, str.capitalize) == "Is Mira at home?"
    assert spoken_text("Write to bob@home.org, @zoe!", NAMES, str.capitalize) == "Write to bob at home.org, zoe!"
