import pytest

from extractors.core.errors import MalformedAnswerError
from extractors.core.paging import Counted, Cursor, NextKey, Offset, PageNumber


def asked(answers):
    calls = []

    def ask(parameters):
        calls.append(parameters)
        return answers[len(calls) - 1]

    return calls, ask


def test_a_cursor_is_followed_over_empty_pages_to_its_end():
    calls, ask = asked(
        [
            {"next_cursor": "a", "rows": []},
            {"next_cursor": "b", "rows": [1]},
            {"next_cursor": "", "rows": [2]},
        ]
    )
    assert [page["rows"] for page in Cursor().pages(ask)] == [[], [1], [2]]
    assert calls == [{}, {"cursor": "a"}, {"cursor": "b"}]


def test_a_missing_cursor_ends_the_pages_too():
    _, ask = asked([{"rows": [1]}])
    assert len(list(Cursor().pages(ask))) == 1


def test_a_cursor_that_comes_back_is_an_error_and_no_endless_loop():
    _, ask = asked([{"next_cursor": "a"}] * 9)
    with pytest.raises(MalformedAnswerError, match="twice"):
        list(Cursor().pages(ask))


def test_next_key_starts_empty_and_stops_at_has_more_false():
    calls, ask = asked([{"next_key": "k", "has_more": True}, {"next_key": "k2", "has_more": False}])
    assert len(list(NextKey().pages(ask))) == 2
    assert calls == [{"next_key": ""}, {"next_key": "k"}]


def test_more_without_a_key_is_an_error():
    _, ask = asked([{"has_more": True}])
    with pytest.raises(MalformedAnswerError, match="next_key"):
        list(NextKey().pages(ask))


def test_numbered_pages_are_read_to_the_last_also_when_their_number_grows():
    calls, ask = asked(
        [
            {"page_info": {"total_page": 2}},
            {"page_info": {"total_page": 3}},
            {"page_info": {"total_page": 3}},
        ]
    )
    assert len(list(PageNumber(2000).pages(ask))) == 3
    assert calls[0] == {"page": 1, "page_size": 2000}


def test_no_page_at_all_is_one_empty_answer():
    _, ask = asked([{"page_info": {"total_page": 0}}])
    assert len(list(PageNumber(10).pages(ask))) == 1


def test_counted_pages_go_on_until_all_rows_were_given_however_small_the_pages():
    calls, ask = asked([{"total_count": 3, "rows": [1]}, {"total_count": 3, "rows": [2, 3]}])
    assert [page["rows"] for page in Counted(50, rows="rows").pages(ask)] == [[1], [2, 3]]
    assert [call["page"] for call in calls] == [1, 2]


def test_counted_pages_end_at_an_empty_one_though_rows_are_missing():
    calls, ask = asked([{"total_count": 3, "rows": [1]}, {"total_count": 3, "rows": []}])
    assert len(list(Counted(50, rows="rows").pages(ask))) == 2
    assert len(calls) == 2


def test_offsets_follow_the_rows_received():
    calls, ask = asked([{"totalRowCount": 3, "rows": [1, 2]}, {"totalRowCount": 3, "rows": [3]}])
    assert [page["rows"] for page in Offset(1000).pages(ask)] == [[1, 2], [3]]
    assert [call["startRow"] for call in calls] == [0, 2]
