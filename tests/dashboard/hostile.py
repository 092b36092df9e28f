"""What somebody may write who wants to be more than text."""

MARK = "hp-pwned"
HOSTILE = (
    f"<script>alert('{MARK}')</script>",
    f"\"><img src=x onerror=alert('{MARK}')>",
    f"'><svg/onload=alert('{MARK}')>",
    f"</td></table><iframe src=javascript:alert('{MARK}')>",
    f"javascript:alert('{MARK}')//",
    "{{ 7 * 191 }}{% raw %}",
    f"</textarea></pre><a href=//evil.example/{MARK}>",
    f"<hx-partial hx-target=body>{MARK}</hx-partial>",
    "\u202egnp.exe\u2066\u200b\x1b[2J\x00\x07\r",
    "<!--",
    "]]>",
    "&lt;b&gt;&amp;",
)


def assert_tame(html: str, links) -> None:
    """What was written stands on the page as text alone."""
    assert "1337" not in html
    for one in ("\u202e", "\u2066", "\u200b", "\x1b", "\x00", "\x07"):
        assert one not in html
    allowed = {"script", "img", "svg", "iframe"}
    own = [attributes.get("src", "") for tag, attributes in links.tags if tag == "script"]
    assert all("/static/" in (one or "") for one in own)
    assert not {tag for tag, _ in links.tags} & (allowed - {"script"})
    assert not [tag for tag, _ in links.tags if tag == "hx-partial"]
    for _, attributes in links.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
    for url in links.urls:
        assert url.startswith(("/dashboard", "#")), url
