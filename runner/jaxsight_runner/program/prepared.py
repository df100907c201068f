"""Turns a function and its arguments into a program over arrays, whatever library wrote it.

Arrays among the arguments, at any depth of their pytrees, are the program's inputs. Everything else
- numbers, strings, functions - stays Python and is fixed. An NNX module is split into its arrays
and merged again inside, and what the call changes in it is one of the program's outputs; a Linen
module's variables are initialised and become inputs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any, Optional

from jaxsight_runner.data import dataclass
from jaxsight_runner.failures import stop
from jaxsight_runner.inputs.arguments import Arguments, build_arguments
from jaxsight_runner.loading.loaded import Loaded
from jaxsight_runner.program.numpyro_models import NAME, potential
from jaxsight_runner.protocol import Input, Target, cells_in

Leaf = Any  # an array of the user's jax, whose types are not ours to name
_PLAIN = (int, float, complex, bool, str, bytes, type(None))


@dataclass(frozen=True)
class Program:
    """A function of a flat list of arrays."""

    call: Callable[..., Any]  # call(*leaves) -> (output, changed state)
    leaves: tuple[Leaf, ...]
    paths: tuple[str, ...]  # `params['w']`, one for each leaf


@dataclass(frozen=True)
class Prepared:
    """The target with its arguments."""

    loaded: Loaded
    arguments: Arguments
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    notes: tuple[str, ...]
    leading: tuple[str, ...] = ()  # names of arguments before those of the target's parameters

    @property
    def inputs(self) -> tuple[Input, ...]:
        """What the report says of them."""
        return (*self.loaded.factory_inputs, *self.arguments.inputs)

    @property
    def compiles_itself(self) -> bool:
        """Whether the target is already a compiled function (`jax.jit`, `nnx.jit`, ...)."""
        return callable(getattr(self.function, "lower", None))

    def target(self, how: str) -> Target:
        """What the report says was run."""
        request = self.loaded.request
        loaded = self.loaded
        return Target(
            path=request.path,
            qualname=request.qualname,
            hash=loaded.hash,
            line=loaded.line,
            how=how,
            left_out=loaded.left_out,
            cells=cells_in(request.path, request.text),
        )


def prepare(loaded: Loaded, arguments: Optional[Arguments] = None) -> Prepared:
    """Build the arguments, unless given; a Linen method becomes a function of its variables."""
    arguments = arguments or build_arguments(loaded)
    args, kwargs = arguments.bind(loaded.parameters)
    function, notes = loaded.function, loaded.notes
    linen = sys.modules.get("flax.linen")
    if linen is not None and args and isinstance(args[0], linen.Module):
        function, args, note = _linen(loaded, args, kwargs)
        notes = (*notes, note)
    energy = potential(function, args, kwargs)
    if energy is not None:
        function, args, notes = energy.function, (energy.values, *args), (*notes, energy.note)
        return Prepared(loaded, arguments, function, args, kwargs, notes, (NAME,))
    return Prepared(loaded, arguments, function, args, kwargs, notes)


def _linen(
    loaded: Loaded, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Callable[..., Any], tuple[Any, ...], str]:
    module, rest = args[0], args[1:]
    name = getattr(loaded.function, "__name__", loaded.request.qualname.split(".")[-1])
    if getattr(module, "scope", None) is not None:
        module, variables = module.unbind()
        note = "a Linen module: its bound variables are inputs"
    else:
        key = import_module("jax").random.key(0)
        variables = _initialised(partial(module.init, method=name), (key, *rest), kwargs)
        note = "a Linen module: its variables were initialised from `jax.random.key(0)`"

    def apply(variables: Any, *args: Any, **kwargs: Any) -> Any:
        return module.apply(variables, *args, method=name, **kwargs)

    return apply, (variables, *rest), note


def _initialised(init: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A module's variables; their shapes alone where the arguments are shapes."""
    jax = import_module("jax")
    leaves, tree = jax.tree_util.tree_flatten((args, kwargs))
    if not any(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in leaves):
        return init(*args, **kwargs)
    arrays = [index for index, leaf in enumerate(leaves) if is_array(leaf)]

    def traced(*values: Leaf) -> Any:
        filled = list(leaves)
        for index, value in zip(arrays, values):
            filled[index] = value
        args, kwargs = jax.tree_util.tree_unflatten(tree, filled)
        return init(*args, **kwargs)

    return jax.eval_shape(traced, *(leaves[index] for index in arrays))


def program(prepared: Prepared) -> Program:
    """The prepared call as a function of its arrays."""
    jax = import_module("jax")
    names = argument_names(prepared)
    given = dict(zip(names, (*prepared.args, *prepared.kwargs.values())))
    split = {name: _split(value) for name, value in given.items()}
    entries, tree = jax.tree_util.tree_flatten_with_path(
        {n: part.state for n, part in split.items()}
    )
    values = [value for _, value in entries]
    arrays = [index for index, value in enumerate(values) if is_array(value)]
    for index, value in enumerate(values):
        _refuse_opaque(value, _path(jax, entries[index][0]))
    count = len(prepared.args)
    anything = of_equinox(prepared.function)

    def call(*leaves: Leaf) -> tuple[Any, Any]:
        filled = list(values)
        for index, leaf in zip(arrays, leaves):
            filled[index] = leaf
        states = jax.tree_util.tree_unflatten(tree, filled)
        merged = {name: part.merge(states[name]) for name, part in split.items()}
        everything = [merged[name] for name in names]
        keywords = dict(zip(names[count:], everything[count:]))
        output = prepared.function(*everything[:count], **keywords)
        return _results(output, anything), {
            n: part.changed(merged[n]) for n, part in split.items() if part.module
        }

    leaves = tuple(_on_device(values[index]) for index in arrays)
    return Program(call, leaves, tuple(_path(jax, entries[index][0]) for index in arrays))


