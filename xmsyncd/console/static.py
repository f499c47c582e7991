"""The style and the script of the pages, out of the package."""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import Final

from aiohttp import web

_TYPES: Final = {"console.css": "text/css", "console.js": "text/javascript"}


class Static:
    """Read once; ``edition`` changes with what they say, so that a browser may keep them for good."""

    def __init__(self) -> None:
        folder = resources.files("xmsyncd.console") / "static"
        self._files = {name: (folder / name).read_bytes() for name in _TYPES}
        self.edition = hashlib.blake2b(b"".join(self._files.values()), digest_size=6).hexdigest()

    async def show(self, request: web.Request) -> web.Response:
        """``/static/{name}``."""
        name = request.match_info["name"]
        if name not in self._files:
            raise web.HTTPNotFound
        response = web.Response(body=self._files[name], content_type=_TYPES[name], charset="utf-8")
        response.headers["Cache-Control"] = "max-age=31536000, immutable"
        response.enable_compression()
        return response
