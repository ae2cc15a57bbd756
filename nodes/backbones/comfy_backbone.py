"""What all large models have in common behind the Backbone protocol: ComfyUI samples them, and our hooks route.

A family says how it is recognised, what its lattice is, how it is told a Plan, and how its tokens lie; see `wan.py` for
the shortest example. MODEL, CLIP and VAE are what ComfyUI's own loaders give, so quantised weights, LoRAs, offloading,
compilation and attention backends work as they do without us.
"""

from __future__ import annotations

import hashlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import comfy.model_management
import comfy.sample
import comfy.samplers
import comfy.utils
import numpy as np
import torch
from comfy.nested_tensor import NestedTensor

from kling_core.attention.layout import Layout
from kling_core.attention.routing import Policy
from kling_core.backbone import Keep, Latents, Limits, Progress, Settings
from kling_core.errors import KlingError, Problem, ProblemList
from kling_core.plan.forecast import MeasuredStep, ModelShape, forecast, forecast_text
from kling_core.plan.grid import Grid, Lattice
from kling_core.plan.reference_budget import choose
from kling_core.plan.reference_limits import ReferenceLimits
from kling_core.plan.references import References

from . import OWN_SCHEDULER
from .hooks import Attention, Routing, install
from .text import clip_tokens

if TYPE_CHECKING:
    from comfy.model_patcher import ModelPatcher
    from comfy.sd import CLIP, VAE

    from kling_core.elements.element import Cast
    from kling_core.plan.plan import Plan
    from kling_core.prompts.prompt import Prompt
    from kling_core.sound.speech import SpokenLine

POSITIVE, NEGATIVE = 0, 1
ASPECTS = {"16:9": 16 / 9, "9:16": 9 / 16, "1:1": 1.0}


@dataclass(frozen=True)
class Connected:
    """What is plugged into the Backbone node. low_noise: the second expert of a model that has two."""

    model: ModelPatcher
    clip: CLIP
    vae: VAE
    audio_vae: VAE | None = None
    low_noise: ModelPatcher | None = None


@dataclass(frozen=True)
class Options:
    """How to sample and to route.

    sampler, scheduler: ComfyUI's names, or OWN_SCHEDULER. cfg: 1 = no negative branch. short_edge: of the picture in
    pixels, 0 = the family's own. checkpoint: what MiniMax H3's weights take, which no file of theirs tells:
    "references" (Ref2VA), "frames" (FL2VA, first and last), or "auto", whatever the scene has. id_lora: whether LTX has
    its LoRA for voices. moving_guide: whether the stage's own film of the scene goes along as a reference video.
    """

    sampler: str = "euler"
    scheduler: str = "simple"
    cfg: float = 1.0
    steps: int = 20
    short_edge: int = 0
    policy: Policy = Policy.open()
    checkpoint: str = "auto"
    id_lora: bool = False
    moving_guide: bool = False


@dataclass(frozen=True)
class Conditioned:
    """A scene as the model is told it.

    positive, negative: ComfyUI's CONDITIONING. layouts: of the tokens under each, by POSITIVE and NEGATIVE, where it is
    known; others are not routed. latent: what sampling starts from, a tensor [1, C, T, H, W] or a nested one with
    sound. mask: 1 where it is made anew, of the same kind, or None for all of it. notes: what the user should know.
    model: the MODEL with what this scene adds to it, None for the connected one.
    """

    plan: Plan
    positive: list
    negative: list
    layouts: Mapping[int, Layout]
    latent: Any
    mask: Any = None
    notes: tuple[str, ...] = ()
    model: ModelPatcher | None = None


