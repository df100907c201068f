"""The interface between a rule and the engine that runs it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from jaxsight_analyzers.data import dataclass
from jaxsight_analyzers.diagnostic import Finding, Fix, FixRef, Severity

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic import Unit

DOCS_URL = "https://github.com/jaxsight/jaxsight/blob/main/docs/rules/{name}.md"


@dataclass(frozen=True, slots=True)
class Example:
    """Code shown on the rule's page and run as its first tests.

    A line that ends in `# error: [rule-name]` must be reported, once for each marker; every
    other line stays silent. `fixed` is the code after all fixes, unsafe ones too, without
    markers; None if the rule offers no fix here. Both may be indented like their surroundings.
    `versions` are those of the project, such as `{"jax": "0.10.2"}`.
    """

    code: str
    fixed: str | None = None
    versions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A check and everything a user is told about it. A constant: it holds no state.

    `check` is a pure function of what the unit answers. `fix` turns one of its own references
    into edits; None where no finding carries one. `preview` rules are on when named, or by
    family with the `preview` setting. `aliases` are former names, still understood. `structural` are
    the kinds of its fixes that `rewrites` makes: they are offered where libcst is installed. `threshold`
    is the number from which it reports, unless the settings say another; None where it has none.

    `errors` is what JAX says where the mistake runs, as people paste it into a search box: the name of an
    exception, or `Name: text` with a distinctive part of the message, and `...` for what varies in it.
    `raising` is a pattern of the line that raises, which tells the rule from others with the same error.
    """

    name: str
    severity: Severity
    since: str
    check: Callable[[Unit], Iterable[Finding]]
    examples: tuple[Example, ...]
    fix: Callable[[Unit, FixRef], Fix | None] | None = None
    preview: bool = False
    aliases: tuple[str, ...] = ()
    structural: frozenset[str] = frozenset()
    threshold: float | None = None
    errors: tuple[str, ...] = ()
    raising: str = ""

    @property
    def doc(self) -> str:
        """The rule's page: the docstring of the module that defines its check."""
        from inspect import cleandoc  # only pages need it, and it is dear to import

        return cleandoc(sys.modules[self.check.__module__].__doc__ or "")

    @property
    def summary(self) -> str:
        """The page's first line."""
        return self.doc.partition("\n")[0]

    @property
    def family(self) -> str:
        """The package the rule lies in, which is what a user selects to get all of its kind."""
        return self.check.__module__.split(".")[-2].replace("_", "-")

    @property
    def url(self) -> str:
        """The address of its page."""
        return DOCS_URL.format(name=self.name)
