"""A YAML file changed as a person would change it: a value here, a line there, and all else stays as it was written.

Values are what JSON has. What the file means must not be known here.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from contract.nodes import Scalar, resolve
from contract.strict_yaml import Place, places

_PLAIN = re.compile(r"[A-Za-z0-9_/\u4e00-\u9fff](?:[A-Za-z0-9_./:\u4e00-\u9fff -]*[A-Za-z0-9_./\u4e00-\u9fff-])?")


class Text:
    """The file's text under change. Keys are written as problems name them: `cameras[3].address`, "" = the whole."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._places = places(text)

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def put(self, parent: str, name: str, value: Any) -> None:
        """Set the key `name` of the mapping `parent`; what is there already makes room, comments beside it stay."""
        key = f"{parent}.{name}" if parent else name
        there = self._places.get(key)
        if there:
            if not self._says(there, value):
                self._replace(there, value)
            return
        mapping = self._places.get(parent)
        if mapping is None:
            above, _, last = parent.rpartition(".")
            self.put(above, last, {name: value})
        elif mapping.kind == "scalar":  # nothing stands there
            self._replace(mapping, {name: value})
        elif mapping.flow:
            self._into(mapping, f"{written(name)}: {written(value)}")
        else:
            self._below(mapping, _lines({name: value}), self._column(mapping.begin))

    def append(self, key: str, item: Mapping[str, Any]) -> None:
        """Add a mapping to the end of a list of the whole."""
        there = self._places.get(key)
        if there is None:
            self._below(self._places[""], [f"{key}:", *_item(item, 2)], 0)
        elif there.kind == "list" and not there.flow:
            self._below(there, _item(item, 0), self._column(there.begin))
        elif f"{key}[0]" in self._places:
            self._into(there, written(item))
        else:  # empty
            gap = self.text[: there.begin].rstrip(" ")
            self._splice(len(gap), there.end, "\n" + "\n".join(_item(item, 2)))

    def remove(self, key: str) -> None:
        """Take away a key or an item, with the comment on its line; where there is none nothing is done."""
        there = self._places.get(key)
        if not there:
            return
        begin = there.begin if there.key < 0 else there.key
        above = self._places[_above(key)]
        if above.flow:
            after = re.compile(r"\s*,[ ]*").match(self.text, there.end)
            before = self.text[:begin].rstrip()
            if after:
                self._splice(begin, after.end(), "")
            else:
                self._splice(len(before) - before.endswith(",") if before.endswith(",") else begin, there.end, "")
            return
        end = self._line_end(there.end)
        first = self.text.rfind("\n", 0, begin) + 1
        if there.key >= 0 and self.text[first:begin].strip():  # the first key of an item: the next one takes its place
            rest = self.text[end + 1 :]
            self._splice(begin, end + 1 + len(rest) - len(rest.lstrip(" ")), "")
        else:
            self._splice(first, end + 1, "")

    # ---- the text -------------------------------------------------------------------------------

    def _splice(self, begin: int, end: int, new: str) -> None:
        self.text = self.text[:begin] + new + self.text[end:]
        self._places = places(self.text)

    def _says(self, there: Place, value: Any) -> bool:
        """Whether just that stands there already, in quotes or without."""
        raw = self.text[there.begin : there.end]
        return raw == written(value) or (there.kind == "scalar" and raw.strip("'\"") == str(value) != "")

    def _replace(self, there: Place, value: Any) -> None:
        new = written(value)
        if there.kind != "scalar" and not there.flow and self._column(there.begin) <= self._column(max(there.key, 0)):
            new = f"  {new}"  # a list may stand as far left as its key, what is between brackets not
        elif there.begin and self.text[there.begin - 1] == ":":
            new = f" {new}"
        end = there.end
        if gap := re.compile(r" +(?=#)").match(self.text, end):  # a comment stays in its column
            new += " " * max(2, len(gap[0]) - len(new) + end - there.begin)
            end = gap.end()
        self._splice(there.begin, end, new)

    def _into(self, there: Place, new: str) -> None:
        """Before the closing bracket."""
        inside = [one.end for one in self._places.values() if there.begin < one.begin and one.end < there.end]
        end = max(inside, default=there.begin + 1)  # what follows may be a comment
        self._splice(end, end, f", {new}" if inside else new)

    def _below(self, there: Place, lines: Sequence[str], column: int) -> None:
        end = self._line_end(there.end)
        while comment := re.compile(rf"\n {{{column + 1},}}#.*").match(self.text, end):  # on what stands above it
            end = comment.end()
        self._splice(end, end, "".join(f"\n{' ' * column}{line}" for line in lines))

    def _line_end(self, at: int) -> int:
        end = self.text.find("\n", at)
        return len(self.text) if end < 0 else end

    def _column(self, at: int) -> int:
        return at - (self.text.rfind("\n", 0, at) + 1)


def _above(key: str) -> str:
    """The key of the mapping or list that holds it."""
    return key[: max(key.rfind("."), key.rfind("["), 0)]


def written(value: Any) -> str:
    """A value on one line."""
    match value:
        case Mapping():
            return "{" + ", ".join(f"{written(key)}: {written(one)}" for key, one in value.items()) + "}"
        case str():
            means = resolve(Scalar(0, value, plain=True))
            plain = isinstance(means, str) and _PLAIN.fullmatch(value) and ": " not in value
            return value if plain else json.dumps(value, ensure_ascii=False)
        case Sequence():
            return "[" + ", ".join(written(one) for one in value) + "]"
        case _:
            return json.dumps(value)


def _lines(mapping: Mapping[str, Any]) -> list[str]:
    """A mapping with one key on each line."""
    return [f"{written(key)}: {written(value)}" for key, value in mapping.items()]


def _item(mapping: Mapping[str, Any], column: int) -> list[str]:
    """A mapping as an item of a list."""
    return [f"{' ' * column}{'  ' if number else '- '}{line}" for number, line in enumerate(_lines(mapping))]
