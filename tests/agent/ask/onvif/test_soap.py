"""Requests built and signed by onvif-zeep, and what importing it must not do."""

import base64
import hashlib
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.ask.attempt import Trouble
from agent.ask.onvif import soap, wsdl
from agent.model import Credentials
from contract.vocabulary import Reason

CREDENTIALS = Credentials("admin", "canary")


def in_a_process(code: str) -> str:
    """What the code prints in an interpreter of its own."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(
    ("service", "operation"), [(service, one) for service, some in soap.OPERATIONS.items() for one in some]
)
def test_every_operation_kept_of_the_wsdl_can_be_built(service: str, operation: str) -> None:
    """The reduced WSDL still describes each operation that we ask, and names its action."""
    arguments = {
        "GetServices": {"IncludeCapability": False},
        "GetConfigurationOptions": {"ConfigurationToken": "t"},
        "GetMoveOptions": {"VideoSourceToken": "t"},
        "GetStatus": {"ProfileToken": "t"},
        "GetSnapshotUri": {"ProfileToken": "t"},
        "GetAudioDecoderConfigurationOptions": {"ConfigurationToken": "t"},
        "GetStreamUri": {
            "StreamSetup": {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}},
            "ProfileToken": "t",
        },
    }.get(operation, {})
    message = soap.build(service, operation, arguments)
    assert f":{operation} ".encode() in message.body
    assert message.headers["Content-Type"].endswith(f'/{operation}"')


def test_a_token_is_signed_in_the_cameras_time_and_ends_in_z() -> None:
    """PasswordDigest over nonce, Created (ahead by the camera's skew) and password (WSS 1.1), never the password."""
    message = soap.build("media", "GetProfiles", {}, soap.Signature(CREDENTIALS, 3600))
    nonce, created, digest = (
        re.search(rf"<ws(?:se|u):{name}[^>]*>([^<]*)<", message.body.decode())[1]  # type: ignore[index]
        for name in ("Nonce", "Created", "Password")
    )
    assert created.endswith("Z")
    assert abs(datetime.fromisoformat(created) - datetime.now(UTC) - timedelta(hours=1)) < timedelta(seconds=5)
    right = hashlib.sha1(base64.b64decode(nonce) + created.encode() + b"canary").digest()
    assert base64.b64encode(right).decode() == digest
    assert b"canary" not in message.body
    assert b"PasswordText" not in message.body


def test_each_signature_has_a_nonce_of_its_own_and_none_is_left_behind() -> None:
    """Cameras refuse a nonce seen before; and a request without token after one with it carries none."""
    token = soap.Signature(CREDENTIALS, 0)
    bodies = [soap.build("media", "GetProfiles", {}, token).body for _ in range(2)]
    nonces = {re.search(rb"Nonce[^>]*>([^<]*)<", body)[1] for body in bodies}  # type: ignore[index]
    assert len(nonces) == 2
    assert b"Security" not in soap.build("media", "GetProfiles", {}).body


@pytest.mark.parametrize("token", [None, soap.Signature(CREDENTIALS, 0)])
def test_hand_made_requests_escape_their_arguments(token: object) -> None:
    """A profile token with markup in it stays text in a Media2 request, signed or not."""
    body = soap.build("media2", "GetStreamUri", {"ProfileToken": "<a>&"}, token).body.decode()
    assert re.search(r"ProfileToken>&lt;a(&gt;|>)&amp;<", body)
    assert ("Security" in body) is (token is not None)


def test_importing_the_library_leaves_logging_and_environment_alone() -> None:
    """The onvif package configures the root logger at import; we put back what was there, and load no requests."""
    code = (
        "import logging, os, sys; os.environ['http_proxy'] = 'x'; from agent.ask.onvif import soap; soap.load(); "
        "print(logging.getLogger().handlers, logging.getLogger().level, os.environ['http_proxy'], "
        "[name for name in sys.modules if name.startswith('requests')])"
    )
    assert in_a_process(code) == "[] 30 x []"


def test_missing_wsdl_files_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the WSDL files are nowhere, the trouble says what to do and where it looked."""
    monkeypatch.setattr("importlib.metadata.files", lambda _: [])
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(Trouble) as raised:
        wsdl.folder(tmp_path)
    assert raised.value.reason is Reason.AGENT_FAULT
    assert "reinstall" in raised.value.detail
    assert str(tmp_path / "wsdl") in raised.value.detail


def test_wsdl_files_are_found_by_the_file_list_too(tmp_path: Path) -> None:
    """Where they do not lie beside the package, the distribution's own file list says where they are."""
    assert (wsdl.folder(tmp_path) / "devicemgmt.wsdl").is_file()


def test_the_daemon_never_loads_what_the_child_needs() -> None:
    """Importing the parent's side loads neither zeep nor onvif nor lxml."""
    code = (
        "import sys; from agent.ask import inspection; print({'zeep', 'onvif', 'lxml', 'requests'} & set(sys.modules))"
    )
    assert in_a_process(code) == "set()"
