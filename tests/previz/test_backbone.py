"""The embedded backbone with its shipped weights, on people it has never seen."""

import numpy as np
import pytest
import torch
from staging import inside

from kling_core.backbone import Settings
from kling_core.elements.element import Binding, Cast, Element
from kling_core.plan.resolve import plan as resolve
from kling_core.previz.backbone import Previz
from kling_core.previz.draft import draft
from kling_core.previz.stage.look import Look
from kling_core.previz.stage.portraits import portraits
from kling_core.previz.weights_file import load_weights
from kling_core.sampling.retake import keep_all_but, latent_shots
from kling_core.sound.speech import SpokenLine
from kling_core.storyboard.storyboard import Action, Shot, Storyboard

SETTINGS = Settings(steps=3, reference_guidance=1.0)
LOOKS = {
    "ruby": Look(top=(0.85, 0.08, 0.1), hair=(0.9, 0.75, 0.3), hair_style="long", hat="none"),
    "azur": Look(top=(0.08, 0.2, 0.9), hair=(0.08, 0.06, 0.05), hair_style="short", glasses=True),
}


def element(name):
    return Element(name, views=portraits(LOOKS[name], 192), look=LOOKS[name].to_json(), origin="stage")


CAST = Cast(tuple(Binding(element(name)) for name in LOOKS))
STORYBOARD = Storyboard(place="studio", shots=(
    Shot(seconds=1, size="medium", subjects=("ruby",)),
    Shot(seconds=1, size="medium", subjects=("azur",)),
    Shot(seconds=1, size="full", subjects=("ruby", "azur"),
         actions=(Action(subject="ruby", position="left"), Action(subject="azur", position="right"))),
))


@pytest.fixture(scope="module")
def plan(backbone):
    return resolve(STORYBOARD, CAST, backbone.grid, backbone.limits, seed=4)


@pytest.fixture(scope="module")
def take(backbone, plan):
    return backbone.sample(backbone.condition(plan, CAST), seed=4, settings=SETTINGS)


def frames_of(backbone, latents, plan, cast=CAST):
    return np.concatenate(list(backbone.decode_video(latents, plan, cast)))


def clothes(frame, box):
    """Mean colour of the middle of a person's torso."""
    x0, y0, x1, y1 = box
    torso = (x0, y0 + 0.45 * (y1 - y0), x1, y0 + 0.68 * (y1 - y0))
    return frame[inside(torso, *frame.shape[:2])].reshape(-1, 3).mean(0)


def test_the_film_is_as_long_and_as_large_as_the_plan_says(backbone, plan, take):
    frames = frames_of(backbone, take, plan)
    width, height = backbone.output_size(plan)
    assert frames.shape == (plan.frames, height, width, 3) and frames.dtype == np.uint8
    assert backbone.decode_audio(take, plan).shape == (2, round(plan.seconds * plan.grid.audio_rate))


def test_everybody_wears_their_own_clothes_in_every_shot(backbone, plan, take):
    frames = frames_of(backbone, take, plan)
    for shot, blocking in zip(plan.shots, plan.blocking):
        for track in blocking.subjects:
            middle = shot.frames // 2
            colour = clothes(frames[shot.start + middle], track.body[middle])
            assert colour.argmax() == {"ruby": 0, "azur": 2}[track.subject], (shot.index, track.subject, colour)


def test_without_binding_the_same_seed_shows_strangers(backbone, plan, take):
    free = backbone.sample(backbone.condition(plan, CAST.unbound()), seed=4, settings=SETTINGS)
    bound, unbound = frames_of(backbone, take, plan), frames_of(backbone, free, plan, CAST.unbound())
    shot, track = plan.shots[0], plan.blocking[0].subjects[0]
    wanted = np.array(LOOKS["ruby"].top) * 255
    distance = [np.abs(clothes(frames[shot.start + 6], track.body[6]) - wanted).sum() for frames in (bound, unbound)]
    assert distance[0] < 0.6 * distance[1]


def test_the_same_seed_gives_the_same_take(backbone, plan, take):
    again = backbone.sample(backbone.condition(plan, CAST), seed=4, settings=SETTINGS)
    assert torch.equal(again.video, take.video) and torch.equal(again.audio, take.audio)


