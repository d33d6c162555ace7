"""YAML read strictly: text -> a tree of nodes with lines -> a msgspec Struct, or *all* that is wrong with it.

The one file that imports yaml, and only its parser: nothing is composed, resolved or constructed by the library, so
no tag, alias, merge key or YAML 1.1 surprise (`no`, `0123`, `12:34`) exists. What a file means must not be known here.
"""

import re
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, NoReturn, TypeVar

import yaml

from contract.leaves import Duration, form, leaf
from contract.nodes import Listing, Mapping, Node, Scalar
from contract.problems import ConfigError, Problem, Unfit, Words, both
from contract.shape import Found, shape

__all__ = ["ConfigError", "Duration", "Found", "Place", "Problem", "Unfit", "Words", "find", "form", "leaf", "load"]
__all__ += ["places"]

T = TypeVar("T")

MAX_BYTES = 64 * 1024
MAX_DEPTH = 20

_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same grammar; libyaml's is 10 times faster


def load(text: str | bytes, type_: type[T], *, source: str, max_bytes: int = MAX_BYTES) -> T:
    """The document as a `type_`. `source` names the file in messages. Raises ConfigError with all problems."""
    found = find(text, type_, source=source, max_bytes=max_bytes)
    return found.result()


def find(text: str | bytes, type_: type[T], *, source: str, max_bytes: int = MAX_BYTES) -> Found[T]:
    """Like `load`, but keeps what was found, so that the caller can check more before `.result()` raises.

    Raises ConfigError only where the text is no YAML at all.
    """
    problems: list[Problem] = []
    root = _Builder(source, problems).build(_checked(text, source, max_bytes))
    return shape(root, type_, source=source, problems=problems)


# ---- bytes to text ------------------------------------------------------------------------------

