"""The ElementBuilder, Load Element and BindSubject nodes."""

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from kling_core.elements.element import Element
from kling_core.elements.library import Library
from kling_core.errors import KlingError


@pytest.fixture(autouse=True)
def library(tmp_path, monkeypatch):
    monkeypatch.setenv("KLING_LIBRARY", str(tmp_path / "library"))
    return Library()


@pytest.fixture
def lamp():
    """A picture that passes intake as an item's: sharp, evenly lit, large enough."""
    noise = np.random.default_rng(0).integers(60, 200, (1, 25, 25, 3)).repeat(16, 1).repeat(16, 2)
    return torch.from_numpy(noise.astype(np.float32) / 255)


@pytest.fixture
def voice():
    """Six seconds that sound like one speaker: a buzz at 120 Hz, in syllables."""
    time = np.arange(6 * 16000) / 16000
    buzz = sum(np.sin(2 * np.pi * 120 * n * time) / n for n in range(1, 20))
    return {"waveform": torch.from_numpy(0.2 * buzz * (np.sin(2 * np.pi * 2 * time) > -0.5))[None, None].float(),
            "sample_rate": 16000}


def test_pictures_and_words_become_an_element(run, lamp):
    output = run("ElementBuilder", front=lamp, back=lamp, name="lamp", kind="item", description="A lamp.")
    element, findings = output.args
    assert (element.name, element.kind, element.description) == ("lamp", "item", "A lamp.")
    assert list(element.views) == ["front", "back"] and element.views["front"].shape == (400, 400, 3)
    assert findings == "\n".join(element.findings)


def test_a_voice_belongs_to_the_element(run, lamp, voice):
    element, _ = run("ElementBuilder", front=lamp, kind="item", voice=voice).args
    assert element.voice.seconds == pytest.approx(6, abs=0.1)
    assert element.voice.pitch == pytest.approx(120, rel=0.05)


class Video:
    """A VIDEO as ComfyUI hands it on: the lamp, carried past the camera."""

    def __init__(self, lamp, seconds):
        self.images = torch.cat([lamp.roll(4 * frame, 2) for frame in range(int(seconds * 8))])
        self.read = False

    def get_duration(self):
        return len(self.images) / 8

    def get_components(self):
        self.read = True
        sound = {"waveform": torch.rand(1, 2, int(self.get_duration() * 16000)) - 0.5, "sample_rate": 16000}
        return SimpleNamespace(images=self.images, audio=sound, frame_rate=Fraction(8))


def test_a_clip_belongs_to_the_element_and_stands_in_for_its_front(run, lamp):
    element, findings = run("ElementBuilder", kind="item", clip=Video(lamp, 4)).args
    assert element.clip.frames.shape == (32, 400, 400, 3) and element.clip.sound.shape == (2, 64000)
    assert list(element.views) == ["front"] and "sharpest frame of the clip" in findings


def test_a_clip_that_is_too_long_is_refused_before_its_pictures_are_read(run, lamp):
    video = Video(lamp, 12)
    with pytest.raises(KlingError, match="12.0 s long; a clip takes 3 to 8 s"):
        run("ElementBuilder", kind="item", clip=video)
    assert not video.read


def test_all_mistakes_of_an_element_are_told_at_once(run):
    with pytest.raises(KlingError) as caught:
        run("ElementBuilder", front=torch.rand(1, 40, 40, 3), name="two words")
    assert len(caught.value.problems) >= 2


def test_without_any_picture_there_is_no_element(run):
    with pytest.raises(KlingError):
        run("ElementBuilder")


def test_an_element_is_saved_only_when_asked(run, lamp, library):
    run("ElementBuilder", front=lamp, name="lamp", kind="item")
    assert library.names() == ()
    run("ElementBuilder", front=lamp, name="lamp", kind="item", library="save")
    assert library.names() == ("lamp",)


def test_saving_keeps_an_older_element_unless_replacing_is_chosen(run, lamp, library):
    run("ElementBuilder", front=lamp, name="lamp", kind="item", library="save", description="old")
    with pytest.raises(KlingError, match="already in the library"):
        run("ElementBuilder", front=lamp, name="lamp", kind="item", library="save", description="new")
    assert library.get("lamp").description == "old"
    run("ElementBuilder", front=lamp, name="lamp", kind="item", library="save, replace", description="new")
    assert library.get("lamp").description == "new"


def test_load_element_lists_the_library_as_it_is_now(pack, run, lamp):
    def options():
        return pack.nodes["KlingCoreLoadElement"].define_schema().inputs[0].options

    assert "lamp" not in options()
    run("ElementBuilder", front=lamp, name="lamp", kind="item", library="save")
    assert "lamp" in options()


def test_load_element_gives_the_element_and_shows_it(run, lamp):
    run("ElementBuilder", front=lamp, name="lamp", kind="item", library="save")
    output = run("LoadElement", element="lamp")
    element, = output.args
    assert element.name == "lamp"
    assert torch.allclose(output.ui.image, lamp)


def test_an_element_built_anew_is_read_anew(pack, run, lamp, library):
    fingerprint = pack.nodes["KlingCoreLoadElement"].fingerprint_inputs
    assert fingerprint("lamp") is None
    run("ElementBuilder", front=lamp, name="lamp", kind="item", library="save")
    first = fingerprint("lamp")
    run("ElementBuilder", front=lamp, name="lamp", kind="item", library="save, replace")
    assert first is not None and fingerprint("lamp") != first


def test_the_demo_people_need_no_library(pack, run):
    demo = [name for name in pack.nodes["KlingCoreLoadElement"].define_schema().inputs[0].options if ": " in name]
    assert len(demo) == 2
    for choice in demo:
        element, = run("LoadElement", element=choice).args
        assert choice == f"demo: {element.name}" and element.views


@pytest.fixture
def elements():
    return {"element0": Element("mira"), "element1": Element("leo")}


def test_bound_elements_are_the_cast_in_the_order_of_their_slots(run, elements):
    cast, = run("BindSubject", elements=elements, strength=1.2).args
    assert cast.names == ("mira", "leo")
    assert [binding.strength for binding in cast.bindings] == [1.2, 1.2]


def test_the_switch_keeps_the_people_and_drops_the_binding(run, elements):
    cast, = run("BindSubject", elements=elements, bind=False).args
    assert cast.names == ("mira", "leo")
    assert [binding.strength for binding in cast.bindings] == [0, 0]
