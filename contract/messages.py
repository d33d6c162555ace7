"""Every message that travels between agent and center, as frozen structs: the code of record.

JSON Schemas and the AsyncAPI document in docs/contract/ are generated from here. This module must not know
MQTT, sockets or files. Times named `at`, `from`, `to`, `watching_since`, `settled_to` are boot milliseconds
(CLOCK_BOOTTIME) of the named `boot`; only `utc_ms` is wall-clock.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

from contract.vocabulary import Availability, Clause, Level, Reason, Rung, Standing

VERSION = 1
"""Major version of the contract; stands in the topic and in the retained documents."""

CITY_PATTERN = "^[0-9]{4}$"
GATEWAY_PATTERN = "^[a-z0-9-]{3,40}$"
SLOT_PATTERN = "^[A-Za-z0-9._-]{1,64}$"

Gateway = Annotated[str, Meta(pattern=GATEWAY_PATTERN)]
Slot = Annotated[str, Meta(pattern=SLOT_PATTERN)]
SlotOrNone = Annotated[str, Meta(pattern=f"^$|{SLOT_PATTERN}")]
ShortId = Annotated[str, Meta(pattern="^[!-~]{1,40}$")]
"""Visible ASCII: not every database stores every character. A session's is 16 hexadecimal digits, once it was 6."""
MAX_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader keeps exact (RFC 8259 section 6)."""
BootMs = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
UtcMs = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
Seq = Annotated[int, Meta(ge=1, le=MAX_INTEGER)]
SeqHigh = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
"""A seq, or 0 for none yet."""
Text = Annotated[str, Meta(max_length=1000)]


class Verdict(Struct, frozen=True, kw_only=True):
    """What the policy says of one camera in one clause, and why.

    `level` is the strongest level whose evidence carries this standing. `measured` and `required` are in `unit`
    ("deg", "px", "" for yes/no) or null. `reason` is a Reason or one of the judge's own upper-case words
    (VENDOR_ONLY, GENERIC_SPACE_ONLY, CONFIGURED_LOWER ...), empty when MET needs none. `proof` names the
    observations used, in words a person can check.
    """

    clause: Clause
    standing: Standing
    level: Level
    measured: float | str | None = None
    required: float | str | None = None
    unit: str = ""
    reason: str = ""
    proof: tuple[str, ...] = ()


# ---- up/state: birth, goodbye, will -------------------------------------------------------------


class ClockHealth(Struct, frozen=True, kw_only=True):
    """`synced`: the kernel says an outside source disciplines the clock. `err_ms`: estimated error, if known.

    `untrusted`: health state clock_untrusted, with the reason (a ClockDoubt); "" = trusted, or just started and not
    disciplined yet.
    """

    synced: bool
    source: str = ""
    err_ms: int | None = None
    untrusted: Annotated[str, Meta(max_length=40)] = ""


class Birth(Struct, frozen=True, kw_only=True, tag_field="state", tag="online"):
    gateway: Gateway
    session: ShortId
    boot: ShortId
    store: ShortId
    version: str
    clock: ClockHealth
    inventory_hash: str
    oldest: SeqHigh = 0
    """Lowest seq still in the journal (0: not said): a center that lacks an earlier one will never get it."""
    v: int = VERSION


class Goodbye(Struct, frozen=True, kw_only=True, tag_field="state", tag="offline"):
    gateway: Gateway
    session: ShortId
    why: Text
    v: int = VERSION


class Will(Struct, frozen=True, kw_only=True, tag_field="state", tag="lost"):
    gateway: Gateway
    session: ShortId
    v: int = VERSION


State = Birth | Goodbye | Will


# ---- up/hb --------------------------------------------------------------------------------------


class HostHealth(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The box. Ratios are 0..1; temperature in degrees Celsius; None where the box cannot tell."""

    cpu_ratio: float
    memory_ratio: float
    disk_ratio: float
    temperature_c: float | None = None
    uplink: str = ""
    journal: Text = ""
    """What is wrong with the disk that the journal is on; "" = events are durable."""


