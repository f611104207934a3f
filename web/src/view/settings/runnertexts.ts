// Makes the texts of runners, models and aliases known: their screen imports it.
import { runnerTexts } from "../../ui/i18n/runners-catalogue.ts";
import { registerTexts } from "../../ui/i18n/text.ts";

registerTexts(runnerTexts);
