"""Random and named layouts for the attention tests, and dense masked attention written from the rules' text alone."""

import math

import torch
from hypothesis import strategies as st

from kling_core.attention.layout import AUDIO, REFERENCE, TEXT, VIDEO, Layout, Segment
from kling_core.attention.routing import Policy, Rule, ShotRule

PEOPLE = ("mira", "jun", "leo")


def packed(pieces: list[tuple[int, dict]], cast_in_shot: list[set[str]], unplaced: list[set[str]] = ()) -> Layout:
    """A layout from (tokens, Segment fields), in order. unplaced: for each shot who is cast and nowhere staged."""
    segments, at = [], 0
    for tokens, fields in pieces:
        segments.append(Segment(start=at, stop=at + tokens, **fields))
        at += tokens
    owners = (tuple(map(frozenset, names)) for names in (cast_in_shot, unplaced))
    return Layout(tuple(segments), torch.zeros(at, 3), *owners)


def six_shots(tokens: int = 2) -> Layout:
    """Two people, six shots, four latents a shot; `tokens` tokens a segment. Both are in shots 1, 3, 5 (0-based)."""
    cast = [{"mira"}, {"mira", "jun"}, {"jun"}, {"mira", "jun"}, {"mira"}, {"mira", "jun"}]
    pieces = [(tokens, dict(kind=TEXT))]
    for shot, names in enumerate(cast):
        pieces.append((tokens, dict(kind=TEXT, shot=shot)))
        pieces += [(tokens, dict(kind=TEXT, shot=shot, owner=name)) for name in sorted(names)]
    pieces += [(tokens, dict(kind=REFERENCE, owner=name)) for name in ("mira", "jun")]
    for shot, names in enumerate(cast):
        pieces += [(tokens, dict(kind=AUDIO, shot=shot, owner=name)) for name in sorted(names)]
        pieces.append((tokens, dict(kind=AUDIO, shot=shot)))
    for shot, names in enumerate(cast):
        for latent in range(4):
            fields = dict(kind=VIDEO, shot=shot, first=latent == 0, opening=latent < 2)
            # Boxes cut rows of a raster into pieces: owner, background, owner, background, …
            for name in sorted(names):
                pieces += [(tokens, fields | dict(owner=name)), (tokens, fields)]
    return packed(pieces, cast)


@st.composite
def layouts(draw) -> Layout:
    shots = draw(st.integers(1, 3))
    owners = st.one_of(st.none(), st.sampled_from(PEOPLE))
    shot_numbers = st.one_of(st.none(), st.integers(0, shots - 1))
    sizes = st.integers(0, 3)
    pieces = [(1, dict(kind=TEXT))]
    for _ in range(draw(st.integers(0, 4))):
        pieces.append((draw(sizes), dict(kind=TEXT, shot=draw(shot_numbers), owner=draw(owners))))
    for _ in range(draw(st.integers(0, 3))):
        pieces.append((draw(sizes), dict(kind=REFERENCE, owner=draw(owners), shot=draw(shot_numbers))))
    for _ in range(draw(st.integers(0, 4))):
        pieces.append((draw(sizes), dict(kind=AUDIO, shot=draw(shot_numbers), owner=draw(owners))))
    for _ in range(draw(st.integers(0, 8))):
        first = draw(st.booleans())
        opening = first or draw(st.booleans())
        fields = dict(kind=VIDEO, shot=draw(shot_numbers), owner=draw(owners), first=first, opening=opening)
        pieces.append((draw(sizes), fields))
    casts = [draw(st.sets(st.sampled_from(PEOPLE))) for _ in range(shots)]
    unplaced = [cast & draw(st.sets(st.sampled_from(PEOPLE))) for cast in casts]
    return packed(pieces, casts, draw(st.sampled_from([unplaced, ()])))


strengths = st.sampled_from([0.0, 0.3, 0.9, 1.0])
rules = st.builds(Rule, strengths)
shot_rules = st.builds(ShotRule, strengths, mode=st.sampled_from(["full", "transition", "sparse"]))
policies = st.builds(Policy, rules, rules, rules, rules, shot_rules)


def dense_bias(layout: Layout, policy: Policy) -> torch.Tensor:
    """[tokens, tokens] additive mask, pair by pair of segments, from the rules as the design words them."""
    mask = torch.zeros(layout.tokens, layout.tokens)
    for looking in layout.segments:
        for seen in layout.segments:
            mask[looking.start : looking.stop, seen.start : seen.stop] = _pair_bias(layout, policy, looking, seen)
    return mask


def _pair_bias(layout: Layout, policy: Policy, looking: Segment, seen: Segment) -> float:
    hidden = {
        "text": _text_hides(looking, seen),
        "references": _references_hide(layout, looking, seen),
        "regions": _regions_hide(layout, looking, seen),
        "voices": _voices_hide(looking, seen),
        "shots": _shots_hide(policy.shots.mode, looking, seen),
    }
    left = math.prod(1 - getattr(policy, name).strength for name, hides in hidden.items() if hides)
    return math.log(left) if left > 0 else -math.inf


def _text_hides(looking: Segment, seen: Segment) -> bool:
    match looking.kind, seen.kind:
        case "text", "text":
            return seen.shot not in (None, looking.shot)
        case "text", "audio" | "video":
            return True
        case "audio" | "video", "text":
            return None not in (looking.shot, seen.shot) and looking.shot != seen.shot
    return False


def _references_hide(layout: Layout, looking: Segment, seen: Segment) -> bool:
    match looking.kind, seen.kind:
        case "reference", "reference":
            return looking.owner != seen.owner or looking.shot != seen.shot
        case "reference", _:
            return True
        case "text", "reference":
            return True
        case "audio" | "video", "reference" if looking.shot is not None:
            of_another_shot = seen.shot is not None and seen.shot != looking.shot
            stranger = seen.owner is not None and seen.owner not in layout.cast_in_shot[looking.shot]
            return of_another_shot or stranger
    return False


def _regions_hide(layout: Layout, looking: Segment, seen: Segment) -> bool:
    known = layout.unplaced_in_shot and looking.shot is not None
    unplaced = layout.unplaced_in_shot[looking.shot] if known else ()
    someone_elses = seen.owner is not None and seen.owner != looking.owner and seen.owner not in unplaced
    match looking.kind, seen.kind:
        case "audio" | "video", "text":
            return looking.owner is not None and someone_elses
        case "video", "video":
            return looking.owner is not None and someone_elses
        case "video", "reference":
            regions = [s for s in layout.segments if s.kind == "video" and s.shot == looking.shot and s.owner]
            return someone_elses and any(s.stop > s.start for s in regions)
    return False


def _voices_hide(looking: Segment, seen: Segment) -> bool:
    if looking.owner is None or seen.owner is None:
        return False
    match looking.kind, seen.kind:
        case ("audio", "reference") | ("video", "audio"):
            return seen.owner != looking.owner
    return False


def _shots_hide(mode: str, looking: Segment, seen: Segment) -> bool:
    if mode == "full" or None in (looking.shot, seen.shot) or looking.shot == seen.shot:
        return False
    match looking.kind, seen.kind:
        case ("audio", "video") | ("video", "audio"):
            return True
        case "video", "video":
            return looking.opening if mode == "transition" else not seen.first
    return False
