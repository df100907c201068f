"""Compares what the model says of a program with what JAX did.

Only what ran counts. An answer is *certain* when the model says `traced ...` in some context of it
or names a context; it is *wrong* when no run of that place had a tracer, or when every tracer there
had a value and the model says that one has none. It is *lenient* when the model grants tracers a
value that none had: nothing false is reported then, but the answer does not count as found.
"""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.engine import analyse
from jaxsight_analyzers.semantic.key_streams import KeyReuse
from jaxsight_analyzers.source import SourceFile
from tests.analyzers.truth.instrument import Point, instrument

# Transformations under one name, as the recording has them.
_FAMILIES = {
    "value_and_grad": "grad",
    "vjp": "grad",
    "linearize": "grad",
    "jacrev": "grad",
    "hessian": "jvp",
    "jacfwd": "jvp",
    "remat": "checkpoint",
}
_COMPARED = frozenset(
    [
        "jit",
        "vmap",
        "grad",
        "jvp",
        "scan",
        "while_loop",
        "fori_loop",
        "map",
        "cond",
        "switch",
        "checkpoint",
        "shard_map",
        "pallas_call",
    ]
)
_PLAIN = re.compile(r"\.tree(_util)?\.|tree_map|associative_scan")
_LIBRARIES = {"flax.nnx": "nnx", "flax.linen": "linen", "numpyro": "numpyro", "optax": "optax"}


@dataclass
class Answer:
    """One question, what JAX answered and what the model did."""

    program: str
    point: Point
    jax: tuple[str, ...]
    model: tuple[str, ...]
    constructs: tuple[str, ...]
    traced: bool = False  # JAX had a tracer there
    yes: bool = False  # the model is certain of one
    maybe: bool = False
    wrong: str = ""  # why the certain answer is wrong
    lenient: bool = False


@dataclass
class Tally:
    """Counts over answers."""

    functions: int = 0
    names: int = 0
    certain: int = 0
    wrong: int = 0
    lenient: int = 0
    recalled: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    @property
    def precision(self) -> float:
        """The share of certain answers that are right."""
        return 1.0 if not self.certain else 1 - self.wrong / self.certain

    def recall(self, construct: str) -> float:
        """The share of what JAX traced that the model is certain of."""
        counts = self.recalled[construct]
        return counts["yes"] / counts["all"]


def compare(name: str, source: str, recorded: dict[str, Any]) -> list[Answer]:
    """The answers to all questions that came up when the program ran."""
    instrumented = instrument(source)
    analysis = analyse(SourceFile(f"{name}.py", instrumented.text), rules=())
    assert analysis.crashes == ()
    said: dict[str, list[str]] = defaultdict(list)
    for line, column, text in analysis.model.reveals:
        said[f"{line}:{column}"].append(text)
    libraries = _libraries(source)
    kinds = _kinds_of_functions(source)
    chains = {
        point.function: recorded["seen"].get(f"{line}:{column}", ())
        for (line, column), point in instrumented.points.items()
        if point.binding == "function"
    }
    answers: list[Answer] = []
    for (line, column), point in instrumented.points.items():
        place = f"{line}:{column}"
        if place not in recorded["seen"]:
            continue
        seen = tuple(recorded["seen"][place])
        constructs = (
            _binding(point),
            *_way(chains.get(point.function, ())),
            kinds.get(point.function, "lambda" if point.function else "module"),
            *(f"with {library}" for library in libraries),
            *(["key"] if "key" in seen else []),
            *(["in a container"] if "tree" in seen else []),
        )
        answer = Answer(name, point, seen, tuple(dict.fromkeys(said[place])), constructs)
        (_judge_function if point.binding == "function" else _judge_name)(answer)
        answers.append(answer)
    return answers


def _judge_name(answer: Answer) -> None:
    answer.traced = "abstract" in answer.jax or "concrete" in answer.jax
    certain = [text for text in answer.model if text.startswith("traced")]
    answer.yes = bool(certain)
    answer.maybe = any(text.startswith("maybe traced") for text in answer.model)
    with_value = {text.startswith("traced with a concrete value") for text in certain}
    if answer.yes and not answer.traced:
        answer.wrong = "never a tracer"
    elif False in with_value and "abstract" not in answer.jax:
        answer.wrong = "every tracer has a value"
    elif True in with_value and "concrete" not in answer.jax:
        answer.lenient = False not in with_value


