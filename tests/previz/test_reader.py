import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from safetensors import safe_open
from staging import RED, alone, blocked, shot

from kling_core.errors import KlingError
from kling_core.plan.plan import Performance, PlannedMove
from kling_core.previz.attributes import ATTRIBUTES, names_of
from kling_core.previz.reader import CROPS, SHIPPED, Reader, ReaderNet, Reading, cut
from kling_core.previz.sightings import Sighting, sightings, spread
from kling_core.previz.stage.casting import is_held_out, random_look
from kling_core.previz.stage.look import Look
from kling_core.previz.training.reader import Samples, examine, film, main, random_scene, train

FACE = {"skin", "glasses", "beard", "eyes"}
EVERYTHING = frozenset(ATTRIBUTES)


def seen_at(head, body=(0.0, 0.0, 1.0, 1.0), shown=EVERYTHING):
    return Sighting(0, head, body, 0.0, "day", shown)


def shown_in(planned, frame=0, subject="red"):
    seen = {each.frame: each.shown for each in sightings(planned, blocked(planned), subject, (512, 288))}
    return seen.get(frame, frozenset())


def test_every_look_has_names_that_exist():
    rng = np.random.default_rng(0)
    for _ in range(300):
        names = names_of(random_look(rng))
        assert EVERYTHING - names.keys() <= {"hair colour"}
        assert all(names[attribute] and names[attribute] <= set(ATTRIBUTES[attribute]) for attribute in names)


def test_a_colour_on_the_border_has_both_names():
    assert names_of(Look(top=(0.1, 0.1, 0.9)))["top"] == {"blue"}
    assert names_of(Look(top=(0.3, 0.05, 0.8)))["top"] == {"blue", "purple"}
    assert names_of(Look(top=(0.9, 0.1, 0.14)))["top"] == {"red"}
    assert names_of(Look(top=(0.02, 0.02, 0.02)))["top"] == {"black"}
    assert names_of(Look(top=(0.99, 0.99, 0.99)))["top"] == {"white"}


def test_what_a_hat_hides_may_be_called_either():
    assert names_of(Look(hat="beanie", hair_style="bun"))["hair style"] == {"short", "bun"}
    assert names_of(Look(hat="beanie", hair_style="afro"))["hair style"] == {"afro"}
    assert "hair colour" not in names_of(Look(hair_style="bald"))
    assert "hair colour" in names_of(Look(hair_style="bald", beard=True))


def test_a_close_up_shows_no_trousers_and_a_wide_shot_does():
    assert "trousers" not in shown_in(alone(size="close"))
    assert "top" in shown_in(alone(size="close"))
    assert shown_in(alone(size="wide")) == EVERYTHING


def test_a_back_shows_no_face():
    planned = alone(frames=24, size="medium", camera=(PlannedMove("orbit", "left", 360.0),))
    away = int(np.abs(blocked(planned).subjects[0].facing).argmax())
    assert not shown_in(planned, away) & FACE
    assert {"hair style", "top"} <= shown_in(planned, away)


def test_a_face_that_looks_aside_shows_no_eyes():
    planned = alone(size="medium")
    blocking = blocked(planned)
    track = blocking.subjects[0]
    for turned, shows in ((0.0, True), (-1.4, False), (2 * np.pi, True)):
        aside = replace(blocking, subjects=(replace(track, gaze=turned - track.facing),))
        assert ("eyes" in sightings(planned, aside, "red", (512, 288))[0].shown) is shows, turned


def test_a_distant_face_shows_no_eyes():
    planned = alone(size="wide")
    small = sightings(planned, blocked(planned), "red", (128, 72))[0].shown
    assert "eyes" not in small and "top" in small


def test_who_stands_in_front_hides_who_is_behind():
    planned = shot(Performance("red"), Performance("blue"), size="medium", angle="over shoulder")
    blocking = blocked(planned)
    boxes = {track.subject: track for track in blocking.subjects}
    same_place = replace(boxes["red"], head=boxes["blue"].head, body=boxes["blue"].body)
    hidden = replace(blocking, subjects=(same_place, boxes["blue"]))
    assert boxes["blue"].depth[0] < boxes["red"].depth[0]
    assert not sightings(planned, hidden, "red", (512, 288))
    assert shown_in(planned, subject="blue")


