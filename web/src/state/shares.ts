// Who has access to one conversation, as its owner sees and changes it. Loaded with the dialog for sharing.

import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { CallOptions, Client } from "@connectrpc/connect";

import { ShareRole, type Share } from "../gen/fireside/v1/share_pb.ts";
import type { ShareService } from "../gen/fireside/v1/share_service_pb.ts";
import type { Clock } from "../rpc/clock.ts";
import { Caller } from "./admin-calls.ts";
import type { Outcome } from "./admin-types.ts";
import { timeOf } from "./people.ts";
import { ShareList, type Expiry, type Listed, type Recipient } from "./share-list.ts";
import type { ExpiryName, LinkView, Shares } from "./sharing-types.ts";

export interface SharesOptions {
  readonly api: Client<typeof ShareService>;
  readonly clock: Clock;
  readonly random: () => number;
}

const DAY_MS = 24 * 3600 * 1000;
const DAYS: Record<ExpiryName, number> = { never: 0, day: 1, week: 7, month: 30 };

export class ConversationShares extends ShareList<Share> implements Shares {
  /** The path of the link that was made here, by the share's id. */
  #path = { id: "", path: "" };

  constructor(
    private readonly options: SharesOptions,
    private readonly conversationId: string,
  ) {
    super(new Caller(options));
  }

  makeLink(expiry: ExpiryName): Promise<Outcome<null>> {
    return this.give({ case: "link", value: true }, ShareRole.VIEWER, this.until(expiry));
  }

  protected override list(options: CallOptions): Promise<Listed<Share>> {
    return this.options.api.listShares({ conversationId: this.conversationId }, options);
  }

  protected override give(
    recipient: Recipient | { readonly case: "link"; readonly value: true },
    role: ShareRole,
    expiry: Expiry,
  ): Promise<Outcome<null>> {
    const request = { conversationId: this.conversationId, recipient, role, ...expiry };
    const call = this.caller.change(
      (options) => this.options.api.createShare(request, options),
      ({ share, link }) => {
        if (link !== "") this.#path = { id: share?.id ?? "", path: link };
        return null;
      },
    );
    return this.reread(call);
  }

  protected override remove(shareId: string, options: CallOptions): Promise<unknown> {
    return this.options.api.deleteShare({ shareId }, options);
  }

  protected override until(expiry: ExpiryName): Expiry {
    const days = DAYS[expiry];
    return days === 0 ? {} : { expireTime: timestampFromMs(this.options.clock.now() + days * DAY_MS) };
  }

  protected override link(): LinkView | null {
    const record = this.records.find(({ recipient }) => recipient.case === "link");
    if (record === undefined) return null;
    const path = this.#path.id === record.id ? this.#path.path : "";
    return { id: record.id, expiresAt: timeOf(record.expireTime), path };
  }
}
