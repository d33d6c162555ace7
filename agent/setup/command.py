"""`canteen-agent setup` as it is typed: which way of setting up is meant, and what is said when it is broken off."""

import argparse
import json
from pathlib import Path

from agent.setup import answers as answering
from agent.setup import automatic, replacing, walking
from agent.setup.answers import Looking
from agent.setup.box import Box
from agent.setup.dialogue import Dialogue
from agent.setup.looking import asked_one_by_one
from contract import strict_yaml
from contract.problems import Told

REPLACE = "replace"


def run(arguments: argparse.Namespace) -> int:
    """Exit code: 0 = set up and acknowledged (or not waited for), 1 = not acknowledged, or left. Raises Told."""
    talk = Dialogue(arguments.lang)
    words = list(arguments.words)
    slot = ""
    if words[:1] == [REPLACE]:
        if len(words) != 2:
            raise Told("which slot? canteen-agent setup replace SLOT", "哪个点位？canteen-agent setup replace 点位编号")
        slot, words = words[1], []
    if len(words) > 1:
        raise Told("one bundle at a time", "一次只能给出一个文件")
    answers = answering.read(arguments.answers) if arguments.answers else None
    bundle = Path(words[0]) if words else None
    if answers and answers.bundle and not bundle and not slot:
        bundle = arguments.answers.parent / answers.bundle
    asked = _looking(arguments)
    if answers and asked != Looking():
        raise Told(
            "with --answers the file says where to look: write it under discovery",
            "使用 --answers 时，在哪里找摄像机写在文件的 discovery 中",
        )
    box = Box(arguments.config.absolute(), talk, bundle=bundle, again=arguments.again, resume=arguments.resume)
    try:
        if slot:
            return replacing.replace(box, slot, asked, (answers, arguments.answers) if answers else None)
        if answers:
            return automatic.run(box, answers, arguments.answers)
        return walking.walk(box, asked)
    except KeyboardInterrupt:
        talk.line("")
        word = f"canteen-agent setup {f'{REPLACE} {slot}' if slot else '--resume'}"
        talk.tell(f"已中断。继续：{word}", f"Broken off. Go on: {word}")
        raise


def _looking(arguments: argparse.Namespace) -> Looking:
    """What the options say, read as strictly as a file, and before anything is done. Raises ConfigError, Told."""
    names = strict_yaml.load(json.dumps({"interfaces": arguments.interface}), Looking, source="--interface")
    networks = strict_yaml.load(json.dumps({"subnets": arguments.subnet}), Looking, source="--subnet")
    looking = Looking(interfaces=names.interfaces, subnets=networks.subnets, loopback=arguments.loopback)
    asked_one_by_one(looking, "--subnet")
    return looking
