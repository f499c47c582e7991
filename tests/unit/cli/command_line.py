"""Command lines as a person types them, in a folder of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from tests.scenario import configuration
from xmsyncd.cli import main


class CommandLine:
    """``run("status", "--json")`` in a folder with a right configuration, whose vendors are not there."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "xmsyncd.yaml"
        self.ledger = folder / "xmsyncd.db"
        self.settings: dict[str, Any] = configuration(
            "http://127.0.0.1:9", "http://127.0.0.1:9", okki={"tries": 1}
        )
        self.write()

    def write(self) -> None:
        self.config.write_text(json.dumps(self.settings, ensure_ascii=False), encoding="utf-8")

    def __call__(self, *arguments: str, config: bool = True) -> Result:
        given = ["--config", str(self.config)] if config else []
        return CliRunner().invoke(main, [*given, *arguments])
