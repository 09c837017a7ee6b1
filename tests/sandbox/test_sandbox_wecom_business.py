"""Acquisition links, payments, customer service, limits and the robot's uploads."""

import asyncio
import json

import pandas as pd
import pytest
from sandbox_api import days_between, seconds
from starlette.requests import Request
from wecom_calls import Corp, code

from sandbox.vendors.wecom_door import CORPID, GET, OK, Door, Endpoint

MOMENT = "2026-04-28"
APRIL = ("2026-04-01", "2026-04-27")


@pytest.fixture(scope="module")
def corp(api) -> Corp:
    return Corp(api, MOMENT)


def span(first: str, last: str, start: str = "start_time") -> dict:
    return {start: seconds(first), "end_time": seconds(last)}


# -------------------------------------------------------------------------------- acquisition
def test_only_valid_links_of_the_app_are_listed_with_everybody_they_brought(corp, truth):
    base = "externalcontact/customer_acquisition/"
    listed = corp.rows(base + "list_link", {"limit": 2}, "link_id_list")

    links = truth["acquisition_links"].set_index("link_id")
    valid = links[~links.is_console & ~(links.deleted_at <= corp.now)]
    assert sorted(listed) == sorted(valid.index)
    assert len(valid) == len(links) - 2
    brought = truth["acquisition_customers"][lambda f: f.happened_at <= corp.now]
    relations = truth["relations"].set_index(["external_userid", "userid"])
    statuses = set()
    for link_id in listed:
        detail = corp.post(base + "get", {"link_id": link_id})
        assert detail["link"]["link_name"] == links.link_name[link_id]
        assert detail["link"]["skip_verify"] is True
        rows = corp.rows(base + "customer", {"link_id": link_id, "limit": 9}, "customer_list")
        facts = brought[brought.link_id == link_id].set_index(["external_userid", "userid"])
        shown = {(r["external_userid"], r["userid"]): r for r in rows}
        assert shown.keys() == set(facts.index)
        for key, row in shown.items():
            fact, relation = facts.loc[key], relations.loc[key]
            assert row["chat_status"] == int(fact.first_message_at <= corp.now)
            assert row["state"].split(":")[0] == relation.channel_id
            assert relation.add_way == 16
            statuses.add(row["chat_status"])
    assert statuses == {0, 1}
    gone = links.index[links.is_console | links.deleted_at.notna()][0]
    assert code(corp.post(base + "customer", {"link_id": gone})) == 40058
    assert code(corp.post(base + "get", {})) == 40063


def test_link_statistics_are_totals_and_clicks_count_customers_once(corp, truth):
    path = "externalcontact/customer_acquisition/statistic"
    clicks = truth["acquisition_clicks"]
    link_id = clicks.link_id[clicks.date.astype(str).between(*APRIL)].mode()[0]

    whole = corp.post(path, {"link_id": link_id} | span(*APRIL))
    days = [corp.post(path, {"link_id": link_id} | span(d, d)) for d in days_between(*APRIL)]

    mine = clicks[(clicks.link_id == link_id) & clicks.date.astype(str).between(*APRIL)]
    assert whole["click_link_customer_cnt"] == mine.clicker.nunique()
    assert [d["click_link_customer_cnt"] for d in days] == [
        mine.clicker[mine.date.astype(str) == d].nunique() for d in days_between(*APRIL)
    ]
    assert sum(d["click_link_customer_cnt"] for d in days) > mine.clicker.nunique()
    added = truth["acquisition_customers"].query("link_id == @link_id")
    local = added.happened_at.dt.tz_convert("Asia/Shanghai").dt.date.astype(str)
    assert whole["new_customer_cnt"] == local.between(*APRIL).sum()
    assert sum(d["new_customer_cnt"] for d in days) == whole["new_customer_cnt"]
    # the difference may be 30 days, today counts nothing yet
    assert code(corp.post(path, {"link_id": link_id} | span("2026-03-28", "2026-04-27"))) == 0
    assert code(corp.post(path, {"link_id": link_id} | span("2026-03-27", "2026-04-27"))) == 600018
    today = corp.post(path, {"link_id": link_id} | span(MOMENT, MOMENT))
    assert (today["click_link_customer_cnt"], today["new_customer_cnt"]) == (0, 0)


