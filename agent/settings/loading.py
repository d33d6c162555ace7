"""agent.yaml -> Settings: read, checked, secrets resolved, cameras ready-made.

What a key looks like is in entries.py, what keys mean together in checks.py, where secrets are kept in secret.py.
"""

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from agent.files import write_atomically
from agent.model import Camera, Credentials, Ports
from agent.settings import checks, entries, last_good, secret
from agent.settings.last_good import LastGood
from agent.settings.secret import Secret
from contract import shipped, strict_yaml
from contract.messages import Identity
from contract.plain import read_plain
from contract.policy import load_policy
from contract.problems import Language
from contract.strict_yaml import ConfigError, Problem, Unfit

log = logging.getLogger(__name__)
_WITH_PASSWORD = (entries.BrokerEntry, entries.RecoveryEntry, entries.CredentialEntry)
_STATE_DIR = re.compile(r"^state_dir:[ \t]*([^#\n]+)", re.MULTILINE)


class Broker(Struct, frozen=True, kw_only=True):
    """One address of the MQTT broker. `ca`, `cert`, `key` are PEM files; `ca` None = no TLS."""

    host: str
    port: int
    username: str
    password: Secret | None = None
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    recovery_port: int = 0
    """0 = none."""
    recovery_password: Secret | None = None


class Settings(Struct, frozen=True, kw_only=True):
    """All that is configured, valid and ready for use. Times are seconds; the sections are explained in entries.py."""

    gateway: entries.GatewayEntry
    broker: tuple[Broker, ...]
    """At least one; all with the same username and password."""
    keepalive: float
    state_dir: Path
    policy: str
    """Name of a shipped policy, or the path of a file."""
    look: entries.LookEntry
    heartbeat: float
    """Seconds between heartbeats."""
    capability: entries.CapabilityEntry
    picture: entries.PictureEntry
    movement: entries.MovementEntry
    discovery: entries.DiscoveryEntry
    cameras: tuple[Camera, ...]
    recorders: Mapping[str, Camera]
    """Slot -> the recorder's channel that shows the same camera, where one is named."""
    log: entries.LogEntry
    metrics: entries.MetricsEntry | None = None
    problems: tuple[Problem, ...] = ()
    """What is wrong with the agent.yaml in place of which this last good one runs; empty = this is that file."""
    source: Path = Path()
    """The agent.yaml."""
    good_since_s: float | None = None
    """Since when this configuration is in force, UTC s by the box's clock of then; None where it is not kept."""


def load(path: Path, *, secrets: bool = True) -> Settings:
    """The settings in the file. Raises ConfigError with all problems.

    With `secrets` False no password and no TLS file is looked up (they are None in the result), for commands that only
    want to know where something is and run without the service's rights.
    """
    return _read(path).settings(secrets=secrets)


def load_as_far(path: Path) -> tuple[Settings | None, tuple[Problem, ...]]:
    """The settings without those secrets and files that cannot be read, and all that is wrong; None = not to be used.

    For who examines the box, and has to know what can be asked all the same.
    """
    try:
        return _read(path).as_far()
    except ConfigError as error:
        return None, error.problems


def load_or_last_good(path: Path) -> Settings:
    """The settings in the file, which are kept; where it cannot be used, the last good ones with its `problems`.

    Raises ConfigError with all problems when there never was a good one, or it is of no use to this version.
    """
    try:
        loading = _read(path)
        loaded = loading.settings(secrets=True)
    except ConfigError as error:
        return _last_good(path, error)
    if loading.in_clear():
        log.info("a password stands in clear in %s: so it is not kept for the case that a new one is bad", path)
    else:  # also where it is sought when the file is gone, with what it said of state_dir
        for folder in {loaded.state_dir, *_given(path)}:
            last_good.keep(folder, loading.good())
        return structs.replace(loaded, good_since_s=last_good.since_s(loaded.state_dir))
    return loaded


def _last_good(path: Path, error: ConfigError) -> Settings:
    for folder in state_dirs(path):
        if not (kept := last_good.recall(folder, path)):
            continue
        good, status = kept
        with suppress(ConfigError):
            found = strict_yaml.find(good.text, entries.File, source=str(path))
            loaded = _Loading(path, good.text, status, found, good=good).settings(secrets=True)
            return structs.replace(loaded, problems=tuple(error.problems), good_since_s=status.st_mtime)
    raise error


