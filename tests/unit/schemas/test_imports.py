from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_LOADED = """
import json, sys
before = set(sys.modules)
import {module}
tops = {{name.partition(".")[0] for name in set(sys.modules) - before}} - sys.stdlib_module_names
print(json.dumps(sorted(top for top in tops if not top.startswith("_sysconfigdata"))))
"""
_PYDANTIC = {"pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection"}


def run(code: str, folder: Path) -> Any:
    """The output of a fresh interpreter, away from the repository."""
    done = subprocess.run([sys.executable, "-I", "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_schemas_load_pydantic_and_no_other(tmp_path: Path) -> None:
    loaded = set(run(_LOADED.format(module="afterword.schemas"), tmp_path))
    assert loaded <= {"afterword", *_PYDANTIC}


@pytest.mark.parametrize(
    "module", ["afterword.schemas.commands", "afterword.schemas.contract", "afterword.schemas.wire"]
)
def test_nor_does_any_part_of_them(module: str, tmp_path: Path) -> None:
    assert set(run(_LOADED.format(module=module), tmp_path)) <= {"afterword", *_PYDANTIC}


def test_one_namespace_over_three_roots(tmp_path: Path) -> None:
    code = """
import json, afterword, afterword.schemas, afterword.producers, afterword.workers
print(json.dumps([afterword.__file__, len(set(afterword.__path__))]))
"""
    assert run(code, tmp_path) in ([None, 3], [None, 1])  # editable, or installed from a wheel


def test_nothing_installed_takes_a_name_that_is_everybodys(tmp_path: Path) -> None:
    code = """
import importlib.util, json
names = ("schemas", "producers", "workers", "tests", "ops")
print(json.dumps([name for name in names if importlib.util.find_spec(name)]))
"""
    assert run(code, tmp_path) == []


def test_what_schemas_promise_can_be_imported() -> None:
    import afterword.schemas as schemas

    assert sorted(schemas.__all__) == schemas.__all__
    assert all(hasattr(schemas, name) for name in schemas.__all__)
