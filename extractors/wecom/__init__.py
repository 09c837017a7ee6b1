"""WeCom (企业微信): staff, customers, groups, what was sent and published, service, payments."""

from extractors.wecom.acquisition import (
    AcquisitionCustomer,
    AcquisitionLink,
    AcquisitionQuota,
    AcquisitionStatistic,
    ContactWay,
)
from extractors.wecom.contacts import Customer, FollowUser
from extractors.wecom.events import CallbackEvent
from extractors.wecom.group_members import GroupMember
from extractors.wecom.groups import GroupChat, GroupStatistic
from extractors.wecom.messages import GroupMessage, GroupMessageRecipient, GroupMessageTask
from extractors.wecom.moments import Moment, MomentComment, MomentRecipient, MomentTask
from extractors.wecom.organisation import CorpTag, Department, Staff
from extractors.wecom.payments import Bill, FundFlow
from extractors.wecom.service import KfAccount, KfCorpStatistic, KfServicerStatistic
from extractors.wecom.statistics import UserBehavior

FAMILY = "wecom"
NAME_ZH = "企业微信"
STREAMS = (
    FollowUser,
    Department,
    Staff,
    CorpTag,
    Customer,
    UserBehavior,
    GroupChat,
    GroupMember,
    GroupStatistic,
    GroupMessage,
    GroupMessageTask,
    GroupMessageRecipient,
    Moment,
    MomentTask,
    MomentRecipient,
    MomentComment,
    AcquisitionLink,
    AcquisitionCustomer,
    AcquisitionStatistic,
    AcquisitionQuota,
    ContactWay,
    Bill,
    FundFlow,
    KfAccount,
    KfCorpStatistic,
    KfServicerStatistic,
    CallbackEvent,
)
# contract endpoint -> why no stream reads it
NOT_EXTRACTED: dict[str, str] = {
    "gettoken": "authorisation: the client calls it",
    "externalcontact.list": "batch.get_by_user gives the same customers with their details",
    "externalcontact.get": "batch.get_by_user gives the same for a hundred members at once; only "
    "members' own tags are left out there, and they are private to the member",
    "externalcontact.groupchat.statistic": "the statistics by day are finer; over a day they are "
    "the same figures",
    "externalcontact.get_moment_customer_list": "the audience that was chosen; who can see the "
    "moment (get_moment_send_result) is what counts, for one call per member less",
    "externalcontact.add_contact_way": "it writes; nothing here changes the corp",
    "user.list_id": "needs the contact-sync secret, which opens the whole address book; user.list "
    "gives the members that the app may see",
    "user.simplelist": "user.list gives the same members with their status and department",
    "webhook.send": "writes: the alerts' own channel",
    "webhook.upload_media": "it writes; nothing here changes the corp",
}