def state_dirs(path: Path) -> list[Path]:
    """Where the agent of this file keeps its state: as the file says or, where it cannot be used, may have said."""
    with suppress(ConfigError):
        return [load(path, secrets=False).state_dir]
    said: list[str] = []
    with suppress(ConfigError):
        said = [file["state_dir"] for _, file in _read(path).found.parts(entries.File) if "state_dir" in file]
    named = [path.absolute().parent / one for one in said or _searched(path)]
    return [*named, *_given(path), path.absolute().parent / entries.STATE_DIR]


def _searched(path: Path) -> list[str]:
    """What stands behind state_dir in a text that is no YAML."""
    try:
        text = secret.read(path, strict_yaml.MAX_BYTES)[0].decode("utf-8", "replace")
    except Unfit:
        return []
    return [one for found in _STATE_DIR.findall(text) if (one := found.strip().strip("\"'")) and one.isprintable()]


def _given(path: Path) -> list[Path]:
    """The folder that systemd made for the agent (systemd.exec(5))."""
    return [path.absolute().parent / one for one in os.environ.get("STATE_DIRECTORY", "").split(":") if one]


def _read(path: Path) -> "_Loading":
    try:
        content, status = secret.read(path, strict_yaml.MAX_BYTES)
    except Unfit as unfit:
        problem = Problem(source=str(path), line=0, code="unreadable", params={"why": unfit.params["why"]})
        raise ConfigError([problem]) from None
    return _Loading(path, content, status, strict_yaml.find(content, entries.File, source=str(path)))


def check(path: Path, language: Language) -> list[str]:
    """All that is wrong with the file, one line each, with file, line and key; empty = usable."""
    try:
        load(path)
    except ConfigError as error:
        return [problem.text(language) for problem in error.problems]
    return []


