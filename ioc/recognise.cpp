#include "ioc/recognise.h"

#include <algorithm>
#include <array>
#include <string>

#include "ioc/formats/csv_columns.h"
#include "ioc/normalise.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

bool starts_ignoring_case(std::string_view text, std::string_view prefix) noexcept {
  return text.size() >= prefix.size() && equal_ignoring_case(text.substr(0, prefix.size()), prefix);
}

bool contains(std::string_view text, std::string_view part) noexcept {
  return text.find(part) != std::string_view::npos;
}

std::string_view recognise_json(std::string_view head) noexcept {
  if (contains(head, "\"spec_version\"") || contains(head, "\"bundle--") || contains(head, "\"indicator--") ||
      (contains(head, "\"objects\"") && contains(head, "\"more\""))) {
    return "stix";
  }
  const bool misp =
      contains(head, "\"Attribute\"") || contains(head, "\"Event\"") || contains(head, "\"to_ids\"");
  return misp ? "misp" : "json";
}

bool is_json(std::string_view head) noexcept {
  if (head.starts_with('{')) {
    return true;
  }
  // "[Adblock Plus 2.0]" is no array.
  const size_t next = head.starts_with('[') ? head.find_first_not_of(kBlanks, 1) : std::string_view::npos;
  return next != std::string_view::npos &&
         std::string_view("{[\"]").find(head[next]) != std::string_view::npos;
}

// What single lines look like, counted.
struct Votes {
  size_t lines = 0;  // that are no comment
  bool opens_yaml = false;
  size_t adblock = 0;
  size_t rpz = 0;
  size_t dnsmasq = 0;
  size_t unbound = 0;
  size_t bind = 0;
  size_t dnscrypt = 0;
  size_t hosts = 0;
  size_t yaml = 0;
  size_t csv = 0;
  size_t defanged = 0;
  size_t prose = 0;
  size_t url = 0;
  size_t address = 0;
  size_t wildcard = 0;
  size_t name = 0;
};

bool is_record(std::string_view line) noexcept {
  for (const std::string_view word :
       {" CNAME ", "\tCNAME\t", " CNAME\t", "\tCNAME ", " SOA ", "\tSOA\t", "\tSOA "}) {
    if (contains(line, word)) {
      return true;
    }
  }
  return line.starts_with("$TTL") || line.starts_with("$ORIGIN");
}

bool is_hosts_line(std::string_view line) {
  const size_t blank = line.find_first_of(" \t");
  if (blank == std::string_view::npos || !IpAddress::from_text(line.substr(0, blank))) {
    return false;
  }
  const std::string_view rest = trim_blanks(line.substr(blank));
  return !rest.empty() && rest[0] != '#' && rest[0] != ';';
}

bool is_yaml(std::string_view line) noexcept {
  return line.starts_with("- ") || line == "---" ||
         (line.ends_with(':') && line.find(' ') == std::string_view::npos);
}

// "- name: X", "domains:": a document begins with its structure, prose does not.
bool opens_yaml(std::string_view line) noexcept {
  line.remove_prefix(line.starts_with("- ") ? 2 : 0);
  const size_t colon = line.find(':');
  const bool is_key =
      colon != 0 && colon != std::string_view::npos &&
      line.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-") == colon;
  return line == "---" || (is_key && (colon + 1 == line.size() || line[colon + 1] == ' '));
}

bool has_fields(std::string_view line) noexcept {
  const char delimiter = likely_delimiter(line);
  return line.find(delimiter) != std::string_view::npos;
}

