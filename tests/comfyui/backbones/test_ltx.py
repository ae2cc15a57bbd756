"""What is LTX's own: its generations, its two streams, first and last frame, voices, and what its connectors mix."""

from __future__ import annotations

import importlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from families import FAMILIES, PACKAGE, base, ltx_connected
from tiny_models import LTX, LTX_2_3, LTX_2_5, ltx, ltx_audio_vae, ltx_video_vae, wan

from kling_core.attention.layout import AUDIO, REFERENCE, TEXT, VIDEO
from kling_core.attention.routing import Policy, Rule, ShotRule
from kling_core.attention.spans import Group, KeySpan, SpanTable
from kling_core.backbone import Latents
from kling_core.elements.element import Cast
from kling_core.errors import KlingError
from kling_core.plan.resolve import plan as resolve
from kling_core.storyboard.script import parse_script

pytestmark = [pytest.mark.comfyui, pytest.mark.usefixtures("backbones")]

SCRIPT = """Place: park
Shot 1 (1.5s, medium): @mira waves. Mira says, "Look."
Shot 2 (1.5s, wide): @leo nods. Leo says, "Yes."
"""
ROUTED = Policy(shots=ShotRule(mode="sparse"))


def backbone(config=LTX, **options):
    return FAMILIES["ltx-2"].backbone(ltx(0, config), **options)


def planned(made, cast, script=SCRIPT):
    return resolve(parse_script(script, cast.names), cast, made.grid, made.limits)


def sampled(made, conditioning, seed=5, **how):
    return made.sample(conditioning, seed=seed, settings=made.defaults, **how)


# What it is -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (LTX, "LTX-2 (plain attention"), (LTX_2_3, "LTX-2.3 (gated attention"), (LTX_2_5, "LTX-2.5 (gated attention"),
        (LTX_2_5 | {"use_keyframes_abs_pos_embedding": False}, "LTX-2.5 (gated attention"),
    ],
    ids=["2", "2.3", "2.5", "2.5 without marks"],
)
def test_its_generations_are_told_apart(config, kind):
    found = backbone(config).found
    assert f"LTX-2.x, {kind}, connectors of 1 layers), 2 layers" in found
    assert "cuts after 8k + 1 frames" in found and "10 million US dollars" in found


def test_a_model_of_it_without_sound_is_refused():
    import comfy.model_base

    model = ltx()
    model.model.__class__ = comfy.model_base.LTXV
    with pytest.raises(KlingError, match="is a LTXV, which Kling Core cannot direct.*LTX-2.x"):
        FAMILIES["ltx-2"].backbone(model)


def test_everything_wrong_with_what_is_connected_is_told_at_once():
    connected = replace(ltx_connected(ltx()), low_noise=wan())
    with pytest.raises(KlingError) as told:
        importlib.import_module(PACKAGE).backbone_of(replace(connected, audio_vae=ltx_video_vae()), base().Options())
    assert "audio_vae: is none of LTX-2.x" in str(told.value) and "no second expert" in str(told.value)
    with pytest.raises(KlingError, match="audio_vae: is missing"):
        importlib.import_module(PACKAGE).backbone_of(replace(connected, audio_vae=None), base().Options())


def test_there_are_as_many_audio_tokens_as_the_stock_node_makes():
    codec, grid = ltx_audio_vae().first_stage_model, backbone().grid
    for frames in range(9, 500, 8):
        assert grid.audio_tokens(frames) == codec.num_of_latents_from_frames(frames, 24.0)
    assert (grid.fps, grid.audio_rate, grid.audio_token_rate) == (24, 24000, 25.0)


def test_its_own_scheduler_is_the_stock_workflows():
    from comfy_extras.nodes_lt import LTXVScheduler

    made = backbone(scheduler=importlib.import_module(PACKAGE).OWN_SCHEDULER)
    assert torch.equal(made.schedule(7), LTXVScheduler.execute(7, 2.05, 0.95, True, 0.1).args[0])
    assert not torch.equal(made.schedule(7), backbone().schedule(7))


# First and last frame, retakes, given sound, guides -------------------------------------------------------------------


@pytest.fixture(scope="module")
def stills():
    return np.random.default_rng(0).integers(0, 255, (2, 96, 160, 3), np.uint8)


