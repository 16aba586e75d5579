"""Reads the code of tests for two habits: sleeping for a guessed time, and exceptions that could be any.

A reader of syntax, not a runner: it follows imports and aliases inside one file, so it sees neither fixtures
of a conftest nor code in strings. Which files are read, and what a find means, is decided by
`reliability.phase.risks`.
"""

import ast
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

_SLEEPING_MODULES: Final = ("time", "asyncio", "anyio", "trio", "curio", "gevent", "eventlet")
_SLEEPS: Final = frozenset(f"{module}.sleep" for module in _SLEEPING_MODULES)
_BROWSER_SLEEP: Final = "wait_for_timeout"  # Playwright's
_PATCHERS: Final = frozenset({"setattr", "patch", "object"})
_ANY: Final = frozenset({"Exception", "BaseException", "builtins.Exception", "builtins.BaseException"})
_EXPECTING: Final = frozenset({"raises", "assertRaises", "assertRaisesRegex", "suppress"})
_RAISING_KEYWORDS: Final = frozenset({"side_effect", "expected_exception"})
_SHOWN_CHARACTERS: Final = 120

Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef


class Place(NamedTuple):
    """A line of code and what stands there."""

    line: int
    text: str


def find_sleeps(module: ast.Module) -> list[Place]:
    """Find calls that sleep for a fixed time.

    Args:
        module: Parsed test module.

    Returns:
        Calls of `time.sleep`, `asyncio.sleep` and their like under whatever name they were imported, in the order
        of lines; `sleep(0)` only yields, and a sleep that the test, its class or a fixture of the same file
        patches away does not wait, so neither is told.
    """
    finder = _SleepFinder(module)
    finder.visit(module)
    return sorted(_place(call) for call in finder.found)


def find_unspecific_exceptions(module: ast.Module) -> list[Place]:
    """Find bare `Exception` and `BaseException` that a test raises, lets raise, expects or catches.

    Args:
        module: Parsed test module.

    Returns:
        The places in the order of lines; classes that derive from `Exception` are specific.
    """
    names = _imported(module)
    found = {_place(node) for node in ast.walk(module) if any(_is_any(expr, names) for expr in _exceptions_of(node))}
    bare = {_place(node) for node in ast.walk(module) if isinstance(node, ast.ExceptHandler) and node.type is None}
    return sorted(found | bare)


def _place(node: ast.Call | ast.expr | ast.stmt | ast.ExceptHandler | ast.AST) -> Place:
    first_line = ast.unparse(node).strip().splitlines()[0]
    return Place(getattr(node, "lineno", 0), first_line[:_SHOWN_CHARACTERS])


