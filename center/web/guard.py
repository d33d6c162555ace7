"""Before every page: who asks, may it be answered, is a form one of ours; after it: the headers that browsers obey.

It stands outside of the router, so that no route can be forgotten.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from center.store import Unavailable
from center.web import passwords
from center.web.errors import refusal
from center.web.site import Site, Visitor, Wrongly

App = Callable[[Any, Any, Any], Awaitable[None]]
OPEN = ("/login", "/style.css")
LINK = "/link/"
API = "/api/"
MOST_BYTES, MOST_FIELDS, FORM_S = 32_768, 50, 20.0
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
HSTS = "max-age=31536000"


class Guard:
    """`app`: what answers. `request.state.visitor` is there for it, and `request.state.form` of a POST."""

    def __init__(self, app: App, site: Site) -> None:
        self._app = app
        self._site = site

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                self._add_headers(MutableHeaders(scope=message))
            await send(message)

        request = Request(scope, receive)
        try:
            answer = await self._checked(request)
        except ClientDisconnect:
            return
        except Wrongly as wrong:
            answer = refusal(request, wrong)
        except Unavailable as trouble:
            answer = refusal(request, Wrongly(trouble.words.zh, trouble.words.en, 503))
        await (answer or self._app)(scope, receive, guarded)

    def _add_headers(self, headers: MutableHeaders) -> None:
        for name, value in HEADERS.items():
            headers[name] = value
        headers.setdefault("cache-control", "no-store")
        if self._site.behind_tls:
            headers["strict-transport-security"] = HSTS

    async def _checked(self, request: Request) -> Response | None:
        """An answer where the page shall not be asked. Raises Wrongly, Unavailable."""
        path, site = request.scope["path"], self._site
        if path.startswith(API):
            await self._let_program(request)
            return None
        token = request.cookies.get(site.cookie, "")
        account = await run_in_threadpool(site.admission.who, token)
        before = request.cookies.get(f"{site.cookie}-form", "")
        request.state.visitor = Visitor(account, token if account else before, self._address(request))
        request.state.old = token
        if account is None and path not in OPEN and not path.startswith(LINK):
            back = request.scope["raw_path"].decode("latin-1")
            query = request.scope["query_string"].decode("latin-1")
            wanted = f"{back}?{query}" if query else back
            asked = f"?next={quote(wanted, safe='')}" if request.method == "GET" and wanted != "/" else ""
            return RedirectResponse(f"/login{asked}", 303)
        if request.method not in ("GET", "HEAD", "POST"):
            raise Wrongly("不支持该请求方法", "this method is not supported", 405, {"allow": "GET, HEAD, POST"})
        if request.method == "POST":
            request.state.form = await self._form(request)
        return None

    async def _let_program(self, request: Request) -> None:
        """By the token of an account, never by a cookie: no page can make a browser ask. Raises Wrongly."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        found = await run_in_threadpool(self._site.admission.by_token, token if kind.lower() == "bearer" else "")
        if found is None:
            words = ("需要令牌：Authorization: Bearer", "a token is needed: Authorization: Bearer")
            raise Wrongly(*words, 401, {"www-authenticate": "Bearer"})
        if request.method not in ("GET", "HEAD"):
            raise Wrongly("只读接口", "it can only be read", 405, {"allow": "GET, HEAD"})
        request.state.visitor = Visitor(found, "", self._address(request))

    def _address(self, request: Request) -> str:
        """Of the browser; what a proxy says only where one was announced: the last, which that proxy itself added."""
        told = request.headers.getlist("x-forwarded-for") if self._site.behind_tls else []
        address = told[-1].rpartition(",")[2].strip() if told else ""
        return address or (request.client.host if request.client else "")

    async def _form(self, request: Request) -> dict[str, str]:
        """Raises Wrongly for what no page of ours has sent."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            raise Wrongly("表单格式不支持", "no form of this kind is taken", 415)
        body = b""
        try:
            async with asyncio.timeout(FORM_S):
                async for part in request.stream():
                    body += part
                    if len(body) > MOST_BYTES:
                        raise Wrongly("表单过大", "the form is too large", 413)
        except TimeoutError as error:
            raise Wrongly("表单未及时送达", "the form did not come in time", 408) from error
        try:
            fields = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
        except ValueError as error:
            raise Wrongly("表单无法读取", "the form cannot be read") from error
        form = dict(fields)
        token = request.state.visitor.token
        foreign = request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
        if foreign or not token or not passwords.sealed(token, form.get("seal", "")):
            raise Wrongly(
                "表单已过期，或不是从本站页面提交的：请返回重新打开页面",
                "the form is too old, or was not sent from a page of this site: open the page again",
                403,
            )
        return form
