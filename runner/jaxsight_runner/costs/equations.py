"""What one equation of a jaxpr costs, counted as XLA counts before it fuses.

An addition, a multiplication, a comparison, a selection are one FLOP per element of the result; a
product of matrices two per multiplication and addition; transcendental functions are counted apart,
as XLA does. Dense factorisations, which XLA runs as custom calls and counts as nothing, get the leading
term of their textbook cost (Golub and Van Loan, Matrix Computations, 4th edition). Moving data costs no FLOP.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from typing import Any, Optional

from jaxsight_runner.data import dataclass


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TRANSCENDENTAL = _names(
    """
    acos acosh asin asinh atan atan2 atanh cbrt cos cosh digamma erf erf_inv erfc exp exp2 expm1 lgamma log
    log1p logistic pow rsqrt sin sinh sqrt tan tanh igamma igammac bessel_i0e bessel_i1e
    """
)
_ELEMENTWISE = _names(
    """
    abs add add_any and ceil clamp complex conj div eq floor ge gt imag is_finite le lt max min
    mul ne neg nextafter not or population_count real rem round select_n shift_left shift_right_arithmetic
    shift_right_logical sign square sub xor eq_to le_to lt_to clz
    """
)
_FREE = _names(
    """
    bitcast_convert_type broadcast_in_dim concatenate convert_element_type copy copy_p create_token device_put
    dynamic_slice dynamic_update_slice expand_dims gather iota pad pvary pbroadcast random_seed random_unwrap random_wrap
    reduce_precision reshape rev sharding_constraint slice split squeeze stop_gradient transpose
    empty empty2 random_clone axis_index name layout_constraint reshard mesh_cast debug_callback debug_print
    all_gather_invariant all_gather_reduced all_gather_start all_gather_reduced_start all_gather_done all_to_all_start
    all_to_all_done ppermute_start ppermute_done ragged_all_to_all psend precv pbroadcast_dynamic preduced psum_done
    reduce_scatter_done vary_unreduced_cast reduced_vary_cast
    """
)
_RANDOM = 60.0  # operations of one 32-bit word of threefry (20 rounds of add, rotate, xor)
_REDUCTIONS = ("reduce_", "argmax", "argmin")
_POSITIONS = 4_000_000  # above it the edge of a convolution is not counted out


@dataclass(frozen=True)
class EquationCost:
    """Of one run of an equation."""

    flops: float = 0.0
    transcendentals: float = 0.0
    bytes: float = 0.0  # operands and results, as if nothing were fused: an upper bound
    known: bool = True


def cost_of(equation: Any) -> EquationCost:
    """What an equation costs; `known` is False where nobody can say."""
    moved = float(sum(bytes_of(v.aval) for v in (*equation.invars, *equation.outvars) if _has(v)))
    counted = _counted(equation)
    if counted is None:
        return EquationCost(bytes=moved, known=False)
    return EquationCost(counted[0], counted[1], moved)


def size_of(aval: Any) -> int:
    """How many elements a value has."""
    return math.prod(int(dim) for dim in getattr(aval, "shape", ()))


def bytes_of(aval: Any) -> int:
    """How many bytes a value takes."""
    dtype = getattr(aval, "dtype", None)
    if dtype is None:
        return 0
    return size_of(aval) * int(getattr(dtype, "itemsize", 0) or 0)


def _has(variable: Any) -> bool:
    return hasattr(variable, "aval")


def _counted(equation: Any) -> Optional[tuple[float, float]]:
    """FLOPs and transcendentals."""
    name = equation.primitive.name
    result = float(size_of(equation.outvars[0].aval)) if equation.outvars else 0.0
    if name in _ELEMENTWISE or name.startswith("cum"):
        return _complex(equation, name) * result, 0.0
    if name in _TRANSCENDENTAL:
        return 0.0, result
    if name in _FREE or name == "scatter":
        return 0.0, 0.0
    counter = _COUNTERS.get(name) or _by_prefix(name)
    return (float(counter(equation)), 0.0) if counter is not None else None


def _power(equation: Any) -> float:
    """By repeated squaring, as XLA writes it; a negative power divides once more."""
    power = int(equation.params["y"])
    products = max(abs(power).bit_length() + bin(abs(power)).count("1") - 2, 0)
    one = _complex(equation, "mul") * products + (_complex(equation, "div") if power < 0 else 0.0)
    return one * size_of(equation.outvars[0].aval)


def _reduction(equation: Any) -> float:
    return float(size_of(equation.invars[0].aval) - size_of(equation.outvars[0].aval))


def _complex(equation: Any, name: str) -> float:
    """How many real operations a complex one is."""
    if equation.outvars[0].aval.dtype.kind != "c":
        return 1.0
    return {"mul": 6.0, "div": 11.0, "square": 6.0, "add": 2.0, "sub": 2.0}.get(name, 1.0)


def _by_prefix(name: str) -> Optional[Callable[[Any], float]]:
    if name.startswith(_REDUCTIONS):
        return _reduction
    if name.startswith("scatter"):
        return lambda equation: size_of(equation.invars[2].aval)
    return None


def _first_size(equation: Any) -> float:
    return float(size_of(equation.invars[0].aval))


def _product(equation: Any) -> float:
    (contracted, _), _ = equation.params["dimension_numbers"]
    shape = equation.invars[0].aval.shape
    length = math.prod(int(shape[axis]) for axis in contracted)
    factor = 8.0 if equation.outvars[0].aval.dtype.kind == "c" else 2.0
    return factor * size_of(equation.outvars[0].aval) * length


def _convolution(equation: Any) -> float:
    """Two per element of the kernel that meets the image: the padding is not counted, as XLA does."""
    parameters, result = equation.params, equation.outvars[0].aval.shape
    numbers = parameters["dimension_numbers"]
    image, kernel = (variable.aval.shape for variable in equation.invars[:2])
    met = 1
    for index, axis in enumerate(numbers.out_spec[2:]):
        met *= _positions(
            int(image[numbers.lhs_spec[2 + index]]),
            int(kernel[numbers.rhs_spec[2 + index]]),
            int(result[axis]),
            int(parameters["window_strides"][index]),
            int(parameters["padding"][index][0]),
            int(parameters["lhs_dilation"][index]),
            int(parameters["rhs_dilation"][index]),
        )
    channels = int(kernel[numbers.rhs_spec[1]])  # already divided by the groups
    return 2.0 * met * channels * result[numbers.out_spec[0]] * result[numbers.out_spec[1]]


def _positions(
    image: int, kernel: int, result: int, stride: int, low: int, spread: int, dilation: int
) -> int:
    """How many pairs of kernel element and result meet an element of the image, along one axis."""
    if kernel * result > _POSITIONS:
        return kernel * result
    numpy = import_module("numpy")
    extent = (image - 1) * spread + 1
    places: Any = numpy.arange(result)[:, None] * stride - low + numpy.arange(kernel) * dilation
    return int(numpy.sum((places >= 0) & (places < extent) & (places % spread == 0)))


def _window(equation: Any) -> float:
    window = equation.params.get("window_dimensions", ())
    return size_of(equation.outvars[0].aval) * max(1, math.prod(int(dim) for dim in window) - 1)


def _sort(equation: Any) -> float:
    shape = equation.invars[0].aval.shape
    length = int(shape[equation.params.get("dimension", -1)]) if shape else 1
    return _first_size(equation) * max(1.0, math.log2(max(length, 2)))


def _top_k(equation: Any) -> float:
    return _first_size(equation) * max(1.0, math.log2(max(int(equation.params.get("k", 2)), 2)))


def _fft(equation: Any) -> float:
    """5 n log2 n for each transform of n points, half of it between real and complex."""
    lengths = equation.params["fft_lengths"]
    points = math.prod(int(length) for length in lengths)
    larger = max(_first_size(equation), float(size_of(equation.outvars[0].aval)))
    is_real = (
        equation.invars[0].aval.dtype.kind != "c" or equation.outvars[0].aval.dtype.kind != "c"
    )
    return 5.0 * larger * math.log2(max(points, 2)) * (0.5 if is_real else 1.0)


def _factorisation(term: Callable[[int, int], float]) -> Callable[[Any], float]:
    """`term(m, n)` for each matrix of m rows and n columns of the batch."""

    def count(equation: Any) -> float:
        shape = equation.invars[0].aval.shape
        rows, columns = int(shape[-2]), int(shape[-1])
        return math.prod(int(dim) for dim in shape[:-2]) * term(rows, columns)

    return count


def _triangular_solve(equation: Any) -> float:
    shape, right = equation.invars[0].aval.shape, equation.invars[1].aval
    return float(size_of(right)) * int(shape[-1])


def _random_bits(equation: Any) -> float:
    return _RANDOM * size_of(equation.outvars[0].aval)


def _nothing(_equation: Any) -> float:
    return 0.0


_COUNTERS: dict[str, Callable[[Any], float]] = {
    "dot_general": _product,
    "integer_pow": _power,
    "one_minus_square": lambda equation: 2.0 * _first_size(equation),
    "conv_general_dilated": _convolution,
    "reduce_window": _window,
    "reduce_window_sum": _window,
    "reduce_window_max": _window,
    "reduce_window_min": _window,
    "select_and_scatter_add": lambda equation: 2 * size_of(equation.outvars[0].aval),
    "select_and_gather_add": _first_size,
    "sort": _sort,
    "top_k": _top_k,
    "approx_top_k": _top_k,
    "fft": _fft,
    "threefry2x32": _random_bits,
    "random_bits": _random_bits,
    "random_fold_in": _random_bits,
    "random_split": _random_bits,
    "cholesky": _factorisation(lambda m, n: n**3 / 3),
    "lu": _factorisation(lambda m, n: m * n**2 - n**3 / 3),
    "qr": _factorisation(lambda m, n: 2 * m * n**2),
    "geqrf": _factorisation(lambda m, n: 2 * m * n**2),
    "householder_product": _factorisation(lambda m, n: 2 * m * n**2),
    "eigh": _factorisation(lambda m, n: 9 * n**3),
    "eig": _factorisation(lambda m, n: 25 * n**3),
    "svd": _factorisation(lambda m, n: 20 * m * n * min(m, n)),
    "schur": _factorisation(lambda m, n: 25 * n**3),
    "triangular_solve": _triangular_solve,
    "lu_pivots_to_permutation": _nothing,
    "tridiagonal_solve": lambda equation: 8 * size_of(equation.outvars[0].aval),
    "psum": _first_size,
    "psum2": _first_size,
    "psum_invariant": _first_size,
    "psum_start": _first_size,
    "psum_invariant_start": _first_size,
    "unreduced_psum": _first_size,
    "unreduced_pmax": _first_size,
    "unreduced_pmin": _first_size,
    "unreduced_reduce_scatter": _first_size,
    "pmax": _first_size,
    "pmin": _first_size,
    "all_gather": _nothing,
    "all_to_all": _nothing,
    "ppermute": _nothing,
    "reduce_scatter": _first_size,
}
