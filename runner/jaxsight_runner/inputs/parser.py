"""The language of input specs: `x: f32[B=128, 64], y: i32[B] in [0, 9], key: key, n = 3`.

A recursive descent parser over the text; every error points at its character. Nothing is evaluated
here: an expression is kept as text and belongs to the target's module.
"""

from __future__ import annotations

import ast
import re
from typing import Optional

from jaxsight_runner.inputs.spec import (
    DTYPES,
    LITERAL,
    NAME,
    NUMBER,
    NUMPY,
    ArraySpec,
    CapturedSpec,
    Dim,
    ExpressionSpec,
    FileSpec,
    KeySpec,
    NestSpec,
    Partition,
    Value,
)

_FLOATS = ("f16", "bf16", "f32", "f64")
_SPACE = re.compile(r"\s*")
_ENTRY = re.compile(r"\s*(\Z|,\s*[^\W\d]\w*\s*(:|=(?!=)))")
_CLOSERS = {"{": "}", "(": ")", "[": "]"}
_KINDS = {"{": "dict", "(": "tuple", "[": "list"}


class SpecError(ValueError):
    """What is wrong with a spec, and at which character."""

    def __init__(self, message: str, text: str, offset: int) -> None:
        line_start = text.rfind("\n", 0, offset) + 1
        line = text[line_start:].splitlines()[0] if text[line_start:] else ""
        pointer = " " * (offset - line_start) + "^"
        super().__init__(f"{message} (character {offset + 1})\n  {line}\n  {pointer}")
        self.offset = offset


def parse_spec(text: str) -> dict[str, Value]:
    """The values a spec gives to parameters, by name, in order."""
    return _Parser(text).spec()


