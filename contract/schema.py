"""Writes docs/contract/ from contract.messages: a JSON Schema for every message, the AsyncAPI document of all topics.

`python -m contract.schema` writes, `--check` only compares (exit 1 when they differ). No rule of its own lives here.
"""

import argparse
import inspect
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from contract import messages, renewal

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "contract"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
Json = dict[str, Any]


class Topic(NamedTuple):
    """One topic. `sender`: agent or center; `expiry_s` and `will` as MQTT 5 knows them, 0 = none."""

    leaf: str
    message: str
    type: Any
    sender: str
    retained: bool
    summary: str
    max_bytes: int = messages.MAX_BATCH_BYTES
    expiry_s: int = 0


TOPICS = (
    Topic("up/state", "state", messages.State, "agent", True, "Birth, goodbye, and the will (delay 45 s)."),
    Topic("up/hb", "heartbeat", messages.Heartbeat, "agent", False, "Every 60 s, with jitter.", expiry_s=300),
    Topic("up/ev", "events", messages.Events, "agent", False, "Journaled events, resent until acknowledged."),
    Topic(
        "up/inv",
        "inventory",
        messages.Inventory,
        "agent",
        True,
        "What hangs on this gateway.",
        max_bytes=messages.MAX_DOCUMENT_BYTES,
    ),
    Topic(
        "up/cap",
        "capability",
        messages.Capability,
        "agent",
        True,
        "All verdicts of all slots.",
        max_bytes=messages.MAX_DOCUMENT_BYTES,
    ),
    Topic("up/res", "result", messages.Result, "agent", False, "Result of a command.", expiry_s=60),
    Topic("down/ack", "ack", messages.Ack, "center", True, "Durably stored up to seq."),
    Topic("down/cmd", "command", messages.Command, "center", False, "A command; a retained one is ignored."),
    Topic("up/csr", "certificate_request", renewal.CertificateRequest, "agent", False, "A certificate is asked for."),
    Topic("down/cert", "certificate_answer", renewal.CertificateAnswer, "center", False, "The answer to a request."),
    Topic("", "center_state", messages.CenterState, "center", True, "The center is up or down; also its will."),
    Topic("", "city_state", messages.CenterState, "center", True, "A city is served or not; also the worker's will."),
)


def documents() -> dict[str, Json]:
    """File name -> content of everything in docs/contract that is generated."""
    made = {f"{topic.message}.schema.json": schema(topic) for topic in TOPICS}
    return {**made, "asyncapi.json": asyncapi()}


def schema(topic: Topic) -> Json:
    """JSON Schema 2020-12 of one message; unknown fields are allowed, readers ignore them."""
    body = _plain(msgspec.json.schema(topic.type))
    return {"$schema": DIALECT, "$id": f"{topic.message}.schema.json", "description": topic.summary, **body}


def _plain(node: Any) -> Any:
    """Without `discriminator`, which is OpenAPI's word and not JSON Schema's; texts without their indentation."""
    if isinstance(node, dict):
        return {key: _plain(value) for key, value in node.items() if key != "discriminator"}
    if isinstance(node, list):
        return [_plain(item) for item in node]
    return inspect.cleandoc(node) if isinstance(node, str) else node


# ---- AsyncAPI 3 ---------------------------------------------------------------------------------


def asyncapi() -> Json:
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "canteen-agent",
            "version": f"{messages.VERSION}.0.0",
            "description": "MQTT between the gateway of a canteen and the center. JSON in UTF-8.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.message: _channel(topic) for topic in TOPICS},
        "operations": dict(operation for topic in TOPICS for operation in _operations(topic)),
        "components": {"messages": {topic.message: _message(topic) for topic in TOPICS}},
    }


def _channel(topic: Topic) -> Json:
    channel: Json = {
        "address": f"mclz/v{messages.VERSION}/{{city}}/{{gateway}}/{topic.leaf}",
        "description": f"{topic.summary} At most {topic.max_bytes} bytes.",
        "messages": {topic.message: {"$ref": f"#/components/messages/{topic.message}"}},
        "parameters": {
            "city": {"description": "First four digits of the administrative code.", "examples": ["4101"]},
            "gateway": {"description": f"Enrolment id, {messages.GATEWAY_PATTERN}", "examples": ["zz-0001"]},
        },
    }
    if not topic.leaf:
        del channel["parameters"]["gateway"]
        channel["address"] = f"mclz/v{messages.VERSION}/center/{{city}}/state"
    if topic.message == "center_state":
        del channel["parameters"]
        channel["address"] = f"mclz/v{messages.VERSION}/center/state"
    return channel


def _operations(topic: Topic) -> list[tuple[str, Json]]:
    """What the application at either end does: the sender sends with QoS and retain, the other receives."""
    receiver = "center" if topic.sender == "agent" else "agent"
    channel = {"$ref": f"#/channels/{topic.message}"}
    binding: Json = {"qos": 1, "retain": topic.retained, "bindingVersion": "0.2.0"}
    if topic.expiry_s:
        binding["messageExpiryInterval"] = topic.expiry_s
    sends = {"action": "send", "channel": channel, "summary": topic.summary, "bindings": {"mqtt": binding}}
    receives = {"action": "receive", "channel": channel, "bindings": {"mqtt": {"qos": 1, "bindingVersion": "0.2.0"}}}
    return [(f"{topic.sender}_sends_{topic.message}", sends), (f"{receiver}_receives_{topic.message}", receives)]


def _message(topic: Topic) -> Json:
    return {"name": topic.message, "summary": topic.summary, "payload": {"$ref": f"./{topic.message}.schema.json"}}


# ---- command line -------------------------------------------------------------------------------


def written(document: Json) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2, sort_keys=False) + "\n"


def differing(folder: Path) -> list[str]:
    """Names of files that are missing, stale, or no longer generated."""
    wanted = {name: written(document) for name, document in documents().items()}
    there = {path.name: path.read_text("utf-8") for path in folder.glob("*.json")}
    return sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m contract.schema", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare; exit 1 when docs/contract is stale")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder to write to")
    options = parser.parse_args(arguments)
    if options.check:
        stale = differing(options.out)
        sys.stdout.write("".join(f"{name} differs: run python -m contract.schema\n" for name in stale))
        return 1 if stale else 0
    options.out.mkdir(parents=True, exist_ok=True)
    for name, document in documents().items():
        (options.out / name).write_text(written(document), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
