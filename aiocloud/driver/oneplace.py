"""Clouds that are all in one place, or do not say where."""

from __future__ import annotations

from aiocloud.driver.base import id_of
from aiocloud.driver.compute import Compute
from aiocloud.errors import ConfigurationError
from aiocloud.http.paging import Pager
from aiocloud.models import Location


class OnePlace(Compute):
    """Nodes that cannot be put anywhere but in `place`."""

    place: Location

    def list_locations(self) -> Pager[Location]:
        """The one place that there is."""

        async def places() -> list[Location]:
            return [self.place]

        return Pager.of(places)

    def _refuse_elsewhere(self, location: Location | str | None) -> None:
        """Raises ConfigurationError for any other place."""
        if location is not None and id_of(location) != self.place.id:
            message = f"{self.provider} knows one location, {self.place.id!r}, and no {id_of(location)!r}"
            raise ConfigurationError(message)
