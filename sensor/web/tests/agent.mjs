// A sensor at work, on loopback: for tests of the page against what it is made for. `SENSOR_BINARY` says which.
import { execFileSync, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const AGENT = process.env.SENSOR_BINARY;
const PATIENCE_MS = 30_000;

/** What a name may hold that somebody else has chosen. */
export const HOSTILE = "<img src=x onerror=alert(1)>\u202egnp.exe";

/** A port of TCP and UDP that was free a moment ago. */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** A NetFlow 5 datagram: from, to and both ports, packets and octets of each flow. */
function netflow5(flows, sequence) {
  const datagram = Buffer.alloc(24 + 48 * flows.length);
  datagram.writeUInt16BE(5, 0);
  datagram.writeUInt16BE(flows.length, 2);
  datagram.writeUInt32BE(600_000, 4);
  datagram.writeUInt32BE(Math.floor(Date.now() / 1000), 8);
  datagram.writeUInt32BE(sequence, 16);
  flows.forEach(([from, to, source, destination, packets, octets], index) => {
    const at = 24 + 48 * index;
    from.split(".").forEach((octet, place) => datagram.writeUInt8(Number(octet), at + place));
    to.split(".").forEach((octet, place) => datagram.writeUInt8(Number(octet), at + 4 + place));
    datagram.writeUInt32BE(packets, at + 16);
    datagram.writeUInt32BE(octets, at + 20);
    datagram.writeUInt32BE(598_000, at + 24);
    datagram.writeUInt32BE(599_000, at + 28);
    datagram.writeUInt16BE(source, at + 32);
    datagram.writeUInt16BE(destination, at + 34);
    datagram.writeUInt8(0x1b, at + 37);
    datagram.writeUInt8(6, at + 38);
  });
  return datagram;
}

export class Sensor {
  /** Starts one that has a device, labels and a policy, all with names of others. */
  static async start() {
    if (!AGENT) throw new Error("SENSOR_BINARY names no sensor; `cargo xtask test web` does");
    const own = new Sensor();
    own.directory = mkdtempSync(join(tmpdir(), "sensor-page-"));
    [own.port, own.exports] = [await freePort(), await freePort()];
    own.origin = `http://127.0.0.1:${own.port}`;
    const path = (name) => join(own.directory, name);
    writeFileSync(path("labels.csv"), `10.0.0.1,role,database\n10.0.0.2,role,${HOSTILE}\n`);
    writeFileSync(
      path("policies.toml"),
      "[[policy]]\nname = 'telnet'\ndescription = 'Telnet is not for us'\nmatch = 'protocol == tcp && dstport == 23'\ntrack_by = [['srcip']]\nwindow = '1m'\nseverity = { high = 'count() >= 1' }\n",
    );
    writeFileSync(
      path("sensor.toml"),
      `[[listen]]\nurl = "netflow://127.0.0.1:${own.exports}"\n[[device]]\naddress = "127.0.0.1"\nname = ${JSON.stringify(HOSTILE)}\n` +
        `[labels]\nfiles = ["labels.csv"]\n[policies]\npaths = ["policies.toml"]\n[control]\nsocket = "control.sock"\n` +
        `[store]\nfolder = "store"\n[console]\nenabled = true\nlisten = "127.0.0.1:${own.port}"\n`,
    );
    own.sequence = 0;
    await own.run();
    return own;
  }

  /** Starts it, again. */
  async run() {
    this.said = "";
    this.child = spawn(AGENT, ["run", "--config", "sensor.toml", "--print", "none"], { cwd: this.directory, stdio: ["ignore", "ignore", "pipe"] });
    this.child.stderr.on("data", (text) => (this.said += text));
    await this.until("it answers", () => this.ask("page"));
  }

  /** Ends it. */
  async end() {
    const ended = new Promise((resolve) => this.child.on("exit", resolve));
    this.child.kill("SIGTERM");
    await ended;
  }

  async close() {
    await this.end();
    rmSync(this.directory, { recursive: true });
  }

  /** What a verb prints; nothing where it fails. */
  ask(...words) {
    try {
      return execFileSync(AGENT, [...words, "--config", "sensor.toml"], { cwd: this.directory, stdio: ["ignore", "pipe", "ignore"] }).toString();
    } catch {
      return null;
    }
  }

  /** An address that lets one browser in. */
  get login() {
    return this.ask("page").trim();
  }

  /** Tries until something is so. */
  async until(what, isSo) {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      const found = await isSo();
      if (found) return found;
      if (Date.now() > end) throw new Error(`waited in vain: ${what}\n${this.said}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Sends flows as a router does, and waits until they are held and stored. */
  async feed(flows) {
    const socket = createSocket("udp4");
    const datagram = netflow5(flows, this.sequence);
    this.sequence += flows.length;
    await new Promise((resolve, reject) => socket.send(datagram, this.exports, "127.0.0.1", (error) => (error ? reject(error) : resolve())));
    socket.close();
    await this.until("all is stored", () => {
      const { sinks } = JSON.parse(this.ask("status", "--json") ?? "{\"sinks\":[]}");
      return sinks.length > 1 && sinks.every(({ sent }) => sent === this.sequence);
    });
  }
}
