"""Certificates for tests, made on the spot by openssl: nothing that expires is kept in the tree."""
import subprocess

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def self_signed(folder, file, name, alternatives=None):
    """FILE.crt and FILE.key in that folder, for a name and what subjectAltName shall say."""
    pair = folder / f"{file}.crt", folder / f"{file}.key"
    also = ["-addext", f"subjectAltName={alternatives}"] if alternatives else []
    openssl("req", "-x509", *KEY, "-subj", f"/CN={name}", *also, "-out", pair[0], "-keyout", pair[1])
    return pair


def for_dns(folder):
    """A server's, as every test's client expects it."""
    return self_signed(folder, "dns", "dns.example", "DNS:dns.example,IP:127.0.0.1")


def for_client(folder, name, authority="clients-ca"):
    """NAME.crt and NAME.key, signed by an authority of that folder, which is made with its first client."""
    ca, pair = folder / authority, (folder / f"{name}.crt", folder / f"{name}.key")
    if not ca.with_suffix(".crt").exists():
        self_signed(folder, authority, authority)
    openssl("req", "-x509", *KEY, "-subj", "/CN=client", "-addext", f"subjectAltName=DNS:{name}",
            "-CA", f"{ca}.crt", "-CAkey", f"{ca}.key", "-out", pair[0], "-keyout", pair[1])
    return pair


def revocation_list(folder, revoked, authority="clients-ca"):
    """The authority's list of what it has taken back, as PEM text."""
    (folder / "index").write_text("")
    (folder / "ca.conf").write_text(f"[ca]\ndefault_ca=a\n[a]\ndatabase={folder}/index\ndefault_md=sha256\ndefault_crl_days=30\n")
    ca = ["ca", "-config", folder / "ca.conf", "-cert", folder / f"{authority}.crt", "-keyfile", folder / f"{authority}.key"]
    for name in revoked:
        openssl(*ca, "-revoke", folder / f"{name}.crt")
    openssl(*ca, "-gencrl", "-out", folder / "crl.pem")
    return (folder / "crl.pem").read_text()
