"""What one run leaves for the next: how each camera wants to be asked, what moving it proved.

Losing the file costs one round of questions and of movements, never a fact; verdicts and transitions must not be kept
here.
"""

import logging
import threading
import time
from pathlib import Path

import msgspec
from msgspec import Struct

from agent import files
from agent.decide.proof import Proof
from agent.model import Camera
from contract.messages import BROKEN_JSON, Identity

log = logging.getLogger(__name__)
RETRY_S = 10.0
"""How long a disk that took nothing is left alone."""


class Learnt(Struct, frozen=True, kw_only=True):
    """What the capability questions taught about one slot. `auth`: none, wsse or digest; "" = not learnt.

    `sub_port`, `sub_path`: its smaller stream, `snapshot_port`, `snapshot_path`: its JPEG; "" = none known.
    """

    address: str = ""
    stream_port: int = 0
    stream_path: str = ""
    sub_port: int = 0
    sub_path: str = ""
    snapshot_port: int = 0
    snapshot_path: str = ""
    auth: str = ""


class _File(Struct, kw_only=True):
    learnt: dict[str, Learnt] = {}
    identities: dict[str, Identity] = {}
    nics: dict[str, str] = {}
    proofs: dict[str, Proof] = {}


class LearntFile:
    """What was learnt of the cameras, kept over restarts. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._changed = False
        self._retry_at, self._trouble = 0.0, ""
        try:
            self._file = msgspec.json.decode(files.read(path), type=_File)
        except FileNotFoundError:
            self._file = _File()
        except (OSError, *BROKEN_JSON) as error:
            why = getattr(error, "strerror", "") or error
            log.warning("%s cannot be used (%s): asking the cameras anew", path, why)
            self._file = _File()

    def recall(self, camera: Camera) -> Camera:
        """The camera with what was learnt of it: identity, way, and its stream unless its settings name one."""
        camera = self.identified(camera)
        learnt = self.learnt(camera)
        if camera.stream_path or not learnt.stream_path:
            return camera
        ports = msgspec.structs.replace(camera.ports, rtsp=learnt.stream_port or camera.ports.rtsp)
        return msgspec.structs.replace(camera, stream_path=learnt.stream_path, ports=ports)

    def recall_sub(self, camera: Camera) -> Camera | None:
        """The camera with its smaller stream; None where none is known, or its settings name the stream to be seen."""
        learnt = self.learnt(camera)
        if camera.stream_path or not learnt.sub_path:
            return None
        ports = msgspec.structs.replace(camera.ports, rtsp=learnt.sub_port or camera.ports.rtsp)
        return msgspec.structs.replace(self.identified(camera), stream_path=learnt.sub_path, ports=ports)

    def recall_snapshot(self, camera: Camera) -> tuple[Camera, str] | None:
        """The camera with the port of its JPEG, and the path there; None where none is known."""
        learnt = self.learnt(camera)
        if not learnt.snapshot_path:
            return None
        ports = msgspec.structs.replace(camera.ports, onvif=learnt.snapshot_port or camera.ports.onvif)
        return msgspec.structs.replace(self.identified(camera), ports=ports), learnt.snapshot_path

    def identified(self, camera: Camera) -> Camera:
        """The camera with all that is known of its identity, and over which interface it was last reached."""
        nic = self._file.nics.get(camera.slot, "")
        return msgspec.structs.replace(camera, identity=self._identity(camera), nic=nic)

    def _identity(self, camera: Camera) -> Identity:
        """What the settings say before what was learnt; where they differ a person has named another device."""
        said, learnt = camera.identity, self._file.identities.get(camera.slot, Identity())
        pairs = zip(_ids(said), _ids(learnt), strict=True)
        if any(named and known and named.lower() != known.lower() for named, known in pairs):
            return said
        return Identity(mac=said.mac or learnt.mac, epr=said.epr or learnt.epr, serial=said.serial or learnt.serial)

    def learnt(self, camera: Camera) -> Learnt:
        learnt = self._file.learnt.get(camera.slot, Learnt())
        return learnt if learnt.address == camera.address else Learnt()

    def learn(self, camera: Camera, learnt: Learnt) -> bool:
        """Keep it; whether it was news."""
        with self._lock:
            news = self._file.learnt.get(camera.slot) != learnt
            if news:
                self._file.learnt[camera.slot] = learnt
                self._changed = True
            return news

    def learn_nic(self, slot: str, nic: str) -> None:
        """The slot's camera was just reached over this interface of ours; "" = that is not known."""
        if nic and self._file.nics.get(slot) != nic:
            with self._lock:
                self._file.nics[slot] = nic
                self._changed = True

    def learn_identity(self, slot: str, identity: Identity) -> None:
        """Keep it; what the settings say of the slot's identity goes before it all the same."""
        with self._lock:
            if self._file.identities.get(slot) != identity:
                self._file.identities[slot] = identity
                self._changed = True

    def proof(self, slot: str) -> Proof | None:
        """What the slot's last movement proved; whether it still holds is not looked at here."""
        return self._file.proofs.get(slot)

    def keep_proof(self, slot: str, proof: Proof) -> None:
        with self._lock:
            self._file.proofs[slot] = proof
            self._changed = True

    def save_if_changed(self) -> None:
        """Write the file if anything changed. One that cannot be is said once, and tried again RETRY_S later."""
        with self._lock:
            if not self._changed or time.monotonic() < self._retry_at:
                return
            self._changed = False
            content = msgspec.json.encode(self._file)
        try:
            files.write_atomically(self._path, content, durable=True)
        except OSError as error:
            with self._lock:
                self._changed, self._retry_at = True, time.monotonic() + RETRY_S
            trouble = error.strerror or str(error)
            if trouble != self._trouble:
                log.warning("cannot write %s: %s", self._path, trouble)
            self._trouble = trouble
        else:
            self._trouble = ""


def _ids(identity: Identity) -> tuple[str, str, str]:
    return identity.mac, identity.epr, identity.serial
