#include "conf/decode.h"

#include <algorithm>
#include <utility>

#include <fmt/ranges.h>

#include "resolver/base/text.h"

namespace cenote {

void Findings::add(TextPosition at, std::string text, Problem::Severity severity) {
  // A file of another kind given by mistake has thousands of them; the first ones tell enough.
  constexpr size_t kMost = 200;
  ++count_;
  const bool is_error = severity == Problem::Severity::kError;
  const bool is_first_error = is_error && !has_error_;
  has_error_ |= is_error;
  if (problems_.size() >= kMost) {
    if (!is_first_error) {
      return;
    }
    problems_.pop_back();  // an error behind many warnings makes the whole unusable all the same
  }
  problems_.push_back({file_, at.line, at.column, std::move(text), severity});
}

ValueKind<std::string> any_text(size_t most) {
  return {fmt::format("a text of at most {} bytes", most), [most](std::string_view text) {
            return text.size() <= most ? std::optional(std::string(text)) : std::nullopt;
          }};
}

ValueKind<std::string> file_path() {
  return {"a path", [](std::string_view text) -> std::optional<std::string> {
            constexpr size_t kPathMax = 4096;  // limits.h
            if (text.empty() || text.size() >= kPathMax || text.find('\0') != std::string_view::npos) {
              return std::nullopt;
            }
            return std::string(text);
          }};
}

ValueKind<std::string> one_of(std::vector<std::string_view> words) {
  std::string expected = fmt::format("one of {}", fmt::join(words, ", "));
  return {std::move(expected),
          [words = std::move(words)](std::string_view text) -> std::optional<std::string> {
            if (std::find(words.begin(), words.end(), text) == words.end()) {
              return std::nullopt;
            }
            return std::string(text);
          }};
}

ValueKind<bool> yes_or_no() {
  return {"true or false", [](std::string_view text) -> std::optional<bool> {
            if (text == "true" || text == "yes") {
              return true;
            }
            if (text == "false" || text == "no") {
              return false;
            }
            return std::nullopt;
          }};
}

ValueKind<int> whole_number(int least, int most) {
  return {fmt::format("a number from {} to {}", least, most),
          [=](std::string_view text) -> std::optional<int> {
            const auto number = parse_number(text, static_cast<uint64_t>(most));
            if (!number || static_cast<int>(*number) < least) {
              return std::nullopt;
            }
            return static_cast<int>(*number);
          }};
}

ValueKind<uint64_t> size_between(uint64_t least, uint64_t most) {
  return {fmt::format("a size such as 256MiB, from {}KiB to {}GiB", least >> 10, most >> 30),
          [=](std::string_view text) {
            const auto size = parse_size(text);
            return size && *size >= least && *size <= most ? size : std::nullopt;
          }};
}

ValueKind<seconds> seconds_between(seconds least, seconds most) {
  return {fmt::format("a duration from {} to {}", to_text(milliseconds(least)), to_text(milliseconds(most))),
          [=](std::string_view text) -> std::optional<seconds> {
            milliseconds duration{};
            if (!parse_duration(text, duration) || duration < least || duration > most ||
                duration % seconds{1} != milliseconds{0}) {
              return std::nullopt;
            }
            return std::chrono::duration_cast<seconds>(duration);
          }};
}

ValueKind<SocketAddress> socket_address() {
  return {R"(an address with a port, such as "127.0.0.1:53" or "[::1]:53")",
          [](std::string_view text) {
            const auto address = SocketAddress::from_text(text);
            return address && needs_zone(*address) ? std::nullopt : address;
          },
          explain_zone};
}

bool needs_zone(const SocketAddress& address) {
  return address.zone() == 0 && !address.is_v4() && is_link_local(address.address());
}

std::string explain_zone(std::string_view text) {
  if (const auto address = SocketAddress::from_text(text, 0)) {
    return needs_zone(*address)
               ? fmt::format("{} is link-local and needs its interface: \"[{}%eth0]:{}\"",
                             printable(text, 60), address->address().to_text(), address->port())
               : "";
  }
  const size_t percent = text.find('%');
  const size_t end = std::min(text.find(']', std::min(percent, text.size())), text.size());
  if (percent == std::string_view::npos || percent + 1 >= end) {
    return "";
  }
  const std::string without(std::string(text.substr(0, percent)) + std::string(text.substr(end)));
  const auto address = SocketAddress::from_text(without, 0);
  if (!address) {
    return "";
  }
  return address->is_v4() || !is_link_local(address->address())
             ? fmt::format("{} is not link-local and has no zone", printable(without, 60))
             : fmt::format("there is no network interface '{}'",
                           printable(text.substr(percent + 1, end - percent - 1), 60));
}

ValueKind<Prefix> prefix() {
  return {R"(an address block without host bits, such as "10.0.0.0/8")",
          [](std::string_view text) { return Prefix::from_text(text); }};
}

ValueKind<Action> action() {
  return {"one of monitor, sinkhole, nxdomain, nodata, refuse, drop, allow",
          [](std::string_view text) -> std::optional<Action> {
            const auto parsed = parse_action(text);
            return parsed == Action::kPass ? std::nullopt : parsed;
          }};
}

ValueKind<WallTime> point_in_time() {
  return {R"(a date or time such as 2027-03-31 or "2027-03-31T18:00:00+09:00")", [](std::string_view text) {
            WallTime time;
            return parse_wall_time(text, time, true) ? std::optional(time) : std::nullopt;
          }};
}

std::string describe(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kScalar:
      return fmt::format("'{}'", printable(node.text, 60));
    case YamlNode::Kind::kList:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a mapping";
    case YamlNode::Kind::kNull:
      break;
  }
  return "nothing";
}

