"""What is special to MiniMax H3: what it is told, its packed layout, and how far our rules reach."""

from __future__ import annotations

import importlib
import logging
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from families import FAMILIES, PACKAGE
from tiny_models import QwenCLIP

from kling_core.attention import routing
from kling_core.attention.layout import REFERENCE, TEXT
from kling_core.attention.routing import Policy, Rule, ShotRule
from kling_core.elements.element import Cast
from kling_core.errors import KlingError
from kling_core.plan.resolve import plan as resolve
from kling_core.sampling.retake import audio_shots, given_sound, guided_by, latent_shots
from kling_core.storyboard.script import parse_script

sys.path.append(str(Path(__file__).parents[2] / "plan"))
from reference_scenes import cast, clip, element, picture, voice

pytestmark = [pytest.mark.comfyui, pytest.mark.usefixtures("backbones")]

SCRIPT = """Place: park
Shot 1 (2s, medium): @mira waves. Mira says, "Look."
Shot 2 (2s, medium): @leo nods. Leo says, "Yes."
"""
EMPTY = "Shot 1 (2s, wide): A tree. Shot 2 (2.1s, close-up): A leaf falls."
ISOLATED = Policy(Rule(), Rule(), Rule(0.0), Rule(0.0), ShotRule(mode="sparse"))


@pytest.fixture(scope="module")
def people() -> Cast:
    """A face and a voice, and a clip with its sound."""
    mira, leo = (dict(voice=voice(2.0)), dict(clip=clip(1, 3.0)))
    return cast(element("mira", views=("front",), **mira), element("leo", views=("front",), **leo))


@pytest.fixture(autouse=True)
def as_comfyui_runs_nodes():
    with torch.inference_mode():
        yield


def h3(**options):
    return FAMILIES["h3"].backbone(**options)


def layouts():
    return importlib.import_module(f"{PACKAGE}.minimax_h3_layout")


def planned(backbone, people=None, script=None):
    people = people or Cast()
    script = script or (SCRIPT if people.names else EMPTY)
    return resolve(parse_script(script, people.names), people, backbone.grid, backbone.limits)


def sampled(backbone, conditioning, seed=5, **how):
    return backbone.sample(conditioning, seed=seed, settings=backbone.defaults, **how)


def stock_run(backbone, positive, latent, seed=5):
    """BasicGuider and SamplerCustomAdvanced."""
    from comfy_extras import nodes_custom_sampler as nodes

    options, model = backbone.options, backbone.connected.model
    sigmas = nodes.BasicScheduler.execute(model, options.scheduler, options.steps, 1.0)[0]
    sampler = nodes.KSamplerSelect.execute(options.sampler)[0]
    guider = nodes.BasicGuider.execute(model, positive)[0]
    noise = nodes.RandomNoise.execute(seed)[0]
    return nodes.SamplerCustomAdvanced.execute(noise, guider, sampler, sigmas, latent)[0]["samples"]


def same(backbone, film, samples):
    return all(torch.equal(one, other) for one, other in zip(backbone.to_host(film).unbind(), samples.unbind()))


# What it is -----------------------------------------------------------------------------------------------------------


def test_it_tells_its_licence_and_what_the_weights_take():
    found = h3(checkpoint="references").found
    assert "MiniMax H3, Ref2VA, 3 layers" in found and "cuts after 17k frames, films of 17k + 5" in found
    assert "excludes the EU, the UK, South Korea and the USA" in found


def test_pictures_have_the_sizes_that_the_stock_nodes_choose():
    from comfy_extras.nodes_minimax_h3 import adapt_canvas

    assert h3(short_edge=0).sizes() == {
        "16:9": adapt_canvas(1920, 1080), "9:16": adapt_canvas(1080, 1920), "1:1": adapt_canvas(500, 500),
    }  # fmt: skip


