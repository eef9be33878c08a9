"""Which addresses a listed endpoint may lead to."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from kg.store.relay import is_open

OPEN = ("93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34", "64:ff9b::5db8:d822")
# One of each special range: RFC 6890 and the registries it made, and ways to write IPv4 in IPv6.
CLOSED = (
    "0.0.0.0",  # noqa: S104 (nothing is bound)
    "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.9.9.9", "169.254.169.254", "172.16.0.1", "192.0.0.1",
    "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1", "2001:0:53aa:64c:0:0:80ff:fffe",
    "2001:db8::1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
)  # fmt: skip


@pytest.mark.parametrize("address", OPEN)
def test_addresses_of_the_public_internet_are_open(address: str) -> None:
    assert is_open("query.example", ip_address(address))


@pytest.mark.parametrize("address", CLOSED)
def test_all_others_are_closed_in_every_spelling(address: str) -> None:
    assert not is_open("query.example", ip_address(address))


@pytest.mark.parametrize("address", [*OPEN, *CLOSED])
def test_an_address_that_the_listed_iri_names_itself_is_open(address: str) -> None:
    assert is_open(address, ip_address(address))
    assert is_open(f"[{address}]", ip_address(address))


def test_one_address_opens_no_other() -> None:
    assert not is_open("127.0.0.1", ip_address("127.0.0.2"))
    assert not is_open("10.0.0.1", ip_address("10.0.0.2"))
    assert not is_open("2130706433", ip_address("127.0.0.1"))


@pytest.mark.parametrize("name", ["localhost", "localhost.", "far.localhost"])
def test_localhost_is_loopback_and_nothing_else(name: str) -> None:
    assert is_open(name, ip_address("127.0.0.1"))
    assert is_open(name, ip_address("::1"))
    assert not is_open(name, ip_address("10.0.0.1"))
    assert not is_open(name, ip_address("93.184.216.34"))


@pytest.mark.parametrize("name", ["localhost.example", "notlocalhost"])
def test_names_that_look_like_it_are_names(name: str) -> None:
    assert not is_open(name, ip_address("127.0.0.1"))
