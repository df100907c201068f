"""What the interpretation saw: raw observations, before they are merged into streams.

A node may be seen many times: in each context that runs it and in each pass of a loop around it.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.diagnostic import Certainty
from jaxsight_analyzers.knowledge.facts import FunctionFacts, MethodFacts
from jaxsight_analyzers.semantic.contexts import Effects, Frame, Transformation, place
from jaxsight_analyzers.semantic.keys import Consumption, KeyToken
from jaxsight_analyzers.semantic.states import Home
from jaxsight_analyzers.semantic.values import FunctionData, Value

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.body_types import Mismatch
    from jaxsight_analyzers.semantic.scopes import FunctionScope
    from jaxsight_analyzers.semantic.tasks import Activation


class BranchSeen(NamedTuple):
    """A test that Python decides: its value in one context."""

    node: ast.AST  # the statement or expression that branches
    test: ast.expr
    kind: str  # "if", "elif", "ternary", "comprehension", "match", "while", "assert"
    value: Value
    frame: Frame
    guards: tuple[str, ...]


class AskedSeen(NamedTuple):
    """An operand that an operator asks for its truth, or for its hash or index: no tracer tells these."""

    node: ast.expr  # the operation
    operand: ast.expr
    operation: (
        str  # "not", "and", "or", "chain", "in"; "list", "dict", "set", "string", "NumPy array"
    )
    value: Value
    sure: bool  # whether the operation is what it seems
    frame: Frame
    guards: tuple[str, ...]
    numbers: bool = False  # whether what is looked into is one array, or may be made one


class ArgumentSeen(NamedTuple):
    """One argument of a call, under the name of the parameter it binds to where that is known."""

    parameter: str | None
    node: ast.expr
    value: Value
    starred: bool = False


class CallSeen(NamedTuple):
    """A call of something with a qualified name."""

    node: ast.Call
    qualified: str
    facts: FunctionFacts | None
    arguments: tuple[ArgumentSeen, ...]
    frame: Frame
    guards: tuple[str, ...]


class ObjectCallSeen(NamedTuple):
    """A call of a method of what a library's class made: `optimizer.update(model, grads)`."""

    node: ast.Call
    qualified: str
    modules: tuple[bool, ...]  # of each argument by position: whether it surely is a module of NNX
    guards: tuple[str, ...]


class MethodSeen(NamedTuple):
    """A method called of an array, or of what may be a container of arrays."""

    node: ast.Call
    facts: MethodFacts
    base: Value
    arguments: tuple[ArgumentSeen, ...]
    frame: Frame
    guards: tuple[str, ...]


class NumberUseSeen(NamedTuple):
    """A use that needs the numbers in a tracer."""

    node: ast.AST  # the f-string, the call of `format`, the `%`
    operand: ast.expr
    kind: str  # "format": with a format that only numbers have
    how: str  # the format as it is written: `:.3f`, `%d`
    value: Value
    frame: Frame
    guards: tuple[str, ...]


class SliceSeen(NamedTuple):
    """A slice with a bound that is a tracer."""

    node: ast.Subscript
    part: ast.Slice
    bound: ast.expr  # that is most surely a tracer
    base: Value
    value: Value  # of the bound
    tracers: frozenset[str]  # the names in the bounds that are tracers
    frame: Frame
    guards: tuple[str, ...]


class CompiledCallSeen(NamedTuple):
    """A call of a compiled function by the host."""

    node: ast.Call
    name: str  # of the function
    loop: ast.AST | None  # the innermost one, if the function is not made in it
    frame: Frame
    waits: bool = False  # whether it returns when the result is there, as those of Equinox do


class MaskSeen(NamedTuple):
    """An index that is an array of booleans, and a tracer."""

    node: ast.Subscript
    mask: ast.expr
    base: Value
    value: Value  # of the mask
    frame: Frame
    guards: tuple[str, ...]


class StaticNeedSeen(NamedTuple):
    """A place that needs a value while tracing, which `jnp` made a tracer."""

    node: ast.AST  # the call of `jnp`
    value: Value
    use: ast.AST
    by: str  # what needs it: `int`, "a slice"
    frame: Frame
    guards: tuple[str, ...]


