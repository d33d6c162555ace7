"""The monthly bulletin as data: figures, the Parquet that they are of, and the SQL by which anybody recomputes them."""

from center.bulletin.make import BULLETIN, In, Stated, free_for, make
from center.bulletin.verify import Checked, from_facts, verify

__all__ = ["BULLETIN", "Checked", "In", "Stated", "free_for", "from_facts", "make", "verify"]
