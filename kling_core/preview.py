"""What a storyboard will look like, a picture a shot, before there is a backbone or a cast."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kling_core.casting_call import called_names
from kling_core.elements.element import Binding, Cast, Element
from kling_core.errors import KlingError
from kling_core.lettering import PAPER, wrapped, write
from kling_core.plan.resolve import plan as resolve
from kling_core.previz.world import GRID, LIMITS

if TYPE_CHECKING:
    from kling_core.storyboard.storyboard import Storyboard

_MARGIN, _TEXT = 20, 15


def preview(storyboard: "Storyboard", cast: Cast | None = None, width: int = 480) -> np.ndarray:
    """The stage's own drawing of the middle of every shot, uint8 [shots, H, W, 3].

    Without a cast, strangers play, for each name always the same. A storyboard that the embedded model cannot play may
    still suit another backbone: then there is one picture, with the reasons written on it.
    """
    from kling_core.previz.stills import stills

    across, down = GRID.sizes[storyboard.aspect]
    height = round(width * down / across / 2) * 2
    cast = _strangers(storyboard) if cast is None else cast
    try:
        plan = resolve(storyboard, cast, GRID, LIMITS)
    except KlingError as error:
        return _slate(error, width, height)[None]
    return np.stack(list(stills(plan, cast, width, height)))


def _strangers(storyboard: "Storyboard") -> Cast:
    from kling_core.previz.stage.casting import random_look

    looks = {name: random_look(np.random.default_rng(list(name.encode()))) for name in called_names(storyboard)}
    return Cast(tuple(Binding(Element(name, look=look.to_json(), origin="stage")) for name, look in looks.items()))


def _slate(error: KlingError, width: int, height: int) -> np.ndarray:
    """The mistakes as a picture; what does not fit on it is left out."""
    slate, y = np.full((height, width, 3), PAPER, np.uint8), _MARGIN
    for problem in error.problems:
        for row, text in enumerate(wrapped(str(problem), _TEXT, width - 2 * _MARGIN, False)):
            y += _TEXT + (6 if row else 12)
            if y > height - _MARGIN:
                return slate
            write(slate, (_MARGIN, y), text, _TEXT)
    return slate
