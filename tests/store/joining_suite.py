"""What a user's transaction with our completion does, on whatever engine and kind of connection."""

import pytest

from hardpoint.core.errors import LeaseLostError
from hardpoint.store.driver import Completed
from hardpoint.store.views import State


class JoiningConformance:
    """A subclass's module has the fixtures `stage` and `side`.

    Its `with_orders` makes a table for the side's writes, and leases a job; `orders` counts them.
    """

    def test_the_writes_and_the_completion_are_one(self, stage, side):
        async def story(desk):
            lease = await self.with_orders(desk)
            assert await side.run(desk, lease) is True
            assert self.orders(desk) == 1
            (seen,) = desk.listing()
            assert seen.state is State.DONE
            assert await desk.complete(lease) is Completed.REFUSED
            (attempt,) = desk.query("select outcome, number from hardpoint_attempt")
            assert attempt == ("done", 1)

        stage.play(story)

    def test_an_exception_undoes_both_and_comes_out(self, stage, side):
        def fail(*_):
            raise LookupError("no such order")

        async def story(desk):
            lease = await self.with_orders(desk)
            with pytest.raises(LookupError, match="no such order"):
                await side.run(desk, lease, fail)
            assert self.orders(desk) == 0
            assert await desk.complete(lease) is Completed.RECORDED

        stage.play(story)

    def test_a_lost_lease_undoes_everything(self, stage, side):
        async def story(desk):
            late = await self.with_orders(desk)
            await desk.store.release_all()
            (lease,) = await desk.claim()
            with pytest.raises(LeaseLostError):
                await side.run(desk, late)
            assert self.orders(desk) == 0
            assert await desk.complete(lease) is Completed.RECORDED

        stage.play(story)
