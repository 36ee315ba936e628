#include "conf/yaml_tree.h"

#include <algorithm>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "resolver/base/text.h"

namespace cenote {
namespace {

// Room for some ten thousand feeds and exceptions; beyond that a feed file is the right place.
constexpr size_t kMostBytes = 4U << 20;
constexpr size_t kMostNodes = 200'000;
constexpr size_t kMostDepth = 32;      // ours needs six
constexpr size_t kMostProblems = 100;  // a wrong file (a picture, a feed) shall not fill the terminal

// Thrown through yaml-cpp to leave its parser; caught in parse_yaml.
struct Stop {};

class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(YamlDocument& document) : document_(document) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) {
      stop(mark, "a second YAML document begins here; a configuration is one");
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    add({YamlNode::Kind::kNull, position(mark), "", {}, {}});
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    report(mark, "an alias (*name) is not supported here: write the value out");
    add({YamlNode::Kind::kNull, position(mark), "", {}, {}});
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    last_ = position(mark);
    add({YamlNode::Kind::kScalar, position(mark), value, {}, {}});
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open(mark, tag, anchor, YamlNode::Kind::kList);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open(mark, tag, anchor, YamlNode::Kind::kMap);
  }
  void OnMapEnd() override { close(); }

  [[nodiscard]] TextPosition last() const { return last_; }  // where the last value began

 private:
  struct Level {
    YamlNode node;
    bool has_key = false;
    bool skip_value = false;  // the key was given before, or is no text
    YamlNode::Entry pending;
    std::set<std::string, std::less<>> keys;
  };

  static TextPosition position(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

  void report(const YAML::Mark& mark, std::string text) {
    if (document_.problems.size() < kMostProblems) {
      document_.problems.push_back({position(mark), std::move(text)});
    }
  }
  void stop(const YAML::Mark& mark, std::string text) {
    report(mark, std::move(text));
    throw Stop{};
  }
  void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) {
      report(mark, "an anchor (&name) is not supported here");
    }
  }
  void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!") {  // those two only say plain or quoted
      report(mark, fmt::format("the tag {} is not supported here", printable(tag, 60)));
    }
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YamlNode::Kind kind) {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (levels_.size() >= kMostDepth) {
      stop(mark, fmt::format("nested deeper than {} levels", kMostDepth));
    }
    count(mark);
    last_ = position(mark);
    levels_.emplace_back();
    levels_.back().node.kind = kind;
    levels_.back().node.at = position(mark);
  }
  void close() {
    YamlNode node = std::move(levels_.back().node);
    levels_.pop_back();
    place(std::move(node));
  }
  void add(YamlNode node) {
    YAML::Mark mark;
    mark.line = node.at.line - 1;
    mark.column = node.at.column - 1;
    count(mark);
    place(std::move(node));
  }
  void count(const YAML::Mark& mark) {
    if (++nodes_ > kMostNodes) {
      stop(mark, fmt::format("more than {} values", kMostNodes));
    }
  }

  void place(YamlNode node) {
    if (levels_.empty()) {
      document_.root = std::move(node);
      return;
    }
    Level& level = levels_.back();
    if (level.node.kind == YamlNode::Kind::kList) {
      level.node.items.push_back(std::move(node));
    } else if (!level.has_key) {
      place_key(level, std::move(node));
    } else {
      level.has_key = false;
      if (!level.skip_value) {
        level.pending.value = std::move(node);
        level.node.entries.push_back(std::move(level.pending));
      }
    }
  }

  void place_key(Level& level, YamlNode key) {
    YAML::Mark mark;
    mark.line = key.at.line - 1;
    mark.column = key.at.column - 1;
    level.has_key = true;
    level.skip_value = true;
    if (key.kind != YamlNode::Kind::kScalar) {
      report(mark, "a key must be a word");
    } else if (!level.keys.insert(key.text).second) {
      report(mark, fmt::format("the key '{}' was given before", printable(key.text, 60)));
    } else {
      level.skip_value = false;
      level.pending = {std::move(key.text), key.at, {}};
    }
  }

  YamlDocument& document_;
  std::vector<Level> levels_;
  TextPosition last_;
  size_t nodes_ = 0;
  int documents_ = 0;
};

// A bracket or quote that is never closed is noticed only at the end of the text; what was understood last is
// nearer to the mistake.
YamlProblem explain(const YAML::Exception& error, std::string_view text, TextPosition last) {
  if (error.msg == YAML::ErrorMsg::DOC_IN_SCALAR) {
    return {last, "a quote that is opened after this is never closed"};
  }
  const auto lines = 1 + std::count(text.begin(), text.end(), '\n');
  const bool is_past_the_end = error.mark.line + 1 >= lines && error.mark.column == 0;
  return {is_past_the_end ? last : TextPosition{error.mark.line + 1, error.mark.column + 1}, error.msg};
}

}  // namespace

const YamlNode::Entry* YamlNode::find(std::string_view key) const {
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.key == key; });
  return found == entries.end() ? nullptr : &*found;
}

YamlDocument parse_yaml(std::string_view text) {
  YamlDocument document;
  if (text.size() > kMostBytes) {
    document.problems.push_back({{1, 1}, fmt::format("larger than {} bytes", kMostBytes)});
    return document;
  }
  if (!is_valid_utf8(text)) {
    document.problems.push_back({{1, 1}, "not UTF-8 text"});
    return document;
  }
  TreeBuilder builder(document);
  try {
    // yaml-cpp takes a quote that is never closed for a value that reaches to the end of the text, and would
    // swallow the rest of a configuration. A document's end mark makes that an error.
    std::istringstream in{std::string(text) + "\n...\n"};
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Stop&) {
  } catch (const YAML::Exception& error) {
    document.problems.push_back(explain(error, text, builder.last()));
  } catch (const std::exception& error) {  // out of memory, or a library's mistake: an error like any other
    document.problems.push_back({{1, 1}, error.what()});
  }
  return document;
}

}  // namespace cenote