_UNWANTED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""Control characters, line and paragraph separators, byte order marks: never meant, never visible."""


def _checked(text: str | bytes, source: str, max_bytes: int) -> str:
    """Text that every parser counts the same lines in. Raises ConfigError."""
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(raw) > max_bytes:
        _refuse(source, 0, "too_large", limit=max_bytes)
    try:
        decoded = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _refuse(source, raw.count(b"\n", 0, error.start) + 1, "not_utf8")
    if unwanted := _UNWANTED.search(decoded):
        line = decoded.count("\n", 0, unwanted.start()) + 1
        _refuse(source, line, "control", point=f"{ord(unwanted[0]):04X}")
    return decoded.replace("\r\n", "\n").replace("\r", "\n")


def _refuse(source: str, line: int, code: str, **params: Any) -> NoReturn:
    raise ConfigError([Problem(source=source, line=line, code=code, params=params)])


# ---- text to nodes ------------------------------------------------------------------------------


class _Builder:
    """Builds the tree from the parser's events with a stack of its own: depth is bounded, recursion impossible."""

    def __init__(self, source: str, problems: list[Problem]) -> None:
        self._source = source
        self._problems = problems

    def build(self, text: str) -> Node:
        root: list[Node] = []
        open_: list[Listing | Mapping] = []
        for event in self._events(text):
            if isinstance(event, yaml.CollectionEndEvent):
                open_.pop()
            elif isinstance(event, yaml.NodeEvent):
                node = self._node(event)
                open_[-1].add(node) if open_ else root.append(node)
                if not isinstance(node, Scalar):
                    open_.append(node)
                    if len(open_) > MAX_DEPTH:
                        self._stop(node.line, "deep", limit=MAX_DEPTH)
            elif isinstance(event, yaml.DocumentStartEvent):
                self._check_document(event, first=not root)
        if not root:
            self._stop(0, "empty")
        return root[0]

    def _events(self, text: str) -> Iterator[yaml.Event]:
        parser = _Parser(text)
        try:
            while parser.check_event():
                yield parser.get_event()
        except yaml.MarkedYAMLError as error:
            self._stop_at_syntax(error, text)
        except (yaml.YAMLError, ValueError) as error:  # libyaml gives up with a bare one now and then
            self._stop(0, "syntax", why=both(type(error).__name__))
        finally:
            parser.dispose()

    def _node(self, event: yaml.NodeEvent) -> Node:
        line = _line(event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            return Scalar(line, "", plain=True, faults=("alias",))
        tag = getattr(event, "tag", None)
        faults = [code for code, there in (("anchor", event.anchor), ("tag", tag)) if there is not None]
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(line, event.value, plain=event.implicit[0], faults=faults)
        kind = Mapping if isinstance(event, yaml.MappingStartEvent) else Listing
        return kind(line, faults=faults)

    def _check_document(self, event: yaml.DocumentStartEvent, *, first: bool) -> None:
        line = _line(event.start_mark)
        if event.version or event.tags:
            self._report(line, "directive")
        if not first:
            self._stop(line, "documents")

    def _stop_at_syntax(self, error: yaml.MarkedYAMLError, text: str) -> NoReturn:
        mark = error.problem_mark or error.context_mark
        line = _line(mark)
        lines = text.split("\n")
        for number in (line, line - 1):  # the parser may notice only on the next line
            if 0 < number <= len(lines) and "\t" in lines[number - 1][: _indent(lines[number - 1])]:
                self._stop(number, "tab")
        said = f"{error.problem or ''} {error.context or ''}"
        if "nesting depth" in said:  # libyaml from 0.2.6 on has a bound of its own and reads ahead of the events
            self._stop(line, "deep", limit=MAX_DEPTH)
        if error.context_mark and any(words in said for words in _UNCLOSED):
            self._stop(_line(error.context_mark), "unclosed")
        self._stop(line, "syntax", why=next((ours for theirs, ours in _WHY.items() if theirs in said), _INDENTATION))

    def _report(self, line: int, code: str, **params: Any) -> None:
        self._problems.append(Problem(source=self._source, line=line, code=code, params=params))

    def _stop(self, line: int, code: str, **params: Any) -> NoReturn:
        self._report(line, code, **params)
        raise ConfigError(self._problems)


def _line(mark: Any) -> int:
    """The line of a mark, counted from 1; 0 where the parser gives none."""
    return mark.line + 1 if mark else 0


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


_UNCLOSED = ("flow", "end of stream")
_INDENTATION = Words(
    "check the indentation, the space after each '-' and ':', and the quotes",
    "请检查缩进、“-”和“:”后的空格以及引号",
)
_QUOTES = Words(
    "a text with ': ' or a special character at its start needs quotes", "含“: ”或以特殊字符开头的文本请加引号"
)
_WHY = {
    "mapping values are not allowed": _QUOTES,
    "cannot start any token": _QUOTES,
    "document start": _QUOTES,
    "directive": _QUOTES,
    "escape": Words("unknown \\ escape; use single quotes", "未知的 \\ 转义；请改用单引号"),
    "expected ':'": Words("a key without ':' after it", "键后缺少“:”"),
    "block": _INDENTATION,
    "indentation": _INDENTATION,
}
"""Part of the parser's sentence -> ours. Its own is not repeated: it may quote a character of a password."""


# ---- where values stand -------------------------------------------------------------------------


class Place(NamedTuple):
    """Where a value stands: characters `begin` to `end`. `key`: where its key begins, -1 in a list.

    `flow`: written between brackets.
    """

    begin: int
    end: int
    key: int
    kind: Literal["scalar", "list", "mapping"]
    flow: bool


def _at(mark: Any) -> int:
    """The character of a mark; -1 where the parser gives none."""
    return int(mark.index) if mark else -1


class _Open:
    """A collection whose end has not come yet."""

    def __init__(self, path: str, key: int, event: yaml.CollectionStartEvent) -> None:
        self.path, self.key, self.begin, self.end = path, key, _at(event.start_mark), _at(event.start_mark)
        self.is_list, self.flow = isinstance(event, yaml.SequenceStartEvent), bool(event.flow_style)
        self.count, self.name, self.name_at = 0, "", -1

    def takes_key(self, event: yaml.Event) -> bool:
        """Whether the event is the key of the next value."""
        if self.is_list or self.name_at >= 0 or not isinstance(event, yaml.ScalarEvent):
            return False
        self.name, self.name_at = event.value, _at(event.start_mark)
        return True

    def next(self) -> tuple[str, int]:
        """Path and key of the value that comes now."""
        if self.is_list:
            self.count += 1
            return f"{self.path}[{self.count - 1}]", -1
        at, self.name_at = self.name_at, -1
        return (f"{self.path}.{self.name}" if self.path else self.name), at


def places(text: str) -> dict[str, Place]:
    """Where each value of a document stands, by its key as problems name it; "" = the whole.

    The document is one that `load` accepts, so that keys are texts and nothing is an alias.
    """
    found: dict[str, Place] = {}
    open_: list[_Open] = []
    parser = _Parser(text)
    try:
        while parser.check_event():
            event = parser.get_event()
            if isinstance(event, yaml.CollectionEndEvent):
                ended = open_.pop()
                end = _at(event.end_mark) if ended.flow else ended.end
                found[ended.path] = Place(
                    ended.begin, end, ended.key, "list" if ended.is_list else "mapping", ended.flow
                )
            elif isinstance(event, yaml.NodeEvent) and not (open_ and open_[-1].takes_key(event)):
                path, key = open_[-1].next() if open_ else ("", -1)
                if isinstance(event, yaml.CollectionStartEvent):
                    open_.append(_Open(path, key, event))
                    continue
                begin = _at(event.start_mark)
                end = max(begin, len(text[: _at(event.end_mark)].rstrip()))  # a block's ends with what follows it
                found[path] = Place(begin, end, key, "scalar", flow=False)
            else:
                continue
            if open_:
                open_[-1].end = max(open_[-1].end, end)
    finally:
        parser.dispose()
    return found
