import { useNeo4j } from '@graphshift/testkit';
import { describe } from 'vitest';
import { aliasStatements } from './aliases.ts';
import { databaseStatements } from './databases.ts';
import { systemTransactions } from './transactions.ts';

// One server for all of them: `system`, the default database, and what a test makes.
const LIMIT = 9;
const neo4j = useNeo4j({ maxDatabases: LIMIT });

describe('databases', () => databaseStatements(neo4j, LIMIT));
describe('aliases', () => aliasStatements(neo4j));
describe('transactions', () => systemTransactions(neo4j));