def test_a_pillar_hides_who_walks_behind_it():
    walking = Performance("red", verb="walk", toward="left", behind="pillar")
    planned = shot(walking, frames=24, size="full")
    blocking = blocked(planned)
    behind = int(np.abs(blocking.subjects[0].head[:, 0] - blocking.occluders[0].trunk[:, 0]).argmin())
    assert "beard" in shown_in(planned, 0) or "hat" in shown_in(planned, 0)
    assert len(shown_in(planned, behind)) < len(shown_in(planned, 0))


def test_sightings_spread_over_the_whole_shot():
    planned = alone(frames=40)
    seen = sightings(replace(planned, start=100, stop=140), blocked(planned), "red", (256, 144))
    assert [each.frame for each in spread(seen, 3)] == [100, 120, 139]
    assert spread(seen[:2], 6) == seen[:2]


def head_of(picture, box):
    return cut(picture, seen_at(box))["head"]


def test_crops_are_grey_beyond_the_picture():
    picture = np.full((80, 120, 3), 250, np.uint8)
    head = head_of(picture, (-0.2, 0.2, 0.2, 0.8))
    assert head[:, 24, 0].tolist() == [128] * 3 and head[:, 24, -1].tolist() == [250] * 3
    assert abs((head[0, 24] == 250).float().mean() - 0.5) < 0.05
    assert (head_of(picture, (2.0, 2.0, 2.2, 2.4)) == 128).all()


def test_crops_of_fine_structures_are_antialiased():
    picture = np.indices((400, 400)).sum(0)[..., None].repeat(3, 2) % 2 * 255
    head = head_of(picture.astype(np.uint8), (0.3, 0.3, 0.7, 0.7))
    assert head.float().std() < 12 and abs(head.float().mean() - 127.5) < 4


def test_a_box_of_any_size_gives_crops():
    picture = np.zeros((40, 60, 3), np.uint8)
    for half in (1e-6, 0.5, 1e7):
        around = (0.5 - half, 0.5 - half, 0.5 + half, 0.5 + half)
        crops = cut(picture, seen_at(around, around))
        assert {name: crop.shape for name, crop in crops.items()} == {
            name: (3, crop.rows, crop.columns) for name, crop in CROPS.items()
        }


def reading_of(**shares):
    """A reading with a share for every name that is given, the rest spread evenly over the others."""
    names = ATTRIBUTES["hair style"]
    rest = (1 - sum(shares.values())) / (len(names) - len(shares))
    return Reading({"hair style": np.log([shares.get(name, rest) for name in names])}, 1)


def test_who_may_be_called_by_two_names_is_no_likelier_for_it():
    """Bald or mohawk under a hat: a reading that speaks for neither of two people must not favour the one with two."""
    one, two = {"hair style": frozenset({"long"})}, {"hair style": frozenset({"bald", "mohawk"})}
    evenly = reading_of()
    assert evenly.likelihood(one, ["hair style"]) == pytest.approx(evenly.likelihood(two, ["hair style"]))
    for names, shares in ((one, {"long": 0.4}), (two, {"bald": 0.4}), (two, {"mohawk": 0.4})):
        other = two if names is one else one
        read = reading_of(**shares)
        assert read.likelihood(names, ["hair style"]) > read.likelihood(other, ["hair style"])


