"""Scenes, casts and references for tests of prompts. Views hold no pictures: prompts read names and words only."""

from functools import cache

import numpy as np

from kling_core.backbone import Limits
from kling_core.elements.element import Binding, Cast, Element, Voice
from kling_core.plan.grid import H3_LATTICE, Grid
from kling_core.plan.moving_guide import moving_guide
from kling_core.plan.reference_limits import H3
from kling_core.plan.references import Reference, References
from kling_core.plan.resolve import plan
from kling_core.storyboard.script import parse_script
from kling_core.storyboard.storyboard import Storyboard

LIMITS = Limits(shots=6, seconds=(3.0, 15.0), elements=7, views_per_element=4, subjects_per_shot=5)


def grid():
    """24 frames a second, cuts at every 17th frame."""
    return Grid(
        fps=24, lattice=H3_LATTICE, spatial_stride=32,
        sizes={"16:9": (1344, 768), "9:16": (768, 1344), "1:1": (1024, 1024)}, audio_rate=32000,
    )


def element(name, description="", kind="character", *, views=("front",), pitch=None, seconds=6.0):
    """pitch in Hz: with a voice of so many seconds."""
    voice = Voice(np.zeros(int(seconds * 100), np.float32), 100, pitch) if pitch else None
    return Element(name, kind, description, dict.fromkeys(views), voice)


def cast(*elements):
    return Cast(tuple(Binding(each) for each in elements))


def planned(written, people):
    """A Plan of a script, or of a Storyboard as JSON has it."""
    board = parse_script(written, people.names) if isinstance(written, str) else Storyboard.model_validate(written)
    return plan(board, people, grid(), LIMITS)


def pictures(people, *, voices=()):
    """One picture of each element, all its views side by side, and the voices of some of them."""
    items = [
        Reference("image", at, each.element.name, tuple(each.element.views), (512, 512))
        for at, each in enumerate(people.bindings, 1)
    ]
    items += [
        Reference("audio", at, name, seconds=(0.0, min(5.0, people[name].voice.seconds)))
        for at, name in enumerate(voices, 1)
    ]
    return References(tuple(items))


MIRA = element("mira", "red bun, glasses, yellow striped top", views=("front", "side"), pitch=215.0)
LEO = element("leo", "a bearded man in a blue beanie and a green top", pitch=110.0)
OLD_MAN = element("old_man", "an old man with white hair and a grey coat", pitch=130.0)
CLERK = element("clerk", "bakery clerk in a white apron", pitch=170.0)
BAKERY = element("bakery", "small bakery in Madrid with tiled walls", "scene")


@cache
def scene(name):
    """A plan, its cast and the references that a budget could have chosen for it."""
    return SCENES[name]()


def _made(written, *elements, voices=(), references=None):
    people = cast(*elements)
    return planned(written, people), people, references or pictures(people, voices=voices)


def _bystander():
    """FEATURES 54."""
    return _made(
        """Place: street
Time: sunset
Shot 1 (4s, medium): @mira gazes into the distance. Mira says softly, “风停了，我们该回家了。”
Shot 2 (3s, close-up): Close-up of @leo, a shy man leaning on @mira. @leo whispers, “再等一会儿。”
Shot 3 (3s, extreme close-up, rapid zoom in): Rack focus to @old_man, whose surprised eyes widen.
""", MIRA, LEO, OLD_MAN, voices=("mira", "leo"),
    )


def _bakery():
    """FEATURES 55: three speakers."""
    return _made(
        """Place: bakery
Time: morning
Shot 1 (5s, wide): In @bakery, @mira and @leo walk up to @clerk.
Mira asks in clumsy Spanish: “Perdón, ¿dónde está el museo?”
Shot 2 (5s, medium): @clerk turns and points to the right.
The clerk answers in Spanish: “Todo recto y luego a la derecha.”
Shot 3 (4s, medium, slow push-in): @mira and @leo smile.
Mira says in Spanish, “¡Muchas gracias!” Leo says in Spanish, “¡Adiós!”
""", MIRA, LEO, CLERK, BAKERY, voices=("mira", "clerk", "leo"),
    )


