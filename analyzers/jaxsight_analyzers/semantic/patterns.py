"""`match`: which case a value takes, and what its pattern binds."""

from __future__ import annotations

import ast

from jaxsight_analyzers.semantic import expressions, flow
from jaxsight_analyzers.semantic.contexts import State, join_states
from jaxsight_analyzers.semantic.run import Run
from jaxsight_analyzers.semantic.values import UNKNOWN


def match_statement(run: Run, node: ast.Match) -> None:
    """Run a `match` statement."""
    subject = run.evaluate(node.subject)
    result: State | None = None
    exhaustive = False
    for case in node.cases:
        if any(isinstance(p, ast.MatchValue) for p in ast.walk(case.pattern)):
            expressions.note_branch(run, node, node.subject, "match", subject)
        with flow.branch(run, node.subject, True):
            run.frame.state.conditions = run.frame.state.conditions[:-1]
            for name in ast.walk(case.pattern):
                if isinstance(name, (ast.MatchAs, ast.MatchStar)) and name.name:
                    flow.bind_name(run, name.name, subject if name is case.pattern else UNKNOWN)
            if case.guard is not None:
                guard = run.evaluate(case.guard)
                expressions.note_branch(run, case.guard, case.guard, "match", guard)
            flow.run_body(run, case.body)
        end = run.branch_end
        result = end if result is None else join_states(result, end)
        exhaustive = exhaustive or (
            case.guard is None
            and isinstance(case.pattern, ast.MatchAs)
            and case.pattern.pattern is None
        )
    assert result is not None
    run.frame.state = result if exhaustive else join_states(result, run.frame.state)
