"""The sides of layers, compared: a layer of the table goes in, a `Case` with every time comes out.

table.py         which layers
sides.py         each side of a layer as a function of arrays, by JAX and by us
comparison.py    compile, check and time all of them in turn
case.py          what that found: a measurement for each
"""
