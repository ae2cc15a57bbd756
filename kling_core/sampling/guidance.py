"""Guidance with separate scales for text, references and audio, combined in one place."""

from __future__ import annotations

from collections.abc import Callable

from kling_core.backbone import Latents, Settings
from kling_core.sampling.flow import Denoise, Sigmas, each

Predict = Callable[[Latents, Sigmas, str | None], Latents]
"""predict(noisy, sigmas, without) -> clean prediction. `without`: None, or the condition to leave out, "text",
"references" or "audio" (picture and sound then do not see each other)."""


def guided(predict: Predict, settings: Settings) -> Denoise:
    """A denoiser that moves away from what each condition's absence would give.

    full + (text - 1)(full - without text) + (references - 1)(full - without references) + (audio - 1)(…): classifier-
    free guidance (Ho and Salimans 2022) with a term for each condition, as in LTX-2. A scale of 1 costs no pass.
    """
    scales = {
        "text": settings.text_guidance,
        "references": settings.reference_guidance,
        "audio": settings.audio_guidance,
    }
    scales = {condition: scale for condition, scale in scales.items() if scale != 1}

    def denoise(latents: Latents, sigmas: Sigmas) -> Latents:
        full = prediction = predict(latents, sigmas, None)
        for condition, scale in scales.items():
            without = predict(latents, sigmas, condition)
            prediction = each(lambda p, f, w, s=scale: p + (s - 1) * (f - w), prediction, full, without)
        return prediction

    return denoise