def stock_with_ends(made, plan, cast, stills, seed):
    """The stock nodes' graph for a first and a last frame."""
    import comfy_extras.nodes_lt as lt
    from comfy_extras.nodes_lt_audio import LTXVEmptyLatentAudio

    import nodes
    from kling_core.prompts.ltx import compile_prose

    prompt, connected = compile_prose(plan, cast), made.connected
    both = (nodes.CLIPTextEncode().encode(connected.clip, text)[0] for text in (prompt.text, prompt.negative))
    positive, negative = lt.LTXVConditioning.execute(*both, 24.0).args
    fitted = importlib.import_module(f"{PACKAGE}.framing").fitted
    first, last = (lt.LTXVPreprocess.execute(fitted(still, plan.size)[None], 33).args[0] for still in stills)
    latent = lt.EmptyLTXVLatentVideo.execute(*plan.size, plan.frames).args[0]
    latent = lt.LTXVImgToVideoInplace.execute(connected.vae, first, latent, 1.0).args[0]
    positive, negative, latent = lt.LTXVAddGuide.execute(positive, negative, connected.vae, latent, last, -1, 1.0).args
    sound = LTXVEmptyLatentAudio.execute(plan.frames, 24.0, 1, connected.audio_vae).args[0]
    latent = lt.LTXVConcatAVLatent.execute(latent, sound).args[0]
    sampled, = nodes.KSampler().sample(
        connected.model, seed, made.options.steps, made.options.cfg, made.options.sampler, made.options.scheduler,
        positive, negative, latent,
    )  # fmt: skip
    video, audio = lt.LTXVSeparateAVLatent.execute(sampled).args
    return lt.LTXVCropGuides.execute(positive, negative, video).args[2]["samples"], audio["samples"]


def test_first_and_last_frame_are_the_stock_nodes_run_to_the_bit(cast, stills):
    made = backbone()
    plan = planned(made, cast)
    conditioning = made.condition(plan, cast, first_frame=stills[0], last_frame=stills[1])
    ours = made.to_host(sampled(made, conditioning)).unbind()
    for one, other in zip(ours, stock_with_ends(made, plan, cast, stills, 5), strict=True):
        assert torch.equal(one, other) and one.std() > 0
    assert torch.allclose(ours[0][:, :, 0], conditioning.latent.unbind()[0][:, :, 0], atol=1e-5)


def test_the_last_frame_is_one_more_picture_of_the_last_shot(cast, stills):
    made = backbone(policy=ROUTED)
    plan = planned(made, cast)
    with_last, without = made.condition(plan, cast, last_frame=stills[1]), made.condition(plan, cast)
    layout = with_last.layouts[0]
    assert layout.count([VIDEO]) == without.layouts[0].count([VIDEO]) + 8
    assert layout.segments[-1].shot == 1
    assert layout.positions[-1].tolist() == pytest.approx([plan.seconds, 1, 3])
    assert not torch.equal(sampled(made, with_last).video, sampled(made, without).video)


def test_a_retake_keeps_the_other_shot_when_pictures_are_given(cast, stills):
    from kling_core.sampling.retake import audio_shots, keep_all_but, latent_shots

    made = backbone()
    plan = planned(made, cast)
    conditioning = made.condition(plan, cast, first_frame=stills[0], last_frame=stills[1])
    take = sampled(made, conditioning)
    again = sampled(made, conditioning, seed=8, keep=keep_all_but(plan, take, [1]))
    assert again.video.shape == take.video.shape
    for name, of in (("video", latent_shots), ("audio", audio_shots)):
        stays = of(plan) == 0
        assert torch.equal(getattr(again, name)[stays], getattr(take, name)[stays])
        assert not torch.allclose(getattr(again, name)[~stays], getattr(take, name)[~stays])


def test_given_sound_stays_and_is_heard_by_the_picture(cast):
    from kling_core.sampling.retake import given_sound

    made = backbone()
    plan = planned(made, cast)
    conditioning, like = made.condition(plan, cast), made.empty(plan)
    films = []
    for seed in (1, 2):
        sound = torch.randn(like.audio.shape, generator=torch.Generator().manual_seed(seed))
        films.append(sampled(made, conditioning, keep=given_sound(like, sound, 0)))
        assert torch.equal(films[-1].audio, sound)
    assert not torch.equal(films[0].video, films[1].video)


def test_a_guide_is_followed_the_closer_the_stronger(cast):
    from kling_core.sampling.retake import guided_by

    made = backbone()
    plan = planned(made, cast)
    guide = torch.randn(made.empty(plan).video.shape, generator=torch.Generator().manual_seed(3))
    conditioning, apart = made.condition(plan, cast), []
    for strength in (0.2, 0.6, 1.0):
        film = sampled(made, conditioning, keep=guided_by(made.empty(plan), guide, strength)).video
        apart.append((film - guide).abs().mean().item())
    assert apart[0] > apart[1] > apart[2] == 0


