"""What the interpretation sees of modules of Flax Linen."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from jaxsight_analyzers.diagnostic import Certainty

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.contexts import Frame
    from jaxsight_analyzers.semantic.values import Value


class Need(NamedTuple):
    """What running a module needs of `apply`."""

    kind: str  # "mutable": that a collection may be written; "read": that it is there; "rng": a stream of keys
    name: str  # of the collection or stream
    by: str  # what needs it: `nn.BatchNorm`, `self.make_rng`
    certainty: Certainty
    node: ast.AST  # where that is

    @property
    def key(self) -> tuple[str, str]:
        """What is needed."""
        return self.kind, self.name


class ApplySeen(NamedTuple):
    """A call of `apply`, `init` or `init_with_output` of a module."""

    node: ast.Call
    method: str
    module: str  # its class
    variables: tuple[ast.expr | None, Value] | None
    needs: tuple[Need, ...]
    # The collections that may be written, "*" for all; None: not known.
    mutable: frozenset[str] | None
    streams: frozenset[str] | None  # the streams that are given, "*" for any; None: not known
    keys: tuple[str, ...]  # names that hold a key there
    frame: Frame
    guards: tuple[str, ...]


class MadeSeen(NamedTuple):
    """A submodule, parameter or variable that is made in a method where a module can make none."""

    node: ast.expr
    what: str
    module: str
    method: ast.AST
    guards: tuple[str, ...]


class AttributeSetSeen(NamedTuple):
    """An attribute of a module that is set where the module is frozen."""

    node: ast.Attribute
    module: str
    method: ast.AST
    guards: tuple[str, ...]


class UnboundSeen(NamedTuple):
    """A module that is called although it has no variables: it is not bound to any."""

    node: ast.Call
    module: str
    guards: tuple[str, ...]


class InitializerSeen(NamedTuple):
    """What is given for an initializer and is none."""

    node: ast.expr
    kind: str  # "array", "number", "constructor", "factory", "keyless"
    by: str  # what it is given to: `self.param`, `kernel_init=`
    guards: tuple[str, ...]


class NameSeen(NamedTuple):
    """A parameter or submodule with a name that another one of the module has."""

    node: ast.expr
    name: str
    what: str
    module: str
    before: ast.AST
    guards: tuple[str, ...]


class FlagSeen(NamedTuple):
    """A call of a layer whose flag is given nowhere, or twice."""

    node: ast.Call
    kind: str  # "missing", "twice"
    layer: str
    flag: str
    guards: tuple[str, ...]


class OwnInitSeen(NamedTuple):
    """A module with an `__init__` of its own, which cannot make the copies that Flax makes."""

    node: ast.FunctionDef | ast.AsyncFunctionDef  # the method
    module: str


class PairUsedSeen(NamedTuple):
    """What `apply` returns with `mutable=`, an output and collections, used as if it were an array."""

    node: ast.expr
    call: ast.Call  # of `apply`
    how: str  # the attribute, the function or the operator
    guards: tuple[str, ...]


class UnannotatedSeen(NamedTuple):
    """A module that is made with an attribute of its class that is no field, for want of an annotation."""

    node: ast.expr  # what is given for it
    name: str
    module: str
    value: ast.expr  # in the class
    guards: tuple[str, ...]


class InsideSeen(NamedTuple):
    """A submodule that is called in what a transformation of JAX traces, inside a method of a module."""

    node: ast.Call
    transformation: str
    applied: ast.AST
    module: str
    guards: tuple[str, ...]
