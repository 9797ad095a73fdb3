/** Arrow IPC without any network: frames, messages, and the schema's names. */

export { IpcError } from './error.ts';
export { checkEnds, type IpcLayout, type PlacedMessage, readLayout } from './layout.ts';
export { batchOf, dictionaryOf, type IpcMessage, ipcMessage } from './message.ts';
export { readFile, readStream } from './read.ts';
export { fieldNames, renameColumns } from './rename.ts';
