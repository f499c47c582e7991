"""``probe``: what only a tenant can answer; with ``--write`` by one marked instance on the real form."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from xmsyncd.cli.options import Common, common_options, framed
from xmsyncd.cli.sync import DurationParam, chosen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xmsyncd.cli.words import Words
    from xmsyncd.operations.probe.answers import Answer
    from xmsyncd.operations.probe.form import FormProbe
    from xmsyncd.operations.probe.probing import Probing
    from xmsyncd.settings import Settings


@dataclass(frozen=True, slots=True)
class _Wishes:
    """What was asked for."""

    write: bool
    yes: bool
    keep: bool
    apply: bool
    longest_look: timedelta


@dataclass(slots=True)
class _Found:
    """What one pipeline's probe has come to."""

    pipeline: str
    answers: list[Answer] = field(default_factory=list)
    form: FormProbe | None = None
    started: bool = False
    declined: bool = False
    undeleted: dict[str, str] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)


@click.command("probe")
@click.argument("pipeline", required=False)
@click.option(
    "--write", is_flag=True, help="Start one marked instance on the real form, and delete it again."
)
@click.option("--yes", is_flag=True, help="With --write: do not ask, neither before it starts nor to delete.")
@click.option("--keep", is_flag=True, help="With --write: leave the instance in the form.")
@click.option("--apply", is_flag=True, help="Write the settings that fit into the configuration file.")
@click.option(
    "--wait",
    type=DurationParam(),
    default="5m",
    show_default=True,
    help="With --write: how long to look for the instance by a search.",
)
@common_options
@framed
def probe(
    common: Common,
    *,
    pipeline: str | None,
    write: bool,
    yes: bool,
    keep: bool,
    apply: bool,
    wait: timedelta,
) -> int:
    """Ask the vendors what their documentation leaves open; show the settings that fit this tenant.

    OKKI is asked by reading only: about 15 requests for each pipeline, at most 40. With --write one instance
    is started on the real form, its key begins with XMSYNCD-PROBE-, it is looked for, updated, and deleted if
    you say so: about 15 metered calls of DingTalk, at most 50.
    """
    from xmsyncd.cli.attended import is_attended
    from xmsyncd.cli.running import run_to_end
    from xmsyncd.errors import ConfigurationError, Fault

    if write and not yes and not is_attended():
        expected = "a terminal, so that you can be asked, or --yes"
        raise ConfigurationError([Fault("probe --write", "nobody to ask", expected)])
    settings = common.settings()
    names = chosen(settings, pipeline)
    found = [_Found(name) for name in names]
    wishes = _Wishes(write, yes, keep, apply, wait)

    async def work() -> int:
        return await _work(common, settings, wishes, found)

    return run_to_end(common, settings, work, stopping_text=lambda: _left(found))


async def _work(common: Common, settings: Settings, wishes: _Wishes, found: list[_Found]) -> int:
    import random

    from xmsyncd.cli.output import print_json
    from xmsyncd.cli.words import words
    from xmsyncd.clock import SystemClock
    from xmsyncd.operations.calls_made import enter_calls
    from xmsyncd.operations.probe.probing import edits_of, open_probing

    clock = SystemClock()
    async with open_probing(settings, clock=clock, rng=random.SystemRandom()) as probing:
        try:
            for one in found:
                one.answers += await probing.ask_okki(one.pipeline)
            if wishes.write:
                for one in found:
                    await _write(probing, settings, wishes, one)
        finally:
            metered = {name: calls for name, calls in probing.metered().items() if calls}
            made = {name: {"probe": calls} for name, calls in metered.items()}
            entered = await enter_calls(settings, made, clock)
    answers = [answer for one in found for answer in one.answers]
    edits = edits_of(answers, clock.now().astimezone(settings.zone))
    applied = (
        _applied(common, edits, clock.now().astimezone(settings.zone)) if wishes.apply and edits else None
    )
    result = _result(found, probing.okki_requests, metered, entered, applied)
    if common.json:
        print_json(result)
    else:
        _print(result, words(), wishes, has_edits=bool(edits))
    return _status(found)


async def _write(probing: Probing, settings: Settings, wishes: _Wishes, one: _Found) -> None:
    from xmsyncd.cli.attended import confirmed
    from xmsyncd.cli.errors import say

    form = one.form = probing.form(one.pipeline, wishes.longest_look)
    fits = await form.look_round()
    if fits:
        target = settings.pipelines[one.pipeline].target
        say(_announcement(one.pipeline, form, f"{target.form} for the user {target.user_id}"))
        one.declined = not wishes.yes and not await confirmed("Start it?")
        if not one.declined:
            one.started = await form.run()
    one.answers += form.answers
    await _delete(form, wishes, one)


def _announcement(pipeline: str, form: FormProbe, where: str) -> str:
    from xmsyncd.operations.probe.form import MOST_CALLS, USUAL_CALLS

    lines = [
        f"{pipeline}: one instance with the key {form.mark} is to be started in {where}.",
        f"It costs about {USUAL_CALLS} metered calls of DingTalk, at most {MOST_CALLS}; three are made.",
    ]
    if form.people:
        lines.append(f"It is a task for {', '.join(form.people)}, until it is deleted.")
    return "\n".join(lines)


