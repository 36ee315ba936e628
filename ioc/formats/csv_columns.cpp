#include "ioc/formats/csv_columns.h"

#include <algorithm>
#include <array>

#include "ioc/normalise.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

// The nearer to the front, the surer that this column holds the indicator.
constexpr std::array<std::string_view, 19> kIndicatorNames{
    "ioc_value", "indicator",  "indicators",  "ioc",      "value",     "url",  "download_url",
    "domain",    "domains",    "domain_name", "hostname", "host",      "fqdn", "dst_ip",
    "ip",        "ip_address", "ipaddress",   "dest_ip",  "observable"};
constexpr std::array<std::string_view, 3> kSureTypeNames{"ioc_type", "entity_type", "indicator_type"};
constexpr std::array<std::string_view, 1> kTypeNames{"type"};
constexpr std::array<std::string_view, 5> kThreatNames{"malware_printable", "malware", "threat",
                                                       "malware_family", "app"};
constexpr std::array<std::string_view, 2> kConfidenceNames{"confidence_level", "confidence"};
constexpr std::array<std::string_view, 4> kFirstSeenNames{"first_seen_utc", "first_seen", "dateadded",
                                                          "date_added"};
constexpr std::array<std::string_view, 2> kReferenceNames{"reference", "urlhaus_link"};
constexpr std::array<std::string_view, 2> kIdNames{"ioc_id", "id"};

constexpr std::array<std::string_view, 24> kNetworkTypes{
    "domain",  "domains", "domain-name", "domain_name", "hostname", "host", "fqdn",        "url",
    "urls",    "uri",     "ip",          "ips",         "ipv4",     "ipv6", "ipaddress",   "ip_address",
    "ip:port", "ip-dst",  "ipv4-addr",   "ipv6-addr",   "website",  "c2",   "domain:port", "ip address"};
constexpr std::array<std::string_view, 20> kOtherTypes{
    "file",      "filename", "file_name", "filepath",    "path",   "hash",      "md5",
    "sha1",      "sha256",   "sha512",    "imphash",     "ssdeep", "email",     "emailwhois",
    "email-src", "mutex",    "registry",  "certificate", "yara",   "user-agent"};

// "Domain Name" and "domain-name" are one column name.
std::string column_name(std::string_view text) {
  std::string name = to_lower(trim_blanks(text));
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == ' ' || c == '-'; }, '_');
  return name;
}

template <size_t N>
std::optional<size_t> find_column(const std::vector<std::string>& header,
                                  const std::array<std::string_view, N>& names) {
  for (const std::string_view name : names) {
    for (size_t i = 0; i < header.size(); ++i) {
      if (column_name(header[i]) == name) {
        return i;
      }
    }
  }
  return std::nullopt;
}

// A column as an option names it: by number from 1, or by name.
std::optional<size_t> find_named(const std::vector<std::string>& header, const std::string& option) {
  if (const auto number = parse_number(option, 100'000)) {
    return *number > 0 ? std::optional<size_t>(*number - 1) : std::nullopt;
  }
  for (size_t i = 0; i < header.size(); ++i) {
    if (!option.empty() && column_name(header[i]) == column_name(option)) {
      return i;
    }
  }
  return std::nullopt;
}

// What the options say of columns beside the indicator's.
void map_columns(const std::vector<std::string>& header, const ParseOptions& options, CsvColumns& columns) {
  columns.threat = find_named(header, options.threat_column);
  columns.reference = find_named(header, options.reference_column);
  columns.confidence = find_named(header, options.confidence_column);
  columns.first_seen = find_named(header, options.first_seen_column);
  columns.valid_until = find_named(header, options.valid_until_column);
  columns.note = find_named(header, options.note_column);
}

bool is_usable(std::string_view text) {
  HostName host;
  Prefix block;
  const auto url = split_url(text);
  return (canonical_name(text, host) == Reason::kNone && check_name(host) == Reason::kNone) ||
         canonical_address(text, block) == Reason::kNone || (url && url->has_scheme);
}

}  // namespace

bool CsvColumns::takes_type(std::string_view word) const {
  const std::string lower = to_lower(trim_blanks(word));
  if (!types.empty()) {
    return std::find(types.begin(), types.end(), lower) != types.end();
  }
  return strict_types ? is_one_of(lower, kNetworkTypes) : !is_one_of(lower, kOtherTypes);
}

bool is_header(const std::vector<std::string>& row, const ParseOptions& options) {
  const bool named = !parse_number(options.column) && find_named(row, options.column).has_value();
  return named || find_column(row, kIndicatorNames).has_value();
}

CsvColumns columns_of_header(const std::vector<std::string>& header, const ParseOptions& options) {
  CsvColumns columns;
  const auto named = find_named(header, options.column);
  columns.indicator = named ? *named : find_column(header, kIndicatorNames).value_or(0);
  columns.types = options.types;
  columns.type = find_named(header, options.type_column);
  columns.strict_types = columns.type.has_value();
  if (!columns.type) {
    columns.type = find_column(header, kSureTypeNames);
    columns.strict_types = columns.type.has_value();
  }
  if (!columns.type) {
    columns.type = find_column(header, kTypeNames);
  }
  map_columns(header, options, columns);
  const auto find_unless_mapped = [&](std::optional<size_t>& column, const auto& names) {
    column = column ? column : find_column(header, names);
  };
  find_unless_mapped(columns.threat, kThreatNames);
  find_unless_mapped(columns.confidence, kConfidenceNames);
  find_unless_mapped(columns.first_seen, kFirstSeenNames);
  find_unless_mapped(columns.reference, kReferenceNames);
  columns.id = find_column(header, kIdNames);
  return columns;
}

CsvColumns columns_without_header(const std::vector<std::string>& row, const ParseOptions& options) {
  CsvColumns columns;
  columns.types = options.types;
  columns.type = find_named({}, options.type_column);
  columns.strict_types = columns.type.has_value();
  map_columns({}, options, columns);
  if (const auto named = find_named({}, options.column)) {
    columns.indicator = *named;
    return columns;
  }
  const auto usable = std::find_if(row.begin(), row.end(), is_usable);
  columns.indicator = usable == row.end() ? 0 : static_cast<size_t>(usable - row.begin());
  return columns;
}

char likely_delimiter(std::string_view line) noexcept {
  char best = ',';
  ptrdiff_t most = 0;
  for (const char candidate : {',', ';', '\t', '|'}) {
    const ptrdiff_t count = std::count(line.begin(), line.end(), candidate);
    if (count > most) {
      best = candidate;
      most = count;
    }
  }
  return best;
}

std::vector<std::string> split_header(std::string_view comment, char delimiter) {
  std::vector<std::string> fields;
  comment.remove_prefix(std::min(comment.find_first_not_of("#; \t"), comment.size()));
  for (std::string_view field : split(comment, delimiter)) {
    field = trim_blanks(field);
    if (field.size() > 1 && field.front() == '"' && field.back() == '"') {
      field = field.substr(1, field.size() - 2);
    }
    fields.emplace_back(field);
  }
  return fields;
}

std::optional<WallTime> read_csv_time(std::string_view text) {
  WallTime time;
  std::string rfc3339(text);
  if (text.size() == 19 && text[10] == ' ') {
    rfc3339[10] = 'T';
    rfc3339 += 'Z';
  }
  return parse_wall_time(rfc3339, time) ? std::optional(time) : std::nullopt;
}

}  // namespace cenote
