"""What Douyin shows of videos and accounts at the virtual now."""

from datetime import timedelta

import numpy as np

from sandbox import faults
from sandbox.state import State
from sandbox.timeline import DAY_MS, HOUR_MS, SECOND_MS, date_of, day_number
from sandbox.world.videos import DAYS_SHOWN, DOUYIN_ACCOUNTS, VIDEO_COUNTERS

METRICS = VIDEO_COUNTERS
READY_MS = 10 * HOUR_MS
NAMES = {"dy_main": "栀野护肤", "dy_second": "栀野课堂"}


class DouyinData:
    """Lists are as of now; series come at 10:00 of the next day and are final a day later."""

    def __init__(self, state: State) -> None:
        """Everything is computed from the state's world at its virtual now."""
        self.state = state
        self._row = {item_id: n for n, item_id in enumerate(state.world.videos.item_id)}
        self._version = -1

    def _refresh(self) -> None:
        if self._version == self.state.version:
            return
        state, v, calendar = self.state, self.state.world.videos, self.state.world.calendar
        number = calendar.first_number + np.arange(calendar.count)
        ready = calendar.start_ms + (1 + np.arange(calendar.count)) * DAY_MS + READY_MS
        self._known: dict[tuple[str, str], np.ndarray] = {}
        self._final: dict[str, np.ndarray] = {}
        self._listed: dict[str, np.ndarray] = {}
        for n, account in enumerate(DOUYIN_ACCOUNTS):
            for stream in ("video_daily", "video_base", "account_daily"):
                held = state.faults_of("douyin", account, stream)
                self._known[account, stream] = faults.effective(held, ready, number) <= state.now_ms
            held = state.faults_of("douyin", account, "video_daily")
            self._final[account] = faults.effective(held, ready + DAY_MS, number) <= state.now_ms
            held = state.faults_of("douyin", account, "video")
            mine = np.flatnonzero(v.account == n)
            shows = faults.effective(held, v.created_ms[mine], day_number(v.created_ms[mine]))
            rows = mine[shows <= state.now_ms]
            self._listed[account] = rows[np.argsort(-v.created_ms[rows], kind="stable")]
        self._version = state.version

    def listed(self, account: str) -> np.ndarray:
        """Videos of an account, newest first."""
        self._refresh()
        return self._listed[account]

    def find(self, account: str, item_id: str) -> int | None:
        """A video of the account by its encrypted id."""
        self._refresh()
        row = self._row.get(item_id)
        return row if row is not None and row in self._listed[account] else None

    def _lifetime(self, row: int) -> np.ndarray:
        """Counters since creation, at this very moment."""
        v, now_ms = self.state.world.videos, self.state.now_ms
        day = int(v.day[row])
        today = int(day_number(now_ms)) - self.state.world.calendar.first_number
        age = min(today - day, DAYS_SHOWN)
        total = v.daily[row, :age].sum(axis=0)
        if age < DAYS_SHOWN:
            begin = self.state.world.calendar.start_ms + today * DAY_MS
            start = max(int(v.created_ms[row]), begin)
            share = (now_ms - start) / (begin + DAY_MS - start)
            total = total + (v.daily[row, age] * share).astype(np.int64)
        return total

    def video(self, row: int) -> dict:
        """One video as the list and the data call show it; counters are to date."""
        v = self.state.world.videos
        play, like, comment, share = self._lifetime(row).tolist()
        final = int(v.daily[row, :, 0].sum())
        download, forward = (int(x * play / max(final, 1)) for x in v.others[row].tolist())
        return {
            "item_id": v.item_id[row],
            "video_id": v.video_id[row],
            "title": v.title[row],
            "cover": f"https://p3.example.com/cover/{v.video_id[row]}.jpeg",
            "create_time": int(v.created_ms[row] // SECOND_MS),
            "is_reviewed": True,
            "is_top": False,
            "media_type": 4,
            "share_url": f"https://www.iesdouyin.com/share/video/{v.video_id[row]}/",
            "video_status": 1,
            "statistics": {
                "digg_count": like,
                "comment_count": comment,
                "play_count": play,
                "share_count": share,
                "download_count": download,
                "forward_count": forward,
            },
        }

    def _window(self, days: int) -> list[int]:
        """Indices of the trailing days inside the period, oldest first."""
        calendar = self.state.world.calendar
        today = int(day_number(self.state.now_ms)) - calendar.first_number
        return [i for i in range(today - days, today) if 0 <= i < calendar.count]

    def _date(self, index: int) -> str:
        return (date_of(self.state.world.calendar.start_ms) + timedelta(index)).isoformat()

    def _increments(self, account: str, row: int, index: int) -> np.ndarray:
        """Counters of one video on one day, 98 % of them on the first morning."""
        v = self.state.world.videos
        age = index - int(v.day[row])
        if not 0 <= age < DAYS_SHOWN:
            return np.zeros(len(VIDEO_COUNTERS), dtype=np.int64)
        return (v.daily if self._final[account][index] else v.first)[row, age]

    def item_days(self, account: str, row: int, metric: str, days: int) -> list[dict]:
        """Per-day increments of one counter; days before the video are not there."""
        self._refresh()
        column, first = METRICS.index(metric), int(self.state.world.videos.day[row])
        known = self._known[account, "video_daily"]
        return [
            {"date": self._date(i), metric: int(self._increments(account, row, i)[column])}
            for i in self._window(days)
            if known[i] and i >= first
        ]

    def base(self, account: str, row: int) -> dict:
        """Totals of the last thirty days as computed this morning."""
        self._refresh()
        known = self._known[account, "video_base"]
        days = [i for i in self._window(DAYS_SHOWN) if known[i]]
        if not days or days[-1] < int(self.state.world.videos.day[row]):
            return {}  # computed from the day after its creation on
        total = np.sum([self._increments(account, row, i) for i in days], axis=0).tolist()
        names = ("total_play", "total_like", "total_comment", "total_share")
        return dict(zip(names, total, strict=True)) | {
            "avg_play_duration": float(self.state.world.videos.play_seconds[row])
        }

    def user_days(self, account: str, kind: str, days: int) -> list[dict]:
        """Per-day figures of an account, from the day it exists."""
        self._refresh()
        n, world = DOUYIN_ACCOUNTS.index(account), self.state.world
        d, v = world.account_days, world.videos
        known, mine = self._known[account, "account_daily"], np.flatnonzero(v.account == n)
        rows = []
        for i in self._window(days):
            if not known[i] or i < d.starts[n]:
                continue
            age = i - v.day[mine]
            alive = (age >= 0) & (age < DAYS_SHOWN)
            sums = v.daily[mine[alive], age[alive]].sum(axis=0).tolist()
            values = {
                "fans": {
                    "total_fans": int(d.total_fans[n, i]),
                    "new_fans": int(d.new_fans[n, i]),
                },
                "item": {
                    "new_issue": int((v.day[mine] == i).sum()),
                    "total_issue": int((v.day[mine] <= i).sum()),
                    "new_play": sums[0],
                },
                "like": {"new_like": sums[1]},
                "comment": {"new_comment": sums[2]},
                "share": {"new_share": sums[3]},
                "profile": {"profile_uv": int(d.profile_uv[n, i])},
            }[kind]
            rows.append({"date": self._date(i), **values})
        return rows

    def fans(self, account: str) -> dict:
        """The portrait: shares of the present fans, about a fifth unknown."""
        self._refresh()
        n, days = DOUYIN_ACCOUNTS.index(account), self.state.world.account_days
        today = int(day_number(self.state.now_ms)) - self.state.world.calendar.first_number
        index = min(today - 1, self.state.world.calendar.count - 1)
        fans = int(days.total_fans[n, index]) if index >= 0 else 0
        if fans <= 100:
            return {"all_fans_num": fans}
        spread = {
            "gender": {"1": 0.14, "2": 0.66},
            "age": {"1-23": 0.21, "24-30": 0.31, "31-40": 0.20, "41-50": 0.06, "50-": 0.02},
            "geographical": {"广东": 0.13, "浙江": 0.10, "江苏": 0.10, "四川": 0.08, "其他": 0.39},
            "device": {"iPhone": 0.36, "华为": 0.20, "vivo": 0.12, "OPPO": 0.12},
            "interest": {"时尚": 0.28, "生活": 0.24, "美食": 0.15, "亲子": 0.13},
            "active_days": {"0~4": 0.12, "5~8": 0.14, "9~12": 0.18, "13+": 0.36},
        }
        portrait = {
            f"{name}_distributions": [
                {"item": item, "value": round(fans * share)} for item, share in parts.items()
            ]
            for name, parts in spread.items()
        }
        flows = [
            {"flow": flow, "fans_sum": round(fans * share), "all_sum": fans}
            for flow, share in (("vv", 0.61), ("like_cnt", 0.22), ("comment_cnt", 0.05))
        ]
        return {"all_fans_num": fans, **portrait, "flow_contributions": flows}

    def profile(self, account: str, open_id: str) -> dict:
        """The public profile."""
        return {
            "open_id": open_id,
            "union_id": f"union-{open_id[4:20]}",
            "nickname": NAMES[account],
            "avatar": f"https://p3.example.com/avatar/{account}.jpeg",
            "gender": 0,
            "country": "中国",
            "province": "浙江",
            "city": "杭州",
            "e_account_role": "EAccountM" if account == "dy_main" else "",
        }
