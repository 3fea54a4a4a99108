"""Strict JAX for every test: no silent promotion of dtype or rank; eight CPU devices."""

import os

# Before jax is first imported: the sharding tests want several devices on one machine.
os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
)
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "Agg")
# Nobody's own measurements decide what is tested.
os.environ["CNN_JAX_CACHE"] = os.path.join(os.path.dirname(__file__), "no such folder")

import jax

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
