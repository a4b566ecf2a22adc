"""The session of `docs/sandbox.md`, as it stands there."""

import os
import re
import subprocess
import sys

from account import REGION
from ledger import ROOT


def test_the_tutorial_is_at_home(sandbox):
    text = (ROOT / "docs/sandbox.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": sandbox.url,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
    }
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "Pending 0" in lines[0] and lines[-1] == "{True}"
    assert any("InProgress 50" in line for line in lines) and any("Baking 100" in line for line in lines)
    assert "Successful 100" in lines[-2]
