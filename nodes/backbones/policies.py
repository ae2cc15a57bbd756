"""How strictly a large model is routed. It was not trained under our rules, so the default stays near stock."""

from __future__ import annotations

from kling_core.attention.routing import Policy, Rule, ShotRule

_SOFT = 0.5


def policy(routing: str, shots: str) -> Policy:
    """routing: off, assist or bound. shots: a mode of `ShotRule`; anything but full is hard unless routing is off."""
    if routing == "off":
        return Policy.open()
    between = ShotRule(0.0 if shots == "full" else 1.0, mode=shots)
    if routing == "bound":
        return Policy(shots=between)
    return Policy(text=Rule(), references=Rule(), regions=Rule(0.0), voices=Rule(_SOFT), shots=between)
