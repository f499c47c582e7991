"""``notify``: what concerns the robots that people are told by."""

from __future__ import annotations

import click

from xmsyncd.cli.options import Common, common_options, framed


@click.group("notify")
@common_options
def notify() -> None:
    """The DingTalk robots of the configuration."""


@notify.command("test")
@click.argument("robot", required=False)
@common_options
@framed
def test(common: Common, *, robot: str | None) -> int:
    """Send a test message to ROBOT, or to every robot. It counts for the robot's 20 a minute."""
    from xmsyncd.cli.output import out, print_json
    from xmsyncd.cli.running import run_to_end
    from xmsyncd.clock import SystemClock
    from xmsyncd.operations.exit_status import ExitStatus
    from xmsyncd.operations.robots import send_test

    settings = common.settings()

    async def work() -> int:
        result = await send_test(settings, robot, SystemClock())
        if common.json:
            print_json(result)
        else:
            for one in result["robots"]:
                why = " ".join(part for part in (one["code"], one["message"]) if part)
                shown = f"{one['robot']}: {one['result']}" + (f" ({why})" if why else "")
                out().print(shown, markup=False, highlight=False)
        return ExitStatus.CANNOT_WORK if result["failed"] else ExitStatus.WELL

    return run_to_end(common, settings, work)
