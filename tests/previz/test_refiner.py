import torch
import torch.nn.functional as F

from kling_core.previz.backbone import DEFAULT_SETTINGS, SHIFT
from kling_core.previz.refiner import Refiner, enlarged
from kling_core.previz.training.refiner import LEVELS, Samples
from kling_core.previz.world import COLLAGE_LAYERS
from kling_core.sampling.flow import schedule


def test_untrained_it_only_enlarges():
    frames, latents = torch.rand(8, 3, 72, 128), torch.randn(2, 9, 16, 128)
    collage = torch.rand(8, COLLAGE_LAYERS, 288, 512)
    refined = Refiner()(latents, latents, frames, collage)
    assert refined.shape == (8, 3, 288, 512) and torch.equal(refined, enlarged(frames, collage))


def test_a_flat_picture_stays_flat_whatever_its_collage():
    frames, collage = torch.full((4, 3, 72, 128), 0.25), torch.rand(4, COLLAGE_LAYERS, 288, 512)
    assert torch.allclose(enlarged(frames, collage), torch.full((4, 3, 288, 512), 0.25), atol=1e-4)


def test_edges_come_from_the_collage_and_colours_from_the_picture():
    """A sharp edge in the collage, blurred and half as bright in the picture, is sharp and half as bright."""
    edge = (torch.arange(512) > 260).float().expand(4, 3, 288, 512)
    collage = torch.cat([edge, torch.zeros(4, COLLAGE_LAYERS - 3, 288, 512)], 1)
    blurred = 0.5 * F.avg_pool2d(F.avg_pool2d(edge, 17, 1, 8, count_include_pad=False), 4)
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
    frames, collage = torch.rand(4, 3, 72, 128), torch.rand(4, COLLAGE_LAYERS, 288, 512)
    moved = collage.clone()
    moved[:, 3:6], moved[:, :3] = collage[:, :3] + collage[:, 3:6], 0
    with torch.no_grad():
        one, other, without = (refiner(latents, latents, frames, each) for each in (collage, moved, 0 * moved))
    assert torch.allclose(one, other, atol=1e-4) and not torch.allclose(one, without)


def test_a_window_shows_the_same_piece_of_everything():
    """Every picture numbers its own tokens; in a window the numbers still agree."""
    tokens = torch.arange(9 * 16.0).view(1, 1, 9, 16)
    latents = tokens[..., None].expand(2, 2, 9, 16, 3)
    pictures = tokens.repeat_interleave(32, 2).repeat_interleave(32, 3).expand(2, 8, -1, -1)[:, :, None]
    for seed in range(5):
        piece = Samples(latents, latents, pictures, pictures).window(torch.Generator().manual_seed(seed))
        assert piece.latents.shape[2:4] == (6, 8) and torch.equal(piece.before, piece.latents)
        for picture in (piece.frames, piece.collages):
            assert picture.shape[-2:] == (192, 256)
            assert torch.equal(picture[0, 0, 0, ::32, ::32], piece.latents[0, 0, ..., 0])


def test_undressing_takes_peoples_pictures_only():
    collages = torch.ones(2, 8, COLLAGE_LAYERS, 4, 4)
    bare = Samples(collages, collages, collages, collages).undressed(torch.tensor([True, False])).collages
    assert (bare[0, :, :3] == 0).all() and (bare[0, :, 3:] == 1).all() and (bare[1] == 1).all()


def test_it_learns_from_latents_as_films_have_them():
    assert LEVELS == schedule(DEFAULT_SETTINGS.steps, SHIFT)[:-1]
