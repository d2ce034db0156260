"""For whom a connection asks: its own address, or the one that trusted proxies say. No I/O."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network
_IPV6_PREFIX = 64
"""A home or a phone has a whole /64 of addresses."""


class Addresses:
    """Reads addresses behind proxies of some networks."""

    def __init__(self, trusted: Sequence[str]) -> None:
        networks = tuple(ip_network(each) for each in trusted)

        @lru_cache(maxsize=4_096)
        def is_trusted(text: str) -> bool | None:
            try:
                address = ip_address(text)
            except ValueError:
                return None
            return any(address in each for each in networks)

        self._is_trusted = is_trusted

    def caller(self, peer: str | None, forwarded: str) -> str | None:
        """Return the caller's address, None where a trusted proxy does not say it.

        Args:
            peer: the connection's other end.
            forwarded: X-Forwarded-For; every proxy adds at its right end whom it heard, so it is read from there.

        >>> of = Addresses(["10.0.0.0/8"]).caller
        >>> of("203.0.113.9", "1.1.1.1"), of("10.0.0.1", "6.6.6.6, 203.0.113.9, 10.0.0.2"), of("10.0.0.1", "")
        ('203.0.113.9', '203.0.113.9', None)
        >>> of("2001:db8::5:1", "")
        '2001:db8::/64'
        """
        for text in (peer or "", *(part.strip() for part in reversed(forwarded.split(",")))):
            trusted = self._is_trusted(text)
            if trusted is None:
                return None
            if not trusted:
                return _household(text)
        return None


def _household(text: str) -> str:
    address = ip_address(text)
    if isinstance(address, IPv6Address):
        return str(ip_network((address, _IPV6_PREFIX), strict=False))
    return str(address)
