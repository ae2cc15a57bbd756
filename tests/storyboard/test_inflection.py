"""Forms of verbs in five languages."""

import pytest

from kling_core.storyboard.inflection import verb_forms
from kling_core.storyboard.wordings import LANGUAGES, wordings


@pytest.mark.parametrize(
    ("wording", "language", "expected"),
    [
        ("tiptoe", "en", {"tiptoes", "tiptoeing", "tiptoed"}), ("hurry", "en", {"hurries", "hurrying", "hurried"}),
        ("run away", "en", {"runs away", "running away", "ran away"}),
        ("saludar con la mano", "es", {"saluda con la mano", "saludando con la mano", "saludó con la mano"}),
        ("girarse", "es", {"se gira", "girándose", "se giraba"}), ("no moverse", "es", {"no se mueve"}),
        ("挥手", "zh", {"挥手"}),
        ("手を振る", "ja", {"手を振って", "手を振った", "手を振ります", "手を振っている"}),
        ("食べ|る", "ja", {"食べる", "食べて", "食べました"}), ("散歩する", "ja", {"散歩して", "散歩します"}),
        ("손을 흔들다", "ko", {"손을 흔든다", "손을 흔들며", "손을 흔들어요", "손을 흔들었다", "손을 흔듭니다"}),
        ("걷다", "ko", {"걷는다", "걸어요", "걸었다", "걸으며"}), ("다가가다", "ko", {"다가간다", "다가갔다"}),
        ("부르다", "ko", {"불러요", "부른다"}), ("따르다", "ko", {"따라요"}),
    ],
)
def test_forms(wording, language, expected):
    forms, _ = verb_forms(wording, language, wordings(language).get("irregular", {}))
    assert expected <= set(forms)


@pytest.mark.parametrize(("wording", "language", "no"), [("歩く", "ja", "歩かない"), ("앉다", "ko", "앉지 않")])
def test_forms_that_say_no_stand_apart(wording, language, no):
    forms, negatives = verb_forms(wording, language, {})
    assert no in negatives and no not in forms


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_label_is_worded_in_every_language(language):
    table, english = wordings(language), wordings("en")
    for field in ("verb", "expression", "prop", "place", "time", "size", "angle", "move", "speed"):
        assert table[field].keys() == english[field].keys()
        assert all(table[field].values())
    assert table["settings"].keys() == english["settings"].keys()
