"""The PTZ heads a slot can use, with the coordinate spaces that options and nodes declare for them.

What the spaces prove of a clause must not be known here.
"""

from collections.abc import Iterator
from math import inf

from msgspec import Struct

from agent.decide import scope
from agent.model import Evidence, NotSeen, PtzConfiguration, PtzNode, Space, Span, values
from contract.text import tidy
from contract.vocabulary import Level

DEGREES = "http://www.onvif.org/ver10/tptz/PanTiltSpaces/SphericalPositionSpaceDegrees".lower()
"""The one space in which a pan position is an angle; the generic one is -1..1 on any mechanics (ONVIF PTZ 5.8)."""
_MOVES = frozenset({"absolute", "relative", "continuous"})


class Offer(Struct, frozen=True, kw_only=True):
    """A declared space; `source`: the reply that declares it."""

    space: Space
    level: Level
    source: str

    @property
    def span(self) -> float:
        return span(self.space.x)

    def __str__(self) -> str:
        return words(self.source, self.space)


class Head(Struct, frozen=True, kw_only=True):
    """A PTZ head as this slot can use it. `unread`: its options, where they were not seen."""

    offers: tuple[Offer, ...]
    limits: tuple[Space, ...] = ()
    unread: NotSeen | None = None

    def moves(self, axis: str) -> tuple[Offer, ...]:
        """Offers to move this axis, those with an empty range included."""
        return tuple(o for o in self.offers if o.space.axis == axis and o.space.kind in _MOVES)

    def moving(self, axis: str) -> tuple[Offer, ...]:
        """Offers to move this axis by more than nothing: Min==Max is a space in name only.

        Where every range of zoom positions is such a one, velocities beside it are a template: nothing zooms.
        """
        offers = self.moves(axis)
        positions = [o for o in offers if o.space.kind == "absolute"]
        if axis == "zoom" and positions and all(o.span <= 0 for o in positions):
            return ()
        return tuple(o for o in offers if o.span > 0)


# ---- the heads of this slot ----------------------------------------------------------------------


def heads(evidence: Evidence) -> Iterator[Head]:
    """Each configuration with what its options and its node offer, and each node without a configuration.

    Options and node may disagree; the options outrank the node, for the ranges in force depend on the configuration.
    A space is configured (E2) where a profile of this slot binds a configuration whose options offer it; else declared
    (E1). Where the slot is one channel of many, what its own profiles do not bind belongs to another.
    """
    nodes = {node.token: node for node in values(evidence.capabilities.nodes)}
    configurations = values(evidence.capabilities.configurations)
    bound = {profile.ptz for profile in scope.own_profiles(evidence)}
    for configuration in configurations:
        if configuration.token in bound or not evidence.channel:
            level = Level.E2 if configuration.token in bound else Level.E1
            yield _configured(configuration, nodes.get(configuration.node), level)
    if not evidence.channel:
        used = {configuration.node for configuration in configurations}
        yield from (Head(offers=tuple(_of_node(node))) for token, node in nodes.items() if token not in used)


def _configured(configuration: PtzConfiguration, node: PtzNode | None, level: Level) -> Head:
    source = f"GetConfigurationOptions {configuration.token}"
    options = [Offer(space=s, level=level, source=source) for s in values(configuration.spaces)]
    offered = {(o.space.kind, o.space.axis, o.space.uri) for o in options}
    beside = [o for o in _of_node(node) if (o.space.kind, o.space.axis, o.space.uri) not in offered] if node else []
    return Head(
        offers=(*options, *beside),
        limits=configuration.limits,
        unread=configuration.spaces if isinstance(configuration.spaces, NotSeen) else None,
    )


def _of_node(node: PtzNode) -> Iterator[Offer]:
    return (Offer(space=s, level=Level.E1, source=f"GetNodes {node.token}") for s in node.spaces)


# ---- ranges --------------------------------------------------------------------------------------


def span(range_: Span) -> float:
    """Width of a range; infinite where a side is unbounded."""
    return inf if range_.low is None or range_.high is None else range_.high - range_.low


def in_degrees(space: Space) -> bool:
    """A degree space that holds degrees: firmware that repeats the normalised -1..1 there declares no angle."""
    return space.uri.strip().lower() == DEGREES and (space.x.low, space.x.high) != (-1, 1)


def words(source: str, space: Space) -> str:
    ends = (
        "-INF" if space.x.low is None else f"{space.x.low:g}",
        "INF" if space.x.high is None else f"{space.x.high:g}",
    )
    return tidy(f"{source}: {space.kind} {space.axis} {space.uri} {'..'.join(ends)}")
