"""Two-way audio beyond its offer: opened, heard, or only the vendor's own."""

import pytest
from msgspec.structs import replace

from agent.decide.judge import judge
from agent.model import UNASKED, Backchannel, NotSeen, Seen, Talk
from contract.messages import Verdict
from contract.reasons import explain
from contract.vocabulary import Clause, Reason
from tests.agent.decide.builders import DECODER, POLICY, backchannel, evidence, no, of, seen

OPENED = Seen(value=True)
LEAST = POLICY.capability.min_talk_correlation.value


def judged(talk: Talk, offer: Seen[Backchannel] | NotSeen | None = None, **capabilities: object) -> Verdict:
    given = evidence(talk=offer or backchannel(True, codecs=("PCMU",)), **capabilities)
    return of(judge(replace(given, talk=talk), POLICY), Clause.TWO_WAY_AUDIO)


TRIED = [
    ("untried", Talk(), ("MET", "E3", "")),
    ("opened", Talk(setup=OPENED), ("MET", "E3", "")),
    ("refused", Talk(setup=no()), ("UNPROVEN", "E3", "SETUP_FAILED")),
    ("somebody talks", Talk(setup=no(Reason.BUSY)), ("MET", "E3", "")),
    ("hung", Talk(setup=no(Reason.TIMED_OUT)), ("MET", "E3", "")),
    ("gone meanwhile", Talk(setup=no(Reason.UNASKED)), ("MET", "E3", "")),
    ("hostile", Talk(setup=no(Reason.HOSTILE)), ("MET", "E3", "")),
    ("heard", Talk(setup=OPENED, heard=Seen(value=0.7)), ("MET", "E4", "")),
    ("just heard", Talk(setup=OPENED, heard=Seen(value=LEAST)), ("MET", "E4", "")),
    ("just not heard", Talk(setup=OPENED, heard=Seen(value=LEAST - 0.001)), ("MET", "E3", "")),
    ("half duplex", Talk(setup=OPENED, heard=Seen(value=0.0), half_duplex=True), ("MET", "E3", "")),
    ("no microphone", Talk(setup=OPENED, heard=no()), ("MET", "E3", "")),
    ("a vendor's path beside", Talk(setup=OPENED, vendor="isapi"), ("MET", "E3", "")),
]


@pytest.mark.parametrize(("talk", "expected"), [row[1:] for row in TRIED], ids=[row[0] for row in TRIED])
def test_an_offer_put_to_the_test(talk: Talk, expected: tuple[str, str, str]) -> None:
    """A chirp that was heard is E4; a refused SETUP unproves the offer; nothing else takes anything away from it."""
    found = judged(talk)
    assert (found.standing, found.level, found.reason) == expected
    assert found.proof[0] == "DESCRIBE with Require: audio sendonly PCMU"
    assert found.measured == "PCMU"


@pytest.mark.parametrize(
    ("talk", "words"),
    [
        (Talk(setup=OPENED), "opened, then TEARDOWN"),
        (Talk(setup=no(Reason.BUSY)), "SETUP of the talk track: BUSY"),
        (Talk(setup=no()), "SETUP of the talk track: UNSUPPORTED"),
        (Talk(setup=OPENED, heard=Seen(value=0.71)), "heard by the camera's own microphone: correlation 0.710"),
        (Talk(setup=OPENED, heard=Seen(value=0.05)), "not heard by the camera's own microphone: correlation 0.050"),
        (Talk(setup=OPENED, heard=no(Reason.TIMED_OUT)), "chirp not listened for: TIMED_OUT"),
        (Talk(setup=OPENED, heard=Seen(value=0.0), half_duplex=True), "half duplex"),
    ],
)
def test_the_proof_says_what_was_tried(talk: Talk, words: str) -> None:
    """Opened, heard with which correlation, half duplex: the proof says it."""
    assert words in " | ".join(judged(talk).proof)


def test_what_was_not_tried_is_not_mentioned() -> None:
    """A track that nobody opened and a chirp that nobody played leave no words."""
    assert len(judged(Talk()).proof) == 1
    assert len(judged(Talk(setup=OPENED, heard=UNASKED)).proof) == 2


@pytest.mark.parametrize("vendor", ["isapi", "multitrans"])
@pytest.mark.parametrize("ways", [("onvif",), ("onvif", "vendor")])
def test_a_vendors_own_path_is_neither_yes_nor_no(vendor: str, ways: tuple[str, ...]) -> None:
    """Without an ONVIF backchannel a vendor's path that answers is UNPROVEN, also where the policy would accept it."""
    accepted = replace(POLICY.capability.two_way_audio_ways, value=ways)
    policy = replace(POLICY, capability=replace(POLICY.capability, two_way_audio_ways=accepted))
    given = evidence(talk=backchannel(False), audio_outputs=seen("O"), audio_decoders=seen(DECODER))
    found = of(judge(replace(given, talk=Talk(vendor=vendor)), policy), Clause.TWO_WAY_AUDIO)
    assert (found.standing, found.level, found.reason) == ("UNPROVEN", "E3", "VENDOR_ONLY")
    assert f"a vendor's own talk path answers: {vendor}" in found.proof


@pytest.mark.parametrize("talk", [Talk(vendor="isapi"), Talk(setup=OPENED, heard=Seen(value=1.0))])
def test_without_an_answer_to_describe_nothing_follows(talk: Talk) -> None:
    """As long as it is not known whether a backchannel is offered, neither is whether it is the vendor's alone."""
    found = judged(talk, no(Reason.TIMED_OUT))
    assert (found.standing, found.level, found.reason) == ("UNKNOWN", "E0", "TIMED_OUT")


@pytest.mark.parametrize(
    ("talk", "offer", "zh", "en"),
    [
        (Talk(setup=no()), backchannel(True), "拒绝打开", "refuses to open"),
        (Talk(vendor="isapi"), backchannel(False), "厂商私有对讲", "vendor's own talk path"),
    ],
)
def test_explained(talk: Talk, offer: Seen[Backchannel], zh: str, en: str) -> None:
    """The person on the ladder reads what was found and what to do, in both languages."""
    found = judged(talk, offer)
    assert zh in explain(found)
    assert en in explain(found, "en")
