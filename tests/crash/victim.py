"""The daemon in a process that is made to be killed: as `xmsyncd run`, with a step at which it kills itself.

It also ends with the test that started it, so that a killed test leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from xmsyncd.daemon import run_daemon
from xmsyncd.observe.logs import configure_logging, log_what_escapes
from xmsyncd.settings import load_settings
from xmsyncd.steps import Step


def main(arguments: dict[str, Any]) -> int:
    die_at = arguments["die_at"]
    passed: Counter[str] = Counter()

    def step(reached: Step) -> None:
        passed[reached] += 1
        if die_at is not None and reached == die_at[0] and passed[reached] == die_at[1]:
            os.kill(os.getpid(), signal.SIGKILL)

    def end_with_parent() -> None:
        while os.read(0, 1024):  # not sys.stdin: its lock would be held at a clean exit
            pass
        os._exit(0)

    threading.Thread(target=end_with_parent, daemon=True).start()
    settings = load_settings(Path(arguments["config"]), os.environ)
    configure_logging(
        settings.log.level.value, settings.log.format.value, sys.stderr, settings.secret_values()
    )
    log_what_escapes()
    return asyncio.run(run_daemon(settings, step=step, bootstrap=arguments["bootstrap"]))


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
