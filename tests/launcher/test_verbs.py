"""What the launcher hands over to, and with which environment."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def handed_over(
    launcher: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[list[str], dict[str, str]]]:
    """What the launcher would have become."""
    calls: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setattr(launcher, "prepare", lambda requirements: None)
    monkeypatch.setattr(launcher, "hand_over", lambda command, env: calls.append((command, env)))
    monkeypatch.chdir(ROOT)
    return calls


Handed = list[tuple[list[str], dict[str, str]]]


def test_up_takes_the_data_folder_out_of_the_arguments(
    launcher: ModuleType, handed_over: Handed, tmp_path: Path
) -> None:
    assert launcher.main(["up", "--home", str(tmp_path), "--port", "9000"]) == 0
    command, env = handed_over[0]
    assert command[2:] == ["up", "--port", "9000"]
    assert env["MLOPS_HOME"] == str(tmp_path)


def test_a_relative_data_folder_is_relative_to_the_caller(launcher: ModuleType) -> None:
    rest, env = launcher.take_home(["--home=data"], {})
    assert rest == []
    assert env["MLOPS_HOME"] == str(Path.cwd() / "data")


def test_a_data_folder_without_a_name_is_refused(
    launcher: ModuleType, handed_over: Handed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert launcher.main(["up", "--home"]) == 1
    assert "--home needs a folder" in capsys.readouterr().err
    assert handed_over == []


def test_token_becomes_the_management_command(launcher: ModuleType, handed_over: Handed) -> None:
    launcher.main(["token", "--scopes", "read"])
    assert handed_over[0][0][1:] == [str(ROOT / "manage.py"), "create_token", "--scopes", "read"]


def test_manage_passes_everything_on(launcher: ModuleType, handed_over: Handed) -> None:
    launcher.main(["manage", "shell", "--home", "x"])
    assert handed_over[0][0][1:] == [str(ROOT / "manage.py"), "shell", "--home", "x"]


def test_tests_do_not_see_the_settings_of_the_caller(
    launcher: ModuleType, handed_over: Handed, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = {"DATABASE_URL", "REDIS_URL", "MLOPS_HOME", "PRODUCTION", "PYTHONDONTWRITEBYTECODE"}
    for name in outside:
        monkeypatch.setenv(name, "something")
    launcher.main(["test", "tests/jobs"])
    command, env = handed_over[0]
    assert command[1:3] == ["-m", "pytest"]
    assert command[-1] == "tests/jobs"
    assert not outside & set(env)
    assert env["MLOPS_ENV_FILE"] == os.devnull


def test_tests_see_the_services_of_the_caller_when_asked(
    launcher: ModuleType, handed_over: Handed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://somewhere")
    monkeypatch.setenv("SECRET_KEY", "mine")
    launcher.main(["test", "--services"])
    command, env = handed_over[0]
    assert "--services" not in command
    assert env["DATABASE_URL"] == "postgres://somewhere"
    assert "SECRET_KEY" not in env


def test_the_tests_that_kill_processes_are_run_when_asked(
    launcher: ModuleType, handed_over: Handed
) -> None:
    launcher.main(["test", "--services", "--faults", "-q"])
    command, _ = handed_over[0]
    assert command[-2:] == ["--faults", "-q"]
    assert "--faults" in launcher.HELP
    launcher.main(["test", "--with-faults"])
    alone, together = (command[command.index("-n") + 1] for command, _ in handed_over)
    assert int(together) == int(alone) + 2
    assert handed_over[1][0][-3:] == ["--with-faults", "--dist", "loadgroup"]


def test_an_unknown_verb_is_refused_with_the_help(
    launcher: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert launcher.main(["fly"]) == 2
    assert "there is no verb 'fly'" in capsys.readouterr().err


def test_help_is_shown_without_preparing_anything(
    launcher: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert launcher.main([]) == 0
    assert "usage: ./mlops" in capsys.readouterr().out


def test_the_example_names_exactly_the_settings_that_are_read(launcher: ModuleType) -> None:
    modules = sorted((ROOT / "mlops_site" / "settings").glob("*.py"))
    source = "\n".join(module.read_text() for module in modules)
    read = set(re.findall(r'env\.[a-z_]+\(\s*"([A-Z0-9_]+)"', source))
    assert set(launcher.known_settings()) == read
