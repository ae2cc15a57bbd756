"""The README's two commands: what bootstrap.py decides, without installing anything."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TORCHAUDIO = """
import pathlib
if list((pathlib.Path(__file__).parent / "lib").glob("*.so")):
    raise OSError("{missing}: cannot open shared object file: No such file or directory")
"""


@pytest.fixture
def bootstrap(tmp_path, monkeypatch):
    """bootstrap.py as if it lay in a folder of its own, with this Python as the environment's."""
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "bootstrap.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / ".venv").mkdir()
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "ENVIRONMENT", tmp_path / ".venv")
    monkeypatch.setattr(module, "STAMP", tmp_path / ".venv" / "kling-core.json")
    monkeypatch.setattr(module, "CONSTRAINTS", tmp_path / "constraints.txt")
    monkeypatch.setattr(module, "PYTHON", Path(sys.executable))
    return module


@pytest.fixture
def installs(bootstrap, monkeypatch):
    """The pip commands that set_up runs, which are only noted."""
    commands = []
    monkeypatch.setattr(bootstrap, "find_pip", lambda: ["pip"])
    monkeypatch.setattr(bootstrap, "warn_of_cuda_download", lambda: None)
    monkeypatch.setattr(bootstrap, "repair_torchaudio", lambda: None)
    run = subprocess.run

    def note(command, **options):
        if command[0] != "pip":
            return run(command, **options)
        commands.append([str(word) for word in command])

    monkeypatch.setattr(bootstrap.subprocess, "run", note)
    return commands


def test_the_second_start_installs_nothing(bootstrap, installs):
    bootstrap.set_up(("speech",))
    bootstrap.set_up(("speech",))
    assert len(installs) == 1


def test_every_install_is_pinned_and_editable(bootstrap, installs):
    bootstrap.set_up(("speech", "test"))
    (command,) = installs
    assert command[command.index("--constraint") + 1] == str(bootstrap.CONSTRAINTS)
    assert command[command.index("--editable") + 1] == f"{bootstrap.ROOT}[speech,test]"


def test_what_the_demo_installed_stays_when_the_tests_need_more(bootstrap, installs):
    bootstrap.set_up(("speech",))
    bootstrap.set_up(("test",))
    bootstrap.set_up(("speech",))
    assert [command[-1].rpartition("[")[2] for command in installs] == ["speech]", "speech,test]"]


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_changed_file_installs_again(bootstrap, installs, name):
    bootstrap.set_up(("speech",))
    with (bootstrap.ROOT / name).open("a") as file:
        file.write("# changed\n")
    bootstrap.set_up(("speech",))
    assert len(installs) == 2


OLD_STAMP = json.dumps({"fingerprint": "old", "extras": ["speech"]})


@pytest.mark.parametrize("stamp", ["", "{", "[]", "null", '{"extras": 3}', OLD_STAMP])
def test_a_stamp_that_cannot_be_read_or_is_old_installs_again(bootstrap, installs, stamp):
    bootstrap.STAMP.write_text(stamp)
    bootstrap.set_up(("speech",))
    assert len(installs) == 1 and bootstrap.installed_extras() == {"speech"}


def test_a_failed_install_is_not_taken_for_a_good_one(bootstrap, installs, monkeypatch):
    def fail():
        raise subprocess.CalledProcessError(1, ["pip"])

    bootstrap.set_up(("speech",))
    monkeypatch.setattr(bootstrap, "repair_torchaudio", fail)
    assert "ended with code 1" in bootstrap.main(["test"])
    assert bootstrap.installed_extras() == set()


def test_a_broken_environment_is_made_anew(bootstrap, installs, monkeypatch):
    bootstrap.set_up(("speech",))
    made = []
    monkeypatch.setattr(bootstrap, "PYTHON", bootstrap.ENVIRONMENT / "gone")
    monkeypatch.setattr(bootstrap, "create_environment", lambda: made.append(True))
    bootstrap.set_up(("speech",))
    assert made and len(installs) == 2


def test_options_after_the_command_are_passed_on(bootstrap, monkeypatch):
    started = []
    monkeypatch.setattr(bootstrap, "set_up", lambda extras: None)
    monkeypatch.setattr(bootstrap, "start", lambda command, options: started.append((command, options)) or 5)
    assert bootstrap.main(["demo", "--seed", "7"]) == 5
    assert started == [("demo", ["--seed", "7"])]


def test_an_unknown_command_shows_the_help(bootstrap, capsys):
    assert bootstrap.main(["dance"]) == 2
    assert "bootstrap.py demo" in capsys.readouterr().out


def test_an_older_python_is_told_so_in_one_line(bootstrap, monkeypatch):
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 9, 18))
    assert "needs Python 3.10" in bootstrap.main(["demo"])


def pretended_packages(folder, monkeypatch, missing):
    """A torch and a torchaudio that imports only once its libraries are gone."""
    for name, code in {"torch": "", "torchaudio": TORCHAUDIO.format(missing=missing)}.items():
        (folder / name / "lib").mkdir(parents=True)
        (folder / name / "__init__.py").write_text(code)
        (folder / name / "lib" / "native.so").touch()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder / "torchaudio" / "lib" / "native.so", folder / "torch" / "lib" / "native.so"


def test_torchaudio_loses_its_cuda_libraries_when_torch_has_none(bootstrap, tmp_path, monkeypatch):
    library, torchs_own = pretended_packages(tmp_path / "site", monkeypatch, "libc10_cuda.so")
    bootstrap.repair_torchaudio()
    assert not library.exists() and torchs_own.exists()


def test_torchaudio_that_fails_otherwise_is_left_alone(bootstrap, tmp_path, monkeypatch):
    library, _ = pretended_packages(tmp_path / "site", monkeypatch, "libsox.so")
    bootstrap.repair_torchaudio()
    assert library.exists()