def test_retaking_a_shot_leaves_every_other_shot_as_it_was(backbone, plan, take):
    keep = keep_all_but(plan, take, [2])
    again = backbone.sample(backbone.condition(plan, CAST), seed=9, settings=SETTINGS, keep=keep)
    others = latent_shots(plan) != 2
    assert torch.equal(again.video[others], take.video[others])
    assert not torch.allclose(again.video[~others], take.video[~others])


def test_a_first_frame_is_encoded_at_the_scenes_size(backbone, plan):
    picture = np.full((400, 300, 3), 200, np.uint8)
    rows, columns = plan.grid.tokens_per_latent(plan.aspect)
    keep = backbone.condition(plan, Cast(), first_frame=picture).ends
    assert keep.latents.video[0].shape == (128, rows, columns) and keep.video[0].all() and not keep.video[1:].any()


def test_given_frames_stay_at_their_ends_and_win_over_a_take(backbone, plan, take):
    white, black = (np.full((72, 128, 3), level, np.uint8) for level in (255, 0))
    conditioning = backbone.condition(plan, CAST, first_frame=white, last_frame=black)
    keep = keep_all_but(plan, take, [1])
    ends = conditioning.ends.latents.video.half().float()
    for kept in (None, keep):
        film = backbone.sample(conditioning, seed=1, settings=SETTINGS, keep=kept)
        assert torch.equal(film.video[0], ends[0]) and torch.equal(film.video[-1], ends[-1])
    assert torch.equal(film.video[1], take.video[1])


def test_previews_show_one_picture_a_shot(backbone, plan, take):
    preview = backbone.preview(take, plan)
    width, height = plan.size
    assert preview.shape == (3, height, width, 3) and 0 <= preview.min() and preview.max() <= 1


def test_takes_side_by_side_are_to_the_bit_what_they_are_alone(backbone, plan, take):
    other = backbone.sample(backbone.condition(plan, CAST), seed=5, settings=SETTINGS)
    pieces = list(backbone.decode_takes([take, other], plan, CAST))
    for number, alone in enumerate((take, other)):
        together = np.concatenate([piece[number] for piece in pieces])
        assert np.array_equal(together, frames_of(backbone, alone, plan))


def test_faces_show_the_expressions_that_were_asked_for(backbone):
    """From one expression to the next, a face changes where the stage's own render does, and in the same way."""
    shots = tuple(
        Shot(seconds=1, size="close", subjects=("ruby",), actions=(Action(subject="ruby", expression=expression),))
        for expression in ("joy", "anger", "surprise")
    )
    plan = resolve(Storyboard(place="studio", shots=shots), CAST, backbone.grid, backbone.limits, seed=(4, 4, 4))
    width, height = backbone.output_size(plan)
    x0, y0, x1, y1 = plan.blocking[0].subjects[0].head[6]
    face = slice(round(y0 * height), round(y1 * height)), slice(round(x0 * width), round(x1 * width))
    take = backbone.sample(backbone.condition(plan, CAST), seed=4, settings=SETTINGS)
    film, stage = (
        [frames[shot.start + 6][face].astype(float) for shot in plan.shots]
        for frames in (frames_of(backbone, take, plan), np.concatenate(list(draft(plan, CAST, width, height))))
    )
    for one, other in ((0, 1), (1, 2)):
        film_changes, stage_changes = film[one] - film[other], stage[one] - stage[other]
        assert np.corrcoef(film_changes.ravel(), stage_changes.ravel())[0, 1] > 0.5
        assert film_changes.std() > 0.4 * stage_changes.std()


def test_the_draft_opens_the_speakers_mouth(plan):
    sound = np.sin(np.arange(24000) * 0.05).astype(np.float32)
    line = SpokenLine(0, "ruby", 0.0, sound, 24000, voice="tone", note="")
    silent, speaking = (next(iter(draft(plan, CAST, 128, 72, lines))) for lines in ((), (line,)))
    assert (np.abs(silent.astype(int) - speaking) > 30).sum() > 20


def test_weights_say_who_made_them_how():
    about = load_weights()[3]
    assert about["history"] and all({"seed", "machine", "steps", "samples"} <= set(run) for run in about["history"])


def test_a_missing_or_foreign_weights_file_is_a_clear_mistake(tmp_path):
    from kling_core.errors import KlingError

    foreign = tmp_path / "weights.safetensors"
    foreign.write_bytes(b"not a tensor file")
    for path in (foreign, tmp_path / "absent.safetensors"):
        with pytest.raises(KlingError, match="kling train previz"):
            Previz.load(path)
