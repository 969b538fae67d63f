"""One thread: the models are tiny, and sums come in the same order each time."""

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    torch.set_num_threads(1)
    torch.sparse.check_sparse_tensor_invariants.disable()  # said aloud, or torch warns of the default
