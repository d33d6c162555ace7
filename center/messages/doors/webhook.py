"""Signed JSON to an address: what it says, who sent it, and that a second one of the same id is the same message.

Headers: X-Canteen-Id (the same at every try), X-Canteen-Timestamp (UTC seconds of this try), X-Canteen-Signature
(`sha256=` and the hexadecimal HMAC-SHA256, under the shared secret, of the timestamp, a full stop and the body).
"""

import hashlib
import hmac
import time

from center.messages.doors.door import Delivered, Failed, Message, Outcome, Refused
from center.messages.doors.reaching import Target, Unreached

LATER = frozenset({408, 425, 429})
"""Of the answers that begin with 4 those that ask for another try."""


def signature(secret: str, timestamp: str, body: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class WebhookDoor:
    per_minute = 0

    def __init__(self, target: Target, secret: str) -> None:
        self._target, self._secret = target, secret

    def send(self, message: Message) -> Outcome:
        body, timestamp = message.body.encode(), str(int(time.time()))
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "canteen-center",
            "X-Canteen-Id": message.key,
            "X-Canteen-Timestamp": timestamp,
            "X-Canteen-Signature": signature(self._secret, timestamp, body),
        }
        try:
            answer = self._target.post(body, headers)
        except Unreached as trouble:
            return unreached(trouble)
        said = f"http_status {answer.status}"
        if 200 <= answer.status < 300:
            return Delivered(said)
        if 300 <= answer.status < 500 and answer.status not in LATER:
            return Refused(said)
        return Failed(said, wait_s=answer.retry_after_s)


def unreached(trouble: Unreached) -> Outcome:
    return Refused(trouble.said) if trouble.for_ever else Failed(trouble.said, uncertain=trouble.uncertain)
