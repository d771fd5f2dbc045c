#!/usr/bin/env python3
"""Manages users of a running server with a generated client (package `openapi_client` on PYTHONPATH).

    manage_users.py BASE ADMIN      password in USERSD_PASSWORD, API key in USERSD_API_KEY
    manage_users.py BASE TOKEN KEY

Does everything twice: with a bearer token and with an API key, users and admins alike; makes and uses API keys; signs
a user in on his own side and ends his session. Every write is read back. Exits 1 on the first expectation that fails.
"""

import json
import os
import secrets
import sys

import openapi_client
from openapi_client import models
from openapi_client.rest import ApiException

PREFIX = "/api/v2"
TIMEOUT = 20.0


def token_of(base, admin, password):
    """A bearer token, got with the generated client too."""
    configuration = openapi_client.Configuration(host=base + PREFIX, username=admin, password=password)
    with openapi_client.ApiClient(configuration) as client:
        token = openapi_client.TokenApi(client).get_token(_request_timeout=TIMEOUT)
    assert token.access_token.count(".") == 2, "a token is a JWT"
    assert token.expires_at.endswith("Z"), token.expires_at
    return token.access_token


def fails(status, call, *arguments, **named):
    """Asserts that a call is refused with this status, and answers what the client made of the body."""
    try:
        call(*arguments, _request_timeout=TIMEOUT, **named)
    except ApiException as refusal:
        assert refusal.status == status, f"{refusal.status} instead of {status}: {refusal.body}"
        return refusal
    raise AssertionError(f"{call.__name__} was not refused with {status}")


def new_user(name):
    """A user with something of every kind: maps, lists of words, objects, lists of objects, secrets."""
    return models.User(
        username=name,
        status=1,
        password="correct horse battery staple",
        email=f"{name}@example.com",
        home_dir=f"/srv/clients/{name}",
        uid=9999999999,
        max_sessions=3,
        quota_size=2**40,
        permissions={"/": ["list", "download"], "/in": ["upload", "create_dirs"], "/own": ["*"], "/shut": []},
        description="made by a generated client",
        filters=models.UserFilters(
            allowed_ip=["10.0.0.0/8", "2001:db8::/32"],
            denied_protocols=["FTP", "DAV"],
            denied_login_methods=["publickey"],
            web_client=["shares-disabled"],
            two_factor_protocols=["HTTP"],
            hooks=models.Hooks(pre_login_disabled=True),
            file_patterns=[models.FilePattern(path="/in", denied_patterns=["*.exe"], deny_policy=1)],
            bandwidth_limits=[models.BandwidthLimit(sources=["192.0.2.0/24"], upload_bandwidth=64)],
            access_time=[models.AccessTime(day_of_week=1, **{"from": "08:00"}, to="18:30")],
            start_directory="/in",
            tls_username="CommonName",
        ),
        filesystem=models.FilesystemConfig(
            provider=1,
            s3config=models.S3Config(
                bucket="files",
                region="eu-west-1",
                access_key="AKIA",
                access_secret=models.Secret(status="Plain", payload="not to be seen"),
            ),
        ),
    )


def assert_as_sent(sent, shown):
    """Asserts that what was sent is shown: all but the password and the secret, which is encrypted."""
    assert shown.id > 0 and shown.created_at > 0 and shown.updated_at >= shown.created_at
    assert shown.has_password is True and shown.password is None
    for member in ("username", "status", "email", "home_dir", "uid", "max_sessions", "quota_size", "description"):
        assert getattr(shown, member) == getattr(sent, member), member
    assert shown.permissions == sent.permissions, shown.permissions
    expected = sent.filters.to_dict()
    expected["hooks"] = {**dict.fromkeys(("external_auth_disabled", "check_password_disabled"), False),
                         **expected["hooks"]}
    expected["totp_config"] = {"secret": {}}
    assert shown.filters.to_dict() == expected, shown.filters.to_dict()
    config = shown.filesystem
    assert config.provider == 1 and config.s3config.bucket == "files"
    secret = config.s3config.access_secret
    assert secret.status == "Secretbox" and secret.key is None and "not to be seen" not in secret.payload
    for other in ("osconfig", "gcsconfig", "azblobconfig", "cryptconfig", "sftpconfig", "httpconfig"):
        assert getattr(config, other).to_dict() == {}, other