# Text and its connectors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", [LTX, LTX_2_3], ids=["2", "2.3"])
@pytest.mark.parametrize("words", [3, 1024, 1100])
def test_the_blocks_see_as_many_rows_of_text_as_the_layout_has(config, words):
    made = backbone(config)
    states = torch.randn(1, words, made.connected.clip.width)
    connected = made._diffusion_model.preprocess_text_embeds(states, unprocessed=True)
    assert made._rows([[states, {"unprocessed_ltxav_embeds": True}]]) == connected.shape[1]
    assert made._rows([[connected, {}]]) == connected.shape[1]


def test_a_shots_words_are_where_the_layout_has_them(cast):
    """With connectors behind them rows still stand for the words before, whatever padding the encoder left out."""
    made = backbone()
    plan = planned(made, cast)
    conditioning = made.condition(plan, cast)
    shown = [
        (segment.shot, conditioning.positive[0][0][0, segment.start : segment.stop])
        for segment in conditioning.layouts[0].select(TEXT) if segment.shot is not None
    ]
    state = made.connected.clip.state
    numbers = [number for number, _ in made.tokenize("waves. nods.")["gemma"][0]][-2:]
    for shot, number in enumerate(numbers):
        holds = {at for at, rows in shown if (rows == state(number)).all(1).any()}
        assert holds == {shot}


def leak(config, cast):
    """How much rows of text change, behind the connectors, when other words are in shot 2: of shot 1, of the global
    text, of the registers and of shot 2 itself, the last counted as 1."""
    made = backbone(config)
    plan = planned(made, cast)
    conditioning = made.condition(plan, cast)
    layout, states = conditioning.layouts[0], conditioning.positive[0][0]
    rows = {None: [], 0: [], 1: []}
    for segment in layout.select(TEXT):
        rows[segment.shot] += range(segment.start, segment.stop)
    other = states.clone()
    other[:, rows[1]] = torch.randn(1, len(rows[1]), states.shape[2], generator=torch.Generator().manual_seed(0))
    net, words = made._diffusion_model, states.shape[1]
    with torch.no_grad():
        before, after = (net.preprocess_text_embeds(each, unprocessed=True)[0] for each in (states, other))
    change = (after - before).pow(2).mean(1).sqrt()
    said = [row for row in rows[None] if row < words]
    return {
        name: (change[which].mean() / change[rows[1]].mean()).item()
        for name, which in (("shot 1", rows[0]), ("global", said), ("registers", range(words, len(change))))
    }


@pytest.mark.parametrize("config", [LTX, LTX_2_3], ids=["2", "2.3"])
def test_connectors_carry_a_shots_words_into_every_other_row(config, cast):
    """Before our reach, so isolation of text starts behind them. One layer of random weights moves other rows by 0.7 %
    (LTX-2) to 1.8 % (2.3) of what it moves the changed ones; of trained weights that says nothing."""
    leaks = leak(config, cast)
    assert all(0 < share < 1 for share in leaks.values()), leaks


def shot_by_shot(layout, policy, *, queries, keys, **where):
    """A policy for tests only: a shot sees nothing but itself and what belongs to no shot."""
    looking, seen = spans_of(layout, queries), spans_of(layout, keys)
    groups = [
        Group(
            tuple(span for of, span in looking if of == shot),
            tuple(KeySpan(*span) for of, span in seen if of in (None, shot)),
        )
        for shot in sorted({shot for shot, _ in looking})
    ]
    return SpanTable(layout.count(queries), layout.count(keys), tuple(groups))


def spans_of(layout, kinds):
    """Shot and [start, stop) of the segments of some kinds, as if there were no others."""
    found, at = [], 0
    for segment in layout.select(*kinds):
        found.append((segment.shot, (at, at + len(segment))))
        at += len(segment)
    return [(shot, span) for shot, span in found if span[0] < span[1]]