class ComfyBackbone(ABC):
    """See `kling_core.backbone.Backbone`. Subclasses are the families.

    name: of the family. notice: what its licence asks to be told, empty for nothing. attentions: of one block, in the
    order in which it calls them.
    """

    name: ClassVar[str]
    licence: ClassVar[str]
    notice: ClassVar[str] = ""
    lattice: ClassVar[Lattice]
    attentions: ClassVar[tuple[Attention, ...]]
    speaks: ClassVar[bool]
    audio_axis: ClassVar[int] = 1
    short_edge: ClassVar[int]
    size_step: ClassVar[int]
    limits: ClassVar[Limits]

    def __init__(self, connected: Connected, options: Options):
        self.connected, self.options = connected, options
        self.defaults = Settings(steps=options.steps)
        self._encoded: dict[str, Any] = {}
        self._measured: MeasuredStep | None = None

    @classmethod
    @abstractmethod
    def recognises(cls, model: ModelPatcher) -> bool:
        """Whether a MODEL is of this family."""

    @property
    @abstractmethod
    def grid(self) -> Grid: ...

    @property
    @abstractmethod
    def kind(self) -> str:
        """What of its family the checkpoint is, for people."""

    @property
    def found(self) -> str:
        """What the model is and can do, a line each, with the notice of its licence."""
        grid, lattice = self.grid, self.lattice
        cuts = " + ".join(f"{frames}" for frames in (f"{lattice.step}k", sum(lattice.lead)) if frames)
        ends = " + ".join(f"{frames}" for frames in (f"{lattice.step}k", lattice.end(0)) if frames)
        lines = [
            f"{self.name}, {self.kind}, {self.layers} layers",
            f"{grid.fps} frames a second; cuts after {cuts} frames, films of {ends} frames",
            "sizes: " + ", ".join(f"{aspect} {width} x {height}" for aspect, (width, height) in grid.sizes.items()),
            "makes picture and sound" if self.speaks else "makes pictures; AudioSync adds the sound",
            f"licence: {self.licence}",
        ]
        return "\n".join(lines + ([self.notice] if self.notice else []))

    def require_fit(self) -> None:
        """Raises KlingError with everything that is missing or wrong among what is connected."""
        problems = ProblemList()
        wanted, channels = self.latent_channels, getattr(self.connected.vae, "latent_channels", None)
        if channels != wanted:
            remedy = f"Load the VAE of {self.name} {self.kind}."
            problems.add("vae", f"its latents have {channels} channels, the model takes {wanted}", remedy)
        if self.speaks and self.connected.audio_vae is None:
            problems.add("audio_vae", f"is missing: {self.name} makes sound", f"Load the audio VAE of {self.name}.")
        if self.options.moving_guide and not self.takes_videos:
            what = f"is on, and {self.name} {self.kind} takes no reference videos"
            problems.add("moving_guide", what, "Switch it off, or load Ref2VA weights of MiniMax H3.")
        self._check_connected(problems)
        problems.raise_if_any()

    @property
    def takes_videos(self) -> bool:
        """Whether the model may be shown videos as references."""
        return self.reference_limits.videos > 0

    @abstractmethod
    def _check_connected(self, problems: ProblemList) -> None:
        """Adds what else is wrong with a family's MODEL, CLIP or VAE."""

    @abstractmethod
    def condition(
        self,
        plan: Plan,
        cast: Cast,
        speech: tuple[SpokenLine, ...] = (),
        *,
        first_frame: np.ndarray | None = None,
        last_frame: np.ndarray | None = None,
    ) -> Conditioned: ...

    @abstractmethod
    def decode_audio(self, latents: Latents, plan: Plan) -> np.ndarray: ...

    @property
    @abstractmethod
    def reference_limits(self) -> ReferenceLimits: ...

    @property
    @abstractmethod
    def shape(self) -> ModelShape: ...

    @abstractmethod
    def prompt(self, plan: Plan, cast: Cast, references: References) -> Prompt:
        """The words that the model is told."""

    def references(self, plan: Plan, cast: Cast) -> References:
        """What of the cast the model is shown and played."""
        return choose(plan, cast, self.reference_limits, guided=self.options.moving_guide)

    def forecast(self, plan: Plan, cast: Cast) -> str:
        """What sampling will take, before anything runs, and what the prompt changed of the director's words. Time is
        told once anything was sampled."""
        references, model = self.references(plan, cast), self.connected.model
        prompt = self.prompt(plan, cast, references)
        told = forecast_text(forecast(
            plan, references, self.reference_limits, self.shape, weights=model.model_size(),
            memory_free=comfy.model_management.get_free_memory(model.load_device),
            text_tokens=len(clip_tokens(self.tokenize(prompt.text))), measured=self._measured,
            steps=self.defaults.steps,
        ))  # fmt: skip
        return "\n".join([told, *(["Prompt:"] if prompt.notes else []), *(f"  {note}" for note in prompt.notes)])

    @property
    def weights(self) -> str:
        """Of the model's sizes and of what was patched into it: weights of gigabytes are not read for a name."""
        model = self.connected.model
        told = f"{self.name} {self.kind} {model.model_size()} {sorted(model.patches)}"
        return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()

    @property
    def layers(self) -> int:
        return len(self._diffusion_model.blocks)

    @property
    def latent_channels(self) -> int:
        """Of the latents of pictures."""
        return self.connected.model.get_model_object("latent_format").latent_channels

    @property
    def _diffusion_model(self) -> torch.nn.Module:
        return self.connected.model.get_model_object("diffusion_model")

    def sizes(self) -> dict[str, tuple[int, int]]:
        """Width and height by aspect, of the chosen short edge."""
        short = self.options.short_edge or self.short_edge
        return {
            aspect: tuple(self.size_step * max(1, round(short * side / self.size_step)) for side in sides(ratio))
            for aspect, ratio in ASPECTS.items()
        }

    def sample(
        self,
        conditioning: Conditioned,
        *,
        seed: int,
        settings: Settings,
        keep: Keep | None = None,
        progress: Progress | None = None,
    ) -> Latents:
        """As ComfyUI's own sampler nodes do it, bit for bit where no rule hides anything."""
        latent, mask = conditioning.latent, conditioning.mask
        if keep is not None:
            latent, mask = self._with_kept(latent, mask, keep)
        callback = _Callback(self, conditioning.plan, settings.steps, progress)
        noise, started = comfy.sample.prepare_noise(latent, seed), time.perf_counter()
        samples = self._denoise(conditioning, noise, latent, mask, seed, settings, callback)
        seconds = (time.perf_counter() - started) / settings.steps
        if POSITIVE in conditioning.layouts:
            self._measured = MeasuredStep(conditioning.layouts[POSITIVE].tokens, seconds)
        samples = samples.to(comfy.model_management.intermediate_device(), torch.float32)
        found = self.from_host(samples)
        return found if keep is None else _pinned(found, keep)

    def _denoise(
        self, conditioning: Conditioned, noise: Any, latent: Any, mask: Any, seed: int, settings: Settings,
        callback: Any,
    ) -> Any:  # fmt: skip
        model, sigmas = conditioning.model or self.connected.model, self.schedule(settings.steps)
        return self._run(model, conditioning, noise, latent, mask, seed, sigmas, callback)

    def _run(
        self, model: ModelPatcher, conditioning: Conditioned, noise: Any, latent: Any, mask: Any, seed: int,
        sigmas: torch.Tensor, callback: Any,
    ) -> Any:  # fmt: skip
        fits = self._fits()
        routing = Routing(conditioning.layouts, self.options.policy, self.attentions, self.layers, fits)
        guider = comfy.samplers.CFGGuider(install(model, routing))
        guider.set_conds(conditioning.positive, conditioning.negative)
        guider.set_cfg(self.options.cfg)
        sampler = comfy.samplers.sampler_object(self.options.sampler)
        return guider.sample(
            noise, latent, sampler, sigmas, denoise_mask=mask, callback=callback, disable_pbar=True, seed=seed
        )

    def _fits(self) -> Callable[[Layout, Mapping[str, Any]], bool]:
        """Tells, during one sampling, whether a model call packs its tokens as a layout says; see `Routing`."""
        return lambda layout, options: True

    def schedule(self, steps: int) -> torch.Tensor:
        """The noise levels of all steps, as ComfyUI's KSampler has them."""
        device, options = self.connected.model.load_device, self.options
        scheduler = "simple" if options.scheduler == OWN_SCHEDULER else options.scheduler
        stock = comfy.samplers.KSampler(self.connected.model, steps, device, options.sampler, scheduler, 1.0)
        return stock.sigmas

    def empty(self, plan: Plan) -> Latents:
        return self.from_host(self.empty_latent(plan))

    @abstractmethod
    def empty_latent(self, plan: Plan) -> Any:
        """Zeros as the family's own empty-latent node makes them."""

    def from_host(self, samples: Any) -> Latents:
        video, *audio = samples.unbind() if samples.is_nested else [samples]
        sound = audio[0][0].movedim(self.audio_axis, 0) if audio else torch.zeros(0, 1)
        return Latents(video[0].transpose(0, 1).cpu(), sound.cpu())

    def to_host(self, latents: Latents) -> Any:
        video = latents.video.transpose(0, 1)[None]
        if not len(latents.audio):
            return video
        return NestedTensor((video, latents.audio.movedim(0, self.audio_axis)[None]))

    def _with_kept(self, latent: Any, mask: Any, keep: Keep) -> tuple[Any, Any]:
        """What sampling starts from and what of it is made anew, once `keep` stays."""
        start = self.from_host(latent)
        video = _where(keep.video[:, None], keep.latents.video, start.video)
        audio = _where(keep.audio, keep.latents.audio, start.audio)
        free = Latents((1 - keep.video)[:, None], _along(1 - keep.audio, start.audio))
        if mask is not None:
            given = self.from_host(mask)
            free = Latents(torch.minimum(free.video, given.video), torch.minimum(free.audio, given.audio))
        return self.to_host(Latents(video, audio)), self.to_host(free)

    def fitted(self, picture: np.ndarray, plan: Plan) -> torch.Tensor:
        """uint8 [H, W, 3] as [H, W, 3] in [0, 1] of the film's size, cropped to its shape as ComfyUI's nodes do it."""
        still = torch.from_numpy(picture).float()[None].movedim(-1, 1) / 255
        return comfy.utils.common_upscale(still, *plan.size, "bilinear", "center").movedim(1, -1)[0]

    def encode_video(self, portions: Iterable[np.ndarray], plan: Plan) -> torch.Tensor:
        frames = torch.from_numpy(np.concatenate(list(portions))).float() / 255
        return self.connected.vae.encode(frames)[0].transpose(0, 1).float().cpu()

    def decode_video(
        self,
        latents: Latents,
        plan: Plan,
        cast: Cast,
        speech: tuple[SpokenLine, ...] = (),
        *,
        memory_budget: int | None = None,
    ) -> Iterator[np.ndarray]:
        frames = self._decoded(latents.video.transpose(0, 1)[None], memory_budget)
        frames = frames.reshape(-1, *frames.shape[-3:])
        for shot in plan.shots:
            portion = frames[shot.start : shot.stop].float()
            yield (portion.clamp(0, 1) * 255).round().byte().cpu().numpy()

    def _decoded(self, video: torch.Tensor, memory_budget: int | None) -> torch.Tensor:
        """[1, C, T, H, W] as pixels in [0, 1]."""
        return self.connected.vae.decode(video)

    def preview(self, video: torch.Tensor, plan: Plan) -> torch.Tensor | None:
        """The first latent of every shot in rough colours, [shots, H, W, 3] in [0, 1]; None where nobody knows them.

        video: [1, C, T, H, W].
        """
        model_format = self.connected.model.get_model_object("latent_format")
        factors = model_format.latent_rgb_factors
        if factors is None:
            return None
        firsts = [self.lattice.latents(shot.start) for shot in plan.shots]
        bias = getattr(model_format, "latent_rgb_factors_bias", None)
        colours = torch.einsum("cthw,cr->thwr", video[0][:, firsts].float().cpu(), torch.tensor(factors))
        return ((colours + torch.tensor(bias or [0.0] * 3) + 1) / 2).clamp(0, 1)

    def encode_text(self, text: str, **tokenizing: Any) -> list:
        """CONDITIONING of a text, made once for each."""
        return self._once(f"text {text}", lambda: self._encode(self.tokenize(text, **tokenizing)))

    def tokenize(self, text: str, **how: Any) -> Any:
        # A script's brackets are no weights.
        return self.connected.clip.tokenize(text, disable_weights=True, **how)

    def _encode(self, tokens: Any) -> list:
        return self.connected.clip.encode_from_tokens_scheduled(tokens)

    def _once(self, name: str, make: Any) -> Any:
        """What is expensive to encode, by its content."""
        key = hashlib.blake2b(name.encode(), digest_size=16).hexdigest()
        if key not in self._encoded:
            self._encoded[key] = make()
        return self._encoded[key]


