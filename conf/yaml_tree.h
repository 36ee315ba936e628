// A YAML document as plain values with positions: the only file that knows yaml-cpp here. It takes the subset
// that a configuration needs: mappings, lists and scalars. Anchors, aliases, tags and several documents are
// refused, keys must be unique, and depth, size and count are bounded, so no input can expand or recurse.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cenote {

struct TextPosition {
  int line = 1;  // 1-based, as editors count
  int column = 1;
};

struct YamlNode {
  enum class Kind : uint8_t { kNull, kScalar, kList, kMap };
  struct Entry;

  Kind kind = Kind::kNull;
  TextPosition at;
  std::string text;             // kScalar
  std::vector<YamlNode> items;  // kList
  std::vector<Entry> entries;   // kMap, in the order of the file

  [[nodiscard]] const Entry* find(std::string_view key) const;
};

struct YamlNode::Entry {
  std::string key;
  TextPosition at;
  YamlNode value;
};

struct YamlProblem {
  TextPosition at;
  std::string text;
};

// The tree, and whatever was wrong with it. A syntax error ends the tree where it stands; the rest (a key
// given twice, an alias) is noted and skipped.
struct YamlDocument {
  YamlNode root;
  std::vector<YamlProblem> problems;
};

YamlDocument parse_yaml(std::string_view text);

}  // namespace cenote
