"""What Wan's weights are told besides text, by kind: the stock nodes' films, and nothing that a kind does not take."""

from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
import torch
from families import PACKAGE, WAN_KINDS, base
from test_every_family import HARD, planned, recorded, sampled
from tiny_models import wan, wan_of
from wan_graphs import stock_samples, told_by_graph, trimmed

from kling_core.errors import KlingError

pytestmark = [pytest.mark.comfyui, pytest.mark.usefixtures("backbones")]

SCRIPT = """Place: park
Shot 1 (1.5s, medium): @mira waves. Camera: push in.
Shot 2 (1.5s, full): @leo nods. Camera: pan left.
"""
FIRST = np.random.default_rng(0).integers(0, 256, (90, 100, 3), dtype=np.uint8)
TAKE_A_FIRST_FRAME = [kind for kind in WAN_KINDS if kind != "phantom"]


@pytest.fixture(params=WAN_KINDS)
def kind(request):
    return request.param


def fitted(plan):
    return import_module(f"{PACKAGE}.framing").fitted(FIRST, plan.size)


def made(backbone, plan, cast, **pictures):
    conditioning = backbone.condition(plan, cast, **pictures)
    return backbone.sample(conditioning, seed=5, settings=backbone.defaults)


def test_an_open_policy_is_the_graph_of_the_stock_nodes_to_the_bit(kind, cast):
    backbone = WAN_KINDS[kind].backbone()
    plan = planned(backbone, cast, SCRIPT)
    film = backbone.to_host(sampled(backbone, plan, cast))
    assert torch.equal(film, WAN_KINDS[kind].stock(backbone, plan, cast, 5, 2).cpu()) and film.std() > 0
    assert torch.equal(film, backbone.to_host(sampled(backbone, plan, cast))), "sampling changed what it was told"


@pytest.mark.parametrize("kind", TAKE_A_FIRST_FRAME)
def test_a_first_frame_is_told_as_the_stock_nodes_tell_it(kind, cast):
    backbone = WAN_KINDS[kind].backbone()
    plan = planned(backbone, cast, SCRIPT)
    film = backbone.to_host(made(backbone, plan, cast, first_frame=FIRST))
    first = fitted(plan)[None]
    assert torch.equal(film, stock_samples(kind, backbone, plan, cast, 5, 2, first).cpu())
    assert not torch.equal(film, backbone.to_host(sampled(backbone, plan, cast)))


@pytest.mark.parametrize("kind", ["camera 2.1", "camera 2.2"])
def test_another_camera_path_makes_another_film(kind, cast):
    assert_told_of(kind, cast, SCRIPT.replace("pan left", "pan right"))


@pytest.mark.parametrize("kind", ["control 2.1", "control 2.2", "vace"])
def test_another_blocking_makes_another_film(kind, cast):
    assert_told_of(kind, cast, SCRIPT.replace("full", "close-up"))


def assert_told_of(kind, cast, script):
    """That the script changes the film although its words stay as they are."""
    backbone = WAN_KINDS[kind].backbone()
    plan, other = (planned(backbone, cast, text) for text in (SCRIPT, script))
    staged = replace(plan, blocking=other.blocking)
    assert backbone.prompt(staged, cast, None).text == backbone.prompt(plan, cast, None).text
    assert not torch.equal(sampled(backbone, plan, cast).video, sampled(backbone, staged, cast).video)


def test_routing_reaches_every_attention_and_changes_the_film(kind, cast):
    family = WAN_KINDS[kind]
    plain, routed = family.backbone(), family.backbone(policy=HARD["all"])
    plan = planned(plain, cast, SCRIPT)
    assert not torch.equal(sampled(plain, plan, cast).video, sampled(routed, plan, cast).video)
    seen = [frozenset(call.attention.keys) for call in recorded(family, cast, HARD["all"])]
    assert len(seen) == 4 * 1 if kind == "vace" else 2  # its branch has a block of its own behind each


@pytest.fixture
def isolated(monkeypatch):
    """A policy that no user has: nothing of another shot is seen."""
    from kling_core.attention import routing

    hides = lambda view, looking, seen: None not in (looking.shot, seen.shot) and looking.shot != seen.shot  # noqa: E731
    monkeypatch.setattr(routing._View, "shots", hides)
    return HARD["all"]