def test_the_quota_is_used_up_by_everybody_who_came(corp, truth):
    quota = corp.get("externalcontact/customer_acquisition_quota")

    used = (truth["acquisition_customers"].happened_at <= corp.now).sum()
    assert quota["total"] == used
    assert quota["balance"] == sum(b["balance"] for b in quota["quota_list"])
    assert quota["balance"] + used == 800 + 480
    assert min(b["expire_date"] for b in quota["quota_list"]) > corp.now.timestamp()


# ---------------------------------------------------------------------------------------- pay
def test_bills_are_complete_although_pages_are_short(api, truth):
    corp = Corp(api, "2026-05-02")
    pages = []
    for first, last in (("2026-03-02", "2026-04-01"), ("2026-04-01", "2026-05-01")):
        body = span(first, last, "begin_time") | {"limit": 4}
        body["end_time"] -= 1
        pages += list(corp.pages("externalpay/get_bill_list", body, "bill_list"))

    rows = [row for page in pages for row in page]
    facts = truth["payments"][lambda f: f.is_visible].set_index("out_trade_no")
    paid = {r["out_trade_no"]: r for r in rows if r["bill_type"] == 0}
    refunds = {r["out_trade_no"]: r for r in rows if r["bill_type"] == 1}
    assert paid.keys() == set(facts.index)
    assert refunds.keys() == set(facts.index[facts.refunded_at.notna()])
    assert sum(r["total_fee"] for r in paid.values()) == facts.total_fee_fen.sum()
    assert any(len(page) < 4 for page in pages[:-1])
    for number, row in paid.items():
        fact = facts.loc[number]
        done = pd.notna(fact.refunded_at)
        assert row["trade_state"] == (3 if done else 1)
        assert row["total_refund_fee"] == fact.refund_fee_fen
        assert ("refund_list" in row) == done
        assert ("external_userid" in row) == pd.notna(fact.external_userid)
        assert ("miniprogram_info" in row) == (row["payment_type"] == 15)
    for number, row in refunds.items():
        assert row["total_fee"] == facts.refund_fee_fen[number]
        assert row["pay_time"] == int(facts.refunded_at[number].timestamp())
        assert "trade_state" not in row
    payee = facts.payee_userid.iloc[0]
    body = span("2026-04-01", "2026-04-30", "begin_time") | {"payee_userid": payee}
    assert {
        r["payee_userid"] for r in corp.rows("externalpay/get_bill_list", body, "bill_list")
    } <= {payee}
    last = corp.post("externalpay/get_bill_list", body)
    assert "next_cursor" not in last
    body["payee_userid"] = "finance01"
    assert code(corp.post("externalpay/get_bill_list", body)) == 660003
    body["payee_userid"] = "nobody"
    assert code(corp.post("externalpay/get_bill_list", body)) == 660002
    assert code(corp.post("externalpay/get_bill_list", span("2026-03-01", "2026-04-30"))) == 40063
    too_long = span("2026-03-01", "2026-04-30", "begin_time")
    assert code(corp.post("externalpay/get_bill_list", too_long)) == 40058


