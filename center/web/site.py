"""What all pages share: the store, the policy, the clock; and one visit: who asks, in which language, for what."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request

from center.arguments import rules_of
from center.days.command import digest_of, rule_of
from center.rate import month_of, month_span
from center.store import Store
from center.store.people import Account
from center.web import passwords
from center.web.admission import Admission
from center.web.moment import FRESH_MS, Moment, Moments
from center.web.scope import ROLES, Scope
from center.web.shelf import Figures, Missing, Policied, Shelf
from contract.language import saying
from contract.policy import Policy


class Site:
    """`days`: see Shelf. `behind_tls`: what a proxy says of address and scheme is believed, cookies are Secure."""

    def __init__(
        self,
        store: Store,
        policy: Policy,
        days: Path | None,
        clock_ms: Callable[[], int],
        *,
        behind_tls: bool = False,
        fresh_ms: int = FRESH_MS,
    ) -> None:
        self.store = store
        self.policy = policy
        self.rules, self.rule = rules_of(policy), rule_of(policy)
        self.days = days
        self.clock_ms = clock_ms
        self.behind_tls = behind_tls
        self.admission = Admission(store, clock_ms)
        self.moments = Moments(store, self.rules, clock_ms, fresh_ms)
        self.shelf = Shelf(days, Policied(self.rules, self.rule, digest_of(policy)))

    @property
    def cookie(self) -> str:
        """`__Host-`: no other host, path or plain line may set it."""
        return "__Host-canteen" if self.behind_tls else "canteen"


class Visitor(NamedTuple):
    """`account`: None before the login. `token`: of the session, else what the login's form is sealed by."""

    account: Account | None
    token: str
    address: str


class Wrongly(HTTPException):
    """What was asked for is no such thing; the words go to the person who asked."""

    def __init__(self, zh: str, en: str, status: int = 400, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, zh, headers)
        self.words = (zh, en)


def nothing() -> HTTPException:
    """The same for what is not there and for what is not theirs."""
    return HTTPException(404)


class Visit:
    """One request of somebody who was let in."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.site: Site = request.app.state.site
        self.visitor: Visitor = request.state.visitor
        self.params = request.query_params
        self.lang = language(request)
        self.say = saying(self.lang)
        self.now: Moment = self.site.moments.now()

    @property
    def account(self) -> Account:
        if self.visitor.account is None:
            raise nothing()
        return self.visitor.account

    @property
    def scope(self) -> Scope:
        return Scope.read(self.account.scope)

    @property
    def seal(self) -> str:
        """What its forms carry."""
        return passwords.seal(self.visitor.token)

    @property
    def role(self) -> str:
        """What the account is for, in words."""
        return self.say(*ROLES[self.account.role])

    def url(self, *path: str, **params: str) -> str:
        """Of another page, in the language that the URL of this one holds."""
        return url_of(*path, **held_language(self.request), **params)

    def again(self, **changed: str) -> str:
        """The URL of this page with some parameters changed; "" takes one away."""
        params = {**self.params, **changed}
        kept = {key: value for key, value in params.items() if value}
        return self.path + (f"?{urlencode(kept)}" if kept else "")

    @property
    def path(self) -> str:
        """As it was asked for; never one that a browser takes for another host's."""
        return "/" + quote(self.request.scope["raw_path"].decode("latin-1").lstrip("/"), safe="/%")

    def choice(self, name: str, *choices: str) -> str:
        """A parameter that is one of these, the first where it is not there. Raises Wrongly."""
        told = self.params.get(name, choices[0])
        if told not in choices:
            raise Wrongly(f"参数 {name} 只能是：{'、'.join(choices)}", f"{name} is one of: {', '.join(choices)}")
        return told

    def place(self, code: str) -> str:
        """The name of a locality."""
        region = self.now.tree[code]
        return region.name_en or region.name if self.lang == "en" else region.name

    @property
    def month(self) -> str:
        """Raises Wrongly."""
        name = self.params.get("month") or month_of(self.site.clock_ms())
        try:
            begin = month_span(name)[0]
        except ValueError as error:
            raise Wrongly("月份应为“年-月”，例如 2026-11", "a month is YYYY-MM, such as 2026-11") from error
        if begin >= self.site.clock_ms():
            raise Wrongly(f"{name} 尚未开始", f"{name} has not begun")
        return name

    def figures(self) -> Figures | Missing:
        return self.site.shelf.figures(self.month)

    def context(self) -> dict[str, Any]:
        """What every page is rendered with."""
        return {"visit": self, "lang": self.lang, "t": self.say, "now": self.now, "site": self.site}


def url_of(*path: str, **params: str) -> str:
    told = "/" + "/".join(quote(part, safe="") for part in path)
    kept = {key: value for key, value in params.items() if value}
    return told + (f"?{urlencode(kept)}" if kept else "")


def held_language(request: Request) -> dict[str, str]:
    return {"lang": request.query_params["lang"]} if request.query_params.get("lang") in ("zh", "en") else {}


def language(request: Request) -> str:
    """As the URL says, else by the first of the browser's languages that is one of both; Chinese for all others."""
    told = request.query_params.get("lang", "")
    if told in ("zh", "en"):
        return told
    wanted = request.headers.get("accept-language", "")[:200].lower().split(",")
    return next((one.strip()[:2] for one in wanted if one.strip()[:2] in ("zh", "en")), "zh")
