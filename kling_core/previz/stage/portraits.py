"""The four views of a puppet on a plain background: what an element's pictures show, and what the model binds to."""

from __future__ import annotations

import numpy as np

from kling_core.plan.blocking import HEAD_CENTRE, Blocking, SubjectTrack
from kling_core.plan.camera_path import CameraPath
from kling_core.plan.plan import Performance
from kling_core.previz.stage.look import Look
from kling_core.previz.stage.puppet import puppet
from kling_core.previz.stage.renderer import View, surface, trace

# Flat, so that a view can be cut out of it by colour distance.
BACKDROP = (0.72, 0.72, 0.74)
BODY_SPAN, DETAIL_SPAN = 1.96, 0.92
BODY_CENTRE = 0.93
DISTANCE = 14.0
YAW = {"front": 0.0, "side": np.pi / 2, "back": np.pi, "detail": 0.0}


def portraits(look: Look, height: int = 384) -> dict[str, np.ndarray]:
    """Front, side (facing screen right), back: [height, height / 2, 3]; detail (the face): [height / 2, height / 2, 3].

    uint8 RGB. The body views show BODY_SPAN metres of height around BODY_CENTRE, the detail DETAIL_SPAN around the
    head, both from far away, so that sizes in them are sizes in metres.
    """
    return {view: _portrait(look, view, height) for view in YAW}


def _portrait(look: Look, view_name: str, height: int) -> np.ndarray:
    import torch

    from kling_core.previz.stage import scene
    from kling_core.previz.stage.light import LIGHTS

    detail = view_name == "detail"
    width, height = height // 2, height // 2 if detail else height
    span, middle = (DETAIL_SPAN, HEAD_CENTRE) if detail else (BODY_SPAN, BODY_CENTRE)
    camera = _studio_camera(span, middle, width / height)
    track = standing_still(YAW[view_name], look.height)
    parts = puppet(look, track)
    samples = scene.SUPERSAMPLING
    view = View(camera, width * samples, height * samples)
    hits, rays = trace(parts, view)
    seen = surface(hits, rays, view)
    owners = np.zeros(len(parts.material), int)
    blocking = Blocking(camera, (track,), ())
    colour = torch.tensor(BACKDROP).expand(1, view.height, view.width, 3).clone()
    painted = scene.paint(seen, parts, owners, blocking, {track.subject: look}, {}, view)
    colour.view(-1, 3)[seen.index] = painted * scene.lit(seen, LIGHTS["day"])
    return scene.shrink(colour, samples)[0].numpy()


def _studio_camera(span: float, middle: float, aspect: float) -> CameraPath:
    eye = np.array([[0.0, middle, DISTANCE]])
    return CameraPath(
        eye, np.array([[1.0, 0, 0]]), np.array([[0, 1.0, 0]]), np.array([[0, 0, -1.0]]),
        np.array([span / 2 / DISTANCE]), aspect,
    )


def standing_still(yaw: float, height: float) -> SubjectTrack:
    """Somebody of a height (factor of the nominal body) who stands and does nothing, for one frame."""
    nowhere, still = np.zeros((1, 4)), np.zeros(1)
    return SubjectTrack(
        Performance("model"), np.zeros((1, 3)), np.array([yaw]), still, nowhere, nowhere, np.ones(1),
        np.array([yaw]), np.zeros((1, 2)), np.zeros((1, 3)), still, still, still, still, height,
    )