// One vote for each line, for what it can only be.
void vote(std::string_view line, Votes& votes) {
  std::string plain;
  HostName host;
  ++votes.lines;
  if (line.starts_with("||") || line.starts_with("@@") || line.starts_with("[Adblock") ||
      contains(line, "##")) {
    ++votes.adblock;
  } else if (is_record(line)) {
    ++votes.rpz;
  } else if (line.starts_with("address=/") || line.starts_with("server=/") || line.starts_with("local=/")) {
    ++votes.dnsmasq;
  } else if (line.starts_with("local-zone:") || line.starts_with("local-data:")) {
    ++votes.unbound;
  } else if (line.starts_with("zone \"")) {
    ++votes.bind;
  } else if (is_hosts_line(line)) {
    ++votes.hosts;
  } else if (refang(line, plain)) {
    ++votes.defanged;
  } else if (is_yaml(line)) {
    ++votes.yaml;
  } else if (has_fields(line)) {
    ++votes.csv;
  } else if (std::count(line.begin(), line.end(), ' ') > 1 || line.starts_with("==") ||
             line.starts_with("--")) {
    ++votes.prose;
  } else if (line.starts_with('=') && canonical_name(line.substr(1), host) == Reason::kNone) {
    ++votes.dnscrypt;
  } else if (line.starts_with("*.")) {
    ++votes.wildcard;
  } else if (looks_like_address(line)) {
    ++votes.address;
  } else if (contains(line, "/")) {
    ++votes.url;
  } else if (canonical_name(line, host) == Reason::kNone) {
    ++votes.name;
  }
}

std::string_view decide(const Votes& votes) noexcept {
  const auto most = [&](size_t count) { return count * 2 > votes.lines; };
  // Configuration and rules have marks that nothing else has: a few are enough, whatever stands between them.
  const std::array<std::pair<size_t, std::string_view>, 5> marked{{{votes.adblock, "adblock"},
                                                                   {votes.rpz, "rpz"},
                                                                   {votes.dnsmasq, "dnsmasq"},
                                                                   {votes.unbound, "unbound"},
                                                                   {votes.bind, "bind"}}};
  const auto best = *std::max_element(marked.begin(), marked.end());
  if (best.first > 0 && best.first * 10 >= votes.lines) {
    return best.second;
  }
  if (most(votes.hosts)) {
    return "hosts";
  }
  if (votes.opens_yaml && most(votes.yaml)) {
    return "yaml";
  }
  // Text about indicators holds few of them; a list holds little else. Only marked ones count in text, so
  // taking a list for text loses entries and taking text for a list would block what it merely mentions.
  const size_t items = votes.name + votes.address + votes.url + votes.wildcard;
  if (votes.defanged * 4 > votes.lines || (votes.defanged > 0 && !most(items)) || most(votes.prose)) {
    return "defanged";
  }
  if (votes.dnscrypt > 0) {
    return "dnscrypt";
  }
  if (most(votes.csv)) {
    return "csv";
  }
  if (votes.lines > 0 && votes.address == votes.lines) {
    return "ip";
  }
  if (votes.lines > 0 && votes.wildcard == votes.lines) {
    return "wildcard";
  }
  return most(votes.url) ? "url" : "plain";
}

}  // namespace

bool looks_like_html(std::string_view head) noexcept {
  head.remove_prefix(std::min(head.find_first_not_of(kBlanks), head.size()));
  return starts_ignoring_case(head, "<html") || starts_ignoring_case(head, "<!doctype");
}

std::string_view recognise_format(std::string_view head) {
  const size_t first = head.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) {
    return "plain";
  }
  if (is_json(head.substr(first))) {
    return recognise_json(head);
  }
  // The last line is cut where the head is: too short to judge, unless it is all there is.
  std::string_view lines = head.size() < kRecogniseBytes ? head : head.substr(0, head.rfind('\n'));
  Votes votes;
  bool is_first_row = true;
  while (!lines.empty()) {
    const size_t end = std::min(lines.find('\n'), lines.size());
    const std::string_view line =
        trim_blanks(lines.substr(0, end - (end > 0 && lines[end - 1] == '\r' ? 1 : 0)));
    lines.remove_prefix(std::min(end + 1, lines.size()));
    if (contains(line, "Maltrail developers")) {
      return "maltrail";
    }
    const bool comment = line.empty() || line[0] == '#' || line[0] == '!' || line[0] == ';';
    if (!comment && is_first_row) {
      is_first_row = false;
      votes.opens_yaml = opens_yaml(line);
      if (has_fields(line) && is_header(split_header(line, likely_delimiter(line)), ParseOptions{})) {
        return "csv";
      }
    }
    if (!comment) {
      vote(line, votes);
    }
  }
  return decide(votes);
}

}  // namespace cenote
