"""What any network sees, weighs and costs, read off its program: no JAX function is too foreign.

``from cnn_jax import analysis``. Everything but what says that it needs arrays works on shapes
alone, and runs nothing.
"""

from ._connectivity import Connectivity as Connectivity
from ._connectivity import WeightUse as WeightUse
from ._connectivity import connectivity as connectivity
from ._effective import EffectiveField as EffectiveField
from ._effective import EffectiveMap as EffectiveMap
from ._effective import effective_receptive_field as effective_receptive_field
from ._equivariance import Equivariance as Equivariance
from ._equivariance import equivariance as equivariance
from ._features import trace_features as trace_features
from ._invariance import Invariance as Invariance
from ._invariance import invariance as invariance
from ._plot_connections import plot_connectivity as plot_connectivity
from ._plot_fields import plot_effective_field as plot_effective_field
from ._plot_fields import plot_receptive_field as plot_receptive_field
from ._plot_images import FILTERS as FILTERS
from ._plot_images import photo as photo
from ._plot_images import plot_feature_maps as plot_feature_maps
from ._plot_images import plot_filtered as plot_filtered
from ._plot_images import plot_kernels as plot_kernels
from ._plot_shifts import plot_equivariance as plot_equivariance
from ._plot_shifts import plot_invariance as plot_invariance
from ._receptive_field import ReceptiveField as ReceptiveField
from ._receptive_field import SeenAxis as SeenAxis
from ._receptive_field import SeenInput as SeenInput
from ._receptive_field import receptive_field as receptive_field
from ._report import Output as Output
from ._report import Row as Row
from ._report import Seen as Seen
from ._report import Summary as Summary
from ._summary import summarize as summarize