def parse_mesh(text: str) -> dict[str, int]:
    """The sizes of a mesh's axes by name, in order: `data=4, model=2`."""
    return _Parser(text).mesh()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def error(self, message: str, offset: Optional[int] = None) -> SpecError:
        return SpecError(message, self.text, self.at if offset is None else offset)

    def skip(self) -> None:
        match = _SPACE.match(self.text, self.at)
        assert match is not None
        self.at = match.end()

    def peek(self) -> str:
        self.skip()
        return self.text[self.at : self.at + 1]

    def take(self, token: str) -> bool:
        self.skip()
        if not self.text.startswith(token, self.at):
            return False
        self.at += len(token)
        return True

    def expect(self, token: str, where: str) -> None:
        if not self.take(token):
            raise self.error(f"expected `{token}` {where}, found {self.found()}")

    def found(self) -> str:
        char = self.peek()
        return f"`{char}`" if char else "the end"

    def name(self, what: str) -> str:
        self.skip()
        match = NAME.match(self.text, self.at)
        if match is None:
            raise self.error(f"expected {what}, found {self.found()}")
        self.at = match.end()
        return match.group()

    def spec(self) -> dict[str, Value]:
        values: dict[str, Value] = {}
        while self.peek():
            start = self.at
            name = self.name("a parameter's name")
            if name in values:
                raise self.error(f"`{name}` is given twice", start)
            if self.take(":"):
                values[name] = self.value()
            elif self.take("="):
                values[name] = self.expression()
            else:
                raise self.error(f"expected `:` or `=` after `{name}`, found {self.found()}")
            if self.peek():
                self.expect(",", "between parameters")
        return values

    def mesh(self) -> dict[str, int]:
        axes: dict[str, int] = {}
        while self.peek() or not axes:
            start = self.at
            name = self.name("an axis, as in `data=4`")
            if name in axes:
                raise self.error(f"axis `{name}` is given twice", start)
            self.expect("=", f"after `{name}`")
            self.skip()
            start = self.at
            axes[name] = self.size()
            if axes[name] < 1:
                raise self.error("an axis has at least one device", start)
            if self.peek():
                self.expect(",", "between axes")
        return axes

    def record(self, name: str) -> NestSpec:
        """The fields up to the closing bracket: parameters of the class."""
        self.expect("(", "after the class")
        start = self.at
        self.balanced(")")
        inner = _Parser(self.text[: self.at])
        inner.at = start
        fields = inner.spec()
        self.expect(")", "after the fields")
        return NestSpec("record", tuple(fields), tuple(fields.values()), name)

    def expression(self) -> ExpressionSpec:
        """The shortest text up to a comma that is Python and has a parameter, or the end, behind it."""
        self.skip()
        start = self.at
        ends = [match.start() for match in re.finditer(",", self.text[start:])]
        for end in (*(start + end for end in ends), len(self.text)):
            if not _ENTRY.match(self.text, end) and self.text[end:].strip(", \t\n"):
                continue
            text = self.text[start:end].strip()
            if _is_expression(text):
                self.at = end
                return ExpressionSpec(text)
        raise self.error("expected a Python expression", start)

    def value(self) -> Value:
        char = self.peek()
        if char in _CLOSERS:
            return self.nest(char)
        start = self.at
        if (match := LITERAL.match(self.text, start)) is not None:
            self.at = match.end()
            return ExpressionSpec(match.group())
        name = self.name("a dtype, `key`, `file(...)` or a nest")
        if name == "key":
            return self.key()
        if name == "captured":
            return CapturedSpec()
        if name == "file":
            return self.file()
        dtype = NUMPY.get(name, name)
        if dtype not in DTYPES and self.peek() in (".", "("):
            while self.take("."):
                name += "." + self.name("a class")
            return self.record(name)
        if dtype not in DTYPES:
            known = " ".join(DTYPES)
            raise self.error(
                f"`{name}` is no dtype; known are {known}, NumPy's names and `key`", start
            )
        return self.array(dtype)

    def key(self) -> KeySpec:
        legacy = self.take("(")
        if legacy:
            start = self.at
            if self.name("`legacy`") != "legacy":
                raise self.error("expected `legacy`", start)
            self.expect(")", "after `legacy`")
        return KeySpec(legacy, self.dims() if self.take("[") else ())

    def file(self) -> FileSpec:
        self.expect("(", "after `file`")
        text, start = self.balanced(")"), self.at
        try:
            path: object = ast.literal_eval(text.strip())
        except (ValueError, SyntaxError) as error:
            raise self.error('expected a quoted path, as in `file("x.npy")`', start) from error
        if not isinstance(path, str):
            raise self.error('expected a quoted path, as in `file("x.npy")`', start)
        self.expect(")", "after the path")
        return FileSpec(path)

    def balanced(self, closer: str) -> str:
        """The text up to the closing bracket of the one just read; quotes hide brackets."""
        depth, quote, start = 0, "", self.at
        for end in range(start, len(self.text)):
            char = self.text[end]
            if quote:
                quote = "" if char == quote else quote
            elif char in "'\"":
                quote = char
            elif char in "([{":
                depth += 1
            elif char in ")]}":
                if depth == 0 and char == closer:
                    self.at = end
                    return self.text[start:end]
                depth -= 1
        raise self.error(f"expected `{closer}`, found the end", len(self.text))

    def array(self, dtype: str) -> ArraySpec:
        dims = self.dims() if self.take("[") else ()
        normal = self.normal(dtype) if self.word("normal") else None
        limits = self.range(dtype) if self.word("in") else None
        sharding = self.sharding(len(dims)) if self.take("@") else None
        return ArraySpec(dtype, dims, limits, sharding, normal)

    def normal(self, dtype: str) -> tuple[float, float]:
        if dtype not in _FLOATS:
            raise self.error(f"{dtype} has no normal distribution")
        self.expect("(", "after `normal`")
        mean = self.number(dtype)
        self.expect(",", "between the mean and the standard deviation")
        self.skip()
        start, std = self.at, self.number(dtype)
        if std < 0:
            raise self.error("a standard deviation is not negative", start)
        self.expect(")", "after the standard deviation")
        return mean, std

    def word(self, word: str) -> bool:
        self.skip()
        match = NAME.match(self.text, self.at)
        if match is None or match.group() != word:
            return False
        self.at = match.end()
        return True

    def dims(self) -> tuple[Dim, ...]:
        dims: list[Dim] = []
        while not self.take("]"):
            dims.append(self.dim())
            if not self.take(","):
                self.expect("]", "after the dimensions")
                break
        return tuple(dims)

    def dim(self) -> Dim:
        if self.peek().isdigit():
            return Dim(None, self.size())
        name = self.name("a dimension (a number, a name, or `name=number`)")
        return Dim(name, self.size() if self.take("=") else None)

    def size(self) -> int:
        self.skip()
        match = re.compile(r"\d[\d_]*").match(self.text, self.at)
        if match is None:
            raise self.error(f"expected a whole number, found {self.found()}")
        self.at = match.end()
        if self.text[self.at : self.at + 1] == "." or self.text[self.at : self.at + 1].isalpha():
            raise self.error("a dimension is a whole number", match.start())
        return int(match.group())

    def range(self, dtype: str) -> tuple[float, float]:
        start = self.at
        if dtype in ("bool", "c64", "c128"):
            raise self.error(f"{dtype} has no range", start)
        self.expect("[", "after `in`")
        low = self.number(dtype)
        self.expect(",", "between the limits")
        self.skip()
        high_at = self.at
        high = self.number(dtype)
        self.expect("]", "after the limits")
        if high < low:
            raise self.error(f"the upper limit {high:g} is below the lower {low:g}", high_at)
        return low, high

    def number(self, dtype: str) -> float:
        self.skip()
        match = NUMBER.match(self.text, self.at)
        if match is None:
            raise self.error(f"expected a number, found {self.found()}")
        if dtype[0] in "iu" and not re.fullmatch(r"[+-]?\d+", match.group()):
            raise self.error(f"the limits of {dtype} are whole numbers")
        if dtype[0] == "u" and float(match.group()) < 0:
            raise self.error(f"{dtype} has no negative values")
        self.at = match.end()
        return float(match.group())

    def sharding(self, rank: int) -> Partition:
        """`P("data", None, ("a", "b"))`, with no more entries than the array has dimensions."""
        self.skip()
        start = self.at
        if self.name('a sharding, as in `@ P("data", None)`') not in ("P", "PartitionSpec"):
            raise self.error('a sharding is written `P("data", None)`', start)
        self.expect("(", "in the sharding")
        entries: list[tuple[str, ...]] = []
        seen: set[str] = set()
        while not self.take(")"):
            self.skip()
            if len(entries) == rank:
                raise self.error(f"more entries than the array's {rank} dimensions")
            entries.append(self.split(seen))
            if not self.take(","):
                self.expect(")", "after the sharding")
                break
        return Partition(tuple(entries))

    def split(self, seen: set[str]) -> tuple[str, ...]:
        """What one dimension is split over: an axis, several in brackets, or `None`."""
        if self.word("None"):
            return ()
        if not self.take("("):
            return (self.axis(seen),)
        names: list[str] = []
        while not self.take(")"):
            names.append(self.axis(seen))
            if not self.take(","):
                self.expect(")", "after the axes")
                break
        return tuple(names)

    def axis(self, seen: set[str]) -> str:
        quote, start = self.peek(), self.at
        if quote not in ("'", '"') or not quote:
            raise self.error(f"expected a quoted axis or `None`, found {self.found()}")
        name = self.field_name()
        if name in seen:
            raise self.error(f"axis `{name}` splits two dimensions", start)
        seen.add(name)
        return name

    def nest(self, opener: str) -> NestSpec:
        self.take(opener)
        closer = _CLOSERS[opener]
        names: list[str] = []
        items: list[Value] = []
        while not self.take(closer):
            if opener == "{":
                names.append(self.field_name())
                self.expect(":", "after the name")
            items.append(self.value())
            if not self.take(","):
                self.expect(closer, "or `,` here")
                break
        return NestSpec(_KINDS[opener], tuple(names), tuple(items))

    def field_name(self) -> str:
        quote = self.peek()
        if quote not in ("'", '"') or not quote:
            return self.name("a name")
        end = self.text.find(quote, self.at + 1)
        if end < 0:
            raise self.error(f"expected {quote}, found the end", len(self.text))
        text, self.at = self.text[self.at + 1 : end], end + 1
        return text


