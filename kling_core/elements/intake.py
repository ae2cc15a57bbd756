"""Intake: pictures, a clip and a voice become an Element, or all that is wrong with them is said at once."""

from __future__ import annotations

import os

import numpy as np

from kling_core.elements.element import KINDS, MAX_DESCRIPTION, VIEWS, Clip, Element, Voice
from kling_core.elements.element_file import VOICE_RATE
from kling_core.elements.names import is_plain_line, name_problem
from kling_core.errors import KlingError, Problem, ProblemList

STORED_SIDE = 1024
ORIGINS = ("photo", "stage")


def build_element(
    name: str,
    views: dict[str, np.ndarray | str | os.PathLike],
    *,
    voice: tuple[np.ndarray, int] | str | os.PathLike | None = None,
    clip: Clip | str | os.PathLike | None = None,
    kind: str = "character",
    description: str = "",
    origin: str = "photo",
) -> Element:
    """Check pictures, clip and voice, and make an Element of them.

    views: picture by view name ("front", "side", "back", "detail"), each a file or [H, W, 3] uint8 RGB.
    voice: a file, or (samples [N] or [C, N] float in [-1, 1], rate in Hz).
    clip: 3 to 8 s of film of the element, with its sound if it has any; its sharpest frame stands in for a front view
    that is not given.
    origin: "photo" for users' pictures; "stage" for our own drawings, which need no check of photographic quality.

    Raises KlingError with every mistake. What is usable but could be better goes to `element.findings`, each with its
    remedy. Views are kept at most 1024 pixels a side, the voice as 24 kHz mono, clips at most 640 pixels a side.
    """
    intake = _Intake(name, kind, origin)
    intake.check_words(description)
    film = intake.read_clip(clip) if clip is not None else None
    kept = intake.take_clip(film) if film is not None else None
    if kept is not None and "front" not in views and not (kind == "scene" and views):
        views = {**views, "front": intake.still_of(film)}
    intake.check_view_names(views, clip is not None)
    pictures = {view: intake.take_picture(view, views[view]) for view in VIEWS if view in views}
    recording = intake.take_voice(voice) if voice is not None else None
    intake.mistakes.raise_if_any()
    intake.say_what_is_guesswork(pictures)
    return Element(name, kind, description, {view: _reduced(picture) for view, picture in pictures.items()},
                   recording, None, origin, tuple(str(finding) for finding in intake.findings), kept)


