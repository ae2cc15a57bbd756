"""What holds for every large family, shown with random models of its true class in a real ComfyUI."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from families import FAMILIES, PACKAGE

from kling_core.attention.routing import RULES, Policy, Rule, ShotRule
from kling_core.elements.element import Cast
from kling_core.errors import KlingError
from kling_core.plan.resolve import plan as resolve
from kling_core.storyboard.script import parse_script

sys.path.append(str(Path(__file__).parents[2] / "attention"))
from attention_scenes import dense_bias

pytestmark = [pytest.mark.comfyui, pytest.mark.usefixtures("backbones")]

SCRIPT = """Place: park
Shot 1 (1.5s, medium): @mira waves. Mira says, "Look."
Shot 2 (1.5s, medium): @leo nods. Leo says, "Yes."
Shot 3 (1.5s, full): @mira and @leo talk. Leo says, "Good."
"""
OVERRIDE = "optimized_attention_override"


@pytest.fixture(params=FAMILIES)
def family(request):
    return FAMILIES[request.param]


def planned(backbone: Any, cast: Cast, script: str = SCRIPT):
    return resolve(parse_script(script, cast.names), cast, backbone.grid, backbone.limits)


def sampled(backbone: Any, plan: Any, cast: Cast, seed: int = 5, **how: Any):
    conditioning = backbone.condition(plan, cast)
    return backbone.sample(conditioning, seed=seed, settings=backbone.defaults, **how)


def only(**rules: Rule) -> Policy:
    """Every rule off but these."""
    return Policy(**({name: Rule(0.0) for name in RULES if name != "shots"} | {"shots": ShotRule(0.0)} | rules))


HARD = {
    "text": only(text=Rule()), "references": only(references=Rule()), "regions": only(regions=Rule()),
    "voices": only(voices=Rule()), "transition": only(shots=ShotRule(mode="transition")),
    "sparse": only(shots=ShotRule(mode="sparse")), "soft": Policy(*(Rule(0.6),) * 4, ShotRule(0.3, mode="sparse")),
    "all": Policy(shots=ShotRule(mode="sparse")),
}  # fmt: skip


def test_an_open_policy_is_the_stock_nodes_run_to_the_bit(family, cast):
    backbone = family.backbone()
    plan = planned(backbone, cast)
    ours = backbone.to_host(sampled(backbone, plan, cast))
    stock = family.stock(backbone, plan, cast, 5, backbone.defaults.steps)
    for one, other in zip(parts(ours), parts(stock), strict=True):
        assert torch.equal(one, other.float()) and one.std() > 0


def test_a_rule_changes_the_film(family, cast):
    plain, routed = family.backbone(), family.backbone(policy=HARD["all"])
    plan = planned(plain, cast)
    assert not torch.equal(sampled(plain, plan, cast).video, sampled(routed, plan, cast).video)


@pytest.mark.parametrize("policy", HARD)
def test_routed_attention_is_dense_masked_attention(family, cast, policy):
    calls = recorded(family, cast, HARD[policy])
    assert calls
    for call in calls:
        for number, (q, k, v, output) in call.parts():
            mask = call.bias(number, HARD[policy])
            dense = F.scaled_dot_product_attention(q, k, v, attn_mask=mask.to(q)).nan_to_num()
            assert torch.allclose(output, dense, atol=2e-5), (call.attention, number)


@pytest.mark.parametrize("rule", ["text", "references", "regions", "voices", "transition", "sparse"])
def test_what_a_rule_hides_cannot_be_felt_and_what_it_shows_can(family, cast, rule):
    """Keys and values are changed at the routed attention itself, first those hidden from shot 1's part of it, then
    those it sees."""
    calls = recorded(family, cast, HARD[rule])
    felt = 0
    for at, call in enumerate(calls):
        for number, _ in call.parts():
            hidden = call.bias(number, HARD[rule]) == -torch.inf
            for row in call.rows_to_try(hidden):
                before = call.output_of(number)[..., row, :]
                for which, is_felt in ((hidden[row], False), (~hidden[row], True)):
                    again = changed_keys(family, cast, HARD[rule], at, number, which)[at]
                    change = (again.output_of(number)[..., row, :] - before).abs().max()
                    assert change > 1e-3 if is_felt else change < 1e-5
                felt += 1
            if felt >= 6:
                return
    if not felt:
        pytest.skip(f"this family has no tokens that the rule {rule} is about")


def test_it_goes_on_through_an_override_that_was_there_before(family, cast):
    seen = []

    def theirs(func: Callable, *args: Any, **kwargs: Any) -> torch.Tensor:
        seen.append(kwargs.get("mask"))
        return func(*args, **kwargs)

    model = family.model(0)
    model.model_options["transformer_options"][OVERRIDE] = theirs
    alone = family.backbone(policy=HARD["all"])
    plan = planned(alone, cast)
    film = sampled(family.backbone(model, policy=HARD["all"]), plan, cast)
    assert seen and torch.equal(film.video, sampled(alone, plan, cast).video)
    assert model.model_options["transformer_options"] == {OVERRIDE: theirs}


def test_block_patches_of_others_stay_in_force(family, cast):
    model, blocks = family.model(0), []

    def theirs(args: dict, extra: dict) -> dict:
        blocks.append(1)
        return extra["original_block"](args)

    model.set_model_patch_replace(theirs, "dit", "double_block", 1)
    plan = planned(family.backbone(model), cast)
    film = sampled(family.backbone(model, policy=HARD["all"]), plan, cast)
    assert blocks and torch.equal(film.video, sampled(family.backbone(policy=HARD["all"]), plan, cast).video)


def test_a_lora_changes_the_film_and_routing_still_holds(family, cast):
    model = family.model(0)
    key = next(name for name in model.model_state_dict() if name.endswith(".weight") and "blocks.1" in name)
    weight = model.model_state_dict()[key]
    model.add_patches({key: (torch.full_like(weight, 0.05),)})
    patched = family.backbone(model, policy=HARD["all"])
    plan = planned(patched, cast)
    assert not torch.equal(
        sampled(patched, plan, cast).video, sampled(family.backbone(policy=HARD["all"]), plan, cast).video
    )
    for call in recorded(family, cast, HARD["all"], model):
        for number, (q, k, v, output) in call.parts():
            dense = F.scaled_dot_product_attention(q, k, v, attn_mask=call.bias(number, HARD["all"]).to(q)).nan_to_num()
            assert torch.allclose(output, dense, atol=2e-5)


def test_a_compiled_model_is_routed_alike(family, cast):
    from comfy_api.torch_helpers import set_torch_compile_wrapper

    model = family.model(0)
    set_torch_compile_wrapper(model=model, backend="eager")
    plan = planned(family.backbone(), cast)
    compiled = sampled(family.backbone(model, policy=HARD["all"]), plan, cast).video
    plain = sampled(family.backbone(policy=HARD["all"]), plan, cast).video
    assert torch.allclose(compiled, plain, atol=1e-4)


def test_the_users_model_is_as_it_was(family, cast):
    backbone = family.backbone(policy=HARD["all"])
    plan, model = planned(backbone, cast), backbone.connected.model
    before = {name: tensor.clone() for name, tensor in model.model_state_dict().items()}
    stock = family.stock(backbone, plan, cast, 5, 2)
    sampled(backbone, plan, cast)
    assert OVERRIDE not in model.model_options["transformer_options"]
    assert "patches_replace" not in model.model_options["transformer_options"]
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.model_state_dict().items())
    again = family.stock(backbone, plan, cast, 5, 2)
    assert all(torch.equal(one, other) for one, other in zip(parts(stock), parts(again), strict=True))


def test_an_interrupt_passes_through_and_leaves_the_model_unpatched(family, cast):
    import comfy.model_management

    backbone = family.backbone(policy=HARD["all"])
    plan = planned(backbone, cast)
    stock = family.stock(backbone, plan, cast, 5, 2)

    def interrupt(step: int, steps: int, preview: Any) -> None:
        raise comfy.model_management.InterruptProcessingException

    with pytest.raises(comfy.model_management.InterruptProcessingException):
        sampled(backbone, plan, cast, progress=interrupt)
    assert OVERRIDE not in backbone.connected.model.model_options["transformer_options"]
    again = family.stock(backbone, plan, cast, 5, 2)
    assert all(torch.equal(one, other) for one, other in zip(parts(stock), parts(again), strict=True))


def test_progress_counts_every_step_and_shows_a_picture_a_shot(family, cast):
    backbone, seen = family.backbone(), []
    plan = planned(backbone, cast)
    sampled(backbone, plan, cast, progress=lambda *told: seen.append(told))
    assert [told[:2] for told in seen] == [(1, 2), (2, 2)]
    for _, _, preview in seen:
        assert preview is None or (len(preview) == 3 and 0 <= preview.min() and preview.max() <= 1)


def test_a_retake_leaves_every_other_shot_to_the_bit(family, cast):
    from kling_core.sampling.retake import audio_shots, keep_all_but, latent_shots

    backbone = family.backbone()
    plan = planned(backbone, cast)
    take = sampled(backbone, plan, cast)
    again = sampled(backbone, plan, cast, seed=9, keep=keep_all_but(plan, take, [1]))
    stays = latent_shots(plan) != 1
    assert torch.equal(again.video[stays], take.video[stays])
    assert (again.video[~stays] - take.video[~stays]).abs().mean() > 0.1 * take.video.std()
    if len(take.audio):
        stays = audio_shots(plan) != 1
        assert torch.equal(again.audio[stays], take.audio[stays])
        assert not torch.allclose(again.audio[~stays], take.audio[~stays])


def test_the_film_has_every_frame_of_the_plan(family, cast):
    backbone = family.backbone()
    plan = planned(backbone, cast)
    film = list(backbone.decode_video(sampled(backbone, plan, cast), plan, cast))
    width, height = plan.size
    assert [portion.shape for portion in film] == [(shot.frames, height, width, 3) for shot in plan.shots]
    sound = backbone.decode_audio(backbone.empty(plan), plan)
    assert sound.shape == (2, round(plan.seconds * plan.grid.audio_rate))


def test_connected_sigmas_stand_in_for_scheduler_and_steps(family, cast):
    plain = family.backbone(steps=3)
    plan = planned(plain, cast)
    given = family.backbone(sigmas=plain.schedule(3), scheduler="karras")
    assert torch.equal(sampled(given, plan, cast).video, sampled(plain, plan, cast).video)
    with pytest.raises(KlingError, match="steps: 5 are asked for, and the connected sigmas have 3"):
        given.sigmas(5)


def test_the_forecast_counts_the_films_tokens_and_tells_time_once_a_step_was_measured(family, cast):
    backbone = family.backbone()
    plan = planned(backbone, cast)
    before = backbone.forecast(plan, cast)
    rows, columns = plan.grid.tokens_per_latent(plan.aspect)
    assert f"{backbone.lattice.latents(plan.frames) * rows * columns:,} video" in before
    sampled(backbone, plan, cast)
    assert len(backbone.forecast(plan, cast)) > len(before)


def test_the_forecast_tells_the_prompt_and_what_it_changed_of_the_directors_words(family, cast):
    """A negative that nobody can turn into a positive: a family without a negative branch leaves it out and says so."""
    backbone = family.backbone()
    plan = replace(planned(backbone, cast), negative="wobbling teapots")
    prompt = backbone.prompt(plan, cast, backbone.references(plan, cast))
    assert prompt.negative or prompt.notes
    assert all(part in backbone.forecast(plan, cast) for part in (*prompt.notes, prompt.text))


def test_a_wrong_vae_is_told_before_anything_runs(family):
    model = family.model(0)
    connected = family.connected(model)
    connected.vae.latent_channels = 3
    from importlib import import_module

    options = import_module(f"{PACKAGE}.comfy_backbone").Options()
    with pytest.raises(KlingError, match="vae: its latents have 3 channels"):
        import_module(PACKAGE).backbone_of(connected, options)


def test_what_was_found_is_told(family):
    backbone = family.backbone()
    assert backbone.name in backbone.found and backbone.licence in backbone.found


# How attention is watched ---------------------------------------------------------------------------------------------


class Call:
    """One routed attention call of a block: its tensors [B, heads, tokens, head_dim] and its output."""

    def __init__(self, layouts, attention, numbers, q, k, v, output):
        self.layouts, self.attention, self.numbers = layouts, attention, numbers
        self.q, self.k, self.v, self.output = q, k, v, output

    def parts(self):
        count = len(self.numbers)
        for at, number in enumerate(self.numbers):
            if number in self.layouts:
                yield number, tuple(t.chunk(count)[at] for t in (self.q, self.k, self.v, self.output))

    def output_of(self, number):
        return dict(self.parts())[number][3]

    def bias(self, number, policy):
        """[queries, keys] as the rules' own words have it."""
        layout = self.layouts[number]
        rows, columns = (tokens_of(layout, kinds) for kinds in (self.attention.queries, self.attention.keys))
        return dense_bias(layout, policy)[rows][:, columns]

    def rows_to_try(self, hidden):
        """A few queries of the first shot from which something, but not all, is hidden."""
        layout = self.layouts[0]
        first = [
            segment.shot == 0 for segment in layout.segments if segment.kind in self.attention.queries
            for _ in range(len(segment))
        ]
        partly = hidden.any(1) & ~hidden.all(1)
        rows = [row for row in partly.nonzero()[:, 0].tolist() if row < len(first) and first[row]]
        return rows[:: max(1, len(rows) // 2)][:2]


def tokens_of(layout, kinds):
    return [
        token for segment in layout.segments if segment.kind in kinds
        for token in range(segment.start, segment.stop)
    ]


_conditioned = {}


def conditioned(family, cast):
    """The scene as the family is told it, which no policy changes."""
    if id(family) not in _conditioned:
        backbone = family.backbone()
        _conditioned[id(family)] = backbone.condition(planned(backbone, cast), cast)
    return _conditioned[id(family)]


def recorded(family, cast, policy, model=None, change: Callable | None = None) -> list[Call]:
    """The attention calls of the first block in the first step under a policy. change(at, k, v) may change a call's
    keys and values, [B, heads, keys, head_dim]."""
    from importlib import import_module

    hooks = import_module(f"{PACKAGE}.hooks")
    backbone = family.backbone(model, policy=policy, steps=1)
    conditioning = conditioned(family, cast)
    routing = hooks.Routing(conditioning.layouts, policy, backbone.attentions, backbone.layers)
    install, calls = hooks.install, []

    def watched(model, _):
        clone = install(model, routing)
        ours = clone.model_options["transformer_options"][OVERRIDE]

        def watch(func, *args, **kwargs):
            given = dict(zip(hooks._ARGUMENTS, args)) | kwargs
            options = given.get("transformer_options") or {}
            block = options.get(hooks.BLOCK)
            if block is None or block.index != 0:
                return ours(func, *args, **kwargs)
            heads, packed = given["heads"], not given.get("skip_reshape")
            q, k, v = (hooks._by_head(given[n], heads) if packed else given[n] for n in "qkv")
            lengths = q.shape[2], k.shape[2]
            layout = conditioning.layouts[0]
            fitting = [
                each for each in backbone.attentions if (layout.count(each.queries), layout.count(each.keys)) == lengths
            ]
            if change is not None:
                k, v = change(len(calls), k, v)
            attention = fitting[block.seen[lengths]] if block.seen[lengths] < len(fitting) else None
            rest = {name: value for name, value in given.items() if name not in ("q", "k", "v", "heads")}
            rest |= {"skip_reshape": True, "skip_output_reshape": True}
            output = ours(func, q, k, v, heads, **rest)
            if attention is not None:
                calls.append(Call(conditioning.layouts, attention, options.get("cond_or_uncond", [0]), q, k, v, output))
            shaped = output if given.get("skip_output_reshape") else output.transpose(1, 2).flatten(2)
            return shaped

        clone.model_options["transformer_options"][OVERRIDE] = watch
        return clone

    base = import_module(f"{PACKAGE}.comfy_backbone")
    base.install, before = watched, base.install
    try:
        backbone.sample(conditioning, seed=5, settings=backbone.defaults)
    finally:
        base.install = before
    return calls


def changed_keys(family, cast, policy, at, number, which):
    """The calls once more, with noise upon the keys and values `which` [keys] of call `at` in condition `number`."""

    def change(call, k, v):
        if call != at:
            return k, v
        generator = torch.Generator().manual_seed(1)
        noise = torch.randn(k.shape, generator=generator) * 5 * which[:, None]
        return k + noise, v + noise

    return recorded(family, cast, policy, change=change)


def parts(samples: Any) -> list[torch.Tensor]:
    return [part.cpu() for part in (samples.unbind() if samples.is_nested else [samples])]
