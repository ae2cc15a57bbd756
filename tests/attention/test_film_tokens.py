"""Tokens of a film, latent by latent: each cell of the picture belongs to whoever is there."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from kling_core.attention.film_tokens import add_audio, add_text, add_video, film_layout, regions
from kling_core.attention.layout import LayoutBuilder
from kling_core.backbone import Limits
from kling_core.elements.element import Binding, Cast, Element
from kling_core.plan.grid import Grid, Lattice
from kling_core.plan.resolve import plan as resolve
from kling_core.prompts.prompt import PromptSpan
from kling_core.storyboard.storyboard import Storyboard

ROWS, COLUMNS = 6, 10
GRID = Grid(
    fps=24, lattice=Lattice((1, 4, 4, 4, 4), tail=2), spatial_stride=16, sizes={"16:9": (160, 96)}, audio_rate=32000
)
LIMITS = Limits(shots=6, seconds=(3.0, 15.0), elements=7, views_per_element=4, subjects_per_shot=3)


@pytest.fixture(scope="module")
def plan():
    shots = [
        {"seconds": 2, "subjects": ["ana", "bo"], "camera": [{"kind": "orbit"}],
         "lines": [{"speaker": "ana", "text": "We can go now."}]},
        {"seconds": 2, "subjects": ["bo"], "size": "close"},
        {"seconds": 1.5},
    ]  # fmt: skip
    cast = Cast(tuple(Binding(Element(name)) for name in ("ana", "bo")))
    return resolve(Storyboard.model_validate({"shots": shots}), cast, GRID, LIMITS)


def built(add, *args):
    builder = LayoutBuilder()
    add(builder, *args)
    return builder.layout(())


def test_every_cell_of_every_latent_belongs_to_whoever_is_there(plan):
    layout = built(add_video, plan, ROWS, COLUMNS)
    starts = GRID.lattice.starts(GRID.lattice.latents(plan.frames))
    owners = [segment.owner for segment in layout.segments for _ in range(len(segment))]
    owners = np.array(owners, object).reshape(-1, ROWS, COLUMNS)
    assert len(owners) == len(starts) - 1
    for shot in plan.shots:
        for latent in plan.shot_latents(shot):
            middle = (starts[latent] + starts[latent + 1] - 1) // 2
            assert (owners[latent] == regions(plan, shot, middle, ROWS, COLUMNS)).all()
    assert {"ana", "bo", None} == set(owners.ravel())


def test_positions_are_the_latents_middle_and_the_cells_row_and_column(plan):
    layout = built(add_video, plan, ROWS, COLUMNS)
    starts = torch.tensor(GRID.lattice.starts(GRID.lattice.latents(plan.frames)))
    positions = layout.positions.unflatten(0, (-1, ROWS, COLUMNS))
    assert torch.allclose(positions[..., 0], ((starts[1:] + starts[:-1]) / 2 / GRID.fps)[:, None, None])
    assert (positions[..., 1] == torch.arange(ROWS)[:, None]).all()
    assert (positions[..., 2] == torch.arange(COLUMNS)).all()


def test_segments_end_where_the_owner_or_the_latent_does(plan):
    layout = built(add_video, plan, ROWS, COLUMNS)
    for before, after in zip(layout.segments, layout.segments[1:]):
        assert before.owner != after.owner or before.seconds != after.seconds
        assert after.start % (ROWS * COLUMNS) == 0 or before.shot == after.shot
    firsts = [segment for segment in layout.segments if segment.first]
    assert {segment.seconds for segment in firsts if segment.shot == 1} == {
        (plan.shots[1].start / 24, (plan.shots[1].start + 1) / 24)
    }
    assert all(segment.opening for segment in firsts)


def test_sound_within_a_line_belongs_to_its_speaker(plan):
    layout = built(add_audio, plan, 200)
    line = plan.lines[0]
    for segment in layout.segments:
        times = layout.positions[segment.start : segment.stop, 0]
        within = (line.start <= times) & (times < line.stop)
        assert within.all() if segment.owner == "ana" else not within.any()
        assert all(plan.shots[segment.shot].start <= time * 24 <= plan.shots[segment.shot].stop for time in times)
    assert layout.tokens == 200 and any(segment.owner for segment in layout.segments)


def test_text_outside_of_spans_is_global():
    spans = (PromptSpan(3, 5, 0), PromptSpan(5, 9, 0, "ana"), PromptSpan(12, 13, 1))
    layout = built(add_text, spans, 20)
    told = [(segment.start, segment.stop, segment.shot, segment.owner) for segment in layout.segments]
    assert told == [
        (0, 3, None, None), (3, 5, 0, None), (5, 9, 0, "ana"), (9, 12, None, None), (12, 13, 1, None),
        (13, 20, None, None),
    ]  # fmt: skip


def test_a_shot_is_shown_who_is_in_it_who_speaks_and_what_its_words_are_about(plan):
    built = film_layout(LayoutBuilder(), replace(plan, lines=(replace(plan.lines[0], shot=2),)), {"park": (0, 1)})
    assert built.cast_in_shot == (frozenset({"ana", "bo", "park"}), frozenset({"bo", "park"}), frozenset({"ana"}))


def test_what_is_seen_and_not_staged_is_anywhere_in_the_picture(plan):
    built = film_layout(LayoutBuilder(), plan, {"park": (0, 1), "bo": (0, 1, 2)})
    assert built.unplaced_in_shot == (frozenset({"park"}), frozenset({"park"}), frozenset({"bo"}))
