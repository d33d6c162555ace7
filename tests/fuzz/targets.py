"""One target for each parser of ours: bytes in, nothing out but what its contract allows.

A target swallows the exceptions that its parser documents and asserts what must hold of a result; anything else that
leaves it is a finding. How inputs are made must not be known here.
"""

import io
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

import msgspec

from agent import status
from agent.ask.onvif import jobs
from agent.ask.ptz import intent
from agent.learnt import LearntFile
from agent.login_gate import LoginGate
from agent.permit import LoginMet, onvif_login
from agent.settings import checks, entries
from agent.tell.wal import commits_reach
from center.decode import Incoming, Poison, apart, decode, origin, single
from center.registry.problems import Findings, Unfit
from center.registry.reading import Known, read
from center.registry.tree import Tree, regions_of
from contract import strict_yaml
from contract.messages import BROKEN_JSON
from contract.policy import Policy
from contract.regions import load_regions
from contract.strict_yaml import ConfigError
from tests.fuzz import cameras, seeds
from tests.fuzz.downward import receive
from tests.fuzz.network import CAMERA, file


class Target(NamedTuple):
    """`run` tries one input; `seeds` make inputs that are understood, to begin from. `native`: a C parser is inside."""

    run: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    max_bytes: int = 1_024
    native: bool = False


def _yaml(kind: type[Any], data: bytes) -> None:
    try:
        found = strict_yaml.find(data, kind, source="x.yaml")
        if kind is entries.File:
            for check in checks.ALL:
                check(found)
        found.result()
    except ConfigError as error:
        for problem in error.problems:
            assert problem.text("en").isprintable(), problem.text("en")
            assert problem.text("zh").isprintable(), problem.text("zh")


def _upward(data: bytes) -> None:
    """The first line is the topic, the rest the payload."""
    topic, _, payload = data.partition(b"\n")
    source = origin(topic.decode("utf-8", "replace"))
    if source is None:
        return
    message = decode(source, payload)
    if not isinstance(message, Poison):
        msgspec.json.encode(message)
    for part in apart(Incoming(topic.decode(), payload, False, 1)):
        single(source, part.payload)


def _files(data: bytes) -> None:
    """The first byte names the file, the rest is what stands in it."""
    kind, content = data[:1], data[1:]
    with file(content) as path:
        if kind == b"s":
            with suppress(*BROKEN_JSON):
                status.read(path)
        elif kind == b"l":
            memory = LearntFile(path)
            cameras.clean(memory.recall(CAMERA).stream_path)
        elif kind == b"g":
            gate = LoginGate(path, now=lambda: 2e9)
            gate.met(CAMERA, onvif_login, LoginMet(failed=gate.may(CAMERA, onvif_login)))
        elif kind == b"w":
            assert commits_reach(path, 64) <= len(content) // 64
        else:
            intent.read(path)


def _child(data: bytes) -> None:
    """What a child process answers: a camera may have taken it over."""
    with suppress(*BROKEN_JSON):
        jobs.decode_answer(data)
    with suppress(*BROKEN_JSON):
        intent.decode_report(data)


def _registry(data: bytes) -> None:
    with suppress(Unfit):
        read(io.BytesIO(data), HENAN, Findings())


HENAN = Known(Tree(regions_of(load_regions("henan"))), {"canteen": "canteen"}, "2026-11-30", {}, frozenset())
TARGETS: dict[str, Target] = {
    "probe_match": Target(cameras.try_probe_match, seeds.probe_match, 2_048),
    "xaddr": Target(cameras.try_xaddr, seeds.xaddr, 512),
    "arp": Target(cameras.try_neighbours, seeds.arp, 512),
    "clock": Target(cameras.try_clock, seeds.clock, 1_024, native=True),
    "soap": Target(cameras.try_soap, seeds.soap, native=True),
    "http": Target(cameras.try_http, seeds.http),
    "digest": Target(cameras.try_digest, seeds.digest, 512),
    "rtsp": Target(cameras.try_rtsp, seeds.rtsp),
    "rtsp_session": Target(cameras.try_rtsp_session, seeds.rtsp_session, 1_536),
    "film": Target(cameras.try_film, seeds.rtsp_session, 1_536),
    "sdp": Target(cameras.try_sdp, seeds.sdp),
    "rtp": Target(cameras.try_rtp, seeds.rtp, 512),
    "g711": Target(cameras.try_g711, seeds.g711, 256),
    "config": Target(partial(_yaml, entries.File), seeds.config, 2_048, native=True),
    "policy": Target(partial(_yaml, Policy), seeds.policy, 2_048, native=True),
    "downward": Target(receive, seeds.downward, 512, native=True),
    "upward": Target(_upward, seeds.upward, 1_024, native=True),
    "files": Target(_files, seeds.files, 512, native=True),
    "child": Target(_child, seeds.child, 1_536, native=True),
    "registry": Target(_registry, seeds.registry, 512),
}
"""Name -> target."""
