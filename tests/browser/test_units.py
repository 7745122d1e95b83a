"""The parts of the page that need no browser: worklets, resampling, and what a slow network costs."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node here")
def test_the_parts_that_need_no_browser() -> None:
    environment = os.environ | {"PAGE": str(files("trioaudio") / "_page")}
    command = ["node", "--test", "--test-reporter=tap", str(Path(__file__).parent / "units.mjs")]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "# pass 13" in result.stdout, result.stdout
