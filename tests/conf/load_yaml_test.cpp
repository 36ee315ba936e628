#include "conf/load_yaml.h"

#include <filesystem>
#include <fstream>
#include <set>

#include <catch2/catch.hpp>

#include "conf/embedded.h"
#include "resolver/dns/types.h"
#include "tests/support/read_file.h"

namespace cenote::load_yaml_test {
namespace {

LoadedSettings read(const std::string& yaml) {
  return read_settings(yaml, "cenote.yaml", "/etc/cenote");
}

std::string problems_of(const LoadedSettings& loaded) {
  std::string all;
  for (const Problem& problem : loaded.problems) {
    all += to_text(problem) + "\n";
  }
  return all;
}

SocketAddress socket_of(const std::string& text) {
  return *SocketAddress::from_text(text);
}

std::filesystem::path source(const std::string& path) {
  return std::filesystem::path(CENOTE_SOURCE_DIR) / path;
}

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "cenote-conf-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code failed;
    std::filesystem::remove_all(path_, failed);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  void write(const std::string& name, const std::string& text) const { std::ofstream(path_ / name) << text; }

 private:
  std::filesystem::path path_;
};

}  // namespace

TEST_CASE("an empty file means the defaults", "[conf][load_yaml]") {
  const auto loaded = read("");
  CHECK(problems_of(loaded).empty());
  Settings defaults;
  defaults.ioc.base_dir = "/etc/cenote";
  CHECK(loaded.settings == defaults);
}

TEST_CASE("the shipped configuration spells out every key with its default", "[conf][load_yaml]") {
  const auto loaded = read_settings(test::read_file(source("conf/cenote.yaml")), "cenote.yaml", ".");
  CHECK(problems_of(loaded).empty());
  CHECK(loaded.settings == Settings{});
  const std::set<std::string> unset(loaded.unset.begin(), loaded.unset.end());
  // These have no default to spell out; the file shows them as comments.
  CHECK(unset == std::set<std::string>{"tls.certificate", "tls.key", "tls.name", "tls.client_ca",
                                       "blockpage.ca.certificate", "blockpage.ca.key",
                                       "control.tls.certificate", "control.tls.key",
                                       "control.tls.client_ca"});
}

TEST_CASE("what the shipped configuration shows as a comment is right too", "[conf][load_yaml]") {
  std::string text;
  std::istringstream lines(test::read_file(source("conf/cenote.yaml")));
  for (std::string line; std::getline(lines, line);) {
    // "#  - name: x" is an example, "# Words" an explanation. What an example replaces goes.
    if (line.starts_with("#  ")) {
      text += " " + line.substr(1) + "\n";
      continue;
    }
    for (const std::string_view key :
         {"tls: {}", "groups: []", "upstream: []", "feeds: []", "exceptions: []", "ca: {}"}) {
      if (const size_t at = line.find(key); at != std::string::npos) {
        line.resize(at + key.find(':') + 1);
      }
    }
    text += line + "\n";
  }
  CAPTURE(text);
  const auto loaded = read(text);
  CHECK(problems_of(loaded).empty());
  CHECK(loaded.settings.policy.clients.groups.size() == 3);
  CHECK(loaded.settings.upstream.zones.size() == 2);
  REQUIRE(loaded.settings.ioc.feeds.size() == 1);
  CHECK(loaded.settings.ioc.exceptions.size() == 1);
  CHECK(loaded.settings.listen.tls.key == "/etc/cenote/dns.key");
  CHECK(loaded.settings.listen.tls.name == "dns.corp.example");
  CHECK(loaded.settings.blockpage.ca_key == "/etc/cenote/ca.key");
  // What the comment calls the defaults of a feed are those.
  FeedSettings feed = loaded.settings.ioc.feeds[0];
  CHECK(feed.source == "file:feeds/c2.txt");
  CHECK(feed.options == std::map<std::string, std::string>{{"scope", "exact"}});
  feed.options.clear();
  feed.name = feed.threat = "";
  feed.source = "push";
  CHECK(feed == FeedSettings{});
}

TEST_CASE("docs/configuration.md knows every key", "[conf][load_yaml]") {
  const std::string manual = test::read_file(source("docs/configuration.md"));
  // The least of each list, so that all the keys of its items are asked for.
  auto keys = read("feeds: [{}]\nexceptions: [{}]\nupstream: [{}]\nclients: {groups: [{}]}\n").unset;
  CHECK(keys.size() > 50);
  for (std::string& key : keys) {
    for (size_t at = key.find("[0]"); at != std::string::npos; at = key.find("[0]")) {
      key.replace(at, 3, "[]");
    }
    CAPTURE(key);
    CHECK(manual.find("`" + key + "`") != std::string::npos);
  }
}

