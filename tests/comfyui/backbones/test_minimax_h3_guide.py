"""The moving guide on MiniMax H3: what the model is shown of it, where it lies, and which shot may see which part."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from families import FAMILIES, PACKAGE

from kling_core.attention.layout import REFERENCE, VIDEO
from kling_core.attention.routing import Policy, Rule, ShotRule, route
from kling_core.attention.spans import attend
from kling_core.elements.element import Cast
from kling_core.errors import KlingError
from kling_core.plan.resolve import plan as resolve
from kling_core.previz.draft import guide_frames
from kling_core.prompts.minimax_h3 import compile_references
from kling_core.storyboard.script import parse_script

sys.path.append(str(Path(__file__).parents[2] / "plan"))
from reference_scenes import cast, clip, element, picture, voice

pytestmark = [pytest.mark.comfyui, pytest.mark.usefixtures("backbones")]

SCRIPT = """Place: park
Shot 1 (2s, medium, slow push-in): @mira waves. Mira says, "Look."
Shot 2 (2s, wide): @leo walks to the right.
"""
ROUTINGS = {"assist": ("assist", "full"), "bound": ("bound", "full"), "bound and sparse": ("bound", "sparse")}


@pytest.fixture(scope="module")
def people() -> Cast:
    return cast(element("mira", views=("front",), voice=voice(2.0)), element("leo", views=("front",)))


@pytest.fixture(autouse=True)
def as_comfyui_runs_nodes():
    with torch.inference_mode():
        yield


def h3(**options):
    return FAMILIES["h3"].backbone(**{"moving_guide": True, "steps": 1, **options})


def policy(name):
    return importlib.import_module(f"{PACKAGE}.policies").policy(*ROUTINGS[name])


def same_segments(*segments):
    return importlib.import_module(f"{PACKAGE}.minimax_h3_layout").same_segments(*segments)


def planned(backbone, people, script=SCRIPT):
    return resolve(parse_script(script, people.names), people, backbone.grid, backbone.limits)


@pytest.fixture(scope="module")
def scene(people, backbones):
    """A backbone with its guide, a plan and what the model is told of it."""
    with torch.inference_mode():
        backbone = h3()
        plan = planned(backbone, people)
        return backbone, plan, backbone.condition(plan, people)


def sampled(backbone, conditioning, seed=5):
    return backbone.sample(conditioning, seed=seed, settings=backbone.defaults)


# What it is shown -----------------------------------------------------------------------------------------------------


def test_an_open_policy_is_the_stock_nodes_run_with_the_same_reference_video_to_the_bit(scene, people):
    from comfy_extras import nodes_custom_sampler as custom
    from comfy_extras.nodes_minimax_h3 import MiniMaxH3ReferenceToVideo

    from kling_core.plan.prepared import prepared_picture, prepared_sound

    backbone, plan, conditioning = scene
    references, connected = backbone.references(plan, people), backbone.connected
    image, other, guide, spoken = references.items
    pictures = [torch.from_numpy(prepared_picture(people[item.element], item))[None] / 255 for item in (image, other)]
    film = torch.from_numpy(guide_frames(plan, people, guide)).float() / 255
    sound = torch.from_numpy(prepared_sound(people[spoken.element], spoken, 32000))[None]
    positive, latent = MiniMaxH3ReferenceToVideo.execute(
        connected.clip, connected.vae, connected.audio_vae, compile_references(plan, people, references).text,
        *plan.size, plan.frames, ref_images=dict(zip(("ref_image_0", "ref_image_1"), pictures)),
        ref_videos={"ref_video_0": film}, ref_audios={"ref_audio_0": {"waveform": sound, "sample_rate": 32000}},
    ).args
    stock = custom.SamplerCustomAdvanced.execute(
        custom.RandomNoise.execute(5)[0], custom.BasicGuider.execute(connected.model, positive)[0],
        custom.KSamplerSelect.execute(backbone.options.sampler)[0],
        custom.BasicScheduler.execute(connected.model, backbone.options.scheduler, 1, 1.0)[0], latent,
    )[0]["samples"]  # fmt: skip
    ours = backbone.to_host(sampled(backbone, conditioning))
    assert all(torch.equal(one, each.float().cpu()) for one, each in zip(ours.unbind(), stock.unbind(), strict=True))


def test_the_model_sees_the_stages_own_film_of_the_plan_and_samples_another_film_for_it(scene, people):
    backbone, plan, conditioning = scene
    guide = backbone.references(plan, people).guide
    block = next(block for block in conditioning.positive[0][1]["minimax_refs"] if block["kind"] == "video")
    frames = torch.from_numpy(guide_frames(plan, people, guide)).float() / 255
    assert torch.equal(block["latent"], backbone.connected.vae.encode(frames))
    assert block["latent_t"] == plan.grid.lattice.latents(plan.frames) and frames.std() > 0.05
    plain = h3(moving_guide=False)
    assert not torch.equal(sampled(plain, plain.condition(plan, people)).video, sampled(backbone, conditioning).video)


def test_lips_of_the_guide_move_with_the_lines():
    from kling_core.demo import demo_cast
    from kling_core.sound.speech import speak

    backbone, people = h3(short_edge=192), demo_cast()
    plan = planned(backbone, people, 'Shot 1 (4s, close-up): @mira talks. Mira says, "Look at the tree over there."')
    guide, speech = backbone.references(plan, people).guide, speak(plan, people)
    assert (guide_frames(plan, people, guide, speech) != guide_frames(plan, people, guide)).any()


def test_a_guide_comes_beside_clips_first_frames_and_a_cast_of_nobody(people):
    backbone = h3()
    moving = cast(element("mira", ("front",), clip=clip(1, 3.0, sound=False)))
    plan = planned(backbone, moving, "Shot 1 (4s, wide): @mira waves. Shot 2 (2s, close-up): @mira smiles.")
    conditioning = backbone.condition(plan, moving, first_frame=picture(3))
    told = conditioning.positive[0][1]
    assert [block["kind"] for block in told["minimax_refs"]] == ["image", "video", "video"] and conditioning.layouts
    assert [each["latent_t"] for each in told["minimax_refs"][1:]] == [plan.grid.lattice.latents(plan.frames), 17]
    nobody = planned(backbone, Cast(), "Shot 1 (2s, wide): A tree. Shot 2 (2.1s, close-up): A leaf falls.")
    empty = backbone.condition(nobody, Cast())
    assert [block["kind"] for block in empty.positive[0][1]["minimax_refs"]] == ["video"] and empty.layouts


def test_the_forecast_and_the_notes_tell_of_it():
    backbone = h3()
    people = cast(*(element(name, ("front",), clip=clip(at, 3.0, sound=False)) for at, name in enumerate("abc")))
    plan = planned(backbone, people, "Shot 1 (5s, wide): @a, @b and @c wave.")
    page = backbone.forecast(plan, people)
    assert "clip 1: the moving guide, 0.00–" in page and "@c, clip: left out, the moving guide takes" in page
    assert any("the moving guide takes" in note for note in backbone.condition(plan, people).notes)


@pytest.mark.parametrize("family, options", [("wan", {}), ("ltx-2", {}), ("h3", {"checkpoint": "frames"})])
def test_whoever_takes_no_reference_videos_says_so_before_anything_runs(family, options):
    with pytest.raises(KlingError, match="moving_guide: is on, and .* takes no reference videos"):
        FAMILIES[family].backbone(moving_guide=True, **options)


# How it lies ----------------------------------------------------------------------------------------------------------


def latents_of_guide(layout, states):
    """Its latents' segments, which lie behind the text."""
    return [each for each in layout.select(REFERENCE) if each.shot is not None and each.start >= states.shape[1]]


