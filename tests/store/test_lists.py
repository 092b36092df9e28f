"""Lists that go on where they ended, of every engine."""

from hardpoint.core.traces import Place
from hardpoint.store.driver import Outcome


def test_lists_of_jobs_go_on_where_they_ended_and_are_narrowed(any_stage):
    async def story(desk):
        for number in range(3):
            kind, source = ("paid", "billing") if number else ("payout.failed", "shop")
            await desk.accept(
                f"evt_{number}", type=kind, source=source, handlers=("a", "b", "c", "d")
            )
            for lane, outcome in (
                *(("a", Outcome.DEAD), ("b", Outcome.DEAD)),
                *(("c", Outcome.FAILED), ("d", Outcome.FAILED)),
            ):
                (lease,) = await desk.claim(lanes=(lane,))
                await desk.complete(lease, outcome, retry_in=900 * (outcome is Outcome.FAILED))
            desk.clock.advance(1)
        reader = desk.look()
        for listed in (reader.dead_letters, reader.failing):
            everything, before = [], None
            while some := listed(before=before, limit=1):
                everything += some
                last = some[-1]
                at = last.at if listed == reader.dead_letters else last.failed_at
                before = (at, last.event, last.handler)
            assert everything == list(listed())
            assert len(everything) == 6
        letters = reader.dead_letters()
        assert reader.dead_letters(source="shop") == letters[4:]
        assert reader.dead_letters(event_type="pay*.*") == letters[4:]
        assert reader.dead_letters(since=letters[1].at) == letters[:2]
        events = reader.events()
        assert reader.events(since=events[1].received_at) == events[:2]
        reader.close()

    any_stage.play(story)


def test_what_each_source_has_going_on_is_told(any_stage):
    async def story(desk):
        for number, source in enumerate(("shop", "billing", "shop")):
            await desk.accept(f"evt_{number}", source=source, handlers=("a", "b"))
            (lease,) = await desk.claim(lanes=("a",))
            await desk.complete(lease, Outcome.DEAD if number else Outcome.DONE)
            desk.clock.advance(10)
        reader = desk.look()
        billing, shop = reader.traffic(limit=10)
        assert [one.source for one in (billing, shop)] == ["billing", "shop"]
        assert [(one.waiting, one.dead) for one in (billing, shop)] == [(1, 1), (2, 1)]
        assert [len(one.arrivals) for one in (billing, shop)] == [1, 2]
        assert list(shop.arrivals) == sorted(shop.arrivals, reverse=True)
        assert shop.due_at < billing.due_at
        assert next(one.arrivals for one in reader.traffic(limit=1)) == ()
        reader.close()

    any_stage.play(story)


def test_dead_letters_are_grouped_by_their_cause(any_stage):
    async def story(desk):
        place, other = Place("shop", 12, "mark_paid"), Place("shop", 40, "ship")
        for number, (error, where) in enumerate(
            (
                ("PriceError: no price for 1", place),
                ("PriceError: no price for 2", place),
                ("PriceError: no price for 3", other),
                ("TimeoutError", place),
                (None, None),
            )
        ):
            await desk.accept(f"evt_{number}", handlers=("a",))
            (lease,) = await desk.claim(lanes=("a",))
            await desk.complete(lease, Outcome.DEAD, error=error, place=where)
            desk.clock.advance(10)
        reader = desk.look()
        causes = reader.causes()
        assert [(one.kind, one.place, one.count) for one in causes] == [
            (None, None, 1),
            ("TimeoutError", place, 1),
            ("PriceError", other, 1),
            ("PriceError", place, 2),
        ]
        letters = reader.dead_letters()
        last = causes[-1]
        assert (last.source, last.handler, last.reason) == ("billing", "a", letters[-1].reason)
        assert (last.first_at, last.last_at) == (letters[-1].at, letters[-2].at)
        assert (last.event, last.error) == (letters[-2].event, "PriceError: no price for 2")
        assert [reader.letters_of(one) for one in causes[:3]] == [[one] for one in letters[:3]]
        (first,) = reader.letters_of(last, limit=1)
        rest = reader.letters_of(last, before=(first.at, first.event, first.handler))
        assert [first, *rest] == letters[3:]
        assert reader.causes(limit=2) == causes[:2]
        assert reader.causes(since=letters[1].at) == causes[:2]
        reader.close()

    any_stage.play(story)


def test_what_operators_did_is_listed_and_others_may_add_to_it(any_stage):
    async def story(desk):
        accepted = await desk.accept("evt_1", handlers=("a",))
        await desk.store.retry(accepted.id, actor="anna", reason="mended")
        desk.clock.advance(5)
        await desk.store.note("reveal", accepted.id, actor="bo", reason="asked to")
        reader = desk.look()
        last, first = reader.audit()
        assert (last.actor, last.action, last.target) == ("bo", "reveal", accepted.id)
        assert (last.reason, last.at) == ("asked to", first.at + 5)
        assert (first.actor, first.action, first.reason) == ("anna", "retry", "mended")
        assert reader.audit(limit=1) == [last]
        assert reader.audit(before=last.id) == [first]
        reader.close()

    any_stage.play(story)
