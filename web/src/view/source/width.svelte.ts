// How wide the panel of a source is: in percent of the page, by pointer or keyboard, the same until the page is left.

const LEAST = 25;
const MOST = 65;
const STEP = 3;

const kept = $state({ percent: 44 });

export class DragWidth {
  get percent(): number {
    return kept.percent;
  }

  get style(): string {
    return `${kept.percent}%`;
  }

  drag(event: PointerEvent): void {
    if (!(event.currentTarget instanceof HTMLElement)) return;
    event.preventDefault();
    const edge = event.currentTarget;
    edge.setPointerCapture(event.pointerId);
    const end = new AbortController();
    const { signal } = end;
    edge.addEventListener("pointermove", ({ clientX }) => set(100 * (1 - clientX / innerWidth)), { signal });
    for (const type of ["pointerup", "pointercancel"]) edge.addEventListener(type, () => end.abort(), { signal });
  }

  key(event: KeyboardEvent): void {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    event.stopPropagation();
    set(kept.percent + (event.key === "ArrowLeft" ? STEP : -STEP));
  }
}

function set(percent: number): void {
  kept.percent = Math.round(Math.min(MOST, Math.max(LEAST, percent)));
}
