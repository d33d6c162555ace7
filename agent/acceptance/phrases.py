"""The fixed words of the report, in Chinese and in English."""

from msgspec import Struct

from contract.vocabulary import Standing


class Words(Struct, frozen=True, kw_only=True):
    """The fixed words of the report in one language."""

    lang: str
    title: str
    unit: str
    gateway: str
    single: str
    time: str
    took: str
    took_value: str
    unsynced: str
    policy: str
    version: str
    confidential: str
    without_pictures: str
    summary: str
    counts: str
    no_cameras: str
    clause: str
    article: str
    online_note: str
    advisory: str
    todo: str
    nothing_todo: str
    what: str
    where: str
    camera_todo: str
    camera_fine: str
    all_clauses: str
    slot: str
    zone: str
    address: str
    ports: str
    device: str
    firmware: str
    serial: str
    mac: str
    channel: str
    unread: str
    ladder: str
    not_looked: str
    standing: str
    evidence: str
    explanation: str
    required: str
    ditto: str
    basis: str
    notes: str
    picture_of: str
    no_picture: str
    criteria: str
    criterion: str
    value: str
    source: str
    legend: str
    legend_standings: tuple[tuple[Standing, str], ...]
    legend_levels: str
    signatures: tuple[str, ...]
    pixels: str
    comma: str
    stop: str
    colon: str
    yes: str
    no: str


ZH = Words(
    lang="zh",
    title="“互联网+明厨亮灶”摄像机检测报告",
    unit="单位名称",
    gateway="网关",
    single="（单台检测，未用网关配置）",
    time="检测时间",
    took="用时",
    took_value="{0:.0f} 秒",
    unsynced="网关时钟未与外部时间源同步，上述时间可能不准，请手工核对。",
    policy="政策依据",
    version="检测程序",
    confidential="本报告含监控画面，仅供本单位和监管部门使用，须妥善保管，不得公开或转发。",
    without_pictures="本报告不含监控画面。",
    summary="结果汇总",
    counts="摄像机 {0} 台：在线 {1} 台，离线 {2} 台，未知 {3} 台。",
    no_cameras="配置中没有摄像机，没有可检测的内容。",
    clause="条款",
    article="条文",
    online_note="“在线”是检测时的一次查看结果，不是在线率；在线率由中心按月统计。",
    advisory="能力条款为鼓励配置，不影响摄像机在线与否的判定。",
    todo="待办清单",
    nothing_todo="没有待办事项。",
    what="要做的事",
    where="摄像机（做完一台勾一台）",
    camera_todo="待办事项：第 {0} 项",
    camera_fine="没有待办事项",
    all_clauses="全部条款",
    slot="点位",
    zone="区域",
    address="地址",
    ports="ONVIF 端口 {0}，RTSP 端口 {1}",
    device="厂商型号",
    firmware="固件",
    serial="序列号",
    mac="MAC（设备自报）",
    channel="通道",
    unread="未能读取：{0}",
    ladder="能否打开",
    not_looked="未检查",
    standing="判定",
    evidence="证据等级",
    explanation="说明与处理",
    required="要求：{0}",
    ditto="同上。",
    basis="依据：",
    notes="备注",
    picture_of="{0} 检测时的画面",
    no_picture="没有取到画面",
    criteria="判定标准",
    criterion="项目",
    value="取值",
    source="来源",
    legend="怎样看这份报告",
    legend_standings=(
        (Standing.MET, "有证据证明符合。"),
        (Standing.NOT_MET, "摄像机成功应答，答案为“否”。"),
        (Standing.UNPROVEN, "有应答，但既不能证明有，也不能证明没有。"),
        (Standing.UNKNOWN, "没有问到（连接不上、拒绝登录、应答超时等），不等于没有。"),
    ),
    legend_levels="证据等级由弱到强：",
    signatures=("检测人（签字）", "检测日期", "单位负责人（签字）", "单位（盖章）"),
    pixels="像素",
    comma="、",
    stop="；",
    colon="：",
    yes="是",
    no="否",
)

EN = Words(
    lang="en",
    title="Internet + Bright Kitchen: camera acceptance report",
    unit="Canteen or caterer",
    gateway="Gateway",
    single="(a single camera, without a gateway's configuration)",
    time="Inspected at",
    took="Took",
    took_value="{0:.0f} s",
    unsynced="No outside source disciplines the gateway's clock: this time may be wrong. Check it by hand.",
    policy="Policy",
    version="Inspected with",
    confidential="This report holds camera pictures. It is for the canteen and the regulator alone: keep it "
    "confidential, do not publish or pass it on.",
    without_pictures="This report holds no camera pictures.",
    summary="Summary",
    counts="Cameras: {0}. Online: {1}; offline: {2}; unknown: {3}.",
    no_cameras="No camera is configured: there is nothing to inspect.",
    clause="Clause",
    article="Article",
    online_note='"Online" is what one look said during the inspection. It is not the online rate, which the center '
    "computes for each month.",
    advisory="The capability clauses are encouraged; they do not decide whether a camera is online.",
    todo="What to do",
    nothing_todo="Nothing to do.",
    what="To do",
    where="Cameras (tick each when done)",
    camera_todo="To do: item {0}",
    camera_fine="Nothing to do",
    all_clauses="all clauses",
    slot="Slot",
    zone="Zone",
    address="Address",
    ports="ONVIF port {0}, RTSP port {1}",
    device="Device",
    firmware="Firmware",
    serial="Serial number",
    mac="MAC (as claimed)",
    channel="Channel",
    unread="could not be read: {0}",
    ladder="Can it be opened",
    not_looked="not checked",
    standing="Verdict",
    evidence="Evidence",
    explanation="Explanation and remedy",
    required="Required: {0}",
    ditto="As above.",
    basis="Rests on: ",
    notes="Notes",
    picture_of="{0} at the time of the inspection",
    no_picture="no picture was obtained",
    criteria="Criteria",
    criterion="Criterion",
    value="Value",
    source="Source",
    legend="How to read this report",
    legend_standings=(
        (Standing.MET, "the evidence says yes."),
        (Standing.NOT_MET, "the camera answered, and the answer is no."),
        (Standing.UNPROVEN, "it answered, but the answer proves neither."),
        (
            Standing.UNKNOWN,
            'could not ask (no connection, login refused, no answer in time): not the same as "has none".',
        ),
    ),
    legend_levels="Levels of evidence, weakest first: ",
    signatures=("Inspected by (signature)", "Date", "Head of the canteen (signature)", "Stamp"),
    pixels=" px",
    comma=", ",
    stop="; ",
    colon=": ",
    yes="yes",
    no="no",
)


def words(lang: str) -> Words:
    """`lang`: "zh" or "en"."""
    return ZH if lang == "zh" else EN
