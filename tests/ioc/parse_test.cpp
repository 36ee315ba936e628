#include "ioc/parse.h"

#include <catch2/catch.hpp>

#include "tests/support/feed_outcome.h"

namespace cenote::parse_test {
using cenote::test::read_feed;

TEST_CASE("A feed reads the same however its bytes are cut") {
  const std::string body =
      "\xEF\xBB\xBF# list\r\nevil.example\r\n\r\nwww.bad.example # why\nno good\nlast.example";
  ParseOptions options;
  options.format = "plain";
  const std::string whole = read_feed(options, body);
  CHECK(whole == "E evil.example, E www.bad.example, ! bad_char, E last.example");
  for (size_t piece = 1; piece < body.size(); ++piece) {
    CHECK(read_feed(options, body, piece) == whole);
  }
}

TEST_CASE("A bad line never refuses the others") {
  const std::string nul("ev\0il.example\n", 14);
  CHECK(read_feed("plain", nul + "ok.example\n") == "! nul_byte, E ok.example");
  CHECK(read_feed("plain", "ev\x1Bil.example\nok.example\n") == "! control_char, E ok.example");
  CHECK(read_feed("plain", "ev\ril.example\nok.example\n") == "! control_char, E ok.example");
  CHECK(read_feed("plain", "ev\x7Fil.example\nok.example\n") == "! control_char, E ok.example");
  CHECK(read_feed("plain", std::string(4097, 'a') + "\nok.example\n") == "! line_too_long, E ok.example");
  CHECK(read_feed("plain", "#" + std::string(4095, 'a') + "\nok.example\n") == "E ok.example");
  CHECK(read_feed("plain", std::string(1 << 20, 'a') + "\r\nok.example\n") ==
        "! line_too_long, E ok.example");
  CHECK(read_feed("plain", "\tok.example\t\n") == "E ok.example");
}

TEST_CASE("A reject tells its line and what stood there") {
  FeedReport report;
  REQUIRE(parse_feed("# x\n\nok.example\nbad line here\n", ParseOptions{.format = "plain"}, report));
  REQUIRE(report.rejects().size() == 1);
  CHECK(report.rejects()[0].line == 4);
  CHECK(report.rejects()[0].text == "bad line here");
  CHECK(report.rejects()[0].reason == "bad_char");
}

TEST_CASE("UTF-16 is known by its mark, other encodings by their name") {
  const auto wide = [](bool little) {
    std::string bytes = little ? "\xFF\xFE" : "\xFE\xFF";
    for (const char c : std::string("evil.example\nok.example\n")) {
      bytes += little ? std::string{c, '\0'} : std::string{'\0', c};
    }
    return bytes;
  };
  CHECK(read_feed("plain", wide(true)) == "E evil.example, E ok.example");
  CHECK(read_feed("plain", wide(false)) == "E evil.example, E ok.example");
  ParseOptions options{.format = "plain"};
  for (size_t piece = 1; piece < 9; ++piece) {
    CHECK(read_feed(options, wide(true), piece) == "E evil.example, E ok.example");
  }
  // "example" written in full width in Shift_JIS: 0x82 0x85 and so on.
  CHECK(read_feed("plain", "\x82\x85\x82\x96\x82\x89\x82\x8C.example\n", {{"encoding", "shift_jis"}}) ==
        "E evil.example");
  CHECK(read_feed("plain",
                  "b\xFC"
                  "cher.example\n",
                  {{"encoding", "iso-8859-1"}}) == "E xn--bcher-kva.example");
  CHECK(read_feed("plain",
                  "b\xFC"
                  "cher.example\nok.example\n") == "! bad_char, E ok.example");
  CHECK(read_feed("plain", "", {{"encoding", "klingon"}}).starts_with("refused: encoding"));
  CHECK(read_feed("plain", "", {{"encoding", "UTF-8//IGNORE"}}).starts_with("refused: encoding"));
}

TEST_CASE("A broken character spoils only the field it is in") {
  CHECK(read_feed("hosts", "0.0.0.0 evil.example # caf\xE9\n") == "E evil.example");
  CHECK(read_feed("csv", "domain,note\nevil.example,caf\xE9\n") == "E evil.example");
}

TEST_CASE("A web page is no feed") {
  for (const char* page :
       {"<html><body>", "\n \r\n<!DOCTYPE html>\n<html>", "<HTML lang=en>", "\xEF\xBB\xBF<!doctype html>"}) {
    CAPTURE(page);
    for (const char* format : {"auto", "plain", "hosts", "csv", "rpz"}) {
      CHECK(read_feed(format, page) == "refused: html");
    }
  }
  CHECK(read_feed("plain", "<b>evil.example\n") == "! bad_char");
}

TEST_CASE("Options that do not exist or do not fit are errors that say so") {
  CHECK(read_feed("plian", "") == "refused: format \"plian\" is not known; plain?");
  CHECK(read_feed("plain", "", {{"scoop", "exact"}}) == "refused: option scoop is not known; scope?");
  CHECK(read_feed("plain", "", {{"scope", "wide"}}) ==
        "refused: option scope: \"wide\" is neither exact nor suffix");
  CHECK(read_feed("csv", "", {{"delimiter", ";;"}}).starts_with("refused: option delimiter"));
  CHECK(read_feed("csv", "", {{"header", "perhaps"}}).starts_with("refused: option header"));
  CHECK(read_feed("rpz", "", {{"origin", "a..b"}}).starts_with("refused: option origin"));
}

TEST_CASE("The feed's scope stands in for the format's, marks in the line stay") {
  CHECK(read_feed("plain", "evil.example\n", {{"scope", "suffix"}}) == "S evil.example");
  CHECK(read_feed("adblock", "||evil.example^\n", {{"scope", "exact"}}) == "E evil.example");
  CHECK(read_feed("plain", "*.evil.example\n", {{"scope", "exact"}}) == "S evil.example");
  CHECK(read_feed("plain", "http://evil.example/x\n", {{"scope", "suffix"}}) == "E evil.example");
  CHECK(read_feed("plain", "github.io\n") == "E github.io");
  CHECK(read_feed("plain", "github.io\n", {{"scope", "suffix"}}) == "? S github.io private_suffix");
}

TEST_CASE("Own names are refused wherever they are listed") {
  ParseOptions options{.format = "plain"};
  options.own = {*Name::from_text("corp.example")};
  CHECK(read_feed(options, "www.corp.example\nevil.example\n") == "! own_domain, E evil.example");
}

TEST_CASE("Every format takes nothing from nothing") {
  for (const std::string_view format : format_names()) {
    CAPTURE(format);
    const std::string outcome = read_feed(format, "");
    const bool is_json = format == "stix" || format == "taxii" || format == "misp" || format == "json";
    CHECK(outcome == (is_json ? "refused: json_syntax" : ""));
  }
}

}  // namespace cenote::parse_test
