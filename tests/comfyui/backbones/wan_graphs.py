"""The graphs of ComfyUI's own nodes for each kind of Wan's weights, fed with what the plan and the cast give."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch


def told_by_graph(kind: str, backbone: Any, plan: Any, cast: Any, first: Any = None) -> tuple:
    """Positive, negative, latent, and for VACE how many latents to trim. first: the first frame, an IMAGE of the film's
    size, or None."""
    import nodes
    from kling_core.prompts.wan import compile_captions

    prompt, connected = compile_captions(plan, cast), backbone.connected
    both = (nodes.CLIPTextEncode().encode(connected.clip, text)[0] for text in (prompt.text, prompt.negative))
    return _GRAPHS[kind]((*both, connected.vae, *plan.size, plan.frames, 1), plan, cast, first)


def trimmed(sampled: dict, trim: list[int]) -> torch.Tensor:
    from comfy_extras.nodes_wan import TrimVideoLatent

    return TrimVideoLatent.execute(sampled, trim[0]).args[0]["samples"] if trim else sampled["samples"]


def stock_samples(kind: str, backbone: Any, plan: Any, cast: Any, seed: int, steps: int, first: Any = None) -> Any:
    """The samples of a kind's graph."""
    import nodes

    positive, negative, latent, *trim = told_by_graph(kind, backbone, plan, cast, first)
    sampled, = nodes.KSampler().sample(
        backbone.connected.model, seed, steps, backbone.options.cfg, backbone.options.sampler,
        backbone.options.scheduler, positive, negative, latent,
    )  # fmt: skip
    return trimmed(sampled, trim)


def reference_pictures(plan: Any, cast: Any, most: int) -> torch.Tensor:
    """IMAGE of the references, in their order."""
    from kling_core.plan.prepared import prepared_picture
    from kling_core.plan.reference_budget import choose
    from kling_core.plan.reference_limits import WAN_PHANTOM

    items = choose(plan, cast, replace(WAN_PHANTOM, images=most, files=most)).items
    assert 0 < len(items) <= most
    return torch.stack([torch.from_numpy(prepared_picture(cast[item.element], item)) for item in items]) / 255


def depth_video(plan: Any, cast: Any) -> torch.Tensor:
    from kling_core.previz.depth_film import depth_film

    return torch.from_numpy(depth_film(plan, cast, *plan.size))[..., None].repeat(1, 1, 1, 3) / 255


def _clip_of_nothing() -> Any:
    from comfy.clip_vision import Output

    seen = Output()
    seen.penultimate_hidden_states = torch.zeros(1, 257, 1280)
    return seen


def _camera(told: tuple, plan: Any, cast: Any, first: Any, seen: Any = None) -> tuple:
    from comfy_extras.nodes_wan import WanCameraImageToVideo

    from kling_core.plan.camera_rays import camera_embedding

    return WanCameraImageToVideo.execute(*told, first, seen, camera_embedding(plan)[None]).args


def _control_2_1(told: tuple, plan: Any, cast: Any, first: Any) -> tuple:
    from comfy_extras.nodes_wan import WanFunControlToVideo

    return WanFunControlToVideo.execute(*told, first, _clip_of_nothing(), depth_video(plan, cast)).args


def _control_2_2(told: tuple, plan: Any, cast: Any, first: Any) -> tuple:
    from comfy_extras.nodes_wan import Wan22FunControlToVideo

    pictures = reference_pictures(plan, cast, 1)
    return Wan22FunControlToVideo.execute(*told, pictures, first, depth_video(plan, cast)).args


def _vace(told: tuple, plan: Any, cast: Any, first: Any) -> tuple:
    from comfy_extras.nodes_wan import WanVaceToVideo

    video, free = depth_video(plan, cast), None
    if first is not None:
        free = torch.ones(video.shape[:3])
        video[0], free[0] = first[0], 0
    return WanVaceToVideo.execute(*told, 1.0, video, free, reference_pictures(plan, cast, 1)).args


def _phantom(told: tuple, plan: Any, cast: Any, first: Any) -> tuple:
    from comfy_extras.nodes_wan import WanPhantomSubjectToVideo

    positive, _, negative, latent = WanPhantomSubjectToVideo.execute(*told, reference_pictures(plan, cast, 4)).args
    return positive, negative, latent


def _five_billion(told: tuple, plan: Any, cast: Any, first: Any) -> tuple:
    from comfy_extras.nodes_wan import Wan22ImageToVideoLatent

    positive, negative, *latent = told
    return positive, negative, Wan22ImageToVideoLatent.execute(*latent, first).args[0]


_GRAPHS = {
    "5b": _five_billion, "camera 2.1": lambda *told: _camera(*told, _clip_of_nothing()), "camera 2.2": _camera,
    "control 2.1": _control_2_1, "control 2.2": _control_2_2, "vace": _vace, "phantom": _phantom,
}  # fmt: skip
