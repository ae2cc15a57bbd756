"""LTX-2.x: picture and sound in two streams that look at each other, told in prose.

What the model is told is made by ComfyUI's own LTX nodes, so that nothing differs from their workflows; they are given
their inputs by name, since versions differ in the order. Between the text encoder and the blocks stand the model's
connectors: they keep the words in their order, fill up to 1024 rows with learned registers, and let every row see every
other. The rules hide the rows of another shot's words; what connectors have carried from there into other rows, the
registers above all, stays visible to every shot.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import dropwhile
from typing import TYPE_CHECKING, Any

import comfy.model_base
import comfy_extras.nodes_lt as nodes_lt
import comfy_extras.nodes_lt_audio as nodes_lt_audio
import numpy as np
import torch
import torch.nn.functional as F
from comfy.nested_tensor import NestedTensor

from kling_core.attention.film_tokens import add_audio, add_text, add_video, film_layout
from kling_core.attention.layout import REFERENCE, VIDEO, Layout, LayoutBuilder
from kling_core.backbone import Keep, Latents, Limits, Settings
from kling_core.plan.forecast import ModelShape
from kling_core.plan.grid import LTX_LATTICE, Grid
from kling_core.plan.prepared import prepared_sound
from kling_core.plan.reference_limits import LTX as NO_REFERENCES
from kling_core.plan.reference_limits import LTX_VOICE, ReferenceLimits
from kling_core.plan.references import References
from kling_core.prompts.ltx import compile_prose
from kling_core.prompts.people import appearances

from . import OWN_SCHEDULER
from .comfy_backbone import ComfyBackbone
from .contracts import NEGATIVE, POSITIVE, Conditioned
from .decoding import Pieces, written
from .framing import fitted
from .hooks import Attention
from .previews import StepCallback
from .text import Tokens, clip_tokens, moved, token_spans

if TYPE_CHECKING:
    from comfy.model_patcher import ModelPatcher

    from kling_core.elements.element import Cast
    from kling_core.errors import ProblemList
    from kling_core.plan.plan import Plan
    from kling_core.prompts.prompt import Prompt, PromptSpan
    from kling_core.sound.speech import SpokenLine

_STRIDE = 32  # pixels a latent, and latents are tokens
_LEAST_ROWS = 1024  # of text behind the connectors
# Lightricks' pipelines compress pictures that a film begins or ends with, by these factors of H.264, to be like the
# films that the models learned from.
_COMPRESSION, _COMPRESSION_2_5 = 33, 18
_IDENTITY_GUIDANCE = 3.0  # the default of LTXVReferenceAudio
_SCHEDULE = {"max_shift": 2.05, "base_shift": 0.95, "stretch": True, "terminal": 0.1}  # LTXVScheduler's defaults
_VOICE_TIME = -1.0
_LEAST_TILE = (2, 8)  # latents in time and a side
# Options by which guidance nodes have blocks leave attentions out.
_NO_PICTURE, _NO_SOUND = ("run_vx", False), ("run_ax", False)
_DEAF, _BLIND = ("a2v_cross_attn", False), ("v2a_cross_attn", False)
_PERTURBED = ("stg_skip_self_attn", True)


class LTX(ComfyBackbone):
    name = "LTX-2.x"
    licence = "LTX-2.x Community License"
    notice = "Entities with an annual revenue of 10 million US dollars or more need a paid licence for commercial use."
    lattice = LTX_LATTICE
    # The reference sound lies before the film's own. The last four are those of the pass without it, which guidance
    # towards it compares with.
    attentions = (
        Attention.of("video", "video", _NO_PICTURE, _PERTURBED),
        Attention.of("video", "text", _NO_PICTURE),
        Attention.of("reference audio", "reference audio", _NO_SOUND, _PERTURBED),
        Attention.of("reference audio", "text", _NO_SOUND),
        Attention.of("video", "reference audio", _NO_PICTURE, _DEAF),
        Attention.of("reference audio", "video", _NO_SOUND, _BLIND),
        Attention.of("audio", "audio", _NO_SOUND, _PERTURBED),
        Attention.of("audio", "text", _NO_SOUND),
        Attention.of("video", "audio", _NO_PICTURE, _DEAF),
        Attention.of("audio", "video", _NO_SOUND, _BLIND),
    )
    speaks = True
    short_edge, size_step = 704, _STRIDE
    limits = Limits(
        shots=6, seconds=(3.0, 15.0), elements=7, views_per_element=None, subjects_per_shot=3, dissolves=True
    )

    @classmethod
    def recognises(cls, model: ModelPatcher) -> bool:
        return type(model.model) is comfy.model_base.LTXAV

    @property
    def kind(self) -> str:
        """Told by what came with each generation: words modulated by noise with 2.3, marked keyframes and
        layers without bias with 2.5."""
        net = self._diffusion_model
        version = "LTX-2.5" if self._is_2_5 else "LTX-2.3" if net.cross_attention_adaln else "LTX-2"
        gated = "gated attention" if net.apply_gated_attention else "plain attention"
        return f"{version} ({gated}, connectors of {len(net.video_embeddings_connector.transformer_1d_blocks)} layers)"

    @property
    def layers(self) -> int:
        return len(self._diffusion_model.transformer_blocks)

    def _check_connected(self, problems: ProblemList) -> None:
        if self.connected.low_noise is not None:
            problems.add("low_noise", f"{self.name} has no second expert", "Disconnect it.")
        if self.connected.audio_vae is not None and not hasattr(self._codec, "num_of_latents_from_frames"):
            problems.add("audio_vae", f"is none of {self.name}", f"Load the audio VAE of {self.name}.")

    @property
    def reference_limits(self) -> ReferenceLimits:
        return LTX_VOICE if self.options.id_lora else NO_REFERENCES

    @property
    def shape(self) -> ModelShape:
        """Of the stream of pictures, in which nearly all tokens are."""
        net = self._diffusion_model
        return ModelShape(self.layers, net.inner_dim, net.num_attention_heads, net.attention_head_dim)

    @property
    def grid(self) -> Grid:
        return Grid(
            fps=24, lattice=self.lattice, spatial_stride=_STRIDE, sizes=self.sizes(),
            audio_rate=self._codec.output_sample_rate, audio_token_rate=self._codec.latents_per_second,
        )  # fmt: skip

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
        prompt = self.prompt(plan, cast, references)
        positive, negative = self.encode_text(prompt.text), self.encode_text(prompt.negative)
        spans, rows = self._spans(prompt, positive), (self._rows(positive), self._rows(negative))
        positive, negative = nodes_lt.LTXVConditioning.execute(
            positive=positive, negative=negative, frame_rate=plan.grid.fps
        ).args
        model, owner = None, None
        if references.items:
            owner = references.items[0].element
            samples = prepared_sound(cast[owner], references.items[0], self._voice_rate)
            model, positive, negative = self._with_voice(samples, positive, negative)
        positive, negative, latent = self._with_ends(plan, positive, negative, first_frame, last_frame)
        voice = (owner, positive[0][1]["ref_audio"]["tokens"].shape[1]) if owner else None
        ended, seen = last_frame is not None, appearances(plan, cast)
        layouts = {
            POSITIVE: self._layout(plan, seen, spans, rows[POSITIVE], voice, ended),
            NEGATIVE: self._layout(plan, seen, (), rows[NEGATIVE], voice, ended),
        }
        notes = [*prompt.notes, *references.left_out]
        if plan.lines and not owner:
            notes.append("voices: words alone tell of them. Load an ID-LoRA and say so to give one speaker theirs.")
        mask = latent.get("noise_mask")
        return Conditioned(plan, positive, negative, layouts, latent["samples"], mask, tuple(notes), model)

    def prompt(self, plan: Plan, cast: Cast, references: References) -> Prompt:
        return compile_prose(plan, cast)

    def empty_latent(self, plan: Plan) -> NestedTensor:
        return self._with_sound(plan, self._no_pictures(plan))["samples"]

    def schedule(self, steps: int) -> torch.Tensor:
        if self.options.scheduler != OWN_SCHEDULER:
            return super().schedule(steps)
        return nodes_lt.LTXVScheduler.execute(steps=steps, **_SCHEDULE).args[0]

    def decode_audio(self, latents: Latents, plan: Plan) -> np.ndarray:
        """float32 [2, N] of the plan's length. The codec ends a few hundredths of a second early: silence."""
        samples = {"samples": latents.audio.movedim(0, self.audio_axis)[None]}
        decoded = nodes_lt_audio.LTXVAudioVAEDecode.execute(samples=samples, audio_vae=self.connected.audio_vae)
        heard = decoded.args[0]["waveform"]
        length = round(plan.seconds * plan.grid.audio_rate)
        sound = heard[0, :, :length].detach().float().cpu()
        return F.pad(sound, (0, length - sound.shape[1])).expand(2, -1).numpy()

    def _pieces(self, video: torch.Tensor, frames: int) -> Pieces | None:
        """As the VAE writes them: it goes through the film in portions and keeps what they share. A group of latents by
        itself would need nearly all others: in a decoder of five layers a level, such as ComfyUI's default for this
        class, each latent reaches 21.5 latents far, both ways."""
        return written(self.connected.vae, video) if self._writes_in_portions else None

    def _whole(self, video: torch.Tensor, memory_budget: int | None) -> torch.Tensor:
        """In tiles that overlap, and differ by a little, where a VAE that cannot stream would take more than the
        budget."""
        vae, shape = self.connected.vae, tuple(video.shape)
        if memory_budget is None or self._writes_in_portions:
            return vae.decode(video)

        def fits(latents: int, side: int) -> bool:
            tile = (*shape[:2], latents, min(side, shape[3]), min(side, shape[4]))
            return vae.memory_used_decode(tile, vae.vae_dtype) <= memory_budget

        latents, side = shape[2], max(shape[3:])
        if fits(latents, side):
            return vae.decode(video)
        while latents > _LEAST_TILE[0] and not fits(latents, side):
            latents = -(-latents // 2)
        while side > _LEAST_TILE[1] and not fits(latents, side):
            side = -(-side // 2)
        return vae.decode_tiled(video, side, side, side // 4, latents, max(1, latents // 4))

    def _denoise(
        self, conditioning: Conditioned, noise: Any, latent: Any, mask: Any, seed: int, settings: Settings,
        callback: StepCallback,
    ) -> NestedTensor:  # fmt: skip
        video, audio = super()._denoise(conditioning, noise, latent, mask, seed, settings, callback).unbind()
        return NestedTensor((video[:, :, : self.lattice.latents(conditioning.plan.frames)], audio))

    def _with_kept(self, latent: NestedTensor, mask: Any, keep: Keep) -> tuple[Any, Any]:
        """What follows the film's latents stays as it is given."""
        more = (0, 0) * 2 + (0, latent.unbind()[0].shape[2] - len(keep.video))
        video = F.pad(keep.latents.video.transpose(0, 1), more).transpose(0, 1)
        keep = replace(keep, latents=replace(keep.latents, video=video), video=F.pad(keep.video, more))
        return super()._with_kept(latent, mask, keep)

    # What the model is told ------------------------------------------------------------------------------------------

    def _with_voice(self, samples: np.ndarray, positive: list, negative: list) -> tuple[ModelPatcher, list, list]:
        """The one voice that ID-LoRA takes, and guidance towards it. samples: [2, N] at `_voice_rate`."""
        sound = {"waveform": torch.from_numpy(samples)[None], "sample_rate": self._voice_rate}
        model, audio_vae = self.connected.model, self._audio_vae
        return nodes_lt.LTXVReferenceAudio.execute(
            model=model, positive=positive, negative=negative, reference_audio=sound, audio_vae=audio_vae,
            identity_guidance_scale=_IDENTITY_GUIDANCE, start_percent=0.0, end_percent=1.0,
        ).args

    def _with_ends(
        self, plan: Plan, positive: list, negative: list, first: np.ndarray | None, last: np.ndarray | None
    ) -> tuple[list, list, dict[str, Any]]:
        """Conditions and latents of a film with these pictures. The last one follows the film's latents, as one more at
        the time of its last frame."""
        vae, pictures = self._vae, self._no_pictures(plan)
        if first is not None:
            (pictures,) = nodes_lt.LTXVImgToVideoInplace.execute(
                vae=vae, image=self._still(first, plan), latent=pictures, strength=1.0
            ).args
        if last is not None:
            positive, negative, pictures = nodes_lt.LTXVAddGuide.execute(
                positive=positive, negative=negative, vae=vae, latent=pictures, image=self._still(last, plan),
                frame_idx=-1, strength=1.0,
            ).args
        return positive, negative, self._with_sound(plan, pictures)

    def _still(self, picture: np.ndarray, plan: Plan) -> torch.Tensor:
        factor = _COMPRESSION_2_5 if self._is_2_5 else _COMPRESSION
        return nodes_lt.LTXVPreprocess.execute(image=fitted(picture, plan.size)[None], img_compression=factor).args[0]

    def _no_pictures(self, plan: Plan) -> dict[str, Any]:
        width, height = plan.size
        return nodes_lt.EmptyLTXVLatentVideo.execute(width=width, height=height, length=plan.frames).args[0]

    def _with_sound(self, plan: Plan, pictures: dict[str, Any]) -> dict[str, Any]:
        (sound,) = nodes_lt_audio.LTXVEmptyLatentAudio.execute(
            frames_number=plan.frames, frame_rate=plan.grid.fps, batch_size=1, audio_vae=self.connected.audio_vae
        ).args
        return nodes_lt.LTXVConcatAVLatent.execute(video_latent=pictures, audio_latent=sound).args[0]

    # Where its tokens lie --------------------------------------------------------------------------------------------

    def _layout(
        self, plan: Plan, seen: Mapping[str, Sequence[int]], spans: tuple[PromptSpan, ...], rows: int,
        voice: tuple[str, int] | None, ended: bool,
    ) -> Layout:  # fmt: skip
        """rows: of text. voice: whose reference sound there is, in how many tokens. ended: whether the last picture is
        given, which is then one more picture of the last shot."""
        builder = LayoutBuilder()
        add_text(builder, spans, rows)
        if voice:
            owner, tokens = voice
            builder.add(REFERENCE, torch.full((tokens, 3), _VOICE_TIME), owner=owner)
        add_audio(builder, plan, plan.grid.audio_tokens(plan.frames))
        height, width = plan.grid.tokens_per_latent(plan.aspect)
        add_video(builder, plan, height, width)
        if ended:
            places = torch.stack(torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij"), -1)
            positions = F.pad(places.flatten(0, 1).float(), (1, 0), value=plan.seconds)
            builder.add(VIDEO, positions, shot=plan.shots[-1].index)
        return film_layout(builder, plan, seen)

    def _spans(self, prompt: Prompt, encoded: list) -> tuple[PromptSpan, ...]:
        """A prompt's spans in rows of text, from which encoders leave out the padding before the words."""
        spans, states = token_spans(prompt, self._words), encoded[0][0]
        before = 0 if self._is_connected(encoded) else states.shape[1] - len(self._words(prompt.text))
        return moved(spans, before)

    def _words(self, text: str) -> Tokens:
        padding = self._once("padding", lambda: clip_tokens(self.tokenize(""))[0])
        return list(dropwhile(lambda token: token == padding, clip_tokens(self.tokenize(text))))

    def _rows(self, encoded: list) -> int:
        """How many rows of text the blocks see."""
        rows = encoded[0][0].shape[1]
        if self._is_connected(encoded):
            return rows
        registers = self._diffusion_model.video_embeddings_connector.num_learnable_registers
        return registers * math.ceil(max(_LEAST_ROWS, rows) / registers)

    def _is_connected(self, encoded: list) -> bool:
        """Whether a text went through connectors in the encoder already, as those of the first checkpoints have them:
        the question that the model asks itself."""
        (states, extra), net = encoded[0], self._diffusion_model
        done = net.cross_attention_dim + net.audio_cross_attention_dim, 2 * net.caption_channels
        return not extra.get("unprocessed_ltxav_embeds", False) and states.shape[-1] in done

    @property
    def _is_2_5(self) -> bool:
        net = self._diffusion_model
        return getattr(net, "keyframes_abs_pos_embedding", None) is not None or not getattr(net, "ff_bias", True)

    @property
    def _writes_in_portions(self) -> bool:
        network = getattr(self.connected.vae, "first_stage_model", None)
        return getattr(network, "comfy_has_chunked_io", False)

    @property
    def _codec(self) -> torch.nn.Module:
        return self.connected.audio_vae.first_stage_model

    @property
    def _voice_rate(self) -> int:
        return getattr(self.connected.audio_vae, "audio_sample_rate", 44100)
