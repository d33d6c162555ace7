"""Probes as bytes, replies of every kind a camera is known to send."""

import time
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.ask.discovery.messages import (
    KINDS,
    MAX_DATAGRAM_BYTES,
    MAX_MATCHES,
    Rejection,
    Reply,
    bare,
    build,
    parse,
    scope_value,
)
from tests.agent.ask.discovery.wsd import envelope, one, probe_matches
from tests.support.examples import examples

EPR = "urn:uuid:4d454930-0000-1000-8000-bcbac2aabbcc"
XADDR = "http://192.168.1.64/onvif/device_service"


def read(data: bytes) -> Reply:
    reply = parse(data)
    assert isinstance(reply, Reply), reply
    return reply


@pytest.mark.parametrize("kind", KINDS)
def test_a_probe_is_one_line_of_well_formed_xml_with_its_own_id(kind: str) -> None:
    """Every probe is a single line, well formed, and carries an id no other probe has."""
    (first, message), (second, _) = build(kind), build(kind)
    root = ElementTree.fromstring(message)
    ids = [element.text for element in root.iter() if element.tag.endswith("MessageID")]
    assert ids == [f"urn:uuid:{first}"]
    assert first != second
    assert b"\n" not in message
    assert b"\r" not in message


def test_typed_probes_declare_the_prefix_they_use() -> None:
    """The typed probes name NVT and tds:Device in ONVIF's namespaces; the third names nothing."""
    nvt, device, untyped = (build(kind)[1] for kind in KINDS)
    assert b'xmlns:dn="http://www.onvif.org/ver10/network/wsdl">dn:NetworkVideoTransmitter<' in nvt
    assert b'xmlns:tds="http://www.onvif.org/ver10/device/wsdl">tds:Device<' in device
    assert b"onvif" not in untyped


def test_a_plain_reply_is_read_whole() -> None:
    """Endpoint reference, types, scopes, XAddrs and RelatesTo come out as the camera wrote them."""
    reply = read(probe_matches(one("ProbeMatch", XADDR, EPR), relates_to="urn:uuid:ABC"))
    (match,) = reply.matches
    assert (reply.kind, reply.relates_to) == ("ProbeMatches", {"abc"})
    assert (match.epr, match.types, match.xaddrs) == (EPR, ("dn:NetworkVideoTransmitter",), (XADDR,))
    assert match.scopes[1] == "onvif://www.onvif.org/name/Kitchen%201"


def test_a_reply_without_relates_to_or_with_an_empty_one_names_none() -> None:
    """An absent or empty RelatesTo is absent, not foreign."""
    assert read(probe_matches(one("ProbeMatch", XADDR, EPR))).relates_to == frozenset()
    assert read(probe_matches(one("ProbeMatch", XADDR, EPR), relates_to=" ")).relates_to == frozenset()


@pytest.mark.parametrize(
    ("xaddrs", "expected"),
    [
        (None, ()),
        ("", ()),
        (f"{XADDR} http://[fe80::1]/onvif/device_service", (XADDR, "http://[fe80::1]/onvif/device_service")),
        (f"\r\n  {XADDR}\n\thttps://10.0.0.9/\n", (XADDR, "https://10.0.0.9/")),
        (f"{XADDR} {XADDR}", (XADDR,)),
        ("urn:uuid:1", ("urn:uuid:1",)),
    ],
)
def test_xaddrs_are_split_at_white_space_and_may_be_missing(xaddrs: str | None, expected: tuple[str, ...]) -> None:
    """No, several, padded, doubled and non-http XAddrs are all taken down as they are."""
    assert read(probe_matches(one("ProbeMatch", xaddrs, EPR))).matches[0].xaddrs == expected


def test_scopes_padded_with_newlines_or_bare_junk_are_kept_apart() -> None:
    """Scopes are words between any white space; a bare word is kept, not dropped."""
    scopes = "\n   onvif://www.onvif.org/name/A\n\n   hello\n onvif://www.onvif.org/hardware/B  "
    match = read(probe_matches(one("ProbeMatch", XADDR, EPR, scopes=scopes))).matches[0]
    assert match.scopes == ("onvif://www.onvif.org/name/A", "hello", "onvif://www.onvif.org/hardware/B")


