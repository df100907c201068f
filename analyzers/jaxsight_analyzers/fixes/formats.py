"""Texts as format strings, for functions that format later: `jax.debug.print("{x}", x=x)`."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from string import Formatter

from jaxsight_analyzers.fixes import edits
from jaxsight_analyzers.semantic import Unit

_RESERVED = ("fmt", "ordered", "partitioned", "skip_format_check", "_use_logging")
"""The keywords of `jax.debug.print` that are no values."""

_PERCENT = re.compile(
    r"%(?:\((?P<name>\w+)\))?(?P<flags>[#0 +-]*)(?P<width>\d*)(?:\.(?P<digits>\d+))?[hlL]?"
    r"(?P<type>[diouxXeEfFgGcrsa%])"
)


class Message:
    """A format string with the values of its fields, made of one text after another."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._parts: list[str] = []
        self._is_numbered = False  # so that nothing can follow
        self.values: list[str] = []
        self.named: dict[str, str] = {}

    def template(self, between: str = " ") -> str:
        """The format string as a literal."""
        return quoted(between.join(self._parts))

    def arguments(self, between: str = " ") -> str:
        """The arguments of a call that formats it."""
        named = [f"{name}={value}" for name, value in self.named.items()]
        return ", ".join([self.template(between), *self.values, *named])

    def add(self, node: ast.expr) -> bool:
        """One more text: what it shows of values becomes fields. False where that cannot be written."""
        if self._is_numbered:
            return False
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            self._parts.append(_escaped(node.value))
            return True
        if isinstance(node, ast.JoinedStr):
            return self._joined(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and _is_text(node.left):
            right = node.right
            if isinstance(right, ast.Dict):
                return self._with_names(_text_of(node.left), right)
            return self.percent(node.left, right.elts if isinstance(right, ast.Tuple) else [right])
        if isinstance(node, ast.Call) and _is_format(node):
            return self._format(node)
        self._parts.append("{}")
        self.values.append(edits.as_argument(self._unit, node))
        return True

    def percent(self, template: ast.expr, values: Sequence[ast.expr]) -> bool:
        """`"%s is %.2f" % (name, x)`."""
        text = _text_of(template)
        found = _braces(text)
        if found is None or any(name for name, _ in found[1]) or len(found[1]) != len(values):
            return False
        if any(isinstance(value, ast.Starred) for value in values):
            return False
        self._parts.append("".join(found[0]))
        self.values += [edits.as_argument(self._unit, value) for value in values]
        return True

    def _with_names(self, text: str, given: ast.Dict) -> bool:
        """`"%(x)s" % {"x": x}`."""
        found = _braces(text)
        if found is None or not all(name for name, _ in found[1]):
            return False
        for key, value in zip(given.keys, given.values):
            if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
                return False
            if not self._name(key.value, edits.as_argument(self._unit, value)):
                return False
        self._parts.append("".join(found[0]))
        return {name for name, _ in found[1]} <= set(self.named)

    def _format(self, node: ast.Call) -> bool:
        """`"{} is {x}".format(name, x=x)`."""
        assert isinstance(node.func, ast.Attribute)
        text = _text_of(node.func.value)
        try:
            fields = [name for _, name, _, _ in Formatter().parse(text) if name is not None]
        except ValueError:
            return False
        self._is_numbered = any(name[:1].isdigit() for name in fields)
        if self._is_numbered and self._parts:
            return False
        plain = not any(isinstance(value, ast.Starred) for value in node.args)
        if not plain or any(keyword.arg is None for keyword in node.keywords):
            return False
        for keyword in node.keywords:
            if not self._name(str(keyword.arg), edits.as_argument(self._unit, keyword.value)):
                return False
        self._parts.append(text)
        self.values += [edits.as_argument(self._unit, value) for value in node.args]
        return True

    def _joined(self, node: ast.JoinedStr) -> bool:
        """`f"{name} is {x:.2f}"`."""
        parts: list[str] = []
        for part in node.values:
            if isinstance(part, ast.Constant):
                parts.append(_escaped(str(part.value)))
                continue
            assert isinstance(part, ast.FormattedValue)
            spec = part.format_spec
            if spec is not None and not _is_plain(spec):
                return False
            value = ast.unparse(part.value)  # before 3.12 parts of f-strings have no place
            shown = part.conversion != -1 and not (parts and parts[-1].endswith(f"{value}="))
            form = f"!{chr(part.conversion)}" if shown else ""
            form += "" if spec is None else f":{_literal(spec)}"
            name = value if isinstance(part.value, ast.Name) and self._name(value, value) else ""
            if not name:
                self.values.append(value)
            parts.append(f"{{{name}{form}}}")
        self._parts.append("".join(parts))
        return True

    def _name(self, name: str, value: str) -> bool:
        """Give a field a name; False where that stands for something else."""
        if name in _RESERVED or self.named.get(name, value) != value:
            return False
        self.named[name] = value
        return True


def _braces(text: str) -> tuple[list[str], list[tuple[str, str]]] | None:
    """The pieces of a `%` format as those of a format with braces, and its fields: name and form."""
    pieces: list[str] = []
    fields: list[tuple[str, str]] = []
    at = 0
    for field in _PERCENT.finditer(text):
        between = text[at : field.start()]
        at = field.end()
        if "%" in between:
            return None
        pieces.append(_escaped(between))
        if field["type"] == "%":
            pieces.append("%")
            continue
        form = _form(field)
        fields.append((field["name"] or "", form))
        pieces.append(f"{{{field['name'] or ''}{form}}}")
    if "%" in text[at:]:
        return None
    pieces.append(_escaped(text[at:]))
    return pieces, fields


def _form(field: re.Match[str]) -> str:
    """`:.2f` for `%.2f`."""
    kind, width, flags = field["type"], field["width"], field["flags"]
    digits = "" if field["digits"] is None else f".{field['digits']}"
    if kind in "sra":
        shown = "" if kind == "s" and not width + digits else f"!{kind}"
        side = "<" if "-" in flags else ">"
        return shown + (f":{side if width else ''}{width}{digits}" if width + digits else "")
    sign = "+" if "+" in flags else " " if " " in flags else ""
    whole = kind in "diu"
    side, zero = "<" * ("-" in flags), "0" * ("0" in flags and "-" not in flags)
    form = f"{side}{sign}{'#' * ('#' in flags)}{zero}{width}"
    if whole:
        return f":{form}d" if form else ""
    return f":{form}{digits}{kind}"


def _is_format(node: ast.expr) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    return node.func.attr == "format" and _is_text(node.func.value)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _text_of(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else ""


def is_formatted(node: ast.expr) -> bool:
    """Whether an expression is a text that is formatted where it stands."""
    percent = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and _is_text(node.left)
    return isinstance(node, ast.JoinedStr) or percent or _is_format(node)


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _is_plain(spec: ast.expr) -> bool:
    return isinstance(spec, ast.JoinedStr) and all(isinstance(p, ast.Constant) for p in spec.values)


def _literal(spec: ast.expr) -> str:
    return "".join(str(part.value) for part in ast.walk(spec) if isinstance(part, ast.Constant))


def quoted(text: str) -> str:
    """A string literal."""
    return json.dumps(text, ensure_ascii=False)
