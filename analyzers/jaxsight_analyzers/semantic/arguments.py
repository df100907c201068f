"""The arguments of a call: by position and by name, each with the expression that it was written as."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from jaxsight_analyzers.data import dataclass
from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic.joins import join
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.structures import entries_of, items_of
from jaxsight_analyzers.semantic.values import Value


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of a call, evaluated. `open` says that `*args` or `**kwargs` hide some."""

    positional: tuple[Value, ...]
    keywords: Mapping[str, Value]
    nodes: tuple[ast.expr, ...] = ()
    keyword_nodes: Mapping[str, ast.expr] | None = None
    open: bool = False
    hidden: Value | None = None  # what `*args` or `**kwargs` hide, where it is one and the same

    def followed_by(self, others: Arguments) -> Arguments:
        """These and then others, as `partial` puts them together."""
        return Arguments(
            (*self.positional, *others.positional),
            {**self.keywords, **others.keywords},
            (*self.nodes, *others.nodes),
            {**(self.keyword_nodes or {}), **(others.keyword_nodes or {})},
            self.open or others.open,
            others.hidden if self.hidden is None else self.hidden,
        )

    def after(self, facts: FunctionFacts) -> Arguments:
        """Those that a library's method hands on to what it runs: not the ones it names itself."""
        count = len(facts.positional)
        names = facts.parameters
        return Arguments(
            self.positional[count:],
            {name: value for name, value in self.keywords.items() if name not in names},
            self.nodes[count:],
            self.keyword_nodes,
            self.open,
            self.hidden,
        )

    def as_keywords(self, facts: FunctionFacts) -> Arguments:
        """The same, with those by position under the names of their parameters."""
        if not self.positional:
            return self
        known = [(n, node, v) for n, node, v in self.named(facts) if n is not None]
        nodes = {name: node for name, node, _ in known if node is not None}
        return Arguments((), {name: v for name, _, v in known}, (), nodes, self.open, self.hidden)

    def values(self) -> tuple[Value, ...]:
        """All of them."""
        return (*self.positional, *self.keywords.values())

    def named(self, facts: FunctionFacts) -> Iterator[tuple[str | None, ast.expr | None, Value]]:
        """Each argument with the parameter it binds to, where that is known."""
        for index, value in enumerate(self.positional):
            node = self.nodes[index] if index < len(self.nodes) else None
            yield facts.parameter_at(index), node, value
        for name, value in self.keywords.items():
            yield name, (self.keyword_nodes or {}).get(name), value

    def get(self, facts: FunctionFacts, parameter: str) -> tuple[ast.expr | None, Value] | None:
        """The argument for a parameter."""
        for name, node, value in self.named(facts):
            if name == parameter:
                return node, value
        return None


def evaluated_arguments(run: Run, node: ast.Call) -> Arguments:
    """Evaluate the arguments of a call, from left to right."""
    positional: list[Value] = []
    nodes: list[ast.expr] = []
    hidden: list[Value] = []
    for argument in node.args:
        if isinstance(argument, ast.Starred):
            rest = run.evaluate(argument.value)
            inside = items_of(rest)
            if inside is None:
                hidden.append(rest)
            else:
                positional.extend(inside)
                nodes.extend([argument] * len(inside))
        else:
            positional.append(run.evaluate(argument))
            nodes.append(argument)
    keywords: dict[str, Value] = {}
    keyword_nodes: dict[str, ast.expr] = {}
    for keyword in node.keywords:
        value = run.evaluate(keyword.value)
        if keyword.arg is not None:
            keywords[keyword.arg] = value
            keyword_nodes[keyword.arg] = keyword.value
            continue
        entries = entries_of(value)
        if entries is None:
            hidden.append(value)
        for name, entry in (entries or {}).items():
            if isinstance(name, str):
                keywords[name] = entry
                keyword_nodes[name] = keyword.value
    most = None if not hidden else hidden[0] if len(hidden) == 1 else join(hidden[0], hidden[1])
    return Arguments(tuple(positional), keywords, tuple(nodes), keyword_nodes, bool(hidden), most)