def with_another(kind, cast, policy, change):
    """Latents of both films, one of them sampled from what change(values, layout, second) makes of the positive
    conditioning, and which of them are shot 2's."""
    from kling_core.sampling.retake import latent_shots

    backbone = WAN_KINDS[kind].backbone(policy=policy, steps=1)
    plan = planned(backbone, cast, SCRIPT)
    told, second = backbone.condition(plan, cast), latent_shots(plan) == 1
    (states, values), = told.positive
    other = replace(told, positive=[[states, values | change(values, told.layouts[0], second)]])
    films = (backbone.sample(each, seed=5, settings=backbone.defaults).video for each in (told, other))
    return *films, second


def test_through_the_whole_model_another_shots_control_is_not_felt_in_vace(cast, isolated):
    def change(values, layout, second):
        control = values["vace_frames"][0].clone()
        control[:, :, 1:][:, :, second] += 1
        return {"vace_frames": [control]}

    before, after, second = with_another("vace", cast, isolated, change)
    assert (before[~second] - after[~second]).abs().max() < 1e-5
    assert (before[second] - after[second]).abs().max() > 0.01


def test_through_the_whole_model_another_shots_reference_is_not_felt_in_phantom(cast, isolated):
    def change(values, layout, second):
        pictures = values["time_dim_concat"].clone()
        pictures[:, :, [each.owner for each in layout.select("reference")].index("leo")] += 1
        return {"time_dim_concat": pictures}

    before, after, second = with_another("phantom", cast, isolated, change)
    assert (before[~second] - after[~second]).abs().max() < 1e-5
    assert (before[second] - after[second]).abs().max() > 1e-3


@pytest.mark.parametrize("kind", ["phantom", "vace", "control 2.2"])
def test_references_are_shown_to_the_shots_that_cast_them(kind, cast):
    backbone = WAN_KINDS[kind].backbone()
    plan = planned(backbone, cast, SCRIPT)
    told = backbone.condition(plan, cast)
    for layout in told.layouts.values():
        references = layout.select("reference")
        rows, columns = plan.grid.tokens_per_latent(plan.aspect)
        assert {len(segment) for segment in references} == {rows * columns}
        film = layout.span("video")
        assert all((segment.start > film[0]) == (kind == "phantom") for segment in references)
    owners = {segment.owner for segment in told.layouts[0].select("reference")}
    assert owners == ({"mira", "leo"} if kind == "phantom" else {"mira"})
    assert any(note.startswith("@leo:") for note in told.notes) == (kind != "phantom"), told.notes


def test_a_retake_leaves_the_other_shots_to_the_bit(kind, cast):
    from kling_core.sampling.retake import keep_all_but, latent_shots

    backbone = WAN_KINDS[kind].backbone()
    plan = planned(backbone, cast, SCRIPT)
    first = {} if kind == "phantom" else {"first_frame": FIRST}
    take = made(backbone, plan, cast, **first)
    told = backbone.condition(plan, cast, **first)
    again = backbone.sample(told, seed=9, settings=backbone.defaults, keep=keep_all_but(plan, take, [1]))
    stays = latent_shots(plan) != 1
    assert torch.equal(again.video[stays], take.video[stays])
    assert (again.video[~stays] - take.video[~stays]).abs().mean() > 0.1 * take.video.std()


def test_two_experts_are_two_chained_samplers(kind, cast):
    import nodes

    family = WAN_KINDS[kind]
    high = family.backbone(steps=4)
    low = family.model(1)
    both = import_module(PACKAGE).backbone_of(replace(high.connected, low_noise=low), high.options)
    plan = planned(high, cast, SCRIPT)
    switch = int((high.schedule(4)[:-1] >= (0.875 if kind in ("5b", "vace", "phantom") else 0.9)).sum())
    assert 0 < switch < 4
    positive, negative, latent, *trim = told_by_graph(kind, high, plan, cast)
    for model, noise, *steps in (
        (high.connected.model, "enable", 0, switch, "enable"), (low, "disable", switch, 10000, "disable"),
    ):  # fmt: skip
        latent, = nodes.KSamplerAdvanced().sample(
            model, noise, 5, 4, 3.0, "euler", "simple", positive, negative, latent, *steps
        )
    assert torch.equal(both.to_host(sampled(both, plan, cast)), trimmed(latent, trim).cpu())