def test_what_does_not_belong_is_told_at_once():
    family, base = FAMILIES["h3"], importlib.import_module(f"{PACKAGE}.comfy_backbone")
    connected = family.connected(family.model(0))
    wrong = replace(connected, audio_vae=connected.vae, low_noise=connected.model)
    with pytest.raises(KlingError) as told:
        importlib.import_module(PACKAGE).backbone_of(wrong, base.Options(cfg=3.0))
    assert all(what in str(told.value) for what in ("audio_vae: is not that of", "low_noise: is no part", "cfg: is 3"))
    with pytest.raises(KlingError, match="audio_vae: is missing"):
        importlib.import_module(PACKAGE).backbone_of(replace(connected, audio_vae=None), base.Options())


def test_another_text_encoder_is_refused_before_sampling():
    backbone = h3()
    backbone.connected = replace(backbone.connected, clip=QwenCLIP(20))
    with pytest.raises(KlingError, match="clip: its states have 20 numbers, MiniMax H3 takes 12"):
        backbone.condition(planned(backbone), Cast())


# What it is told ------------------------------------------------------------------------------------------------------


def test_first_and_last_frame_are_told_as_the_stock_node_tells_them():
    from comfy_extras.nodes_minimax_h3 import MiniMaxH3ImageToVideo

    from kling_core.prompts.minimax_h3 import compile_base

    backbone = h3()
    plan, connected = planned(backbone), backbone.connected
    first, last = (picture(seed, height=128, width=256) for seed in (1, 2))
    film = sampled(backbone, backbone.condition(plan, Cast(), first_frame=first, last_frame=last))
    prompt = compile_base(plan, Cast(), first_frame=True, last_frame=True)
    stock = MiniMaxH3ImageToVideo.execute(
        connected.clip, connected.vae, prompt.text, *plan.size, plan.frames,
        *(torch.from_numpy(each)[None] / 255 for each in (first, last)),
    )  # fmt: skip
    assert same(backbone, film, stock_run(backbone, *stock.args))
    other = sampled(backbone, backbone.condition(plan, Cast(), first_frame=last, last_frame=last))
    assert not torch.equal(other.video, film.video)


def test_a_picture_of_another_shape_is_cropped_and_not_stretched():
    tall = np.zeros((300, 100, 3), np.uint8)
    tall[140:160] = 255
    found = importlib.import_module(f"{PACKAGE}.framing").cropped(tall, (128, 64))
    assert found.shape == (1, 50, 100, 3) and found[0, 15:35].min() == 1 and found[0, :15].max() == 0


def test_references_and_a_first_frame_are_told_together(people):
    backbone = h3()
    plan = planned(backbone, people)
    told = backbone.condition(plan, people, first_frame=picture(3)).positive[0][1]
    assert [block["kind"] for block in told["minimax_refs"]] == ["image", "image", "video_audio", "audio"]
    assert [keyframe["resolved_frame_index"] for keyframe in told["minimax_keyframes"]] == [0]


def test_references_have_the_rate_the_length_and_the_sides_that_the_model_reads(people):
    """72 frames at 24 a second are cut to 17k + 5; sounds to what the budget gives them, in stereo."""
    thirty = cast(element("leo", views=("front",), clip=clip(1, 3.0, fps=30.0)))
    for who in (people, thirty):
        backbone = h3()
        plan = planned(backbone, who, 'Shot 1 (4s, medium): @leo nods. Leo says, "Yes."')
        blocks = backbone.condition(plan, who).positive[0][1]["minimax_refs"]
        video, = (block for block in blocks if block["kind"] == "video_audio")
        assert video["latent_t"] == (56 - 5) // 17 * 5 + 2
        assert video["audio_latent"].shape == (1, 32, 2, video["ref_audio_t"]) and video["ref_audio_t"] == 94
        assert all(block["ref_audio_t"] <= 600 for block in blocks if "ref_audio_t" in block)


def test_frames_weights_get_no_references_and_say_so(people):
    backbone = h3(checkpoint="frames")
    plan = planned(backbone, people)
    conditioning = backbone.condition(plan, people)
    assert "minimax_refs" not in conditioning.positive[0][1]
    assert any("pictures and voices of @mira, @leo: are left out" in note for note in conditioning.notes)


