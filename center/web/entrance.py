"""The login page, one-time links, and the way out."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from center.show import minute
from center.web import passwords
from center.web.admission import WHOLE_MS, Let, network
from center.web.render import page
from center.web.site import Site, language, url_of
from contract.language import saying


def login(request: Request) -> Response:
    if request.method == "POST":
        form = request.state.form
        let = _site(request).admission.by_password(
            form.get("name", "").strip(), form.get("password", ""), _address(request), request.state.old
        )
        return _entered(request, let, form.get("next", ""))
    return _asked(request, "", request.query_params.get("next", ""))


def link(request: Request) -> Response:
    """Opened it lets nobody in: what looks at links in messages before people do would use it up."""
    if request.method == "POST":
        let = _site(request).admission.by_link(request.path_params["token"], _address(request), request.state.old)
        return _entered(request, let, "/")
    return _form(request, "link.html", 200, "", "")


def logout(request: Request) -> Response:
    site, visitor = _site(request), request.state.visitor
    if visitor.account:
        site.admission.leave(visitor.token, visitor.account.name, network(visitor.address))
    answer = RedirectResponse(url_of("login"), 303)
    answer.delete_cookie(site.cookie, secure=site.behind_tls, httponly=True, samesite="lax")
    return answer


def _site(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


def _address(request: Request) -> str:
    return network(request.state.visitor.address)


def _entered(request: Request, let: Let, wanted: str) -> Response:
    site, say = _site(request), saying(language(request))
    if not let.token:
        wrong = say("账号或口令不正确，或链接已失效", "account or password is wrong, or the link is over")
        if let.again_ms:
            wrong = say(
                f"失败次数过多：{minute(let.again_ms)} 之后可再试",
                f"too many failures: try again after {minute(let.again_ms)}",
            )
        return _asked(request, wrong, wanted, 429 if let.again_ms else 403)
    answer = RedirectResponse(inside(wanted), 303)
    answer.set_cookie(
        site.cookie, let.token, max_age=WHOLE_MS // 1000, secure=site.behind_tls, httponly=True, samesite="lax"
    )
    answer.delete_cookie(f"{site.cookie}-form", secure=site.behind_tls, httponly=True, samesite="strict")
    return answer


def inside(wanted: str) -> str:
    """A page of this site, the first one for anything else."""
    mine = wanted.startswith("/") and wanted[1:2] not in ("/", "\\") and wanted.isprintable()
    return wanted if mine and not wanted.startswith(("/login", "/link", "/logout")) else "/"


def _asked(request: Request, wrong: str, wanted: str, status: int = 200) -> Response:
    return _form(request, "login.html", status, wrong, inside(wanted))


def _form(request: Request, template: str, status: int, wrong: str, wanted: str) -> Response:
    """Sealed by a cookie of its own, for there is no session yet."""
    site, lang = _site(request), language(request)
    token = request.state.visitor.token or passwords.token()
    answer = page(
        template, status, lang=lang, t=saying(lang), wrong=wrong, wanted=wanted, seal=passwords.seal(token), path=""
    )
    if not request.state.visitor.token:
        answer.set_cookie(
            f"{site.cookie}-form", token, secure=site.behind_tls, httponly=True, samesite="strict", max_age=3600
        )
    return answer
