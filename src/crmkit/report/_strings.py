"""Every sentence of the report, in English and Chinese. Names of segments are those of crmkit.features."""

from __future__ import annotations

from typing import Final

LANGUAGES: Final = ("en", "zh")

#: Key, then English, then Chinese. Words between ``**`` are strong, between backticks code.
STRINGS: Final[dict[str, tuple[str, str]]] = {
    # -- the page
    "page.title": ("Customer report", "客户分析报告"),
    "page.subtitle": (
        "{name} · purchases from {first} to {last} · as of {as_of}",
        "{name} · 购买记录 {first} 至 {last} · 截至 {as_of}",
    ),
    "page.in_short": ("In short", "要点"),
    "page.no_pictures": (
        "This report has no pictures: matplotlib is not installed. `pip install matplotlib` and run it again.",
        "本报告没有图：尚未安装 matplotlib。请执行 `pip install matplotlib` 后重新运行。",
    ),
    "page.no_money": (
        "The file names no money, so amounts are left out: say which column holds them with `--value`, or with `--price` and "
        "`--quantity`.",
        "文件没有指明金额列，因此报告不含金额。请用 `--value`，或 `--price` 加 `--quantity` 指明。",
    ),
    "page.made": (
        "Made by crmkit {version}. Nothing in this page is loaded from elsewhere; it can be mailed as one file.",
        "由 crmkit {version} 生成。本页不从外部加载任何内容，可作为单个文件转发。",
    ),
    # -- what the log holds
    "overview.title": ("What the data hold", "数据概况"),
    "overview.headline": (
        "**{customers} customers** bought on {purchases} customer-days between {first} and {last}; **{repeat}** of them "
        "bought on more than one day.",
        "{first} 至 {last}，**{customers} 位客户**共有 {purchases} 个购买日（同一客户同一天计一次）；其中 **{repeat}** 在不止一天购买过。",
    ),
    "overview.customers": ("customers", "客户数"),
    "overview.purchases": ("purchases (customer-days)", "购买次数（按客户与日）"),
    "overview.money": ("spent, refunds deducted", "消费金额（扣除退款）"),
    "overview.mean": ("per purchase", "次均金额"),
    "overview.repeat": ("bought again at least once", "至少复购一次"),
    "overview.items": ("different items", "商品数"),
    "overview.first": ("first purchase", "首次购买"),
    "overview.again": ("bought again", "再次购买"),
    "overview.per_M": ("Purchases per month", "每月购买次数"),
    "overview.per_W": ("Purchases per week", "每周购买次数"),
    "overview.per_D": ("Purchases per day", "每日购买次数"),
    "overview.per_customer": ("Customers by number of purchases", "按购买次数的客户数"),
    "overview.caption": (
        "Several lines of one customer on one day count as one purchase. The first bar of the right picture are one-time "
        "buyers.",
        "同一客户同一天的多行记录计为一次购买。右图第一根柱为只购买过一次的客户。",
    ),
    "overview.alt": (
        "Bar charts: {first} first and {again} repeat purchases over time; {once} customers bought once.",
        "柱状图：首次购买 {first} 次，再次购买 {again} 次；只购买一次的客户 {once} 位。",
    ),
    "overview.rows": (
        "**{rows} rows** were read, and **{used}** of them are used. Rows that cannot be purchases are left out and counted "
        "here, never silently.",
        "共读取 **{rows} 行**，使用其中 **{used} 行**。无法作为购买记录的行会被剔除并在此计数，绝不静默丢弃。",
    ),
    "overview.quality": (
        "Quality of the data: {dropped} rows left out. A row may break several rules.",
        "数据质量：剔除 {dropped} 行。同一行可能触犯多条规则。",
    ),
    "overview.clean": ("Nothing had to be left out, and nothing looked odd.", "没有需要剔除的行，也未发现异常。"),
    "overview.rule": ("What was found", "发现的问题"),
    "overview.what": ("What was done", "处理"),
    "overview.rows_column": ("Rows", "行数"),
    "overview.share": ("Share of rows", "占比"),
    "overview.kept": ("kept", "保留"),
    "overview.left_out": ("left out", "剔除"),
    "overview.short_day": (
        "The last day ends earlier than days usually do: the file was probably cut in the middle of it, and the customers of "
        "that evening look as if they had stopped.",
        "最后一天比平日结束得早：文件可能在当天中途导出，当晚购买的客户会显得像是没有再来。",
    ),
    "overview.assumed": ("Assumed while reading: {what}.", "读取时的假定：{what}。"),
    "overview.command": ("The command that says all of it:", "完整写明这些假定的命令："),
    "rule.null customer": ("no customer", "缺少客户"),
    "rule.null time": ("no time", "缺少时间"),
    "rule.unparseable time": ("a time that cannot be read", "时间无法识别"),
    "rule.time after today": ("a time after today", "时间晚于今天"),
    "rule.time at or after observed_until": ("a time after the end of the data", "时间晚于数据截止时刻"),
    "rule.non-finite": ("an infinite number in {column}", "{column} 为无穷大"),
    "rule.not a number in": ("no number in {column}", "{column} 不是数字"),
    "rule.null money on a purchase": ("a purchase without an amount", "购买记录缺少金额"),
    "rule.null item on a purchase": ("a purchase without an item", "购买记录缺少商品"),
    "rule.line with too many cells": ("a line with more cells than headings", "单元格数多于表头"),
    "rule.exact duplicate": ("an exact repeat of another row", "与另一行完全相同"),
    "rule.refund": ("a refund (negative amount)", "退款（金额为负）"),
    "rule.refund before any purchase": ("a refund without an earlier purchase", "此前没有购买的退款"),
    "rule.last day ends early": ("on a last day that ends early", "最后一天提前结束"),
    "rule.late row": ("a row that came late", "迟到的行"),
    # -- segments
    "segments.title": ("Who the customers are: RFM segments", "客户是谁：RFM 分群"),
    "segments.how": (
        "As of {as_of}, each customer gets a score from 1 to 5 for how **recently** they bought (5 = most recently), how "
        "**frequently**, and for how much **money**. Customers with equal figures always get equal scores. The segments are "
        "named after recency and frequency.",
        "截至 {as_of}，按最近一次购买（**R**，5 分为最近）、购买次数（**F**）和消费金额（**M**）给每位客户打 1–5 分，"
        "数值相同的客户得分必定相同。分群名称由 R 与 F 决定。",
    ),
    "segments.few": (
        "There are only {customers} customers: scores of so few say who stands before whom, and little more.",
        "只有 {customers} 位客户：此时得分只能说明先后顺序。",
    ),
    "segments.table": ("Segments, best first", "各分群（由好到差）"),
    "segments.segment": ("Segment", "分群"),
    "segments.customers": ("Customers", "客户数"),
    "segments.share_of_customers": ("Share of customers", "客户占比"),
    "segments.money": ("Spent so far", "累计消费"),
    "segments.share_of_money": ("Share of money", "金额占比"),
    "segments.recency": ("Days since last purchase (median)", "距上次购买天数（中位数）"),
    "segments.frequency": ("Purchases (mean)", "平均购买次数"),
    "segments.caption": (
        "How many customers each segment holds, and how much of the money came from it.",
        "各分群的客户占比与金额占比。",
    ),
    "segments.alt": ("Bar chart of the segments' shares of customers: {shares}.", "各分群客户占比柱状图：{shares}。"),
    "segments.file": (
        "Each customer's figures, scores and segment are in `customers.csv`, beside this report.",
        "每位客户的数值、得分与分群见本报告旁的 `customers.csv`。",
    ),
    "segments.headline_money": (
        "The segment **{segment}**, {customers} of the customers, brought **{money}** of the money.",
        "分群**{segment}**占客户的 {customers}，贡献了 **{money}** 的金额。",
    ),
    "segments.headline": (
        "The largest segment is **{segment}** with {customers} of the customers.",
        "最大的分群是**{segment}**，占客户的 {customers}。",
    ),
    # -- back-test
    "backtest.title": ("Who buys again? A test on the past", "谁会再次购买？用历史检验"),
    "backtest.how": (
        "At each of {dates} dates in the past, a model was asked who would buy again **within {days} days**. It saw only what "
        "was known on that date: purchases before it, and answers that were complete by then. Customers are described by "
        "RFM at earlier dates (the first is {first}); the model is a logistic regression.",
        "在过去的 {dates} 个日期，让模型回答谁会在 **{days} 天内**再次购买。模型只能看到当时已知的内容：此前的购买，以及当时已有完整结果的样本。"
        "客户用更早日期（最早为 {first}）的 RFM 描述；模型为逻辑回归。",
    ),
    "backtest.rule": (
        "Beside it stands the rule that needs no model: **most recent first**. Tested are all customers who had bought before.",
        "对照是一条无需模型的规则：**最近购买者优先**。检验对象为此前购买过的所有客户。",
    ),
    "backtest.sampled": (
        "To save time the model was fitted and tested on {sampled} of the {customers} customers, drawn at random.",
        "为节省时间，模型在随机抽取的 {sampled} 位客户（共 {customers} 位）上训练与检验。",
    ),
    "backtest.table": (
        "Each date, predicted from what was known on it. Top 20%: share of those who bought within {days} days that stood "
        "among the fifth of the customers put first.",
        "每个日期都只用当时已知信息预测。前 20%：{days} 天内购买的客户中，有多大比例排在最前面的五分之一。",
    ),
    "backtest.date": ("Date", "日期"),
    "backtest.customers": ("Customers", "客户数"),
    "backtest.bought": ("Bought within {days} days", "{days} 天内购买"),
    "backtest.n_train": ("Rows learnt from", "训练行数"),
    "backtest.auc_model": ("AUC model", "模型 AUC"),
    "backtest.auc_rule": ("AUC rule", "规则 AUC"),
    "backtest.top_model": ("Top 20% model", "前 20% 模型"),
    "backtest.top_rule": ("Top 20% rule", "前 20% 规则"),
    "backtest.mean": ("Mean", "平均"),
    "backtest.better": (
        "**The model is better than the rule**: AUC {model} against {rule}. The difference is {gain}, with an interval of 95% "
        "from {low} to {high} when customers are drawn again.",
        "**模型优于规则**：AUC {model} 对 {rule}。差值 {gain}，按客户重抽样的 95% 区间为 {low} 至 {high}。",
    ),
    "backtest.worse": (
        "**The rule is better than the model**: AUC {rule} against {model}. The difference is {gain}, with an interval of 95% "
        "from {low} to {high} when customers are drawn again. Use the rule.",
        "**规则优于模型**：AUC {rule} 对 {model}。差值 {gain}，按客户重抽样的 95% 区间为 {low} 至 {high}。请使用规则。",
    ),
    "backtest.same": (
        "**Nobody can tell model and rule apart**: AUC {model} and {rule}. The difference is {gain}, with an interval of 95% "
        "from {low} to {high} when customers are drawn again. The rule is simpler; the model also says how many will buy.",
        "**模型与规则难分高下**：AUC {model} 与 {rule}。差值 {gain}，按客户重抽样的 95% 区间为 {low} 至 {high}。规则更简单；模型还能给出预计购买人数。",
    ),
    "backtest.auc": (
        "AUC: of two customers, one who bought and one who did not, how often the buyer was put first. 0.5 is blind, 1 is "
        "perfect.",
        "AUC：任取一位购买者与一位未购买者，购买者排在前面的概率。0.5 等于盲选，1 为完美。",
    ),
    "backtest.headline": (
        "**{rate}** of the customers bought within {days} days of the dates tested. The model's top fifth held **{reached}** of "
        "them; the rule \"most recent first\" {by_rule}.",
        "检验日期后 {days} 天内有 **{rate}** 的客户购买。模型选出的前五分之一包含其中 **{reached}**；“最近购买者优先”规则为 {by_rule}。",
    ),
    "backtest.model": ("RFM model", "RFM 模型"),
    "backtest.rule_name": ("most recent first", "最近购买者优先"),
    "backtest.blind": ("blind", "盲选"),
    "backtest.auc_title": ("AUC at each date", "各日期的 AUC"),
    "backtest.gains_title": ("Share of the buyers reached", "覆盖的购买者比例"),
    "backtest.contacted": ("share of customers contacted", "联系的客户比例"),
    "backtest.caption": (
        "Left: how well buyers were put before the others. Right: all dates together; whoever contacts the share of customers "
        "below reaches the share at the left of those who bought within {days} days.",
        "左：购买者排在其他人之前的程度。右：各日期合计；横轴为联系的客户比例，纵轴为由此覆盖的 {days} 天内购买者比例。",
    ),
    "backtest.alt": (
        "AUC of model ({model} on average) and rule ({rule}) at {dates} dates, and the curve of buyers reached.",
        "{dates} 个日期上模型（平均 {model}）与规则（平均 {rule}）的 AUC，以及购买者覆盖曲线。",
    ),
    "impossible.short": (
        "The history of {days} days is too short to test a prediction: {needed} days are needed, a third of them to look at, a "
        "third to learn from and a third to test on.",
        "历史只有 {days} 天，不足以检验预测：至少需要 {needed} 天，观察、学习、检验各三分之一。",
    ),
    "impossible.few": (
        "A prediction cannot be tested here: of {rows} customer-dates, {bought} were followed by a purchase within {days} days. "
        "At least {needed} that were and {needed} that were not must be known before a date that is tested.",
        "此处无法检验预测：{rows} 个客户-日期中有 {bought} 个在 {days} 天内有购买。在检验日期之前，至少需要 {needed} 个有购买和 {needed} 个没有购买的样本。",
    ),
    # -- honesty
    "honesty.title": ("The honesty box: what a random split would have promised", "诚实栏：随机划分会承诺什么"),
    "honesty.how": (
        "The usual test shuffles all rows and predicts a fifth of them from the others. Here that means learning from later "
        "dates, and from the same customer {step} days before and {step} days after: with windows of {days} days those answers "
        "overlap. **Such a test can promise what nobody can keep.** The same rows, judged both ways:",
        "常见的检验会打乱所有行，用其余行预测其中五分之一。这意味着从更晚的日期学习，也从同一客户前后 {step} 天的样本学习：{days} 天的窗口使这些答案相互重叠。"
        "**这种检验可能承诺无法兑现的结果。** 对同样的行，两种检验如下：",
    ),
    "honesty.impossible": (
        "This needs the test on the past, which this history does not allow.",
        "这需要用历史检验，而现有历史不够。",
    ),
    "honesty.table": (
        "What a random split promised for the rows tested above, and what came when they were predicted in time order.",
        "对上述检验行，随机划分的承诺与按时间顺序预测的实际结果。",
    ),
    "honesty.what": ("Model", "模型"),
    "honesty.model_name": ("RFM, logistic regression", "RFM + 逻辑回归"),
    "honesty.forest": ("RFM, random forest", "RFM + 随机森林"),
    "honesty.promised": ("AUC promised by a random split", "随机划分承诺的 AUC"),
    "honesty.came": ("AUC in time order", "按时间的 AUC"),
    "honesty.difference": ("Difference", "差值"),
    "honesty.buyers_promised": ("Buyers predicted, random split", "预测购买人次（随机划分）"),
    "honesty.buyers_came": ("Buyers predicted, in time", "预测购买人次（按时间）"),
    "honesty.buyers": ("Buyers who came", "实际购买人次"),
    "honesty.caption": ("What a random split promised, and what came.", "随机划分的承诺与实际结果。"),
    "honesty.alt": (
        "Bar chart of AUC, promised by a random split / in time order: {pairs}.",
        "AUC 柱状图，随机划分承诺 / 按时间：{pairs}。",
    ),
    "honesty.trap": (
        "A random forest on the same three figures would have been sold with an AUC of **{promised}** and delivered "
        "**{came}**. It had learnt its customers by heart, not what makes customers buy.",
        "同样三个指标上的随机森林会以 AUC **{promised}** 被采纳，实际只有 **{came}**：它记住了这些客户，而不是学会了客户为何购买。",
    ),
    "honesty.no_trap": (
        "Here even a random forest, which can learn customers by heart, was promised {promised} and delivered {came}. That is "
        "luck of these data, not a property of random splits.",
        "在这份数据上，即使是能记住客户的随机森林，承诺为 {promised}，实际为 {came}。这是数据使然，并非随机划分的性质。",
    ),
    "honesty.model": (
        "The logistic regression has three weights and cannot learn anybody by heart: in its order of the customers the "
        "difference is {gap}. The number of buyers is another matter: a random split knows the later dates, and was off by "
        "{over}; in time order the model was off by {over_in_time}.",
        "逻辑回归只有三个权重，记不住任何客户：排序上的差值仅为 {gap}。购买人数则不同：随机划分已知晓更晚的日期，误差为 {over}；按时间预测的误差为 {over_in_time}。",
    ),
    "honesty.headline_trap": (
        "A test on a random split would have promised an AUC of **{promised}** for a random forest that delivered **{came}**.",
        "若用随机划分检验，会为随机森林承诺 AUC **{promised}**，实际为 **{came}**。",
    ),
    "honesty.headline_no_trap": (
        "A test on a random split would have promised a random forest an AUC of {promised}; {came} came.",
        "若用随机划分检验，随机森林的承诺 AUC 为 {promised}，实际为 {came}。",
    ),
    # -- time machine
    "machine.title": ("The time machine: predicted then, counted now", "时光机：当时的预测与后来的结果"),
    "machine.how": (
        "Go back to **{date}** with what was known then, the newest answers being those of customers seen on {known}. The model "
        "says how many will buy until {until}; since then they have been counted.",
        "回到 **{date}**，只用当时已知的信息（最新的完整结果来自 {known} 的客户）。模型预测到 {until} 为止有多少人购买；如今可以清点实际人数。",
    ),
    "machine.table": ("Buyers within {days} days of {date}, by segment on that date", "{date} 起 {days} 天内的购买者，按当日分群"),
    "machine.segment": ("Segment", "分群"),
    "machine.customers": ("Customers", "客户数"),
    "machine.said": ("predicted", "预测"),
    "machine.came": ("came", "实际"),
    "machine.rate_said": ("Share predicted", "预测比例"),
    "machine.rate_came": ("Share that came", "实际比例"),
    "machine.all": ("All", "合计"),
    "machine.groups": ("customers in ten equal groups, most likely buyers first", "客户分为人数相同的组，最可能购买者在前"),
    "machine.caption": (
        "Customers in {groups} groups of equal size, put in order on that day: buyers predicted, and buyers counted.",
        "按当日排序分为人数相同的 {groups} 组：预测购买人数与实际购买人数。",
    ),
    "machine.alt": ("Bar chart of buyers by group, predicted / came: {pairs}.", "各组购买人数柱状图，预测 / 实际：{pairs}。"),
    "machine.over": (
        "The model predicted **{off} too many**: it had learnt from months in which more customers came back. The order of the "
        "groups is right where the numbers fall off from left to right.",
        "模型**多预测了 {off}**：它学习的月份里回来的客户更多。若人数由左至右递减，则排序是对的。",
    ),
    "machine.under": (
        "The model predicted **{off} too few**: it had learnt from months in which fewer customers came back. The order of the "
        "groups is right where the numbers fall off from left to right.",
        "模型**少预测了 {off}**：它学习的月份里回来的客户更少。若人数由左至右递减，则排序是对的。",
    ),
    "machine.close": ("The prediction was off by **{off}**.", "预测误差为 **{off}**。"),
    "machine.headline": (
        "On {date} the model expected **{said}** buyers within {days} days; **{came}** came.",
        "{date} 时模型预计 {days} 天内有 **{said}** 位购买者；实际来了 **{came}** 位。",
    ),
    # -- the table of customers
    "customers.title": ("The table of customers", "客户表"),
    "customers.how": (
        "`customers.csv` holds one row for each of the {customers} customers, as of {as_of}. It opens in Excel, and joins to "
        "anything that has the customer's id.",
        "`customers.csv` 为每位客户一行，共 {customers} 位，截至 {as_of}。可用 Excel 打开，也可按客户编号与其他表关联。",
    ),
    "customers.table": ("Its columns", "各列含义"),
    "customers.column": ("Column", "列"),
    "customers.meaning": ("Meaning", "含义"),
    "customers.customer_id": ("the customer", "客户"),
    "customers.as_of": ("the day as of which all is said", "统计截止日"),
    "customers.recency_days": ("days since the last purchase", "距上次购买的天数"),
    "customers.frequency": ("days with a purchase", "有购买的天数"),
    "customers.monetary": ("money spent so far, refunds deducted", "累计消费（扣除退款）"),
    "customers.scores": ("scores from 1 to 5, 5 the best", "1–5 分，5 分最好"),
    "customers.segment": ("the segment", "分群"),
    "customers.probability": (
        "probability of buying within {days} days, by the model that has learnt from all dates",
        "{days} 天内购买的概率（模型已学习所有日期）",
    ),
    # -- what is said on the way
    "say.log": ("checking {rows} rows", "检查 {rows} 行"),
    "say.section": ("section: {title}", "章节：{title}"),
    "say.backtest": ("back-test: {dates} dates, {rows} rows", "历史检验：{dates} 个日期，{rows} 行"),
    "say.honesty": ("the same on a random split", "用随机划分重复检验"),
    "say.customers": ("customers.csv", "customers.csv"),
    "say.assumed": ("Assumed: {what}", "假定：{what}"),
    "say.command": ("The full command: {command}", "完整命令：{command}"),
    "say.report": ("Report: {path}", "报告：{path}"),
    "say.table": ("Customers: {path}", "客户表：{path}"),
    "read.columns": ("columns {columns}", "列 {columns}"),
    "read.encoding": ("encoding {encoding}", "编码 {encoding}"),
    "read.time": ("times of the form {forms}", "时间格式 {forms}"),
    "read.no_money": ("no money", "无金额"),
}


def sentence(key: str, language: str, **values: object) -> str:
    """Return a sentence with its figures.

    Examples
    --------
    >>> sentence("say.report", "en", path="report.html")
    'Report: report.html'
    """
    return STRINGS[key][LANGUAGES.index(language)].format(**values)
