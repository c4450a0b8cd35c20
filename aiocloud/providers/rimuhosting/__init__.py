"""RimuHosting (LaunchtimeVPS, MiroVPS), its order API: https://apidocs.rimuhosting.com/"""

from aiocloud.providers.rimuhosting.driver import RimuHosting

__all__ = ["RimuHosting"]
