"""The same structs with any word where a vocabulary stands: what a newer agent says is kept, to be read later."""

import types
from enum import Enum
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

Word = Annotated[str, Meta(pattern="^[A-Za-z0-9._-]{1,64}$")]


def loosened(kind: Any) -> Any:
    """The type with every vocabulary in it replaced by a short word; structs keep their names, tags and fields."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return Word
    if isinstance(kind, type) and issubclass(kind, Struct):
        return _struct(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return Annotated[(loosened(arguments[0]), *kind.__metadata__)]
    if origin in (Union, types.UnionType):
        return Union[tuple(loosened(one) for one in arguments)]  # noqa: UP007  # made of a tuple
    if origin is tuple:
        return tuple[tuple(loosened(one) for one in arguments)]  # type: ignore[misc]
    return kind


@cache
def _struct(kind: type[Struct]) -> Any:
    """The struct itself where no vocabulary is in it."""
    fields = msgspec.structs.fields(kind)
    changed = {field.name: loosened(field.type) for field in fields}
    if all(changed[field.name] == field.type for field in fields):
        return kind
    config = kind.__struct_config__
    return msgspec.defstruct(
        kind.__name__,
        [(field.name, changed[field.name], _default(field)) for field in fields],
        frozen=True,
        kw_only=True,
        tag_field=config.tag_field,
        tag=config.tag,
        omit_defaults=config.omit_defaults,
    )


def _default(field: msgspec.structs.FieldInfo) -> Any:
    more = {"name": field.encode_name}
    if field.default is not msgspec.NODEFAULT:
        more["default"] = field.default
    elif field.default_factory is not msgspec.NODEFAULT:
        more["default_factory"] = field.default_factory
    return msgspec.field(**more)
