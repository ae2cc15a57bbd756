"""Set up Kling Core in a virtual environment of its own, `.venv` beside this file, and run it.

    python bootstrap.py demo [options of `kling demo`]    render the demo scene
    python bootstrap.py test [options of pytest]          run the tests

Needs Python 3.10 or newer with pip, and nothing else. The first run installs the versions that constraints.txt names;
later runs start at once. pip's own settings (PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS …) hold as ever.
"""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = ENVIRONMENT / "kling-core.json"
CONSTRAINTS = ROOT / "constraints.txt"
EXTRAS = {"demo": ("speech",), "test": ("speech", "test")}


def main(arguments):
    if sys.version_info < (3, 10):  # noqa: UP036 (this file, unlike the package, meets any Python)
        return "Kling Core needs Python 3.10 or newer; this is " + platform.python_version()
    if not arguments or arguments[0] not in EXTRAS:
        print(__doc__)
        return 0 if arguments in (["-h"], ["--help"]) else 2
    command, *options = arguments
    try:
        set_up(EXTRAS[command])
        return start(command, options)
    except subprocess.CalledProcessError as error:
        return f"Set-up stopped: {' '.join(map(str, error.cmd))} ended with code {error.returncode}; see above."
    except KeyboardInterrupt:
        return 130


def start(command, options):
    if command == "test":
        return subprocess.run([PYTHON, "-m", "pytest", *options], cwd=ROOT).returncode
    return subprocess.run([PYTHON, "-m", "kling_core", command, *options]).returncode


def set_up(extras):
    """Create `.venv` and install the package with `extras` in it, unless that is done for the files as they are."""
    installed = installed_extras()
    if installed.issuperset(extras):
        return
    wanted = sorted(installed.union(extras))
    if not works(PYTHON, "-c", ""):
        say(f"creating {ENVIRONMENT} with Python {platform.python_version()}")
        create_environment()
    pip = [*find_pip(), "install", "--disable-pip-version-check", "--constraint", CONSTRAINTS]
    STAMP.unlink(missing_ok=True)
    say(f"installing kling-core with {', '.join(wanted)} and what they need, as pinned in {CONSTRAINTS.name}")
    warn_of_cuda_download()
    subprocess.run([*pip, "--editable", f"{ROOT}[{','.join(wanted)}]"], check=True)
    repair_torchaudio()
    partial = STAMP.with_suffix(".partial")
    partial.write_text(json.dumps({"fingerprint": fingerprint(), "extras": wanted}), encoding="utf-8")
    os.replace(partial, STAMP)
    say(f"done; `kling` and the rest are in {PYTHON.parent}")


def installed_extras():
    """The extras that an earlier run installed; none if a file that decides what is installed has changed since."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
        return set(stamp["extras"]) if stamp["fingerprint"] == fingerprint() and works(PYTHON, "-c", "") else set()
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def fingerprint():
    # The folder belongs to it, because an editable install remembers where the sources lay.
    parts = [(ROOT / "pyproject.toml").read_bytes(), CONSTRAINTS.read_bytes(), os.fsencode(ROOT)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def create_environment():
    options = {"clear": True, "symlinks": os.name != "nt"}
    try:
        venv.EnvBuilder(with_pip=True, **options).create(ENVIRONMENT)
    except subprocess.CalledProcessError:
        # Debian's Python comes without ensurepip; find_pip then lets the pip outside install into the environment.
        venv.EnvBuilder(with_pip=False, **options).create(ENVIRONMENT)


def find_pip():
    """The command that runs a pip which installs into the environment."""
    for command in ([PYTHON, "-m", "pip"], [sys.executable, "-m", "pip", "--python", PYTHON]):
        if works(*command, "--version"):
            return command
    sys.exit(f"{sys.executable} has no pip (22.3 or newer): install it (Debian: apt install python3-venv), try again.")


def warn_of_cuda_download():
    """Say before, not after, that a Linux machine without a GPU is about to download CUDA."""
    if works(PYTHON, "-c", "import torch") or shutil.which("nvidia-smi"):
        return
    if (platform.system(), platform.machine()) == ("Linux", "x86_64"):
        say(
            "no NVIDIA GPU found. Unless pip knows a CPU build of torch, it now downloads the CUDA build (several GB). "
            "To avoid that, stop here, set PIP_EXTRA_INDEX_URL to PyTorch's index of CPU wheels, and start again."
        )


def repair_torchaudio():
    """Make torchaudio importable beside a torch without CUDA.

    On Linux its only wheel carries libraries that link CUDA's. The functions that we use do not need them, and without
    them torchaudio imports as a pure Python package.
    """
    attempt = subprocess.run([PYTHON, "-c", "import torch, torchaudio"], capture_output=True, text=True)
    if attempt.returncode == 0 or "libc10_cuda" not in attempt.stderr:
        return
    find = "import importlib.util as u; print(u.find_spec('torchaudio').submodule_search_locations[0])"
    folder = Path(subprocess.run([PYTHON, "-c", find], capture_output=True, text=True, check=True).stdout.strip())
    say("removing the CUDA libraries of torchaudio, which a torch without CUDA cannot load")
    for library in (folder / "lib").glob("*.so"):
        library.unlink()
    subprocess.run([PYTHON, "-c", "import torch, torchaudio"], check=True)


def works(*command):
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


def say(text):
    print(f"bootstrap: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
