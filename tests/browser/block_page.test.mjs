// The block page as a person sees it: over HTTP and HTTPS, in both languages, on a phone and on a desk, by day and by
// night, with a screen reader's eyes (axe-core). CENOTE_SCREENSHOTS=FOLDER keeps pictures of it all.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import https from "node:https";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import axe from "axe-core";
import { openBrowser } from "./browser.mjs";
import { categories, organisation, startServer, stopServer } from "./server.mjs";

const phone = { width: 360, height: 740 };
const desk = { width: 1280, height: 900 };
const titles = {
  ja: "攻撃者のサーバーへの接続を止めました",
  en: "A connection to an attacker's server was stopped",
};

let server;
let trusting;  // a browser that has the CA
let stranger;  // one that has not
before(async () => {
  server = await startServer();
  trusting = await openBrowser(server.ca);
  stranger = await openBrowser();
});
after(async () => {
  await trusting?.close();
  await stranger?.close();
  if (server) await stopServer(server);
});

const plain = (category) => `http://${category}.blocked.test:${server.http}/some/path?q=1`;
const secure = (category) => `https://${category}.blocked.test:${server.https}/`;

async function withPage({ browser = trusting, ...options }, look) {
  const context = await browser.newContext(options);
  try {
    const page = await context.newPage();
    page.complaints = [];
    page.on("console", (message) => page.complaints.push(message.text()));
    page.on("pageerror", (error) => page.complaints.push(String(error)));
    page.requested = [];
    page.on("request", (request) => page.requested.push(request.url()));
    await look(page);
  } finally {
    await context.close();
  }
}

async function picture(page, name) {
  const folder = process.env.CENOTE_SCREENSHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

async function violations(page) {
  await page.evaluate(axe.source);  // by the debugger: the page's own policy lets no script in
  const { violations: found } = await page.evaluate(() => globalThis.axe.run());
  return found.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(" ")).join(", ")}`);
}

describe("over plain HTTP", () => {
  for (const locale of ["ja", "en"]) {
    test(`the page speaks ${locale} to a browser that does`, async () => {
      await withPage({ locale, viewport: desk }, async (page) => {
        const response = await page.goto(plain("c2"));
        assert.equal(response.status(), 403);
        assert.equal(await page.locator("html").getAttribute("lang"), locale);
        assert.equal(await page.locator("h1").textContent(), titles[locale]);
        assert.match(await page.locator(".incident").textContent(), /^[0-9A-Z]{5}-[0-9A-Z]{5}$/);
        assert.equal(await page.locator(".host").textContent(), "c2.blocked.test");
        assert.equal(await page.locator(".from strong").textContent(), organisation);
        assert.match(await page.locator("a[href^='mailto:']").getAttribute("href"), /^mailto:csirt@example\.co\.jp\?subject=/);
        assert.equal(await page.locator("a[href^='tel:']").getAttribute("href"), "tel:+81300000000");
      });
    });
  }

  test("the other language is one click away, and stays on the same address", async () => {
    await withPage({ locale: "ja", viewport: desk }, async (page) => {
      await page.goto(plain("c2"));
      await page.getByRole("link", { name: "English" }).click();
      assert.equal(await page.locator("h1").textContent(), titles.en);
      assert.equal(new URL(page.url()).pathname, "/some/path");
    });
  });

  test("the style applies, nothing else is loaded, and the browser has no complaint", async () => {
    await withPage({ locale: "en", viewport: desk }, async (page) => {
      await page.goto(plain("c2"));
      const border = await page.locator(".sign").evaluate((sign) => getComputedStyle(sign).borderTopWidth);
      assert.equal(border, "6px");  // the hash in the policy is that of the style sheet
      assert.deepEqual(page.requested.filter((url) => !url.endsWith("/favicon.ico")), [plain("c2")]);
      const complaints = page.complaints.filter((text) => !text.includes("status of 403"));
      assert.deepEqual(complaints, []);
    });
  });

  test("the page says everything without scripts", async () => {
    await withPage({ locale: "en", javaScriptEnabled: false }, async (page) => {
      await page.goto(plain("phishing"));
      assert.equal(await page.getByRole("heading", { level: 1 }).innerText(), "A fake site was stopped");
      await page.getByText("For the IT desk").click();
      assert.ok(await page.getByText(/blocked\.test \(/).isVisible());
    });
  });

  test("the number, whom to call and what to do can be printed", async () => {
    await withPage({ locale: "en", viewport: desk }, async (page) => {
      await page.goto(plain("c2"));
      await page.emulateMedia({ media: "print" });
      assert.ok(await page.locator(".incident").isVisible());
      assert.ok(!(await page.locator("nav").isVisible()));
      const height = await page.locator("details dl").evaluate((list) => list.getBoundingClientRect().height);
      assert.ok(height > 50, "the details are on the paper too");
      await picture(page, "print-en");
    });
  });

  test("a frame of another page cannot hold the page", async () => {
    await withPage({ locale: "en" }, async (page) => {
      await page.setContent(`<iframe src="${plain("c2")}"></iframe>`);
      await page.waitForTimeout(500);
      const inside = await Promise.all(page.frames().map((frame) => frame.locator(".incident").count().catch(() => 0)));
      assert.deepEqual(inside.filter((count) => count > 0), []);
    });
  });

  test("a host that is not blocked gets a notice that repeats nothing of what was asked", async () => {
    await withPage({ locale: "en", viewport: desk }, async (page) => {
      const response = await page.goto(`http://free.test:${server.http}/secret?token=1`);
      assert.equal(response.status(), 421);
      const text = await page.content();
      assert.ok(!text.includes("free.test") && !text.includes("secret") && !text.includes("token"));
      assert.deepEqual(await violations(page), []);
      await picture(page, "elsewhere-en");
    });
  });
});

