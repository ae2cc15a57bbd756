"""The compilers under one signature, for tests that hold for all of them."""

from kling_core.prompts.ltx import compile_prose
from kling_core.prompts.minimax_h3 import compile_base, compile_references
from kling_core.prompts.wan import compile_captions

FAMILIES = {
    "h3_references": compile_references,
    "h3_base": lambda plan, cast, references: compile_base(plan, cast),
    "ltx": lambda plan, cast, references: compile_prose(plan, cast),
    "wan": lambda plan, cast, references: compile_captions(plan, cast),
}
WITH_SOUND = ("h3_references", "h3_base", "ltx")