def test_a_tokenizer_that_can_learn_no_marks_is_told(people, monkeypatch):
    monkeypatch.setattr(importlib.import_module(f"{PACKAGE}.minimax_h3"), "with_marks", lambda clip: clip)
    backbone = h3()
    plan = planned(backbone, people)
    lacking = [note for note in backbone.condition(plan, people).notes if "tokenizer lacks the marks" in note]
    entries = backbone.connected.clip.tokenize("<d>")["qwen3vl_32b"][0]
    assert bool(lacking) == (len(entries) > 1)
    silent = planned(backbone, people, "Shot 1 (4s, medium): @mira waves at @leo.")
    assert not any("tokenizer lacks" in note for note in backbone.condition(silent, people).notes)


def test_everything_is_encoded_once(people):
    backbone = h3()
    plan = planned(backbone, people)
    encoded = []
    for vae in (backbone.connected.vae, backbone.connected.audio_vae):
        encode = vae.encode
        vae.encode = lambda samples, encode=encode: encoded.append(1) or encode(samples)
    backbone.condition(plan, people)
    assert len(encoded) == 5 and backbone.connected.clip.encodings == 1
    backbone.condition(plan, people)
    assert len(encoded) == 5 and backbone.connected.clip.encodings == 1
    other = cast(element("mira", views=("side",)), people.bindings[1].element)
    backbone.condition(planned(backbone, other), other)
    assert len(encoded) == 6 and backbone.connected.clip.encodings == 2


# How it lies ----------------------------------------------------------------------------------------------------------


def test_our_segments_are_the_models_own(people):
    from comfy.ldm.minimax.model import PackedLayout

    backbone = h3()
    plan = planned(backbone, people)
    for frames in ({}, {"first_frame": picture(3), "last_frame": picture(4)}):
        for checkpoint in ("auto", "frames"):
            backbone = h3(checkpoint=checkpoint)
            conditioning = backbone.condition(plan, people, **frames)
            (states, told), = conditioning.positive
            video, sound = conditioning.latent.unbind()
            theirs = PackedLayout(
                states.shape[1], *video.shape[2:], sound.shape[-1], told.get("minimax_keyframes"),
                told.get("minimax_refs"),
            )  # fmt: skip
            ours = conditioning.layouts[0]
            assert ours.tokens == theirs.seq_len and layouts().same_segments(ours, theirs.segments)
            moved = [(start, stop + (at == 0), kind) for at, (start, stop, kind) in enumerate(theirs.segments)]
            assert not layouts().same_segments(ours, moved)
            renamed = [(start, stop, "video" if kind == "audio" else kind) for start, stop, kind in theirs.segments]
            assert not layouts().same_segments(ours, renamed)


def test_what_the_text_encoder_sees_of_a_reference_belongs_to_its_owner(people):
    backbone = h3()
    plan = planned(backbone, people)
    conditioning = backbone.condition(plan, people)
    layout, (states, told) = conditioning.layouts[0], conditioning.positive[0]
    shown = [segment for segment in layout.select(REFERENCE) if segment.stop <= states.shape[1]]
    assert [segment.owner for segment in shown] == ["mira", "leo", "leo", "leo", "mira"]
    vision = (told["minimax_token_tags"] == 0).nonzero()[:, 0].tolist()
    assert vision and all(any(one.start <= row < one.stop for one in shown[:2] + shown[3:4]) for row in vision)
    assert [segment.owner for segment in layout.select(REFERENCE)[5:]] == ["mira", "leo", "leo", "leo", "mira"]


