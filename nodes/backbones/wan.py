"""Wan 2.x: pictures without sound, told in captions, text and pictures each with an attention of their own."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import comfy.ldm.wan.vae
import comfy.ldm.wan.vae2_2
import comfy.model_base
import comfy.model_management
import node_helpers
import numpy as np
import torch

from kling_core.attention.film_tokens import add_text, add_video
from kling_core.attention.layout import Layout, LayoutBuilder
from kling_core.backbone import Latents, Limits, Settings
from kling_core.plan.forecast import ModelShape
from kling_core.plan.grid import WAN_LATTICE, Grid
from kling_core.plan.reference_limits import WAN, ReferenceLimits
from kling_core.plan.references import References
from kling_core.prompts.wan import compile_captions
from kling_core.sound.ambience import film_ambience

from .comfy_backbone import NEGATIVE, POSITIVE, ComfyBackbone, Conditioned, refuse
from .decoding import Pieces, finished
from .hooks import Attention
from .text import clip_tokens, token_spans

if TYPE_CHECKING:
    from comfy.model_patcher import ModelPatcher
    from comfy.sd import VAE

    from kling_core.elements.element import Cast
    from kling_core.errors import ProblemList
    from kling_core.plan.plan import Plan
    from kling_core.prompts.prompt import Prompt, PromptSpan
    from kling_core.sound.speech import SpokenLine

_AUDIO_RATE = 24000  # of the sound that AudioSync adds
_PATCH = 2
# Where the schedule passes from the expert for noise to the one for detail: Wan 2.2's own configurations.
_BOUNDARY = {"text to video": 0.875, "image to video": 0.9}
# Its autoencoders: how many latents they decode at a time, after the first.
_LATENTS_A_STEP = {comfy.ldm.wan.vae.WanVAE: 2, comfy.ldm.wan.vae2_2.WanVAE: 1}


class Wan(ComfyBackbone):
    name = "Wan"
    licence = "Apache-2.0"
    lattice = WAN_LATTICE
    attentions = (Attention.of("video", "video"), Attention.of("video", "text"))
    speaks = False
    short_edge, size_step = 480, 16
    limits = Limits(shots=6, seconds=(3.0, 15.0), elements=7, views_per_element=4, subjects_per_shot=3)
    families: ClassVar = (comfy.model_base.WAN21, comfy.model_base.WAN22)

    @classmethod
    def recognises(cls, model: ModelPatcher) -> bool:
        return type(model.model) in cls.families

    @property
    def kind(self) -> str:
        return "image to video" if self._takes_pictures else "text to video"

    def _check_connected(self, problems: ProblemList) -> None:
        if self.connected.low_noise is not None and not self.recognises(self.connected.low_noise):
            problems.add("low_noise", "is no Wan model", "Connect the low-noise expert of the same Wan 2.2 weights.")
        if getattr(self._diffusion_model, "img_emb", None) is not None:
            what = "these Wan 2.1 image-to-video weights look at pictures through CLIP vision, which is not supported"
            problems.add("model", what, "Load Wan 2.2 image-to-video weights.")

    @property
    def reference_limits(self) -> ReferenceLimits:
        return replace(WAN, stride=self._stride * _PATCH, fps=float(self.grid.fps))

    @property
    def shape(self) -> ModelShape:
        net = self._diffusion_model
        return ModelShape(self.layers, net.dim, net.num_heads, net.dim // net.num_heads)

    @property
    def grid(self) -> Grid:
        return Grid(
            fps=24 if self._stride == 16 else 16, lattice=self.lattice, spatial_stride=self._stride * _PATCH,
            sizes=self.sizes(), audio_rate=_AUDIO_RATE, sound_tracks=0,
        )  # fmt: skip

    def condition(
        self,
        plan: Plan,
        cast: Cast,
        speech: tuple[SpokenLine, ...] = (),
        *,
        first_frame: np.ndarray | None = None,
        last_frame: np.ndarray | None = None,
    ) -> Conditioned:
        self._require_pictures_where_taken(first_frame, last_frame)
        prompt = self.prompt(plan, cast, References())
        positive, negative = self.encode_text(prompt.text), self.encode_text(prompt.negative)
        spans = token_spans(prompt, lambda text: clip_tokens(self.tokenize(text)))
        layouts = {
            POSITIVE: self._layout(plan, spans, positive[0][0].shape[1]),
            NEGATIVE: self._layout(plan, (), negative[0][0].shape[1]),
        }
        if first_frame is not None or last_frame is not None:
            told = self._ends(plan, first_frame, last_frame)
            positive, negative = (node_helpers.conditioning_set_values(each, told) for each in (positive, negative))
        return Conditioned(plan, positive, negative, layouts, self.empty_latent(plan), notes=prompt.notes)

    def prompt(self, plan: Plan, cast: Cast, references: References) -> Prompt:
        return compile_captions(plan, cast)

    def empty_latent(self, plan: Plan) -> torch.Tensor:
        width, height = plan.size
        channels = self.connected.model.get_model_object("latent_format").latent_channels
        latents = self.lattice.latents(plan.frames)
        return torch.zeros(1, channels, latents, height // self._stride, width // self._stride)

    def decode_audio(self, latents: Latents, plan: Plan) -> np.ndarray:
        """Wan makes no sound: the stage's own ambience of the plan's places, float32 [2, N]."""
        return film_ambience(plan)

    def _pieces(self, video: torch.Tensor, frames: int) -> Pieces | None:
        vae = self.connected.vae
        return _by_steps(vae, video) if type(getattr(vae, "first_stage_model", None)) in _LATENTS_A_STEP else None

    def _denoise(
        self, conditioning: Conditioned, noise: Any, latent: Any, mask: Any, seed: int, settings: Settings,
        callback: Any,
    ) -> Any:  # fmt: skip
        """With two experts: the first down to the boundary, the second from there, as two chained samplers do it."""
        if self.connected.low_noise is None:
            return super()._denoise(conditioning, noise, latent, mask, seed, settings, callback)
        sigmas = self.schedule(settings.steps)
        switch = int((sigmas[:-1] >= _BOUNDARY[self.kind]).sum())
        rest = noise
        if switch:
            latent = self._run(
                self.connected.model, conditioning, noise, latent, mask, seed, sigmas[: switch + 1], callback
            )
            rest, callback.done = torch.zeros_like(noise), switch
        if switch == len(sigmas) - 1:
            return latent
        return self._run(
            self.connected.low_noise, conditioning, rest, latent, mask, seed, sigmas[switch:], callback
        )

    @property
    def _stride(self) -> int:
        """Pixels a latent: 8 in Wan 2.1's autoencoder, 16 in that of the 5B model of Wan 2.2."""
        return self.connected.model.get_model_object("latent_format").spacial_downscale_ratio

    @property
    def _takes_pictures(self) -> bool:
        channels = self.connected.model.get_model_object("latent_format").latent_channels
        return self._diffusion_model.patch_embedding.in_channels > channels

    def _require_pictures_where_taken(self, first: np.ndarray | None, last: np.ndarray | None) -> None:
        if not self._takes_pictures and (first is not None or last is not None):
            raise refuse(
                "first and last frame", "these Wan weights make films from text alone",
                "Load Wan image-to-video weights, or leave the picture out.",
            )  # fmt: skip
        if self._takes_pictures and first is None and last is None:
            raise refuse(
                "first frame", "these Wan weights begin with a picture", "Give one, or load text-to-video weights."
            )

    def _layout(self, plan: Plan, spans: tuple[PromptSpan, ...], text: int) -> Layout:
        builder = LayoutBuilder()
        add_text(builder, spans, text)
        rows, columns = plan.grid.tokens_per_latent(plan.aspect)
        add_video(builder, plan, rows, columns)
        return builder.layout(tuple(frozenset(shot.subjects) for shot in plan.shots))

    def _ends(self, plan: Plan, first: np.ndarray | None, last: np.ndarray | None) -> dict[str, torch.Tensor]:
        """The film with grey for what is not given, encoded, and a mask of what is, as image-to-video weights take
        them."""
        width, height = plan.size
        film = torch.full((plan.frames, height, width, 3), 0.5)
        # Four frames a latent, the first of which stands for four.
        missing = torch.ones(self.lattice.latents(plan.frames), 4)
        if first is not None:
            film[0], missing[0] = self.fitted(first, plan), 0
        if last is not None:
            film[-1], missing[-1, -1] = self.fitted(last, plan), 0
        latent = self.connected.vae.encode(film)
        mask = missing.T[None, ..., None, None].expand(-1, -1, -1, *latent.shape[-2:])
        return {"concat_latent_image": latent, "concat_mask": mask}