def _park():
    """FEATURES 56."""
    return _made(
        """Place: park
Shot 1 (4s, wide): A woman, @mira, walks to the right under tall trees.
Shot 2 (4s, close-up, slow push-in): @mira looks up and says quietly, “I had forgotten how green it is.”
Shot 3 (4s, over-the-shoulder): Over @mira's shoulder, @leo waves. Background music swells.
""", MIRA, LEO, voices=("mira",),
    )


def _six_shots():
    return _made(
        """Title: The tree
Place: park
Time: day
Shot 1 (3s, wide, slow push-in): @mira walks from left to right behind a tree, while @leo on the right waves.
Shot 2 (2.5s, medium, slow truck right): Leo smiles. Leo says happily, "There you are, Mira!"
Shot 3 (2.5s, close-up, slow push-in): Mira smiles. Mira says, "I have found our tree!"
Shot 4 (2s, over-the-shoulder): Over Mira's shoulder, Leo is surprised. Leo asks, "Are you sure?"
Shot 5 (2.5s, two-shot, pan right 8 degrees): Mira on the left and Leo on the right. Mira says softly, "Look at it."
Shot 6 (2.5s, wide, orbit 120 degrees): Mira and Leo wave, two-shot, smiling.
""", MIRA, LEO, voices=("leo", "mira"),
    )


def _seven_elements():
    five = [element(f"guest{n}", f"a guest in a {colour} suit") for n, colour in enumerate(("red", "blue", "grey"), 1)]
    cake = element("cake", "three-tiered wedding cake with sugar roses", "item")
    hall = element("hall", "an old hall with chandeliers", "scene")
    return _made(
        {
            "shots": [
                {"seconds": 5, "size": "wide", "subjects": ["mira", "leo", "guest1", "guest2", "guest3"],
                 "actions": [{"subject": "mira", "verb": "dance", "toward": "leo"}],
                 "description": "The guests watch @mira and @leo dance in @hall."},
                {"seconds": 3, "size": "insert",
                 "description": "@cake is wheeled in under a sign that reads “Forever”."},
                {"seconds": 4, "size": "close", "subjects": ["guest2"],
                 "camera": [{"kind": "pan", "direction": "left"}],
                 "lines": [{"speaker": "guest2", "text": "Who cuts it?", "delivery": "whispering"}],
                 "description": "@guest2 stares at @cake."},
            ]
        }, MIRA, LEO, *five, cake, hall,
    )


def _long_voice():
    """A voice of 30 s, of which the budget took seconds 12 to 17; a line off screen."""
    teller = element("teller", "an old sailor", pitch=95.0, seconds=30.0, views=("front", "side", "back", "detail"))
    references = References((
        Reference("image", 1, "teller", ("front",), (768, 768)),
        Reference("image", 2, "teller", ("side", "back"), (768, 768)),
        Reference("audio", 1, "teller", seconds=(12.0, 17.0)),
        Reference("image", 3, "mira", ("front", "side"), (768, 768)),
    ))
    return _made(
        """Time: night
Shot 1 (5s, close-up): @teller, off-screen, says in a hoarse voice: “The sea gives nothing back.”
@mira listens with fear.
Shot 2 (5s, medium, handheld): @teller sits with a cup. He says, “Believe me.”
""", teller, MIRA, references=references,
    )


def _clip():
    """An element of a clip with its sound, beside one of pictures and a voice."""
    dancer = element("dancer", "young dancer in a silver dress", views=(), pitch=None)
    references = References((
        Reference("image", 1, "leo", ("front",), (640, 640)),
        Reference("audio", 1, "dancer", seconds=(0.0, 4.0), soundtrack_of=1),
        Reference("video", 1, "dancer", (), (640, 640), (0.0, 4.0)),
        Reference("audio", 2, "leo", seconds=(0.0, 5.0)),
    ))
    return _made(
        """Place: stage
Shot 1 (5s, full, orbit left 180 degrees): @dancer dances under a spotlight.
Shot 2 (4s, medium): @leo nods. Leo says warmly, "Again!" The dancer answers, "Give me a second."
""", dancer, LEO, references=references,
    )


