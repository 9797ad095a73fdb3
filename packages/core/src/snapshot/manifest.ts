/** What a snapshot consists of, as found in its files: the basis of a load and of its certificate. */

export interface SnapshotFile {
  /** Relative to the snapshot's directory, with forward slashes. */
  readonly path: string;
  readonly bytes: number;
  /** Modification time in milliseconds since 1970. */
  readonly modifiedAt: number;
}

export interface SnapshotColumn {
  readonly name: string;
  /** Logical type in DuckDB's words, such as `BIGINT`, `TIMESTAMP WITH TIME ZONE` or `VARCHAR[]`. */
  readonly type: string;
}

/** Labels of the nodes at the ends of a type's relationships, as indices into the manifest's `nodes`. */
export interface EndLabels {
  readonly source: readonly number[];
  readonly target: readonly number[];
}

/** The files of one folder, `nodes/<Label>` or `relationships/<TYPE>`. */
export interface SnapshotGroup {
  /** The label or type. */
  readonly name: string;
  readonly columns: readonly SnapshotColumn[];
  readonly files: readonly (SnapshotFile & { /** From the footer. */ readonly rows: number })[];
  readonly rows: number;
  /** Of relationships, once they have been checked. */
  readonly ends?: EndLabels;
}

export interface SnapshotManifest {
  readonly nodes: readonly SnapshotGroup[];
  readonly relationships: readonly SnapshotGroup[];
  /** Rows of all files. */
  readonly rows: number;
  readonly bytes: number;
  /** sha256 over the sorted relative paths and contents of all files, in hexadecimal. */
  readonly contentHash: string;
}
