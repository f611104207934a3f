// A transport that tells of every failure that passes it: so one place hears that a session has ended, whichever call
// was told. It changes nothing.

import type { StreamResponse, Transport } from "@connectrpc/connect";
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";

import { failureOf, type Failure } from "./failure.ts";

export function watchful(transport: Transport, heard: (failure: Failure) => void): Transport {
  const telling = async <T>(run: () => Promise<T>): Promise<T> => {
    try {
      return await run();
    } catch (caught) {
      heard(failureOf(caught));
      throw caught;
    }
  };
  async function* through<T>(messages: AsyncIterable<T>): AsyncGenerator<T> {
    try {
      yield* messages;
    } catch (caught) {
      heard(failureOf(caught));
      throw caught;
    }
  }
  return {
    unary: (...call) => telling(() => transport.unary(...call)),
    stream: async <I extends DescMessage, O extends DescMessage>(
      ...call: Parameters<Transport["stream"]>
    ): Promise<StreamResponse<I, O>> => {
      const response = (await telling(() => transport.stream(...call))) as unknown as StreamResponse<I, O>;
      return { ...response, message: through<MessageShape<O>>(response.message) };
    },
  };
}
