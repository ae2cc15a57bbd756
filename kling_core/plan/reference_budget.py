"""Which pictures, clips and voices of a cast a model is given, within what its family takes.

A cast may hold seven elements with four views and voices of 30 s; MiniMax H3 takes 9 pictures and 15 s of sound. Who
is on screen for longest gets a picture first, who speaks most gets a voice first, and nothing is dropped in silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kling_core.elements.likeness import descriptor, difference
from kling_core.elements.voice_slice import GOOD_SECONDS, cleanest
from kling_core.errors import Problem
from kling_core.plan.moving_guide import moving_guide
from kling_core.plan.reference_needs import needs
from kling_core.plan.reference_views import picture_size, share_pictures
from kling_core.plan.references import Reference, References

if TYPE_CHECKING:
    from kling_core.elements.element import Cast, Clip, Element
    from kling_core.plan.plan import Plan
    from kling_core.plan.reference_limits import ReferenceLimits

_LOOKS_A_SECOND = 2


def choose(plan: "Plan", cast: "Cast", limits: "ReferenceLimits", *, guided: bool = False) -> References:
    """The references of a scene: pictures in cast order, then clips, each with its sound before it, then voices.

    Only elements that are bound and seen or heard bring any, and only who has lines brings a voice. guided: the moving
    guide comes first among the clips, whatever else has to stay out for it; the family must take videos. Deterministic.
    """
    guide = moving_guide(plan.size, plan.frames, limits) if guided else None
    return _Budget(plan, cast, limits, guide).references()


def fair_shares(wanted: Sequence[float], total: float) -> list[float]:
    """What everybody gets of `total`: all they want, or else as much as anybody else (max-min fairness)."""
    shares, left = [0.0] * len(wanted), total
    for nth, at in enumerate(sorted(range(len(wanted)), key=lambda index: wanted[index])):
        shares[at] = min(wanted[at], left / (len(wanted) - nth))
        left -= shares[at]
    return shares


class _Budget:
    """One choice while it is made: who is seen and who speaks, by need, and what was left out."""

    def __init__(self, plan: "Plan", cast: "Cast", limits: "ReferenceLimits", guide: Reference | None):
        self.plan, self.limits, self.guide = plan, limits, guide
        # What is left for the elements.
        self.files, self.videos, self.video_seconds = limits.files, limits.videos, limits.video_seconds
        if guide is not None:
            self.files, self.videos = self.files - 1, self.videos - 1
            self.video_seconds -= guide.seconds[1] - guide.seconds[0]
        self.needs = needs(plan, cast)
        self.left_out: list[Problem] = []
        bound = []
        for binding in cast.bindings:
            need, where = self.needs[binding.element.name], f"@{binding.element.name}"
            if binding.strength <= 0:
                self._leave_out(where, "left out, its binding strength is 0", "Raise the strength to show it.")
            elif not need.seen and not need.spoken:
                self._leave_out(where, "left out, no shot names it", f"Write {where} into a shot to have it shown.")
            else:
                bound.append(binding.element)
        self.seen = [element for element in bound if self.needs[element.name].seen]
        self.speaking = [element for element in bound if self.needs[element.name].spoken]
        for element in bound:
            if element.voice is not None and not self.needs[element.name].spoken:
                what = "left out, there is no line of theirs"
                self._leave_out(f"@{element.name}, voice", what, "Nothing needs to be done.")

    def references(self) -> References:
        limits = self.limits
        drawn = [element for element in self.seen if element.views]
        if drawn and not limits.images:
            names = ", ".join("@" + element.name for element in drawn)
            what = f"left out, {limits.family} takes none, so that only words tell of {names}"
            self._leave_out("pictures", what, "Choose a model or LoRA that takes references.")
            drawn = []
        first = min(len(drawn), limits.images)
        heard = self._heard(self.files - first)
        clips = self._clips(self.files - first - len(heard))
        files = len(clips) + sum(element.name not in clips or element.voice is not None for element in heard)
        pictures, problems = share_pictures(
            drawn, self.needs, min(limits.images, self.files - files), limits, self.plan.size
        )
        self.left_out += problems
        soundtracks = self._soundtracks(clips, heard)
        items = self._pictures(drawn, pictures) + ([self.guide] if self.guide else [])
        if not items and not clips and heard and not limits.sound_alone:
            names = ", ".join("@" + element.name for element in heard)
            what = f"left out, {limits.family} takes no sound without a picture"
            self._leave_out(f"voices of {names}", what, "Give whoever speaks a picture, and show them.")
            return References((), self._told())
        items += self._sounding(clips, heard, soundtracks)
        return References(tuple(items), self._told())

    def _heard(self, files: int) -> list["Element"]:
        """Whose voices come along, in cast order: those who speak most, as long as each gets enough."""
        limits = self.limits
        able = []
        for element in self.speaking:
            length, least = _voice_seconds(element), limits.each_sound[0]
            if limits.sounds and 0 < length < least:
                what = f"left out, it lasts {length:.1f} s and {limits.family} takes {least:g} s or more"
                self._leave_out(f"@{element.name}, voice", what, "Record a few more sentences.")
            elif length:
                able.append(element)
            elif limits.sounds:
                what = "there is none, so the model makes one up for each scene"
                self._leave_out(f"@{element.name}, voice", what, "Give the element 5 to 30 s of speech.")
        most = max(min(limits.most_sounds, files), 0)
        by_need = sorted(able, key=lambda element: -self.needs[element.name].spoken)
        for element in by_need[most:]:
            what, remedy = f"left out, {limits.family} takes no sounds", "Choose a model that takes voices."
            if limits.sounds:
                what = f"left out, {limits.family} takes {_count(most, 'sound')} here and others speak for longer"
                remedy = "Let fewer people speak in one scene."
            self._leave_out(f"@{element.name}, voice", what, remedy)
        chosen = [element.name for element in by_need[:most]]
        return [element for element in able if element.name in chosen]

    def _clips(self, files: int) -> dict[str, "Clip"]:
        """Whose clips come along, by name in cast order: those on screen for longest."""
        limits = self.limits
        shortest = limits.shortest_video
        most = max(min(self.videos, files, int(self.video_seconds / shortest + 1e-6)), 0)
        able = []
        for element in self.seen:
            if element.clip is None:
                continue
            seconds = limits.video_frames(min(element.clip.seconds, self.plan.seconds)) / limits.fps
            if limits.videos and seconds < shortest:
                what = f"left out, {limits.family} takes clips of {shortest:.1f} s or more within the scene's length"
                self._leave_out(f"@{element.name}, clip", what, "Give a longer clip, or make the scene longer.")
            else:
                able.append(element)
        by_need = sorted(able, key=lambda element: -self.needs[element.name].seen)
        for element in by_need[most:]:
            self._leave_clip_out(element, most)
        chosen = [element.name for element in by_need[:most]]
        return {element.name: element.clip for element in able if element.name in chosen}

    def _leave_clip_out(self, element: "Element", most: int) -> None:
        limits, guide = self.limits, self.guide
        why, remedy = f"{limits.family} takes {_count(most, 'clip')} here", "Cast fewer elements with clips to have it."
        if guide is not None:
            seconds = f"{guide.seconds[1] - guide.seconds[0]:.1f} of {limits.video_seconds:g} s"
            why = f"the moving guide takes one of {_count(limits.videos, 'clip')} and {seconds} that there is room for"
            remedy = "Switch moving_guide off, or make the scene shorter."
        instead = "its pictures stand in for it" if element.views else "only words tell of it"
        self._leave_out(f"@{element.name}, clip", f"left out, {why}, {instead}", remedy)

    def _soundtracks(self, clips: dict[str, "Clip"], heard: list["Element"]) -> list[str]:
        """Whose clips bring their sound: who speaks and has no other voice, then, where there is room, things."""
        limits = self.limits
        voices = [element.name for element in heard]
        chosen = [element.name for element in heard if element.name in clips and element.voice is None]
        room = limits.most_sounds - len(heard)
        for element in self.seen:
            clip = clips.get(element.name)
            if clip is None or clip.sound is None or element.name in chosen:
                continue
            where = f"@{element.name}, sound of the clip"
            if element.kind == "character":
                spoken = element.name in voices
                why = "there is a recording of the voice" if spoken else "no voice of theirs is taken along"
                self._leave_out(where, f"left out, {why}", "Nothing needs to be done.")
            elif room > 0:
                chosen.append(element.name)
                room -= 1
            else:
                what = f"left out, {limits.family} takes {_count(limits.sounds, 'sound')} and voices come first"
                self._leave_out(where, what, "Let fewer people speak in one scene.")
        return chosen

    def _pictures(self, drawn: list["Element"], pictures: dict[str, list[tuple[str, ...]]]) -> list[Reference]:
        items = []
        for element in drawn:
            for views in pictures[element.name]:
                size = picture_size([element.views[view] for view in views], self.limits, self.plan.size)
                tokens = self.limits.picture_tokens(size)
                items.append(Reference("image", len(items) + 1, element.name, views, size, tokens=tokens))
        return items

    def _sounding(
        self, clips: dict[str, "Clip"], heard: list["Element"], soundtracks: list[str]
    ) -> list[Reference]:
        """Clips with their sound, and voices by themselves, each cut to its share of the seconds."""
        limits, items, sounds = self.limits, [], 0
        voices = [element.name for element in heard]
        alone = [element for element in heard if element.name not in soundtracks]
        lengths = [clips[name].seconds for name in soundtracks] + [_voice_seconds(element) for element in alone]
        shares = fair_shares([min(length, limits.each_sound[1]) for length in lengths], limits.sound_seconds)
        sound_share = dict(zip([*soundtracks, *(element.name for element in alone)], shares))
        longest = min(limits.each_video[1], self.plan.seconds)
        video_shares = fair_shares([min(clip.seconds, longest) for clip in clips.values()], self.video_seconds)
        first = 1 if self.guide is None else self.guide.ordinal + 1
        for ordinal, ((name, clip), share) in enumerate(zip(clips.items(), video_shares), first):
            with_sound = name in soundtracks
            frames = limits.video_frames(min(share, sound_share[name]) if with_sound else share)
            seconds = _cut(clip, frames / limits.fps, with_sound and name in voices)
            if with_sound:
                sounds += 1
                tokens = limits.sound_tokens(frames / limits.fps)
                items.append(Reference("audio", sounds, name, (), None, seconds, ordinal, tokens))
            size = picture_size([clip.frames[0]], limits, self.plan.size)
            tokens = limits.video_tokens(size, frames)
            items.append(Reference("video", ordinal, name, (), size, seconds, tokens=tokens))
        for element in alone:
            sounds += 1
            start, stop = _voice_slice(element, sound_share[element.name])
            tokens = limits.sound_tokens(stop - start)
            items.append(Reference("audio", sounds, element.name, (), None, (start, stop), tokens=tokens))
        return items

    def _leave_out(self, where: str, what: str, remedy: str) -> None:
        self.left_out.append(Problem(where, what, remedy))

    def _told(self) -> tuple[str, ...]:
        return tuple(str(problem) for problem in self.left_out)


def _count(number: int, thing: str) -> str:
    return f"{number or 'no'} {thing}{'s' * (number != 1)}"


def _voice_seconds(element: "Element") -> float:
    """Of the recording, or else of the clip's sound; 0 where there is neither."""
    if element.voice is not None:
        return element.voice.seconds
    return element.clip.seconds if element.clip is not None and element.clip.sound is not None else 0.0


def _voice_slice(element: "Element", longest: float) -> tuple[float, float]:
    if element.voice is not None:
        samples, rate = element.voice.samples, element.voice.sample_rate
    else:
        samples, rate = element.clip.sound.mean(0), element.clip.sample_rate
    return cleanest(samples, rate, longest, min(longest, GOOD_SECONDS))


def _cut(clip: "Clip", seconds: float, by_voice: bool) -> tuple[float, float]:
    """So many seconds of a clip: where its voice is cleanest, or else where its pictures differ most."""
    last = clip.seconds - seconds
    if last <= 0:
        return 0.0, seconds
    if by_voice:
        start = min(cleanest(clip.sound.mean(0), clip.sample_rate, seconds, seconds)[0], last)
        return start, start + seconds
    step = max(round(clip.fps / _LOOKS_A_SECOND), 1)
    looks = [descriptor(frame) for frame in clip.frames[::step]]
    apart = np.array([[difference(one, other) for other in looks] for one in looks])
    count = max(int(seconds * clip.fps / step), 1)
    starts = [at for at in range(len(looks)) if at * step / clip.fps <= last + 1e-9]
    start = max(starts, key=lambda at: apart[at : at + count, at : at + count].mean()) * step / clip.fps
    return start, start + seconds
