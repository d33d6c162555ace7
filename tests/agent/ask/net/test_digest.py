"""Digest and Basic: the RFCs' own examples, and challenges as cameras write them."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.ask.attempt import Trouble
from agent.ask.net.digest import Challenge, attempts_left, authorization, challenges, choose, forgives_s
from agent.model import Credentials
from contract.vocabulary import Reason

MUFASA = Credentials("Mufasa", "Circle of Life")
RFC2617 = (
    'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
    'opaque="5ccc069c403ebaf9f0171e9517f40e41"'
)
RFC7616 = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def pick(*headers: str, allow_basic: bool = False) -> Challenge:
    return choose(headers, allow_basic=allow_basic)


def field(authorization_: str, name: str) -> str:
    (challenge,) = challenges([authorization_])
    return challenge.params[name]


def test_rfc2617_example() -> None:
    """RFC 2617, 3.5: MD5 with qop=auth."""
    answer = authorization(
        pick(RFC2617), Credentials("Mufasa", "Circle Of Life"), "GET", "/dir/index.html", cnonce="0a4f113b"
    )
    assert field(answer, "response") == "6629fae49393a05397450978507c4ef1"
    assert field(answer, "opaque") == "5ccc069c403ebaf9f0171e9517f40e41"
    assert "qop=auth, nc=00000001" in answer


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_rfc7616_examples(algorithm: str, response: str) -> None:
    """RFC 7616, 3.9.1: the same request under MD5 and SHA-256."""
    answer = authorization(pick(RFC7616.format(algorithm)), MUFASA, "GET", "/dir/index.html", cnonce=CNONCE)
    assert field(answer, "response") == response
    assert field(answer, "algorithm") == algorithm


def test_without_qop_neither_cnonce_nor_count_is_sent() -> None:
    """A challenge without qop is answered as RFC 2069 does, with nothing a simple camera might stumble over."""
    answer = authorization(
        pick('Digest realm="Camera", nonce="abc"'), Credentials("admin", "x"), "DESCRIBE", "rtsp://1.2.3.4:554/a"
    )
    ha1 = hashlib.md5(b"admin:Camera:x").hexdigest()
    ha2 = hashlib.md5(b"DESCRIBE:rtsp://1.2.3.4:554/a").hexdigest()
    assert field(answer, "response") == hashlib.md5(f"{ha1}:abc:{ha2}".encode()).hexdigest()
    assert not any(word in answer for word in ("cnonce", "qop", "nc=", "algorithm", "opaque"))


def test_auth_int_hashes_the_body() -> None:
    """Where only auth-int is offered, the body's hash goes into the response (RFC 7616, 3.4.3)."""
    challenge = pick('Digest realm="r", nonce="n", qop="auth-int"')
    one, other = (authorization(challenge, MUFASA, "POST", "/", body, cnonce="c") for body in (b"<a/>", b"<b/>"))
    assert field(one, "qop") == "auth-int"
    assert field(one, "response") != field(other, "response")


def test_sess_variant() -> None:
    """-sess hashes nonce and cnonce into the key (RFC 7616, 3.4.2)."""
    answer = authorization(
        pick('Digest realm="r", nonce="n", qop="auth", algorithm=MD5-sess'), MUFASA, "GET", "/", cnonce="c"
    )
    inner = hashlib.md5(b"Mufasa:r:Circle of Life").hexdigest()
    ha1, ha2 = hashlib.md5(f"{inner}:n:c".encode()).hexdigest(), hashlib.md5(b"GET:/").hexdigest()
    assert field(answer, "response") == hashlib.md5(f"{ha1}:n:00000001:c:auth:{ha2}".encode()).hexdigest()


@pytest.mark.parametrize("joined", [True, False])
@pytest.mark.parametrize("order", [("MD5", "SHA-256"), ("SHA-256", "MD5")])
def test_two_challenges_are_never_mixed(order: tuple[str, str], joined: bool) -> None:
    """Of MD5 and SHA-256 with a nonce each, in one header or two, one is picked whole."""
    headers = [f'Digest realm="r", nonce="of {name}", algorithm={name}, qop="auth"' for name in order]
    picked = choose([", ".join(headers)] if joined else headers, allow_basic=False)
    assert (picked.algorithm, picked.params["nonce"]) == ("SHA-256", "of SHA-256")


