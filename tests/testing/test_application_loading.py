"""What the kit for applications makes of a configuration, of a URL and of the name of a hub."""

import pytest
from tests.testing.conftest import CONFIGURATION, INI, SHOP

pytest_plugins = ["pytester"]

MANY = """
public_url = "https://shop.example"

[store]
url = "sqlite:shop.db"

[vault]
keyring = "env:NOBODY_SETS_THIS"

[oauth.github]
provider = "github"
client_id = "id"
client_secret = "env:NOBODY_SETS_THIS"

[oauth.staff]
issuer = "https://staff.example"
client_id = "id"

[oauth.open]
provider = "google"
client_id = "id"

[webhooks.texts]
provider = "twilio"
secrets = ["env:NOBODY_SETS_THIS"]

[webhooks.mail]
provider = "sendgrid"
secrets = ["env:NOBODY_SETS_THIS"]

[webhooks.code]
provider = "github"
secrets = ["env:NOBODY_SETS_THIS"]

[webhooks.own]
provider = "standard"
secrets = ["env:NOBODY_SETS_THIS"]
[webhooks.own.forward]
url = "https://elsewhere.example"
secret = "env:NOBODY_SETS_THIS"

[connections.texts]
provider = "twilio"
account_sid = "AC00000000000000000000000000000000"
api_key_sid = "SK00000000000000000000000000000000"
messaging_service_sid = "MG00000000000000000000000000000000"
secret = "vault:texts"

[connections.mail]
provider = "sendgrid"
api_key = "env:NOBODY_SETS_THIS"

[connections.files]
provider = "filesystem"
path = "files"
public_url = "https://shop.example/files"
secret = "env:NOBODY_SETS_THIS"

[connections.bucket]
provider = "aws"
bucket = "of-production"
region = "eu-central-1"
access_key_id = "ASIA0"
secret_access_key = "env:NOBODY_SETS_THIS"
session_token = "env:NOBODY_SETS_THIS"
"""


def test_whatever_a_configuration_names_is_of_this_machine(suite):
    suite(
        """
        import pytest, shop
        from hardpoint import ConfigurationError

        def test_each_source_is_signed_for(hardpoint_hub):
            for source, event in {
                "texts": "message.delivered",
                "mail": "delivered",
                "code": "push",
                "own": "invoice.paid",
            }.items():
                [_] = hardpoint_hub.deliver(source, event)
            assert len(hardpoint_hub.drained()) == 4

        def test_each_connection_leads_here(hardpoint_hub, fake_twilio, fake_aws):
            files = shop.hub.storage("files")
            hardpoint_hub.run(files.put("a/b", b"x"))
            hardpoint_hub.run(shop.hub.storage("bucket").put("a/b", b"x"))
            hardpoint_hub.run(
                shop.hub.sms("texts").send(to="+14155550123", body="b", idempotency_key="k")
            )
            assert [fake_aws.ledger.count("object"), fake_twilio.ledger.count("message")] == [1, 1]
            assert hardpoint_hub.deliver("texts")
            assert len(hardpoint_hub.drained()) == 2

        def test_nothing_is_left(hardpoint_hub, fake_twilio, fake_aws):
            [folder] = hardpoint_hub.hub.settings.store.path.parent.glob("files/path")
            assert not list(folder.iterdir())
            assert fake_aws.ledger.count() == fake_twilio.ledger.count() == 0

        def test_what_only_the_vendor_can_sign_needs_its_fake(hardpoint_hub):
            hardpoint_hub.fake("mail").app.emitter = None
            with pytest.raises(ConfigurationError, match="public keys, which cannot sign"):
                hardpoint_hub.deliver("mail", "delivered")

        def test_it_may_be_reloaded(hardpoint_hub):
            hub = hardpoint_hub.hub
            hardpoint_hub.run(hub.reload())
            assert hub.generation == 2
            [_] = hardpoint_hub.deliver("own", "invoice.paid")
            assert set(hub.settings.identity.oauth) == {"github", "open"}
            assert hub.settings.identity.vault.path.parent == hub.store.path.parent
        """,
        shop="""
        from hardpoint import Hub

        hub = Hub.load("hardpoint.toml")

        for source in hub.settings.webhooks:
            @hub.on(source, name=source)
            async def seen(event, job):
                pass
        """,
        toml=MANY,
        passed=5,
    )


def test_a_source_needs_no_connection(suite):
    suite(
        """
        def test_x(hardpoint_hub):
            assert len(hardpoint_hub.deliver("mail", "delivered")) == 1
        """,
        shop="from hardpoint import Hub\n\nhub = Hub.load('hardpoint.toml')\n",
        toml="""
        store.url = "sqlite:a"
        [webhooks.mail]
        provider = "sendgrid"
        secrets = ["env:NOBODY_SETS_THIS"]
        """,
        passed=1,
    )


