/**
 * A proxy on the loopback before a server: its connections can be cut, at once or when the next answer comes (what
 * was asked for is done then, and nobody hears of it), and it can be pointed at another server, as a service's
 * address is after a failover.
 */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** One client's connection and the server's. */
interface Line {
  readonly client: Socket;
  readonly server: Socket;
}

/** A proxy that listens. */
export class TcpProxy {
  /** Where new connections go. */
  targetPort: number;
  readonly #server: Server;
  readonly #lines = new Set<Line>();
  #cutAtAnswer = false;
  #isHeld = false;

  private constructor(server: Server, targetPort: number) {
    this.#server = server;
    this.targetPort = targetPort;
    server.on("connection", (client) => this.#join(client));
  }

  static async open(targetPort: number): Promise<TcpProxy> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new TcpProxy(server, targetPort);
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the proxy is closed");
    return address.port;
  }

  /** Passes nothing on from the server any more, until the connections are cut: what is on its way is lost then. */
  hold(): void {
    this.#isHeld = true;
    for (const { server } of this.#lines) server.pause();
  }

  /** Cuts every connection now. */
  cut(): void {
    this.#isHeld = false;
    for (const line of this.#lines) this.#end(line);
  }

  /** Cuts the next connection that the server answers on, before the answer is passed on. */
  cutAtNextAnswer(): void {
    this.#cutAtAnswer = true;
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }

  #join(client: Socket): void {
    const server = connect(this.targetPort, "127.0.0.1");
    const line = { client, server };
    this.#lines.add(line);
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on("error", () => this.#end(line));
      socket.on("close", () => this.#end(line));
    }
    client.pipe(server);
    server.on("data", (bytes) => {
      if (this.#cutAtAnswer) {
        this.#cutAtAnswer = false;
        this.#end(line);
      } else if (!client.write(bytes)) server.pause();
    });
    client.on("drain", () => {
      if (!this.#isHeld) server.resume();
    });
  }

  #end(line: Line): void {
    this.#lines.delete(line);
    line.client.destroy();
    line.server.destroy();
  }
}