TEST_CASE("every example loads without a problem", "[conf][load_yaml]") {
  size_t examples = 0;
  for (const auto& entry : std::filesystem::directory_iterator(source("conf/examples"))) {
    CAPTURE(entry.path());
    const auto loaded =
        read_settings(test::read_file(entry.path()), entry.path().filename(), entry.path().parent_path());
    CHECK(problems_of(loaded).empty());
    CHECK_FALSE(loaded.settings.ioc.feeds.empty());
    ++examples;
  }
  CHECK(examples == 3);
}

TEST_CASE("the embedded configuration keeps all its files below its folder", "[conf][embedded]") {
  const TemporaryFolder folder;
  const std::string home = (folder.path() / "new").string();
  const auto loaded = embedded_settings(home);
  REQUIRE(loaded);
  CHECK(problems_of(*loaded).empty());
  const Settings& settings = loaded->settings;
  CHECK(settings.state_dir == home + "/state");
  CHECK(settings.control.socket == home + "/control.sock");
  CHECK(settings.control.tokens == home + "/tokens.yaml");
  CHECK(settings.events.file == home + "/events.jsonl");
  REQUIRE(settings.ioc.feeds.size() == 1);
  CHECK(settings.ioc.feeds[0].source == "file:feeds/sample.txt");
  CHECK(settings.ioc.base_dir == home);
  CHECK(test::read_file(home + "/feeds/sample.txt") == test::read_file(source("conf/feeds/sample.txt")));
  CHECK((std::filesystem::status(home).permissions() & std::filesystem::perms::all) ==
        std::filesystem::perms::owner_all);

  std::ofstream(home + "/feeds/sample.txt") << "mine.test\n";
  REQUIRE(embedded_settings(home));
  CHECK(test::read_file(home + "/feeds/sample.txt") == "mine.test\n");
}

TEST_CASE("the embedded configuration says where it cannot write", "[conf][embedded]") {
  const TemporaryFolder folder;
  folder.write("file", "");
  const auto loaded = embedded_settings((folder.path() / "file" / "below").string());
  REQUIRE_FALSE(loaded);
  CHECK(loaded.error().message.find("file/below") != std::string::npos);
}