@pytest.mark.parametrize("config", [LTX, LTX_2_3, LTX_2_5], ids=["2", "2.3", "2.5"])
def test_shots_that_see_only_themselves_do_not_feel_what_changes_in_others(config, cast, monkeypatch):
    import comfy.sample

    from kling_core.sampling.retake import audio_shots, latent_shots

    hooks, prepare = importlib.import_module(f"{PACKAGE}.hooks"), comfy.sample.prepare_noise
    made = backbone(config, policy=ROUTED, steps=1, cfg=1.0)
    plan = planned(made, cast)
    conditioning = behind_connectors(made, made.condition(plan, cast))

    def other_noise(latent, seed):
        film = made.from_host(prepare(latent, seed))
        film.video[latent_shots(plan) == 1] *= -2
        film.audio[audio_shots(plan) == 1] *= -2
        return made.to_host(film)

    def change_of_shot_1():
        monkeypatch.setattr(comfy.sample, "prepare_noise", prepare)
        before = sampled(made, conditioning)
        monkeypatch.setattr(comfy.sample, "prepare_noise", other_noise)
        after = sampled(made, with_other_words(conditioning, 1))
        video, audio = latent_shots(plan) == 0, audio_shots(plan) == 0
        return [(after.video - before.video)[video].abs().max(), (after.audio - before.audio)[audio].abs().max()]

    assert min(change_of_shot_1()) > 1e-3
    monkeypatch.setattr(hooks, "route", shot_by_shot)
    assert max(change_of_shot_1()) < 1e-5


def behind_connectors(made, conditioning):
    states, extra = conditioning.positive[0]
    with torch.no_grad():
        states = made._diffusion_model.preprocess_text_embeds(states, unprocessed=True)
    return replace(conditioning, positive=[[states, extra | {"unprocessed_ltxav_embeds": False}]])


def with_other_words(conditioning, shot, **more):
    (states, extra), states = conditioning.positive[0], conditioning.positive[0][0].clone()
    for segment in conditioning.layouts[0].select(TEXT):
        if segment.shot == shot:
            states[:, segment.start : segment.stop] *= -2
    return replace(conditioning, positive=[[states, extra | more]])


# Attention calls ------------------------------------------------------------------------------------------------------


def test_a_mask_of_the_models_own_holds_where_attention_is_routed(cast):
    """Words that the model's text mask hides cannot be felt, whatever the rules show."""
    made = backbone(policy=Policy(text=Rule(0.5), shots=ShotRule(mode="sparse")), cfg=1.0)
    conditioning = behind_connectors(made, made.condition(planned(made, cast), cast))
    mask = torch.ones(1, conditioning.positive[0][0].shape[1], dtype=torch.int64)
    for segment in conditioning.layouts[0].select(TEXT):
        if segment.shot == 1:
            mask[:, segment.start : segment.stop] = 0
    states, extra = conditioning.positive[0]
    masked = replace(conditioning, positive=[[states, extra | {"attention_mask": mask}]])
    film = sampled(made, masked).video
    assert torch.allclose(film, sampled(made, with_other_words(masked, 1)).video, atol=1e-5)
    assert not torch.allclose(film, sampled(made, conditioning).video, atol=1e-3)


SIX = ("video video", "video text", "audio audio", "audio text", "video audio", "audio video")


@pytest.mark.parametrize(
    ("options", "called"),
    [
        ({}, SIX),
        ({"run_vx": False}, ("audio audio", "audio text", "audio video")),
        ({"run_ax": False}, ("video video", "video text", "video audio")),
        ({"a2v_cross_attn": False, "v2a_cross_attn": False}, SIX[:4]),
        ({"v2a_cross_attn": False}, SIX[:5]),
        ({"stg_self_attn_blocks": (0, 1)}, ("video text", "audio text", "video audio", "audio video")),
    ],
    ids=["all", "sound", "picture", "severed", "blind sound", "perturbed"],
)
def test_attentions_are_told_apart_where_guidance_leaves_some_out(cast, monkeypatch, options, called):
    """In a film whose picture has as many tokens as its sound, so that only their order tells most of them apart."""
    hooks = importlib.import_module(f"{PACKAGE}.hooks")
    asked, route = [], hooks.route

    def watched(layout, policy, **how):
        if how["layer"] == 1:
            asked.append(" ".join([*how["queries"], *how["keys"]]))
        return route(layout, policy, **how)

    monkeypatch.setattr(hooks, "route", watched)
    model = ltx()
    model.model_options["transformer_options"].update(options)
    made = FAMILIES["ltx-2"].backbone(model, policy=ROUTED, steps=1, cfg=1.0)
    plan = planned(made, cast, SCRIPT.replace("1.5s", "3.5s"))
    conditioning = made.condition(plan, cast)
    assert conditioning.layouts[0].count([VIDEO]) == conditioning.layouts[0].count([AUDIO])
    sampled(made, conditioning)
    assert tuple(asked) == called


