"""What the text means. Rules ask a `Unit`; they derive nothing themselves."""

from jaxsight_analyzers.diagnostic import Certainty as Certainty
from jaxsight_analyzers.semantic.model import Definition as Definition
from jaxsight_analyzers.semantic.model import SemanticModel as SemanticModel
from jaxsight_analyzers.semantic.model import TraceContext as TraceContext
from jaxsight_analyzers.semantic.unit import Unit as Unit
