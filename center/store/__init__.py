"""The center's memory: what was registered, what arrived, what was set aside. Only this folder knows SQLAlchemy."""

from center.store.engine import Store, shared
from center.store.migrate import Absent, Unavailable, Unready
from center.store.reader import Reader
from center.store.seats import Seating, Seats
from center.store.sole import Sole, Taken
from center.store.writer import Writer

__all__ = [
    "Absent",
    "Reader",
    "Seating",
    "Seats",
    "Sole",
    "Store",
    "Taken",
    "Unavailable",
    "Unready",
    "Writer",
    "shared",
]