class _Loading:
    """One file on its way to Settings. Every step reports what it finds; none stops the others.

    With `good` the text is a last good one. What it refers to and can no longer be read is taken from there, or is
    missing: what is wrong has been told of the file in place of which it runs.
    """

    def __init__(
        self, path: Path, text: bytes, status: os.stat_result, found: checks.Document, *, good: LastGood | None = None
    ) -> None:
        self._path, self._text, self._status, self.found = path, text, status, found
        self._recalled = good is not None
        self._good = good or LastGood(source=str(path.absolute()), text=text, files={})
        self._folder = path.absolute().parent
        self._passwords: dict[str, Secret] = {}  # by key of the section that holds it
        self._files: dict[str, str] = {}  # by key
        self._kept_policy = ""

    def settings(self, *, secrets: bool) -> Settings:
        self._check()
        if secrets:
            self._resolve_passwords()
            self._locate_tls_files()
        return self._built(self.found.result())

    def as_far(self) -> tuple[Settings | None, tuple[Problem, ...]]:
        self._check()
        usable = not self.found.problems
        self._resolve_passwords()
        self._locate_tls_files()
        problems = ConfigError(self.found.problems).problems if self.found.problems else ()
        if not usable:
            return None, problems
        self.found.problems.clear()
        return self._built(self.found.result()), problems

    def _check(self) -> None:
        for one in checks.ALL:
            one(self.found)
        self._check_policy()
        self._check_state_dir()

    def _pems(self) -> Iterator[tuple[str, bytes]]:
        return ((key, read_plain(Path(file))) for key, file in self._files.items() if not key.endswith(".key"))

    def in_clear(self) -> bool:
        """Whether a password stands in the file itself."""
        written = [fields.get("password") for section in _WITH_PASSWORD for _, fields in self.found.parts(section)]
        return any(secret.is_in_clear(one) for one in written if one is not None)

    def good(self) -> LastGood:
        """What is to be kept, once `settings` has found all of it good."""
        policy = self._policy(self.found.result().policy)
        return LastGood(
            source=str(self._path.absolute()),
            text=self._text,
            files={key: pem for key, pem in self._pems() if b"PRIVATE KEY" not in pem},
            policy=read_plain(Path(policy)) if "/" in policy else None,
        )

    def _check_policy(self) -> None:
        for _, file in self.found.parts(entries.File):
            if "policy" not in file:
                continue
            try:
                load_policy(self._policy(file["policy"]))
            except (ConfigError, OSError) as error:
                if self._good.policy is not None:
                    self._kept_policy = self._restored(file, "policy.yaml", self._good.policy)
                elif isinstance(error, ConfigError):
                    self.found.problems.extend(error.problems)
                else:
                    self.found.report("policy", "no_policy", known=", ".join(shipped.names("policy")))

    def _restored(self, file: Mapping[str, Any], name: str, content: bytes) -> str:
        """The path of a copy of what was kept, beside the journal: whoever uses it wants a file."""
        path = self._folder / file.get("state_dir", "") / f"last-good.{name}"
        with suppress(OSError):
            write_atomically(path, content)
        return str(path)

    def _check_state_dir(self) -> None:
        """Whether it can be written is seen by the agent, which runs as another user; it may be made only then."""
        for _, file in self.found.parts(entries.File):
            place = self._folder / file.get("state_dir", "")
            with suppress(OSError):  # not ours to see into
                if place.exists() and not place.is_dir():
                    self.found.report("state_dir", "not_folder")

    def _policy(self, text: str) -> str:
        """A path counts from the folder of agent.yaml; a name of a shipped policy has neither slash nor ending."""
        return str(self._folder / text) if "/" in text or text.endswith(".yaml") else text

    def _resolve_passwords(self) -> None:
        for section in _WITH_PASSWORD:
            for key, fields in self.found.parts(section):
                if (written := fields.get("password")) is None:
                    continue
                try:
                    self._passwords[key] = secret.resolve(
                        written, folder=self._folder, holder=self._path, status=self._status
                    )
                except Unfit as unfit:
                    if not self._recalled:
                        self.found.report(f"{key}.password", unfit.code, **unfit.params)

    def _locate_tls_files(self) -> None:
        for key, tls in self.found.parts(entries.TlsEntry):
            for field, text in tls.items():
                if text is None:
                    continue
                self._locate(f"{key}.{field}", text, private=field == "key")

    def _locate(self, key: str, text: str, *, private: bool) -> None:
        try:
            self._files[key] = str(secret.pem_file(text, self._folder, private=private))
        except Unfit as unfit:
            if not self._recalled:
                self.found.report(key, unfit.code, **unfit.params)
            elif key not in self._good.files:
                self._files[key] = str(unfit.params["path"])  # the line says what is wrong with it
            else:
                for _, file in self.found.parts(entries.File):
                    self._files[key] = self._restored(file, f"{key}.pem", self._good.files[key])

    # ---- the result -----------------------------------------------------------------------------

    def _built(self, file: entries.File) -> Settings:
        return Settings(
            gateway=file.gateway,
            broker=tuple(self._brokers(file)),
            keepalive=file.keepalive,
            state_dir=self._folder / file.state_dir,
            policy=self._kept_policy or self._policy(file.policy),
            look=file.look,
            heartbeat=file.heartbeat.interval,
            capability=file.capability,
            picture=file.picture,
            movement=file.movement,
            discovery=file.discovery,
            cameras=tuple(self._camera(entry, file) for entry in file.cameras),
            recorders={
                entry.slot: self._recorder(entry.slot, entry.recorder, file) for entry in file.cameras if entry.recorder
            },
            log=file.log,
            metrics=file.metrics,
            source=self._path,
        )

    def _brokers(self, file: entries.File) -> Iterator[Broker]:
        username = file.broker[0].username or f"{file.gateway.city}/{file.gateway.id}"
        for index, entry in enumerate(file.broker):
            key = f"broker[{index}]"
            yield Broker(
                host=entry.host,
                port=entry.port,
                username=username,
                password=self._passwords.get("broker[0]"),
                ca=self._files.get(f"{key}.tls.ca"),
                cert=self._files.get(f"{key}.tls.cert"),
                key=self._files.get(f"{key}.tls.key"),
                recovery_port=entry.recovery.port if entry.recovery else 0,
                recovery_password=self._passwords.get(f"{key}.recovery"),
            )

    def _camera(self, entry: entries.CameraEntry, file: entries.File) -> Camera:
        identity = entry.identity
        return Camera(
            slot=entry.slot,
            address=entry.address,
            name=entry.name,
            zone=entry.zone,
            ports=Ports(onvif=entry.onvif_port, rtsp=entry.rtsp_port),
            channel=entry.channel,
            tls=entry.tls,
            tls_pin=entry.tls_pin,
            credentials=self._login(entry.credentials, file),
            rtsp_credentials=self._login(entry.rtsp_credentials, file),
            identity=Identity(mac=identity.mac, epr=identity.epr, serial=identity.serial),
            onvif_path=entry.onvif_path,
            stream_path=entry.stream_path,
            allow_basic=entry.allow_basic,
            panoramic=entry.panoramic,
        )

    def _recorder(self, slot: str, entry: entries.RecorderEntry, file: entries.File) -> Camera:
        return Camera(
            slot=slot,
            address=entry.address,
            ports=Ports(rtsp=entry.rtsp_port),
            stream_path=entry.stream_path,
            credentials=self._login(entry.credentials, file),
        )

    def _login(self, name: str | None, file: entries.File) -> Credentials | None:
        password = self._passwords.get(f"credentials.{name}")
        if name is None or password is None:
            return None
        return Credentials(file.credentials[name].user, password.reveal())
