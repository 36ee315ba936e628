#include "conf/yaml_tree.h"

#include <catch2/catch.hpp>

namespace cenote::yaml_tree_test {

TEST_CASE("a mapping keeps its order, its texts and where they stand", "[conf][yaml_tree]") {
  const auto document = parse_yaml("a: 1\nlist:\n  - x\n  - {deep: 'two words'}\nempty:\n");
  REQUIRE(document.problems.empty());
  REQUIRE(document.root.kind == YamlNode::Kind::kMap);
  REQUIRE(document.root.entries.size() == 3);
  CHECK(document.root.entries[0].key == "a");
  CHECK(document.root.find("a")->value.text == "1");
  const YamlNode& list = document.root.find("list")->value;
  REQUIRE(list.items.size() == 2);
  const YamlNode::Entry* deep = list.items[1].find("deep");
  REQUIRE(deep != nullptr);
  CHECK(deep->value.text == "two words");
  CHECK(deep->at.line == 4);
  CHECK(deep->at.column == 6);
  CHECK(document.root.find("empty")->value.kind == YamlNode::Kind::kNull);
  CHECK(document.root.find("nothing") == nullptr);
}

TEST_CASE("an empty text is an empty document", "[conf][yaml_tree]") {
  const std::string text = GENERATE("", "\n\n", "# only a comment\n", "---\n");
  const auto document = parse_yaml(text);
  CHECK(document.problems.empty());
  CHECK(document.root.kind == YamlNode::Kind::kNull);
}

TEST_CASE("what a configuration must not hold is a problem at its place", "[conf][yaml_tree]") {
  struct Row {
    std::string text;
    int line;
    int column;
    std::string says;
  };
  const auto row = GENERATE(values<Row>({
      {"a: 1\nb: 2\na: 3\n", 3, 1, "'a' was given before"},
      {"x: {k: 1, k: 2}\n", 1, 11, "'k' was given before"},
      {"a: &anchor 1\n", 1, 4, "anchor"},
      {"a: &n {x: 1}\nb: *n\n", 2, 4, "alias"},
      {"a: !!binary aGk=\n", 1, 4, "tag"},
      {"[1, 2]: 3\n", 1, 1, "a key must be a word"},
      {"a: 1\n---\nb: 2\n", 2, 1, "second YAML document"},
      {"a: [1, 2\n", 1, 8, "end of sequence flow not found"},
      {"a: 'open\nb: 2\n", 1, 1, "never closed"},
      {"x: 1\ny: {z: \"open}\n", 2, 5, "never closed"},
      {"a: b: c\n", 1, 5, "illegal map value"},
      {"a:\n\t- 1\n", 2, 2, "illegal block entry"},
      {"a: \xff\n", 1, 1, "UTF-8"},
  }));
  CAPTURE(row.text);
  const auto document = parse_yaml(row.text);
  REQUIRE_FALSE(document.problems.empty());
  bool found = false;
  for (const YamlProblem& problem : document.problems) {
    CAPTURE(problem.at.line, problem.at.column, problem.text);
    found = found || (problem.at.line == row.line && problem.at.column == row.column &&
                      problem.text.find(row.says) != std::string::npos);
  }
  INFO(document.problems[0].at.line << ":" << document.problems[0].at.column << " "
                                    << document.problems[0].text);
  CHECK(found);
}

TEST_CASE("of a key given twice the first value stays", "[conf][yaml_tree]") {
  CHECK(parse_yaml("a: 1\na: {b: 2}\n").root.find("a")->value.text == "1");
}

TEST_CASE("depth, size and count are bounded", "[conf][yaml_tree]") {
  SECTION("brackets without end") {
    const std::string open = GENERATE(as<std::string>{}, "[", "{a: ", "- ", "? ", "!a ");
    std::string text;
    for (int i = 0; i < 20'000; ++i) {
      text += open;
    }
    CHECK_FALSE(parse_yaml(text).problems.empty());
  }
  SECTION("a file of another size class") {
    const auto document = parse_yaml(std::string((4U << 20) + 1, 'x'));
    REQUIRE(document.problems.size() == 1);
    CHECK(document.problems[0].text.find("larger") != std::string::npos);
  }
  SECTION("many values") {
    std::string text = "a: [";
    for (int i = 0; i < 200'001; ++i) {
      text += "1,";
    }
    const auto document = parse_yaml(text + "]");
    REQUIRE_FALSE(document.problems.empty());
    CHECK(document.problems[0].text.find("more than 200000 values") != std::string::npos);
  }
  SECTION("aliases that would multiply") {
    std::string text = "a: &a [x,x,x,x,x,x,x,x,x]\n";
    for (char c = 'b'; c <= 'z'; ++c) {
      text += std::string(1, c) + ": &" + c + " [";
      for (int i = 0; i < 9; ++i) {
        text += std::string("*") + static_cast<char>(c - 1) + ",";
      }
      text += "]\n";
    }
    const auto document = parse_yaml(text);
    CHECK(document.problems.size() == 100);
  }
}

}  // namespace cenote::yaml_tree_test
