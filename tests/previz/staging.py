"""Small staged shots that the tests of the embedded model share."""

import numpy as np

from kling_core.plan.blocking import block_shot
from kling_core.plan.plan import Performance, PlannedShot
from kling_core.previz.stage.look import Look
from kling_core.previz.stage.portraits import portraits
from kling_core.previz.wardrobe import Wardrobe
from kling_core.previz.world import GRID

RED = Look(top=(0.85, 0.1, 0.1), hair=(0.85, 0.7, 0.3))
BLUE = Look(top=(0.1, 0.2, 0.9), hair=(0.1, 0.1, 0.1), hat="beanie")


def shot(*performances, frames=8, size="medium", angle="eye", place="studio", camera=(), index=0):
    return PlannedShot(index, 0, frames, size, angle, place, "day", tuple(performances), tuple(camera))


def alone(**options):
    return shot(Performance("red"), **options)


def together(**options):
    return shot(Performance("red"), Performance("blue"), **options)


def blocked(planned, aspect="16:9"):
    width, height = GRID.sizes[aspect]
    return block_shot(planned, GRID.fps, width / height)


def wardrobes():
    return {"red": Wardrobe.from_views(portraits(RED, 128)), "blue": Wardrobe.from_views(portraits(BLUE, 128))}


def inside(box, height, width):
    """Row and column slices of the middle half of a screen box (x0, y0, x1, y1)."""
    x0, y0, x1, y1 = box
    x_quarter, y_quarter = (x1 - x0) / 4, (y1 - y0) / 4
    rows = slice(int(np.clip((y0 + y_quarter) * height, 0, height)), int(np.clip((y1 - y_quarter) * height, 0, height)))
    columns = slice(int(np.clip((x0 + x_quarter) * width, 0, width)), int(np.clip((x1 - x_quarter) * width, 0, width)))
    return rows, columns
