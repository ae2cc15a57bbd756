"""Negatives become positives, and what has none is told."""

import pytest

from kling_core.prompts.negatives import positives


@pytest.mark.parametrize(
    ("negative", "word"),
    [
        ("morphing features", "identity"), ("changing clothes", "clothes"), ("extra fingers", "five"),
        ("no blurry faces", "sharp"), ("low quality", "clean"), ("watermark", "edge to edge"),
        ("camera shake", "steady"), ("flickering", "even"), ("cartoon", "photographic"), ("deformed hands", "hand"),
    ],
)
def test_known_faults_are_said_as_the_sound_state(negative, word):
    said, notes = positives(negative)
    assert len(said) == 1 and word in said[0] and not notes
    assert not any(no in said[0].lower().split() for no in ("no", "not", "without", "never"))


def test_faults_of_one_kind_are_said_once():
    assert len(positives("blurry, blurred; out of focus")[0]) == 1


def test_what_has_no_known_opposite_is_left_out_with_a_note():
    said, notes = positives("blurry, purple elephants")
    assert len(said) == 1 and len(notes) == 1 and "“purple elephants”" in notes[0]


def test_music_needs_no_words_since_there_is_none_unless_asked_for():
    assert positives("background music") == ((), ())


def test_nothing_asked_is_nothing_said():
    assert positives("") == ((), ())
