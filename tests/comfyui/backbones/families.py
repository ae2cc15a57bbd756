"""Every large family as the proofs need it: a tiny model of its true class, a backbone around it, and the stock nodes'
run of the same graph."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from tiny_models import (
    H3,
    LTX,
    LTX_2_3,
    WAN,
    BlockVAE,
    LtxCLIP,
    QwenCLIP,
    SoundVAE,
    WordCLIP,
    ltx,
    ltx_audio_vae,
    minimax_h3,
    wan,
    wan_of,
)
from wan_graphs import stock_samples

PACKAGE = "custom_nodes_kling_core.nodes.backbones"


@dataclass(frozen=True)
class Family:
    """model(seed) is a MODEL; connected(model) what is plugged in with it; stock(backbone, plan, cast, seed, steps) the
    samples, on the CPU, that ComfyUI's own nodes make of what the backbone tells the model. options: of its backbone,
    besides the usual."""

    model: Callable[[int], Any]
    connected: Callable[[Any], Any]
    stock: Callable[..., Any]
    options: Mapping[str, Any] = field(default_factory=dict)

    def backbone(self, model: Any = None, **options: Any) -> Any:
        connected = self.connected(self.model(0) if model is None else model)
        chosen = {"short_edge": 64, "steps": 2, "cfg": 3.0, **self.options, **options}
        return importlib.import_module(PACKAGE).backbone_of(connected, base().Options(**chosen))


def base() -> Any:
    return importlib.import_module(f"{PACKAGE}.comfy_backbone")


def _wan_connected(model: Any) -> Any:
    lattice, channels = importlib.import_module(f"{PACKAGE}.wan").Wan.lattice, model.model.latent_format.latent_channels
    vae = BlockVAE(channels, 8 if channels == 16 else 16, lattice)
    return base().Connected(model, WordCLIP(WAN["text_dim"], least=300), vae)


def _wan_stock(backbone: Any, plan: Any, cast: Any, seed: int, steps: int) -> torch.Tensor:
    from comfy_extras.nodes_hunyuan import EmptyHunyuanLatentVideo

    import nodes
    from kling_core.prompts.wan import compile_captions

    prompt, clip = compile_captions(plan, cast), backbone.connected.clip
    positive, negative = (nodes.CLIPTextEncode().encode(clip, text)[0] for text in (prompt.text, prompt.negative))
    latent = EmptyHunyuanLatentVideo.execute(*plan.size, plan.frames).args[0]
    sampled, = nodes.KSampler().sample(
        backbone.connected.model, seed, steps, backbone.options.cfg, backbone.options.sampler,
        backbone.options.scheduler, positive, negative, latent,
    )  # fmt: skip
    return sampled["samples"]


def _h3_connected(model: Any) -> Any:
    lattice = importlib.import_module(f"{PACKAGE}.minimax_h3").MiniMaxH3.lattice
    return base().Connected(model, QwenCLIP(H3["text_dim"]), BlockVAE(24, 16, lattice), SoundVAE())


def _h3_stock(backbone: Any, plan: Any, cast: Any, seed: int, steps: int) -> Any:
    """MiniMaxH3ReferenceToVideo, BasicGuider and SamplerCustomAdvanced, as ComfyUI's template has them."""
    from comfy_extras import nodes_custom_sampler as custom
    from comfy_extras.nodes_minimax_h3 import MiniMaxH3ReferenceToVideo

    from kling_core.plan.prepared import prepared_picture, prepared_sound
    from kling_core.plan.reference_budget import choose
    from kling_core.plan.reference_limits import H3 as LIMITS
    from kling_core.prompts.minimax_h3 import compile_references

    connected, options = backbone.connected, backbone.options
    references = choose(plan, cast, LIMITS)
    pictures, sounds = {}, {}
    for item in references.items:
        if item.kind == "image":
            picture = torch.from_numpy(prepared_picture(cast[item.element], item)).float()[None] / 255
            pictures[f"ref_image_{len(pictures)}"] = picture
        else:
            samples = torch.from_numpy(prepared_sound(cast[item.element], item, 32000))[None]
            sounds[f"ref_audio_{len(sounds)}"] = {"waveform": samples, "sample_rate": 32000}
    assert pictures and sounds
    positive, latent = MiniMaxH3ReferenceToVideo.execute(
        connected.clip, connected.vae, connected.audio_vae, compile_references(plan, cast, references).text,
        *plan.size, plan.frames, ref_images=pictures, ref_audios=sounds,
    ).args
    sampled = custom.SamplerCustomAdvanced.execute(
        custom.RandomNoise.execute(seed)[0], custom.BasicGuider.execute(connected.model, positive)[0],
        custom.KSamplerSelect.execute(options.sampler)[0],
        custom.BasicScheduler.execute(connected.model, options.scheduler, steps, 1.0)[0], latent,
    )  # fmt: skip
    return sampled[0]["samples"]


