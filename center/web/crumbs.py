"""Where a page lies: from the top of what this account may see down to it."""

from center.registry.tree import Tree
from center.web.site import Visit

Crumbs = list[tuple[str, str]]
"""(name, URL), "" of the page itself."""


def region_crumbs(visit: Visit, code: str) -> Crumbs:
    """With the place itself, as a link."""
    tree: Tree = visit.now.tree
    chain = [one for one in tree.chain(code) if visit.scope.region_seen(tree, one)]
    month = visit.params.get("month", "")
    return [(visit.place(one), visit.url("places", one, month=month)) for one in reversed(chain)]


def ending(crumbs: Crumbs, name: str) -> Crumbs:
    """The page itself comes last."""
    return [*crumbs, (name, "")]
