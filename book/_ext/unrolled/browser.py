"""The browser of this machine: Debian's Chromium, or one that goes by another name."""

import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome")


def found() -> str:
    """Path of the first one that is installed; FileNotFoundError if none is."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    raise FileNotFoundError(f"needs a browser: none of {', '.join(NAMES)} is installed")
