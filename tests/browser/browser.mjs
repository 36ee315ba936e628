// Debian's Chromium with a fresh profile and a home of its own, where the CA is trusted or is not.
import { execFileSync } from "node:child_process";
import { mkdtempSync, mkdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const flags = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
  "--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

// `ca` is the file of a CA to trust; without it none but the system's is trusted. Chromium reads its store at start, so
// this is a matter of the whole browser; language, colours and size are one of each context.
export async function openBrowser(ca) {
  const home = mkdtempSync(join(tmpdir(), "cenote-chromium-"));
  if (ca) {
    const store = join(home, ".pki", "nssdb");
    mkdirSync(store, { recursive: true });
    execFileSync("certutil", ["-d", `sql:${store}`, "-N", "--empty-password"]);
    execFileSync("certutil", ["-d", `sql:${store}`, "-A", "-t", "C,,", "-n", "cenote", "-i", ca]);
  }
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: flags,
    env: { ...process.env, HOME: home, XDG_CONFIG_HOME: join(home, ".config"), XDG_CACHE_HOME: join(home, ".cache") },
  });
  return {
    newContext: (options) => browser.newContext(options),
    close: async () => {
      await browser.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
