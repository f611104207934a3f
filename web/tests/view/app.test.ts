// @vitest-environment jsdom
// The app as a person uses it, over the server in memory.
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { Code } from "@connectrpc/connect";
import { FinishReason } from "../../src/gen/fireside/v1/message_pb.ts";
import { completePage, Page } from "./page.ts";

let page: Page;
beforeAll(completePage, 60_000);
afterEach(() => page.close());

const messages = (): HTMLElement[] => page.all("message");
const last = (): HTMLElement => messages().at(-1) as HTMLElement;

describe("a chat", () => {
  it("goes from an empty room to an answer", async () => {
    page = await Page.open();
    expect(page.find("empty")).not.toBeNull();
    expect(page.get("send").hasAttribute("disabled")).toBe(true);
    const id = await page.ask("Hello");
    await page.shows(() => page.find("waiting") !== null, "the pulse");
    expect(page.find("send")).toBeNull();
    expect(messages().map(({ dataset }) => dataset["role"])).toEqual(["user", "assistant"]);
    page.server.say(id, "Some **bold** text");
    await page.shows(() => last().querySelector("strong")?.textContent === "bold", "the text");
    page.server.end(id);
    await page.shows(() => page.find("send") !== null, "the end");
    expect(last().dataset["finish"]).toBe("complete");
    expect(page.composer.value).toBe("");
    expect(document.activeElement).toBe(page.composer);
  });

  it("keeps the text of a message that was not sent, with a retry", async () => {
    page = await Page.open();
    page.server.refuse("startGeneration", Code.InvalidArgument);
    page.type("Precious words");
    page.press("Enter", {}, page.composer);
    await page.shows(() => page.find("message-unsent") !== null, "the failure");
    expect(messages()[0]?.textContent).toContain("Precious words");
    page.click("message-discard");
    await page.shows(() => page.composer.value === "Precious words", "the draft");
  });

  it("says why an answer failed and offers another", async () => {
    page = await Page.open();
    const id = await page.ask("Hello");
    page.server.say(id, "Half");
    page.server.end(id, FinishReason.FAILED, "The runner went away.");
    await page.shows(() => page.find("message-error") !== null, "the error");
    expect(last().textContent).toContain("Half");
    const before = page.server.logs.size;
    page.click("message-retry");
    await page.shows(() => page.server.logs.size > before, "another try");
  });

  it("offers to go on with an answer that was interrupted", async () => {
    page = await Page.open();
    const id = await page.ask("Hello");
    page.server.say(id, "Half");
    page.server.end(id, FinishReason.INTERRUPTED);
    await page.shows(() => page.find("message-ending") !== null, "the notice");
    expect(page.find("continue")).not.toBeNull();
    expect(page.find("message-retry")).not.toBeNull();
  });

  it("switches between versions", async () => {
    page = await Page.open();
    const first = await page.ask("Hello");
    page.server.say(first, "First");
    page.server.end(first);
    await page.shows(() => page.find("send") !== null, "the end");
    page.click("regenerate");
    await page.shows(() => page.server.logs.size === 2, "another answer");
    const second = page.server.running();
    page.server.say(second, "Second");
    page.server.end(second);
    await page.shows(() => page.find("branch-place")?.textContent === "2/2", "the switcher");
    page.click("branch-previous");
    await page.shows(() => last().textContent?.includes("First") === true, "the first version");
    expect(page.get("branch-place").textContent).toBe("1/2");
  });

  it("folds the reasoning", async () => {
    page = await Page.open();
    const id = await page.ask("Hello");
    page.server.reason(id, "Let me think");
    await page.shows(() => page.find("reasoning") !== null, "the reasoning");
    expect(page.get("reasoning").textContent).not.toContain("Let me think");
    page.click("reasoning-toggle");
    await page.shows(() => page.get("reasoning").textContent?.includes("Let me think") === true, "the thought");
  });
});

