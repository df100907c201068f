"""The libraries' public functions, as data."""

from jaxsight_analyzers.knowledge.loader import AnnotationKind as AnnotationKind
from jaxsight_analyzers.knowledge.loader import ApiChange as ApiChange
from jaxsight_analyzers.knowledge.loader import BaseKind as BaseKind
from jaxsight_analyzers.knowledge.loader import Counterpart as Counterpart
from jaxsight_analyzers.knowledge.loader import FunctionFacts as FunctionFacts
from jaxsight_analyzers.knowledge.loader import KeyUse as KeyUse
from jaxsight_analyzers.knowledge.loader import KeywordChange as KeywordChange
from jaxsight_analyzers.knowledge.loader import Knowledge as Knowledge
from jaxsight_analyzers.knowledge.loader import MethodFacts as MethodFacts
from jaxsight_analyzers.knowledge.loader import Naming as Naming
from jaxsight_analyzers.knowledge.loader import Returns as Returns
from jaxsight_analyzers.knowledge.loader import Tracers as Tracers
from jaxsight_analyzers.knowledge.loader import Tracing as Tracing
from jaxsight_analyzers.knowledge.loader import load as load
from jaxsight_analyzers.knowledge.loader import release as release
