"""fastai 2: its Learner."""

from lr_finder.extras import extra

with extra("fastai"):
    from lr_finder.integrations.fastai_learner.apply import apply
    from lr_finder.integrations.fastai_learner.find import lr_find
    from lr_finder.integrations.fastai_learner.search_before_fit import LRFinderCallback

__all__ = ["LRFinderCallback", "apply", "lr_find"]
