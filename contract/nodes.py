"""A document as a tree of nodes that know their line, and what a scalar means by itself (YAML 1.2 core schema).

How text became nodes and what the document is for must not be known here.
"""

import math
import re
from collections.abc import Sequence

from contract.problems import Words
from contract.text import excerpt


class Scalar:
    """One value as written; `plain` = without quotes."""

    __slots__ = ("faults", "line", "plain", "text")

    def __init__(self, line: int, text: str, *, plain: bool, faults: Sequence[str] = ()) -> None:
        self.line, self.text, self.plain, self.faults = line, text, plain, faults


class Listing:
    """A sequence."""

    __slots__ = ("faults", "items", "line")

    def __init__(self, line: int, *, faults: Sequence[str] = ()) -> None:
        self.line, self.faults = line, faults
        self.items: list[Node] = []

    def add(self, node: "Node") -> None:
        self.items.append(node)


class Mapping:
    """Keys and values in the order written, doubles included."""

    __slots__ = ("faults", "keys", "line", "values")

    def __init__(self, line: int, *, faults: Sequence[str] = ()) -> None:
        self.line, self.faults = line, faults
        self.keys: list[Node] = []
        self.values: list[Node] = []

    def add(self, node: "Node") -> None:
        """The next key, or the value of the last one."""
        (self.keys if len(self.keys) == len(self.values) else self.values).append(node)


Node = Scalar | Listing | Mapping
"""`line` counts from 1. `faults`: kinds of problem with how it is written (anchor, alias, tag), to be reported."""

_INT = re.compile(r"[-+]?[0-9]{1,18}|0o[0-7]{1,20}|0x[0-9a-fA-F]{1,15}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]{1,40}|[0-9]{1,40}(\.[0-9]{0,40})?)([eE][-+]?[0-9]{1,4})?")
_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


def resolve(scalar: Scalar) -> str | int | float | bool | None:
    """What a scalar means by itself (YAML 1.2.2, 10.3.2). Infinity, NaN and overlong numbers are texts."""
    text = scalar.text
    if not scalar.plain:
        return text
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.fullmatch(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text


def describe(node: Node, *, value_too: bool = True) -> Words:
    """What stands there, for a message: its kind, and the value where it cannot be a secret (`value_too`)."""
    if isinstance(node, Mapping):
        return Words("a mapping", "键值表")
    if isinstance(node, Listing):
        return Words("a list", "列表")
    value = resolve(node)
    if value is None:
        return Words("nothing", "空值")
    kind = _KINDS[type(value)]
    if not value_too:
        return kind
    quoted = f"'{excerpt(node.text)}'" if isinstance(value, str) else excerpt(node.text)
    return Words(f"{kind.en} {quoted}", f"{kind.zh} {quoted}")


_KINDS = {
    str: Words("text", "文本"),
    int: Words("integer", "整数"),
    float: Words("number", "小数"),
    bool: Words("true/false", "布尔值"),
}
"""Python type of a resolved scalar -> its name for a person."""