class ItemAssignmentSeen(NamedTuple):
    """`base[index] = value`, `base[index] op= value` or `del base[index]`."""

    node: ast.stmt
    target: ast.Subscript
    base: Value
    value: ast.expr | None
    operator: ast.operator | None
    frame: Frame
    guards: tuple[str, ...]


class DroppedSeen(NamedTuple):
    """A statement that leaves what it is about as it is, because its result is dropped."""

    node: ast.Call | ast.Attribute
    what: str  # the library's function by qualified name, or the method with a dot before it
    target: ast.expr  # what stays as it is
    certainty: Certainty
    frame: Frame
    guards: tuple[str, ...]


class KeyReuseSeen(NamedTuple):
    """A key that is used up although it was used up before."""

    node: ast.AST  # what uses it now: the call, or the argument in it
    argument: ast.expr | None
    token: KeyToken
    by: str
    earlier: Consumption
    certainty: Certainty
    in_loop: bool
    repeated_by: str | None  # the transformation that runs the body many times
    frame: Frame


class ConstantKeySeen(NamedTuple):
    """A key that is made from constants and used up in the function that makes it."""

    node: ast.Call  # that makes it
    by: str
    frame: Frame
    guards: tuple[str, ...]


class CompilationSeen(NamedTuple):
    """A compiled function that is made anew for each call of it."""

    transformation: Transformation
    function: FunctionData | None
    what: str  # "lambda", "nested function", "partial", "bound method", "transformed function"
    hot: bool  # made in a function that a loop calls, not in the loop itself
    frame: Frame

    @property
    def node(self) -> ast.AST:
        """Where it is made."""
        return self.transformation.node


class Indexed(NamedTuple):
    """What the item of a loop is an index of, and its value at the end of a pass."""

    node: ast.Subscript
    base: Value | None


class LoopSeen(NamedTuple):
    """A loop over `range(...)` or an array, and what it does to the names of its function."""

    node: ast.AST  # the statement or the comprehension
    iterable: Value
    passes: int | None
    size: ast.expr | None  # the size of an array that says how many
    changed: Mapping[str, tuple[Value, Value]]  # names that were bound: before, and after a pass
    made: tuple[Value, ...]  # the elements of a comprehension in one pass
    indexed: tuple[Indexed, ...]
    leaves: bool  # a `break` may end it early
    frame: Frame
    guards: tuple[str, ...]


class GrowthSeen(NamedTuple):
    """`x = jnp.append(x, ...)` or the like in a loop of host code."""

    node: ast.Call
    qualified: str
    joined: ast.expr  # the argument that takes the array, or the list of arrays
    names: tuple[str, ...]  # of the arrays in it
    loop: ast.AST
    frame: Frame
    guards: tuple[str, ...]


class RefusedSeen(NamedTuple):
    """Something given for a function that JAX refuses, or of whose result it does."""

    node: ast.AST  # the call
    argument: ast.AST  # what is given; of a generator or coroutine function the definition
    qualified: str  # what it is given to
    parameter: str
    why: str  # "no function", "arity", "no pair", "swapped", "no axis", "numbers", "generator", "async"
    certainty: Certainty
    function: ast.AST | None  # the definition of the function that it is
    frame: Frame
    guards: tuple[str, ...]


class ReferenceSeen(NamedTuple):
    """A name or dotted chain that stands for something of a library."""

    node: ast.AST  # the expression, or the `ast.alias` of an import
    qualified: str
    kind: str  # "attribute", "name", "import"
    guarded: bool
    statement: ast.stmt | None = None  # of an import


Through = tuple[tuple[str, ast.AST], ...]
"""Calls, the outermost first: the name of the function and the call."""


