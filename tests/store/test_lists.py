"""Lists that go on where they ended, of every engine."""

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