@pytest.mark.parametrize("url", ["postgresql://shop@localhost/shop", "env:NOBODY_SETS_THIS"])
def test_an_application_on_postgresql_is_tested_on_files(suite, url):
    suite(
        """
        def test_x(hardpoint_hub):
            [_] = hardpoint_hub.deliver("mail", "delivered")
            settings = hardpoint_hub.hub.settings
            assert settings.store.file.exists()
            assert settings.identity.vault.store is None
        """,
        shop="from hardpoint import Hub\n\nhub = Hub.load('hardpoint.toml')\n",
        toml=f"""
        [store]
        url = "{url}"
        [webhooks.mail]
        provider = "sendgrid"
        secrets = ["env:NOBODY_SETS_THIS"]
        [vault]
        keyring = "env:NOBODY_SETS_THIS"
        """,
        passed=1,
    )


def test_one_that_cannot_start_is_stopped_again(suite):
    result = suite(
        "def test_x(hardpoint_hub): pass",
        shop=SHOP + "\n\nhub.store.path.write_bytes(b'x' * 9999)\n",
        errors=1,
    )
    result.stdout.fnmatch_lines(["*StoreCorruptError: *"])


def test_it_works_under_xdist(pytester):
    pytester.makeini(INI.format(hub="shop:hub"))
    (pytester.path / "hardpoint.toml").write_text(CONFIGURATION)
    pytester.makepyfile(
        """
        import pytest, shop

        @pytest.mark.parametrize("number", range(4))
        def test_x(hardpoint_hub, fake_stripe, number):
            hardpoint_hub.run(shop.pay("order-7"))
            assert len(hardpoint_hub.deliver("billing")) == len(fake_stripe.ledger.entries()) + 1
            hardpoint_hub.drained()
            assert shop.hub.reader().counts()["total"] == 2
        """,
        shop=SHOP,
    )
    pytester.runpytest_subprocess("-n", "2").assert_outcomes(passed=4)


@pytest.mark.parametrize(
    ("hub", "shop", "said"),
    [
        ("", SHOP, "*hardpoint_hub needs a line in the configuration of pytest: hardpoint_hub = *"),
        ("shop:bub", SHOP, "*'shop:bub': shop has no bub. Write module:name"),
        ("shop:paid", SHOP, "*'shop:paid' is no hub but list. Name a hardpoint.Hub, *"),
        (
            "shop:hub",
            "import hardpoint, hardpoint.hub.settings as s\nhub = hardpoint.Hub(s.Settings())",
            "*'shop:hub' keeps the settings of production. Load them from a file, *",
        ),
    ],
)
def test_a_hub_that_is_not_there_is_said_to_be_so(suite, hub, shop, said):
    result = suite("def test_x(hardpoint_hub): pass", hub=hub, shop=shop, errors=1)
    result.stdout.fnmatch_lines([said])


def test_a_function_may_make_it(suite):
    suite(
        """
        made = []

        def test_one(hardpoint_hub):
            made.append(hardpoint_hub.hub)

        def test_another(hardpoint_hub):
            assert made[0] is not hardpoint_hub.hub
            assert made[0].store.path == hardpoint_hub.hub.store.path
            hardpoint_hub.deliver("billing", "charge.succeeded")
        """,
        hub="shop:make",
        shop="from hardpoint import Hub\n\n\ndef make():\n    return Hub.load('hardpoint.toml')\n",
        passed=2,
    )


def test_it_may_be_a_name_below_or_simply_hub(suite):
    source = "def test_x(hardpoint_hub): assert hardpoint_hub.drained() == []"
    suite(source, hub="shop", passed=1)
    suite(source, hub="shop:mark_paid.hub", shop=SHOP + "\n\nmark_paid.hub = hub\n", passed=1)


def test_what_tests_load_is_theirs(suite):
    suite(
        """
        import pytest
        from hardpoint import ConfigurationError, Hub

        def test_another_file(hardpoint_hub, tmp_path, monkeypatch):
            other = tmp_path / "other.toml"
            text = "[connections.a]\\nprovider = 'stripe'\\nsecret_key = 'env:NOBODY'\\n"
            other.write_text(text)
            with pytest.raises(ConfigurationError, match="NOBODY"):
                Hub.load(other)
            assert Hub.load("hardpoint.toml").settings.store.path == hardpoint_hub.hub.store.path
        """,
        passed=1,
    )


def test_a_hub_that_cannot_start_or_go_on_is_shown(suite):
    suite(
        """
        import asyncio
        import pytest, shop

        def test_broken(hardpoint_hub):
            async def cancel_all():
                for task in asyncio.all_tasks() - {asyncio.current_task()}:
                    task.cancel()

            hardpoint_hub.run(cancel_all())
            with pytest.raises(AssertionError, match="cannot work any more"):
                while True:
                    hardpoint_hub.drained()

        def test_a_handler_cannot_wait_for_itself(hardpoint_hub):
            shop.under_test = hardpoint_hub
            hardpoint_hub.deliver("billing", "charge.succeeded")
            [failed] = hardpoint_hub.drained(fails=True)
            assert "drained is for tests: a handler would wait for itself" in failed.error
        """,
        shop=SHOP
        + """

under_test = None


@hub.on("billing", "charge.succeeded")
async def waits(event, job):
    under_test.drained()
""",
        passed=2,
    )
