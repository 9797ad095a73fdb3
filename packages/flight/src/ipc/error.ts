/** What is wrong with the bytes of an Arrow IPC file or stream; whoever knows its name says it. */
export class IpcError extends Error {
  override readonly name = 'IpcError';
  /** `cut-off`: it ends before it is whole; `format`: it is something else; `broken`: its bytes make no sense. */
  readonly kind: 'cut-off' | 'format' | 'broken';

  constructor(kind: IpcError['kind'], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
  }
}
