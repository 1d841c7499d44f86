from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from plugin_sdk.testing.command import Command, CommandError, CommandNotFound, clean_environment, find_command

if TYPE_CHECKING:
    from pathlib import Path


def python(program: str, **settings: str) -> Command:
    return Command((sys.executable, "-c", program), clean_environment(**settings))


def test_the_output_of_a_command_is_returned() -> None:
    command = python("import sys; print(sys.argv[1:]); print('noise', file=sys.stderr)")

    assert command.run("plugin", "list") == "['plugin', 'list']\n"


def test_json_is_asked_for_and_read() -> None:
    command = python("import json, sys; print(json.dumps(sys.argv[1:]))")

    assert command.json("tenant", "create", "acme") == ["tenant", "create", "acme", "--json"]


def test_a_failing_command_is_named_with_its_exit_code_and_what_it_wrote() -> None:
    command = python("import sys; print('partly done'); sys.exit('plugin loyalty: needs core >=2')")

    with pytest.raises(CommandError) as caught:
        command.run("plugin", "install", "loyalty two")

    first, reason, *output = str(caught.value).splitlines()
    assert first.endswith("plugin install 'loyalty two'")
    assert reason == "exit code 1; it wrote:"
    assert output == ["plugin loyalty: needs core >=2"]
    assert caught.value.command[-1] == "loyalty two"


def test_a_failing_command_without_errors_shows_its_output() -> None:
    with pytest.raises(CommandError, match=r"(?s)exit code 3; it wrote:\nonly this$"):
        python("import sys; print('only this'); sys.exit(3)").run()


def test_a_command_that_answers_no_json_is_an_error() -> None:
    with pytest.raises(CommandError, match=r"(?s)exit code 0, but no JSON \(.*\); it wrote:\nhello$"):
        python("print('hello')").json()


def test_a_command_that_hangs_is_ended() -> None:
    with pytest.raises(CommandError, match=r"still running after 0\.5 s, so it was ended; it wrote:\n\(nothing\)$"):
        python("import threading; threading.Event().wait()").run(seconds=0.5)


def test_a_program_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="there is no such program"):
        Command((str(tmp_path / "crm"),), {}).run("init")


def test_no_setting_of_the_core_is_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_DATABASE_URL", "postgresql://production")
    monkeypatch.setenv("CRM_POOL_SIZE", "1")
    monkeypatch.setenv("OTHER", "kept")

    environment = clean_environment(CRM_BACKGROUND="false")

    assert {name: value for name, value in environment.items() if name.startswith("CRM_")} == {
        "CRM_BACKGROUND": "false"
    }
    assert environment["OTHER"] == "kept"


def test_the_command_is_the_module_of_this_interpreter_where_it_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli = tmp_path / "crm_core" / "cli"
    cli.mkdir(parents=True)
    (tmp_path / "crm_core" / "__init__.py").write_text("raise AssertionError('imported')")
    (cli / "__main__.py").write_text("")
    hide_core(monkeypatch, tmp_path)

    assert find_command() == (sys.executable, "-m", "crm_core.cli")


def test_the_command_is_the_script_where_there_is_no_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "bin" / "crm"
    script.parent.mkdir()
    script.touch(mode=0o755)
    hide_core(monkeypatch, tmp_path)
    monkeypatch.setattr(sys, "executable", str(script.parent / "python"))

    assert find_command() == (str(script),)


def test_a_missing_command_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hide_core(monkeypatch, tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(CommandNotFound, match="install crm-core into the environment of the tests"):
        find_command()


def hide_core(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Leave one folder to find packages in, as in an environment without the real core."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "crm_core"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [str(folder)])
    monkeypatch.setattr(
        sys, "meta_path", [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
    )
