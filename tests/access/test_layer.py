"""The layer around the routes: who comes in, how often, over how many replicas, and what answers carry."""

import asyncio

import httpx
import pytest
from fastapi.responses import StreamingResponse

from cluster.access.keys import Role
from cluster.access.sql_store import SqlKeys
from cluster.database import database_url
from deployments.problems import MEDIA_TYPE
from naviyam.clock import SystemClock
from tests.access.conftest import app_of, clients_of, make_key

CHAT = {"user_id": "u_kid"}


def over(app, story, **more):
    async def inside():
        async with clients_of(app, **more) as (client,):
            return await story(client)

    return asyncio.run(inside())


def test_a_user_is_limited_and_told_when_to_come_back(settings_of):
    counted = []
    app = app_of(settings_of(access={"user_chats": {"requests": 3}}), counted=counted.append)

    async def story(client):
        for left in (2, 1, 0):
            answer = await client.post("/chat", json=CHAT)
            assert answer.status_code == 200
            assert f'"user_chats";r={left};t=' in answer.headers["ratelimit"]
            assert '"user_chats";q=3;w=60' in answer.headers["ratelimit-policy"]
            assert '"address_requests";r=' in answer.headers["ratelimit"]
        refused = await client.post("/chat", json=CHAT)
        assert refused.status_code == 429
        assert refused.headers["content-type"] == MEDIA_TYPE
        assert refused.json()["code"] == "rate_limited"
        assert 19 <= int(refused.headers["retry-after"]) <= 20
        assert '"user_chats";r=0;t=' in refused.headers["ratelimit"]
        assert refused.headers["x-content-type-options"] == "nosniff"
        other = await client.post("/chat", json={"user_id": "u_other"})
        assert other.status_code == 200
        assert counted == ["limit_user_chats"]

    over(app, story)


def test_addresses_are_limited_only_where_they_are_known(settings_of):
    app = app_of(settings_of(access={"address_requests": {"requests": 2}}))

    async def known(client):
        codes = [(await client.get("/shops/one")).status_code for _ in range(3)]
        assert codes == [200, 200, 429]
        assert (await client.get("/healthz")).status_code == 200, "probes are not counted"

    async def behind_a_proxy(client):
        for _ in range(4):
            assert (await client.get("/shops/one")).status_code == 200
        said = {"X-Forwarded-For": "198.51.100.7"}
        codes = [(await client.get("/shops/one", headers=said)).status_code for _ in range(3)]
        assert codes == [200, 200, 429]

    over(app, known)
    over(app, behind_a_proxy, peer="127.0.0.1")


def test_keys_where_the_service_is_closed(settings_of):
    settings = settings_of(access={"clients": "key", "key_requests": {"requests": 2}})
    app, key = app_of(settings), make_key(settings, "school-app")

    async def story(client):
        refused = await client.get("/shops/one")
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
        assert refused.headers["www-authenticate"] == "Bearer"
        assert (await client.get("/nothing")).status_code == 401
        assert (await client.get("/healthz")).status_code == 200
        codes = [(await client.get("/shops/one", headers=key)).status_code for _ in range(3)]
        assert codes == [200, 200, 429]
        wrong = {"Authorization": "Bearer nv_wrong"}
        assert (await client.get("/shops/one", headers=wrong)).status_code == 401

    over(app, story)


def test_an_admin_is_not_limited_and_a_client_is_no_admin(settings_of):
    settings = settings_of(access={"user_chats": {"requests": 1}, "key_requests": {"requests": 1}})
    app = app_of(settings)
    admin, client_key = make_key(settings, "kim", Role.ADMIN), make_key(settings, "school-app")

    async def story(client):
        for _ in range(3):
            assert (await client.post("/chat", json=CHAT, headers=admin)).status_code == 200
        me = (await client.get("/admin/me", headers=admin)).json()
        assert me == {"name": "kim", "role": "admin"}
        refused = await client.get("/admin/me", headers=client_key)
        assert refused.status_code == 403
        assert "school-app" in refused.json()["detail"]

    over(app, story)


def test_what_a_server_shares_between_requests_carries_no_caller(settings_of):
    """A server may hand every request the state of its lifespan."""
    settings = settings_of()
    app, admin = app_of(settings), make_key(settings, "kim", Role.ADMIN)
    shared = {}

    async def same_state(scope, receive, send):
        await app({**scope, "state": shared}, receive, send)

    async def story(client):
        assert (await client.get("/admin/me", headers=admin)).status_code == 200
        assert not shared
        assert (await client.get("/admin/me")).status_code == 401

    over(same_state, story)


def test_completions_need_a_key_and_speak_openai(settings_of):
    settings = settings_of(access={"key_completions": {"requests": 1}})
    app, key = app_of(settings), make_key(settings, "team")

    async def story(client):
        refused = await client.get("/v1/models")
        assert refused.status_code == 401
        assert refused.json()["error"]["code"] == "invalid_api_key"
        assert (await client.get("/v1/models", headers=key)).status_code == 200
        limited = await client.get("/v1/models", headers=key)
        assert limited.status_code == 429
        assert limited.json()["error"]["type"] == "rate_limit_error"
        assert int(limited.headers["retry-after"]) >= 1

    over(app, story)


