// What is wrong with keys, certificates and files around DNS stops none of its answers and none of its
// blocks.
#include <csignal>
#include <functional>
#include <thread>

#include <sys/mount.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <sched.h>

#include "tests/support/cenote_process.h"
#include "tests/support/test_certificate.h"

namespace cenote::faults_system_test {
using namespace cenote::test;
using nlohmann::json;

namespace {

constexpr const char* kFeed = "  - {name: list, source: \"file:list.txt\", scope: suffix, category: c2}\n";

// A port that nobody else can have.
Descriptor listen_tcp(const SocketAddress& address) {
  Descriptor taken(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const bool listens = bind(taken.get(), address.data(), address.size()) == 0 && listen(taken.get(), 1) == 0;
  return listens ? std::move(taken) : Descriptor();
}

// What is wrong with a part; empty: nothing.
std::string why_of(const CenoteProcess& cenote, const std::string& part) {
  const json status = json::parse(cenote.api("GET", "/v1/status").body);
  for (const json& fault : status["faults"]) {
    if (fault["part"] == part) {
      return fault["why"];
    }
  }
  return "";
}

// Everything that may be encrypted is, and every file that may be broken is.
struct BrokenSite {
  uint16_t dot_port = free_port();
  uint16_t doh_port = free_port();
  uint16_t control_port = free_port();
  TemporaryFolder folder;
  ScriptedUpstream upstream;
  CenoteProcess cenote{folder, {.feeds = kFeed}, &upstream};

  BrokenSite() {
    namespace fs = std::filesystem;
    folder.write("list.txt", "c2.evil-sample.test\n");
    fs::create_directory(folder / "state");
    for (const char* file : {"state/cookie.key", "state/incident.key", "state/ca.crt", "state/ca.key",
                             "state/dns.key", "state/dns.crt", "control.crt", "control.key"}) {
      folder.write(file, "no good");
    }
    folder.write("tokens.yaml", "tokens: [{name: a}]\n");
    std::string config = folder.read("cenote.yaml");
    const auto insert = [&](const std::string& section, const std::string& more) {
      config.insert(config.find(section) + section.size(), more);
    };
    insert("listen:\n", "  dot: [\"" + address(dot_port) + "\"]\n  doh: [\"" + address(doh_port) + "\"]\n");
    insert("control:\n", "  https: [\"" + address(control_port) +
                             "\"]\n  tls: {certificate: control.crt, key: control.key}\n");
    const std::string events = folder / "events.jsonl";
    config.replace(config.find(events), events.size(), folder / "later/events.jsonl");
    folder.write("cenote.yaml", config);
  }
  static std::string address(uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

  [[nodiscard]] bool serves_dns() const {
    const Message blocked = cenote.ask("c2.evil-sample.test", rrtype::kA);
    const Message free = cenote.ask("www.example.com", rrtype::kA);
    return blocked.ede == 15 && free.answers.size() == 1 && !free.ede;
  }
  [[nodiscard]] std::string why(const std::string& part) const { return why_of(cenote, part); }
  // The parts with a fault, by name.
  [[nodiscard]] std::vector<std::string> faults(bool off) const {
    std::vector<std::string> parts;
    const json status = json::parse(cenote.api("GET", "/v1/status").body);
    for (const json& fault : status["faults"]) {
      if (fault["off"] == off) {
        parts.push_back(fault["part"]);
      }
    }
    return parts;
  }
  [[nodiscard]] bool listens(uint16_t port) const { return connect_tcp(loopback(port)).get() >= 0; }
};

// Shows a folder read-only to this thread and the processes that it starts.
class ReadOnly {
 public:
  explicit ReadOnly(const std::string& folder)
      : folder_(folder),
        is_made_(unshare(CLONE_NEWNS) == 0 &&
                 mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                 mount(folder.c_str(), folder.c_str(), nullptr, MS_BIND, nullptr) == 0 &&
                 mount("none", folder.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) == 0) {}
  ~ReadOnly() { umount2(folder_.c_str(), MNT_DETACH); }
  ReadOnly(const ReadOnly&) = delete;
  ReadOnly& operator=(const ReadOnly&) = delete;
  [[nodiscard]] bool is_made() const { return is_made_; }  // only root may
  [[nodiscard]] bool end() const {
    return mount("none", folder_.c_str(), nullptr, MS_REMOUNT | MS_BIND, nullptr) == 0;
  }

 private:
  const std::string folder_;
  const bool is_made_;
};

bool becomes(const std::function<bool()>& is) {
  const auto deadline = std::chrono::steady_clock::now() + milliseconds{20000};
  while (!is() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(milliseconds{50});
  }
  return is();
}

}  // namespace

TEST_CASE(
    "broken keys, certificates and files leave DNS and blocking on, and are said; a reload takes good ones",
    "[system]") {
  BrokenSite site;
  CenoteProcess& cenote = site.cenote;
  const bool started = cenote.start();
  INFO(cenote.output());
  REQUIRE(started);
  CHECK(site.serves_dns());
  CHECK(site.faults(true) ==
        std::vector<std::string>{"dot", "doh", "page_https", "control_https", "tokens", "event_file"});
  CHECK(site.faults(false).empty());  // the secrets were made again
  CHECK(site.folder.read("state/cookie.key.damaged") == "no good");
  CHECK(site.folder.read("state/incident.key.damaged") == "no good");
  CHECK(cenote.output().find("move both away") != std::string::npos);
  CHECK(cenote.output().find("  off         page_https: ") != std::string::npos);
  const std::string status = cenote.command({"status"}).out;
  CHECK(status.find("off      page_https: blockpage CA: ") != std::string::npos);
  CHECK(status.find("page https") == std::string::npos);
  CHECK(cenote.api("GET", "/metrics").body.find("cenote_part_off{part=\"dot\"} 1") != std::string::npos);
  CHECK(http(cenote.page(), "GET / HTTP/1.1\r\nHost: c2.evil-sample.test\r\nAccept: text/html\r\n").status ==
        403);
  for (const uint16_t port : {site.dot_port, site.doh_port, site.control_port, cenote.secure_page().port()}) {
    CHECK_FALSE(site.listens(port));
  }

  for (const char* file : {"state/ca.crt", "state/ca.key", "state/dns.key", "state/dns.crt", "tokens.yaml"}) {
    std::filesystem::remove(site.folder / file);
  }
  const CertificateFiles control(make_certificate("DNS:control.example.test"));
  namespace fs = std::filesystem;
  fs::copy_file(control.certificate(), site.folder / "control.crt", fs::copy_options::overwrite_existing);
  fs::copy_file(control.key(), site.folder / "control.key", fs::copy_options::overwrite_existing);
  fs::create_directory(site.folder / "later");
  cenote.signal(SIGHUP);
  CHECK(becomes([&] { return site.faults(true).empty(); }));
  CHECK(site.faults(false).empty());
  for (const uint16_t port : {site.dot_port, site.doh_port, site.control_port, cenote.secure_page().port()}) {
    CHECK(becomes([&] { return site.listens(port); }));
  }
  CHECK(site.serves_dns());
  CHECK(cenote.api("GET", "/metrics").body.find("cenote_part_off{part=\"dot\"} 0") != std::string::npos);
  cenote.signal(SIGTERM);
  CHECK(cenote.wait_for_exit() == 0);
}

TEST_CASE(
    "DNS over TLS that cannot be opened leaves DNS over HTTPS on, and is said until all workers have it",
    "[system]") {
  BrokenSite site;
  CenoteProcess& cenote = site.cenote;
  REQUIRE(cenote.start());
  Descriptor taken = listen_tcp(loopback(site.dot_port));  // by somebody else, before the reload
  REQUIRE(taken.get() >= 0);
  for (const char* file : {"state/dns.key", "state/dns.crt"}) {
    std::filesystem::remove(site.folder / file);
  }
  cenote.signal(SIGHUP);
  CHECK(becomes([&] { return site.listens(site.doh_port); }));
  CHECK(becomes([&] { return site.why("dot").find("in use") != std::string::npos; }));
  CHECK(site.why("doh").empty());
  CHECK(site.serves_dns());

  taken = Descriptor();
  cenote.signal(SIGHUP);
  CHECK(becomes([&] { return site.why("dot").empty(); }));
  CHECK(site.listens(site.dot_port));
}

TEST_CASE("the page and the control API over HTTPS come with a reload once their ports are free",
          "[system]") {
  BrokenSite site;
  CenoteProcess& cenote = site.cenote;
  REQUIRE(cenote.start());
  Descriptor page = listen_tcp(cenote.secure_page());
  Descriptor control = listen_tcp(loopback(site.control_port));
  REQUIRE(page.get() >= 0);
  REQUIRE(control.get() >= 0);
  for (const char* file : {"state/ca.crt", "state/ca.key"}) {
    std::filesystem::remove(site.folder / file);
  }
  const CertificateFiles pair(make_certificate("DNS:control.example.test"));
  namespace fs = std::filesystem;
  fs::copy_file(pair.certificate(), site.folder / "control.crt", fs::copy_options::overwrite_existing);
  fs::copy_file(pair.key(), site.folder / "control.key", fs::copy_options::overwrite_existing);
  cenote.signal(SIGHUP);
  for (const char* part : {"page_https", "control_https"}) {
    CHECK(becomes([&] { return site.why(part).find("in use") != std::string::npos; }));
  }
  page = Descriptor();
  control = Descriptor();
  cenote.signal(SIGHUP);
  for (const char* part : {"page_https", "control_https"}) {
    CHECK(becomes([&] { return site.why(part).empty(); }));
  }
  CHECK(site.listens(cenote.secure_page().port()));
  CHECK(site.listens(site.control_port));
}

TEST_CASE("a port of DNS over TLS that is taken at the start leaves DNS and blocking on", "[system]") {
  BrokenSite site;
  for (const char* file : {"state/dns.key", "state/dns.crt"}) {
    std::filesystem::remove(site.folder / file);
  }
  const Descriptor taken = listen_tcp(loopback(site.dot_port));
  REQUIRE(taken.get() >= 0);
  const bool started = site.cenote.start();
  INFO(site.cenote.output());
  REQUIRE(started);
  CHECK(site.serves_dns());
  CHECK(site.why("dot").find("in use") != std::string::npos);
  CHECK(site.listens(site.doh_port));
}

TEST_CASE("an upstream whose CA is missing is off, others serve, and no zone goes to another's servers",
          "[system]") {
  const TemporaryFolder folder;
  ScriptedUpstream upstream;
  CenoteProcess cenote(folder, {.feeds = kFeed, .more = "names: {hosts: hosts.txt}\n"}, &upstream);
  folder.write("list.txt", "c2.evil-sample.test\n");
  std::string config = folder.read("cenote.yaml");
  config.insert(config.find("upstream:\n") + 10,
                "  - {zone: corp.example, servers: [\"tls://127.0.0.1:1#dns.example.net\"], ca: corp.crt}\n");
  folder.write("cenote.yaml", config);
  const bool started = cenote.start();
  INFO(cenote.output());
  REQUIRE(started);
  const auto why = [&](const std::string& part) { return why_of(cenote, part); };
  CHECK(cenote.ask("c2.evil-sample.test", rrtype::kA).ede == 15);
  CHECK(cenote.ask("www.example.com", rrtype::kA).answers.size() == 1);
  CHECK(cenote.ask("a.corp.example", rrtype::kA).rcode == 2);  // SERVFAIL
  CHECK(why("upstreams").find("corp.crt") != std::string::npos);
  CHECK(why("hosts").find("hosts.txt") != std::string::npos);

  const CertificateFiles authority(make_certificate("DNS:dns.example.net"));
  std::filesystem::copy_file(authority.certificate(), folder / "corp.crt");
  folder.write("hosts.txt", "10.1.2.3 printer.corp.example\n");
  cenote.signal(SIGHUP);
  CHECK(becomes([&] { return why("upstreams").empty() && why("hosts").empty(); }));
  CHECK(becomes([&] { return cenote.ask("printer.corp.example", rrtype::kA).answers.size() == 1; }));

  // What works stays when its file goes.
  std::filesystem::remove(folder / "hosts.txt");
  cenote.signal(SIGHUP);
  CHECK(becomes([&] { return why("hosts").find("stay") != std::string::npos; }));
  CHECK(cenote.ask("printer.corp.example", rrtype::kA).answers.size() == 1);
}

TEST_CASE("a reload that mends one upstream and breaks another leaves both as they were", "[system]") {
  const TemporaryFolder folder;
  ScriptedUpstream upstream;
  CenoteProcess cenote(folder, {.feeds = kFeed}, &upstream);
  folder.write("list.txt", "c2.evil-sample.test\n");
  const CertificateFiles authority(make_certificate("DNS:dns.example.net"));
  std::filesystem::copy_file(authority.certificate(), folder / "good.crt");
  const std::string config = folder.read("cenote.yaml");
  const auto configure = [&](bool root_is_good, const std::string& corp_ca) {
    const std::string tls = "servers: [\"tls://127.0.0.1:1#dns.example.net\"], ca: ";
    std::string changed = config;
    const size_t at = changed.find("upstream:\n") + 10;
    const size_t end = changed.find('\n', changed.find("servers: ", at)) + 1;
    if (!root_is_good) {
      changed.replace(at, end - at, "  - {zone: \".\", " + tls + "none.crt}\n");
    }
    changed.insert(at, "  - {zone: corp.example, " + tls + corp_ca + "}\n");
    folder.write("cenote.yaml", changed);
  };
  const auto fault = [&] {
    const json status = json::parse(cenote.api("GET", "/v1/status").body);
    for (const json& each : status["faults"]) {
      if (each["part"] == "upstreams") {
        return (each["off"] == true ? "off: " : "impaired: ") + each["why"].get<std::string>();
      }
    }
    return std::string();
  };
  configure(false, "none.crt");
  const bool started = cenote.start();
  INFO(cenote.output());
  REQUIRE(started);
  CHECK(fault().starts_with("off: "));
  // Told of the ones that are asked now.
  configure(true, "none.crt");
  cenote.signal(SIGHUP);
  CHECK(becomes([&] { return fault().starts_with("impaired: "); }));
  CHECK(cenote.ask("www.example.com", rrtype::kA).answers.size() == 1);
  // As many that cannot be asked as before: the root's now.
  configure(false, "good.crt");
  cenote.signal(SIGHUP);
  CHECK(becomes([&] { return fault().find("stay as they were") != std::string::npos; }));
  CHECK(fault().starts_with("impaired: "));
  CHECK(cenote.ask("www2.example.com", rrtype::kA).answers.size() == 1);
  configure(true, "good.crt");
  cenote.signal(SIGHUP);
  CHECK(becomes([&] { return fault().empty(); }));
}

TEST_CASE("on a read-only disk the last policy is in force, and no change is taken", "[system]") {
  const TemporaryFolder folder;
  ScriptedUpstream upstream;
  CenoteProcess cenote(folder, {kFeed}, &upstream);
  folder.write("list.txt", "c2.evil-sample.test\n");
  REQUIRE(cenote.start());
  cenote.signal(SIGTERM);
  REQUIRE(cenote.wait_for_exit() == 0);
  std::filesystem::remove(folder / "state/journal-1");  // a loss
  const ReadOnly disk(folder / "state");
  if (!disk.is_made()) {
    return;
  }
  const bool started = cenote.start();
  INFO(cenote.output());
  REQUIRE(started);
  CHECK(cenote.ask("c2.evil-sample.test", rrtype::kA).ede == 15);
  const auto status = [&] { return json::parse(cenote.api("GET", "/v1/status").body); };
  CHECK(status()["faults"][0]["part"] == "state");
  CHECK(status()["state"]["losses"].dump().find("journal-1 is missing") != std::string::npos);
  CHECK(cenote.api("PATCH", "/v1/feeds/list", R"({"add":["new.evil-sample.test"]})").status >= 400);
  CHECK_FALSE(cenote.ask("new.evil-sample.test", rrtype::kA).ede);

  // Mounted anew, it takes changes, and their record.
  REQUIRE(disk.end());
  CHECK(becomes([&] { return status()["faults"].empty(); }));
  CHECK(cenote.api("PATCH", "/v1/feeds/list", R"({"add":["new.evil-sample.test"]})").status == 200);
  CHECK(cenote.ask("new.evil-sample.test", rrtype::kA).ede == 15);
  CHECK(status()["state"]["audit_waiting"] == 0);
  CHECK(folder.read("state/audit.jsonl").find("patch list") != std::string::npos);
}

TEST_CASE("a check tells what a start would complain of, and makes nothing", "[system]") {
  const BrokenSite site;
  const Ran ran = run_cenote({"check", "--config", site.cenote.config()});
  CAPTURE(ran.out);
  CHECK(ran.exit_code == 0);
  for (const char* what : {"control.tls: warning: ", "blockpage.ca: warning: ", "events.file: warning: "}) {
    CHECK(ran.out.find(what) != std::string::npos);
  }
  CHECK(ran.out.find("later: No such file") != std::string::npos);
  CHECK(site.folder.read("state/cookie.key") == "no good");
}

}  // namespace cenote::faults_system_test
