"""Customer acquisition links (获客链接) and contact ways (联系我): where customers are let in."""

from datetime import date, time
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from extractors.core.stream import UTC_TIMESTAMP, Kind, Personal, Stream, columns
from extractors.wecom.created import Carried
from siyu.calendar import start_of

if TYPE_CHECKING:
    from extractors.core.context import PullContext

SOURCE = "wecom"
LANES = 4
LINKS = "/cgi-bin/externalcontact/customer_acquisition/list_link"
LINKS_PER_PAGE, CUSTOMERS_PER_PAGE, WAYS_PER_PAGE = 100, 1000, 1000
# the list of contact ways holds none made before; without a start it gives 90 days only
FIRST_LISTED_WAY = date(2021, 7, 10)
# an unchanged contact way is read again once in so many days
WAY_REFRESH_DAYS = 7
UNKNOWN_WAY = 41044
COUNTERS = ("click_link_customer_cnt", "new_customer_cnt")


def link_ids(pull: "PullContext") -> list[str]:
    """Links that are valid and were made by this app; others are not listed."""
    return pull.client.listed(LINKS, {"limit": LINKS_PER_PAGE}, "link_id_list", lambda link: link)


class AcquisitionLink(Stream):
    """Acquisition links made by this app (获客链接详情).

    Source: customer_acquisition/list_link and get, work.weixin.qq.com document 97297.
    Grain:  one row per link_id and day of snapshot. Links made in the admin console or by other
            apps, and deleted links, are not listed.
    Units:  lists are JSON.
    Late:   the present state.
    Raises: ApiError 41200 when the function is not open to the corp, 48002, 60020.
    """

    source = SOURCE
    name = "acquisition_link"
    kind = Kind.ENTITY
    endpoint = "/cgi-bin/externalcontact/customer_acquisition/get"
    endpoints = (
        "externalcontact.customer_acquisition.list_link",
        "externalcontact.customer_acquisition.get",
    )
    confidence = "documented, end of list inferred"
    schema = columns(
        link_id=pa.string(),
        link_name=pa.string(),
        url=pa.string(),
        create_time=UTC_TIMESTAMP,
        skip_verify=pa.bool_(),
        mark_source=pa.bool_(),
        user_list=pa.string(),
        department_list=pa.string(),
        priority_type=pa.int64(),
        priority_userid_list=pa.string(),
    )
    primary_key = ("link_id",)

    def extract(self, pull: "PullContext") -> None:
        """The list, then one call per link."""

        def read(link_id: str) -> dict:
            answer = pull.client.post(self.endpoint, {"link_id": link_id})
            return {
                # beside the link in older responses, inside it now
                "skip_verify": answer.get("skip_verify"),
                **(answer.get("range") or {}),
                **(answer.get("priority_option") or {}),
                **answer["link"],
                # in the request for certain, in the answer not
                "link_id": link_id,
            }

        pull.land({pull.today: pull.map(read, link_ids(pull), LANES)})


class AcquisitionCustomer(Stream):
    """Customers who came through an acquisition link (由获客链接添加的客户).

    Source: customer_acquisition/customer, developer.work.weixin.qq.com/document/path/97298.
    Grain:  one row per link_id, external_userid, userid and day of snapshot. There is no time: when
            the pair came together is `customer`'s createtime.
    Units:  chat_status 0 the customer wrote nothing, 1 wrote, 2 unknown; it turns from 0 to 1
            later, so every snapshot is whole.
    Late:   the present state.
    Raises: ApiError 48002, 60020.
    """

    source = SOURCE
    name = "acquisition_customer"
    kind = Kind.ENTITY
    endpoint = "/cgi-bin/externalcontact/customer_acquisition/customer"
    endpoints = (
        "externalcontact.customer_acquisition.list_link",
        "externalcontact.customer_acquisition.customer",
    )
    confidence = "documented; refresh inferred"
    schema = columns(
        link_id=pa.string(),
        external_userid=pa.string(),
        userid=pa.string(),
        chat_status=pa.int64(),
        state=pa.string(),
    )
    primary_key = ("link_id", "external_userid", "userid")
    personal_columns: ClassVar = {"external_userid": Personal.PSEUDONYM}

    def extract(self, pull: "PullContext") -> None:
        """The whole list of every link: there is no filter by time."""

        def read(link_id: str) -> list[dict]:
            body = {"link_id": link_id, "limit": CUSTOMERS_PER_PAGE}
            rows = pull.client.listed(
                self.endpoint,
                body,
                "customer_list",
                lambda row: (row.get("external_userid"), row.get("userid")),
            )
            return [{**row, "link_id": link_id} for row in rows]

        answers = pull.map(read, link_ids(pull), LANES)
        pull.land({pull.today: [row for rows in answers for row in rows]})


