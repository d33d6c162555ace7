"""Doors made of what the rules say."""

from pathlib import Path

from center.messages.doors.door import Door
from center.messages.doors.mail import Account, MailDoor
from center.messages.doors.reaching import DEADLINE_S, Target, context
from center.messages.doors.webhook import WebhookDoor
from center.messages.doors.wecom import RobotDoor
from center.messages.rules import Loaded, Mail, Receiver, Robot, Webhook


def doors(loaded: Loaded, folder: Path, within_s: float = DEADLINE_S) -> dict[str, Door]:
    """Receiver -> its door. `folder`: which paths in the rules are counted from. Raises OSError for a bad `ca`."""
    return {one.name: _door(one, loaded, folder, within_s) for one in loaded.rules.receivers}


def _door(receiver: Receiver, loaded: Loaded, folder: Path, within_s: float) -> Door:
    local, secrets = receiver.allow_local, loaded.secrets
    match receiver.door:
        case Webhook() as its:
            target = Target(its.url, folder / its.ca if its.ca else None, local=local, within_s=within_s)
            return WebhookDoor(target, secrets[its.secret])
        case Robot() as its:
            target = Target(its.url, folder / its.ca if its.ca else None, local=local, within_s=within_s)
            return RobotDoor(target, secrets[its.key])
        case Mail() as its:
            tls = context(str(folder / its.ca) if its.ca else "")
            account = Account(its.server, its.tls, tls, its.user, secrets[its.password] if its.password else "")
            return MailDoor(account, its.sender, its.to, local=local, within_s=within_s)
    raise AssertionError("a receiver has a door: the rules were checked")
