"""Measuring on request, and remembering: `cnn_jax.autotune`.

`measure` times the candidates that `trials` compiles and checks, and `report` tells of it. What won
goes into the `store`, a `cache_file` for each `environment`, where `auto` looks it up.
"""
