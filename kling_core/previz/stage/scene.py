"""One shot of the stage, drawn: people with looks, following a blocking, in a place, in the light of the hour."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F

from kling_core.plan.blocking import Blocking
from kling_core.plan.plan import PlannedShot
from kling_core.previz.stage import places
from kling_core.previz.stage.light import Light, light_of, shade
from kling_core.previz.stage.look import Look
from kling_core.previz.stage.paint import Face, blinks, face_colour, torso_colour
from kling_core.previz.stage.puppet import HEAD, TORSO, Parts, puppet
from kling_core.previz.stage.renderer import Surface, View, surface, trace
from kling_core.previz.stage.shadows import light_reaching
from kling_core.sound.envelope import REST

SUPERSAMPLING = 2


def draw_shot(
    shot: PlannedShot,
    blocking: Blocking,
    looks: Mapping[str, Look],
    mouths: Mapping[str, np.ndarray],
    width: int,
    height: int,
    *,
    supersampling: int = SUPERSAMPLING,
    device: torch.device | str = "cpu",
) -> torch.Tensor:
    """Draw every frame of the blocking.

    looks: by subject. mouths: opening and spread [F, 2] by subject, as `sound.envelope.mouth_shape`
    gives them, at rest where missing. Returns uint8
    [F, height, width, 3] RGB.
    """
    view = View(blocking.camera, width * supersampling, height * supersampling, device)
    light = light_of(shot.place, shot.time_of_day)
    colour, ground = places.background(shot.place, light, view.eye, view.directions())
    colour = _shadows(colour, ground, view, blocking, light)
    groups, owners = standing(shot, blocking, looks, view.frames)
    if groups:
        parts = places.join(groups)
        hits, rays = trace(parts, view)
        hits.part.masked_fill_(hits.depth >= ground, -1)
        seen = surface(hits, rays, view)
        painted = paint(seen, parts, owners, blocking, looks, mouths, view)
        painted = painted * lit(seen, light)
        colour.view(-1, 3)[seen.index] = painted
    return shrink(colour, supersampling)


def standing(
    shot: PlannedShot, blocking: Blocking, looks: Mapping[str, Look], frames: int
) -> tuple[list[Parts], np.ndarray]:
    """Everything that stands in the shot, and for each part the number of its subject, -1 for scenery."""
    people = [puppet(looks[track.subject], track) for track in blocking.subjects]
    things = [places.occluder(track, frames) for track in blocking.occluders]
    trees = places.scenery(shot.place, frames)
    groups = people + things + ([trees] if trees else [])
    owners = [number if number < len(people) else -1 for number in range(len(groups))]
    if not groups:
        return [], np.zeros(0, int)
    return groups, np.concatenate([np.full(len(group.material), owner) for group, owner in zip(groups, owners)])


def paint(
    seen: Surface,
    parts: Parts,
    owners: np.ndarray,
    blocking: Blocking,
    looks: Mapping[str, Look],
    mouths: Mapping[str, np.ndarray],
    view: View,
) -> torch.Tensor:
    colour = torch.as_tensor(parts.colour, dtype=torch.float32, device=view.device)[seen.part]
    material = torch.as_tensor(parts.material, device=view.device)[seen.part]
    owner = torch.as_tensor(owners, device=view.device)[seen.part]
    for number, track in enumerate(blocking.subjects):
        look = looks[track.subject]
        mouth = mouths.get(track.subject)
        mouth = np.tile(REST, (view.frames, 1)) if mouth is None else mouth
        mouth, blink = (
            torch.as_tensor(curve, dtype=torch.float32, device=view.device)
            for curve in (mouth, blinks(track.time, track.variation))
        )
        face = Face(look, track.performance.expression, mouth, blink)
        head = ((material == HEAD) & (owner == number)).nonzero()[:, 0]
        colour[head] = face_colour(face, seen.point[head], seen.frame[head], colour[head])
        torso = ((material == TORSO) & (owner == number)).nonzero()[:, 0]
        colour[torso] = torso_colour(look, seen.point[torso], colour[torso])
    return colour


def lit(seen: Surface, light: Light) -> torch.Tensor:
    return shade(seen.normal, light)


def _shadows(
    colour: torch.Tensor, ground: torch.Tensor, view: View, blocking: Blocking, light: Light
) -> torch.Tensor:
    """Shadows of people and occluders on the ground, soft, along the light. Changes `colour` and returns it."""
    for frame, direction in enumerate(view.directions().flatten(1, 2)):
        depth = ground[frame].reshape(-1)
        index = (depth < 1e3).nonzero()[:, 0]
        x, z = (
            view.eye[frame, axis] + depth[index] * direction[:, axis].index_select(0, index) for axis in (0, 2)
        )
        reached = light_reaching(x, z, frame, blocking, light)
        pixels = colour[frame].view(-1, 3)
        pixels.index_copy_(0, index, pixels.index_select(0, index) * reached[:, None])
    return colour


def shrink(colour: torch.Tensor, supersampling: int) -> torch.Tensor:
    colour = colour.clamp(0, 1)
    if supersampling > 1:
        colour = F.avg_pool2d(colour.permute(0, 3, 1, 2), supersampling).permute(0, 2, 3, 1)
    return (colour * 255).round().to(torch.uint8)
