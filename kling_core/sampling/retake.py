"""What stays and what is made anew: retakes, first and last frame, given sound, a guide. All of it is a Keep.

Latents of a scene: video [T, C, H, W], a row a latent; audio [tokens, …], track after track. The embedded model has two
tracks, speech and then ambience; models that make all sound themselves have one. `audio_frames` and `audio_tracks` are
the only places that know this order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from kling_core.backbone import Keep, Latents
from kling_core.errors import KlingError, Problem, ProblemList

if TYPE_CHECKING:
    from kling_core.plan.plan import Plan

SPEECH, AMBIENCE = 0, 1


def audio_frames(plan: Plan) -> torch.Tensor:
    """[tokens] the video frame that each audio token belongs to."""
    tokens = plan.grid.audio_tokens(plan.frames)
    return ((torch.arange(tokens) + 0.5) * plan.frames / tokens).long().repeat(plan.grid.sound_tracks)


def audio_tracks(plan: Plan) -> torch.Tensor:
    """[tokens] the track of each audio token; of two, SPEECH or AMBIENCE."""
    return torch.arange(plan.grid.sound_tracks).repeat_interleave(plan.grid.audio_tokens(plan.frames))


def latent_shots(plan: Plan) -> torch.Tensor:
    """[T] the 0-based shot that each video latent belongs to."""
    lengths = torch.tensor([len(plan.shot_latents(shot)) for shot in plan.shots])
    return torch.arange(len(plan.shots)).repeat_interleave(lengths)


def audio_shots(plan: Plan) -> torch.Tensor:
    """[tokens] the 0-based shot that each audio token belongs to."""
    lengths = torch.tensor([shot.frames for shot in plan.shots])
    return torch.arange(len(plan.shots)).repeat_interleave(lengths)[audio_frames(plan)]


def keep_all_but(plan: Plan, latents: Latents, shots: Iterable[int]) -> Keep:
    """Keep an earlier take but for the 0-based `shots`, whose picture and ambience are made anew.

    Where speech has a track of its own it is given, not made, so it stays; `merged` with `given_sound` replaces it.
    Raises KlingError when there is no such shot or the take is of another length than the plan.
    """
    shots = sorted(set(shots))
    _check_retake(plan, latents, shots)
    again = torch.tensor(shots, dtype=torch.long)
    video = ~torch.isin(latent_shots(plan), again)
    made = audio_tracks(plan) == plan.grid.sound_tracks - 1
    audio = ~(torch.isin(audio_shots(plan), again) & made)
    rows, columns = latents.video.shape[2:]
    return Keep(latents, video.float()[:, None, None].repeat(1, rows, columns), audio.float())


def _check_retake(plan: Plan, latents: Latents, shots: list[int]) -> None:
    problems = ProblemList()
    count = len(plan.shots)
    for shot in shots:
        if not 0 <= shot < count:
            problems.add("retake", f"there is no shot {shot + 1}", f"The scene has shots 1 to {count}.")
    for name, expected in (("video", len(latent_shots(plan))), ("audio", len(audio_frames(plan)))):
        found = len(getattr(latents, name))
        if found != expected:
            what = f"the take has {found} {name} latents, the plan {expected}"
            problems.add("retake", what, "Shot lengths must stay as they were; sample the whole scene anew otherwise.")
    problems.raise_if_any()


def first_last_frame(
    like: Latents, first: torch.Tensor | None = None, last: torch.Tensor | None = None, strength: float = 1.0
) -> Keep:
    """Keep given pictures as the scene's first and last latent. first, last: [C, H, W].

    like: latents of the scene's shapes, whose values do not matter. strength below 1 lets the pictures change.
    """
    keep = _nothing(like)
    for index, picture in ((0, first), (-1, last)):
        if picture is not None:
            keep.latents.video[index] = picture
            keep.video[index] = strength
    return keep


def given_sound(like: Latents, sound: torch.Tensor, track: int = SPEECH) -> Keep:
    """Keep given sound as a whole track. sound: [frames x tokens a frame, C], for the length of the scene.

    like: latents of the scene's shapes, whose values do not matter.
    """
    keep = _nothing(like)
    rows = slice(track * len(sound), (track + 1) * len(sound))
    keep.latents.audio[rows] = sound
    keep.audio[rows] = 1
    return keep


def guided_by(like: Latents, video: torch.Tensor, strength: float) -> Keep:
    """Follow the pictures of a guide: SDEdit (Meng et al. 2022, section 3), in every token of the video.

    video: [T, C, H, W], the guide as clean latents (`Backbone.encode_video`). strength: in [0, 1]. Sampling starts from
    (1 - sigma) video + sigma noise at sigma = 1 - strength, and all of its steps are spent between there and 0. So
    strength 0 is pure generation to the bit, 1 the guide itself. Ambience is made anew at any strength. Where `merged`
    with what stays for good, that stays.

    like: latents of the scene's shapes, whose values do not matter.
    """
    require_strength(strength)
    nothing = _nothing(like)
    return replace(nothing, latents=Latents(video, nothing.latents.audio), video=nothing.video + strength)


def require_strength(strength: float) -> None:
    """Raises KlingError for a strength that no guide can have."""
    if not 0 <= strength <= 1:
        what = f"a strength of {strength:g} is not between 0 and 1"
        raise KlingError(Problem("structure", what, "Choose one there."))


def _nothing(like: Latents) -> Keep:
    video, audio = torch.zeros_like(like.video), torch.zeros_like(like.audio)
    return Keep(Latents(video, audio), torch.zeros_like(video[:, 0]), audio.new_zeros(len(audio)))


def merged(*keeps: Keep) -> Keep:
    """All of them at once. Where several keep a token, the one that keeps it most has its value, the last of equals."""
    result = keeps[0]
    for other in keeps[1:]:
        video, audio = other.video >= result.video, other.audio >= result.audio
        latents = Latents(
            torch.where(video[:, None], other.latents.video, result.latents.video),
            torch.where(audio.reshape(-1, *[1] * (other.latents.audio.dim() - 1)), other.latents.audio,
                        result.latents.audio),
        )
        result = Keep(latents, torch.maximum(other.video, result.video), torch.maximum(other.audio, result.audio))
    return result
