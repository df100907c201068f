"""Results that are dropped: statements that leave what they are about as it is, such as `x.at[0].set(1)`."""

from __future__ import annotations

import ast

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.knowledge.facts import FunctionFacts
from jaxsight_analyzers.semantic import library, members, records
from jaxsight_analyzers.semantic.events import DroppedSeen
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.values import Kind, Value, class_of, qualified_of

_UPDATE = "jax.Array.at()"
_STATE = "flax.training.train_state.TrainState"
_NO_ARRAY = (Kind.REFERENCE, Kind.HOST, Kind.MODULE, Kind.IMPORTED)
_PURE = (
    ast.Attribute,
    ast.BinOp,
    ast.BoolOp,
    ast.Compare,
    ast.Constant,
    ast.IfExp,
    ast.Name,
    ast.Subscript,
    ast.Tuple,
    ast.UnaryOp,
    ast.boolop,
    ast.cmpop,
    ast.expr_context,
    ast.operator,
    ast.unaryop,
)


def note(run: Run, node: ast.Call, base: Value | None, function: Value) -> None:
    """A call that is a statement."""
    qualified, found = qualified_of(function), None
    if run.frame.state.dead:
        return
    if qualified is not None:
        facts = run.facts(qualified)
        found = None if facts is None else _of_function(run, node, facts)
    elif base is not None and function.kind is Kind.UNKNOWN:
        found = _of_method(run, node, base)
    if found is not None:
        target, certainty = found
        what = qualified or f".{node.func.attr}"  # type: ignore[attr-defined]
        run.events.dropped.append(DroppedSeen(node, what, target, certainty, run.frame, run.guards))


def method_named(run: Run, node: ast.Attribute, value: Value) -> None:
    """`y.block_until_ready` as a statement: it is not called."""
    facts = run.knowledge.method(node.attr)
    if facts is None or not facts.blocks or facts.attribute or run.frame.state.dead:
        return
    if value.kind in (Kind.UNKNOWN, Kind.CALLABLE):
        seen = DroppedSeen(node, f".{node.attr}", node.value, Certainty.YES, run.frame, run.guards)
        run.events.dropped.append(seen)


_Found = tuple[ast.expr, Certainty]


def _of_function(run: Run, node: ast.Call, facts: FunctionFacts) -> _Found | None:
    """A library's function that returns what is to take the place of an argument."""
    if facts.name == "jax.tree.map" and not (node.args and _is_pure(run, node.args[0])):
        return None
    if facts.replaces is not None:
        target = _argument(node, facts, facts.replaces)
        return None if target is None else (target, Certainty.YES)
    makes = facts.returns == "array" and not (facts.traces or facts.keys or facts.effect)
    if makes and run.frame.traced and facts.name.startswith("jax.numpy.") and node.args:
        return node.args[0], Certainty.YES
    return None


def _argument(node: ast.Call, facts: FunctionFacts, parameter: str) -> ast.expr | None:
    place = facts.positional.index(parameter) if parameter in facts.positional else 0
    if place < len(node.args):
        return node.args[place]
    return next((k.value for k in node.keywords if k.arg == parameter), None)


def _of_method(run: Run, node: ast.Call, base: Value) -> _Found | None:
    """A method that returns another array or record and leaves its own as it is."""
    assert isinstance(node.func, ast.Attribute)
    name, itself = node.func.attr, node.func.value
    indexed = itself.value if isinstance(itself, ast.Subscript) else None
    if isinstance(indexed, ast.Attribute) and indexed.attr == "at":
        return _of_update(run, name, indexed.value, base)
    if base.kind is Kind.ARRAY:
        facts = run.knowledge.method(name)
        pure = facts is not None and facts.returns == "array"
        changes = facts is None or facts.attribute or facts.blocks
        return (itself, Certainty.YES) if pure and not changes else None
    if node.keywords and not node.args and _is_record(run, base, name):
        return itself, Certainty.YES
    return _of_state(run, node, base, name, itself)


def _of_update(run: Run, name: str, itself: ast.expr, base: Value) -> _Found | None:
    """`x.at[i].set(v)`, or of more than one place: `x.at[i].set(v).at[j].add(w)`."""
    facts = run.facts(f"{_UPDATE}.{name}")
    if facts is None or not facts.specific or base.kind in _NO_ARRAY:
        return None
    while isinstance(itself, ast.Call) and isinstance(itself.func, ast.Attribute):
        inner = itself.func.value
        if not (isinstance(inner, ast.Subscript) and isinstance(inner.value, ast.Attribute)):
            break
        itself = inner.value.value
    held = run.lookup(itself.id) if isinstance(itself, ast.Name) else None
    if held is not None and qualified_of(held) == "jax.Ref":
        return None
    if isinstance(itself, ast.Name) and itself.id.endswith("_ref"):
        return None
    if base.kind is Kind.UNKNOWN and _runs_in_kernel(run):
        return None
    known = base.kind is Kind.ARRAY or name == "set"
    return itself, Certainty.YES if known else Certainty.MAYBE


def _runs_in_kernel(run: Run) -> bool:
    """Whether it runs in what takes references, by the names of its parameters: what is not known may be one, too."""
    scopes = [frame.scope for frame in run.frame.chain() if frame.scope is not None]
    return any(name.endswith("_ref") for scope in scopes for name in scope.parameters.defaults)


def _is_record(run: Run, base: Value, name: str) -> bool:
    """Whether it is a copy of a dataclass or a named tuple with other fields."""
    if records.copies(run, base, name):
        return True
    return name == "replace" and run.knowledge.base(_library_base(run, base)) == "pytree"


def _of_state(run: Run, node: ast.Call, base: Value, name: str, itself: ast.expr) -> _Found | None:
    """A method of a library's object that has no state of its own, such as an optimiser of Optax."""
    if name == "apply_gradients" and [k.arg for k in node.keywords][:1] == ["grads"]:
        sure = _library_base(run, base) == _STATE
        return itself, Certainty.YES if sure else Certainty.MAYBE
    if name == "replace" and node.keywords and not node.args:  # of a text it takes no keywords
        sure = _library_base(run, base) == _STATE
        if sure or (base.kind is Kind.UNKNOWN and ast.unparse(itself).endswith("state")):
            return itself, Certainty.YES if sure else Certainty.MAYBE
    facts = library.method_facts(run, base, name)
    if facts is None or facts.replaces is None:
        return None
    target = _argument(node, facts, facts.replaces)
    return None if target is None else (target, Certainty.YES)


def _library_base(run: Run, base: Value) -> str:
    return (members.library_base(run, base) if class_of(base) is not None else None) or ""


def _is_pure(run: Run, function: ast.expr) -> bool:
    """Whether a function surely does nothing but return something."""
    if not isinstance(function, ast.Lambda):
        return _makes_array(run, function)
    return all(
        isinstance(part, _PURE)
        or (isinstance(part, ast.Call) and _makes_array(run, part.func))
        or isinstance(part, ast.keyword)
        for part in ast.walk(function.body)
    )


def _makes_array(run: Run, function: ast.expr) -> bool:
    """Whether it is a function of JAX, or a method of arrays, that returns an array and does no more."""
    if isinstance(function, ast.Attribute):
        method = run.knowledge.method(function.attr)
        if method is not None and method.returns == "array" and not method.blocks:
            return True
    qualified = qualified_of(run.evaluate(function)) if _is_dotted(function) else None
    facts = None if qualified is None else run.facts(qualified)
    return facts is not None and facts.returns == "array" and facts.effect is None


def _is_dotted(node: ast.expr) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)