def _by_steps(vae: VAE, video: torch.Tensor) -> Pieces:
    """Wan's own VAEs are causal, and keep of each step what the next one needs: they are driven through the same steps
    as in decoding all at once, with a cache that is ours. video: [1, C, T, H, W]."""
    network, device = vae.first_stage_model, comfy.model_management.cuda_device_context
    vae.prepare_decode(video.shape)
    with device(vae.device):
        latents = network.conv2(video.to(vae.device, vae.vae_dtype))
    cache = defaultdict(lambda: None)
    for step in [latents[:, :, :1], *latents[:, :, 1:].split(_LATENTS_A_STEP[type(network)], 2)]:
        with device(vae.device):
            made = _step(network, step, cache)
        while made:
            yield finished(vae, made.pop(0))


def _step(network: torch.nn.Module, latents: torch.Tensor, cache: defaultdict[int, Any]) -> list[torch.Tensor]:
    """The pictures of a step's latents, [1, 3, t, H, W] each. cache: empty before the first."""
    if isinstance(network, comfy.ldm.wan.vae.WanVAE):
        return network.decoder(latents, feat_cache=cache, feat_idx=[0])
    made = network.decoder(latents, feat_cache=cache, feat_idx=[0], first_chunk=not cache)
    return [comfy.ldm.wan.vae2_2.unpatchify(made, patch_size=2)]
