// Makes the texts of sharing known: the dialog and the page of a link import it.
import { sharingTexts } from "../../ui/i18n/sharing-catalogue.ts";
import { registerTexts } from "../../ui/i18n/text.ts";

registerTexts(sharingTexts);
