"""What rules ask a unit about modules of Flax and Equinox, and about dataclasses."""

from __future__ import annotations

from functools import cached_property

from jaxsight_analyzers.semantic import (
    equinox_streams,
    frozen_streams,
    haiku_streams,
    linen_streams,
    nnx_streams,
    said,
)
from jaxsight_analyzers.semantic.answers import Answers


class ModuleAnswers(Answers):
    """The part of a unit that is about the objects in which libraries keep parameters and state."""

    @cached_property
    def frozen_sets(self) -> list[frozen_streams.FrozenAttribute]:
        """Attributes of frozen dataclasses that are set."""
        return frozen_streams.frozen_sets(self._seen("frozen_sets"), self.model.places)

    @cached_property
    def positional_fields(self) -> list[frozen_streams.PositionalFields]:
        """Dataclasses of Chex that are made with arguments by position."""
        return frozen_streams.positional_fields(self._seen("positional_fields"), self.model.places)

    @cached_property
    def unknown_fields(self) -> list[frozen_streams.UnknownField]:
        """Fields that are given for training states and dataclasses which do not have them."""
        return frozen_streams.unknown_fields(self._seen("unknown_fields"), self.model.places)

    @cached_property
    def unfiltered(self) -> list[equinox_streams.Unfiltered]:
        """Modules of Equinox with functions, given where arrays are meant."""
        return equinox_streams.unfiltered(self._seen("unfiltered"), self.model.places)

    @cached_property
    def haiku_applied(self) -> list[haiku_streams.HaikuApplied]:
        """Calls of `init` and `apply` of Haiku's functions that fail."""
        return haiku_streams.applied(self._seen("haiku_applied"), self.model.places)

    @cached_property
    def equinox_sets(self) -> list[equinox_streams.FrozenSet]:
        """Attributes of Equinox modules that are set where that raises."""
        return equinox_streams.frozen_sets(self._seen("equinox_sets"), self.model.places)

    @cached_property
    def nnx_containers(self) -> list[nnx_streams.Container]:
        """Plain lists, tuples and dicts of modules and arrays that are attributes of NNX modules."""
        return nnx_streams.containers(self._seen("nnx_containers"), self.model.places)

    @cached_property
    def nnx_overwritten(self) -> list[nnx_streams.Overwritten]:
        """Variables of NNX modules that arrays take the place of."""
        return nnx_streams.overwritten(self._seen("nnx_overwritten"), self.model.places)

    @cached_property
    def nnx_counters(self) -> list[nnx_streams.Counter]:
        """Python numbers in NNX modules that compiled functions change."""
        return nnx_streams.counters(self._seen("nnx_counters"), self.model.places)

    @cached_property
    def nnx_lost(self) -> list[nnx_streams.StateLost]:
        """Transformations of JAX that drop what their functions change in modules."""
        return nnx_streams.lost(self._seen("nnx_lost"), self.model.places)

    @cached_property
    def nnx_outside(self) -> list[nnx_streams.ChangedOutside]:
        """Variables from around traced functions that these change."""
        return nnx_streams.outside(self._seen("nnx_outside"), self.model.places)

    @cached_property
    def nnx_reads(self) -> list[nnx_streams.ObjectRead]:
        """Attributes of NNX's variables and optimisers that releases changed."""
        return nnx_streams.reads(self._seen("nnx_reads"), self.model.places)

    @cached_property
    def nnx_used(self) -> list[nnx_streams.VariableUsed]:
        """Variables of NNX that are used as if they were arrays."""
        return nnx_streams.used(self._seen("nnx_used"), self.model.places)

    @property
    def nnx_raw(self) -> list[nnx_streams.RawArray]:
        """Random numbers that modules of NNX hold as plain arrays, unless the file says itself what is trained."""
        if not (seen := self._seen("nnx_raw")) or self.says(said.chooses_trained):
            return []
        return nnx_streams.raw_arrays(seen, self.model.places)

    @property
    def nnx_unsplit(self) -> list[nnx_streams.Unsplit]:
        """Streams of random numbers that are mapped over as they are, unless the file speaks of splitting."""
        if not (seen := self._seen("nnx_unsplit")) or self.says(said.splits_streams):
            return []
        return nnx_streams.unsplit(seen, self.model.places)

    @cached_property
    def object_calls(self) -> list[nnx_streams.ObjectCall]:
        """Calls of methods of what libraries' classes make."""
        return nnx_streams.object_calls(self._seen("object_calls"), self.model.places)

    @cached_property
    def linen_lacking(self) -> list[linen_streams.Applied]:
        """Calls of `apply` that do not give a module of Flax Linen what it needs to run."""
        return linen_streams.lacking(self._seen("linen_applied"), self.model.places)

    @cached_property
    def linen_misapplied(self) -> list[linen_streams.Misapplied]:
        """Modules of Flax Linen that are applied to the wrong part of their variables, or to none."""
        seen, unbound = self._seen("linen_applied"), self._seen("linen_unbound")
        return linen_streams.misapplied(seen, unbound, self.model.places)

    @cached_property
    def linen_missing(self) -> list[linen_streams.Missing]:
        """Modules of Flax Linen that are applied without a collection that they read."""
        return linen_streams.missing(self._seen("linen_applied"), self.model.places)

    @cached_property
    def linen_initializers(self) -> list[linen_streams.Initializer]:
        """What modules of Flax Linen are given for initializers and is none."""
        return linen_streams.initializers(self._seen("linen_initializers"), self.model.places)

    @cached_property
    def linen_names(self) -> list[linen_streams.Named]:
        """Parts of modules of Flax Linen with a name that another part has."""
        return linen_streams.named_twice(self._seen("linen_names"), self.model.places)

    @cached_property
    def linen_flags(self) -> list[linen_streams.Flag]:
        """Calls of layers of Flax Linen whose flag is given nowhere, or twice."""
        return linen_streams.flags(self._seen("linen_flags"), self.model.places)

    @cached_property
    def linen_own_inits(self) -> list[linen_streams.OwnInit]:
        """Modules of Flax Linen with an `__init__` of their own."""
        return linen_streams.own_inits(self._seen("linen_own_init"), self.model.places)

    @cached_property
    def linen_pairs(self) -> list[linen_streams.Pair]:
        """What `apply` of modules of Flax Linen returns beside the output, and where that is overlooked."""
        used, seen = self._seen("linen_pairs"), self._seen("linen_applied")
        return linen_streams.pairs(used, seen, self.model.places)

    @cached_property
    def linen_unannotated(self) -> list[linen_streams.Unannotated]:
        """Modules of Flax Linen that are made with what is no field of theirs, for want of an annotation."""
        return linen_streams.unannotated(self._seen("linen_unannotated"), self.model.places)

    @cached_property
    def linen_made(self) -> list[linen_streams.Made]:
        """Submodules and parameters that are made where a module of Flax Linen can make none."""
        return linen_streams.made(self._seen("linen_made"), self.model.places)

    @cached_property
    def linen_attributes(self) -> list[linen_streams.AttributeSet]:
        """Attributes of modules of Flax Linen that are set where these are frozen."""
        return linen_streams.attributes(self._seen("linen_attributes"), self.model.places)

    @cached_property
    def linen_inside(self) -> list[linen_streams.Inside]:
        """Submodules of Flax Linen that are called in what JAX traces apart from the module."""
        return linen_streams.inside(self._seen("linen_inside"), self.model.places)

    @property
    def may_share_variables(self) -> bool:
        """Whether variables of NNX may be references that every trace shares, as the file says it."""
        return self.says(said.shares_variables)
