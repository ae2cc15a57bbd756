import torch
import torch.nn.functional as F

from kling_core.previz.refiner import Refiner, enlarged
from kling_core.previz.training.refiner import _undressed, _window


def test_untrained_it_only_enlarges():
    frames, collage, latents = torch.rand(8, 3, 72, 128), torch.rand(8, 8, 144, 256), torch.randn(2, 9, 16, 128)
    refined = Refiner()(latents, latents, frames, collage)
    assert refined.shape == (8, 3, 288, 512) and torch.equal(refined, enlarged(frames, collage))


def test_a_flat_picture_stays_flat_whatever_its_collage():
    frames = torch.full((4, 3, 72, 128), 0.25)
    assert torch.allclose(enlarged(frames, torch.rand(4, 8, 144, 256)), torch.full((4, 3, 288, 512), 0.25), atol=1e-4)


def test_edges_come_from_the_collage_and_colours_from_the_picture():
    """A sharp edge in the collage, blurred and half as bright in the picture, is sharp and half as bright."""
    edge = (torch.arange(256) > 130).float().expand(4, 3, 144, 256)
    collage = torch.cat([edge, torch.zeros(4, 5, 144, 256)], 1)
    blurred = 0.5 * F.avg_pool2d(F.avg_pool2d(edge, 9, 1, 4, count_include_pad=False), 2)
    plain = F.interpolate(blurred, scale_factor=4, mode="bicubic", align_corners=False)
    found = enlarged(blurred, collage)
    steepest = [picture[0, 0, 144].diff().max() for picture in (plain, found)]
    assert steepest[1] > 2 * steepest[0]
    assert abs(found[0, 0, 144, 400:].mean() - 0.5) < 0.02 and abs(found[0, 0, 144, :200].mean()) < 0.02


def test_people_and_place_of_the_collage_are_one_picture_to_it():
    """What counts is their sum: a dressed person in a place looks the same whichever layer the colours come from."""
    torch.manual_seed(0)
    refiner, latents = Refiner(), torch.randn(1, 9, 16, 128)
    torch.nn.init.normal_(refiner.leave.weight, std=0.05)
    frames, collage = torch.rand(4, 3, 72, 128), torch.rand(4, 8, 144, 256)
    moved = collage.clone()
    moved[:, 3:6], moved[:, :3] = collage[:, :3] + collage[:, 3:6], 0
    with torch.no_grad():
        one, other, without = (refiner(latents, latents, frames, each) for each in (collage, moved, 0 * moved))
    assert torch.allclose(one, other, atol=1e-4) and not torch.allclose(one, without)


def test_a_window_shows_the_same_piece_of_everything():
    """Every picture numbers its own tokens; in a window the numbers still agree."""
    tokens = torch.arange(9 * 16.0).view(1, 1, 9, 16)
    latents = tokens[..., None].expand(2, 2, 9, 16, 3)
    frames, collages = (
        tokens.repeat_interleave(scale, 2).repeat_interleave(scale, 3).expand(2, 8, -1, -1)[:, :, None]
        for scale in (32, 16)
    )
    for seed in range(5):
        generator = torch.Generator().manual_seed(seed)
        cut, before, frame, collage = _window(latents, latents, frames, collages, generator)
        assert cut.shape[2:4] == (6, 8) and frame.shape[-2:] == (192, 256) and collage.shape[-2:] == (96, 128)
        for picture, scale in ((frame, 32), (collage, 16)):
            assert torch.equal(picture[0, 0, 0, ::scale, ::scale], cut[0, 0, ..., 0])
        assert torch.equal(before, cut)


def test_undressing_takes_peoples_pictures_only():
    collages = torch.ones(2, 8, 8, 4, 4)
    bare = _undressed(collages, torch.tensor([True, False]))
    assert (bare[0, :, :3] == 0).all() and (bare[0, :, 3:] == 1).all() and (bare[1] == 1).all()
