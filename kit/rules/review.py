"""What a reviewer should look at in a submission's code: found by reading it, never by running it.

Recognising a workload in order to switch logic or settings is forbidden, and no program can prove
its absence. These findings are hints for people; a clean list is no acquittal.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from kit.rules.folder import compressed_bytes

_EXPECTED_IMPORTS = {
    "__future__", "collections", "contextlib", "dataclasses", "enum", "functools", "itertools",
    "keras", "kit", "math", "numpy", "operator", "typing",
}  # fmt: skip
_EXPECTED_KIT = ("kit.contracts", "kit.algorithms")
_SUSPICIOUS_CALLS = frozenset({"eval", "exec", "open", "compile", "__import__", "globals"})
_READING_METHODS = frozenset(
    {"fromfile", "genfromtxt", "load", "loadtxt", "memmap", "open", "read_bytes", "read_text"}
)
_MANY_NUMBERS = 200
_LONG_TEXT_CHARACTERS = 500
_MUCH_COMPRESSED_BYTES = 4096  # of one file; the largest shipped submission has 1,804 in all


@dataclass(frozen=True)
class Finding:
    """One place worth a look."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"


def review(contents: Mapping[str, bytes], workload_names: Collection[str]) -> list[Finding]:
    """Return what a reviewer should look at, in the order of files and lines.

    Args:
        contents: the submission's files by relative path.
        workload_names: names that no submission has a reason to mention.
    """
    own = {name.removesuffix(".py").split("/")[0] for name in contents if name.endswith(".py")}
    findings = []
    for name, content in contents.items():
        if not name.endswith(".py"):
            continue
        try:
            tree = ast.parse(content)
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None) or 1
            findings.append(Finding(name, line, f"is not valid Python: {error}"))
            continue
        if (size := compressed_bytes({name: content})) > _MUCH_COMPRESSED_BYTES:
            what = f"is {size:,} bytes when compressed: encoded data?"
            findings.append(Finding(name, 1, what))
        docstrings = set(_docstrings(tree))
        for node in ast.walk(tree):
            for what in _look(node, own, workload_names, docstrings):
                findings.append(Finding(name, getattr(node, "lineno", 1), what))
    return sorted(findings, key=lambda finding: (finding.file, finding.line, finding.what))


def _look(
    node: ast.AST, own: set[str], workload_names: Collection[str], docstrings: set[ast.AST]
) -> Iterator[str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield from _imports(node, own)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id in _SUSPICIOUS_CALLS:
            yield f"calls {node.func.id}()"
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in _READING_METHODS:
            yield f"calls .{node.func.attr}(): a file?"
    elif isinstance(node, ast.Attribute):
        if node.attr.startswith("_") and not _is_self(node.value):
            yield f"reaches for the private name {node.attr}"
    elif isinstance(node, ast.Compare):
        yield from _comparison(node)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
        if len(node.value) >= _LONG_TEXT_CHARACTERS and node not in docstrings:
            yield f"holds a text of {len(node.value):,} characters: encoded data?"
        if isinstance(node.value, bytes):
            return
        named = [name for name in workload_names if name in node.value.lower()]
        if named and node not in docstrings:
            yield f"mentions the workload {named[0]!r}"
    elif isinstance(node, ast.List | ast.Tuple | ast.Set | ast.Dict):
        constants = sum(isinstance(part, ast.Constant) for part in ast.walk(node))
        if constants >= _MANY_NUMBERS:
            yield f"holds {constants} constants: results computed elsewhere?"


def _imports(node: ast.Import | ast.ImportFrom, own: set[str]) -> Iterator[str]:
    names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    for name in names:
        top = name.split(".")[0]
        if top == "kit" and not name.startswith(_EXPECTED_KIT):
            yield f"imports {name}; submissions use kit.contracts and kit.algorithms"
        elif top not in _EXPECTED_IMPORTS and top not in own and top:
            yield f"imports {name}"


def _comparison(node: ast.Compare) -> Iterator[str]:
    sides = [node.left, *node.comparators]
    text = [ast.unparse(side) for side in sides]
    constant = any(_is_large_constant(side) for side in sides)
    if constant and any(".shape" in side or ".size" in side for side in text):
        yield f"compares a shape with constants: {ast.unparse(node)}"
    for attribute in ("loss_type", "step_hint", "batch_size"):
        if any(side.endswith(f".{attribute}") for side in text):
            yield f"switches on {attribute}: {ast.unparse(node)}"


def _is_large_constant(node: ast.expr) -> bool:
    """Tell whether a constant could identify a layer; small ones ask for a rank."""
    if isinstance(node, ast.Tuple | ast.List):
        return any(_is_large_constant(element) for element in node.elts)
    return isinstance(node, ast.Constant) and isinstance(node.value, int) and node.value > 8


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def _docstrings(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                yield first.value
