"""How far a long computation is."""

import contextlib


@contextlib.contextmanager
def callback(progress):
    """What the library calls: nothing, what was given, or bars of tqdm."""
    if not progress:
        yield None
    elif callable(progress):
        yield progress
    else:
        with contextlib.closing(Bars()) as bars:
            yield bars


class Bars:
    """A bar of tqdm for each step."""

    def __init__(self):
        try:
            from tqdm.auto import tqdm
        except ImportError as error:
            raise ImportError(
                "progress=True shows bars of tqdm, which is not installed: pip install tqdm, or give a function of "
                "(description, done, total)"
            ) from error
        self._tqdm = tqdm
        self._bar = None

    def __call__(self, what, done, total):
        if self._bar is None or self._bar.desc != what:
            self.close()
            self._bar = self._tqdm(total=total or None, desc=what)
            self._bar.desc = what
        if total:
            self._bar.total = total
        self._bar.n = done
        self._bar.refresh()

    def close(self):
        if self._bar is not None:
            self._bar.close()
            self._bar = None
