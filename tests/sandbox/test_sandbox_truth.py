"""The dump says exactly what the server ends up serving."""

import pandas as pd
from sandbox_api import days_between

from sandbox.dump import TABLES

FIRST, LAST = "2026-03-02", "2026-04-30"
AFTER = "2026-06-10"  # every conversion, revision, refund and article row is in


def weeks():
    days = pd.date_range(FIRST, LAST, freq="7D")
    return [(str(d.date()), str((d + pd.Timedelta(days=7)).date())) for d in days]


def test_ad_cost_and_conversions_of_every_day(api, truth):
    api.at(AFTER)
    for account in ("20001", "20002"):
        report = pd.DataFrame(api.report(FIRST, LAST, account)["data"]["list"])
        facts = truth["ad_days"].query("platform == 'tencent_ads' and account == @account")
        facts = facts.assign(
            date=facts.date.astype(str),
            adgroup_id=facts.adgroup_id.astype(int),
            site_set=facts.placement,
        )
        key = ["date", "adgroup_id", "site_set"]
        shown = report.set_index(key).sort_index()
        shown = shown[shown.view_count > 0]
        expected = facts.groupby(key)[["cost_fen", "impressions"]].sum()
        assert shown.cost.to_dict() == expected.cost_fen.to_dict()
        assert shown.view_count.to_dict() == expected.impressions.to_dict()
        total = truth["ad_conversions"].query("platform == 'tencent_ads' and account == @account")
        total = total[total.request_date.astype(str) >= FIRST]
        assert report.conversions_count.sum() == (total.conversion_type != "order").sum()
        assert report.scan_follow_user_count.sum() == (total.conversion_type == "add").sum()


def test_every_order_and_its_price(api, truth):
    api.at(AFTER)
    ids = [order for first, last in weeks() for order in api.order_ids(first, last)]
    prices = {i: api.store("get", {"order_id": i})["order"]["order_detail"] for i in ids}

    facts = truth["orders"].set_index("order_id")
    assert ids == facts.index.tolist()
    paid = sum(
        d["price_info"]["order_price"] for d in prices.values() if d["pay_info"].get("pay_time")
    )
    assert paid == facts[facts.paid_at.notna()].order_price_fen.sum() > 0


def test_first_adds_per_day(api, truth):
    # a snapshot every day, as an extractor takes it: nobody who came and went is missed
    firsts: dict[str, int] = {}
    for day in days_between("2026-04-01", "2026-04-10"):
        api.at(day)
        for pair in api.customers():
            who, when = (
                pair["external_contact"]["external_userid"],
                pair["follow_info"]["createtime"],
            )
            firsts[who] = min(when, firsts.get(who, when))

    facts = truth["persons"]
    known = facts[facts.happened_at <= pd.Timestamp(api.now)]
    expected = dict(
        zip(
            known.external_userid,
            (known.happened_at.astype("int64") // 10**3).tolist(),
            strict=True,
        )
    )
    removed = set(
        truth["relations"][truth["relations"].removed_by_staff_at.notna()].external_userid
    )
    assert len(firsts) > 400
    shown = {w: t for w, t in firsts.items() if w not in removed}
    assert shown == {w: t for w, t in expected.items() if w not in removed}


def test_persons_and_relations_agree(truth):
    relations, persons = truth["relations"], truth["persons"].set_index("external_userid")
    first = relations.groupby("external_userid").happened_at.min()

    assert (first == persons.happened_at.loc[first.index]).all()
    assert len(first) == len(persons)
    assert (relations.groupby("external_userid").size() <= 2).all()
    clicks = truth["page_events"].query("event_type == 'link_click'")
    new = persons[persons.happened_at >= pd.Timestamp(f"{FIRST}T00:00", tz="Asia/Shanghai")]
    from_pages = new[new.campaign.notna()]
    assert set(from_pages.index) <= set(clicks.external_userid.dropna())


def test_every_row_says_when_it_became_visible(truth):
    assert truth.keys() == TABLES.keys()
    for name, frame in truth.items():
        assert len(frame) > 0, name
        assert frame.visible_at.notna().all(), name
        assert str(frame.visible_at.dt.tz) == "UTC", name
        assert (
            "happened_at" in frame or "date" in frame or any(c.endswith("_date") for c in frame)
        ), name
