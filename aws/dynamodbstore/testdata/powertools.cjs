// An idempotent function of Powertools for AWS Lambda (TypeScript): endpoint, table, payload, "hold" or "".
//
// It writes "running" when the function runs, and with "hold" returns when a line has been read. Then it writes what
// came of it, as JSON.
const { createRequire } = require('node:module');
const { once } = require('node:events');
const load = createRequire(`${process.env.TROUPE_NODE_MODULES}/`);
const { makeIdempotent, IdempotencyConfig, IdempotencyAlreadyInProgressError } = load('@aws-lambda-powertools/idempotency');
const { DynamoDBPersistenceLayer } = load('@aws-lambda-powertools/idempotency/dynamodb');
const { DynamoDBClient } = load('@aws-sdk/client-dynamodb');

const [endpoint, tableName, payload, hold] = process.argv.slice(2);
const config = new IdempotencyConfig({});
config.registerLambdaContext({ getRemainingTimeInMillis: () => 30000 });
const persistenceStore = new DynamoDBPersistenceLayer({ tableName, awsSdkV3Client: new DynamoDBClient({ endpoint }) });

const run = makeIdempotent(
  async () => {
    console.log('running');
    if (hold) await once(process.stdin, 'data');
    return { by: 'typescript', amounts: [1, 2.5] };
  },
  { persistenceStore, config }
);

run(JSON.parse(payload))
  .then((result) => console.log(JSON.stringify({ result })))
  .catch((error) => {
    if (!(error instanceof IdempotencyAlreadyInProgressError)) throw error;
    console.log(JSON.stringify({ error: 'in progress' }));
  })
  .finally(() => process.stdin.destroy());
