"""What `load` raises when the data are not there or not right: one line that says what to do."""


class DamagedFileError(ValueError):
    """A file is damaged, truncated or not the expected one; the message names it. Nothing is used.

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
