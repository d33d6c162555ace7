"""The answers file: everything that `setup` would ask, for boxes that are set up without a person.

Passwords stand elsewhere: env:NAME, file:PATH or credential:NAME.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct, structs

from agent.model import Credentials, DiscoveredDevice
from agent.settings import secret
from agent.settings.entries import Address, FilePath, Fingerprint, Interface, Label, Mac, Password, Port, Subnet, Text
from agent.setup.plan import Position, of_device
from contract import strict_yaml
from contract.messages import Slot
from contract.plain import read_plain
from contract.problems import Told, Unfit, unreadable
from contract.strict_yaml import Duration, Found, Words, form

_NO_PASSWORD = "write no password here but file:PATH or env:NAME", "此处不要写密码，请写 file:路径 或 env:名称"
_SLOT = form(Words("letters, digits, '.', '_' or '-', at most 64", "字母、数字、“.”、“_”、“-”，最多 64 个"))


class Looking(Struct, frozen=True, kw_only=True):
    """How cameras are looked for, and from then on: as `discovery:` of agent.yaml."""

    interfaces: tuple[Interface, ...] = ()
    subnets: tuple[Subnet, ...] = ()
    duration: Annotated[Duration, Meta(ge=1, le=60)] = 4.5
    loopback: bool = False


class LoginAnswer(Struct, frozen=True, kw_only=True):
    """A login that cameras refer to by name."""

    user: Annotated[Text, Meta(min_length=1)]
    password: Password


class CameraAnswer(Struct, frozen=True, kw_only=True):
    """One position. The camera is named by its address or its MAC."""

    slot: Annotated[Slot, _SLOT]
    name: Text = ""
    zone: Text = ""
    address: Address = ""
    mac: Mac = ""
    onvif_port: Port | None = None
    """Null = where the camera itself says."""
    channel: Text = ""
    """A recorder's video source or profile."""
    login: Label | None = None
    """Null = never log in."""
    tls_pin: Fingerprint = ""
    """Of a camera that speaks HTTPS only."""


class Answers(Struct, frozen=True, kw_only=True):
    """The whole file."""

    bundle: FilePath | None = None
    """Path counted from this file's folder."""
    discovery: Looking = Looking()
    logins: dict[Label, LoginAnswer] = {}
    cameras: Annotated[tuple[CameraAnswer, ...], Meta(max_length=200)]
    report: FilePath | None = "."
    """Folder for the acceptance report; null = none is written."""
    start: bool = True
    """Start the service."""
    wait: Annotated[Duration, Meta(ge=0, le=3600)] = 180.0
    """Seconds to wait until the center has acknowledged; 0 = do not wait."""


def read(path: Path) -> Answers:
    """The answers in the file. Raises ConfigError with all that is wrong, line by line."""
    try:
        content = read_plain(path)
    except OSError as error:
        raise unreadable(str(path), error) from None
    found = strict_yaml.find(content, Answers, source=str(path))
    _check_passwords(found)
    _check_cameras(found)
    return found.result()


def line(path: Path, key: str) -> int:
    """The line of a key of the answers."""
    return strict_yaml.find(read_plain(path), Answers, source=str(path)).line(key)


def _check_passwords(found: Found[Answers]) -> None:
    for key, login in found.parts(LoginAnswer):
        try:
            if (password := login.get("password")) and secret.is_in_clear(password):
                _say(found, f"{key}.password", *_NO_PASSWORD)
        except Unfit as unfit:
            found.report(f"{key}.password", unfit.code, **unfit.params)


def _check_cameras(found: Found[Answers]) -> None:
    slots: dict[str, str] = {}
    for key, camera in found.parts(CameraAnswer):
        if camera.get("address") == "" and camera.get("mac") == "":
            _say(found, key, "say which camera: its address or its mac", "请写明是哪台摄像机：address 或 mac")
        if (slot := camera.get("slot")) and (other := slots.setdefault(slot, key)) != key:
            found.report(f"{key}.slot", "same_slot", other=other, line=found.line(other))


def _say(found: Found[Answers], key: str, en: str, zh: str) -> None:
    found.report(key, "said", text=Words(en, zh))


# ---- what they mean -----------------------------------------------------------------------------


def credentials(
    answers: Answers, name: str | None, path: Path, config: Path, known: Mapping[str, Credentials]
) -> Credentials | None:
    """The login of this name. `path`: of the answers, whose folder file:PATH counts from. Raises Unfit.

    credential:NAME is one that is kept beside the configuration already. `known`: logins of agent.yaml.
    """
    if not name or name not in answers.logins:
        return known.get(name or "")
    written = answers.logins[name].password
    folder = config.parent if written.reveal().startswith("credential:") else path.absolute().parent
    password = secret.resolve(written, folder=folder, holder=path, status=path.stat())
    return Credentials(answers.logins[name].user, password.reveal())


def device(camera: CameraAnswer, devices: Sequence[DiscoveredDevice]) -> DiscoveredDevice | None:
    """The one that is meant, among those that were found. Raises Told where several have its MAC.

    What a device claims of its MAC counts only where the box cannot see it: else any could claim a login for itself.
    """
    at = [one for one in devices if not camera.address or one.address == camera.address]
    found = [one for one in at if not camera.mac or camera.mac == (one.mac or one.claimed_mac)]
    if len(found) > 1:
        addresses = [one.address for one in found]
        raise Told(
            f"several devices have {camera.mac}: {', '.join(addresses)}. No login was sent; write the address too",
            f"有多台设备的 MAC 为 {camera.mac}：{'、'.join(addresses)}。未发送登录；请同时写明 address",
        )
    return found[0] if found else None


def position(camera: CameraAnswer, found: DiscoveredDevice) -> Position:
    """The slot with the device that was found for it."""
    there = of_device(found, camera.slot)
    return structs.replace(
        there,
        name=camera.name,
        zone=camera.zone,
        onvif_port=camera.onvif_port or there.onvif_port,
        channel=camera.channel,
        tls_pin=camera.tls_pin,
        login=camera.login or "",
    )
