"""agent.yaml -> Settings: read, checked, secrets resolved, cameras ready-made.

What a key looks like is in entries.py, what keys mean together in checks.py, where secrets are kept in secret.py; who
uses a setting must not be known here.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from agent.model import Camera, Credentials, Ports
from agent.settings import checks, entries, secret
from agent.settings.secret import Secret
from contract import shipped, strict_yaml
from contract.messages import Identity
from contract.policy import load_policy
from contract.problems import Language
from contract.strict_yaml import ConfigError, Problem, Unfit


class Broker(Struct, frozen=True, kw_only=True):
    """One address of the MQTT broker. `ca`, `cert`, `key` are PEM files; `ca` None = no TLS."""

    host: str
    port: int
    username: str
    password: Secret | None = None
    ca: str | None = None
    cert: str | None = None
    key: str | None = None


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
    log: entries.LogEntry


def load(path: Path, *, secrets: bool = True) -> Settings:
    """The settings in the file. Raises ConfigError with all problems.

    With `secrets` False no password and no TLS file is looked up (they are None in the result), for commands that only
    want to know where something is and run without the service's rights.
    """
    try:
        content, status = secret.read(path, strict_yaml.MAX_BYTES)
    except Unfit as unfit:
        problem = Problem(source=path.name, line=0, code="unreadable", params={"why": unfit.params["why"]})
        raise ConfigError([problem]) from None
    found = strict_yaml.find(content, entries.File, source=path.name)
    return _Loading(path, status, found).settings(secrets=secrets)


def check(path: Path, language: Language) -> list[str]:
    """All that is wrong with the file, one line each, with file, line and key; empty = usable."""
    try:
        load(path)
    except ConfigError as error:
        return [problem.text(language) for problem in error.problems]
    return []


class _Loading:
    """One file on its way to Settings. Every step reports what it finds; none stops the others."""

    def __init__(self, path: Path, status: os.stat_result, found: checks.Document) -> None:
        self._path, self._status, self._found = path, status, found
        self._folder = path.absolute().parent
        self._passwords: dict[str, Secret] = {}  # by key of the section that holds it
        self._files: dict[str, str] = {}  # by key

    def settings(self, *, secrets: bool) -> Settings:
        for one in checks.ALL:
            one(self._found)
        self._check_policy()
        self._check_state_dir()
        if secrets:
            self._resolve_passwords()
            self._locate_tls_files()
        return self._built(self._found.result())

    def _check_policy(self) -> None:
        for _, file in self._found.parts(entries.File):
            if "policy" not in file:
                continue
            try:
                load_policy(self._policy(file["policy"]))
            except ConfigError as error:
                self._found.problems.extend(error.problems)
            except OSError:
                self._found.report("policy", "no_policy", known=", ".join(shipped.names("policy")))

    def _check_state_dir(self) -> None:
        """Whether it can be written is seen by the agent, which runs as another user; it may be made only then."""
        for _, file in self._found.parts(entries.File):
            place = self._folder / file.get("state_dir", "")
            with suppress(OSError):  # not ours to see into
                if place.exists() and not place.is_dir():
                    self._found.report("state_dir", "not_folder")

    def _policy(self, text: str) -> str:
        """A path counts from the folder of agent.yaml; a name of a shipped policy has neither slash nor ending."""
        return str(self._folder / text) if "/" in text or text.endswith(".yaml") else text

    def _resolve_passwords(self) -> None:
        for section in (entries.BrokerEntry, entries.CredentialEntry):
            for key, fields in self._found.parts(section):
                if (written := fields.get("password")) is None:
                    continue
                try:
                    self._passwords[key] = secret.resolve(
                        written, folder=self._folder, holder=self._path, status=self._status
                    )
                except Unfit as unfit:
                    self._found.report(f"{key}.password", unfit.code, **unfit.params)

    def _locate_tls_files(self) -> None:
        for key, tls in self._found.parts(entries.TlsEntry):
            for field, text in tls.items():
                if text is None:
                    continue
                try:
                    self._files[f"{key}.{field}"] = str(secret.pem_file(text, self._folder, private=field == "key"))
                except Unfit as unfit:
                    self._found.report(f"{key}.{field}", unfit.code, **unfit.params)

    # ---- the result -----------------------------------------------------------------------------

    def _built(self, file: entries.File) -> Settings:
        return Settings(
            gateway=file.gateway,
            broker=tuple(self._brokers(file)),
            keepalive=file.keepalive,
            state_dir=self._folder / file.state_dir,
            policy=self._policy(file.policy),
            look=file.look,
            heartbeat=file.heartbeat.interval,
            capability=file.capability,
            picture=file.picture,
            movement=file.movement,
            discovery=file.discovery,
            cameras=tuple(self._camera(entry, file) for entry in file.cameras),
            log=file.log,
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

    def _login(self, name: str | None, file: entries.File) -> Credentials | None:
        password = self._passwords.get(f"credentials.{name}")
        if name is None or password is None:
            return None
        return Credentials(file.credentials[name].user, password.reveal())
