"""What is special to Wan: two experts, pictures at both ends, two attentions."""

from importlib import import_module

import numpy as np
import pytest
import torch
from families import FAMILIES, PACKAGE
from test_every_family import HARD, planned, recorded, sampled
from tiny_models import wan

from kling_core.elements.element import Cast
from kling_core.errors import KlingError

pytestmark = [pytest.mark.comfyui, pytest.mark.usefixtures("backbones")]

WAN = FAMILIES["wan"]
SCRIPT = "Shot 1 (2s, wide): A tree on a beach. Shot 2 (2s, close-up): A boat."


def connected(model, low_noise=None):
    base = import_module(f"{PACKAGE}.comfy_backbone")
    plugged = WAN.connected(model)
    return base.Connected(plugged.model, plugged.clip, plugged.vae, low_noise=low_noise)


def backbone(model, low_noise=None, **options):
    base = import_module(f"{PACKAGE}.comfy_backbone")
    chosen = {"short_edge": 64, "steps": 4, "cfg": 3.0, **options}
    return import_module(PACKAGE).backbone_of(connected(model, low_noise), base.Options(**chosen))


def test_two_experts_are_two_chained_samplers():
    import nodes

    high, low = wan(0), wan(1)
    ours = backbone(high, low)
    plan = planned(ours, Cast(), SCRIPT)
    film = sampled(ours, plan, Cast())
    switch = int((ours.schedule(4)[:-1] >= 0.875).sum())
    assert 0 < switch < 4
    conditioning = ours.condition(plan, Cast())
    chain = {"latent_image": {"samples": ours.empty_latent(plan)}}
    for model, noise, first, last, leftover in (
        (high, "enable", 0, switch, "enable"), (low, "disable", switch, 10000, "disable"),
    ):  # fmt: skip
        sampled_latent, = nodes.KSamplerAdvanced().sample(
            model, noise, 5, 4, 3.0, "euler", "simple", conditioning.positive, conditioning.negative,
            chain["latent_image"], first, last, leftover,
        )  # fmt: skip
        chain = {"latent_image": sampled_latent}
    assert torch.equal(ours.to_host(film), chain["latent_image"]["samples"].cpu())
    assert not torch.equal(film.video, sampled(backbone(high), plan, Cast()).video)


def test_progress_counts_through_both_experts():
    ours, seen = backbone(wan(0), wan(1)), []
    plan = planned(ours, Cast(), SCRIPT)
    sampled(ours, plan, Cast(), progress=lambda *told: seen.append(told[:2]))
    assert seen == [(step, 4) for step in range(1, 5)]


@pytest.mark.parametrize("ends", ["first", "last", "both"])
def test_pictures_at_the_ends_are_told_as_the_stock_node_tells_them(ends):
    from comfy_extras.nodes_wan import WanFirstLastFrameToVideo

    ours = backbone(wan(0, pictures=True))
    plan = planned(ours, Cast(), SCRIPT)
    generator = np.random.default_rng(0)
    first, last = (generator.integers(0, 256, (90, 100, 3), dtype=np.uint8) for _ in range(2))
    given = {"first": (first, None), "last": (None, last), "both": (first, last)}[ends]
    conditioning = ours.condition(plan, Cast(), first_frame=given[0], last_frame=given[1])
    images = [None if picture is None else torch.from_numpy(picture)[None] / 255 for picture in given]
    vae = ours.connected.vae
    vae.spacial_compression_encode = lambda: 8
    plain = [[conditioning.positive[0][0], {}]]
    stock = WanFirstLastFrameToVideo.execute(
        plain, plain, vae, *plan.size, plan.frames, 1, start_image=images[0], end_image=images[1]
    ).args[0][0][1]
    assert torch.allclose(conditioning.positive[0][1]["concat_latent_image"], stock["concat_latent_image"], atol=1e-6)
    mask = conditioning.positive[0][1]["concat_mask"].expand_as(stock["concat_mask"])
    assert torch.equal(mask, stock["concat_mask"])


def test_weights_that_take_no_pictures_say_so_before_anything_runs():
    ours = backbone(wan(0))
    plan = planned(ours, Cast(), SCRIPT)
    with pytest.raises(KlingError, match="these Wan weights take none: they are text to video"):
        ours.condition(plan, Cast(), first_frame=np.zeros((8, 8, 3), np.uint8))
    begins = backbone(wan(0, pictures=True))
    with pytest.raises(KlingError, match="begin with a picture"):
        begins.condition(plan, Cast())


def test_another_models_expert_is_refused():
    import copy

    other = copy.copy(wan(1))
    other.model = object()
    with pytest.raises(KlingError, match="low_noise: is no Wan model"):
        backbone(wan(0), other)


def test_a_model_of_no_known_family_is_named():
    class Nothing:
        model = object()

    base = import_module(f"{PACKAGE}.comfy_backbone")
    with pytest.raises(KlingError, match="is a object, which Kling Core cannot direct"):
        import_module(PACKAGE).backbone_of(base.Connected(Nothing, None, None), base.Options())


def test_both_attentions_of_every_block_are_routed(cast):
    calls = recorded(WAN, cast, HARD["all"])
    assert [sorted(call.attention.keys) for call in calls[:2]] == [["reference", "video"], ["text"]]


def test_the_sound_is_the_stages_ambience_and_audiosync_adds_the_lines(cast):
    ours = backbone(wan(0))
    plan = planned(ours, cast)
    sound = ours.decode_audio(ours.empty(plan), plan)
    assert not ours.speaks and np.abs(sound).max() > 0
