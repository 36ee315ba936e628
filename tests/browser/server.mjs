// Starts what shows the block page, on free loopback ports: the whole of Cenote when CENOTE_BINARY names it, else the
// small server that has only the page (CENOTE_PAGE_SERVER). Both block CATEGORY.blocked.test.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, writeFileSync, rmSync, existsSync } from "node:fs";
import { createServer, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

export const categories = ["c2", "malware", "phishing", "suspicious", "darknet"];
export const organisation = "Example K.K.";

const isWhole = Boolean(process.env.CENOTE_BINARY);

export async function startServer() {
  const folder = mkdtempSync(join(tmpdir(), "cenote-browser-"));
  const server = isWhole ? await startCenote(folder) : await startPageServer(folder);
  return { ...server, isWhole, folder };
}

export async function stopServer(server) {
  if (server.isWhole) server.process.kill("SIGTERM");
  else server.process.stdin.end();
  if (server.process.exitCode === null) await once(server.process, "exit");
  rmSync(server.folder, { recursive: true, force: true });
}

async function startPageServer(folder) {
  const binary = process.env.CENOTE_PAGE_SERVER;
  if (!binary || !existsSync(binary)) throw new Error("set CENOTE_BINARY or CENOTE_PAGE_SERVER to a built binary");
  const process_ = spawn(binary, [folder, "ja,en"], { stdio: ["pipe", "pipe", "inherit"] });
  for await (const line of createInterface({ input: process_.stdout })) {
    if (line.startsWith("{")) return { process: process_, ...JSON.parse(line) };
  }
  throw new Error("page_server ended before it served");
}

async function startCenote(folder) {
  const [dns, http, https, control] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  for (const category of categories) writeFileSync(join(folder, `${category}.txt`), `${category}.blocked.test\n`);
  const feeds = categories.map((category) => ({
    name: `${category}-intel`, source: `file:${category}.txt`, format: "plain", category, action: "sinkhole",
    scope: "suffix", threat: "Example family",
  }));
  // JSON is YAML.
  const config = {
    listen: { dns: [`127.0.0.1:${dns}`], dot: [], doh: [], workers: 1 },
    state_dir: join(folder, "state"),
    feeds,
    sinkhole: { ipv4: "127.0.0.1" },
    blockpage: {
      http: [`127.0.0.1:${http}`], https: [`127.0.0.1:${https}`], organisation,
      contact: { mail: "csirt@example.co.jp", phone: "+81-3-0000-0000" }, languages: ["ja", "en"],
    },
    control: { socket: join(folder, "control.sock"), http: [`127.0.0.1:${control}`] },
    events: { file: join(folder, "events.jsonl") },
  };
  const file = join(folder, "cenote.yaml");
  writeFileSync(file, JSON.stringify(config, null, 2));
  const process_ = spawn(process.env.CENOTE_BINARY, ["serve", "--config", file], { stdio: ["ignore", "ignore", "inherit"] });
  await reachable(http, process_);
  await reachable(https, process_);
  return { process: process_, http, https, dns, ca: join(folder, "state", "ca.crt") };
}

async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}

async function reachable(port, process_) {
  for (const until = Date.now() + 20_000; Date.now() < until; ) {
    if (process_.exitCode !== null) throw new Error(`cenote ended with ${process_.exitCode}`);
    const socket = connect(port, "127.0.0.1");
    const outcome = await Promise.race([once(socket, "connect").then(() => true), once(socket, "error").then(() => false)]).catch(() => false);
    socket.destroy();
    if (outcome) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nothing listens on port ${port}`);
}
