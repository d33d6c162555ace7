"""What a type expects of a value, in words, and what to do about one that is something else.

Types are msgspec's own descriptions (msgspec.inspect). Where a value stands must not be known here.
"""

from collections.abc import Iterable
from typing import Any

import msgspec.inspect as mi

from contract.nodes import Node, Scalar, resolve
from contract.problems import Words

SCALARS = (mi.StrType, mi.IntType, mi.FloatType, mi.BoolType, mi.UnionType)

_EXPECTED: dict[type[mi.Type], Words] = {
    mi.StrType: Words("text", "文本"),
    mi.IntType: Words("integer", "整数"),
    mi.FloatType: Words("number", "数字"),
    mi.BoolType: Words("true or false", "true 或 false"),
    mi.StructType: Words("a mapping (key: value)", "键值表（键: 值）"),
    mi.DictType: Words("a mapping (key: value)", "键值表（键: 值）"),
    mi.VarTupleType: Words("a list", "列表"),
    mi.ListType: Words("a list", "列表"),
    mi.NoneType: Words("nothing", "空值"),
}


def expectation(type_: mi.Type) -> Words:
    """What a value of this type looks like, for a message. Raises TypeError for a type that is not supported."""
    extra, bare = unwrap(type_)
    if "expected" in extra:
        words: Words = extra["expected"]
        return words
    if isinstance(bare, mi.UnionType):
        parts = [expectation(member) for member in bare.types]
        return Words(" or ".join(p.en for p in parts), "或".join(p.zh for p in parts))
    if isinstance(bare, mi.EnumType | mi.LiteralType):
        choices = ", ".join(map(str, choices_of(bare)))
        return Words(f"one of {choices}", f"{choices} 之一")
    if type(bare) not in _EXPECTED:
        raise TypeError(f"{bare} has no place in a configuration")
    return _EXPECTED[type(bare)]


def hint(node: Node, type_: mi.Type) -> Words:
    """What to do about a value of another type."""
    bare = unwrap(type_)[1]
    if isinstance(node, Scalar) and resolve(node) is None:
        return Words("Write a value, or delete the key.", "请填写值，或删除该键。")
    if (
        isinstance(node, Scalar)
        and not node.plain
        and scalar_as(Scalar(node.line, node.text, plain=True), bare) is not None
    ):
        return Words("Write it without quotes.", "请去掉引号。")
    if isinstance(bare, mi.VarTupleType | mi.ListType):
        return Words("Begin each entry with '- '.", "每项以“- ”开头。")
    return Words("", "")


def did_you_mean(name: str, fields: Iterable[str]) -> Words:
    import difflib  # for the mistaken alone

    close = difflib.get_close_matches(name, fields, n=1) if len(name) <= 60 else []
    known = ", ".join(fields)
    if close:
        return Words(f"Did you mean {close[0]}?", f"是否应为 {close[0]}？")
    return Words(f"Known keys: {known}.", f"可用的键：{known}。")


def unwrap(type_: mi.Type) -> tuple[dict[str, Any], mi.Type]:
    if isinstance(type_, mi.Metadata):
        return type_.extra or {}, type_.type
    return {}, type_


def choices_of(type_: mi.EnumType | mi.LiteralType) -> list[Any]:
    return [m.value for m in type_.cls] if isinstance(type_, mi.EnumType) else list(type_.values)


def scalar_as(node: Scalar, type_: mi.Type) -> Any:
    """The scalar as str, int, float or bool; None if it is another. A text is taken as written: 0123 stays 0123."""
    value = resolve(node)
    if isinstance(type_, mi.StrType):
        return node.text
    if isinstance(type_, mi.BoolType):
        return value if isinstance(value, bool) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(type_, mi.FloatType):
        return float(value)
    return value if isinstance(value, int) else None
