"""airbyte-cdk: a source of the same pages, its `read` command's records written to nowhere.

Its records are lines of JSON; what a destination would do with them is not counted.
Run (in its own environment): python airbyte_read.py <address> <rows> ad_report|customers <folder>
"""

import json
import os
import sys
from pathlib import Path

from airbyte_cdk.entrypoint import launch
from airbyte_cdk.models import ConnectorSpecification
from airbyte_cdk.sources import AbstractSource
from airbyte_cdk.sources.streams import Stream
from bare import PAGES


class Pages(Stream):
    """The pages of one kind."""

    primary_key = None

    def __init__(self, what: str, address: str) -> None:
        self._what, self._address, self.count = what, address, 0

    @property
    def name(self) -> str:
        """The kind."""
        return self._what

    def get_json_schema(self) -> dict:
        """Anything."""
        return {"type": "object", "additionalProperties": True, "properties": {}}

    def read_records(self, sync_mode, cursor_field=None, stream_slice=None, stream_state=None):
        """Row by row, as the CDK wants them."""
        for page in PAGES[self._what](self._address):
            self.count += len(page)
            yield from page


class Source(AbstractSource):
    """One stream and nothing to configure."""

    def __init__(self, stream: Pages) -> None:
        self.stream = stream

    def spec(self, logger):
        """Nothing to configure."""
        return ConnectorSpecification(connectionSpecification={"type": "object"})

    def check_connection(self, logger, config):
        """Nothing to check."""
        return True, None

    def streams(self, config):
        """The one."""
        return [self.stream]


def main(address: str, rows: str, what: str, folder: str) -> int:
    stream = Pages(what, f"{address}/{rows}")
    config, catalog = Path(folder, "config.json"), Path(folder, "catalog.json")
    config.write_text("{}")
    chosen = {
        "stream": {
            "name": what,
            "json_schema": stream.get_json_schema(),
            "supported_sync_modes": ["full_refresh"],
        },
        "sync_mode": "full_refresh",
        "destination_sync_mode": "append",
    }
    catalog.write_text(json.dumps({"streams": [chosen]}))
    # the CDK prints to the process's own standard output
    shown, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        launch(Source(stream), ["read", "--config", str(config), "--catalog", str(catalog)])
    finally:
        sys.stdout.flush()
        os.dup2(shown, 1)
    return stream.count


if __name__ == "__main__":
    # the CDK looks the source's module up by name, and `__main__` has none
    import airbyte_read
    from figures import timed

    timed(airbyte_read.main, *sys.argv[1:])
