"""The guard against server-side request forgery, without a socket."""

# ruff: noqa: RUF001, SIM905 - look-alikes are the point of a corpus, and it is read as a table

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

import pytest

from shared.runtime.health.addresses import (
    NEVER,
    Address,
    BadTarget,
    BlockedAddress,
    Networks,
    checked_addresses,
    parse_target,
)

NOBODY = Networks()
EVERYTHING_ALLOWABLE = Networks.parse("127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10,fc00::/7")

NOT_PUBLIC = """
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1 127.1.2.3 127.255.255.254
    169.254.0.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1
    192.168.255.255 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1
    255.255.255.255 168.63.129.16
    :: ::1 ::7f00:1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:168.63.129.16 ::ffff:0.0.0.0
    ::ffff:0:127.0.0.1 64:ff9b::127.0.0.1 64:ff9b::a9fe:a9fe 64:ff9b::10.0.0.1 64:ff9b:1::1 64:ff9b:1::127.0.0.1
    100::1 2001::1 2001:0:7f00:1::1 2001:0:808:808::80ff:fffe 2001:0:808:808::5601:5601 2001:2::1 2001:10::1 2001:20::1
    2001:db8::1 2002:7f00:1::1 2002:a00:1::1 2002:a9fe:a9fe::1 2002:a83f:8110::1 2002:c0a8:1::1 3fff::1 4000::1 5f00::1
    fc00::1 fd00::1 fd00:ec2::254 fe80::1 fe80::a9fe:a9fe febf::1 fec0::1 ff02::1 ff0e::1
""".split()