@dataclass
class _Callback:
    """ComfyUI's step callback, handed on as our Progress. done: steps of an earlier expert."""

    backbone: ComfyBackbone
    plan: Plan
    steps: int
    progress: Progress | None
    done: int = field(default=0)

    def __call__(self, step: int, x0: Any, x: Any, total: int) -> None:
        if self.progress is None:
            return
        video = x0.unbind()[0] if x0.is_nested else x0
        self.progress(self.done + step + 1, self.steps, self.backbone.preview(video, self.plan))


def sides(ratio: float) -> tuple[float, float]:
    """Width and height of a picture whose short edge is 1."""
    return (ratio, 1.0) if ratio >= 1 else (1.0, 1 / ratio)


def _along(values: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """[tokens] with as many dimensions as `like`, [tokens, …]."""
    return values.reshape(-1, *(1,) * (like.dim() - 1))


def _where(kept: torch.Tensor, value: torch.Tensor, otherwise: torch.Tensor) -> torch.Tensor:
    """`value` wherever any of it is kept."""
    return torch.where(_along(kept, value) > 0 if kept.dim() == 1 else kept > 0, value, otherwise)


def _pinned(found: Latents, keep: Keep) -> Latents:
    """What is kept whole at its value, to the bit."""
    return Latents(
        torch.where((keep.video == 1)[:, None], keep.latents.video, found.video),
        torch.where(_along(keep.audio == 1, found.audio), keep.latents.audio, found.audio),
    )


def refuse(where: str, what: str, remedy: str) -> KlingError:
    return KlingError(Problem(where, what, remedy))
