"""A tree of nodes made into a msgspec type: one walk that lists everything that does not fit, with its place.

The type says it all (fields, defaults, Meta constraints, choices). Files and YAML's grammar must not be known here.
"""

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any, Generic, NoReturn, TypeVar

import msgspec.inspect as mi
from msgspec import NODEFAULT

from contract.expectation import SCALARS, choices_of, did_you_mean, expectation, hint, scalar_as, unwrap
from contract.nodes import Listing, Mapping, Node, Scalar, describe, resolve
from contract.problems import ConfigError, Problem, Unfit, Words, both
from contract.text import excerpt

T = TypeVar("T")


class Found(Generic[T]):
    """What a document holds: its value if all fits, the parts that do, and what is wrong so far."""

    def __init__(self, source: str, problems: list[Problem]) -> None:
        self._source = source
        self.problems = problems
        self._lines: dict[str, int] = {"": 1}
        self._parts: list[tuple[type, str, dict[str, Any]]] = []
        self._scalars: dict[str, Any] = {}
        self._value: Any = None

    def parts(self, type_: type) -> Iterator[tuple[str, dict[str, Any]]]:
        """Key and fields of each `type_` in the document, defaults filled in; a field that did not fit is absent."""
        return ((key, fields) for part, key, fields in self._parts if part is type_)

    def entries(self, key: str) -> Iterator[tuple[str, Any]]:
        """Key and value of those scalars in the list at `key` that fit."""
        return ((k, value) for k, value in self._scalars.items() if k.rpartition("[")[0] == key)

    def written(self, key: str) -> bool:
        """Whether the document has this key, fit or not."""
        return key in self._lines

    def line(self, key: str) -> int:
        """The line of a key, or of the nearest one above it that is written."""
        while key not in self._lines:
            key = key[: max(key.rfind("."), key.rfind("["), 0)]
        return self._lines[key]

    def report(self, key: str, code: str, /, *, at_line: int | None = None, **params: Any) -> None:
        """Add a problem at `key`, on its line unless another is given."""
        line = at_line or self.line(key)
        self.problems.append(Problem(source=self._source, line=line, key=key, code=code, params=params))

    def result(self) -> T:
        """The value. Raises ConfigError with all problems."""
        if self.problems:
            raise ConfigError(self.problems)
        value: T = self._value
        return value


def shape(root: Node, type_: type[T], *, source: str, problems: list[Problem]) -> Found[T]:
    """Walk `root` along `type_`, adding to `problems` what does not fit. Raises TypeError for an unsupported type."""
    walk = _Walk(source, problems)
    with contextlib.suppress(_Misfit):
        walk.found._value = walk.fit(root, mi.type_info(type_), "")
    return walk.found


# ---- the walk -----------------------------------------------------------------------------------


class _Misfit(Exception):
    """A value that did not fit and has been reported."""


