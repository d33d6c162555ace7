"""agent.yaml changed line by line: what is not changed stays as it was written."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from agent.settings import entries
from agent.setup.editing import Text, written
from contract import strict_yaml

FORMS = {
    "block": "# top\ngateway: {id: g-1, city: '4101'}  # who\nbroker:\n  - host: a  # one\n    port: 1\n  - host: b\n"
    "cameras:\n  - slot: s1  # stove\n    # beside the door\n    address: 10.0.0.1\n    tls: pin # p\n\n# end\n",
    "left": "gateway:\n  id: g-1\n  city: '4101'\nbroker:\n- host: a\n- host: b # c\n"
    "cameras:\n- slot: s1\n  address: 10.0.0.1\n",
    "flow": "gateway: {id: g-1, city: '4101'}\nbroker: [{host: a, port: 1}, {host: b}]\n"
    "cameras: [{slot: s1, address: 10.0.0.1, tls: pin}]  # all\nlog: {level: info}\n",
    "lines": "gateway: {\n  id: g-1,\n  city: '4101',\n}\nbroker: [\n  {host: a},\n  {host: b},\n]\n"
    "cameras: [\n  {slot: s1,\n   address: 10.0.0.1},\n]\n",
    "windows": "gateway: {id: g-1, city: '4101'}\r\nbroker:\r\n  - host: a\r\n  - host: b\r\n"
    "cameras:\r\n  - slot: s1\r\n    address: 10.0.0.1\r\n",
    "no end": "gateway: {id: g-1, city: '4101'}\nbroker: [{host: a}, {host: b}]\n"
    "cameras:\n  - slot: s1\n    address: 10.0.0.1",
}


def plain(text: str) -> Any:
    """The document as JSON has it, by an independent reader."""
    return yaml.load(text, Loader=yaml.BaseLoader)


@pytest.mark.parametrize("form", FORMS)
def test_each_change_is_that_change_alone(form: str) -> None:
    """Set, add, append and remove mean what they say in every way of writing, and keep every comment."""
    before = FORMS[form]
    text, expected = Text(before), plain(before)
    text.put("gateway", "id", "g-2")
    expected["gateway"]["id"] = "g-2"
    text.put("broker[0]", "tls", {"ca": "ca.pem", "key": "credential:gateway.key"})
    expected["broker"][0]["tls"] = {"ca": "ca.pem", "key": "credential:gateway.key"}
    text.remove("broker[1]")
    del expected["broker"][1]
    text.append("cameras", {"slot": "s2", "name": "洗消间: 1", "address": "10.0.0.2"})
    expected["cameras"].append({"slot": "s2", "name": "洗消间: 1", "address": "10.0.0.2"})
    text.put("cameras[0]", "address", "10.0.0.9")
    expected["cameras"][0]["address"] = "10.0.0.9"
    text.remove("cameras[0].tls")
    expected["cameras"][0].pop("tls", None)
    text.put("credentials", "k", {"user": "viewer", "password": "credential:k"})
    text.put("credentials", "l", {"user": "x", "password": "credential:l"})
    expected["credentials"] = {"k": {"user": "viewer", "password": "credential:k"}}
    expected["credentials"]["l"] = {"user": "x", "password": "credential:l"}
    assert plain(text.text) == expected
    kept = [line.partition("#")[2] for line in before.splitlines() if "#" in line and "tls" not in line]
    assert [one for one in kept if one not in text.text] == []


def test_lists_and_mappings_that_are_empty() -> None:
    for before in ("cameras: []\ncredentials: {}\n", "cameras:\ncredentials:\n", "log: {level: info}\n"):
        text = Text(before)
        text.append("cameras", {"slot": "a"})
        text.append("cameras", {"slot": "b"})
        text.put("credentials", "k", {"user": "u"})
        told = plain(text.text)
        assert (told["cameras"], told["credentials"]) == ([{"slot": "a"}, {"slot": "b"}], {"k": {"user": "u"}})


def test_first_key_of_an_item_can_go() -> None:
    text = Text("cameras:\n  - slot: a # x\n    address: b\n  - {slot: c, address: d}\n")
    text.remove("cameras[0].slot")
    text.remove("cameras[1].slot")
    text.remove("cameras[7]")
    assert plain(text.text) == {"cameras": [{"address": "b"}, {"address": "d"}]}


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=30))
def test_any_text_is_written_so_that_it_is_read_back(text: str) -> None:
    """In the strict reader's eyes: a password's name, 4101, null, 是: #1 ..."""
    try:
        entries.one_line(text)
    except strict_yaml.Unfit:
        return
    document = f"[{written(text)}, {{k: {written(text)}}}]"
    assert strict_yaml.load(document.encode(), tuple[str | dict[str, str], ...], source="x") == (text, {"k": text})


def test_a_comment_behind_the_last_item_stays_with_it() -> None:
    before, after = "cameras:\n  - slot: s1\n    # beside the door\n", "  # - slot: old\nlog: {level: info}  # quiet\n"
    text = Text(before + after)
    text.append("cameras", {"slot": "s2"})
    assert text.text == f"{before}  - slot: s2\n{after}"


@pytest.mark.parametrize("inside", ["{slot: s1}  # last\n", "{slot: s1},  # last\n", "  # none yet\n"])
def test_what_is_added_between_brackets_stands_before_a_comment(inside: str) -> None:
    before = f"cameras: [\n  {inside}]\n"
    text, expected = Text(before), plain(before)["cameras"]
    if expected:
        text.append("cameras", {"slot": "s2"})
        assert plain(text.text)["cameras"] == [*expected, {"slot": "s2"}]
    mapping = Text(f"credentials: {{\n  {inside}}}\n".replace("{slot: s1}", "k: v"))
    mapping.put("credentials", "new", "w")
    assert plain(mapping.text)["credentials"]["new"] == "w"
    assert "# none yet" in mapping.text or "# last" in mapping.text
