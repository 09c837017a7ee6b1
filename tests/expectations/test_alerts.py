"""Each opening and each recovery is told once, whatever breaks in between."""

import json
from datetime import date, timedelta

import pytest
import requests
import responses
from test_quality_log import DAY, record, verdict
from world import morning

from expectations import alerts, messages
from expectations.incident_log import derive, incidents
from expectations.robot import MAX_BYTES, DeliveryUnknownError, Robot, RobotError, configured_robot
from siyu.errors import ConfigurationError
from siyu.settings import Settings

KEY = "secret-key-1234"
WEBHOOK = f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={KEY}"


class Clock:
    """Real time, moved by sleeping only."""

    def __init__(self):
        self.now, self.slept = 1000.0, []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


class FakeRobot:
    def __init__(self, error=None):
        self.texts, self.error = [], error

    def send(self, text):
        if self.error:
            raise self.error
        self.texts.append(text)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def robot(tmp_path, clock):
    return Robot(WEBHOOK, tmp_path / "turns.json", clock=clock, sleep=clock.sleep)


@pytest.fixture
def platform():
    with responses.RequestsMock() as mock:
        yield mock


def told(settings, cycle, robot):
    return alerts.deliver(settings, morning(cycle), robot_of=lambda _: robot)


def lag(settings, channels=1, length=2):
    """A lag of so many days on so many channels, and a recovery."""
    for n in range(length):
        cycle = DAY + timedelta(n)
        record(settings, cycle, *(verdict(cycle, channel=f"c{c}") for c in range(channels)))
    cycle = DAY + timedelta(length)
    record(
        settings, cycle, *(verdict(cycle, passed=True, channel=f"c{c}") for c in range(channels))
    )


def test_one_opening_and_one_recovery_however_often_it_is_asked(settings):
    lag(settings, length=4)
    robot = FakeRobot()

    kinds = [
        message.kind
        for n in range(7)
        for _ in range(2)
        for message in told(settings, DAY + timedelta(n), robot).sent
    ]

    assert kinds == ["opening", "recovery"]
    assert "page_events/h5/page_event/c0" in robot.texts[0]
    assert "siyu repair inc-" in robot.texts[0]
    assert "已恢复" in robot.texts[1]


def test_a_dead_robot_leaves_the_message_pending_and_is_a_fault_of_ours(settings):
    lag(settings)
    dead = FakeRobot(RobotError("The robot does not take messages"))

    first = told(settings, DAY, dead)
    [fault] = [i for i in incidents(settings) if i.is_checker_error]
    robot = FakeRobot()
    later = told(settings, DAY + timedelta(1), robot)

    assert (first.sent, len(first.problems)) == ([], 1)
    assert (fault.source, fault.stream) == ("siyu", "alert_gate")
    assert [m.kind for m in later.sent] == ["opening"]
    assert [i.is_open for i in incidents(settings) if i.is_checker_error] == [False]
    assert all("alert_gate" not in text for text in robot.texts)


def test_what_opened_and_closed_while_the_robot_was_dead_is_told_once(settings):
    lag(settings)
    told(settings, DAY, FakeRobot(RobotError("down")))
    robot = FakeRobot()

    sent = told(settings, DAY + timedelta(2), robot).sent

    assert [m.kind for m in sent] == ["recovery"]
    assert "未能通知" in robot.texts[0]
    assert told(settings, DAY + timedelta(3), robot).sent == []


def test_a_crash_between_sending_and_noting_repeats_once_and_says_so(settings, monkeypatch):
    lag(settings)
    robot = FakeRobot()
    note = alerts._note

    def dies(ledger, message, state, as_of):
        if state == alerts.SENT:
            raise KeyboardInterrupt
        note(ledger, message, state, as_of)

    monkeypatch.setattr(alerts, "_note", dies)
    with pytest.raises(KeyboardInterrupt):
        told(settings, DAY, robot)
    monkeypatch.setattr(alerts, "_note", note)

    told(settings, DAY, robot)
    told(settings, DAY, robot)

    assert len(robot.texts) == 2
    assert not robot.texts[0].startswith("（可能重复")
    assert robot.texts[1].startswith("（可能重复")


def test_a_connection_that_broke_after_sending_is_repeated_with_a_mark(settings):
    lag(settings)
    told(settings, DAY, FakeRobot(DeliveryUnknownError("broke")))
    robot = FakeRobot()

    told(settings, DAY, robot)

    assert robot.texts[0].startswith("（可能重复")


def test_more_than_five_at_once_are_one_digest(settings):
    lag(settings, channels=60)
    robot = FakeRobot()

    opened = told(settings, DAY, robot).sent
    recovered = told(settings, DAY + timedelta(2), robot).sent

    assert [m.kind for m in opened + recovered] == ["digest", "digest"]
    assert len(opened[0].incidents) == 60
    assert all(len(text.encode()) <= MAX_BYTES for text in robot.texts)
    assert "另有" in robot.texts[0]
    assert told(settings, DAY + timedelta(2), robot).sent == []


def test_five_at_once_are_five_messages(settings):
    lag(settings, channels=5)

    assert [m.kind for m in told(settings, DAY, FakeRobot()).sent] == ["opening"] * 5


def test_without_a_robot_nothing_breaks_and_nothing_is_lost(settings):
    lag(settings)

    delivery = alerts.deliver(settings, morning(DAY))
    assert delivery.sent == []
    assert "SIYU_ROBOT_WEBHOOK" in delivery.problems[0]
    assert [m.kind for m in told(settings, DAY, FakeRobot()).sent] == ["opening"]