def hash_of(users, name):
    """The stored hash of the password: shown to those who may see confidential data."""
    shown = users.get_user_by_username(name, confidential_data=1, _request_timeout=TIMEOUT).password
    assert shown and "correct horse" not in shown
    return shown


def add(users, name):
    user = new_user(name)
    answer = users.add_user_with_http_info(user, _request_timeout=TIMEOUT)
    assert answer.status_code == 201, answer.status_code
    headers = {key.lower(): value for key, value in answer.headers.items()}
    assert headers["location"] == f"{PREFIX}/users/{name}", headers
    assert_as_sent(user, answer.data)
    shown = users.get_user_by_username(name, _request_timeout=TIMEOUT)
    assert_as_sent(user, shown)
    again = models.User.from_json(shown.to_json())
    assert again == shown and json.loads(again.to_json()) == shown.to_dict()
    fails(409, users.add_user, new_user(name))
    fails(400, users.add_user, models.User(username=f"{name}x", home_dir="/srv/x", permissions={"/": ["fly"]}))
    return shown


def find(users, name):
    """The user in the list, which is read page by page, from its end too."""
    names, offset = [], 0
    while page := users.get_users(offset=offset, limit=500, order="ASC", _request_timeout=TIMEOUT):
        names += [user.username for user in page]
        offset += len(page)
    assert names.count(name) == 1 and names == sorted(names, key=str.encode), names
    first = users.get_users(limit=1, order="DESC", _request_timeout=TIMEOUT)
    assert [user.username for user in first] == names[-1:]
    assert users.get_users(_request_timeout=TIMEOUT)[0].permissions is not None


def update(users, name, shown):
    """Sends back what was read with changes: what is not changed stays, password and secret too."""
    before = hash_of(users, name)
    secret = shown.filesystem.s3config.access_secret.payload
    shown.permissions["/in"] = ["*"]
    shown.permissions.pop("/shut")
    shown.filters.denied_protocols = ["SSH"]
    shown.description = "changed"
    answer = users.update_user(name, shown, disconnect=1, _request_timeout=TIMEOUT)
    assert answer.message == "User updated" and answer.error is None, answer
    changed = users.get_user_by_username(name, _request_timeout=TIMEOUT)
    assert changed.permissions == {"/": ["list", "download"], "/in": ["*"], "/own": ["*"]}, changed.permissions
    assert changed.filters.denied_protocols == ["SSH"] and changed.filters.allowed_ip == shown.filters.allowed_ip
    assert changed.description == "changed" and changed.id == shown.id
    assert changed.filesystem.s3config.access_secret.payload == secret, "a secret sent back is kept"
    assert hash_of(users, name) == before, "a password left out is kept"
    changed.password = "another horse, another staple"
    users.update_user(name, changed, _request_timeout=TIMEOUT)
    assert hash_of(users, name) != before, "a password sent is set"
    fails(404, users.update_user, f"{name}-nobody", changed)


def reset(users, name):
    """The public operations: refused for good reasons, not for want of credentials."""
    request = models.AdminResetPasswordRequest(code="2" * 22, password="a third horse, a third staple")
    refusal = fails(400, users.user_reset_password, name, request)
    assert json.loads(refusal.body).get("error"), refusal.body
    refusal = fails(400, users.disable_user2fa, name)
    assert json.loads(refusal.body)["message"] == "two-factor authentication is not enabled"


def delete(users, name):
    answer = users.delete_user(name, _request_timeout=TIMEOUT)
    assert answer.message == "User deleted", answer
    refusal = fails(404, users.get_user_by_username, name)
    assert json.loads(refusal.body) == {"error": "Not Found", "message": ""}, refusal.body
    fails(404, users.delete_user, name)


