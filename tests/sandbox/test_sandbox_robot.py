"""The group robot: what it refuses, what it keeps, how it shows it."""

import base64
import hashlib

import pytest
import requests

from sandbox.limits import RateLimit
from sandbox.parameters import size_named
from sandbox.robot_page import markdown
from sandbox.server import start
from sandbox.state import State

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhg"
    "GAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="module")
def robot(tmp_path_factory):
    """A sandbox of its own whose robot takes many messages."""
    with start(
        "small", 7, state_dir=tmp_path_factory.mktemp("robot"), robot_per_minute=1000
    ) as handle:
        yield handle


def webhook(url: str) -> str:
    return requests.get(f"{url}/_sandbox/accounts").json()["robot_webhook"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"msgtype": "text", "text": {"content": "晚到", "mentioned_list": ["@all"]}}, 0),
        ({"msgtype": "text", "text": {"content": ""}}, 44004),
        ({"msgtype": "text", "text": {"content": "好" * 682}}, 0),
        ({"msgtype": "text", "text": {"content": "好" * 683}}, 45002),
        ({"msgtype": "text", "text": {"content": "a", "mentioned_list": "all"}}, 40058),
        ({"msgtype": "markdown", "markdown": {"content": "好" * 1365}}, 0),
        ({"msgtype": "markdown", "markdown": {"content": "好" * 1366}}, 40058),
        ({"msgtype": "markdown", "markdown": {}}, 40058),
        ({"msgtype": "markdown_v2", "markdown_v2": {"content": "| a |"}}, 0),
        ({"msgtype": "shout", "shout": {}}, 40008),
        ({}, 40008),
        ({"msgtype": "text"}, 40058),
        ({"msgtype": "news", "news": {"articles": []}}, 45008),
        ({"msgtype": "news", "news": {"articles": [{"title": "t"}]}}, 40058),
        ({"msgtype": "news", "news": {"articles": [{"title": "t", "url": "https://a"}] * 8}}, 0),
        (
            {"msgtype": "news", "news": {"articles": [{"title": "t", "url": "https://a"}] * 9}},
            45008,
        ),
        (
            {
                "msgtype": "image",
                "image": {
                    "base64": base64.b64encode(PNG).decode(),
                    "md5": hashlib.md5(PNG).hexdigest(),
                },
            },
            0,
        ),
        (
            {"msgtype": "image", "image": {"base64": base64.b64encode(PNG).decode(), "md5": "0"}},
            40058,
        ),
        ({"msgtype": "image", "image": {"base64": "???", "md5": "0"}}, 40058),
        ({"msgtype": "file", "file": {"media_id": "x"}}, 40058),
        ({"msgtype": "template_card", "template_card": {"card_type": "x"}}, 40058),
        (
            {
                "msgtype": "template_card",
                "template_card": {
                    "card_type": "text_notice",
                    "main_title": {"title": "t"},
                    "card_action": {"type": 1},
                },
            },
            0,
        ),
    ],
)
def test_formats_and_sizes(robot, body, expected):
    answer = requests.post(webhook(robot.url), json=body)

    assert answer.status_code == 200
    assert answer.json()["errcode"] == expected


def test_too_long_markdown_is_told_in_the_words_of_the_platform(robot):
    answer = requests.post(
        webhook(robot.url), json={"msgtype": "markdown", "markdown": {"content": "a" * 4097}}
    ).json()

    assert answer["errmsg"].startswith("markdown.content exceed max length 4096")


def test_a_wrong_key_an_empty_body_and_broken_json_are_refused(robot):
    url = webhook(robot.url)

    assert requests.post(url[:-1], json={}).json()["errcode"] == 93000
    assert requests.post(url, data=b"").json()["errcode"] == 93017
    assert requests.post(url, data=b"{").json()["errcode"] == 40058
    assert requests.get(url).json()["errcode"] == 40058


def test_the_twenty_first_message_of_a_minute_is_refused(server):
    url = webhook(server.url)
    codes = [
        requests.post(url, json={"msgtype": "text", "text": {"content": str(n)}}).json()["errcode"]
        for n in range(21)
    ]

    assert codes == [0] * 20 + [45009]


def test_messages_survive_a_restart_and_show_their_virtual_time(tmp_path):
    with start("small", 7, state_dir=tmp_path) as first:
        requests.put(f"{first.url}/_sandbox/clock", json={"now": "2026-03-05T10:30:00+08:00"})
        requests.post(
            webhook(first.url),
            json={
                "msgtype": "markdown",
                "markdown": {
                    "content": '# 数据晚到 source_late\n><font color="warning">朋友圈广告</font>\n'
                    "<@zhangwei01> <script>alert(1)</script>"
                },
            },
        )
    with start("small", 7, state_dir=tmp_path) as second:
        [message] = requests.get(f"{second.url}/_sandbox/robot").json()["messages"]
        page = requests.get(f"{second.url}/robot")

    assert message["received_at"] == "2026-03-05T10:30:00+08:00"
    assert page.headers["content-type"].startswith("text/html")
    assert '<span class="warning">朋友圈广告</span>' in page.text
    assert "2026-03-05 10:30" in page.text
    assert "<script>" not in page.text
    assert page.text.index("群机器人") < page.text.index("Group robot")


def test_markdown_reads_as_in_the_client():
    shown = markdown(
        "## 标题\n**粗** `code` [看](https://a.b/c)\n>一\n>二\n"
        '<font color="info">好</font><@all>\n[坏](javascript:x)'
    )

    assert shown == (
        '<h2>标题</h2><p><b>粗</b> <code>code</code> <a href="https://a.b/c">看</a></p>'
        '<blockquote>一<br>二</blockquote><p><span class="info">好</span>'
        '<span class="mention">@所有人</span></p><p>[坏](javascript:x)</p>'
    )


def test_a_rate_limit_slides_and_may_block():
    now = [0.0]
    sliding = RateLimit(2, timer=lambda: now[0])
    blocking = RateLimit(2, block_seconds=60, timer=lambda: now[0])

    def calls(limit):
        return [limit.allows("a") for _ in range(3)]

    assert calls(sliding) == calls(blocking) == [True, True, False]
    now[0] = 59
    assert not sliding.allows("a")
    assert sliding.allows("another key")
    now[0] = 61
    assert sliding.allows("a")
    assert blocking.allows("a")
    off = RateLimit(1, scale=0, timer=lambda: now[0])
    assert all(off.allows("a") for _ in range(10))


def test_a_move_of_the_clock_is_time_in_which_nobody_called(tmp_path):
    state = State(tmp_path, size_named("small"), 7)
    limit = RateLimit(1, block_seconds=60, timer=state.elapsed_seconds)

    assert [limit.allows("a"), limit.allows("a")] == [True, False]
    state.move_to(state.now_ms + 61_000)
    assert limit.allows("a")
    state.move_to(state.now_ms - 86_400_000)
    assert not limit.allows("a"), "moving back gives no minute away"
