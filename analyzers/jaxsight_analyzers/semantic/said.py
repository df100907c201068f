"""What a file says in one of its lines, wherever that is: questions to a text, each asked of a chunk once.

They are about what is too far from a place to be followed there, and would make a finding about it wrong.
"""

from __future__ import annotations

import re

shares_variables = re.compile(r"hijax|\bref=|new_ref|use_ref|mutable_array").search
"""Whether variables of NNX may be references that every trace shares."""

splits_streams = re.compile(r"split_rngs|\.fork\(|StateAxes").search
"""Whether streams of random numbers are split for what is mapped."""

chooses_trained = re.compile(r"\bwrt\s*=\s*(?!(?:\w+\.)*Param\b)|\bDiffState\b").search
"""Whether something else than parameters is trained."""

registers_classes = re.compile(
    r"(?m)^(?![ \t]*(?:@|from\b|import\b)).*\b(?:register_(?:pytree|dataclass|static|hitype)|pytype_aval_mappings\[)"
).search
"""Whether a call registers classes as pytrees: it may name any of them."""
