"""What rules ask a unit about probabilistic programs, and about the assertions of Chex."""

from __future__ import annotations

from functools import cached_property

from jaxsight_analyzers.semantic import chex_streams, plate_streams, site_streams
from jaxsight_analyzers.semantic.answers import Answers
from jaxsight_analyzers.semantic.predictions import ObservedSeen


class ProgramAnswers(Answers):
    """The part of a unit that is about NumPyro and Chex."""

    @cached_property
    def repeated_sites(self) -> list[site_streams.RepeatedSite]:
        """Sites of models whose names are taken."""
        return site_streams.repeated_sites(self._seen("repeated_sites"), self.model.places)

    @cached_property
    def sites(self) -> list[site_streams.Site]:
        """The sites of models."""
        return site_streams.sites(self._seen("sites"), self.model.places)

    @cached_property
    def unbounded(self) -> list[site_streams.Unbounded]:
        """Values of models that may be any number, where a distribution takes only some."""
        if not (drawn := self._seen("drawn")):
            return []
        takes = self.knowledge.takes
        return site_streams.unbounded(self._seen("calls"), drawn, takes, self.model.places)

    @cached_property
    def plate_conflicts(self) -> list[site_streams.PlateConflict]:
        """Plates of models whose name one of another size has."""
        return site_streams.plate_conflicts(self._seen("sites"), self.model.places)

    @cached_property
    def missing_events(self) -> list[plate_streams.MissingEvent]:
        """Distributions whose batch does not fit the plates that they are drawn in."""
        sites = self._seen("sites")
        calls = self._seen("calls") if sites else []
        return plate_streams.missing_events(sites, calls, self.model.places)

    @cached_property
    def unseeded_sites(self) -> list[site_streams.Unseeded]:
        """Sites that draw without a key."""
        return site_streams.unseeded(self._seen("unseeded_sites"), self.model.places)

    @cached_property
    def observed(self) -> list[ObservedSeen]:
        """Data that models observe, given to what predicts them."""
        return site_streams.observed(self._seen("observed"))

    @cached_property
    def value_asserts(self) -> list[chex_streams.ValueAssert]:
        """Assertions of Chex about values that are given tracers."""
        return chex_streams.value_asserts(self._seen("calls"), self.model.places)

    @cached_property
    def wrapped(self) -> list[chex_streams.Wrapped]:
        """Transformed functions that are wrapped once more."""
        return chex_streams.wrapped(self._seen("wrapped"), self.model.places)
