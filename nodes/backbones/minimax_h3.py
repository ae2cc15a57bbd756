"""MiniMax H3: pictures and sound in one packed stream, with references (Ref2VA) or a first and a last frame (FL2VA).

What the model is told is made by ComfyUI's own nodes for it, called from here, so that it is told the same on every
version. All tokens of a block meet in one attention, which is where our rules reach. They do not reach the two layers
before the blocks that mix the whole text (the token refiner), nor Qwen, which reads the prompt from its start. What
shots tell each other there stays in their text. Measured on six models of random weights, two shots fully isolated, all
words of shot 2 replaced before the refiner (tests/comfyui/backbones/test_minimax_h3.py has the first): the other rows
of text change by 1.4 to 5.2 percent of their size, shot 1's prediction by 0.4 to 5.2 percent, about as much as without
any rule (0.2 to 3.8). Replaced after the refiner, it does not change. Random weights attend evenly to everything, so
trained ones may leak less or more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import comfy.model_base
import comfy.model_management
import comfy.patcher_extension
import numpy as np
import torch

from kling_core.attention.layout import KINDS, Layout
from kling_core.backbone import Latents, Limits
from kling_core.errors import Problem
from kling_core.plan.forecast import ModelShape
from kling_core.plan.grid import H3_LATTICE, Grid
from kling_core.plan.prepared import prepared_clip, prepared_picture, prepared_sound
from kling_core.plan.reference_limits import H3, ReferenceLimits
from kling_core.plan.references import Reference, References
from kling_core.previz.draft import guide_frames
from kling_core.prompts.minimax_h3 import compile_base, compile_references
from kling_core.prompts.people import appearances

from .comfy_backbone import ComfyBackbone, refuse
from .contracts import POSITIVE, Conditioned, Connected, Options
from .decoding import Pieces
from .encode_once import EncodeOnce, content
from .framing import ASPECTS, as_image, cropped, sides
from .hooks import Attention
from .minimax_h3_layout import Encoded, LayoutCheck, layout_of, publish, tokens_of
from .minimax_h3_marks import with_marks
from .text import clip_tokens, token_spans

if TYPE_CHECKING:
    from comfy.model_patcher import ModelPatcher

    from kling_core.elements.element import Cast
    from kling_core.errors import ProblemList
    from kling_core.plan.plan import Plan
    from kling_core.prompts.prompt import Prompt
    from kling_core.sound.speech import SpokenLine

_FPS, _AUDIO_RATE, _AUDIO_CHANNELS = 24, 32000, 32
_WIDEST = 1344 / 768  # pixels at most, for a short edge of 1
_GROUP, _GROUP_LATENTS, _TAIL_LATENTS = H3_LATTICE.step, len(H3_LATTICE.period), H3_LATTICE.tail
_TAIL_FRAMES = H3_LATTICE.end(0)
_KINDS = {
    "auto": "FL2VA or Ref2VA (files do not tell)", "references": "Ref2VA", "frames": "FL2VA",
}  # fmt: skip
_DIALOGUE_MARK = "<d>"


class MiniMaxH3(ComfyBackbone):
    name = "MiniMax H3"
    licence = "MiniMax H3 Community License"
    notice = (
        "This licence excludes the EU, the UK, South Korea and the USA unless MiniMax authorises you.\n"
        "It asks for the attribution “MiniMax H3”, and its outputs may not train other models."
    )
    lattice = H3_LATTICE
    attentions = (Attention.of(" ".join(KINDS), " ".join(KINDS)),)
    speaks = True
    audio_axis = 2
    short_edge, size_step = 768, 32
    limits = Limits(
        shots=6, seconds=(4.0, 15.1), elements=7, views_per_element=None, subjects_per_shot=3, dissolves=True
    )
    latent_channels: ClassVar[int] = 24

    def __init__(self, connected: Connected, options: Options):
        super().__init__(replace(connected, clip=with_marks(connected.clip)), options)

    @classmethod
    def recognises(cls, model: ModelPatcher) -> bool:
        # Unknown to ComfyUI before v0.33.
        return isinstance(model.model, getattr(comfy.model_base, "MiniMaxH3", ()))

    @property
    def kind(self) -> str:
        return _KINDS[self.options.checkpoint]

    def _check_connected(self, problems: ProblemList) -> None:
        sound = self.connected.audio_vae
        if sound is not None and getattr(sound, "latent_channels", None) != _AUDIO_CHANNELS:
            problems.add("audio_vae", f"is not that of {self.name}", f"Load the audio VAE of {self.name}.")
        if self.connected.low_noise is not None:
            problems.add("low_noise", f"is no part of {self.name}", "Disconnect it: only Wan 2.2 has two experts.")
        if self.options.cfg != 1:
            problems.add("cfg", f"is {self.options.cfg:g}, and {self.name} has no negative branch", "Set it to 1.")

    @property
    def takes_videos(self) -> bool:
        return self.options.checkpoint != "frames"

    @property
    def reference_limits(self) -> ReferenceLimits:
        return H3

    @property
    def shape(self) -> ModelShape:
        attention = self._diffusion_model.blocks[0].attn
        return ModelShape(self.layers, self._diffusion_model.hidden_size, attention.heads, attention.head_dim)

    @property
    def grid(self) -> Grid:
        return Grid(
            fps=_FPS, lattice=self.lattice, spatial_stride=32, sizes=self.sizes(), audio_rate=_AUDIO_RATE,
            audio_token_rate=40.0,
        )  # fmt: skip

    def sizes(self) -> dict[str, tuple[int, int]]:
        """As ComfyUI's nodes choose them: the short edge, less where the area would be more than the model learned."""
        short, found = self.options.short_edge or self.short_edge, {}
        for aspect, ratio in ASPECTS.items():
            width, height = sides(ratio)
            scale = short * min(1.0, (_WIDEST / (width * height)) ** 0.5)
            found[aspect] = tuple(
                max(1, round(side * scale / self.size_step)) * self.size_step for side in (width, height)
            )
        return found

    def condition(
        self,
        plan: Plan,
        cast: Cast,
        speech: tuple[SpokenLine, ...] = (),
        *,
        first_frame: np.ndarray | None = None,
        last_frame: np.ndarray | None = None,
    ) -> Conditioned:
        references = self.references(plan, cast)
        ends = [None if given is None else cropped(given, plan.size) for given in (first_frame, last_frame)]
        clip = _Listening(self.connected.clip, self._once)
        if references.items:
            prompt = self.prompt(plan, cast, references)
            inputs = self._inputs(plan, cast, speech, references)
            positive, latent = self._with_references(plan, prompt, inputs, clip, ends)
        else:
            given = {"first_frame": first_frame is not None, "last_frame": last_frame is not None}
            prompt = compile_base(plan, cast, **given)
            positive, latent = self._with_ends(plan, prompt, clip, ends)
        self._require_own_states(positive)
        notes = [*prompt.notes, *references.left_out, *self._misread(prompt)]
        layout = self._layout(plan, cast, prompt, references, clip, positive, latent)
        if layout is None:
            notes.append("the text encoder's tokens could not be counted, so nothing is routed")
        layouts = {} if layout is None else {POSITIVE: layout}
        return Conditioned(plan, positive, [], layouts, latent["samples"], notes=tuple(notes))

    def prompt(self, plan: Plan, cast: Cast, references: References) -> Prompt:
        return compile_references(plan, cast, references)

    def references(self, plan: Plan, cast: Cast) -> References:
        chosen = super().references(plan, cast)
        if self.options.checkpoint != "frames" or not chosen.items:
            return chosen
        names = ", ".join(dict.fromkeys(item.subject for item in chosen.items))
        why = "are left out, FL2VA weights take a first and a last frame only"
        return References((), (str(Problem(f"pictures and voices of {names}", why, "Load Ref2VA weights.")),))

    def empty_latent(self, plan: Plan) -> Any:
        return _stock().EmptyMiniMaxH3LatentAV.execute(**_shape(plan))[0]["samples"]

    def _pieces(self, video: torch.Tensor, frames: int) -> Pieces | None:
        """In whole groups of 17 frames. The VAE decodes a group from its own five latents and the two after them, and
        blends its first frames into what the group before it made of them. So a piece is exact when the group before
        it is decoded with it."""
        if not _decodes_by_groups(self.connected.vae):
            return None
        groups = (video.shape[2] - _TAIL_LATENTS) // _GROUP_LATENTS
        most = max(1, (frames - _TAIL_FRAMES) // _GROUP - 1)
        return (
            self._decode_groups(video, start, min(start + most, groups), groups) for start in range(0, groups, most)
        )

    def decode_audio(self, latents: Latents, plan: Plan) -> np.ndarray:
        """The film's own sound, float32 [2, N] at 32 kHz."""
        _, sound = self.to_host(latents).unbind()
        found = self.connected.audio_vae.decode(sound)[0].T.float().cpu().numpy()
        # A film's length is no whole number of audio latents.
        length = round(plan.seconds * _AUDIO_RATE)
        return np.pad(found[:, :length], ((0, 0), (0, max(0, length - found.shape[1]))))

    def _run(self, model: ModelPatcher, *sampling: Any) -> Any:
        model = model.clone()
        model.add_wrapper_with_key(comfy.patcher_extension.WrappersMP.DIFFUSION_MODEL, "kling_core", publish)
        try:
            return super()._run(model, *sampling)
        except (RuntimeError, ValueError, TypeError) as reason:
            # ComfyUI v0.33 hands norms to its kernels as they are, and none takes fp8. Later ones may convert them.
            norms = str(self._diffusion_model.blocks[0].attn.q_norm.weight.dtype)
            if "float8" not in norms or isinstance(reason, comfy.model_management.OOM_EXCEPTION):
                raise
            remedy = "Load it with weight_dtype default; checkpoints made in fp8 keep their norms whole."
            what = f"even its norms are in fp8, which this ComfyUI cannot sample: {reason}"
            raise refuse("model", what, remedy) from reason

    def _fits(self) -> Callable[[Layout, Mapping[str, Any]], bool]:
        return LayoutCheck()

    def _with_references(
        self, plan: Plan, prompt: Prompt, inputs: Mapping[str, dict[str, Any]], clip: _Listening,
        ends: list[torch.Tensor | None],
    ) -> tuple[list, dict]:  # fmt: skip
        """Conditioning and latent with references, as `_inputs` has them, and the first and last frame as guides that
        the prompt does not count among its pictures."""
        stock = _stock()
        positive, latent = stock.MiniMaxH3ReferenceToVideo.execute(
            clip=clip, vae=self._vae, audio_vae=self._audio_vae, prompt=prompt.text, ref_image_size="match",
            **_shape(plan), **inputs,
        ).args
        for frame, picture in zip((0, plan.frames - 1), ends):
            if picture is not None:
                positive = stock.MiniMaxH3AddGuide.execute(
                    positive=positive, latent=latent, frame_idx=frame, vae=self._vae, image=picture
                )[0]
        return positive, latent

    def _inputs(
        self, plan: Plan, cast: Cast, speech: tuple[SpokenLine, ...], references: References
    ) -> dict[str, dict[str, Any]]:
        """References as the sockets of ComfyUI's node take them: pictures as large as the budget has them, clips at 24
        frames a second, sounds in stereo, all of them cut to their seconds."""
        inputs: dict[str, dict[str, Any]] = {
            "ref_images": {}, "ref_videos": {}, "ref_video_audios": {}, "ref_audios": {},
        }  # fmt: skip
        for item in references.items:
            if item is references.guide:
                frames = guide_frames(
                    plan, cast, item, speech,
                    stop_if_cancelled=comfy.model_management.throw_exception_if_processing_interrupted,
                )
                inputs["ref_videos"][f"ref_video_{item.ordinal}"] = as_image(frames)
                continue
            element = cast[item.element]
            if item.kind == "image":
                inputs["ref_images"][f"ref_image_{item.ordinal}"] = as_image(prepared_picture(element, item)[None])
            elif item.kind == "video":
                inputs["ref_videos"][f"ref_video_{item.ordinal}"] = as_image(prepared_clip(element, item, _FPS))
            elif item.soundtrack_of is not None:
                inputs["ref_video_audios"][f"ref_video_audio_{item.soundtrack_of}"] = _sound(element, item)
            else:
                inputs["ref_audios"][f"ref_audio_{item.ordinal}"] = _sound(element, item)
        return inputs

    def _with_ends(
        self, plan: Plan, prompt: Prompt, clip: _Listening, ends: list[torch.Tensor | None]
    ) -> tuple[list, dict]:
        first, last = ends
        return _stock().MiniMaxH3ImageToVideo.execute(
            clip=clip, vae=self._vae, prompt=prompt.text, first_frame=first, last_frame=last, **_shape(plan)
        ).args

    def _require_own_states(self, positive: list) -> None:
        width, wanted = positive[0][0].shape[-1], self._diffusion_model.condition_proj.in_features
        if width != wanted:
            raise refuse(
                "clip", f"its states have {width} numbers, {self.name} takes {wanted}",
                "Load Qwen3-VL-32B as it comes with MiniMax H3.",
            )  # fmt: skip

    def _misread(self, prompt: Prompt) -> Iterator[str]:
        if _DIALOGUE_MARK in prompt.text and len(tokens_of(self.tokenize(_DIALOGUE_MARK))) > 1:
            yield (f"this ComfyUI's tokenizer lacks the marks that MiniMax H3 learned for speech, such as "
                   f"{_DIALOGUE_MARK}, so lines may be misread; a newer ComfyUI has them")

    def _layout(
        self, plan: Plan, cast: Cast, prompt: Prompt, references: References, clip: _Listening, positive: list,
        latent: dict,
    ) -> Layout | None:  # fmt: skip
        states, told = positive[0]
        encoded = clip.encoded(states.shape[1], told.get("minimax_token_tags"))
        spans = token_spans(prompt, lambda text: clip_tokens(self.tokenize(text)))
        return layout_of(plan, appearances(plan, cast), spans, references, encoded, told, latent["samples"])

    def _decode_groups(self, video: torch.Tensor, start: int, stop: int, groups: int) -> torch.Tensor:
        """[t, H, W, 3] of groups [start, stop), and of the film's last frames where these are the last of them."""
        before = min(start, 1)
        piece = video[:, :, (start - before) * _GROUP_LATENTS : stop * _GROUP_LATENTS + _TAIL_LATENTS]
        frames = self.connected.vae.decode(piece)
        return frames[0, before * _GROUP : None if stop == groups else (before + stop - start) * _GROUP]


def _shape(plan: Plan) -> dict[str, int]:
    """A film's size and length, as the inputs of ComfyUI's nodes are called. They are given by name, here and in all
    other families: versions differ in the order."""
    width, height = plan.size
    return {"width": width, "height": height, "length": plan.frames}


def _stock() -> Any:
    from comfy_extras import nodes_minimax_h3

    return nodes_minimax_h3




def _sound(element: Any, item: Reference) -> dict[str, Any]:
    samples = prepared_sound(element, item, _AUDIO_RATE)
    return {"waveform": torch.from_numpy(samples)[None], "sample_rate": _AUDIO_RATE}


def _decodes_by_groups(vae: Any) -> bool:
    net = getattr(vae, "first_stage_model", None)
    found = tuple(getattr(net, name, None) for name in ("clip_length", "tokens_chunk_size", "token_overlap"))
    return found == (_GROUP, _GROUP_LATENTS, _TAIL_LATENTS)


@dataclass
class _Listening:
    """A CLIP that encodes everything once, and remembers what it was asked last."""

    clip: Any
    once: EncodeOnce
    tokens: Any = None
    asked: dict[str, Any] = field(default_factory=dict)

    def tokenize(self, text: str, **asked: Any) -> Any:
        self.asked, self.tokens = asked, self.clip.tokenize(text, **asked)
        return self.tokens

    def encode_from_tokens_scheduled(self, tokens: Any) -> list:
        told = [_told(token) for token in tokens_of(tokens)]
        return self.once(f"text {told}", lambda: self.clip.encode_from_tokens_scheduled(tokens))

    def encoded(self, rows: int, tags: torch.Tensor | None) -> Encoded:
        name, shown = next(((name, things) for name, things in self.asked.items() if things), ("", ()))

        def present(count: int) -> list:
            return tokens_of(self.clip.tokenize("", **{name: shown[:count]}))

        return Encoded(tokens_of(self.tokens), len(shown), present, rows, tags)


def _told(token: Any) -> Any:
    """A token by its content."""
    if isinstance(token, dict):
        return [(name, _told(value)) for name, value in sorted(token.items())]
    return content(token) if isinstance(token, torch.Tensor) else token
