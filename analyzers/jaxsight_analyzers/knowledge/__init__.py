"""The libraries' public functions, as data."""

from jaxsight_analyzers.knowledge.facts import AnnotationKind as AnnotationKind
from jaxsight_analyzers.knowledge.facts import ApiChange as ApiChange
from jaxsight_analyzers.knowledge.facts import BaseKind as BaseKind
from jaxsight_analyzers.knowledge.facts import Counterpart as Counterpart
from jaxsight_analyzers.knowledge.facts import FunctionFacts as FunctionFacts
from jaxsight_analyzers.knowledge.facts import KeyUse as KeyUse
from jaxsight_analyzers.knowledge.facts import KeywordChange as KeywordChange
from jaxsight_analyzers.knowledge.facts import MethodFacts as MethodFacts
from jaxsight_analyzers.knowledge.facts import Naming as Naming
from jaxsight_analyzers.knowledge.facts import Returns as Returns
from jaxsight_analyzers.knowledge.facts import Tracers as Tracers
from jaxsight_analyzers.knowledge.facts import Tracing as Tracing
from jaxsight_analyzers.knowledge.facts import release as release
from jaxsight_analyzers.knowledge.loader import Knowledge as Knowledge
from jaxsight_analyzers.knowledge.loader import load as load
