from __future__ import annotations

import pytest

from crm_core.db.urls import problem_of, shown

PASSWORD = "hunter2"  # noqa: S105 - of nobody


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///a@b:c.db", "sqlite:///a@b:c.db"),
        ("postgresql://crm@db/crm", "postgresql://crm@db/crm"),
        ("postgresql://crm:hunter2@db:5432/crm", "postgresql://crm:***@db:5432/crm"),
        ("postgresql://crm:hunter2@a:1,b:2/crm", "postgresql://crm:***@a:1,b:2/crm"),
        ("postgresql://db:5432/crm?user=crm&password=hunter2", "postgresql://db:5432/crm?user=crm&password=***"),
        ("postgresql://crm@db/crm?sslpassword=hunter2&x=1", "postgresql://crm@db/crm?sslpassword=***&x=1"),
        ("mysql://crm:hunter2@db/crm", "mysql://crm:***@db/crm"),
        ("crm:hunter2@db", "crm:***@db"),
        ("postgresql://crm:a/hunter2@db/crm", "postgresql://crm:***@db/crm"),
        ("postgresql://crm:hunter2", "postgresql://crm:***"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, expected: str) -> None:
    assert shown(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///crm.db",
        "postgresql:///crm",
        "postgresql://crm:hunter%402@db/crm",
        "postgresql://crm@[::1]:5432/crm",
        "postgresql://crm@a:1,b:2/crm?target_session_attrs=primary",
    ],
)
def test_urls_that_can_be_tried(url: str) -> None:
    assert problem_of(url) is None


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("mysql://crm:hunter2@db/crm", "write sqlite:///<file> or postgresql://"),
        ("sqlite://crm.db", "write sqlite:///<file>"),
        ("postgresql://crm:hunter2/x@db/crm", "write @ as %40"),
        ("postgresql://crm:hunter2#x@db/crm", "write @ as %40"),
        ("postgresql://crm:hunter2", "write @ as %40"),
        ("postgresql://crm:[hunter2@db/crm", "[ as %5B"),
    ],
)
def test_what_is_wrong_with_a_url_is_told_without_its_password(url: str, told: str) -> None:
    problem = problem_of(url)

    assert problem is not None
    assert told in problem
    assert PASSWORD not in problem