# Voices ---------------------------------------------------------------------------------------------------------------


def test_a_voice_is_given_only_where_the_id_lora_is_said_to_be_loaded(cast):
    without, made = backbone(), backbone(id_lora=True)
    plan = planned(made, cast)
    told = without.condition(plan, cast)
    assert "ref_audio" not in told.positive[0][1] and not told.layouts[0].count([REFERENCE]) and told.model is None
    assert any("@leo, voice: left out" in note for note in told.notes) and "Load an ID-LoRA" in told.notes[-1]
    given = made.condition(plan, cast)
    (voice,) = given.layouts[0].select(REFERENCE)
    assert len(voice) == given.positive[0][1]["ref_audio"]["tokens"].shape[1] > 25
    (other,) = {"mira", "leo"} - {voice.owner}
    assert any(f"@{other}, voice" in note for note in given.notes) and "Load an ID-LoRA" not in given.notes[-1]


def test_who_speaks_unseen_still_has_their_voice(cast):
    made = backbone(id_lora=True)
    script = 'Shot 1 (1.5s, wide): @leo waves. Mira (off screen): "Look at this tree."\nShot 2 (1.5s): @leo nods.'
    plan = planned(made, cast, script)
    layout = made.condition(plan, cast).layouts[0]
    assert "mira" not in plan.shots[0].subjects and layout.select(REFERENCE)[0].owner == "mira"
    assert "mira" in layout.cast_in_shot[0] and "mira" not in layout.cast_in_shot[1]


# Decoding -------------------------------------------------------------------------------------------------------------


def test_sound_is_as_long_as_the_film(cast):
    made = backbone()
    plan = planned(made, cast)
    tokens = torch.randn(made.empty(plan).audio.shape, generator=torch.Generator().manual_seed(0))
    sound = made.decode_audio(Latents(made.empty(plan).video, tokens), plan)
    assert sound.dtype == np.float32 and sound.shape == (2, round(plan.seconds * 24000))
    with torch.no_grad():
        stock = made.connected.audio_vae.decode(tokens.movedim(0, 1)[None])[0].T.numpy()
    assert np.array_equal(sound[:, : stock.shape[1]], stock[:, : sound.shape[1]]) and sound.std() > 0


def film_of(made, plan, budget):
    shape = made.empty(plan).video.shape
    video = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        portions = made.decode_video(Latents(video, made.empty(plan).audio), plan, Cast(), memory_budget=budget)
        return np.concatenate(list(portions))


def test_its_own_vae_decodes_in_portions_without_a_seam(cast, monkeypatch):
    """The VAE hands on between portions what they share: the same film, to the rounding of numbers."""
    from comfy.ldm.lightricks.vae import causal_video_autoencoder

    connected = replace(ltx_connected(ltx()), vae=ltx_video_vae())
    made = importlib.import_module(PACKAGE).backbone_of(connected, base().Options(short_edge=64))
    plan = planned(made, cast)
    whole = film_of(made, plan, None)
    monkeypatch.setattr(causal_video_autoencoder, "get_max_chunk_size", lambda device: 2**15)
    portions = film_of(made, plan, 1)
    assert whole.shape == (plan.frames, *plan.size[::-1], 3) and whole.std() > 0
    assert np.abs(whole.astype(int) - portions).max() <= 1


def test_another_vae_decodes_in_tiles_that_fit_the_budget(cast, monkeypatch):
    connected = replace(ltx_connected(ltx()), vae=ltx_video_vae())
    made = importlib.import_module(PACKAGE).backbone_of(connected, base().Options(short_edge=512))
    plan, vae, tiles = planned(made, cast), connected.vae, []

    def decode_tiled(video, *tile):
        tiles.append(tile)
        return torch.zeros(1, plan.frames, 2, 2, 3)

    monkeypatch.setattr(vae.first_stage_model, "comfy_has_chunked_io", False)
    monkeypatch.setattr(vae, "decode_tiled", decode_tiled)
    budget = vae.memory_used_decode((1, 128, 4, 10, 10), vae.vae_dtype)
    film_of(made, plan, budget)
    ((width, height, overlap, latents, overlap_in_time),) = tiles
    assert vae.memory_used_decode((1, 128, latents, height, width), vae.vae_dtype) <= budget
    assert 0 < overlap < width and 0 < overlap_in_time <= latents
