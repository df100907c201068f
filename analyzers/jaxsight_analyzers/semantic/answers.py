"""What the parts of a unit have in common, each of which is about some libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxsight_analyzers.knowledge.loader import Knowledge
    from jaxsight_analyzers.semantic.model import SemanticModel
    from jaxsight_analyzers.syntax.chunk import Question


class Answers:
    """What they ask the unit, which is made of all of them."""

    model: SemanticModel
    asked_others: bool

    @property
    def knowledge(self) -> Knowledge:
        """What the libraries do."""
        return self.model.knowledge

    def says(self, question: Question) -> bool:
        """Whether a line of the file says something; who asks depends on the answer."""
        raise NotImplementedError

    def _seen(self, kind: str) -> list[Any]:
        """The events of a kind whose nodes lie in the unit, in the order of the interpretation."""
        raise NotImplementedError
