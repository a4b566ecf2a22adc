"""The HTML report in a real browser. Without one the suite fails: `tests/run` installs it."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
BINARY = os.environ.get("REBAKE", str(ROOT / "target" / "debug" / "rebake"))


def rebake(folder, *arguments, exits=(0,)):
    """Runs rebake on the sandbox of a folder."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    command = [BINARY, "--sandbox", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode in exits, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The report that a run over the demo leaves behind."""
    folder = tmp_path_factory.mktemp("demo")
    told = rebake(folder, "apply", "--yes", "--wait", exits=(8,))
    page = folder / told.rsplit("Report: ", 1)[1].strip()
    assert page.name == "report.html"
    return page


@pytest.fixture(scope="session")
def hostile(tmp_path_factory):
    """The report of an account in which somebody plays tricks with names and tags."""
    folder = tmp_path_factory.mktemp("hostile")
    rebake(folder, "sandbox", "seed", str(HERE / "hostile.toml"))
    rebake(folder, "report", "-o", "report.html")
    return folder / "report.html"


def split(page):
    """A page before its data, the data, and after it."""
    before, rest = page.read_text().split('id="data">', 1)
    data, after = rest.split("</script>", 1)
    return before + 'id="data">', json.loads(data), "</script>" + after


@pytest.fixture(scope="session")
def large(demo, tmp_path_factory):
    """A page of 50,000 nodes: the demo's over and over, each with an id and a name of its own."""
    before, data, after = split(demo)
    nodes, text = data["nodes"], data["text"]
    few = len(nodes["id"])
    columns = {name: [] for name in nodes}
    for number in range(50_000):
        for name, column in nodes.items():
            columns[name].append(column[number % few])
        for name, new in (("id", f"i-{number:017x}"), ("name", f"node-{number}")):
            columns[name][-1] = len(text)
            text.append(new)
        columns["label"][-1] = columns["name"][-1]
    data["nodes"] = columns
    page = tmp_path_factory.mktemp("large") / "report.html"
    page.write_text(before + json.dumps(data, separators=(",", ":")).replace("<", "\\u003c") + after)
    return page


class Browser:
    """A browser that remembers what its pages asked for and complained of."""

    def __init__(self):
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for option in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))

    def open(self, page, width=1280, height=900, scheme="light", media="", script=True):
        do = self.driver.execute_cdp_cmd
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        do("Emulation.setDeviceMetricsOverride", size)
        features = [{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}]
        do("Emulation.setEmulatedMedia", {"media": media, "features": features})
        do("Emulation.setScriptExecutionDisabled", {"value": not script})
        self.driver.get("about:blank")
        self.complaints()
        self.requests()
        self.driver.get(page.as_uri())

    def complaints(self):
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self):
        """The addresses that were asked for since the last look; not those that the policy refused."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        params = lambda method: [event["params"] for event in events if event["method"] == method]
        refused = {one["requestId"] for one in params("Network.loadingFailed") if one.get("blockedReason") == "csp"}
        return [one["request"]["url"] for one in params("Network.requestWillBeSent") if one["requestId"] not in refused]

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def one(self, selector):
        return self.driver.find_element("css selector", selector)

    def all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def found(self):
        """How many nodes the page says that it shows."""
        return int(self.one("#found").text.split()[0].replace(",", ""))

    def column(self, name):
        """What the rows in sight have in a column."""
        return self.run("return [...document.querySelectorAll(`#rows .${arguments[0]}`)].map((cell) => cell.innerText)", name)

    def choose(self, select, words):
        """Chooses the option of a select that begins with some words."""
        options = self.all(f"#{select} option")
        next(option for option in options if option.text.startswith(words)).click()


@pytest.fixture(scope="session")
def started():
    browser = Browser()
    yield browser
    browser.driver.quit()


@pytest.fixture
def browser(started):
    """The browser; afterwards no page may have complained, or asked for anything but itself."""
    yield started
    assert started.complaints() == []
    foreign = [url for url in started.requests() if not url.startswith(("file:///", "data:", "about:"))]
    assert foreign == []
