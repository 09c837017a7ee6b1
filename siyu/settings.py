"""Settings, read once when a command or task runs (never at import), from the environment.

Every variable is named in `.env.example`.
"""

from functools import cached_property
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

# The key of the sandbox's synthetic people only. `siyu pull` refuses it for any other address.
SANDBOX_PSEUDONYM_KEY = "siyu-sandbox-only-not-a-secret"


class Settings(BaseSettings):
    """Where state lives and how the outside is reached; all `SIYU_*` variables."""

    model_config = SettingsConfigDict(env_prefix="SIYU_", extra="ignore")

    home: Path = Field(Path("var"), description="holds all state")
    landing: str = Field("", description="fsspec address of the landing; default <home>/landing")
    accounts_file: Path = Field(Path("config/accounts.yml"), description="accounts to pull")
    sandbox_url: str = Field("", description="take accounts from this sandbox, not from the file")
    pseudonym_key: SecretStr = Field(SecretStr(""), description="HMAC key of personal ids")
    robot_webhook: SecretStr = Field(SecretStr(""), description="WeCom group robot address")
    keep_snapshots: int = Field(7, ge=1, description="published snapshots kept for rollback")
    pull_workers: int = Field(1, ge=1, description="processes that pull at once; the CLI: 3")

    @cached_property
    def root(self) -> Path:
        """The home folder, absolute."""
        return self.home.expanduser().absolute()

    @property
    def landing_address(self) -> str:
        """Where raw files land: a folder or any fsspec address."""
        return self.landing or str(self.root / "landing")

    @property
    def warehouse(self) -> Path:
        """The working database; one process writes at a time."""
        return self.root / "work" / "warehouse.duckdb"

    @property
    def published(self) -> Path:
        """The read-only snapshot that people read."""
        return self.root / "published" / "marts.duckdb"

    @property
    def quality_log(self) -> Path:
        """Folder of the append-only quality log."""
        return self.root / "quality"

    def work(self, *parts: str) -> Path:
        """A path below `<home>/work`, its parent made."""
        path = self.root.joinpath("work", *parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path