@pytest.mark.parametrize("kind", ["control 2.1", "vace", "phantom"])
def test_what_was_encoded_once_is_not_encoded_again(kind, cast, monkeypatch):
    backbone, encoded = WAN_KINDS[kind].backbone(), []
    plan, encode = planned(backbone, cast, SCRIPT), backbone.connected.vae.encode
    monkeypatch.setattr(backbone.connected.vae, "encode", lambda pixels: encoded.append(1) or encode(pixels))
    backbone.condition(plan, cast)
    count = len(encoded)
    backbone.condition(plan, cast)
    assert count == len(encoded) > 0


def test_a_picture_that_clip_vision_does_not_see_is_told(cast):
    notes = {}
    for kind in ("camera 2.1", "camera 2.2"):
        backbone = WAN_KINDS[kind].backbone()
        told = backbone.condition(planned(backbone, cast, SCRIPT), cast, first_frame=FIRST)
        notes[kind] = any("not through CLIP vision" in note for note in told.notes)
    assert notes == {"camera 2.1": True, "camera 2.2": False}


def test_the_5b_model_keeps_its_first_frame(cast):
    backbone = WAN_KINDS["5b"].backbone()
    plan = planned(backbone, cast, SCRIPT)
    assert plan.grid.fps == 24 and all(side % 32 == 0 for side in plan.size)
    given = backbone.connected.vae.encode(fitted(plan)[None])[0, :, 0]
    assert torch.allclose(made(backbone, plan, cast, first_frame=FIRST).video[0], given, atol=1e-5)


@pytest.mark.parametrize("kind, found", [
    ("5b", "text or first frame to video (5B)"), ("camera 2.1", "camera path to video (Fun-Camera)"),
    ("camera 2.2", "camera path to video (Fun-Camera)"), ("control 2.1", "depth to video (Fun-Control)"),
    ("control 2.2", "depth to video (Fun-Control)"), ("vace", "depth to video (VACE)"),
    ("phantom", "references to video (Phantom)"),
])  # fmt: skip
def test_the_kind_is_found(kind, found):
    assert f"Wan, {found}" in WAN_KINDS[kind].backbone().found


@pytest.mark.parametrize("kind", ["5b", "camera 2.2", "control 2.1"])
def test_a_last_frame_is_refused_where_only_a_first_one_is_taken(kind, cast):
    backbone = WAN_KINDS[kind].backbone()
    with pytest.raises(KlingError, match="last frame: these Wan weights take a first frame only"):
        backbone.condition(planned(backbone, cast, SCRIPT), cast, last_frame=FIRST)


def test_phantom_takes_no_frames(cast):
    backbone = WAN_KINDS["phantom"].backbone()
    with pytest.raises(KlingError, match="take none: they are references to video"):
        backbone.condition(planned(backbone, cast, SCRIPT), cast, first_frame=FIRST)


def test_references_are_not_promised_of_weights_that_take_none():
    with pytest.raises(KlingError, match="checkpoint: says references, and these Wan weights are camera path to video"):
        WAN_KINDS["camera 2.2"].backbone(checkpoint="references")


def test_an_expert_of_another_kind_is_refused():
    family = WAN_KINDS["vace"]
    connected = replace(family.connected(family.model(0)), low_noise=wan(1))
    with pytest.raises(KlingError, match="low_noise: is text to video, and the model is depth to video"):
        import_module(PACKAGE).backbone_of(connected, base().Options())


def test_weights_of_no_known_kind_say_so():
    family, model = WAN_KINDS["control 2.1"], wan_of("control 2.1")
    model.model.diffusion_model.patch_embedding.in_channels = 20
    with pytest.raises(KlingError, match="take 4 channels beside the film's 16"):
        family.backbone(model)


def test_a_place_that_nobody_wrote_is_told_where_the_depth_shows_it(cast):
    backbone, plain = WAN_KINDS["vace"].backbone(), WAN_KINDS["camera 2.2"].backbone()
    script = SCRIPT.replace("Place: park\n", "")
    notes = {each: each.condition(planned(each, cast, script), cast).notes for each in (backbone, plain)}
    assert any("nobody wrote a place" in note for note in notes[backbone])
    assert not any("nobody wrote a place" in note for note in notes[plain])
