"""Where runners that people add may be: every way to write an address down, and what names turn out to be."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from fireside.core.errors import InvalidArgumentError
from fireside.gen.v1.runner_pb2 import RUNNER_KIND_OPENAI, RUNNER_KIND_WORKER, RunnerSpec
from fireside.runners.reach import ForbiddenAddressError, Reach
from fireside.runners.spec_rules import checked_spec

METADATA = [
    "169.254.169.254", "169.254.0.1", "2852039166", "0xa9fea9fe", "0xa9.0xfe.0xa9.0xfe", "0251.0376.0251.0376",
    "169.254.43518", "169.16689662", "0xA9.254.0251.254", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]",
    "[::169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::a9fe:a9fe]", "[2002:a9fe:a9fe::1]",
    "[::ffff:0:169.254.169.254]", "[fe80::1]", "[fe80::a9fe:a9fe]", "[febf::1]", "[fd00:ec2::254]",
    "[FD00:0EC2:0000:0000:0000:0000:0000:0254]", "[fd20:ce::254]", "100.100.100.200", "0x646464c8", "192.0.0.192",
    "168.63.129.16", "metadata.google.internal", "METADATA.google.internal", "metadata.google.internal.", "metadata",
    "metadata.goog", "instance-data.ec2.internal", "[fe80::1%25eth0]",
]  # fmt: skip
NOWHERE = [
    "0.0.0.0", "0", "0x0", "0.1.2.3", "[::]", "[::ffff:0.0.0.0]", "224.0.0.1", "239.255.255.250", "[ff02::1]",  # noqa: S104 - it is refused
    "255.255.255.255", "240.0.0.1", "0xffffffff", "[fec0::1]",
]  # fmt: skip
PRIVATE = [
    "127.0.0.1", "127.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "box.localhost",
    "10.0.0.5", "172.16.0.1", "192.168.1.20", "[fd12:3456::1]", "100.64.0.1",
]  # fmt: skip
PUBLIC = [
    "8.8.8.8",
    "[2606:4700::1111]",
    "api.example.org",
    "localhost.example.org",
    "metadata.example.org",
    "12.example",
]


async def answering(*addresses: str, host: str = "runner.example.org", private: bool = True) -> Sequence[str]:
    """What a name with these addresses may be connected to at."""

    async def look_up(_host: str, _port: int) -> Sequence[str]:
        return addresses

    return await Reach(private, look_up).addresses(host, 80)


@pytest.mark.parametrize("host", [*METADATA, *NOWHERE])
def test_what_is_never_a_runner_is_refused_however_it_is_written(host: str) -> None:
    assert Reach().refusal(host)
    assert Reach(private=False).refusal(host)


@pytest.mark.parametrize("host", [*PRIVATE, *PUBLIC])
def test_this_machine_and_its_network_are_allowed(host: str) -> None:
    assert Reach().refusal(host) == ""


@pytest.mark.parametrize("host", PRIVATE)
def test_they_can_be_forbidden(host: str) -> None:
    assert Reach(private=False).refusal(host)


@pytest.mark.parametrize("host", PUBLIC)
def test_public_ones_stay_allowed_then(host: str) -> None:
    assert Reach(private=False).refusal(host) == ""


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "fe80::1%eth0", "::ffff:169.254.169.254", "0.0.0.0", "fd00:ec2::254"],  # noqa: S104 - it is refused
)
async def test_a_name_that_leads_there_is_refused_when_it_is_connected_to(address: str) -> None:
    with pytest.raises(ForbiddenAddressError):
        await answering(address)


async def test_one_bad_address_spoils_a_name() -> None:
    with pytest.raises(ForbiddenAddressError):
        await answering("8.8.8.8", "169.254.169.254")


async def test_names_of_the_own_network() -> None:
    assert await answering("192.168.1.20", "fd12::1") == ("192.168.1.20", "fd12::1")
    with pytest.raises(ForbiddenAddressError):
        await answering("192.168.1.20", private=False)
    assert await answering("8.8.8.8", private=False) == ("8.8.8.8",)


async def test_a_forbidden_host_is_not_even_looked_up() -> None:
    with pytest.raises(ForbiddenAddressError):
        await answering("8.8.8.8", host="metadata.google.internal")


async def test_real_look_ups_take_odd_spellings_for_addresses() -> None:
    assert list(await Reach().addresses("2130706433", 80)) == ["127.0.0.1"]


@pytest.mark.parametrize("host", [*METADATA[:4], "[::ffff:169.254.169.254]", "metadata.google.internal", "0.0.0.0"])  # noqa: S104 - it is refused
def test_a_runner_there_is_not_saved(host: str) -> None:
    for kind, address in ((RUNNER_KIND_OPENAI, f"http://{host}/v1"), (RUNNER_KIND_WORKER, f"{host}:50051")):
        with pytest.raises(InvalidArgumentError) as refused:
            checked_spec(RunnerSpec(name="box", kind=kind, addresses=[address]), Reach())
        assert refused.value.reason == "INVALID_ADDRESS"
        assert refused.value.violations[0].field == "spec.addresses[0]"
