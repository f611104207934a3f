// Makes the texts of the screens for admins known. Each of those screens imports it.
import { adminTexts } from "../../../ui/i18n/admin-catalogue.ts";
import { registerTexts } from "../../../ui/i18n/text.ts";
import "./admin.css";

registerTexts(adminTexts);