def _results(output: Any, anything: bool) -> Any:
    """What a program can give back: modules of Equinox hold functions and texts too, which its own `jit` leaves out.

    `anything`: the target is compiled by Equinox, and may return what JAX cannot.
    """
    tree_map = import_module("jax").tree_util.tree_map
    module = getattr(sys.modules.get("equinox"), "Module", ())

    def kept(leaf: Any, loose: bool = anything) -> Any:
        known = is_array(leaf) or isinstance(leaf, (bool, int, float, complex))
        return leaf if known or not (loose or callable(leaf)) else None

    def inside(leaf: Any) -> Any:
        return kept(leaf, loose=True)

    def is_module(part: object) -> bool:
        return isinstance(part, module)

    def each(part: Any) -> Any:
        return tree_map(inside, part) if is_module(part) else kept(part)

    return tree_map(each, output, is_leaf=is_module)


def of_equinox(function: object) -> bool:
    """Whether Equinox compiles it (`eqx.filter_jit`)."""
    # Of what JAX compiles, some releases tell none.
    made_by = getattr(type(function), "__module__", "")
    return str(made_by).split(".")[0] == "equinox"


def is_array(value: object) -> bool:
    """Whether a leaf is an array, a key or a NumPy scalar, or the shape of one."""
    jax, numpy = import_module("jax"), import_module("numpy")
    return isinstance(value, (jax.Array, numpy.ndarray, numpy.generic, jax.ShapeDtypeStruct))


def _on_device(leaf: Leaf) -> Leaf:
    jax = import_module("jax")
    return leaf if isinstance(leaf, jax.ShapeDtypeStruct) else jax.numpy.asarray(leaf)


def is_inexact(value: Leaf) -> bool:
    """Whether a leaf can be differentiated: floating or complex, and no key."""
    jax = import_module("jax")
    return bool(jax.numpy.issubdtype(value.dtype, jax.numpy.inexact))


def device_arrays(value: Any) -> Any:
    """NumPy arrays in a pytree moved to the device, so that no call pays for the transfer."""
    jax, numpy = import_module("jax"), import_module("numpy")

    def move(leaf: Any) -> Any:
        return jax.numpy.asarray(leaf) if isinstance(leaf, numpy.ndarray) else leaf

    return jax.tree_util.tree_map(move, value)


@dataclass(frozen=True)
class _Part:
    """One argument: its arrays as a pytree, and the way back."""

    state: Any
    merge: Callable[[Any], Any]
    module: bool = False

    def changed(self, merged: Any) -> Any:
        return sys.modules["flax.nnx"].state(merged)


def _split(value: Any) -> _Part:
    nnx = sys.modules.get("flax.nnx")
    if nnx is not None and isinstance(value, (nnx.Module, *_optimizers(nnx))):
        graph, state = nnx.split(value)
        return _Part(state, lambda new: nnx.merge(graph, new), module=True)
    if nnx is not None and _holds_module(value, nnx):
        raise stop(
            "unsupported",
            "an NNX module inside a dict, list or tuple: give each module as an argument of its own",
        )
    return _Part(value, lambda new: new)


def _optimizers(nnx: Any) -> Sequence[type]:
    found = [getattr(nnx, name, None) for name in ("Optimizer", "Metric", "Rngs")]
    return [item for item in found if isinstance(item, type)]


def _holds_module(value: Any, nnx: Any) -> bool:
    def is_module(item: object) -> bool:
        return isinstance(item, nnx.Module)

    leaves = import_module("jax").tree_util.tree_leaves(value, is_leaf=is_module)
    return any(is_module(leaf) for leaf in leaves)


def _refuse_opaque(value: Any, path: str) -> None:
    """An object that hides arrays would turn them into constants of the program: a wrong number."""
    if is_array(value) or isinstance(value, _PLAIN) or callable(value):
        return
    attributes: dict[str, object] = getattr(value, "__dict__", {})
    if any(is_array(item) for item in attributes.values()):
        kind = type(value).__name__
        raise stop(
            "unsupported",
            f"`{path}` is a `{kind}` that holds arrays, and JAX does not know it as a pytree: register it "
            "(`jax.tree_util.register_dataclass`)",
        )


def argument_names(prepared: Prepared) -> list[str]:
    """The parameters that the arguments belong to, positional ones first."""
    parameters = [*prepared.leading, *prepared.loaded.parameters]
    positional = [name for name in parameters if name not in prepared.kwargs][: len(prepared.args)]
    return [*positional, *prepared.kwargs]


def _path(jax: Any, keys: Any) -> str:
    """`params['w']` from the path of a leaf in the dict of arguments."""
    return f"{keys[0].key}{jax.tree_util.keystr(keys[1:])}"
