import torch
from staging import RED

from kling_core.previz.stage.portraits import portraits
from kling_core.previz.wardrobe import Wardrobe


def test_colours_go_on_beyond_peoples_edges_and_nothing_of_the_backdrop_does():
    """Behind somebody in red, seen from the side at the height of the chest, there is more of the red."""
    wardrobe = Wardrobe.from_views(portraits(RED, 384))
    row = 108
    edge = int((wardrobe.outline[1, 0, row] > 0.5).nonzero()[0])
    red, green, blue, alpha = wardrobe.body[1, :, row]
    beyond = slice(edge - 8, edge)
    assert (alpha[beyond] == 1).all()
    assert (red[beyond] - green[beyond] > 0.5).all() and (red[beyond] - blue[beyond] > 0.5).all()


def test_a_view_that_nobody_supplied_is_filled_from_the_front_and_says_so():
    views = portraits(RED, 128)
    wardrobe = Wardrobe.from_views({"front": views["front"]})
    assert torch.equal(wardrobe.body[2], wardrobe.body[0])
    assert wardrobe.shows("front") and not wardrobe.shows("back") and not wardrobe.shows("side")
