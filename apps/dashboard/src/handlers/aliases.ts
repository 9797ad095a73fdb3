import { type Handler, ok } from '../http.ts';

export const listAliases: Handler = async ({ backend }) => ok(await backend.operations.aliases());