def test_answers_carry_security_headers(settings_of):
    app = app_of(settings_of(access={"hsts_max_age_s": 600}))

    async def story(client):
        answer = await client.post("/chat", json=CHAT)
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "strict-transport-security" not in answer.headers
        secure = await client.post("/chat", json=CHAT, headers={"X-Forwarded-Proto": "https"})
        assert secure.headers["strict-transport-security"].startswith("max-age=600")
        assert "cache-control" not in (await client.get("/shops/one")).headers
        page = await client.get("/docs")
        assert "default-src" not in page.headers["content-security-policy"]
        assert (await client.get("/shops/one")).headers.get("access-control-allow-origin") is None

    over(app, story)


def test_an_error_nobody_foresaw_carries_them_too(settings_of):
    app = app_of(settings_of())

    @app.get("/broken")
    async def broken():
        raise RuntimeError("secret")

    async def inside():
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            answer = await client.get("/broken")
        assert (answer.status_code, answer.json()["code"]) == (500, "internal")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "secret" not in answer.text

    asyncio.run(inside())


def test_other_origins_may_call_where_they_are_named(settings_of):
    origin = "https://app.example"
    settings = settings_of(access={"cors_origins": [origin], "clients": "key"})

    async def story(client):
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        allowed = await client.options("/chat", headers=asked)
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == origin
        refused = await client.get("/shops/one", headers={"Origin": origin})
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == origin, "the page may read why"
        assert "Retry-After" in refused.headers["access-control-expose-headers"]
        foreign = {**asked, "Origin": "https://evil.example"}
        assert (await client.options("/chat", headers=foreign)).status_code == 400

    over(app_of(settings), story)


def test_a_body_is_bounded_whether_its_length_is_told_or_not(settings_of):
    async def chunks():
        for _ in range(30):
            yield b"x" * 100

    async def story(client):
        for path, part in (("/chat", "code"), ("/v1/models", "error")):
            told = await client.post(path, content=b"x" * 2_000, headers=key)
            chunked = await client.post(path, content=chunks(), headers=key)
            assert (told.status_code, chunked.status_code) == (413, 413)
            assert part in told.json()

    settings = settings_of()
    key = make_key(settings, "school-app")
    over(app_of(settings), story)


def test_a_stream_leaves_piece_by_piece(settings_of):
    app = app_of(settings_of())
    gate = asyncio.Event()

    @app.get("/stream")
    async def stream():
        async def pieces():
            yield "first"
            await gate.wait()
            yield "second"

        return StreamingResponse(pieces())

    async def inside():
        sent = []
        scope = {
            "type": "http", "method": "GET", "path": "/stream", "raw_path": b"/stream",
            "query_string": b"", "headers": [], "client": ("203.0.113.5", 1), "scheme": "http",
            "server": ("test", 80), "http_version": "1.1", "root_path": "",
        }  # fmt: skip
        waiting = asyncio.Event()

        async def receive():
            await waiting.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            sent.append(message.get("body"))

        task = asyncio.ensure_future(app(scope, receive, send))
        while b"first" not in sent:
            await asyncio.sleep(0)
        assert b"second" not in sent
        gate.set()
        await task
        assert b"second" in sent

    asyncio.run(inside())


@pytest.mark.parametrize("replicas", [2, 4])
@pytest.mark.parametrize("where", ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def test_replicas_share_a_users_quota(settings_of, request, replicas, where):
    """A flood over all of them: never more than the quota and the stated credit of the others."""
    sections = {
        "serving": {"ingress": {"max_replicas": replicas}},
        "access": {"user_chats": {"requests": 20, "window_s": 3_600}, "sync_s": 0.1},
    }
    if where == "postgres":
        sections["jobs"] = {"database": request.getfixturevalue("postgres")}
    settings = settings_of(**sections)
    apps = [app_of(settings) for _ in range(replicas)]

    async def flood():
        async with clients_of(*apps) as clients:
            rounds = [
                asyncio.gather(*(c.post("/chat", json=CHAT) for c in clients for _ in range(5)))
                for _ in range(4)
            ]
            answers = [a for each in rounds for a in await each]
            for _ in range(100):
                await asyncio.sleep(0.1)
                late = await asyncio.gather(*(c.post("/chat", json=CHAT) for c in clients))
                if all(a.status_code == 429 for a in late):
                    break
        return [a.status_code for a in answers], [a.status_code for a in late]

    codes, late = asyncio.run(flood())
    assert set(codes) <= {200, 429}
    assert 20 <= codes.count(200) <= 20 + (replicas - 1) * 2
    assert set(late) == {429}, "every replica knows by now"


def test_a_revoked_key_is_refused_by_every_replica(settings_of):
    settings = settings_of(access={"key_refresh_s": 0.05, "clients": "key"})
    apps, key = [app_of(settings) for _ in range(2)], make_key(settings, "school-app")

    async def story():
        async with clients_of(*apps) as clients:
            for client in clients:
                assert (await client.get("/shops/one", headers=key)).status_code == 200
            now = SystemClock().now()
            SqlKeys(database_url(settings)).revoke("school-app", by="lee", at=now)
            for client in clients:
                for _ in range(100):
                    await asyncio.sleep(0.1)
                    refused = await client.get("/shops/one", headers=key)
                    if refused.status_code != 200:
                        break
                assert refused.status_code == 401
                assert "revoked" in refused.json()["detail"]

    asyncio.run(story())
