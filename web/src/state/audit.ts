// The log of security events as its screen reads it: filtered, page by page, and as a file.

import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import type { Client } from "@connectrpc/connect";

import type { AuditEvent } from "../gen/fireside/v1/audit_pb.ts";
import type { AuditService } from "../gen/fireside/v1/audit_service_pb.ts";
import type { Clock } from "../rpc/clock.ts";
import { failureOf } from "../rpc/failure.ts";
import { refused, type Caller } from "./admin-calls.ts";
import type { Audit, AuditEventView, AuditFilter, AuditState, Outcome } from "./admin-types.ts";
import { appError } from "./errors.ts";
import { Store } from "./store.ts";

export type AuditApi = Client<typeof AuditService>;

export interface AuditOptions {
  readonly api: AuditApi;
  readonly caller: Caller;
  readonly clock: Clock;
}

const PAGE = 50;
const TYPING_MS = 250;

function eventView(event: AuditEvent): AuditEventView {
  return {
    number: Number(event.number),
    at: event.time === undefined ? 0 : timestampMs(event.time),
    action: event.action,
    actorId: event.actorId,
    actor: event.actorEmail,
    targetId: event.targetId,
    target: event.targetName,
    address: event.address,
    succeeded: event.succeeded,
    details: Object.entries(event.details).sort(([a], [b]) => (a < b ? -1 : 1)),
  };
}

/** Midnight of a day as it is typed, or of a later one, in the reader's zone; null for no day. */
function midnight(day: string, later = 0): number | null {
  const parts = /^(\d{4})-(\d\d)-(\d\d)$/.exec(day);
  return parts === null ? null : new Date(Number(parts[1]), Number(parts[2]) - 1, Number(parts[3]) + later).getTime();
}

function requestOf(filter: AuditFilter) {
  const after = midnight(filter.from);
  const before = midnight(filter.to, 1);
  return {
    actorId: filter.actorId,
    action: filter.action,
    ...(after === null ? {} : { after: timestampFromMs(after) }),
    ...(before === null ? {} : { before: timestampFromMs(before) }),
  };
}

export class AuditLog extends Store<AuditState> implements Audit {
  #token = "";
  #turn = 0;
  #cancelTyping: () => void = () => undefined;

  constructor(private readonly options: AuditOptions) {
    super({
      phase: "loading", error: null, filter: { actorId: "", action: "", from: "", to: "" },
      events: [], searching: false, hasMore: false, loadingMore: false,
    });
  }

  filter(change: Partial<AuditFilter>): void {
    this.update({ filter: { ...this.get().filter, ...change }, searching: true });
    this.#cancelTyping();
    this.#cancelTyping = this.options.clock.after(TYPING_MS, () => {
      this.reload();
    });
  }

  reload(): void {
    if (this.get().phase === "failed") this.update({ phase: "loading", error: null });
    void this.#read();
  }

  async #read(): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    const outcome = await this.#page("");
    if (turn !== this.#turn) return;
    if (!outcome.ok) {
      this.update({ phase: "failed", error: appError(outcome.failure), searching: false });
      return;
    }
    const { events, nextPageToken } = outcome.value;
    this.#token = nextPageToken;
    const hasMore = nextPageToken !== "";
    this.update({ phase: "ready", error: null, events: events.map(eventView), searching: false, loadingMore: false, hasMore });
  }

  loadMore(): void {
    if (this.#token === "" || this.get().loadingMore) return;
    this.update({ loadingMore: true });
    const turn = this.#turn;
    void this.#page(this.#token).then((outcome) => {
      if (turn !== this.#turn) return;
      if (!outcome.ok) {
        this.update({ loadingMore: false, error: appError(outcome.failure) });
        return;
      }
      this.#token = outcome.value.nextPageToken;
      const events = [...this.get().events, ...outcome.value.events.map(eventView)];
      this.update({ events, error: null, loadingMore: false, hasMore: this.#token !== "" });
    });
  }

  async export(signal: AbortSignal): Promise<Outcome<Uint8Array[]>> {
    const pieces: Uint8Array[] = [];
    try {
      for await (const { data } of this.options.api.exportAuditEvents(requestOf(this.get().filter), { signal })) pieces.push(data);
    } catch (caught) {
      return refused(failureOf(caught));
    }
    return { ok: true, value: pieces };
  }

  #page(pageToken: string) {
    const { api, caller } = this.options;
    const request = { ...requestOf(this.get().filter), pageSize: PAGE, pageToken };
    return caller.read((options) => api.listAuditEvents(request, options));
  }
}