def test_its_latents_belong_to_the_shots_of_the_films_own_latents(scene):
    _, plan, conditioning = scene
    layout, (states, told) = conditioning.layouts[0], conditioning.positive[0]
    block = next(block for block in told["minimax_refs"] if block["kind"] == "video")
    squares = block["latent_h"] // 2 * (block["latent_w"] // 2)
    found = latents_of_guide(layout, states)
    assert [(each.shot, each.owner) for each in found] == [(0, None), (1, None)]
    assert [len(each) for each in found] == [len(plan.shot_latents(shot)) * squares for shot in plan.shots]


def test_our_segments_are_the_models_own_and_no_reference_may_be_two_of_ours(scene):
    from comfy.ldm.minimax.model import PackedLayout

    _, plan, conditioning = scene
    (states, told), = conditioning.positive
    video, sound = conditioning.latent.unbind()
    theirs = PackedLayout(states.shape[1], *video.shape[2:], sound.shape[-1], None, told["minimax_refs"]).segments
    ours = conditioning.layouts[0]
    assert same_segments(ours, theirs)
    at = next(at for at, (_, _, kind) in enumerate(theirs) if kind == "ref_img")
    (start, _, kind), (_, stop, _) = theirs[at : at + 2]
    assert not same_segments(ours, [*theirs[:at], (start, stop, kind), *theirs[at + 2 :]])


