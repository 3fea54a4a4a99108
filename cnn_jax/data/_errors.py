"""The errors of `load` for missing or damaged data: one line each, which says what to do."""


class DamagedFileError(ValueError):
    """A file is damaged, truncated or not the expected one; the message names it. It is not used.

    Example:
        >>> raise DamagedFileError("/data/train-images-idx3-ubyte.gz is truncated.")
        Traceback (most recent call last):
        cnn_jax.data._errors.DamagedFileError: /data/train-images-idx3-ubyte.gz is truncated.
    """


class DownloadError(ConnectionError):
    """The network or the server did not deliver; the message says how to do without them.

    Example:
        >>> issubclass(DownloadError, OSError)
        True
    """