class _Walk:
    def __init__(self, source: str, problems: list[Problem]) -> None:
        self.found: Found[Any] = Found(source, problems)

    def fit(self, node: Node, type_: mi.Type, key: str) -> Any:
        """The node as a `type_`. Raises _Misfit after reporting why not."""
        self.found._lines.setdefault(key, node.line)
        for fault in node.faults:
            self.found.report(key, fault)
        if node.faults and isinstance(node, Scalar):
            raise _Misfit
        extra, bare = unwrap(type_)
        if isinstance(bare, mi.UnionType):
            return self._union(node, bare, extra, key)
        if isinstance(bare, mi.StructType):
            return self._struct(node, bare, key)
        if isinstance(bare, mi.DictType):
            return self._dict(node, bare, key)
        if isinstance(bare, mi.VarTupleType | mi.ListType):
            return self._list(node, bare, key)
        value = self.found._scalars[key] = self._scalar(node, bare, extra, key)
        return value

    def _misfit(self, key: str, code: str, /, **params: Any) -> NoReturn:
        self.found.report(key, code, **params)
        raise _Misfit

    def _wrong_type(self, node: Node, type_: mi.Type, key: str) -> NoReturn:
        extra, bare = unwrap(type_)
        found = describe(node, value_too=isinstance(bare, SCALARS) and "read" not in extra)
        self._misfit(key, "wrong_type", expected=expectation(type_), found=found, hint=hint(node, type_))

    # ---- collections ------------------------------------------------------------------------

    def _union(self, node: Node, type_: mi.UnionType, extra: dict[str, Any], key: str) -> Any:
        members = [member for member in type_.types if not isinstance(member, mi.NoneType)]
        if len(members) < len(type_.types) and isinstance(node, Scalar) and resolve(node) is None:
            return None
        fitting = members if len(members) == 1 else [member for member in members if _suits(node, member)]
        if not fitting:
            self._wrong_type(node, type_, key)
        return self.fit(node, mi.Metadata(fitting[0], None, extra) if extra else fitting[0], key)

    def _struct(self, node: Node, type_: mi.StructType, key: str) -> Any:
        if not isinstance(node, Mapping):
            self._wrong_type(node, type_, key)
        fields = {field.encode_name: field for field in type_.fields}
        entries, whole = self._entries(node, key)
        values: dict[str, Any] = {}
        for name, value in entries.items():
            if name not in fields:
                self.found.report(_join(key, name), "unknown_key", hint=did_you_mean(name, fields))
                whole = False
                continue
            try:
                values[fields[name].name] = self.fit(value, fields[name].type, _join(key, name))
            except _Misfit:
                whole = False
        absent = [field for name, field in fields.items() if name not in entries]
        for field in absent:
            if field.required:
                self.found.report(_join(key, field.encode_name), "missing_key", expected=expectation(field.type))
                whole = False
        self.found._parts.append((type_.cls, key, {f.name: _default(f) for f in absent if not f.required} | values))
        if not whole:
            raise _Misfit
        try:
            return type_.cls(**values)
        except (ValueError, TypeError) as error:  # from __post_init__, as msgspec understands it
            self._misfit(key, "said", text=both(str(error).rstrip(".")))

    def _dict(self, node: Node, type_: mi.DictType, key: str) -> dict[str, Any]:
        if not isinstance(node, Mapping):
            self._wrong_type(node, type_, key)
        entries, whole = self._entries(node, key)
        values: dict[str, Any] = {}
        for name, value in entries.items():
            try:
                self._check(name, type_.key_type, _join(key, name), excerpt(name))
                values[name] = self.fit(value, type_.value_type, _join(key, name))
            except _Misfit:
                whole = False
        self._check_length(entries, type_, key)
        if not whole:
            raise _Misfit
        return values

    def _list(self, node: Node, type_: mi.VarTupleType | mi.ListType, key: str) -> Any:
        if not isinstance(node, Listing):
            self._wrong_type(node, type_, key)
        values: list[Any] = []
        for index, item in enumerate(node.items):
            try:
                values.append(self.fit(item, type_.item_type, f"{key}[{index}]"))
            except _Misfit:
                continue
        self._check_length(node.items, type_, key)
        if len(values) < len(node.items):
            raise _Misfit
        return tuple(values) if isinstance(type_, mi.VarTupleType) else values

    def _entries(self, node: Mapping, key: str) -> tuple[dict[str, Node], bool]:
        """Keys and values, the first of doubles; False when a key was refused."""
        entries: dict[str, Node] = {}
        lines = self.found._lines
        for name, value in zip(node.keys, node.values, strict=True):
            text = _key_text(name)
            if name.faults:
                self.found.report(key, name.faults[0], at_line=name.line)
            elif text is None:
                self.found.report(key, "key_type", at_line=name.line)
            elif text == "<<":
                self.found.report(key, "merge", at_line=name.line)
            elif text in entries:
                place = _join(key, text)
                self.found.report(place, "duplicate_key", at_line=name.line, first=lines[place])
            else:
                lines[_join(key, text)] = name.line
                entries[text] = value
        return entries, len(entries) == len(node.keys)

    # ---- scalars ----------------------------------------------------------------------------

    def _scalar(self, node: Node, type_: mi.Type, extra: dict[str, Any], key: str) -> Any:
        if not isinstance(node, Scalar) or resolve(node) is None:
            self._wrong_type(node, mi.Metadata(type_, None, extra), key)
        if "read" in extra:
            try:
                value = extra["read"](node.text)
            except Unfit as unfit:
                self._misfit(key, unfit.code, **unfit.params)
        elif isinstance(type_, mi.EnumType | mi.LiteralType):
            return self._choice(node, type_, key)
        else:
            value = scalar_as(node, type_)
            if value is None:
                self._wrong_type(node, type_, key)
        self._check(value, mi.Metadata(type_, None, extra), key, excerpt(node.text))
        return value

    def _choice(self, node: Scalar, type_: mi.EnumType | mi.LiteralType, key: str) -> Any:
        """A choice is compared as written (a text) or as it resolves (a number)."""
        resolved = resolve(node)
        for choice in choices_of(type_):
            if choice == node.text or (choice == resolved and type(choice) is type(resolved)):
                return type_.cls(choice) if isinstance(type_, mi.EnumType) else choice
        choices = ", ".join(map(str, choices_of(type_)))
        return self._misfit(key, "choice", choices=choices, found=describe(node))

    def _check(self, value: Any, type_: mi.Type, key: str, found: str) -> None:
        """The Meta constraints of one scalar (or of a key)."""
        extra, bare = unwrap(type_)
        for name, (code, holds) in _BOUNDS.items():
            bound = getattr(bare, name, None)
            if bound is not None and not holds(value, bound):
                self._misfit(key, code, bound=f"{bound:.15g}{extra.get('unit', '')}", found=found)
        pattern = getattr(bare, "pattern", None)
        if pattern is not None and (not re.search(pattern, value) or value.endswith("\n")):  # $ lets one pass
            self._misfit(key, "pattern", pattern=extra.get("form", pattern))
        if isinstance(bare, mi.StrType):
            self._check_length(value, bare, key)

    def _check_length(self, value: Any, type_: Any, key: str) -> None:
        unit = Words("characters", "个字符") if isinstance(value, str) else Words("entries", "项")
        if type_.min_length == 1 and not value:
            self._misfit(key, "blank")
        if type_.min_length is not None and len(value) < type_.min_length:
            self._misfit(key, "too_short", bound=type_.min_length, unit=unit)
        if type_.max_length is not None and len(value) > type_.max_length:
            self._misfit(key, "too_long", bound=type_.max_length, unit=unit)


