"""Receptive fields, parameters, costs and symmetries of any JAX function, read from its jaxpr.

``from cnn_jax import analysis``. Functions that need arrays say so; all others need only shapes,
and run nothing. A folder imports only from those above it:

    program/      turns a function into a list of steps; one interpreter for loops and branches
    fields/       receptive fields: which interval of each input axis a unit sees
    dependence/   which elements of the inputs each element depends on
    rules/        one entry per primitive of JAX, for both; add new primitives here
    summary/      one row per layer: operation, window, parameters, cost, receptive field
    probes/       questions: receptive field, connectivity, effect of shifts, features, gradients
    plots/        figures of the answers
"""

from .plots import FILTERS as FILTERS
from .plots import photo as photo
from .plots import plot_connectivity as plot_connectivity
from .plots import plot_effective_field as plot_effective_field
from .plots import plot_equivariance as plot_equivariance
from .plots import plot_feature_maps as plot_feature_maps
from .plots import plot_filtered as plot_filtered
from .plots import plot_gradient_norms as plot_gradient_norms
from .plots import plot_invariance as plot_invariance
from .plots import plot_invariance_by_layer as plot_invariance_by_layer
from .plots import plot_kernels as plot_kernels
from .plots import plot_receptive_field as plot_receptive_field
from .probes import Connectivity as Connectivity
from .probes import EffectiveField as EffectiveField
from .probes import EffectiveMap as EffectiveMap
from .probes import Equivariance as Equivariance
from .probes import GradientNorms as GradientNorms
from .probes import Invariance as Invariance
from .probes import LayerInvariance as LayerInvariance
from .probes import ReceptiveField as ReceptiveField
from .probes import SeenAxis as SeenAxis
from .probes import SeenInput as SeenInput
from .probes import WeightUse as WeightUse
from .probes import connectivity as connectivity
from .probes import effective_receptive_field as effective_receptive_field
from .probes import equivariance as equivariance
from .probes import gradient_norms as gradient_norms
from .probes import invariance as invariance
from .probes import invariance_by_layer as invariance_by_layer
from .probes import receptive_field as receptive_field
from .probes import trace_features as trace_features
from .summary import Output as Output
from .summary import Row as Row
from .summary import Seen as Seen
from .summary import Summary as Summary
from .summary import summarize as summarize
