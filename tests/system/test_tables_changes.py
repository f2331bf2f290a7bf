"""A file behind a table is edited under load: new sessions see it at once, and none is dropped."""
from table_changes import check_changes

TIMEOUT = 300


def test_changes_are_taken_up():
    check_changes()
