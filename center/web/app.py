"""Which page answers what. Every route stands here; who may ask it is the guard's and the page's."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from center.web import api
from center.web.absences import absences
from center.web.cameras import camera
from center.web.checks import checks
from center.web.definitions import definitions
from center.web.entrance import link, login, logout
from center.web.errors import on_fault, on_http, on_told
from center.web.guard import Guard
from center.web.places import first, place
from center.web.render import STYLE
from center.web.sheets import sheet
from center.web.site import Site
from center.web.stops import in_region, of_unit
from center.web.units import unit_page
from contract.problems import Told


def style(_: Request) -> Response:
    return Response(STYLE, media_type="text/css", headers={"cache-control": "public, max-age=31536000, immutable"})


ROUTES = [
    Route("/", first),
    Route("/login", login, methods=["GET", "POST"]),
    Route("/link/{token}", link, methods=["GET", "POST"]),
    Route("/logout", logout, methods=["POST"]),
    Route("/style.css", style),
    Route("/places/{code}", place),
    Route("/now/{code}", absences),
    Route("/units/{unit:path}", unit_page),
    Route("/sheets/{unit:path}", sheet),
    Route("/stops/{unit:path}", of_unit, methods=["GET", "POST"]),
    Route("/requests/{code}", in_region),
    Route("/checks/{code}", checks, methods=["GET", "POST"]),
    Route("/positions/{position:path}", camera),
    Route("/definitions", definitions),
    *api.ROUTES,
]


def app_of(site: Site) -> Guard:
    """The ASGI application."""
    handlers = {HTTPException: on_http, Told: on_told, Exception: on_fault}
    app = Starlette(routes=ROUTES, exception_handlers=handlers)
    app.router.redirect_slashes = False
    app.state.site = site
    return Guard(app, site)
