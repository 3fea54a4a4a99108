"""Self-contained HTML pages: text, facts, tables, figures; escaped, and nothing is loaded.

    _parts.py    what a page is made of: `text`, `heading`, `code`, `facts`, `table`, `figure`;
                 `folded`, which a reader opens; `section`, and `contents` that leads to sections
    _page.py     `page`, which puts parts under a title

A part also stands on its own, as what a notebook shows for ``_repr_html_``. Write a page with
`cnn_jax.files.replace`. Nothing here imports JAX.

>>> from cnn_jax import pages
>>> rows = [["conv1", pages.Cell("156", 156)], ["conv2", pages.Cell("2,416", 2416)]]
>>> page = pages.page("LeNet-5", ["Width < 7.", pages.table(["layer", "parameters"], rows)])
>>> "<p>Width &lt; 7.</p>" in page
True
"""

from ._page import page as page
from ._parts import Cell as Cell
from ._parts import Part as Part
from ._parts import code as code
from ._parts import contents as contents
from ._parts import facts as facts
from ._parts import figure as figure
from ._parts import folded as folded
from ._parts import heading as heading
from ._parts import part as part
from ._parts import section as section
from ._parts import table as table
from ._parts import text as text
