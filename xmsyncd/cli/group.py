"""``xmsyncd COMMAND``: the commands by name, each imported only when it is used."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Final

import click

from xmsyncd import __version__
from xmsyncd.cli.options import common_options


@dataclass(frozen=True, slots=True)
class _Entry:
    """Where a command is, and its line in the help: said here, so that the help imports nothing."""

    module: str
    attribute: str
    summary: str


_COMMANDS: Final = {
    "check": _Entry("check", "check", "Would it work? Asks both vendors; writes nothing."),
    "probe": _Entry("probe", "probe", "What only your tenant can answer, and the settings that fit it."),
    "plan": _Entry("plan", "plan", "What the next sync would do; writes nothing."),
    "preview": _Entry("preview", "preview", "One record through the mapping, step by step; writes nothing."),
    "sync": _Entry("sync", "sync", "One cycle now, delivered; then exit."),
    "run": _Entry("run", "run", "The daemon: schedules, delivery, console, metrics."),
    "status": _Entry("status", "status", "How things stand: freshness, backlog, gaps, quota."),
    "explain": _Entry("explain", "explain", "The life of one record."),
    "failures": _Entry("failures", "failures", "What did not go through: list, retry, accept, discard."),
    "quality": _Entry("quality", "quality", "What the rules of quality found, rule by rule: report."),
    "approve": _Entry("approve", "approve", "Let updates go that the guard holds."),
    "pause": _Entry("pause", "pause", "Let a pipeline send nothing more, until resume."),
    "resume": _Entry("pause", "resume", "Let a paused pipeline go on."),
    "reconcile": _Entry("reconcile", "reconcile", "Compare ledger and Yida; a report, or repairs."),
    "adopt": _Entry("adopt", "adopt", "Take over instances that the form holds already."),
    "ledger": _Entry("ledger", "ledger", "Care of the ledger: check, backup, migrate, rebind."),
    "notify": _Entry("notify", "notify", "Robots of DingTalk: send a test message."),
    "import-qeasy": _Entry("import_qeasy", "import_qeasy", "A configuration from the metadata of 轻易云."),
    "demo": _Entry("demo", "demo", "Both vendors simulated, the daemon at work between them."),
    "simulate": _Entry("simulate", "simulate", "Both vendors' APIs on this machine, with faults on demand."),
}


class LazyGroup(click.Group):
    """Knows its commands by name and help line; importing one waits until it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which a newcomer needs them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command."""
        entry = _COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command = getattr(importlib.import_module(f"xmsyncd.cli.{entry.module}"), entry.attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"xmsyncd.cli.{entry.module}.{entry.attribute} is no command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in _COMMANDS.items()])


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="xmsyncd", message="%(prog)s %(version)s")
@common_options
def main() -> None:
    """Keeps DingTalk Yida forms in step with OKKI CRM: every changed product once, or listed with the reason.

    \b
    Exit status:
      0  all is well
      1  unforeseen
      2  usage or configuration
      3  finished, but records are left over or a window is unproven
      4  cannot work: credentials, permission, quota, or the disk of the ledger
      5  the ledger is held, and its holder does not answer
    """