def ltx_connected(model: Any) -> Any:
    net, lattice = model.model.diffusion_model, importlib.import_module(f"{PACKAGE}.ltx").LTX.lattice
    both = net.cross_attention_dim + net.audio_cross_attention_dim
    clip = LtxCLIP(both if net.caption_proj_before_connector else net.caption_channels)
    return base().Connected(model, clip, BlockVAE(128, 32, lattice), ltx_audio_vae())


def _ltx_stock(backbone: Any, plan: Any, cast: Any, seed: int, steps: int) -> Any:
    from comfy_extras.nodes_lt import (
        EmptyLTXVLatentVideo,
        LTXVConcatAVLatent,
        LTXVConditioning,
        LTXVReferenceAudio,
    )
    from comfy_extras.nodes_lt_audio import LTXVEmptyLatentAudio

    import nodes
    from kling_core.plan.prepared import prepared_sound
    from kling_core.plan.reference_budget import choose
    from kling_core.plan.reference_limits import LTX_VOICE
    from kling_core.prompts.ltx import compile_prose

    prompt, connected = compile_prose(plan, cast), backbone.connected
    both = (nodes.CLIPTextEncode().encode(connected.clip, text)[0] for text in (prompt.text, prompt.negative))
    positive, negative = LTXVConditioning.execute(*both, 24.0).args
    model = connected.model
    if backbone.options.id_lora:
        voice, = choose(plan, cast, LTX_VOICE).items
        samples = torch.from_numpy(prepared_sound(cast[voice.element], voice, 44100))[None]
        sound = {"waveform": samples, "sample_rate": 44100}
        model, positive, negative = LTXVReferenceAudio.execute(
            model, positive, negative, sound, connected.audio_vae, 3.0, 0.0, 1.0
        ).args
    pictures = EmptyLTXVLatentVideo.execute(*plan.size, plan.frames).args[0]
    sound = LTXVEmptyLatentAudio.execute(plan.frames, 24.0, 1, connected.audio_vae).args[0]
    latent = LTXVConcatAVLatent.execute(pictures, sound).args[0]
    sampled, = nodes.KSampler().sample(
        model, seed, steps, backbone.options.cfg, backbone.options.sampler, backbone.options.scheduler, positive,
        negative, latent,
    )  # fmt: skip
    return sampled["samples"]


WAN_KINDS = {
    kind: Family(partial(wan_of, kind), _wan_connected, partial(stock_samples, kind))
    for kind in ("5b", "camera 2.1", "camera 2.2", "control 2.1", "control 2.2", "vace")
} | {"phantom": Family(wan, _wan_connected, partial(stock_samples, "phantom"), {"checkpoint": "references"})}
FAMILIES = {
    "h3": Family(minimax_h3, _h3_connected, _h3_stock, {"cfg": 1.0}),
    "wan": Family(wan, _wan_connected, _wan_stock),
    # The kinds whose tokens are more than the film's; test_wan_kinds.py has all of them.
    "wan phantom": WAN_KINDS["phantom"],
    "wan vace": WAN_KINDS["vace"],
    "ltx-2": Family(lambda seed: ltx(seed, LTX), ltx_connected, _ltx_stock),
    "ltx-2.3 with a voice": Family(lambda seed: ltx(seed, LTX_2_3), ltx_connected, _ltx_stock, {"id_lora": True}),
}
