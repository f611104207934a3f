"""Codes of authenticator apps and recovery codes: which hold, and how they may be typed."""

from __future__ import annotations

import pytest

from fireside.identity import totp

# Of RFC 6238, appendix B, cut to six digits.
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


@pytest.mark.parametrize(
    ("now", "code"),
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (2000000000, "279037"), (20000000000, "353130")],
)
def test_the_codes_of_the_standard(now: int, code: str) -> None:
    assert totp.step_of(SECRET, code, now, 0) == now // 30


@pytest.mark.parametrize(
    ("later", "last_step", "holds"),
    [
        (0, 0, True),
        (30, 0, True),
        (-30, 0, True),
        (60, 0, False),
        (-60, 0, False),
        (0, 37037036, False),
        (30, 37037040, False),
        (0, 37037035, True),
    ],
)
def test_when_a_code_holds(later: int, last_step: int, holds: bool) -> None:
    assert (totp.step_of(SECRET, "081804", 1111111109 + later, last_step) == 37037036) == holds


@pytest.mark.parametrize(
    ("typed", "holds"), [(" 287 082 ", True), ("28708", False), ("", False), ("٢٨٧٠٨٢", False), ("2870822", False)]
)
def test_how_a_code_is_typed(typed: str, holds: bool) -> None:
    assert (totp.step_of(SECRET, typed, 59, 0) is not None) == holds


def test_recovery_codes_differ_and_are_known_however_typed() -> None:
    codes = totp.new_recovery_codes()
    assert len(set(codes)) == totp.RECOVERY_CODES
    assert all(len(code) == 19 and code.count("-") == 3 for code in codes)
    assert totp.recovery_hash(codes[0]) == totp.recovery_hash(f" {codes[0].upper().replace('-', ' ')}\n")
    assert len({totp.recovery_hash(code) for code in codes}) == totp.RECOVERY_CODES


def test_a_qr_code_is_a_picture_of_its_own_size() -> None:
    svg = totp.qr_svg(totp.uri_of(SECRET, "ann@example.org"))
    assert svg.startswith("<svg")
    assert "viewBox" in svg
    assert "script" not in svg
