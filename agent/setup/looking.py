"""Looking for cameras with a bar that moves: the existing rounds of discovery, and addresses that a person types."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv4Network

from msgspec import structs

from agent import causes, show
from agent.ask.attempt import Deadline
from agent.ask.discovery import round as discovery
from agent.ask.discovery.round import DiscoveryOptions
from agent.ask.discovery.schedule import MAX_TARGETS, UNICAST_PER_S
from agent.ask.inspection import certificate
from agent.model import Camera, DiscoveredDevice
from agent.setup.answers import Looking
from agent.setup.dialogue import Dialogue
from contract.problems import Told, Words

STEP_S = 0.1
TYPED_S = 2.0
"""How long one address is asked that a person has typed."""
PIN_S = 8.0
HTTPS = 443


def look(looking: Looking, talk: Dialogue, *, known: Sequence[str] = ()) -> tuple[DiscoveredDevice, ...]:
    """What answers, by address; announced devices that answer no probe are among them. `known`: asked by themselves."""
    options = DiscoveryOptions(
        interfaces=looking.interfaces,
        subnets=looking.subnets,
        duration_s=looking.duration,
        loopback=looking.loopback,
    )
    size = asked_one_by_one(looking)
    talk.tell("正在寻找摄像机…", "looking for cameras ...")
    found = _with_bar(lambda: discovery.probe(options, known=known), looking.duration + size / UNICAST_PER_S, talk)
    for note in found.notes:
        talk.line(f"! {causes.note(note, talk.lang)}", indent=2)
    return tuple(sorted((*found.found, *found.announced), key=lambda one: IPv4Address(one.address)))


def asked_one_by_one(looking: Looking, where: str = "discovery.subnets") -> int:
    """How many addresses. `where`: their networks stand. Raises Told for more than are asked in a round."""
    size = sum(IPv4Network(subnet).num_addresses for subnet in looking.subnets)
    if size > MAX_TARGETS:
        raise Told(
            f"{where}: {size} addresses, more than the {MAX_TARGETS} that are asked one by one: name smaller ones",
            f"{where}：共 {size} 个地址，超过逐个询问的上限 {MAX_TARGETS} 个：请填写较小的网段",
        )
    return size


def _with_bar(work: Callable[[], discovery.Round], seconds: float, talk: Dialogue) -> discovery.Round:
    words = talk.word("寻找摄像机", "looking for cameras")
    steps = max(1, round(seconds / STEP_S))
    with ThreadPoolExecutor(1) as pool, show.progress(steps, talk.lang, words=words) as advance:
        task = pool.submit(work)
        while not task.done():
            advance()
            time.sleep(STEP_S)
        return task.result()


def typed(address: str, looking: Looking) -> DiscoveredDevice | None:
    """The device at the address, if it answers as an ONVIF camera does."""
    options = DiscoveryOptions(interfaces=looking.interfaces, duration_s=TYPED_S, loopback=looking.loopback)
    found = discovery.probe(options, known=[address])
    return next((one for one in (*found.found, *found.announced) if one.address == address), None)


def pin(camera: Camera) -> tuple[int, str]:
    """Port and SHA-256 of the certificate that the camera shows there. Raises Told where it speaks no TLS."""
    for port in dict.fromkeys((camera.ports.onvif, HTTPS)):
        there = structs.replace(camera, ports=structs.replace(camera.ports, onvif=port))
        if shown := certificate(there, Deadline(PIN_S)):
            return port, shown
    raise Told(
        f"{camera.address} shows no certificate any more: look again",
        f"{camera.address} 不再出示证书：请重试",
    )


def pin_wanted(camera: Camera) -> Words:
    """What is missing in the answers about a camera that speaks HTTPS alone. Raises Told as `pin` does."""
    port, shown = pin(camera)
    keys = f"onvif_port: {port}, tls_pin: {shown}"
    return Words(
        f"it speaks HTTPS only; compare its certificate, then add {keys}",
        f"它只用 HTTPS；核对证书后请加上 {keys}",
    )


def known_as(device: DiscoveredDevice) -> str:
    """What tells a person which camera it is: model, address, port, MAC."""
    port = f":{device.port}" if device.port != 80 else ""
    name = device.name if device.hardware in device.name else f"{device.name} {device.hardware}".strip()
    return "  ".join(filter(None, (name, f"{device.address}{port}", device.mac or device.claimed_mac)))
