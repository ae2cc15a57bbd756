import numpy as np
import torch
from staging import alone, blocked, together, wardrobes

from kling_core.attention.layout import AUDIO, REFERENCE, TEXT, VIDEO
from kling_core.attention.routing import Policy, route
from kling_core.previz import text
from kling_core.previz.collage import collage, pasted_tokens
from kling_core.previz.geometry import shot_geometry
from kling_core.previz.packing import ShotPart, pack
from kling_core.previz.plate import plate_of


def part(planned, start=0.0, speaker=None):
    latents, blocking = np.arange(2), blocked(planned)
    return ShotPart(
        planned, latents, start, shot_geometry(planned.place, blocking, {}, latents, 9, 16),
        pasted_tokens(collage(blocking, wardrobes(), {}, plate_of(planned.place, "day"), 256, 144), 2),
        (speaker,) * 4 + (None,) * 4,
    )


def packed():
    parts = [part(together(index=0), speaker="red"), part(alone(index=1), start=2 / 3)]
    return pack(parts, ("red", "blue"), text.scene_words(parts[0].shot))


def test_the_stream_is_text_references_audio_video():
    kinds = [segment.kind for segment in packed().layout.segments]
    assert kinds == sorted(kinds, key=(TEXT, REFERENCE, AUDIO, VIDEO).index)


def test_every_token_of_the_picture_is_packed_once():
    scene = packed()
    assert sorted(scene.order) == list(range(2 * 2 * 144))
    assert scene.layout.tokens == len(scene.text) + 80 + len(scene.track) + len(scene.order)


def test_video_segments_carry_shot_owner_and_first_latent():
    video = packed().layout.select(VIDEO)
    assert {(segment.shot, segment.owner) for segment in video} == {
        (0, None), (0, "red"), (0, "blue"), (1, None), (1, "red"),
    }
    firsts = sum(len(segment) for segment in video if segment.first)
    assert firsts == 2 * 144


def test_a_line_belongs_to_its_speaker():
    lines = [segment for segment in packed().layout.select(AUDIO) if segment.owner]
    assert [(line.owner, len(line)) for line in lines] == [("red", 4)]


def test_tokens_read_their_own_shots_and_owners_words_only():
    scene = packed()
    for segment in scene.layout.select(VIDEO):
        at = segment.start - scene.layout.span(VIDEO)[0]
        words = [
            word for word in scene.layout.select(TEXT)
            if scene.reads[at, word.start:word.stop].any()
        ]
        assert all(word.shot in (None, segment.shot) and word.owner in (None, segment.owner) for word in words)


def test_a_person_never_sees_anothers_references():
    scene = packed()
    table = route(scene.layout, Policy())
    visible = torch.zeros(scene.layout.tokens, scene.layout.tokens, dtype=torch.bool)
    for group in table.groups:
        for start, stop in group.queries:
            for span in group.keys:
                visible[start:stop, span.start:span.stop] = True
    of = {segment.owner: segment for segment in scene.layout.select(REFERENCE)}
    for segment in scene.layout.select(VIDEO):
        for owner, reference in of.items():
            seen = visible[segment.start, reference.start]
            assert seen == (segment.owner == owner)
