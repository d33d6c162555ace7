"""The house's floors: who may import whom. Fails with the sentence that is broken."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("agent", "contract", "center", "simulator")

FLOORS = {
    "model": 0,
    "permit": 1,
    "causes": 1,
    "files": 1,
    "state_lock": 1,
    "first_logins": 2,
    "login_record": 3,
    "threads": 1,
    "limits": 1,
    "ask": 2,
    "decide": 2,
    "tell": 2,
    "settings": 2,
    "learnt": 3,
    "session": 3,
    "login_gate": 4,
    "metrics": 4,
    "examine": 3,
    "status": 3,
    "clock": 3,
    "reload": 3,
    "upgrade": 3,
    "loop": 3,
    "records": 3,
    "slot": 4,
    "acceptance": 4,
    "slots": 5,
    "rounds": 6,
    "commands": 6,
    "login_news": 6,
    "reporting": 6,
    "build": 7,
    "supervisor": 7,
    "daemon": 8,
    "show": 8,
    "hand_logins": 9,
    "command_line": 9,
    "doctor": 10,
    "setup": 10,
    "cli": 11,
    "__main__": 12,
}
"""Floor of each room of the agent; a room imports only from lower floors, or from its own folder."""

ROOMS = {
    "attempt": 1,
    "box": 2,
    "children": 2,
    "net": 3,
    "rtsp": 4,
    "onvif": 4,
    "discovery": 5,
    "picture": 5,
    "ptz": 5,
    "talk": 5,
    "look": 6,
    "inspection": 6,
}
"""Floor of each room of agent/ask; look and inspection share one, and only inspection looks at the other."""

DOORS = ("attempt", "box", "discovery", "look", "inspection", "onvif.clock", "picture.parent", "ptz.parent")
"""What the rest of the agent may import of agent/ask."""

OWNERS = {
    "yaml": {"contract/strict_yaml.py"},
    "tenacity": {"agent/ask/attempt.py"},
    "psutil": {"agent/ask/box/health.py"},
    "paho": {"agent/tell/line.py", "center/line.py"},
    "rich": {"agent/show.py", "center/show.py"},
    "sqlalchemy": {"center/store"},
    "alembic": {"center/store"},
    "duckdb": {"center/days/engine.py"},
    "docx": {"center/bulletin/docx.py"},
    "prometheus_client": {"center/metrics.py"},
    "python_calamine": {"center/registry/workbook.py"},
    "cryptography": {"center/enrolment/authority.py"},
    "xlsxwriter": {"center/registry/writing.py"},
    "starlette": {"center/web"},
    "jinja2": {"center/web/render.py"},
    "markupsafe": {"center/web"},
    "uvicorn": {"center/web/serving.py"},
    "argon2": {"center/web/passwords.py"},
    "av": {"simulator/video.py"},
    "zeep": {"agent/ask/onvif/soap.py"},
    "onvif": {"agent/ask/onvif/soap.py"},
    "lxml": {"agent/ask/onvif/envelope.py", "agent/ask/onvif/wsdl.py"},
}
"""Third-party library -> the files, or the one folder, that may import it (one on each side)."""


def imports(file: Path) -> Iterator[str]:
    """Dotted names that a file imports, wherever in it; `from a import b` counts as a.b."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.relative_to(ROOT)}: relative imports hide the floor"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def everything() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            for name in imports(file):
                yield file.relative_to(ROOT).as_posix(), name


def test_agent_center_and_simulator_never_import_each_other() -> None:
    """agent, center and simulator meet only in contract; contract knows none of them."""
    broken = [
        f"{file} imports {name}"
        for file, name in everything()
        for other in ("agent", "center", "simulator")
        if name.split(".")[0] == other and not file.startswith(other + "/")
    ]
    assert not broken, broken


def test_floors_of_the_agent() -> None:
    """A room of the agent imports only from the floors below it, or from its own folder."""
    broken = []
    for file, name in everything():
        target = name.split(".")
        if not file.startswith("agent/") or target[0] != "agent" or len(target) < 2:
            continue
        room = Path(file).parts[1].removesuffix(".py")
        if target[1] in FLOORS and target[1] != room and FLOORS[target[1]] >= FLOORS[room]:
            broken.append(f"{file} (floor {FLOORS[room]}) imports {name} (floor {FLOORS[target[1]]})")
    assert not broken, broken


def test_rooms_of_asking() -> None:
    """A room of agent/ask imports only from lower rooms or from itself; no two rooms of one floor know each other."""
    broken = []
    for file, name in everything():
        target, folder = name.split("."), Path(file).parts
        if folder[:2] != ("agent", "ask") or target[:2] != ["agent", "ask"]:
            continue
        room, other = folder[2].removesuffix(".py"), target[2]
        if room not in (other, "inspection") and ROOMS[other] >= ROOMS[room]:
            broken.append(f"{file} (room {room}, floor {ROOMS[room]}) imports {name} (floor {ROOMS[other]})")
    assert not broken, broken


