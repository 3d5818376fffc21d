from __future__ import annotations

from bridge.store import audit, tokens


def test_a_new_token_stands_alone_on_standard_output(ran, bridge, clock):
    told = ran("token", "create", "okta", "--expires", "90d")

    clear = told.out.removesuffix("\n")
    assert told.status == 0
    assert "\n" not in clear
    assert "http://127.0.0.1:8080/scim/v2/okta" in told.err
    assert clear not in told.err
    with bridge.db.read() as tx:
        assert tokens.connection_of(tx, tokens.digest(clear), clock.now()) == "okta"
        assert [k.entry.kind for k in audit.read(tx)] == ["token.created"]
    clock.advance(days=91)
    with bridge.db.read() as tx:
        assert tokens.connection_of(tx, tokens.digest(clear), clock.now()) is None


def test_two_live_tokens_and_no_more(ran):
    assert [ran("token", "create", "okta").status for _ in range(3)] == [0, 0, 1]
    assert ran("token", "create", "entra").status == 0


def test_the_list_shows_no_token_in_clear(ran):
    clear = ran("token", "create", "okta").out.strip()

    told = ran("token", "list")

    assert clear not in told.out
    assert clear[:9] in told.out
    assert ran("token", "list", "entra").said.startswith("There are no tokens.")
    assert ran("token", "list", "--json").json[0]["state"] == "live"


def test_a_revoked_token_opens_nothing_and_its_connection_is_warned_about(ran, bridge, clock):
    clear = ran("token", "create", "okta").out.strip()

    told = ran("token", "revoke", "1")

    assert told.status == 0
    assert "its identity provider is locked out" in told.said
    with bridge.db.read() as tx:
        assert tokens.connection_of(tx, tokens.digest(clear), clock.now()) is None
    assert ran("token", "revoke", "1").status == 1
    assert ran("token", "list", "--json").json[0]["state"] == "revoked"


def test_a_connection_or_a_duration_that_is_none_is_wrong_use(ran):
    assert 'Did you mean "okta"?' in ran("token", "create", "oktaa").err
    assert "is no duration such as" in ran("token", "create", "okta", "--expires", "soon").err
    assert ran("token", "create", "okta", "--expires", "0d").status == 2


def test_the_base_url_is_that_of_the_run_that_works(ran, tmp_path):
    (tmp_path / "run.json").write_text('{"url": "http://127.0.0.1:4711"}')
    assert "http://127.0.0.1:4711/scim/v2/okta" in ran("token", "create", "okta").err
    assert ran("admin", "link").out.startswith("http://127.0.0.1:4711/login?token=")
