"""No password is shown, however an address carries it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.redaction import is_secret_name, without_passwords


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("redis://:hunter2@h:6379/0", "redis://:***@h:6379/0"),
        ("postgresql://bob:hunter2@h/db", "postgresql://bob:***@h/db"),
        ("postgresql://h/db?user=bob&password=hunter2", "postgresql://h/db?user=bob&password=***"),
        ("redis://h:1/0?Password=hunter2&db=1", "redis://h:1/0?Password=***&db=1"),
        ("redis://h/0?ssl_keyfile_password=hunter2", "redis://h/0?ssl_keyfile_password=***"),
        (
            "sentinel://:hunter2@a:26379;sentinel://:hunter2@b:26379/0",
            "sentinel://:***@a:26379;sentinel://:***@b:26379/0",
        ),
        ("redis://:hunter2/@:x@h:6379/0", "redis://:***@h:6379/0"),
        ("sqlite:////var/lib/orchestrator.db", "sqlite:////var/lib/orchestrator.db"),
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
    ],
)
def test_addresses_are_shown_without_their_passwords(address: str, shown: str) -> None:
    assert without_passwords(address) == shown


@given(
    st.text(st.characters(exclude_characters="; \n\t", exclude_categories=["C", "Z"]), min_size=6)
)
def test_no_password_comes_through(password: str) -> None:
    for address in (f"redis://:{password}@host:1/0", f"amqp://bob:{password}@host//"):
        assert password not in without_passwords(address).replace("***", "")


@pytest.mark.parametrize("name", ["token", "session_secret", "vdsm_password", "s3_credentials"])
def test_names_tell_what_is_secret(name: str) -> None:
    assert is_secret_name(name)
    assert not is_secret_name("database_pool")
    assert not is_secret_name("passed_seconds")