def _judge_function(answer: Answer) -> None:
    answer.traced = any(text.startswith("traced") for text in answer.jax)
    chains = [_tracing(text) for text in answer.model if text != "host"]
    certain = [chain for chain in chains if chain and "callback" not in chain[-1]]
    answer.yes = bool(certain)
    if answer.yes and not answer.traced:
        answer.wrong = "never traced"
    for chain in certain:
        innermost = family(chain[-1])
        on_the_stack = [text.split(" > ")[1:] for text in answer.jax if text != "host"]
        if innermost in _COMPARED and not any(innermost in stack for stack in on_the_stack):
            answer.wrong = answer.wrong or f"not by {innermost}"


def _tracing(text: str) -> list[str]:
    """A chain of transformations without those that call a function as it is."""
    return [name for name in text.split(" > ") if not _PLAIN.search(name)]


def family(qualified: str) -> str:
    """`jax.value_and_grad` as `grad`."""
    last = qualified.rpartition(".")[2]
    return _FAMILIES.get(last, last)


def tally(answers: Iterable[Answer]) -> Tally:
    """The totals, and the recall of each construct."""
    total = Tally()
    for answer in answers:
        if answer.traced:
            is_function = answer.point.binding == "function"
            total.functions += is_function
            total.names += not is_function
            everything = "all functions" if is_function else "all names"
            for construct in (everything, *answer.constructs):
                counts = total.recalled[construct]
                counts["all"] += 1
                counts["yes"] += answer.yes and not answer.wrong and not answer.lenient
                counts["maybe"] += answer.maybe and not answer.yes
        total.certain += answer.yes
        total.wrong += bool(answer.wrong)
        total.lenient += answer.lenient
    return total


def key_reuses(name: str, source: str, recorded: dict[str, Any]) -> tuple[int, int, int, int]:
    """(reuses JAX saw, of these found, certain findings of the model, of these wrong)."""
    text = instrument(source).text
    analysis = analyse(SourceFile(f"{name}.py", text), rules=())
    reuses = [reuse for unit in analysis.model.units for reuse in unit.key_reuses]
    certain = [reuse for reuse in reuses if reuse.certainty is Certainty.YES]
    blocks = [(n.lineno, n.end_lineno or n.lineno) for n in ast.parse(text).body]

    def agree(reuse: KeyReuse, lines: Iterable[int]) -> bool:
        line = _line(text, reuse.span.start)
        if reuse.repeated_by is None:
            return line in lines
        # JAX names the call that repeats a body, the model the line in the body
        return any(a <= line <= b and a <= other <= b for a, b in blocks for other in lines)

    seen = recorded["reuses"]
    found = sum(any(agree(reuse, lines) for reuse in certain) for lines in seen)
    wrong = sum(not any(agree(reuse, lines) for lines in seen) for reuse in certain)
    return len(seen), found, len(certain), wrong


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


# Constructs


def _binding(point: Point) -> str:
    return f"name: {point.binding}" if point.binding != "function" else "function"


def _way(chains: Iterable[str]) -> Iterator[str]:
    """`in scan` for a body of `scan`, `helper depth 2` for what it calls."""
    for chain in chains:
        first, _, rest = chain.partition(" > ")
        if not first.startswith("traced"):
            continue
        innermost = rest.rpartition(" > ")[2]
        depth = min(int(first.split(" ")[1]), 3)
        yield f"in {innermost or 'another trace'}"
        yield f"helper depth {depth}" if depth else "traced directly"
        return


def _libraries(source: str) -> list[str]:
    spelled = source.replace("from flax import linen", "flax.linen")
    spelled = spelled.replace("from flax import nnx", "flax.nnx")
    return [short for library, short in _LIBRARIES.items() if library in spelled]


def _kinds_of_functions(source: str) -> dict[str, str]:
    """By qualified name: method, decorated, closure or plain function."""
    found: dict[str, str] = {}

    def walk(body: Iterable[ast.AST], path: str, inside: str) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef):
                name = f"{path}{node.name}"
                kind = "closure" if inside == "function" else "plain function"
                kind = "method" if inside == "class" else kind
                found[name] = f"decorated {kind}" if node.decorator_list else kind
                walk(node.body, f"{name}.", "function")
            elif isinstance(node, ast.ClassDef):
                walk(node.body, f"{path}{node.name}.", "class")
            else:
                walk(ast.iter_child_nodes(node), path, inside)

    walk(ast.parse(source).body, "", "")
    return found
