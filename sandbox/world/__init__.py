"""The seeded world: everything that truly happens, and when each thing becomes visible."""

from dataclasses import dataclass
from functools import cached_property

from sandbox.parameters import Size
from sandbox.timeline import OFFSET_MS
from sandbox.world import acquisition as _acquisition
from sandbox.world import ads as _ads
from sandbox.world import articles as _articles
from sandbox.world import behaviour, followers, pages, people
from sandbox.world import events as _events
from sandbox.world import experiments as _experiments
from sandbox.world import live as _live
from sandbox.world import members as _members
from sandbox.world import messages as _messages
from sandbox.world import moments as _moments
from sandbox.world import orders as _orders
from sandbox.world import organisation as _organisation
from sandbox.world import payments as _payments
from sandbox.world import service as _service
from sandbox.world import silence as _silence
from sandbox.world import videos as _videos
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
    oa_days: followers.OaDays
    videos: _videos.Videos
    account_days: _videos.AccountDays
    live: _live.LiveSessions
    ads: _ads.Ads
    members: _members.GroupMembers
    silence: _silence.Silence

    @property
    def first_day_text(self) -> str:
        """The first business day with data."""
        return self.calendar.days[0].isoformat()

    # parts that nothing else builds on are made when they are first asked for; each has its own
    # random stream, so the order of asking changes nothing
    @cached_property
    def organisation(self) -> _organisation.Organisation:
        """Departments, staff and tags."""
        return _organisation.organisation(
            self.seed, self.size, self.calendar, self.staff, self.persons, self.relations
        )

    @cached_property
    def messages(self) -> _messages.Messages:
        """Mass messages with their recipients."""
        return _messages.messages(
            self.seed,
            self.size,
            self.calendar,
            self.persons,
            self.relations,
            self.groups,
            self.silence,
        )

    @cached_property
    def exposures(self) -> _experiments.Exposures:
        """Who saw which variant of the A/B tests."""
        return _experiments.exposures(self.seed, self.messages)

    @cached_property
    def moments(self) -> _moments.Moments:
        """Customer moments with audiences and reactions."""
        return _moments.moments(self.seed, self.size, self.calendar, self.relations, self.silence)

    @cached_property
    def acquisition(self) -> _acquisition.Acquisition:
        """Acquisition links and contact ways."""
        return _acquisition.acquisition(self.seed, self.size, self.calendar, self.relations)

    @cached_property
    def payments(self) -> _payments.Payments:
        """Payments outside the store."""
        return _payments.payments(
            self.seed, self.size, self.calendar, self.persons, self.relations, self.silence
        )

    @cached_property
    def service(self) -> _service.Service:
        """Customer-service sessions."""
        return _service.service(self.seed, self.size, self.calendar, self.persons, self.silence)

    @cached_property
    def callback_events(self) -> _events.CallbackEvents:
        """What WeCom tells by callback."""
        return _events.callback_events(
            self.seed,
            self.calendar,
            self.relations,
            self.groups,
            self.members,
            self.organisation,
        )


def generate(size: Size, seed: int = 7) -> World:
    """The world of a size and a seed, the same to the byte wherever it is made."""
    days = calendar(size.first_day, size.days, stream(seed, "calendar"))
    visits = pages.visits(seed, size, days)
    persons, adder_person = people.persons(seed, size, days, visits)
    relations = people.relations(seed, size, days, persons)
    staff = people.staff_ids(size.staff)
    groups = behaviour.groups(seed, size, days)
    members = _members.group_members(seed, size, days, groups, persons, staff)
    groups = behaviour.after_leaves(groups, _members.leaves_per_day(members, days, size.groups))
    silence = _silence.silence(seed, size, days, persons, relations, members)
    events = pages.page_events(
        seed, days, visits, adder_person, persons.first_add_ms, persons.unionid != "", silence
    )
    live_times = _live.live_times(seed, days)
    posted = _videos.videos(seed, size, days)
    orders = _orders.orders(seed, size, days, persons, relations, silence, live_times)
    return World(
        size=size,
        seed=seed,
        calendar=days,
        staff=staff,
        persons=persons,
        relations=relations,
        page_events=events,
        staff_days=behaviour.staff_days(seed, size, days, relations),
        groups=groups,
        orders=orders,
        articles=_articles.articles(seed, size, days),
        oa_days=followers.oa_days(seed, size, days),
        videos=posted,
        account_days=_videos.account_days(seed, size, days, posted),
        live=_live.live_sessions(
            seed, live_times, events.channel, events.event_type, events.event_ms
        ),
        ads=_ads.ads(seed, size, days, visits, events, persons, orders),
        members=members,
        silence=silence,
    )


__all__ = ["OFFSET_MS", "World", "generate"]
