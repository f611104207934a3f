// Makes the texts of sources known: whatever shows one and is fetched when first wanted imports it.
import { sourceTexts } from "../../ui/i18n/sources-catalogue.ts";
import { registerTexts } from "../../ui/i18n/text.ts";

registerTexts(sourceTexts);