@pytest.mark.parametrize(
    ("scope", "value"),
    [
        ("onvif://www.onvif.org/name/Kitchen%201", "Kitchen 1"),
        ("ONVIF://www.ONVIF.org/Name/x", "x"),
        ("onvif://www.onvif.org/name/%E5%8E%A8%E6%88%BF", "厨房"),
        ("onvif://www.onvif.org/name/%B3%F8%B7%BF", "厨房"),
        ("onvif://www.onvif.org/name/a%0Ab%1b%5B31m", "a b [31m"),
        ("onvif://www.onvif.org/hardware/x", ""),
        ("onvif://www.onvif.org/name/", ""),
    ],
)
def test_the_name_is_percent_decoded_and_tidied(scope: str, value: str) -> None:
    """A name may be UTF-8 or GBK under its percent signs, and never carries control characters."""
    assert scope_value((scope,), "name") == value


@pytest.mark.parametrize("declared", ["utf-8", "gb2312", "GBK"])
def test_gbk_is_read_whatever_is_declared(declared: str) -> None:
    """GBK bytes come out as Chinese under a right and under a wrong declaration."""
    text = probe_matches(one("ProbeMatch", XADDR, EPR, scopes="onvif://www.onvif.org/name/厨房")).decode()
    reply = read(text.replace("utf-8", declared, 1).encode("gb18030"))
    assert scope_value(reply.matches[0].scopes, "name") == "厨房"


def broken() -> list[bytes]:
    good = probe_matches(one("ProbeMatch", XADDR, EPR), relates_to="urn:uuid:abc")
    return [
        b"\0\0\xff junk" + good + b"\0\0\0",
        good.replace(b' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"', b""),
        good.replace(b"</d:ProbeMatches>", b""),
        good[: good.index(b"<d:MetadataVersion>")],
        good.replace(b"<d:MetadataVersion>1", b"<d:MetadataVersion>1 & 2 < 3"),
        good.replace(b"<d:Types>", b"<d:Note>\x01\x02</d:Note><d:Types>"),
        good.replace(b"utf-8", b"no-such-encoding"),
    ]


@pytest.mark.parametrize("data", broken())
def test_broken_xml_is_salvaged(data: bytes) -> None:
    """Junk around, undeclared prefixes, cut ends, bare ampersands and control characters cost nothing that is there."""
    reply = read(data)
    assert reply.relates_to == {"abc"}
    assert (reply.matches[0].epr, reply.matches[0].xaddrs) == (EPR, (XADDR,))


def test_the_reply_to_address_is_not_the_endpoint_reference() -> None:
    """Only the Address inside an EndpointReference identifies, also where the XML is broken."""
    header = "<wsa:ReplyTo><wsa:Address>http://anonymous</wsa:Address></wsa:ReplyTo>"
    data = probe_matches(one("ProbeMatch", XADDR, EPR)).replace(b"<wsa:To>", header.encode() + b"<wsa:To>")
    assert read(data).matches[0].epr == EPR
    assert read(data.replace(b"</d:ProbeMatches>", b"")).matches[0].epr == EPR


def test_several_matches_in_one_reply_are_told_apart_and_capped() -> None:
    """An NVR may answer for several devices in one datagram, up to a cap."""
    matches = [one("ProbeMatch", XADDR, f"urn:uuid:{number}") for number in range(MAX_MATCHES + 3)]
    eprs = [match.epr for match in read(probe_matches(*matches)).matches]
    assert eprs == [f"urn:uuid:{number}" for number in range(MAX_MATCHES)]


@pytest.mark.parametrize("kind", ["Hello", "Bye"])
def test_hello_and_bye_are_read_by_the_same_reader(kind: str) -> None:
    """A Hello or Bye is one match of its own kind."""
    reply = read(envelope(one(kind, XADDR, EPR), None).encode())
    assert (reply.kind, len(reply.matches), reply.matches[0].epr) == (kind, 1, EPR)


PRINTER = (
    probe_matches(one("ProbeMatch", "http://10.0.0.7:5357/x", EPR, types="wsdp:Device wprt:Printer", scopes=""))
    .replace(b' xmlns:dn="http://www.onvif.org/ver10/network/wsdl"', b"")
)  # fmt: skip


NOT_ONVIF = Rejection.NOT_ONVIF


