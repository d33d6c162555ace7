import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contract import messages as m
from contract.schema import FOLDER, differing, documents, main
from contract.vocabulary import Availability, Rung
from tests.center.letters import beat, birth, event, events, moved

TYPES: dict[str, Any] = {
    "integer": int,
    "string": str,
    "boolean": bool,
    "object": dict,
    "array": list,
    "number": (int, float),
}


def valid(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    """The part of JSON Schema 2020-12 that the generated schemas use."""
    if "$ref" in schema:
        return valid(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    if "anyOf" in schema:
        return any(valid(value, option, root) for option in schema["anyOf"])
    if "enum" in schema:
        return value in schema["enum"]
    kind = schema.get("type")
    if kind == "null":
        return value is None
    if kind and (not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")):
        return False
    if isinstance(value, dict):
        parts = schema.get("properties", {})
        other = schema.get("additionalProperties", {})
        return all(name in value for name in schema.get("required", ())) and all(
            valid(part, parts.get(name, other), root) for name, part in value.items()
        )
    if isinstance(value, list):
        return len(value) <= schema.get("maxItems", 10**9) and all(valid(v, schema["items"], root) for v in value)
    if isinstance(value, str):
        long = schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 10**9)
        return long and bool(re.search(schema.get("pattern", ""), value))
    return not isinstance(value, int) or schema.get("minimum", value) <= value <= schema.get("maximum", value)


def test_the_documents_are_what_the_code_says() -> None:
    """docs/contract holds exactly what python -m contract.schema writes."""
    assert differing(FOLDER) == []
    assert main(["--check"]) == 0


def test_a_stale_document_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A changed, missing or superfluous file makes --check exit 1 and is named."""
    assert main(["--out", str(tmp_path)]) == 0
    (tmp_path / "ack.schema.json").write_text("{}")
    (tmp_path / "events.schema.json").unlink()
    (tmp_path / "old.schema.json").write_text("{}")
    assert main(["--check", "--out", str(tmp_path)]) == 1
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        *("ack.schema.json", "events.schema.json", "old.schema.json")
    ]


TRANSITION = m.Transition(
    seq=1,
    boot="b",
    session="s",
    at=5,
    slot="k",
    from_=Availability.UNKNOWN,
    to=Availability.ONLINE,
    level=Rung.STREAMS,
)
INSTANCES: list[tuple[str, bytes]] = [
    ("state", birth()),
    ("state", m.encode(m.Goodbye(gateway="zz-0001", session="s", why="stop"))),
    ("state", m.encode(m.Will(gateway="zz-0001", session="s"))),
    ("heartbeat", beat(5, 1)),
    ("events", m.encode(m.Events(store="j", events=(TRANSITION,)))),
    ("events", events(event(1), moved(2, 5, "offline"))),
    ("inventory", m.encode(m.Inventory(gateway="zz-0001", slots=(m.InventorySlot(slot="k"),)))),
    ("capability", m.encode(m.Capability(gateway="zz-0001", boot="b", policy="p", slots=()))),
    ("result", m.encode(m.Result(id="1", outcome="done"))),
    ("ack", m.encode(m.Ack(store="j", seq=0))),
    ("command", m.encode(m.Command(id="1", not_after=1, verb="look"))),
    ("center_state", m.encode(m.CenterState(state="up"))),
    ("city_state", m.encode(m.CenterState(state="down"))),
]


@pytest.mark.parametrize(("name", "payload"), INSTANCES)
def test_messages_fit_their_schema_and_spoilt_ones_do_not(name: str, payload: bytes) -> None:
    """What msgspec writes is valid, with unknown fields too; without any one required field it is not."""
    schema = json.loads((FOLDER / f"{name}.schema.json").read_text("utf-8"))
    value = msgspec.json.decode(payload)
    assert valid(value, schema, schema)
    assert valid(value | {"novelty": 1}, schema, schema)
    for field in ("state", "seq_high", "store", "gateway", "id"):
        if field in value:
            assert not valid({k: v for k, v in value.items() if k != field}, schema, schema)


def test_an_older_and_a_newer_agent_are_understood() -> None:
    """After an upgrade, or a way back: a heartbeat without new fields is whole, fields of tomorrow are ignored."""
    payload = dict(INSTANCES)["heartbeat"]
    told = msgspec.json.decode(payload)
    assert "program" not in told
    program = {"config": {"mistakes": 1, "novelty": 1}, "upgrade": {"state": "new", "before": "1", "to": "2", "x": []}}
    newer = msgspec.json.decode(msgspec.json.encode(told | {"program": program, "novelty": {}}), type=m.Heartbeat)
    assert newer.program
    assert (newer.program.config.mistakes, newer.program.upgrade.to) == (1, "2")
    assert msgspec.structs.replace(newer, program=None) == msgspec.json.decode(payload, type=m.Heartbeat)


def test_every_message_has_a_schema_and_a_channel() -> None:
    """One channel and one schema for every topic of the contract; every reference of the AsyncAPI document resolves."""
    made = documents()
    document = made["asyncapi.json"]
    addresses = {channel["address"] for channel in document["channels"].values()}
    leaves = ("up/state", "up/hb", "up/ev", "up/inv", "up/cap", "up/res", "up/csr", "down/ack", "down/cmd", "down/cert")
    center = {"mclz/v1/center/state", "mclz/v1/center/{city}/state"}
    assert addresses == {f"mclz/v1/{{city}}/{{gateway}}/{leaf}" for leaf in leaves} | center
    for reference in re.findall(r'"\$ref": "([^"]+)"', json.dumps(document)):
        if reference.startswith("./"):
            assert reference.removeprefix("./") in made
        else:
            node = document
            for step in reference.removeprefix("#/").split("/"):
                node = node[step]
    operations = document["operations"].values()
    assert sum(one["action"] == "send" for one in operations) == len(addresses)
    assert sum(one["action"] == "receive" for one in operations) == len(addresses)
