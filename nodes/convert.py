"""ComfyUI's IMAGE, AUDIO and LATENT to the core's arrays, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kling_core.backbone import Latents
from kling_core.errors import KlingError, Problem

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL.Image import Image

    from kling_core.elements.element import Clip
    from kling_core.plan.plan import Plan
    from kling_core.render import Scene
    from kling_core.retakes import Retake

SCENE = "kling_scene"
MEGABYTE = 2**20
SHEET_COLUMNS, SHEET_PICTURES = 3, 6


def picture(image: torch.Tensor) -> np.ndarray:
    """The first picture of an IMAGE, [B, H, W, C] float in [0, 1], as uint8 [H, W, 3]."""
    return (image[0, ..., :3].float().clamp(0, 1) * 255).round().byte().cpu().numpy()


def pictures(image: torch.Tensor) -> np.ndarray:
    """All pictures of an IMAGE, [B, H, W, C] float in [0, 1], as uint8 [B, H, W, 3]."""
    import numpy as np

    return np.stack([picture(one[None]) for one in image])


def image(pictures: np.ndarray) -> torch.Tensor:
    """uint8 [T, H, W, 3] as an IMAGE."""
    import torch

    return torch.from_numpy(pictures).float() / 255


def film(chunks: Iterable[np.ndarray], frames: int, progress: Callable[[int, int], None]) -> torch.Tensor:
    """Streamed uint8 [T, H, W, 3] chunks, `frames` in all, as one IMAGE that is allocated once."""
    import torch

    whole, done = None, 0
    for chunk in chunks:
        if whole is None:
            whole = torch.empty((frames, *chunk.shape[1:]))
        whole[done : done + len(chunk)] = image(chunk)
        done += len(chunk)
        progress(done, frames)
    return whole


def recording(audio: dict[str, Any]) -> tuple[np.ndarray, int]:
    """The first of an AUDIO's batch as (float32 [C, N], sample rate)."""
    return audio["waveform"][0].float().cpu().numpy(), int(audio["sample_rate"])


def clip(video: Any) -> Clip:
    """A VIDEO as a Clip, its sound included. KlingError, before its pictures are read, if it is too long for one."""
    from kling_core.elements.clip_checks import length_mistakes
    from kling_core.elements.element import Clip

    if mistakes := length_mistakes(video.get_duration(), "clip"):
        raise KlingError(*mistakes)
    film = video.get_components()
    sound, rate = (None, None) if film.audio is None else recording(film.audio)
    return Clip(pictures(film.images), float(film.frame_rate), sound, rate)


def audio(samples: np.ndarray, sample_rate: int) -> dict[str, Any]:
    """float32 [C, N] as an AUDIO."""
    import torch

    return {"waveform": torch.from_numpy(samples)[None], "sample_rate": sample_rate}


def latent(scene: Scene) -> dict[str, Any]:
    """A scene's latents as a LATENT: nested (video [1, C, T, H, W], audio with its time where the model has it), as
    core's AV models have it; video alone where there is no sound.

    The scene itself travels in it, through stock latent nodes too, to whoever decodes it.
    """
    from comfy.nested_tensor import NestedTensor

    video, *audio = _parts(scene)
    return {"samples": NestedTensor((video, *audio)) if audio else video, SCENE: scene}


def latents(latent: dict[str, Any]) -> tuple[Latents, Scene]:
    """What a LATENT holds now, and its scene. KlingError if it is no VideoSampler's, or not of the scene's size."""
    scene, samples = latent.get(SCENE), latent["samples"]
    if scene is None:
        raise _refused("it does not come from a VideoSampler", "Connect the LATENT of a VideoSampler")
    wanted = _parts(scene)
    parts = samples.unbind() if getattr(samples, "is_nested", False) else [samples]
    if len(parts) != len(wanted):
        raise _refused("it holds only picture or only sound", "Put both together again with Concat AV Latent")
    if any(len(part) > 1 for part in parts):
        raise _refused("it holds several takes, not one", "Connect it without nodes that repeat or batch it")
    if [part.shape for part in parts] != [part.shape for part in wanted]:
        raise _refused("its size was changed after sampling", "Connect it without nodes that crop, scale or repeat it")
    audio = parts[1][0].movedim(scene.backbone.audio_axis, 0) if parts[1:] else scene.latents.audio
    return Latents(parts[0][0].transpose(0, 1), audio), scene


