"""Runners in the settings: added, tried, changed, ordered, switched off and deleted, and what a chat makes of them."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import expect

from tests.e2e.browsing import Browsing
from tests.e2e.key_server import KEY, MODEL, KeyServer
from tests.e2e.runner_page import NOWHERE, SCREEN, card, fill, healthy, order, save
from tests.e2e.scripts import begin, link_to, words
from tests.ollama_server import CHAT, OllamaServer
from tests.server_process import ServerProcess


async def test_a_runner_is_tried_added_and_chatted_with(
    own: ServerProcess, ollama: OllamaServer, browsing: Browsing
) -> None:
    chat = await browsing.tab(await browsing.device(own.url))
    page = chat.page
    await chat.show_settings()
    await page.get_by_test_id("open-runners").click()
    await expect(page).to_have_url(own.url + SCREEN)
    await expect(page.get_by_test_id("settings-page")).to_be_focused()
    await page.get_by_test_id("runner-add").click()
    form = page.get_by_test_id("runner-form")
    await expect(form.get_by_test_id("runner-address")).to_have_value("http://localhost:11434")
    await form.get_by_test_id("runner-kind").select_option("openai")
    await expect(form.get_by_test_id("runner-address")).to_have_value("https://api.openai.com/v1")
    await expect(form.get_by_test_id("runner-name")).to_have_value("openai")
    await form.get_by_test_id("runner-kind").select_option("ollama")
    await form.get_by_test_id("runner-address").fill(ollama.url)
    await form.get_by_test_id("runner-test").click()
    result = form.get_by_test_id("runner-test-result")
    await expect(result.get_by_test_id("runner-test-model")).to_have_count(4)
    await expect(result).to_contain_text("Ollama 0.13.5")
    await save(form)
    await healthy(page, "ollama")
    await expect(card(page, "ollama").get_by_test_id("runner-facts")).to_contain_text("4 models")
    await page.get_by_test_id("settings-back").click()
    await expect(chat.composer).to_be_visible()
    await page.get_by_test_id("model-picker").click()
    menu = page.get_by_test_id("model-menu")
    # The one that only makes vectors is not among them.
    await expect(menu.get_by_test_id("model-option")).to_have_count(3)
    await expect(menu.get_by_role("group")).to_have_accessible_name("ollama")
    await expect(menu.get_by_role("option", selected=True)).to_contain_text(CHAT)
    await expect(menu.get_by_role("listbox")).to_be_focused()
    for key in ("ArrowDown", "ArrowUp", "Enter"):
        await page.keyboard.press(key)
    await expect(menu).to_have_count(0)
    await expect(page.get_by_test_id("model-picker")).to_be_focused()
    await chat.send("Hello, runner")
    await chat.ended()
    await chat.says(words(8))


async def test_a_wrong_key_is_named_and_mended(own: ServerProcess, keyed: KeyServer, browsing: Browsing) -> None:
    chat = await browsing.tab(await browsing.device(own.url), SCREEN)
    page = chat.page
    form = await fill(page, "openai", "cloud", keyed.url, "sk-wrong")
    await form.get_by_test_id("runner-test").click()
    await expect(form.get_by_test_id("runner-test-result")).to_contain_text("API key")
    await save(form)
    await healthy(page, "cloud", "down")
    await expect(card(page, "cloud").get_by_test_id("runner-message")).to_contain_text("API key")
    await card(page, "cloud").get_by_test_id("runner-edit").click()
    stored = form.get_by_test_id("runner-secret-stored")
    await expect(stored).to_contain_text("A key is stored")
    assert "sk-wrong" not in await page.content()
    await form.get_by_test_id("runner-secret-replace").click()
    await expect(form.get_by_test_id("runner-secret")).to_be_focused()
    await expect(form.get_by_test_id("runner-secret")).to_have_value("")
    await form.get_by_test_id("runner-secret").fill(KEY)
    await form.get_by_test_id("runner-test").click()
    await expect(form.get_by_test_id("runner-test-model")).to_have_text([MODEL])
    await save(form)
    await healthy(page, "cloud")
    assert keyed.shown[-1] == KEY


async def test_an_answer_that_fails_for_the_key_leads_to_the_settings(
    own: ServerProcess, keyed: KeyServer, browsing: Browsing, tmp_path: Path
) -> None:
    chat = await browsing.tab(await browsing.device(own.url), SCREEN)
    page = chat.page
    form = await fill(page, "openai", "cloud", keyed.url, "sk-wrong")
    await form.get_by_test_id("runner-advanced").click()
    await form.get_by_test_id("runner-models-field").fill(MODEL)
    await save(form)
    await expect(card(page, "cloud")).to_be_visible()
    link = link_to(own.url, tmp_path)
    conversation = await begin(link, "echo", model=f"cloud/{MODEL}")
    await link.aclose()
    await chat.open(f"/c/{conversation}")
    await chat.send("Anybody there?")
    trouble = page.get_by_test_id("message-error").or_(page.get_by_test_id("message-unsent"))
    await expect(trouble).to_contain_text("Check the API key")
    await trouble.get_by_test_id("runners-link").click()
    await expect(card(page, "cloud")).to_be_visible()
    await page.go_back()
    await expect(chat.question).to_contain_text("Anybody there?")


async def test_a_runner_that_is_switched_off_leaves_the_picker(
    own: ServerProcess, ollama: OllamaServer, browsing: Browsing
) -> None:
    device = await browsing.device(own.url)
    chat = await browsing.tab(device, SCREEN)
    page = chat.page
    await save(await fill(page, "ollama", "box", ollama.url))
    await healthy(page, "box")
    other = await browsing.tab(device)
    await expect(other.page.get_by_test_id("model-picker")).to_contain_text(CHAT)
    await chat.front()
    switch = card(page, "box").get_by_test_id("runner-switch")
    await switch.focus()
    await page.keyboard.press("Space")
    await expect(switch).to_have_attribute("aria-checked", "false")
    await healthy(page, "box", "disabled")
    await expect(other.page.get_by_test_id("model-picker")).not_to_contain_text(CHAT)
    await switch.click()
    await healthy(page, "box")
    await expect(other.page.get_by_test_id("model-picker")).to_contain_text(CHAT)


async def test_runners_are_ordered_by_keyboard_and_by_dragging(own: ServerProcess, browsing: Browsing) -> None:
    chat = await browsing.tab(await browsing.device(own.url), SCREEN)
    page = chat.page
    for name in ("first", "second"):
        await save(await fill(page, "ollama", name, NOWHERE))
    await expect(card(page, "second")).to_be_visible()
    before = await order(page)
    assert before[-2:] == ["first", "second"]
    up = card(page, "second").get_by_role("button", name="Move second up")
    await up.focus()
    for _ in range(len(before) - 1):
        await page.keyboard.press("Enter")
    await expect(card(page, "second").get_by_role("button", name="Move second down")).to_be_focused()
    wanted = ["second", *before[:-1]]
    assert await order(page) == wanted
    await expect(page.get_by_text(f"second is now at place 1 of {len(before)}.")).to_be_attached()
    await expect(card(page, "second")).to_have_attribute("aria-busy", "false")
    await page.reload()
    await expect(card(page, "second")).to_be_visible()
    assert await order(page) == wanted
    await card(page, "first").get_by_test_id("runner-grip").drag_to(card(page, "second"))
    await expect(page.get_by_test_id("runner").first).to_have_attribute("data-runner", "first")


async def test_a_runner_is_deleted_only_after_a_question(own: ServerProcess, browsing: Browsing) -> None:
    chat = await browsing.tab(await browsing.device(own.url), SCREEN)
    page = chat.page
    await save(await fill(page, "ollama", "old", NOWHERE))
    await card(page, "old").get_by_test_id("runner-delete").click()
    await expect(page.get_by_test_id("confirm")).to_contain_text("Delete “old”?")
    await page.get_by_test_id("confirm-cancel").click()
    await expect(page.get_by_test_id("confirm")).to_have_count(0)
    await expect(card(page, "old").get_by_test_id("runner-delete")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.get_by_test_id("confirm-action").click()
    await expect(card(page, "old")).to_have_count(0)
    await page.reload()
    await expect(page.get_by_test_id("runners-empty")).to_be_visible()
    await expect(card(page, "old")).to_have_count(0)


async def test_what_is_wrong_is_said_at_its_field(own: ServerProcess, browsing: Browsing) -> None:
    browsing.expect(r"status of 4\d\d .*/CreateRunner")
    chat = await browsing.tab(await browsing.device(own.url), SCREEN)
    page = chat.page
    form = await fill(page, "ollama", "Not A Name", "ftp://somewhere")
    await form.get_by_test_id("runner-save").click()
    await expect(form.get_by_test_id("runner-name-error")).to_be_visible()
    await expect(form.get_by_test_id("runner-name")).to_be_focused()
    await form.get_by_test_id("runner-name").fill("box")
    await form.get_by_test_id("runner-save").click()
    await expect(form.get_by_test_id("runner-address-error")).to_be_visible()
    await expect(form.get_by_test_id("runner-address")).to_be_focused()
    await form.get_by_test_id("runner-address").fill(NOWHERE)
    await form.get_by_test_id("runner-advanced").click()
    await form.get_by_test_id("runner-keep-alive").fill("for ever")
    await form.get_by_test_id("runner-advanced").click()
    await form.get_by_test_id("runner-save").click()
    await expect(form.get_by_test_id("runner-keep-alive-error")).to_be_visible()
    await expect(form.get_by_test_id("runner-keep-alive")).to_be_focused()
    await form.get_by_test_id("runner-keep-alive").fill("5m")
    await save(form)
    await expect(card(page, "box")).to_be_visible()
    form = await fill(page, "ollama", "box", NOWHERE)
    await form.get_by_test_id("runner-save").click()
    await expect(form.get_by_test_id("runner-name-error")).to_contain_text("already")


async def test_a_change_from_elsewhere_is_not_overwritten(own: ServerProcess, browsing: Browsing) -> None:
    browsing.expect(r"status of 409 .*/UpdateRunner")
    device = await browsing.device(own.url)
    first = await browsing.tab(device, SCREEN)
    await save(await fill(first.page, "ollama", "box", NOWHERE))
    second = await browsing.tab(device, SCREEN)
    await card(second.page, "box").get_by_test_id("runner-edit").click()
    theirs = second.page.get_by_test_id("runner-form")
    await theirs.get_by_test_id("runner-display-name").fill("Theirs")
    await first.front()
    await card(first.page, "box").get_by_test_id("runner-edit").click()
    mine = first.page.get_by_test_id("runner-form")
    await mine.get_by_test_id("runner-display-name").fill("Mine")
    await save(mine)
    await second.front()
    await theirs.get_by_test_id("runner-save").click()
    await expect(theirs.get_by_test_id("runner-stale")).to_be_visible()
    await theirs.get_by_test_id("runner-load").click()
    await expect(theirs.get_by_test_id("runner-display-name")).to_have_value("Mine")
    await theirs.get_by_test_id("runner-display-name").fill("Theirs after all")
    await save(theirs)
    await expect(card(second.page, "box").get_by_role("heading")).to_have_text("Theirs after all")


async def test_a_model_is_downloaded_and_the_download_cancelled(
    own: ServerProcess, ollama: OllamaServer, browsing: Browsing
) -> None:
    chat = await browsing.tab(await browsing.device(own.url), SCREEN)
    page = chat.page
    await save(await fill(page, "ollama", "box", ollama.url))
    box = card(page, "box")
    await box.get_by_test_id("runner-models-toggle").click()
    await expect(box.get_by_test_id("runner-model")).to_have_count(4)
    ollama.may_pull.clear()
    for _ in range(2):
        await box.get_by_test_id("pull-model").fill("tokens=3")
        await box.get_by_test_id("pull-model").press("Enter")
        await expect(box.get_by_role("progressbar", name="Downloading tokens=3")).to_have_js_property("value", 500)
        await box.get_by_test_id("pull-end").click()
        await expect(box.get_by_test_id("pull")).to_have_count(0)
    await ollama.broken_off_pulls.wait()
    ollama.may_pull.set()
    await box.get_by_test_id("pull-model").fill("tokens=3")
    await box.get_by_test_id("pull-start").click()
    await expect(box.get_by_test_id("pull")).to_have_attribute("data-phase", "done")
    await expect(box.get_by_test_id("runner-model")).to_have_count(5)
    await box.get_by_test_id("pull-model").fill("no-such-model")
    await box.get_by_test_id("pull-start").click()
    await expect(box.get_by_test_id("pull").last).to_have_attribute("data-phase", "failed")


async def test_one_of_many_models_is_found_by_typing(
    own: ServerProcess, ollama: OllamaServer, browsing: Browsing
) -> None:
    ollama.models[:] = [f"tokens={count}" for count in range(1, 13)]
    chat = await browsing.tab(await browsing.device(own.url), SCREEN)
    page = chat.page
    await save(await fill(page, "ollama", "box", ollama.url))
    await healthy(page, "box")
    await page.get_by_test_id("settings-back").click()
    await page.get_by_test_id("model-picker").click()
    await expect(page.get_by_test_id("model-option")).to_have_count(12)
    await expect(page.get_by_test_id("model-search")).to_be_focused()
    await page.keyboard.type("box 11")
    await expect(page.get_by_test_id("model-option")).to_have_count(1)
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("model-picker")).to_contain_text("tokens=11")
    await chat.send("Eleven words")
    await chat.ended()
    await chat.says(words(11))


async def test_an_alias_stands_for_models(own: ServerProcess, ollama: OllamaServer, browsing: Browsing) -> None:
    chat = await browsing.tab(await browsing.device(own.url), SCREEN)
    page = chat.page
    await save(await fill(page, "ollama", "box", ollama.url))
    await healthy(page, "box")
    await card(page, "box").get_by_test_id("runner-models-toggle").click()
    model = await card(page, "box").get_by_test_id("runner-model").first.get_attribute("data-model")
    await page.get_by_test_id("alias-add").click()
    form = page.get_by_test_id("alias-form")
    await form.get_by_test_id("alias-save").click()
    await expect(form.get_by_test_id("alias-name-error")).to_be_visible()
    await form.get_by_test_id("alias-name").fill("fast")
    await form.get_by_test_id("alias-target").fill("box/gone")
    await form.get_by_test_id("alias-target-add").click()
    await form.get_by_test_id("alias-target").last.fill(model or "")
    await form.get_by_role("button", name="Move model 2 up").click()
    await form.get_by_test_id("alias-save").click()
    await expect(form).to_have_count(0)
    alias = page.get_by_test_id("alias")
    await expect(alias.get_by_role("listitem")).to_have_text([model or "", "box/gone"])
    await page.get_by_test_id("settings-back").click()
    await page.get_by_test_id("model-picker").click()
    await page.locator('[data-testid=model-option][data-model="fast"]').click()
    await chat.send("By its other name")
    await chat.ended()
    await chat.open(SCREEN)
    await alias.get_by_test_id("alias-delete").click()
    await page.get_by_test_id("confirm-action").click()
    await expect(alias).to_have_count(0)
