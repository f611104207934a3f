// Who has access to one collection, as its owner sees and changes it.

import type { CallOptions, Client } from "@connectrpc/connect";

import type { CollectionShare } from "../gen/fireside/v1/collection_pb.ts";
import type { CollectionService } from "../gen/fireside/v1/collection_service_pb.ts";
import type { ShareRole } from "../gen/fireside/v1/share_pb.ts";
import type { Caller } from "./admin-calls.ts";
import type { Outcome } from "./admin-types.ts";
import type { CollectionShares } from "./library-types.ts";
import { ShareList, type Listed, type Recipient } from "./share-list.ts";

export type CollectionApi = Client<typeof CollectionService>;

export class SharesOfCollection extends ShareList<CollectionShare> implements CollectionShares {
  constructor(
    private readonly api: CollectionApi,
    caller: Caller,
    private readonly collectionId: string,
  ) {
    super(caller);
  }

  protected override list(options: CallOptions): Promise<Listed<CollectionShare>> {
    return this.api.listCollectionShares({ collectionId: this.collectionId }, options);
  }

  protected override give(recipient: Recipient, role: ShareRole): Promise<Outcome<null>> {
    const request = { collectionId: this.collectionId, recipient, role };
    return this.reread(this.caller.change((options) => this.api.shareCollection(request, options), () => null));
  }

  protected override remove(shareId: string, options: CallOptions): Promise<unknown> {
    return this.api.unshareCollection({ shareId }, options);
  }
}
