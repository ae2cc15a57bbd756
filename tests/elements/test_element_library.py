import os
from dataclasses import replace

import numpy as np
import pytest

from kling_core.elements.element import Element
from kling_core.elements.library import Library, default_folder, load_element, save_element
from kling_core.errors import KlingError


def an_element(name="mira", shade=100):
    return Element(name, views={"front": np.full((30, 30, 3), shade, np.uint8)})


def shade(element) -> int:
    return int(element.views["front"][0, 0, 0])


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "elements")


def test_the_folder_comes_from_the_environment_or_the_home(monkeypatch, tmp_path):
    monkeypatch.setenv("KLING_LIBRARY", str(tmp_path))
    assert default_folder() == tmp_path and Library().folder == tmp_path
    monkeypatch.delenv("KLING_LIBRARY")
    assert default_folder().parts[-2:] == (".kling", "elements")


def test_a_library_that_was_never_used_is_empty_and_makes_no_folder(library):
    assert library.names() == () and not library.folder.exists()


def test_added_elements_are_listed_sorted_and_come_back(library):
    for name in ("zoe", "Mira", "米拉"):
        library.add(an_element(name))
    assert library.names() == ("Mira", "zoe", "米拉")
    assert library.get("MIRA").name == "Mira" and shade(library.get("zoe")) == 100


def test_a_name_is_taken_whatever_its_case(library):
    library.add(an_element("Mira"))
    with pytest.raises(KlingError, match="already in the library"):
        library.add(an_element("mira", shade=7))
    assert shade(library.get("Mira")) == 100


def test_overwriting_with_another_case_leaves_one_element(library):
    library.add(an_element("Mira"))
    library.add(an_element("mira", shade=7), overwrite=True)
    assert library.names() == ("mira",) and shade(library.get("mira")) == 7


def test_renaming_keeps_the_contents(library):
    library.add(an_element("mira"))
    library.rename("mira", "eva")
    assert library.names() == ("eva",) and library.get("eva").name == "eva"
    library.rename("EVA", "Eva")
    assert library.names() == ("Eva",)
    assert load_element(library.folder / "Eva.element.safetensors").name == "Eva"


def test_renaming_onto_another_element_changes_nothing(library):
    library.add(an_element("mira"))
    library.add(an_element("eva", shade=7))
    with pytest.raises(KlingError, match="already"):
        library.rename("mira", "EVA")
    assert library.names() == ("eva", "mira") and shade(library.get("eva")) == 7


def test_deleting_removes_the_file(library):
    library.add(an_element())
    library.delete("Mira")
    assert library.names() == () and os.listdir(library.folder) == []


@pytest.mark.parametrize("call", [
    lambda library: library.get("nobody"), lambda library: library.delete("../mira"),
    lambda library: library.rename("nobody", "eva"), lambda library: library.export("nobody", "."),
])
def test_an_unknown_name_is_answered_with_those_there_are(library, call):
    library.add(an_element())
    with pytest.raises(KlingError, match="It has mira"):
        call(library)


@pytest.mark.parametrize("name", ["../evil", "a/b", "nul", "", "x" * 21])
def test_no_name_writes_outside_the_folder(library, tmp_path, name):
    with pytest.raises(KlingError):
        library.add(an_element(name))
    library.add(an_element("good"))
    with pytest.raises(KlingError):
        library.rename("good", name)
    assert sorted(os.listdir(tmp_path)) == ["elements"] and library.names() == ("good",)


def test_export_and_import_carry_an_element_to_another_library(library, tmp_path):
    library.add(an_element())
    exported = library.export("mira", tmp_path)
    assert exported == tmp_path / "mira.element.safetensors"
    with pytest.raises(KlingError, match="already there"):
        library.export("mira", exported)
    other = Library(tmp_path / "other")
    assert other.import_file(exported).name == "mira"
    assert other.import_file(exported, name="eva").name == "eva"
    assert other.names() == ("eva", "mira") and shade(other.get("eva")) == 100
    with pytest.raises(KlingError, match="already in the library"):
        other.import_file(exported)


def test_an_imported_file_with_a_path_for_a_name_goes_nowhere(library, tmp_path, monkeypatch):
    monkeypatch.setattr("kling_core.elements.element_file.name_problem", lambda name: None)
    save_element(an_element("../../evil"), tmp_path / "gift.element.safetensors")
    monkeypatch.undo()
    with pytest.raises(KlingError, match="gift.element.safetensors"):
        library.import_file(tmp_path / "gift.element.safetensors")
    assert os.listdir(tmp_path) == ["gift.element.safetensors"]


def test_a_hand_renamed_file_goes_by_its_new_name(library):
    path = library.add(an_element("mira"))
    os.rename(path, path.with_name("eva.element.safetensors"))
    assert library.names() == ("eva",) and library.get("eva").name == "eva"


def test_strange_files_in_the_folder_are_no_elements(library):
    library.add(an_element())
    for name in ("notes.txt", "mira (1).element.safetensors", ".element.safetensors", ".x.part"):
        (library.folder / name).write_bytes(b"x")
    (library.folder / "folder.element.safetensors").mkdir()
    assert library.names() == ("mira",)


def test_a_failed_overwrite_keeps_the_old_element(library):
    library.add(an_element())
    with pytest.raises(KlingError):
        library.add(replace(an_element(), kind="ghost"), overwrite=True)
    assert shade(library.get("mira")) == 100
