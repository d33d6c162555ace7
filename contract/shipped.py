"""Finds the data files that ship with the package: policies and regions, by name or by path.

What stands in them must not be known here.
"""

import re
from pathlib import Path
from typing import Any, TypeVar

from contract import strict_yaml
from contract.plain import read_plain
from contract.problems import Words

T = TypeVar("T")
_PACKAGED = Path(__file__).parent / "data"
FOLDER = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parent.parent / "config"
"""In a wheel they lie in this package, in a checkout in config/: a package of that name would collide with PyPI's."""
_READ: dict[tuple[str, str], Any] = {}
"""By kind and name: what ships does not change while a program runs."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")


class Unshipped(FileNotFoundError):
    """Told with the names of those that are shipped; it has no number of an error."""

    def __init__(self, kind: str, name: str) -> None:
        known = ", ".join(names(kind))
        zh = {"policy": "办法", "regions": "区划", "reading": "口径"}.get(kind, kind)
        self.words = Words(f"no {kind} named {name!r}; shipped: {known}", f"没有名为 {name!r} 的{zh}；自带：{known}")
        super().__init__(self.words.en)


def load(kind: str, name_or_path: str, type_: type[T]) -> T:
    """The shipped file config/{kind}/{name}.yaml, or the file at a path, read strictly.

    A path contains a slash or ends in .yaml. Raises ConfigError (all that is wrong) or FileNotFoundError (no such file;
    the message names those that are shipped).
    """
    source = Path(name_or_path)
    if "/" in name_or_path or name_or_path.endswith(".yaml"):
        return strict_yaml.load(read_plain(source), type_, source=str(source))
    found = FOLDER / kind / f"{name_or_path}.yaml"
    if not _NAME.fullmatch(name_or_path) or not found.is_file():
        raise Unshipped(kind, name_or_path)
    if (kind, name_or_path) not in _READ:
        _READ[kind, name_or_path] = strict_yaml.load(found.read_bytes(), type_, source=f"{kind}/{name_or_path}.yaml")
    shipped: T = _READ[kind, name_or_path]
    return shipped


def names(kind: str) -> list[str]:
    """Names of the shipped files of this kind, sorted."""
    return sorted(file.stem for file in (FOLDER / kind).glob("*.yaml"))