def test_what_the_text_encoder_sees_of_it_belongs_to_the_shot_that_both_its_frames_show(scene):
    """Of each second a pair, at its start and its middle: a cut within that half second leaves the pair to all."""
    _, plan, conditioning = scene
    layout, (states, told) = conditioning.layouts[0], conditioning.positive[0]
    shown = [each for each in layout.select(REFERENCE) if each.stop <= states.shape[1]]
    first = next(at for at, each in enumerate(shown) if each.owner is None)
    guide = [each for each in shown[first:] if each.owner is None]
    assert plan.shots[1].start == 51
    assert [each.shot for each in guide] == [None, 0, 0, None, 1]
    assert len(plan.shots) == 2 and len(guide) == 1 + -(-plan.frames // 24)
    vision = told["minimax_token_tags"][[row for each in guide[1:] for row in range(each.start, each.stop)]] == 0
    assert vision.float().mean() > 0.2


def test_vision_tokens_that_come_otherwise_are_for_all_shots(people):
    module = importlib.import_module(f"{PACKAGE}.minimax_h3_layout")
    backbone = h3()
    plan = planned(backbone, people)
    guide = backbone.references(plan, people).guide
    assert [shot for _, shot in module._guide_seen(plan, guide, [4, 9, 9, 9])] == [None] * 4


# Who sees it ----------------------------------------------------------------------------------------------------------


def tensors(layout):
    generator = torch.Generator().manual_seed(2)
    return [torch.randn(1, 2, layout.tokens, 6, generator=generator) for _ in range(3)]


def changed(layout, segments, k, v):
    noise = torch.randn(k.shape, generator=torch.Generator().manual_seed(3)) * 5
    which = torch.zeros(layout.tokens, 1)
    for segment in segments:
        which[segment.start : segment.stop] = 1
    return k + noise * which, v + noise * which


def rows(layout, shot, *kinds):
    return [row for each in layout.select(*kinds) if each.shot == shot for row in range(each.start, each.stop)]


@pytest.mark.parametrize("routing", ROUTINGS)
def test_a_shot_sees_its_own_part_of_the_guide_and_no_other(scene, routing):
    """Keys and values of the guide are changed at the routed attention."""
    _, _, conditioning = scene
    layout, states = conditioning.layouts[0], conditioning.positive[0][0]
    q, k, v = tensors(layout)
    table = route(layout, policy(routing))
    before = attend(q, k, v, table)
    for shot, segment in enumerate(latents_of_guide(layout, states)):
        change = (attend(q, *changed(layout, [segment], k, v), table) - before).abs().amax((0, 1, 3))
        for kind in (VIDEO, "audio", REFERENCE):
            assert change[rows(layout, shot, kind)].max() > 1e-3
            assert change[rows(layout, 1 - shot, kind)].max() < 1e-5


def test_through_the_whole_model_another_shots_guide_is_not_felt(people, monkeypatch):
    """With shots that see nothing of each other's text, sound and picture, a policy that no user has. The guide's own
    part is kept from them by the rule on references."""
    from kling_core.attention import routing
    from kling_core.sampling.retake import latent_shots

    def hides(view, looking, seen):
        apart = None not in (looking.shot, seen.shot) and looking.shot != seen.shot
        return apart and REFERENCE not in (looking.kind, seen.kind)

    monkeypatch.setattr(routing._View, "shots", hides)
    backbone = h3(policy=Policy(Rule(), Rule(), Rule(0.0), Rule(0.0), ShotRule(mode="sparse")))
    plan = planned(backbone, people)
    conditioning = backbone.condition(plan, people)
    films = []
    for shot in (None, 1, 0):
        blocks = [dict(block) for block in conditioning.positive[0][1]["minimax_refs"]]
        guide = next(block for block in blocks if block["kind"] == "video")
        guide["latent"] = guide["latent"].clone()
        if shot is not None:
            latents = plan.shot_latents(plan.shots[shot])
            guide["latent"][:, :, latents.start : latents.stop] += 3
        states, told = conditioning.positive[0]
        films.append(sampled(backbone, replace(conditioning, positive=[[states, told | {"minimax_refs": blocks}]])))
    mine = latent_shots(plan) == 0
    apart = [float((film.video[mine] - films[0].video[mine]).abs().max()) for film in films[1:]]
    assert apart[0] < 1e-5 and apart[1] > 1e-3


def test_a_place_that_nobody_stages_is_seen_by_all_of_its_shot_under_bound():
    places = [element(name, ("front",), "scene") for name in ("cafe", "garden")]
    people = cast(element("mira", ("front",)), *places)
    backbone = h3()
    plan = planned(
        backbone, people, "Shot 1 (2s, medium): @mira waves in @cafe. Shot 2 (2.1s, wide): @mira walks in @garden. "
        "Shot 3 (2s, medium): @mira nods in @cafe. Shot 4 (2s, close-up): @mira laughs."
    )  # fmt: skip
    layout = backbone.condition(plan, people).layouts[0]
    assert [set(names) for names in layout.unplaced_in_shot] == [{"cafe"}, {"garden"}, {"cafe"}, {"cafe"}]
    q, k, v = tensors(layout)
    table = route(layout, policy("bound"))
    cafe = [each for each in layout.select(REFERENCE) if each.owner == "cafe"]
    change = (attend(q, *changed(layout, cafe, k, v), table) - attend(q, k, v, table)).abs().amax((0, 1, 3))
    mine = [each for each in layout.select(VIDEO) if each.shot == 0]
    for owner in ("mira", None):
        assert min(change[each.start : each.stop].min() for each in mine if each.owner == owner) > 1e-4
    assert change[rows(layout, 1, VIDEO)].max() < 1e-5
