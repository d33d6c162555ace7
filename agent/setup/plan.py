"""What a setup has come to so far, kept in a file so that a power cut costs one question. No password stands there."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct, structs

from agent import files
from agent.model import Camera, Credentials, DiscoveredDevice, Ports
from contract.messages import BROKEN_JSON

NAME = "setup.json"


class Login(Struct, frozen=True, kw_only=True):
    """A login of agent.yaml. `credential`: where its password is kept, credential:NAME."""

    user: str
    credential: str


class Position(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A slot and the camera for it, in the words of agent.yaml. `login`: a name under credentials, "" = none.

    `what`: maker and model, for people.
    """

    slot: str
    address: str
    name: str = ""
    zone: str = ""
    onvif_port: int = 80
    onvif_path: str = "/onvif/device_service"
    rtsp_port: int = 554
    channel: str = ""
    tls_pin: str = ""
    login: str = ""
    mac: str = ""
    epr: str = ""
    what: str = ""

    def camera(self, credentials: Credentials | None, slot: str = "") -> Camera:
        """As it is asked. `slot`: another name for it."""
        return Camera(
            slot=slot or self.slot,
            address=self.address,
            name=self.name,
            zone=self.zone,
            ports=Ports(onvif=self.onvif_port, rtsp=self.rtsp_port),
            onvif_path=self.onvif_path,
            channel=self.channel,
            tls="pin" if self.tls_pin else "off",
            tls_pin=self.tls_pin,
            credentials=credentials,
        )

    def entry(self) -> dict[str, Any]:
        """Its keys in agent.yaml; what is the default is left out."""
        entry: dict[str, Any] = {"slot": self.slot}
        entry |= {key: text for key in ("name", "zone") if (text := getattr(self, key))}
        return entry | self.device()

    def device(self) -> dict[str, Any]:
        """Those of its keys that are about the device."""
        keys: dict[str, Any] = {"address": self.address}
        for key, usual in (("onvif_port", 80), ("rtsp_port", 554), ("onvif_path", "/onvif/device_service")):
            if getattr(self, key) != usual:
                keys[key] = getattr(self, key)
        if self.channel:
            keys["channel"] = self.channel
        if self.tls_pin:
            keys |= {"tls": "pin", "tls_pin": self.tls_pin}
        if self.login:
            keys["credentials"] = self.login
        if identity := {key: text for key in ("mac", "epr") if (text := getattr(self, key))}:
            keys["identity"] = identity
        return keys


def of_device(device: DiscoveredDevice, slot: str) -> Position:
    """Where the device is, for a slot."""
    return Position(
        slot=slot,
        address=device.address,
        onvif_port=device.port,
        onvif_path=device.path,
        mac=device.mac,
        what=" ".join(filter(None, (device.name, device.hardware if device.hardware != device.name else ""))),
    )


class Plan(Struct, frozen=True, kw_only=True):
    """`bundle`: path of the bundle, "" = none. `config`: the agent.yaml that is made.

    `done`: addresses that were asked about. `step`: "asking" until agent.yaml is written, then "written".
    """

    config: str
    bundle: str = ""
    gateway: str = ""
    found: tuple[DiscoveredDevice, ...] = ()
    logins: dict[str, Login] = {}
    positions: tuple[Position, ...] = ()
    done: tuple[str, ...] = ()
    step: Literal["asking", "written"] = "asking"
    version: Literal[1] = 1


class Keeper:
    """The plan on disk. A disk that takes nothing costs the resuming, not the setup."""

    def __init__(self, state_dir: Path, plan: Plan) -> None:
        self._file, self.plan = state_dir / NAME, plan
        self.kept = True
        """Whether the disk took it."""

    def set(self, **fields: Any) -> None:
        """Change the plan and keep it."""
        self.plan = structs.replace(self.plan, **fields)
        try:
            files.write_atomically(self._file, msgspec.json.encode(self.plan), durable=True)
        except OSError:
            self.kept = False

    def add(self, positions: Sequence[Position], address: str) -> None:
        """The device at the address has been asked about; these came of it."""
        self.set(positions=(*self.plan.positions, *positions), done=(*self.plan.done, address))

    def end(self) -> None:
        with contextlib.suppress(OSError):
            self._file.unlink()


def recall(state_dir: Path, config: Path) -> Plan | None:
    """The plan of a setup of this very agent.yaml that was broken off."""
    try:
        found = msgspec.json.decode(files.read(state_dir / NAME), type=Plan)
    except (OSError, *BROKEN_JSON):
        return None
    return found if found.config == str(config) else None
