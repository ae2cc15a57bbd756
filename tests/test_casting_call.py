"""Elements for every @name: from files, from the library, and what is wrong with them."""

import pytest
from scene_fakes import small_cast

from kling_core.casting_call import called_names, cast_scene, recast
from kling_core.elements.element import Binding, Cast, Element
from kling_core.elements.library import Library, save_element
from kling_core.errors import KlingError
from kling_core.storyboard.script import parse_script


@pytest.fixture
def scene(tmp_path, monkeypatch):
    monkeypatch.setenv("KLING_LIBRARY", str(tmp_path / "library"))
    path = tmp_path / "scene.txt"
    path.write_text('Shot 1 (3s): @mira looks at Leo. Shot 2 (3s): A voice. @zoe says, "Hi."', encoding="utf-8")
    return path


def element_file(tmp_path, name):
    path = tmp_path / f"{name}.element.safetensors"
    save_element(small_cast(name)[name], path)
    return path


def test_files_given_and_library_are_cast_in_the_order_of_the_scene(scene, tmp_path):
    Library().add(small_cast("zoe")["zoe"])
    _, cast, problems = cast_scene(scene, [f"mira={element_file(tmp_path, 'other')}"])
    assert cast.names == ("mira", "zoe") and not problems.problems


def test_a_file_given_makes_its_bare_name_known(scene, tmp_path):
    board, cast, _ = cast_scene(scene, [f"@leo={element_file(tmp_path, 'leo')}"])
    assert board.shots[0].subjects == ("mira", "leo") and cast.names == ("leo",)


def test_a_file_given_but_not_called_is_cast_last(scene, tmp_path):
    _, cast, _ = cast_scene(scene, [f"max={element_file(tmp_path, 'max')}"])
    assert cast.names == ("max",)


def test_unreadable_files_are_collected(scene, tmp_path):
    (tmp_path / "bad").write_bytes(b"nothing")
    _, cast, problems = cast_scene(scene, [f"mira={tmp_path / 'bad'}", f"zoe={tmp_path / 'none'}"])
    assert {problem.where.split(",")[0] for problem in problems.problems} == {"element @mira", "element @zoe"}
    assert cast.names == ("mira", "zoe")


@pytest.mark.parametrize("given", [["mira"], ["=x"], ["mira="], ["mira=a", "mira=b"]])
def test_wrong_pairs(scene, given):
    with pytest.raises(KlingError, match="--element"):
        cast_scene(scene, given)


def test_every_place_a_name_can_be_in():
    board = parse_script('Shot 1 (3s): @a walks to @b. @c off-screen says, "Hi, @d." Shot 2: @e\'s house.', ())
    assert set(called_names(board)) >= {"a", "b", "c", "e"}


def test_somebody_is_recast_from_a_file_and_keeps_the_part_and_its_strength(tmp_path):
    cast = Cast((Binding(Element("mira"), 0.5), Binding(Element("leo"))))
    new = recast(cast, [f"@mira={element_file(tmp_path, 'other')}"])
    assert new.names == ("mira", "leo") and new.binding("mira").strength == 0.5
    assert new["mira"].views and new["leo"] is cast["leo"]


def test_recasting_tells_all_mistakes_at_once(tmp_path):
    with pytest.raises(KlingError) as told:
        recast(Cast((Binding(Element("mira")),)), ["zoe=zoe.safetensors", f"mira={tmp_path / 'absent'}"])
    assert "mira" in str(told.value) and "--element zoe is not in this scene" in str(told.value).replace(":", "")
