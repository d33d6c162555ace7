"""A next version with a bug, for scripts/field-test: it starts, reaches the broker, and sees no camera any more."""

import subprocess
from pathlib import Path

from contract import __version__

NEXT = f"{__version__}.post1"
_BUG = ("agent/ask/rtsp/client.py", '"DESCRIBE"', '"DESCRIBED"')
_VERSION = ("contract/__init__.py", f'"{__version__}"', f'"{NEXT}"')


def spoil(folder: Path) -> None:
    """Of the program in this folder. Raises RuntimeError where it has no such line any more."""
    for name, right, wrong in (_BUG, _VERSION):
        file = folder / name
        text = file.read_text(encoding="utf-8")
        if right not in text:
            raise RuntimeError(f"{name} has no {right}: scripts/broken.py has to be mended")
        file.write_text(text.replace(right, wrong), encoding="utf-8")


def package(deb: Path, folder: Path) -> Path:
    """The Debian package as that next version, in `folder`. Raises CalledProcessError, RuntimeError."""
    tree, made = folder / "tree", folder / "broken.deb"
    subprocess.run(["dpkg-deb", "-R", str(deb), str(tree)], check=True)
    (old,) = (tree / "usr/lib/canteen-agent").glob("venv-*")
    new = old.rename(old.with_name("venv-broken"))
    for file in (*(new / "bin").iterdir(), tree / "DEBIAN/postinst"):
        if not file.is_symlink() and old.name.encode() in (content := file.read_bytes()):
            file.write_bytes(content.replace(old.name.encode(), new.name.encode()))
    (site,) = new.glob("lib/python*/site-packages")
    spoil(site)
    (site / f"canteen_agent-{__version__}.dist-info").rename(site / f"canteen_agent-{NEXT}.dist-info")
    control = tree / "DEBIAN/control"
    control.write_text(control.read_text().replace(f"Version: {__version__}\n", f"Version: {NEXT}\n"))
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(made)], check=True)
    return made
