"""The collage: every person's own pictures laid over a mannequin that is posed as the blocking says, in the place.

It anchors identity in every denoising step: each video token inside somebody's region carries what that person's
references show there. The mannequin is the same for everybody; pictures are projected onto it the way they were taken
(front, side and back, orthographic), and what stands out from the body (hair, hats, skirts) comes from a flat cut-out
behind it. It knows no light, no shadow, no shape of anybody's own, no expression: to make a person of a dressed
mannequin and a scene of both is the transformer's work. Strangers are bare mannequins. Around them lies the place's
`plate`, over it the lip map: where the plan wants a mouth, and how far open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from kling_core.plan.blocking import HEAD_CENTRE, HEAD_RADIUS, Blocking, SubjectTrack
from kling_core.previz.plate import Plate
from kling_core.previz.stage.look import Look
from kling_core.previz.stage.places import join, occluder, scenery
from kling_core.previz.stage.portraits import BODY_CENTRE, BODY_SPAN, DETAIL_SPAN, standing_still
from kling_core.previz.stage.puppet import Parts, puppet
from kling_core.previz.stage.renderer import Surface, View, surface, trace
from kling_core.previz.video_vae import VideoVAE, split
from kling_core.previz.wardrobe import Wardrobe
from kling_core.previz.world import COLLAGE_LAYERS, COLLAGE_SCALE, GRID, PATCH, VIDEO_CHANNELS
from kling_core.sound.envelope import REST

_PORTION = 6 * GRID.frames_per_latent  # frames
_CELLS = 2  # silhouette and lips are told to the transformer in this many cells a side of a token
_HALVES = 2  # and the silhouette this often in a latent's time
PICTURES = VIDEO_CHANNELS  # how many of the channels of a token come from pictures
CHANNELS = PICTURES + (_HALVES + GRID.frames_per_latent) * _CELLS**2
NOBODY = -1
_NOMINAL = Look(hair_style="bald")
_CORE_WIDTH, _CORE_BOTTOM, _SHOULDER_HEIGHT = 0.26, 0.48, 1.06
"""Metres: what of the flat cut-out is neither arm nor leg. The posed figure has those."""
_INWARD = 0.75
"""Arms and legs are looked up this near to their own middle: people are broader and narrower than the nominal body."""
_TEMPLE = 0.24  # metres from the middle of a head, where its front shows hair rather than face
_LIP_COLOUR, _THROAT_COLOUR = (0.24, -0.7, -0.7), (-0.6, -0.94, -0.9)
_LIMBS = ("arm", "hand", "leg", "foot")


def collage(
    blocking: Blocking,
    wardrobes: Mapping[str, Wardrobe],
    mouths: Mapping[str, np.ndarray],
    plate: Plate,
    width: int,
    height: int,
) -> torch.Tensor:
    """[F, 8, height, width], for every frame of `blocking`: three layers RGB of people, three of everything else, in
    [-1, 1] and 0 where no picture says anything, so that their sum is the whole; the mannequins' silhouette; the lip
    map.

    mouths: [F, 2] opening and spread by subject, closed where missing. What people carry and stand behind appears in
    the stage's own colours.
    """
    view = View(blocking.camera, width, height)
    canvas = torch.zeros(view.frames, COLLAGE_LAYERS, height, width)
    people, other, figure, lips = canvas.split((3, 3, 1, 1), 1)
    other.copy_(plate.seen(view)[:, :3])
    figures = [puppet(_NOMINAL, track) for track in blocking.subjects]
    things = [occluder(track, view.frames) for track in blocking.occluders]
    standing = scenery(plate.place, view.frames)
    groups = [*figures, *things, *([standing] if standing else [])]
    if not groups:
        return canvas
    parts = join(groups)
    owners = torch.cat([
        torch.full((len(group.name),), number if number < len(figures) else NOBODY)
        for number, group in enumerate(groups)
    ])
    planned = torch.arange(len(parts.name)) < sum(len(group.name) for group in figures + things)
    hits, rays = trace(parts, view)
    seen = surface(hits, rays, view)
    dressed, carried = _painted(seen, parts, owners, blocking.subjects, wardrobes)
    dressed, carried = (_on_canvas(painted, seen, view) for painted in (dressed, carried))
    for track in sorted(blocking.subjects, key=lambda track: -float(track.depth.mean())):
        if track.subject in wardrobes:
            behind = hits.depth >= _tensor(track.depth)[:, None, None]
            dressed = _over(_cut_out(track, wardrobes[track.subject], blocking, view) * behind[:, None], dressed)
    shown = (hits.part >= 0)[:, None]
    people.copy_(dressed[:, :3])
    other.copy_(torch.where(shown, carried[:, :3], other) * (1 - dressed[:, 3:]))
    figure.copy_(shown & planned[hits.part.clamp(min=0)][:, None])
    for number, track in enumerate(blocking.subjects):
        mine = ((hits.part >= 0) & (owners[hits.part.clamp(min=0)] == number))[:, None]
        mouth = _Mouth(track, mouths.get(track.subject), view)
        lips += mouth.lips * mine
        if track.subject in wardrobes:
            people.copy_(mouth.opened(people, mine))
    return canvas


def _on_canvas(painted: torch.Tensor, seen: Surface, view: View) -> torch.Tensor:
    """[F, 4, H, W] of the colours [N, 4] of a surface, nothing elsewhere."""
    canvas = torch.zeros(view.frames, view.height, view.width, 4)
    canvas.view(-1, 4)[seen.index] = painted
    return canvas.permute(0, 3, 1, 2)


def collage_portions(
    blocking: Blocking,
    wardrobes: Mapping[str, Wardrobe],
    mouths: Mapping[str, np.ndarray],
    plate: Plate,
    size: tuple[int, int],
    first_latent: int = 0,
    latents: int | None = None,
) -> Iterator[torch.Tensor]:
    """The collage of some latents of a shot, all by default, a few frames at a time. size: of the transformer's own
    picture."""
    width, height = size[0] * COLLAGE_SCALE, size[1] * COLLAGE_SCALE
    stride, frames = GRID.frames_per_latent, len(blocking.camera.eye)
    stop = frames if latents is None else min(frames, (first_latent + latents) * stride)
    for start in range(first_latent * stride, stop, _PORTION):
        part = slice(start, min(start + _PORTION, stop))
        here = {name: curve[part] for name, curve in mouths.items()}
        yield collage(blocking.slice(part), wardrobes, here, plate, width, height)


def pasted_tokens(canvas: torch.Tensor) -> torch.Tensor:
    """A collage [4 L, 8, 16 R, 16 C] by token: [L, R, C, 2048], at the transformer's own resolution."""
    return split(F.avg_pool2d(canvas, COLLAGE_SCALE))


