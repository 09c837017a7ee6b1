"""Statistics of the official account `oa_main`: articles, followers, messages (datacube)."""

from collections.abc import Callable
from datetime import date

import numpy as np
from starlette.routing import Route

from sandbox import faults
from sandbox.state import State
from sandbox.timeline import DAY_MS, HOUR_MS, date_of_number, day_number, number_of_date
from sandbox.vendors.common import Refusal
from sandbox.vendors.weixin import OA_APPID, WeixinTokens, post_api
from sandbox.vendors.weixin_messages import MESSAGES, Messages
from sandbox.world.articles import COUNTERS, SCENE_SHARES, SCENES, STAT_DAYS
from sandbox.world.followers import USER_SOURCES

EARLIEST_ARTICLES = date(2025, 11, 1)
EARLIEST_USERS = date(2014, 12, 1)
READY_MS = 8 * HOUR_MS
# one person reads several items of a day
PERSONS_PER_READER = 0.93
# what a late day shows on its first morning
LATE_SHARE = 0.8
OFFLINE = (
    "getarticlesummary",
    "getarticletotal",
    "getuserread",
    "getuserreadhour",
    "getusershare",
    "getusersharehour",
)
_JUMP = (0.12, 0.10, 0.12, 0.18, 0.48)


class OfficialAccount:
    """Success bodies carry no errcode."""

    def __init__(self, state: State, tokens: WeixinTokens) -> None:
        """Everything is computed from the state's world at its virtual now."""
        self.state = state
        self._tokens = tokens
        self._version = -1
        a = state.world.articles
        # what each stat day added: article x counter x stat day
        self._added = np.diff(a.known, axis=2, prepend=0)

    def routes(self) -> list[Route]:
        """The datacube endpoints (root path, not below /cgi-bin)."""
        handlers: dict[str, Callable[[dict], dict]] = {
            "getarticletotaldetail": self._total_detail,
            "getarticleread": self._article_read,
            "getarticleshare": self._article_share,
            "getbizsummary": self._biz_summary,
            "getusersummary": self._user_summary,
            "getusercumulate": self._user_cumulate,
            **dict.fromkeys(OFFLINE, _offline),
        }
        messages = Messages(self.state, self.window)
        handlers |= {name: messages.handler(name) for name in MESSAGES}
        return [
            post_api(self._tokens, f"/datacube/{name}", OA_APPID, handler)
            for name, handler in handlers.items()
        ]

    # -------------------------------------------------------------------------------- windows
    def window(self, body: dict, longest: int, earliest: date = EARLIEST_USERS) -> range:
        """Day numbers of a checked window.

        Raises:
            Refusal: malformed or too early or late (61500), too long (61501), or yesterday before
                08:00 (61503).
        """
        try:
            begin = date.fromisoformat(body.get("begin_date") or "")
            end = date.fromisoformat(body.get("end_date") or "")
        except (TypeError, ValueError):
            raise Refusal(61500, "date format error") from None
        first, last = number_of_date(begin), number_of_date(end)
        if last < first or last - first >= longest:
            raise Refusal(61501, "date range error")
        today = int(day_number(self.state.now_ms))
        if last >= today or begin < earliest:
            raise Refusal(61500, "date range error")
        if last == today - 1 and (self.state.now_ms + READY_MS) % DAY_MS < READY_MS:
            raise Refusal(61503, "data not ready")
        return range(first, last + 1)

    def _ready(self, stream: str) -> np.ndarray:
        """Whether each day of the period shows in a stream."""
        return days_ready(self.state, stream) <= self.state.now_ms

    def _index(self, day: int) -> int | None:
        calendar = self.state.world.calendar
        index = day - calendar.first_number
        return index if 0 <= index < calendar.count else None

    # ------------------------------------------------------------------------------- articles
    def _refresh(self) -> None:
        if self._version == self.state.version:
            return
        a, calendar = self.state.world.articles, self.state.world.calendar
        # a row belongs to its stat day
        stat_day = calendar.first_number + a.day[:, None] + range(STAT_DAYS)
        visible = faults.effective(
            self.state.faults_of("wechat_oa", "oa_main", "article_total_detail"),
            a.visible_ms,
            stat_day,
        )
        self._rows = (visible <= self.state.now_ms).sum(axis=1)
        self._days_ready = {
            stream: self._ready(stream)
            for stream in ("article_read", "article_share", "biz_summary", "user_summary")
        }
        self._days_ready["user_cumulate"] = self._ready("user_cumulate")
        self._version = self.state.version

    def _total_detail(self, body: dict) -> dict:
        self._refresh()
        [number] = self.window(body, 1, EARLIEST_ARTICLES)
        today = int(day_number(self.state.now_ms))
        index = number - self.state.world.calendar.first_number
        articles = (self.state.world.articles.day == index).nonzero()[0].tolist()
        ref_date = date_of_number(number).isoformat()
        listed = [self._article(n, ref_date) for n in articles if self._rows[n]]
        is_delay = number == today - 1 or len(listed) < len(articles)
        return {"is_delay": is_delay, "list": listed}

    def _article(self, number: int, ref_date: str) -> dict:
        a = self.state.world.articles
        first = self.state.world.calendar.first_number + int(a.day[number])
        rows = []
        for k in range(int(self._rows[number])):
            counters = dict(zip(COUNTERS, a.known[number, :, k].tolist(), strict=True))
            reads = counters["read_user"]
            rows.append(
                {
                    "stat_date": date_of_number(first + k).isoformat(),
                    **counters,
                    "read_user_source": _sources(reads),
                    "read_delivery_rate": round(reads / int(a.fans[number]), 4),
                    "read_finish_rate": float(a.finish_rate[number]),
                    "read_avg_activetime": float(a.active_minutes[number]),
                    "read_jump_position": [
                        {"position": p + 1, "rate": rate} for p, rate in enumerate(_JUMP)
                    ],
                }
            )
        return {
            "ref_date": ref_date,
            "msgid": str(a.msgid[number]),
            "publish_type": int(a.publish_type[number]),
            "title": a.title[number],
            "content_url": f"https://mp.weixin.qq.com/s/sandbox-{a.msgid[number]}",
            "detail_list": rows,
        }

    def _is_late(self, index: int, day: int) -> bool:
        """A late day shows only a part until 08:00 of the morning after."""
        today = int(day_number(self.state.now_ms))
        since = (self.state.now_ms + READY_MS) % DAY_MS
        is_first_morning = day == today - 1 or (day == today - 2 and since < READY_MS)
        return bool(self.state.world.oa_days.is_late[index]) and is_first_morning

    def _per_article(self, body: dict, stream: str, counter: str) -> tuple[int, bool, list]:
        """Day, whether it is late, and (article, persons of that day)."""
        self._refresh()
        [day] = self.window(body, 1, EARLIEST_ARTICLES)
        index = self._index(day)
        if index is None or not self._days_ready[stream][index]:
            return day, False, []
        a = self.state.world.articles
        late = self._is_late(index, day)
        shown = np.flatnonzero((a.day <= index) & (index - a.day < STAT_DAYS))
        values = self._added[shown, COUNTERS.index(counter), index - a.day[shown]]
        if late:
            values = (values * LATE_SHARE).astype(np.int64)
        pairs = zip(shown.tolist(), values.tolist(), strict=True)
        return day, late, [(n, value) for n, value in pairs if value > 0]

    def _article_read(self, body: dict) -> dict:
        day, late, found = self._per_article(body, "article_read", "read_user")
        return {
            "is_delay": late,
            "list": [
                {
                    "ref_date": date_of_number(day).isoformat(),
                    "msgid": str(self.state.world.articles.msgid[number]),
                    "detail": {"read_user": value, "read_user_source": _sources(value)},
                }
                for number, value in found
            ],
        }

    def _article_share(self, body: dict) -> dict:
        day, late, found = self._per_article(body, "article_share", "share_user")
        return {
            "is_delay": late,
            "list": [
                {
                    "ref_date": date_of_number(day).isoformat(),
                    "msgid": str(self.state.world.articles.msgid[number]),
                    "detail": {"share_user": value},
                }
                for number, value in found
            ],
        }

    def _biz_summary(self, body: dict) -> dict:
        self._refresh()
        listed, any_late = [], False
        for day in self.window(body, 30, EARLIEST_ARTICLES):
            index = self._index(day)
            if index is None or not self._days_ready["biz_summary"][index]:
                continue
            late = self._is_late(index, day)
            any_late |= late
            detail = biz_day(self.state.world.articles, self._added, index)
            if late:
                detail = {k: int(v * LATE_SHARE) for k, v in detail.items()}
            reads = detail.pop("read_user")
            listed.append(
                {
                    "ref_date": date_of_number(day).isoformat(),
                    "detail": {
                        "read_user": reads,
                        "read_user_source": _sources(reads),
                        **detail,
                    },
                }
            )
        return {"is_delay": any_late, "list": listed}

    # ------------------------------------------------------------------------------ followers
    def _user_summary(self, body: dict) -> dict:
        self._refresh()
        days, listed = self.state.world.oa_days, []
        for day in self.window(body, 7):
            index = self._index(day)
            if index is None or not self._days_ready["user_summary"][index]:
                continue
            listed += [
                {
                    "ref_date": date_of_number(day).isoformat(),
                    "user_source": source,
                    "new_user": int(days.new_user[index, n]),
                    "cancel_user": int(days.cancel_user[index, n]),
                }
                for n, source in enumerate(USER_SOURCES)
                if days.new_user[index, n] or days.cancel_user[index, n]
            ]
        return {"list": listed}

    def _user_cumulate(self, body: dict) -> dict:
        self._refresh()
        total = self.state.world.oa_days.cumulate_user
        return {
            "list": [
                {
                    "ref_date": date_of_number(day).isoformat(),
                    "cumulate_user": int(total[index]),
                }
                for day in self.window(body, 7)
                if (index := self._index(day)) is not None
                and self._days_ready["user_cumulate"][index]
            ]
        }