def test_the_same_seed_films_the_same_people():
    first, second = (film(3, 0.0, 100, report=print).stacked() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not any(
        is_held_out(look) for number in range(5)
        for look in random_scene(np.random.default_rng([3, 4, number])).looks.values()
    )


def test_training_learns_what_crops_show():
    rng, samples = np.random.default_rng(0), Samples()
    for number in range(128):
        look = replace(RED, glasses=number % 2 == 1)
        picture = rng.integers(0, 60, (48, 48, 3)).astype(np.uint8) + np.uint8(150 * look.glasses)
        samples.add(picture, seen_at((0.2, 0.2, 0.8, 0.8), shown=frozenset({"glasses"})), look)
    torch.manual_seed(0)
    net, steps = ReaderNet(), iter(np.linspace(0, 1, 21))
    assert train(net, samples, 0, lambda: next(steps), print) == 20
    net.train()  # twenty steps are too few for running means
    columns = samples.stacked()
    read = net({name: columns[name] for name in CROPS}, columns["hints"])["glasses"].argmax(1)
    assert (read == torch.arange(128) % 2).float().mean() > 0.95


def test_a_run_leaves_weights_that_tell_how_they_were_made(tmp_path):
    path = main(0.02, tmp_path)
    about = main(0.02, tmp_path, resume=True) and Reader.load(path).about
    assert [run["seed"] for run in about["history"]] == [6000, 6001]
    assert all(run["sightings"] > 0 and run["machine"] for run in about["history"])
    assert 0 < about["error"] < 1 and set(about["accuracy"]) == {"288", "144", "144 soft"}


def test_a_file_of_something_else_is_refused(tmp_path):
    (tmp_path / "reader.safetensors").write_bytes(b"nothing")
    with pytest.raises(KlingError, match="kling train reader"):
        Reader.load(tmp_path / "reader.safetensors")
    with pytest.raises(KlingError):
        Reader.load(tmp_path / "missing.safetensors")


def test_the_shipped_weights_are_small_and_tell_their_error():
    assert SHIPPED.stat().st_size <= 1_000_000
    with safe_open(SHIPPED, "pt") as file:
        about = json.loads(file.metadata()["about"])
    assert about["error"] < 0.12
    assert set(about["accuracy"]["288"]["all"]) == {*ATTRIBUTES, "all attributes"}


def test_the_shipped_reader_knows_people_it_has_never_seen_in_medium_and_close_shots():
    reader, right = Reader.load(), []
    for number in range(60):
        scene = random_scene(np.random.default_rng([77, number]), held_out=True)
        if scene.shot.size not in ("medium", "close") or len(scene.looks) != 1:
            continue
        frames = scene.draw(4, supersampling=1)
        for name, look in scene.looks.items():
            read = reader.read(frames, sightings(scene.shot, scene.blocking, name, frames.shape[2:0:-1]))
            names = names_of(look)
            right += [found in names[attribute] for attribute, found in read.names().items() if attribute in names]
    assert len(right) > 80
    assert np.mean(right) >= 0.9


def test_blur_costs_little_and_grey_everything():
    reader, looks = Reader.load(), np.random.default_rng(5)
    sharp, soft, grey = [], [], []
    for _ in range(8):
        look = random_look(looks, held_out=True)
        scene = random_scene(np.random.default_rng(1))
        planned = shot(Performance("red"), frames=1, size="medium")
        scene = replace(scene, shot=planned, blocking=blocked(planned), looks={"red": look}, size=(128, 72), mouths={})
        frames = scene.draw(4, supersampling=1)
        names = names_of(look)
        for scores, seen in (
            (sharp, frames), (soft, [cv2.GaussianBlur(frames[0], (0, 0), 2.5)]), (grey, [np.full_like(frames[0], 128)])
        ):  # fmt: skip
            read = reader.read(seen, sightings(planned, scene.blocking, "red", (512, 288)))
            scores += [found in names[attribute] for attribute, found in read.names().items() if attribute in names]
    assert np.mean(sharp) >= 0.9 and np.mean(soft) >= 0.8
    assert np.mean(grey) < 0.55


def test_examining_counts_every_attribute():
    accuracy = examine(Reader(ReaderNet(), {}), shots=3)
    assert accuracy["288"]["all"]["top"][1] >= 1
    assert 0 <= accuracy["144"]["all"]["all attributes"][0] <= 1
