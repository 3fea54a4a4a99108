"""The counts and checksums of the files in ``small/``."""

from ..sets.fashion_mnist import PAIRS as FULL

COUNTS = {"train": 6000, "test": 1000}
SMALL = {  # printed by make_small.py
    "train": FULL["train"]._replace(
        images_sha256="6dded81672539b5d148c1a85358069d1808c316dc6f6c0abfd12ba3ced5dd394",
        labels_sha256="d7c464914ae4b919728c5c99c3cdde5a0259febf1e99ddc6927a15768731d7dc",
    ),
    "test": FULL["test"]._replace(
        images_sha256="7a6d8e07ea021ec5bc73135ebd0a5770799557ec6f8242d8749c4f32a3cf4643",
        labels_sha256="b40abac7ec8228f434940f579deb7cf7b6e3103b5274cb91d1545771f5ef1c8b",
    ),
}
