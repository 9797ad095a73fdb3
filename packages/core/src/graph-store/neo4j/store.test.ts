import { useNeo4j } from '@graphshift/testkit';
import { neo4jContract } from '../../../test/neo4j/contract.ts';

neo4jContract('neo4j', useNeo4j(), { loader: 'bolt' });
