"""Who takes part: what a bank and a subscriber may be called."""

from __future__ import annotations

from typing import Any

import pytest

from tokenmgr.domain.party import Bank, Role, Subscriber

GOOD: dict[str, Any] = {
    "id": 1,
    "bank": "1234",
    "contract": "00123-45",
    "user": "user01",
    "role": Role.USER,
    "email": "keiri@example.co.jp",
}


def test_a_bank_has_four_digits_and_a_name() -> None:
    assert Bank("1234", "みほん信用金庫").policy.renewal_days == 30


@pytest.mark.parametrize(
    ("code", "name"), [("123", "a"), ("12345", "a"), ("１２３４", "a"), ("1234", ""), ("1234", " a"), ("1234", "a\n")]
)
def test_others_are_refused(code: str, name: str) -> None:
    with pytest.raises(ValueError, match=r"code|name"):
        Bank(code, name)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("contract", ""),
        ("contract", "a b"),
        ("user", "x" * 33),
        ("user", "利用者"),
        ("email", "keiri"),
        ("email", "a@b"),
        ("email", "a@example.jp\nBcc: x@example.jp"),
        ("email", "a b@example.jp"),
    ],
)
def test_a_subscriber_with_a_wrong_field_is_never_born(field: str, value: str) -> None:
    with pytest.raises(ValueError, match=field):
        Subscriber(**{**GOOD, field: value})


def test_an_address_may_be_missing() -> None:
    assert Subscriber(**{**GOOD, "email": ""}).email == ""