describe("the keys", () => {
  it("never send while an input method is composing", async () => {
    page = await Page.open();
    page.type("nihao");
    page.press("Enter", { isComposing: true }, page.composer);
    page.press("Enter", { keyCode: 229 }, page.composer);
    expect(page.press("Enter", { shiftKey: true }, page.composer).defaultPrevented).toBe(false);
    expect(page.server.logs.size).toBe(0);
    expect(messages()).toEqual([]);
    page.press("Enter", {}, page.composer);
    await page.shows(() => page.server.logs.size === 1, "the message");
  });

  it("stop an answer with Escape, and edit the last message with the arrow", async () => {
    page = await Page.open();
    const id = await page.ask("Hello");
    page.server.say(id, "Some text");
    await page.shows(() => page.find("stop") !== null, "the stop");
    page.press("Escape", {}, document.body);
    await page.shows(() => page.server.calls.includes("stopGeneration"), "the stop");
    page.server.end(id, FinishReason.STOPPED);
    await page.shows(() => page.find("send") !== null, "the end");
    page.press("ArrowUp", {}, page.composer);
    const field = page.get("edit-input") as HTMLTextAreaElement;
    expect(field.value).toBe("Hello");
    page.type("Hello again", field);
    page.press("Enter", {}, field);
    await page.shows(() => page.find("branch-place")?.textContent === "2/2", "the branch");
  });

  it("take one of two things out of a message that is edited, and are where they were", async () => {
    page = await Page.open();
    const [manuals, notes] = ["Manuals", "Notes"].map((name) => ({ kind: "collection" as const, collectionId: `c-${name}`, name }));
    page.tab.chat.draft.attach([manuals!, notes!]);
    const id = await page.ask("Hello");
    page.server.end(id);
    await page.shows(() => page.find("send") !== null && page.all("message-collection").length === 2, "the end");
    page.press("ArrowUp", {}, page.composer);
    await page.shows(() => page.all("attachment-collection").length === 2, "what goes with it");
    expect(page.find("message-attached")).toBeNull();
    page.get("attachment-remove").click();
    await page.shows(() => page.all("attachment-collection").length === 1, "one less");
    const field = page.get("edit-input") as HTMLTextAreaElement;
    expect(document.activeElement).toBe(field);
    page.type("", field);
    page.press("Enter", {}, field);
    await page.shows(() => page.server.logs.size === 2, "the message");
    await page.shows(() => page.all("message-collection").map((chip) => chip.textContent).join() === "Notes", "the branch");
    page.server.end(page.server.running());
    await page.shows(() => page.find("send") !== null, "the end");
    page.press("ArrowUp", {}, page.composer);
    await page.shows(() => page.all("attachment-collection").length === 1, "what goes with it");
    page.get("attachment-remove").click();
    await page.shows(() => page.get("edit-save").hasAttribute("disabled"), "nothing to send");
    page.press("Escape", {}, page.get("edit-cancel"));
    await page.shows(() => page.find("edit-box") === null, "the message as it was");
    expect(page.all("message-collection").map((chip) => chip.textContent)).toEqual(["Notes"]);
  });

  it("open the palette and what it offers", async () => {
    page = await Page.open();
    page.press("k", { ctrlKey: true }, document.body);
    await page.shows(() => page.find("palette-input") !== null, "the palette");
    page.type("dark", page.get("palette-input"));
    expect(page.all("palette-entry")).toHaveLength(1);
    page.press("Enter", {}, page.get("palette-input"));
    await page.shows(() => document.documentElement.dataset["theme"] === "dark", "the dark");
    page.tab.app.state.settings.change({ theme: "system" });
  });

  it("show the map only when not typing", async () => {
    page = await Page.open();
    page.press("?", {}, page.composer);
    expect(page.find("shortcuts")).toBeNull();
    page.press("?", {}, document.body);
    await page.shows(() => page.find("shortcuts") !== null, "the map");
  });
});

describe("the list", () => {
  it("renames in place, deletes and brings back", async () => {
    page = await Page.open();
    const id = await page.ask("Hello");
    page.server.end(id);
    await page.shows(() => page.all("conversation-item").length === 1, "the conversation");
    const link = page.get("conversation-item").querySelector("a") as HTMLAnchorElement;
    link.focus();
    page.press("F2", {}, link);
    const field = page.get("rename-input") as HTMLInputElement;
    expect(document.activeElement).toBe(field);
    field.value = "Another name";
    page.press("Enter", {}, field);
    await page.shows(() => page.get("conversation-item").textContent?.includes("Another name") === true, "the name");
    page.press("Delete", {}, page.get("conversation-item").querySelector("a") as HTMLAnchorElement);
    await page.shows(() => page.find("conversation-item") === null, "the deletion");
    expect(page.find("empty")).not.toBeNull();
    page.click("toast-action");
    await page.shows(() => page.find("conversation-item") !== null, "the return");
  });

  it("tells of a conversation that is not there", async () => {
    page = await Page.open("/c/00000000-0000-4000-8000-000000000000");
    expect(page.find("chat-missing")).not.toBeNull();
    expect(page.find("composer")).toBeNull();
  });
});

describe("the languages", () => {
  it("are switched in place", async () => {
    page = await Page.open();
    expect(page.composer.placeholder).toBe("Write a message");
    page.tab.app.state.settings.change({ language: "zh" });
    await page.shows(() => page.composer.placeholder === "输入消息", "Chinese");
    expect(document.documentElement.lang).toBe("zh-Hans");
    page.tab.app.state.settings.change({ language: "en" });
    await page.shows(() => page.composer.placeholder === "Write a message", "English");
  });
});
