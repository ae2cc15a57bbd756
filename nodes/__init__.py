"""The nodes of category "Kling Core". One file a node; sockets, widgets and calls into kling_core, no arithmetic."""

from comfy_api.latest import ComfyExtension, io

from .audio_sync import AudioSync
from .backbone import Backbone
from .bind_subject import BindSubject
from .continuity_report import ContinuityReport
from .element_builder import ElementBuilder
from .forecast import Forecast
from .load_backbone import LoadBackbone
from .load_element import LoadElement
from .shot_sequence import ShotSequence
from .vae_decode_3d import VAEDecode3D
from .video_sampler import VideoSampler

NODES: list[type[io.ComfyNode]] = [
    ElementBuilder, LoadElement, BindSubject, ShotSequence, LoadBackbone, Backbone, Forecast, VideoSampler,
    AudioSync, VAEDecode3D, ContinuityReport,
]


class KlingCoreExtension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return NODES