MapReader::MapReader(const YamlNode& node, std::string path, Findings& findings)
    : node_(node), path_(std::move(path)), findings_(findings) {
  if (node.kind != YamlNode::Kind::kMap && node.kind != YamlNode::Kind::kNull) {
    findings_.error(node.at, fmt::format("{}: expected a mapping (key: value), not {}",
                                         path_.empty() ? "the file" : path_, describe(node)));
  }
}

const YamlNode* MapReader::find(std::string_view key) {
  known_.push_back(key);
  const YamlNode::Entry* entry = node_.find(key);
  if (entry == nullptr) {
    findings_.unset(path_of(key));
    return nullptr;
  }
  return &entry->value;
}

MapReader MapReader::section(std::string_view key) {
  static const YamlNode kNothing;
  known_.push_back(key);
  const YamlNode::Entry* entry = node_.find(key);
  return {entry == nullptr ? kNothing : entry->value, path_of(key), findings_};
}

void MapReader::finish() {
  if (std::exchange(is_finished_, true)) {
    return;
  }
  for (const YamlNode::Entry& entry : node_.entries) {
    if (std::find(known_.begin(), known_.end(), entry.key) != known_.end()) {
      continue;
    }
    std::string text = fmt::format("unknown key '{}'", printable(entry.key, 60));
    if (!path_.empty()) {
      text += fmt::format(" in {}", path_);
    }
    // A key as long as a page needs no comparison, which costs its length times each candidate's.
    const std::string_view meant = entry.key.size() < 100 ? nearest(entry.key, known_) : std::string_view{};
    text += meant.empty() ? fmt::format("; known here: {}", fmt::join(known_, ", "))
                          : fmt::format("; did you mean '{}'?", meant);
    findings_.error(entry.at, std::move(text));
  }
}

std::string MapReader::path_of(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

TextPosition MapReader::at(std::string_view key) const {
  const YamlNode::Entry* entry = node_.find(key);
  return entry == nullptr ? node_.at : entry->value.at;
}

}  // namespace cenote
