"""What each figure is: numerator, denominator, and the values of the policy that it hangs on."""

from starlette.requests import Request
from starlette.responses import Response

from center.show import word
from center.web.crumbs import ending
from center.web.render import page
from center.web.site import Visit

TEXTS: dict[str, tuple[tuple[str, str], tuple[str, str], tuple[str, str]]] = {
    "online": (
        ("现在能证明打开得了的点位", "positions proven to open now"),
        ("在用的登记点位，从未出现过的也算", "registered positions in service, also those never seen"),
        (
            "以网关最新上报为准；网关失联或停止后不算在线",
            "as its gateway told last; none of a silent or stopped one",
        ),
    ),
    "offline": (
        ("网关报告打不开的点位", "positions that their gateway tells to be closed"),
        ("在用的登记点位", "registered positions in service"),
        ("同 canteen-center offline", "as canteen-center offline"),
    ),
    "unknown": (
        ("网关失联、停止或自述不知的点位", "positions whose gateway is silent, stopped, or cannot know"),
        ("在用的登记点位", "registered positions in service"),
        ("未知不等于离线，也不算在线", "unknown is not offline, and is not online"),
    ),
    "never_seen": (
        ("从未有任何上报的在用点位", "positions in service of which nothing was ever known"),
        ("在用的登记点位", "registered positions in service"),
        ("仍计入应有", "they count as registered all the same"),
    ),
    "lasting": (
        ("自最后一次在线之后的第一条报告起", "since the first word after the last “online”"),
        ("—", "—"),
        (
            "网关重启不另起一次中断；从未上线的自启用起",
            "a restart begins no new outage; of one never seen, since its service began",
        ),
    ),
    "cause": (
        ("网关上报的原因，或网关本身的状态", "the reason that the gateway tells, or the state of the gateway"),
        ("—", "—"),
        ("同一单位同一原因为一行", "one line for each cause at a unit"),
    ),
    "heard": (
        ("中心最近一次收到该网关报文至今", "since the center last heard that gateway"),
        ("—", "—"),
        ("超过“失联判定”时长的以灰色和文字标出", "greyed and told in words where longer than the policy's silence"),
    ),
    "excluded": (
        ("已批准的时段", "the time that was approved"),
        ("—", "—"),
        (
            "分子、分母都不计；待审批、未批准、仅告知的停机照常计入。上限和时限见下方“办法的取值”",
            "left out of numerator and denominator; what is open, refused or only announced counts as ever. Its caps "
            "stand below, among the values of the policy",
        ),
    ),
    "agreement": (
        ("人工结果与计算相同的抽查", "checks of which a person saw what was computed"),
        ("已试、且计算为在线或离线的抽查", "checks that were tried, and computed as online or offline"),
        (
            "区间为 Clopper-Pearson 精确区间，置信度 95%，向外取整；样本少时区间宽",
            "the bound is Clopper and Pearson's exact one at 95 %, rounded outwards; few checks leave it wide",
        ),
    ),
    "coverage": (
        ("全部应设场所都被覆盖的应建单位", "obligated units of which every required zone is covered"),
        ("全部应建单位", "all obligated units"),
        ("以月末为准，本月以现在为准", "at the month's end; of a running month, now"),
    ),
    "reading_time": (
        ("证明在线的毫秒数 On", "ms proven online, On"),
        ("应计毫秒数 E（不含已批准剔除）", "ms assessed, E (without approved exclusions)"),
        ("未知不计入分子，仍在分母", "what is unknown stays in the denominator alone"),
    ),
    "reading_days": (
        ("On ≥ θ·E 的机位日", "camera-days with On ≥ θ·E"),
        ("有应计时间的机位日", "camera-days with any E"),
        ("θ 即 min_day_ratio", "θ is min_day_ratio"),
    ),
    "reading_spot": (
        ("在线的抽查时刻", "instants online"),
        ("应计的抽查时刻", "instants assessed"),
        ("每日 spot_instants 次，自零时起均匀分布", "spot_instants a day, evenly from midnight"),
    ),
    "evidence": (
        ("已知时间（在线+离线）", "time known (online and offline)"),
        ("应计时间 E", "time assessed, E"),
        ("其余为未知", "the rest is unknown"),
    ),
    "verdict": (
        ("覆盖率和作准的在线率", "coverage and the deciding reading"),
        ("各自的分母", "each of its denominator"),
        (
            "分子等于分母才达标，取整之前判定；平台自身故障使证据低于 min_evidence 时为证据不足",
            "passes only where numerator equals denominator, before any rounding; unclear where the center's own fault "
            "leaves evidence below min_evidence",
        ),
    ),
    "failing": (
        ("未覆盖的场所和作准读法不满的点位", "zones not covered, and positions short of the deciding reading"),
        ("—", "—"),
        ("首要事项为其中第一项", "the first of them is named"),
    ),
    "change": (
        ("作准的在线率减上月的", "the deciding rate less that of the month before"),
        ("—", "—"),
        ("百分点；有变化的不印成 0", "percentage points; what has changed is never printed as 0"),
    ),
}
"""Name -> numerator, denominator, note."""


def definitions(request: Request) -> Response:
    visit = Visit(request)
    pick = visit.lang == "en"
    own = {
        "change": ("较上月", "change"),
        "heard": ("最近上报", "last heard"),
        "excluded": ("剔除", "exclusions"),
        "agreement": ("抽查一致率", "agreement of spot checks"),
    }
    sections = []
    for name, texts in TEXTS.items():
        if name in own:
            title = own[name][pick]
        elif name.startswith("reading_"):
            title = f"{word('rate', visit.lang)}·{word(name, visit.lang)}"
        else:
            title = word("reason" if name == "cause" else name, visit.lang)
        sections.append((name, title, *(text[pick] for text in texts)))
    rate = visit.site.policy.rate
    values = [
        (name, visit.say(entry.title.zh, entry.title.en), str(entry.value), entry.unit, entry.clause, entry.source)
        for name, entry in ((field, getattr(rate, field)) for field in rate.__struct_fields__)
    ]
    return page(
        "definitions.html",
        **visit.context(),
        crumbs=ending([(visit.say("首页", "first page"), visit.url(""))], visit.say("口径", "Definitions")),
        sections=sections,
        values=values,
    )