def encode_pasted(tokens: torch.Tensor, vae: VideoVAE) -> tuple[torch.Tensor, torch.Tensor]:
    """`pasted_tokens` [..., 2048] as the transformer takes them [..., CHANNELS]: pictures as latents, silhouette and
    lips as coverage of a few cells. First with people's pictures only, then what the others add to PICTURES."""
    stride, cell = GRID.frames_per_latent, PATCH // _CELLS
    layers = tokens.unflatten(-1, (stride, COLLAGE_LAYERS, PATCH, PATCH))
    people, other = (vae.project(layers[..., at : at + 3, :, :].flatten(-4)) for at in (0, 3))
    cells = layers[..., 6:, :, :].unflatten(-1, (_CELLS, cell)).unflatten(-3, (_CELLS, cell)).mean((-3, -1))
    figure, lips = cells[..., 0, :, :], cells[..., 1, :, :]
    figure = figure.unflatten(-3, (_HALVES, stride // _HALVES)).mean(-3)
    return torch.cat([people, figure.flatten(-3), lips.flatten(-3)], -1), other


def with_pictures(pasted: torch.Tensor, other: torch.Tensor, people: torch.Tensor | float = 1.0) -> torch.Tensor:
    """Both results of `encode_pasted` together, with a share of the people's own pictures."""
    return torch.cat([pasted[..., :PICTURES] * people + other, pasted[..., PICTURES:]], -1)


def _tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).float()


def _over(top: torch.Tensor, canvas: torch.Tensor) -> torch.Tensor:
    return top + canvas * (1 - top[:, 3:])


def _painted(
    seen: Surface,
    parts: Parts,
    owners: torch.Tensor,
    tracks: Sequence[SubjectTrack],
    wardrobes: Mapping[str, Wardrobe],
) -> tuple[torch.Tensor, torch.Tensor]:
    """RGBA [N, 4] of what the pictures show at each point of the figures, and of the plain colours of things."""
    plain = torch.as_tensor(parts.colour, dtype=torch.float32)[seen.part] * 2 - 1
    things = torch.cat([plain, torch.ones(len(plain), 1)], 1)
    people = torch.zeros_like(things)
    for number, track in enumerate(tracks):
        rest = _RestPose(track.height)
        own = (owners == number).nonzero()[:, 0]
        in_rest = [rest.number.get(key, NOBODY) for key in _occurrences([parts.name[at] for at in own])]
        body = torch.full((len(parts.name),), NOBODY).scatter(0, own, torch.tensor(in_rest))[seen.part]
        mine = (body != NOBODY).nonzero()[:, 0]
        things[mine] = 0
        if track.subject in wardrobes:
            people[mine] = rest.dressed(wardrobes[track.subject], body[mine], seen.point[mine])
    return people, things


class _RestPose:
    """The mannequin as it stood when the pictures were taken, and what they show of each point of it."""

    def __init__(self, height: float):
        parts = puppet(_NOMINAL, standing_still(0.0, height))
        self.number = {key: at for at, key in enumerate(_occurrences(parts.name))}
        self.centre, self.axes = _tensor(parts.centre[0]), _tensor(parts.axes[0])
        limb = torch.tensor([name.split()[-1] in _LIMBS for name in parts.name])
        self.inward = torch.where(limb[:, None], torch.tensor([_INWARD, 1.0, _INWARD]), torch.ones(3))
        self.head = torch.tensor([name in ("head", "nose") for name in parts.name])

    def dressed(self, wardrobe: Wardrobe, part: torch.Tensor, point: torch.Tensor) -> torch.Tensor:
        """[N, 4] at points [N, 3] of the unit spheres of parts [N]."""
        axes = self.axes[part]
        at = self.centre[part] + torch.einsum("nij,nj->ni", axes, point * self.inward[part])
        normal = torch.einsum("nij,nj->ni", axes, point / axes.square().sum(1))
        return _picture(wardrobe, at, normal, self.head[part])


def _occurrences(names: Sequence[str]) -> list[tuple[str, int]]:
    """Names that are unique: the second "left leg" is another part than the first."""
    return [(name, names[:at].count(name)) for at, name in enumerate(names)]


def _picture(wardrobe: Wardrobe, at: torch.Tensor, normal: torch.Tensor, head: torch.Tensor) -> torch.Tensor:
    """[N, 4] of the pictures at points [N, 3] of the standing body, each from the picture that sees it most squarely.

    What no picture shows is guessed from the front: sides as they look from there, the back of the head like its edge.
    """
    sees_side, sees_back = wardrobe.shows("side"), wardrobe.shows("back")
    side = normal[:, 0].abs() > normal[:, 2].abs()
    front, back = ~side & (normal[:, 2] >= 0), ~side & (normal[:, 2] < 0)
    from_front = at[:, 0] if sees_back else torch.where(
        head & back, at[:, 0].sign() * at[:, 0].abs().clamp(min=_TEMPLE), at[:, 0]
    )
    across = torch.where(side & sees_side, at[:, 2], torch.where(back & sees_back, -at[:, 0], from_front))
    across, down = across / (BODY_SPAN / 4), (BODY_CENTRE - at[:, 1]) / (BODY_SPAN / 2)
    which = (side & sees_side) * 1 + (back & sees_back) * 2
    painted = torch.zeros(len(at), 4)
    for view in range(3):
        chosen = ((which == view) & ~(head & front)).nonzero()[:, 0]
        painted[chosen] = _look_up(wardrobe.body[view], across[chosen], down[chosen])
    face = (head & front).nonzero()[:, 0]
    painted[face] = _look_up(
        wardrobe.detail, at[face, 0] / (DETAIL_SPAN / 2), (HEAD_CENTRE - at[face, 1]) / (DETAIL_SPAN / 2)
    )
    return painted


def _look_up(picture: torch.Tensor, across: torch.Tensor, down: torch.Tensor) -> torch.Tensor:
    """[N, 4] of a picture [4, h, w] at coordinates in [-1, 1]."""
    grid = torch.stack([across, down], -1)[None, None]
    return F.grid_sample(picture[None].float(), grid, align_corners=False)[0, :, 0].T


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
    pictures = (wardrobe.body.float() * _core_mask(wardrobe.body.shape))[torch.from_numpy(which)]
    grid = _tensor(np.stack([across / (BODY_SPAN / 4), (BODY_CENTRE - height) / (BODY_SPAN / 2)], -1))
    return F.grid_sample(pictures, grid.clamp(-9, 9), align_corners=False)


def _core_mask(shape: torch.Size) -> torch.Tensor:
    """[3, 1, h, w]: 1 where the body pictures show neither arms nor legs."""
    _, _, rows, columns = shape
    height = BODY_CENTRE + BODY_SPAN / 2 * (1 - (torch.arange(rows) + 0.5) / rows * 2)
    across = BODY_SPAN / 4 * ((torch.arange(columns) + 0.5) / columns * 2 - 1)
    core = (height[:, None] > _SHOULDER_HEIGHT) | ((height[:, None] > _CORE_BOTTOM) & (across.abs() < _CORE_WIDTH))
    return core.float().expand(3, 1, -1, -1)


class _Mouth:
    """The planned mouth of somebody, as wide and open as it is to be; nothing from behind. Its measures are the
    stage's.

    lips: [F, 1, H, W] in [0, 1], with soft edges.
    """

    def __init__(self, track: SubjectTrack, mouth: np.ndarray | None, view: View):
        opening, spread = (mouth if mouth is not None else np.tile(REST, (view.frames, 1))).T
        metre, turned = (track.head[:, 2:] - track.head[:, :2]) / (2 * HEAD_RADIUS), np.cos(track.facing + track.gaze)
        wide = (0.05 + 0.04 * spread) * np.maximum(turned, 0.2) * metre[:, 0]
        tall = (0.016 + 0.052 * opening) * metre[:, 1]
        x = ((np.arange(view.width) + 0.5) / view.width - track.mouth[:, :1]) / wide[:, None]
        y = ((np.arange(view.height) + 0.5) / view.height - track.mouth[:, 1:]) / tall[:, None]
        self.radius = _tensor(np.sqrt(x[:, None] ** 2 + y[:, :, None] ** 2))[:, None]
        self.seen = _tensor(turned > 0.07)[:, None, None, None]
        self.parted = _tensor(np.clip(3 * opening, 0, 1))[:, None, None, None] * self.seen
        self.lips = ((1.5 - self.radius) * 2).clamp(0, 1) * self.seen

    def opened(self, picture: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
        """A picture [F, 3, H, W] whose mouth is parted as far as planned: the pictures of a person show it shut."""
        for edge, colour in ((1.0, _LIP_COLOUR), (0.74, _THROAT_COLOUR)):
            paint = ((edge - self.radius) * 6 + 0.5).clamp(0, 1) * self.parted * where
            picture = torch.lerp(picture, torch.tensor(colour).view(3, 1, 1).expand_as(picture), paint)
        return picture
