"""What Wan's weights take besides text, a class a kind. Each tells the model through ComfyUI's own node for it.

Files of several kinds look alike but for the channels that their first layer takes: the film's own, and those of what
is laid beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import comfy.clip_vision
import comfy.model_base
import comfy.model_management
import node_helpers
import torch
from comfy_extras import nodes_wan

from kling_core.plan.camera_rays import camera_embedding
from kling_core.previz.depth_film import depth_film

from .comfy_backbone import refuse
from .framing import as_image

if TYPE_CHECKING:
    from comfy.model_patcher import ModelPatcher

    from kling_core.elements.element import Cast
    from kling_core.plan.plan import Plan

_MASK = 4  # channels: of a latent's four frames, whether each is given
_WIDE = 48  # channels of a latent of the 5B model
# Where the schedule passes from the expert for noise to the one for detail: Wan 2.2's own configurations, and for the
# Fun weights those that VideoX-Fun runs them with.
_AFTER_TEXT, _AFTER_PICTURES = 0.875, 0.9


@dataclass(frozen=True)
class Scene:
    """A scene before a kind is told it. positive, negative: text as CONDITIONING. first, last: pictures [1, H, W, 3] in
    [0, 1] of the film's size, or None; pictures: those of the references, likewise [N, H, W, 3]."""

    plan: Plan
    cast: Cast
    positive: list
    negative: list
    vae: Any
    first: torch.Tensor | None = None
    last: torch.Tensor | None = None
    pictures: torch.Tensor | None = None

    @property
    def film(self) -> dict[str, Any]:
        """What all nodes take, by name since versions differ in the order: the VAE, size, length, a batch of one."""
        width, height = self.plan.size
        return {"vae": self.vae, "width": width, "height": height, "length": self.plan.frames, "batch_size": 1}

    @property
    def told(self) -> dict[str, Any]:
        """That, and both texts."""
        return {"positive": self.positive, "negative": self.negative, **self.film}

    def depth(self) -> torch.Tensor:
        """The stage's depth of the film, [T, H, W, 3] in [0, 1]."""
        cancelled = comfy.model_management.throw_exception_if_processing_interrupted
        film = as_image(depth_film(self.plan, self.cast, *self.plan.size, stop_if_cancelled=cancelled))
        return film[..., None].expand(-1, -1, -1, 3)


@dataclass(frozen=True)
class Told:
    """positive, negative: CONDITIONING. latent, mask: what sampling starts from, where that is not nothing."""

    positive: list
    negative: list
    latent: torch.Tensor | None = None
    mask: torch.Tensor | None = None


@dataclass(frozen=True)
class Kind:
    """Text to video, and what all kinds have in common.

    name: for people. boundary: noise level where the second expert takes over. ends: which of "first" and "last" it
    takes a picture as. starts: whether it needs one of them. staged: whether it is shown the stage's depth.
    references_first: whether references lie before the film, not after it. pictures: how many of them it takes.
    clip_vision: whether the weights look at a picture through CLIP vision as well, which nobody connects here.
    """

    name: ClassVar[str] = "text to video"
    boundary: ClassVar[float] = _AFTER_TEXT
    ends: ClassVar[tuple[str, ...]] = ()
    starts: ClassVar[bool] = False
    staged: ClassVar[bool] = False
    references_first: ClassVar[bool] = False
    pictures: int = 0
    clip_vision: bool = False

    def tell(self, scene: Scene) -> Told:
        return Told(scene.positive, scene.negative)

    def _seen_by_clip(self) -> Any:
        """Where CLIP has seen no picture: zeros, as VideoX-Fun has them. With nothing at all ComfyUI's model would look
        at the text instead."""
        if not self.clip_vision:
            return None
        seen = comfy.clip_vision.Output()
        seen.penultimate_hidden_states = torch.zeros(1, 257, 1280)
        return seen


class Phantom(Kind):
    name = "references to video (Phantom)"

    def tell(self, scene: Scene) -> Told:
        """Of the node's two negatives that with neither the text nor the pictures: one scale then strengthens both. The
        other one, with the pictures, is for samplers with three branches."""
        if scene.pictures is None:
            return super().tell(scene)
        positive, _, negative, _ = nodes_wan.WanPhantomSubjectToVideo.execute(**scene.told, images=scene.pictures).args
        return Told(positive, negative)


