"""A served desk and a real Chromium (Debian's package `chromium`); it is never left out where either is missing."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import homes
from playwright.sync_api import Browser, Page, sync_playwright

SHOTS = homes.PROJECT / "build" / "screenshots"
PHONE = {"width": 360, "height": 740}
LAPTOP = {"width": 1366, "height": 768}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(root: Path) -> Iterator[str]:
    """The desk at home in `root`, loaded and furnished, as `make desk` serves it; yields its address."""
    homes.make(root)
    with serving(root) as address:
        yield address


@contextmanager
def serving(root: Path, *program: str, **more: str) -> Iterator[str]:
    """The desk whose home was made in `root`; `program` serves in the place of the desk's own, `more` is environment."""
    loaded = homes.run(root, "load", **more)
    assert loaded.returncode == 0, loaded.stderr
    environment = homes.environment(root, **more)
    subprocess.run([sys.executable, str(Path(homes.__file__))], cwd=homes.PROJECT, env=environment, check=True)
    port = free_port()
    command = [sys.executable, *(program or ("-m", "pipeline.desk")), "serve", "--port", str(port)]
    with (root / "serve.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=homes.PROJECT, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        _await(address, server)
        yield address
    finally:
        server.terminate()
        server.wait(20)


def _await(address: str, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(200):
        assert server.poll() is None, "the server has ended"
        try:
            urllib.request.urlopen(f"{address}/login/", timeout=2).read()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server does not answer")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Raises RuntimeError where Chromium is not installed."""
    program = shutil.which("chromium")
    if program is None:
        raise RuntimeError("Chromium is missing: apt-get install chromium")
    # Playwright keeps an event loop in this thread; the tests ask no database while it does.
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield browser
        browser.close()


def sign_in(page: Page, address: str, name: str) -> None:
    page.goto(f"{address}/login/")
    page.fill("#id_username", name)
    page.fill("#id_password", homes.PASSWORD)
    page.press("#id_password", "Enter")
    page.wait_for_url(lambda url: "/login/" not in url)
    assert page.locator("h1").inner_text() not in ("Not found", "Tidak ditemukan")
