"""The web page at `/`: the files of a folder that the user names, or the built-in page."""

import base64
import re
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from store.relay.response import HEADERS, no_route

INDEX = "index.html"


class PageFolder(StaticFiles):
    """Serves the files of a folder. Every other path returns index.html, as single-page applications expect.

    Links that lead out of the folder and names that begin with a dot are not served.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder)

    async def get_response(self, path: str, scope: Scope) -> Response:
        if not any(part.startswith(".") for part in path.split("/")):
            try:
                return _revalidated(await super().get_response(path, scope))
            except HTTPException as error:
                if error.status_code not in (401, 404):  # unreadable or missing
                    raise
            except (OSError, ValueError):  # not a valid path
                pass
        return _revalidated(await super().get_response(INDEX, scope))


def _revalidated(response: Response) -> Response:
    """Let browsers cache the file, but revalidate it on each use."""
    response.headers.update({**HEADERS, "cache-control": "no-cache"})
    return response


class BuiltInPage:
    """Serves `web_page.html` at `/`."""

    def __init__(self) -> None:
        text = files("store.relay").joinpath("web_page.html").read_text("utf-8")
        hashes = {tag: _csp_hash(tag, text) for tag in ("script", "style")}
        policy = f"default-src 'none'; connect-src 'self'; script-src '{hashes['script']}'; style-src '{hashes['style']}'"
        headers = {**HEADERS, "content-security-policy": f"{policy}; base-uri 'none'; form-action 'none'"}
        self._response = Response(text, headers=headers, media_type="text/html")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/" or scope["method"] not in ("GET", "HEAD"):
            await no_route(scope, receive, send)
        else:
            await self._response(scope, receive, send)


def _csp_hash(tag: str, text: str) -> str:
    """The hash source of an inline script or style for a content security policy."""
    found = re.search(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    assert found is not None
    return f"sha256-{base64.b64encode(sha256(found[1].encode()).digest()).decode()}"