def manage(configuration, how):
    """The life of a user, with one kind of credentials."""
    name = f"client-{secrets.token_hex(6)}"
    with openapi_client.ApiClient(configuration) as client:
        users = openapi_client.UsersApi(client)
        try:
            shown = add(users, name)
            find(users, name)
            update(users, name, shown)
            reset(users, name)
        except BaseException:
            # The next run shall find the server as this one did; the first failure is the one to show.
            try:
                users.delete_user(name, _request_timeout=TIMEOUT)
            except ApiException as late:
                print(f"{name} is left behind: {late.status}", file=sys.stderr)
            raise
        delete(users, name)
        version = openapi_client.VersionApi(client).get_version(_request_timeout=TIMEOUT)
        print(f"  users managed by {how}, server version {version.version}")


def manage_admins(configuration, how):
    """The life of an admin, with one kind of credentials."""
    name = f"client-{secrets.token_hex(6)}"
    with openapi_client.ApiClient(configuration) as client:
        admins = openapi_client.AdminsApi(client)
        draft = models.Admin(username=name, status=1, password="correct horse battery staple",
                             permissions=["view_users"], email=f"{name}@example.com",
                             filters=models.AdminFilters(allow_list=["127.0.0.0/8"]))
        answer = admins.add_admin_with_http_info(draft, _request_timeout=TIMEOUT)
        assert answer.status_code == 201, answer.status_code
        try:
            shown = admins.get_admin_by_username(name, _request_timeout=TIMEOUT)
            assert shown == answer.data and shown.password is None and shown.permissions == ["view_users"], shown
            assert shown.filters.allow_list == ["127.0.0.0/8"], shown.filters
            assert name in [admin.username for admin in admins.get_admins(limit=500, _request_timeout=TIMEOUT)]
            fails(409, admins.add_admin, draft)
            shown.permissions = ["view_users", "add_users"]
            changed = admins.update_admin(name, shown, _request_timeout=TIMEOUT)
            assert changed.message == "Admin updated", changed
            shown = admins.get_admin_by_username(name, _request_timeout=TIMEOUT)
            assert shown.permissions == ["view_users", "add_users"] and shown.email == f"{name}@example.com", shown
            fails(400, admins.disable_admin2fa, name)
            # A password left out is kept: it signs in, and opens what the permissions say.
            token = token_of(configuration.host[: -len(PREFIX)], name, "correct horse battery staple")
            own = openapi_client.Configuration(host=configuration.host, access_token=token)
            with openapi_client.ApiClient(own) as other:
                openapi_client.UsersApi(other).get_users(_request_timeout=TIMEOUT)
                fails(403, openapi_client.AdminsApi(other).get_admins)
        finally:
            removed = admins.delete_admin(name, _request_timeout=TIMEOUT)
        assert removed.message == "Admin deleted", removed
        fails(404, admins.get_admin_by_username, name)
    print(f"  admins managed by {how}")


