from dataclasses import replace

import numpy as np
import pytest
import torch
from staging import RED, alone, blocked, inside, shot, together, wardrobes

from kling_core.plan.plan import Performance, PlannedMove
from kling_core.previz.collage import (
    CHANNELS,
    PICTURES,
    collage,
    collage_portions,
    encode_pasted,
    pasted_tokens,
    with_pictures,
)
from kling_core.previz.footing import shadows
from kling_core.previz.plate import plate_of
from kling_core.previz.stage.look import Look
from kling_core.previz.stage.portraits import portraits
from kling_core.previz.stage.renderer import View
from kling_core.previz.stage.scene import draw_shot
from kling_core.previz.video_vae import VideoVAE
from kling_core.previz.wardrobe import Wardrobe
from kling_core.previz.world import COLLAGE_LAYERS
from kling_core.sound.envelope import REST

WIDTH, HEIGHT = 256, 144
PEOPLE, OTHER, FIGURE, LIPS, NORMALS = slice(0, 3), slice(3, 6), 6, 7, slice(8, 11)
PLATE = plate_of("studio", "day")


def drawn(planned, cast=None, mouths=None):
    return collage(blocked(planned), wardrobes() if cast is None else cast, mouths or {}, PLATE, WIDTH, HEIGHT)


def test_it_shows_each_persons_clothes_in_that_persons_box():
    planned = together()
    picture = drawn(planned)[2].permute(1, 2, 0).numpy()
    for track, channel in zip(blocked(planned).subjects, (0, 2)):
        x0, y0, x1, y1 = track.body[2]
        chest = inside((x0, y0 + 0.45 * (y1 - y0), x1, y0 + 0.7 * (y1 - y0)), HEIGHT, WIDTH)
        colour = picture[chest].reshape(-1, COLLAGE_LAYERS).mean(0)
        assert colour[:3].argmax() == channel and colour[FIGURE] > 0.9


def test_who_says_nothing_here_looks_the_same_to_the_bit_whether_or_not_they_speak_in_another_shot():
    planned = together()
    silent = {name: np.tile(REST, (planned.frames, 1)) for name in planned.subjects}
    assert torch.equal(drawn(planned), drawn(planned, mouths=silent))


def test_strangers_are_bare_mannequins():
    picture = drawn(alone(), cast={})
    assert (picture[:, PEOPLE] == 0).all() and picture[:, FIGURE].mean() > 0.05
    assert (picture[:, OTHER].permute(0, 2, 3, 1)[picture[:, FIGURE] > 0] == 0).all()


def test_an_empty_shot_in_a_bare_place_is_its_plate():
    empty = drawn(shot())
    seen = PLATE.seen(View(blocked(shot()).camera, WIDTH, HEIGHT))
    assert torch.equal(empty[:, OTHER], seen[:, :3]) and empty[:, OTHER].abs().sum() > 0
    assert empty[:, PEOPLE].abs().sum() == 0 and empty[:, FIGURE:].abs().sum() == 0  # no feet, no footing


@pytest.mark.parametrize("place", ["park", "room"])
def test_shadows_lie_where_the_stage_casts_them(place):
    planned = alone(place=place, size="wide", angle="high")
    blocking, plate = blocked(planned), plate_of(place, "day")
    picture = collage(blocking, {}, {}, plate, WIDTH, HEIGHT)
    bare = plate.seen(View(blocking.camera, WIDTH, HEIGHT))[:, :3]
    stage, empty = (
        draw_shot(planned, people, {"red": RED}, {}, WIDTH, HEIGHT, supersampling=1).permute(0, 3, 1, 2) / 127.5
        for people in (blocking, replace(blocking, subjects=()))
    )
    things = collage(replace(blocking, subjects=()), {}, {}, plate, WIDTH, HEIGHT)[:, OTHER] != bare
    near_people = torch.nn.functional.max_pool2d(picture[:, FIGURE], 15, 1, 7) > 0
    ground = ~near_people & ~things.any(1)
    ours, theirs = ((bare - picture[:, OTHER]).mean(1)[ground], (empty - stage).mean(1)[ground])
    assert np.corrcoef(ours, theirs)[0, 1] > 0.8 and abs(ours.mean() - theirs.mean()) < 0.1 * theirs.mean()


def test_pictures_of_people_and_of_the_rest_never_overlap():
    picture = drawn(together())
    solid = (picture[:, PEOPLE].abs().sum(1) > 0) & (picture[:, FIGURE] > 0)
    assert (picture[:, OTHER].abs().sum(1)[solid] == 0).all()


def test_the_silhouette_says_nothing_of_who_it_is():
    bound, strangers = drawn(together()), drawn(together(), cast={})
    assert torch.equal(bound[:, FIGURE:], strangers[:, FIGURE:])


