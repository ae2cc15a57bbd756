"""What the plan says of words that the director did not know: what they are taken for, or that nothing is like them."""

from __future__ import annotations

from collections.abc import Sequence

from kling_core.plan.checks import plain
from kling_core.plan.plan import Performance
from kling_core.storyboard.storyboard import Heard, Shot

_KINDS = {"verb": "action", "time_of_day": "time of day", "camera": "camera move"}


def heard_notes(number: int, shot: Shot, performances: Sequence[Performance]) -> list[str]:
    """A note for every word of shot `number` that was taken for its nearest known one, or for none."""
    notes = [_note(number, heard) for heard in shot.heard if heard.read_as]
    verbs = {one.subject: one.verb for one in performances}
    for action in shot.actions:
        name = plain(action.subject)
        for heard in action.heard:
            if heard.read_as:
                notes.append(_note(number, heard))
            elif name in verbs:
                notes.append(f"shot {number}: nothing like “{heard.words}” is known; @{name} {verbs[name]}s")
    return list(dict.fromkeys(notes))


def _note(number: int, heard: Heard) -> str:
    kind = _KINDS.get(heard.field, heard.field)
    played = "played" if heard.field in ("verb", "expression") else "taken"
    nearest = f"nearest known {kind}, {heard.confidence:.2f}"
    return f"shot {number}: “{heard.words}” is {played} as {heard.read_as} ({nearest})"
