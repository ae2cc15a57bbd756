"""What a scene takes of a large model: tokens as the model counts them, memory and time by formulas, and remedies."""

import subprocess
import sys
from dataclasses import replace

import pytest
from reference_scenes import cast, clip, element, planned, shot, voice

from kling_core.plan.forecast import H3_SHAPE, MeasuredStep, ModelShape, forecast, forecast_text
from kling_core.plan.reference_budget import choose
from kling_core.plan.reference_limits import H3, LTX, WAN
from kling_core.plan.references import Reference, References

GIB = 2**30
PEOPLE = cast(element("mira", clip=clip(seconds=8.0, size=(640, 360)), height=1024, width=1024),
              element("leo", ("front", "back"), voice=voice(), height=1024, width=1024))
SCENE = planned(PEOPLE, shot("mira", "leo", lines=("leo", "mira"), seconds=7.5), shot("mira", verb="turn", seconds=7.5))
CHOSEN = choose(SCENE, PEOPLE, H3)
NOTHING = References()


def made(references=CHOSEN, scene=SCENE, limits=H3, weights=20 * GIB, free=80 * GIB, **how):
    return forecast(scene, references, limits, H3_SHAPE, weights=weights, memory_free=free, **how)


def enough(found):
    return [change.what for change in found.changes if change.enough]


def test_tokens_are_those_of_the_model():
    fifteen = planned(PEOPLE, shot("mira", seconds=15.0))
    found = made(NOTHING, fifteen, text_tokens=900)
    assert fifteen.frames == 362
    assert found.tokens == {"text": 900, "references": 0, "audio": 2 * 603, "video": 107 * 1008}
    assert made().tokens["references"] == CHOSEN.tokens == sum(item.tokens for item in CHOSEN.items) > 0
    assert made(NOTHING, fifteen, limits=WAN).tokens["audio"] == 0
    assert made(NOTHING, fifteen, limits=LTX).tokens["video"] == 47 * 1008


def test_memory_follows_what_users_saw_on_24_gigabytes():
    assert H3_SHAPE.activations(78_000) < 10e9 < 19e9 < H3_SHAPE.activations(182_000)


@pytest.mark.parametrize("free, verdict", [(80, "fits"), (24, "weights are streamed"), (8, "does not fit")])
def test_what_does_not_fit_is_told_from_what_only_has_to_be_streamed(free, verdict):
    found = made(free=free * GIB)
    assert found.verdict == verdict and (found.changes == ()) == (verdict == "fits")


def test_exactly_what_is_needed_is_enough_and_a_byte_less_is_not():
    need = made().memory
    assert made(free=need).verdict == "fits" and made(free=need - 1).verdict != "fits"


def test_time_grows_with_the_square_of_what_is_long_and_is_that_of_the_measured_step():
    found = made()
    total = sum(found.tokens.values())
    same = made(measured=MeasuredStep(total, 7.0), steps=20)
    assert (same.step_seconds, same.seconds) == pytest.approx((7.0, 140.0)) and found.step_seconds is None
    double = made(measured=MeasuredStep(total // 2, 7.0))
    assert 14 < double.step_seconds < 28
    attention_only = ModelShape(layers=1, hidden=1, heads=100, head_dim=100)
    assert attention_only.operations(2000) / attention_only.operations(1000) == pytest.approx(4, rel=0.01)
    assert made(NOTHING).slowdown == 1 < found.slowdown < 4


def test_remedies_come_in_order_of_effect_and_each_says_if_it_is_enough():
    found = made(free=int(made().activations * 0.75))
    saved = [change.tokens for change in found.changes]
    assert saved == sorted(saved, reverse=True) and all(0 < change.time < 1 for change in found.changes)
    told = "\n".join(change.what for change in found.changes)
    for expected in ("10.1 s long instead of", "1024 x 576 instead of 1344 x 768", "the clip of @mira",
                     "the picture of @leo (front)", "the voice of @leo"):
        assert expected in told
    assert enough(found) and "the voice of @leo" not in "".join(enough(found))


def test_what_a_remedy_promises_is_what_the_changed_scene_takes():
    tight = made(free=8 * GIB)
    dropped = next(change for change in tight.changes if "the clip of @mira" in change.what)
    kept = [item for item in CHOSEN.items if item.kind != "video" and item.soundtrack_of is None]
    assert made().activations - made(References(tuple(kept))).activations == dropped.memory
    assert len(kept) == len(CHOSEN.items) - 2


def test_pictures_shrink_with_the_film():
    reference = Reference("image", 1, "mira", ("front",), (1024, 1024), tokens=H3.picture_tokens((1024, 1024)))
    alone = made(References((reference,)), free=2 * GIB)
    smaller = next(change for change in alone.changes if "1024 x 576" in change.what)
    film = alone.tokens["video"] * (1 - 32 * 18 / (42 * 24))
    assert smaller.tokens == pytest.approx(film + reference.tokens - 2 * 24 * 24)


def test_nothing_is_advised_that_spoils_the_film():
    small = planned(PEOPLE, shot("mira", seconds=5.0))
    grid = replace(small.grid, sizes={"16:9": (832, 480)})
    found = made(NOTHING, replace(small, grid=grid), free=1 * GIB)
    assert found.verdict == "does not fit" and found.changes == ()


def test_the_page_says_what_goes_in_what_stays_out_and_what_to_do():
    page = forecast_text(made(free=6 * GIB, measured=MeasuredStep(40_000, 3.0), steps=8))
    for expected in ("does not fit", "GiB free", "s a step", "picture 1: @mira, front, 1024 x 1024, 2,048 tokens",
                     "clip 1: @mira", "of clip 1", "Left out:", "@mira, detail: left out", "effective first", "saves"):
        assert expected in page
    assert "References: none" in forecast_text(made(NOTHING)) and "effective" not in forecast_text(made(NOTHING))
    assert "take several" in forecast_text(made(free=1 * GIB))


def test_a_forecast_needs_nothing_heavy():
    code = "import sys, kling_core.plan.forecast; print({'torch', 'cv2', 'av', 'numpy'} & set(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "set()"
