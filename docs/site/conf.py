"""The pages of the repository and the reference of the Python package as one site; `.ci/site` makes it.

The sources are the Markdown files where they are, since they are read there as well. So this folder is only for what
they lack: the list of pages and the reference.
"""

import tapetum

project = "Tapetum"
version = release = tapetum.__version__
copyright = "the authors of Tapetum"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "docs/site/index"
include_patterns = [
    "*.md",
    "docs/*.md",
    "docs/site/*.rst",
    "benches/peers/README.md",
    "data/*/README.md",
    "examples/*/README.md",
    "fuzz/README.md",
    "tests/*/README.md",
]
# Folders that need not be searched for them.
exclude_patterns = [".*", "**/node_modules", "**/target", "bindings", "crates", "target", "xtask"]

# Markdown as sites that host repositories read it, with their anchors of headings, and nothing that they do not know.
myst_heading_anchors = 6
myst_disable_syntax = ["myst_block_break", "myst_line_comment", "myst_role", "myst_target"]

html_theme = "furo"
html_title = f"Tapetum {release}"
html_extra_path = ["start"]
html_copy_source = False
html_static_path = []

autodoc_default_options = {"members": True, "inherited-members": True, "member-order": "bysource"}
# `tapetum.ray` is described without Ray.
autodoc_mock_imports = ["ray"]
# Parameters have prose for types, not names of classes to link to.
napoleon_use_param = False
napoleon_use_rtype = False
napoleon_google_docstring = False
# Types of attributes are prose too. Names of classes have capitals.
nitpick_ignore_regex = [("py:class", "(?!tapetum)[^A-Z].*")]


def plain_diagrams(app, name, source):
    """A diagram in Mermaid is drawn by a script of another site: here it is read as text."""
    source[0] = source[0].replace("```mermaid", "```text")


def complain_of_gaps(app, env):
    """What the package exports has a place in the reference."""
    described = env.get_domain("py").objects
    exported = {f"tapetum.{name}" for name in tapetum.__all__} - {"tapetum.__version__"}
    for name in sorted(exported - set(described)):
        raise ValueError(f"the reference has no {name}: add it to a page of docs/site")


def setup(app):
    app.connect("source-read", plain_diagrams)
    app.connect("env-updated", complain_of_gaps)