describe("over HTTPS", () => {
  test("a browser that trusts the CA shows the page without a warning", async () => {
    await withPage({ locale: "ja", viewport: desk }, async (page) => {
      const response = await page.goto(secure("malware"));
      assert.equal(response.status(), 403);
      const { issuer, protocol } = await response.securityDetails();
      assert.match(issuer, /Cenote block page CA/);
      assert.equal(protocol, "TLS 1.3");
      assert.equal(await page.locator("html").getAttribute("lang"), "ja");
    });
  });

  test("a browser that does not know the CA refuses", async () => {
    await withPage({ browser: stranger }, async (page) => {
      await assert.rejects(page.goto(secure("malware")), /ERR_CERT_AUTHORITY_INVALID/);
    });
  });

  test("no certificate is made for a host that is not blocked", async () => {
    await withPage({}, async (page) => {
      await assert.rejects(page.goto(`https://free.test:${server.https}/`), /ERR_SSL|ERR_CONNECTION/);
    });
  });

  test("a script that asks gets JSON with the page's incident, a picture gets a picture", async () => {
    await withPage({ locale: "en" }, async (page) => {
      await page.goto(secure("c2"));
      const incident = await page.locator(".incident").textContent();
      const json = await fetchAs("empty");
      assert.equal(json.status, 403);
      const answer = JSON.parse(json.body);
      assert.equal(answer.blocked, true);
      assert.equal(answer.incident, incident);
      assert.equal(answer.category, "c2");
      assert.equal((await fetchAs("image")).headers["content-type"], "image/svg+xml");
    });
  });
});

// As the browser asks for a part of another page; the block page's own policy would not let it ask at all.
async function fetchAs(destination) {
  const request = https.get({
    host: "127.0.0.1", port: server.https, servername: "c2.blocked.test", ca: readFileSync(server.ca),
    headers: { host: "c2.blocked.test", accept: "*/*", "sec-fetch-dest": destination },
  });
  const [response] = await once(request, "response");
  let body = "";
  for await (const piece of response) body += piece;
  return { status: response.statusCode, headers: response.headers, body };
}

describe("for everyone", () => {
  for (const locale of ["ja", "en"]) {
    for (const colorScheme of ["light", "dark"]) {
      test(`axe finds nothing in any category, ${locale}, ${colorScheme}`, async () => {
        await withPage({ locale, colorScheme, viewport: desk }, async (page) => {
          for (const category of categories) {
            await page.goto(plain(category));
            await picture(page, `desk-${locale}-${colorScheme}-${category}`);
            await page.locator("summary").click();
            assert.deepEqual(await violations(page), [], category);
          }
        });
      });

      test(`a phone shows all of it without sideways scrolling, ${locale}, ${colorScheme}`, async () => {
        await withPage({ locale, colorScheme, viewport: phone, deviceScaleFactor: 2 }, async (page) => {
          for (const category of categories) {
            await page.goto(plain(category));
            const { wide, room } = await page.evaluate(() => ({ wide: document.documentElement.scrollWidth, room: innerWidth }));
            assert.ok(wide <= room, `${category}: ${wide} > ${room}`);
            assert.deepEqual(await violations(page), [], category);
            await picture(page, `phone-${locale}-${colorScheme}-${category}`);
          }
        });
      });
    }
  }

  test("a name as long as names can be does not break the page", async () => {
    await withPage({ locale: "en", viewport: phone }, async (page) => {
      const long = `${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.c2.blocked.test`;
      await page.goto(`http://${long}:${server.http}/`);
      const { wide, room } = await page.evaluate(() => ({ wide: document.documentElement.scrollWidth, room: innerWidth }));
      assert.ok(wide <= room, `${wide} > ${room}`);
      assert.equal(await page.locator(".host").textContent(), long);
      await picture(page, "phone-long-name");
    });
  });
});

describe("against an attacker", () => {
  test("what feeds and names say is shown as text", { skip: Boolean(process.env.CENOTE_BINARY) && "needs the page server's odd feed" }, async () => {
    await withPage({ locale: "en", viewport: desk }, async (page) => {
      await page.goto(`http://hostile.blocked.test:${server.http}/<script>document.title='owned'</script>`);
      assert.ok(!(await page.title()).includes("owned"));
      assert.equal(await page.locator("script, img, [onload]").count(), 0);
      assert.ok(await page.getByText("<script>document.title='owned'</script>").first().isVisible());
      assert.ok((await page.content()).includes("\\u{202E}"));
      assert.equal(await page.locator("a[href^='javascript']").count(), 0);
      await picture(page, "desk-hostile");
    });
  });
});
