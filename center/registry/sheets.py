"""Which sheets there are, their columns in both languages, and the table that each one's rows belong to. Pure."""

from typing import NamedTuple


class Column(NamedTuple):
    """`kind` names the parser. `also`: other headers that mean it. `hint`: (Chinese, English) for who fills it in."""

    name: str
    zh: str
    kind: str
    required: bool = False
    hint: tuple[str, str] = ("", "")
    also: tuple[str, ...] = ()


class Sheet(NamedTuple):
    """`table`: where its rows go as they are; "" where they are taken apart first."""

    name: str
    zh: str
    table: str
    columns: tuple[Column, ...]
    sign: tuple[str, ...]
    """The columns that tell it from the other sheets."""

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


_TIME = ("如 2026-09-01 08:00（北京时间）", "such as 2026-09-01 08:00 (Asia/Shanghai)")
_DAY = ("如 2026-09-01", "such as 2026-09-01")

UNITS = Sheet(
    "units",
    "单位",
    "units",
    (
        Column("unit", "单位编号", "id", True, ("永不改变，如许可证号", "never changes, such as the licence number")),
        Column("name", "单位名称", "text", True),
        Column("region", "区划代码", "region", True, ("六位代码或名称，见“区划”表", "code or name, see regions")),
        Column("kind", "类别", "kind", True, ("学校食堂、校外供餐单位等", "canteen, caterer, …")),
        Column("programmes", "监管项目", "list", hint=("如 市场监管、教育", "such as 市场监管、教育")),
        Column("obligated_from", "应接入起", "day", hint=_DAY),
        Column("obligated_to", "应接入止", "day", hint=_DAY),
        Column("zones", "必设部位", "list", hint=("如 烹饪间、洗消间", "such as 烹饪间、洗消间")),
        Column("contact", "食品安全联系人", "optional"),
        Column("telephone", "联系电话", "telephone"),
        Column(
            "since", "生效时间", "since", hint=("迁址时另起一行填写；平时留空", "only on the row added when it moves")
        ),
    ),
    ("unit", "name", "region"),
)
POSITIONS = Sheet(
    "positions",
    "点位",
    "",
    (
        Column("position", "点位编号", "id", True, ("永不改变", "never changes")),
        Column("unit", "单位编号", "id", True),
        Column("zone", "部位", "text", True, ("如 烹饪间", "such as 烹饪间")),
        Column("programme", "监管项目", "optional"),
        Column("gb_id", "国标编号", "national", hint=("20 位，可留空", "20 digits, or none")),
        Column("accepted_at", "启用时间", "time", True, _TIME),
        Column("ended_at", "停用时间", "until", hint=("停用时填写", "when it goes out of service")),
        Column("gateway", "网关编号", "gateway?", hint=("盒子的编号", "of the box")),
        Column("slot", "通道", "slot?", hint=("盒子配置中的 slot", "slot in the box's configuration")),
        Column("bound_at", "接入时间", "until", hint=("更换盒子或通道时填写", "when the box or slot is replaced")),
    ),
    ("position", "unit", "accepted_at"),
)
BINDINGS = Sheet(
    "bindings",
    "接入",
    "bindings",
    (
        Column("position", "点位编号", "id", True),
        Column("since", "接入时间", "time", True, _TIME),
        Column("gateway", "网关编号", "gateway?", hint=("留空：此时起不接任何网关", "empty: none from then on")),
        Column("slot", "通道", "slot?"),
    ),
    ("position", "since", "gateway", "slot"),
)
GATEWAYS = Sheet(
    "gateways",
    "网关",
    "gateways",
    (
        Column("gateway", "网关编号", "gateway", True),
        Column("since", "登记时间", "since", hint=_TIME),
        Column("city", "主题城市码", "city", True, ("四位，盒子发消息所用", "four digits, in the box's topics")),
        Column("revoked_at", "吊销时间", "until", hint=_TIME),
        Column("key", "密钥指纹", "optional"),
    ),
    ("gateway", "city"),
)
REGIONS = Sheet(
    "regions",
    "区划",
    "regions",
    (
        Column("code", "区划代码", "id", True),
        Column("name", "名称", "text", True),
        Column("name_en", "英文名称", "optional"),
        Column("kind", "级别", "level", True, ("city、county、zone", "city, county, zone")),
        Column("parent", "上级代码", "id?", True, ("省级留空", "empty for a province")),
        Column("city", "主题城市码", "city", True),
        Column("since", "设立日期", "day", hint=_DAY),
        Column("until", "撤销日期", "day", hint=_DAY),
        Column("successor", "现代码", "id?"),
        Column("place", "通报序号", "number", hint=("通报中的行，其余为 0", "row of the bulletin, else 0")),
    ),
    ("code", "name", "parent"),
)
CALENDARS = Sheet(
    "calendars",
    "校历",
    "calendars",
    (
        Column("scope", "适用范围", "id", True, ("区划代码或单位编号", "code of a region, or a unit's id")),
        Column("kind", "类别", "kind?", hint=("留空：所有类别", "empty: all kinds")),
        Column("from_day", "起始日期", "day", True, _DAY),
        Column("to_day", "结束日期", "day", True, ("含当日", "that day included")),
        Column("weekdays", "星期", "weekdays", hint=("如 1-5；留空：每天", "such as 1-5; empty: every day")),
        Column("hours", "时段", "hours", hint=("如 06:30-19:00；留空：不考核", "such as 06:30-19:00; empty: closed")),
    ),
    ("scope", "from_day", "to_day"),
)
EXCLUSIONS = Sheet(
    "exclusions",
    "剔除",
    "",
    (
        Column("position", "点位编号", "id?", hint=("或填单位编号：其全部点位", "or a unit's id: all its positions")),
        Column("unit", "单位编号", "id?"),
        Column("from", "起", "time", True, _TIME),
        Column("to", "止", "time", True, _TIME),
        Column("cause", "性质", "cause", True, ("计划 或 不可抗力", "planned or force_majeure")),
        Column("reason", "事由", "note", True),
        Column("requested_by", "申请人", "text", True),
        Column("approved_by", "批准人", "text", True),
        Column("approved_at", "批准时间", "time", True, _TIME),
        Column("evidence", "依据", "note?", hint=("文号、照片等", "document number, photograph, …")),
    ),
    ("from", "to", "cause", "reason"),
)
FLAT = Sheet(
    "flat",
    "登记表",
    "",
    (
        Column("city", "主题城市码", "city", True, also=("城市", "城市代码")),
        Column("county", "区县", "text", True, also=("区划代码",)),
        Column("unit", "单位", "text", True, also=("单位名称",)),
        Column("kind", "类别", "kind", True),
        Column("zone", "部位", "text", True),
        Column("slot", "通道", "slot", True, also=("点位",)),
        Column("gateway", "网关编号", "gateway", True, also=("网关",)),
        Column("accepted_at", "启用时间", "time", True),
        Column("ended_at", "停用时间", "until"),
    ),
    ("county", "unit", "slot"),
)
ALL = (REGIONS, UNITS, GATEWAYS, POSITIONS, BINDINGS, CALENDARS, EXCLUSIONS)
"""As a template and an export have them."""
READ = (FLAT, *ALL)
"""`flat` is the table of the first version: a unit is told by its place and name, a position by gateway and slot."""