class AcquisitionStatistic(Stream):
    """Clicks and adds of each link, day by day (链接使用详情).

    Source: customer_acquisition/statistic, developer.work.weixin.qq.com/document/path/97375.
    Grain:  one row per link_id and statistics day; one call each, because a longer window answers
            with its total and no days.
    Units:  counts of distinct customers: days do not add up to a longer window's clicks.
    Late:   undocumented; asked for from 06:00 of the next day, read again for 5 days (inferred):
            every day for 3, and a last time.
    Raises: ApiError 600018 for a day older than 180 days; 48002, 60020.
    """

    source = SOURCE
    name = "acquisition_statistic"
    kind = Kind.REPORT
    endpoint = "/cgi-bin/externalcontact/customer_acquisition/statistic"
    endpoints = (
        "externalcontact.customer_acquisition.list_link",
        "externalcontact.customer_acquisition.statistic",
    )
    confidence = "documented; readiness and revision inferred"
    schema = columns(link_id=pa.string(), **dict.fromkeys(COUNTERS, pa.int64()))
    primary_key = ("link_id",)
    measures = ("rows", *COUNTERS)
    ready_at = time(6)
    revised_for_days = 7
    history_days = 180

    def extract(self, pull: "PullContext") -> None:
        """One call per link and day that may still move."""
        links = link_ids(pull)
        carried = Carried(pull, ("link_id",))
        ask = []
        for day in pull.dates:
            keep = [link for link in links if carried.serves(day, link)]
            carried.land(day, [(link,) for link in keep])
            ask += [(day, link) for link in links if link not in set(keep)]
        rows: dict[date, list[dict]] = {day: [] for day in pull.dates}
        lacking: set[date] = set()
        for (day, _), row in zip(
            ask, pull.map(lambda one: self._day(pull, *one), ask, LANES), strict=True
        ):
            if any(row.get(counter) is not None for counter in COUNTERS):
                rows[day].append(row)
            else:  # not computed yet: never landed as zeros
                lacking.add(day)
        pull.land(rows)
        for day in lacking:
            pull.not_ready(day, is_incomplete=bool(rows[day]))

    def _day(self, pull: "PullContext", day: date, link_id: str) -> dict:
        second = int(start_of(day).timestamp())
        body = {"link_id": link_id, "start_time": second, "end_time": second}
        answer = pull.client.post(self.endpoint, body)
        known = {key: value for key, value in answer.items() if key not in ("errcode", "errmsg")}
        return {**known, "link_id": link_id}


