"""The moving guide takes its share of what a model takes of clips, and says whose clip it takes it from."""

from dataclasses import replace

import pytest
from reference_scenes import cast, clip, element, planned, shot, voice
from test_reference_budget import check, files, kinds, left

from kling_core.plan.forecast import H3_SHAPE, forecast, forecast_text
from kling_core.plan.grid import H3_LATTICE
from kling_core.plan.moving_guide import is_guided, moving_guide
from kling_core.plan.reference_budget import choose
from kling_core.plan.reference_limits import H3

GIB = 2**30


def moving(name, at=0, **how):
    return element(name, ("front",), clip=clip(seed=at, sound=False), **how)


def made(plan, chosen, free=80 * GIB):
    return forecast(plan, chosen, H3, H3_SHAPE, weights=20 * GIB, memory_free=free)


@pytest.mark.parametrize("size, small", [
    ((1344, 768), (672, 384)), ((768, 1344), (384, 672)), ((1024, 1024), (512, 512)), ((864, 480), (448, 256)),
    ((128, 64), (64, 32)), ((32, 32), (32, 32)),
])  # fmt: skip
def test_it_has_half_the_sides_of_the_film_in_whole_squares_of_the_model(size, small):
    assert moving_guide(size, 124, H3).size == small


def test_at_the_models_own_size_it_takes_a_quarter_of_the_films_tokens_besides_what_the_text_encoder_sees():
    guide, film = moving_guide((1344, 768), 124, H3), H3.film_tokens((1344, 768), 124)
    assert guide.tokens == film // 4 + 6 * 252 and film == 37 * 1008
    assert guide.seconds == (0.0, 124 / 24)


@pytest.mark.parametrize("frames, shown", [(124, 124), (345, 345), (362, 345)])
def test_it_lasts_as_long_as_the_film_or_as_one_clip_may_on_the_films_own_lattice(frames, shown):
    guide = moving_guide((1344, 768), frames, H3)
    assert guide.seconds[1] == shown / 24 and H3_LATTICE.fitting(shown) == shown
    starts = [H3_LATTICE.starts(H3_LATTICE.latents(length)) for length in (frames, shown)]
    assert starts[1][:-1] == starts[0][: len(starts[1]) - 1]


def test_a_shot_is_guided_if_the_guide_lasts_until_it_begins():
    people = cast(element("mira", ("front",)))
    scene = planned(people, shot("mira"), shot("mira"))
    guide = moving_guide(scene.size, scene.frames, H3)
    cut = replace(guide, seconds=(0.0, scene.shots[1].start / 24))
    assert [is_guided(one, scene, guide) for one in scene.shots] == [True, True]
    assert [is_guided(one, scene, cut) for one in scene.shots] == [True, False]
    assert not is_guided(scene.shots[0], scene, None)


def test_it_is_the_first_clip_and_nobodys():
    people = cast(moving("mira"), element("leo", ("front",), voice=voice()))
    scene = planned(people, shot("mira", "leo", lines=("leo",)))
    chosen = choose(scene, people, H3, guided=True)
    check(chosen, H3)
    assert [(item.kind, item.ordinal, item.element) for item in chosen.items] == [
        ("image", 1, "mira"), ("image", 2, "leo"), ("video", 1, None), ("video", 2, "mira"), ("audio", 1, "leo"),
    ]  # fmt: skip
    assert chosen.guide == chosen.items[2] == moving_guide(scene.size, scene.frames, H3)
    assert choose(scene, people, H3).guide is None


def test_it_takes_one_of_three_clips_and_those_seen_longest_keep_theirs():
    people = cast(*(moving(name, at) for at, name in enumerate("abc")))
    chosen = choose(planned(people, shot("b", "a", seconds=4), shot("c", seconds=3)), people, H3, guided=True)
    check(chosen, H3)
    assert [item.element for item in kinds(chosen, "video")] == [None, "a", "b"]
    told, seconds = left(chosen, "@c, clip"), f"{chosen.guide.seconds[1]:.1f}"
    assert f"the moving guide takes one of 3 clips and {seconds} of 15 s" in told and "pictures stand in" in told


def test_a_film_of_fifteen_seconds_leaves_no_second_for_other_clips():
    people = cast(moving("a"), element("b", (), clip=clip(sound=False)))
    chosen = choose(planned(people, shot("a", "b", seconds=15.0)), people, H3, guided=True)
    check(chosen, H3)
    assert [item.element for item in chosen.items] == ["a", None]
    assert "14.4 of 15 s" in left(chosen, "@a, clip") and "only words tell of it" in left(chosen, "@b, clip")


def test_it_is_one_of_twelve_files():
    people = cast(*(element(name, voice=voice(seconds=5.0), clip=clip(seed=at, sound=False))
                    for at, name in enumerate("abcdefg")))
    scene = planned(people, shot(*"abc", lines="abc", verb="turn"), shot(*"defg", verb="walk", seconds=3))
    chosen = choose(scene, people, H3, guided=True)
    check(chosen, H3)
    assert len(files(chosen)) == 12 and chosen.guide in chosen.items


def test_without_anybody_cast_it_comes_alone():
    scene = planned(cast(), shot(), shot())
    assert [item.element for item in choose(scene, cast(), H3, guided=True).items] == [None]


def test_who_speaks_keeps_the_voice_of_a_clip_that_is_left_out():
    people = cast(element("a", ("front",), clip=clip(seconds=8.0)))
    chosen = choose(planned(people, shot("a", lines=("a",), seconds=15.0)), people, H3, guided=True)
    check(chosen, H3)
    assert [(item.kind, item.element) for item in chosen.items] == [("image", "a"), ("video", None), ("audio", "a")]


def test_the_forecast_names_it_counts_it_and_shrinks_it_with_the_film():
    people = cast(element("mira", ("front",)))
    scene = planned(people, shot("mira", seconds=9.0))
    chosen = choose(scene, people, H3, guided=True)
    page = forecast_text(made(scene, chosen))
    assert f"clip 1: the moving guide, 0.00–8.71 s, 672 x 384, {chosen.guide.tokens:,} tokens" in page
    assert made(scene, chosen).tokens["references"] == chosen.tokens
    tight = made(scene, chosen, free=2 * GIB)
    saved = {change.what: change.tokens for change in tight.changes}
    assert saved["leave out the moving guide"] == chosen.guide.tokens
    smaller = moving_guide((1024, 576), scene.frames, H3)
    without = {change.what: change.tokens for change in made(scene, choose(scene, people, H3), free=2 * GIB).changes}
    change = next(what for what in saved if "1024 x 576" in what)
    assert saved[change] - without[change] == chosen.guide.tokens - smaller.tokens > 0
    shorter = next(what for what in saved if "s long instead" in what)
    assert saved[shorter] > without[shorter]