def test_qop_with_auth_int_picks_auth() -> None:
    """qop="auth,auth-int" (Sony) is answered with auth."""
    assert pick('Digest realm="r", nonce="n", qop="auth-int, auth"').qop == "auth"


def test_digest_before_basic() -> None:
    """Where Digest is offered, Basic is not used, allowed or not."""
    assert pick('Basic realm="r"', 'Digest realm="r", nonce="n"', allow_basic=True).scheme == "digest"


def test_only_basic_is_refused_unless_allowed() -> None:
    """Basic shows the password: only a camera whose settings say so gets it."""
    with pytest.raises(Trouble) as caught:
        pick('Basic realm="r"')
    assert (caught.value.reason, caught.value.detail) == (Reason.REFUSED, "only Basic offered")
    answer = authorization(pick('Basic realm="r"', allow_basic=True), Credentials("管", "p:w"), "GET", "/")
    assert base64.b64decode(answer.removeprefix("Basic ")).decode() == "管:p:w"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Negotiate",
        "Bearer abc==",
        'Digest realm="r"',
        'Digest nonce="n"',
        'Digest realm="r", nonce="n", algorithm=SHA-512-256',
        'Digest realm="r", nonce="n", qop="token"',
        'Digest realm="r", nonce="a\rX: y"',
        'Digest realm="r", nonce="never closed',
    ],
)
def test_unusable_challenges_are_refused(header: str) -> None:
    """A challenge that cannot be answered rightly and safely is not answered at all."""
    with pytest.raises(Trouble) as caught:
        pick(header)
    assert caught.value.reason is Reason.REFUSED


def test_the_cameras_bytes_go_back_as_they_came() -> None:
    """A realm in GBK or with quoted pairs is hashed and echoed byte for byte."""
    realm = "海康".encode("gb18030").decode("latin-1") + r"\"x\""
    answer = authorization(pick(f'Digest realm="{realm}", nonce="n"'), Credentials("a", "b"), "GET", "/")
    ha1 = hashlib.md5(b"a:" + realm.encode("latin-1") + b":b").hexdigest()
    ha2 = hashlib.md5(b"GET:/").hexdigest()
    assert field(answer, "realm") == realm
    assert field(answer, "response") == hashlib.md5(f"{ha1}:n:{ha2}".encode()).hexdigest()


def test_stale() -> None:
    """stale is read in any case and quoting."""
    assert all(pick(f'Digest realm="r", nonce="n", stale={word}').stale for word in ("true", '"TRUE"', '"True"'))
    assert not pick('Digest realm="r", nonce="n", stale="FALSE"').stale


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("You still have 29 attempt(s)", 29),
        ("still have 4 attempts before lock", 4),
        ("Invalid, 3 more attempts left", 3),
        ("Unauthorized", None),
        ("99999999999 attempts", None),
    ],
)
def test_attempts_left(text: str, left: int | None) -> None:
    """The countdown that Dahua and others write into a refusal is read."""
    assert attempts_left(text) == left


@given(st.lists(st.text(st.characters(max_codepoint=255), max_size=80) | st.just(RFC2617[:70]), max_size=4))
def test_no_challenge_can_hurt(headers: list[str]) -> None:
    """Any header either yields an answer in one line or a Trouble."""
    try:
        challenge = choose(headers, allow_basic=True)
    except Trouble:
        return
    assert not set(authorization(challenge, MUFASA, "GET", "/")) & set("\r\n\0")


@pytest.mark.parametrize(
    ("text", "header", "seconds"),
    [
        ("", "", None),
        ("Sender not authorized", "", None),
        ("You still have 29 attempt(s)", "", None),
        ("", "120", 120),
        ("", "Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("The account is locked for 5 minutes", "", 300),
        ("Login failed, please try again in 30 seconds.", "", 30),
        ("Account locked. Retry after 1 hour", "", 3600),
        ("账号已锁定，请5分钟后重试", "", 300),
        ("账户被锁定，剩余 1800 秒", "", 1800),
        ("<userCheck><lockStatus>lock</lockStatus><unlockTime>1800</unlockTime></userCheck>", "", 1800),
        ("<userCheck><lockStatus>unlock</lockStatus><unlockTime>0</unlockTime></userCheck>", "", None),
        ("locked", "99999999999", None),
    ],
)
def test_when_a_camera_says_that_it_forgives(text: str, header: str, seconds: float | None) -> None:
    """Retry-After in seconds, words of a lock with a time, Hikvision's own element; else it is not known."""
    assert forgives_s(text, header) == seconds
