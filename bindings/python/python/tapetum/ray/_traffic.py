"""How many bytes a job moves between nodes, from what ran where."""

from collections import Counter


class Traffic:
    """Bytes that Ray moves between nodes, by kind.

    An object goes to a node once, however many tasks there use it. Tasks beside their inputs move nothing.
    """

    def __init__(self):
        self._there = set()
        self.bytes = Counter()

    def move(self, kind, nbytes, source, target, name):
        """An object of this name, on the node ``source``, was used on the node ``target``.

        A name, and no reference, which would keep the object alive.
        """
        if source != target and (name, target) not in self._there:
            self._there.add((name, target))
            self.bytes[kind] += nbytes

    @property
    def total(self):
        """All of them."""
        return sum(self.bytes.values())

    def __repr__(self):
        return f"<Traffic {dict(self.bytes)}>"
