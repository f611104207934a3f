// What a form shows of a refusal: what is wrong with which field, what is wrong otherwise, and how long to wait. Pure.

import { Code, type Failure } from "../rpc/failure.ts";
import { appError } from "./errors.ts";
import type { AppError } from "./types.ts";

/** The text key of what is wrong, or the server's sentence when there is none. */
export interface FieldMistake {
  readonly key: string;
  readonly message: string;
}

export interface Refusal {
  /** By the name of the field. */
  readonly fields: Readonly<Record<string, FieldMistake>>;
  /** What is about no field. */
  readonly error: AppError | null;
  /** Not before this moment; 0 for at once. */
  readonly waitUntil: number;
}

export interface RefusalRules {
  /** The field and the text of a reason; an empty field for what is about the whole form. */
  readonly reasons: Readonly<Record<string, readonly [field: string, key: string]>>;
}

/** A field's name in the API as it is here: `new_password` is newPassword. */
function fieldName(path: string): string {
  const last = path.replace(/\[\d+\]/g, "").split(".").at(-1) ?? "";
  return last.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** The fields that forms have, by their names in the API. */
const FIELDS = new Set(["name", "email", "password", "code", "currentPassword", "newPassword", "language", "scopes"]);

export function refusalOf(cause: Failure, rules: RefusalRules, now: number): Refusal {
  const error = appError(cause);
  if (cause.code === Code.ResourceExhausted && cause.retryAfterMs > 0) {
    return { fields: {}, error, waitUntil: now + cause.retryAfterMs };
  }
  const rule = rules.reasons[cause.reason];
  if (rule !== undefined) {
    const [field, key] = rule;
    if (field === "") return { fields: {}, error: { ...error, key }, waitUntil: 0 };
    return { fields: { [field]: { key, message: cause.message } }, error: null, waitUntil: 0 };
  }
  const fields: Record<string, FieldMistake> = {};
  for (const { field, description } of cause.violations) {
    const name = fieldName(field);
    // What no form shows, such as a token, is about the whole.
    if (FIELDS.has(name)) fields[name] ??= { key: "", message: description };
  }
  return { fields, error: Object.keys(fields).length > 0 ? null : error, waitUntil: 0 };
}

/** A refusal of what can be seen to be wrong without asking; null when nothing is. */
export function mistaken(fields: Readonly<Record<string, string>>): Refusal | null {
  const wrong = Object.entries(fields).filter(([, key]) => key !== "");
  if (wrong.length === 0) return null;
  return { fields: Object.fromEntries(wrong.map(([field, key]) => [field, { key, message: "" }])), error: null, waitUntil: 0 };
}

export const PASSWORD_LENGTH = 10;

const EMAIL = /^[^@\s]{1,64}@[^@\s]{1,190}$/;

export function wrongName(name: string): string {
  return name.trim() === "" ? "field.wrong.name" : "";
}

export function wrongEmail(email: string): string {
  if (email.trim() === "") return "field.wrong.email.empty";
  return EMAIL.test(email.trim()) ? "" : "field.wrong.email";
}

export function wrongPassword(password: string): string {
  return [...password].length < PASSWORD_LENGTH ? "field.wrong.password" : "";
}

/** How strong a password is by its length alone, from 0 for too short to 3. */
export function strengthOf(password: string): 0 | 1 | 2 | 3 {
  const length = [...password].length;
  if (length < PASSWORD_LENGTH) return 0;
  return length < 14 ? 1 : length < 20 ? 2 : 3;
}