class TextOrPictureToVideo(Kind):
    """The 5B model: a first frame is a latent that stays as it is."""

    name = "text or first frame to video (5B)"
    ends = ("first",)

    def tell(self, scene: Scene) -> Told:
        if scene.first is None:
            return super().tell(scene)
        latent = nodes_wan.Wan22ImageToVideoLatent.execute(**scene.film, start_image=scene.first).args[0]
        return Told(scene.positive, scene.negative, latent["samples"], latent["noise_mask"])


class PictureToVideo(Kind):
    name = "image to video"
    boundary = _AFTER_PICTURES
    ends = ("first", "last")
    starts = True

    def tell(self, scene: Scene) -> Told:
        node = nodes_wan.WanFirstLastFrameToVideo
        positive, negative, _ = node.execute(**scene.told, start_image=scene.first, end_image=scene.last).args
        return Told(positive, negative)


class Camera(Kind):
    name = "camera path to video (Fun-Camera)"
    boundary = _AFTER_PICTURES
    ends = ("first",)

    def tell(self, scene: Scene) -> Told:
        positive, negative, _ = nodes_wan.WanCameraImageToVideo.execute(
            **scene.told, start_image=scene.first, clip_vision_output=self._seen_by_clip(),
            camera_conditions=camera_embedding(scene.plan)[None],
        ).args
        return Told(positive, negative)


class FunControl(Kind):
    """Of both versions: what 2.2's node says more than that of 2.1, the model of 2.1 does not read."""

    name = "depth to video (Fun-Control)"
    boundary = _AFTER_PICTURES
    ends = ("first",)
    staged = True
    references_first = True

    def tell(self, scene: Scene) -> Told:
        told = nodes_wan.Wan22FunControlToVideo.execute(
            **scene.told, ref_image=scene.pictures, start_image=scene.first, control_video=scene.depth()
        ).args[:2]
        if self.clip_vision:
            values = {"clip_vision_output": self._seen_by_clip()}
            told = (node_helpers.conditioning_set_values(each, values) for each in told)
        return Told(*told)


class Vace(Kind):
    name = "depth to video (VACE)"
    ends = ("first", "last")
    staged = True
    references_first = True

    def tell(self, scene: Scene) -> Told:
        """Pictures at the ends are frames of the control video that are to stay as they are."""
        control, free = scene.depth().clone(), torch.ones(scene.plan.frames, *reversed(scene.plan.size))
        for at, picture in ((0, scene.first), (-1, scene.last)):
            if picture is not None:
                control[at], free[at] = picture[0], 0
        positive, negative, *_ = nodes_wan.WanVaceToVideo.execute(
            **scene.told, strength=1.0, control_video=control, control_masks=free, reference_image=scene.pictures
        ).args
        return Told(positive, negative)


def kind_of(model: ModelPatcher, checkpoint: str) -> Kind:
    """What kind a Wan MODEL is of. checkpoint: see `Options`; "references" is the only way to tell Phantom's weights
    from those for text alone. Raises KlingError for weights that take what nobody here knows."""
    net, channels = model.get_model_object("diffusion_model"), model.get_model_object("latent_format").latent_channels
    looks = net.img_emb is not None
    if isinstance(model.model, comfy.model_base.WAN21_Vace):
        return Vace(pictures=1)
    if isinstance(model.model, comfy.model_base.WAN21_Camera):
        return Camera(clip_vision=looks)
    # Not from the weight, whose shape quantised files may have packed.
    beside = net.patch_embedding.in_channels - channels
    if not beside and channels == _WIDE:
        return TextOrPictureToVideo()
    if not beside:
        return Phantom(pictures=4) if checkpoint == "references" else Kind()
    if beside == channels + _MASK:
        return PictureToVideo(clip_vision=looks)
    if beside in (2 * channels, 2 * channels + _MASK):
        return FunControl(pictures=int(net.ref_conv is not None), clip_vision=looks)
    what = f"these Wan weights take {beside} channels beside the film's {channels}, as no kind does that is known here"
    raise refuse("model", what, "Load text-to-video, image-to-video, Fun-Control, Fun-Camera, VACE or Phantom weights.")
