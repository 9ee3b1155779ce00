"""The host's settings: `sealhost.toml` in its home folder, environment variables SEALHOST_…, command-line options.

An option wins over a variable, a variable over the file.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

FILE_NAME = "sealhost.toml"


class Settings(BaseSettings):
    """Everything that can be set. Times in the unit that the name says."""

    model_config = SettingsConfigDict(env_prefix="SEALHOST_", extra="forbid")

    home: Path = Field(exclude=True, description="the folder that holds everything of this host")
    database_url: str | None = Field(None, description="SQLAlchemy's URL; sealbox.db in the home folder if not set")
    broker: str | None = Field(None, description="mqtt://… or mqtts://…; the embedded broker if not set")
    broker_port: int = Field(0, ge=0, le=65535, description="port of the embedded broker on 127.0.0.1; 0: a free one")
    broker_ca_file: Path | None = Field(None, description="certificates that a mqtts:// broker is checked with")
    broker_cert_file: Path | None = Field(None, description="this host's certificate for a mqtts:// broker")
    broker_key_file: Path | None = Field(None, description="the key of broker_cert_file, if not in the same file")
    broker_files: Path | None = Field(None, description="the folder of `sealhost broker config`, kept by this host")
    broker_reload: str | None = Field(None, description="command after changes in broker_files, in place of a SIGHUP")
    serial: str | None = Field(None, description="boxes on serial lines: auto, or ports like /dev/ttyACM0,/dev/ttyACM1")
    listen: str = Field("127.0.0.1:8080", description="address and port of the HTTP interface; port 0: a free one")
    serve_app: bool = Field(False, description="serve the app too: for a demo, or where people trust this host so far")
    app_files: Path | None = Field(None, description="the app's built files; this checkout's build/app if not set")
    app_origins: list[str] = Field([], description="origins of app pages that may connect, like https://app.example")
    relay_broker: str | None = Field(None, description="where /mqtt brings browsers if another listener than `broker`")
    relay_clients: int = Field(512, ge=0, description="most browsers at once")
    relay_clients_per_address: int = Field(64, ge=0, description="most browsers at once from one address")
    app_url: str = Field("", description="the app's address in messages to people; the first of app_origins if not set")
    notify_most: int = Field(5, ge=1, description="single messages to one person in notify_minutes; more become one")
    notify_minutes: int = Field(10, ge=1, description="see notify_most")
    remind_minutes: int = Field(60, ge=1, description="how long before the time for decisions or use ends")
    report_hours: int = Field(24, ge=1, description="a report is due so long after the use; then a case is opened")
    silent_hours: int = Field(25, ge=1, description="a box without a checkpoint for so long is a case")
    metrics: bool = Field(True, description="whether this machine may read /metrics without a token")
    metrics_token: SecretStr | None = Field(None, description="what others must bring to read /metrics")
    key_passphrase: SecretStr | None = Field(None, description="of host.key; better as SEALHOST_KEY_PASSPHRASE")
    tick_seconds: float = Field(0.5, gt=0, le=10, description="how often time is looked at")

    @field_validator("serial")
    @classmethod
    def _serial(cls, value: str | None) -> str | None:
        if value is not None and not value.strip(" ,"):
            raise ValueError('"auto", or ports like /dev/ttyACM0, with commas between')
        return value

    @field_validator("listen")
    @classmethod
    def _listen(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            raise ValueError("an address and a port, like 127.0.0.1:8080")
        return value

    @property
    def listen_host(self) -> str:
        """The address to listen on."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def listen_port(self) -> int:
        """The port to listen on; 0: a free one."""
        return int(self.listen.rpartition(":")[2])

    @property
    def listens_here_only(self) -> bool:
        """Whether only this machine reaches the HTTP interface."""
        return self.listen_host in ("localhost", "::1") or self.listen_host.startswith("127.")

    @property
    def database(self) -> str:
        """The database's URL."""
        return self.database_url or f"sqlite:///{self.home.resolve() / 'sealbox.db'}"

    @property
    def key_file(self) -> Path:
        """The host's signing key."""
        return self.home / "host.key"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Options, then variables, then the file."""
        home = init_settings().get("home")
        path = Path(str(home)) / FILE_NAME if home is not None else None
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, path)


TEMPLATE = """\
# Settings of this Sealbox host. Everything is optional; `sealhost run --help` tells what can be set.
# broker = "mqtts://user:password@broker.example:8883"   # without it, an embedded broker on 127.0.0.1
# broker_port = 1883                                     # of the embedded broker; without it, a free one
# serial = "auto"                                        # boxes on serial lines; or ports: "/dev/ttyACM0"
# listen = "127.0.0.1:8080"                              # the HTTP interface
# app_origins = ["https://app.example"]                  # where the app is served, if not by this host
# database_url = "postgresql+psycopg://…"                # without it, sealbox.db in this folder
"""
"""What `init` writes."""
