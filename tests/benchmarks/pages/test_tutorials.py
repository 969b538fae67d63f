from benchmarks.pages.tutorials import Cell, cells

NOTEBOOK = """# %% [markdown]
# # Title
#
# Words.

# %%
import math  # a comment stays


# %% [markdown]
# - an item

# %%
print(math.pi)
"""


def test_a_notebook_in_text_form_is_read_cell_by_cell():
    assert cells(NOTEBOOK) == [
        Cell(True, "# Title\n\nWords."),
        Cell(False, "import math  # a comment stays"),
        Cell(True, "- an item"),
        Cell(False, "print(math.pi)"),
    ]