class AcquisitionQuota(Stream):
    """What is left of the paid acquisition quota (获客助手额度).

    Source: customer_acquisition_quota, developer.work.weixin.qq.com/document/path/97375.
    Grain:  one row per corp and day of snapshot; `quota_list` holds the batches as JSON.
    Units:  counts of customers; `total` is what was ever used, not the size of the quota;
            expire_date in seconds since 1970.
    Late:   the present state, without any history.
    Raises: ApiError 48002, 60020.
    """

    source = SOURCE
    name = "acquisition_quota"
    kind = Kind.ENTITY
    endpoint = "/cgi-bin/externalcontact/customer_acquisition_quota"
    endpoints = ("externalcontact.customer_acquisition_quota",)
    confidence = "documented"
    schema = columns(
        corpid=pa.string(), total=pa.int64(), balance=pa.int64(), quota_list=pa.string()
    )
    primary_key = ("corpid",)
    known_fields = frozenset({"errcode", "errmsg"})

    def extract(self, pull: "PullContext") -> None:
        """One call."""
        from extractors.core.vendor import option

        answer = pull.client.get(self.endpoint)
        pull.land({pull.today: [{**answer, "corpid": option(pull, "corpid")}]})


class ContactWay(Stream):
    """Contact ways made through the API (「联系我」方式): which state marks which QR code.

    Source: list_contact_way and get_contact_way, developer.work.weixin.qq.com/document/path/92228.
    Grain:  one row per config_id and day of snapshot. Temporary ways, those of before 2021-07-10
            and those made in the admin console are not listed.
    Units:  type 1 one member, 2 several; scene 1 mini program, 2 QR code; lists are JSON.
    Late:   the list is the present state; a way that was known is read again every 7 days, so an
            edit shows within a week.
    Raises: ApiError 48002, 60020.
    """

    source = SOURCE
    name = "contact_way"
    kind = Kind.ENTITY
    endpoint = "/cgi-bin/externalcontact/get_contact_way"
    endpoints = ("externalcontact.list_contact_way", "externalcontact.get_contact_way")
    confidence = "documented"
    schema = columns(
        config_id=pa.string(),
        type=pa.int64(),
        scene=pa.int64(),
        style=pa.int64(),
        state=pa.string(),
        qr_code=pa.string(),
        skip_verify=pa.bool_(),
        user=pa.string(),
        party=pa.string(),
        is_temp=pa.bool_(),
        is_exclusive=pa.bool_(),
        mark_source=pa.bool_(),
    )
    primary_key = ("config_id",)
    personal_columns: ClassVar = {"remark": Personal.DROP, "unionid": Personal.DROP}
    known_fields = frozenset({"expires_in", "chat_expires_in", "conclusions"})

    def extract(self, pull: "PullContext") -> None:
        """The list, then one call per way that is new or due for another look."""
        second = int(start_of(FIRST_LISTED_WAY).timestamp())
        body = {
            "start_time": second,
            "end_time": int(pull.clock.as_of.timestamp()),
            "limit": WAYS_PER_PAGE,
        }
        listed = pull.client.listed(
            "/cgi-bin/externalcontact/list_contact_way",
            body,
            "contact_way",
            lambda row: row["config_id"],
        )
        known = self._known(pull)
        turn = pull.today.toordinal() % WAY_REFRESH_DAYS
        ways = [row["config_id"] for row in listed]
        kept = [way for way in ways if way in known and _turn_of(way) != turn]
        asked = sorted(set(ways) - set(kept))
        rows = pull.map(lambda way: self._way(pull, way), asked, LANES)
        pull.land({pull.today: [row for row in rows if row] + [known[way] for way in kept]})

    def _known(self, pull: "PullContext") -> dict[str, dict]:
        from extractors.core.history import earlier_tables

        commit = next((c for c in reversed(pull.commits) if c.files), None)
        if commit is None:
            return {}
        names = list(self.schema.names)
        table = earlier_tables(pull, commit.files[-1].event_date, names)[-1]
        return {row["config_id"]: row for row in table.to_pylist()}

    def _way(self, pull: "PullContext", config_id: str) -> dict | None:
        from extractors.core.errors import ApiError

        try:
            way = pull.client.post(self.endpoint, {"config_id": config_id})["contact_way"]
        except ApiError as error:
            if error.code != UNKNOWN_WAY:
                raise
            return None  # removed since it was listed
        return way[0] if isinstance(way, list) else way


def _turn_of(config_id: str) -> int:
    return sum(config_id.encode()) % WAY_REFRESH_DAYS
