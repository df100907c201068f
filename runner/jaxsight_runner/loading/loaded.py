"""The user's function, ready to be given arguments."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import field
from types import ModuleType
from typing import Any, Optional

from jaxsight_runner.data import dataclass
from jaxsight_runner.protocol import Input, TargetRequest
from jaxsight_runner.signatures import signature_of


@dataclass(frozen=True)
class Loaded:
    """The user's function, and what is known of it before it is called."""

    request: TargetRequest
    module: ModuleType
    function: Callable[..., Any]  # a user's function returns anything
    owner: Optional[type]  # the class, when the function is one of its methods and needs `self`
    line: int  # of the `def`, from 1
    first_line: int  # of its first decorator
    left_out: tuple[
        int, ...
    ] = ()  # lines of the file that were not run, as nothing here needs them
    receiver: Any = None  # the module that the function is a method of, where the file has made it
    factory_inputs: tuple[
        Input, ...
    ] = ()  # what the functions were called with that it is defined in
    factory_notes: tuple[str, ...] = ()
    # The variables of those functions, for expressions in inputs, and the parameters of the others
    # among them: the same text may give values to all.
    scope: Mapping[str, Any] = field(default_factory=dict[str, Any])
    others: frozenset[str] = frozenset()

    @property
    def hash(self) -> str:
        """Of the text that was run."""
        return hashlib.sha256(self.request.text.encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader of a report has to know of how the target was loaded."""
        if not self.left_out:
            return self.factory_notes
        lines = [str(line) for line in self.left_out]
        shown = ", ".join(lines[:5]) + (f" and {len(lines) - 5} more" if len(lines) > 5 else "")
        left_out = f"not run, as `{self.request.qualname}` does not need it: line {shown}"
        return (left_out, *self.factory_notes)

    @property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """The parameters by name; a class's `self` is one of them."""
        return dict(signature_of(self.function).parameters)
