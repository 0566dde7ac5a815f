// fauxqs on 127.0.0.1:PORT; its own command listens on every address. With a DIRECTORY it keeps its state there.
import { buildApp } from "fauxqs";

const [port, directory] = process.argv.slice(2);
const options = { logger: false };
if (directory) {
  const dist = "./node_modules/fauxqs/dist/";
  const { PersistenceManager } = await import(dist + "persistence.js");
  const { SqsStore } = await import(dist + "sqs/sqsStore.js");
  const { SnsStore } = await import(dist + "sns/snsStore.js");
  const { S3Store } = await import(dist + "s3/s3Store.js");
  const persistence = new PersistenceManager(directory);
  const stores = { sqsStore: new SqsStore(), snsStore: new SnsStore(), s3Store: new S3Store() };
  persistence.load(stores.sqsStore, stores.snsStore, stores.s3Store);
  stores.sqsStore.persistence = persistence;
  for (const queue of stores.sqsStore.allQueues()) queue.persistence = persistence;
  options.stores = stores;
}
await buildApp(options).listen({ host: "127.0.0.1", port: Number(port) });