TEST_CASE("every section reaches its settings", "[conf][load_yaml]") {
  const auto loaded = read(R"(
state_dir: state
listen: {dns: "192.0.2.1:53", proxies: 192.0.2.8/30, dot: ["192.0.2.1:853"], doh: ["[2001:db8::1]:443"], workers: 4}
tls: {certificate: dns.crt, key: /keys/dns.key, client_ca: clients.crt}
clients:
  allow: [192.0.2.0/24]
  names_by_path: yes
  groups: [{name: lab, from: [192.0.2.128/25, "2001:db8::/64"], names: [kiosk-7, "*.lab.example"], actions: {c2: monitor, c-x: allow}}]
upstream:
  - {zone: ".", servers: ["udp://198.51.100.1", "tls://198.51.100.2#dns.example.net", "tcp://[2001:db8::53]:5353"]}
  - {zone: Corp.Example, servers: "https://198.51.100.3/q#doh.example.net", ca: corp.crt, trust_ad: true}
  - zone: pinned.example
    servers: "tls://198.51.100.4#pin-sha256=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=&a.example"
    mix_case: true
    cookies: true
cache: {size: 1GiB, max_ttl: 1h30m, max_negative_ttl: 0, serve_stale: 0, nxdomain_cut: false}
names:
  special: false
  canaries: false
  records: ["Printer.corp.example. A 192.0.2.7", "corp.example. 60 IN MX 10 mail.corp.example."]
  hosts: hosts
  version: "9"
  identity: node
rebinding: {guard: on, allow: [plex.example]}
limits: {rate: 100, slip: 0, client_waiting: 9, domain_waiting: 8, exempt: [192.0.2.0/24],
         connections_per_client: 64, connections: 1000, first_question: 3s, idle: 20s, idle_https: 2m,
         cookie_secret: [000102030405060708090a0b0c0d0e0f, ff0102030405060708090a0b0c0d0e0f]}
feeds:
  - {name: one, source: "https://feeds.example.net/x.csv", format: csv, column: 2, header: true, delimiter: ";", scope: suffix,
     category: c2, action: refuse, confidence: 100, min_confidence: 1, refresh: 90s, threat: "テスト",
     proxy: "http://proxy.example:3128", auth_file: /etc/cenote/one.header, ca_file: /etc/cenote/one.pem,
     max_growth: "50%", guards: {shared_host: reject, wide_block: off}}
guards: {max_shrink: off, max_rejected: "5%", top_sites_limit: 10000, widest_ipv4: 16, widest_ipv6: 32,
         entries: {top_site: off, protected_name: reject, warninglist: off, shared_host: off, private_suffix: reject, wide_block: off}}
exceptions:
  - {name: ok.example., exact: yes, reason: why, until: 2027-03-31, client: 192.0.2.7}
  - {name: lab.example, group: lab}
protect: [Own.Example]
sinkhole: {ipv4: {default: 192.0.2.66, c2: 192.0.2.67}, ipv6: none, ttl: {phishing: 5s}, structured_errors: no}
blockpage:
  http: ["192.0.2.66:80"]
  https: []
  ca: {certificate: ca.crt, key: ca.key}
  organisation: "例"
  contact: {mail: a@example.com, phone: "1", hours: day}
  languages: [en]
control: {socket: c.sock, http: [], tokens: t.yaml}
log: {level: debug, format: json}
events: {file: e.jsonl}
)");
  REQUIRE(problems_of(loaded).empty());
  const Settings& s = loaded.settings;
  CHECK(s.state_dir == "/etc/cenote/state");
  CHECK(s.ioc.state_dir == s.state_dir);
  CHECK(s.blockpage.state_dir == s.state_dir);
  CHECK(s.listen.dns == std::vector{socket_of("192.0.2.1:53")});
  CHECK(s.listen.proxies == std::vector{*Prefix::from_text("192.0.2.8/30")});
  CHECK(s.listen.dot == std::vector{socket_of("192.0.2.1:853")});
  CHECK(s.listen.doh == std::vector{socket_of("[2001:db8::1]:443")});
  CHECK(s.listen.workers == 4);
  CHECK(s.connections == ConnectionSettings{64, 1000, seconds{3}, seconds{20}, seconds{120}});
  CHECK(s.listen.tls == TlsFiles{"/etc/cenote/dns.crt", "/keys/dns.key", "", "/etc/cenote/clients.crt"});
  CHECK(s.policy.clients.allow == std::vector{*Prefix::from_text("192.0.2.0/24")});
  REQUIRE(s.policy.clients.groups.size() == 1);
  const GroupSettings& group = s.policy.clients.groups[0];
  CHECK(group.name == "lab");
  CHECK(group.from == std::vector{*Prefix::from_text("192.0.2.128/25"), *Prefix::from_text("2001:db8::/64")});
  CHECK(group.names == std::vector<std::string>{"kiosk-7", "*.lab.example"});
  CHECK(s.policy.clients.names_by_path);
  CHECK(s.policy.clients.certificates);
  CHECK(group.actions.at("c2") == Action::kMonitor);
  CHECK(group.actions.at("c-x") == Action::kAllow);
  REQUIRE(s.upstream.zones.size() == 3);
  using Scheme = UpstreamServer::Scheme;
  CHECK(s.upstream.zones[0].zone.is_root());
  CHECK(s.upstream.zones[0].servers ==
        std::vector<UpstreamServer>{
            {Scheme::kUdp, socket_of("198.51.100.1:53"), "", "", {}, ""},
            {Scheme::kTls, socket_of("198.51.100.2:853"), "dns.example.net", "", {}, ""},
            {Scheme::kTcp, socket_of("[2001:db8::53]:5353"), "", "", {}, ""}});
  CHECK(s.upstream.zones[1].zone == *Name::from_text("corp.example"));
  CHECK(s.upstream.zones[1].servers == std::vector<UpstreamServer>{{Scheme::kHttps,
                                                                    socket_of("198.51.100.3:443"),
                                                                    "doh.example.net",
                                                                    "/q",
                                                                    {},
                                                                    "/etc/cenote/corp.crt"}});
  CHECK(s.upstream.zones[1].trust_ad);
  CHECK_FALSE(s.upstream.zones[0].trust_ad);
  REQUIRE(s.upstream.zones[2].servers.size() == 1);
  CHECK(s.upstream.zones[2].servers[0].tls_name == "a.example");
  CHECK(s.upstream.zones[2].servers[0].mix_case);
  CHECK(s.upstream.zones[2].servers[0].cookies);
  CHECK(s.upstream.zones[2].servers[0].tls_pins ==
        std::vector<std::string>{"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="});
  CHECK(s.cache ==
        CacheSettings{uint64_t{1} << 30, seconds{5400}, seconds{0}, seconds{0}, NxdomainCut::kOff});
  CHECK_FALSE(s.names.special);
  CHECK_FALSE(s.names.canaries);
  REQUIRE(s.names.records.size() == 2);
  CHECK(s.names.records[0] ==
        LocalRecord{*Name::from_text("printer.corp.example"), rrtype::kA, 300, {192, 0, 2, 7}});
  CHECK(s.names.records[1].ttl == 60);
  CHECK(s.names.records[1].rdata.size() == 2 + 19);
  CHECK(s.names.version == "9");
  CHECK(s.names.identity == "node");
  CHECK(s.admission ==
        AdmissionSettings{100,
                          0,
                          9,
                          8,
                          {*Prefix::from_text("192.0.2.0/24")},
                          {"000102030405060708090a0b0c0d0e0f", "ff0102030405060708090a0b0c0d0e0f"}});
  CHECK(s.rebinding == RebindingSettings{RebindingSettings::Guard::kOn, {*Name::from_text("plex.example")}});
  REQUIRE(s.ioc.feeds.size() == 1);
  const FeedSettings& feed = s.ioc.feeds[0];
  CHECK(feed.source == "https://feeds.example.net/x.csv");
  CHECK(feed.format == "csv");
  CHECK(feed.options == std::map<std::string, std::string>{
                            {"column", "2"}, {"header", "true"}, {"delimiter", ";"}, {"scope", "suffix"}});
  CHECK(feed.category == "c2");
  CHECK(feed.action == Action::kRefuse);
  CHECK(feed.confidence == 100);
  CHECK(feed.min_confidence == 1);
  CHECK(feed.refresh == seconds{90});
  CHECK(feed.threat == "テスト");
  CHECK(feed.proxy == "http://proxy.example:3128");
  CHECK(feed.auth_file == "/etc/cenote/one.header");
  CHECK(feed.ca_file == "/etc/cenote/one.pem");
  CHECK(feed.max_growth == 50);
  CHECK_FALSE(feed.max_shrink);
  CHECK(feed.guards == FeedGuards{GuardAction::kReject, std::nullopt, GuardAction::kOff});
  CHECK(s.ioc.guards.max_growth == kLearnt);
  CHECK(s.ioc.guards.max_shrink == 0);
  CHECK(s.ioc.guards.max_rejected == 5);
  CHECK(s.ioc.guards.top_sites_limit == 10'000);
  CHECK(s.ioc.guards.widest_ipv4 == 16);
  CHECK(s.ioc.guards.widest_ipv6 == 32);
  CHECK(s.ioc.guards.entries == EntryGuards{GuardAction::kOff, GuardAction::kReject, GuardAction::kOff,
                                            GuardAction::kOff, GuardAction::kReject, GuardAction::kOff});
  REQUIRE(s.ioc.exceptions.size() == 2);
  CHECK(s.ioc.exceptions[1].client == for_group("lab"));
  CHECK(s.ioc.exceptions[0].name == "ok.example");
  CHECK(s.ioc.exceptions[0].exact);
  CHECK(s.ioc.exceptions[0].client == "192.0.2.7");
  CHECK(to_rfc3339(*s.ioc.exceptions[0].until) == "2027-03-31T23:59:59.000Z");
  // Internal zones are protected unasked.
  CHECK(s.ioc.protect == std::vector<std::string>{"own.example", "corp.example", "pinned.example"});
  const SinkholeSettings& sinkhole = s.policy.sinkhole;
  CHECK(sinkhole.ipv4.for_category("c2") == IpAddress::from_text("192.0.2.67"));
  CHECK(sinkhole.ipv4.for_category("phishing") == IpAddress::from_text("192.0.2.66"));
  CHECK_FALSE(sinkhole.ipv6.for_category("c2").has_value());
  CHECK(sinkhole.ttl.for_category("phishing") == seconds{5});
  CHECK(sinkhole.ttl.for_category("c2") == seconds{10});
  CHECK(sinkhole.ttl.for_category("darknet") == seconds{30});
  CHECK(s.blockpage.https.empty());
  CHECK(s.blockpage.ca_certificate == "/etc/cenote/ca.crt");
  CHECK(s.blockpage.contact_mail == "a@example.com");
  CHECK(s.policy.contact_mail == "a@example.com");
  CHECK(s.policy.contact_phone == "1");
  CHECK(s.policy.organisation == "例");
  CHECK_FALSE(s.policy.sinkhole.structured_errors);
  CHECK(s.blockpage.languages == std::vector<std::string>{"en"});
  CHECK(s.control.socket == "/etc/cenote/c.sock");
  CHECK(s.log.level == "debug");
  CHECK(s.events.file == "/etc/cenote/e.jsonl");
}

TEST_CASE("a hosts file gives addresses both ways, without the host's own loopback", "[conf][load_yaml]") {
  const TemporaryFolder folder;
  folder.write("hosts",
               "127.0.0.1 localhost\n# comment\n192.0.2.7\tprinter.corp.example printer # the old one\n"
               "2001:db8::7 printer.corp.example\nnonsense\n\n192.0.2.9\n");
  folder.write("cenote.yaml", "names: {hosts: hosts}\n");
  const auto loaded = load_settings((folder.path() / "cenote.yaml").string());
  CHECK(problems_of(loaded).empty());
  std::set<std::string> found;
  CHECK(loaded.settings.names.hosts_problem.empty());
  for (const LocalRecord& record : loaded.settings.names.hosts) {
    found.insert(record.owner.to_text() + " " + type_text(record.type));
  }
  CHECK(found == std::set<std::string>{
                     "printer.corp.example A", "printer A", "7.2.0.192.in-addr.arpa PTR",
                     "printer.corp.example AAAA",
                     "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR"});
}

TEST_CASE("each mistake is an error at its place", "[conf][load_yaml]") {
  struct Row {
    std::string yaml;
    std::string says;
  };
  const auto row = GENERATE(values<Row>({
      {"cahce: {size: 1MiB}", "cenote.yaml:1:1: unknown key 'cahce'; did you mean 'cache'?"},
      {"cache:\n  sise: 1MiB", "cenote.yaml:2:3: unknown key 'sise' in cache; did you mean 'size'?"},
      {"log: {qwertyuiop: 1}", "cenote.yaml:1:7: unknown key 'qwertyuiop' in log; known here: level, format"},
      {"feeds: [{name: a, sorce: push}]", "unknown key 'sorce' in feeds[0]; did you mean 'source'?"},
      {"cache: {size: 1MiB, size: 2MiB}", "cenote.yaml:1:21: the key 'size' was given before"},
      {"cache: [1]", "cenote.yaml:1:8: cache: expected a mapping (key: value), not a list"},
      {"just text", "cenote.yaml:1:1: the file: expected a mapping (key: value), not 'just text'"},
      {"cache: {size: large}", "cenote.yaml:1:15: cache.size: expected a size such as 256MiB"},
      {"cache: {size: 1KiB}", "cache.size: expected"},
      {"names:\n  records: [a b c]", "cenote.yaml:2:13: names.records: expected a record such as"},
      {"names: {records: [a.test. CH TXT x]}", "names.records: expected"},
      {"guards: {entries: {top_site: maybe}}",
       "guards.entries.top_site: expected one of hold, reject, off, not 'maybe'"},
      {"guards: {widest_ipv4: 33}", "guards.widest_ipv4: expected"},
      {"feeds: [{name: a, guards: {top_site: off}}]", "unknown key 'top_site' in feeds[0].guards"},
      {"rebinding: {guard: maybe}", "rebinding.guard: expected auto, on or off, not 'maybe'"},
      {"rebinding: {allow: [a..b]}", "rebinding.allow: expected a domain name"},
      {"clients: {groups: [{name: a, names: [Kiosk]}]}", "clients.groups[0].names: expected a client's name"},
      {"clients: {groups: [{name: a, names: [x]}, {name: b, names: [x]}]}",
       "x belongs to the group 'a' already"},
      {"limits: {connections_per_client: 0}",
       "limits.connections_per_client: expected a number from 1 to 1000000, not '0'"},
      {"limits: {connections: many}", "limits.connections: expected a number from 1"},
      {"limits: {first_question: 0s}", "limits.first_question: expected a duration from 1s to 5m, not '0s'"},
      {"limits: {idle: 2h}", "limits.idle: expected a duration from 1s to 1h, not '2h'"},
      {"limits: {idle_https: 1500ms}", "limits.idle_https: expected a duration"},
      {"listen: {dns: ['[fe80::1%nowhere0]:53']}",
       "cenote.yaml:1:16: listen.dns: there is no network interface 'nowhere0'"},
      {"listen: {dot: ['[fe80::1%4000000000]:853']}",
       "listen.dot: there is no network interface '4000000000'"},
      {"control: {http: ['[fe80::1]:80']}",
       "control.http: [fe80::1]:80 is link-local and needs its interface: \"[fe80::1%eth0]:80\""},
      {"blockpage: {http: ['[2001:db8::1%lo]:80']}", "[2001:db8::1]:80 is not link-local and has no zone"},
      {"listen: {dns: ['[fe80::1%]:53']}", "listen.dns: expected an address with a port"},
      {"upstream: [{servers: 'udp://[fe80::1%nowhere0]'}]",
       "upstream[0].servers: there is no network interface 'nowhere0'"},
      {"limits: {cookie_secret: 0011}", "limits.cookie_secret: expected 32 hexadecimal digits"},
      {"limits: {cookie_secret: [000102030405060708090a0b0c0d0e0f, 000102030405060708090a0b0c0d0e0f, "
       "000102030405060708090a0b0c0d0e0f]}",
       "limits.cookie_secret: at most two"},
      {"upstream: [{servers: 'tls://192.0.2.1#pin-sha256=AAAA'}]", "upstream[0].servers: expected"},
      {"upstream: [{servers: 'udp://192.0.2.1#a.example'}]", "upstream[0].servers: expected"},
      {"upstream: [{servers: 'https://192.0.2.1/a b'}]", "upstream[0].servers: expected"},
      {"cache: {max_ttl: 8d}", "cache.max_ttl: expected a duration from 1s to 7d, not '8d'"},
      {"cache: {max_ttl: 1500ms}", "cache.max_ttl: expected"},
      {"cache: {max_ttl: -1s}", "cache.max_ttl: expected"},
      {"listen: {dns: [127.0.0.1]}", "cenote.yaml:1:16: listen.dns: expected an address with a port"},
      {"listen: {proxies: [10.0.0.1/8]}", "listen.proxies: expected an address block"},
      {"listen: {dns: []}", "listen: nothing to listen on"},
      {"listen: {dns: {a: b}}", "listen.dns: expected a list, not a mapping"},
      {"listen:\n  dns:", "listen.dns: expected a list, not nothing; [] is an empty one"},
      {"listen: {workers: 0}", "listen.workers: expected auto, or a number from 1 to 256, not '0'"},
      {"listen: {dns: ['127.0.0.1:5300', '127.0.0.1:5300']}",
       "1:34: listen.dns: 127.0.0.1:5300 is taken by listen.dns"},
      {"listen: {dns: ['0.0.0.0:8080']}",
       "blockpage.http: 127.0.0.1:8080 is taken by listen.dns (0.0.0.0:8080)"},
      {"tls: {certificate: a}", "tls.key: a certificate needs its key"},
      {"clients: {allow: [10.0.0.1/8]}", "clients.allow: expected an address block without host bits"},
      {"clients: {groups: [{from: [10.0.0.0/8]}]}", "a group needs a name"},
      {"clients: {groups: [{name: a}, {name: a}]}", "1:38: the group 'a' is there already"},
      {"clients: {groups: [{name: a, from: 10.1.0.0/16}, {name: b, from: 10.1.0.0/16}]}",
       "10.1.0.0/16 belongs to the group 'a' already"},
      {"clients: {groups: [{name: a, actions: {c2: explode}}]}",
       "clients.groups[0].actions.c2: expected one of monitor"},
      {"clients: {groups: [{name: a, actions: {C2: drop}}]}", "expected a category"},
      {"clients: {groups: [{name: a, actions: [c2]}]}",
       "expected a mapping such as {c2: monitor}, not a list"},
      {"clients: {groups: {name: a}}", "clients.groups: expected a list (- ...), not a mapping"},
      {"upstream: [{zone: a.test}]", "upstream[0].servers: no server"},
      {"upstream: [{servers: [dns.example.net]}]", "upstream[0].servers: expected a server such as"},
      {"upstream: [{servers: ['udp://dns.example.net']}]", "by address, not by name"},
      {"upstream: [{servers: ['udp://192.0.2.1#name']}]", "expected a server"},
      {"upstream: [{servers: ['udp://192.0.2.1/path']}]", "expected a server"},
      {"upstream: [{servers: ['udp://192.0.2.1:0']}]", "expected a server"},
      {"upstream: [{servers: ['udp://127.0.0.1:5300']}]", "Cenote would ask itself"},
      {"upstream: [{zone: A.test, servers: [udp://192.0.2.1]}, {zone: a.test, servers: [udp://192.0.2.1]}]",
       "the zone a.test is there already"},
      {"upstream: [{zone: a..b, servers: [udp://192.0.2.1]}]", "upstream[0].zone: expected a domain name"},
      {"feeds: [{source: push}]", "cenote.yaml:1:9: a feed needs a name"},
      {"feeds: [{name: Upper}]", "feeds[0].name: expected a feed name"},
      {"feeds: [{name: a}, {name: a}]", "cenote.yaml:1:27: the feed 'a' is there already"},
      {"feeds: [{name: a, source: 'http://feeds.example.net/'}]", "feeds[0].source: expected \"push\""},
      {"feeds: [{name: a, source: 'file:'}]", "feeds[0].source: expected"},
      {"feeds: [{name: a, format: xml}]", "feeds[0].format: expected one of auto, plain"},
      {"feeds: [{name: a, scope: all}]", "feeds[0].scope: expected one of exact, suffix"},
      {"feeds: [{name: a, format: csv, delimiter: '::'}]", "cenote.yaml:1:9: feed a: "},
      {"feeds: [{name: a, confidence: 101}]", "feeds[0].confidence: expected a number from 0 to 100"},
      {"feeds: [{name: a, action: pass}]", "feeds[0].action: expected one of"},
      {"feeds: [{name: a, category: 'a b'}]", "feeds[0].category: expected a category"},
      {"exceptions: [{reason: x}]", "an exception needs a name"},
      {"exceptions: [{name: '.'}]", "exceptions[0].name: expected a domain name, not '.'"},
      {"exceptions: [{name: a.test, until: soon}]", "exceptions[0].until: expected a date"},
      {"exceptions: [{name: a.test, exact: maybe}]", "exceptions[0].exact: expected true or false"},
      {"exceptions: [{name: a.test, client: 'group:lab'}]", "exceptions[0].client: expected"},
      {"exceptions: [{name: a.test, group: lab}]",
       "cenote.yaml:1:36: clients.groups has no 'lab'; it is empty"},
      {"{clients: {groups: [{name: a}, {name: b}]}, exceptions: [{name: a.test, group: c}]}",
       "clients.groups has no 'c'; it has a, b"},
      {"{clients: {groups: [{name: a}]}, exceptions: [{name: a.test, client: 192.0.2.7, group: a}]}",
       "an exception is for a client or for a group, not for both"},
      {"protect: [a..b]", "protect: expected a domain name, not 'a..b'"},
      {"sinkhole: {ipv4: '::1'}", "sinkhole.ipv4: expected an IPv4 address"},
      {"sinkhole: {ipv4: 0.0.0.0}", "sinkhole.ipv4: expected"},
      {"sinkhole: {ipv4: 224.0.0.1}", "sinkhole.ipv4: expected"},
      {"sinkhole: {ipv6: 'ff02::1'}", "sinkhole.ipv6: expected"},
      {"sinkhole: {ttl: {c2: 61s}}", "sinkhole.ttl.c2: expected a duration from 0 to 1m"},
      {"blockpage: {languages: []}", "blockpage.languages: at least one is needed"},
      {"blockpage: {languages: [fr]}", "blockpage.languages: expected one of ja, en, not 'fr'"},
      {"blockpage: {contact: {mail: '+81-3'}}", "blockpage.contact.mail: '+81-3' is no mail address"},
      {"blockpage: {ca: {key: x}}",
       "blockpage.ca.certificate: a certificate needs its key, and a key its certificate"},
      {"log: {level: loud}",
       "log.level: expected one of trace, debug, info, warning, error, off, not 'loud'"},
      {"log: {level: {a: b}}",
       "log.level: expected one of trace, debug, info, warning, error, off, not a mapping"},
      {"log: {level: \"a\\nb\\e[2J\"}", "not 'a\\x0ab\\x1b[2J'"},
      {"control: {socket: /" + std::string(107, 's') + "}", "a socket's path has at most 107 bytes"},
      {"listen: {dns: [", "cenote.yaml:1:15: end of sequence flow not found"},
  }));
  CAPTURE(row.yaml);
  const auto loaded = read(row.yaml);
  CHECK_FALSE(loaded.is_usable());
  CHECK_THAT(problems_of(loaded), Catch::Contains(row.says));
}

TEST_CASE("all problems are told at once, in the order of the file", "[conf][load_yaml]") {
  const auto loaded =
      read("log: {level: loud}\ncahce: {}\nlisten: {workers: none}\nfeeds: [{name: A}, {name: b, x: 1}]\n");
  REQUIRE(loaded.problems.size() == 5);
  for (size_t i = 0; i < 3; ++i) {
    CHECK(loaded.problems[i].line == static_cast<int>(i + 1));
  }
  CHECK(loaded.problems[3].line == 4);
  CHECK(loaded.problems[4].line == 4);
}

TEST_CASE("the control API's host names and uploads are read", "[conf][load_yaml]") {
  const auto loaded =
      read("control: {hosts: [Cenote.Corp.Example., cenote], uploads: {at_once: 32, time: 1h, rate: 4KiB}}");
  REQUIRE(loaded.is_usable());
  const ControlSettings& control = loaded.settings.control;
  CHECK(control.hosts == std::vector<std::string>{"cenote.corp.example", "cenote"});
  CHECK(control.uploads == UploadSettings{32, seconds{3600}, 4096});
  const std::string bad =
      GENERATE(as<std::string>{}, "hosts: ['a..b']", "hosts: ['.']", "uploads: {at_once: 1}",
               "uploads: {time: 1s}", "uploads: {rate: 0}", "uploads: {share: 1}");
  CAPTURE(bad);
  CHECK_FALSE(read("control: {" + bad + "}").is_usable());
}

TEST_CASE("what is odd but possible is a warning and keeps nothing from starting", "[conf][load_yaml]") {
  struct Row {
    std::string yaml;
    std::string says;
  };
  const auto row = GENERATE(values<Row>({
      {"clients: {allow: []}", "warning: clients.allow: nobody will be answered"},
      {"limits: {connections: 9}", "warning: limits.connections: 9 in all are fewer than the 256"},
      {"control: {http: ['192.0.2.1:8053']}", "warning: control.http: tokens cross the network in clear"},
      {"upstream: [{servers: [tls://9.9.9.9, udp://9.9.9.9], trust_ad: yes}]",
       "warning: upstream[0].trust_ad: the way to 9.9.9.9:53 is neither encrypted nor inside"},
      {"listen: {dns: ['192.0.2.1:53']}", "leads other machines to themselves"},
  }));
  const auto loaded = read(row.yaml);
  CHECK(loaded.is_usable());
  CHECK_THAT(problems_of(loaded), Catch::Contains(row.says));
}

TEST_CASE("an error behind more warnings than are told is an error", "[conf][load_yaml]") {
  std::string text = "upstream:\n";
  for (int i = 0; i < 250; ++i) {
    text += fmt::format("  - {{zone: z{}.example, servers: ['udp://9.9.9.9'], trust_ad: true}}\n", i);
  }
  CHECK(read(text).is_usable());
  const auto loaded = read(text + "unknown_key: 1\n");
  CHECK_FALSE(loaded.is_usable());
  CHECK_THAT(problems_of(loaded), Catch::Contains("unknown_key"));
  CHECK(loaded.problems.size() == 200);
}

TEST_CASE("a file is read with its own folder as the start of relative paths", "[conf][load_yaml]") {
  const TemporaryFolder folder;
  folder.write("here.txt", "a.test\n");
  folder.write("cenote.yaml",
               "feeds: [{name: here, source: 'file:here.txt'}, {name: gone, source: 'file:gone.txt'}]\n"
               "tls: {certificate: no.crt, key: no.key}\n");
  const auto loaded = load_settings((folder.path() / "cenote.yaml").string());
  CHECK(loaded.settings.ioc.base_dir == folder.path().string());
  const std::string problems = problems_of(loaded);
  CHECK_THAT(problems, !Catch::Contains("here.txt"));
  CHECK_THAT(problems, Catch::Contains("cenote.yaml:1:69: warning: feed gone: there is no file " +
                                       (folder.path() / "gone.txt").string()));
  CHECK_THAT(problems, Catch::Contains("tls.certificate: there is no file"));
  CHECK_THAT(problems, Catch::Contains("tls.key: there is no file"));
  CHECK(loaded.is_usable());  // DNS starts, without what these were for
}

TEST_CASE("without the file of a CA, of names or of a client CA the configuration is usable",
          "[conf][load_yaml]") {
  const TemporaryFolder folder;
  folder.write("cenote.yaml",
               "upstream: [{servers: ['tls://192.0.2.1#a.example'], ca: gone.crt}]\n"
               "names: {hosts: " +
                   std::string(GENERATE("gone.txt", ".")) + "}\ntls: {client_ca: gone.crt}\n");
  const auto loaded = load_settings((folder.path() / "cenote.yaml").string());
  CHECK(loaded.is_usable());
  CHECK_THAT(problems_of(loaded), Catch::Contains("warning: upstream[0].ca: there is no file"));
  CHECK_THAT(problems_of(loaded), Catch::Contains("warning: names.hosts: "));
  CHECK_FALSE(loaded.settings.names.hosts_problem.empty());
  // Never without the authority that was asked for.
  CHECK(loaded.settings.upstream.zones[0].servers[0].ca_file == (folder.path() / "gone.crt").string());
}

TEST_CASE("a configuration that cannot be read is one clear line that names it", "[conf][load_yaml]") {
  const TemporaryFolder folder;
  const auto missing = load_settings((folder.path() / "missing.yaml").string());
  REQUIRE(missing.problems.size() == 1);
  CHECK_FALSE(missing.is_usable());
  CHECK(to_text(missing.problems[0]) == (folder.path() / "missing.yaml").string() +
                                            ": cannot read the configuration: No such file or directory");
  const auto a_folder = load_settings(folder.path().string());
  REQUIRE(a_folder.problems.size() == 1);
  CHECK_THAT(a_folder.problems[0].text, Catch::Contains("a folder"));
  folder.write("empty.yaml", "");
  CHECK(load_settings((folder.path() / "empty.yaml").string()).problems.empty());
}

}  // namespace cenote::load_yaml_test
