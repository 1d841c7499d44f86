from __future__ import annotations

import ast
import re
from pathlib import Path
from statistics import quantiles

from tests.invariants.sources import ROOT, files, modules, text, tree

_LONGEST_FILE = 400
_LONGEST_FUNCTION = 30
_SOURCES = {".css", ".html", ".js", ".py", ".sh", ".sql", ".toml", ".yaml", ".yml"}
_LONG = {
    "crm_core/db/migrations/core/versions/0001_initial.postgresql.sql": "made by crm_core.db.freeze",
    "crm_core/db/migrations/core/versions/0001_initial.sqlite.sql": "made by crm_core.db.freeze",
}
_ELSEWHERE = Path("tests/invariants/tested_elsewhere.txt")
# In pieces, so that this file is not what it looks for.
_REGISTRIES = re.compile("|".join(["py" + r"pi\.org", "python" + "hosted", "npm" + "js", "crates" + r"\.io"]))
_MACHINE = re.compile(r"(?<![\w.}])/(wo" + "rk|ro" + r"ot)(/|\b)")
_TEMPORARY = re.compile("[\"']/t" + "mp\\b")
_PRODUCT = ("compat_tests", "crm_core", "plugin_sdk", "plugins")


def test_no_file_is_longer_than_400_lines() -> None:
    long = {str(path) for path in files() if path.suffix in _SOURCES and text(path).count("\n") > _LONGEST_FILE}
    assert long == set(_LONG)


def test_nine_functions_of_ten_have_30_lines_at_most() -> None:
    lengths = [
        (node.end_lineno or 0) - node.lineno + 1
        for path in modules(*_PRODUCT)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert len(lengths) > 1000
    assert quantiles(lengths, n=10)[-1] <= _LONGEST_FUNCTION


def test_every_package_says_what_it_is() -> None:
    packages = [path for path in modules("compat_tests", "crm_core", "plugin_sdk") if path.name == "__init__.py"]
    assert len(packages) > 20
    assert [str(path) for path in packages if not ast.get_docstring(tree(path))] == []


def test_every_module_has_its_test_or_says_where_it_is_tested() -> None:
    untested = {str(path) for path in modules("crm_core") if _has_code(path) and not _test_of(path).is_file()}
    lines = text(_ELSEWHERE).splitlines()
    listed = [line for line in lines if line and not line.startswith("#")]
    assert untested - set(listed) == set(), "write the test, or list the module with the reason"
    assert set(listed) - untested == set(), f"these have a test of their own now; take them out of {_ELSEWHERE}"


def _has_code(path: Path) -> bool:
    return any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for node in tree(path).body)


def _test_of(path: Path) -> Path:
    return ROOT / "tests" / path.with_name(f"test_{path.name}")


def test_no_file_knows_a_registry_or_a_machine() -> None:
    found = [
        f"{path}: {match[0]}"
        for path in files()
        for pattern in (_REGISTRIES, _MACHINE)
        for match in pattern.finditer(text(path))
    ]
    found += [f"{path}: {match[0]}" for path in modules(*_PRODUCT) for match in _TEMPORARY.finditer(text(path))]
    assert found == []
