"""The sections, in the order of the lecture."""

from experiments.lecture._section import Section
from experiments.lecture.sections import (
    backpropagation,
    borders,
    depth,
    dimensions,
    fields,
    filtering,
    invariance,
    lenets,
    motivation,
    networks,
    one_dimension,
    output_size,
    overfitting,
    pooling,
    properties,
    sharing,
    tasks,
    tensors,
    vanishing,
    windows,
)

ORDER = (
    *(tensors, motivation, filtering, one_dimension, dimensions, windows, output_size, borders),
    *(properties, sharing, fields, pooling, invariance, networks, lenets, backpropagation),
    *(vanishing, depth, overfitting, tasks),
)
SECTIONS = {section.name: section for section in map(Section.of, ORDER)}
