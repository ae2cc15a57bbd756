import pytest

from kling_core.elements.names import is_plain_line, name_problem, require_name, same_name_key
from kling_core.errors import KlingError


@pytest.mark.parametrize("name", [
    "mira", "Mira_2", "a", "x" * 20, "米拉", "ミラ", "미라", "José", "Ñandú", "7of9", "ma-ri",
])
def test_names_of_any_script_are_allowed(name):
    assert name_problem(name) is None


@pytest.mark.parametrize(
    "name",
    ["", "x" * 21, "a b", "../mira", "a/b", "a\\b", "mira.exe", "a:b", "~root", "-rf", "nul", "CON", "lpt1", "Com9",
     "a\0b", "a\nb", "Jose\u0301", "smile😀", "²", "½", "\u202emira", None, 7],
)
def test_names_that_could_leave_the_folder_or_confuse_are_refused(name):
    with pytest.raises(KlingError) as raised:
        require_name(name)
    assert raised.value.problems[0].remedy


def test_a_refused_name_is_reported_without_its_control_characters():
    assert "\x1b" not in str(name_problem("\x1b[2Jmira"))


def test_case_and_width_do_not_make_another_name():
    assert same_name_key("Mira") == same_name_key("ＭＩＲＡ") == same_name_key("mira")
    assert same_name_key("mira") != same_name_key("mina")


def test_a_plain_line_may_have_wide_spaces_and_emoji_but_no_escape_sequences():
    assert is_plain_line("a girl\u3000with a 👩‍🚀 badge")
    assert not is_plain_line("red\x1b[31m") and not is_plain_line("two\nlines") and not is_plain_line("\ud800")