def test_the_fund_flow_of_a_day_is_there_after_eleven(api, truth):
    facts = truth["fund_flow"]
    last = facts.date[facts.date.astype(str) < MOMENT].max()
    first, clear = str(last - pd.Timedelta(days=8)), str(last + pd.Timedelta(days=1))
    body = span(first, clear, "begin_time")
    body["end_time"] -= 1
    seen = set(truth["payments"].out_trade_no[truth["payments"].is_visible])
    shown = {}
    for clock in ("10:59", "11:00"):
        corp = Corp(api, f"{clear}T{clock}")
        rows = corp.rows("externalpay/get_fund_flow", body | {"limit": 2}, "fund_flow_list")
        shown[clock] = rows
    days = facts[facts.date.astype(str).between(first, str(last))]
    days = days[days.out_trade_no.isin(seen) | days.out_trade_no.isna()]
    early = days[days.date < last]
    assert [r["timestamp"] for r in shown["10:59"]] == [
        int(t.timestamp()) for t in early.happened_at
    ]
    assert [r["transaction_amount"] for r in shown["11:00"]] == days.amount_fen.tolist()
    assert len(days) > len(early)
    for row in shown["11:00"]:
        assert row["fund_flow_type"] == (1 if row["transaction_type"] == 3 else 2)
    # the balance follows from entry to entry
    sign = facts.kind.eq("payment").map({True: 1, False: -1})
    assert (facts.balance_fen.diff().iloc[1:] == (sign * facts.amount_fen).iloc[1:]).all()
    old = {"begin_time": seconds("2022-11-01"), "end_time": seconds("2022-11-02")}
    assert code(corp.post("externalpay/get_fund_flow", old)) == 40058
    assert code(corp.post("externalpay/get_fund_flow", body | {"mch_id": "1"})) == 660011


# --------------------------------------------------------------------------------- kf statistics
def test_service_statistics_of_every_account_and_servicer(api, truth):
    corp = Corp(api, MOMENT)
    accounts = corp.post("kf/account/list", {"limit": 2})["account_list"]
    accounts += corp.post("kf/account/list", {"limit": 2, "offset": 2})["account_list"]
    sessions = truth["kf_sessions"]
    sessions = sessions[sessions.date.astype(str).between(*APRIL)]
    assert {a["open_kfid"] for a in accounts} == set(truth["kf_sessions"].open_kfid)
    quiet = 0
    for account in accounts:
        kfid = account["open_kfid"]
        body = {"open_kfid": kfid} | span(*APRIL)
        mine = sessions[sessions.open_kfid == kfid]
        days = corp.post("kf/get_corp_statistic", body)["statistic_list"]
        assert [d["stat_time"] for d in days] == [seconds(d) for d in days_between(*APRIL)]
        total = [d["statistic"] for d in days if "statistic" in d]
        assert sum(s["session_cnt"] for s in total) == len(mine)
        assert sum(s["ai_session_reply_cnt"] for s in total) == mine.is_by_assistant.sum()
        assert sum(s["customer_msg_cnt"] for s in total) == mine.customer_messages.sum()
        for day, shown in zip(days_between(*APRIL), days, strict=True):
            if not (mine.date.astype(str) == day).any():
                assert "statistic" not in shown
                quiet += 1
        human = mine.dropna(subset="servicer_userid")
        for user, theirs in human.groupby("servicer_userid"):
            asked = body | {"servicer_userid": user}
            shown = [
                d["statistic"]
                for d in corp.post("kf/get_servicer_statistic", asked)["statistic_list"]
                if "statistic" in d
            ]
            assert sum(s["session_cnt"] for s in shown) == len(theirs)
            per_day = theirs.groupby("date").first_response_seconds.mean().dropna()
            assert [
                s["first_reply_average_sec"] for s in shown if "first_reply_average_sec" in s
            ] == pytest.approx(per_day.tolist(), abs=0.01)
            assert all(0 <= s["reply_rate"] <= 1 for s in shown)
            unrated = [s for s in shown if not s.get("satisfaction_participation_rate")]
            assert all("satisfied_rate" not in s for s in unrated)
        whole = corp.post("kf/get_servicer_statistic", body)["statistic_list"]
        assert sum(d["statistic"]["session_cnt"] for d in whole if "statistic" in d) == len(human)
    assert quiet > 0


