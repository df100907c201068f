"""What an inspection reports: what JAX and the compiler make of a function, by line of the source."""

from __future__ import annotations

from typing import Literal, Optional

from jaxsight_runner.data import dataclass
from jaxsight_runner.protocol.benchmark import Cost, Memory
from jaxsight_runner.protocol.common import Environment, Input, SourceLocation, Target
from jaxsight_runner.protocol.sharding import Collective

Form = Literal["jaxpr", "stablehlo", "hlo"]


@dataclass(frozen=True)
class CompileStages:
    """Seconds from Python function to executable, with no cache of compiled programs."""

    trace: float
    lower: float
    compile: float


@dataclass(frozen=True)
class LineCost:
    """What one line of the source costs, counted from the jaxpr; what nothing needs is left out."""

    path: str
    line: int
    text: str  # of the line, stripped
    flops: float  # the bodies of `scan` by their length, those of `while` once
    transcendentals: float  # results of exp, tanh and their kin
    bytes: float  # operands and results before fusion: an upper bound
    operations: int  # equations of the jaxpr
    open_ended: bool  # inside a `while` loop whose trips are not known: counted once
    unknown: tuple[str, ...]  # primitives whose cost nobody can say


@dataclass(frozen=True)
class Conversion:
    """Values that change their dtype at a line."""

    path: str
    line: int
    text: str
    from_dtype: str  # "bf16"
    to_dtype: str
    elements: float  # in all runs of the line
    widens: bool  # to more bits: more memory, slower
    written: bool  # the line says so: `astype`, `dtype=`


@dataclass(frozen=True)
class Constant:
    """An array that the function captured: it is baked into the executable."""

    value: str  # `f32[64,64]`
    bytes: int
    path: Optional[str]  # the first line that uses it
    line: Optional[int]


@dataclass(frozen=True)
class Donation:
    """What became of donated arguments."""

    arguments: tuple[str, ...]
    donated: int  # bytes that were offered
    reused: int  # bytes that the compiler writes results into
    message: Optional[str]  # what did not work, in the compiler's words


@dataclass(frozen=True)
class Peak:
    """The most memory that lives at once by the jaxpr, before fusion, and where that is."""

    bytes: int
    path: Optional[str]
    line: Optional[int]


@dataclass(frozen=True)
class TextLink:
    """A line of a program's text and the line of the source that it comes from. Both from 1."""

    text_line: int
    path: str
    line: int


@dataclass(frozen=True)
class ProgramText:
    """One form of the program."""

    form: Form
    text: str
    links: tuple[TextLink, ...]


@dataclass(frozen=True)
class MachinePeak:
    """What this device reached when it was measured: the roof over every other figure."""

    flops_per_second: float
    bytes_per_second: float
    dtype: str  # of the matrices that were multiplied
    measured: str  # date, UTC


@dataclass(frozen=True)
class Roofline:
    """Where the function stands under the roof."""

    intensity: float  # FLOPs for each byte that the executable moves
    ridge: float  # the intensity from which computing, not memory, is the limit
    bound: Literal["compute", "memory"]
    fastest: float  # seconds that this device would need at least


@dataclass(frozen=True)
class InspectionReport:
    """What an inspection found."""

    target: Target
    stages: CompileStages
    memory: Optional[Memory]
    peak: Optional[Peak]
    cost: Cost  # as the compiler counts
    flops: float  # as counted from the jaxpr
    transcendentals: float
    lines: tuple[LineCost, ...]  # the most expensive first
    conversions: tuple[Conversion, ...]
    constants: tuple[Constant, ...]
    collectives: tuple[Collective, ...]
    donation: Optional[Donation]
    loops: tuple[SourceLocation, ...]  # `while` loops whose trips are not known
    machine: Optional[MachinePeak]
    roofline: Optional[Roofline]
    programs: tuple[ProgramText, ...]
    notes: tuple[str, ...]
    inputs: tuple[Input, ...]
    environment: Environment
    version: int = 1
    kind: Literal["inspection"] = "inspection"
