"""Register, sign in, refresh, sign out."""

from __future__ import annotations

import unicodedata

import jwt
import pytest

from tests.parts.client import PASSWORD, Api, Player, fresh_name
from tests.parts.product import Product


def test_registering_signs_in_and_shows_a_new_player(api: Api) -> None:
    name = fresh_name()
    answer = api.post("/auth/register", {"username": name, "password": PASSWORD})
    assert answer.status == 201
    assert set(answer.data) == {"user", "access_token", "refresh_token", "token_type", "expires_in"}
    assert answer.data["token_type"] == "Bearer"
    assert answer.data["expires_in"] > 0
    assert answer.data["user"]["username"] == name
    me = Player(api, name, PASSWORD, answer.data).me()
    assert me == {
        "user_id": answer.data["user"]["user_id"],
        "username": name,
        "role": "player",
        "status": "active",
        "score": 0,
        "rank": None,
    }


def test_signing_in_answers_the_same_shape(api: Api, anna: Player) -> None:
    answer = api.post("/auth/login", {"username": anna.username, "password": PASSWORD})
    assert answer.status == 200
    assert set(answer.data) == set(anna.signed_in)
    assert answer.data["user"] == anna.signed_in["user"]


def test_no_answer_ever_shows_a_password(api: Api, anna: Player) -> None:
    assert PASSWORD not in api.post("/auth/login", {"username": anna.username, "password": PASSWORD}).text
    assert "argon2" not in anna.get("/me").text


def test_an_unknown_name_and_a_wrong_password_look_the_same(api: Api, anna: Player) -> None:
    wrong = api.post("/auth/login", {"username": anna.username, "password": "not the password"})
    unknown = api.post("/auth/login", {"username": fresh_name(), "password": "not the password"})
    assert wrong.refusal == unknown.refusal == (401, "invalid_credentials")
    assert wrong.body["error"] == unknown.body["error"]


@pytest.mark.parametrize("name", ["", "ab", "x" * 33, "a\u0000b", "a\nb", "new\u200bline", "a\x7fbc"])
def test_a_name_that_is_too_short_too_long_or_not_printable_is_refused(api: Api, name: str) -> None:
    answer = api.post("/auth/register", {"username": name, "password": PASSWORD})
    assert answer.refusal == (422, "invalid_request")
    assert answer.fields == {"username"}


def test_names_of_3_and_32_characters_are_welcome(api: Api) -> None:
    long = fresh_name().ljust(32, "x")
    assert api.register(long).me()["username"] == long
    short = "".join(chr(0x4E00 + int(part, 16) % 20000) for part in (long[2:6], long[4:8], long[6:10]))
    assert len(api.register(short).username) == 3


def test_a_name_is_counted_in_characters_not_bytes(api: Api) -> None:
    name = (fresh_name() + "\u4e2d" * 32)[:32]
    assert api.register(name).me()["username"] == name


def test_a_name_is_unique_without_regard_to_case(api: Api) -> None:
    anna = api.register(fresh_name("Anna"))
    for variant in (anna.username, anna.username.upper(), anna.username.lower()):
        answer = api.post("/auth/register", {"username": variant, "password": PASSWORD})
        assert answer.refusal == (409, "username_taken")


@pytest.mark.parametrize(
    ("first", "second"),
    [("\u00c4RGER", "\u00e4rger"), ("STRASSE", "stra\u00dfe"), ("\u03a3\u0399\u03a3", "\u03c3\u03b9\u03c2"),
     ("\u0416\u0423\u041a", "\u0436\u0443\u043a")],
)  # fmt: skip
def test_case_does_not_count_beyond_ascii_either(api: Api, first: str, second: str) -> None:
    tail = fresh_name("")
    api.register(first + tail)
    answer = api.post("/auth/register", {"username": second + tail, "password": PASSWORD})
    assert answer.refusal == (409, "username_taken")


def test_a_name_is_normalised_so_that_look_alikes_are_one(api: Api) -> None:
    tail = fresh_name("")
    wide = "\uff21\ufb01e\u0301" + tail
    player = api.register(wide)
    assert player.me()["username"] == unicodedata.normalize("NFKC", wide)
    answer = api.post("/auth/register", {"username": "afi\u00e9" + tail, "password": PASSWORD})
    assert answer.refusal == (409, "username_taken")


@pytest.mark.parametrize("tail", ["\ufe0f", "\u034f", "\u180b", "\u3164", "\U000e0100"])
def test_a_name_with_something_invisible_is_the_name_without_it(api: Api, anna: Player, tail: str) -> None:
    answer = api.post("/auth/register", {"username": anna.username + tail, "password": PASSWORD})
    assert answer.refusal == (409, "username_taken")
    assert api.login(anna.username + tail).user_id == anna.user_id


