"""Keeps requests for pages away from private networks (server-side request forgery)."""

import ipaddress
import socket
from collections.abc import Collection
from typing import Final

import httpx

from peerleap.tools.search.transport import tls
from peerleap.tools.threads import BoundedThreads

_THREADS: Final = BoundedThreads(4, "peerleap-dns")
_PORTS: Final = frozenset({80, 443, 8080, 8443})
_NETWORKS: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "168.63.129.16/32",  # a cloud's metadata service on a public address
        "192.0.0.0/24",
        "192.88.99.0/24",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2002::/16",  # 6to4 and the two above carry IPv4 addresses or go nowhere
        "5f00::/16",
        "fec0::/10",
    )
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


class AddressError(Exception):
    """The URL leads where peers have no business; the message quotes the host."""


class GuardedTransport(httpx.AsyncBaseTransport):
    """Resolves a host once, refuses it unless all its addresses are public, and connects to just those.

    Since the connection goes to the address that was checked, a name that changes its address in between (DNS
    rebinding) gains nothing. Each redirect is a request of its own and is checked again. `allow_hosts` names hosts,
    as `"host"` or `"host:port"`, that are exempt; it is meant for tests and for servers of your own.
    """

    def __init__(self, *, allow_hosts: Collection[str] = ()) -> None:
        self._allowed = frozenset(allow_hosts)
        # No connection is kept: its certificate was checked for another name on the same address.
        limits = httpx.Limits(max_connections=8, max_keepalive_connections=0)
        self._inner = httpx.AsyncHTTPTransport(verify=tls(), trust_env=False, limits=limits)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends `request` to a checked address. Raises `AddressError`, and httpx's errors."""
        url = request.url
        if url.scheme not in {"http", "https"}:
            raise AddressError(f"scheme={url.scheme!r} is not http or https")
        host, port = url.raw_host.decode("ascii"), url.port or (443 if url.scheme == "https" else 80)
        if self._allowed & {host, f"{host}:{port}"}:
            return await self._inner.handle_async_request(request)
        if url.userinfo or port not in _PORTS:
            raise AddressError(f"host={host!r} with port {port} or a user name is refused")
        addresses = await _resolved(host, port)
        for address in addresses:
            if not is_public(address):
                raise AddressError(f"host={host!r} is not a public address")
        problem: httpx.HTTPError = httpx.ConnectError(f"host={host!r} has no address", request=request)
        for address in addresses[:3]:
            extensions = {**request.extensions, "sni_hostname": host}
            there = url.copy_with(host=address)
            direct = httpx.Request(request.method, there, headers=request.headers, extensions=extensions)
            try:
                return await self._inner.handle_async_request(direct)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                problem = error
        raise problem

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._inner.aclose()


def is_public(address: str) -> bool:
    """Whether an IP address is somewhere on the public internet."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if ip in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        if ip.scope_id is not None:
            return False
    listed = any(ip in network for network in _NETWORKS if network.version == ip.version)
    return ip.is_global and not (listed or ip.is_multicast or ip.is_reserved)


async def _resolved(host: str, port: int) -> list[str]:
    try:
        rows = await _THREADS.run(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpx.ConnectError(f"host={host!r} is unknown") from error
    return list(dict.fromkeys(str(row[4][0]) for row in rows))
