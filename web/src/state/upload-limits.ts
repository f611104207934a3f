// What would be refused, told before anything is sent. Pure.

import type { UploadLimits } from "../gen/fireside/v1/file_pb.ts";
import type { AppError } from "./types.ts";
import type { LocalFile, UploadLimitsView } from "./upload-types.ts";

/** Each text for an upload that went wrong, which the catalogue of uploads must have. */
export const UPLOAD_ERROR_KEYS = [
  "upload.error.size", // {limit}: bytes of the largest file
  "upload.error.size.server",
  "upload.error.type", // {type}
  "upload.error.type.server",
  "upload.error.full", // {left}: bytes that may still be kept
  "upload.error.full.server",
  "upload.error.name",
  "upload.error.corrupt",
  "upload.error.unreadable",
  "upload.error.collection",
  "upload.error.folder",
] as const;

export type UploadErrorKey = (typeof UPLOAD_ERROR_KEYS)[number];

/** What the server refuses with, and what is told of it. */
export const UPLOAD_REASONS: Readonly<Record<string, UploadErrorKey>> = {
  FILE_TOO_LARGE: "upload.error.size.server",
  FILE_TYPE_REFUSED: "upload.error.type.server",
  STORAGE_FULL: "upload.error.full.server",
  FILE_NAME_INVALID: "upload.error.name",
  FOLDER_INVALID: "upload.error.folder",
  FILE_CORRUPT: "upload.error.corrupt",
};

const LONGEST_NAME = 255;
const LONGEST_FOLDER = 1024;

export function limitsView(limits: UploadLimits): UploadLimitsView {
  return {
    maxFileBytes: Number(limits.maxFileBytes),
    remainingBytes: Number(limits.remainingBytes),
    usedBytes: Number(limits.usedBytes),
    refusedTypes: limits.refusedTypes,
  };
}

/** An error that no call brought. */
export function uploadError(key: UploadErrorKey, params: Readonly<Record<string, string | number>> = {}): AppError {
  const all = { message: "", seconds: 0, field: "", description: "", limit: 0, left: 0, type: "", ...params };
  return { kind: "invalid", reason: "", key, params: all, retryable: false, retryAfterMs: 0, atRunner: false };
}

/** The ending of a name, with its dot and in small letters; empty for none. */
export function endingOf(name: string): string {
  const at = name.lastIndexOf(".");
  return at <= 0 ? "" : name.slice(at).toLowerCase();
}

/** What of the refused types fits the file; empty for nothing. */
function refusedType({ name, type }: Pick<LocalFile, "name" | "type">, refused: readonly string[]): string {
  const media = type.split(";")[0]?.trim().toLowerCase() ?? "";
  const lower = name.toLowerCase();
  return refused.find((one) => {
    const wanted = one.toLowerCase();
    if (wanted.startsWith(".")) return lower.endsWith(wanted);
    return wanted.endsWith("/*") ? media.startsWith(wanted.slice(0, -1)) : media !== "" && media === wanted;
  }) ?? "";
}

/** Why a file would be refused; null when nothing speaks against it. `pending`: bytes of others that will be sent. */
export function refusalOfFile(file: LocalFile, folder: string, limits: UploadLimitsView, pending: number): AppError | null {
  if (file.name === "" || [...file.name].length > LONGEST_NAME) return uploadError("upload.error.name");
  if (folder.length > LONGEST_FOLDER) return uploadError("upload.error.folder");
  if (limits.maxFileBytes > 0 && file.size > limits.maxFileBytes) {
    return uploadError("upload.error.size", { limit: limits.maxFileBytes });
  }
  const type = refusedType(file, limits.refusedTypes);
  if (type !== "") return uploadError("upload.error.type", { type });
  const left = limits.remainingBytes - pending;
  if (limits.remainingBytes >= 0 && file.size > left) return uploadError("upload.error.full", { left: Math.max(0, left) });
  return null;
}
