"""Not yet."""

from ._accelerate import accelerate as accelerate
