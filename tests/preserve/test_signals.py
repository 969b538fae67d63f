import signal

from lr_finder.preserve.signals import SignalGate


def test_a_signal_between_the_end_of_the_block_and_the_shutting_of_the_gate_is_held_back():
    """Where a second Ctrl-C comes right after the first: `__exit__` was called, and has done nothing yet."""
    received = []
    seen_in_exit = []

    class Block:
        def __enter__(self):
            self.gate = SignalGate(block=self)
            self.gate.put_up()

        def __exit__(self, *_):
            signal.raise_signal(signal.SIGUSR1)
            seen_in_exit.extend(received)
            self.gate.is_shut = True
            self.gate.take_down()

    before = signal.signal(signal.SIGUSR1, lambda number, _: received.append(number))
    try:
        with Block():
            signal.raise_signal(signal.SIGUSR1)
            assert received == [signal.SIGUSR1], "inside the block, signals arrive"
        assert seen_in_exit == [signal.SIGUSR1], "the one that came in __exit__ was held back"
        assert received == [signal.SIGUSR1, signal.SIGUSR1], "and delivered afterwards"
    finally:
        signal.signal(signal.SIGUSR1, before)