def _first_shot_only():
    return _made(
        """Place: classroom
Shot 1 (4s, medium, static): @mira points to the left. She says, “Open your books.”
Shot 2 (3s, wide): @leo sits with a book.
Shot 3 (3s, insert): Insert of a page.
""", MIRA, LEO, voices=("mira",),
    )


def _five_languages():
    return _made(
        """Place: studio
Shot 1 (5s, medium): @mira on the left, @leo on the right. Mira says: “我们开始吧。” Leo says: “Let us begin.”
Shot 2 (5s, close-up): Mira says: “はじめましょう。” Mira says: “시작합시다.”
Shot 3 (4s, two-shot): @mira and @leo. Leo says: “¡Empecemos ya!”
""", MIRA, LEO, voices=("mira", "leo"),
    )


def _chinese():
    return _made(
        """镜头1（4秒，全景，缓慢推近）：@mira走过一棵树，挥手。@mira说：“你看那边。”
镜头2（4秒，近景）：@leo微笑。@leo轻声说：“我看见了。”
""", MIRA, LEO, voices=("mira", "leo"),
    )


def _negative():
    return _made(
        """Place: beach
Time: sunset
Negative: morphing features, changing clothes, extra fingers, blurry, purple elephants
Shot 1 (4s, wide, pull back): @mira rides a bicycle along the water. She does not stop.
Shot 2 (4s, close-up): @mira, joyful, calls out, “Come on!”
""", MIRA,
    )


def _guides_example():
    """The references and the course of the example that closes MiniMax's guide to its reference mode, in our words."""
    cafe = element("cafe", "a brick-walled coffee shop with an orange sofa", "scene")
    dog = element("dog", "a fluffy white dog", views=("front", "side", "back"))
    ann, ben = (element(name, words, views=()) for name, words in (("ann", "a blonde woman"), ("ben", "a curly man")))
    references = References((
        Reference("image", 1, "cafe", ("front",), (640, 640)),
        *(Reference("image", at, "dog", (view,), (640, 640)) for at, view in enumerate(dog.views, 2)),
        Reference("video", 1, "ann", (), (640, 640), (0.0, 3.0)),
        Reference("video", 2, "ben", (), (640, 640), (0.0, 3.0)),
        Reference("audio", 1, "ann", seconds=(0.0, 4.0)),
    ))
    return _made(
        """Place: room
Shot 1 (3s, medium): In @cafe, @ann sits with a biscuit. @ben comes in with @dog. Ann exclaims, “Mind your dog!”
Shot 2 (2s, close-up): @ben holds @dog. Ben says playfully, “He means well.”
Shot 3 (3s, close-up): @ann smiles. Ann answers, “So do I.”
""", cafe, dog, ann, ben, references=references,
    )


def _guided():
    """A moving guide beside two elements with pictures, one of them with a voice."""
    people = cast(MIRA, LEO)
    script = """Place: street
Time: night
Shot 1 (3s, wide, slow push-in): @mira walks to the right, past @leo.
Shot 2 (3s, medium, orbit left 60 degrees): @mira stops. Mira says, “You again?”
Shot 3 (3s, close-up): @leo smiles.
"""
    board, chosen = planned(script, people), pictures(people, voices=("mira",))
    guide = moving_guide(board.size, board.frames, H3)
    return _made(script, MIRA, LEO, references=References((*chosen.items[:2], guide, *chosen.items[2:])))


SCENES = {
    "guides_example": _guides_example,
    "bystander": _bystander, "bakery": _bakery, "park": _park, "six_shots": _six_shots,
    "seven_elements": _seven_elements, "long_voice": _long_voice, "clip": _clip, "first_shot_only": _first_shot_only,
    "five_languages": _five_languages, "chinese": _chinese, "negative": _negative, "guided": _guided,
}
