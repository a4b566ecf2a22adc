"""The ledger of the whole run. Runs last, and only when every other test has run."""

import os

import pytest

from account import LEDGER
from ledger import ROOT, SERVICES, Account, document, expected

DOCUMENT = ROOT / "docs/sandbox-coverage.md"


@pytest.fixture(scope="module")
def accounts():
    return {service: Account(LEDGER, service) for service in SERVICES}


@pytest.mark.parametrize("service", SERVICES)
def test_no_less_is_seen_than_before(accounts, service):
    floor = expected(service)["floor"]
    account = accounts[service]
    assert account.percent("operation") >= floor["operations"]
    assert account.percent("error") >= floor["errors"]
    assert not floor.get("explained") or account.without_reason == []


@pytest.mark.parametrize("service", SERVICES)
def test_no_reason_is_out_of_date(accounts, service):
    assert accounts[service].unused() == []


def test_the_document_says_what_was_seen(accounts):
    text = document(accounts.values())
    if os.environ.get("UPDATE_DOCS"):
        DOCUMENT.write_text(text)
    assert DOCUMENT.read_text() == text, "run the whole suite with UPDATE_DOCS=1"
