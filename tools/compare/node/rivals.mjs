// The rivals that run in Node.js. Each line of standard input asks one of them to process an event some
// number of times; the answer is a line that says how long that took.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';

const sources = {
  SQS: { type: EventType.SQS, identifier: (record) => record.messageId },
  Kinesis: { type: EventType.KinesisDataStreams, identifier: (record) => record.kinesis.sequenceNumber },
  DynamoDB: { type: EventType.DynamoDBStreams, identifier: (record) => record.dynamodb.SequenceNumber },
};

const noop = async (_record) => {};
const parsing = async (record) => {
  if (typeof JSON.parse(record.body).orderId !== 'string') throw new Error('no order');
};

// What the documentation of Powertools shows: records side by side, with an asynchronous handler.
const powertools = (handler) => ({ type }) => {
  const processor = new BatchProcessor(type);
  return (event, context) => processPartialResponse(event, handler, processor, { context });
};

const loop = (handler) => ({ identifier }) => async (event) => {
  const batchItemFailures = [];
  for (const record of event.Records) {
    try {
      await handler(record);
    } catch {
      batchItemFailures.push({ itemIdentifier: identifier(record) });
    }
  }
  return { batchItemFailures };
};

const rivals = {
  powertools: powertools(noop),
  loop: loop(noop),
  'powertools and JSON.parse': powertools(parsing),
  'loop and JSON.parse': loop(parsing),
};

const measure = async ({ rival, source, file, batches }) => {
  const payload = readFileSync(file);
  const handle = rivals[rival](sources[source]);
  const context = { getRemainingTimeInMillis: () => 900_000 };
  globalThis.gc();
  const began = process.hrtime.bigint();
  for (let i = 0; i < batches; i++) {
    const answer = JSON.stringify(await handle(JSON.parse(payload.toString()), context));
    if (answer !== '{"batchItemFailures":[]}') throw new Error(`the answer was ${answer}`);
  }
  return Number(process.hrtime.bigint() - began);
};

for await (const line of createInterface({ input: process.stdin })) {
  let told;
  try {
    told = { nanoseconds: await measure(JSON.parse(line)) };
  } catch (error) {
    told = { error: String(error) };
  }
  process.stdout.write(`${JSON.stringify(told)}\n`);
}
