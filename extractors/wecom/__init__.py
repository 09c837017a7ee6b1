"""WeCom (企业微信): staff, customers, groups and their daily statistics."""

from extractors.wecom.contacts import Customer, FollowUser
from extractors.wecom.groups import GroupChat, GroupStatistic
from extractors.wecom.statistics import UserBehavior

FAMILY = "wecom"
STREAMS = (FollowUser, Customer, GroupChat, UserBehavior, GroupStatistic)
# contract endpoint -> why no stream reads it
NOT_EXTRACTED: dict[str, str] = {}
