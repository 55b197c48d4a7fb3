"""tests/helpers.py, under the name that the tests of the ops know."""

from tests.helpers import *  # noqa: F403
