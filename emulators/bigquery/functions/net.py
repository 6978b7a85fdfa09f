"""NET functions: hosts of URLs and IP addresses as BYTES of 4 or 16 bytes in network order.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/net_functions
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?=//)")


def host(url: str) -> str | None:
    """NET.HOST: what stands where RFC 3986 has the host, kept as written; NULL when there is none.

    >>> host("http://user@[1234::]:80/x"), host("    www.Example.Co.UK    "), host("mailto:?to=&subject=&body=")
    ('[1234::]', 'www.Example.Co.UK', 'mailto')
    """
    rest = url.strip()
    rest = _SCHEME.sub("", rest, count=1).removeprefix("//")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0].rsplit("@", 1)[-1]
    found = re.match(r"\[[^\]]*\]", authority)
    name = found[0] if found else authority.split(":", 1)[0]
    return name.strip() or None


def ip_from_string(text: str) -> bytes:
    """NET.IP_FROM_STRING."""
    try:
        return ipaddress.ip_address(text).packed
    except ValueError:
        raise ValueError(f"Invalid IP address: {text}") from None


def safe_ip_from_string(text: str) -> bytes | None:
    """NET.SAFE_IP_FROM_STRING."""
    try:
        return ip_from_string(text)
    except ValueError:
        return None


def ip_to_string(address: bytes) -> str:
    """NET.IP_TO_STRING."""
    _sized(address, "NET.IP_TO_STRING")
    return str(ipaddress.ip_address(address))


def ip_net_mask(size: int, prefix: int) -> bytes:
    """NET.IP_NET_MASK: `size` bytes whose first `prefix` bits are set."""
    if size not in {4, 16}:
        raise ValueError(f"The first argument to NET.IP_NET_MASK() must be either 4 or 16. Got {size}.")
    if not 0 <= prefix <= size * 8:
        raise ValueError(
            f"The second argument to NET.IP_NET_MASK() must be in the range from 0 to {size * 8}. Got {prefix}."
        )
    return (((1 << prefix) - 1) << (size * 8 - prefix)).to_bytes(size, "big")


def ip_trunc(address: bytes, prefix: int) -> bytes:
    """NET.IP_TRUNC: all bits after the first `prefix` are 0."""
    _sized(address, "NET.IP_TRUNC")
    if not 0 <= prefix <= len(address) * 8:
        raise ValueError(f"The second argument to NET.IP_TRUNC() must be in the range from 0 to {len(address) * 8}.")
    mask = int.from_bytes(ip_net_mask(len(address), prefix), "big")
    return (int.from_bytes(address, "big") & mask).to_bytes(len(address), "big")


def ipv4_from_int64(number: int) -> bytes:
    """NET.IPV4_FROM_INT64; negative numbers are sign-extended 32 bits."""
    if not -0x80000000 <= number <= 0xFFFFFFFF:
        raise ValueError(
            f"NET.IPV4_FROM_INT64() encountered an integer not in the range -0x80000000 to 0xFFFFFFFF: {number}"
        )
    return (number & 0xFFFFFFFF).to_bytes(4, "big")


def ipv4_to_int64(address: bytes) -> int:
    """NET.IPV4_TO_INT64."""
    if len(address) != 4:
        raise ValueError(f"NET.IPV4_TO_INT64() encountered a non-IPv4 address of {len(address)} bytes")
    return int.from_bytes(address, "big")


def _sized(address: bytes, name: str) -> None:
    if len(address) not in {4, 16}:
        raise ValueError(f"The argument to {name}() must be either 4 or 16 bytes long. Got {len(address)}.")


FUNCTIONS: dict[str, tuple[str, str, Any]] = {
    "net_host": ("s", "s", host),
    "net_ip_from_string": ("s", "x", ip_from_string),
    "net_safe_ip_from_string": ("s", "x", safe_ip_from_string),
    "net_ip_to_string": ("x", "s", ip_to_string),
    "net_ip_net_mask": ("ii", "x", ip_net_mask),
    "net_ip_trunc": ("xi", "x", ip_trunc),
    "net_ipv4_from_int64": ("i", "x", ipv4_from_int64),
    "net_ipv4_to_int64": ("x", "i", ipv4_to_int64),
}
