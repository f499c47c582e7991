"""The console in a real browser: it moves by itself, by keyboard and on a phone, and keeps others out."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from tests.world import SteppedClock, World, until, world
from xmsyncd.console.server import ConsoleServer, Health
from xmsyncd.cycle.plan import CycleRequest
from xmsyncd.operations.table import result_of
from xmsyncd.simulator.options import SimulatorOptions

try:
    from playwright.async_api import Page, async_playwright, expect

    MISSING = "" if shutil.which("chromium") else "Chromium is missing (Debian, Ubuntu: apt install chromium)"
except ImportError:
    MISSING = "playwright is missing (make set-up)"

pytestmark = [
    pytest.mark.skipif(
        bool(MISSING) and os.environ.get("XMSYNCD_TEST_TOOLS") != "required", reason=MISSING or "all is there"
    ),
    pytest.mark.timeout(120),
    pytest.mark.alone,
]

TOKEN = "the-token-of-this-console"
NAME = "不锈钢餐盒"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass
class Open:
    """The running application, its console, and a page of a browser that is on it."""

    here: World
    url: str
    page: Page
    complaints: list[str] = field(default_factory=list)


@contextlib.asynccontextmanager
async def console(
    here: World, folder: Path, *, token: str | None = TOKEN, **context: Any
) -> AsyncIterator[Open]:
    async def ask(operation: str, params: Mapping[str, Any]) -> Any:
        return await result_of(here.app.runtime, operation, params)

    server = ConsoleServer(
        host="127.0.0.1",
        port=0,
        registry=CollectorRegistry(),
        ask=ask,
        health=Health(lambda: None, list),
        token=token,
    )
    await server.start()
    try:
        async with async_playwright() as driver:
            browser = await driver.chromium.launch_persistent_context(
                folder / "profile",
                executable_path=shutil.which("chromium"),
                args=list(FLAGS),
                **{"locale": "en-GB", **context},
            )
            opened = Open(here, server.url, browser.pages[0])
            opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
            opened.page.on(
                "console",
                lambda said: opened.complaints.append(said.text) if said.type == "error" else None,
            )
            opened.page.on(
                "request",
                lambda asked: (
                    None
                    if asked.url.startswith((server.url, "data:"))
                    else opened.complaints.append(asked.url)
                ),
            )
            await opened.page.goto(server.url)
            yield opened
            await browser.close()
    finally:
        await server.stop()
    assert opened.complaints == []


async def test_progress_moves_without_a_reload_while_a_cycle_runs(tmp_path: Path) -> None:
    slow = SimulatorOptions(products=120, okki_latency=timedelta(milliseconds=700))
    async with world(tmp_path, slow, source={"page_size": 5}) as here, console(here, tmp_path) as opened:
        page = opened.page
        await page.evaluate("window.neverReloaded = true")
        asked = here.pipeline.loop.ask(CycleRequest())
        bar = page.get_by_role("progressbar")
        await expect(bar).to_be_visible(timeout=20_000)
        first = float(await bar.get_attribute("value") or 0)
        await until(lambda: _moved(page, first), "the bar moves")
        await expect(page.get_by_text("Reading OKKI")).to_be_visible()
        assert not asked.report.done()
        assert await page.evaluate("window.neverReloaded")


async def _moved(page: Page, first: float) -> bool:
    bars = page.get_by_role("progressbar")
    return bool(await bars.count()) and float(await bars.first.get_attribute("value") or 0) > first


async def test_a_pause_and_a_wrong_clock_appear_without_a_reload_and_fit_a_phone(tmp_path: Path) -> None:
    clock, small = SteppedClock(), {"width": 360, "height": 740}
    async with (
        world(tmp_path, SimulatorOptions(products=5), clock=clock) as here,
        console(here, tmp_path, viewport=small) as opened,
    ):
        page = opened.page
        await here.sync()
        await expect(page.get_by_text("Yida is in step with OKKI")).to_be_visible(timeout=15_000)
        await expect(page.get_by_role("region", name="Pace of calls")).to_contain_text("At full speed: OKKI")
        await page.evaluate("window.neverReloaded = true")
        clock.ahead = timedelta(minutes=45)
        here.simulated.faults.add("okki_429", seconds=100)
        here.pipeline.loop.ask(CycleRequest())
        told = page.get_by_text("Calls to OKKI are paused for another")
        await expect(told).to_be_visible(timeout=20_000)
        before = await told.inner_text()
        await expect(told).not_to_have_text(before, timeout=15_000)
        await expect(page.get_by_text("Yida is in step with OKKI")).to_be_hidden()
        await expect(page.get_by_role("region", name="Pace of calls")).to_contain_text("(HTTP 429)")
        await expect(page.get_by_role("region", name="This machine's clock is wrong")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") <= small["width"]
        assert await page.evaluate("window.neverReloaded")


async def test_a_failure_appears_is_opened_retried_and_disappears(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=12)) as here, console(here, tmp_path) as opened:
        page = opened.page
        await expect(page.get_by_text("Nothing was read yet")).to_be_visible()
        here.simulated.catalogue.edit(here.simulated.catalogue.ids()[3], product_no="BAD-1")
        refusing = here.simulated.faults.add("refuse", operation="start", match="BAD-")
        await here.sync()
        await expect(page.get_by_text("1 record needs a person")).to_be_visible(timeout=15_000)
        await page.get_by_role("table").first.get_by_role("link").first.click()
        await expect(page.get_by_role("heading", name="One by one")).to_be_visible()
        here.simulated.faults.remove(refusing)

        # A wrong token is asked for again; the right one is kept by this tab only.
        row = page.get_by_role("row").filter(has_text="BAD-1")
        await row.get_by_role("button", name="Retry").click()
        await page.get_by_label("Console token").fill("a guess")
        await page.get_by_role("button", name="Go ahead").click()
        await expect(page.locator("#ask-complaint")).to_have_text("This is not the token.", timeout=15_000)
        opened.complaints.clear()  # the browser itself reports the 401
        await page.get_by_label("Console token").fill(TOKEN)
        await page.get_by_role("button", name="Go ahead").click()
        await expect(page.locator("#told")).to_contain_text("Done, 1", timeout=15_000)
        await expect(page.get_by_text("Nothing: every record is delivered")).to_be_visible(timeout=20_000)
        assert await page.evaluate("document.cookie + JSON.stringify(localStorage)") == "{}"
        told = await here.query("SELECT detail FROM history WHERE event = 'retried'")
        assert ['"by":"console"' in one["detail"] for one in told] == [True]


RULES = [
    {"field": "textField_lq0sj9h9", "rule": "length", "max": 8, "on_fail": "warn"},
    {"field": "textField_lstsv908", "rule": "one_of", "values": ["1", "2", "3"]},
    {"rule": "fresh", "max_age": "3650d"},
]


async def test_what_a_rule_rejected_is_found_from_the_panel_and_accepted(tmp_path: Path) -> None:
    async with (
        world(tmp_path, SimulatorOptions(products=12), quality={"replace": RULES}) as here,
        console(here, tmp_path) as opened,
    ):
        page, catalogue = opened.page, here.simulated.catalogue
        await page.evaluate(f"sessionStorage.setItem('xmsyncd token', '{TOKEN}')")
        for number, product in enumerate(catalogue.ids()):
            catalogue.edit(product, name=f"螺栓 {number}", product_type=1)
        rejected, warned = catalogue.ids()[3:5]
        catalogue.edit(rejected, product_no="ODD-1", name=NAME, product_type=9)
        catalogue.edit(warned, product_no="LONG-1", name=f"{NAME}，可加热的新款")
        assert (await here.sync())["backlog"] == {"delivered": 11, "rejected": 1}
        panel = page.locator("#quality-products")
        rule = panel.get_by_role("row").filter(has_text="one_of")
        await expect(rule).to_contain_text("ODD-1", timeout=20_000)
        await expect(panel.get_by_text("still current")).to_be_hidden()
        await panel.get_by_text("1 rule that no record broke").press("Enter")
        await expect(panel.get_by_text("still current")).to_be_visible()
        await rule.get_by_role("link", name="1", exact=True).click()
        await page.get_by_role("link", name="ODD-1").last.click()
        story = page.get_by_role("row").filter(has_text="one_of")
        await expect(story).to_contain_text("rejected")
        await expect(story).to_contain_text("expected one of")
        await page.get_by_role("button", name="Accept as it is").click()
        await page.get_by_role("button", name="Go ahead").click()
        await expect(page.locator("#told")).to_contain_text(
            "accepted with exactly this content", timeout=15_000
        )
        await expect(page.get_by_text("by a person, in spite of a rule")).to_be_visible(timeout=15_000)
        await until(lambda: _delivered(here, rejected), "what was accepted is delivered")
        await expect(page.get_by_role("listitem").filter(has_text="Accepted in spite")).to_contain_text(
            "the console", timeout=15_000
        )

        await page.goto(opened.url + "record?id=LONG-1")
        await expect(page.get_by_role("row").filter(has_text="length")).to_contain_text("warned of")
        await expect(page.get_by_role("listitem").filter(has_text="New content")).to_contain_text(
            "textField_lq0sj9h9 length warned"
        )


async def _delivered(here: World, product: int) -> bool:
    return str((await here.record(product))["state"]) == "delivered"


async def test_search_finds_by_number_and_by_chinese_name_and_tells_the_life(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=12)) as here, console(here, tmp_path) as opened:
        page, catalogue = opened.page, here.simulated.catalogue
        catalogue.edit(catalogue.ids()[5], product_no="SS-2044", name=NAME)
        await here.sync()
        for words in ("ss-2044", "餐盒"):
            await page.get_by_role("searchbox").fill(words)
            await page.get_by_role("searchbox").press("Enter")
            await expect(page.get_by_role("row").filter(has_text=NAME)).to_be_visible()
        await page.get_by_role("link", name="SS-2044").click()
        await expect(page.get_by_role("heading", name=NAME)).to_be_visible()
        told = page.get_by_role("listitem")
        await expect(told.last).to_contain_text("First seen in OKKI")
        await expect(told.first).to_contain_text("Delivered")


async def test_worked_by_keyboard_alone(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=5)) as here, console(here, tmp_path) as opened:
        page, keyboard = opened.page, opened.page.keyboard
        await here.sync()
        await page.evaluate(f"sessionStorage.setItem('xmsyncd token', '{TOKEN}')")
        await _tab_to(page, "Pause")
        await keyboard.press("Enter")
        await expect(page.get_by_role("dialog")).to_be_visible()
        await keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_be_hidden()
        assert (await _focused(page)) == "Pause"
        await keyboard.press("Enter")
        await page.wait_for_function(
            "document.querySelector('dialog[open]')?.contains(document.activeElement)"
        )
        await keyboard.press("Enter")  # the dialog's first choice has the focus
        await expect(page.get_by_role("button", name="Resume")).to_be_visible(timeout=15_000)
        await expect(page.get_by_text("Delivery stands still")).to_be_visible()
        here.simulated.catalogue.edit(here.simulated.catalogue.ids()[0], name=NAME)
        assert (await here.sync(wait=1))["backlog"]["pending"] == 1
        await _tab_to(page, "Resume")
        await keyboard.press("Enter")
        await expect(page.get_by_text("Yida is in step with OKKI")).to_be_visible(timeout=15_000)


async def test_a_question_asked_again_at_once_is_answered_by_its_own_dialog(tmp_path: Path) -> None:
    """A browser tells of a closing a moment later: by then the dialog may be open again."""
    async with world(tmp_path, SimulatorOptions(products=5)) as here, console(here, tmp_path) as opened:
        page = opened.page
        await here.sync()
        await page.evaluate(f"sessionStorage.setItem('xmsyncd token', '{TOKEN}')")
        await expect(page.get_by_role("button", name="Pause")).to_be_visible()
        await page.evaluate(
            """() => {
                const pause = document.querySelector("button[data-operation='pipeline.pause']");
                pause.click();
                document.querySelector("dialog[open]").close("cancel");
                pause.click();
            }"""
        )
        await page.get_by_role("dialog").get_by_role("button").first.click()
        await expect(page.get_by_role("button", name="Resume")).to_be_visible(timeout=15_000)


async def _focused(page: Page) -> str:
    return str(await page.evaluate("document.activeElement.textContent.trim()"))


async def _tab_to(page: Page, name: str) -> None:
    for _ in range(30):
        await page.keyboard.press("Tab")
        if await _focused(page) == name:
            return
    raise AssertionError(f"no way to {name} by keyboard")


async def test_on_a_phone_nothing_is_wider_than_the_screen(tmp_path: Path) -> None:
    small = {"width": 360, "height": 740}
    async with (
        world(tmp_path, SimulatorOptions(products=30, dirty_products=10), quality={"replace": RULES}) as here,
        console(here, tmp_path, viewport=small, locale="zh-CN", color_scheme="dark") as opened,
    ):
        page = opened.page
        await here.sync(wait=10)
        key = (await here.query("SELECT key FROM records WHERE state = 'delivered' LIMIT 1"))[0]["key"]
        bad = (await here.query("SELECT source_id AS id FROM records WHERE state = 'rejected' LIMIT 1"))[0]
        paths = ("", "failures", "held", "records?q=1", f"record?id={key}", f"record?id={bad['id']}")
        for path in paths:
            await page.goto(opened.url + path)
            for one in await page.locator("summary").all():
                await one.click()
            assert await page.evaluate("document.documentElement.scrollWidth") <= small["width"], path
            assert await page.evaluate("document.documentElement.lang") == "zh-CN"


async def test_another_site_and_a_console_without_a_token_change_nothing(tmp_path: Path) -> None:
    async with world(tmp_path, SimulatorOptions(products=5)) as here:
        await here.sync()
        async with console(here, tmp_path, token=None) as opened:
            await expect(opened.page.get_by_text("Read only")).to_be_visible()
            assert await opened.page.locator("button[data-operation]").count() == 0
        async with console(here, tmp_path) as opened:
            page = opened.page
            # The same machine under another name is another origin, as another site is.
            other = opened.url.replace("127.0.0.1", "localhost")
            await page.route(
                other + "**", lambda route: route.fulfill(body="<p>evil", content_type="text/html")
            )
            await page.goto(other)
            answer = await page.evaluate(
                """async ([url, token]) => {
                    const params = {pipeline: "products"};
                    const body = JSON.stringify({operation: "pipeline.pause", params});
                    const tries = [
                        {headers: {"Content-Type": "application/json", "Authorization": `Bearer ${token}`}},
                        {headers: {"Content-Type": "text/plain"}},
                        {mode: "no-cors"},
                    ];
                    const seen = [];
                    for (const one of tries) {
                        try { seen.push((await fetch(url, {method: "POST", body, ...one})).type); }
                        catch { seen.push("refused"); }
                    }
                    return seen;
                }""",
                [opened.url + "api/act", TOKEN],
            )
            assert answer == ["refused"] * 3
            opened.complaints.clear()  # the browser reports what it refused
            async with aiohttp.ClientSession() as session:
                body = {"operation": "pipeline.pause", "params": {"pipeline": "products"}}
                async with session.post(opened.url + "api/act", json=body) as refused:
                    assert refused.status == 401
        view = await here.query("SELECT stop_reason FROM pipelines")
        assert view == [{"stop_reason": None}]
