"""The small project of the rules' tests, to plan in."""

from tests.rules.conftest import add_submission, project

__all__ = ["add_submission", "project"]