@pytest.mark.parametrize("name", ["admin", "System", "Fairboard", "\u0430dmin", "Fairboard Support"])
def test_a_reserved_name_is_taken(api: Api, name: str) -> None:
    answer = api.post("/auth/register", {"username": name, "password": PASSWORD})
    assert answer.refusal == (409, "username_taken")


def test_a_look_alike_is_taken_and_another_number_is_not(api: Api) -> None:
    tail = fresh_name("")
    api.register("Nina" + tail)
    for look_alike in ("N\u0456na", "\u039dina", "N1NA"):
        answer = api.post("/auth/register", {"username": look_alike + tail, "password": PASSWORD})
        assert answer.refusal == (409, "username_taken")
    api.register("Nina2" + tail)
    api.register("Nina3" + tail)


@pytest.mark.parametrize(
    "name", ["\u3164\u3164\u3164", "\u2800\u2800\u2800", "a\u0301\u0302\u0303bc", "\ufe0f\ufe0f\ufe0f"]
)
def test_a_name_that_cannot_be_seen_or_piles_up_is_refused(api: Api, name: str) -> None:
    answer = api.post("/auth/register", {"username": name, "password": PASSWORD})
    assert answer.refusal == (422, "invalid_request")
    assert answer.fields == {"username"}


def test_emoji_families_are_welcome(api: Api) -> None:
    name = "\U0001f469\u200d\U0001f469\u200d\U0001f467\u2764\ufe0f" + fresh_name("")
    assert api.register(name).me()["username"] == name


def test_guessing_gets_slow_and_the_right_password_does_not_help_then(api: Api, anna: Player) -> None:
    wrong = {"username": anna.username, "password": "wrong password"}
    assert [api.post("/auth/login", wrong).status for _ in range(6)] == [401] * 5 + [429]
    answer = api.post("/auth/login", {"username": anna.username, "password": PASSWORD})
    assert answer.refusal == (429, "rate_limited")
    assert 1 <= int(answer.headers["Retry-After"]) <= 2
    assert anna.me(), "who is signed in stays so"


def test_one_signs_in_with_any_case_and_form_of_the_name(api: Api) -> None:
    tail = fresh_name("")
    player = api.register("\u00c9mile" + tail)
    assert api.login("e\u0301MILE" + tail).user_id == player.user_id


@pytest.mark.parametrize("password", ["", "1234567", "x" * 257])
def test_a_password_that_is_too_short_or_too_long_is_refused(api: Api, password: str) -> None:
    answer = api.post("/auth/register", {"username": fresh_name(), "password": password})
    assert answer.refusal == (422, "invalid_request")
    assert answer.fields == {"password"}


@pytest.mark.parametrize(
    "password", ["password", "12345678", "Iloveyou1", "aaaaaaaa", "fairboard1", "{name}", "{name}1"]
)
def test_a_password_that_is_guessed_first_is_refused_with_the_reason(api: Api, password: str) -> None:
    name = fresh_name()
    answer = api.post("/auth/register", {"username": name, "password": password.format(name=name)})
    assert answer.refusal == (422, "invalid_request")
    assert [detail["field"] for detail in answer.details] == ["password"]
    assert "choose another one" in answer.details[0]["message"]


@pytest.mark.parametrize("password", ["1234-5678-9", "x" * 256, "\u00e9" * 256, "spaces   and \t tabs"])
def test_any_other_password_works_to_the_last_character(api: Api, password: str) -> None:
    name = fresh_name()
    api.register(name, password)
    assert api.login(name, password).me()["username"]
    assert api.post("/auth/login", {"username": name, "password": password[:-1]}).code == "invalid_credentials"


@pytest.mark.parametrize("field", ["role", "score", "status", "user_id", "rank"])
def test_nothing_but_name_and_password_is_set_from_outside(api: Api, field: str) -> None:
    answer = api.post("/auth/register", {"username": fresh_name(), "password": PASSWORD, field: "admin"})
    assert answer.refusal == (422, "invalid_request")
    assert answer.fields == {field}


def test_refreshing_gives_a_new_pair_and_the_old_refresh_token_stops_working(api: Api, anna: Player) -> None:
    answer = api.post("/auth/refresh", token=anna.refresh_token)
    assert answer.status == 200
    assert set(answer.data) == set(anna.signed_in)
    assert answer.data["refresh_token"] != anna.refresh_token
    renewed = Player(api, anna.username, PASSWORD, answer.data)
    assert renewed.me()["user_id"] == anna.user_id
    assert api.post("/auth/refresh", token=anna.refresh_token).refusal == (401, "unauthorized")


