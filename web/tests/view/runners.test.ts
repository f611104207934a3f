// @vitest-environment jsdom
// What a chat says of models and runners, and the settings of them, over the server in memory.
import { create } from "@bufbuild/protobuf";
import { flushSync } from "svelte";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { Phase } from "../../src/gen/fireside/v1/generation_pb.ts";
import { FinishReason } from "../../src/gen/fireside/v1/message_pb.ts";
import { RunnerHealth, RunnerSource, RunnerStatusSchema } from "../../src/gen/fireside/v1/runner_pb.ts";
import { Page, completePage } from "./page.ts";

let page: Page;
beforeAll(completePage, 60_000);
afterEach(() => page.close());

const label = (): string => page.all("message").at(-1)?.querySelector(".model")?.textContent ?? "";

describe("an answer", () => {
  it("is labelled with the model that wrote it, not with the default one", async () => {
    page = await Page.open();
    const id = await page.ask("Hello");
    await page.shows(() => page.find("waiting") !== null, "the answer");
    expect(label()).toBe("Assistant");
    page.server.end(id, FinishReason.COMPLETE, "", "other/model");
    await page.shows(() => label() === "other/model", "the model that stood in");
  });

  it("says its place in the line", async () => {
    page = await Page.open();
    const id = await page.ask("Hello");
    for (const [queuePosition, text] of [[3, "Waiting, 3rd in line"], [1, "Waiting, next in line"]] as const) {
      page.server.beat(id, { phase: Phase.QUEUED, queuePosition });
      await page.shows(() => page.find("waiting")?.textContent?.includes(text) === true, text);
    }
  });

  it.each([
    ["RUNNER_UNAUTHORIZED", "Check the API key", true],
    ["RUNNER_RESTING", "left alone", true],
    ["RUNNER_STALLED", "fell silent", false],
    ["RUNNER_RATE_LIMITED", "too many requests", false],
    ["QUEUE_FULL", "Too many answers", false],
  ])("that failed with %s says what to do", async (reason, text, linked) => {
    page = await Page.open();
    const id = await page.ask("Hello");
    page.server.end(id, FinishReason.FAILED, reason);
    await page.shows(() => page.find("message-error")?.textContent?.includes(text) === true, text);
    expect(page.find("message-retry")).not.toBeNull();
    expect(page.find("runners-link") !== null).toBe(linked);
    if (!linked) return;
    page.click("runners-link");
    await page.shows(() => page.find("runners") !== null, "the settings");
  });
});

describe("the picker", () => {
  it("names a model that is not listed", async () => {
    page = await Page.open();
    page.tab.chat.setModel("scripted/echo");
    await page.shows(() => page.get("model-picker").textContent?.includes("scripted/echo") === true, "the name");
  });
});

describe("the settings of runners", () => {
  it("tell how each runner is, by more than a colour", async () => {
    page = await Page.open("/settings/models");
    const status = create(RunnerStatusSchema, { health: RunnerHealth.DOWN, message: "Start it.", queued: 2, active: 1 });
    page.server.runners.add("box", { status });
    page.server.runners.add("fixed", { source: RunnerSource.ENVIRONMENT });
    page.tab.app.state.runners().then((runners) => runners.reload(), () => undefined);
    await page.shows(() => page.all("runner").length === 2, "the runners");
    const [box, fixed] = page.all("runner");
    expect(box?.textContent).toContain("Not working");
    expect(box?.textContent).toContain("Start it.");
    expect(box?.querySelector("[data-testid=runner-health] svg")).not.toBeNull();
    expect(box?.textContent).toContain("1 answer running");
    expect(fixed?.textContent).toContain("Environment variables");
    expect(fixed?.querySelector("[data-testid=runner-edit]")).toBeNull();
    expect(document.title).toContain("Models & runners");
  });

  it("say when they cannot be read, and try again", async () => {
    page = await Page.open();
    page.server.refuse("listRunners", 7);
    page.tab.app.state.router.go({ name: "settings", page: "models", id: "" });
    await page.shows(() => page.find("runners-failed") !== null, "the failure");
    (page.get("runners-failed").querySelector("button") as HTMLButtonElement).click();
    flushSync();
    await page.shows(() => page.find("runner-add") !== null, "the list");
    page.click("settings-back");
    await page.shows(() => page.find("empty") !== null, "the conversation");
  });
});
