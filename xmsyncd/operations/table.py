"""The operations by name: the one list that the command line, the socket and the console call.

An operation is an async generator over ``(runtime, params)``. It yields any number of :class:`Progress` and
then one :class:`Result`; ``params`` and both values are plain JSON. What it changed is durable as soon as it
says so, and an operation that is left early has changed that much and no more: all are safe to repeat.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from xmsyncd.cycle.plan import CycleRequest
from xmsyncd.cycle.progress import CycleProgress
from xmsyncd.errors import ConfigurationError, Fault
from xmsyncd.ledger import meters
from xmsyncd.ledger.people import Selection
from xmsyncd.observe.quota import Quota
from xmsyncd.operations import approve, failure_list, failures, ledger_care, pause, quality, resume
from xmsyncd.operations.absences import with_absences_accepted
from xmsyncd.operations.activity import recent_activity
from xmsyncd.operations.adopt import adopt
from xmsyncd.operations.adopt_rehearsal import dry_run
from xmsyncd.operations.chosen_window import chosen_window
from xmsyncd.operations.explain import explain
from xmsyncd.operations.failures import Action
from xmsyncd.operations.plan import DEFAULT_SAMPLE, PlanRequest, plan
from xmsyncd.operations.preview import preview, preview_item
from xmsyncd.operations.reconcile import reconcile
from xmsyncd.operations.runtime import PipelineRuntime, Runtime
from xmsyncd.operations.search import search
from xmsyncd.operations.status import PipelineInfo, status
from xmsyncd.operations.sync import sync

DEFAULT_WAIT = timedelta(minutes=15)
"""How long a sync goes on delivering, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Something to show while the operation goes on."""

    value: Any


@dataclass(frozen=True, slots=True)
class Result:
    """What the operation came to; nothing follows it."""

    value: Any


Params = Mapping[str, Any]
Told = Progress | Result
Operation = Callable[[Runtime, Params], AsyncGenerator[Told]]


async def _sync(runtime: Runtime, params: Params) -> AsyncGenerator[Told]:
    """Params ``pipeline``, ``full``, ``limit``, ``only``, ``since``, ``until``, ``wait_seconds``,
    ``bootstrap``, ``accept_absences``.

    One pipeline; what ``since`` and ``until`` may be says :mod:`.chosen_window`.
    """
    pipeline = runtime.pipeline(params.get("pipeline"))
    request = _cycle_request(runtime, params)
    if params.get("accept_absences"):
        request = with_absences_accepted(request)
    wait = timedelta(seconds=float(params.get("wait_seconds", DEFAULT_WAIT.total_seconds())))
    if params.get("bootstrap"):
        await resume.allow_creates(runtime, pipeline)
    await resume.try_again(runtime, pipeline)
    told: dict[str, Any] = {}
    async for told in sync(runtime, pipeline, request, wait):
        if told["phase"] != "done":
            yield Progress(told)
    yield Result(told)


async def _plan(runtime: Runtime, params: Params) -> AsyncGenerator[Told]:
    """Params ``pipeline`` (none: all), ``full``, ``limit``, ``only``, ``since``, ``until``, ``sample`` (a
    number or ``"all"``).

    Changes nothing. The records that would change come as progress, in parts.
    """
    sample = params.get("sample", DEFAULT_SAMPLE)
    request = PlanRequest(_cycle_request(runtime, params), None if sample == "all" else int(sample))
    async with contextlib.aclosing(plan(runtime, runtime.selected(params.get("pipeline")), request)) as steps:
        async for told in steps:
            yield Result(told) if told["phase"] == "done" else Progress(told)


async def _preview(runtime: Runtime, params: Params) -> AsyncGenerator[Told]:
    """Params ``pipeline`` (none: all) and ``key``; or ``item``, JSON, which needs no OKKI.

    Changes nothing.
    """
    item = params.get("item")
    if item is not None:
        told = await preview_item(runtime, runtime.pipeline(params.get("pipeline")), item)
        yield Result({"products": [told]})
        return
    chosen = runtime.selected(params.get("pipeline"))
    async with contextlib.aclosing(preview(runtime, chosen, str(params["key"]))) as steps:
        async for step in steps:
            yield Result(step) if step["phase"] == "done" else Progress(step)


def _cycle_request(runtime: Runtime, params: Params) -> CycleRequest:
    """What ``full``, ``limit``, ``only``, ``since`` and ``until`` ask of a cycle."""
    request = CycleRequest(
        full=bool(params.get("full")), limit=_limit(params.get("limit")), only=params.get("only")
    )
    since, until = chosen_window(
        params.get("since"),
        params.get("until"),
        request=request,
        zone=runtime.settings.zone,
        now=runtime.clock.now(),
    )
    return replace(request, since=since, until=until)


async def _reconcile(runtime: Runtime, params: Params) -> AsyncGenerator[Told]:
    """Params ``pipeline``, ``apply``, ``yes``. One pipeline."""
    pipeline = runtime.pipeline(params.get("pipeline"))
    async for told in reconcile(
        runtime, pipeline, apply=bool(params.get("apply")), yes=bool(params.get("yes"))
    ):
        yield Result(told) if told["phase"] == "done" else Progress(told)


async def _adopt(runtime: Runtime, params: Params) -> AsyncGenerator[Told]:
    """Params ``pipeline``, ``yes``, ``dry_run``. One pipeline; its cycles must be running.

    A dry run is for a snapshot of the ledger; the metered calls that it made are its ``made``.
    """
    pipeline = runtime.pipeline(params.get("pipeline"))
    yes = bool(params.get("yes"))
    steps = (
        dry_run(runtime, pipeline, yes=yes) if params.get("dry_run") else adopt(runtime, pipeline, yes=yes)
    )
    async with contextlib.aclosing(steps):
        async for told in steps:
            yield Result(told) if told["phase"] == "done" else Progress(told)


async def _status(runtime: Runtime, params: Params) -> AsyncGenerator[Told]:
    """Params ``live``: whether deliveries and cycles run in this process (the default)."""
    live = bool(params.get("live", True))
    infos, clocks = pipeline_infos(runtime), runtime.clocks()
    yield Result(
        await status(
            runtime.ledger,
            infos,
            runtime.clock.now(),
            live=live,
            clocks=clocks,
            limits=runtime.limits(),
            away=runtime.away(),
        )
    )


def pipeline_infos(runtime: Runtime) -> list[PipelineInfo]:
    """What a status needs to know beside the ledger."""
    infos = []
    for pipeline in runtime.pipelines.values():
        okki, _ = runtime.settings.okki_of(pipeline.settings)
        connection, chosen = runtime.settings.dingtalk_of(pipeline.settings)
        quota = Quota(connection, chosen.monthly_calls, chosen.reserve_calls)
        infos.append(
            PipelineInfo(
                pipeline.name,
                pipeline.form,
                quota,
                pipeline.next_run,
                progress=functools.partial(_running, pipeline),
                pace=pipeline.pace,
                connections={"okki": okki, "dingtalk": connection},
            )
        )
    return infos


def _running(pipeline: PipelineRuntime) -> CycleProgress | None:
    return pipeline.loop.running


async def _activity(runtime: Runtime, params: Params) -> AsyncGenerator[Told]:
    """No params; every pipeline by name, as :class:`Activity` in plain JSON."""
    yield Result(await recent_activity(runtime))


async def _search(runtime: Runtime, params: Params) -> AsyncGenerator[Told]:
    """Params ``text`` and ``pipeline``."""
    yield Result(await search(runtime, runtime.selected(params.get("pipeline")), str(params["text"])))


async def _pause(runtime: Runtime, params: Params) -> AsyncGenerator[Told]:
    """Params ``pipeline``, ``by``. One pipeline."""
    yield Result(await pause.pause(runtime, runtime.pipeline(params.get("pipeline")), by=_by(params)))


async def _go_on(runtime: Runtime, params: Params) -> AsyncGenerator[Told]:
    """Params ``pipeline``, ``by``. One pipeline."""
    yield Result(await pause.go_on(runtime, runtime.pipeline(params.get("pipeline")), by=_by(params)))


async def _run_now(runtime: Runtime, params: Params) -> AsyncGenerator[Told]:
    """Params ``pipeline``, ``by``. One pipeline; its cycles must be running."""
    yield Result(await pause.run_now(runtime, runtime.pipeline(params.get("pipeline")), by=_by(params)))


async def _explain(runtime: Runtime, params: Params) -> AsyncGenerator[Told]:
    """Params ``key`` and ``pipeline``."""
    yield Result(await explain(runtime, runtime.selected(params.get("pipeline")), str(params["key"])))


async def _quality_report(runtime: Runtime, params: Params) -> AsyncGenerator[Told]:
    """Params ``pipeline`` and ``since`` (ISO time)."""
    since = params.get("since")
    moment = None if since is None else datetime.fromisoformat(since)
    yield Result(await quality.report(runtime, runtime.selected(params.get("pipeline")), moment))


async def _failures_list(runtime: Runtime, params: Params) -> AsyncGenerator[Told]:
    """Params ``pipeline``, ``reason``, ``state``, ``component``, ``limit`` (0: groups and counts only)."""
    limit = _limit(params.get("limit"))
    yield Result(
        await failure_list.listed(
            runtime,
            runtime.selected(params.get("pipeline")),
            reason=params.get("reason"),
            state=params.get("state"),
            component=params.get("component"),
            limit=failure_list.ROWS if limit is None else limit,
        )
    )


async def _failures_retry(runtime: Runtime, params: Params) -> AsyncGenerator[Told]:
    """Params ``pipeline``, ``key`` | ``reason`` | ``all``, ``resend``, ``by``."""
    action = Action.RESEND if params.get("resend") else Action.RETRY
    async for told in _act(runtime, params, action):
        yield told


async def _failures_accept(runtime: Runtime, params: Params) -> AsyncGenerator[Told]:
    """Params ``pipeline``, ``key`` | ``reason`` | ``all``, ``by``."""
    async for told in _act(runtime, params, Action.ACCEPT):
        yield told


async def _failures_discard(runtime: Runtime, params: Params) -> AsyncGenerator[Told]:
    """Params ``pipeline``, ``key`` | ``reason`` | ``all``, ``by``."""
    async for told in _act(runtime, params, Action.DISCARD):
        yield told


async def _act(runtime: Runtime, params: Params, action: Action) -> AsyncGenerator[Told]:
    chosen = runtime.selected(params.get("pipeline"))
    value: dict[str, Any] = {}
    async for value in failures.act(runtime, chosen, _selection(params), action, by=_by(params)):
        if "done" in value:
            yield Progress(value)
    yield Result(value)


async def _approve_show(runtime: Runtime, params: Params) -> AsyncGenerator[Told]:
    """Params ``pipeline``, ``keys``."""
    chosen = runtime.selected(params.get("pipeline"))
    yield Result(await approve.shown(runtime, chosen, tuple(params.get("keys") or ())))


async def _approve_decide(runtime: Runtime, params: Params) -> AsyncGenerator[Told]:
    """Params ``pipeline``, ``keys`` | ``all``, ``limit``, ``discard``, ``as_of`` (ISO time), ``by``."""
    keys = tuple(params.get("keys") or ())
    limit = _limit(params.get("limit"))
    if not keys and not params.get("all") and limit is None:
        raise ConfigurationError([Fault("the records", "none named", "keys, or a limit, or all of them")])
    as_of = params.get("as_of")
    decision = approve.Decision(
        keys=keys,
        limit=limit,
        discard=bool(params.get("discard")),
        as_of=None if as_of is None else datetime.fromisoformat(as_of),
        by=_by(params),
    )
    told: dict[str, Any] = {}
    async for told in approve.decide(runtime, runtime.selected(params.get("pipeline")), decision):
        if "done" in told:
            yield Progress(told)
    yield Result(told)


def _by(params: Params) -> str:
    """Who asks, for the history: the command line, unless the console says that it is it."""
    return "console" if params.get("by") == "console" else "cli"


async def _ledger_check(runtime: Runtime, params: Params) -> AsyncGenerator[Told]:
    """No params. Reads only."""
    async with contextlib.aclosing(ledger_care.check(runtime.ledger, runtime.clock.now())) as steps:
        async for told in steps:
            yield Result(told) if "rules" in told else Progress(told)


async def _ledger_backup(runtime: Runtime, params: Params) -> AsyncGenerator[Told]:
    """Params ``file`` (absolute) and ``force``."""
    target = ledger_care.absolute(params["file"])
    steps = ledger_care.backup(
        runtime.ledger.path,
        target,
        runtime.clock.now(),
        force=bool(params.get("force")),
        stopping=runtime.stopping,
    )
    async with contextlib.aclosing(steps):
        async for told in steps:
            yield Result(told) if "file" in told else Progress(told)


async def _metered(runtime: Runtime, params: Params) -> AsyncGenerator[Told]:
    """Params ``made``: metered calls by connection and kind, of a command that ran beside the ledger."""
    await runtime.ledger.write(meters.enter, params["made"], runtime.clock.now())
    yield Result(None)


def _limit(value: Any) -> int | None:
    return None if value is None else int(value)


def _selection(params: Params) -> Selection:
    """Exactly one way of naming records; all by mistake would be a bad surprise."""
    given = [name for name in ("key", "reason", "all") if params.get(name)]
    if len(given) != 1:
        raise ConfigurationError(
            [Fault("the records", " and ".join(given) or "none named", "a key, or a reason, or all of them")]
        )
    return Selection(key=params.get("key"), reason=params.get("reason"), everything=bool(params.get("all")))


OPERATIONS: Mapping[str, Operation] = {
    "sync": _sync,
    "plan": _plan,
    "preview": _preview,
    "reconcile": _reconcile,
    "adopt": _adopt,
    "status": _status,
    "activity": _activity,
    "explain": _explain,
    "quality.report": _quality_report,
    "search": _search,
    "pipeline.pause": _pause,
    "pipeline.resume": _go_on,
    "pipeline.run": _run_now,
    "approve.show": _approve_show,
    "approve.decide": _approve_decide,
    "failures.list": _failures_list,
    "failures.retry": _failures_retry,
    "failures.accept": _failures_accept,
    "failures.discard": _failures_discard,
    "ledger.check": _ledger_check,
    "ledger.backup": _ledger_backup,
    "metered": _metered,
}
"""What may be asked of a holder of the ledger."""


async def result_of(runtime: Runtime, operation: str, params: Params) -> Any:
    """Have an operation done in this process; its result, with the progress left out."""
    async with contextlib.aclosing(OPERATIONS[operation](runtime, params)) as told:
        async for one in told:
            if isinstance(one, Result):
                return one.value
    raise RuntimeError(f"{operation} came to nothing")
