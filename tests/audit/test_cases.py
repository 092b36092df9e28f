"""Turns of phrase that the corpus does not have: each is told as it should be, sure or not."""

import pytest

from .snippets import told

RETRY = "from tenacity import retry, retry_if_exception_type, stop_after_attempt\n"
LIMITED = "@retry(retry=retry_if_exception_type(OSError), stop=stop_after_attempt(3))\n"
VIOLATION, LIKELY = ("violation", "high"), ("violation", "medium")
UNPROVEN, PROVEN = ("unproven", "medium"), ("proven", "high")

CASES = {
    "timeout_none": ("HP301", VIOLATION, "import requests\nrequests.get(u, timeout=None)\n"),
    "sleep_in_async": (
        "HP302",
        VIOLATION,
        "import time, httpx\nasync def f(c: httpx.AsyncClient):\n    time.sleep(1)\n    await c.get('/')\n",
    ),
    "client_per_request": (
        "HP303",
        LIKELY,
        "import httpx\nfrom fastapi import FastAPI\napp = FastAPI()\n@app.get('/x')\ndef f():\n    pass\n"
        "@app.post('/y')\ndef g():\n    c = httpx.Client()\n",
    ),
    "string_annotation": (
        "HP302",
        VIOLATION,
        "import httpx\nasync def f(c: 'httpx.Client'):\n    c.get('/')\n",
    ),
    "optional_annotation": (
        "HP302",
        VIOLATION,
        "import httpx\nfrom typing import Optional\nasync def f(c: Optional[httpx.Client]):\n    c.get('/')\n",
    ),
    "union_annotation": (
        "HP302",
        VIOLATION,
        "import httpx\nasync def f(c: httpx.Client | None):\n    c.get('/')\n",
    ),
    "headers_unseen": (
        "HP201",
        UNPROVEN,
        f"import httpx\n{RETRY}{LIMITED}def f(c: httpx.Client, h):\n    c.post('/', headers=h)\n",
    ),
    "spread_unseen": (
        "HP201",
        UNPROVEN,
        f"import stripe\n{RETRY}{LIMITED}def f(**given):\n    stripe.Charge.create(**given)\n",
    ),
    "helper_is_repeated": (
        "HP201",
        VIOLATION,
        f"import stripe\n{RETRY}{LIMITED}def f():\n    pay()\ndef pay():\n    stripe.Charge.create(amount=1)\n",
    ),
    "retrying_unbounded": (
        "HP204",
        VIOLATION,
        "import requests\nfrom retrying import retry\n@retry(wait_fixed=1)\ndef f():\n    requests.get('/', timeout=1)\n",
    ),
    "retrying_bounded": (
        "HP204",
        PROVEN,
        "import requests\nfrom retrying import retry\n@retry(stop_max_delay=1)\ndef f():\n    requests.get('/', timeout=1)\n",
    ),
    "fixed_wait": (
        "HP205",
        VIOLATION,
        "import httpx\nfrom tenacity import retry, wait_fixed\n@retry(wait=wait_fixed(2))\ndef f():\n    httpx.get('/')\n",
    ),
    "retry_after_in_function": (
        "HP206",
        LIKELY,
        "import time, httpx\ndef f(r):\n    if r.status_code == 429:\n        time.sleep(5)\n    return r.headers['Retry-After']\n",
    ),
    "mapped_unit_amount": (
        "HP401",
        VIOLATION,
        "import stripe\ndef f(price):\n    amount = round(100 * price)\n    return amount\n",
    ),
    "float_literal": ("HP401", VIOLATION, "import stripe\nstripe.Charge.create(amount=19.99)\n"),
    "amount_of_a_model": (
        "HP403",
        LIKELY,
        "import stripe\nfrom fastapi import FastAPI\napp = FastAPI()\n@app.post('/pay')\ndef f(item):\n"
        "    stripe.Charge.create(amount=item.amount)\n",
    ),
    "unverified_context": (
        "HP607",
        VIOLATION,
        "import ssl, requests\nssl._create_unverified_context()\n",
    ),
    "session_verify": (
        "HP607",
        VIOLATION,
        "import requests\ns = requests.Session()\ns.verify = False\n",
    ),
    "headers_logged": (
        "HP602",
        LIKELY,
        "import logging, requests\nlog = logging.getLogger()\ndef f(r):\n    log.info('%s', r.headers)\n",
    ),
    "signed_url_created": (
        "HP605",
        VIOLATION,
        "import boto3\ns3 = boto3.client('s3')\ndef f():\n    Doc.objects.create(url=s3.generate_presigned_url('get_object'))\n",
    ),
    "key_in_params": (
        "HP506",
        LIKELY,
        "import requests\nrequests.get(u, params={'api_key': k}, timeout=1)\n",
    ),
    "error_in_f_string": (
        "HP603",
        VIOLATION,
        "import stripe\nfrom flask import jsonify\ndef f():\n    try:\n        pass\n    except stripe.StripeError as e:\n"
        "        return jsonify(error=f'no: {e}')\n",
    ),
    "callback_without_state": (
        "HP501",
        VIOLATION,
        "import requests\ndef callback(request):\n    code = request.args['code']\n    return token(code)\n# oauth\n",
    ),
    "callback_with_state": (
        "HP501",
        PROVEN,
        "import requests\ndef callback(request):\n    check(request.args['state'])\n    return token(request.args['code'])\n",
    ),
    "jwt_none": ("HP505", VIOLATION, "import jwt\njwt.decode(t, '', algorithms=['none'])\n"),
    "jwt_no_audience": ("HP505", LIKELY, "import jwt\njwt.decode(t, k, algorithms=['RS256'])\n"),
    "over_two_lines": (
        "HP101",
        VIOLATION,
        "import hmac\ndef f(k, b, given):\n    return (hmac.new(k, b, 'sha256').hexdigest()\n            == given)\n",
    ),
    "chosen_by_a_condition": (
        "HP602",
        VIOLATION,
        "import requests\ndef f(api_key):\n    x = api_key if api_key else ''\n    print(x)\n    requests.get('/', timeout=1)\n",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_told_as_it_should_be(name: str) -> None:
    rule, (verdict, confidence), code = CASES[name]
    assert (rule, verdict, confidence) in told(code)


LET_BE = {
    "nothing_of_interest": "x = 1\n",
    "comparing_with_a_literal": "import hmac\nok = hmac.new(k, b).hexdigest() == 'x'\n",
    "comparing_lengths": "import hmac\nok = len(hmac.new(k, b).hexdigest()) == len(given)\n",
    "two_comparisons": "import hmac\nok = a == hmac.new(k, b).hexdigest() == c\n",
    "state_added_later": (
        "from urllib.parse import urlencode\ndef f(s):\n    p = {'client_id': 1, 'redirect_uri': 2}\n"
        "    p['state'] = s\n    return urlencode(p)\n# oauth\n"
    ),
    "state_spread": (
        "from urllib.parse import urlencode\nurlencode({'client_id': 1, 'redirect_uri': 2, **more})  # oauth\n"
    ),
    "annotation_that_is_none": "import httpx\nasync def f(c: '(', d: dict[str, int], e: [1]):\n    c.get('/')\n",
    "names_in_circles": "import httpx\na = b\nb = a\na.get('/')\nclass C:\n    def f(self):\n        self.x = self.x\n        self.x.get()\n",
    "unfinished_comment": "import httpx\n# hardpoint: ignore[HP301] x\nx = 1\n",
}


@pytest.mark.parametrize("name", LET_BE)
def test_it_is_let_be(name: str) -> None:
    found = [one for one in told(LET_BE[name]) if one[1:] == VIOLATION and one[0] != "HP502"]
    assert found == []


def test_an_address_made_of_parts_is_asked_by_a_test() -> None:
    code = "import requests\ndef test_x(n):\n    requests.get(f'https://api.vendor.com/{n}', timeout=1)\n"
    assert ("HP701", *VIOLATION) in told(code, "tests/test_x.py")
    assert (
        told(code.replace("f'https://api.vendor.com/{n}'", "n") + "# https://", "tests/test_x.py")
        == []
    )
