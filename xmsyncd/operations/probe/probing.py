"""A probe of some pipelines: its clients, what it cost, and what is to be set."""

from __future__ import annotations

import contextlib
import random as random_module
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import aiohttp

from xmsyncd.clock import Clock
from xmsyncd.okki.client import OkkiClient
from xmsyncd.operations.limits import make_limits
from xmsyncd.operations.probe.answers import Answer, AnswerState
from xmsyncd.operations.probe.form import FormProbe
from xmsyncd.operations.probe.okki import OkkiProbe
from xmsyncd.operations.vendors import mapping_of, okki_client, writer_of, yida_client
from xmsyncd.settings import Settings, TargetSettings, read_tables
from xmsyncd.settings.editing import Edit
from xmsyncd.showing import cut_to
from xmsyncd.transport.classify import Verdict
from xmsyncd.transport.reply import Reply
from xmsyncd.transport.session import open_session
from xmsyncd.yida.client import YidaClient
from xmsyncd.yida.marks import new_mark
from xmsyncd.yida.writers import ProcessWriter

_LONGEST_COMMENT = 160


class Probing:
    """The open clients of a probe. Needs no ledger and binds nothing to one."""

    def __init__(
        self,
        settings: Settings,
        session: aiohttp.ClientSession,
        *,
        clock: Clock,
        rng: random_module.Random,
    ) -> None:
        self._settings = settings
        self._session = session
        self._clock = clock
        self._rng = rng
        self._limits = make_limits(settings, clock=clock)
        self._yida = {name: self._yida_client(name) for name in settings.dingtalk}
        self._reads: dict[str, Counter[str]] = {name: Counter() for name in settings.dingtalk}
        self._forms: list[tuple[str, FormProbe]] = []
        self._okki_requests = 0

    # What was spent

    def call_done(self, connection: str, api: str, endpoint: str, result: str, seconds: float) -> None:
        """One call ended: those of OKKI are counted here, the metered ones of DingTalk by their writers."""
        self._okki_requests += api == "okki"

    def answer_judged(self, connection: str, api: str, endpoint: str, reply: Reply, verdict: Verdict) -> None:
        """Nothing: what an answer means ends in the probe's own answers."""

    @property
    def okki_requests(self) -> int:
        """Requests to OKKI so far, tokens included."""
        return self._okki_requests

    def metered(self) -> Mapping[str, int]:
        """Calls that DingTalk may have metered so far, by connection."""
        return {
            name: reads.total() + sum(form.calls for connection, form in self._forms if connection == name)
            for name, reads in self._reads.items()
        }

    # What is asked

    async def ask_okki(self, pipeline: str) -> list[Answer]:
        """The answers of one pipeline's source and its connection."""
        chosen = self._settings.pipelines[pipeline]
        name, connection = self._settings.okki_of(chosen)

        def client_for(**changes: Any) -> OkkiClient:
            changed = {**self._settings.okki, name: connection.model_copy(update=changes)}
            return okki_client(
                self._settings.model_copy(update={"okki": changed}),
                name,
                self._session,
                limiter=self._limits.okki[name],
                clock=self._clock,
                rng=self._rng,
                observer=self,
            )

        probe = OkkiProbe(
            name,
            connection,
            pipeline,
            chosen,
            mapping_of(pipeline, chosen, read_tables(self._settings.lookups)),
            client_for=client_for,
            clock=self._clock,
        )
        return await probe.run()

    def form(self, pipeline: str, longest_look: timedelta) -> FormProbe:
        """The probe of one pipeline's form, with a mark of its own."""
        chosen = self._settings.pipelines[pipeline]
        name, _ = self._settings.dingtalk_of(chosen)
        client, mapping = self._yida[name], mapping_of(pipeline, chosen, read_tables(self._settings.lookups))

        def writer_for(target: TargetSettings) -> ProcessWriter:
            return writer_of(client, chosen, target, mapping, self._reads[name])

        def server_now() -> datetime:
            return self._clock.now() + (client.clock_offset or timedelta(0))

        form = FormProbe(
            pipeline,
            chosen,
            self._settings.delivery.read_back_after,
            mark=new_mark(self._rng),
            writer_for=writer_for,
            permit=client.permit,
            server_now=server_now,
            longest_look=longest_look,
            clock=self._clock,
        )
        self._forms.append((name, form))
        return form

    def _yida_client(self, name: str) -> YidaClient:
        return yida_client(
            self._settings,
            name,
            self._session,
            limiters=self._limits.dingtalk[name],
            clock=self._clock,
            observer=self,
        )


@contextlib.asynccontextmanager
async def open_probing(
    settings: Settings, *, clock: Clock, rng: random_module.Random
) -> AsyncIterator[Probing]:
    """Open the clients; sends nothing by itself."""
    async with open_session() as session:
        yield Probing(settings, session, clock=clock, rng=rng)


def edits_of(answers: Sequence[Answer], today: datetime) -> list[Edit]:
    """What is to be written into the configuration: one edit for each setting that does not fit."""
    edits = {
        answer.setting: Edit(
            tuple(str(key) for key in answer.setting),
            answer.fitting,
            _comment(answer, today),
        )
        for answer in answers
        if answer.state is AnswerState.CHANGE
    }
    return list(edits.values())


def _comment(answer: Answer, today: datetime) -> str:
    text = " ".join("".join(one if one.isprintable() else " " for one in answer.found).split())
    return f"probed {today:%Y-%m-%d}, {answer.setting[-1]}: {cut_to(text, _LONGEST_COMMENT)}"
