"""Virtual environments of the peers, made once and kept in the user's cache: two of them call their package `onvif`."""

import os
import subprocess
import sys
import venv
from pathlib import Path


def python_with(requirement: str) -> Path:
    """The interpreter of an environment that holds this one requirement. Raises RuntimeError when it cannot be made."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "canteen-agent-bench"
    version = f"py{sys.version_info.major}{sys.version_info.minor}"
    folder = cache / f"{requirement.replace('==', '-').replace('*', 'x')}-{version}"
    python, ready = folder / "bin" / "python", folder / ".ready"
    if not ready.exists():
        print(f"Installing {requirement} into {folder} ...", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "-q", requirement]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"pip could not install the peer {requirement}: {done.stderr[-500:]}")
        ready.touch()
    return python
