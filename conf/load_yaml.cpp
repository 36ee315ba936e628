#include "conf/load_yaml.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "conf/sections.h"
#include "ioc/normalise.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

ValueKind<NxdomainCut> nxdomain_cut() {
  return {"proven, all or off", [](std::string_view text) -> std::optional<NxdomainCut> {
            return text == "proven"                                   ? std::optional(NxdomainCut::kProven)
                   : text == "all" || text == "true" || text == "yes" ? std::optional(NxdomainCut::kAll)
                   : text == "off" || text == "false" || text == "no" ? std::optional(NxdomainCut::kOff)
                                                                      : std::nullopt;
          }};
}

void read_cache(MapReader& root, ReadContext& context) {
  using std::chrono::hours;
  CacheSettings& cache = context.settings.cache;
  MapReader map = root.section("cache");
  map.value("size", cache.bytes, size_between(uint64_t{1} << 20, uint64_t{1} << 40));
  map.value("max_ttl", cache.max_ttl, seconds_between(seconds{1}, hours{24 * 7}));  // RFC 8767 section 4
  map.value("max_negative_ttl", cache.max_negative_ttl, seconds_between(seconds{0}, hours{24}));
  map.value("serve_stale", cache.serve_stale, seconds_between(seconds{0}, hours{24 * 7}));
  map.value("nxdomain_cut", cache.nxdomain_cut, nxdomain_cut());
  map.finish();
}

void read_contact(MapReader& blockpage, BlockpageSettings& page, ReadContext& context) {
  MapReader map = blockpage.section("contact");
  map.value("mail", page.contact_mail, any_text());
  map.value("phone", page.contact_phone, any_text());
  map.value("hours", page.contact_hours, any_text());
  map.finish();
  // One "@" with something on both sides: enough to catch a phone number in the wrong place.
  const size_t sign = page.contact_mail.find('@');
  if (!page.contact_mail.empty() &&
      (sign == 0 || sign == std::string::npos || sign + 1 == page.contact_mail.size())) {
    context.findings.error(map.at("mail"), fmt::format("blockpage.contact.mail: '{}' is no mail address",
                                                       printable(page.contact_mail, 60)));
  }
}

void read_blockpage(MapReader& root, ReadContext& context) {
  BlockpageSettings& page = context.settings.blockpage;
  MapReader map = root.section("blockpage");
  read_listeners(map, "http", page.http, context);
  read_listeners(map, "https", page.https, context);
  MapReader authority = map.section("ca");
  read_certificate(authority, page.ca_certificate, page.ca_key, context);
  authority.finish();
  map.value("organisation", page.organisation, any_text());
  read_contact(map, page, context);
  map.list("languages", page.languages, one_of({"ja", "en"}));
  if (page.languages.empty()) {
    context.findings.error(map.at("languages"), "blockpage.languages: at least one is needed");
  }
  map.finish();
}

ValueKind<size_t> count_between(size_t least, size_t most) {
  return {fmt::format("a number from {} to {}", least, most),
          [least, most](std::string_view text) -> std::optional<size_t> {
            const auto number = parse_number(text, most);
            return number && *number >= least ? std::optional<size_t>(*number) : std::nullopt;
          }};
}

// As it stands in a Host header, without a port.
ValueKind<std::string> host_name() {
  return {"a host name such as cenote.example.org", [](std::string_view text) -> std::optional<std::string> {
            const auto name = Name::from_text(text);
            return name && name->label_count() > 0 ? std::optional(name->to_text()) : std::nullopt;
          }};
}

