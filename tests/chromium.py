"""Find a Chromium for the browser tests, or say how to get one. `python tests/chromium.py`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def find() -> str | None:
    """The browser's path: CHIPSCAPE_CHROMIUM, an installed one, else Playwright's own."""
    named = os.environ.get("CHIPSCAPE_CHROMIUM")
    if named:
        return named if Path(named).is_file() else None
    for name in NAMES:
        if found := shutil.which(name):
            return found
    return _playwright()


def _playwright() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).is_file() else None


def _install_from_debian() -> None:
    """On a throw-away machine of continuous integration, as root, Debian's package will do."""
    for words in (("update",), ("install", "-y", "chromium")):
        command = ["apt-get", "-qq", *words]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def main() -> None:
    """Leave with 0 if a browser is there, else with the one command to run."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if not find() and os.environ.get("CI") and root and shutil.which("apt-get"):
        _install_from_debian()
    if not find():
        command = f"{sys.executable} -m playwright install chromium"
        sys.exit(f"The browser tests need a Chromium. Run once:\n\n    {command}\n")


if __name__ == "__main__":
    main()
