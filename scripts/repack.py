"""Source archive of onvif-zeep -> a wheel for every Python 3, without running any of its code.

The archive is pure Python and data: what setup.py would do is to copy `onvif/` and `wsdl/` into site-packages.
"""

import base64
import hashlib
import sys
import tarfile
import zipfile
from pathlib import Path

_WHEEL = "Wheel-Version: 1.0\nGenerator: canteen-agent\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_ENTRIES = "[console_scripts]\nonvif-cli = onvif.cli:main\n"
_WHEN = (1980, 1, 1, 0, 0, 0)


def repack(archive: Path, folder: Path) -> Path:
    """The wheel made of the archive, written into `folder`; the same bytes for the same archive."""
    with tarfile.open(archive) as tar:
        top = tar.getnames()[0].split("/")[0]
        read = {
            member.name.removeprefix(f"{top}/"): file.read()
            for member in tar.getmembers()
            if (file := tar.extractfile(member)) is not None
        }
    info = f"{top}.dist-info"
    files = {name: content for name, content in read.items() if name.split("/")[0] in ("onvif", "wsdl")}
    files[f"{info}/licenses/LICENSE"] = read["LICENSE"]
    files[f"{info}/METADATA"] = _metadata(read["PKG-INFO"])
    files[f"{info}/WHEEL"] = _WHEEL.encode()
    files[f"{info}/entry_points.txt"] = _ENTRIES.encode()
    made = folder / f"{top}-py3-none-any.whl"
    folder.mkdir(parents=True, exist_ok=True)
    _write(made, files, record=f"{info}/RECORD")
    return made


def _metadata(source: bytes) -> bytes:
    """What the archive says of itself, with what setup.py adds: the one dependency."""
    head, _, description = source.decode().partition("\n\n")
    return f"{head.rstrip()}\nRequires-Dist: zeep (>=3.0.0)\n\n{description}".encode()


def _write(made: Path, files: dict[str, bytes], *, record: str) -> None:
    lines = [f"{name},sha256={_digest(content)},{len(content)}" for name, content in sorted(files.items())]
    whole = {**files, record: "\n".join([*lines, f"{record},,", ""]).encode()}
    with zipfile.ZipFile(made, "w") as wheel:
        for name in (*sorted(files), record):
            entry = zipfile.ZipInfo(name, _WHEN)
            entry.external_attr = 0o644 << 16
            wheel.writestr(entry, whole[name], zipfile.ZIP_DEFLATED, 9)


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


if __name__ == "__main__":
    print(repack(Path(sys.argv[1]), Path(sys.argv[2])))
