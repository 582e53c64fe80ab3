import { createSocket } from "node:dgram";
import { once } from "node:events";
import net, { type AddressInfo } from "node:net";

/** Below what systems give to connections, one of which could be quicker than a server. */
const FIRST = 15_000;
const LAST = 32_000;
const TRIES_MAX = 100;

/** All held open until the last is known, or one could be given out twice. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => anyPort(listening)));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  for (const server of servers) {
    server.close();
    await once(server, "close");
  }
  return ports;
}

export async function freeUdpPort(): Promise<number> {
  const socket = await anyPort(async (port) => {
    const opened = createSocket("udp4").bind(port, "127.0.0.1");
    await once(opened, "listening");
    return opened;
  });
  const { port } = socket.address();
  socket.close();
  await once(socket, "close");
  return port;
}

async function listening(port: number): Promise<net.Server> {
  const server = net.createServer().listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}

async function anyPort<T>(open: (port: number) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    try {
      return await open(port);
    } catch (error) {
      if (tries === TRIES_MAX) throw error;
    }
  }
}

/** Whether something takes connections there. */
export async function isTaken(port: number): Promise<boolean> {
  const socket = net.connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** NATS greets who connects. */
export async function answersNats(port: number): Promise<boolean> {
  const socket = net.connect(port, "127.0.0.1");
  try {
    await once(socket, "data");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** LiveKit says `OK`. */
export async function answersHttp(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}`).then(
    async (response) => (await response.text()) !== "" && response.ok,
    () => false,
  );
}
