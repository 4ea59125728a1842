"""An authority for tests, and the certificates that it signs, as files."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Authority:
    """Signs certificates, which it writes to a folder; `file` is its own."""

    folder: Path
    name: x509.Name
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def made(cls, folder: Path) -> Authority:
        folder.mkdir(exist_ok=True)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"the authority of {folder.name}")])
        authority = cls(folder, name, ec.generate_private_key(ec.SECP256R1()))
        own = authority._begun(name, authority.key).add_extension(x509.BasicConstraints(True, None), critical=True)
        _write(authority.file, own.sign(authority.key, hashes.SHA256()))
        return authority

    @property
    def file(self) -> Path:
        return self.folder / "ca.crt"

    def sign(self, host: str) -> tuple[Path, Path]:
        """A certificate for a host or a client, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._begun(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)]), key)
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        certificate, key_file = self.folder / f"{host}.cert", self.folder / f"{host}.key"
        _write(certificate, builder.sign(self.key, hashes.SHA256()))
        pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        key_file.write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
        return certificate, key_file

    def _begun(self, name: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder(self.name, name, key.public_key(), x509.random_serial_number())
        return builder.not_valid_before(now - DAY).not_valid_after(now + DAY)


def _write(path: Path, certificate: x509.Certificate) -> None:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
