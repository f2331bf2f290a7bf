"""The same as test_tables_changes.py in a chroot, where the files are out of sight."""
from table_changes import check_changes

NEEDS_ROOT = True
TIMEOUT = 300


def test_changes_are_taken_up_in_a_chroot():
    check_changes(chroot="y")
