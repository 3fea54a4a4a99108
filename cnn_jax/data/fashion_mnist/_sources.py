"""Find Fashion-MNIST's four files: in a folder, or through TFDS's download manager."""

import threading
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError

from .._errors import DamagedFileError, DownloadError
from .._idx import Pair
from ._files import DEBIAN

# TFDS's downloader retries a refused connection for 3.4 minutes (10 times, 0.2 s doubling) and
# waits without limit for a server that does not answer. So one request is made first, which waits
# at most so many seconds.
PATIENCE = 10.0

WITHOUT_NETWORK = (
    "Install Debian's package dataset-fashion-mnist, or give a `folder` that holds the four "
    "files, or use 'fashion_mnist_small', which needs no network."
)


class Source(NamedTuple):
    """Where each file lies, by name, and what a user can do if one is bad.

    Example:
        >>> Source({}, "Copy it again.").remedy
        'Copy it again.'
    """

    files: Mapping[str, Path]
    remedy: str


def in_folder(folder: Path, pairs: Mapping[str, Pair]) -> Source:
    """Take the files that lie in ``folder``.

    Args:
        folder: holds the files under their original names.
        pairs: the files of each split.

    Returns:
        Their places.

    Raises:
        FileNotFoundError: a file is missing; the message lists all that are.

    Example:
        >>> in_folder(Path("/nowhere"), {"test": Pair("i.gz", "l.gz", "", "")})
        Traceback (most recent call last):
        FileNotFoundError: `folder` must hold the four files of Fashion-MNIST; /nowhere lacks \
i.gz, l.gz.
    """
    folder = folder.expanduser()
    files = {name: folder / name for name in _names(pairs)}
    if missing := [name for name, file in files.items() if not file.is_file()]:
        raise FileNotFoundError(
            f"`folder` must hold the four files of Fashion-MNIST; {folder} lacks "
            f"{', '.join(missing)}."
        )
    if folder == DEBIAN:
        return Source(files, "Reinstall Debian's package dataset-fashion-mnist.")
    return Source(files, "Replace it by the original file, or give another `folder`.")


def downloaded(manager, url: str, pairs: Mapping[str, Pair]) -> Source:
    """Download the files through TFDS, which compares their sizes and checksums.

    Args:
        manager: a ``tfds.download.DownloadManager`` that knows the checksums.
        url: the address of their folder, with its final slash.
        pairs: the files of each split.

    Returns:
        The places of the downloaded files.

    Raises:
        DownloadError: there is no network, or the server does not deliver.
        DamagedFileError: a downloaded file does not have its checksum; the message names it.

    Example:
        >>> downloaded(None, "http://127.0.0.1:1/", {})  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        cnn_jax.data._errors.DownloadError: Cannot download Fashion-MNIST from http://127.0.0.1:1/...
    """
    import requests  # what TFDS downloads with
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError

    names = _names(pairs)
    if problem := _unreachable(url + (names[0] if names else "")):
        raise _download_error(url, problem)
    try:
        # One after the other: with four at once, three would go on trying after one has failed,
        # and Python does not exit before they stop.
        return Source({name: manager.download(url + name) for name in names}, "Try again.")
    except NonMatchingChecksumError as error:
        what = str(error).partition(", downloaded to")[0].removeprefix("Artifact ")
        raise DamagedFileError(
            f"{what} was downloaded with a wrong size or checksum, and not used. Try again. "
            f"{WITHOUT_NETWORK}"
        ) from error
    except (requests.RequestException, tfds.download.DownloadError) as error:
        raise _download_error(url, str(error)) from error


def _names(pairs: Mapping[str, Pair]) -> list[str]:
    return [name for pair in pairs.values() for name in (pair.images, pair.labels)]


def _download_error(url: str, problem: str) -> DownloadError:
    return DownloadError(f"Cannot download Fashion-MNIST from {url} ({problem}). {WITHOUT_NETWORK}")


def _unreachable(url: str) -> str:
    """Request the header of one file: return what went wrong, or an empty string."""
    problem = [f"no answer within {PATIENCE:.0f} s"]

    def ask() -> None:
        request = urllib.request.Request(url, method="HEAD")
        try:
            # A new opener: the global one keeps the proxy settings of its first use.
            with urllib.request.build_opener().open(request, timeout=PATIENCE):
                problem[0] = ""
        except HTTPError as error:
            with error:  # it holds the connection
                problem[0] = str(error)
        except OSError as error:
            problem[0] = str(getattr(error, "reason", error))

    # In a thread, because the timeout does not cover the name lookup, which may take 30 s.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return problem[0]
