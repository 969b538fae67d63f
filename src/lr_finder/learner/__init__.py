"""The reference interface: a Learner with fastai v1's names, whose `lr_find` leaves no trace.

learn = Learner(DataBunch(train_dl, valid_dl), model, metrics=[accuracy])
learn.lr_find()
learn.recorder.plot(suggestion=True)
learn.fit(2, learn.recorder.min_grad_lr)
"""

from lr_finder.extras import extra

with extra("torch"):
    from lr_finder.learner.apply import apply as apply
    from lr_finder.learner.callback import Callback, LearnerCallback
    from lr_finder.learner.data import DataBunch
    from lr_finder.learner.learner import Learner
    from lr_finder.learner.lr_finder import LRFinder, lr_find
    from lr_finder.learner.metrics import accuracy
    from lr_finder.learner.recorder import Recorder

__all__ = [
    "Callback",
    "DataBunch",
    "LRFinder",
    "Learner",
    "LearnerCallback",
    "Recorder",
    "accuracy",
    "lr_find",
]
