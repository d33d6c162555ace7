"""A setup without questions: everything stands in an answers file. All of it can be had, or nothing is changed."""

from collections.abc import Sequence
from pathlib import Path

from agent.model import Credentials, DiscoveredDevice
from agent.setup import answers as answering
from agent.setup import final, looking
from agent.setup.answers import Answers, CameraAnswer
from agent.setup.box import Box
from agent.setup.final import Looked
from agent.setup.plan import Login, Position
from agent.setup.trying import Outcome
from contract.problems import ConfigError, Problem, Told, Unfit, Words


def run(box: Box, answers: Answers, path: Path) -> int:
    """Exit code. `path`: of the answers. Raises Told, ConfigError; then nothing has changed."""
    if box.keeper.plan.step == "written":
        return box.finish(start=answers.start, wait_s=answers.wait)
    wanted = _Wanted(box, answers, path)
    box.remember()
    devices = looking.look(answers.discovery, box.talk, known=[one.address for one in wanted.cameras if one.address])
    credentials = wanted.credentials()
    positions = wanted.positions(devices)
    cameras = [one.camera(credentials.get(one.login)) for one in positions]
    looked = final.look(cameras, box.trials, box.policy, box.talk)
    wanted.accept(looked)
    if answers.report:
        final.report(looked, (path.parent / answers.report).absolute(), box.gateway, box.policy, box.talk)
    logins = box.logins(at_once=False)
    named = {name: logins.keep(one, wish=name) for name, one in credentials.items()}
    new: dict[str, Login] = logins.new
    told = [
        logins.learnt(one, named.get(one.login, ""), seen.evidence)
        for one, seen in zip(positions, looked.inspections, strict=True)
    ]
    box.keeper.set(positions=tuple(told), logins=new)
    text, beside = box.compose(answers.discovery)
    if box.show(text):
        box.write(text, [*beside, *logins.beside])
    return box.finish(start=answers.start, wait_s=answers.wait)


class _Wanted:
    """The positions of the answers that agent.yaml does not have yet."""

    def __init__(self, box: Box, answers: Answers, path: Path) -> None:
        self._box, self._answers, self._path = box, answers, path
        self._problems: list[Problem] = []
        self.cameras = [one for number, one in enumerate(answers.cameras) if self._is_new(number, one)]
        self._names = [self._key(one) for one in self.cameras]
        self._stop()

    def _is_new(self, number: int, camera: CameraAnswer) -> bool:
        key, before = f"cameras[{number}]", self._box.before
        if camera.login and camera.login not in self._answers.logins and not self._known(camera.login):
            self._report(f"{key}.login", "logins has no such name", "logins 下没有这个名称")
        there = next((one for one in before.file.cameras if one.slot == camera.slot), None) if before else None
        if there and camera.address not in ("", there.address):
            word = f"canteen-agent setup replace {camera.slot}"
            self._report(
                key,
                f"this slot has {there.address}; another camera: {word}",
                f"该点位已是 {there.address}；更换摄像机请用 {word}",
            )
        return not there

    def _known(self, name: str) -> Credentials | None:
        return self._box.before.logins.get(name) if self._box.before else None

    def credentials(self) -> dict[str, Credentials]:
        """The logins that cameras name. Raises ConfigError."""
        found: dict[str, Credentials] = {}
        for name in dict.fromkeys(one.login for one in self.cameras if one.login):
            try:
                known = self._box.before.logins if self._box.before else {}
                if one := answering.credentials(self._answers, name, self._path, self._box.config, known):
                    found[name] = one
            except Unfit as unfit:
                self._add(f"logins.{name}.password", unfit.code, **unfit.params)
        self._stop()
        return found

    def positions(self, devices: Sequence[DiscoveredDevice]) -> list[Position]:
        """Each with the device that was found for it. Raises ConfigError that names every one that was not."""
        found: list[Position] = []
        for camera, key in zip(self.cameras, self._names, strict=True):
            try:
                device = answering.device(camera, devices)
            except Told as told:
                self._report(key, *told.words)
                continue
            if device:
                found.append(answering.position(camera, device))
            else:
                place = camera.address or camera.mac
                self._report(
                    key,
                    f"no camera answers at {place}: power, cable, ONVIF switched on?",
                    f"{place} 没有摄像机应答：请检查电源、网线以及 ONVIF 是否启用",
                )
        self._stop()
        return found

    def accept(self, looked: Looked) -> None:
        """Raises ConfigError unless every camera can be opened, or at least answers, and was checked."""
        for key, camera, one, tried in zip(self._names, self.cameras, *looked, strict=True):
            match tried.outcome:
                case Outcome.TLS:
                    self._report(key, *looking.pin_wanted(one.camera))
                case Outcome.REFUSED | Outcome.GONE | Outcome.HOSTILE | Outcome.UNCHECKED:
                    self._report(key, tried.why, tried.why)
                case _ if not camera.channel:
                    if wanted := self._box.trials.channel_wanted(one.camera, one.evidence.capabilities):
                        self._report(key, *wanted)
        self._stop()

    # ---- what is wrong --------------------------------------------------------------------------

    def _key(self, camera: CameraAnswer) -> str:
        return f"cameras[{self._answers.cameras.index(camera)}]"

    def _report(self, key: str, en: str, zh: str) -> None:
        self._add(key, "said", text=Words(en, zh))

    def _add(self, key: str, code: str, **params: object) -> None:
        line = answering.line(self._path, key)
        self._problems.append(Problem(source=str(self._path), line=line, key=key, code=code, params=params))

    def _stop(self) -> None:
        if self._problems:
            self._box.talk.tell("什么都没有改。", "Nothing was changed.")
            raise ConfigError(self._problems)
