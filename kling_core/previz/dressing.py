"""Dressing mannequins: what somebody's pictures show of every point of a posed body.

Pictures are looked up where the point was when they were taken: standing still, seen from the front, a side and the
back. The face is bent by its rig on the way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F

from kling_core.plan.blocking import HEAD_CENTRE, SubjectTrack
from kling_core.previz.face_rig import CHEEKS, FOREHEAD, FaceRig
from kling_core.previz.geometry import NOBODY
from kling_core.previz.stage.look import Look
from kling_core.previz.stage.parts import Parts
from kling_core.previz.stage.portraits import BODY_CENTRE, BODY_SPAN, DETAIL_SPAN, standing_still
from kling_core.previz.stage.puppet import puppet
from kling_core.previz.stage.renderer import Surface
from kling_core.previz.wardrobe import Wardrobe

NOMINAL = Look(hair_style="bald")
_INWARD = 0.75
"""Arms and legs are looked up this near to their own middle: people are broader and narrower than the nominal body."""
_SQUARELY, _SEEN = 9.0, 0.01
"""How sharply one picture takes over from the next around a body, and the share below which one is not looked at."""
_TEMPLE = 0.24  # metres from the middle of a head, where its front shows hair rather than face
_LIMBS, _ARMS = ("arm", "hand", "leg", "foot"), ("arm", "hand")
_BESIDE_ARMS = 1.15
_AROUND_ARMS = 16
"""What of a side picture counts as arm, in radii of the nominal arm, as edges are soft; and how many pixels from its
middle something else is found."""


def painted(
    seen: Surface,
    parts: Parts,
    owners: torch.Tensor,
    rigs: Sequence[FaceRig],
    tracks: Sequence[SubjectTrack],
    wardrobes: Mapping[str, Wardrobe],
) -> tuple[torch.Tensor, torch.Tensor]:
    """RGBA [N, 4] of what the pictures show at each point of the figures, and of the plain colours of things.

    owners: whose each part is, the number of a track or NOBODY. rigs: the faces of the tracks. wardrobes: by subject;
    who has none stays bare.
    """
    plain = torch.as_tensor(parts.colour, dtype=torch.float32)[seen.part] * 2 - 1
    things = torch.cat([plain, torch.ones(len(plain), 1)], 1)
    people = torch.zeros_like(things)
    for number, (track, rig) in enumerate(zip(tracks, rigs)):
        rest = _RestPose(track.height)
        own = (owners == number).nonzero()[:, 0]
        in_rest = [rest.number.get(key, NOBODY) for key in _occurrences([parts.name[at] for at in own])]
        body = torch.full((len(parts.name),), NOBODY).scatter(0, own, torch.tensor(in_rest))[seen.part]
        mine = (body != NOBODY).nonzero()[:, 0]
        things[mine] = 0
        if track.subject in wardrobes:
            wardrobe = wardrobes[track.subject]
            people[mine] = rest.dressed(wardrobe, body[mine], seen.point[mine], seen.frame[mine], rig)
    return people, things


class _RestPose:
    """The mannequin as it stood when the pictures were taken, and what they show of each point of it."""

    def __init__(self, height: float):
        parts = puppet(NOMINAL, standing_still(0.0, height))
        self.number = {key: at for at, key in enumerate(_occurrences(parts.name))}
        self.centre, self.axes = (torch.as_tensor(each[0], dtype=torch.float32) for each in (parts.centre, parts.axes))
        limb, self.arm = (
            torch.tensor([name.split()[-1] in kinds for name in parts.name]) for kinds in (_LIMBS, _ARMS)
        )
        self.inward = torch.where(limb[:, None], torch.tensor([_INWARD, 1.0, _INWARD]), torch.ones(3))
        self.head = torch.tensor([name in ("head", "nose") for name in parts.name])

    def dressed(
        self, wardrobe: Wardrobe, part: torch.Tensor, point: torch.Tensor, frame: torch.Tensor, face: FaceRig
    ) -> torch.Tensor:
        """[N, 4] at points [N, 3] of the unit spheres of parts [N] in frames [N]."""
        trunk, head = self._side_without_arm(wardrobe), self.number["head", 0]
        front = ((part == head) & (point[:, 2] > 0)).nonzero()[:, 0]
        cheeks, forehead = (
            self._pictured(wardrobe, trunk, torch.full((len(spots),), head), torch.tensor(spots))
            for spots in (CHEEKS, FOREHEAD)
        )
        at_rest = point.index_copy(0, front, face.at_rest(point[front], cheeks, forehead))
        painted = self._pictured(wardrobe, trunk, part, at_rest)
        return painted.index_copy(0, front, face.painted(painted[front], point[front], frame[front], cheeks))

    def _pictured(
        self, wardrobe: Wardrobe, trunk: torch.Tensor, part: torch.Tensor, point: torch.Tensor
    ) -> torch.Tensor:
        axes = self.axes[part]
        at = self.centre[part] + torch.einsum("nij,nj->ni", axes, point * self.inward[part])
        normal = torch.einsum("nij,nj->ni", axes, point / axes.square().sum(1))
        return _picture(wardrobe, trunk, at, normal, self.head[part], self.arm[part])

    def _side_without_arm(self, wardrobe: Wardrobe) -> torch.Tensor:
        """[4, H, W]: the side picture with what is left and right of the arm laid over it, as it hangs before the body.

        The outline of an ellipsoid with axes A is, along a line of sight, the ellipse of the other rows of A A'.
        """
        _, rows, columns = wardrobe.body[0].shape
        y = BODY_CENTRE + BODY_SPAN / 2 * (1 - 2 * (torch.arange(rows) + 0.5) / rows)
        z = BODY_SPAN / 4 * (2 * (torch.arange(columns) + 0.5) / columns - 1)
        pixels = torch.stack(torch.meshgrid(y, z, indexing="ij"), -1)
        axes = self.axes[self.arm][:, 1:]
        away = pixels - self.centre[self.arm][:, None, None, 1:]
        squared = torch.einsum("phwi,pij,phwj->phw", away, (axes @ axes.mT).inverse(), away)
        bare, side = (squared > _BESIDE_ARMS**2).all(0), wardrobe.body[1]
        visible = side * bare * wardrobe.outline[1]
        near = F.avg_pool2d(visible, (1, 2 * _AROUND_ARMS + 1), 1, (0, _AROUND_ARMS))
        return torch.where(bare | (near[3:] < 0.02), side, near / near[3:].clamp(min=0.02) * side[3:])


def _occurrences(names: Sequence[str]) -> list[tuple[str, int]]:
    """Names that are unique: the second "left leg" is another part than the first."""
    return [(name, names[:at].count(name)) for at, name in enumerate(names)]


def _picture(
    wardrobe: Wardrobe,
    trunk: torch.Tensor,
    at: torch.Tensor,
    normal: torch.Tensor,
    head: torch.Tensor,
    arm: torch.Tensor,
) -> torch.Tensor:
    """[N, 4] of the pictures at points [N, 3] of the standing body, each from the picture that sees it most squarely,
    or from two where both see it as well. trunk: [4, H, W], what the side picture shows of all but arms.

    What no picture shows is guessed from the front: sides as they look from there, the back of the head like its edge.
    """
    sees_side, sees_back = wardrobe.shows("side"), wardrobe.shows("back")
    x, y, z = at.unbind(1)
    ahead = normal[:, 2]
    squarely = torch.stack([
        ahead if sees_back else ahead.abs(),
        normal[:, 0].abs() if sees_side else torch.full_like(x, -torch.inf),
        -ahead if sees_back else torch.full_like(x, -torch.inf),
    ])  # fmt: skip
    share = (squarely * _SQUARELY).softmax(0)
    behind = head & (ahead < 0) & (not sees_back)
    sideways = torch.where(behind, x.sign() * x.abs().clamp(min=_TEMPLE), x)
    down = (BODY_CENTRE - y) / (BODY_SPAN / 2)
    painted = torch.zeros(len(at), 4)
    face, everything = head & ~behind, torch.ones_like(head)
    front, side, back = wardrobe.body
    for view, picture, across, shows in (
        (0, front, sideways, ~face), (1, side, z, arm), (1, trunk, z, ~arm), (2, back, -x, everything),
    ):  # fmt: skip
        chosen = ((share[view] > _SEEN) & shows).nonzero()[:, 0]
        colour = _look_up(picture, across[chosen] / (BODY_SPAN / 4), down[chosen])
        painted[chosen] += colour * share[view, chosen, None]
    face = (face & (share[0] > _SEEN)).nonzero()[:, 0]
    colour = _look_up(wardrobe.detail, x[face] / (DETAIL_SPAN / 2), (HEAD_CENTRE - y[face]) / (DETAIL_SPAN / 2))
    painted[face] += colour * share[0, face, None]
    return painted


def _look_up(picture: torch.Tensor, across: torch.Tensor, down: torch.Tensor) -> torch.Tensor:
    """[N, 4] of a picture [4, h, w] at coordinates in [-1, 1]."""
    grid = torch.stack([across, down], -1)[None, None]
    return F.grid_sample(picture[None].float(), grid, align_corners=False)[0, :, 0].T