def retake(latent: dict[str, Any] | None, shots: str, count: int) -> Retake | None:
    """The shots to make anew of a take, a VideoSampler's LATENT, for a scene of `count` shots; None without both.

    KlingError for one without the other, and for shots that are not there.
    """
    if latent is None and not shots.strip():
        return None
    if latent is None:
        raise KlingError(Problem("retake", "there is no take to make shots of anew", "Connect a VideoSampler's LATENT"))
    if not shots.strip():
        raise KlingError(Problem("take", "nobody says which of its shots to make anew", "Write them in retake: 3, 5"))
    from kling_core.render import soundtrack
    from kling_core.retakes import retake_of
    from kling_core.take import Take

    held, scene = latents(latent)
    asked = retake_of(Take.of(scene), shots, count)
    sound = soundtrack(scene.backbone, scene.plan, scene.speech, held, scene.retake)
    return replace(asked, take=replace(asked.take, latents=held, sound=sound))


def _parts(scene: Scene) -> list[torch.Tensor]:
    video, audio = scene.latents.video, scene.latents.audio
    return [video.transpose(0, 1)[None], *([audio.movedim(0, scene.backbone.audio_axis)[None]] if len(audio) else [])]


def require_plan(scene: Scene, plan: Plan) -> None:
    """KlingError unless `plan` is the scene's: its lines would be put where nobody's mouth moves."""
    if (plan.shots, plan.lines) != (scene.plan.shots, scene.plan.lines):
        raise _refused("it was made from another plan", "Connect LATENT and PLAN of the same VideoSampler")


def _refused(what: str, remedy: str) -> KlingError:
    return KlingError(Problem("latent", what, remedy))


def sound_report(scene: Scene) -> str:
    """The plan, and below it what spoke each line and what there is to know about it."""
    from kling_core.plan.report import plan_text

    voices = [f"  line {line.index + 1}, @{line.speaker}: {line.voice}" for line in scene.speech]
    notes = [f"  {note}" for note in dict.fromkeys(line.note for line in scene.speech) if note]
    heard = ["Voices:", *(voices or ["  nobody speaks"]), *notes]
    return "\n\n".join([plan_text(scene.plan), "\n".join(heard)])


def script(shots: list[str]) -> str:
    """One text a shot, with or without "(3s, wide)" in front, as a script."""
    texts = [shot.strip() for shot in shots]
    return "\n".join(f"Shot {n}{' ' if text.startswith('(') else ': '}{text}" for n, text in enumerate(texts, 1))


def contact_sheet(pictures: torch.Tensor) -> Image:
    """Up to six of `pictures`, [F, H, W, 3] float in [0, 1], evenly spread over them, in rows of three."""
    import numpy as np
    from PIL.Image import fromarray

    chosen = np.linspace(0, len(pictures) - 1, min(len(pictures), SHEET_PICTURES)).round().astype(int)
    columns = min(len(chosen), SHEET_COLUMNS)
    rows = -(-len(chosen) // columns)
    height, width = pictures.shape[1:3]
    sheet = np.zeros((rows * columns, height, width, 3), np.uint8)
    sheet[: len(chosen)] = (pictures[chosen].float().clamp(0, 1) * 255).round().cpu().numpy()
    sheet = sheet.reshape(rows, columns, height, width, 3).swapaxes(1, 2)
    return fromarray(sheet.reshape(rows * height, columns * width, 3))
