"""What a runner's spec may say, beyond what the proto can declare, and when a kept secret may go where. Decides only."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fireside.core.errors import FieldViolation, InvalidArgumentError
from fireside.gen.v1 import runner_pb2
from fireside.runners.addresses import AddressError, checked, origins
from fireside.runners.backends import NAMES
from fireside.runners.declared import RESERVED

if TYPE_CHECKING:
    from fireside.runners.definition import Definition
    from fireside.runners.reach import Reach


def checked_spec(spec: runner_pb2.RunnerSpec, reach: Reach) -> runner_pb2.RunnerSpec:
    """A copy with addresses in their one form, all of them within reach. Raises InvalidArgumentError with the field that is wrong."""
    if spec.name in RESERVED:
        raise _wrong("RUNNER_NAME_RESERVED", "spec.name", f"{spec.name} is built in: take another name")
    kind = NAMES.get(spec.kind)
    if kind is None:
        raise _wrong("INVALID_REQUEST", "spec.kind", "what is built in cannot be added: choose a protocol")
    good = runner_pb2.RunnerSpec()
    good.CopyFrom(spec)
    good.display_name = spec.display_name.strip()
    try:
        good.addresses[:] = checked(kind, spec.addresses)
    except AddressError as error:
        # The address itself is not repeated: it may have a password in it.
        raise _wrong("INVALID_ADDRESS", f"spec.addresses[{error.index}]", f"expected {error.expected}") from error
    for index, address in enumerate(good.addresses):
        host = urlsplit(address if "://" in address else f"//{address}").hostname or ""
        if refusal := reach.refusal(host):
            raise _wrong("INVALID_ADDRESS", f"spec.addresses[{index}]", f"a runner cannot be there: it is {refusal}")
    return good


def checked_secret(secret: str) -> str:
    """The secret without the space around it that copying brings. Raises InvalidArgumentError, without the secret."""
    secret = secret.strip()
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise _wrong("INVALID_SECRET", "secret", "expected an API key in one piece, without spaces and accents")
    return secret


def refuse_new_hosts(spec: runner_pb2.RunnerSpec, present: Definition) -> None:
    """Raises InvalidArgumentError (SECRET_REQUIRED) if the present secret would go where it has not been before.

    Otherwise whoever may change a runner could have its secret sent to a server of their own.
    """
    if present.runner.has_secret and not origins(spec.addresses) <= origins(present.runner.spec.addresses):
        raise _wrong("SECRET_REQUIRED", "secret", "enter the API key again, because the address is another server's")


def _wrong(reason: str, field: str, description: str) -> InvalidArgumentError:
    message = f"{field}: {description}"
    return InvalidArgumentError(reason, message, violations=(FieldViolation(field, description),))
