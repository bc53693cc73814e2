"""Settings of the live view of edges."""

from typing import ClassVar

from runtime.settings.declaration import setting
from runtime.settings.quantities import Seconds, Urls
from runtime.settings.shared import AdminSettings, CommonSettings


class TopSettings(AdminSettings, CommonSettings):
    """`sluice edge top`."""

    section: ClassVar[str] = "top"
    title: ClassVar[str] = "sluice edge top"

    admin_urls: Urls = setting(
        ("http://127.0.0.1:8083",), "The admin addresses of the edges to look at."
    )
    interval_s: Seconds = setting(2.0, "How long to wait between two looks.", ge=0.2, le=60)
