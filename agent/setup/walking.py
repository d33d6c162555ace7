"""A setup with a person at a terminal, question by question."""

from pathlib import Path

from agent.model import Camera, DiscoveredDevice
from agent.settings import entries
from agent.setup import final, looking
from agent.setup.answers import Looking
from agent.setup.asking import Walk
from agent.setup.box import PICTURES, Box
from agent.setup.final import Looked
from agent.setup.keeping import Logins
from agent.setup.looking import known_as

WAIT_S = 180.0
_NO_REPORT = "-"


def walk(box: Box, asked: Looking) -> int:
    """The whole setup; exit code."""
    talk = box.talk
    _go_on(box)
    if box.keeper.plan.step == "written":
        return _started(box)
    name = box.bundle.name if box.bundle else ""
    talk.tell(f"网关 {box.gateway}  {name}", f"gateway {box.gateway}  {name}")
    talk.tell(
        "每个问题都有默认值，直接回车即可；输入 ? 看说明；Ctrl-C 中断后可用 setup --resume 继续。",
        "Each question has a default: press Enter. ? explains. After Ctrl-C go on with setup --resume.",
    )
    box.remember()
    devices = _devices(box, asked)
    logins = box.logins(at_once=True)
    pictures = box.state_dir / PICTURES if devices and _wants_pictures(box) else None
    Walk(talk, box.trials, box.keeper, logins, taken=box.taken, pictures=pictures).through(devices)
    _looked(box, logins)
    if not box.keeper.plan.positions and not _without_cameras(box):
        return 1
    text, beside = box.compose(asked)
    if box.show(text):
        if not talk.agrees(
            "写入吗？",
            "write it?",
            explain=(
                "是：原文件另存备份，然后整体替换。否：什么都不改，以后可 setup --resume。",
                "y: the file of before is kept beside it. n: nothing changes; go on later with setup --resume.",
            ),
        ):
            talk.tell(
                "什么都没有改。继续：canteen-agent setup --resume",
                "Nothing was changed. Go on: canteen-agent setup --resume",
            )
            return 1
        box.write(text, beside)
    return _started(box)


def _go_on(box: Box) -> None:
    """An unfinished setup is found: go on with it, unless a person wants to begin anew."""
    if not box.unfinished or box.resumed:
        return
    if box.talk.agrees(
        f"上次的设置没有做完（已设 {len(box.unfinished.positions)} 个点位）。继续吗？",
        f"an earlier setup was not finished ({len(box.unfinished.positions)} positions). Go on with it?",
        explain=("是：答过的不再问。否：从头开始。", "y: what was answered is not asked again. n: from the beginning."),
    ):
        box.resume()


def _started(box: Box) -> int:
    start = box.talk.agrees(
        "现在启动服务吗？",
        "start the service now?",
        explain=("是：启动并等待中心确认。", "y: it is started, and the center's acknowledgement is waited for."),
    )
    return box.finish(start=start, wait_s=WAIT_S)


# ---- cameras ------------------------------------------------------------------------------------


def _devices(box: Box, asked: Looking) -> tuple[DiscoveredDevice, ...]:
    """Those that no slot has yet; kept, so that a resumed setup asks about the same."""
    if box.keeper.plan.found:
        return box.keeper.plan.found
    talk, bound = box.talk, box.before.bound() if box.before else {}
    found = looking.look(asked, talk)
    new = [one for one in found if one.address not in bound and (one.mac or one.claimed_mac) not in bound]
    for one in found:
        slot = bound.get(one.address) or bound.get(one.mac or one.claimed_mac)
        talk.line(f"{'·' if slot else '+'} {known_as(one)}{f'  = {slot}' if slot else ''}", indent=2)
    talk.tell(f"共 {len(found)} 台，未设置 {len(new)} 台。", f"{len(found)} found, {len(new)} of them not set up.")
    new += _typed(box, asked, {one.address for one in found} | set(bound))
    box.keeper.set(found=tuple(new))
    return tuple(new)


