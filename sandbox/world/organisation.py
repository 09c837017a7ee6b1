"""The corp from inside: departments, staff, and the tag library with who wears which tag."""

from dataclasses import dataclass

import numpy as np

from sandbox.parameters import TAG_COVERAGE, Size
from sandbox.timeline import DAY_MS, HOUR_MS, NEVER_MS
from sandbox.world.calendar import Calendar
from sandbox.world.people import Persons, Relations
from sandbox.world.randomness import stream

# (id, name, parent); teams of the service staff come after these
_FIXED = (
    (1, "思域美肤", 0),
    (2, "私域运营部", 1),
    (3, "市场部", 1),
    (4, "财务部", 1),
)
_FIRST_TEAM = 20
TEAM_SIZE = 10
_FAMILY = "王李张刘陈杨黄赵周吴徐孙马朱胡郭何高林罗"
_GIVEN = ("敏", "静", "磊", "洋", "艳", "婷", "浩", "倩", "宇", "欣", "佳", "晨")
# staff who do not serve customers: (userid, department, position)
_OTHERS = (
    ("opsmanager", 2, "运营总监"),
    ("marketing01", 3, "市场经理"),
    ("marketing02", 3, "投放优化师"),
    ("finance01", 4, "财务"),
)
UNSEEN_PAYEE = "finance01"
# (group id, group name, day of creation in the period or a negative age, its tags)
_TAGS = (
    ("etgsandboxlayer", "客户分层", -400, ("高价值", "中坚", "长尾")),
    ("etgsandboxliking", "兴趣偏好", -320, ("护肤", "彩妆", "防晒", "身体护理", "课程")),
    ("etgsandboxevent", "活动人群", 20, ("春日焕新", "五一出游", "会员日")),
)
_LAYER_IDS = ("etsandboxhigh", "etsandboxmid", "etsandboxtail")
LIKINGS = 5
# the tag that is deleted on this day of the period, and the one that gets another place
_DELETED_TAG, _DELETED_ON, _MOVED_ON = "etsandboxevent2", 45, 33


@dataclass
class Organisation:
    """Departments, everybody who works there, and the tag library.

    `tags_of` holds per relation the positions of its two tags in `tag_id` (-1 for none).
    """

    department_id: list[int]
    department_name: list[str]
    department_parent: list[int]
    userid: list[str]
    name: list[str]
    position: list[str]
    department: list[list[int]]  # the first is the main department
    is_leader: list[bool]
    is_service: list[bool]
    status: list[int]
    group_id: list[str]
    group_name: list[str]
    group_created_ms: list[int]
    tag_id: list[str]
    tag_name: list[str]
    tag_group: list[int]
    tag_created_ms: list[int]
    tag_deleted_ms: list[int]
    shuffled_ms: int
    tags_of: np.ndarray


def team_of(staff_index: np.ndarray | int, staff: int) -> np.ndarray | int:
    """Number of a service member's team."""
    return staff_index % teams(staff)


def teams(staff: int) -> int:
    """How many teams the service staff form."""
    return max(2, staff // TEAM_SIZE)


def organisation(
    seed: int,
    size: Size,
    calendar: Calendar,
    staff: list[str],
    persons: Persons,
    relations: Relations,
) -> Organisation:
    """The tree, its people and the tags of the relations."""
    rng = stream(seed, "organisation")
    count = teams(size.staff)
    departments = [
        *_FIXED,
        *((_FIRST_TEAM + n, f"客户服务{n + 1}组", 2) for n in range(count)),
    ]
    people = [
        (user, [_FIRST_TEAM + team_of(n, size.staff)], "客户顾问", n < count, True)
        for n, user in enumerate(staff)
    ]
    # a tenth helps out in a second team
    for n, (_, mine, *_rest) in enumerate(people):
        if n % 10 == 7 and count > 1:
            mine.append(_FIRST_TEAM + (team_of(n, size.staff) + 1) % count)
    people += [(user, [home], title, user == "opsmanager", False) for user, home, title in _OTHERS]
    family, given = (
        rng.integers(0, len(_FAMILY), len(people)),
        rng.integers(0, len(_GIVEN), len(people)),
    )
    groups, tags = _library(calendar)
    return Organisation(
        department_id=[d[0] for d in departments],
        department_name=[d[1] for d in departments],
        department_parent=[d[2] for d in departments],
        userid=[p[0] for p in people],
        name=[_FAMILY[f] + _GIVEN[g] for f, g in zip(family, given, strict=True)],
        position=[p[2] for p in people],
        department=[p[1] for p in people],
        is_leader=[p[3] for p in people],
        is_service=[p[4] for p in people],
        status=[4 if p[0] == "marketing02" else 1 for p in people],
        group_id=[g[0] for g in groups],
        group_name=[g[1] for g in groups],
        group_created_ms=[g[2] for g in groups],
        tag_id=[t[0] for t in tags],
        tag_name=[t[1] for t in tags],
        tag_group=[t[2] for t in tags],
        tag_created_ms=[t[3] for t in tags],
        tag_deleted_ms=[t[4] for t in tags],
        shuffled_ms=calendar.start_ms + _MOVED_ON * DAY_MS + 15 * HOUR_MS,
        tags_of=_worn(seed, persons, relations),
    )


def _library(calendar: Calendar) -> tuple[list, list]:
    groups, tags = [], []
    for number, (group_id, group_name, day, names) in enumerate(_TAGS):
        created = calendar.start_ms + day * DAY_MS + 11 * HOUR_MS
        groups.append((group_id, group_name, created))
        for position, name in enumerate(names):
            own = group_id.replace("etg", "et", 1) + str(position + 1)
            tag_id = _LAYER_IDS[position] if number == 0 else own
            gone = NEVER_MS
            if tag_id == _DELETED_TAG:
                gone = calendar.start_ms + _DELETED_ON * DAY_MS + 16 * HOUR_MS
            tags.append((tag_id, name, number, created, gone))
    return groups, tags


def _worn(seed: int, persons: Persons, relations: Relations) -> np.ndarray:
    """Each relation's layer tag and liking; whole customers stay without any tag."""
    rng = stream(seed, "tags")
    has_tags = rng.random(len(persons.layer)) < TAG_COVERAGE
    liking = rng.integers(0, LIKINGS, len(persons.layer))
    told = rng.random(len(persons.layer)) < 0.55
    who = relations.person
    layer = np.where(has_tags[who], persons.layer[who], -1)
    second = np.where(has_tags[who] & told[who], 3 + liking[who], -1)
    return np.stack([layer, second], axis=1).astype(np.int8)
