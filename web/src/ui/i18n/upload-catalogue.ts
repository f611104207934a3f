// The texts of uploads: of the library's and of attachments. Fetched with what shows them.
import type { Entry } from "./catalogue.ts";

export const uploadTexts = {
  "upload.label": ["Uploads", "上传"],
  "upload.summary.running": [
    { one: "Uploading {count} file", other: "Uploading {count} files" },
    "正在上传 {count} 个文件",
  ],
  "upload.summary.paused": [{ one: "{count} upload paused", other: "{count} uploads paused" }, "已暂停 {count} 个上传"],
  "upload.summary.trouble": [{ one: "{count} upload failed", other: "{count} uploads failed" }, "{count} 个上传失败"],
  "upload.summary.unfinished": [{ one: "{count} unfinished upload", other: "{count} unfinished uploads" }, "{count} 个未完成的上传"],
  "upload.summary.done": [{ one: "{count} file uploaded", other: "{count} files uploaded" }, "已上传 {count} 个文件"],
  "upload.percent": ["{percent} · {left}", "{percent} · {left}"],
  "upload.progress": ["Upload of {name}", "{name} 的上传进度"],
  "upload.progress.all": ["All uploads", "全部上传的进度"],
  "upload.fold": ["Fold the uploads", "收起上传列表"],
  "upload.unfold": ["Show the uploads", "展开上传列表"],
  "upload.pauseAll": ["Pause all", "全部暂停"],
  "upload.resumeAll": ["Go on with all", "全部继续"],
  "upload.clear": ["Clear what is done", "清除已完成的"],
  "upload.more": [{ one: "and {count} more", other: "and {count} more" }, "以及另外 {count} 个"],

  // One upload.
  "upload.pause": ["Pause {name}", "暂停 {name}"],
  "upload.resume": ["Go on with {name}", "继续 {name}"],
  "upload.cancel": ["Cancel {name}", "取消 {name}"],
  "upload.remove": ["Take {name} off the list", "从列表中移除 {name}"],
  "upload.retry": ["Try {name} again", "重试 {name}"],
  "upload.queued": ["Waits for its turn", "排队中"],
  "upload.checking": ["Checking whether it is here already", "正在检查是否已存在"],
  "upload.sending": ["{sent} of {size}", "{sent} / {size}"],
  "upload.rate": ["{size}/s", "{size}/秒"],
  "upload.left": ["{time} left", "剩余 {time}"],
  "upload.finishing": ["Checking that it arrived whole", "正在校验"],
  "upload.waiting": ["The server is away. It goes on by itself.", "服务器暂时无法连接，恢复后会自动继续。"],
  "upload.waiting.offline": ["No connection. It goes on by itself.", "没有网络连接，恢复后会自动继续。"],
  "upload.paused": ["Paused at {sent} of {size}", "已暂停：{sent} / {size}"],
  "upload.elsewhere": ["Another tab or device goes on with it.", "另一个标签页或设备正在继续此上传。"],
  "upload.takeOver": ["Go on here", "在此继续"],
  "upload.done": ["Uploaded, {size}", "已上传，{size}"],
  "upload.done.reused": ["It was here already, {size}", "服务器上已有，{size}"],

  // What was begun before the page was loaded.
  "upload.unfinished": ["Unfinished", "未完成"],
  "upload.unfinished.about": ["{sent} of {size} arrived. Choose the same file to go on.", "已传 {sent} / {size}。选择同一文件即可继续。"],
  "upload.unfinished.device": ["{sent} of {size} arrived, from another browser or program.", "已传 {sent} / {size}，来自另一个浏览器或程序。"],
  "upload.unfinished.choose": ["Choose the file", "选择文件"],
  "upload.unfinished.choose.of": ["Choose {name} to go on with it", "选择 {name} 以继续上传"],
  "upload.unfinished.other": ["This is another file. Choose “{name}” as it was.", "这不是同一个文件。请选择原来的“{name}”。"],
  "upload.unfinished.discard": ["Give {name} up", "放弃 {name}"],

  // For a screen reader: beginnings, ends and trouble, never each step.
  "upload.said.done": [{ one: "{count} file is uploaded.", other: "{count} files are uploaded." }, "{count} 个文件已上传。"],
  "upload.said.failed": ["{name} was not uploaded. {why}", "{name} 未能上传。{why}"],

  // What went wrong.
  "upload.error.size": ["It is larger than {limit}, the most that this server takes.", "文件超过了此服务器允许的 {limit}。"],
  "upload.error.size.server": ["It is larger than this server takes.", "文件超过了此服务器允许的大小。"],
  "upload.error.type": ["This server takes no files of this type ({type}).", "此服务器不接受此类文件（{type}）。"],
  "upload.error.type.server": ["This server takes no files of this type.", "此服务器不接受此类文件。"],
  "upload.error.full": ["There is no room for it: {left} are left.", "空间不足：仅剩 {left}。"],
  "upload.error.full.server": ["There is no room for it. Delete files that you do not need.", "空间不足。请删除不需要的文件。"],
  "upload.error.name": ["A file of this name cannot be kept. Rename it and add it again.", "无法保存此名称的文件。请重命名后再添加。"],
  "upload.error.folder": ["It lies in too many folders, or in one of a name that cannot be kept.", "文件夹层级过深，或文件夹名称无法保存。"],
  "upload.error.corrupt": ["It arrived, but not as it is here. It may have changed meanwhile: try again.", "收到的内容与本地文件不一致，文件可能已更改。请重试。"],
  "upload.error.unreadable": ["It cannot be read any more. It may have been moved or changed: add it again.", "无法再读取此文件，它可能已被移动或更改。请重新添加。"],
  "upload.error.collection": ["The collection is gone, or you may not add to it any more.", "资料集已不存在，或你不再能向其中添加。"],
} as const satisfies Record<string, Entry>;