async def _delete(form: FormProbe, wishes: _Wishes, one: _Found) -> None:
    """What was started now, and what earlier probes have left: only instances whose key is a mark."""
    from xmsyncd.cli.attended import confirmed

    keys = {left.instance_id: left.key for left in form.leftovers}
    if one.started and form.instance_id is not None:
        keys[form.instance_id] = form.mark
    if not keys or wishes.keep:
        return
    if not wishes.yes and not await confirmed(f"Delete {', '.join(keys.values())}?"):
        return
    for instance_id, wrong in (await form.delete(list(keys))).items():
        if wrong:
            one.undeleted[keys[instance_id]] = wrong
        else:
            one.deleted.append(keys[instance_id])


def _applied(common: Common, edits: list[Any], now: Any) -> dict[str, Any]:
    import os

    from xmsyncd.settings.editing import write_settings
    from xmsyncd.settings.schema import path_text

    written = write_settings(common.config, edits, os.environ, now=now)
    return {
        "file": str(common.config),
        "backup": str(written.backup),
        "settings": {path_text(edit.path): edit.value for edit in edits},
        "shadowed": {path_text(path): where for path, where in written.shadowed.items()},
    }


def _left(found: list[_Found]) -> str:
    """What a person must know who interrupts a probe."""
    marks = [str(one.form.mark) for one in found if one.form is not None and one.form.may_exist]
    if not marks:
        return "stopping; the probe has left nothing in Yida"
    return (
        f"stopping; an instance with the key {', '.join(marks)} may be in Yida: look for it there, or run "
        "probe --write again, which finds it and offers to delete it"
    )


def _result(
    found: list[_Found],
    requests: int,
    metered: Mapping[str, int],
    entered: str,
    applied: dict[str, Any] | None,
) -> dict[str, Any]:
    return {
        "pipelines": [
            {
                "pipeline": one.pipeline,
                "answers": [answer.to_json() for answer in one.answers],
                "mark": None
                if one.form is None or not (one.started or one.form.may_exist)
                else one.form.mark,
                "instance_id": None if one.form is None else one.form.instance_id,
                "deleted": one.deleted,
                "not_deleted": one.undeleted,
                "may_exist": one.form is not None and one.form.may_exist,
            }
            for one in found
        ],
        "okki_requests": requests,
        "metered_calls": sum(metered.values()),
        "not_counted_because": entered,
        "applied": applied,
    }


def _status(found: list[_Found]) -> int:
    from xmsyncd.operations.exit_status import ExitStatus
    from xmsyncd.operations.probe.answers import AnswerState

    lost = any(
        one.undeleted or (one.form is not None and one.form.may_exist and not one.started) for one in found
    )
    if lost:
        return ExitStatus.UNFINISHED
    cannot = any(answer.state is AnswerState.FAILED for one in found for answer in one.answers)
    return ExitStatus.CANNOT_WORK if cannot else ExitStatus.WELL


def _print(result: dict[str, Any], words: Words, wishes: _Wishes, *, has_edits: bool) -> None:
    from rich.text import Text

    from xmsyncd.cli.output import add_row, coloured, out, table
    from xmsyncd.settings.editing import rendered

    console = out()
    for one in result["pipelines"]:
        shown = table(
            "", words("question"), words("what this tenant does"), words("setting"), words("fitting")
        )
        for answer in one["answers"]:
            text = Text(answer["found"])
            if answer["note"]:
                text.append(f"\n{answer['note']}", style="dim")
            fits = ""
            if answer["setting"]:
                fits = rendered(answer["fitting"])
                if answer["state"] == "change":
                    fits += f" ({words('now')}: {rendered(answer['current'])})"
            row = (words(answer["question"]), text, answer["setting"] or "", fits)
            add_row(shown, coloured(answer["state"], words), *row)
        console.print(Text(one["pipeline"], style="bold"))
        console.print(shown)
        for line in _fate(one, wishes):
            console.print(Text(line))
    for line in _end(result, has_edits=has_edits):
        console.print(Text(line))


def _fate(one: dict[str, Any], wishes: _Wishes) -> list[str]:
    lines = []
    if one["deleted"]:
        lines.append(f"Deleted, and seen to be gone: {', '.join(one['deleted'])}.")
    lines += [f"Not deleted: {key}: {wrong}" for key, wrong in one["not_deleted"].items()]
    if one["may_exist"] and not one["not_deleted"]:
        instance = f" (instance {one['instance_id']})" if one["instance_id"] else ""
        lines.append(
            f"In the form, to be deleted by hand or by the next probe --write: {one['mark']}{instance}."
        )
    if wishes.write and one["mark"] is None and not one["deleted"]:
        lines.append("No instance was started.")
    return lines


def _end(result: dict[str, Any], *, has_edits: bool) -> list[str]:
    lines = [
        f"{result['okki_requests']} requests to OKKI, {result['metered_calls']} metered calls of DingTalk."
    ]
    if result["metered_calls"] and result["not_counted_because"]:
        lines.append(f"The ledger does not count these calls: {result['not_counted_because']}.")
    applied = result["applied"]
    if applied is None:
        return [*lines, "Write the settings that fit with --apply."] if has_edits else lines
    lines.append(
        f"{len(applied['settings'])} settings written into {applied['file']}; as it was: {applied['backup']}"
    )
    lines += [
        f"{name} is overridden by {where}: change it there too."
        for name, where in applied["shadowed"].items()
    ]
    return lines
