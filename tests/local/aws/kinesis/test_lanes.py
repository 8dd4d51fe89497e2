"""Lanes on few threads."""

import threading

from recsys.local.aws.kinesis.lanes import Lanes


class Counting:
    """A lane that runs `steps` steps, then sleeps."""

    def __init__(self, steps, delay=0.0):
        self.left, self.delay, self.done, self.inside = steps, delay, threading.Event(), 0
        self.overlap = False

    def step(self):
        self.inside += 1
        self.overlap = self.overlap or self.inside > 1
        self.left -= 1
        self.inside -= 1
        if self.left > 0:
            return self.delay
        self.done.set()
        return None


def test_more_lanes_than_threads_all_run_to_their_end():
    lanes, many = Lanes(threads=2), [Counting(20) for _ in range(30)]
    for lane in many:
        lanes.wake(lane)
    assert all(lane.done.wait(30) for lane in many)
    assert not any(lane.overlap for lane in many)
    lanes.stop(5)


def test_a_lane_that_waits_holds_no_thread():
    lanes, waiting, other = Lanes(threads=1), Counting(2, delay=3600.0), Counting(1)
    lanes.wake(waiting)
    lanes.wake(other)
    assert other.done.wait(30)
    lanes.stop(5)


def test_a_lane_woken_while_it_runs_runs_once_more():
    entered, leave, ran_again = threading.Event(), threading.Event(), threading.Event()

    class Lane:
        def step(self):
            if entered.is_set():
                ran_again.set()
            entered.set()
            leave.wait(30)
            return None

    lanes, lane = Lanes(threads=2), Lane()
    lanes.wake(lane)
    assert entered.wait(30)
    lanes.wake(lane)
    leave.set()
    assert ran_again.wait(30)
    lanes.stop(5)


def test_a_waiting_lane_that_is_woken_often_waits_once():
    lanes, left, stepped = Lanes(threads=1), [], threading.Event()

    class Waiting(Counting):
        def step(self):
            super().step()
            left.append(self.left)
            stepped.set()
            return None if self.left <= 0 else 0.5

    woken, last = Waiting(11), Counting(2, delay=1.2)
    for _ in range(10):
        stepped.clear()
        lanes.wake(woken)
        assert stepped.wait(30)
    lanes.wake(last)
    assert last.done.wait(30)
    assert left == list(range(10, -1, -1)), "one step for each time it was woken, and one that was due"
    lanes.stop(5)


def test_a_step_that_raises_is_tried_again(monkeypatch):
    monkeypatch.setattr("recsys.local.aws.kinesis.lanes.PAUSE_AFTER_FAULT", 0.0)
    steps, done = [], threading.Event()

    class Lane:
        def step(self):
            steps.append(1)
            if len(steps) == 1:
                raise RuntimeError("once")
            done.set()

    lanes = Lanes(threads=1)
    lanes.wake(Lane())
    assert done.wait(30)
    lanes.stop(5)
