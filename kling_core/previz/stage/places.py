"""The places of the stage: what the camera sees behind the people, and what stands there. One file each in `sets`."""

from __future__ import annotations

import numpy as np
import torch

from kling_core.plan.blocking import TRUNK_RADIUS, OccluderTrack
from kling_core.previz.stage.light import Light
from kling_core.previz.stage.puppet import PLAIN, Parts
from kling_core.previz.stage.renderer import FAR
from kling_core.previz.stage.sets.beach import BEACH
from kling_core.previz.stage.sets.classroom import CLASSROOM
from kling_core.previz.stage.sets.park import PARK
from kling_core.previz.stage.sets.pigment import Set, Shape, WallPoints, tree
from kling_core.previz.stage.sets.road import ROAD
from kling_core.previz.stage.sets.room import ROOM
from kling_core.previz.stage.sets.shop import SHOP
from kling_core.previz.stage.sets.street import NIGHT_STREET, STREET
from kling_core.previz.stage.sets.studio import STUDIO
from kling_core.previz.stage.sets.theatre import THEATRE

STONE = (0.62, 0.6, 0.58)
# Open ground is drawn up to here, metres; beyond, the sky's own picture of the land takes over.
_OPEN = 40.0
_SETS = {
    "park": PARK,
    "beach": BEACH,
    "street": STREET,
    "room": ROOM,
    "night street": NIGHT_STREET,
    "studio": STUDIO,
    "shop": SHOP,
    "classroom": CLASSROOM,
    "road": ROAD,
    "stage": THEATRE,
}


def wall_distance(place: str) -> float | None:
    """Half width of the square of walls around a place, metres; None where it is open to the horizon."""
    return _SETS[place].walls


def background(
    place: str, light: Light, eye: torch.Tensor, direction: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Colours [F, H, W, 3] seen along rays from eye [F, 3], and the depth [F, H, W] of the ground (FAR where none).

    direction: [F, H, W, 3], of any length; depths are in units of it. Frame by frame, because one frame's tensors fit a
    core's cache, and only once while the camera rests.
    """
    here, frames = _SETS[place], []
    for at, rays in enumerate(direction):
        if at and torch.equal(eye[at], eye[at - 1]) and torch.equal(rays, direction[at - 1]):
            frames.append(frames[-1])
        else:
            frames.append(_frame(here, light, eye[at], rays.reshape(-1, 3)))
    colours, depths = zip(*frames)
    return torch.stack(colours).view(direction.shape), torch.stack(depths).view(direction.shape[:-1])


def backdrop_depth(place: str, eye: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
    """How far away the ground or a wall is along each ray, [F, H, W], FAR where there is sky only. As `background`."""
    here, frames = _SETS[place], []
    for at, rays in enumerate(direction):
        ends = _Ends(here, eye[at], rays.reshape(-1, 3))
        behind = torch.full_like(ends.down, FAR) if here.walls is None else ends.reach
        frames.append(torch.where(ends.on_ground, ends.down, behind))
    return torch.stack(frames).view(direction.shape[:-1])


class _Ends:
    """Where rays [N, 3] from one eye [3] end: down and reach are where they meet the ground and the walls, or the end
    of open ground, in ray lengths [N]; on_side tells a wall at the side from one at the end."""

    def __init__(self, here: Set, eye: torch.Tensor, ray: torch.Tensor):
        self.x, self.y, self.z = x, y, z = ray.t().contiguous()
        self.length = (x * x + y * y + z * z).sqrt()
        self.down = -eye[1] / y.clamp(max=-1e-4)
        if here.walls is None:
            self.reach, self.on_side = _OPEN / self.length, None
        else:
            side, end = (_reach(eye[axis], along, here.walls) for axis, along in ((0, x), (2, z)))
            self.reach, self.on_side = torch.minimum(side, end), side < end
        self.on_ground = (y < -1e-3 * self.length) & (self.down < self.reach)


def _frame(here: Set, light: Light, eye: torch.Tensor, ray: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """One frame: eye [3], ray [N, 3]. Gives [N, 3] and [N]."""
    ends = _Ends(here, eye, ray)
    x, y, z, length = ends.x, ends.y, ends.z, ends.length
    near, far = ends.on_ground.nonzero()[:, 0], (~ends.on_ground).nonzero()[:, 0]
    colour = torch.empty_like(ray)
    depth = ends.down[near]
    colour.index_copy_(0, near, here.ground(eye[0] + depth * x[near], eye[2] + depth * z[near], light))
    if here.walls is None:
        unit = ray.index_select(0, far) / length[far, None]
        colour.index_copy_(0, far, here.sky(unit, light))
    else:
        depth, on_side = ends.reach[far], ends.on_side[far]
        at_x, height, at_z = (eye[axis] + depth * along[far] for axis, along in enumerate((x, y, z)))
        along = torch.where(on_side, at_z + 20.3, at_x)
        points = WallPoints(along, height, at_z, on_side, y[far] / length[far])
        colour.index_copy_(0, far, here.wall(points, light))
    return colour, torch.where(ends.on_ground, ends.down, FAR)


def _reach(eye: torch.Tensor, ray: torch.Tensor, half: float) -> torch.Tensor:
    """Where rays meet a pair of walls, in ray lengths [N]. A camera outside of them looks through the near one, as on a
    film set."""
    ray = torch.where(ray.abs() < 1e-6, 1e-6, ray)
    return (torch.sign(ray) * half - eye) / ray


def scenery(place: str, frames: int) -> Parts | None:
    """What always stands in a place, so that a moving camera shows parallax."""
    standing = _SETS[place].standing
    return _standing(np.zeros(3), standing, frames, "scenery") if standing else None


def occluder(track: OccluderTrack, frames: int) -> Parts:
    """The tree or pillar that somebody passes behind."""
    if track.kind == "pillar":
        radius = TRUNK_RADIUS["pillar"]
        return _standing(track.position, (((0, 1.5, 0), (radius, 6.0, radius), STONE),), frames, "pillar")
    return _standing(track.position, tree(0, 0, 1.0), frames, "tree")


def _standing(at: np.ndarray, shapes: tuple[Shape, ...], frames: int, name: str) -> Parts:
    centre = np.array([centre for centre, _, _ in shapes]) + at
    axes = np.array([np.diag(radii) for _, radii, _ in shapes])
    return Parts(
        np.tile(centre, (frames, 1, 1)),
        np.tile(axes, (frames, 1, 1, 1)),
        np.array([colour for _, _, colour in shapes]),
        np.full(len(shapes), PLAIN),
        (name,) * len(shapes),
    )


def join(groups: list[Parts]) -> Parts:
    return Parts(
        np.concatenate([group.centre for group in groups], 1),
        np.concatenate([group.axes for group in groups], 1),
        np.concatenate([group.colour for group in groups]),
        np.concatenate([group.material for group in groups]),
        tuple(name for group in groups for name in group.name),
    )