_BOUNDS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "ge": ("too_small", lambda value, bound: value >= bound),
    "le": ("too_great", lambda value, bound: value <= bound),
    "gt": ("not_above", lambda value, bound: value > bound),
    "lt": ("not_below", lambda value, bound: value < bound),
    "multiple_of": ("not_multiple", lambda value, bound: value % bound == 0),
}
"""Name of a Meta constraint -> kind of problem and the test it stands for."""


# ---- small helpers of the walk ------------------------------------------------------------------


def _join(key: str, name: str) -> str:
    return f"{key}.{excerpt(name)}" if key else excerpt(name)


def _key_text(key: Node) -> str | None:
    """The key, or None if it is no text by the core schema."""
    value = resolve(key) if isinstance(key, Scalar) else None
    return value if isinstance(value, str) else None


def _default(field: mi.Field) -> Any:
    return field.default if field.default is not NODEFAULT else field.default_factory()


def _suits(node: Node, type_: mi.Type) -> bool:
    """Whether a member of a union is the one meant: by kind for collections, by the core schema for scalars."""
    bare = unwrap(type_)[1]
    if not isinstance(node, Scalar):
        wanted = (mi.StructType, mi.DictType) if isinstance(node, Mapping) else (mi.VarTupleType, mi.ListType)
        return isinstance(bare, wanted)
    value = resolve(node)
    if isinstance(bare, mi.EnumType | mi.LiteralType):
        return value in choices_of(bare)
    if isinstance(bare, mi.StrType):
        return isinstance(value, str)
    return isinstance(bare, mi.BoolType | mi.IntType | mi.FloatType) and scalar_as(node, bare) is not None
