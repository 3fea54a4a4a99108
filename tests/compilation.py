"""How tests compile programs whose values matter and whose speed does not."""

# Without LLVM's passes, which take a third of the time; XLA's own passes are all there.
QUICKLY = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
