"""canteen-center command: one command to one gateway, and its answer."""

import argparse
import json
import secrets

from center.arguments import Making, Misuse, broker_options
from center.commands import FINE, MISUSE, PROBLEM
from center.forms import out
from center.order import NOT_SENT, VERBS, give
from center.show import word
from center.store import Store
from contract.text import escaped

MAX_TIMEOUT_S = 3600


def add(making: Making) -> None:
    say = making.say
    order = making.command("command", _command, "向一台网关下发一条命令", "one command to one gateway")
    making.broker(order)
    order.add_argument("--gateway", required=True, metavar="ID", help=say("网关编号", "its id"))
    verbs = say("查看、检测、发现、重报状态", "look, inspect, discover, tell the state anew")
    order.add_argument("--verb", required=True, choices=VERBS, help=verbs)
    only = say("只对该点位；默认为网关的全部点位", "only this one; default: all of the gateway")
    order.add_argument("--slot", default="", help=only)
    limit = say("等待秒数，之后命令作废", "seconds; then it expires unanswered")
    order.add_argument("--timeout", type=float, default=30.0, metavar="S", help=limit)
    order.add_argument("--json", action="store_true", help=say("以 JSON 输出", "as JSON"))


def _command(options: argparse.Namespace) -> int:
    if not 0 < options.timeout <= MAX_TIMEOUT_S:
        raise Misuse(
            f"--timeout {options.timeout:g} must be above 0 and at most {MAX_TIMEOUT_S} seconds",
            f"--timeout {options.timeout:g} 须大于 0，至多 {MAX_TIMEOUT_S} 秒",
        )
    how = broker_options(options, options.username or f"canteen-command-{secrets.token_hex(4)}")
    store = Store(options.database, create=False)
    with store.read() as reader:
        city = reader.addresses().get(options.gateway)
        bound = reader.bound()
    store.close()
    if city is None:
        raise Misuse(f"--gateway {options.gateway}: not in the registry", f"--gateway {options.gateway}：未登记")
    if options.slot and (options.gateway, options.slot) not in bound:
        raise Misuse(
            f"--slot {options.slot}: not registered to gateway {options.gateway}",
            f"--slot {options.slot}：没有登记在网关 {options.gateway} 上",
        )
    answer = give(how, city, options.gateway, options.verb, options.slot, options.timeout)
    if options.json:
        out(json.dumps({"gateway": options.gateway, "verb": options.verb, **answer._asdict()}, ensure_ascii=False))
    else:
        detail = escaped(answer.detail.encode())
        out(f"{options.gateway} {options.verb}: {word(answer.outcome, options.lang)}{detail and ': '}{detail}")
    return {"done": FINE, NOT_SENT: MISUSE}.get(answer.outcome, PROBLEM)
