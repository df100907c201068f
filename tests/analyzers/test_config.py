"""Settings: what is read, what is wrong and where, and whose word counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from jaxsight_analyzers.config import (
    Config,
    ConfigError,
    Loaded,
    config_from_mapping,
    find_config,
    merge,
    parse_config,
    parse_names,
)
from jaxsight_analyzers.diagnostic import Severity
from jaxsight_analyzers.registry import rule_named
from jaxsight_analyzers.rule import Rule
from jaxsight_analyzers.settings import RunnerConfig

PROJECT = Path("/project/pyproject.toml")
OWN = Path("/project/jaxsight.toml")


def own(text: str) -> Loaded:
    return parse_config(text, OWN)


def only_error(text: str) -> ConfigError:
    errors = own(text).errors
    assert len(errors) == 1, errors
    return errors[0]


def rule(name: str) -> Rule:
    found = rule_named(name)
    assert found is not None
    return found


def test_every_key_is_read() -> None:
    loaded = own(
        """
        select = ["prng", "traced-if"]
        ignore = ["key-reuse-in-loop"]
        extend-select = ["purity"]
        preview = true
        severity = { key-reuse = "warning" }
        per-file-ignores = { "tests/**" = ["print-in-trace"] }
        include = ["src/**/*.py"]
        exclude = ["third_party"]
        versions = { jax = "0.6", orbax_checkpoint = "0.11.1" }
        baseline = "accepted.json"
        [runner]
        interpreter = "bin/python"
        timeout = 90
        memory-limit = "16GiB"
        env = { A = "1" }
        launch = "srun -n 4"
        """
    )

    assert loaded.errors == ()
    config = loaded.config
    assert config.select == ("prng", "traced-if")
    assert config.ignore == ("key-reuse-in-loop",)
    assert config.extend_select == ("purity",)
    assert config.preview is True
    assert config.severity == {"key-reuse": "warning"}
    assert config.per_file_ignores == {"tests/**": ("print-in-trace",)}
    assert config.include == ("src/**/*.py",)
    assert config.exclude == ("third_party",)
    assert config.versions == {"jax": "0.6", "orbax-checkpoint": "0.11.1"}
    assert config.baseline == "accepted.json"
    assert config.runner == RunnerConfig("bin/python", 90, 16 * 2**30, {"A": "1"}, "srun -n 4")
    assert config.root == "/project"


def test_a_pyproject_is_read_below_tool_jaxsight_only() -> None:
    loaded = parse_config('select = 3\n[tool.jaxsight]\nselect = ["prng"]\n', PROJECT)

    assert loaded.errors == ()
    assert loaded.config.select == ("prng",)


def test_an_unknown_key_names_the_nearest_one() -> None:
    error = only_error('preview = true\n  selct = ["prng"]\n')

    assert error == ConfigError(str(OWN), 2, 3, "unknown key `selct`; did you mean `select`?")


def test_a_wrong_type_is_reported_at_the_value_and_its_default_used() -> None:
    loaded = own('ignore = ["prng"]\npreview = "yes"\n')

    assert loaded.errors == (
        ConfigError(str(OWN), 2, 11, '`preview` must be true or false, not "yes"'),
    )
    assert loaded.config.preview is False
    assert loaded.config.ignore == ("prng",)


def test_an_unknown_rule_is_reported_where_it_stands_in_the_array() -> None:
    error = only_error('select = [\n  "prng",\n  "key-resue",\n]\n')

    assert (error.line, error.column) == (3, 3)
    assert "`key-resue`, which is no rule or family; did you mean `key-reuse`?" in error.message


def test_a_selection_that_is_all_wrong_does_not_come_to_mean_all_rules_of_one_kind() -> None:
    loaded = own('select = ["nonsense"]\n')

    assert len(loaded.errors) == 1
    assert "select" not in loaded.config.given


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('severity = { key-reuse = "wrning" }', "did you mean `warning`?"),
        ('severity = { key-reus = "warning" }', "there is no rule or family `key-reus`"),
        ('versions = { jax = "latest" }', 'must be a version such as "0.6.2"'),
        ('versions = { falx = "1" }', "did you mean `flax`?"),
        ("thresholds = { nothing = 3 }", "there is no threshold `nothing`"),
        ("thresholds = { key-reuse = 3 }", "there is no threshold `key-reuse`"),
        ("thresholds = { python-loop-unrol = 3 }", "did you mean `python-loop-unroll`?"),
        ("thresholds = { python-loop-unroll = 0 }", "must be above zero"),
        ("[runner]\ntimeout = -1", "`runner.timeout` must be above zero"),
        ('[runner]\nmemory-limit = "much"', "must be a number of bytes or a text such as"),
        ("[runner]\nenv = { A = 1 }", "`runner.env.A` must be a string, not 1"),
        ("runner = 3", "`runner` must be a table, not 3"),
        ("include = [3]", "`include` must be an array of strings, not 3"),
    ],
)
def test_a_bad_value_says_what_is_wanted(text: str, message: str) -> None:
    assert message in only_error(text).message


def test_a_text_that_is_not_toml_is_one_error_with_its_line() -> None:
    error = only_error('select = ["prng"]\npreview = tru\n')

    assert error.line == 2
    assert error.message.startswith("is not TOML: ")


def test_an_editor_spells_the_same_keys_in_camel_case() -> None:
    loaded = config_from_mapping(
        {"extendSelect": ["prng"], "preview": None, "runner": {"memoryLimit": 5, "tmeout": 1}}
    )

    assert loaded.config.extend_select == ("prng",)
    assert loaded.config.runner.memory_limit == 5
    assert loaded.config.given == {"extend_select", "runner.memory_limit"}
    assert [error.message for error in loaded.errors] == [
        "unknown key `tmeout`; did you mean `timeout`?"
    ]


def test_the_projects_word_counts_and_the_editor_fills_in_the_rest() -> None:
    file = own('select = ["prng"]\n[runner]\ntimeout = 5\n').config
    editor = config_from_mapping(
        {"select": ["purity"], "preview": True, "runner": {"timeout": 9, "launch": "x"}}
    ).config

    merged = merge(file, editor)

    assert merged.select == ("prng",)
    assert merged.preview is True
    assert merged.runner == RunnerConfig(timeout=5, launch="x")
    assert merged.root == "/project"


@pytest.mark.parametrize(
    ("text", "on"),
    [
        ("", True),
        ('select = ["prng"]', True),
        ('select = ["purity"]', False),
        ('ignore = ["prng"]', False),
        ('ignore = ["key-reuse"]', False),
        ('ignore = ["prng"]\nextend-select = ["key-reuse"]', True),
        ('select = ["prng"]\nignore = ["key-reuse"]', False),
        ('select = ["purity"]\nextend-select = ["prng"]', True),
        ('severity = { key-reuse = "off" }', False),
        ('severity = { prng = "off" }', False),
        ('severity = { prng = "off", key-reuse = "hint" }', True),
        ('per-file-ignores = { "src/*" = ["prng"] }', False),
        ('per-file-ignores = { "test_*.py" = ["prng"] }', True),
    ],
)
def test_whether_a_rule_runs_on_a_file(text: str, on: bool) -> None:
    loaded = own(text)

    assert loaded.errors == ()
    assert loaded.config.enabled(rule("key-reuse"), "/project/src/train.py") is on


def test_a_relative_path_is_one_from_where_we_are_and_not_from_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "src").mkdir()
    monkeypatch.chdir(tmp_path / "src")
    text = 'per-file-ignores = { "src/train.py" = ["prng"] }'
    config = parse_config(text, tmp_path / "jaxsight.toml").config

    assert not config.enabled(rule("key-reuse"), "train.py")
    assert config.enabled(rule("key-reuse"), "src/train.py")


def test_a_preview_rule_runs_when_named_or_by_family_with_preview() -> None:
    def allows(text: str) -> bool:
        return own(text).config.allows("key-reuse", "prng", "a.py", preview=True)

    assert not allows("")
    assert not allows('select = ["prng"]')
    assert allows('select = ["key-reuse"]')
    assert allows("preview = true")


def test_severity_of_a_rule_beats_that_of_its_family() -> None:
    config = own('severity = { prng = "hint", key-reuse = "warning" }').config

    assert config.severity_of(rule("key-reuse")) is Severity.WARNING
    assert config.severity_of(rule("key-reuse-in-loop")) is Severity.HINT
    assert Config().severity_of(rule("key-reuse")) is rule("key-reuse").severity


def test_the_nearest_configuration_is_found_and_one_of_others_passed_over(tmp_path: Path) -> None:
    inner = tmp_path / "package" / "module"
    inner.mkdir(parents=True)
    outer = tmp_path / "pyproject.toml"
    outer.write_text("[tool.jaxsight]\n")
    (tmp_path / "package" / "pyproject.toml").write_text("[tool.other]\nx = 'jaxsight'\n")

    assert find_config(inner / "a.py") == outer

    nearer = tmp_path / "package" / "jaxsight.toml"
    nearer.write_text("")
    assert find_config(inner / "a.py") == nearer


def test_names_on_the_command_line_are_checked() -> None:
    names, errors = parse_names("prng, key-resue")

    assert names == ("prng",)
    assert errors == ["there is no rule or family `key-resue`; did you mean `key-reuse`?"]
