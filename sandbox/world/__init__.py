"""The seeded world: everything that truly happens, and when each thing becomes visible."""

from dataclasses import dataclass

from sandbox.parameters import Size
from sandbox.timeline import OFFSET_MS
from sandbox.world import ads as _ads
from sandbox.world import articles as _articles
from sandbox.world import behaviour, pages, people
from sandbox.world import orders as _orders
from sandbox.world.calendar import Calendar, calendar
from sandbox.world.randomness import stream


@dataclass
class World:
    """One world; all arrays are ordered and never change after generation."""

    size: Size
    seed: int
    calendar: Calendar
    staff: list[str]
    persons: people.Persons
    relations: people.Relations
    page_events: pages.PageEvents
    staff_days: behaviour.StaffDays
    groups: behaviour.Groups
    orders: _orders.Orders
    articles: _articles.Articles
    ads: _ads.Ads

    @property
    def first_day_text(self) -> str:
        """The first business day with data."""
        return self.calendar.days[0].isoformat()


def generate(size: Size, seed: int = 7) -> World:
    """The world of a size and a seed, the same to the byte wherever it is made."""
    days = calendar(size.first_day, size.days, stream(seed, "calendar"))
    visits = pages.visits(seed, size, days)
    persons, adder_person = people.persons(seed, size, days, visits)
    relations = people.relations(seed, size, days, persons)
    events = pages.page_events(
        seed, days, visits, adder_person, persons.first_add_ms, persons.unionid != ""
    )
    orders = _orders.orders(seed, size, days, persons, relations)
    return World(
        size=size,
        seed=seed,
        calendar=days,
        staff=people.staff_ids(size.staff),
        persons=persons,
        relations=relations,
        page_events=events,
        staff_days=behaviour.staff_days(seed, size, days, relations),
        groups=behaviour.groups(seed, size, days),
        orders=orders,
        articles=_articles.articles(seed, size, days),
        ads=_ads.ads(seed, size, days, visits, events, persons, orders),
    )


__all__ = ["OFFSET_MS", "World", "generate"]
