// pdf.js, fetched with its worker when the first PDF is opened. Nothing of it evaluates code or compiles WebAssembly: the
// page's content security policy allows neither.
import type * as Pdfjs from "pdfjs-dist/legacy/build/pdf.mjs";
import type { PDFDocumentProxy } from "pdfjs-dist/legacy/build/pdf.mjs";

declare const __PDF_ASSETS__: string;

export type PdfFailure = "missing" | "locked" | "broken" | "away";

/** Why a PDF cannot be shown. */
export class PdfError extends Error {
  constructor(readonly failure: PdfFailure) {
    super(failure);
  }
}

export interface OpenPdf {
  readonly pdfjs: typeof Pdfjs;
  readonly document: PDFDocumentProxy;
  close(): void;
}

/** Bytes that are asked for at a time. */
const CHUNK = 256 * 1024;

let coming: Promise<typeof Pdfjs> | null = null;

async function fetchEngine(): Promise<typeof Pdfjs> {
  const [pdfjs, worker] = await Promise.all([
    import("pdfjs-dist/legacy/build/pdf.mjs"),
    import("pdfjs-dist/legacy/build/pdf.worker.min.mjs?url"),
  ]);
  pdfjs.GlobalWorkerOptions.workerSrc = worker.default;
  return pdfjs;
}

function engine(): Promise<typeof Pdfjs> {
  coming ??= fetchEngine().catch(() => {
    coming = null;
    throw new PdfError("away");
  });
  return coming;
}

function failureOf(caught: unknown): PdfFailure {
  const { name, status } = caught as { name?: string; status?: number };
  if (name === "PasswordException") return "locked";
  if (name === "InvalidPDFException" || name === "FormatError") return "broken";
  if (status === 401 || status === 403 || status === 404 || status === 410) return "missing";
  return name === "ResponseException" || name === "UnknownErrorException" || caught instanceof TypeError ? "away" : "broken";
}

/** Opens the PDF at an address of this server. Rejects with PdfError. `signal` ends it, also after it was opened. */
export async function openPdf(url: string, signal: AbortSignal): Promise<OpenPdf> {
  const pdfjs = await engine();
  signal.throwIfAborted();
  const task = pdfjs.getDocument({
    url,
    rangeChunkSize: CHUNK,
    // Only what is looked at: a manual of a thousand pages need not come whole.
    disableAutoFetch: true,
    disableStream: true,
    cMapUrl: `${__PDF_ASSETS__}cmaps/`,
    standardFontDataUrl: `${__PDF_ASSETS__}standard_fonts/`,
    wasmUrl: `${__PDF_ASSETS__}wasm/`,
    useWasm: false,
    isEvalSupported: false,
    enableXfa: false,
    verbosity: pdfjs.VerbosityLevel.ERRORS,
  });
  const close = (): void => void task.destroy();
  signal.addEventListener("abort", close, { once: true });
  try {
    return { pdfjs, document: await task.promise, close };
  } catch (caught) {
    close();
    throw new PdfError(failureOf(caught));
  }
}
