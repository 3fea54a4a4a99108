"""Compare the sides of layers: a layer goes in, a `Case` with every time comes out.

layer.py         what a layer is
table.py         the layers of known networks
drawn.py         layers drawn at random
written.py       layers that a user writes down
of_model.py      the layers of any network
sides.py         each side of a layer as a function of arrays, by JAX and by us
comparison.py    compile, check and time all of them in turn
case.py          the result: a measurement for each
"""
