"""The embedded backbone: our own small audio-video model behind the Backbone protocol."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path

import cv2
import numpy as np
import torch

from kling_core.attention.routing import Policy, ShotRule, route
from kling_core.attention.spans import attend
from kling_core.backbone import Keep, Latents, Progress, Settings
from kling_core.decode.streaming import stream
from kling_core.elements.element import Cast
from kling_core.plan.plan import Plan
from kling_core.previz import world
from kling_core.previz.audio_codec import AudioCodec
from kling_core.previz.collage import collage_portions, encode_pasted, with_pictures
from kling_core.previz.conditioning import Conditioning, make_conditioning, mouth_curves, wardrobes_of
from kling_core.previz.plate import plate_of
from kling_core.previz.transformer import PrevizTransformer, Tokens
from kling_core.previz.video_vae import VideoVAE
from kling_core.previz.weights_file import load_weights
from kling_core.sampling.flow import Sigmas, noise, schedule
from kling_core.sampling.guidance import guided
from kling_core.sampling.retake import audio_shots, first_last_frame, given_sound, latent_shots, merged
from kling_core.sampling.solvers import SOLVERS
from kling_core.sound.speech import SpokenLine

GRID, LIMITS = world.GRID, world.LIMITS
POLICY = Policy(shots=ShotRule(mode="sparse"))
# A scene is nearly determined by its plan and its references: what more steps would add is noise, not variety.
DEFAULT_SETTINGS = Settings(steps=1)
SHIFT = 2.0
# The refiner looks back one latent.
_CONTEXT, _DECODE_BUDGET = 1, 256 * 2**20


class Previz:
    """See `backbone.Backbone`. Films come out UPSCALE times the size of GRID.sizes."""

    grid, limits, defaults, licence = GRID, LIMITS, DEFAULT_SETTINGS, "Apache-2.0"
    speaks, audio_axis = False, 1

    def __init__(
        self,
        model: PrevizTransformer,
        vae: VideoVAE,
        codec: AudioCodec,
        about: dict,
        device: torch.device,
        policy: Policy = POLICY,
    ):
        # Not compiled: on two CPU cores that takes 79 s and then saves nothing (benchmarks/compilation.py).
        self.model, self.vae, self.codec = model.to(device), vae.to(device), codec
        self.about, self.device, self.policy = about, device, policy

    @classmethod
    def load(cls, path: Path | None = None, device: str = "auto") -> Previz:
        """Load weights: the shipped ones, or a file that `kling train previz` made. Raises KlingError without them."""
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        return cls(*load_weights(path), torch.device(device))

    @property
    def weights(self) -> str:
        return hashlib.blake2b(json.dumps(self.about, sort_keys=True).encode(), digest_size=16).hexdigest()

    def output_size(self, plan: Plan) -> tuple[int, int]:
        """Width and height in pixels of the film."""
        width, height = plan.size
        return width * world.UPSCALE, height * world.UPSCALE

    def condition(
        self,
        plan: Plan,
        cast: Cast,
        speech: tuple[SpokenLine, ...] = (),
        *,
        first_frame: np.ndarray | None = None,
        last_frame: np.ndarray | None = None,
    ) -> Conditioning:
        conditioning = make_conditioning(plan, cast, speech, self.codec)
        ends = [None if frame is None else self._encode_still(frame, plan) for frame in (first_frame, last_frame)]
        return replace(conditioning, ends=first_last_frame(self.empty(plan), *ends))

    @torch.inference_mode()
    def sample(
        self,
        conditioning: Conditioning,
        *,
        seed: int,
        settings: Settings = DEFAULT_SETTINGS,
        keep: Keep | None = None,
        progress: Progress | None = None,
    ) -> Latents:
        """Sample all shots, picture and ambience, in one run over one packed stream. The speech track is given."""
        plan = conditioning.plan
        start = noise(
            (world.VIDEO_CHANNELS, world.AUDIO_CHANNELS),
            plan.grid.tokens_per_latent(plan.aspect),
            latent_shots(plan),
            audio_shots(plan),
            seed,
        )
        keeps = [keep, conditioning.ends, given_sound(start, conditioning.speech)]
        keep = merged(*(each for each in keeps if each))

        def on_step(step: int, steps: int, clean: Latents) -> None:
            if progress:
                progress(step, steps, self.preview(clean, plan))

        denoise = guided(self._predictor(conditioning, settings.steps), _scaled(settings, conditioning.strength))
        return SOLVERS[settings.solver](denoise, start, schedule(settings.steps, SHIFT), keep, on_step).settled()

    def forecast(self, plan: Plan, cast: Cast) -> str:
        count, size = sum(plan.tokens.values()), " x ".join(map(str, self.output_size(plan)))
        steps = f"{self.defaults.steps} step{'s' * (self.defaults.steps != 1)}"
        return f"The embedded model: {count:,} tokens, {steps}, {size} pixels; it fits into any memory."

    def empty(self, plan: Plan) -> Latents:
        rows, columns = plan.grid.tokens_per_latent(plan.aspect)
        video = torch.zeros(len(latent_shots(plan)), world.VIDEO_CHANNELS, rows, columns)
        return Latents(video, torch.zeros(len(audio_shots(plan)), world.AUDIO_CHANNELS))

    def _predictor(self, conditioning: Conditioning, steps: int):
        inputs = _Inputs(conditioning, self.vae, self.device)
        layers = self.model.config.layers

        def predict(latents: Latents, sigmas: Sigmas, without: str | None) -> Latents:
            def attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, layer: int) -> torch.Tensor:
                table = route(conditioning.packed.layout, self.policy, layer=layer, layers=layers)
                return attend(q, k, v, table)

            video, audio = self.model(inputs.tokens(latents, sigmas, without), attention)
            return inputs.latents(video, audio, latents)

        return predict

    def preview(self, latents: Latents, plan: Plan) -> torch.Tensor:
        """The first frame of every shot, without the refiner: [shots, H, W, 3] in [0, 1]."""
        firsts = [shot.start // plan.grid.frames_per_latent for shot in plan.shots]
        frames = self.vae.decode_linear(_channels_last(latents.video[firsts]).to(self.device))
        return ((frames[:: plan.grid.frames_per_latent].permute(0, 2, 3, 1) + 1) / 2).clamp(0, 1).cpu()

    def _encode_still(self, picture: np.ndarray, plan: Plan) -> torch.Tensor:
        """A still, cropped to the scene's aspect, as one latent [C, H, W]. picture: uint8 [H, W, 3]."""
        width, height = plan.size
        scale = max(width / picture.shape[1], height / picture.shape[0])
        size = (max(width, round(picture.shape[1] * scale)), max(height, round(picture.shape[0] * scale)))
        fitted = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
        left, top = (size[0] - width) // 2, (size[1] - height) // 2
        fitted = np.ascontiguousarray(fitted[top : top + height, left : left + width])
        frame = torch.from_numpy(fitted).permute(2, 0, 1).float() / 127.5 - 1
        still = frame[None].expand(plan.grid.frames_per_latent, -1, -1, -1).to(self.device)
        return self.vae.encode(still)[0].permute(2, 0, 1).cpu()

    def encode_video(self, portions: Iterable[np.ndarray], plan: Plan) -> torch.Tensor:
        """A whole film at `plan.size`, uint8 [t, H, W, 3] a portion, as latents [T, C, H, W]; each shot by itself."""
        frames = torch.from_numpy(np.concatenate(list(portions))).permute(0, 3, 1, 2)
        shots = (frames[shot.start : shot.stop].to(self.device).float() / 127.5 - 1 for shot in plan.shots)
        return torch.cat([self.vae.encode(shot).cpu() for shot in shots]).permute(0, 3, 1, 2).contiguous()

    def decode_video(
        self,
        latents: Latents,
        plan: Plan,
        cast: Cast,
        speech: tuple[SpokenLine, ...] = (),
        *,
        memory_budget: int | None = None,
    ) -> Iterator[np.ndarray]:
        """uint8 [T, H, W, 3], shot by shot and, within a shot, in pieces that fit `memory_budget` bytes."""
        for (frames,) in self.decode_takes([latents], plan, cast, speech, memory_budget=memory_budget):
            yield frames

    def decode_takes(
        self,
        takes: Sequence[Latents],
        plan: Plan,
        cast: Cast,
        speech: tuple[SpokenLine, ...] = (),
        *,
        memory_budget: int | None = None,
    ) -> Iterator[list[np.ndarray]]:
        """The same piece of every take at a time: the collage, which is most of the work, is drawn once for all."""
        width, height = self.output_size(plan)
        # Five copies of the frames, two of the collage, and feature maps of 64 channels in cells of 4 x 4 pixels, in
        # float32.
        layers = 5 * 3 + 2 * world.COLLAGE_LAYERS
        bytes_per_latent = width * height * (layers * plan.grid.frames_per_latent + 6 * 64 // 16) * 4
        wardrobes, mouths = wardrobes_of(plan, cast), mouth_curves(plan, speech)
        for shot, blocking in zip(plan.shots, plan.blocking):
            of_shot = plan.shot_latents(shot)
            shot_latents = torch.stack(
                [_channels_last(take.video[of_shot.start : of_shot.stop]) for take in takes], dim=1
            )
            here = {name: curve[shot.start : shot.stop] for name, curve in mouths.items()}
            plate = plate_of(shot.place, shot.time_of_day)
            collage = partial(collage_portions, blocking, wardrobes, here, plate, plan.size, world.UPSCALE)
            pieces = stream(
                shot_latents,
                partial(self._decode, collage),
                context=_CONTEXT,
                bytes_per_latent=bytes_per_latent,
                memory_budget=memory_budget or _DECODE_BUDGET,
            )
            for frames in pieces:
                yield [take.numpy() for take in frames.unbind(1)]

    @torch.inference_mode()
    def _decode(
        self, collage: Callable[[int, int], Iterable[torch.Tensor]], latents: torch.Tensor, first: int, before: int
    ) -> torch.Tensor:
        """See `decode.streaming.Decode`; latents [l, takes, …] become frames [t, takes, …].

        collage(first, count) draws portions of what belongs to some latents.
        """
        pasted = torch.cat(list(collage(first, len(latents) - before))).to(self.device)
        takes = []
        for take in latents.to(self.device).unbind(1):
            frames = self.vae.decode(take, pasted, before).permute(0, 2, 3, 1)
            takes.append(((frames + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu())
        return torch.stack(takes, dim=1)

    @torch.inference_mode()
    def decode_audio(self, latents: Latents, plan: Plan) -> np.ndarray:
        """The ambience that the model made: float32 [2, samples]. Speech is given and never decoded."""
        return self.codec.decode(latents.audio[plan.frames :])


class _Inputs:
    """The constant inputs of one scene, and the way between Latents and the packed stream."""

    def __init__(self, conditioning: Conditioning, vae: VideoVAE, device: torch.device):
        packed = conditioning.packed
        self.device = device
        self.order = torch.from_numpy(packed.order)
        self.speech, self.silence = conditioning.speech, conditioning.silence
        self.constant = {
            "text": packed.text[None],
            "references": conditioning.references[None],
            "known": conditioning.known[None],
            "features": packed.features[None],
            "reads": packed.reads[None],
            "wears": packed.wears[None],
            "positions": packed.layout.positions[None],
            "track": packed.track,
        }
        self.constant = {name: value.to(device) for name, value in self.constant.items()}
        pasted = encode_pasted(packed.pasted.to(device), vae)
        self.constant["pasted"], self.bare = (with_pictures(*pasted, people)[None] for people in (1.0, 0.0))
        self.packed_silent, self.vae = conditioning.silent, vae
        self.clean = packed.layout.tokens - len(packed.order) - len(packed.track)

    @cached_property
    def silent(self) -> dict[str, torch.Tensor]:
        """What differs where nobody speaks."""
        packed = self.packed_silent()
        pasted = with_pictures(*encode_pasted(packed.pasted.to(self.device), self.vae))
        return {"features": packed.features[None].to(self.device), "pasted": pasted[None]}

    def tokens(self, latents: Latents, sigmas: Sigmas, without: str | None) -> Tokens:
        video = _channels_last(latents.video).flatten(0, 2)[self.order]
        sigma = torch.cat([torch.zeros(self.clean), sigmas.audio, sigmas.video.flatten()[self.order]])
        level, level_of = sigma.unique(return_inverse=True)
        inputs = dict(self.constant)
        audio = latents.audio
        if without == "references":
            inputs["known"], inputs["pasted"] = inputs["known"] * 0, self.bare
        elif without == "text":
            inputs["text"] = inputs["text"] * 0
        elif without == "audio":
            # Without sound the scene is a silent one, which the model knows from its training.
            inputs |= self.silent
            audio = torch.cat([self.silence, audio[len(self.silence) :]])
        return Tokens(
            **inputs,
            audio=audio[None].to(self.device),
            video=video[None].to(self.device),
            level=level[None].to(self.device),
            level_of=level_of[None].to(self.device),
        )

    def latents(self, video: torch.Tensor, audio: torch.Tensor, like: Latents) -> Latents:
        frames, channels, rows, columns = like.video.shape
        flat = torch.empty(frames * rows * columns, channels)
        flat[self.order] = video[0].float().cpu()
        return Latents(
            flat.view(frames, rows, columns, channels).permute(0, 3, 1, 2).contiguous(), audio[0].float().cpu()
        )


def _scaled(settings: Settings, strength: float) -> Settings:
    """Binding beyond 1 exaggerates: it scales what references add."""
    return replace(settings, reference_guidance=settings.reference_guidance + max(strength, 1.0) - 1)


def _channels_last(video: torch.Tensor) -> torch.Tensor:
    return video.permute(0, 2, 3, 1)
