"""Wan 2.x: pictures without sound, told in captions, text and pictures each with an attention of their own.

`wan_kinds` has what its weights are told besides text. References are tokens of the pictures' attention, before the
film or after it. VACE's branch has attentions like those of the blocks, and they are routed alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import comfy.model_base
import comfy.sample
import numpy as np
import torch
import torch.nn.functional as F

from kling_core.attention.film_tokens import add_references, add_text, add_video, film_layout
from kling_core.attention.layout import Layout, LayoutBuilder
from kling_core.backbone import Latents, Limits, Settings
from kling_core.plan.forecast import ModelShape
from kling_core.plan.grid import WAN_LATTICE, Grid
from kling_core.plan.prepared import prepared_picture
from kling_core.plan.reference_limits import WAN, WAN_PHANTOM, ReferenceLimits
from kling_core.plan.references import References
from kling_core.prompts.people import appearances
from kling_core.prompts.wan import compile_captions
from kling_core.sound.ambience import film_ambience

from .comfy_backbone import ComfyBackbone, refuse
from .contracts import NEGATIVE, POSITIVE, Conditioned
from .decoding import Pieces
from .framing import as_image, fitted
from .hooks import Attention, mark_branches
from .previews import StepCallback
from .text import clip_tokens, token_spans
from .wan_kinds import Kind, PictureToVideo, Scene, Vace, kind_of
from .wan_vae import decoded_by_steps

if TYPE_CHECKING:
    from comfy.model_patcher import ModelPatcher

    from kling_core.elements.element import Cast
    from kling_core.errors import ProblemList
    from kling_core.plan.plan import Plan
    from kling_core.prompts.prompt import Prompt, PromptSpan
    from kling_core.sound.speech import SpokenLine

_AUDIO_RATE = 24000  # of the sound that AudioSync adds
_PATCH = 2
_SHORT_EDGE = {8: 480, 16: 704}  # by the autoencoder's stride, as the weights of each were trained


class Wan(ComfyBackbone):
    name = "Wan"
    licence = "Apache-2.0"
    lattice = WAN_LATTICE
    attentions = (
        Attention.of("video reference", "video reference"), Attention.of("video reference", "text"),
    )  # fmt: skip
    speaks = False
    limits = Limits(shots=6, seconds=(3.0, 15.0), elements=7, views_per_element=None, subjects_per_shot=3)
    families: ClassVar = tuple(
        getattr(comfy.model_base, name) for name in ("WAN21", "WAN22", "WAN21_Camera", "WAN21_Vace")
    )

    @classmethod
    def recognises(cls, model: ModelPatcher) -> bool:
        return type(model.model) in cls.families

    @property
    def kind(self) -> str:
        return self._kind.name

    @cached_property
    def _kind(self) -> Kind:
        return kind_of(self.connected.model, self.options.checkpoint)

    def _check_connected(self, problems: ProblemList) -> None:
        self._check_low_noise(problems)
        if isinstance(self._kind, PictureToVideo) and self._kind.clip_vision:
            what = "these Wan 2.1 image-to-video weights look at pictures through CLIP vision, which is not supported"
            problems.add("model", what, "Load Wan 2.2 image-to-video weights.")
        if self.options.checkpoint == "references" and not self._kind.pictures:
            what = f"says references, and these Wan weights are {self.kind}"
            problems.add("checkpoint", what, "Load Phantom's weights, or set it to auto.")

    def _check_low_noise(self, problems: ProblemList) -> None:
        if (other := self.connected.low_noise) is None:
            return
        remedy = "Connect the low-noise expert of the same Wan 2.2 weights."
        if not self.recognises(other):
            problems.add("low_noise", "is no Wan model", remedy)
        elif (found := kind_of(other, self.options.checkpoint)) != self._kind:
            problems.add("low_noise", f"is {found.name}, and the model is {self.kind}", remedy)

    @property
    def reference_limits(self) -> ReferenceLimits:
        takes = self._kind.pictures
        known = replace(WAN_PHANTOM, images=takes, files=takes) if takes else WAN
        return replace(
            known, family=f"Wan {self.kind}", stride=self._stride * _PATCH, fps=float(self.grid.fps)
        )

    @property
    def short_edge(self) -> int:
        return _SHORT_EDGE[self._stride]

    @property
    def size_step(self) -> int:
        return self._stride * _PATCH

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
        references = self.references(plan, cast)
        prompt = self.prompt(plan, cast, references)
        positive, negative = self.encode_text(prompt.text), self.encode_text(prompt.negative)
        spans = token_spans(prompt, lambda text: clip_tokens(self.tokenize(text)))
        owners, seen = tuple(item.element for item in references.items), appearances(plan, cast)
        layouts = {
            POSITIVE: self._layout(plan, seen, spans, positive[0][0].shape[1], owners),
            NEGATIVE: self._layout(plan, seen, (), negative[0][0].shape[1], owners),
        }
        first, last = (
            None if picture is None else fitted(picture, plan.size)[None] for picture in (first_frame, last_frame)
        )
        pictures = _pictures(cast, references)
        told = self._kind.tell(Scene(plan, cast, positive, negative, self._vae, first, last, pictures))
        latent = self.empty_latent(plan) if told.latent is None else told.latent
        notes = (*prompt.notes, *references.left_out, *self._unseen(plan, first))
        return Conditioned(plan, told.positive, told.negative, layouts, latent, told.mask, notes)

    def prompt(self, plan: Plan, cast: Cast, references: References) -> Prompt:
        return compile_captions(plan, cast)

    def empty_latent(self, plan: Plan) -> torch.Tensor:
        width, height = plan.size
        latents = self.lattice.latents(plan.frames)
        return torch.zeros(1, self.latent_channels, latents, height // self._stride, width // self._stride)

    def decode_audio(self, latents: Latents, plan: Plan) -> np.ndarray:
        """Wan makes no sound: the stage's own ambience of the plan's places, float32 [2, N]."""
        return film_ambience(plan)

    def _pieces(self, video: torch.Tensor, frames: int) -> Pieces | None:
        return decoded_by_steps(self.connected.vae, video)

    def _denoise(
        self, conditioning: Conditioned, noise: Any, latent: Any, mask: Any, seed: int, settings: Settings,
        callback: StepCallback,
    ) -> Any:  # fmt: skip
        """VACE's reference is a latent before the film, which is sampled with it and left out again."""
        before = _latents_before(conditioning)
        if before:
            latent = F.pad(latent, (0, 0) * 2 + (before, 0))
            mask = None if mask is None else F.pad(mask, (0, 0) * 2 + (before, 0), value=1.0)
            noise = comfy.sample.prepare_noise(latent, seed)
            callback.latents = [before + at for at in callback.latents]
        samples = self._by_experts(conditioning, noise, latent, mask, seed, settings, callback)
        return samples[:, :, before:]

    def _by_experts(
        self, conditioning: Conditioned, noise: Any, latent: Any, mask: Any, seed: int, settings: Settings,
        callback: StepCallback,
    ) -> Any:  # fmt: skip
        """With two experts: the first down to the boundary, the second from there, as two chained samplers do it."""
        if self.connected.low_noise is None:
            return super()._denoise(conditioning, noise, latent, mask, seed, settings, callback)
        sigmas = self.sigmas(settings.steps)
        switch = int((sigmas[:-1] >= self._kind.boundary).sum())
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

    def _run(self, model: ModelPatcher, *args: Any) -> Any:
        return super()._run(mark_branches(model) if isinstance(self._kind, Vace) else model, *args)

    @property
    def _stride(self) -> int:
        """Pixels a latent: 8 in Wan 2.1's autoencoder, 16 in that of the 5B model of Wan 2.2."""
        return self._latent_format.spacial_downscale_ratio

    def _require_pictures_where_taken(self, first: np.ndarray | None, last: np.ndarray | None) -> None:
        takes, given = self._kind.ends, {"first": first, "last": last}
        given = [name for name, picture in given.items() if picture is not None]
        refused = [name for name in given if name not in takes]
        if refused and not takes:
            raise refuse(
                "first and last frame", f"these Wan weights take none: they are {self.kind}",
                "Load Wan image-to-video weights, or leave the picture out.",
            )  # fmt: skip
        if refused:
            raise refuse(
                "last frame", f"these Wan weights take a first frame only: they are {self.kind}",
                "Load Wan image-to-video weights, or leave the picture out.",
            )  # fmt: skip
        if self._kind.starts and not given:
            raise refuse(
                "first frame", "these Wan weights begin with a picture", "Give one, or load text-to-video weights."
            )

    def _unseen(self, plan: Plan, first: torch.Tensor | None) -> Iterator[str]:
        """What the model is shown that nobody wrote, and what it is not."""
        shots = [f"{shot.index + 1} ({shot.place})" for shot in plan.shots if "place" in shot.assumed]
        if self._kind.staged and shots:
            yield f"shots {', '.join(shots)}: nobody wrote a place, so the depth shows one of the stage's own"
        if self._kind.clip_vision and first is not None:
            yield "first frame: these weights know it by its latent alone, not through CLIP vision"

    def _layout(
        self, plan: Plan, seen: Mapping[str, Sequence[int]], spans: tuple[PromptSpan, ...], text: int,
        owners: Sequence[str],
    ) -> Layout:  # fmt: skip
        builder, (rows, columns) = LayoutBuilder(), plan.grid.tokens_per_latent(plan.aspect)
        add_text(builder, spans, text)
        before, after = (owners, ()) if self._kind.references_first else ((), owners)
        for owner in before:
            add_references(builder, rows * columns, owner)
        add_video(builder, plan, rows, columns)
        for owner in after:
            add_references(builder, rows * columns, owner)
        return film_layout(builder, plan, seen)


def _pictures(cast: Cast, references: References) -> torch.Tensor | None:
    """[N, H, W, 3] in [0, 1] of the film's size."""
    shown = [prepared_picture(cast[item.element], item) for item in references.items]
    return as_image(np.stack(shown)) if shown else None


def _latents_before(conditioning: Conditioned) -> int:
    """How many latents the model is told to have before the film's own."""
    frames = conditioning.positive[0][1].get("vace_frames")
    return frames[0].shape[2] - conditioning.latent.shape[2] if frames else 0