def _exceptions_of(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.Raise(exc=ast.expr() as raised):
            yield raised
        case ast.ExceptHandler(type=ast.expr() as caught):
            yield from _members(caught)
        case ast.Call():
            yield node.func  # Exception("made here, raised elsewhere")
            for argument in node.args if _last_name(node.func) in _EXPECTING else ():
                yield from _members(argument)
            for keyword in node.keywords:
                if keyword.arg in _RAISING_KEYWORDS:
                    yield from _members(keyword.value)


def _members(expr: ast.expr) -> list[ast.expr]:
    return expr.elts if isinstance(expr, ast.Tuple | ast.List) else [expr]


def _is_any(expr: ast.expr, names: dict[str, str]) -> bool:
    return _dotted(expr, names) in _ANY


def _imported(module: ast.Module) -> dict[str, str]:
    """What each name of the file stands for, dotted; aliases by plain assignment too."""
    names: dict[str, str] = {}
    for node in ast.walk(module):
        match node:
            case ast.Import():
                names |= {
                    a.asname or a.name.split(".")[0]: a.name if a.asname else a.name.split(".")[0] for a in node.names
                }
            case ast.ImportFrom(module=str(origin)):
                names |= {alias.asname or alias.name: f"{origin}.{alias.name}" for alias in node.names}
    if f"{names.get('*', '').removesuffix('*')}sleep" in _SLEEPS:
        names["sleep"] = names["*"].replace("*", "sleep")
    for node in ast.walk(module):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                dotted = _dotted(value, names)
                if dotted is not None and dotted in _SLEEPS:
                    names[name] = dotted
    return names


def _dotted(expr: ast.expr, names: dict[str, str]) -> str | None:
    match expr:
        case ast.Name(id=name):
            return names.get(name, name)
        case ast.Attribute(value=value, attr=attr):
            base = _dotted(value, names)
            return None if base is None else f"{base}.{attr}"
        case _:
            return None


def _last_name(expr: ast.expr) -> str:
    match expr:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


class _SleepFinder(ast.NodeVisitor):
    """Walks a module and remembers what the functions and classes around a call shadow or patch."""

    def __init__(self, module: ast.Module) -> None:
        self.found: list[ast.Call] = []
        self._names = _imported(module)
        functions = [n for n in ast.walk(module) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
        self._patched_by = {function.name: self._patched([function]) for function in functions}
        automatic = [name for f in functions if _is_automatic(f) for name in (f.name,)]
        self._scopes: list[tuple[set[str], set[str]]] = [
            (set(), set().union(*(self._patched_by[name] for name in automatic)))
        ]

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._enter(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._enter(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._enter(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._enter(node)

    def visit_Call(self, node: ast.Call) -> None:
        if self._sleeps(node):
            self.found.append(node)
        self.generic_visit(node)

    def _enter(self, node: Scope) -> None:
        shadowed: set[str] = set()
        patched: set[str] = set()
        if isinstance(node, ast.ClassDef):
            set_ups = [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name in {"setUp", "setup_method"}]
            patched = self._patched([*node.decorator_list, *set_ups])
        else:
            shadowed = {argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)}
            patched = set().union(*(self._patched_by.get(name, set()) for name in shadowed | _used_fixtures(node)))
            if not isinstance(node, ast.Lambda):
                patched |= self._patched_by[node.name]
        self._scopes.append((shadowed, patched))
        self.generic_visit(node)
        self._scopes.pop()

    def _sleeps(self, call: ast.Call) -> bool:
        if _last_name(call.func) == _BROWSER_SLEEP:
            return True
        if self._is_sleep(call.func):
            first = next(iter([*call.args, *(keyword.value for keyword in call.keywords)]), None)
            return not (isinstance(first, ast.Constant) and first.value == 0)
        if _last_name(call.func) in _PATCHERS:
            return False
        handed_on = [*call.args[:-1], *(k.value for k in call.keywords if k.arg == "target")]
        return any(self._is_sleep(argument) for argument in handed_on)  # to_thread(time.sleep, 1)

    def _is_sleep(self, expr: ast.expr) -> bool:
        root = expr
        while isinstance(root, ast.Attribute):
            root = root.value
        dotted = _dotted(expr, self._names)
        is_shadowed = isinstance(root, ast.Name) and any(root.id in shadowed for shadowed, _ in self._scopes)
        return dotted in _SLEEPS and not is_shadowed and not any(dotted in patched for _, patched in self._scopes)

    def _patched(self, nodes: Iterable[ast.AST]) -> set[str]:
        calls = (n for node in nodes for n in ast.walk(node) if isinstance(n, ast.Call))
        targets = [self._target(call) for call in calls if _last_name(call.func) in _PATCHERS and call.args]
        return {sleep for sleep in _SLEEPS for target in targets if f".{target}".endswith(f".{sleep}")}

    def _target(self, call: ast.Call) -> str:
        match call.args:
            case [ast.Constant(value=str(target)), *_]:
                return target
            case [place, ast.Constant(value=str(name)), *_]:
                return f"{_dotted(place, self._names)}.{name}"
            case _:
                return ""


def _is_automatic(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    keywords = (k for d in function.decorator_list if isinstance(d, ast.Call) for k in d.keywords)
    return any(k.arg == "autouse" and isinstance(k.value, ast.Constant) and k.value.value is True for k in keywords)


def _used_fixtures(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> set[str]:
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    constants = (n for d in decorators for n in ast.walk(d) if isinstance(n, ast.Constant))
    return {constant.value for constant in constants if isinstance(constant.value, str)}