PUBLIC = """
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 126.255.255.255 128.0.0.1 168.63.129.15 168.63.129.17
    172.15.255.255 172.32.0.1 192.167.255.255 198.17.255.255 198.20.0.1 223.255.255.255
    2606:4700::1111 2a01:111::1 ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2002:808:808::1
""".split()


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_what_is_not_public_is_blocked(text: str) -> None:
    assert not NOBODY.permits(ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_what_is_public_is_permitted(text: str) -> None:
    assert NOBODY.permits(ip_address(text))


@pytest.mark.parametrize(
    "text",
    "169.254.169.254 168.63.129.16 ::ffff:169.254.169.254 64:ff9b::a83f:8110 2002:a9fe:a9fe::1 fe80::1 ::1 0.0.0.0 "
    "100.100.100.200 fd00:ec2::254 224.0.0.1 255.255.255.255 ff02::1 192.0.2.1 ::".split(),
)
def test_no_setting_allows_link_local_metadata_or_the_platforms_own_address(text: str) -> None:
    assert not EVERYTHING_ALLOWABLE.permits(ip_address(text))
    assert not any(EVERYTHING_ALLOWABLE.permits(address) for address in NEVER)


def test_an_allowed_network_is_permitted_and_its_neighbours_are_not() -> None:
    allowed = Networks.parse("127.0.0.0/8, 10.2.0.0/16 ,fd12::/16")
    for text in ("127.0.0.1", "127.9.9.9", "::ffff:127.0.0.1", "10.2.3.4", "fd12::1", "64:ff9b::10.2.0.1"):
        assert allowed.permits(ip_address(text)), text
    for text in ("10.1.255.255", "10.3.0.0", "fd13::1", "192.168.0.1", "::ffff:10.3.0.1"):
        assert not allowed.permits(ip_address(text)), text


@pytest.mark.parametrize(
    "text",
    [
        *"0.0.0.0/0 169.254.0.0/16 169.254.169.254/32 168.63.129.16/32 8.8.8.0/24 126.0.0.0/7 10.0.0.0/7".split(),
        *"::/0 ::1/128 fe80::/10 ::ffff:127.0.0.0/104 64:ff9b::/96 2000::/3 fc00::/6".split(),
        *"10.0.0.1/8 10.0.0.0/33 localhost 127.0.0.1-2".split(),
        *"10.0.0.0/8;127.0.0.0/8 10.0.0.0/8,169.254.0.0/16 010.0.0.0/8".split(),
    ],
)
def test_a_network_that_may_never_be_allowed_is_a_mistake_of_the_setting(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Networks.parse(text)


def test_no_network_is_allowed_by_a_blank_setting() -> None:
    assert Networks.parse("") == Networks.parse(" , ") == NOBODY
    assert Networks.parse("10.1.2.3").permits(ip_address("10.1.2.3"))


HOSTILE_URLS = [
    # not http(s)://host[:port]
    *("", "http://", "https:", "//host", "host", "host:80", "ftp://host", "file:///etc/passwd", "gopher://host:70/_x"),
    *("http:/host", "http:host", "http:///host", "http:\\\\host", "http://host\\@other", "unix:///var/run/docker.sock"),
    *(
        "http://host/path",
        "http://host//",
        "http://host/..",
        "http://host?x=1",
        "http://host#x",
        "http://host/?x",
        "http://?",
    ),
    # user information
    *("http://user@host", "http://user:pass@host", "http://@host", "http://host@169.254.169.254", "http://a:80@b"),
    *(
        "http://127.0.0.1:80@8.8.8.8",
        "http://8.8.8.8:80@127.0.0.1",
        "http://8.8.8.8 @127.0.0.1",
        "http://8.8.8.8#@127.0.0.1",
    ),
    # other spellings of an IPv4 address
    *(
        "http://2130706433",
        "http://0x7f000001",
        "http://0x7f.0.0.1",
        "http://0177.0.0.1",
        "http://017700000001",
        "http://127.1",
    ),
    *(
        "http://127.0.1",
        "http://0",
        "http://0x",
        "http://127.0.0.1.",
        "http://127.0.0.01",
        "http://127.0.0.0x1",
        "http://1",
    ),
    *("http://00000177.1", "http://127.0.0.256", "http://256.256.256.256", "http://1.2.3.4.5", "http://4294967297"),
    *("http://a.b.1", "http://foo.0x7f", "http://169.254.43518", "http://①②⑦.1", "http://２１３０７０６４３３"),
    # brackets
    *(
        "http://[::1",
        "http://::1",
        "http://[]",
        "http://[::1]x",
        "http://x[::1]",
        "http://[fe80::1%25eth0]",
        "http://[fe80::1%eth0]",
    ),
    *(
        "http://[127.0.0.1]",
        "http://[::ffff:127.0.0.1.]",
        "http://[v1.x]",
        "http://[::1]:",
        "http://[[::1]]",
        "http://[:::1]",
    ),
    # ports
    *("http://host:", "http://host:0", "http://host:65536", "http://host:99999", "http://host:-1", "http://host:+80"),
    *("http://host:80:80", "http://host:8 0", "http://host:0x50", "http://host:８０", "http://host:http"),
    # characters
    *(
        "http://ho st",
        " http://host",
        "http://host ",
        "http://host\n",
        "http://host\r\nX: y",
        "http://ho\tst",
        "http://host\x00",
    ),
    *(
        "http://%31%32%37.0.0.1",
        "http://host%00.x",
        "http://host%2f@x",
        "http://a..b",
        "http://.a",
        "http://a.",
        "http://.",
    ),
    *(
        "http://-a",
        "http://a-",
        "http://a_b-.c",
        "http://a;b",
        "http://a,b",
        "http://*",
        "http://a'b",
        'http://"',
        "http://$a",
    ),
    *(
        "http://" + "a" * 64,
        "http://" + "a." * 130 + "a",
        "http://" + "a" * 5000,
        "http://a\u2028b",
        "http://a\u200bb\u3000",
    ),
]


@pytest.mark.parametrize("url", HOSTILE_URLS)
def test_a_url_that_is_not_plain_is_refused(url: str) -> None:
    with pytest.raises(BadTarget):
        parse_target(url)


@pytest.mark.parametrize(
    ("url", "host", "port", "authority"),
    [
        ("http://host", "host", 80, "host"),
        ("HTTP://Host.Example:80/", "host.example", 80, "host.example"),
        ("https://host", "host", 443, "host"),
        ("https://host:80", "host", 80, "host:80"),
        ("http://10.2.0.7:8080", "10.2.0.7", 8080, "10.2.0.7:8080"),
        ("http://[2606:4700:0:0::1]:8080", "2606:4700::1", 8080, "[2606:4700::1]:8080"),
        ("https://[::FFFF:127.0.0.1]", "::ffff:7f00:1", 443, "[::ffff:7f00:1]"),
        (
            "http://my_svc.ns.svc.cluster.local:65535",
            "my_svc.ns.svc.cluster.local",
            65535,
            "my_svc.ns.svc.cluster.local:65535",
        ),
        ("http://bücher.example", "xn--bcher-kva.example", 80, "xn--bcher-kva.example"),
        ("http://１２７.０.０.１", "127.0.0.1", 80, "127.0.0.1"),
        ("http://127。0。0。1:81", "127.0.0.1", 81, "127.0.0.1:81"),
        ("http://1a", "1a", 80, "1a"),
    ],
)
def test_a_plain_url_is_read(url: str, host: str, port: int, authority: str) -> None:
    target = parse_target(url)
    assert (target.host, target.port, target.authority) == (host, port, authority)
    assert target.secure == url.lower().startswith("https")


def test_an_address_as_host_is_an_address_however_it_was_typed() -> None:
    for url in ("http://１２７.０.０.１", "http://127。0。0。1", "http://[::ffff:7f00:1]"):
        literal = parse_target(url).literal
        assert literal is not None
        assert not NOBODY.permits(literal)
    assert parse_target("http://localhost").literal is None


async def _checked(url: str, *answers: str, allowed: Networks = NOBODY) -> tuple[Sequence[Address], int]:
    asked = 0

    async def resolver(host: str, port: int) -> Sequence[Address]:
        nonlocal asked
        asked += 1
        return [ip_address(answer) for answer in answers]

    return await checked_addresses(parse_target(url), allowed, resolver), asked


async def test_a_name_is_resolved_once_and_its_addresses_are_the_ones_to_connect_to() -> None:
    assert await _checked("http://name", "8.8.8.8", "2606:4700::1", "8.8.8.8") == (
        [ip_address("8.8.8.8"), ip_address("2606:4700::1")],
        1,
    )


async def test_an_address_is_not_resolved() -> None:
    assert await _checked("http://8.8.8.8", "127.0.0.1") == ([ip_address("8.8.8.8")], 0)


@pytest.mark.parametrize("hidden", ["127.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "fe80::1%1", "168.63.129.16"])
async def test_one_bad_address_among_good_ones_blocks_the_name(hidden: str) -> None:
    for answers in ((hidden,), ("8.8.8.8", hidden), (hidden, "8.8.8.8")):
        with pytest.raises(BlockedAddress):
            await _checked("http://name", *answers)


async def test_a_name_without_addresses_is_blocked() -> None:
    with pytest.raises(BlockedAddress):
        await _checked("http://name")


async def test_an_allowed_network_holds_for_names_too() -> None:
    allowed = Networks.parse("10.0.0.0/8")
    assert await _checked("http://svc", "10.2.0.7", allowed=allowed) == ([ip_address("10.2.0.7")], 1)