def test_text_of_a_shot_is_found_among_the_tokens(people):
    backbone = h3()
    plan = planned(backbone, people)
    conditioning = backbone.condition(plan, people)
    prompt = backbone.prompt(plan, people, backbone.references(plan, people))
    tokenizer = backbone.connected.clip.tokenizer.qwen3vl_32b.tokenizer
    numbers = [number for number, _ in backbone.tokenize(prompt.text)["qwen3vl_32b"][0]]
    text = [segment for segment in conditioning.layouts[0].select(TEXT) if len(segment)]
    first = text[0].start
    for shot, name in enumerate(("waves", "nods")):
        said = "".join(
            tokenizer.decode(numbers[segment.start - first : segment.stop - first])
            for segment in text if segment.shot == shot
        )  # fmt: skip
        assert f"[Shot {shot + 1}]" in said and f"[Shot {2 - shot}]" not in said and name in said


def test_a_scene_whose_tokens_cannot_be_counted_is_made_without_routing(people):
    backbone = h3(policy=ISOLATED)
    plan = planned(backbone, people)
    encode = backbone.connected.clip.encode_from_tokens_scheduled

    def untagged(tokens):
        (states, told), = encode(tokens)
        return [[states, {"pooled_output": None}]]

    backbone.connected.clip.encode_from_tokens_scheduled = untagged
    conditioning = backbone.condition(plan, people)
    assert not conditioning.layouts and any("nothing is routed" in note for note in conditioning.notes)
    assert same(backbone, sampled(backbone, conditioning), stock_run(backbone, conditioning.positive, {
        "samples": conditioning.latent,
    }))  # fmt: skip


def test_a_model_that_packs_otherwise_is_left_alone_and_said_so_once(people, caplog, monkeypatch):
    from comfy.ldm.minimax.model import PackedLayout

    backbone = h3(policy=ISOLATED)
    plan = planned(backbone, people)
    conditioning = backbone.condition(plan, people)
    routed = sampled(backbone, conditioning)
    make = PackedLayout.__init__

    def otherwise(self, *args, **kwargs):
        make(self, *args, **kwargs)
        start, stop, kind = self.segments[1]
        self.segments[1:2] = [(start, start + 1, kind), (start + 1, stop, kind)]

    monkeypatch.setattr(PackedLayout, "__init__", otherwise)
    with caplog.at_level(logging.WARNING):
        film = sampled(backbone, conditioning)
    assert [record.message.count("nothing is routed") for record in caplog.records if "Kling" in record.message] == [1]
    assert same(backbone, film, stock_run(backbone, conditioning.positive, {"samples": conditioning.latent}))
    assert not torch.equal(film.video, routed.video)


def test_the_layout_is_found_where_newer_versions_tell_it(people):
    class Published:
        signature = ()
        segments = [(0, 3, "text"), (3, 5, "audio"), (5, 9, "video")]

    layout = routing_layout()
    check = layouts().LayoutCheck()
    assert check(layout, {layouts().PUBLISHED: Published()}) and check(layout, {layouts().CARRIED: Published()})
    assert not check(layout, {})


def routing_layout():
    from kling_core.attention.layout import LayoutBuilder

    builder = LayoutBuilder()
    for kind, count in (("text", 3), ("audio", 2), ("video", 4)):
        builder.add(kind, torch.zeros(count, 3))
    return builder.layout((frozenset(),))


# How far the rules reach ----------------------------------------------------------------------------------------------


@pytest.fixture
def isolated(monkeypatch):
    """A policy that no user has: nothing of another shot is seen, picture or sound."""
    hides = lambda view, looking, seen: None not in (looking.shot, seen.shot) and looking.shot != seen.shot  # noqa: E731
    monkeypatch.setattr(routing._View, "shots", hides)
    return ISOLATED


def first_shot(plan, film):
    return film.video[latent_shots(plan) == 0], film.audio[audio_shots(plan) == 0]


def changed(before, after):
    """How much a film's picture and sound differ, relative to what they are."""
    return max(float((one - other).norm() / one.norm()) for one, other in zip(before, after))


def with_states(conditioning, states, **told):
    return replace(conditioning, positive=[[states, conditioning.positive[0][1] | told]])


def noise_like(tensor):
    return torch.randn(tensor.shape, generator=torch.Generator().manual_seed(3))


