// Between limits as they are typed and those of the API: 0 there, and nothing here, is no limit. Pure.

import type { MessageInitShape } from "@bufbuild/protobuf";

import type { Limits, LimitsSchema } from "../gen/fireside/v1/policy_pb.ts";
import type { LimitField, LimitsDraft } from "./admin-types.ts";

const MEGABYTE = 1_000_000;

export const NO_LIMITS: LimitsDraft = { messagesPerDay: "", tokensPerDay: "", messagesPerMinute: "", storageMegabytes: "" };
export const LIMIT_FIELDS = ["messagesPerMinute", "messagesPerDay", "tokensPerDay", "storageMegabytes"] as const;

function typed(value: bigint): string {
  return value === 0n ? "" : value.toString();
}

export function limitsDraft(limits: Limits | undefined): LimitsDraft {
  if (limits === undefined) return NO_LIMITS;
  return {
    messagesPerDay: typed(limits.messagesPerDay),
    tokensPerDay: typed(limits.tokensPerDay),
    messagesPerMinute: typed(limits.messagesPerMinute),
    storageMegabytes: limits.storageBytes === 0n ? "" : String(Math.ceil(Number(limits.storageBytes) / MEGABYTE)),
  };
}

/** `before` is what the draft was made of: an amount that nobody changed keeps its bytes. */
export function limitsOf(draft: LimitsDraft, before?: Limits): MessageInitShape<typeof LimitsSchema> {
  const same = before !== undefined && limitsDraft(before).storageMegabytes === draft.storageMegabytes.trim();
  return {
    messagesPerDay: BigInt(draft.messagesPerDay.trim() || "0"),
    tokensPerDay: BigInt(draft.tokensPerDay.trim() || "0"),
    messagesPerMinute: BigInt(draft.messagesPerMinute.trim() || "0"),
    storageBytes: same ? before.storageBytes : BigInt(draft.storageMegabytes.trim() || "0") * BigInt(MEGABYTE),
  };
}

/** The first limit that is not a whole number; null when all are right. */
export function wrongLimit(draft: LimitsDraft): LimitField | null {
  return LIMIT_FIELDS.find((field) => !/^\d{0,12}$/.test(draft[field].trim())) ?? null;
}

export function hasLimits(draft: LimitsDraft): boolean {
  return LIMIT_FIELDS.some((field) => draft[field].trim() !== "");
}
