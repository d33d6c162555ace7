"""Child only: of onvif-zeep's WSDL and schema just what our questions need, so that zeep parses a twentieth of it.

Whole, the four services cost 77 ms and 4 MB more (decision 9). What the operations are for must not be
known here.
"""

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from lxml import etree

from agent.ask.attempt import Trouble
from contract.vocabulary import Reason

_W, _X = "{http://schemas.xmlsoap.org/wsdl/}", "{http://www.w3.org/2001/XMLSchema}"
_COMMON = "onvif.xsd"
_ROOT = '<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" targetNamespace="urn:all">{}</w:definitions>'


class Files:
    """What zeep loads instead of the files: their reduced text, and a root that imports every WSDL.

    One root, so that the common schema is read once for all services. Nothing is ever loaded over the network.
    """

    ROOT = "all-services.wsdl"

    def __init__(self, folder: Path, operations: Mapping[str, Collection[str]]) -> None:
        """`operations`: WSDL file -> the operations to keep; their answers are left undescribed, for we read them."""
        trees = {file: _parsed(folder / file) for file in operations}
        common = _parsed(folder / _COMMON)
        _drop(common.findall(f"{_X}import"), ())  # of events and attachments
        for file, kept in operations.items():
            _keep(trees[file], kept)
        _keep_types([*(schema for tree in trees.values() for schema in tree.iter(f"{_X}schema")), common], operations)
        imports = (
            f'<w:import namespace="{tree.get("targetNamespace")}" location="{file}"/>' for file, tree in trees.items()
        )
        self._files = {file: etree.tostring(tree) for file, tree in (*trees.items(), (_COMMON, common))}
        self._files[self.ROOT] = _ROOT.format("".join(imports)).encode()

    def load(self, location: str) -> bytes:
        return self._files[Path(location).name]


def _parsed(file: Path) -> etree._Element:
    return etree.fromstring(file.read_bytes(), etree.XMLParser(remove_comments=True, no_network=True))


def _keep(wsdl: etree._Element, operations: Collection[str]) -> None:
    """Drop all other operations, their messages and their elements (named alike, with Request and Response)."""
    messages = {operation + end for operation in operations for end in ("Request", "Response")}
    _drop(wsdl.findall(f"{_W}message"), messages)
    _drop(wsdl.findall(f"*/{_W}operation"), operations)


def _keep_types(schemas: Iterable[etree._Element], operations: Mapping[str, Collection[str]]) -> None:
    """Drop the components to which no request refers, directly or through others; empty those of the answers."""
    requests = {operation for kept in operations.values() for operation in kept}
    answers = {f"{operation}Response" for operation in requests}
    components = [node for schema in schemas for node in schema.iterchildren(etree.Element)]
    named: dict[str, list[etree._Element]] = {}
    for node in components:
        named.setdefault(node.get("name", ""), []).append(node)
    needed, new = set(requests), set(requests)
    while new:
        new = {name for known in new for node in named.get(known, ()) for name in _references(node)} - needed
        needed |= new
    for answer in answers:
        for node in named.get(answer, ()):
            node[:] = []
    _drop((node for node in components if node.get("name")), needed | answers)


def _references(node: etree._Element) -> Iterator[str]:
    """Local names of the components that a component refers to, in whatever namespace."""
    for inner in node.iter(etree.Element):
        for attribute in ("type", "base", "ref", "itemType"):
            if inner.get(attribute):
                yield inner.get(attribute, "").rpartition(":")[2]


def _drop(nodes: Iterable[etree._Element], names: Collection[str]) -> None:
    """Remove the nodes that have none of these names."""
    for node in list(nodes):
        parent = node.getparent()
        if parent is not None and node.get("name") not in names:
            parent.remove(node)


# ---- where the files are ------------------------------------------------------------------------


def folder(site: Path) -> Path:
    """Where onvif-zeep's WSDL files are: in `site`, where its package is, or where its distribution's file list says.

    Raises Trouble(AGENT_FAULT) naming the places tried: `pip install --target` installs none, and a wheel built under
    another minor version of Python puts them elsewhere; the library's own default path is silent about both.
    """
    tried = []
    for candidate in _candidates(site):
        if (candidate / "devicemgmt.wsdl").is_file():
            return candidate
        tried.append(str(candidate))
    detail = f"onvif-zeep's WSDL files are missing, reinstall it; looked in {', '.join(tried)}"
    raise Trouble(Reason.AGENT_FAULT, detail)


def _candidates(site: Path) -> Iterator[Path]:
    yield site / "wsdl"
    import importlib.metadata  # 15 ms that nobody needs where all is in order

    for file in importlib.metadata.files("onvif-zeep") or ():
        if file.name == "devicemgmt.wsdl":
            yield Path(str(file.locate())).resolve().parent
    yield from Path(sys.prefix).glob("lib/python3*/site-packages/wsdl")