def test_service_windows_and_refusals(api, truth):
    corp = Corp(api, f"{MOMENT}T05:59")
    kfid = truth["kf_sessions"].open_kfid.mode()[0]
    path, body = "kf/get_corp_statistic", {"open_kfid": kfid}
    early = corp.post(path, body | span("2026-04-27", "2026-04-27"))["statistic_list"]
    assert early == [{"stat_time": seconds("2026-04-27")}]
    assert code(corp.post(path, body | span("2026-03-28", "2026-04-27"))) == 0
    assert code(corp.post(path, body | span("2026-03-27", "2026-04-27"))) == 600018
    assert code(corp.post(path, body | span(MOMENT, MOMENT))) == 600018
    assert code(corp.post(path, span(*APRIL))) == 60251
    assert code(corp.post(path, span(*APRIL) | {"open_kfid": "x"})) == 60252
    assert code(corp.post(path, span(*APRIL) | {"open_kfid": "wk-none"})) == 95004
    stranger = body | span(*APRIL) | {"servicer_userid": truth["staff"].userid.iloc[11]}
    refused = corp.post("kf/get_servicer_statistic", stranger)
    assert (code(refused), refused["statistic_list"]) == (60253, [])


# -------------------------------------------------------------------------------------- limits
def answers(state, calls: int, **limits) -> list[int]:
    """Codes of calls that arrive at once."""
    door = Door(state, **limits)
    route = door.route(Endpoint("department/list", lambda _: dict(OK), GET))
    token = door.tokens.mint(CORPID)
    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    scope["query_string"] = f"access_token={token}".encode()

    async def all_at_once() -> list:
        return await asyncio.gather(*(route.endpoint(Request(scope)) for _ in range(calls)))

    return [code(json.loads(response.body)) for response in asyncio.run(all_at_once())]


def test_too_many_calls_at_once_are_refused(state_at):
    state = state_at("2026-04-01")

    assert answers(state, 8, concurrency=3, latency_ms=5) == [0] * 3 + [45033] * 5
    assert answers(state, 8, latency_ms=5) == [0] * 8
    assert answers(state, 8, concurrency=3) == [0] * 8  # without latency one follows the other


def test_the_hourly_limit_blocks_for_an_hour(state_at):
    state = state_at("2026-04-01T00:00")
    door = Door(state, rate_limit_scale=12 / 150_000)  # 1 a minute and 12 an hour

    def after(minutes: int) -> bool:
        state.move_to(state.now_ms + minutes * 60_000)
        return door._allowed("user/list")

    assert [after(2) for _ in range(12)] == [True] * 12
    assert not after(2)
    assert not after(40)
    assert after(61)


# --------------------------------------------------------------------------------------- robot
def test_a_file_is_uploaded_sent_and_forgotten_after_three_days(api):
    api.at("2026-04-20")
    address = api.webhook.replace("/send?", "/upload_media?")

    def upload(content: bytes, kind: str = "file", part: str = "media") -> dict:
        return api.http.post(
            f"{address}&type={kind}", files={part: ("report.csv", content, "text/csv")}
        ).json()

    def send(media_id: str, kind: str = "file") -> int:
        body = {"msgtype": kind, kind: {"media_id": media_id}}
        return code(api.http.post(api.webhook, json=body).json())

    kept = upload(b"day,orders\n2026-04-19,52\n")
    assert kept["type"] == "file"
    assert kept["created_at"] == str(int(api.now.timestamp()))
    assert send(kept["media_id"]) == 0
    assert send(kept["media_id"], "voice") == send("unknown") == 40058
    assert code(upload(b"abc")) == code(upload(b"long enough", "image")) == 40058
    assert code(upload(b"long enough", part="other")) == 40058
    assert code(upload(b"no amr here", "voice")) == 40058
    assert upload(b"#!AMR\n" + bytes(40), "voice")["type"] == "voice"
    wrong = address.replace("key=5", "key=6")
    assert code(api.http.post(f"{wrong}&type=file", files={"media": b"12345"}).json()) == 93000
    api.at("2026-04-23")
    assert send(kept["media_id"]) == 40058
