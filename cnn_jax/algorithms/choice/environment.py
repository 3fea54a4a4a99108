"""What a measurement depends on besides the problem: device, usable cores, versions, flags."""

import os
from contextlib import suppress
from functools import lru_cache
from platform import machine
from typing import Any

import jax
import jaxlib.version

from cnn_jax import __version__


def platform() -> str:
    """The platform of the default device, as `lax.platform_dependent` names it."""
    device = _device()
    name = getattr(device.client, "_raw_platform", device.platform)
    if name == "gpu":
        name = "rocm" if "rocm" in device.client.platform_version.lower() else "cuda"
    return name


def environment() -> dict[str, Any]:
    """Everything that must be the same for a measurement to count."""
    return dict(_environment(platform(), _device().device_kind))


@lru_cache
def _environment(platform: str, device_kind: str) -> dict[str, Any]:
    # Cores and flags are read once, as XLA reads them. XLA's name for every CPU is "cpu".
    kind = f"{machine()} {_processor()}".strip() if platform == "cpu" else device_kind
    countable = hasattr(os, "sched_getaffinity")  # not on macOS and Windows
    return {
        "platform": platform,
        "device": kind,
        "cores": len(os.sched_getaffinity(0)) if countable else os.cpu_count(),
        "jax": jax.__version__,
        "jaxlib": jaxlib.version.__version__,
        "cnn_jax": __version__,
        "XLA_FLAGS": os.environ.get("XLA_FLAGS", ""),
    }


def _processor() -> str:
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as about:
        for line in about:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return ""


def _device() -> Any:
    chosen = jax.config.jax_default_device  # pyright: ignore[reportAttributeAccessIssue]
    if isinstance(chosen, str):
        return jax.local_devices(backend=chosen)[0]
    return chosen or jax.local_devices()[0]
