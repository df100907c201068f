"""What the rules find in the installed packages is what it was; each finding elsewhere has a verdict.

The findings are in `corpus/expected.txt`. The files of a package are checked together, as `check` does.
Where a change of them is meant: `python scripts/corpus.py expected`, and read the difference. `corpus/verdicts.toml` says of each finding in many more packages and
repositories whether it is right; `scripts/corpus.py check` compares with it.
"""

from __future__ import annotations

from importlib import metadata

import pytest

from tests.analyzers.corpus import findings as corpus
from tests.analyzers.corpus.libraries import TABLES as LIBRARIES
from tests.analyzers.corpus.libraries import libraries as of_libraries

EXPECTED = corpus.FOLDER / "expected.txt"
VERDICTS = ("right", "intended", "wrong")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "package"), corpus.pins()["installed"].items())
def test_installed_packages(name: str, package: str) -> None:
    heading, *expected = corpus.of_package(EXPECTED.read_text(encoding="utf-8"), name)
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        pytest.skip(f"{name} is not installed")
    if heading != f"{name} {version}":
        pytest.skip(f"the findings are those of {heading}, installed is {version}")

    result = corpus.installed(name, package)

    assert result.crashes == []
    assert [f"{each.place} {each.severity}" for each in result.found] == expected


def test_verdicts_are_of_what_is_pinned() -> None:
    table = corpus.pins()
    pinned = {*table["packages"], *table["repositories"], *table["with_libraries"]}

    assert set(corpus.verdicts()) <= {*pinned, *table["installed"]}
    assert set(table["well_kept"]) <= pinned
    for places in corpus.verdicts().values():
        for place, verdict in places.items():
            assert verdict.partition(": ")[0] in VERDICTS, place


def test_there_are_twenty_packages_and_ten_repositories() -> None:
    table = corpus.pins()

    assert len(table["packages"]) >= 20
    assert len(table["repositories"]) >= 10


def test_each_library_has_its_own_code_and_three_projects() -> None:
    table = corpus.pins()
    pinned = {*table["packages"], *table["repositories"], *table["with_libraries"]}

    for library in of_libraries(table):
        assert library.family, library.name
        assert library.own, library.name
        assert len(library.users) >= 3, library.name
        assert {*library.own, *library.users} <= pinned
        for name in (*library.own, *library.users):
            assert f"| {name}@" in LIBRARIES.read_text(encoding="utf-8"), name
