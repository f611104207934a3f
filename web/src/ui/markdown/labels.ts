// The words that the Markdown view shows by itself, in the reader's language.

export interface Labels {
  readonly copy: string;
  readonly copied: string;
  readonly code: string;
  readonly table: string;
  /** Shown where a picture from elsewhere would be. */
  readonly openImage: (about: string) => string;
  /** What a number that refers to a source is called. */
  readonly cite: (number: number) => string;
}
