// Makes the texts of uploads known: what shows uploads imports it.
import { registerTexts } from "../../ui/i18n/text.ts";
import { uploadTexts } from "../../ui/i18n/upload-catalogue.ts";

registerTexts(uploadTexts);
