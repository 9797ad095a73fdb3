import type { Logger } from '../../platform/log.ts';
import type { GraphStore } from '../graph-store.ts';

export interface EmbeddedStoreOptions {
  readonly directory: string;
  readonly idProperty?: string;
  readonly loaderMemoryBytes?: number;
  readonly log?: Logger;
}

export declare function createEmbeddedStore(options: EmbeddedStoreOptions): GraphStore;
