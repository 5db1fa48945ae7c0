"""What all roles have, and all that travels between them: representations, and no pickles."""

import html


class Facts:
    """A title and facts, as text and for notebooks; no pickles, which would hold keys or ciphertexts."""

    def _facts(self):
        return {}

    def __repr__(self):
        facts = ", ".join(f"{name}: {value}" for name, value in self._facts().items())
        return f"<{type(self).__name__} {facts}>" if facts else f"<{type(self).__name__}>"

    def _repr_html_(self):
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(str(name))}</th><td>{html.escape(str(value))}</td></tr>"
            for name, value in self._facts().items()
        )
        return f"<table><caption>{type(self).__name__}</caption>{rows}</table>"

    def _refuse_pickling(self, protocol=None):
        raise TypeError(f"{type(self).__name__} cannot be pickled or copied: {self._why_not_pickled}")

    __reduce_ex__ = __reduce__ = _refuse_pickling


def in_bytes(number):
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000 or unit == "GB":
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000


def plan_facts(described):
    return {
        "purpose": described["purpose"],
        "features": described["features"],
        "classes": described["classes"],
        "parameters": f"N = 2^{described['log_n']}, {described['levels']} levels, {described['security_bits']}-bit security",
    }


def unwrapped(value, kind):
    if not isinstance(value, kind):
        raise TypeError(f"expected {kind.__name__}, found {type(value).__name__}")
    return value._native
