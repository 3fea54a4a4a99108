"""Download the original files of a set through TFDS's download manager."""

import threading
import urllib.request
from urllib.error import HTTPError

from .._errors import DamagedFileError, DownloadError
from .._found import Found
from ..sets import Set

# TFDS's downloader retries a refused connection for 3.4 minutes (10 times, 0.2 s doubling) and
# waits without limit for a server that does not answer. So one request is made first, which waits
# at most so many seconds.
PATIENCE = 10.0


def downloaded(manager, facts: Set) -> Found:
    """Download the files through TFDS, which compares their sizes and checksums.

    Args:
        manager: a ``tfds.download.DownloadManager`` that knows the checksums.
        facts: the set.

    Returns:
        The places of the downloaded files.

    Raises:
        DownloadError: there is no network, or the server does not deliver.
        DamagedFileError: a downloaded file does not have its checksum; the message names it.

    Example:
        >>> import dataclasses
        >>> from cnn_jax.data.sets import SETS
        >>> facts = dataclasses.replace(SETS["mnist"], url="http://127.0.0.1:1/")
        >>> downloaded(None, facts)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        cnn_jax.data._errors.DownloadError: Cannot download MNIST from http://127.0.0.1:1/ ...
    """
    import requests  # what TFDS downloads with
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError

    names = [original.name for original in facts.originals]
    if problem := _unreachable(facts.url + names[0]):
        raise _download_error(facts, problem)
    try:
        # One after the other: with four at once, three would go on trying after one has failed,
        # and Python does not exit before they stop.
        return Found({name: manager.download(facts.url + name) for name in names}, "Try again.")
    except NonMatchingChecksumError as error:
        what = str(error).partition(", downloaded to")[0].removeprefix("Artifact ")
        raise DamagedFileError(
            f"{what} was downloaded with a wrong size or checksum, and not used. Try again. "
            f"{_without_network(facts)}"
        ) from error
    except (requests.RequestException, tfds.download.DownloadError) as error:
        raise _download_error(facts, str(error)) from error


def _download_error(facts: Set, problem: str) -> DownloadError:
    return DownloadError(
        f"Cannot download {facts.info.title} from {facts.url} ({problem}). "
        f"{_without_network(facts)}"
    )


def _without_network(facts: Set) -> str:
    names, debian = ", ".join(original.name for original in facts.originals), facts.debian
    ways = f"Install Debian's package {debian.package}, or give" if debian else "Give"
    return (
        f"{ways} a `folder` that holds {facts.files} ({names}), or use 'fashion_mnist_small', "
        "which needs no network."
    )


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
