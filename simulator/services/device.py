"""Device service (ONVIF Core, devicemgmt.wsdl): clock, identity, network, scopes, and which services there are."""

from collections.abc import Callable
from datetime import datetime, timedelta

from simulator.persona import Persona, Quirk
from simulator.soap import NAMESPACES, Ask, el, leaf
from simulator.unit import Unit

PRE_AUTH = {"GetSystemDateAndTime", "GetServices", "GetServiceCapabilities", "GetCapabilities", "GetHostname"}
"""Access class PRE_AUTH of the Core specification, as far as this simulator answers them."""


def the(unit: Unit) -> Persona:
    """The persona of a unit that is no replay."""
    assert unit.persona is not None  # noqa: S101 - a replay is answered before any service is asked
    return unit.persona


def xaddr(unit: Unit, service: str) -> str:
    persona = the(unit)
    return f"http://{unit.named_host(persona.xaddr_host)}:{unit.onvif_port}{persona.path(service)}"


def get_clock(unit: Unit, _: Ask) -> str:
    now = unit.now() + timedelta(hours=8 if unit.has(Quirk.LOCAL_AS_UTC) else 0)
    utc = "" if unit.has(Quirk.NO_UTC_DATE) else _date("tt:UTCDateTime", now, broken=unit.has(Quirk.BROKEN_DATE))
    return el(
        "tds:SystemDateAndTime",
        leaf("tt:DateTimeType", "NTP"),
        leaf("tt:DaylightSavings", False),
        el("tt:TimeZone", leaf("tt:TZ", "CST-8")),
        utc,
        _date("tt:LocalDateTime", unit.now() + timedelta(hours=8)),
    )


def _date(name: str, at: datetime, *, broken: bool = False) -> str:
    time = el(
        "tt:Time",
        leaf("tt:Hour", at.hour),
        leaf("tt:Minute", 61 if broken else at.minute),
        leaf("tt:Second", at.second),
    )
    date = el("tt:Date", leaf("tt:Year", at.year), leaf("tt:Month", 0 if broken else at.month), leaf("tt:Day", at.day))
    return el(name, time, date)


def get_information(unit: Unit, _: Ask) -> str:
    device = the(unit).device
    maker = device.manufacturer + ("\nroot\x85\u202etxt" if unit.has(Quirk.CONTROL_TEXT) else "")
    return (
        leaf("tds:Manufacturer", maker)
        + leaf("tds:Model", device.model)
        + leaf("tds:FirmwareVersion", device.firmware)
        + leaf("tds:SerialNumber", unit.serial)
        + leaf("tds:HardwareId", device.hardware)
    )


def get_hostname(unit: Unit, _: Ask) -> str:
    return el("tds:HostnameInformation", leaf("tt:FromDHCP", False), leaf("tt:Name", f"cam-{unit.serial[-6:]}"))


def get_network(unit: Unit, _: Ask) -> str:
    info = el("tt:Info", leaf("tt:Name", "eth0"), leaf("tt:HwAddress", unit.mac), leaf("tt:MTU", 1500))
    manual = el("tt:Manual", leaf("tt:Address", unit.address), leaf("tt:PrefixLength", 24))
    ipv4 = el("tt:IPv4", leaf("tt:Enabled", True), el("tt:Config", manual, leaf("tt:DHCP", False)))
    return el("tds:NetworkInterfaces", leaf("tt:Enabled", True), info, ipv4, token="eth0")


def get_scopes(unit: Unit, _: Ask) -> str:
    scopes = the(unit).discovery.scopes
    return "".join(el("tds:Scopes", leaf("tt:ScopeDef", "Fixed"), leaf("tt:ScopeItem", scope)) for scope in scopes)


def get_services(unit: Unit, _: Ask) -> str:
    version = el("tds:Version", leaf("tt:Major", 2), leaf("tt:Minor", 60))
    return "".join(
        el("tds:Service", leaf("tds:Namespace", NAMESPACES[name]), leaf("tds:XAddr", xaddr(unit, name)), version)
        for name in the(unit).services
    )


def get_capabilities(unit: Unit, _: Ask) -> str:
    listed = the(unit).capabilities
    streaming = el(
        "tt:StreamingCapabilities",
        leaf("tt:RTPMulticast", False),
        leaf("tt:RTP_TCP", True),
        leaf("tt:RTP_RTSP_TCP", True),
    )
    # In the order of the schema's sequence.
    shapes = {"device": "tt:Device", "imaging": "tt:Imaging", "media": "tt:Media", "ptz": "tt:PTZ"}
    parts = [
        el(shape, leaf("tt:XAddr", xaddr(unit, name)), streaming if name == "media" else "")
        for name, shape in shapes.items()
        if name in listed
    ]
    if "deviceio" in listed:
        parts.append(el("tt:Extension", _deviceio(unit)))
    return el("tds:Capabilities", *parts)


def _deviceio(unit: Unit) -> str:
    audio = the(unit).audio
    return el(
        "tt:DeviceIO",
        leaf("tt:XAddr", xaddr(unit, "deviceio")),
        leaf("tt:VideoSources", len({profile.source for profile in unit.profiles})),
        leaf("tt:VideoOutputs", 0),
        leaf("tt:AudioSources", audio.sources),
        leaf("tt:AudioOutputs", audio.outputs),
        leaf("tt:RelayOutputs", 0),
    )


def get_service_capabilities(unit: Unit, _: Ask) -> str:
    auth = the(unit).auth
    security = el(
        "tds:Security",
        HttpDigest=str(auth.soap in {"http_digest", "both"}).lower(),
        UsernameToken=str(auth.soap in {"wsse", "both"}).lower(),
    )
    return el("tds:Capabilities", el("tds:Network"), security, el("tds:System"))


OPERATIONS: dict[str, Callable[[Unit, Ask], str]] = {
    "GetSystemDateAndTime": get_clock,
    "GetDeviceInformation": get_information,
    "GetHostname": get_hostname,
    "GetNetworkInterfaces": get_network,
    "GetScopes": get_scopes,
    "GetServices": get_services,
    "GetCapabilities": get_capabilities,
    "GetServiceCapabilities": get_service_capabilities,
}
