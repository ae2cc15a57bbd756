"""Retakes: what stays is bit-identical in picture and sound, and what does not fit is told before anything is made."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scene_fakes import SCENE, FakeBackbone, small_cast

from kling_core.backbone import Settings
from kling_core.elements.element import Binding, Cast, Element
from kling_core.errors import KlingError
from kling_core.previz.backbone import Previz
from kling_core.previz.stage.look import Look
from kling_core.previz.stage.portraits import portraits
from kling_core.render import render
from kling_core.retakes import Retake, retake_of
from kling_core.storyboard.script import parse_script
from kling_core.storyboard.storyboard import Line
from kling_core.take import Take, load_take, save_take

RUBY = Look(top=(0.85, 0.08, 0.1), hair=(0.9, 0.75, 0.3), hair_style="long", hat="none")
STAGED = Cast((Binding(Element("ruby", views=portraits(RUBY, 96), look=RUBY.to_json(), origin="stage")),))
SHORT = parse_script(
    'Shot 1 (1s, medium): @ruby waves on the beach. Shot 2 (1s, close-up): Ruby says, "Look at that." '
    "Shot 3 (1s, wide): Ruby walks left.", ("ruby",),
)  # fmt: skip
ONE_STEP = Settings(steps=1)
SECOND = slice(12, 24)


@pytest.fixture(scope="module")
def first(backbone):
    return render(SHORT, STAGED, backbone, seed=4, settings=ONE_STEP)


@pytest.fixture(scope="module")
def again(backbone, first, tmp_path_factory):
    """Shot 2 made anew from a take that was saved and loaded."""
    path = tmp_path_factory.mktemp("takes") / "film.take.safetensors"
    save_take(Take.of(first), path)
    take = load_take(path)
    return render(SHORT, STAGED, backbone, seed=take.next_seed, settings=ONE_STEP, retake=retake_of(take, "2", 3))


def frames(scene):
    return np.concatenate(list(scene.pictures()))


def elsewhere(values, part, axis=0):
    return np.delete(values, part, axis)


def test_shots_that_stay_decode_to_the_same_frames_to_the_bit(first, again):
    before, after = frames(first), frames(again)
    assert np.array_equal(elsewhere(after, SECOND), elsewhere(before, SECOND))
    assert (after[SECOND] != before[SECOND]).mean() > 0.5


def test_shots_that_stay_sound_the_same_to_the_bit(first, again):
    retaken = slice(24_000, 48_000)
    assert np.array_equal(elsewhere(again.sound, retaken, 1), elsewhere(first.sound, retaken, 1))
    assert not np.array_equal(again.sound[:, retaken], first.sound[:, retaken])


def test_a_retaken_shot_is_as_loud_as_before(first, again):
    levels = [20 * np.log10(np.sqrt(np.square(scene.sound[:, 24_000:48_000]).mean())) for scene in (first, again)]
    assert abs(levels[0] - levels[1]) < 1


def test_each_shot_remembers_its_seed(first, again):
    assert first.seeds == (4, 4, 4) and again.seeds == (4, 5, 4)
    assert Take.of(again).seeds == (4, 5, 4) and Take.of(again).next_seed == 6


def test_who_stays_stands_where_they_stood(first, again):
    for shot, (before, after) in enumerate(zip(first.plan.blocking, again.plan.blocking)):
        same = np.array_equal(before.subjects[0].position, after.subjects[0].position)
        assert same == (shot != 1)


def test_the_take_of_other_weights_is_refused(backbone, first):
    take = Take.of(first)
    other = Previz(backbone.model, backbone.vae, backbone.codec, {"history": []}, backbone.device)
    with pytest.raises(KlingError, match="other weights"):
        render(SHORT, STAGED, other, seed=5, retake=retake_of(take, "2", 3))


# What is refused does not depend on the backbone.

CAST = small_cast("mira", "leo")


@pytest.fixture
def take():
    return Take.of(render(SCENE, CAST, FakeBackbone(), seed=7, settings=Settings(steps=1)))


def problems(take, wanted="2", scene=SCENE, cast=CAST, **how):
    backbone = FakeBackbone()
    with pytest.raises(KlingError) as raised:
        render(scene, cast, backbone, retake=retake_of(take, wanted, len(scene.shots)), **how)
    assert "seed" not in backbone.asked
    return "\n".join(f"{problem.where}: {problem.what}" for problem in raised.value.problems)


def with_shot(number, **changes):
    shots = list(SCENE.shots)
    shots[number] = shots[number].model_copy(update=changes)
    return SCENE.model_copy(update={"shots": tuple(shots)})


@pytest.mark.parametrize(("wanted", "told"), [
    ("9", "there is no shot 9"), ("0, 7", "there is no shot 0"), ("two", "no numbers of shots"), ("", "no numbers"),
    ("-1", "no numbers"), ("1.5", "no numbers"),
])  # fmt: skip
def test_shots_that_are_not_there_are_told(take, wanted, told):
    assert told in problems(take, wanted)


@given(st.sets(st.integers(1, 6), min_size=1), st.sampled_from([",", ", ", " ", ";"]))
def test_shots_are_counted_from_one_in_any_order(numbers, comma):
    six = Take(None, None, (0,) * 6, None, 0.0, (12,) * 6, ("",) * 6, {}, "", "", False, False)
    found = retake_of(six, comma.join(map(str, sorted(numbers, reverse=True))), 6)
    assert found.shots == tuple(sorted(number - 1 for number in numbers))
    assert found.seeds(9) == tuple(9 if number in numbers else 0 for number in range(1, 7))


def test_the_shots_that_fail_are_filled_in_later(take):
    assert retake_of(take, None, 3) == Retake(take, ())


def test_a_change_in_a_retaken_shot_is_welcome(take):
    scene = render(
        with_shot(1, size="wide"), CAST, FakeBackbone(), seed=8, settings=Settings(steps=1),
        retake=retake_of(take, "2", 3),
    )
    assert scene.plan.shots[1].size == "wide"


def test_a_line_more_in_a_retaken_shot_leaves_the_mouths_in_all_others():
    line = Line(speaker="mira", text="Hello.")
    before, after = (
        render(scene, CAST, FakeBackbone(), settings=ONE_STEP) for scene in (SCENE, with_shot(0, lines=(line,)))
    )
    assert len(after.speech) == len(before.speech) + 1
    for one, other in zip(before.speech, after.speech[1:]):
        assert np.array_equal(one.samples, other.samples) and one.start == other.start


def test_a_change_in_a_shot_that_stays_is_told(take):
    assert problems(take, scene=with_shot(2, place="beach")) == "shot 3: stays, but the scene says something else now"


def test_the_take_of_another_scene_is_told_in_one_sentence(take):
    other = parse_script(
        "Shot 1 (2s): @mira nods. Shot 2 (2s): @leo nods. Shot 3 (2s): @mira sits.", ("mira", "leo")
    )
    assert problems(take, scene=other) == "take: is of another scene: it has none of the shots that stay"


def test_another_length_is_told_for_every_shot(take):
    told = problems(take, scene=with_shot(1, seconds=3.0))
    assert told == "shot 2: lasts 3.00 s, in the take 2.00 s"


def test_another_number_of_shots_is_told(take):
    shorter = SCENE.model_copy(update={"shots": SCENE.shots[:2]})
    assert problems(take, scene=shorter) == "take: has 3 shots, the scene 2"


def test_other_people_are_told_where_they_are_seen_or_heard(take):
    cast = Cast((Binding(CAST["mira"], 0.5), CAST.binding("leo")))
    assert "element @mira: is not the one of the take, or bound otherwise, and shot 1, 3" in problems(take, cast=cast)
    strange = Cast((CAST.binding("mira"), Binding(Element("leo", description="x", kind="item"))))
    assert "element @leo" in problems(take, cast=strange)
    assert "element @mira" in problems(take, bind=False)


def test_everything_is_told_at_once(take):
    cast = Cast((Binding(CAST["mira"], 0.5), CAST.binding("leo")))
    told = problems(take, scene=with_shot(2, place="beach"), cast=cast, first_frame=np.zeros((72, 128, 3), np.uint8))
    assert [row.split(":")[0] for row in told.split("\n")] == ["first frame", "shot 3", "element @mira"]


def test_a_take_of_another_size_is_refused(take):
    wide = SCENE.model_copy(update={"aspect": "1:1"})
    assert "another size" in problems(take, "1, 2, 3", scene=wide)


def test_a_given_first_frame_stays_in_a_retaken_shot_unless_another_is_given():
    white, black = np.full((72, 128, 3), 255, np.uint8), np.zeros((72, 128, 3), np.uint8)
    backbone = FakeBackbone()
    scene = render(SCENE, CAST, backbone, settings=Settings(steps=1), first_frame=white)
    scene.latents.video[0] = 255.0
    for picture in (None, black):
        how = {"retake": retake_of(Take.of(scene), "1", 3), "settings": Settings(steps=1), "first_frame": picture}
        assert render(SCENE, CAST, backbone, **how).first_frame
        keep = backbone.asked["keep"]
        assert keep.video[0].min() == 1 and keep.latents.video[0].mean() == 255
        assert backbone.asked["first_frame"] is picture
        assert keep.video[1:6].max() == 0 and keep.video[6:].min() == 1
