"""What is answered where there is no page: always the same words for the same kind, whatever was asked for."""

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from center.store import Unavailable
from center.web.render import page
from center.web.site import Wrongly, language
from contract.problems import Told

KNOWN = {
    404: ("没有这个页面", "there is no such page"),
    405: ("不支持该请求方法", "this method is not supported"),
    500: ("服务器内部错误，已记入日志", "an error of the server; it is in its log"),
}


def refusal(request: Request, wrong: HTTPException) -> Response:
    words = wrong.words if isinstance(wrong, Wrongly) else KNOWN.get(wrong.status_code, KNOWN[404])
    lang = language(request)
    if request.scope["path"].startswith("/api/"):
        body = msgspec.json.encode({"error": words[lang == "en"]})
        answer = Response(body, wrong.status_code, media_type="application/json")
    else:
        answer = page("error.html", wrong.status_code, lang=lang, title=words[lang == "en"])
    answer.headers.update(wrong.headers or {})
    return answer


async def on_http(request: Request, error: Exception) -> Response:
    return refusal(request, error if isinstance(error, HTTPException) else HTTPException(500))


async def on_told(request: Request, error: Exception) -> Response:
    """A database that is away comes back; anything else that a person can mend stands in the page as it is told."""
    if not isinstance(error, Told):
        raise error
    status = 503 if isinstance(error, Unavailable) else 500
    return refusal(request, Wrongly(error.words.zh, error.words.en, status))


async def on_fault(request: Request, _error: Exception) -> Response:
    return refusal(request, HTTPException(500))
