"""What must not be seen or heard, said as what must, for models without a negative branch.

Such a model reads "no hat" as a hat. So each known fault has a sentence about the sound state, and what is not known is
left out with a note.
"""

from __future__ import annotations

import re

from kling_core.prompts.users_words import harmless

_POSITIVES = (
    (r"chang\w* (?:of )?(?:cloth|outfit|costume|dress)\w*|(?:cloth|outfit|costume|wardrobe)\w* chang\w*|"
     r"inconsistent (?:cloth|outfit|costume)\w*",
     "Everybody wears the same clothes in every shot."),
    (r"(?:morph|warp|melt)\w*|(?:chang|shift)\w* (?:face|identit|feature)\w*|identity drift|face drift|"
     r"inconsistent (?:face|character|identit)\w*",
     "Faces and bodies keep their shape and identity throughout."),
    (r"(?:extra|missing|fused|bad|deformed|mutated|malformed|too many) (?:fingers?|hands?)",
     "Every hand has five well-formed fingers."),
    (r"(?:extra|missing|deformed|malformed) (?:limbs?|arms?|legs?)|bad anatomy|deform\w*|disfigur\w*|distort\w*"
     r"|mutat\w*|mutilat\w*|ugly",
     "Faces and bodies have natural proportions."),
    (r"blur\w*|out of focus|unsharp|soft focus", "The picture is sharp."),
    (r"(?:low|worst|bad|poor)[ -]?(?:quality|res\w*)|jpe?g\w*|compression\w*|artifacts?|pixelat\w*|grain\w*",
     "The picture is clean and finely resolved."),
    (r"text|letter(?:s|ing)|subtitles?|captions?|watermarks?|logos?|signatures?",
     "The frame holds only the scene itself, from edge to edge."),
    (r"(?:shak|jitter|wobbl)\w*(?: (?:camera|footage))?|camera shake|unsteady camera", "The camera is steady."),
    (r"flicker\w*|flashing", "Light and exposure stay even."),
    (r"over-?expos\w*|blown[ -]out\w*", "Highlights keep their detail."),
    (r"under-?expos\w*|too dark|dark", "The scene is well lit."),
    (r"over-?saturat\w*|garish\w*", "Colours are natural."),
    (r"monochrome|gr[ae]yscale|black[ -]and[ -]white|washed[ -]out", "The picture is in full natural colour."),
    (r"static|frozen|motionless|still (?:image|picture|frame)s?|slideshow", "There is continuous natural motion."),
    (r"slow[ -]?motion|time[ -]?lapse", "Everything moves at its natural speed."),
    (r"cartoon\w*|anime|cgi|3d(?: render\w*)?|render\w*|paint\w*|drawing|illustration", "The style is photographic."),
    (r"duplicat\w*|clon\w*|twins?|two heads", "Each person is there once."),
    (r"(?:background |extra )?(?:people|persons?|crowds?|bystanders?|strangers?)",
     "Only the people described are in the frame."),
    (r"noise|noisy|hiss|hum|crackl\w*|distorted (?:sound|audio)", "The sound is clean and clear."),
    (r"echo\w*|reverb\w*", "Voices sound close and dry."),
)
_OF = (  # "morphing" and "morphing features" are one fault
    r"(?: (?:faces?|features?|bod(?:y|ies)|hands?|limbs?|eyes?|objects?|pictures?|images?|videos?|footage|frames?"
    r"|background|shots?|colou?rs?|lines?))?"
)
_MUSIC = re.compile(r"(?:background |non-diegetic )?music|soundtrack|score", re.IGNORECASE)
_SEPARATORS = re.compile(r"[,;.\n，；、。]|\band\b|\bor\b")
_NO = re.compile(r"^(?:no|not|without|never|avoid|don['’]?t)\s+", re.IGNORECASE)


def positives(negative: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Sentences that ask for the opposite of each thing in a negative prompt, and notes on those without one."""
    said: dict[str, None] = {}
    notes = []
    for part in _SEPARATORS.split(negative):
        part = _NO.sub("", harmless(part))
        if not part or _MUSIC.fullmatch(part):  # scenes have no music unless the director asks for it
            continue
        positive = next((words for pattern, words in _POSITIVES if _names(pattern, part)), None)
        if positive:
            said[positive] = None
        else:
            notes.append(
                f"negative prompt: “{part}” is left out: this model takes no negatives and we know no words for the "
                "opposite; describe what is to be there instead"
            )
    return tuple(said), tuple(notes)


def _names(pattern: str, part: str) -> bool:
    return bool(re.fullmatch(f"(?:{pattern}){_OF}", part, re.IGNORECASE))
