// From the nodes of a YAML tree to typed values, with every problem collected at its position. A MapReader
// knows the keys that it was asked for, so an unknown key is found without a second list of them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/settings.h"
#include "conf/yaml_tree.h"
#include "resolver/base/clock.h"

namespace cenote {

// What one file has turned up so far.
class Findings {
 public:
  // `problems` collects; `unset`, where given, the keys that stay at their defaults.
  Findings(std::string file, std::vector<Problem>& problems, std::vector<std::string>* unset = nullptr)
      : file_(std::move(file)), problems_(problems), unset_(unset) {}

  void error(TextPosition at, std::string text) { add(at, std::move(text), Problem::Severity::kError); }
  void warning(TextPosition at, std::string text) { add(at, std::move(text), Problem::Severity::kWarning); }
  // So many, with those that are too many to be told.
  [[nodiscard]] size_t count() const noexcept { return count_; }
  void unset(std::string key) {
    if (unset_ != nullptr) {
      unset_->push_back(std::move(key));
    }
  }

 private:
  void add(TextPosition at, std::string text, Problem::Severity severity);

  std::string file_;
  std::vector<Problem>& problems_;
  std::vector<std::string>* unset_;
  size_t count_ = 0;
  bool has_error_ = false;
};

// A kind of value: how its text is read, and what to say was expected.
template <typename T>
struct ValueKind {
  std::string expected;  // "a size such as 256MiB"
  std::function<std::optional<T>(std::string_view)> parse;
  // Of a text that is none: what is wrong with it, where that says more than what was expected; else empty.
  std::function<std::string(std::string_view)> explain = nullptr;
};

ValueKind<std::string> any_text(size_t most = 200);
ValueKind<std::string> file_path();
ValueKind<std::string> one_of(std::vector<std::string_view> words);
ValueKind<bool> yes_or_no();
ValueKind<int> whole_number(int least, int most);
ValueKind<uint64_t> size_between(uint64_t least, uint64_t most);
ValueKind<seconds> seconds_between(seconds least, seconds most);
ValueKind<SocketAddress> socket_address();
// A link-local address is nobody's without the interface that it is meant on.
bool needs_zone(const SocketAddress& address);
// What is wrong with the zone of an address, perhaps with a port; empty: nothing.
std::string explain_zone(std::string_view text);
ValueKind<Prefix> prefix();
ValueKind<Action> action();
ValueKind<WallTime> point_in_time();  // a date alone is the end of that day

// Reports and returns nullopt when the node is no scalar of that kind.
template <typename T>
std::optional<T> read_value(const YamlNode& node, std::string_view key, const ValueKind<T>& kind,
                            Findings& findings);

class MapReader {
 public:
  // A node that is no mapping is reported here and then reads as an empty one; an empty node is an empty one.
  MapReader(const YamlNode& node, std::string path, Findings& findings);

  // The key's value, or null; from now on the key is known. The destructor is not the place to report, for
  // it may run while a parent still reads: call finish() when all keys were asked for.
  const YamlNode* find(std::string_view key);
  // The mapping below the key; an empty one when the key is absent.
  MapReader section(std::string_view key);
  void finish();  // once; later calls do nothing

  template <typename T>
  bool value(std::string_view key, T& out, const ValueKind<T>& kind);
  // A list, or one value that stands for a list of one.
  template <typename T>
  void list(std::string_view key, std::vector<T>& out, const ValueKind<T>& kind,
            std::vector<TextPosition>* positions = nullptr);

  [[nodiscard]] bool has(std::string_view key) const { return node_.find(key) != nullptr; }
  [[nodiscard]] std::string path_of(std::string_view key) const;
  [[nodiscard]] TextPosition at() const { return node_.at; }
  [[nodiscard]] TextPosition at(std::string_view key) const;  // of its value, else of the mapping

 private:
  const YamlNode& node_;
  std::string path_;
  Findings& findings_;
  std::vector<std::string_view> known_;
  bool is_finished_ = false;
};

std::string describe(const YamlNode& node);  // "'x'", "a list", "a mapping", "nothing"

template <typename T>
std::optional<T> read_value(const YamlNode& node, std::string_view key, const ValueKind<T>& kind,
                            Findings& findings) {
  std::optional<T> value;
  if (node.kind == YamlNode::Kind::kScalar) {
    value = kind.parse(node.text);
  }
  if (value) {
    return value;
  }
  const std::string why =
      node.kind == YamlNode::Kind::kScalar && kind.explain ? kind.explain(node.text) : std::string();
  findings.error(node.at, why.empty()
                              ? fmt::format("{}: expected {}, not {}", key, kind.expected, describe(node))
                              : fmt::format("{}: {}", key, why));
  return value;
}

template <typename T>
bool MapReader::value(std::string_view key, T& out, const ValueKind<T>& kind) {
  const YamlNode* node = find(key);
  if (node == nullptr) {
    return false;
  }
  auto value = read_value(*node, path_of(key), kind, findings_);
  if (!value) {
    return false;
  }
  out = std::move(*value);
  return true;
}

template <typename T>
void MapReader::list(std::string_view key, std::vector<T>& out, const ValueKind<T>& kind,
                     std::vector<TextPosition>* positions) {
  const YamlNode* node = find(key);
  if (node == nullptr) {
    return;
  }
  std::vector<T> values;
  const auto add = [&](const YamlNode& item) {
    if (auto value = read_value(item, path_of(key), kind, findings_)) {
      values.push_back(std::move(*value));
      if (positions != nullptr) {
        positions->push_back(item.at);
      }
    }
  };
  if (node->kind == YamlNode::Kind::kScalar) {
    add(*node);
  } else if (node->kind == YamlNode::Kind::kList) {
    for (const YamlNode& item : node->items) {
      add(item);
    }
  } else {
    findings_.error(node->at, fmt::format("{}: expected a list, not {}; [] is an empty one", path_of(key),
                                          describe(*node)));
    return;
  }
  out = std::move(values);
}

}  // namespace cenote
