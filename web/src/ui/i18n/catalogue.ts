// Every text of the app, in English and Chinese side by side: one line, one meaning. No view contains a word.
//
// `{name}` is filled in by the caller. A text that counts has the forms that its language tells apart (Intl.PluralRules),
// chosen by {count}.

import type { accountTexts } from "./account-catalogue.ts";
import type { adminTexts } from "./admin-catalogue.ts";
import type { entranceTexts } from "./entrance-catalogue.ts";
import type { runnerTexts } from "./runners-catalogue.ts";
import type { libraryTexts } from "./library-catalogue.ts";
import type { sharingTexts } from "./sharing-catalogue.ts";
import type { uploadTexts } from "./upload-catalogue.ts";
import type { sourceTexts } from "./sources-catalogue.ts";

export interface Forms {
  readonly one: string;
  readonly other: string;
}

export type Entry = readonly [en: string | Forms, zh: string];

export const LANGUAGES = ["en", "zh"] as const;

export const catalogue = {
  "app.name": ["Fireside", "Fireside"],
  "app.skip": ["Skip to the conversation", "跳到对话内容"],

  // The rail.
  "rail.label": ["Conversations", "对话列表"],
  "rail.new": ["New chat", "新对话"],
  "rail.search": ["Search conversations", "搜索对话"],
  "rail.search.clear": ["Clear the search", "清除搜索"],
  "rail.fold": ["Fold the sidebar", "收起侧栏"],
  "rail.unfold": ["Unfold the sidebar", "展开侧栏"],
  "rail.open": ["Open conversations", "打开对话列表"],
  "rail.settings": ["Settings", "设置"],
  "rail.library": ["Library", "资料库"],
  "rail.empty": ["Your conversations will gather here.", "你的对话会出现在这里。"],
  "rail.empty.search": ["Nothing found for “{query}”.", "没有找到“{query}”。"],
  "rail.failed": ["The list could not be loaded.", "无法加载对话列表。"],
  "rail.more": ["Load more", "加载更多"],
  "rail.loading": ["Loading conversations", "正在加载对话"],

  // Headings of the list.
  "group.today": ["Today", "今天"],
  "group.yesterday": ["Yesterday", "昨天"],
  "group.week": ["Last 7 days", "最近 7 天"],
  "group.month": ["Last 30 days", "最近 30 天"],

  // One conversation of the list.
  "conversation.untitled": ["New conversation", "新对话"],
  "conversation.running": ["An answer is being written", "正在生成回答"],
  "conversation.menu": ["More for “{title}”", "“{title}”的更多操作"],
  "conversation.rename": ["Rename", "重命名"],
  "conversation.rename.label": ["New name of the conversation", "对话的新名称"],
  "conversation.delete": ["Delete", "删除"],
  "conversation.deleted": ["Deleted “{title}”", "已删除“{title}”"],
  "conversation.undo": ["Undo", "撤销"],

  // Conversations of several people.
  "conversation.leave": ["Leave", "退出"],
  "conversation.leave.title": ["Leave “{title}”?", "退出“{title}”？"],
  "conversation.leave.text": ["It goes out of your list. Its owner can share it with you again.", "它将从你的列表中移除。所有者可以再次与你共享。"],
  "conversation.share": ["Share", "共享"],
  "conversation.of": ["Shared by {name}", "由 {name} 共享"],
  "chat.viewer": ["{name} shares this with you to read.", "{name} 与你共享了此对话，仅供阅读。"],
  "presence.label": ["Also here: {names}", "也在这里：{names}"],
  "presence.more": ["and {count} more", "以及另外 {count} 人"],
  "presence.writing": ["{name} is writing…", "{name} 正在输入…"],
  "presence.writing.more": ["{name} and {count} more are writing…", "{name} 和另外 {count} 人正在输入…"],

  // The chat.
  "chat.label": ["Messages", "消息"],
  "chat.you": ["You", "你"],
  "chat.assistant": ["Assistant", "助手"],
  "chat.older": ["Show earlier messages", "显示更早的消息"],
  "chat.older.loading": ["Loading earlier messages", "正在加载更早的消息"],
  "chat.latest": ["Jump to the latest", "跳到最新消息"],
  "chat.loading": ["Loading the conversation", "正在加载对话"],
  "chat.failed": ["This conversation could not be loaded.", "无法加载此对话。"],
  "chat.missing": ["There is no such conversation.", "没有这个对话。"],
  "chat.missing.hint": [
    "It may have been deleted, it may not be shared with you any more, or the address is not right.",
    "它可能已被删除、不再与你共享，或者地址不正确。",
  ],
  "chat.missing.action": ["Start a new chat", "开始新对话"],

  // While an answer is awaited.
  "wait.starting": ["Getting ready", "准备中"],
  "wait.searching": [{ one: "Reading {count} source", other: "Reading {count} sources" }, "正在查阅 {count} 个来源"],
  "wait.searching.unknown": ["Reading the sources", "正在查阅来源"],
  "wait.queued": ["Waiting, {ordinal} in line", "排队中，第 {ordinal} 位"],
  "wait.queued.next": ["Waiting, next in line", "排队中，下一个就是你"],
  "wait.queued.unknown": ["Waiting in line", "排队中"],
  "wait.loading": ["Loading the model", "正在加载模型"],
  "wait.reading": ["Reading", "正在阅读"],
  "wait.writing": ["Thinking", "思考中"],

  "reasoning.running": ["Thinking", "思考中"],
  "reasoning.done": ["Thought", "思考过程"],
  "reasoning.seconds": [
    { one: "Thought for {count} second", other: "Thought for {count} seconds" },
    "思考了 {count} 秒",
  ],

  // The numbers in an answer.
  "cite.label": ["Source {number}: {title}", "来源 {number}：{title}"],
  "cite.label.page": ["Source {number}: {title}, page {page}", "来源 {number}：{title}，第 {page} 页"],
  "cite.page": ["p. {page}", "第 {page} 页"],
  "cite.list": ["Sources:", "来源："],

  // What can be done with a message.
  "message.copy": ["Copy", "复制"],
  "message.copied": ["Copied", "已复制"],
  "message.copy.failed": ["The text could not be copied.", "无法复制文本。"],
  "message.edit": ["Edit", "编辑"],
  "message.edit.label": ["Edit the message", "编辑消息"],
  "message.edit.save": ["Send", "发送"],
  "message.edit.cancel": ["Cancel", "取消"],
  "message.regenerate": ["Try again", "重新生成"],
  "message.continue": ["Continue", "继续"],
  "message.retry": ["Try again", "重试"],
  "message.discard": ["Discard", "放弃"],
  "message.actions": ["Actions", "操作"],
  "message.tokens": ["{prompt} tokens read, {completion} written", "读取 {prompt} 个词元，生成 {completion} 个"],
  "message.unsent": ["Not sent.", "未发送。"],
  "message.part.image": ["Picture", "图片"],
  "message.part.tool": ["Tool call: {name}", "工具调用：{name}"],
  "branch.label": ["Versions", "版本"],
  "branch.previous": ["Previous version", "上一个版本"],
  "branch.next": ["Next version", "下一个版本"],
  "branch.place": ["{place}/{count}", "{place}/{count}"],

  // How an answer ended, when not by itself.
  "finish.length": ["The answer reached its length limit.", "回答达到了长度上限。"],
  "finish.stopped": ["You stopped this answer.", "你停止了这个回答。"],
  "finish.stopped.empty": ["Stopped before anything was written.", "尚未生成内容就已停止。"],
  "finish.interrupted": [
    "The server went away in the middle of this answer. What had arrived is kept.",
    "服务器在回答途中断开，已收到的内容都保留着。",
  ],
  "finish.tools": ["The model asked for a tool that is not there.", "模型请求了一个不可用的工具。"],
  "finish.empty": ["The model answered with nothing.", "模型没有给出任何内容。"],

  // The composer.
  "composer.label": ["Message", "消息"],
  "composer.placeholder": ["Write a message", "输入消息"],
  "composer.send": ["Send", "发送"],
  "composer.stop": ["Stop", "停止"],
  "composer.stopping": ["Stopping", "正在停止"],
  "composer.attach": ["Attach", "添加"],
  "composer.attach.files": ["Files and pictures", "文件和图片"],
  "composer.attach.hash": ["A collection, for this message", "资料集（仅此消息）"],
  "composer.attach.collections": ["Collections, for the whole conversation", "资料集（整个对话）"],
  "composer.collections": [
    { one: "{count} collection is searched for each answer", other: "{count} collections are searched for each answer" },
    "每个回答都会查阅 {count} 个资料集",
  ],
  "composer.drop": ["Drop to attach to the message", "松开即可添加到消息"],
  "attach.unfetched": ["Attachments could not be loaded. Check the connection and try again.", "无法加载附件功能，请检查连接后重试。"],
  "composer.hint": ["Enter to send, Shift + Enter for a new line", "Enter 发送，Shift + Enter 换行"],

  // The model picker.
  "model.label": ["Model", "模型"],
  "model.choose": ["Choose a model, now {name}", "选择模型，当前为 {name}"],
  "model.none": ["No model", "没有模型"],
  "model.default": ["Default", "默认"],
  "model.unavailable": ["Not available", "不可用"],
  "model.loading": ["Loading models", "正在加载模型"],
  "model.failed": ["The models could not be loaded.", "无法加载模型列表。"],
  "model.aliases": ["Aliases", "别名"],
  "model.loaded": ["In memory", "已载入内存"],
  "model.alias": ["For {models}", "指向 {models}"],
  "model.search": ["Search models", "搜索模型"],
  "model.search.empty": ["No model fits.", "没有匹配的模型。"],
  "model.search.results": [{ one: "{count} model", other: "{count} models" }, "{count} 个模型"],
  "model.settings": ["Models & runners", "模型与运行器"],
  "model.context": ["{count} tokens of context", "上下文 {count} 个词元"],

  // An empty page that helps.
  "empty.title": ["What is on your mind?", "想聊点什么？"],
  "empty.examples": ["Examples", "示例"],
  "empty.example.1": ["Explain recursion with an everyday picture", "用生活中的例子解释什么是递归"],
  "empty.example.2": ["Write a Python function that groups words by their letters", "写一个把字母相同的单词归为一组的 Python 函数"],
  "empty.example.3": ["Compare tea and coffee in a short table", "用一个小表格比较茶和咖啡"],
  "empty.example.4": ["Translate “the fire is warm” into Chinese", "把“炉火很暖”翻译成英文"],
  "empty.nomodel": ["No model can answer yet.", "还没有可用的模型。"],
  "empty.nomodel.retry": ["Check again", "重新检查"],

  // The connection, only when it is bad.
  "connection.connecting": ["Connecting", "正在连接"],
  "connection.waiting": [
    { one: "Connection lost. Trying again in {count} second.", other: "Connection lost. Trying again in {count} seconds." },
    "连接已断开，{count} 秒后重试。",
  ],
  "connection.restarting": [
    { one: "The server is restarting. Back in about {count} second.", other: "The server is restarting. Back in about {count} seconds." },
    "服务器正在重启，约 {count} 秒后恢复。",
  ],
  "connection.offline": ["You are offline. What you write is kept.", "当前离线，你写的内容会保留。"],
  "connection.refused": ["The server refused the connection.", "服务器拒绝了连接。"],
  "connection.retry": ["Try now", "立即重试"],

  // The palette.
  "palette.label": ["Command palette", "命令面板"],
  "palette.placeholder": ["Go to a conversation, or do something", "跳到对话，或执行操作"],
  "palette.empty": ["Nothing fits.", "没有匹配项。"],
  "palette.results": [{ one: "{count} result", other: "{count} results" }, "{count} 个结果"],
  "palette.actions": ["Actions", "操作"],
  "palette.conversations": ["Conversations", "对话"],
  "palette.models": ["Models", "模型"],
  "palette.model": ["Use {name}", "使用 {name}"],
  "palette.theme": ["Theme: {name}", "主题：{name}"],
  "palette.language": ["Language: {name}", "语言：{name}"],
  "palette.library": ["Open the library", "打开资料库"],
  "palette.settings": ["Open settings", "打开设置"],
  "palette.page": ["Open settings: {name}", "打开设置：{name}"],
  "palette.runners": ["Open models & runners", "打开模型与运行器"],
  "palette.shortcuts": ["Show keyboard shortcuts", "显示键盘快捷键"],
  "palette.open": ["Search and commands", "搜索与命令"],

  // Settings.
  "settings.title": ["Settings", "设置"],
  "settings.back": ["Back to the conversation", "返回对话"],
  "settings.loading": ["Loading the settings", "正在加载设置"],
  "settings.page.account": ["Account", "账户"],
  "settings.page.models": ["Models & runners", "模型与运行器"],
  "settings.page.people": ["People", "人员"],
  "settings.page.invitations": ["Invitations", "邀请"],
  "settings.page.groups": ["Groups", "群组"],
  "settings.page.server": ["Server", "服务器"],
  "settings.page.audit": ["Audit log", "审计日志"],
  "settings.runners": ["Models & runners", "模型与运行器"],
  "settings.runners.hint": ["Where models run, and which", "模型在哪里运行、有哪些"],
  "settings.theme": ["Theme", "主题"],
  "settings.theme.system": ["System", "跟随系统"],
  "settings.theme.light": ["Light", "浅色"],
  "settings.theme.dark": ["Dark", "深色"],
  "settings.language": ["Language", "语言"],
  "settings.language.auto": ["Browser", "跟随浏览器"],
  "settings.language.en": ["English", "English"],
  "settings.language.zh": ["中文", "中文"],

  // Keys.
  "keys.title": ["Keyboard shortcuts", "键盘快捷键"],
  "keys.palette": ["Search and commands", "搜索与命令"],
  "keys.new": ["New chat", "新对话"],
  "keys.rail": ["Fold or unfold the sidebar", "收起或展开侧栏"],
  "keys.stop": ["Stop the answer, or close what is open", "停止回答，或关闭浮层"],
  "keys.editLast": ["Edit your last message (in an empty composer)", "编辑上一条消息（输入框为空时）"],
  "keys.send": ["Send", "发送"],
  "keys.break": ["New line", "换行"],
  "keys.map": ["This list", "显示此列表"],
  "keys.list": ["Move through the conversations", "在对话列表中移动"],
  "keys.rename": ["Rename the conversation in focus", "重命名选中的对话"],
  "keys.delete": ["Delete the conversation in focus", "删除选中的对话"],
  "keys.label": ["Keys", "按键"],

  // Who is here.
  "threshold.waiting": ["Opening Fireside", "正在打开 Fireside"],
  "threshold.failed": ["Fireside cannot be opened just now.", "暂时无法打开 Fireside。"],
  "account.menu": ["Account of {name}", "{name} 的账户"],
  "account.open": ["Account", "账户"],
  "account.signOut": ["Sign out", "退出登录"],
  "account.signOut.unsent.title": ["Sign out with messages unsent?", "有消息未发送，仍要退出登录吗？"],
  "account.signOut.unsent": [
    {
      one: "{count} message has not been sent yet. Signing out forgets it in this browser.",
      other: "{count} messages have not been sent yet. Signing out forgets them in this browser.",
    },
    "有 {count} 条消息尚未发送。退出登录后，此浏览器将不再保留它们。",
  ],
  "account.signOut.failed": ["You were not signed out. {message}", "未能退出登录。{message}"],

  // Parts of the page.
  "dialog.close": ["Close", "关闭"],
  "confirm.cancel": ["Cancel", "取消"],
  "toast.label": ["Notifications", "通知"],
  "toast.close": ["Dismiss", "关闭提示"],
  "code.label": ["Code", "代码"],
  "code.copy": ["Copy", "复制"],
  "code.copied": ["Copied", "已复制"],
  "table.label": ["Table", "表格"],
  "image.open": ["Open picture: {name}", "打开图片：{name}"],

  // For a screen reader.
  "announce.writing": ["{model} is answering.", "{model} 正在回答。"],
  "announce.done": ["The answer is complete.", "回答完毕。"],
  "announce.stopped": ["Stopped.", "已停止。"],
  "announce.failed": ["The answer failed.", "回答失败。"],

  // What went wrong, and what to do.
  "error.offline": ["The server cannot be reached. Check the connection, then try again.", "无法连接服务器。请检查网络后重试。"],
  "error.unavailable": ["The server is busy with itself just now. Try again in a moment.", "服务暂时不可用，请稍后重试。"],
  "error.timeout": ["It took too long. Try again.", "等待时间过长，请重试。"],
  "error.busy": ["Many are asking at once. Try again in {seconds} s.", "请求较多，请在 {seconds} 秒后重试。"],
  "error.missing": ["It is not there any more.", "内容已不存在。"],
  "error.missing.model": ["This model cannot be used: {message}", "无法使用此模型：{message}"],
  "error.conflict": ["This was done already in another way.", "此操作已以其他方式完成。"],
  "error.stale": ["It was changed elsewhere in the meantime. Try again.", "内容已在别处更改，请重试。"],
  "error.invalid": ["The server did not accept this: {description}", "服务器未接受此内容：{description}"],
  "error.state": ["This cannot be done at the moment.", "当前无法执行此操作。"],
  "error.denied": ["You are not allowed to do this.", "你没有权限执行此操作。"],
  "error.unauthenticated": ["Sign in again to go on.", "请重新登录后继续。"],
  "error.model": ["The model failed: {message}", "模型出错：{message}"],
  "error.runner.away": ["The model's runner cannot be reached. {message}", "无法连接模型的运行器。{message}"],
  "error.runner.slow": ["The model took too long to begin. Try again, or allow it more time.", "模型开始回答用时过长。请重试，或放宽时间限制。"],
  "error.runner.stalled": ["The model fell silent in the middle of its answer. Try again.", "模型在回答途中没有了响应，请重试。"],
  "error.runner.long": ["The answer took longer than its runner allows. What had arrived is kept.", "回答超过了运行器允许的时间，已收到的内容都保留着。"],
  "error.runner.died": ["The model's runner ended in the middle of the answer. Try again.", "模型的运行器在回答途中退出，请重试。"],
  "error.runner.refused": ["The runner refused this. {message}", "运行器拒绝了请求。{message}"],
  "error.runner.key": ["The runner did not accept the API key: it is wrong or missing. Check the API key.", "运行器未接受 API 密钥：密钥错误或缺失。请检查 API 密钥。"],
  "error.runner.rate": ["The runner has had too many requests for now. Try again in a moment.", "运行器收到的请求过多，请稍后重试。"],
  "error.runner.resting": ["The runner failed several times and is left alone for a moment. Try again soon.", "运行器多次失败，正暂时停用。请稍后重试。"],
  "error.queue.full": ["Too many answers wait for this model already. Try again in a moment.", "等待此模型的回答过多，请稍后重试。"],
  "error.queue.slow": ["No place came free in time. Try again.", "等待空位超时，请重试。"],
  "error.prompt": ["The conversation is too long for this model. Start a new one, or choose a model with more context.", "对话超出了此模型的长度。请开始新对话，或选择上下文更长的模型。"],
  "error.runners": ["Look at its settings", "查看运行器设置"],
  "error.email.taken": ["There is an account with this e-mail address already.", "已有使用此邮箱的账户。"],
  "error.group.exists": ["There is a group of this name already.", "已有同名的群组。"],
  "error.last.admin": ["There must be at least one active admin. Make somebody else an admin first.", "至少需要一位有效的管理员。请先将他人设为管理员。"],
  "error.links.off": ["This server allows no links.", "此服务器不允许使用链接。"],
  "error.unknown": ["Something went wrong: {message}", "出现错误：{message}"],
  "error.title": ["The answer could not be written.", "无法生成回答。"],

  "notice.rename": ["The conversation was not renamed.", "对话未能重命名。"],
  "notice.delete": ["The conversation was not deleted.", "对话未能删除。"],
  "notice.undelete": ["The conversation was not brought back.", "对话未能恢复。"],
  "notice.leave": ["You could not leave the conversation.", "未能退出对话。"],
  "notice.regenerate": ["No new answer was started.", "未能重新生成。"],
  "notice.continue": ["The answer was not continued.", "未能继续回答。"],
  "notice.stop": ["The answer was not stopped.", "未能停止回答。"],
  "notice.select": ["The version was not switched.", "未能切换版本。"],
  "notice.collections": ["The collections to search were not changed.", "未能更改要查阅的资料集。"],
  "notice.older": ["Earlier messages could not be loaded.", "无法加载更早的消息。"],
  "notice.runner.switch": ["The runner was not switched.", "未能切换运行器。"],
  "notice.runner.delete": ["The runner was not deleted.", "未能删除运行器。"],
  "notice.runner.order": ["The order was not changed.", "未能更改顺序。"],
  "notice.alias.delete": ["The alias was not deleted.", "未能删除别名。"],
  "notice.more": ["More conversations could not be loaded.", "无法加载更多对话。"],
} as const satisfies Record<string, Entry>;

/** Of all catalogues: those of screens that are fetched later are registered with them (registerTexts in text.ts). */
export type TextKey =
  | keyof typeof catalogue
  | keyof typeof entranceTexts
  | keyof typeof accountTexts
  | keyof typeof adminTexts
  | keyof typeof runnerTexts
  | keyof typeof sharingTexts
  | keyof typeof libraryTexts
  | keyof typeof uploadTexts
  | keyof typeof sourceTexts;
export type LanguageCode = (typeof LANGUAGES)[number];
