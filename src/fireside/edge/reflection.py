"""Server reflection v1 and v1alpha, so that `buf curl` and `grpcurl` need no proto files. Built at the first question."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from connectrpc_grpcreflect import (  # pyright: ignore[reportMissingTypeStubs] - it has types but no marker
    ServerReflectionAlphaASGIApplication,
    ServerReflectionAlphaService,
    ServerReflectionASGIApplication,
    ServerReflectionService,
)
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from protobuf.wkt import FileDescriptorSet as OtherFileDescriptorSet

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from connectrpc.interceptor import MetadataInterceptor
    from connectrpc.server import ConnectASGIApplication
    from google.protobuf.descriptor import FileDescriptor
    from protobuf import DescFile

_READ_MAX_BYTES = 64 * 1024


class _Files:
    """The files that can be asked for. The reflection library has another Protobuf runtime: they cross as bytes."""

    def __init__(self, files: Sequence[FileDescriptor], more: Sequence[FileDescriptorProto]) -> None:
        self._files = files
        self._more = more

    @cached_property
    def described(self) -> list[DescFile]:
        """The files with services; what they import is in them."""
        protos: dict[str, FileDescriptorProto] = {}
        for file in self._files:
            _add_with_imports(file, protos)
        crossing = FileDescriptorSet(file=[*protos.values(), *self._more])
        registry = OtherFileDescriptorSet.from_binary(crossing.SerializeToString()).to_registry()
        names = [file.name for file in (*self._files, *self._more)]
        return [found for name in names if (found := registry.file(name)) is not None]


def _add_with_imports(file: FileDescriptor, protos: dict[str, FileDescriptorProto]) -> None:
    """Imports come first, as the other runtime wants them."""
    if file.name in protos:
        return
    for imported in file.dependencies:
        _add_with_imports(imported, protos)
    proto = FileDescriptorProto()
    file.CopyToProto(proto)
    protos[file.name] = proto


class _Reflection:
    def __init__(self, files: _Files, kind: type[ServerReflectionService | ServerReflectionAlphaService]) -> None:
        self._files = files
        self._kind = kind

    @cached_property
    def _service(self) -> ServerReflectionService | ServerReflectionAlphaService:
        return self._kind(*self._files.described)

    def server_reflection_info(self, request: AsyncIterator[Any], ctx: Any) -> AsyncIterator[Any]:
        return self._service.server_reflection_info(request, ctx)


def reflection_applications(
    files: Sequence[FileDescriptor],
    more: Sequence[FileDescriptorProto],
    interceptors: Sequence[MetadataInterceptor[Any]],
) -> list[ConnectASGIApplication[Any]]:
    """The two services over the files that declare services; `more` are files that are in no pool of this process."""
    known = _Files(files, more)
    service: Any = _Reflection(known, ServerReflectionService)
    alpha: Any = _Reflection(known, ServerReflectionAlphaService)
    return [
        ServerReflectionASGIApplication(service, interceptors=interceptors, read_max_bytes=_READ_MAX_BYTES),
        ServerReflectionAlphaASGIApplication(alpha, interceptors=interceptors, read_max_bytes=_READ_MAX_BYTES),
    ]
