"""Questions about a network, one per file.

In: a callable, shapes or arrays, and the options of the question. Out: a frozen record: a unit's
receptive field, effective receptive field, the connections, the effect of shifts, the gradient by
each layer. `trace_features`
returns the arrays that the layers make.
"""

from ._by_layer import LayerInvariance as LayerInvariance
from ._by_layer import invariance_by_layer as invariance_by_layer
from ._connectivity import Connectivity as Connectivity
from ._connectivity import WeightUse as WeightUse
from ._connectivity import connectivity as connectivity
from ._effective import EffectiveField as EffectiveField
from ._effective import EffectiveMap as EffectiveMap
from ._effective import effective_receptive_field as effective_receptive_field
from ._equivariance import Equivariance as Equivariance
from ._equivariance import equivariance as equivariance
from ._features import trace_features as trace_features
from ._gradients import GradientNorms as GradientNorms
from ._gradients import gradient_norms as gradient_norms
from ._invariance import Invariance as Invariance
from ._invariance import invariance as invariance
from ._receptive_field import ReceptiveField as ReceptiveField
from ._receptive_field import SeenAxis as SeenAxis
from ._receptive_field import SeenInput as SeenInput
from ._receptive_field import receptive_field as receptive_field
from ._shifts import Shift as Shift
