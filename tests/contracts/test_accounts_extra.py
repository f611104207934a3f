"""A server without the extra `accounts`: what needs it says so, and the rest does without."""

from __future__ import annotations

import subprocess
import sys

_CHILD = """
import sys

for name in ("authlib", "joserfc", "requests", "segno", "webauthn"):
    sys.modules[name] = None

import fireside.app
from fireside.core.errors import UnimplementedError
from fireside.core.principal import Origin
from fireside.identity import passkey_proofs, totp
from fireside.identity.oidc import Providers
from fireside.identity.providers import DeclaredProvider

assert totp.qr_svg("otpauth://totp/x") == ""
providers = Providers([DeclaredProvider(name="company", issuer="https://login.example.org", client_id="fireside")])
assert providers.listed() == []
for what in (lambda: providers.get("company"), lambda: passkey_proofs.require(None)):
    try:
        what()
    except UnimplementedError as error:
        assert "fireside[accounts]" in error.message
    else:
        raise SystemExit("it did not say so")
print("done")
"""


def test_a_server_without_the_optional_libraries() -> None:
    run = subprocess.run([sys.executable, "-c", _CHILD], check=False, capture_output=True, text=True)
    assert run.stdout == "done\n", run.stderr
