"""`setup replace SLOT`: another camera stands at a position; its binding in agent.yaml changes, and nothing else."""

from collections.abc import Sequence
from pathlib import Path

from msgspec import structs

from agent.model import DiscoveredDevice, NotSeen
from agent.setup import answers as answering
from agent.setup import final, looking, writing
from agent.setup.answers import Answers, Looking
from agent.setup.box import Box
from agent.setup.editing import Text
from agent.setup.existing import Existing
from agent.setup.keeping import Logins
from agent.setup.looking import known_as
from agent.setup.opening import Opening
from agent.setup.plan import Login, Position, of_device
from agent.setup.trying import Outcome, channels
from agent.setup.walking import WAIT_S
from contract.problems import ConfigError, Problem, Told, Unfit, Words, both

DEVICE_KEYS = (
    *("onvif_port", "rtsp_port", "onvif_path", "stream_path", "channel", "tls", "tls_pin"),
    *("rtsp_credentials", "allow_basic", "panoramic"),
)
"""What was said of the old device; the new one's own takes its place, or the default."""


def replace(box: Box, slot: str, asked: Looking, answers: tuple[Answers, Path] | None) -> int:
    """Exit code. Raises Told, ConfigError; then nothing has changed."""
    before = box.before
    index = before.index(slot) if before else None
    if not before or index is None:
        known = ", ".join(box.taken) or "-"
        raise Told(
            f"{box.config} has no slot {slot}; it has: {known}", f"{box.config} 中没有点位 {slot}；现有：{known}"
        )
    logins = box.logins(at_once=not answers)
    if answers:
        position = _answered(box, before, slot, logins, *answers)
    else:
        chosen = _asked(box, before, slot, asked, logins)
        if not chosen:
            box.talk.tell("什么都没有改。", "Nothing was changed.")
            return 1
        position = chosen
    text = rebound(before, index, position, logins.new)
    writing.unharmed(before, text, box.config, but=[slot])
    is_new = box.show(text)
    if is_new and not answers and not _agreed(box):
        return 1
    if is_new:
        box.write(text, logins.beside)
    start = answers[0].start if answers else _start(box)
    return box.finish(start=start, wait_s=answers[0].wait if answers else WAIT_S)


def rebound(before: Existing, index: int, position: Position, new: dict[str, Login]) -> str:
    """agent.yaml with another device for one of its cameras."""
    text, key = Text(before.text), f"cameras[{index}]"
    device = position.device()
    for name in DEVICE_KEYS:
        if name not in device:
            text.remove(f"{key}.{name}")
    text.remove(f"{key}.identity")
    for name, value in device.items():
        text.put(key, name, value)
    for login, one in new.items():
        text.put("credentials", login, {"user": one.user, "password": f"credential:{one.credential}"})
    return text.text


def _asked(box: Box, before: Existing, slot: str, asked: Looking, logins: Logins) -> Position | None:
    talk = box.talk
    old = before.file.cameras[before.index(slot) or 0]
    talk.tell(f"{slot} {old.name} 现为 {old.address}", f"{slot} {old.name} is {old.address} now")
    bound = {name: one for name, one in before.bound().items() if one != slot}
    found = looking.look(asked, talk, known=[old.address])
    found = tuple(one for one in found if one.address not in bound and one.mac not in bound)
    if not found:
        raise Told(
            "no camera answers that has no slot: power, cable, ONVIF switched on?",
            "没有找到尚未使用的摄像机：请检查电源、网线以及 ONVIF 是否启用",
        )
    place = talk.choose(
        "哪一台是新换的？",
        "which one is the new one?",
        [known_as(one) for one in found],
        default=_likely(found, old.address, old.identity.mac),
        explain=("请先到现场核实。", "Go there and make sure first."),
    )
    opened = Opening(talk, box.trials, box.keeper, logins).opened(
        of_device(found[place], f"setup-{found[place].address}"), prefer=old.credentials or ""
    )
    if not opened:
        return None
    position, tried = opened
    tokens = channels(tried.evidence.capabilities)
    if not isinstance(tokens, NotSeen) and len(tokens) > 1:
        which = talk.choose("哪个通道？", "which channel?", tokens, explain=("录像机的通道。", "A recorder's channel."))
        position = structs.replace(position, channel=tokens[which])
    final.look(box.cameras(logins, [position]), box.trials, box.policy, talk)
    return _identified(structs.replace(position, slot=slot), found[place])


def _likely(found: Sequence[DiscoveredDevice], address: str, mac: str) -> int:
    """The one at the old address if it is another device, else the first that is elsewhere."""
    for number, one in enumerate(found):
        if one.address == address and mac and one.mac != mac:
            return number
    return next((number for number, one in enumerate(found) if one.address != address), 0)


def _identified(position: Position, device: DiscoveredDevice) -> Position:
    """With what names the new device: what the agent has learnt of the old one counts no more."""
    return structs.replace(position, mac=device.mac, epr="" if device.mac else device.epr)


def _answered(box: Box, before: Existing, slot: str, logins: Logins, answers: Answers, path: Path) -> Position:
    wanted = next((one for one in answers.cameras if one.slot == slot), None)
    if not wanted:
        raise Told(f"{path}: cameras has no slot {slot}", f"{path}：cameras 中没有点位 {slot}")
    devices = looking.look(answers.discovery, box.talk, known=[wanted.address] if wanted.address else [])
    device = answering.device(wanted, devices)
    if not device:
        place = wanted.address or wanted.mac
        raise Told(f"no camera answers at {place}. Nothing was changed", f"{place} 没有摄像机应答。未做任何改动")
    try:
        credentials = answering.credentials(answers, wanted.login, path, box.config, before.logins)
    except Unfit as unfit:
        key = f"logins.{wanted.login}.password"
        line = answering.line(path, key)
        problem = Problem(source=str(path), line=line, key=key, code=unfit.code, params=unfit.params)
        raise ConfigError([problem]) from None
    position = structs.replace(answering.position(wanted, device), slot=f"setup-{device.address}")
    looked = final.look([position.camera(credentials)], box.trials, box.policy, box.talk)
    (tried,), (one,) = looked.tried, looked.inspections
    if tried.outcome not in (Outcome.OPEN, Outcome.ODD):
        why = looking.pin_wanted(one.camera) if tried.outcome is Outcome.TLS else both(tried.why)
        raise _unchanged(device, why)
    if not wanted.channel and (missing := box.trials.channel_wanted(one.camera, one.evidence.capabilities)):
        raise _unchanged(device, missing)
    name = logins.keep(credentials, wish=wanted.login or "camera") if credentials else ""
    return _identified(structs.replace(logins.learnt(position, name, one.evidence), slot=slot), device)


def _unchanged(device: DiscoveredDevice, why: Words) -> Told:
    return Told(f"{device.address}: {why.en}. Nothing was changed", f"{device.address}：{why.zh}。未做任何改动")


def _agreed(box: Box) -> bool:
    return box.talk.agrees(
        "写入吗？",
        "write it?",
        explain=("原文件另存备份。只改这个点位。", "The file of before is kept. Only this slot changes."),
    )


def _start(box: Box) -> bool:
    return box.talk.agrees(
        "现在重启服务吗？",
        "restart the service now?",
        explain=("新摄像机从重启后开始值守。", "The new camera is watched from the restart on."),
    )