def test_a_camera_that_calls_itself_a_computer_too_names_onvif() -> None:
    """An ONVIF scope, or its type, counts more than another trade's word beside it."""
    types = "pub:Computer dn:NetworkVideoTransmitter"
    assert isinstance(parse(probe_matches(one("ProbeMatch", XADDR, EPR, types=types, scopes=""))), Reply)
    assert isinstance(parse(probe_matches(one("ProbeMatch", XADDR, EPR, types="pub:Computer"))), Reply)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", Rejection.MALFORMED),
        (b"\0" * 100, Rejection.MALFORMED),
        (b"bare junk", Rejection.MALFORMED),
        (b"<a/>", Rejection.MALFORMED),
        (b"<html><body>nope</body></html>", Rejection.MALFORMED),
        (b"x" * (MAX_DATAGRAM_BYTES + 1), Rejection.OVERSIZE),
        (b'<!DOCTYPE x [<!ENTITY a "b">]>' + probe_matches(one("ProbeMatch", XADDR, EPR)), Rejection.DOCTYPE),
        (build(KINDS[0])[1], Rejection.OTHER_MESSAGE),
        (PRINTER, Rejection.NOT_ONVIF),
        (probe_matches(one("ProbeMatch", XADDR, EPR, types="wsdp:Device wprt:PrintDeviceType", scopes="")), NOT_ONVIF),
        (probe_matches(one("ProbeMatch", XADDR, EPR, types="wsdp:Device pub:Computer", scopes="")), NOT_ONVIF),
        (probe_matches("<d:x/>" * 1001), Rejection.MALFORMED),
        (b"<a>" * 5000, Rejection.MALFORMED),
    ],
)
def test_what_is_no_reply_of_a_camera_is_named(data: bytes, why: Rejection) -> None:
    """Whatever cannot be used is rejected by its own reason, without an exception."""
    assert parse(data) is why


def test_a_doctype_in_another_encoding_expands_nothing() -> None:
    """UTF-16 hides a DOCTYPE from no check; and what is honest in it is read."""
    bomb = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]><ProbeMatches>&a;onvif</ProbeMatches>'
    assert parse(bomb.encode("utf-16")) is Rejection.DOCTYPE
    honest = (
        bomb.partition("<!DOCTYPE")[0] + "<ProbeMatches><ProbeMatch><Types>dn:onvif</Types></ProbeMatch></ProbeMatches>"
    )
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        assert isinstance(parse(honest.encode(encoding)), Reply), encoding


@pytest.mark.parametrize(
    "data",
    [
        b"<" * MAX_DATAGRAM_BYTES,
        b"<XAddrs" * (MAX_DATAGRAM_BYTES // 7),
        b"<a " + b" ".join(b'a%d=""' % n for n in range(1800)) + b"/>",
        b"<a>" + b"<b/>" * 4000,
        b"<" + b"a" * 16000 + b">",
        b"<ProbeMatches><ProbeMatch><Scopes>" + b"a " * 8000,
        b"<ProbeMatches>" + b"<ProbeMatch>" * 1300,
        b"&lt;" * 4000,
    ],
)
def test_no_datagram_takes_long(data: bytes) -> None:
    """The costliest 16 kB we could think of are read in a few milliseconds of CPU."""
    began = time.thread_time()
    for _ in range(5):
        parse(data)
    assert (time.thread_time() - began) / 5 < 0.02


@pytest.mark.parametrize("text", ["urn:uuid:0ABC-1", "uuid:0abc-1", "0abc-1", " URN:UUID:0abc-1 "])
def test_ids_compare_without_their_prefixes(text: str) -> None:
    """urn:uuid:, uuid: and nothing at all are one spelling."""
    assert bare(text) == "0abc-1"


FRAGMENTS = st.sampled_from(
    [b"<d:ProbeMatches>", b"<ProbeMatch>", b"</x>", b"<XAddrs>", b"onvif", b"&amp;", b"<Address>", b"<![CDATA[", b"]]>",
     b"<?xml version='1.0' encoding='gbk'?>", b"<RelatesTo>", b"\xff\xfe", b"<!--", b"<Envelope", b">", b"\xed\xa0\x80"]
)  # fmt: skip


@settings(max_examples=examples(300, 10_000), deadline=None)
@given(st.binary(max_size=400) | st.lists(FRAGMENTS | st.binary(max_size=6), max_size=40).map(b"".join))
def test_arbitrary_bytes_never_raise(data: bytes) -> None:
    """Any bytes give a Reply or a Rejection."""
    assert isinstance(parse(data), Reply | Rejection)


@settings(max_examples=examples(200, 10_000), deadline=None)
@given(st.integers(0, 900), st.binary(min_size=1, max_size=8))
def test_a_mutated_reply_never_raises_and_stays_printable(place: int, noise: bytes) -> None:
    """A reply with some bytes replaced is read or rejected, and whatever is read is printable."""
    good = probe_matches(one("ProbeMatch", XADDR, EPR), relates_to="urn:uuid:abc")
    reply = parse(good[:place] + noise + good[place + len(noise) :])
    if isinstance(reply, Reply):
        words = [w for m in reply.matches for w in (m.epr, *m.types, *m.scopes, *m.xaddrs)]
        assert all(word.isprintable() and len(word) <= 200 for word in words)