def _is_expression(text: str) -> bool:
    try:
        ast.parse(text, mode="eval")
    except (SyntaxError, ValueError):
        return False
    return bool(text)


def comment_spec(text: str, line: int) -> Optional[str]:
    """The spec in the comments right above line `line` (from 1), where a definition starts."""
    return _commented("inputs", text, line)


def comment_mesh(text: str, line: int) -> Optional[str]:
    """The mesh in those comments: `# jaxsight: mesh data=4, model=2`."""
    return _commented("mesh", text, line)


def _commented(what: str, text: str, line: int) -> Optional[str]:
    """What the comments right above a line say of it.

    Several `# jaxsight: inputs` lines count as one; a comment line after one that ends in a comma
    or an open bracket continues it.
    """
    lines = text.splitlines()
    first = line - 1
    while first > 0 and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    parts: list[str] = []
    open_part = False
    for comment in lines[first : line - 1]:
        body = comment.lstrip().lstrip("#").strip()
        match = re.match(rf"jaxsight:\s*{what}\b\s*(.*)", body)
        if match:
            parts.append(match.group(1).strip())
        elif open_part and not body.startswith("jaxsight:"):
            parts[-1] += f" {body}"
        open_part = bool(parts) and _is_open(parts[-1])
    return ", ".join(part.rstrip(", ") for part in parts) if parts else None


def _is_open(text: str) -> bool:
    return text.endswith(",") or any(text.count(a) > text.count(b) for a, b in _CLOSERS.items())
