"""Figures of what the probes found, and of images.

In: a record that a probe returned, or an array. Out: a Matplotlib figure, written to a file if a
path is given. No window is opened.
"""

from ._connections import plot_connectivity as plot_connectivity
from ._fields import plot_effective_field as plot_effective_field
from ._fields import plot_receptive_field as plot_receptive_field
from ._gradients import plot_gradient_norms as plot_gradient_norms
from ._images import FILTERS as FILTERS
from ._images import photo as photo
from ._images import plot_feature_maps as plot_feature_maps
from ._images import plot_filtered as plot_filtered
from ._images import plot_kernels as plot_kernels
from ._shifts import plot_equivariance as plot_equivariance
from ._shifts import plot_invariance as plot_invariance
from ._shifts import plot_invariance_by_layer as plot_invariance_by_layer
