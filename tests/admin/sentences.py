"""The sentences with which the product refuses, collected from its source.

Each is a template, with {} for what is filled in. Names are followed to where their text is
written, in the same function or module, or where that module has them from.
"""

import ast
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_LETTER = re.compile(r"[A-Za-z]")
#: Which argument of a call is told to people, by the name of what is called.
SAYS = {
    **dict.fromkeys(("ApiError", "Problem", "Invalid", "Guard", "_matching"), 1),
    **dict.fromkeys(("ValidationError", "ValueError", "Malformed", "NotNow", "SecretsLocked"), 0),
    **dict.fromkeys(("BadSignature", "Refused", "failed", "say"), 0),
    **dict.fromkeys(("IdentityRefused", "IdentityAway", "WebFailed"), 0),
    **dict.fromkeys(("refused", "away"), -1),
    **dict.fromkeys(("InvalidPrices", "PriceMissing", "KeyReused", "VerificationRuns"), 0),
    **dict.fromkeys(("InvalidRequest", "NothingToReverse", "SecondPersonNeeded"), 0),
    **dict.fromkeys(("ReversalError", "AlreadyReversed", "AlreadyDecided", "NotEnoughLeft"), 0),
    **dict.fromkeys(("InvalidFilter", "BadExport", "BadStatement", "NotSealed"), 0),
    **dict.fromkeys(("ArchiveMissing", "ArchiveChanged"), 0),
}
#: What stands behind the argument where it is told.
BEHIND = {"Guard": " ({})"}
#: Keywords that hold such a text, whatever is called.
KEYWORDS = ("error", "fixed")
#: Functions that return one.
RETURNS = ("objection", "words", "_short_of_credit")
#: Names of constants that hold some.
_MESSAGES = ("default_error_messages",)


class Module:
    """One source file, and where its names are given their texts."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.tree = ast.parse((ROOT / path).read_text("utf-8"))
        self.constants = _assigned(self.tree.body)
        self.imported = {
            alias.asname or alias.name: f"{node.module.replace('.', '/')}.py"
            for node in ast.walk(self.tree)
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
        }

    def sentences(self) -> Iterator[str]:
        """Yield the templates of all that this module says."""
        for scope in (self.tree, *_functions(self.tree)):
            names = _assigned(ast.walk(scope)) if scope is not self.tree else {}
            for node in _own(scope):
                for told in _told(node, getattr(scope, "name", "")):
                    yield from filter(_LETTER.search, self.texts(told, names))

    def texts(self, node: ast.expr, names: dict[str, list[ast.expr]]) -> list[str]:
        """Return the templates that an expression can be; "{}" where it can't be followed."""
        match node:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.JoinedStr(values=values):
                parts = [self._part(value, names) for value in values]
                return ["".join(chosen) for chosen in product(*parts)]
            case ast.BinOp(left=ast.Dict() as left):
                return self.texts(left, names)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                pairs = product(self.texts(left, names), self.texts(right, names))
                return ["".join(pair) for pair in pairs]
            case ast.IfExp(body=body, orelse=other):
                return self.texts(body, names) + self.texts(other, names)
            case ast.BoolOp(values=values):
                return [text for value in values for text in self.texts(value, names)]
            case ast.Dict(values=values) | ast.List(elts=values):
                return [text for value in values for text in self.texts(value, names)]
            case ast.Name(id=name):
                return self._named(name, names)
        return ["{}"]

    def _part(self, value: ast.expr, names: dict[str, list[ast.expr]]) -> list[str]:
        if isinstance(value, ast.Constant):
            return [str(value.value)]
        assert isinstance(value, ast.FormattedValue)
        inner = self.texts(value.value, names) if isinstance(value.value, ast.Name) else []
        return [text for text in inner if " " in text] or ["{}"]

    def _named(self, name: str, names: dict[str, list[ast.expr]]) -> list[str]:
        without = {other: given for other, given in names.items() if other != name}
        if given := names.get(name) or self.constants.get(name):
            return [text for each in given for text in self.texts(each, without)]
        source = self.imported.get(name)
        if source and name.isupper() and (ROOT / source).exists():
            return Module(source)._named(name, {})
        return ["{}"]


def _told(node: ast.AST, function: str) -> Iterator[ast.expr]:
    """Yield the expressions that a node of a function tells people."""
    if isinstance(node, ast.Return) and node.value is not None and function in RETURNS:
        yield node.value
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        name = node.func.id if isinstance(node.func, ast.Name) else name
        at = SAYS.get(name)
        if at is not None and len(node.args) > max(at, 0):
            behind = ast.Constant(BEHIND.get(name, ""))
            yield ast.BinOp(node.args[at], ast.Add(), behind)
        if name == "__init__" and node.args and isinstance(node.args[0], ast.JoinedStr):
            yield node.args[0]
        yield from (keyword.value for keyword in node.keywords if keyword.arg in KEYWORDS)
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        if node.targets[0].id in _MESSAGES:
            yield node.value


def _functions(tree: ast.AST) -> list[ast.AST]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


def _own(scope: ast.AST) -> Iterator[ast.AST]:
    """Walk a module or function, but not into the functions in it."""
    for child in ast.iter_child_nodes(scope):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child
            yield from _own(child)


def _assigned(nodes: Iterator[ast.AST] | list[ast.stmt]) -> dict[str, list[ast.expr]]:
    found: dict[str, list[ast.expr]] = {}
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found.setdefault(name, []).append(value)
            case ast.AugAssign(target=ast.Name(id=name), value=value) if name in found:
                found[name].append(ast.BinOp(found[name][0], ast.Add(), value))
    return found