def test_using_an_old_refresh_token_ends_that_logins_whole_family_and_no_other(api: Api, anna: Player) -> None:
    elsewhere = api.login(anna.username)
    renewed = api.post("/auth/refresh", token=anna.refresh_token).data
    assert api.post("/auth/refresh", token=anna.refresh_token).refusal == (401, "unauthorized")
    assert api.post("/auth/refresh", token=renewed["refresh_token"]).refusal == (401, "unauthorized")
    for token in (anna.access_token, renewed["access_token"]):
        assert api.get("/me", token=token).refusal == (401, "unauthorized")
    assert elsewhere.me()["user_id"] == anna.user_id
    assert api.post("/auth/refresh", token=elsewhere.refresh_token).status == 200


def test_an_access_token_does_not_refresh_and_a_refresh_token_opens_nothing(api: Api, anna: Player) -> None:
    assert api.post("/auth/refresh", token=anna.access_token).refusal == (401, "unauthorized")
    assert api.get("/me", token=anna.refresh_token).refusal == (401, "unauthorized")
    assert api.post("/auth/logout", token=anna.refresh_token).refusal == (401, "unauthorized")
    assert anna.me()


def test_signing_out_stops_the_access_token_and_its_family_at_once(api: Api, anna: Player) -> None:
    renewed = api.post("/auth/refresh", token=anna.refresh_token).data
    answer = anna.post("/auth/logout")
    assert (answer.status, answer.text) == (204, "")
    for token in (anna.access_token, renewed["access_token"]):
        assert api.get("/me", token=token).refusal == (401, "unauthorized")
    assert api.post("/auth/refresh", token=renewed["refresh_token"]).refusal == (401, "unauthorized")
    assert anna.post("/auth/logout").refusal == (401, "unauthorized")


def test_signing_out_leaves_other_logins_alone(api: Api, anna: Player) -> None:
    elsewhere = api.login(anna.username)
    anna.post("/auth/logout")
    assert elsewhere.me()


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Bearer nonsense", "Bearer a.b.c", "Basic YTpi", "Token x", "Bearer x y",
     "Bearer " + "x" * 4000, "Bearer \u00e9"],
)  # fmt: skip
def test_a_missing_or_malformed_token_is_a_401(api: Api, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization.encode("latin-1")}
    assert api.get("/me", headers=headers).refusal == (401, "unauthorized")


def forgeries(product: Product, anna: Player) -> dict[str, str]:
    """Return forged tokens by description: some are made from a token alone, some with the signing key."""
    claims = jwt.decode(anna.access_token, options={"verify_signature": False})
    header = jwt.get_unverified_header(anna.access_token)
    kid, secret = product.env["JWT_KEYS"].split(",")[0].split(":")
    assert header["kid"] == kid

    def signed(algorithm: str = header["alg"], key: str = secret, kid: str = kid, **changes: object) -> str:
        changed = {name: value for name, value in {**claims, **changes}.items() if value is not None}
        return jwt.encode(changed, key, algorithm=algorithm, headers={"kid": kid})

    assert anna.api.get("/me", token=signed()).status == 200, "what is forged below is otherwise good"
    head, body, seal = anna.access_token.split(".")
    return {
        "unsigned": jwt.encode(claims, "", algorithm="none", headers={"kid": kid}),
        "without its signature": f"{head}.{body}.",
        "with another signature": f"{head}.{body}.{seal[::-1]}",
        "another key": signed(key="x" * 64),
        "another algorithm": signed(algorithm="HS512" if header["alg"] != "HS512" else "HS256"),
        "an unknown key id": signed(kid="nobody"),
        "expired": signed(exp=1),
        "without an expiry": signed(exp=None),
        "another issuer": signed(iss="somebody-else"),
        "no issuer": signed(iss=None),
        "another audience": signed(aud="somebody-else"),
        "no audience": signed(aud=None),
        "no subject": signed(sub=None),
        "a subject that is nobody": signed(sub="00000000-0000-4000-8000-000000000000"),
        "a subject that is no id": signed(sub="admin"),
        "not yet valid": signed(nbf=4_000_000_000),
    }


def test_no_forged_token_opens_anything(product: Product, api: Api, anna: Player) -> None:
    refusals = {
        description: api.get("/me", token=token).refusal for description, token in forgeries(product, anna).items()
    }
    assert refusals == dict.fromkeys(refusals, (401, "unauthorized"))
