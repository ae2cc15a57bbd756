"""Words on pictures."""

import pytest

from kling_core import lettering


@pytest.mark.parametrize("text", ["one two three four five six seven " * 6, "长" * 200, "", "word" * 60])
def test_labels_wrap_inside_their_column(text):
    rows = lettering.wrapped(text, 15, 200, False)
    assert 1 <= len(rows) <= 3
    assert all(lettering._width(row, 15, False) <= 215 for row in rows)


def test_old_opencv_gets_plain_letters():
    assert lettering._ascii("“¿Qué?” – 90° …") == '"?Que?" - 90 deg ...'
