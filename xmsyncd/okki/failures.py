"""From a verdict on a read to the error that says what to do next (step 1)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Final, assert_never

from xmsyncd.errors import CannotWorkError, RefusedError, ThrottledError, TryLaterError, XmsyncdError
from xmsyncd.okki.auth import TOKEN_ENDPOINT
from xmsyncd.okki.codes import UNREADABLE
from xmsyncd.records import Family, StopReason
from xmsyncd.transport.classify import Verdict
from xmsyncd.transport.masking import Mask

LIST_ENDPOINT: Final = "list"
DETAIL_ENDPOINT: Final = "info"
GROUPS_ENDPOINT: Final = "groups"
FIELDS_ENDPOINT: Final = "fields"
ENDPOINTS: Final = (TOKEN_ENDPOINT, LIST_ENDPOINT, DETAIL_ENDPOINT, GROUPS_ENDPOINT, FIELDS_ENDPOINT)
"""What is asked of OKKI: the closed set of metric labels."""


class Failures:
    """Makes the errors of one connection; no secret of it ever stands in one.

    ``secrets`` are asked for with each error: the tokens among them come and go.
    """

    def __init__(self, connection: str, secrets: Callable[[], Collection[str]]) -> None:
        self._connection = connection
        self._secrets = secrets

    @property
    def mask(self) -> Mask:
        """Takes the connection's secrets out of what OKKI says, which may quote what it was sent."""
        return Mask(self._secrets(), "…")

    def of(self, endpoint: str, verdict: Verdict) -> XmsyncdError:
        """The error for a verdict that is no success."""
        code, message = verdict.code, verdict.message
        match verdict.family:
            case Family.THROTTLED:
                return self.throttled(endpoint, message or "throttled", code=code, wait=verdict.wait)
            case Family.NOT_SENT | Family.UNDECIDED | Family.TRY_LATER:
                return self.try_later(endpoint, message or "no usable answer", code=code, wait=verdict.wait)
            case Family.REAUTHENTICATE:
                message = "a fresh token is refused; see auth_prefix, and whether the access was revoked"
                return self.cannot_work(endpoint, StopReason.CREDENTIALS, message, code=code)
            case Family.STOP:
                reason = verdict.stop_reason or StopReason.CONFIGURATION
                return self.cannot_work(endpoint, reason, message or "not allowed", code=code)
            case Family.REFUSED:
                return self._refusal(endpoint, verdict)
            case Family.DELIVERED | Family.GONE:
                raise ValueError(f"no row for reads says {verdict.family}")
            case _:
                assert_never(verdict.family)

    def _refusal(self, endpoint: str, verdict: Verdict) -> XmsyncdError:
        code, message = verdict.code, verdict.message or "refused"
        if endpoint == DETAIL_ENDPOINT:
            return self.refused(endpoint, message, code=code)
        # Refusing a whole list is no matter of one product: most likely base_url or a parameter.
        return self.cannot_work(endpoint, StopReason.CONFIGURATION, message, code=code)

    def unreadable(self, endpoint: str, message: str) -> TryLaterError:
        """A success in a shape that says nothing."""
        return self.try_later(endpoint, message, code=UNREADABLE)

    def throttled(
        self, endpoint: str, message: str, *, code: str = "", wait: timedelta | None = None
    ) -> ThrottledError:
        """Refused for its pace."""
        text = self._sentence(endpoint, code, message)
        code = self.mask.text(code)
        return ThrottledError(text, wait=wait, connection=self._connection, endpoint=endpoint, code=code)

    def try_later(
        self, endpoint: str, message: str, *, code: str = "", wait: timedelta | None = None
    ) -> TryLaterError:
        """OKKI or the way to it is away."""
        text = self._sentence(endpoint, code, message)
        code = self.mask.text(code)
        return TryLaterError(text, wait=wait, connection=self._connection, endpoint=endpoint, code=code)

    def refused(self, endpoint: str, message: str, *, code: str = "") -> RefusedError:
        """This one thing is refused."""
        text = self._sentence(endpoint, code, message)
        code = self.mask.text(code)
        return RefusedError(text, connection=self._connection, endpoint=endpoint, code=code)

    def cannot_work(
        self, endpoint: str, reason: StopReason, message: str, *, code: str = ""
    ) -> CannotWorkError:
        """A person has to act."""
        text = self._sentence(endpoint, code, message)
        code = self.mask.text(code)
        return CannotWorkError(text, reason=reason, connection=self._connection, endpoint=endpoint, code=code)

    def _sentence(self, endpoint: str, code: str, message: str) -> str:
        """What a person reads."""
        said = self.mask.text(" ".join(part for part in (code, message) if part))
        return f"OKKI {self._connection}, {endpoint}: {said}"