def test_a_torn_line_of_the_ledger_counts_for_nothing(settings):
    lag(settings)
    told(settings, DAY, FakeRobot())
    ledger = settings.quality_log / "alerts.jsonl"
    with ledger.open("a") as file:
        file.write('{"incident": "inc-')

    told(settings, DAY + timedelta(2), FakeRobot())

    assert set(alerts.read_ledger(ledger).values()) == {"sent"}
    assert len(alerts.read_ledger(ledger)) == 2


def long_incident():
    [incident] = derive([(verdict(detail_zh="缺" * 5000, channel="很长的渠道" * 30),)])
    return incident


@pytest.mark.parametrize("marts", [[], [f"mart_{'名' * 40}_{n}" for n in range(200)]])
def test_a_message_fits_the_robot_in_bytes_of_utf8(marts):
    for text in (
        messages.opening(long_incident(), marts, may_repeat=True),
        messages.fitted("行" * 9000 + "\nfoot"),
    ):
        assert len(text.encode()) <= MAX_BYTES
        text.encode().decode()


def test_an_opening_reads_in_five_lines_chinese_first():
    [incident] = derive([(verdict(detail_zh="page_view 0（预期约 214，下限 96）"),)])

    lines = messages.opening(incident, ["mart_funnel_daily"]).splitlines()

    assert lines == [
        '<font color="warning">**【源端延迟】页面埋点 · h5 · 页面事件 · 渠道 live**</font>',
        "> 业务日：**04-14** 起，尚未恢复",
        "> 原因：源端延迟 `source_late`，page_view 0（预期约 214，下限 96）",
        "> 影响：mart_funnel_daily（已标注不完整，照常发布）",
        f"> 处理：`siyu repair {incident.id}`",
        f"{incident.id} · page_events/h5/page_event/live · warn",
    ]


def test_an_accepted_message_is_sent_once_as_markdown(platform, robot):
    platform.post(WEBHOOK, json={"errcode": 0, "errmsg": "ok"})

    robot.send("你好")

    assert json.loads(platform.calls[0].request.body) == {
        "msgtype": "markdown",
        "markdown": {"content": "你好"},
    }


def test_http_200_with_an_error_code_is_a_failure(platform, robot):
    platform.post(WEBHOOK, json={"errcode": 93000, "errmsg": f"invalid webhook url {KEY}"})

    with pytest.raises(RobotError, match="93000") as caught:
        robot.send("x")

    assert "key is wrong" in caught.value.action


def test_too_often_waits_a_whole_minute_and_tries_again(platform, robot, clock):
    platform.post(WEBHOOK, json={"errcode": 45009, "errmsg": "api freq out of limit"})
    platform.post(WEBHOOK, json={"errcode": 0, "errmsg": "ok"})

    robot.send("x")

    assert sum(clock.slept) >= 60


@pytest.mark.parametrize(
    "fault",
    [
        requests.ConnectionError(
            f"HTTPSConnectionPool: Max retries exceeded with url: /?key={KEY}"
        ),
        requests.ReadTimeout(f"url: /?key={KEY}"),
        requests.exceptions.InvalidURL(f"bad {KEY}"),
    ],
)
def test_the_key_is_in_no_error(platform, robot, fault, caplog):
    platform.assert_all_requests_are_fired = False
    platform.post(WEBHOOK, body=fault)

    with pytest.raises(RobotError) as caught:
        robot.send("x")

    error = caught.value
    shown = f"{error!r} {error} {error.__cause__} {robot!r} {caplog.text}"
    assert KEY not in shown
    assert error.__suppress_context__ or error.__context__ is None


@pytest.mark.parametrize(("status", "body"), [(404, "<html>"), (200, "[]"), (200, "{}")])
def test_an_answer_of_something_else_says_what_to_check(platform, robot, status, body):
    platform.post(WEBHOOK, body=body, status=status)

    with pytest.raises(RobotError, match="something else"):
        robot.send("x")


def test_twenty_a_minute_is_kept_across_processes(platform, tmp_path, clock):
    platform.post(WEBHOOK, json={"errcode": 0, "errmsg": "ok"})
    robots = [
        Robot(WEBHOOK, tmp_path / "turns.json", clock=clock, sleep=clock.sleep) for _ in range(2)
    ]

    for n in range(41):
        robots[n % 2].send("x")

    assert clock.now - 1000.0 >= 120


def test_the_robot_is_taken_from_the_sandbox_when_none_is_set(platform, tmp_path):
    settings = Settings(home=tmp_path, sandbox_url="http://127.0.0.1:9")
    platform.get(
        "http://127.0.0.1:9/_sandbox/accounts", json={"accounts": [], "robot_webhook": WEBHOOK}
    )

    assert configured_robot(settings).webhook == WEBHOOK
    with pytest.raises(ConfigurationError, match="no group robot"):
        configured_robot(Settings(home=tmp_path, sandbox_url=""))


def test_days_are_those_of_the_incident():
    runs = [(verdict(),), (verdict(DAY + timedelta(1)),)]
    [incident] = derive(runs)

    assert "**04-14** 起，尚未恢复（已 2 天）" in messages.opening(incident, [])
    [over] = derive([*runs, (verdict(DAY + timedelta(2), passed=True),)])
    assert "04-14 至 04-15" in messages.recovery(over)
    assert over.last_date == date(2026, 4, 15)


def test_every_source_and_stream_has_a_name_that_people_read():
    from expectations.messages import STREAMS_ZH, source_zh
    from extractors.registry import all_streams

    streams = all_streams()
    assert len(streams) > 10
    assert {s.name for s in streams} - STREAMS_ZH.keys() == set()
    assert [s.source for s in streams if source_zh(s.source) == s.source] == []
    assert source_zh("siyu") == "数据系统"
