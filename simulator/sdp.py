"""The session description of a simulated camera (RFC 4566), directions as the client sees them (ONVIF Streaming)."""

import base64

from simulator.studio import Format

VIDEO, MICROPHONE, TALK = "trackID=0", "trackID=1", "trackID=2"
_STATIC = {"PCMU": 0, "PCMA": 8}


def describe(film: Format, sets: tuple[bytes, ...], host: str, *, microphone: bool, talk: tuple[str, ...]) -> str:
    """The SDP. `sets`: the parameter sets; `talk`: codecs of the backchannel track, () = none."""
    kind = "H265" if film.codec == "H265" else "H264"
    lines = ["v=0", f"o=- 1 1 IN IP4 {host}", "s=Media Presentation", "c=IN IP4 0.0.0.0", "t=0 0", "a=control:*"]
    lines += ["m=video 0 RTP/AVP 96", f"a=rtpmap:96 {kind}/90000", f"a=fmtp:96 {_format(film.codec, sets)}"]
    lines += [f"a=framerate:{film.fps}", "a=recvonly", f"a=control:{VIDEO}"]
    if microphone:
        lines += ["m=audio 0 RTP/AVP 0", "a=rtpmap:0 PCMU/8000", "a=recvonly", f"a=control:{MICROPHONE}"]
    if talk:
        numbers = [_STATIC.get(codec, 97 + i) for i, codec in enumerate(talk)]
        lines.append(f"m=audio 0 RTP/AVP {' '.join(map(str, numbers))}")
        lines += [f"a=rtpmap:{n} {codec}/8000" for n, codec in zip(numbers, talk, strict=True)]
        lines += ["a=sendonly", f"a=control:{TALK}"]
    return "\r\n".join([*lines, ""])


def _format(codec: str, nals: tuple[bytes, ...]) -> str:
    sets = [base64.b64encode(nal).decode() for nal in nals]
    if codec == "H265":
        return ";".join(
            f"{name}={value}" for name, value in zip(("sprop-vps", "sprop-sps", "sprop-pps"), sets, strict=True)
        )
    level = nals[0][1:4].hex().upper()
    return f"packetization-mode=1;profile-level-id={level};sprop-parameter-sets={','.join(sets)}"