class EffectSeen(NamedTuple):
    """Something that a call reads or does and that outlives it."""

    node: ast.AST
    kind: str  # "read", "write", "io", "time", "random", "cache", "iterate"
    what: str  # the place, such as `self.count`, or a library's function by qualified name
    home: Home  # where what is read or changed lives
    value: Certainty  # whether what is written, handed out or kept is a tracer
    certainty: Certainty
    why: str  # it is legitimate; empty where it is not
    copied: bool  # the object is a copy that the trace made: the caller's stays as it is
    frame: Frame  # the call whose effect it is
    scope: FunctionScope  # the function it stands in
    how: str  # of a write: an "attribute" of the object, an "item" of it, a "part" of what may be a reference, or through a "reference"
    guards: tuple[str, ...]
    through: Through = ()  # the calls that lead from the frame to where it stands
    passed: Certainty = Certainty.NO  # of a cache: whether an argument is a tracer
    changes: tuple[ast.AST, ...] = ()  # of a read: what binds the name again or changes its object

    @property
    def key(self) -> object:
        """What makes it one effect: its place, for the same text may have been parsed anew since."""
        return place(self.node), self.kind, self.what


Callees = tuple[tuple["Effects | Activation", int], ...]
"""What a call called, each after how many effects of its own."""


class NanComparisonSeen(NamedTuple):
    """A comparison of which one side is `nan`."""

    node: ast.Compare
    nan_is_left: bool
    guards: tuple[str, ...]


class TypesSeen(NamedTuple):
    """Bodies that return another type than they have to."""

    node: ast.expr  # the call
    name: str  # of the library's function
    argument: ast.expr | None  # what a loop starts with
    mismatch: Mismatch
    functions: tuple[ast.AST, ...]  # the bodies: of a loop, or the two branches that differ
    names: tuple[str, ...]
    frame: Frame
    guards: tuple[str, ...]


class MeshEnteredSeen(NamedTuple):
    """`with mesh:`."""

    node: ast.expr  # the mesh
    bound: bool  # `with mesh as m:`
    guards: tuple[str, ...]


class DtypeIdentitySeen(NamedTuple):
    """`x.dtype is jnp.float32`: two objects that are never the same."""

    node: ast.Compare
    guards: tuple[str, ...]


class OperationSeen(NamedTuple):
    """A difference or quotient of arrays whose first operand is a call."""

    node: ast.BinOp
    guards: tuple[str, ...]


class ScatterCastSeen(NamedTuple):
    """An update of an array with what it cannot hold."""

    node: ast.Call
    function: ast.Attribute  # `x.at[i].set`
    value: ast.expr
    into: str  # the dtype of the array
    dtype: str  # of the value
    guards: tuple[str, ...]


class WrapSeen(NamedTuple):
    """A number and an array of small integers, whose result starts again from the other end."""

    node: ast.BinOp
    dtype: str
    does_not_fit: bool  # the number itself is none of that dtype
    guards: tuple[str, ...]


class OutOfBoundsSeen(NamedTuple):
    """An index that lies outside of an array, or whose `IndexError` is waited for."""

    node: ast.Subscript
    part: ast.expr
    size: int | None  # of the axis; None where it is not known
    guards: tuple[str, ...]


class SpecComparedSeen(NamedTuple):
    """A `PartitionSpec` that is compared with a tuple, which it is none of."""

    node: ast.Compare
    other: ast.expr  # the tuple
    guards: tuple[str, ...]


class PromotionSeen(NamedTuple):
    """An array of half precision and a scalar of NumPy's, which make one of single precision."""

    node: ast.BinOp | ast.AugAssign
    array: ast.expr
    scalar: ast.expr
    dtype: str  # of the array
    guards: tuple[str, ...]


class DerivativeSeen(NamedTuple):
    """A function of which a derivative is taken, and what it returned in one run."""

    node: ast.AST  # of the transformation
    call: ast.AST
    function: FunctionData
    transformation: Transformation
    returned: Value
    parameters: Mapping[str, Value]  # what the caller passes
    generic: bool  # nobody is seen to call it
    guards: tuple[str, ...]
    in_test: bool
    mapped: bool  # it is taken for each row, or may be


class RevealSeen(NamedTuple):
    """A question of a specification, and its answer, but for what is known only at the end."""

    node: ast.Call
    what: str
    text: str
    frame: Frame
    effects: tuple[EffectSeen, ...] = ()  # that the call has had so far
    callees: Callees = ()
    asked: FunctionData | None = None  # whose effects are asked for