@pytest.mark.parametrize("verb", ["stand", "wave", "walk", "sit", "point"])
def test_it_is_near_the_true_picture_in_every_pose(verb):
    """Nearer than half way between the true person and a grey mannequin."""
    look = Look(top=(0.85, 0.1, 0.1), hair=(0.85, 0.7, 0.3), trousers=(0.1, 0.3, 0.8))
    planned = replace(shot(Performance("red", verb=verb), size="full"), time_of_day="day")
    blocking = blocked(planned)
    truth = draw_shot(planned, blocking, {"red": look}, {}, WIDTH, HEIGHT).permute(0, 3, 1, 2) / 127.5 - 1
    pasted = drawn(planned, {"red": Wardrobe.from_views(portraits(look, 192))})
    person = (pasted[:, FIGURE] > 0)[:, None].expand(-1, 3, -1, -1)
    assert (pasted[:, PEOPLE] - truth)[person].square().mean() < 0.25 * truth[person].square().mean()


@pytest.mark.parametrize("turned", [-0.6, 0.0, 0.6])
def test_a_face_looks_where_its_head_is_turned(turned):
    """The nose of somebody who turns to screen right is right of the middle: a head's radius times the sine."""
    blocking = blocked(alone())
    track = blocking.subjects[0]
    yaw = track.yaw - track.facing + turned
    track = replace(track, yaw=yaw, facing=np.full_like(track.facing, turned), gaze=0 * track.gaze)
    wardrobe = next(iter(wardrobes().values()))
    nose = torch.zeros_like(wardrobe.detail)
    middle = nose.shape[-1] // 2
    nose[:2, :, middle - 1 : middle + 1], nose[3] = 1, 1
    cast = {track.subject: replace(wardrobe, detail=nose, body=torch.zeros_like(wardrobe.body))}
    picture = collage(replace(blocking, subjects=(track,)), cast, {}, PLATE, WIDTH, HEIGHT)[2].numpy()
    x0, y0, x1, y1 = track.head[2] * (WIDTH, HEIGHT, WIDTH, HEIGHT)
    row = picture[0, round(y0 + 0.3 * (y1 - y0))]
    assert abs(row.argmax() + 0.5 - ((x0 + x1) / 2 + np.sin(turned) * (x1 - x0) / 2 * 0.28 / 0.3)) < 2.5


def test_who_is_nearer_hides_who_is_farther():
    planned = together(angle="over shoulder")
    tracks = blocked(planned).subjects
    near = min(tracks, key=lambda track: track.depth.mean())
    alone_there = collage(replace(blocked(planned), subjects=(near,)), wardrobes(), {}, PLATE, WIDTH, HEIGHT)
    body = alone_there[:, FIGURE] > 0
    both, one = (picture[:, PEOPLE].permute(1, 0, 2, 3)[:, body] for picture in (drawn(planned), alone_there))
    assert torch.equal(both, one)


def test_lips_open_with_the_line_and_only_on_the_speaker():
    planned = together()
    closed, opened = drawn(planned), drawn(planned, mouths={"red": np.ones((8, 2), np.float32)})
    more = opened[:, LIPS] - closed[:, LIPS]
    track = blocked(planned).track("red")
    x0, y0, x1, y1 = track.head[2]
    rows, columns = slice(int(y0 * HEIGHT), int(y1 * HEIGHT)), slice(int(x0 * WIDTH), int(x1 * WIDTH))
    assert more[2, rows, columns].sum() > 10
    more[2, rows, columns] = 0
    assert more[2].abs().sum() == 0


def test_an_open_mouth_is_dark_in_the_picture_too():
    planned = alone()
    track = blocked(planned).track("red")
    column, row = (track.mouth[2] * (WIDTH, HEIGHT)).astype(int)
    shut, opened = (drawn(planned, mouths=mouths)[2, PEOPLE, row, column].sum()
                    for mouths in ({}, {"red": np.ones((8, 2), np.float32)}))  # fmt: skip
    assert opened < -2 < shut


def test_normals_look_away_from_the_middle_of_a_head():
    planned = alone(size="close")
    blocking = blocked(planned)
    x0, y0, x1, y1 = blocking.subjects[0].head[2] * (WIDTH, HEIGHT, WIDTH, HEIGHT)
    normals = drawn(planned)[2, NORMALS]
    row = normals[:, int((y0 + y1) / 2)]
    right = torch.from_numpy(blocking.camera.right[2]).float()
    left_cheek, right_cheek = (right @ row[:, int(x0 + share * (x1 - x0))] for share in (0.2, 0.8))
    assert left_cheek < -0.3 and right_cheek > 0.3
    lengths = normals.norm(dim=0)
    assert ((lengths < 1e-4) | ((lengths - 1).abs() < 1e-4)).all() and (lengths[0] == 0).all()


@pytest.mark.parametrize("yaw", [0.0, 0.8, 1.6, 3.1])
def test_clothes_have_no_rim_of_backdrop_and_no_holes(yaw):
    """Of somebody all in black, what is light or bare in the middle comes from the edges of the pictures."""
    black = Look(skin=(0, 0, 0), top=(0, 0, 0), trousers=(0, 0, 0), hair=(0, 0, 0), eyes=(0, 0, 0))
    blocking = blocked(alone(size="full"))
    track = blocking.subjects[0]
    track = replace(track, yaw=track.yaw + yaw, facing=track.facing + yaw)
    cast = {"red": Wardrobe.from_views(portraits(black, 384))}
    picture = collage(replace(blocking, subjects=(track,)), cast, {}, PLATE, WIDTH, HEIGHT)[2]
    rows, columns = inside(track.body[2], HEIGHT, WIDTH)
    body = picture[FIGURE, rows, columns] > 0
    assert body.float().mean() > 0.5 and picture[PEOPLE, rows, columns][:, body].mean(0).amax() < -0.5


