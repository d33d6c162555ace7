"""Our own certificate, read from its file."""

import calendar
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.doctor import certificate
from tests.support.authority import Authority


def test_name_and_validity_are_those_openssl_wrote(tmp_path: Path) -> None:
    """In the 2040s (UTCTime) and beyond 2050 (GeneralizedTime); what stands before it in the file is passed over."""
    authority = Authority(tmp_path / "ca")
    for end in ("20490101000000Z", "20550607080910Z"):
        file, _ = authority.issue("4101/box-0001", end=end)
        seen = certificate.read(f"a text before it\n{file.read_text()}")
        assert seen.name == "4101/box-0001"
        assert time.strftime("%Y%m%d%H%M%SZ", time.gmtime(seen.end_s)) == end
        assert seen.begin_s == calendar.timegm((2020, 1, 1, 0, 0, 0))


@given(st.binary(max_size=60))
def test_any_bytes_are_a_certificate_or_none(content: bytes) -> None:
    """ValueError, and no other."""
    import base64

    body = base64.b64encode(content).decode()
    with pytest.raises(ValueError):  # noqa: PT011
        certificate.read(f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
