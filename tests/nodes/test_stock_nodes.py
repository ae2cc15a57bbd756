"""How the large models' adapters call ComfyUI's own nodes."""

import ast
from pathlib import Path

BACKBONES = Path(__file__).parents[2] / "nodes" / "backbones"


def _calls():
    """Every NODE.execute(...), as (where, call)."""
    for path in sorted(BACKBONES.glob("*.py")):
        for found in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(found, ast.Call) and isinstance(found.func, ast.Attribute) and found.func.attr == "execute":
                yield f"{path.name}:{found.lineno}", found


def test_nodes_are_given_their_inputs_by_name_since_versions_differ_in_the_order():
    calls = dict(_calls())
    assert len(calls) > 15
    assert [where for where, call in calls.items() if call.args] == []