void read_control(MapReader& root, ReadContext& context) {
  ControlSettings& control = context.settings.control;
  MapReader map = root.section("control");
  read_path(map, "socket", control.socket, context);
  constexpr size_t kMostSocketPath = 107;  // sun_path, unix(7)
  if (control.socket.size() > kMostSocketPath) {
    context.findings.error(
        map.at("socket"),
        fmt::format("control.socket: a socket's path has at most {} bytes", kMostSocketPath));
  }
  read_listeners(map, "http", control.http, context);
  read_listeners(map, "https", control.https, context);
  MapReader tls = map.section("tls");
  read_certificate(tls, control.certificate, control.key, context);
  read_path(tls, "client_ca", control.client_ca, context);
  tls.finish();
  if (!control.https.empty() && control.certificate.empty()) {
    context.findings.error(map.at("https"), "control.https needs control.tls.certificate and key");
  }
  read_path(map, "tokens", control.tokens, context);
  map.list("hosts", control.hosts, host_name());
  MapReader uploads = map.section("uploads");
  uploads.value("at_once", control.uploads.at_once, count_between(2, 256));
  uploads.value("time", control.uploads.time, seconds_between(seconds{60}, seconds{86'400}));
  uploads.value("rate", control.uploads.rate, size_between(uint64_t{1} << 10, uint64_t{1} << 30));
  uploads.finish();
  map.finish();
  for (const SocketAddress& address : control.http) {
    if (!is_loopback(address.address())) {
      context.findings.warning(map.at("http"),
                               fmt::format("control.http: tokens cross the network in clear to {}; "
                                           "use control.https, or the socket",
                                           address.to_text()));
    }
  }
}

void read_outputs(MapReader& root, ReadContext& context) {
  LogSettings& log = context.settings.log;
  MapReader log_map = root.section("log");
  log_map.value("level", log.level, one_of({"trace", "debug", "info", "warning", "error", "off"}));
  log_map.value("format", log.format, one_of({"text", "json"}));
  log_map.finish();
  MapReader events = root.section("events");
  // Without a file hits are kept in memory and shown by the API alone.
  read_optional_path(events, "file", context.settings.events.file, context);
  events.value("rate", context.settings.events.rate, whole_number(0, 1'000'000));
  events.finish();
}

// The whole file, section by section, in the order in which conf/cenote.yaml explains it.
void read_all(const YamlNode& document, ReadContext& context) {
  MapReader root(document, "", context.findings);
  read_path(root, "state_dir", context.settings.state_dir, context);
  read_listen(root, context);
  read_clients(root, context);
  read_limits(root, context);
  read_upstream(root, context);
  read_cache(root, context);
  read_names(root, context);
  read_rebinding(root, context);
  read_feeds(root, context);
  read_guards(root, context);
  read_exceptions(root, context);
  read_sinkhole(root, context);
  read_blockpage(root, context);
  read_control(root, context);
  read_outputs(root, context);
  root.finish();
  check_addresses(context);
}

// What Cenote itself could not work without, and what no feed may mean: internal zones, and the hosts that
// upstreams, feeds and the block page are reached by.
void share_names(Settings& settings) {
  std::vector<std::string>& names = settings.ioc.guards.names;
  const auto add_address = [&](const std::optional<IpAddress>& address) {
    if (address && is_global(*address)) {  // nobody can list the others
      names.push_back(address->to_text());
    }
  };
  const Name reverse = *Name::from_text("arpa");
  for (const UpstreamZone& zone : settings.upstream.zones) {
    if (!zone.zone.is_root() && !zone.zone.is_at_or_below(reverse)) {
      settings.ioc.protect.push_back(zone.zone.to_text());
    }
    for (const UpstreamServer& server : zone.servers) {
      add_address(server.address.address());
      if (!server.tls_name.empty()) {
        names.push_back(server.tls_name);
      }
    }
  }
  for (const FeedSettings& feed : settings.ioc.feeds) {
    const auto url = feed.source.starts_with("https://") ? split_url(feed.source) : std::nullopt;
    if (url) {
      names.emplace_back(url->host);
    }
  }
  const SinkholeSettings& sinkhole = settings.policy.sinkhole;
  for (const auto* page : {&sinkhole.ipv4, &sinkhole.ipv6}) {
    add_address(page->otherwise);
    for (const auto& [category, address] : page->of) {
      add_address(address);
    }
  }
}

// Values that more than one module needs.
void share(Settings& settings, const std::string& base_dir) {
  settings.ioc.state_dir = settings.state_dir;
  settings.ioc.base_dir = base_dir;
  share_names(settings);
  settings.blockpage.state_dir = settings.state_dir;
  settings.policy.contact_mail = settings.blockpage.contact_mail;
  settings.policy.contact_phone = settings.blockpage.contact_phone;
  settings.policy.organisation = settings.blockpage.organisation;
}

LoadedSettings read(std::string_view yaml, const std::string& file, const std::string& base_dir,
                    bool looks_at_files) {
  LoadedSettings loaded;
  Findings findings(file, loaded.problems, &loaded.unset);
  const YamlDocument document = parse_yaml(yaml);
  for (const YamlProblem& problem : document.problems) {
    findings.error(problem.at, problem.text);
  }
  ReadContext context{loaded.settings, findings, base_dir, looks_at_files, {}};
  read_all(document.root, context);
  share(loaded.settings, base_dir);
  std::stable_sort(loaded.problems.begin(), loaded.problems.end(), [](const Problem& a, const Problem& b) {
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
  return loaded;
}

}  // namespace

std::string to_text(const Problem& problem) {
  const std::string_view severity = problem.severity == Problem::Severity::kWarning ? "warning: " : "";
  if (problem.line == 0) {
    return fmt::format("{}: {}{}", problem.file, severity, problem.text);
  }
  return fmt::format("{}:{}:{}: {}{}", problem.file, problem.line, problem.column, severity, problem.text);
}

bool LoadedSettings::is_usable() const {
  return std::none_of(problems.begin(), problems.end(),
                      [](const Problem& problem) { return problem.severity == Problem::Severity::kError; });
}

LoadedSettings load_settings(const std::string& path) {
  std::error_code failed;
  if (std::filesystem::is_directory(path, failed)) {
    return {{}, {{path, 0, 0, "this is a folder, not a configuration file"}}, {}};
  }
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (!in || (in.peek() != std::ifstream::traits_type::eof() && !(text << in.rdbuf()))) {
    return {{}, {{path, 0, 0, fmt::format("cannot read the configuration: {}", std::strerror(errno))}}, {}};
  }
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return read(text.str(), path, folder.empty() ? "." : folder, true);
}

LoadedSettings read_settings(std::string_view yaml, const std::string& file, const std::string& base_dir) {
  return read(yaml, file, base_dir, false);
}

}  // namespace cenote
