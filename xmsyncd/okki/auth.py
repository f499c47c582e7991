"""OKKI's access token: one POST, as JSON or as a form, for its page names both (step 1).

Vendor doc, not verified on a tenant: a token lives 8 hours, ``expires_in`` may be missing, and a new one
does not prolong the old. A refusal comes as ``{"error": ..., "error_description"|"message": ...}``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final, assert_never

from xmsyncd.clock import Clock
from xmsyncd.okki.resources import PRODUCT, TOKEN_PATH, check_allowed
from xmsyncd.okki.wire import words_of
from xmsyncd.settings import OkkiSettings
from xmsyncd.settings.choices import GrantType, TokenBody
from xmsyncd.transport.body import NotJsonError, decode_json
from xmsyncd.transport.reply import Reply
from xmsyncd.transport.session import Call

TOKEN_ENDPOINT: Final = "token"

_LONGEST_LIFETIME: Final = timedelta(days=30)
# With these the server has read the body and refuses its contents; another encoding would say the same.
_BODY_WAS_READ: Final = frozenset(
    {
        "invalid_client",
        "invalid_scope",
        "invalid_grant",
        "invalid_credentials",
        "access_denied",
        "server_error",
    }
)


class TokenRefusedError(Exception):
    """The token endpoint did not hand out a token; ``reply`` says how."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        super().__init__("no token")


class TokenFetcher:
    """Asks for tokens; remembers which encoding the server took."""

    def __init__(
        self,
        settings: OkkiSettings,
        *,
        send: Callable[[Call], Awaitable[Reply]],
        clock: Clock,
    ) -> None:
        """``send`` takes a permit for each call it makes."""
        self._settings = settings
        self._send = send
        self._clock = clock
        self._body = settings.token_body

    async def fetch(self) -> tuple[str, timedelta]:
        """A new token and its life time. Raises :class:`TokenRefusedError` for any other answer."""
        reply = await self._send(self._call(self._body))
        if (
            self._body is TokenBody.JSON
            and self._settings.token_form_fallback
            and _perhaps_wrong_encoding(reply)
        ):
            reply = await self._send(self._call(TokenBody.FORM))
            if _token_in(reply):
                self._body = TokenBody.FORM
        token = _token_in(reply)
        if not token:
            raise TokenRefusedError(reply)
        return token, self._lifetime(reply.body, token)

    def _call(self, body: TokenBody) -> Call:
        settings = self._settings
        fields = {
            "grant_type": str(settings.grant_type),
            "client_id": settings.client_id,
            "client_secret": settings.client_secret.get_secret_value(),
            "scope": settings.scope or PRODUCT.scope,
        }
        if settings.grant_type is GrantType.PASSWORD:
            fields["username"] = settings.username or ""
            fields["password"] = settings.password.get_secret_value() if settings.password else ""
        check_allowed("POST", TOKEN_PATH)
        match body:
            case TokenBody.JSON:
                return Call("POST", TOKEN_PATH, TOKEN_ENDPOINT, json=fields, secret_reply=True)
            case TokenBody.FORM:
                return Call("POST", TOKEN_PATH, TOKEN_ENDPOINT, form=fields, secret_reply=True)
            case _:
                assert_never(body)

    def _lifetime(self, body: Any, token: str) -> timedelta:
        """``expires_in``; else the token's own ``exp``, unverified; else the documented 8 hours."""
        seconds = _positive_number(body.get("expires_in"))
        if seconds is None:
            expires_at = _positive_number(_claims(token).get("exp"))
            if expires_at is not None:
                # Not past its end by our clock, which may be the wrong one: a dead token shows by itself.
                seconds = expires_at - self._clock.now().timestamp()
                if seconds <= 0:
                    seconds = None
        if seconds is None:
            return self._settings.token_lifetime
        return timedelta(seconds=min(seconds, _LONGEST_LIFETIME.total_seconds()))


def _perhaps_wrong_encoding(reply: Reply) -> bool:
    code = words_of(reply.body).code
    if code in ("invalid_request", "unsupported_grant_type"):
        return True
    return reply.status in (400, 415) and code not in _BODY_WAS_READ


def _token_in(reply: Reply) -> str | None:
    """The token of a successful answer, ``None`` for every other answer."""
    if reply.status is None or not 200 <= reply.status < 300 or not isinstance(reply.body, dict):
        return None
    token = reply.body.get("access_token")
    return token.strip() or None if isinstance(token, str) else None


def _claims(token: str) -> dict[str, Any]:
    """The claims of a JWT without any verification; empty for anything else."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = decode_json(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error, NotJsonError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _positive_number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 < number < 1e12 else None
