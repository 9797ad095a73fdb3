/** At most four reports a second. */
const REPORT_EVERY_MS = 250;

/** Rows that came in, told together. */
export class RowReports {
  readonly #report: (rows: number) => void;
  #rows = 0;
  #reportedAt = performance.now();

  constructor(report: (rows: number) => void) {
    this.#report = report;
  }

  add(rows: number): void {
    this.#rows += rows;
    if (performance.now() - this.#reportedAt >= REPORT_EVERY_MS) this.end();
  }

  /** Tells what is left. */
  end(): void {
    if (this.#rows > 0) this.#report(this.#rows);
    this.#rows = 0;
    this.#reportedAt = performance.now();
  }
}
