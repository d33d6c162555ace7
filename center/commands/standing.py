"""canteen-center standing: how every position in service stands, as a daily file for the province's platform."""

import argparse
from pathlib import Path

import msgspec

from center.absent import absent
from center.arguments import Making, locality, now_ms, rules
from center.commands import FINE
from center.daily import Line, as_csv, as_json, day
from center.forms import Listing, answer, tell
from center.placing import beside, make_folder, placed
from center.rate import local
from center.registry.tree import Tree
from center.show import Plain, word
from center.store import Store


def add(making: Making) -> None:
    say = making.say
    zh, en = "每日点位状态，供省平台使用", "how every position stands, the daily file for the province's platform"
    act = making.command("standing", _standing, zh, en)
    county = say("只要该市、县（代码或名称）", "only of this city or county (code or name)")
    act.add_argument("--county", default="", metavar="CODE|NAME", help=county)
    out = say(
        "写入该文件夹：standing-年月日.csv 和 .json", "write standing-YYYYMMDD.csv and .json into this folder, whole"
    )
    act.add_argument("--out", type=Path, metavar="FOLDER", help=out)
    making.policy(act)
    making.forms(act)


def _standing(options: argparse.Namespace) -> int:
    its_rules, at_ms, lang = rules(options.policy), now_ms(), options.lang
    store = Store(options.database, create=False)
    try:
        with store.read() as reader:
            within = locality(Tree(reader.regions()), "--county", options.county, at_ms) if options.county else ""
            told = day(reader, at_ms, its_rules, absent(reader, at_ms, its_rules, within), within)
    finally:
        store.close()
    counts = "  ".join(f"{word(state, lang)} {number}" for state, number in told.counts.items())
    if options.out:
        make_folder(options.out, "--out")
        files = [options.out / f"standing-{local(at_ms):%Y%m%d}.{form}" for form in ("csv", "json")]
        with placed(options.out, "--out"):
            for file, content in zip(files, (as_csv(told), as_json(told)), strict=True):
                with beside(file) as made:
                    made.write_bytes(content)
        written = [str(file) for file in files]
        answer(options, {"files": written, "registered": told.registered}, *written, counts)
        return FINE
    rows = [msgspec.structs.astuple(line) for line in told.positions]
    exact = Listing([Plain(name) for name in Line.__struct_fields__], rows)
    cells = [
        (one.position, f"{one.place} {one.unit_name}", one.zone, word(one.standing, lang), one.since[:16])
        for one in told.positions
    ]
    columns = ("position", "unit", "zone", "state", "since")
    listing = exact if options.csv else Listing(columns, cells, (), ("state",))
    tell(options, lambda: msgspec.to_builtins(told), listing, lines=[counts])
    return FINE