def days_ready(state: State, stream: str) -> np.ndarray:
    """When each day of the period shows in a stream: 08:00 of the next, faults included."""
    calendar = state.world.calendar
    visible = calendar.start_ms + (1 + np.arange(calendar.count)) * DAY_MS + READY_MS
    return faults.effective(
        state.faults_of("wechat_oa", "oa_main", stream),
        visible,
        calendar.first_number + np.arange(calendar.count),
    )


def biz_day(articles: object, added: np.ndarray, index: int) -> dict[str, int]:
    """Totals of one day over all items; persons are counted once."""
    shown = np.flatnonzero((articles.day <= index) & (index - articles.day < STAT_DAYS))
    sums = added[shown, :, index - articles.day[shown]].sum(axis=0).tolist()
    total = dict(zip(COUNTERS, sums, strict=True))
    return {
        "read_user": round(total["read_user"] * PERSONS_PER_READER),
        "share_user": total["share_user"],
        "zaikan_user": total["zaikan_user"],
        "like_user": total["like_user"],
        "comment_count": total["comment_count"],
        "collection_user": total["collection_user"],
        "redirect_ori_page_user": total["read_user"] // 40,
        "send_page_count": int((articles.day == index).sum()),
    }


def _sources(reads: int) -> list[dict]:
    """Readers by scene, and their total as its own row."""
    parts = (SCENE_SHARES * reads).astype(int).tolist()
    parts[-1] += reads - sum(parts)
    return [{"user_count": reads, "scene_desc": "全部"}] + [
        {"user_count": c, "scene_desc": s} for s, c in zip(SCENES, parts, strict=True)
    ]


def _offline(_: dict) -> dict:
    raise Refusal(47009, "this api is offline, please use the new api")