def manage_keys(configuration, key):
    """The life of an API key: made by who signed in, never by another key."""
    host = configuration.host
    with openapi_client.ApiClient(openapi_client.Configuration(host=host, api_key={"APIKeyAuth": key})) as client:
        # The description offers no key here, so the client sends none by itself.
        client.set_default_header("X-SFTPGO-API-KEY", key)
        fails(403, openapi_client.ApiKeysApi(client).get_api_keys)
    with openapi_client.ApiClient(configuration) as client:
        keys, users = openapi_client.ApiKeysApi(client), openapi_client.UsersApi(client)
        name = f"client-{secrets.token_hex(6)}"
        user = new_user(name)
        user.filters.two_factor_protocols, user.filters.allow_api_key_auth = None, True
        users.add_user(user, _request_timeout=TIMEOUT)
        try:
            answer = keys.add_api_key_with_http_info(
                models.ApiKey(name=name, scope=2, user=name), _request_timeout=TIMEOUT)
            headers = {header.lower(): value for header, value in answer.headers.items()}
            made, key_id = answer.data, headers["x-object-id"]
            assert answer.status_code == 201 and made.key.startswith(f"{key_id}."), key_id
            shown = keys.get_api_key_by_id(key_id, _request_timeout=TIMEOUT)
            assert (shown.name, shown.scope, shown.user) == (name, 2, name), shown
            assert made.key.split(".")[1] not in shown.to_json()
            assert key_id in [one.id for one in keys.get_api_keys(limit=500, _request_timeout=TIMEOUT)]
            shown.description = "changed"
            assert keys.update_api_key(key_id, shown, _request_timeout=TIMEOUT).message == "API key updated"
            assert keys.get_api_key_by_id(key_id, _request_timeout=TIMEOUT).description == "changed"
            # A key of a user opens nothing on the admins' side.
            of_user = openapi_client.Configuration(host=host, api_key={"APIKeyAuth": made.key})
            with openapi_client.ApiClient(of_user) as other:
                fails(403, openapi_client.UsersApi(other).get_users)
            assert keys.delete_api_key(key_id, _request_timeout=TIMEOUT).message == "API key deleted"
            fails(404, keys.get_api_key_by_id, key_id)
        finally:
            users.delete_user(name, _request_timeout=TIMEOUT)
    print("  API keys managed by token")


def sign_a_user_in(configuration):
    """A user on his own side, by name and password, then by the token; and the end of his session."""
    host, name = configuration.host, f"client-{secrets.token_hex(6)}"
    with openapi_client.ApiClient(configuration) as client:
        users, connections = openapi_client.UsersApi(client), openapi_client.ConnectionsApi(client)
        user = models.User(username=name, status=1, password="correct horse battery staple",
                           home_dir=f"/srv/clients/{name}", permissions={"/": ["*"]})
        users.add_user(user, _request_timeout=TIMEOUT)
        try:
            basic = openapi_client.Configuration(host=host, username=name, password="correct horse battery staple")
            with openapi_client.ApiClient(basic) as other:
                token = openapi_client.UserTokenApi(other).get_user_token(_request_timeout=TIMEOUT)
            basic.password = "wrong"
            with openapi_client.ApiClient(basic) as other:
                fails(401, openapi_client.UserTokenApi(other).get_user_token)
            bearer = openapi_client.Configuration(host=host, access_token=token.access_token)
            with openapi_client.ApiClient(bearer) as other:
                own = openapi_client.UserSelfApi(other)
                assert own.get_user_profile(_request_timeout=TIMEOUT).email is None
                mine = [one for one in connections.get_connections(_request_timeout=TIMEOUT) if one.username == name]
                assert len(mine) == 1 and mine[0].protocol == "HTTP", mine
                closed = connections.close_connection(mine[0].connection_id, _request_timeout=TIMEOUT)
                assert closed.message == "Connection closed", closed
                fails(401, own.get_user_profile)
        finally:
            users.delete_user(name, _request_timeout=TIMEOUT)
    print("  a user signed in by name and password, and was signed out")


def main(arguments):
    if len(arguments) == 2:
        base, admin = arguments
        token, key = token_of(base, admin, os.environ["USERSD_PASSWORD"]), os.environ["USERSD_API_KEY"]
    elif len(arguments) == 3:
        base, token, key = arguments
    else:
        raise SystemExit(__doc__)
    host = base.rstrip("/") + PREFIX
    by_token = openapi_client.Configuration(host=host, access_token=token)
    for configuration, how in (
        (by_token, "token"),
        (openapi_client.Configuration(host=host, api_key={"APIKeyAuth": key}), "API key"),
    ):
        manage(configuration, how)
        manage_admins(configuration, how)
    manage_keys(by_token, key)
    sign_a_user_in(by_token)
    nobody = openapi_client.Configuration(host=host)
    with openapi_client.ApiClient(nobody) as client:
        fails(401, openapi_client.UsersApi(client).get_users)
    print("  without credentials: refused")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
