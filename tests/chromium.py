"""Find Chromium for the browser tests, or print how to install it: `python tests/chromium.py`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def find() -> str | None:
    """Return the path of CHIPSCAPE_CHROMIUM, of an installed browser, or of Playwright's own."""
    setting = os.environ.get("CHIPSCAPE_CHROMIUM")
    if setting:
        return setting if Path(setting).is_file() else None
    for name in NAMES:
        if path := shutil.which(name):
            return path
    return _playwright()


def _playwright() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).is_file() else None


def _install_from_debian() -> None:
    """Install Debian's package; only for machines of continuous integration, as root."""
    for words in (("update",), ("install", "-y", "chromium")):
        command = ["apt-get", "-qq", *words]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def main() -> None:
    """Exit with 0 if a browser is installed, otherwise with the command that installs it."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if not find() and os.environ.get("CI") and root and shutil.which("apt-get"):
        _install_from_debian()
    if not find():
        command = f"{sys.executable} -m playwright install chromium"
        sys.exit(f"The browser tests need Chromium. To install it, run:\n\n    {command}\n")


if __name__ == "__main__":
    main()