class _Intake:
    """One element's mistakes and findings while it is being built."""

    def __init__(self, name: str, kind: str, origin: str):
        self.name, self.kind, self.origin = name, kind, origin
        self.where = f"element @{str(name)[:40]}"
        self.mistakes = ProblemList()
        self.findings: list[Problem] = []

    def check_words(self, description: str) -> None:
        problem = name_problem(self.name)
        if problem:
            self.mistakes.problems.append(problem)
        if len(description) > MAX_DESCRIPTION:
            self.mistakes.add(self.where, f"has a description of {len(description)} characters",
                              f"Shorten it to {MAX_DESCRIPTION}.")
        if not is_plain_line(description):
            self.mistakes.add(self.where, "has line breaks or control characters in its description",
                              "Write it in one line.")
        if self.kind not in KINDS:
            self.mistakes.add(self.where, f"has the unknown kind {str(self.kind)[:40]!r}",
                              f"Choose one of {', '.join(KINDS)}.")
        if self.origin not in ORIGINS:
            self.mistakes.add(self.where, f"has the unknown origin {str(self.origin)[:40]!r}",
                              f"Choose one of {', '.join(ORIGINS)}.")

    def check_view_names(self, views: dict, has_clip: bool) -> None:
        """A sound clip has the front view that is missing; a refused one has been told about, which is enough."""
        for view in views:
            if view not in VIEWS:
                self.mistakes.add(self.where, f"has an unknown view {str(view)[:40]!r}",
                                  f"Views are {', '.join(VIEWS)}.")
        if has_clip:
            return
        if self.kind == "scene" and not views:
            self.mistakes.add(self.where, "has no picture", "Give at least one view of the place.")
        elif self.kind != "scene" and "front" not in views:
            self.mistakes.add(self.where, "has no front view", "Give a picture from the front.")

    def take_picture(self, view: str, source) -> np.ndarray | None:
        """The view's pixels, or None where that is a mistake already noted."""
        from kling_core.elements import picture_checks

        where = f"{self.where}, view {view}"
        picture = self._read(where, source)
        if picture is None:
            return None
        mistakes = picture_checks.form_mistakes(picture, where)
        if not mistakes and self.origin != "stage":
            mistakes = picture_checks.photo_mistakes(picture, where)
            face = self._look_for_faces(view, picture) if not mistakes else None
            self.findings += picture_checks.photo_findings(picture, f"view {view}", face) if not mistakes else []
        self.mistakes.problems += mistakes
        return picture

    def _read(self, where: str, source) -> np.ndarray | None:
        if not isinstance(source, (str, os.PathLike)):
            return np.asarray(source)
        from kling_core.media import read_picture

        return self._tried(where, lambda: read_picture(source))

    def _look_for_faces(self, view: str, picture: np.ndarray):
        """The face in a view that should show one; None if there is none or nobody could look."""
        from kling_core.elements import faces, picture_checks

        if self.kind != "character" or view not in ("front", "detail"):
            return None
        found = faces.find_faces(picture)
        if found is None:
            self.findings.append(Problem(f"view {view}", "was not checked for one clear face",
                                         "Install the extra kling-core[continuity] to have faces counted."))
            return None
        self.findings += picture_checks.face_findings(found, f"view {view}")
        return found[0] if found else None

    def take_voice(self, source) -> Voice | None:
        from kling_core.elements.voice_checks import examine_voice

        where = f"{self.where}, voice"
        if isinstance(source, (str, os.PathLike)):
            from kling_core.media import read_sound

            source = self._tried(where, lambda: read_sound(source))
        if source is None:
            return None
        samples, rate = source
        voice, mistakes, findings = examine_voice(samples, rate, where, stored_rate=VOICE_RATE)
        self.mistakes.problems += mistakes
        self.findings += [Problem("voice", finding.what, finding.remedy) for finding in findings]
        return voice

    def read_clip(self, source: Clip | str | os.PathLike) -> Clip | None:
        if isinstance(source, Clip):
            return source
        from kling_core.media import read_video

        film = self._tried(f"{self.where}, clip", lambda: read_video(source))
        return film and Clip(film.frames, film.fps, film.sound, film.rate)

    def take_clip(self, film: Clip) -> Clip | None:
        from kling_core.elements.clip_checks import examine_clip

        clip, mistakes, findings = examine_clip(film, f"{self.where}, clip")
        self.mistakes.problems += mistakes
        self.findings += [Problem("clip", finding.what, finding.remedy) for finding in findings]
        return clip

    def still_of(self, clip: Clip) -> np.ndarray:
        from kling_core.elements.clip_checks import sharpest_frame

        self.findings.append(Problem("view front", "is the sharpest frame of the clip", "Add a picture of the front."))
        return sharpest_frame(clip)

    def _tried(self, where: str, read):
        try:
            return read()
        except KlingError as error:
            self.mistakes.problems += [Problem(f"{where}, {problem.where}", problem.what, problem.remedy)
                                       for problem in error.problems]
            return None

    def say_what_is_guesswork(self, pictures: dict) -> None:
        if self.kind == "scene":
            return
        missing = [view for view in ("side", "back") if view not in pictures]
        if missing:
            self.findings.append(Problem(
                "views", f"the {' and the '.join(missing)} {'is' if len(missing) == 1 else 'are'} guesswork: "
                         f"there is no such view", f"Add a picture of the {' and one of the '.join(missing)}."))


def _reduced(picture: np.ndarray) -> np.ndarray:
    """A copy of at most 1024 pixels a side."""
    scale = STORED_SIDE / max(picture.shape[:2])
    if scale >= 1:
        return picture.copy()
    import cv2

    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    return cv2.resize(np.ascontiguousarray(picture), size, interpolation=cv2.INTER_AREA)
