// The services of collections and documents in memory: what a test puts there, page by page.

import { clone, create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";

import { CollectionSchema, CollectionShareSchema, type Collection, type CollectionShare } from "../../src/gen/fireside/v1/collection_pb.ts";
import { CollectionService, type ShareCollectionRequest } from "../../src/gen/fireside/v1/collection_service_pb.ts";
import { DocumentSchema, DocumentState, type Document, type Passage } from "../../src/gen/fireside/v1/document_pb.ts";
import { KnowledgeService, type ListDocumentsRequest, type SearchKnowledgeRequest } from "../../src/gen/fireside/v1/knowledge_service_pb.ts";
import { ShareRole } from "../../src/gen/fireside/v1/share_pb.ts";
import { refusal } from "./auth-service.ts";

type Unary = <T>(method: string, context: HandlerContext, answer: () => T) => Promise<T>;

export class TestKnowledge {
  readonly collections = new Map<string, Collection>();
  readonly documents = new Map<string, Document>();
  readonly shares: CollectionShare[] = [];
  readonly searches: SearchKnowledgeRequest[] = [];
  found: Passage[] = [];
  /** Documents that uploads made. */
  arrived: (id: string) => Document | undefined = () => undefined;
  #seq = 0n;

  collection(init: MessageInitShape<typeof CollectionSchema>): Collection {
    const record = create(CollectionSchema, { access: ShareRole.OWNER, etag: "e1", ...init });
    this.collections.set(record.id, record);
    return clone(CollectionSchema, record);
  }

  document(init: MessageInitShape<typeof DocumentSchema>): Document {
    this.#seq += 1n;
    const record = create(DocumentSchema, { state: DocumentState.READY, version: 1, changeSeq: this.#seq, ...init });
    this.documents.set(record.id, record);
    return clone(DocumentSchema, record);
  }

  get(id: string): { collection: Collection } {
    const collection = this.collections.get(id);
    if (collection === undefined) throw new ConnectError("no such collection", Code.NotFound);
    return { collection };
  }

  create(id: string, name: string, description: string) {
    const taken = [...this.collections.values()].some((other) => other.name === name && other.id !== id);
    if (taken) throw refusal(Code.AlreadyExists, "COLLECTION_NAME_TAKEN");
    return { collection: this.collection({ id, name, description }) };
  }

  update(id: string, name: string, description: string, etag: string) {
    const { collection } = this.get(id);
    if (etag !== collection.etag) throw refusal(Code.Aborted, "STALE_ETAG");
    Object.assign(collection, { name, description, etag: `${etag}+` });
    return { collection };
  }

  share({ collectionId, recipient, role }: ShareCollectionRequest) {
    if (recipient.case === "email" && !recipient.value.startsWith("bob")) throw new ConnectError("nobody", Code.NotFound);
    const to = recipient.case === "groupId" ? recipient : { case: "accountId" as const, value: "bob" };
    const email = recipient.case === "email" ? recipient.value : "";
    const share = create(CollectionShareSchema, { id: `s-${to.value}`, collectionId, role, name: to.value, email, recipient: to });
    const at = this.shares.findIndex(({ id }) => id === share.id);
    if (at < 0) this.shares.push(share);
    else this.shares[at] = share;
    return { share };
  }

  list({ collectionId, query, states, pageSize, pageToken }: ListDocumentsRequest) {
    this.get(collectionId);
    const all = [...this.documents.values()]
      .filter((one) => one.collectionId === collectionId && one.name.includes(query) && (states.length === 0 || states.includes(one.state)))
      .sort((a, b) => (a.folder + a.name < b.folder + b.name ? -1 : 1));
    const from = Number(pageToken || "0");
    const to = from + (pageSize || 100);
    const documents = all.slice(from, to).map((one) => clone(DocumentSchema, one));
    return { documents, nextPageToken: to < all.length ? String(to) : "", changeSeq: this.#seq };
  }

  /** The passages of a document, as `found` has them. */
  read(id: string, first: number, limit: number) {
    const document = this.documents.get(id);
    if (document === undefined) throw new ConnectError("no such document", Code.NotFound);
    const all = this.found.filter(({ documentId }) => documentId === id);
    return { document, passages: all.slice(first, first + (limit || 50)), total: all.length };
  }

  remove(id: string) {
    if (!this.documents.delete(id)) throw new ConnectError("gone", Code.NotFound);
    return {};
  }

  retry(id: string) {
    const record = this.documents.get(id);
    if (record?.state !== DocumentState.FAILED) throw refusal(Code.FailedPrecondition, "DOCUMENT_BUSY");
    return { document: this.document({ ...record, state: DocumentState.UPLOADED, changeSeq: this.#seq + 1n }) };
  }

  search(request: SearchKnowledgeRequest) {
    this.searches.push(request);
    return { passages: this.found, usedVectors: true, pendingDocuments: 2n };
  }
}

export function serveKnowledge(router: ConnectRouter, book: TestKnowledge, unary: Unary): void {
  router.service(CollectionService, {
    createCollection: (r, c) => unary("createCollection", c, () => book.create(r.collectionId, r.name, r.description)),
    getCollection: (r, c) => unary("getCollection", c, () => book.get(r.collectionId)),
    listCollections: (_, c) => unary("listCollections", c, () => ({ collections: [...book.collections.values()] })),
    updateCollection: (r, c) => unary("updateCollection", c, () => book.update(r.collectionId, r.name, r.description, r.etag)),
    deleteCollection: (r, c) =>
      unary("deleteCollection", c, () => {
        book.get(r.collectionId);
        book.collections.delete(r.collectionId);
        return {};
      }),
    shareCollection: (r, c) => unary("shareCollection", c, () => book.share(r)),
    listCollectionShares: (_, c) => unary("listCollectionShares", c, () => ({ shares: book.shares, groups: [{ id: "g", name: "Lab" }] })),
    unshareCollection: (r, c) =>
      unary("unshareCollection", c, () => {
        book.shares.splice(book.shares.findIndex(({ id }) => id === r.shareId), 1);
        return {};
      }),
  });
  router.service(KnowledgeService, {
    listDocuments: (r, c) => unary("listDocuments", c, () => book.list(r)),
    listDocumentVersions: (r, c) =>
      unary("listDocumentVersions", c, () => ({ versions: [{ version: 1, fileId: `f-${r.documentId}`, size: 3n, authorName: "Ann" }] })),
    getDocument: (r, c) =>
      unary("getDocument", c, () => {
        const document = book.documents.get(r.documentId) ?? book.arrived(r.documentId);
        if (document === undefined) throw new ConnectError("no such document", Code.NotFound);
        return { document: clone(DocumentSchema, document) };
      }),
    readDocument: (r, c) => unary("readDocument", c, () => book.read(r.documentId, r.firstOrdinal, r.limit)),
    deleteDocument: (r, c) => unary("deleteDocument", c, () => book.remove(r.documentId)),
    retryDocument: (r, c) => unary("retryDocument", c, () => book.retry(r.documentId)),
    searchKnowledge: (r, c) => unary("searchKnowledge", c, () => book.search(r)),
  });
}
