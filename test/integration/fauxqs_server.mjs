// fauxqs on 127.0.0.1:PORT; its own command listens on every address.
import { buildApp } from "fauxqs";

await buildApp({ logger: false }).listen({ host: "127.0.0.1", port: Number(process.argv[2]) });
