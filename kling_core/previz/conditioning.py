"""From a plan, a cast and spoken lines to what the embedded model is conditioned on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from kling_core.backbone import Keep
from kling_core.elements.element import Binding, Cast
from kling_core.plan.plan import Plan
from kling_core.previz import text
from kling_core.previz.audio_codec import AudioCodec
from kling_core.previz.collage import collage_portions, pasted_tokens
from kling_core.previz.geometry import shot_geometry
from kling_core.previz.packing import Packed, ShotPart, pack
from kling_core.previz.plate import plate_of
from kling_core.previz.stage.look import Look
from kling_core.previz.stage.portraits import portraits
from kling_core.previz.stand_in import look_of
from kling_core.previz.wardrobe import REFERENCE_CHANNELS, TOKENS_PER_PERSON, Wardrobe
from kling_core.previz.world import COLLAGE_SCALE
from kling_core.sound.envelope import REST, mouth_shape
from kling_core.sound.speech import SpokenLine


@dataclass(frozen=True)
class Conditioning:
    """A scene, ready for sampling.

    packed: the stream; `silent` gives the same as if nobody spoke, for audio guidance. references: [P, 40, 768]
    and known: [P, 40] of the bound people. speech: [frames, 64] clean tokens of the speech track; silence: the same
    without any speech. strength: the strongest binding of the cast, which scales reference guidance. ends: the pictures
    that the film is to begin and to end with. notes: as of any `backbone.Conditioning`.
    """

    plan: Plan
    packed: Packed
    references: torch.Tensor
    known: torch.Tensor
    speech: torch.Tensor
    silence: torch.Tensor
    strength: float
    silent: Callable[[], Packed]
    ends: Keep | None = None
    notes: tuple[str, ...] = ()


def make_conditioning(plan: Plan, cast: Cast, speech: tuple[SpokenLine, ...], codec: AudioCodec) -> Conditioning:
    """Pack `plan` with the references of everybody who is bound and seen."""
    wardrobes = wardrobes_of(plan, cast)
    mouths = mouth_curves(plan, speech)
    speakers, scene = _speakers(plan, speech), text.scene_words(plan.shots[0])

    def packed(mouths: dict[str, np.ndarray]) -> Packed:
        parts = [_part(plan, number, wardrobes, mouths, speakers) for number in range(len(plan.shots))]
        return pack(parts, tuple(wardrobes), scene)

    nobody = torch.zeros(0, TOKENS_PER_PERSON, REFERENCE_CHANNELS)
    return Conditioning(
        plan,
        packed(mouths),
        torch.cat([nobody, *(each.tokens[None] for each in wardrobes.values())]),
        torch.cat([nobody[..., 0], *(each.known[None] for each in wardrobes.values())]),
        codec.encode(_speech_track(plan, speech), plan.frames),
        codec.encode(torch.zeros(2, 1), plan.frames),
        max((binding.strength for binding in cast.bindings if binding.element.name in wardrobes), default=1.0),
        lambda: packed({}),
    )


def mouth_curves(plan: Plan, speech: tuple[SpokenLine, ...]) -> dict[str, np.ndarray]:
    """Opening and spread [frames of the film, 2] of the mouth of everybody who speaks, as `sound.envelope` has them."""
    fps = plan.grid.fps
    curves: dict[str, np.ndarray] = {}
    for line in speech:
        first = int(line.start * fps)
        lead = round((line.start - first / fps) * line.sample_rate)
        samples = np.pad(line.samples, (lead, 0))
        frames = min(plan.frames - first, int(np.ceil(len(samples) / line.sample_rate * fps)))
        if frames <= 0:
            continue
        curve = curves.setdefault(line.speaker, np.tile(REST, (plan.frames, 1)))
        shape, there = mouth_shape(samples, line.sample_rate, fps, frames), curve[first : first + frames]
        np.copyto(there, shape, where=shape[:, :1] > there[:, :1])
    return curves


def wardrobes_of(plan: Plan, cast: Cast) -> dict[str, Wardrobe]:
    """The pictures of everybody who is bound and seen, in cast order."""
    seen = {name for shot in plan.shots for name in shot.subjects}
    return {
        binding.element.name: _wardrobe(binding)
        for binding in cast.bindings
        if binding.strength > 0 and binding.element.name in seen and binding.element.kind == "character"
    }


def looks_of(cast: Cast) -> dict[str, Look]:
    """How the stage draws everybody: their own looks, or those of a stand-in matched to their pictures."""
    elements = (binding.element for binding in cast.bindings)
    return {element.name: look_of(element) for element in elements if element.kind == "character"}


def _wardrobe(binding: Binding) -> Wardrobe:
    """Pictures that our stage drew are references as they are; of photographs the model knows the stand-in."""
    element = binding.element
    if element.origin == "stage":
        wardrobe = Wardrobe.from_views(element.views)
    else:
        wardrobe = Wardrobe.from_views(portraits(look_of(element), 256))
    return wardrobe.faded(min(binding.strength, 1.0))


def _part(
    plan: Plan, number: int, wardrobes: dict[str, Wardrobe], mouths: dict[str, np.ndarray], speakers: list
) -> ShotPart:
    shot, blocking = plan.shots[number], plan.blocking[number]
    latents = np.arange(len(plan.shot_latents(shot)))
    rows, columns = plan.grid.tokens_per_latent(plan.aspect)
    here = {name: curve[shot.start : shot.stop] for name, curve in mouths.items()}
    plate = plate_of(shot.place, shot.time_of_day)
    return ShotPart(
        shot,
        latents,
        shot.start / plan.grid.fps,
        shot_geometry(shot.place, blocking, here, latents, rows, columns),
        torch.cat([
            pasted_tokens(part, COLLAGE_SCALE)
            for part in collage_portions(blocking, wardrobes, here, plate, plan.size, COLLAGE_SCALE)
        ]),
        tuple(speakers[shot.start : shot.stop]),
    )


def _speakers(plan: Plan, speech: tuple[SpokenLine, ...]) -> list[str | None]:
    """Who speaks in each frame of the film."""
    speakers: list[str | None] = [None] * plan.frames
    for line in speech:
        for frame in range(int(line.start * plan.grid.fps), min(plan.frames, int(np.ceil(line.stop * plan.grid.fps)))):
            speakers[frame] = line.speaker
    return speakers


def _speech_track(plan: Plan, speech: tuple[SpokenLine, ...]) -> torch.Tensor:
    """[2, samples] at the grid's rate: every line where it is spoken, the same left and right."""
    rate = plan.grid.audio_rate
    track = np.zeros(round(plan.seconds * rate), np.float32)
    for line in speech:
        if line.sample_rate != rate:
            raise ValueError(f"speech must be at {rate} Hz, this line is at {line.sample_rate} Hz")
        start = round(line.start * rate)
        samples = line.samples[: max(0, len(track) - start)]
        track[start : start + len(samples)] += samples
    return torch.from_numpy(np.stack([track, track]))
