"""Where the data of a message is, told from its beginning."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fireside.edge.rpc.arriving import data_place
from fireside.gen.v1.upload_service_pb2 import AppendUploadRequest

NUMBERS = st.integers(0, 2**32 - 1)


@given(
    st.text(max_size=200), st.integers(0, 2**63 - 1), st.none() | NUMBERS, st.lists(NUMBERS, max_size=64),
    st.binary(max_size=300), st.integers(0, 2**63 - 1),
)  # fmt: skip
def test_data_at_the_end_is_found_as_soon_as_its_length_is_there(
    upload_id: str, offset: int, crc32: int | None, sums: list[int], data: bytes, unknown: int
) -> None:
    head = AppendUploadRequest(upload_id=upload_id, offset=offset, crc32=crc32, segment_crc32s=sums)
    # A field of a later version: 9, as eight bytes.
    first = head.SerializeToString() + b"\x49" + unknown.to_bytes(8, "little")
    whole = first + AppendUploadRequest(data=data).SerializeToString()
    place = data_place(whole)
    if not data:
        assert place is None
        return
    assert place is not None
    assert (place.tag, whole[place.start :], place.size) == (len(first), data, len(data))
    for end in range(place.start):
        assert data_place(whole[:end]) is None
    assert data_place(whole[: place.start]) == place


@given(st.binary(max_size=100))
def test_what_is_no_message_has_a_place_within_it_or_none(noise: bytes) -> None:
    place = data_place(noise)
    assert place is None or 0 <= place.tag < place.start <= len(noise)
