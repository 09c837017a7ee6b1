"""The order of the test files."""

LONG = ("integration", "warehouse")


def pytest_collection_modifyitems(items):
    """Long files first: with two workers, none of them may be what one is left with at the end."""
    items.sort(key=lambda item: item.path.parent.name not in LONG)
