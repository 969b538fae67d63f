"""One page that holds all of a result, or several: a chart to explore, the words, the record, the values.

It is a single file that loads nothing: it can be opened from a mail, and without a network.
"""

from lr_finder.report.page.document import save_page
from lr_finder.report.page.run import Run

__all__ = ["Run", "save_page"]