class ConfigHealth(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether the configuration on the disk is the one that runs.

    `mistakes`: how many it has, for which the last good one runs in its place; 0 = it runs. `en`, `zh`: the first, with
    file, line and key. `since_ms`: since when the one that runs is in force, by the box's clock; 0 = not known.
    """

    mistakes: Annotated[int, Meta(ge=0)] = 0
    en: Text = ""
    zh: Text = ""
    since_ms: UtcMs = 0


class UpgradeHealth(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The last upgrade, from version `before` to version `to`.

    `state`: "trial" while `to` runs and is compared with what `before` did, "kept" once it was as good, "rolled_back"
    when `before` runs again; then why, in `en` and `zh`. `at_ms`: since when, by the box's clock.
    """

    state: Annotated[str, Meta(max_length=40)]
    before: Annotated[str, Meta(max_length=80)]
    to: Annotated[str, Meta(max_length=80)]
    at_ms: UtcMs = 0
    en: Text = ""
    zh: Text = ""


class ProgramHealth(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The agent's own state. `upgrade`: None = there was none since it was installed, or it cannot be read."""

    config: ConfigHealth = ConfigHealth()
    upgrade: UpgradeHealth | None = None


class Heartbeat(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """I live, and I watched without interruption in [watching_since, settled_to).

    Every transition in that span has seq <= seq_high. `n` = enrolled slots. `offline`, `unknown`: those that are so
    just after the event `seq_high` of this session, in which every slot begins as unknown.
    """

    boot: ShortId
    session: ShortId
    store: ShortId
    at: BootMs
    watching_since: BootMs
    settled_to: BootMs
    seq_high: SeqHigh
    n: Annotated[int, Meta(ge=0)]
    offline: tuple[Slot, ...] = ()
    unknown: tuple[Slot, ...] = ()
    clock: ClockHealth | None = None
    host: HostHealth | None = None
    program: ProgramHealth | None = None


# ---- up/ev: journaled events --------------------------------------------------------------------


class _Event(Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True):
    seq: Seq
    boot: ShortId
    session: ShortId
    at: BootMs


class Transition(_Event, frozen=True, kw_only=True, tag="transition"):
    """The slot's availability changed; `at` is the start of the first look that differed."""

    slot: Slot
    from_: Availability = field(name="from")
    to: Availability
    level: Rung
    reason: Reason | None = None


class Coverage(_Event, frozen=True, kw_only=True, tag="coverage"):
    """A session that ended: watched without interruption in [from, to), all its transitions have seq <= seq_high."""

    from_: BootMs = field(name="from")
    to: BootMs
    seq_high: SeqHigh


class Anchor(_Event, frozen=True, kw_only=True, tag="anchor"):
    """Ties a boot to UTC: at boot millisecond `at` the wall clock said `utc_ms`, ± `err_ms`."""

    utc_ms: UtcMs
    err_ms: Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
    source: str


class Picture(_Event, frozen=True, kw_only=True, tag="picture"):
    """A picture fault (signal_loss, blur, ...) held in [from, to); `to` is null while it lasts."""

    slot: Slot
    fault: str
    from_: BootMs = field(name="from")
    to: BootMs | None = None
    metrics: dict[str, float] = {}


class AddressChanged(_Event, frozen=True, kw_only=True, tag="address_changed"):
    slot: Slot
    before: str
    after: str


class IdentityChanged(_Event, frozen=True, kw_only=True, tag="identity_changed"):
    """Another device answers at the slot's place; no credentials are sent to it until a person confirms."""

    slot: Slot
    before: str
    after: str


class Conflict(_Event, frozen=True, kw_only=True, tag="conflict"):
    """Two devices claim one identity."""

    slot: Slot
    identity: str
    addresses: tuple[str, ...]


class DuplicateIdentity(_Event, frozen=True, kw_only=True, tag="duplicate_identity"):
    """This gateway's identity is used elsewhere (a cloned card)."""

    detail: Text = ""


class CapabilityChanged(_Event, frozen=True, kw_only=True, tag="capability_changed"):
    slot: Slot
    clause: Clause
    before: Standing
    after: Standing


class ViewNotRestored(_Event, frozen=True, kw_only=True, tag="view_not_restored"):
    slot: Slot
    detail: Text = ""


class StoreReset(_Event, frozen=True, kw_only=True, tag="store_reset"):
    """The journal was lost or set aside; `before` is the store id that ended, if it could be read."""

    before: str = ""
    why: Text = ""


class Gap(_Event, frozen=True, kw_only=True, tag="gap"):
    """Events from_seq..to_seq were evicted; their span [from, to) is unknown."""

    from_seq: Seq
    to_seq: Seq
    from_: BootMs = field(name="from")
    to: BootMs
    why: Text = ""


class Fault(_Event, frozen=True, kw_only=True, tag="fault"):
    """Something on the agent's side went wrong; `slot` is empty when it concerns the whole box."""

    what: Text
    slot: SlotOrNone = ""


Event = (
    Transition
    | Coverage
    | Anchor
    | Picture
    | AddressChanged
    | IdentityChanged
    | Conflict
    | DuplicateIdentity
    | CapabilityChanged
    | ViewNotRestored
    | StoreReset
    | Gap
    | Fault
)

MAX_BATCH_EVENTS = 100
MAX_BATCH_BYTES = 32_000
MAX_DOCUMENT_BYTES = 256_000


class Events(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """up/ev: at most 100 events and 32 kB."""

    store: ShortId
    events: Annotated[tuple[Event, ...], Meta(max_length=MAX_BATCH_EVENTS)]
    oldest: SeqHigh = 0
    """Where events of this store were given up: the lowest seq still in the journal; else 0. As in the birth."""


# ---- up/inv, up/cap: retained documents ---------------------------------------------------------


class Identity(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who a device is, by vote: each of the three alone is known to be duplicated or false."""

    mac: str = ""
    epr: str = ""
    serial: str = ""


MAX_PARTS = 200
Part = Annotated[int, Meta(ge=1, le=MAX_PARTS)]
"""A document that a broker would not take whole comes in parts, numbered from 1, with some of the slots each."""


class InventorySlot(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`channel`: which picture of the device: a source or profile, "" for its only or best one, "path-N" for the Nth
    path of the configuration (never the path: it may hold a login); null where it is not told (older agents).
    """

    slot: Slot
    name: str = ""
    zone: str = ""
    address: str = ""
    identity: Identity = Identity()
    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    onvif_port: int = 80
    rtsp_port: int = 554
    channel: str | None = None


class Found(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A camera found on the LAN that no slot of this gateway claims."""

    address: str
    identity: Identity = Identity()
    name: str = ""
    hardware: str = ""


class Inventory(Struct, frozen=True, kw_only=True):
    gateway: Gateway
    slots: tuple[InventorySlot, ...]
    unregistered: tuple[Found, ...] = ()
    part: Part = 1
    parts: Part = 1
    v: int = VERSION


class SlotVerdicts(Struct, frozen=True, kw_only=True):
    """`at` is the boot millisecond of the judgement."""

    slot: Slot
    at: BootMs
    verdicts: tuple[Verdict, ...]


class Capability(Struct, frozen=True, kw_only=True):
    gateway: Gateway
    boot: ShortId
    policy: str
    slots: tuple[SlotVerdicts, ...]
    part: Part = 1
    parts: Part = 1
    v: int = VERSION


# ---- down/ack, down/cmd, up/res, center/state ---------------------------------------------------


class Ack(Struct, frozen=True, kw_only=True):
    """Everything of this store up to and including seq is durably stored by the center.

    `utc_ms`: the center's clock at that moment, a witness for a box whose own clock may be lied to; 0 = not said. One
    that the broker has kept (retain flag) is none.
    """

    store: ShortId
    seq: SeqHigh
    utc_ms: UtcMs = 0


class Command(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """down/cmd: `verb` is look, inspect, discover or rebirth; another is answered "unsupported".

    `not_after` is UTC milliseconds; a later or a retained command is ignored.
    """

    id: ShortId
    not_after: UtcMs
    verb: Annotated[str, Meta(max_length=40)]
    slot: str = ""


class Result(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """up/res: `outcome` is "done", "unsupported", "refused" or "failed"."""

    id: ShortId
    outcome: Literal["done", "unsupported", "refused", "failed"]
    detail: Text = ""


class CenterState(Struct, frozen=True, kw_only=True):
    """mclz/v1/center/state, and mclz/v1/center/{city}/state of workers that share the cities; retained, and the will.

    The center is up for a gateway while neither says that it is down.
    """

    state: Literal["up", "down"]
    v: int = VERSION


encode = msgspec.json.encode
BROKEN_JSON = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""What msgspec raises for bytes that are not the message: also for text that is no UTF-8 and for deep nesting."""
