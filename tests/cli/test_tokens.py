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
    refused = ran("token", "create", "okta").err
    assert "okta has 2 live tokens, and may have no more" in refused
    assert "`token revoke ID` makes room" in refused
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
    assert "is neither a duration such as" in ran("token", "create", "okta", "--expires", "soon").err
    for wrong in ("0d", "2026-11-20", "2026-02-30", "99999999999d"):
        assert ran("token", "create", "okta", "--expires", wrong).status == 2


def test_the_base_url_is_that_of_the_run_that_works(ran, tmp_path):
    (tmp_path / "run.json").write_text('{"url": "http://127.0.0.1:4711"}')
    assert "http://127.0.0.1:4711/scim/v2/okta" in ran("token", "create", "okta").err
    assert ran("admin", "link").out.startswith("http://127.0.0.1:4711/login?token=")


def test_a_token_may_end_on_a_day(ran):
    ran("token", "create", "okta", "--expires", "2027-06-30")

    assert ran("token", "list", "--json").json[0]["expires_at"] == "2027-06-30T00:00:00.000Z"


def test_a_token_that_ends_soon_is_told_of_in_the_list_the_status_and_the_check(ran, clock):
    ran("token", "create", "okta", "--expires", "40d")
    assert ran("status").status == 0
    clock.advance(days=11)

    for words in (("token", "list"), ("token", "list", "okta"), ("status",), ("check",)):
        told = ran(*words)
        assert "okta: token 1 ends in 29 d" in told.said
        assert "`token create okta`, paste it at the identity provider, then `token revoke 1`." in told.said
    assert "ends in 29 d" not in ran("token", "list", "entra").said
    assert ran("status").status == 1


def test_the_status_says_when_each_provider_last_called(ran, bridge, clock):
    clear = ran("token", "create", "entra").out.strip()
    with bridge.db.write() as tx:
        tokens.note_use(tx, tokens.digest(clear), clock.now())
    clock.advance(hours=2)

    assert "entra last call 2 h ago, no change yet" in ran("status").said
    assert "okta never heard from" in ran("status").said
    found = ran("status", "--json").json["connections"]
    assert found["entra"]["last_call_at"] == "2026-11-20T09:00:00.000Z"
    assert (found["entra"]["live_tokens"], found["entra"]["last_token_ends_at"]) == (1, None)
    assert found["okta"]["live_tokens"] == 0


def test_an_operators_token_is_for_the_api_and_listed_as_theirs(ran):
    told = ran("token", "create", "--operator", "lea@example.com")

    assert told.status == 0
    assert told.out.startswith("operator-")
    assert "/api/v1, deciding as operator:lea@example.com" in told.err
    assert "operator:lea@example.com" in ran("token", "list").said


def test_a_token_is_either_a_connections_or_an_operators(ran):
    assert ran("token", "create").status == 2
    assert ran("token", "create", "okta", "--operator", "lea").status == 2
    assert ran("token", "create", "--operator", "a b").status == 2
    assert ran("token", "create", "--operator", "a" * 56).status == 2  # longer than its column


def test_whoever_revokes_an_operators_last_token_is_told_who_is_locked_out(ran):
    ran("token", "create", "--operator", "lea")

    assert "operator:lea has no live token now: its programs are locked out." in ran("token", "revoke", "1").said
