"""All ad platforms of the sandbox: their addresses, accounts and authorisations."""

from collections.abc import Iterator

from starlette.routing import Route

from sandbox.state import State
from sandbox.vendors import oceanengine, tencent
from siyu.errors import UsageError


class AdPlatforms:
    """Tencent Ads, Ocean Engine, Kuaishou, Baidu and Juguang over one state."""

    def __init__(self, state: State, *, rate_limit_scale: float = 1.0) -> None:
        """Every platform has its own tokens and limits."""
        self.tencent = tencent.TencentAds(state, rate_limit_scale=rate_limit_scale)
        self.oceanengine = oceanengine.OceanEngine(state, rate_limit_scale=rate_limit_scale)

    def routes(self) -> list[Route]:
        """The addresses of all platforms."""
        return [route for platform in vars(self).values() for route in platform.routes()]

    def authorise(self, source: str, account: str) -> str:
        """A code, as a person gets it who authorises the app for an account.

        Raises:
            UsageError: there is no such platform or account.
        """
        known = [(e[0], e[1]) for e in self.accounts() if hasattr(self._of(e[0]), "access")]
        if (source, account) not in known:
            names = ", ".join("/".join(pair) for pair in known)
            raise UsageError(
                f"'{source}/{account}' cannot be authorised", action=f"choose one of: {names}"
            )
        return self._of(source).access.authorise(account)

    def _of(self, source: str) -> object:
        return getattr(self, {"tencent_ads": "tencent"}.get(source, source))

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
                    "refresh_token": self.tencent.refresh_token_of(account),
                },
            )
        for account, advertiser in oceanengine.ADVERTISERS.items():
            yield (
                "oceanengine",
                account,
                f"巨量引擎 {account}",
                {"app_id": str(oceanengine.APP_ID), "advertiser_id": str(advertiser)},
                {
                    "secret": oceanengine.SECRET,
                    "refresh_token": self.oceanengine.access.refresh_token_of(account),
                },
            )
