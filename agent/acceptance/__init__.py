"""The acceptance report of a canteen: a page for the electrician, the manager and the file, made from verdicts."""

from agent.acceptance.page import Heading, page
from agent.acceptance.report import Report
from agent.acceptance.tasks import Inspection

__all__ = ["Heading", "Inspection", "Report", "page"]