def test_asking_is_entered_by_its_doors() -> None:
    """The rest of the agent imports of agent/ask nothing but its doors; what a child needs stays inside."""
    broken = [
        f"{file} imports {name}"
        for file, name in everything()
        if name.startswith("agent.ask.") and not file.startswith("agent/ask/")
        if not f"{name}.".startswith(tuple(f"agent.ask.{door}." for door in DOORS))
    ]
    assert not broken, broken


def test_deciding_is_pure() -> None:
    """agent/decide imports no socket, file, clock, thread or process."""
    impure = {"socket", "time", "datetime", "threading", "subprocess", "os", "pathlib", "asyncio", "random", "sqlite3"}
    broken = [f"{f} imports {n}" for f, n in everything() if f.startswith("agent/decide") and n.split(".")[0] in impure]
    assert not broken, broken


MESSAGES = {
    **dict.fromkeys(("engine", "doors"), 1),
    **dict.fromkeys(("rules", "words", "taking_in"), 2),
    **dict.fromkeys(("opening", "writing", "sender", "building"), 3),
    "round": 4,
    "service": 5,
}
"""Floor of each room of center/messages."""


def test_floors_of_the_messages() -> None:
    """A room of center/messages imports from lower ones or its own folder; the engine is pure, doors know no outbox."""
    broken = []
    for file, name in everything():
        parts, target = Path(file).parts, name.split(".")
        room = parts[2].removesuffix(".py") if parts[:2] == ("center", "messages") else ""
        own = target[:2] == ["center", "messages"] and target[2] in MESSAGES
        if own and room in MESSAGES and target[2] != room and MESSAGES[target[2]] >= MESSAGES[room]:
            broken.append(f"{file} (floor {MESSAGES[room]}) imports {name} (floor {MESSAGES[target[2]]})")
        impure = {"engine": target[0] not in ("collections", "typing"), "doors": target[0] == "center" and not own}
        if impure.get(room):
            broken.append(f"{file} imports {name}")
    assert not broken, broken


def test_each_library_has_one_owner() -> None:
    """A third-party library is imported in the one file that owns it."""
    broken = [
        f"{file} imports {name}; {name.split('.')[0]} belongs to {sorted(OWNERS[name.split('.')[0]])}"
        for file, name in everything()
        for owners in (OWNERS.get(name.split(".")[0], {file}),)
        if not any(file == owner or file.startswith(f"{owner}/") for owner in owners)
    ]
    assert not broken, broken


# ---- tests ---------------------------------------------------------------------------------------

PUBLIC_IN_SPITE = {"_replace", "_asdict", "_fields", "_make", "_exit"}
"""Of namedtuples and of os: documented, whatever their names look like."""
BY_NAME = {"setattr", "delattr", "getattr", "hasattr", "attrgetter", "methodcaller", "patch"}
"""Calls that reach an attribute by a string."""


def private(name: str) -> bool:
    return any(p.startswith("_") and not p.startswith("__") and p not in PUBLIC_IN_SPITE for p in name.split("."))


def own(node: ast.expr) -> bool:
    return ast.unparse(node) in ("self", "cls", "super()")


def reached(node: ast.AST) -> Iterator[str]:
    """The private names that this piece of code reaches for in something that is not its own."""
    match node:
        case ast.Attribute(value=value, attr=attr) if private(attr) and not own(value):
            yield ast.unparse(node)
        case ast.ImportFrom(module=str(module), names=names):
            yield from (f"{module}.{one.name}" for one in names if private(f"{module}.{one.name}"))
        case ast.Import(names=names):
            yield from (one.name for one in names if private(one.name))
        case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called), args=args) if called in BY_NAME:
            strings = [one.value for one in args[:2] if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            yield from (f"{called} {one}" for one in strings if private(one) and not own(args[0]))


def test_tests_reach_no_private_attribute() -> None:
    """What a test needs of the product is a door with a name: none reaches for what begins with an underscore."""
    broken = [
        f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 0)} reaches {name}"
        for file in sorted((ROOT / "tests").rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        for name in reached(node)
    ]
    assert not broken, "\n".join(broken)


def test_what_reaches_a_private_attribute_is_found() -> None:
    """By a dot, by an import, by a string; not one's own, nor a namedtuple's documented ones."""
    bad = (
        "a._b",
        "a._b.c",
        "from a import _b",
        "from a._b import c",
        "import a._b",
        "patch('a._b')",
        "f(getattr(a, '_b'))",
    )
    good = (
        "self._b",
        "super()._b",
        "a._replace(b=1)",
        "os._exit(1)",
        "a.__name__",
        "getattr(self, '_b')",
        "from a import b",
        "_b(1)",
    )
    for text in (*bad, *good):
        found = [name for node in ast.walk(ast.parse(text)) for name in reached(node)]
        assert bool(found) is (text in bad), text
