"""A home of one's own, a clock that never waits, and the vendors' addresses answered in memory."""

from dataclasses import replace

import pytest
import responses
from vendor_accounts import ACCOUNTS, AS_OF, BASE, FakeClock, landed

from extractors.core import pull as pull_module
from extractors.registry import get_stream
from siyu.settings import Settings


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def clocks(monkeypatch):
    """Every clock that a pull made."""
    made = []

    def make(as_of):
        made.append(FakeClock(as_of))
        return made[-1]

    monkeypatch.setattr(pull_module, "PullClock", make)
    return made


@pytest.fixture
def settings(tmp_path, monkeypatch):
    for name in ("SIYU_SANDBOX_URL", "SIYU_LANDING", "SIYU_ACCOUNTS_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SIYU_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SIYU_PSEUDONYM_KEY", "a-key-of-the-tests")
    return Settings()


@pytest.fixture
def platform():
    """Answers in memory; fails on calls that nobody expected or nobody made."""
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def wecom(platform):
    platform.get(
        f"{BASE}/cgi-bin/gettoken", json={"errcode": 0, "access_token": "tok-1", "expires_in": 7200}
    )
    return platform


@pytest.fixture
def weixin(platform):
    platform.post(
        f"{BASE}/cgi-bin/stable_token", json={"access_token": "tok-1", "expires_in": 7200}
    )
    return platform


@pytest.fixture
def tencent(platform):
    platform.get(
        f"{BASE}/oauth/token",
        json={"code": 0, "data": {"access_token": "tok-1", "access_token_expires_in": 86400}},
    )
    return platform


@pytest.fixture
def oceanengine(platform):
    platform.post(
        f"{BASE}/open_api/oauth2/refresh_token/",
        json={
            "code": 0,
            "data": {
                "access_token": "tok-1",
                "expires_in": 86400,
                "refresh_token": "r-2",
                "refresh_token_expires_in": 2592000,
            },
        },
    )
    return platform


@pytest.fixture
def kuaishou(platform):
    platform.post(
        f"{BASE}/rest/openapi/oauth2/authorize/refresh_token",
        json={
            "code": 0,
            "data": {
                "access_token": "tok-1",
                "access_token_expires_in": 86400,
                "refresh_token": "r-2",
                "refresh_token_expires_in": 2592000,
            },
        },
    )
    return platform


@pytest.fixture
def baidu(platform):
    platform.post(
        f"{BASE}/oauth/refreshToken",
        json={
            "code": 0,
            "message": "success",
            "data": {
                "accessToken": "tok-1",
                "refreshToken": "r-2",
                "expiresIn": 86400,
                "refreshExpiresIn": 2592000,
            },
        },
    )
    return platform


@pytest.fixture
def juguang(platform):
    platform.post(
        f"{BASE}/api/open/oauth2/refresh_token",
        json={
            "code": 0,
            "success": True,
            "data": {
                "access_token": "tok-1",
                "access_token_expires_in": 86400,
                "refresh_token": "r-2",
                "refresh_token_expires_in": 2592000,
            },
        },
    )
    return platform


@pytest.fixture
def run(settings, clocks):
    """Pull one stream; returns its commit and the landed rows by event date."""

    def pull_one(source, name, as_of=AS_OF, window=None, account=None):
        commit = pull_module.pull(
            settings,
            account or ACCOUNTS[source],
            get_stream(source, name),
            as_of=as_of,
            window=window,
        )
        return commit, landed(settings, commit)

    return pull_one


@pytest.fixture(autouse=True)
def no_courier(monkeypatch):
    """Answers in memory are only seen by calls of this process."""
    monkeypatch.setattr("extractors.core.courier.ENABLED", False)


@pytest.fixture
def pull_of(settings, clocks):
    """Pull one stream, given as a class; returns its commit and the landed rows by event date."""

    def pull_one(stream, as_of=AS_OF, window=None, **options):
        account = ACCOUNTS[stream.source]
        account = replace(account, options={**account.options, **options})
        commit = pull_module.pull(settings, account, stream(), as_of=as_of, window=window)
        return commit, landed(settings, commit)

    return pull_one
