"""The page of a result in a real browser, without a network: scripts/test browser."""

import shutil

import pytest

from curves import valley_curve
from lr_finder import RangeTestResult, compare
from report.test_page import NASTY, NONE, RESULT

pytestmark = pytest.mark.browser

OTHER = RangeTestResult(valley_curve(start=1e-5, end=100.0), 200)


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    # That of the system where there is one, else the one that `playwright install chromium` fetched.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    RESULT.report(folder / "one.html")
    compare({"AdamW": RESULT, NASTY: OTHER, "broken": NONE}).report(folder / "several.html")
    NONE.report(folder / "none.html")
    return folder


@pytest.fixture
def open_page(browser, files):
    """Opens a page offline; fails where it says something on the console or asks for anything."""
    contexts, said, asked = [], [], []

    def open_page(name, **options):
        context = browser.new_context(offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.on("request", lambda request: asked.append(request.url))
        page.goto((files / f"{name}.html").as_uri())
        page.wait_for_selector("#chart svg")
        page.wait_for_function("typeof view !== 'undefined'")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def path_of(page, run=0):
    """The smoothed line of a run, as it is drawn."""
    return page.locator("#chart .mark-line path").nth(run).get_attribute("d")


def domain(page, axis):
    return page.evaluate(f"view.scale('{axis}').domain()")


@pytest.mark.parametrize("name", ["one", "several", "none"])
def test_it_is_drawn_without_an_error_and_without_a_request(open_page, name):
    page = open_page(name)
    assert page.locator("#controls").is_visible()
    assert page.locator("#chart svg").bounding_box()["width"] > 500


def test_pointing_at_a_step_shows_its_values(open_page):
    page = open_page("one")
    box = page.locator("#chart svg").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.4)
    tooltip = page.locator("#vg-tooltip-element.visible")
    tooltip.wait_for()
    names, values = (tooltip.locator(f"td.{part}").all_inner_texts() for part in ("key", "value"))
    rows = dict(zip(names, values, strict=True))
    step = int(rows["step"])
    assert rows["result"] == "this search"
    assert float(rows["rate"]) == pytest.approx(RESULT.lrs[step], rel=1e-2)
    assert float(rows["loss"]) == pytest.approx(RESULT.losses[step], rel=1e-2)


def test_the_slider_smooths_and_works_with_the_keyboard(open_page):
    page = open_page("one")
    before = path_of(page)
    page.locator("#smoothing").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#smoothed").inner_text() == "0.4 decades"
    assert path_of(page) != before
    page.keyboard.press("Home")
    assert page.locator("#smoothed").inner_text() == "none"
    assert page.locator("#smoothing").get_attribute("aria-valuetext") == "none"


def test_a_run_a_rule_and_the_parts_can_be_switched(open_page):
    page = open_page("several")
    assert page.locator("#chart .mark-line path").count() == 2
    page.get_by_label("AdamW", exact=True).uncheck()
    assert page.locator("#chart .mark-line path").count() == 1
    page.get_by_label("AdamW", exact=True).check()
    rules = page.locator("#chart .mark-rule path, #chart .mark-rule line").count()
    page.get_by_label("steepest").check()
    assert page.locator("#chart .mark-rule path, #chart .mark-rule line").count() == rules + 2
    assert "steepest" in page.locator("#chart").inner_text()
    probes = "view.data('probes').length"
    page.get_by_label("short trainings").uncheck()
    assert page.evaluate(probes) == 2  # the data stay
    assert page.locator("#chart svg").evaluate("svg => svg.textContent").count("steepest") == 2


def test_zooming_and_going_back(open_page):
    page = open_page("one")
    whole = domain(page, "x")
    page.get_by_role("button", name="Zoom in").click()
    low, high = domain(page, "x")
    assert whole[0] < low < high < whole[1]
    page.get_by_role("button", name="Zoom out").click()
    assert domain(page, "x") == pytest.approx(whole)
    box = page.locator("#chart svg").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.keyboard.down("Shift")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Shift")
    page.wait_for_function(f"view.scale('x').domain()[0] > {whole[0]}")
    page.get_by_role("button", name="All of it").click()
    page.wait_for_function(f"Math.abs(view.scale('x').domain()[0] / {whole[0]} - 1) < 1e-9")


def test_the_axes_can_be_linear_or_logarithmic(open_page):
    page = open_page("one")
    page.get_by_label("rate in powers of ten").uncheck()
    page.wait_for_function("view.scale('x').type === 'linear'")
    page.get_by_label("loss in powers of ten").check()
    page.wait_for_function("view.scale('y').type === 'log'")
    assert domain(page, "y")[0] > 0


def test_a_phone_needs_no_scrolling_sideways(open_page):
    page = open_page("several", viewport={"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_its_colours_follow_the_system_and_print_is_light(open_page, scheme):
    page = open_page("one", color_scheme=scheme)
    paper = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(paper) == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 24, 29)"}[scheme]
    page.emulate_media(media="print")
    assert page.evaluate(paper) == "rgb(255, 255, 255)"
    assert not page.locator("#controls").is_visible()


@pytest.mark.parametrize(("name", "scheme"), [("several", "light"), ("one", "dark")])
def test_axe_finds_no_violation(open_page, name, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(name, color_scheme=scheme)
    for summary in page.locator("summary").all():
        summary.click()
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
