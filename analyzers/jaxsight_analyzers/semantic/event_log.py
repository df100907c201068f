"""All that one run saw, by kind."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxsight_analyzers.semantic.applications import AppliedSeen, WrappedSeen
    from jaxsight_analyzers.semantic.checkpoints import CheckpointCallSeen, ManagerSeen
    from jaxsight_analyzers.semantic.contexts import Effects
    from jaxsight_analyzers.semantic.donations import DonatedReadSeen
    from jaxsight_analyzers.semantic.equinox_leaves import UnfilteredSeen
    from jaxsight_analyzers.semantic.equinox_modules import FrozenSetSeen
    from jaxsight_analyzers.semantic.events import (
        AskedSeen,
        BranchSeen,
        CallSeen,
        CompilationSeen,
        CompiledCallSeen,
        ConstantKeySeen,
        DerivativeSeen,
        DroppedSeen,
        DtypeIdentitySeen,
        EffectSeen,
        GrowthSeen,
        ItemAssignmentSeen,
        KeyReuseSeen,
        LoopSeen,
        MaskSeen,
        MeshEnteredSeen,
        MethodSeen,
        NanComparisonSeen,
        NumberUseSeen,
        ObjectCallSeen,
        OperationSeen,
        OutOfBoundsSeen,
        PromotionSeen,
        ReferenceSeen,
        RefusedSeen,
        RevealSeen,
        ScatterCastSeen,
        SliceSeen,
        SpecComparedSeen,
        StaticNeedSeen,
        TypesSeen,
        WrapSeen,
    )
    from jaxsight_analyzers.semantic.frozen import (
        AttributeFrozenSeen,
        PositionalFieldsSeen,
        UnknownFieldSeen,
    )
    from jaxsight_analyzers.semantic.haiku import HaikuAppliedSeen
    from jaxsight_analyzers.semantic.linen_events import (
        ApplySeen,
        AttributeSetSeen,
        FlagSeen,
        InitializerSeen,
        InsideSeen,
        MadeSeen,
        NameSeen,
        OwnInitSeen,
        PairUsedSeen,
        UnannotatedSeen,
        UnboundSeen,
    )
    from jaxsight_analyzers.semantic.losses import LossInputSeen
    from jaxsight_analyzers.semantic.nnx_modules import (
        ContainerSeen,
        ObjectReadSeen,
        OverwrittenSeen,
        RawArraySeen,
    )
    from jaxsight_analyzers.semantic.nnx_state import ChangedOutsideSeen, CounterSeen, StateLostSeen
    from jaxsight_analyzers.semantic.nnx_values import VariableUsedSeen
    from jaxsight_analyzers.semantic.optimiser_steps import AppliedUpdatesSeen, HeldSeen, UpdateSeen
    from jaxsight_analyzers.semantic.optimisers import OptimiserSeen
    from jaxsight_analyzers.semantic.passing import OmittedSeen, PassedSeen, UnsplitSeen
    from jaxsight_analyzers.semantic.predictions import ObservedSeen
    from jaxsight_analyzers.semantic.schedules import ScheduleSeen
    from jaxsight_analyzers.semantic.shape_annotations import ContradictedSeen, ShapeAnnotationSeen
    from jaxsight_analyzers.semantic.sites import (
        DrawnSeen,
        RepeatedSiteSeen,
        SiteSeen,
        UnseededSeen,
    )
    from jaxsight_analyzers.semantic.tree_maps import TreesSeen
    from jaxsight_analyzers.semantic.varying import VaryingSeen


class Events:
    """Everything seen, in the order of the interpretation. Most runs see few kinds of things."""

    __slots__ = (
        "applied",
        "applied_updates",
        "branches",
        "calls",
        "checkpoint_calls",
        "compilations",
        "compiled_calls",
        "constant_keys",
        "contexts",
        "contradicted",
        "derivatives",
        "donated_reads",
        "drawn",
        "dropped",
        "dtype_identities",
        "effects",
        "equinox_sets",
        "frozen_sets",
        "growths",
        "haiku_applied",
        "held_optimisers",
        "imports",
        "indices",
        "item_assignments",
        "key_reuses",
        "kinds",
        "linen_applied",
        "linen_attributes",
        "linen_flags",
        "linen_initializers",
        "linen_inside",
        "linen_made",
        "linen_names",
        "linen_own_init",
        "linen_pairs",
        "linen_unannotated",
        "linen_unbound",
        "loops",
        "loss_inputs",
        "managers",
        "masks",
        "meshes_entered",
        "methods",
        "nan_comparisons",
        "nnx_containers",
        "nnx_counters",
        "nnx_lost",
        "nnx_outside",
        "nnx_overwritten",
        "nnx_raw",
        "nnx_reads",
        "nnx_unsplit",
        "nnx_used",
        "number_uses",
        "object_calls",
        "observed",
        "omitted",
        "operations",
        "optimiser_updates",
        "optimisers",
        "out_of_bounds",
        "passed",
        "positional_fields",
        "promotions",
        "references",
        "refusals",
        "repeated_sites",
        "reveals",
        "scatter_casts",
        "schedules",
        "shape_annotations",
        "sites",
        "slices",
        "specs_compared",
        "static_needs",
        "trees",
        "truths",
        "types",
        "unfiltered",
        "unknown_fields",
        "unseeded_sites",
        "varying",
        "wrapped",
        "wraps",
    )
    branches: list[BranchSeen]
    types: list[TypesSeen]
    trees: list[TreesSeen]
    varying: list[VaryingSeen]
    truths: list[AskedSeen]  # of operands that are asked for their truth
    indices: list[AskedSeen]  # of operands that are an index, a key or an element
    calls: list[CallSeen]
    item_assignments: list[ItemAssignmentSeen]
    donated_reads: list[DonatedReadSeen]
    drawn: list[DrawnSeen]
    dropped: list[DroppedSeen]
    key_reuses: list[KeyReuseSeen]
    methods: list[MethodSeen]
    number_uses: list[NumberUseSeen]
    slices: list[SliceSeen]
    linen_applied: list[ApplySeen]
    linen_attributes: list[AttributeSetSeen]
    linen_flags: list[FlagSeen]
    linen_initializers: list[InitializerSeen]
    linen_inside: list[InsideSeen]
    linen_made: list[MadeSeen]
    linen_names: list[NameSeen]
    linen_own_init: list[OwnInitSeen]
    linen_pairs: list[PairUsedSeen]
    linen_unannotated: list[UnannotatedSeen]
    linen_unbound: list[UnboundSeen]
    masks: list[MaskSeen]
    checkpoint_calls: list[CheckpointCallSeen]
    managers: list[ManagerSeen]
    static_needs: list[StaticNeedSeen]
    compilations: list[CompilationSeen]
    compiled_calls: list[CompiledCallSeen]
    constant_keys: list[ConstantKeySeen]
    derivatives: list[DerivativeSeen]
    dtype_identities: list[DtypeIdentitySeen]
    meshes_entered: list[MeshEnteredSeen]
    loops: list[LoopSeen]
    loss_inputs: list[LossInputSeen]
    growths: list[GrowthSeen]
    haiku_applied: list[HaikuAppliedSeen]
    refusals: list[RefusedSeen]
    effects: list[EffectSeen]
    nan_comparisons: list[NanComparisonSeen]
    operations: list[OperationSeen]
    optimisers: list[OptimiserSeen]
    held_optimisers: list[HeldSeen]
    optimiser_updates: list[UpdateSeen]
    applied_updates: list[AppliedUpdatesSeen]
    positional_fields: list[PositionalFieldsSeen]
    promotions: list[PromotionSeen]
    out_of_bounds: list[OutOfBoundsSeen]
    scatter_casts: list[ScatterCastSeen]
    schedules: list[ScheduleSeen]
    specs_compared: list[SpecComparedSeen]
    wrapped: list[WrappedSeen]
    wraps: list[WrapSeen]
    references: list[ReferenceSeen]
    imports: list[ReferenceSeen]  # those of the references that are imports
    reveals: list[RevealSeen]
    object_calls: list[ObjectCallSeen]
    nnx_containers: list[ContainerSeen]
    nnx_overwritten: list[OverwrittenSeen]
    nnx_raw: list[RawArraySeen]
    nnx_reads: list[ObjectReadSeen]
    nnx_unsplit: list[UnsplitSeen]
    nnx_used: list[VariableUsedSeen]
    equinox_sets: list[FrozenSetSeen]
    frozen_sets: list[AttributeFrozenSeen]
    nnx_counters: list[CounterSeen]
    nnx_lost: list[StateLostSeen]
    nnx_outside: list[ChangedOutsideSeen]
    omitted: list[OmittedSeen]
    passed: list[PassedSeen]
    observed: list[ObservedSeen]
    contradicted: list[ContradictedSeen]
    shape_annotations: list[ShapeAnnotationSeen]
    sites: list[SiteSeen]
    repeated_sites: list[RepeatedSiteSeen]
    unfiltered: list[UnfilteredSeen]
    unknown_fields: list[UnknownFieldSeen]
    unseeded_sites: list[UnseededSeen]
    applied: list[AppliedSeen]
    contexts: dict[ast.AST, list[Effects]]  # the runs of each function

    def __init__(self) -> None:
        self.kinds: tuple[str, ...] = ()  # of which something was seen

    def __getattr__(self, kind: str) -> Any:
        """The place for a kind of things of which none was seen before."""
        made: Any = {} if kind == "contexts" else []
        setattr(self, kind, made)
        self.kinds += (kind,)
        return made

    def seen(self, kind: str) -> Sequence[Any]:
        """The events of a kind."""
        return getattr(self, kind) if kind in self.kinds else ()
