"""What the registry says of a sheet, in Chinese and English: what is wrong, where, and what to do. Pure."""

from center.registry.problems import Problem

SENTENCES: dict[str, tuple[str, str]] = {
    # ---- the file
    "large": (
        "文件有 {0}，最多 {1}：请按市县分成几个文件",
        "the file has {0}, at most {1}: split it by city or county",
    ),
    "rows": ("超过 {0} 行：请按市县分成几个文件", "more than {0} rows: split it by city or county"),
    "bomb": (
        "工作簿解开后有 {0}（最多 {1}，且不超过压缩前的 300 倍）：请在 Excel 中复制有数据的单元格到新工作簿再保存",
        "the workbook unpacks to {0} (at most {1}, and 300 times its size): copy the filled cells into a new workbook",
    ),
    "old_excel": (
        "是旧版 Excel（.xls）或加了密码的工作簿：请取消密码，另存为 .xlsx",
        "an old Excel file (.xls) or one with a password: remove the password and save it as .xlsx",
    ),
    "locked": ("工作簿加了密码：请取消密码后再保存", "the workbook has a password: remove it and save again"),
    "utf16": (
        "是 UTF-16（Excel 的“Unicode 文本”）：请另存为“CSV UTF-8（逗号分隔）”或 .xlsx",
        "UTF-16 (Excel's “Unicode Text”): save it as “CSV UTF-8 (comma delimited)” or .xlsx",
    ),
    "no_sheet": ("不是表格：请另存为 .xlsx 或 CSV", "no spreadsheet: save it as .xlsx or CSV"),
    "no_workbook": (
        "工作簿无法打开（{0}）：请在 Excel 中打开并另存为 .xlsx",
        "the workbook cannot be opened ({0}): save it anew",
    ),
    "encoding": (
        "既不是 UTF-8，也不是 GB 18030：请另存为“CSV UTF-8”",
        "neither UTF-8 nor GB 18030: save it as “CSV UTF-8”",
    ),
    "damaged": (
        "此处字符损坏（文件到此为止是 UTF-8）：请改正这一行",
        "a damaged character (the file is UTF-8 up to here): put this line right",
    ),
    "no_csv": ("不是 CSV：{0}（常见原因：引号没有成对）", "not a CSV: {0} (often a quote that is not closed)"),
    "empty_file": ("文件是空的", "the file is empty"),
    "no_rows": ("只有表头，没有数据行", "the file has no rows below its header"),
    # ---- the header
    "no_header": (
        "前 10 行中没有认得的表头：列名见 registry template",
        "no header that is known within the first 10 rows: see registry template for the columns",
    ),
    "missing": ("“{1}”表缺少列 {0}", "column {0} is missing from the sheet {1}"),
    "unknown": (
        "没有这样的列：{0}（自用的列请命名为“备注”）",
        "no such column: {0} (a column of your own is called “notes”)",
    ),
    "twice": ("列 {0} 出现两次", "column {0} stands twice"),
    "fields": ("有 {0} 个字段，表头有 {1} 个", "{0} fields, the header has {1}"),
    "other_sheet": ("没有认得的表头，未读取", "no header that is known: not read"),
    "hidden_sheet": ("是隐藏的工作表，同样读取", "a hidden sheet, it is read as well"),
    "hidden_rows": (
        "有 {0} 行被隐藏，首行在此，同样读取",
        "{0} rows are hidden, the first here; they are read as well",
    ),
    "merged": ("合并单元格“{0}”已填入其下各行", "the merged cell “{0}” was filled down"),
    # ---- lists from outside
    "list_header": ("前 10 行中没有所需的表头：{0}", "no header with the columns {0} within the first 10 rows"),
    "foreign_id": ("登记表中没有 {0}：请核对编号", "{0} is not in the registry: check the id"),
    "no_id": ("没有点位编号，也没有国标编号", "neither a position nor its id at the platform"),
    "two_ids": ("点位 {0} 的国标编号不是 {1}", "{1} is not the platform's id of position {0}"),
    "future": ("时间 {0} 尚未到来", "the time {0} is still to come"),
    "said_twice": ("{0} 在 {1} 已有不同的记录", "of {0} at {1} something else is on record"),
    "state": ("{0} 须为 在线 或 离线（online/offline，1/0）", "{0} must be online or offline (1 or 0, 在线 or 离线)"),
    "result": (
        "{0} 须为 能打开、打不开、未试（opened, not opened, not tried）或留空",
        "{0} must be opened, not opened, not tried (能打开, 打不开, 未试), or empty",
    ),
    "not_drawn": ("第 {0} 号没有抽中点位 {1}", "number {0} of this draw is not position {1}"),
    # ---- a cell: {0} is the column
    "empty": ("{0} 没有填写", "{0} is empty"),
    "text": ("{0} 须为 {1} 至 {2} 个可显示字符，不得换行", "{0} must be {1} to {2} printable characters on one line"),
    "power": (
        "{0} 的值 {1} 已被 Excel 变成数：请把该列设为“文本”格式，重新填写原来的数字",
        "{0} {1} was made a number by Excel: format the column as text and enter the digits again",
    ),
    "pattern": ("{0} 的值 {1} 不符合 {2}", "{0} {1} does not match {2}"),
    "choice": ("{0} 的值 {1} 须为以下之一：{2}", "{0} {1} is none of {2}"),
    "telephone": ("{0} 的值 {1} 不是电话号码", "{0} {1} is no telephone number"),
    "national": ("{0} 的值 {1} 须为 20 位数字", "{0} {1} must be 20 digits"),
    "number": ("{0} 的值 {1} 须为整数", "{0} {1} must be a whole number"),
    "time": (
        "{0} 的值 {1} 不是 1970 至 2099 年的时间，应如 2026-09-01 08:00",
        "{0} {1} is no time of 1970 to 2099 such as 2026-09-01 08:00",
    ),
    "day": ("{0} 的值 {1} 应为日期，如 2026-09-01", "{0} {1} must be a day such as 2026-09-01"),
    "daysfirst": (
        "{0} 的值 {1} 分不清月和日：应如 2026-09-01",
        "{0} {1} does not tell day from month: write 2026-09-01",
    ),
    "weekdays": ("{0} 的值 {1} 应如 1-5 或 一三五", "{0} {1} must be such as 1-5 or 1,3,5"),
    "hours": (
        "{0} 的值 {1} 应如 06:30-19:00，多段以顿号分开且不重叠",
        "{0} {1} must be such as 06:30-19:00, several apart and in no hour twice",
    ),
    "formula": (
        "{0} 是公式：请改填其值；若本来就是文字，前面加单引号（'）",
        "{0} is a formula: enter its value; if it is meant as text, put an apostrophe (') before it",
    ),
    "formula_cell": (
        "是公式：请改填其值（复制，选择性粘贴“数值”）",
        "a formula: enter its value (copy, paste special “values”)",
    ),
    "error_cell": ("是错误值（如 #REF!）：请改填其值", "an error such as #REF!: enter the value"),
    "boolean": (
        "{0} 的值 {1} 是 Excel 的逻辑值：请填写文字",
        "{0} {1} is a truth value of Excel: enter the text that is meant",
    ),
    # ---- a place
    "former": (
        "{0} 的 {1} {2} 已于 {3} 撤销，现为 {4}",
        "{0} {1} {2} is no longer given out since {3}: now {4}",
    ),
    "elsewhere": (
        "{0} 的 {1} 不在主题城市码 {2}（应为 {3}）",
        "{0} {1} does not lie in city {2} (but in {3})",
    ),
    "foreign": ("{0} 的 {1} 不在 {2}", "{0} {1} does not lie in {2}"),
    "nowhere": (
        "{0} 的 {1} 不是区划代码或名称；相近的有：{2}（自设的区域先在“区划”表登记）",
        "{0} {1} is no locality; near to it: {2} (one of your own is registered in the sheet regions first)",
    ),
    "ambiguous": ("{0} 的 {1} 有几处：{2}；请填代码", "{0} {1} is several: {2}; give the code"),
    # ---- rows with one another and with what is registered
    "again": ("{0} 已在第 {1} 行", "{0} stands in line {1} already"),
    "ended": ("停用时间早于启用时间", "the end lies before the beginning"),
    "backwards": ("止早于起", "the end lies before the beginning"),
    "pair": ("网关编号和通道须同时填写", "gateway and slot are given together"),
    "cities": (
        "网关 {0} 在此属于 {1}，而前面或已登记的属于 {2}（盒子换了城市码：在“网关”表另起一行）",
        "gateway {0} is in city {1} here and in {2} above, or as registered (a new one: a row in gateways)",
    ),
    "bound": (
        "点位 {0} 现接在网关 {1} 的 {2}：换了盒子或通道，请填接入时间",
        "position {0} is heard at gateway {1}, slot {2}: if that was replaced, say since when (bound_at)",
    ),
    "moved": (
        "{0} 的 {1} 已登记为 {2}，改为 {3} 会连过去一起改动：若是此后迁移，另起一行填写新的生效（启用、接入）时间；"
        "若 {2} 登记有误，用 --correct",
        "{0}: {1} {2} is registered, {3} would move the past too: if it moved, add a row with a later since"
        " (accepted_at, and end the one before); if {2} was wrong, use --correct",
    ),
    "no_unit": ("没有单位 {0}：先在“单位”表登记", "there is no unit {0}: register it in the sheet units"),
    "no_position": ("没有点位 {0}", "there is no position {0}"),
    "overlap": (
        "点位 {0} 自 {1} 起已在服务：请在那一行填写停用时间（若其启用时间有误，填同一时间）",
        "position {0} is in service since {1}: give that row an ended_at (its accepted_at, if that was wrong)",
    ),
    "shared": (
        "网关 {0} 的 {1} 自 {2} 起同时接在点位 {3} 和 {4}：请先停用或改接其中一个",
        "gateway {0}, slot {1} is bound to positions {3} and {4} at once since {2}: end or rebind one of them",
    ),
    "whom": ("点位编号和单位编号须填且只填一个", "give a position or a unit, not both"),
    "nobody": ("单位 {0} 在这段时间没有在服务的点位", "unit {0} has no position in service then"),
    "no_scope": ("{0} 既不是区划代码，也不是单位编号", "{0} is neither the code of a region nor a unit's id"),
    "two_rows": (
        "{0} 的校历有两行一样长且同日：{1} 起的和 {2} 起的（短的那行作为例外优先）",
        "the calendar of {0} has two rows of one length for one day: from {1} and from {2} (the shorter one decides)",
    ),
    "approved_late": (
        "点位 {0} 的计划剔除须在 {1} 之前批准",
        "position {0}: a planned exclusion is approved before {1}",
    ),
    "confirmed_late": (
        "点位 {0}：不可抗力须在 {1} 小时内确认",
        "position {0}: force majeure is confirmed within {1} hours",
    ),
    "excluded_twice": (
        "点位 {0} 在 {1} 至 {2} 已有剔除，不能重叠（撤销一条：把它的止改为它的起）",
        "position {0} is excluded from {1} to {2} already (to withdraw one, set its end to its beginning)",
    ),
    "above_cap": (
        "点位 {0} 在 {1} 共剔除 {2} 小时，上限 {3} 小时",
        "position {0} is excluded for {2} hours in {1}, the cap is {3}",
    ),
    # ---- the lines around them
    "sheet": ("表“{0}”", "sheet “{0}”"),
    "line": ("第{0}行", "line {0}"),
    "column": ("{0}列", "column {0}"),
    "more": ("还有 {0} 处", "and {0} more"),
    "nothing": ("文件有误，未作任何更改", "the file is unfit, nothing was changed"),
    "note": ("注意", "note"),
    "dry": ("仅检查，未作任何更改", "checked only, nothing was changed"),
    "and": ("……共 {0} 行", "… {0} rows in all"),
}


def sentence(name: str, lang: str, *words: str) -> str:
    return SENTENCES[name][0 if lang == "zh" else 1].format(*words)


def said(problem: Problem, lang: str) -> str:
    """One line: the place, then what is wrong with it."""
    place = problem.place
    parts = [sentence("sheet", lang, place.sheet)] if place.sheet else []
    parts += [sentence("line", lang, str(place.line))] if place.line else []
    parts += [sentence("column", lang, place.column)] if place.column else []
    where = " ".join(parts)
    return (
        f"{where}: {sentence(problem.name, lang, *problem.words)}"
        if where
        else sentence(problem.name, lang, *problem.words)
    )
