from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct

from contract import shipped
from contract.policy import Title, load_policy
from contract.strict_yaml import ConfigError

HENAN = Path(__file__).parents[2] / "config" / "policy" / "henan-2021-45.yaml"


def entries(found: Struct, key: str = "") -> Iterator[tuple[str, Struct]]:
    """Every part of a policy that carries a clause."""
    if hasattr(found, "clause"):
        yield key, found
    for name in found.__struct_fields__:
        value = getattr(found, name)
        for n, item in enumerate(value if isinstance(value, tuple) else (value,)):
            if isinstance(item, Struct) and not isinstance(item, Title):
                yield from entries(item, f"{key}.{name}[{n}]")


def test_the_regulation_in_numbers() -> None:
    """The shipped policy holds what the notice says, and the named readings of what it leaves open."""
    policy = load_policy("henan-2021-45")
    capability, online, rate = policy.capability, policy.online, policy.rate
    assert (capability.min_pan_span.value, capability.min_pixels.value) == (350, 2_000_000)
    assert (capability.min_long_side.value, capability.min_short_side.value) == (1920, 1080)
    assert capability.two_way_audio_ways.value == ("onvif",)
    assert not capability.accept_panoramic.value
    assert (online.needs.rung, online.confirm_after.value) == ("streams", 3)
    assert (rate.dark.value, rate.dark_after.value, rate.deciding_reading.value) == ("visible", 180, "days")
    assert (rate.min_day_ratio.value, rate.spot_instants.value, rate.min_evidence.value) == (0.99, 24, 0.95)
    assert (rate.windows.value, rate.final_after.value) == ("24x7", 72)
    assert {(d.what, d.units, d.by) for d in policy.deadlines} == {
        ("coverage", "all", "2021-11-30"),
        ("coverage", "school_canteens", "2021-12-31"),
        ("online", "school_canteens", "2021-12-31"),
        ("online", "all", "2021-12-31"),
    }


def test_every_value_names_its_clause() -> None:
    """No number without a clause of the notice, or the word that the notice does not define it."""
    found = list(entries(load_policy("henan-2021-45")))
    assert len(found) == 61
    assert {getattr(entry, "clause") for _, entry in found} <= {"一", "二.3", "三.3", "四.2", "未规定"}  # noqa: B009


def test_every_shipped_policy_loads() -> None:
    """A policy is named after its file."""
    assert [load_policy(name).id for name in shipped.names("policy")] == shipped.names("policy")


WRONG = [
    ("min_pan_span:", "min_pan_spam:", "capability.min_pan_spam"),
    ("value: 350", "value: 400", "capability.min_pan_span.value"),
    ("value: 350", "value: .nan", "capability.min_pan_span.value"),
    ("value: 180", 'value: "180"', "rate.dark_after.value"),
    ("unit: deg", "unit: rad", "capability.min_pan_span.unit"),
    ("value: streams", "value: picture", "online.needs.value"),
    ("by: 2021-11-30", "by: 2021-13-30", "deadlines[0].by"),
    ("value: [onvif]", "value: []", "capability.two_way_audio_ways.value"),
]


@pytest.mark.parametrize(("right", "wrong", "key"), WRONG)
def test_a_wrong_policy_is_refused(tmp_path: Path, right: str, wrong: str, key: str) -> None:
    """A misspelt key, a wrong unit or a value out of range is an error with its line, never a silent default."""
    text = HENAN.read_text(encoding="utf-8")
    assert right in text
    file = tmp_path / "policy.yaml"
    file.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_policy(str(file))
    line = text[: text.index(right)].count("\n") + 1
    assert (line, key) in {(p.line, p.key) for p in refused.value.problems}


@pytest.mark.parametrize("name", ["nowhere", "..", "Henan-2021-45", ""])
def test_an_unknown_name_lists_what_is_shipped(name: str) -> None:
    """A policy that does not exist is refused with the names of those that do."""
    with pytest.raises(FileNotFoundError, match="shipped: henan-2021-45"):
        load_policy(name)
