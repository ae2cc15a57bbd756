"""What a person gets who installs the project: metadata that agree with each other, pins that fit, data that comes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import kling_core

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
# In pieces, so that this file passes its own test.
REGISTRY_HOSTS = [f"{name}.org" for name in ("pypi", "pythonhosted", "npmjs", "debian", "download.pytorch")]
MACHINE_PATHS = re.compile(r"(?<![\w.*~-])/(?:work|tmp|root|opt)/\w")


def requirements(lines):
    return [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]


def lines_of(name):
    return (ROOT / name).read_text(encoding="utf-8").splitlines()


def tracked_files():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def test_the_version_is_a_semantic_one_and_said_once():
    assert re.fullmatch(r"\d+\.\d+\.\d+", kling_core.__version__)
    assert "version" not in PROJECT and PROJECT["dynamic"] == ["version"]
    assert PYPROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "kling_core.__version__"}
    for_the_registry = (ROOT / PYPROJECT["tool"]["comfy"]["version"]["path"]).read_text(encoding="utf-8")
    assert re.findall(r'^__version__ = "(.+)"$', for_the_registry, re.M) == [kling_core.__version__]


def test_the_name_follows_the_registrys_rules():
    assert re.fullmatch(r"[a-z](?:[a-z0-9]|[-_.](?=[a-z0-9])){1,98}", PROJECT["name"])
    assert "comfyui" not in PROJECT["name"]


def test_requirements_for_the_manager_are_those_of_the_package():
    assert set(requirements(lines_of("requirements.txt"))) == set(requirements(PROJECT["dependencies"]))


def test_the_package_states_ranges_never_pins():
    for requirement in requirements(PROJECT["dependencies"]):
        assert {clause.operator for clause in requirement.specifier} <= {">=", "<"}, requirement


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
def test_every_dependency_has_one_pin_inside_its_range(python):
    def holds(requirement):
        return requirement.marker is None or requirement.marker.evaluate({"python_version": python})

    pins = {}
    for pin in filter(holds, requirements(lines_of("constraints.txt"))):
        assert canonicalize_name(pin.name) not in pins, f"{pin.name} is pinned twice"
        (clause,) = pin.specifier
        assert clause.operator == "=="
        pins[canonicalize_name(pin.name)] = clause.version
    extras = [line for extra in PROJECT["optional-dependencies"].values() for line in extra]
    everything = filter(holds, requirements([*PROJECT["dependencies"], *extras]))
    for wanted in (requirement for requirement in everything if requirement.name != PROJECT["name"]):
        assert pins[canonicalize_name(wanted.name)] in wanted.specifier, wanted


def test_every_data_file_of_the_package_is_installed_with_it():
    package = ROOT / "kling_core"
    patterns = PYPROJECT["tool"]["setuptools"]["package-data"]["kling_core"]
    installed = {path for pattern in patterns for path in package.glob(pattern)}
    data = {path for path in tracked_files() if package in path.parents and path.suffix != ".py"}
    assert data <= installed


def test_every_folder_of_the_package_is_a_package():
    folders = {path.parent for path in tracked_files() if path.suffix == ".py" and ROOT / "kling_core" in path.parents}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_the_licence_comes_along():
    assert PROJECT["license"] == "Apache-2.0"
    for name in PROJECT["license-files"]:
        assert (ROOT / name).is_file()
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "independent" in (ROOT / "NOTICE").read_text(encoding="utf-8")


def test_no_tracked_file_names_a_registrys_host_or_a_path_of_one_machine():
    found = []
    for path in tracked_files():
        text = path.read_bytes().decode("utf-8", errors="replace")
        if "\0" in text:
            continue
        found += [f"{path.relative_to(ROOT)}: {host}" for host in REGISTRY_HOSTS if host in text]
        found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in MACHINE_PATHS.finditer(text)]
    assert found == []


def test_no_tracked_file_is_a_pickle():
    assert [path for path in tracked_files() if path.suffix in {".pt", ".pth", ".pkl", ".pickle", ".ckpt"}] == []
