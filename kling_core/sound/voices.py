"""Who sounds how: one voice for every member of the cast, from the element's recording or from its name."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from kling_core.elements.element import Cast, Element, Voice
from kling_core.sound.murmur import usual_formant_scale

_LOWEST, _HIGHEST = 95.0, 250.0  # Hz, of voices that no recording gives
_DISTINCT = 0.2  # of that range, on a log scale: voices that are nearer than this are told apart with effort


@dataclass(frozen=True)
class CastVoice:
    """One speaker's voice. pitch: median fundamental in Hz. formant_scale: formants against an adult male's.

    recording: what the voice should resemble, if the element has one.
    """

    name: str
    pitch: float
    formant_scale: float
    recording: Voice | None = None


def cast_voices(cast: Cast, speakers: Iterable[str] = ()) -> dict[str, CastVoice]:
    """A distinct voice for every element of the cast, and for `speakers` who are not in it (a narrator).

    A recording gives pitch and timbre. Otherwise the name does, the same in every scene, unless somebody before in
    the cast already speaks near that pitch: then the voice moves to the middle of the widest gap.
    """
    elements = {binding.element.name: binding.element for binding in cast.bindings}
    names = [*elements, *(name for name in dict.fromkeys(speakers) if name not in elements)]
    pitches = {name: recorded for name in names if (recorded := _recorded_pitch(elements.get(name)))}
    for name in names:
        if name not in pitches:
            pitches[name] = _free_pitch(name, list(pitches.values()))
    return {name: _voice(name, pitches[name], elements.get(name)) for name in names}


def _recorded_pitch(element: Element | None) -> float | None:
    return element.voice.pitch if element and element.voice else None


def _free_pitch(name: str, taken: list[float]) -> float:
    """The pitch in Hz that belongs to the name, or the middle of the widest gap between those taken."""
    span = np.log(_HIGHEST / _LOWEST)
    places = np.sort(np.clip(np.log(np.array(taken) / _LOWEST) / span, 0, 1))
    place = zlib.crc32(name.encode()) % 1000 / 999
    if len(places) and np.abs(places - place).min() < _DISTINCT:
        # At the ends of the range there is room to the outside, so a gap there counts twice.
        edges = np.concatenate([[-places[0]], places, [2 - places[-1]]])
        widest = int(np.argmax(np.diff(edges)))
        place = np.clip((edges[widest] + edges[widest + 1]) / 2, 0, 1)
    return float(_LOWEST * np.exp(span * place))


def _voice(name: str, pitch: float, element: Element | None) -> CastVoice:
    size = 1 + 0.04 * (zlib.crc32(name[::-1].encode()) % 1000 / 500 - 1)  # people of one pitch differ in size
    return CastVoice(name, pitch, usual_formant_scale(pitch) * size, element.voice if element else None)
