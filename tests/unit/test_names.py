"""One word means one thing: no two public classes of the product share a name."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOTS = ("schemas/afterword", "producers/afterword", "workers/afterword")


def public_names(module: Path) -> Iterator[str]:
    """The classes of a module, and the types that it gives a name to, such as `Owner = UserOwner | AgentOwner`."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    names = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    for node in tree.body:
        # A call is a value or a TypeVar, and a name in capitals a constant.
        if isinstance(node, ast.Assign) and not isinstance(node.value, ast.Call):
            named = [target.id for target in node.targets if isinstance(target, ast.Name)]
            names += [name for name in named if name[0].isupper() and not name.isupper()]
    return (name for name in names if not name.startswith("_"))


def test_no_two_classes_share_a_name() -> None:
    where: dict[str, list[str]] = defaultdict(list)
    for root in ROOTS:
        for module in sorted(Path(root).rglob("*.py")):
            for name in public_names(module):
                where[name].append(str(module))
    assert len(where) > 200, "the product has been found"
    shared = {name: modules for name, modules in where.items() if len(modules) > 1}
    assert shared == {}
