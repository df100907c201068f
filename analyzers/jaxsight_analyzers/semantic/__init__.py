"""What the text means. Rules ask a `Unit`; they derive nothing themselves.

Where to look:

rules ask       unit, model, answers, *_answers, blocks, liveness, routes, blank, interest
streams         streams, *_streams: what was seen, merged
what was seen   events, event_log, linen_events, reveals, effect_words
a run           interpretation, roots, run, module, sharing, incoming, contexts, budget, limits
an edit         definitions, tasks, memo, checks, signatures, slots, flows, shapes, said
the text        survey, scopes, parameters, evidence, body_text, trees, changes, imports,
                import_statements, qualified_names, spelling, annotations, shape_annotations, decorators
values          values, structures, avals, joins, described, records, containers, builtin_containers,
                displays, donated
classes         members, initialised, leaves, class_kinds, frozen
statements      flow, states, assignments, loops, patterns, narrowing, claims, purpose
expressions     expressions, arithmetic, comparisons, asking, slices, bounds, iteration, ranges, folding,
                formats, casts, promotions, dtype_tests, dropped
calls           calls, arguments, method_calls, methods, results, library, tree_maps
functions       functions, binding, activations, bodies, body_types, origins
transformations transformations, transformed, applications, passing, callees, compilations, tracers,
                plain, makers, axes, meshes, references, donations, updates, varying
keys            keys, key_*
effects         effects, harmless, homes, reads
loops and time  counting, syncs, timings
libraries       nnx_*, linen_*, equinox_*, optimisers, optimiser_steps, schedules, losses, checkpoints,
                sites, predictions, haiku
"""

from jaxsight_analyzers.diagnostic import Certainty as Certainty
from jaxsight_analyzers.semantic.model import Definition as Definition
from jaxsight_analyzers.semantic.model import SemanticModel as SemanticModel
from jaxsight_analyzers.semantic.model import TraceContext as TraceContext
from jaxsight_analyzers.semantic.unit import Unit as Unit
