"""The configuration: every mistake at once, each with its path and what was probably meant."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest

from bridge import config, reading
from bridge.config import ConfigError, load, read_api_key
from bridge.core.policy import Mode, OnNoMatch, Policy
from bridge.ports import GroupGrant, TargetSettings

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "config.example.toml"
MAIN = """
[targets.main]
organization_id = "01900000-0000-7000-8000-000000000000"
api_key_env = "POSTHOG_API_KEY"
"""
OKTA = """
[connections.okta]
kind = "okta"
targets = ["main"]
"""
GROUP_ALONE = '\n[[connections.okta.groups]]\nname = "x"\n'
GROUP = OKTA + GROUP_ALONE


def problems(tmp_path, text: str, environ: dict[str, str] | None = None) -> tuple[str, ...]:
    file = tmp_path / "config.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(file, tmp_path / "data", environ or {})
    return tuple(problem.replace(f"{file}: ", "") for problem in caught.value.problems)


def settings(tmp_path, text: str, environ: dict[str, str] | None = None) -> config.Settings:
    file = tmp_path / "config.toml"
    file.write_text(text)
    return load(file, tmp_path / "data", environ or {})


def test_the_example_loads_and_says_the_defaults(tmp_path):
    loaded = load(EXAMPLE, tmp_path, {})
    assert loaded.policies["main"] == Policy()
    assert loaded.server == config.Server()
    assert loaded.queue == config.Queue()


def test_the_example_documents_every_policy_key():
    text = EXAMPLE.read_text()
    assert [field.name for field in fields(Policy) if f"\n{field.name} = " not in text] == []


def test_without_configuration_there_is_a_sandbox(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    loaded = load(None, Path("data"), {})
    assert loaded.is_sandbox
    assert {c.kind: c.silent_after for c in loaded.connections.values()} == {"okta": None, "entra": None}
    assert loaded.policies["sandbox"].mode is Mode.ENFORCE
    assert loaded.policies["sandbox"].settle == timedelta(seconds=2)
    assert loaded.store.url == f"sqlite:///{tmp_path}/data/bridge.db"


def test_the_sandbox_names_the_organization_that_it_serves():
    from bridge.sandbox.people import ORGANIZATION_ID

    assert config.SANDBOX_ORGANIZATION == ORGANIZATION_ID


def test_a_config_file_in_the_folder_is_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_text(MAIN)
    assert not load(None, Path("data"), {}).is_sandbox


def test_all_mistakes_are_told_at_once_with_path_and_suggestion(tmp_path):
    told = problems(
        tmp_path,
        """
        [server]
        prot = 80
        [policy]
        settle = "2 weeks"
        max_share = 5
        mode = "enforced"
        protected = ["nobody"]
        [targets.main]
        organization_id = "acme"
        url = "http://posthog.example.com"
        api_key_env = "KEY"
        [connections.my_okta]
        kind = "okta"
        targets = ["mian"]
        """,
    )
    assert told == (
        'server.prot: there is no such key; did you mean "port"?',
        'policy.mode: must be one of "observe", "enforce", not "enforced"; did you mean "enforce"?',
        'policy.settle: must be a duration such as "60s", "5m", "24h" or "2d", not "2 weeks".',
        "policy.max_share: must be a share between 0 and 1 (0.05 is 5 %), not 5.",
        'policy.protected: "nobody" is not an e-mail address.',
        "targets.main.url: the API key would travel in clear text: use https.",
        "targets.main.organization_id: must be the organization's id, a UUID (PostHog: Settings, Organization).",
        "connections.my_okta: a name may hold only a-z, 0-9 and - (no underscore, no capitals).",
        'connections.my_okta.targets: there is no target "mian"; did you mean "main"?',
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (MAIN + '[notify]\nurls = ["x"]', "[notify]: this version does not act on it yet; take it out."),
        (MAIN + OKTA + "[connections.okta.groups]\nx = 1", "connections.okta.groups: must be a list of sections"),
        (MAIN + GROUP, "connections.okta.groups[1].project: say what leaving the group takes away: either"),
        (MAIN + GROUP + 'project = 1\nrole = "x"', "connections.okta.groups[1].project: say what"),
        (MAIN + GROUP + 'role = "analysts"', "connections.okta.groups[1].role: must be the role's id, a UUID"),
        (MAIN + GROUP + 'project = "web"', 'connections.okta.groups[1].project: must be a whole number, not "web".'),
        (MAIN + GROUP + 'project = 1\nnmae = "x"', 'groups[1].nmae: there is no such key; did you mean "name"?'),
        (
            MAIN + GROUP + 'project = 1\ntarget = "eu"',
            "groups[1].target: say at which of the connection's targets: main.",
        ),
        (MAIN + GROUP + "project = 1" + GROUP_ALONE + "project = 1", '"x" is mapped to project:1 twice.'),
        (MAIN + OKTA + GROUP_ALONE.replace('"x"', '""') + "project = 1", "groups[1].name: name the group"),
        (
            MAIN + OKTA.replace('"okta"', '"graph"'),
            'connections.okta.kind: must be one of "okta", "entra", "scim", not',
        ),
        (MAIN + OKTA + 'rate_limit = "24/s"', 'connections.okta.rate_limit: must be at least "25/s"'),
        (MAIN + OKTA + 'rate_limit = "fast"', 'connections.okta.rate_limit: must be at least "25/s"'),
        (MAIN + OKTA + 'silent_after = "soon"', "connections.okta.silent_after: must be a duration"),
        (MAIN + OKTA.replace("targets", "target"), "connections.okta.targets: name at least one target."),
        (MAIN + "[sever]\n", 'sever: there is no such key; did you mean "server"?'),
        (MAIN + 'api_key_file = "x"', "targets.main.api_key_env: say where the API key is: either"),
        (MAIN.replace("POSTHOG_API_KEY", "phx_abc"), "targets.main.api_key_env: this is the key itself"),
        (MAIN + 'url = "https://eu.posthog.com/api"', "targets.main.url: only scheme and host belong here"),
        (MAIN + 'url = "https://posthog.example.com/api"', "targets.main.url: only scheme and host belong here"),
        (
            MAIN + 'url = "https://posthog.example.com/a?b=1"',
            "targets.main.url: only scheme, host and path belong here",
        ),
        (
            MAIN + 'url = "http://posthog.example.com/a"',
            "targets.main.url: the API key would travel in clear text: use https.",
        ),
        (MAIN + 'ca_file = "/nowhere/ca.pem"', "targets.main.ca_file: /nowhere/ca.pem cannot be read: No such file"),
        (MAIN + f'ca_file = "{EXAMPLE}"', "config.example.toml holds no certificate in PEM form"),
        (MAIN + "[server]\nport = 70000", "server.port: must be between 0 and 65535, not 70000."),
        (MAIN + '[server]\ntrusted_proxy = ["here"]', 'server.trusted_proxy: "here" is not an address or network'),
        (MAIN + '[store]\nurl = "mysql://x"', "store.url: must begin with"),
        ("", "targets: no PostHog organization is named: add [targets.main]."),
        ("targets = 3", "targets: must hold named sections"),
        ("server = 3", "server: must be a section, not 3."),
    ],
)
def test_each_mistake_has_its_sentence(tmp_path, text, problem):
    assert problem in "\n".join(problems(tmp_path, text))


def test_no_problem_repeats_a_store_password(tmp_path):
    assert "hunter2" not in "\n".join(problems(tmp_path, MAIN + '[store]\nurl = "mysql://me:hunter2@host/x"'))


def test_broken_toml_is_one_sentence(tmp_path):
    (told,) = problems(tmp_path, "[server\n")
    assert "is not TOML" in told


def test_the_environment_overrides_and_is_named_when_it_is_wrong(tmp_path):
    environ = {
        "BRIDGE_SERVER__PORT": "9000",
        "BRIDGE_POLICY__PROTECTED": "Glass@Example.com, b@example.com",
        "BRIDGE_POLICY__WATCH_FIRST": "2m,1m",
        "BRIDGE_CONNECTIONS__OKTA_EU__KIND": "okta",
        "BRIDGE_CONNECTIONS__OKTA_EU__TARGETS": "main",
        "BRIDGE_CONNECTIONS__OKTA_EU__ON_NO_MATCH": "close",
        "BRIDGE_TARGETS__MAIN__LONGEST_STANDING_ADMIN": "true",
        "BRIDGE_HOME": "somebody else's",
    }
    loaded = settings(tmp_path, MAIN, environ)
    assert loaded.server.port == 9000
    assert loaded.policies["main"].protected == {"glass@example.com", "b@example.com"}
    assert loaded.policies["main"].watch_first == (timedelta(minutes=1), timedelta(minutes=2))
    assert loaded.policies["main"].longest_standing_admin
    assert loaded.connections["okta-eu"].on_no_match is OnNoMatch.CLOSE
    wrong = {"BRIDGE_SERVER__PORT": "http", "BRIDGE_QUEUE_WORKERS": "3"}
    assert problems(tmp_path, MAIN, wrong) == (
        "BRIDGE_QUEUE_WORKERS: section and key are parted by two underscores: BRIDGE_QUEUE__WORKERS.",
        'BRIDGE_SERVER__PORT: server.port: must be a whole number, not "http".',
    )


def test_a_configuration_may_come_from_the_environment_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    environ = {
        "BRIDGE_TARGETS__MAIN__ORGANIZATION_ID": "01900000-0000-7000-8000-000000000000",
        "BRIDGE_TARGETS__MAIN__API_KEY_FILE": "/run/secrets/key",
    }
    loaded = load(None, Path("data"), environ)
    assert not loaded.is_sandbox
    assert loaded.policies["main"].mode is Mode.OBSERVE


@pytest.mark.parametrize(
    ("text", "seconds"), [("60s", 60), ("5m", 300), ("24h", 86_400), ("2d", 172_800), ("0.5s", 0.5), ("0s", 0)]
)
def test_durations(tmp_path, text, seconds):
    loaded = settings(tmp_path, MAIN + f'[policy]\nsettle = "{text}"')
    assert loaded.policies["main"].settle == timedelta(seconds=seconds)


def test_a_watch_of_no_time_is_refused(tmp_path):
    assert "policy.watch_every" in problems(tmp_path, MAIN + '[policy]\nwatch_every = "0s"')[0]


def test_a_store_url_can_come_from_a_private_file(tmp_path):
    secret = tmp_path / "url"
    secret.write_text("postgresql+psycopg://me:secret@host/x\n")
    secret.chmod(0o600)
    assert settings(tmp_path, MAIN + f'[store]\nurl_file = "{secret}"').store.url.endswith("@host/x")
    secret.chmod(0o644)
    assert "chmod 600" in problems(tmp_path, MAIN + f'[store]\nurl_file = "{secret}"')[0]


def target(**where: str) -> TargetSettings:
    return TargetSettings(name="main", kind="posthog", url="https://x", organization_id="x", **where)


def test_the_key_is_read_from_the_environment_when_asked():
    assert read_api_key(target(api_key_env="K"), {"K": " phx_1\n"}) == "phx_1"
    with pytest.raises(ConfigError, match="the environment variable K is not set"):
        read_api_key(target(api_key_env="K"), {})


def test_the_key_file_must_be_private(tmp_path):
    file = tmp_path / "key"
    file.write_text("phx_2\n")
    file.chmod(0o640)
    assert read_api_key(target(api_key_file=str(file)), {}) == "phx_2"
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_api_key(target(api_key_file=str(file)), {})


def test_an_empty_or_missing_key_file_is_told(tmp_path):
    file = tmp_path / "key"
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_api_key(target(api_key_file=str(file)), {})
    file.touch(0o600)
    with pytest.raises(ConfigError, match="is empty"):
        read_api_key(target(api_key_file=str(file)), {})


def test_a_posthog_of_one_s_own_may_have_a_path_and_an_authority(tmp_path):
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text("-----BEGIN CERTIFICATE-----\n")
    text = MAIN + f'url = "https://posthog.example.com/analytics/"\nca_file = "{ca_file}"'
    found = settings(tmp_path, text).targets["main"]
    assert found.url == "https://posthog.example.com/analytics"
    assert (found.ca_file, found.is_self_hosted) == (str(ca_file), True)
    assert not settings(tmp_path, MAIN).targets["main"].is_self_hosted


def test_children_get_no_key_variable(tmp_path):
    loaded = settings(tmp_path, MAIN)
    assert config.without_keys(loaded, {"POSTHOG_API_KEY": "phx_1", "PATH": "/bin"}) == {"PATH": "/bin"}


def test_the_name_of_a_variable_is_that_of_its_key():
    assert reading.variable(("connections", "okta-eu", "kind")) == "BRIDGE_CONNECTIONS__OKTA_EU__KIND"


def test_a_group_may_be_mapped_to_projects_and_roles_at_the_targets_of_its_connection(tmp_path):
    second = MAIN.replace("targets.main", "targets.eu")
    role = "01900000-0000-7000-8000-0000000000AB"
    groups = f"""
        [[connections.okta.groups]]
        name = "Analysts"
        project = 42
        target = "main"
        [[connections.okta.groups]]
        name = "Analysts"
        role = "{role}"
        target = "eu"
    """
    loaded = settings(tmp_path, MAIN + second + OKTA.replace('["main"]', '["main", "eu"]') + groups)
    assert loaded.connections["okta"].groups == (
        GroupGrant(name="Analysts", target="main", scope="project:42"),
        GroupGrant(name="Analysts", target="eu", scope=f"role:{role.lower()}"),
    )
    assert settings(tmp_path, MAIN + GROUP + "project = 7").connections["okta"].groups == (
        GroupGrant(name="x", target="main", scope="project:7"),
    )


@pytest.mark.parametrize(
    ("text", "kind", "silent_after"),
    [
        ("", "entra", timedelta(hours=6)),
        ("", "okta", None),
        ("", "scim", None),
        ('silent_after = "36h"', "okta", timedelta(hours=36)),
        ('silent_after = ""', "entra", None),
    ],
)
def test_a_silent_provider_is_noticed_where_silence_means_something(tmp_path, text, kind, silent_after):
    loaded = settings(tmp_path, MAIN + OKTA.replace('"okta"', f'"{kind}"') + text)
    assert loaded.connections["okta"].silent_after == silent_after


def test_there_is_no_rate_limit_unless_it_is_asked_for(tmp_path):
    assert settings(tmp_path, MAIN + OKTA).connections["okta"].rate_limit == 0
    assert settings(tmp_path, MAIN + OKTA + 'rate_limit = "50/s"').connections["okta"].rate_limit == 50
