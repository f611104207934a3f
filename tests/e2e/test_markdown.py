"""Markdown as it is shown, and what must never happen to a page that shows a stranger's text."""

from __future__ import annotations

from playwright.async_api import expect

from fireside.cli.link import Link
from tests.e2e.browsing import Browsing
from tests.e2e.scripts import begin
from tests.server_process import ServerProcess

_HOSTILE = {
    "script": "<script>reportTrouble('ran')</script>",
    "handler": '<img src=x onerror="reportTrouble(1)"> <svg onload="reportTrouble(2)"></svg>',
    "details": '<details open ontoggle="reportTrouble(3)"><summary>s</summary>x</details>',
    "link": "[press me](javascript:reportTrouble(4)) and <a href=' java\tscript:reportTrouble(5)'>or me</a>",
    "frame": "<iframe srcdoc=\"<script>parent.reportTrouble(6)</script>\"></iframe> <object data='x'></object>",
    "style": "<style>* { display: none }</style><p style='position:fixed;inset:0'>over everything</p>",
    "form": '<form action="/"><input name="password"><button>Sign in</button></form>',
    "math": r"$\href{javascript:reportTrouble(7)}{x}$ and $\htmlStyle{position:fixed}{y}$",
    "fence": '```html"onclick="reportTrouble(8)\n<b>code</b>\n```',
    "mutation": '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=reportTrouble(9)&gt;">',
}
_DANGEROUS = ", ".join(
    [
        *("script", "iframe", "object", "embed", "style", "form", "input"),
        *("[onclick]", "[onerror]", "[onload]", "[ontoggle]", "[href^=javascript i]", "[style*=fixed]"),
    ]
)


async def test_a_document_with_everything_is_shown(server: ServerProcess, link: Link, browsing: Browsing) -> None:
    device = await browsing.device(server.url, permissions=["clipboard-read", "clipboard-write"])
    chat = await browsing.tab(device, f"/c/{await begin(link, 'markdown,pace=5ms')}")
    await chat.send("Show everything")
    await chat.ended()
    answer = chat.answer
    await expect(answer.get_by_role("heading", name="A document with everything")).to_be_visible()
    await expect(answer.get_by_role("table")).to_have_count(1)
    await expect(answer.get_by_role("row")).to_have_count(5)
    await expect(answer.get_by_role("cell", name="a | b")).to_be_visible()
    await expect(answer.get_by_role("cell", name="你好")).to_be_visible()
    code = answer.locator(".md-code").first
    await expect(code.locator(".hljs-keyword").first).to_have_text("def")
    await code.get_by_test_id("copy-code").click()
    await expect(code.get_by_test_id("copy-code")).to_have_text("Copied")
    copied = await chat.page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("def fibonacci(n: int) -> int:\n    '''Returns the n-th number. <script>")
    assert copied.rstrip().endswith("return a  # 注释")
    await expect(answer.locator(".katex")).to_have_count(4)
    await expect(answer.locator(".katex-error")).to_have_count(0)
    await expect(answer.get_by_role("link", name="link")).to_have_attribute("rel", "noopener noreferrer")
    await expect(answer.locator("strong", has_text="注意")).to_be_visible()
    await expect(answer.locator(_DANGEROUS)).to_have_count(0)


async def test_the_answer_is_copied_as_it_was_written(server: ServerProcess, link: Link, browsing: Browsing) -> None:
    device = await browsing.device(server.url, permissions=["clipboard-read", "clipboard-write"])
    chat = await browsing.tab(device, f"/c/{await begin(link, 'echo')}")
    await chat.send("Some **bold** text and `code`")
    await chat.ended()
    await chat.answer.get_by_role("button", name="Copy").click()
    await expect(chat.answer.get_by_role("button", name="Copied")).to_be_visible()
    assert await chat.page.evaluate("navigator.clipboard.readText()") == "Some **bold** text and `code`"


async def test_hostile_text_does_nothing(server: ServerProcess, link: Link, browsing: Browsing) -> None:
    chat = await browsing.chat(server.url, await begin(link, "echo"))
    for count, (name, text) in enumerate(_HOSTILE.items(), 1):
        await chat.composer.fill(f"{name} before\n\n{text}\n\n{name} after")
        await chat.composer.press("Enter")
        await expect(chat.answers).to_have_count(count)
        await chat.ended()
        await expect(chat.answer).to_contain_text(f"{name} after")
        await expect(chat.answer.locator(_DANGEROUS)).to_have_count(0)
        for anchor in await chat.answer.locator("a").all():
            await anchor.click()
    assert chat.page.url.startswith(server.url)
    await expect(chat.page).to_have_title("A scripted conversation · Fireside")


async def test_pictures_from_elsewhere_are_not_fetched(server: ServerProcess, link: Link, browsing: Browsing) -> None:
    chat = await browsing.chat(server.url, await begin(link, "echo"))
    await chat.composer.fill("![a spy](https://spy.invalid/seen.png) <img src='https://spy.invalid/2.png'> done")
    await chat.composer.press("Enter")
    await chat.ended()
    await expect(chat.answer).to_contain_text("done")
    await expect(chat.answer.locator("img[src]")).to_have_count(0)
    await expect(chat.answer).to_contain_text("a spy")
