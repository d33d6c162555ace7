"""A box for doctors: a folder with a configuration, and what was found of it."""

from collections.abc import Callable, Iterable
from pathlib import Path

from agent.doctor.examination import examine
from agent.doctor.rows import Area, Row
from simulator.unit import Unit

PASSWORD = "canteen-2021"


def box(
    folder: Path,
    *,
    broker: str = "{host: 127.0.0.1, port: 9}",
    credentials: str = "{}",
    cameras: Iterable[str] = (),
    state: Path | None = None,
    more: str = "",
) -> Path:
    """Its agent.yaml, for its owner alone; the folder of the state is made."""
    state = state or folder / "state"
    state.mkdir(mode=0o700, exist_ok=True)
    file = folder / "agent.yaml"
    file.touch(mode=0o600)
    file.write_text(
        f"gateway: {{id: box-0001, city: '4101'}}\nbroker: [{broker}]\nstate_dir: {state}\n"
        "discovery: {enabled: false, loopback: true}\n"
        f"credentials: {credentials}\ncameras: [{', '.join(cameras)}]\n{more}"
    )
    return file


def secret(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.touch(mode=0o600)
    file.write_text(text)
    return file


def slot(unit: Unit, credentials: str = "kitchen") -> str:
    return (
        f"{{slot: {unit.spec.slot}, address: {unit.address}, onvif_port: {unit.onvif_port},"
        f" rtsp_port: {unit.rtsp_port}, credentials: {credentials}}}"
    )


def found(config: Path, area: Area) -> list[Row]:
    return [row for row in examine(config, "en").rows if row.area is area]


def told(act: Callable[[Callable[[Row], None]], None]) -> list[Row]:
    """The rows of one check."""
    rows: list[Row] = []
    act(rows.append)
    return rows
