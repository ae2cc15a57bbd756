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
from typing import TYPE_CHECKING, Any, ClassVar

import comfy.model_management
import comfy.sample
import comfy.samplers
import numpy as np
import torch
from comfy.nested_tensor import NestedTensor

from kling_core.attention.layout import Layout
from kling_core.backbone import Keep, Latents, Limits, Progress, Settings
from kling_core.errors import KlingError, Problem, ProblemList
from kling_core.plan.forecast import MeasuredStep, ModelShape, forecast, forecast_text
from kling_core.plan.grid import Grid, Lattice
from kling_core.plan.reference_budget import choose
from kling_core.plan.reference_limits import ReferenceLimits
from kling_core.plan.references import References

from . import OWN_SCHEDULER
from .contracts import POSITIVE, Conditioned, Connected, Options
from .decoding import Pieces, or_whole, room, shot_by_shot
from .encode_once import EncodeOnce, EncodingOnce
from .framing import ASPECTS, as_image, sides
from .hooks import Attention, Routing, install
from .keeping import mask_of, pinned, started
from .previews import StepCallback
from .quantisation import quantisation
from .text import clip_tokens

if TYPE_CHECKING:
    from comfy.model_patcher import ModelPatcher

    from kling_core.elements.element import Cast
    from kling_core.plan.plan import Plan
    from kling_core.prompts.prompt import Prompt
    from kling_core.sound.speech import SpokenLine

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
        self.defaults = Settings(steps=options.steps if options.sigmas is None else len(options.sigmas) - 1)
        self._once = EncodeOnce()
        self._vae = EncodingOnce(connected.vae, self._once)
        self._audio_vae = EncodingOnce(connected.audio_vae, self._once)
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
            ", ".join(filter(None, (f"{self.name}, {self.kind}, {self.layers} layers", self._quantised))),
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
        """What sampling will take, before anything runs, the words that the model is told, and what they changed of the
        director's. Time is told once anything was sampled."""
        references, model = self.references(plan, cast), self.connected.model
        prompt = self.prompt(plan, cast, references)
        told = forecast_text(forecast(
            plan, references, self.reference_limits, self.shape, weights=model.model_size(),
            memory_free=comfy.model_management.get_free_memory(model.load_device),
            text_tokens=len(clip_tokens(self.tokenize(prompt.text))), measured=self._measured,
            steps=self.defaults.steps,
        ))  # fmt: skip
        return "\n".join([told, "Prompt:", *(f"  {note}" for note in prompt.notes), "", prompt.text])

    @property
    def weights(self) -> str:
        """Of the model's sizes and of what was patched into it: weights of gigabytes are not read for a name."""
        model = self.connected.model
        told = f"{self.name} {self.kind} {model.model_size()} {sorted(model.patches)}{self._quantised}"
        return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()

    @property
    def _quantised(self) -> str:
        kind = quantisation(self._diffusion_model)
        return f"weights in {kind}" if kind else ""

    @property
    def layers(self) -> int:
        return len(self._diffusion_model.blocks)

    @property
    def latent_channels(self) -> int:
        """Of the latents of pictures."""
        return self._latent_format.latent_channels

    @property
    def _latent_format(self) -> Any:
        return self.connected.model.get_model_object("latent_format")

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
        firsts = [self.lattice.latents(shot.start) for shot in conditioning.plan.shots]
        callback = StepCallback(settings.steps, progress, firsts, self._latent_format)
        noise, began = comfy.sample.prepare_noise(latent, seed), time.perf_counter()
        samples = self._denoise(conditioning, noise, latent, mask, seed, settings, callback)
        seconds = (time.perf_counter() - began) / settings.steps
        if POSITIVE in conditioning.layouts:
            self._measured = MeasuredStep(conditioning.layouts[POSITIVE].tokens, seconds)
        samples = samples.to(comfy.model_management.intermediate_device(), torch.float32)
        found = self.from_host(samples)
        return found if keep is None else pinned(found, keep)

    def _denoise(
        self, conditioning: Conditioned, noise: Any, latent: Any, mask: Any, seed: int, settings: Settings,
        callback: StepCallback,
    ) -> Any:  # fmt: skip
        model, sigmas = conditioning.model or self.connected.model, self.sigmas(settings.steps)
        return self._run(model, conditioning, noise, latent, mask, seed, sigmas, callback)

    def _run(
        self, model: ModelPatcher, conditioning: Conditioned, noise: Any, latent: Any, mask: Any, seed: int,
        sigmas: torch.Tensor, callback: StepCallback,
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

    def sigmas(self, steps: int) -> torch.Tensor:
        """The noise levels of all steps: those that the user connected, else those of the scheduler. KlingError for
        another number of steps than connected levels have."""
        given = self.options.sigmas
        if given is None:
            return self.schedule(steps)
        if len(given) - 1 != steps:
            what = f"{steps} are asked for, and the connected sigmas have {len(given) - 1}"
            raise refuse("steps", what, "Set the VideoSampler's steps to 0, or connect other sigmas.")
        return given

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
        free = mask_of(keep, None if mask is None else self.from_host(mask), start)
        return self.to_host(started(start, keep)), self.to_host(free)

    def encode_video(self, portions: Iterable[np.ndarray], plan: Plan) -> torch.Tensor:
        frames = as_image(np.concatenate(list(portions)))
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
        """In pieces that `memory_budget` holds, where the VAE is one that can go on from piece to piece; any other,
        such as a small one for previews, decodes the whole film at once. See `decoding.py`."""
        video, frames = latents.video.transpose(0, 1)[None], room(plan, memory_budget)

        def whole() -> torch.Tensor:
            found = self._whole(video, memory_budget)
            return found.reshape(-1, *found.shape[-3:])

        pieces = None if frames >= plan.frames else self._pieces(video, frames)
        yield from shot_by_shot(iter([whole()]) if pieces is None else or_whole(pieces, whole), plan)

    def _pieces(self, video: torch.Tensor, frames: int) -> Pieces | None:
        """A film that is longer than `frames`, in pieces that are not, as exact as the whole; None with a VAE that
        cannot. A piece may be longer where the VAE has no shorter ones. video: [1, C, T, H, W]."""
        return None

    def _whole(self, video: torch.Tensor, memory_budget: int | None) -> torch.Tensor:
        """[1, C, T, H, W] as pixels in [0, 1]."""
        return self.connected.vae.decode(video)

    def encode_text(self, text: str, **tokenizing: Any) -> list:
        """CONDITIONING of a text, made once for each."""
        return self._once(f"text {text}", lambda: self._encode(self.tokenize(text, **tokenizing)))

    def tokenize(self, text: str, **how: Any) -> Any:
        # A script's brackets are no weights.
        return self.connected.clip.tokenize(text, disable_weights=True, **how)

    def _encode(self, tokens: Any) -> list:
        return self.connected.clip.encode_from_tokens_scheduled(tokens)


def refuse(where: str, what: str, remedy: str) -> KlingError:
    return KlingError(Problem(where, what, remedy))
