"""Scripts as people write them: definitions, with training, files and arguments at the top level.

Each names its function, a call of it, and the line that forbids a slice (None where it is exact).
"""

from tests.runner.slice_programs.definitions import DEFINITIONS
from tests.runner.slice_programs.exact import EXACT as EXACT
from tests.runner.slice_programs.outside import OUTSIDE
from tests.runner.slice_programs.script import Script as Script
from tests.runner.slice_programs.values import VALUES

REFUSED = (*VALUES, *DEFINITIONS, *OUTSIDE)
