"""Customer service (微信客服): sessions with their first response, resolution and rating."""

from dataclasses import dataclass

import numpy as np

from sandbox.parameters import (
    FIRST_RESPONSE_MEDIAN_SECONDS,
    RESOLUTION_RATE,
    WEEKEND_RESPONSE_FACTOR,
    Size,
)
from sandbox.timeline import DAY_MS, NEVER_MS
from sandbox.world.calendar import Calendar
from sandbox.world.people import Persons
from sandbox.world.randomness import clock_times_ms, hex_ids, stream
from sandbox.world.silence import Silence

ACCOUNT_NAMES = ("售前咨询", "售后服务", "会员专席")
_SHARES = (0.5, 0.35, 0.15)
_PER_CUSTOMER_DAY = 55 / 5_000
_SIGMA = 0.9
SATISFIED, MIDDLING, DISSATISFIED = 1, 2, 3


@dataclass
class Service:
    """One row per session, ordered by start.

    `servicer` is a staff index, -1 where the assistant (AI) kept the session; `first_response_ms`
    is NEVER_MS if nobody answered. `rating` is 0 where none was given.
    """

    open_kfid: np.ndarray
    servicers: list[list[int]]  # per account
    session_id: np.ndarray
    account: np.ndarray
    servicer: np.ndarray
    person: np.ndarray
    start_ms: np.ndarray
    first_response_ms: np.ndarray
    first_response_seconds: np.ndarray  # -1 without an answer
    messages: np.ndarray
    is_by_assistant: np.ndarray  # began with the assistant
    is_knowledge_hit: np.ndarray
    is_resolved: np.ndarray
    is_asked: np.ndarray  # a survey was sent
    rating: np.ndarray
    is_upgraded: np.ndarray
    is_rejected: np.ndarray


def service(seed: int, size: Size, calendar: Calendar, persons: Persons, quiet: Silence) -> Service:
    """Sessions of customers; on rest days answers are slower."""
    rng = stream(seed, "service")
    per_day = rng.poisson(_PER_CUSTOMER_DAY * size.customers * calendar.factor)
    day = np.repeat(np.arange(calendar.count), per_day)
    start = calendar.start_ms + day * DAY_MS + clock_times_ms(rng, len(day)) // 1000 * 1000
    person = (
        rng.random(len(day)) * np.maximum(np.searchsorted(persons.first_add_ms, start), 1)
    ).astype(np.int64)
    awake = ~quiet.is_silent(person, start)
    day, start, person = day[awake], start[awake], person[awake]
    order = np.argsort(start, kind="stable")
    day, start, person = day[order], start[order], person[order]
    count = len(day)
    account = rng.choice(len(_SHARES), count, p=_SHARES)
    desk = max(3, size.staff // 5)
    # two thirds of the desk serve one account, the last ones all of them
    servicers = [
        [s for s in range(desk) if s % len(_SHARES) == a or s >= desk - 1]
        for a in range(len(_SHARES))
    ]
    widths = np.array([len(s) for s in servicers])
    table = np.array([s + [0] * (int(widths.max()) - len(s)) for s in servicers])
    chosen = table[account, (rng.random(count) * widths[account]).astype(np.int64)]
    assisted = (account == 0) & (rng.random(count) < 0.6)
    kept = assisted & (rng.random(count) < 0.55)
    rest = calendar.is_rest_day[day]
    seconds = np.maximum(
        rng.lognormal(np.log(FIRST_RESPONSE_MEDIAN_SECONDS), _SIGMA, count)
        * np.where(rest, WEEKEND_RESPONSE_FACTOR, 1.0),
        1,
    ).astype(np.int64)
    answered = kept | (rng.random(count) < np.where(rest, 0.90, 0.96))
    seconds = np.where(kept, 2, np.where(answered, seconds, -1))
    asked = answered & ~kept & (rng.random(count) < 0.7)
    rated = asked & (rng.random(count) < 0.35)
    resolved = rng.random(count) < RESOLUTION_RATE
    happy = rng.random(count)
    rating = np.where(
        happy < np.where(resolved, 0.90, 0.55),
        SATISFIED,
        np.where(happy < np.where(resolved, 0.97, 0.75), MIDDLING, DISSATISFIED),
    )
    return Service(
        open_kfid=hex_ids(rng, len(_SHARES), 28, "wk"),
        servicers=servicers,
        session_id=hex_ids(rng, count, 24, "ks"),
        account=account,
        servicer=np.where(kept, -1, chosen),
        person=person,
        start_ms=start,
        first_response_ms=np.where(answered, start + seconds * 1000, NEVER_MS),
        first_response_seconds=seconds,
        messages=1 + rng.poisson(4.2, count),
        is_by_assistant=assisted,
        is_knowledge_hit=assisted & (rng.random(count) < 0.72),
        is_resolved=resolved,
        is_asked=asked,
        rating=np.where(rated, rating, 0),
        is_upgraded=answered & (rng.random(count) < 0.03),
        is_rejected=rng.random(count) < 0.004,
    )
