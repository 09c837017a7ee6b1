"""All ad platforms of the sandbox: their addresses, accounts and authorisations."""

from collections.abc import Iterator

from starlette.routing import Route

from sandbox.state import State
from sandbox.vendors import baidu, juguang, kuaishou, oceanengine, tencent
from siyu.errors import UsageError


class AdPlatforms:
    """Tencent Ads, Ocean Engine, Kuaishou, Baidu and Juguang over one state."""

    def __init__(self, state: State, *, rate_limit_scale: float = 1.0) -> None:
        """Every platform has its own tokens and limits."""
        self.tencent = tencent.TencentAds(state, rate_limit_scale=rate_limit_scale)
        self.oceanengine = oceanengine.OceanEngine(state, rate_limit_scale=rate_limit_scale)
        self.kuaishou = kuaishou.Kuaishou(state, rate_limit_scale=rate_limit_scale)
        self.baidu = baidu.Baidu(state, rate_limit_scale=rate_limit_scale)
        self.juguang = juguang.Juguang(state, rate_limit_scale=rate_limit_scale)

    def routes(self) -> list[Route]:
        """The addresses of all platforms."""
        return [route for platform in vars(self).values() for route in platform.routes()]

    def authorise(self, source: str, account: str) -> str:
        """A code, as a person gets it who authorises the app for an account.

        Raises:
            UsageError: there is no such platform or account.
        """
        known = [entry[:2] for entry in self.accounts()]
        if (source, account) not in known:
            names = ", ".join("/".join(pair) for pair in known)
            raise UsageError(
                f"'{source}/{account}' cannot be authorised", action=f"choose one of: {names}"
            )
        platform = self.tencent if source == "tencent_ads" else getattr(self, source)
        return platform.access.authorise(account)

    def accounts(self) -> Iterator[tuple[str, str, str, dict, dict]]:
        """(source, account, Chinese name, options, credentials) of every account."""
        for account in tencent.AD_ACCOUNTS:
            yield (
                "tencent_ads",
                account,
                f"腾讯广告 {account}",
                {"client_id": tencent.CLIENT_ID, "account_id": account},
                {
                    "client_secret": tencent.CLIENT_SECRET,
                    "refresh_token": self.tencent.access.refresh_token_of(account),
                },
            )
        for source, name, module in (
            ("oceanengine", "巨量引擎", oceanengine),
            ("kuaishou", "快手磁力引擎", kuaishou),
            ("juguang", "小红书聚光", juguang),
        ):
            for account, advertiser in module.ADVERTISERS.items():
                yield (
                    source,
                    account,
                    f"{name} {account}",
                    {"app_id": str(module.APP_ID), "advertiser_id": str(advertiser)},
                    {
                        "secret": module.SECRET,
                        "refresh_token": getattr(self, source).access.refresh_token_of(account),
                    },
                )
        for account, (user_name, user) in baidu.USERS.items():
            yield (
                "baidu",
                account,
                f"百度营销 {account}",
                {"app_id": baidu.APP_ID, "user_name": user_name, "user_id": str(user)},
                {
                    "secret_key": baidu.SECRET_KEY,
                    "refresh_token": self.baidu.access.refresh_token_of(account),
                },
            )
