// Makes a tree like another one by touching only what differs, so that what did not change keeps its node: no flicker,
// and a selection survives. Not a general library: it knows the few shapes that Markdown makes.

/** May take a pair of nodes over; true when it did. */
export type Claim = (from: Element, to: Element) => boolean;

function sameKind(a: Node, b: Node): boolean {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName;
}

function morphText(from: Text, to: Text): void {
  const now = from.data;
  const next = to.data;
  if (now === next) return;
  let shared = 0;
  const most = Math.min(now.length, next.length);
  while (shared < most && now.charCodeAt(shared) === next.charCodeAt(shared)) shared += 1;
  from.replaceData(shared, now.length - shared, next.slice(shared));
}

// Set by the view or by the reader (an unfolded `<details>`), not by the text.
const KEPT = new Set(["class", "open"]);

function morphAttributes(from: Element, to: Element): void {
  for (const { name, value } of to.attributes) if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  for (const { name } of [...from.attributes]) if (!KEPT.has(name) && !to.hasAttribute(name)) from.removeAttribute(name);
}

/** Gives `target` the children of `source`, which is used up. */
export function morphChildren(target: Node, source: Node, claim: Claim): void {
  let now = target.firstChild;
  let next = source.firstChild;
  while (next) {
    const following = next.nextSibling;
    if (!now) {
      target.appendChild(next);
    } else {
      const kept: ChildNode = now;
      now = now.nextSibling;
      if (kept instanceof Element && next instanceof Element && claim(kept, next)) {
        // Taken care of.
      } else if (!sameKind(kept, next)) {
        target.replaceChild(next, kept);
      } else if (kept instanceof Text) {
        morphText(kept, next as Text);
      } else if (kept instanceof Element && next instanceof Element) {
        morphAttributes(kept, next);
        morphChildren(kept, next, claim);
      }
    }
    next = following;
  }
  while (now) {
    const following: ChildNode | null = now.nextSibling;
    now.remove();
    now = following;
  }
}
