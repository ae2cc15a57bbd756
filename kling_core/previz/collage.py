"""The collage: every person's own pictures laid over a mannequin that is posed as the blocking says, in the place.

It anchors identity in every denoising step: each video token inside somebody's region carries what that person's
references show there. The mannequin is the same for everybody; pictures are projected onto it the way they were taken
(front, side and back, orthographic), the face as its rig bends it, and what stands out from the body (hair, hats,
skirts) comes from a flat cut-out behind it. It knows no light on people and no shape of anybody's own: to make a person
of a dressed mannequin and a scene of both is the transformer's work. Strangers are bare mannequins. Around them lies
the place's `plate` with the shadows they cast on it, over it the lip map: where the plan wants a mouth, and how far
open. Which way the surfaces look and where the ground lies from everybody's feet is told, too, as light falls by the
one and shadows by the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from kling_core.plan.blocking import HEAD_CENTRE, HEAD_RADIUS, Blocking, SubjectTrack
from kling_core.previz import footing
from kling_core.previz.dressing import NOMINAL, painted
from kling_core.previz.face_rig import FaceRig
from kling_core.previz.geometry import NOBODY
from kling_core.previz.plate import Plate
from kling_core.previz.stage.parts import Parts
from kling_core.previz.stage.places import join, occluder, scenery
from kling_core.previz.stage.portraits import BODY_CENTRE, BODY_SPAN
from kling_core.previz.stage.puppet import puppet
from kling_core.previz.stage.renderer import Surface, View, surface, trace
from kling_core.previz.video_vae import VideoVAE, split
from kling_core.previz.wardrobe import Wardrobe
from kling_core.previz.world import COLLAGE_LAYERS, GRID, PATCH, VIDEO_CHANNELS

_PORTION = 32  # latents at the transformer's own size, over the scale squared: what is drawn at once
_CELLS = 2  # all but pictures is told to the transformer in this many cells a side of a token
_HALVES = 2  # and all but lips this often in a latent's time
PICTURES = VIDEO_CHANNELS  # how many of the channels of a token come from pictures
CHANNELS = PICTURES + (_HALVES + GRID.frames_per_latent + (3 + footing.LAYERS) * _HALVES) * _CELLS**2
_CORE_WIDTH, _CORE_BOTTOM, _SHOULDER_HEIGHT = 0.26, 0.48, 1.06
"""Metres: what of the flat cut-out is neither arm nor leg. The posed figure has those."""


def collage(
    blocking: Blocking,
    wardrobes: Mapping[str, Wardrobe],
    mouths: Mapping[str, np.ndarray],
    plate: Plate,
    width: int,
    height: int,
) -> torch.Tensor:
    """[F, 14, height, width], for every frame of `blocking`: three layers RGB of people, three of everything else, in
    [-1, 1] and 0 where no picture says anything, so that their sum is the whole; the mannequins' silhouette; the lip
    map; the normals of whatever stands there, in world space; the `footing`.

    mouths: [F, 2] opening and spread by subject, closed where missing. What people carry and stand behind appears in
    the stage's own colours.
    """
    view = View(blocking.camera, width, height)
    canvas = torch.zeros(view.frames, COLLAGE_LAYERS, height, width)
    people, other, figure, lips, normals, ground = canvas.split((3, 3, 1, 1, 3, footing.LAYERS), 1)
    place, known = plate.seen(view).split((3, 1), 1)
    bright = footing.shadows(view, blocking, plate)
    other.copy_(place * bright + known * (bright - 1))
    ground.copy_(footing.footing(view, [track.position for track in (*blocking.subjects, *blocking.occluders)]))
    standing = _Standing.of(blocking, plate.place, view.frames)
    if standing is None:
        return canvas
    hits, rays = trace(standing.parts, view)
    hits.part[hits.depth > view.ground_depth()] = NOBODY
    seen = surface(hits, rays, view)
    rigs = [FaceRig(track, mouths.get(track.subject)) for track in blocking.subjects]
    colours = painted(seen, standing.parts, standing.owners, rigs, blocking.subjects, wardrobes)
    dressed, carried, facing = (_on_canvas(values, seen, view) for values in (*colours, seen.normal))
    for track in sorted(blocking.subjects, key=lambda track: -float(track.depth.mean())):
        if track.subject in wardrobes:
            behind = hits.depth >= _tensor(track.depth)[:, None, None]
            dressed = _over(_cut_out(track, wardrobes[track.subject], blocking, view) * behind[:, None], dressed)
    shown = (hits.part >= 0)[:, None]
    people.copy_(dressed[:, :3])
    other.copy_(torch.where(shown, carried[:, :3], other) * (1 - dressed[:, 3:]))
    figure.copy_(shown & standing.planned[hits.part.clamp(min=0)][:, None])
    normals.copy_(facing)
    for number, (track, rig) in enumerate(zip(blocking.subjects, rigs)):
        mine = shown & (standing.owners[hits.part.clamp(min=0)] == number)[:, None]
        lips += _lip_map(track, rig.mouth.numpy(), view) * mine
    return canvas


@dataclass(frozen=True)
class _Standing:
    """Everything that stands in a shot. owners: [P] whose each part is, the number of a subject or NOBODY; planned: [P]
    whether the blocking put it there, or it belongs to the place."""

    parts: Parts
    owners: torch.Tensor
    planned: torch.Tensor

    @classmethod
    def of(cls, blocking: Blocking, place: str, frames: int) -> _Standing | None:
        figures = [puppet(NOMINAL, track) for track in blocking.subjects]
        things = [occluder(track, frames) for track in blocking.occluders]
        about = scenery(place, frames)
        groups = [*figures, *things, *([about] if about else [])]
        if not groups:
            return None
        numbers = [*range(len(figures)), *[NOBODY] * (len(groups) - len(figures))]
        owners = [torch.full((len(group.name),), number) for group, number in zip(groups, numbers)]
        parts = join(groups)
        planned = torch.arange(len(parts.name)) < sum(len(group.name) for group in figures + things)
        return cls(parts, torch.cat(owners), planned)


def _on_canvas(values: torch.Tensor, seen: Surface, view: View) -> torch.Tensor:
    """[F, C, H, W] of the values [N, C] of a surface, nothing elsewhere."""
    canvas = torch.zeros(view.frames, view.height, view.width, values.shape[1])
    canvas.view(-1, values.shape[1])[seen.index] = values
    return canvas.permute(0, 3, 1, 2)


def collage_portions(
    blocking: Blocking,
    wardrobes: Mapping[str, Wardrobe],
    mouths: Mapping[str, np.ndarray],
    plate: Plate,
    size: tuple[int, int],
    scale: int,
    first_latent: int = 0,
    latents: int | None = None,
) -> Iterator[torch.Tensor]:
    """The collage of some latents of a shot, all by default, a few frames at a time, `scale` times as large as `size`,
    the transformer's own picture."""
    width, height = size[0] * scale, size[1] * scale
    stride, frames = GRID.frames_per_latent, len(blocking.camera.eye)
    portion = max(1, _PORTION // scale**2) * stride
    stop = frames if latents is None else min(frames, (first_latent + latents) * stride)
    for start in range(first_latent * stride, stop, portion):
        part = slice(start, min(start + portion, stop))
        here = {name: curve[part] for name, curve in mouths.items()}
        yield collage(blocking.slice(part), wardrobes, here, plate, width, height)


def pasted_tokens(canvas: torch.Tensor, scale: int) -> torch.Tensor:
    """A collage [4 L, 14, scale 8 R, scale 8 C] by token: [L, R, C, 3584], at the transformer's own resolution."""
    return split(F.avg_pool2d(canvas, scale))


def encode_pasted(tokens: torch.Tensor, vae: VideoVAE) -> tuple[torch.Tensor, torch.Tensor]:
    """`pasted_tokens` [..., 3584] as the transformer takes them [..., CHANNELS]: pictures as latents, everything else
    as means of a few cells. First with people's pictures only, then what the others add to PICTURES."""
    stride, cell = GRID.frames_per_latent, PATCH // _CELLS
    layers = tokens.unflatten(-1, (stride, COLLAGE_LAYERS, PATCH, PATCH))
    people, other = (vae.project(layers[..., at : at + 3, :, :].flatten(-4)) for at in (0, 3))
    cells = layers[..., 6:, :, :].unflatten(-1, (_CELLS, cell)).unflatten(-3, (_CELLS, cell)).mean((-3, -1))
    halves = cells.unflatten(-4, (_HALVES, stride // _HALVES)).mean(-4)
    figure, lips, light = halves[..., 0, :, :], cells[..., 1, :, :], halves[..., 2:, :, :]
    return torch.cat([people, figure.flatten(-3), lips.flatten(-3), light.flatten(-4)], -1), other


def with_pictures(pasted: torch.Tensor, other: torch.Tensor, people: torch.Tensor | float = 1.0) -> torch.Tensor:
    """Both results of `encode_pasted` together, with a share of the people's own pictures."""
    return torch.cat([pasted[..., :PICTURES] * people + other, pasted[..., PICTURES:]], -1)


def _tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).float()


def _over(top: torch.Tensor, canvas: torch.Tensor) -> torch.Tensor:
    return top + canvas * (1 - top[:, 3:])


def _cut_out(track: SubjectTrack, wardrobe: Wardrobe, blocking: Blocking, view: View) -> torch.Tensor:
    """[F, 4, H, W]: the flat picture of a person without arms and legs, upright where the person is."""
    facing = track.facing
    which = np.where(np.abs(facing) < np.pi / 4, 0, np.where(np.abs(facing) > 3 * np.pi / 4, 2, 1))
    mirrored = np.where((which == 1) & (facing < 0), -1.0, 1.0)
    head = (track.head[:, :2] + track.head[:, 2:]) / 2
    metre = (track.head[:, 2:] - track.head[:, :2]) / (2 * HEAD_RADIUS * track.height)  # screen units a metre, x and y
    x = (np.arange(view.width)[None] + 0.5) / view.width - head[:, :1]
    y = (np.arange(view.height)[None] + 0.5) / view.height - head[:, 1:]
    lean = np.arctan2(blocking.camera.right[:, 1], blocking.camera.up[:, 1])[:, None, None]
    x, y = (x / metre[:, :1])[:, None, :], (y / metre[:, 1:])[:, :, None]
    across = (np.cos(lean) * x - np.sin(lean) * y) * mirrored[:, None, None]
    height = HEAD_CENTRE * track.height - (np.sin(lean) * x + np.cos(lean) * y)
    core = wardrobe.outline * _core_mask(wardrobe.body.shape)
    pictures = (wardrobe.body.float() * core)[torch.from_numpy(which)]
    grid = _tensor(np.stack([across / (BODY_SPAN / 4), (BODY_CENTRE - height) / (BODY_SPAN / 2)], -1))
    return F.grid_sample(pictures, grid.clamp(-9, 9), align_corners=False)


def _core_mask(shape: torch.Size) -> torch.Tensor:
    """[3, 1, h, w]: 1 where the body pictures show neither arms nor legs."""
    _, _, rows, columns = shape
    height = BODY_CENTRE + BODY_SPAN / 2 * (1 - (torch.arange(rows) + 0.5) / rows * 2)
    across = BODY_SPAN / 4 * ((torch.arange(columns) + 0.5) / columns * 2 - 1)
    core = (height[:, None] > _SHOULDER_HEIGHT) | ((height[:, None] > _CORE_BOTTOM) & (across.abs() < _CORE_WIDTH))
    return core.float().expand(3, 1, -1, -1)


def _lip_map(track: SubjectTrack, mouth: np.ndarray, view: View) -> torch.Tensor:
    """[F, 1, H, W] in [0, 1], with soft edges: where somebody's mouth is and how far it opens; nothing from behind.

    mouth: opening and spread [F, 2].
    """
    opening, spread = mouth.T
    metre, turned = (track.head[:, 2:] - track.head[:, :2]) / (2 * HEAD_RADIUS), np.cos(track.facing + track.gaze)
    wide = (0.05 + 0.04 * spread) * np.maximum(turned, 0.2) * metre[:, 0]
    tall = (0.016 + 0.052 * opening) * metre[:, 1]
    x = ((np.arange(view.width) + 0.5) / view.width - track.mouth[:, :1]) / wide[:, None]
    y = ((np.arange(view.height) + 0.5) / view.height - track.mouth[:, 1:]) / tall[:, None]
    radius = _tensor(np.sqrt(x[:, None] ** 2 + y[:, :, None] ** 2))[:, None]
    return ((1.5 - radius) * 2).clamp(0, 1) * _tensor(turned > 0.07)[:, None, None, None]
