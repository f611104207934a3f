// What a field shows of how a change ended.
import type { Outcome } from "../../../state/admin-types.ts";
import { tOr } from "../../../ui/i18n/locale.svelte.ts";

/** What is wrong with a field; empty for nothing. */
export function wrong(outcome: Outcome<unknown> | null, field: string): string {
  if (outcome === null || outcome.ok || outcome.field !== field) return "";
  const { key, params } = outcome.error;
  const said = String(params["description"] ?? "");
  return key === "error.invalid" && said !== "" ? said : tOr(key, params);
}
