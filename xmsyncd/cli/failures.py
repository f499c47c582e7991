"""``failures``: what did not go through; listed by group, tried again, accepted, or let go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypedDict, Unpack

import click

from xmsyncd.cli.options import Common, common_options, framed

_pipeline_option = click.option("--pipeline", metavar="NAME", help="This pipeline only.")


@click.group("failures", context_settings={"help_option_names": ["-h", "--help"]})
@common_options
def failures() -> None:
    """What did not go through, by reason: parked, undecided, rejected, waiting and held records."""


class _Selection(TypedDict):
    """Which records, and whether to ask before many of them are changed."""

    key: str | None
    reason: str | None
    everything: bool
    pipeline: str | None
    yes: bool


def _selecting(function: Callable[..., Any]) -> Callable[..., Any]:
    """Exactly one of KEY, --reason and --all."""
    for option in (
        _pipeline_option,
        click.option("--yes", is_flag=True, help="Do not ask before many records are changed."),
        click.option("--all", "everything", is_flag=True, help="Everything that failed."),
        click.option(
            "--reason", metavar="REASON", help="All that failed for this reason, or of this group (see list)."
        ),
        click.argument("key", required=False),
    ):
        function = option(function)
    return function


def _params(selection: _Selection) -> dict[str, Any]:
    key, reason, everything = selection["key"], selection["reason"], selection["everything"]
    if [bool(key), bool(reason), everything].count(True) != 1:
        raise click.UsageError("say which records: KEY, or --reason REASON, or --all")
    return {"key": key, "reason": reason, "all": everything, "pipeline": selection["pipeline"]}


@failures.command("list")
@click.option("--reason", metavar="REASON", help="Only those with this reason, or of this group.")
@click.option("--state", metavar="STATE", help="parked, undecided, rejected, waiting, held or discarded.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many records."
)
@_pipeline_option
@common_options
@framed
def list_failures(
    common: Common, *, reason: str | None, state: str | None, limit: int, pipeline: str | None
) -> int:
    """List them: by group, with what to do about each; then one by one."""
    from xmsyncd.cli.asking import ask
    from xmsyncd.cli.output import print_json
    from xmsyncd.cli.words import words

    settings = common.settings()
    params = {"reason": reason, "state": state, "limit": limit, "pipeline": pipeline}
    asked = ask(common, settings, "failures.list", params)
    if asked.status:
        return asked.status
    if common.json:
        print_json(asked.value)
    else:
        from xmsyncd.cli.failures_picture import show_list
        from xmsyncd.cli.output import out

        show_list(out(), asked.value, settings.zone, words())
    return 0


@failures.command("retry")
@click.option(
    "--resend", is_flag=True, help="Send undecided and ambiguous ones without looking: this may double them."
)
@_selecting
@common_options
@framed
def retry(common: Common, *, resend: bool, **selection: Unpack[_Selection]) -> int:
    """Try again: parked ones are sent, undecided ones looked for, rejected ones mapped anew."""
    params = {**_params(selection), "resend": resend}
    return _change(common, "failures.retry", params, yes=selection["yes"])


@failures.command("accept")
@_selecting
@common_options
@framed
def accept(common: Common, **selection: Unpack[_Selection]) -> int:
    """Send what a quality rule rejected, with exactly this content; other content is judged anew."""
    return _change(common, "failures.accept", _params(selection), yes=selection["yes"])


@failures.command("discard")
@_selecting
@common_options
@framed
def discard(common: Common, **selection: Unpack[_Selection]) -> int:
    """Let them go, until OKKI shows something new of them."""
    return _change(common, "failures.discard", _params(selection), yes=selection["yes"])


_QUESTIONS = {
    "failures.retry": "Try {} again?",
    "failures.accept": "Accept {} as they are?",
    "failures.discard": "Let {} go?",
}
_RESEND_QUESTION = (
    "Send {} again, without looking? What is undecided or ambiguous among them may be in Yida already, and "
    "would be there twice."
)


def _change(common: Common, name: str, params: dict[str, Any], *, yes: bool) -> int:
    from xmsyncd.cli.asking import ask, is_confirmed
    from xmsyncd.cli.errors import say
    from xmsyncd.cli.output import print_json
    from xmsyncd.cli.words import words
    from xmsyncd.ledger.states import FAILED_STATES

    settings = common.settings()
    if params["key"] is None and not yes and not common.json:
        looked = {"pipeline": params["pipeline"], "reason": params["reason"], "limit": 0}
        preview = ask(common, settings, "failures.list", looked)
        if preview.status:
            return preview.status
        number = sum(preview.value["states"].get(state, 0) for state in FAILED_STATES)
        question = _RESEND_QUESTION if params.get("resend") else _QUESTIONS[name]
        if number and not is_confirmed(question.format(f"{number:,}"), yes=yes):
            return 0
    asked = ask(common, settings, name, {**params, "by": "cli"})
    if asked.status:
        return asked.status
    result = asked.value
    if common.json:
        print_json(result)
    else:
        from xmsyncd.cli.failures_picture import show_changes
        from xmsyncd.cli.output import out

        show_changes(out(), result, words())
    error = result.get("error")
    if error is not None:
        say(f"error: {error['message']}")
        return int(error["exit"])
    sends = name != "failures.discard" and result["counts"].get("pending")
    if sends and asked.is_local and not common.json:
        say(words()("No daemon is running: the next `xmsyncd sync` or `xmsyncd run` sends them."))
    return 0
