import os
import sys
from pathlib import Path

import pytest

from siyu.settings import Settings

sys.path.insert(0, str(Path(__file__).parent))  # world.py and helpers.py
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.delenv("SIYU_SANDBOX_URL", raising=False)
    monkeypatch.delenv("SIYU_ROBOT_WEBHOOK", raising=False)
    return Settings(home=tmp_path / "home", accounts_file=tmp_path / "accounts.yml")
