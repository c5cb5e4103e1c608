"""`https://` with a certificate that the environment names, and without."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from peerleap.engine import EngineStartError, SamplingParams, ServerEngine
from tests.engine.server.wire_server import WireServer


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1, and a server's context with it."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return file, context


def test_https(
    serve_wire: Any, certificate: tuple[Path, ssl.SSLContext], connect: Callable[..., ServerEngine], wire: WireServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    file, context = certificate
    server = serve_wire(wire.engine, tls=context)
    assert server.url.startswith("https://")
    with pytest.raises(EngineStartError, match="certificate verify failed"):
        connect(server).check()
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    done = asyncio.run(connect(server).generate([1], SamplingParams(max_tokens=9, seed=1)))
    assert done.text == "seed 1: o"
