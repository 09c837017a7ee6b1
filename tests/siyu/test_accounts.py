import json

import pytest
import responses

from siyu.accounts import (
    Account,
    connection_id,
    environment_variable,
    load_accounts,
    pseudonym_key,
    select,
)
from siyu.errors import ConfigurationError, UsageError
from siyu.settings import SANDBOX_PSEUDONYM_KEY, Settings


@pytest.fixture
def settings(tmp_path, monkeypatch):
    for name in ("SIYU_SANDBOX_URL", "SIYU_PSEUDONYM_KEY"):
        monkeypatch.delenv(name, raising=False)
    return Settings(home=tmp_path, accounts_file=tmp_path / "accounts.yml")


def write(settings, text):
    settings.accounts_file.write_text(text, encoding="utf-8")


def test_adding_an_account_is_one_line(settings):
    write(
        settings,
        """accounts:
      - {source: wecom, account: corp_b, options: {corpid: ww2}}
      - {source: wecom, account: corp_a, options: {corpid: ww1}}
    """,
    )

    first, second = load_accounts(settings)

    assert (first.account, first.options) == ("corp_a", {"corpid": "ww1"})
    assert second.account == "corp_b"


def test_a_secret_comes_from_the_environment(settings, monkeypatch):
    write(settings, "accounts: [{source: wecom, account: corp-a}]")
    monkeypatch.setenv("SIYU_SECRET_WECOM_CORP_A", json.dumps({"secret": "s3"}))

    assert load_accounts(settings)[0].secret("secret") == "s3"


def test_a_secret_comes_from_the_airflow_connection_where_the_environment_has_none(settings):
    write(settings, "accounts: [{source: wecom, account: corp_a}]")
    asked = []

    def connection(name):
        asked.append(name)
        return {"secret": "from airflow"}

    assert load_accounts(settings, connection=connection)[0].secret("secret") == "from airflow"
    assert asked == ["siyu_wecom_corp_a"]


def test_a_missing_secret_names_the_variable_and_the_connection():
    with pytest.raises(ConfigurationError) as error:
        Account("wecom", "corp_a").secret("secret")

    assert "SIYU_SECRET_WECOM_CORP_A" in str(error.value)
    assert "siyu_wecom_corp_a" in str(error.value)


def test_a_malformed_secret_is_not_repeated_in_the_error(settings, monkeypatch):
    write(settings, "accounts: [{source: wecom, account: corp_a}]")
    monkeypatch.setenv("SIYU_SECRET_WECOM_CORP_A", "{hunter2")

    with pytest.raises(ConfigurationError) as error:
        load_accounts(settings)

    assert "hunter2" not in str(error.value)
    assert "SIYU_SECRET_WECOM_CORP_A" in str(error.value)


def test_credentials_do_not_show_in_a_log():
    assert "hunter2" not in repr(Account("wecom", "a", credentials={"secret": "hunter2"}))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("accounts: [{source: wecom}]", "malformed"),
        ("accounts: [wecom]", "malformed"),
        ("accounts: [", "not YAML"),
    ],
)
def test_a_broken_file_says_what_is_wrong(settings, text, said):
    write(settings, text)

    with pytest.raises(ConfigurationError, match=said):
        load_accounts(settings)


def test_without_a_file_the_example_and_the_sandbox_are_offered(settings):
    with pytest.raises(ConfigurationError, match=r"accounts\.example\.yml.*SIYU_SANDBOX_URL"):
        load_accounts(settings)


@responses.activate
def test_the_sandbox_lists_its_own_accounts(settings):
    settings.sandbox_url = "http://sandbox.test"
    responses.get(
        "http://sandbox.test/_sandbox/accounts",
        json={
            "accounts": [
                {
                    "source": "wecom",
                    "account": "corp_main",
                    "base_url": "http://sandbox.test",
                    "credentials": {"secret": "x"},
                }
            ]
        },
    )

    (account,) = load_accounts(settings)

    assert (account.base_url, account.secret("secret")) == ("http://sandbox.test", "x")


@responses.activate
def test_a_sandbox_that_does_not_answer_says_how_to_start_it(settings):
    settings.sandbox_url = "http://sandbox.test"

    with pytest.raises(ConfigurationError, match="siyu sandbox serve"):
        load_accounts(settings)


def test_an_unknown_account_lists_the_known_ones():
    accounts = [Account("wecom", "a"), Account("tencent_ads", "20001")]

    assert select(accounts, "wecom") == [accounts[0]]
    with pytest.raises(UsageError, match="wecom/a, tencent_ads/20001"):
        select(accounts, "douyin")


def test_only_the_sandbox_does_without_a_pseudonym_key(settings):
    with pytest.raises(ConfigurationError, match="SIYU_PSEUDONYM_KEY"):
        pseudonym_key(settings)

    settings.sandbox_url = "http://sandbox.test"
    assert pseudonym_key(settings) == SANDBOX_PSEUDONYM_KEY.encode()


def test_names_of_variables_and_connections_are_safe():
    assert environment_variable("tencent_ads", "2-1") == "SIYU_SECRET_TENCENT_ADS_2_1"
    assert connection_id("tencent_ads", "2-1") == "siyu_tencent_ads_2_1"