def test_an_arm_that_hides_the_body_in_the_side_picture_is_not_painted_on_it():
    """Of somebody who points, seen from the side of the arm that does: the green hand is not where it was."""
    green = Look(skin=(0, 1, 0), top=(1, 0, 0), trousers=(1, 0, 0))
    blocking = blocked(shot(Performance("red", verb="point"), size="full"))
    track = blocking.subjects[0]
    track = replace(track, yaw=track.yaw - np.pi / 2, facing=track.facing - np.pi / 2)
    cast = {"red": Wardrobe.from_views(portraits(green, 384))}
    picture = collage(replace(blocking, subjects=(track,)), cast, {}, PLATE, WIDTH, HEIGHT)[:, PEOPLE]
    x0, y0, x1, y1 = track.body[0]
    hips = picture[0, :, int((y0 + 0.5 * (y1 - y0)) * HEIGHT): int((y0 + 0.75 * (y1 - y0)) * HEIGHT)]
    assert not (hips[1] > hips[0]).any() and (hips[0] > 0).sum() > 500


def test_what_stands_about_is_behind_people_and_nothing_shines_through_them():
    planned = alone(place="park", size="wide")
    cast = {"red": Wardrobe.from_views(portraits(Look(hat="brim", hat_colour=(1.0, 1.0, 1.0)), 192))}
    plate = plate_of("park", "day")
    orbit = blocked(replace(planned, camera=(PlannedMove("orbit", "left", 300.0),)))
    picture = collage(orbit, cast, {}, plate, WIDTH, HEIGHT)
    view = View(orbit.camera, WIDTH, HEIGHT)
    bare = (plate.seen(view)[:, :3] + 1) * shadows(view, orbit, plate) - 1
    trees = (picture[:, OTHER] - bare).abs().sum(1) > 0.1
    assert (trees & (picture[:, FIGURE] == 0)).float().mean() > 0.01
    assert (picture[:, PEOPLE] + picture[:, OTHER]).abs().max() <= 1.001


def test_the_ground_hides_what_is_below_it():
    """Trunks reach into the ground, so that they stand on it; nothing of them may show in front of it."""
    planned = shot(place="park", size="wide", angle="high")
    camera = blocked(planned).camera
    picture = collage(blocked(planned), {}, {}, plate_of("park", "day"), WIDTH, HEIGHT)
    drawn_by_stage = draw_shot(planned, blocked(planned), {}, {}, WIDTH, HEIGHT, supersampling=1).permute(0, 3, 1, 2)
    away = (picture[:, OTHER] - (drawn_by_stage.float() / 127.5 - 1)).abs().amax(1)
    below_horizon = View(camera, WIDTH, HEIGHT).ground_depth() < 40
    assert below_horizon.float().mean() > 0.3 and (away > 0.5)[below_horizon].float().mean() < 0.01


def test_portions_are_the_whole():
    planned = together(frames=32)
    whole = pasted_tokens(drawn(planned), 2)
    portions = torch.cat(list(collage_portions(blocked(planned), wardrobes(), {}, PLATE, (128, 72), 2)))
    assert torch.equal(pasted_tokens(portions, 2), whole)
    later = torch.cat(list(collage_portions(blocked(planned), wardrobes(), {}, PLATE, (128, 72), 2, 2, 3)))
    assert torch.equal(later, portions[8:20])


def test_tokens_without_pictures_have_nothing_in_the_channels_of_dress():
    vae = VideoVAE()
    vae.basis.normal_(generator=torch.Generator().manual_seed(0))
    tokens, other = encode_pasted(pasted_tokens(drawn(together(), cast={}), 2), vae)
    assert tokens.shape == (2, 9, 16, CHANNELS) and other.shape == (2, 9, 16, PICTURES)
    assert (tokens[..., :PICTURES] == 0).all() and tokens[..., PICTURES:].amax() == 1


def test_the_parts_of_a_collage_add_up():
    vae = VideoVAE()
    vae.basis.normal_(generator=torch.Generator().manual_seed(0))
    canvas = drawn(together())
    whole = canvas.clone()
    whole[:, PEOPLE] += whole[:, OTHER]
    whole[:, OTHER] = 0
    apart, together_ = (with_pictures(*encode_pasted(pasted_tokens(each, 2), vae)) for each in (canvas, whole))
    assert torch.allclose(apart, together_, atol=1e-3)
    assert torch.equal(with_pictures(*encode_pasted(pasted_tokens(canvas, 2), vae), 0.0)[..., PICTURES:],
                       apart[..., PICTURES:])
