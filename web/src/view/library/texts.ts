// Makes the texts of the library known. Each of its parts that is fetched by itself imports it.
import { libraryTexts } from "../../ui/i18n/library-catalogue.ts";
import { registerTexts } from "../../ui/i18n/text.ts";
import "../share/texts.ts";
import "../uploads/texts.ts";
import "./library.css";

registerTexts(libraryTexts);
