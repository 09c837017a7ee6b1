"""Customers who fall silent, and the wake-up campaigns that bring some of them back.

Whoever is silent visits no page and buys nothing. A campaign goes to most of the silent; of those
whom it reached 6 % are active again within seven days, of all the others 2.5 %.
"""

from dataclasses import dataclass

import numpy as np

from sandbox.parameters import (
    DORMANT_MEDIAN_DAYS,
    DORMANT_SHARE,
    REACH_CORE,
    REACH_OTHERS,
    REACTIVATION_TOUCHED,
    REACTIVATION_UNTOUCHED,
    WAKE_UP_EVERY_DAYS,
    WAKE_UP_TREATED_SHARE,
    Size,
)
from sandbox.timeline import DAY_MS, HOUR_MS, NEVER_MS
from sandbox.world.calendar import Calendar
from sandbox.world.members import GroupMembers
from sandbox.world.people import Persons, Relations
from sandbox.world.randomness import stream

_SILENT_DAYS = 45
_WITHIN_MS = 7 * DAY_MS


@dataclass
class Silence:
    """When each person falls silent, and one row per campaign wave and silent person."""

    from_ms: np.ndarray  # per person; NEVER_MS for those who stay lively
    wave_ms: np.ndarray  # per wave: when its message is made
    wave: np.ndarray
    person: np.ndarray
    is_treated: np.ndarray  # the campaign was meant for them
    is_reached: np.ndarray  # and its message was sent
    touched_ms: np.ndarray  # when it was sent; the wave's moment for the others
    wakes_ms: np.ndarray  # active again; NEVER_MS if not

    def is_silent(self, person: np.ndarray, moment_ms: np.ndarray) -> np.ndarray:
        """Whether each person is silent at each moment."""
        return self.from_ms[person] <= moment_ms

    def visitors(
        self,
        seed: int,
        person: np.ndarray,
        view_ms: np.ndarray,
        returns: np.ndarray,
    ) -> np.ndarray:
        """Who really comes back to a page: nobody silent, but those who were woken.

        Args:
            seed: the world's seed.
            person: person of each visit, -1 for nobody known.
            view_ms: moment of each visit.
            returns: the visits of existing customers.
        """
        rng = stream(seed, "silent_visits")
        person = person.copy()
        rows = np.flatnonzero(returns)
        for _ in range(4):  # somebody else comes instead
            silent = rows[self.is_silent(person[rows], view_ms[rows])]
            if not len(silent):
                break
            others = rng.choice(rows, len(silent))
            # a person of an earlier visit is a customer by now
            earlier = view_ms[others] <= view_ms[silent]
            person[silent[earlier]] = person[others[earlier]]
        person[rows[self.is_silent(person[rows], view_ms[rows])]] = -1
        order = rows[np.argsort(view_ms[rows], kind="stable")]
        awake = self.wakes_ms < NEVER_MS
        who, when = self.person[awake], self.wakes_ms[awake]
        first = np.searchsorted(view_ms[order], when)
        for step in range(3):
            place = first + step
            inside = place < len(order)
            visit = order[place[inside]]
            soon = view_ms[visit] < when[inside] + 6 * HOUR_MS
            person[visit[soon]] = who[inside][soon]
        return person


def silence(
    seed: int,
    size: Size,
    calendar: Calendar,
    persons: Persons,
    relations: Relations,
    members: GroupMembers,
) -> Silence:
    """Who is silent from when, and the waves of the campaign."""
    rng = stream(seed, "silence")
    count = len(persons.first_add_ms)
    days = rng.lognormal(np.log(DORMANT_MEDIAN_DAYS), 0.8, count)
    start = persons.first_add_ms + (days * DAY_MS).astype(np.int64)
    # joining a group is no silence
    is_customer = members.person >= 0
    np.maximum.at(start, members.person[is_customer], members.join_ms[is_customer] + DAY_MS)
    goes = (rng.random(count) < DORMANT_SHARE) & ~persons.is_interactive
    start = np.where(goes, start, NEVER_MS)
    until = np.zeros(count, dtype=np.int64)
    np.maximum.at(
        until, relations.person, np.minimum(relations.customer_deleted_ms, relations.removed_ms)
    )

    waves = np.arange(WAKE_UP_EVERY_DAYS, calendar.count - 8, WAKE_UP_EVERY_DAYS)
    if not len(waves) and calendar.count > 30:
        waves = np.array([calendar.count - 12])
    wave_ms = calendar.start_ms + waves * DAY_MS + 10 * HOUR_MS
    woken = np.zeros(count, dtype=bool)
    parts = []
    for number, moment in enumerate(wave_ms.tolist()):
        silent = np.flatnonzero(
            (start < moment - _SILENT_DAYS * DAY_MS) & (until > moment) & ~woken
        )
        part = _wave(rng, persons, silent, moment)
        woken[silent[part[-1] < NEVER_MS]] = True
        parts.append((np.full(len(silent), number), silent, *part))
    columns = [np.concatenate(c) for c in zip(*parts, strict=True)] if parts else _nothing()
    return Silence(start, wave_ms, *columns)


def _wave(
    rng: np.random.Generator, persons: Persons, silent: np.ndarray, moment: int
) -> tuple[np.ndarray, ...]:
    n = len(silent)
    treated = rng.random(n) < WAKE_UP_TREATED_SHARE
    core = persons.layer[silent] == 0
    reached = treated & (rng.random(n) < np.where(core, REACH_CORE, REACH_OTHERS))
    touched = moment + np.where(reached, rng.integers(HOUR_MS, 9 * HOUR_MS, n), 0)
    wakes = np.full(n, NEVER_MS)
    for mine, share in ((reached, REACTIVATION_TOUCHED), (~reached, REACTIVATION_UNTOUCHED)):
        # pages recognise nobody without a unionid, so the woken all have one
        able = np.flatnonzero(mine & (persons.unionid[silent] != ""))
        chosen = rng.permutation(able)[: round(share * mine.sum())]
        wait = (rng.random(len(chosen)) ** 1.5 * (_WITHIN_MS - 10 * HOUR_MS)).astype(np.int64)
        wakes[chosen] = touched[chosen] + 10 * 60_000 + wait
    return treated, reached, touched, wakes


def _nothing() -> list[np.ndarray]:
    whole, flag = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool)
    return [whole, whole, flag, flag, whole, whole]
