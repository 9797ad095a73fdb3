/** A server that offers Arrow Flight gets rows that way, and loads as every graph store does. */

import { useNeo4j } from '@graphshift/testkit';
import { neo4jContract } from './contract.ts';

neo4jContract('neo4j over Arrow Flight', useNeo4j({ own: true, flight: {} }), { loader: 'auto' }, 'load');
