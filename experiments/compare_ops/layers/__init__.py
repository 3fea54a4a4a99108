"""Compare the sides of layers: a layer of the table goes in, a `Case` with every time comes out.

table.py         the layers
sides.py         each side of a layer as a function of arrays, by JAX and by us
comparison.py    compile, check and time all of them in turn
case.py          the result: a measurement for each
"""
