"""The way from a failed payment to a marked order, by the command line: on PostgreSQL."""

from tests.acceptance.journey import SECRET, travel

CONFIGURATION = """
[store]
url = "env:SHOP_DATABASE"
[webhooks.billing]
provider = "stripe"
secrets = ["env:HOOK"]
"""


def test_what_failed_yesterday_is_found_mended_and_handled_once(site, monkeypatch):
    monkeypatch.setenv("HOOK", SECRET)
    site.config.write_text(CONFIGURATION)
    site.beside.execute("create table orders (number text, state text)")

    def orders():
        return [row[0] for row in site.beside.execute("select number from orders").fetchall()]

    travel(site.folder, orders)
