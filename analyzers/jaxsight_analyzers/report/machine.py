"""Reports for programs: JSON, SARIF 2.1.0 and GitHub's workflow commands."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jaxsight_analyzers.diagnostic import Severity
from jaxsight_analyzers.registry import rule_named
from jaxsight_analyzers.report.page import page
from jaxsight_analyzers.report.problem import Place, Problem, Remedy, Trouble

_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.HINT: "note"}
_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.HINT: "notice"}


def as_json(
    problems: Iterable[Problem],
    troubles: Iterable[Trouble],
    given_up: Iterable[Trouble] = (),
    *,
    structural: bool = False,
) -> str:
    """The report that scripts read; its shape is a contract. The edits of structural fixes cost time."""
    return (
        json.dumps(
            {
                "version": 1,
                "diagnostics": [_json(problem, structural) for problem in problems],
                "errors": [{"path": t.path, "message": t.message} for t in troubles],
                "given_up": [{"path": t.path, "message": t.message} for t in given_up],
            },
            indent=2,
            ensure_ascii=False,
        )
        + "\n"
    )


def _json(problem: Problem, structural: bool) -> dict[str, Any]:
    diagnostic = problem.diagnostic
    return {
        "path": problem.path,
        "rule": diagnostic.rule,
        "family": diagnostic.family,
        "severity": diagnostic.severity.value,
        "certainty": diagnostic.finding.certainty.name.lower(),
        "message": diagnostic.message,
        **_range(problem.place),
        "related": [
            {"path": place.path, **_range(place), "message": message}
            for place, message in problem.related
        ],
        "fixes": [_fix(remedy) for remedy in problem.remedies(structural)],
        "url": diagnostic.url,
    }


def _fix(remedy: Remedy) -> dict[str, Any]:
    edits = None
    if remedy.edits is not None:
        edits = [
            {"path": place.path, **_range(place), "text": text} for place, text in remedy.edits
        ]
    return {
        "title": remedy.title,
        "applicability": remedy.applicability.name.lower(),
        "edits": edits,
    }


def _range(place: Place) -> dict[str, Any]:
    (line, column), (end_line, end_column) = place.start, place.end
    return {
        "start": {"line": line, "column": column},
        "end": {"line": end_line, "column": end_column},
    }


def as_sarif(
    problems: Iterable[Problem],
    troubles: Iterable[Trouble],
    version: str,
    given_up: Iterable[Trouble] = (),
) -> str:
    """SARIF 2.1.0, as code-scanning services take it."""
    found = list(problems)
    names = sorted({problem.diagnostic.rule for problem in found})
    driver = {
        "name": "jaxsight",
        "version": version,
        "informationUri": "https://github.com/jaxsight/jaxsight",
        "rules": [_sarif_rule(name, found) for name in names],
    }
    errors = _notes("error", troubles)
    notes = [*errors, *_notes("note", given_up)]
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(problem, names) for problem in found],
        "invocations": [{"executionSuccessful": not errors, "toolExecutionNotifications": notes}],
    }
    document = {"$schema": _SARIF, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _notes(level: str, found: Iterable[Trouble]) -> list[dict[str, Any]]:
    return [{"level": level, "message": {"text": f"{t.path}: {t.message}"}} for t in found]


def _sarif_rule(name: str, problems: list[Problem]) -> dict[str, Any]:
    rule = rule_named(name)
    url = next(p.diagnostic.url for p in problems if p.diagnostic.rule == name)
    entry: dict[str, Any] = {"id": name}
    if rule is not None:
        entry["shortDescription"] = {"text": rule.summary}
        text = page(rule)
        entry["help"] = {"text": text, "markdown": text}
        entry["defaultConfiguration"] = {"level": _LEVELS[rule.severity]}
    return {**entry, "helpUri": url} if url else entry


def _sarif_result(problem: Problem, names: list[str]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": problem.diagnostic.rule,
        "ruleIndex": names.index(problem.diagnostic.rule),
        "level": _LEVELS[problem.severity],
        "message": {"text": problem.diagnostic.message},
        "locations": [_sarif_location(problem.place)],
    }
    if problem.related:
        result["relatedLocations"] = [
            {**_sarif_location(place), "message": {"text": text}} for place, text in problem.related
        ]
    return result


def _sarif_location(place: Place) -> dict[str, Any]:
    (line, column), (end_line, end_column) = place.start, place.end
    path = Path(place.path)
    uri = path.as_uri() if path.is_absolute() else quote(path.as_posix())
    region = {
        "startLine": line,
        "startColumn": column,
        "endLine": end_line,
        "endColumn": end_column,
    }
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}


def as_github(problems: Iterable[Problem], troubles: Iterable[Trouble]) -> str:
    """Workflow commands, which GitHub shows beside the lines of a pull request."""
    lines = [_github(problem) for problem in problems]
    lines += [f"::error file={_property(t.path)}::{_data(t.message)}" for t in troubles]
    return "".join(f"{line}\n" for line in lines)


def _github(problem: Problem) -> str:
    (line, column), (end_line, end_column) = problem.place.start, problem.place.end
    path = problem.path.partition(":cell ")[0]
    properties = f"file={_property(path)},line={line},endLine={end_line}"
    if line == end_line:  # GitHub refuses columns of a range over several lines
        properties += f",col={column},endColumn={end_column}"
    title = _property(problem.diagnostic.rule)
    command = _COMMANDS[problem.severity]
    return f"::{command} {properties},title={title}::{_data(problem.diagnostic.message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
