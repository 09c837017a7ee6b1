"""Calls of the corp's endpoints, written after the contract alone."""

from collections.abc import Iterator

import pandas as pd
from sandbox_api import Api


class Corp:
    """The corp's app at one moment; one token for all calls."""

    def __init__(self, api: Api, moment: str) -> None:
        api.at(moment)
        self.api, self.token = api, api.corp_token()
        self.now = pd.Timestamp(api.now)

    def contacts_token(self) -> str:
        account = self.api.account("wecom", "corp_main")
        return self.api.get(
            "/cgi-bin/gettoken",
            corpid=account["options"]["corpid"],
            corpsecret=account["credentials"]["contact_secret"],
        )["access_token"]

    def post(self, path: str, body: dict | None = None, token: str | None = None) -> dict:
        return self.api.post(f"/cgi-bin/{path}", body or {}, access_token=token or self.token)

    def get(self, path: str, token: str | None = None, **query) -> dict:
        return self.api.get(f"/cgi-bin/{path}", access_token=token or self.token, **query)

    def external(self, path: str, body: dict | None = None) -> dict:
        return self.post(f"externalcontact/{path}", body)

    def pages(self, path: str, body: dict, name: str, token: str | None = None) -> Iterator[list]:
        """The lists of all pages; the end is an empty or missing cursor."""
        cursor = ""
        while True:
            answer = self.post(path, body | {"cursor": cursor}, token)
            assert answer["errcode"] == 0, answer
            yield answer[name]
            if not (cursor := answer.get("next_cursor")):
                return

    def rows(self, path: str, body: dict, name: str, token: str | None = None) -> list:
        return [row for page in self.pages(path, body, name, token) for row in page]


def code(answer: dict) -> int:
    return answer["errcode"]