def _typed(box: Box, asked: Looking, known: set[str]) -> list[DiscoveredDevice]:
    added: list[DiscoveredDevice] = []
    while True:
        address = box.talk.ask(
            "还有没列出的摄像机吗？输入它的地址，没有就回车",
            "is a camera missing? Type its address; Enter where none is",
            read=lambda typed: entries.ipv4(typed) if typed else "",
            explain=(
                "没列出的可能关闭了 ONVIF 或发现功能，或在另一网段。",
                "One that is not listed may have ONVIF or discovery switched off, or stand in another subnet.",
            ),
        )
        if not address:
            return added
        if address in known:
            box.talk.tell("它已在列表中。", "It is on the list already.", indent=2)
            continue
        device = looking.typed(address, asked)
        box.talk.line(f"{'+' if device else '✗'} {known_as(device) if device else address}", indent=2)
        if device or box.talk.agrees(
            "那里没有 ONVIF 应答。仍然加入吗？",
            "nothing answers as ONVIF there. Add it all the same?",
            default=False,
            explain=(
                "先检查电源、网线和摄像机里的 ONVIF 设置。",
                "First check power, cable and the camera's ONVIF setting.",
            ),
        ):
            known.add(address)
            added.append(device or DiscoveredDevice(address=address))


def _wants_pictures(box: Box) -> bool:
    return box.talk.agrees(
        "为每台摄像机存一张小画面，便于辨认吗？",
        "save a small picture of each camera, to tell which one it is?",
        default=False,
        explain=(
            "只存在本机，只有 root 能看，设置完成后删除。",
            "They stay on this box, for root alone, and are deleted at the end of the setup.",
        ),
    )


def _without_cameras(box: Box) -> bool:
    if box.before and box.before.file.cameras:
        return True
    return box.talk.agrees(
        "一台摄像机也没有设置。仍然写入吗？",
        "no camera was set up. Write the configuration all the same?",
        default=False,
        explain=(
            "网关会连上中心并继续寻找摄像机。",
            "The gateway will come to the center and go on looking for cameras.",
        ),
    )


# ---- the last look ------------------------------------------------------------------------------


def _looked(box: Box, logins: Logins) -> None:
    """Look until nobody has vanished, or a person says what then; then the report."""
    while positions := box.keeper.plan.positions:
        looked = final.look(box.cameras(logins, positions), box.trials, box.policy, box.talk)
        if not looked.gone or not _again(box, looked.gone):
            _report(box, looked)
            return


def _again(box: Box, gone: list[Camera]) -> bool:
    """Whether to look again; cameras may be left out by then."""
    slots = ", ".join(one.slot for one in gone)
    place = box.talk.choose(
        f"{slots} 刚才还在，现在没有应答。怎么办？",
        f"{slots} answered before and no more. What now?",
        [
            box.talk.word("再看一次", "look again"),
            box.talk.word("不设置它", "leave it out"),
            box.talk.word("照样写入，网关会继续尝试", "write it all the same; the gateway goes on trying"),
        ],
        explain=("先检查电源和网线。", "Check power and cable first."),
    )
    if place == 1:
        left = {one.slot for one in gone}
        box.keeper.set(positions=tuple(one for one in box.keeper.plan.positions if one.slot not in left))
    return place < 2


def _report(box: Box, looked: Looked) -> None:
    folder = box.talk.ask(
        f"检测报告存到哪个目录？（{_NO_REPORT} 表示不要）",
        f"folder for the acceptance report? ({_NO_REPORT} = none)",
        read=lambda typed: typed,
        default=".",
        explain=(
            "一页可打印的网页，列出每台摄像机和待办事项。",
            "One page to print: each camera, and what is to be done.",
        ),
    )
    if folder != _NO_REPORT:
        final.report(looked, Path(folder).absolute(), box.gateway, box.policy, box.talk)
