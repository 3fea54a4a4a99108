"""Narrow groups in a vector: as many whole groups side by side as it holds.

With cg input and og output channels in each group, the output channel o is a sum over the input
channels src(o, k) = (o // og) * cg + k, for k < cg. A vector holds G whole groups: G * og output
channels, which meet the G * cg input channels that lie side by side in one or two vectors. In which
order they meet for a given k is the same for every vector, so it is a shuffle that is known when
the kernel is compiled:

    cg = og = 1     depthwise: output channel o meets input channel o, no shuffle
    cg = og = 2     k = 0: 0 0 2 2 4 4 ...,   k = 1: 1 1 3 3 5 5 ...
    cg = 1, og = 3  0 0 0 1 1 1 ... 4 4 4 -: the last of 16 lanes is not used
"""

from dataclasses import dataclass

from ..llvm.language import Array, Code, Int, Vector


@dataclass(frozen=True)
class Narrow:
    """Groups of `group_in` input and `group_out` output channels in vectors of `lanes`."""

    group_in: int
    group_out: int
    lanes: int

    @property
    def groups(self) -> int:
        """The number of whole groups in a vector."""
        return min(self.lanes // self.group_out, 2 * self.lanes // self.group_in)

    @property
    def fits(self) -> bool:
        """Whether a vector holds more than one group, so that this is worth it."""
        return self.groups > 1

    @property
    def outputs(self) -> int:
        """The number of output channels in a vector."""
        return self.groups * self.group_out

    @property
    def inputs(self) -> int:
        """The number of input channels that they meet."""
        return self.groups * self.group_in

    @property
    def sources(self) -> int:
        """The number of vectors that hold these input channels."""
        return -(-self.inputs // self.lanes)

    @property
    def size(self) -> int:
        """The number of elements of these vectors."""
        return self.sources * self.lanes

    @property
    def shuffles(self) -> bool:
        """Whether input channels are in another order than the output channels that they meet."""
        return self.group_in > 1 or self.group_out > 1

    def masked(self, groups: int) -> bool:
        """Whether some vector of `groups` groups is not full."""
        full = self.outputs == self.lanes and self.inputs == self.size
        return not full or groups % self.groups > 0

    def load(self, x: Array, offset: Int | int, keep: Int | None = None) -> list[Vector]:
        """The vectors of input channels; of `keep` channels, if that is given."""
        places = range(0, self.size, self.lanes)
        if keep is None:
            return [x.load(offset + first) for first in places]
        return [x.load(offset + first, x.code.larger(keep - first, 0)) for first in places]

    def met(self, code: Code, source: list[Vector], k: int) -> Vector:
        """The kth input channel of each output channel's group, in the order of the outputs."""
        if not self.shuffles:
            return source[0]
        used = [lane // self.group_out * self.group_in + k for lane in range(self.outputs)]
        unused = [0] * (self.lanes - self.outputs)
        return code.shuffled(source[0], used + unused, source[-1] if self.sources > 1 else None)
