"""The launcher's decisions before anything is installed."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _make_venv(launcher: ModuleType, version: str = "3.11.7") -> None:
    python = Path(launcher.PYTHON)
    python.parent.mkdir(parents=True)
    python.touch()
    (Path(launcher.VENV) / "pyvenv.cfg").write_text(f"home = /usr/bin\nversion = {version}\n")


def test_nothing_is_prepared_without_a_virtual_environment(launcher: ModuleType) -> None:
    assert launcher.venv_version() == ""
    assert not launcher.is_prepared(launcher.RUNTIME)


def test_a_virtual_environment_whose_interpreter_is_gone_does_not_count(
    launcher: ModuleType,
) -> None:
    _make_venv(launcher)
    Path(launcher.PYTHON).unlink()
    Path(launcher.PYTHON).symlink_to("/nowhere/python3")
    assert launcher.venv_version() == ""


def test_a_stamp_says_that_the_requirements_are_installed(launcher: ModuleType) -> None:
    _make_venv(launcher)
    assert not launcher.is_prepared(launcher.RUNTIME)
    Path(launcher.stamp_path(launcher.RUNTIME)).write_text(launcher.wanted_stamp(launcher.RUNTIME))
    assert launcher.is_prepared(launcher.RUNTIME)
    assert not launcher.is_prepared(launcher.DEVELOPMENT)


def test_other_requirements_or_another_python_make_the_stamp_stale(
    launcher: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _make_venv(launcher)
    monkeypatch.setattr(launcher, "ROOT", str(tmp_path))
    requirements = tmp_path / launcher.RUNTIME
    requirements.write_text("django==5.2.1 --hash=sha256:00\n")
    before = launcher.wanted_stamp(launcher.RUNTIME)
    requirements.write_text("django==5.2.2 --hash=sha256:11\n")
    after = launcher.wanted_stamp(launcher.RUNTIME)
    (Path(launcher.VENV) / "pyvenv.cfg").write_text("version_info = 3.12.1\n")
    assert len({before, after, launcher.wanted_stamp(launcher.RUNTIME)}) == 3


def test_preparation_installs_once(launcher: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    _make_venv(launcher)
    installed: list[str] = []
    monkeypatch.setattr(launcher, "install", installed.append)
    launcher.prepare(launcher.RUNTIME)
    launcher.prepare(launcher.RUNTIME)
    assert installed == [launcher.RUNTIME]


def test_an_interrupted_installation_is_done_again(
    launcher: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    _make_venv(launcher)

    def interrupt(requirements: str) -> None:
        raise launcher.Refused("no network")

    monkeypatch.setattr(launcher, "install", interrupt)
    with pytest.raises(launcher.Refused, match="no network"):
        launcher.prepare(launcher.RUNTIME)
    assert not launcher.is_prepared(launcher.RUNTIME)


def test_an_old_python_is_told_what_is_needed(
    launcher: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(launcher.sys, "version_info", (3, 8, 10))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(launcher.Refused, match=r"Python >= 3\.11 needed, found \d"):
        launcher.find_python()


def test_a_name_on_the_path_with_no_python_behind_it_is_passed_over(
    launcher: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, body in (("python3.12", "exit 127"), ("python3.11", "echo 3.11")):
        script = tmp_path / name
        script.write_text(f"#!/bin/sh\n{body}\n")
        script.chmod(0o755)
    monkeypatch.setattr(launcher.sys, "version_info", (3, 8, 10))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert launcher.find_python() == str(tmp_path / "python3.11")


def test_the_hashed_requirements_name_no_unhashed_package() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text()
        pinned = re.findall(r"^[a-z0-9].*==[^ ]+.*\\$", text, re.MULTILINE)
        named = re.findall(r"^[a-z0-9].*$", text, re.MULTILINE)
        assert named
        assert len(pinned) == len(named), f"{name} pins something without a hash"