def test_isolated_shots_do_not_feel_the_references_and_words_of_others(people, isolated):
    """From the first block on: the text goes in as the token refiner gives it out."""
    backbone = h3(policy=isolated, steps=1)
    plan = planned(backbone, people)
    conditioning = backbone.condition(plan, people)
    layout, (states, told) = conditioning.layouts[0], conditioning.positive[0]
    refined = backbone._diffusion_model.preprocess_text_embeds(states)
    theirs = [
        segment for segment in layout.segments if segment.stop <= states.shape[1]
        and (segment.shot == 1 or segment.kind == REFERENCE and segment.owner == "leo")
    ]
    words = refined.clone()
    for segment in theirs:
        words[:, segment.start : segment.stop] += 5 * noise_like(words[:, segment.start : segment.stop])
    blocks = [
        block | {name: block[name] + noise_like(block[name]) for name in ("latent", "audio_latent") if name in block}
        if owner == "leo" else block
        for owner, block in zip(("mira", "leo", "leo", "mira"), told["minimax_refs"], strict=True)
    ]
    before = sampled(backbone, with_states(conditioning, refined))
    after = sampled(backbone, with_states(conditioning, words, minimax_refs=blocks))
    assert max(float((a - b).abs().max()) for a, b in zip(first_shot(plan, before), first_shot(plan, after))) < 1e-5
    assert changed((before.video[latent_shots(plan) == 1],), (after.video[latent_shots(plan) == 1],)) > 0.01


def test_what_the_token_refiner_lets_through_is_known(people, isolated):
    """The refiner mixes the whole text before the first block, where no rule reaches. Relative changes on the first of
    the random models whose figures stand at the head of the adapter, when all words of shot 2 are others."""
    backbone = h3(policy=isolated, steps=1)
    plan = planned(backbone, people)
    conditioning = backbone.condition(plan, people)
    states = conditioning.positive[0][0]
    other, elsewhere = states.clone(), torch.ones(states.shape[1], dtype=torch.bool)
    for segment in conditioning.layouts[0].select(TEXT):
        if segment.shot == 1:
            other[:, segment.start : segment.stop] = noise_like(other[:, segment.start : segment.stop])
            elsewhere[segment.start : segment.stop] = False
    refined = [backbone._diffusion_model.preprocess_text_embeds(each)[0, elsewhere] for each in (states, other)]
    assert changed(refined[:1], refined[1:]) == pytest.approx(0.034, abs=0.005)
    before, after = (sampled(backbone, with_states(conditioning, each)) for each in (states, other))
    assert changed(first_shot(plan, before), first_shot(plan, after)) == pytest.approx(0.027, abs=0.005)


# What stays and what is given -----------------------------------------------------------------------------------------


def test_given_sound_stays_to_the_bit_and_the_pictures_follow_it(people):
    backbone = h3()
    plan = planned(backbone, people)
    conditioning = backbone.condition(plan, people)
    empty = backbone.empty(plan)
    films = []
    for seed in (1, 2):
        sound = torch.randn(empty.audio.shape, generator=torch.Generator().manual_seed(seed))
        film = sampled(backbone, conditioning, keep=given_sound(empty, sound, track=0))
        assert torch.equal(film.audio, sound)
        films.append(film)
    assert not torch.equal(films[0].video, films[1].video)


def test_a_guide_is_followed_the_closer_the_stronger(people):
    backbone = h3()
    plan = planned(backbone, people)
    conditioning = backbone.condition(plan, people)
    empty = backbone.empty(plan)
    guide = torch.randn(empty.video.shape, generator=torch.Generator().manual_seed(1))
    apart = [
        float((sampled(backbone, conditioning, keep=guided_by(empty, guide, strength)).video - guide).norm())
        for strength in (0.0, 0.5, 0.95)
    ]
    assert apart[0] > apart[1] > apart[2]
    plain = sampled(backbone, conditioning)
    assert torch.equal(plain.video, sampled(backbone, conditioning, keep=guided_by(empty, guide, 0.0)).video)
