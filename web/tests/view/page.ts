// A simulated page with the whole app in it, over the server in memory. It lays nothing out: what depends on sizes is
// for the browser tests.
import { flushSync, mount, unmount } from "svelte";
import App from "../../src/view/App.svelte";
import { dialogs, editBox, menu, modelMenu, runnersScreen } from "../../src/view/parts.ts";
import { Browser, type Tab } from "../state/browser.ts";
import { TestServer } from "../state/server.ts";
import { settle, until } from "../state/time.ts";

/** What the simulation lacks, as if nothing ever had a size. */
class NeverSeen {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
  takeRecords(): [] {
    return [];
  }
}

export async function completePage(): Promise<void> {
  Object.assign(globalThis, { ResizeObserver: NeverSeen, IntersectionObserver: NeverSeen });
  window.matchMedia = (media: string) => Object.assign(new EventTarget(), {
    matches: false, media, onchange: null, addListener: () => undefined, removeListener: () => undefined,
  });
  Element.prototype.scrollIntoView = () => undefined;
  // Fetched now, so that no test waits for a compiler.
  await Promise.all([dialogs.want(), menu.want(), modelMenu.want(), editBox.want(), runnersScreen.want()]);
}

export class Page {
  readonly server: TestServer;
  readonly tab: Tab;
  readonly #browser: Browser;
  readonly #app: Record<string, unknown>;

  private constructor(server: TestServer, browser: Browser, tab: Tab) {
    this.server = server;
    this.#browser = browser;
    this.tab = tab;
    this.#app = mount(App, { target: document.body, props: { app: tab.app } });
    flushSync();
  }

  static async open(path = "/", server = new TestServer()): Promise<Page> {
    const browser = new Browser(server);
    return new Page(server, browser, await browser.open(path));
  }

  async close(): Promise<void> {
    await unmount(this.#app);
    this.#browser.close();
    document.body.replaceChildren();
  }

  all(testid: string): HTMLElement[] {
    return [...document.querySelectorAll<HTMLElement>(`[data-testid="${testid}"]`)];
  }

  find(testid: string): HTMLElement | null {
    return this.all(testid)[0] ?? null;
  }

  get(testid: string): HTMLElement {
    const found = this.find(testid);
    if (!found) throw new Error(`nothing has the test id ${testid}`);
    return found;
  }

  get composer(): HTMLTextAreaElement {
    return this.get("composer-input") as HTMLTextAreaElement;
  }

  type(text: string, into: HTMLElement = this.composer): void {
    (into as HTMLTextAreaElement).value = text;
    into.dispatchEvent(new Event("input", { bubbles: true }));
    flushSync();
  }

  press(key: string, init: KeyboardEventInit = {}, on: Element = document.activeElement ?? document.body): KeyboardEvent {
    const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...init });
    on.dispatchEvent(event);
    flushSync();
    return event;
  }

  click(testid: string): void {
    this.get(testid).click();
    flushSync();
  }

  /** Waits until something is to be seen. */
  async shows(holds: () => boolean, what: string): Promise<void> {
    await until(() => {
      this.tab.frames.paint();
      flushSync();
      return holds();
    }, what);
  }

  /** Sends a first message and waits for the server to have it. Returns the generation's id. */
  async ask(text: string): Promise<string> {
    const before = this.server.logs.size;
    this.type(text);
    this.press("Enter", {}, this.composer);
    await until(() => this.server.logs.size > before, "the generation");
    await settle();
    return [...this.server.logs.keys()].at(-1) ?? "";
  }
}
