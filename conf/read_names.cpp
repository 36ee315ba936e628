// The sections about what Cenote answers by itself and how much of one client it puts up with.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "conf/sections.h"
#include "resolver/base/files.h"
#include "resolver/base/text.h"
#include "resolver/dns/types.h"

namespace cenote {
namespace {

constexpr uint32_t kRecordTtl = 300;
constexpr size_t kMostIdentity = 200;  // of the 255 bytes of a TXT string

ValueKind<LocalRecord> record() {
  return {R"(a record such as "printer.corp.example. 300 IN A 10.0.0.7")",
          [](std::string_view text) { return read_record(std::string(text), kRecordTtl); }};
}

// RFC 1035 section 3.5, RFC 3596 section 2.5.
std::string reverse_name(const IpAddress& address) {
  std::string name;
  for (const uint8_t byte : address.bytes()) {
    name.insert(0,
                address.is_v4() ? fmt::format("{}.", byte) : fmt::format("{:x}.{:x}.", byte & 15, byte >> 4));
  }
  return name + (address.is_v4() ? "in-addr.arpa" : "ip6.arpa");
}

LocalRecord address_record(const Name& name, const IpAddress& address) {
  const Bytes bytes = address.bytes();
  return {name, address.is_v4() ? rrtype::kA : rrtype::kAaaa, kRecordTtl, {bytes.begin(), bytes.end()}};
}

LocalRecord pointer_record(const IpAddress& address, const Name& name) {
  const Bytes wire = name.wire();
  return {*Name::from_text(reverse_name(address)), rrtype::kPtr, kRecordTtl, {wire.begin(), wire.end()}};
}

// One line of hosts(5): an address, its name, aliases. The host's own loopback lines mean nothing to others.
void read_hosts_line(std::string_view line, std::vector<LocalRecord>& out) {
  std::string words(line.substr(0, line.find('#')));
  std::replace(words.begin(), words.end(), '\t', ' ');
  std::optional<IpAddress> address;
  bool is_first = true;
  for (const std::string_view word : split(words, ' ')) {
    if (word.empty()) {
      continue;
    }
    if (!address) {
      address = IpAddress::from_text(word);
      if (!address || is_loopback(*address)) {
        return;
      }
      continue;
    }
    if (const auto name = Name::from_text(word)) {
      out.push_back(address_record(*name, *address));
      if (std::exchange(is_first, false)) {
        out.push_back(pointer_record(*address, *name));
      }
    }
  }
}

// A file that cannot be read is no error: DNS starts, and a reload keeps the names of before.
void read_hosts(MapReader& map, ReadContext& context) {
  std::string path;
  read_optional_path(map, "hosts", path, context);
  if (path.empty() || !context.looks_at_files) {
    return;
  }
  NamesSettings& names = context.settings.names;
  const bool is_other = is_no_file(path);  // nobody waits for the writer of a pipe
  std::ifstream file;
  if (!is_other) {
    file.open(path);
  }
  for (std::string line; std::getline(file, line);) {
    read_hosts_line(line, names.hosts);
  }
  if (!file.is_open() || file.bad()) {
    names.hosts.clear();
    names.hosts_problem =
        fmt::format("names.hosts: {}: {}", path, is_other ? "not a file" : std::strerror(errno));
    context.findings.warning(map.at("hosts"), names.hosts_problem);
  }
}

}  // namespace

void read_names(MapReader& root, ReadContext& context) {
  NamesSettings& names = context.settings.names;
  MapReader map = root.section("names");
  map.value("special", names.special, yes_or_no());
  map.value("canaries", names.canaries, yes_or_no());
  map.list("records", names.records, record());
  read_hosts(map, context);
  map.value("version", names.version, any_text(kMostIdentity));
  map.value("identity", names.identity, any_text(kMostIdentity));
  map.finish();
}

void read_rebinding(MapReader& root, ReadContext& context) {
  using Guard = RebindingSettings::Guard;
  RebindingSettings& rebinding = context.settings.rebinding;
  MapReader map = root.section("rebinding");
  const ValueKind<Guard> guard{"auto, on or off", [](std::string_view text) -> std::optional<Guard> {
                                 return text == "auto"                     ? std::optional(Guard::kAuto)
                                        : text == "on" || text == "true"   ? std::optional(Guard::kOn)
                                        : text == "off" || text == "false" ? std::optional(Guard::kOff)
                                                                           : std::nullopt;
                               }};
  map.value("guard", rebinding.guard, guard);
  map.list("allow", rebinding.allow, domain_name());
  map.finish();
}

void read_limits(MapReader& root, ReadContext& context) {
  constexpr int kMost = 1'000'000;
  AdmissionSettings& limits = context.settings.admission;
  MapReader map = root.section("limits");
  const auto number = [&](std::string_view key, unsigned& out, int least) {
    int value = static_cast<int>(out);
    if (map.value(key, value, whole_number(least, kMost))) {
      out = static_cast<unsigned>(value);
    }
  };
  number("rate", limits.rate, 0);
  number("slip", limits.slip, 0);
  number("client_waiting", limits.client_waiting, 1);
  number("domain_waiting", limits.domain_waiting, 1);
  ConnectionSettings& connections = context.settings.connections;
  number("connections_per_client", connections.per_client, 1);
  number("connections", connections.in_all, 1);
  map.value("first_question", connections.first_question,
            seconds_between(seconds{1}, std::chrono::minutes{5}));
  map.value("idle", connections.idle, seconds_between(seconds{1}, std::chrono::hours{1}));
  map.value("idle_https", connections.idle_https, seconds_between(seconds{1}, std::chrono::hours{1}));
  if (connections.per_client > connections.in_all) {
    context.findings.warning(map.at("connections"),
                             fmt::format("limits.connections: {} in all are fewer than the {} of "
                                         "limits.connections_per_client: one client may hold them all",
                                         connections.in_all, connections.per_client));
  }
  map.list("exempt", limits.exempt, prefix());
  const ValueKind<std::string> secret{
      "32 hexadecimal digits", [](std::string_view text) {
        return text.empty() || parse_hex(text).size() == 16 ? std::optional(std::string(text)) : std::nullopt;
      }};
  map.list("cookie_secret", limits.cookie_secrets, secret);
  std::erase(limits.cookie_secrets, "");
  if (limits.cookie_secrets.size() > 2) {
    context.findings.error(map.at("cookie_secret"),
                           "limits.cookie_secret: at most two, the one that makes cookies and one that is "
                           "accepted, too");
  }
  map.finish();
}

}  // namespace cenote
