"""The parts of the integration of fastai 2."""
