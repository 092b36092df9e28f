import asyncio

from hardpoint.calls.suppressions import MemorySuppressions
from hardpoint.core.errors import InvalidRequestError
from hardpoint.sms.suppressions import OptedOutError


def test_consent_is_of_a_pair_and_can_be_given_again():
    async def scenario():
        known = MemorySuppressions()
        await known.remove("+1", "+2")
        for _ in range(2):
            await known.add("+1", "+2")
        assert await known.holds("+1", "+2")
        assert not await known.holds("+3", "+2")
        assert not await known.holds("+2", "+1")
        await known.remove("+1", "+2")
        assert not await known.holds("+1", "+2")

    asyncio.run(scenario())


def test_an_opt_out_is_an_answer_about_the_request():
    error = OptedOutError()
    assert isinstance(error, InvalidRequestError)
    assert (error.code, error.retryable, error.outcome_known) == ("opted_out", False, True)
    assert "opted out" in str(error)
