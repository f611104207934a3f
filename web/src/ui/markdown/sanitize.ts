// The one door between a model's text and the page: HTML in, harmless nodes out.
//
// Nothing runs, nothing is fetched, nothing looks like a part of the app: no scripts, styles, forms, frames, ids or
// classes; pictures from elsewhere lose their address until the reader asks for them; links open elsewhere without
// telling where from.
import DOMPurify from "dompurify";

const TAGS = [
  "a", "abbr", "b", "blockquote", "br", "caption", "code", "dd", "del", "details", "div", "dl", "dt", "em", "figcaption",
  "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "kbd", "li", "mark", "ol", "p", "pre", "q",
  "rp", "rt", "ruby", "s", "samp", "small", "span", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot",
  "th", "thead", "tr", "u", "ul", "var", "wbr",
];
const ATTRIBUTES = [
  "href", "title", "alt", "src", "align", "colspan", "rowspan", "start", "open", "lang", "dir", "data-tex",
  "data-display", "data-lang", "data-task", "data-scroll", "data-block",
];
const LINK = /^(?:https?:|mailto:|tel:)/i;
const INLINE_PICTURE = /^data:image\/(?:png|jpe?g|gif|webp|avif);base64,/i;
const PICTURE = /^https?:/i;

function guard(element: Element): void {
  const href = element.getAttribute("href");
  if (href !== null) {
    if (element.tagName === "A" && LINK.test(href.trim())) {
      element.setAttribute("target", "_blank");
      element.setAttribute("rel", "noopener noreferrer");
    } else {
      element.removeAttribute("href");
    }
  }
  const src = element.getAttribute("src");
  if (src === null || (element.tagName === "IMG" && INLINE_PICTURE.test(src))) return;
  element.removeAttribute("src");
  if (element.tagName === "IMG" && PICTURE.test(src.trim())) element.setAttribute("data-remote", src.trim());
}

let purifier: ReturnType<typeof DOMPurify> | null = null;

function purify(): ReturnType<typeof DOMPurify> {
  if (!purifier) {
    purifier = DOMPurify(window);
    purifier.addHook("afterSanitizeAttributes", guard);
  }
  return purifier;
}

/** Harmless nodes for untrusted HTML. They belong to the page's document and are in no tree yet. */
export function sanitize(html: string): DocumentFragment {
  // A frameset would take the place of a body that nothing stands in yet, and nothing would be left to show.
  const clean = purify().sanitize(`<wbr>${html}`, {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ATTRIBUTES,
    ALLOW_ARIA_ATTR: false,
    ALLOW_DATA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  });
  clean.firstChild?.remove();
  return clean;
}
