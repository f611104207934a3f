// The texts around sources: what goes with a message, what an answer drew on, and the panel that shows a source.
// Fetched with the first of them.
import type { Entry } from "./catalogue.ts";

export const sourceTexts = {
  // What an answer drew on.
  "sources.label": ["Sources", "来源"],
  "sources.others": [{ one: "also read {count}", other: "also read {count}" }, "另外查阅了 {count} 处"],
  "sources.read": [{ one: "read {count} passage", other: "read {count} passages" }, "查阅了 {count} 处"],
  "sources.none": ["Nothing relevant was found in {sources}.", "在{sources}中没有找到相关内容。"],
  "sources.unread": ["Not read: {names}.", "未能读取：{names}。"],
  "sources.more": ["{count} more", "另外 {count} 个"],

  // The panel that shows a source.
  "source.label": ["Source: {name}", "来源：{name}"],
  "source.close": ["Close the source", "关闭来源"],
  "source.download": ["Download", "下载"],
  "source.resize": ["Width of the source", "来源面板宽度"],
  "source.loading": ["Loading the source", "正在加载来源"],
  "source.quote": ["The passage that was used", "引用的段落"],
  "source.quote.lost": ["The passage could not be marked on this page. It says:", "无法在此页标出该段落。内容如下："],
  "source.page": ["Page {page}", "第 {page} 页"],
  "source.before": ["Show what comes before", "显示前面的内容"],
  "source.after": ["Show what comes after", "显示后面的内容"],
  "source.as.text": ["Show its text", "显示文本"],
  "source.missing": ["This source is not there any more.", "此来源已不存在。"],
  "source.missing.hint": ["It was deleted, or it is not shared with you any more.", "它已被删除，或者不再与你共享。"],
  "source.locked": ["This PDF is protected by a password.", "此 PDF 受密码保护。"],
  "source.broken": ["This PDF cannot be shown.", "无法显示此 PDF。"],
  "source.away": ["The source could not be loaded.", "无法加载来源。"],
  "source.pending": ["This file is still being read.", "此文件仍在读取中。"],
  "source.empty": ["No text was found in this file.", "此文件中没有找到文本。"],
  "source.nothing": ["This file can be downloaded, but not shown here.", "此文件可以下载，但无法在此显示。"],

  // A PDF in it.
  "pdf.toolbar": ["Pages", "页面"],
  "pdf.page": ["Page {page}", "第 {page} 页"],
  "pdf.previous": ["Previous page", "上一页"],
  "pdf.next": ["Next page", "下一页"],
  "pdf.goto": ["Go to page", "跳到页码"],
  "pdf.of": ["of {count}", "共 {count} 页"],
  "pdf.smaller": ["Smaller", "缩小"],
  "pdf.larger": ["Larger", "放大"],
  "pdf.fit": ["Fit to the width", "适合宽度"],
  "pdf.zoom": ["{percent} %", "{percent}%"],
  "pdf.loading": ["Loading the document", "正在加载文档"],
  "pdf.marked": ["The passage is marked on page {page}.", "已在第 {page} 页标出该段落。"],
} as const satisfies Record<string, Entry>;
