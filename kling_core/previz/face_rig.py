"""The planned face of a mannequin: the neutral, silent face of somebody's pictures, made to look and speak as planned.

As portraits are animated by warping them after key points (First Order Motion Model, Siarohin et al. 2019;
LivePortrait, Guo et al. 2024): brows and eyes are moved in the picture. Lids and mouths, which the picture of a closed
mouth and an open eye cannot show, are painted as the stage would.
"""

from __future__ import annotations

import numpy as np
import torch

from kling_core.plan.blocking import SubjectTrack
from kling_core.previz.stage.paint import (
    BROWS_UP,
    EXPRESSIONS,
    EYES_APART,
    EYES_UP,
    MOUTH_UP,
    Canvas,
    blinks,
    paint_lids,
    paint_mouth,
)
from kling_core.sound.envelope import REST

CHEEKS = ((-0.3, -0.27, 0.915), (0.3, -0.27, 0.915))
FOREHEAD = ((-0.3, 0.58, 0.757), (0.3, 0.58, 0.757))
"""Points of the head: the first show skin, whatever somebody wears, the others unless there is hair or a hat."""
# A bare forehead has the cheeks' colour (shares of red, green and blue) and is up to so much lighter in a portrait.
_SAME_COLOUR, _LIGHTER = 0.06, (0.95, 1.75)
_STUDIO_LIGHT = 0.77  # on the faces of portraits
_BROW_REACH, _EYE_REACH = 0.14, 0.27
_OLD_MOUTH = (0.3, 0.1)  # half width and height of what the picture's own mouth covers
_UPPER_LIP = 0.14  # how far above the middle of a mouth the skin is bare


class FaceRig:
    """One person's face in every frame. Points are [N, 3] on the front of the head's unit sphere, frame: [N].

    mouth: opening and spread [F, 2], shut where None.
    """

    def __init__(self, track: SubjectTrack, mouth: np.ndarray | None):
        self.expression = EXPRESSIONS[track.performance.expression]
        mouth = np.tile(REST, (len(track.time), 1)) if mouth is None else mouth
        self.mouth = torch.as_tensor(mouth, dtype=torch.float32)
        self.blink = torch.as_tensor(blinks(track.time, track.variation), dtype=torch.float32)

    def at_rest(self, point: torch.Tensor, cheeks: torch.Tensor, forehead: torch.Tensor) -> torch.Tensor:
        """Where the neutral face has what the planned one has at `point`; skin instead of the mouth.

        cheeks, forehead: colours [N, 4] there. Where the forehead is covered, brows stay: they would bend a hat.
        """
        it = self.expression
        x, y, z = point.unbind(1)
        from_eye = x.abs() - EYES_APART
        lift = _is_bare(forehead, cheeks) * (it.brow + it.slant * from_eye.clamp(-0.2, 0.2))
        reach = (1.3 * lift.abs()).clamp(min=_BROW_REACH)  # less, and the face would fold
        at_brow = ((-(((y - BROWS_UP - lift) / reach) ** 2)) - (from_eye / 0.3) ** 4).exp()
        near_eye = (-(((y - EYES_UP) / (_EYE_REACH * it.eye)) ** 4) - (from_eye / 0.25) ** 4).exp()
        y = y - lift * at_brow * (1 - near_eye) - (y - EYES_UP) * (1 - 1 / it.eye) * near_eye
        width, height = _OLD_MOUTH
        in_mouth = (x / width) ** 2 + ((y - MOUTH_UP) / height) ** 2 < 1
        return torch.stack([x, torch.where(in_mouth, MOUTH_UP + _UPPER_LIP, y), z], 1)

    def painted(
        self, colour: torch.Tensor, point: torch.Tensor, frame: torch.Tensor, cheeks: torch.Tensor
    ) -> torch.Tensor:
        """Lids and mouth over colours [N, 4] in [-1, 1] times alpha, and alpha."""
        alpha = colour[:, 3:]
        x, y, z = point.unbind(1)
        canvas = Canvas(_opaque(colour), z > 0, _STUDIO_LIGHT)
        lids = (_opaque(cheeks).mean(0) / _STUDIO_LIGHT).tolist()
        paint_lids(canvas, self.expression, x, y, self.blink[frame], lids)
        paint_mouth(canvas, self.expression, x, y, *self.mouth[frame].unbind(1))
        return torch.cat([(canvas.colour * 2 - 1) * alpha, alpha], 1)


def _is_bare(forehead: torch.Tensor, cheeks: torch.Tensor) -> bool:
    above, below = (_opaque(colour).mean(0).clamp(min=1e-3) for colour in (forehead, cheeks))
    away = (above / above.sum() - below / below.sum()).abs().amax()
    return bool(away < _SAME_COLOUR) and _LIGHTER[0] < float(above.sum() / below.sum()) < _LIGHTER[1]


def _opaque(colour: torch.Tensor) -> torch.Tensor:
    """RGB [N, 3] in [0, 1] of colours [N, 4] in [-1, 1] times alpha, and alpha."""
    return (colour[:, :3] / colour[:, 3:].clamp(min=1e-3) + 1) / 2
